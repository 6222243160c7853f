"""What is wrong with a fit, as data and as sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from segmenter.arrays import Samples
from segmenter.mixture.config import FitConfig
from segmenter.mixture.diagnostics import FitProblem, describe_fit_problem, find_fit_problems, format_numbers
from segmenter.mixture.em import fit


@dataclass(frozen=True)
class RecordedFit:
    """The facts of a fit as a record stores them."""

    n_iterations: int = 7
    stop: str = "converged"
    verdict: str = "converged"
    n_died: int = 0
    collapsed: tuple[int, ...] = ()


def test_a_sound_fit_has_no_problems() -> None:
    assert find_fit_problems(RecordedFit()) == []
    assert find_fit_problems(None) == []


@pytest.mark.parametrize(
    ("recorded", "problem"),
    [
        (RecordedFit(stop="iteration limit", verdict="iteration limit"), FitProblem("not converged", 7)),
        (RecordedFit(stop="rounding", verdict="rounding"), FitProblem("rounding")),
        (RecordedFit(stop="all noise", verdict="all noise"), FitProblem("all noise")),
        (RecordedFit(verdict="all noise"), FitProblem("all noise")),
        (RecordedFit(n_died=2, verdict="degenerate"), FitProblem("died", 2)),
        (RecordedFit(collapsed=(1, 3), verdict="degenerate"), FitProblem("collapsed", components=(1, 3))),
        (RecordedFit(verdict="suspicious"), FitProblem("suspicious")),
    ],
)
def test_each_fact_is_a_problem_of_its_own(recorded: RecordedFit, problem: FitProblem) -> None:
    assert find_fit_problems(recorded) == [problem]


def test_problems_add_up() -> None:
    recorded = RecordedFit(stop="iteration limit", verdict="suspicious", n_died=1, collapsed=(2,))
    kinds = [problem.kind for problem in find_fit_problems(recorded, empty=[4])]
    assert kinds == ["not converged", "died", "collapsed", "suspicious", "empty"]


def test_empty_components_are_a_problem_though_nothing_was_fitted() -> None:
    assert find_fit_problems(None, empty=[2, 5]) == [FitProblem("empty", components=(2, 5))]


def test_the_trace_of_a_fit_holds_the_facts() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2))
    found = fit(Samples(values), FitConfig(2, max_iterations=1))
    assert FitProblem("not converged", 1) in find_fit_problems(found.trace)


@pytest.mark.parametrize(
    ("problem", "of_pixels", "of_rows"),
    [
        (
            FitProblem("all noise"),
            "the noise took all pixels and left none to the segments",
            "the noise took all rows and left none to the clusters",
        ),
        (
            FitProblem("rounding"),
            "rounding errors ended the fit before it converged; raise --tolerance",
            "rounding errors ended the fit before it converged; raise --tolerance, or leave out rows with far outliers",
        ),
        (
            FitProblem("not converged", 1),
            "not converged after 1 iteration; raise --max-iterations",
            "not converged after 1 iteration; raise --max-iterations",
        ),
        (
            FitProblem("died", 1),
            "1 component was left without pixels and removed",
            "1 component was left without rows and removed",
        ),
        (
            FitProblem("died", 2),
            "2 components were left without pixels and removed",
            "2 components were left without rows and removed",
        ),
        (
            FitProblem("collapsed", components=(2,)),
            "no spread of colors in some direction: segment 2; try fewer segments",
            "no spread in some direction: component 2; try fewer clusters or --covariance tied",
        ),
        (
            FitProblem("suspicious"),
            "the segments explain the colors no better than a single one would; try -k 1",
            "the clusters explain the rows no better than a single one would; try -k 1",
        ),
        (
            FitProblem("empty", components=(1, 2, 3, 4, 5, 6, 7)),
            "no pixel most probably belongs to segments 1, 2, 3, 4, 5 and 2 more",
            "no row most probably belongs to components 1, 2, 3, 4, 5 and 2 more",
        ),
    ],
)
def test_a_problem_is_one_sentence_with_the_nouns_of_its_samples(
    problem: FitProblem, of_pixels: str, of_rows: str
) -> None:
    assert describe_fit_problem(problem, "pixels") == of_pixels
    assert describe_fit_problem(problem, "rows") == of_rows


def test_a_long_list_of_segments_is_cut() -> None:
    assert format_numbers("segment", [4]) == "segment 4"
    assert format_numbers("segment", [1, 2, 3, 4, 5]) == "segments 1, 2, 3, 4, 5"
    assert format_numbers("segment", range(1, 9)) == "segments 1, 2, 3, 4, 5 and 3 more"
