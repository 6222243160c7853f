"""Notes on a photo and warnings about its segments: the single source for the terminal, the summary and the report."""

from __future__ import annotations

from collections.abc import Sequence

from segmenter.mixture.diagnostics import FitFacts, describe_fit_problem, find_fit_problems
from segmenter.segmentation.record import RunRecord


def collect_notes(record: RunRecord) -> tuple[str, ...]:
    """Return the notes on a photo, and then the doubts about its segments."""
    return (*record.input.notes, *find_doubts(record))


def find_doubts(record: RunRecord) -> tuple[str, ...]:
    """Return why a person should look at the segments before trusting them."""
    empty = [segment.label for segment in record.segments if not segment.pixels]
    return describe_doubts(record.fit, empty)


def describe_doubts(fit: FitFacts | None, empty: Sequence[int] = ()) -> tuple[str, ...]:
    """Return why the segments of a fit should not be trusted as they are.

    Parameters
    ----------
    fit : FitFacts or None
        None = nothing was fitted.
    empty : sequence of int
        Labels without pixels.
    """
    return tuple(describe_fit_problem(problem, "pixels") for problem in find_fit_problems(fit, empty))
