"""EM from several starts at once: each mixture ends where it would on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmenter.arrays import Samples
from segmenter.mixture.acceleration import extrapolate
from segmenter.mixture.batched_em import (
    e_step_batch,
    find_valid_mixtures,
    run_em_batch,
    select_mixtures,
    stack_mixtures,
    to_statistics,
)
from segmenter.mixture.config import COVARIANCE_TYPES, CovarianceType, FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.e_step import e_step
from segmenter.mixture.em import EMProblem, choose_finalists, compute_min_mass, fit, run_em, run_em_from_each_start
from segmenter.mixture.initialization import initialize
from segmenter.mixture.m_step import m_step
from tests.support.scenes import blobs, some_mixture


def describe_problem(samples: Samples, config: FitConfig) -> EMProblem:
    return EMProblem(prepare_samples(samples, config.covariance_floor), config)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("acceleration", [False, True])
@pytest.mark.parametrize("n_features", [1, 3])
def test_each_mixture_ends_where_it_would_on_its_own(
    covariance_type: CovarianceType, acceleration: bool, n_features: int
) -> None:
    samples, _ = blobs(3, n_features, distance=2.0, n_each=200)
    config = FitConfig(3, covariance_type, init="random", acceleration=acceleration, tolerance=1e-6)
    problem = describe_problem(samples, config)
    starts = [initialize(problem.data, config, np.random.default_rng(seed)) for seed in range(5)]
    ends = run_em_batch(problem.data, config, starts, compute_min_mass(problem))
    assert (
        len({round(end.objective, 3) for end in ends}) > 1 or n_features == 3
    )  # they do not all end at the same optimum
    for start, end in zip(starts, ends, strict=True):
        alone = run_em(problem, start).trace
        assert end.is_finished
        before_last = -2 if alone.converged else -1  # on its own, one more step follows
        assert end.objective == pytest.approx(alone.objectives[before_last], abs=1e-9)
        if not acceleration:  # where each has one entry more for a step that was taken
            np.testing.assert_allclose(end.objectives, alone.objectives[: len(end.objectives)], atol=1e-9)
            np.testing.assert_allclose(end.log_likelihoods, alone.log_likelihoods[: len(end.objectives)], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.sampled_from(COVARIANCE_TYPES))
def test_an_e_step_of_several_mixtures_is_that_of_each(
    n_mixtures: int, n_components: int, n_features: int, family: CovarianceType
) -> None:
    data = prepare_samples(blobs(2, n_features)[0], 1e-9)
    mixtures = [some_mixture(n_components, n_features, family, seed=seed) for seed in range(n_mixtures)]
    sums, objectives = e_step_batch(data, stack_mixtures(mixtures), n_mixtures)
    for mixture, found, objective in zip(mixtures, sums, objectives, strict=True):
        alone = e_step(data, mixture)
        np.testing.assert_allclose(found, alone.sums, rtol=1e-9, atol=1e-12 * np.abs(alone.sums).max())
        assert objective * data.total_weight == pytest.approx(alone.log_likelihood, rel=1e-12)


def test_a_mixture_that_loses_a_component_continues_on_its_own() -> None:
    samples, _ = blobs(2, 2, n_each=100)
    config = FitConfig(3, tolerance=1e-8)
    problem = describe_problem(samples, config)
    regular = initialize(problem.data, config, np.random.default_rng(0))
    far = replace(regular, means=regular.means + np.array([[0.0], [0.0], [1e4]]))
    ends = run_em_batch(problem.data, config, [regular, far], compute_min_mass(problem))
    assert [end.is_finished for end in ends] == [True, False]
    runs = run_em_from_each_start(problem, [regular, far])
    assert [run.mixture.n_components for run in runs] == [3, 2]
    assert all(run.is_finished for run in runs)
    alone = run_em(problem, far)
    assert runs[1].objective == alone.objective
    np.testing.assert_allclose(runs[1].objectives, alone.trace.objectives, rtol=1e-12)


def test_starts_with_fewer_components_and_other_methods_run_on_their_own() -> None:
    samples, _ = blobs(3, 2, n_each=100)
    problem = describe_problem(samples, FitConfig(3, method="hard-em"))
    starts = [some_mixture(3, 2, seed=1), some_mixture(2, 2, seed=2), some_mixture(3, 2, seed=3)]
    for method in ("em", "hard-em"):
        here = replace(problem, config=replace(problem.config, method=method))
        objectives = [run.objective for run in run_em_from_each_start(here, starts)]
        alone = [run_em(here, start).objective for start in starts]
        np.testing.assert_allclose(objectives, alone, atol=here.config.tolerance)


def test_only_mixtures_with_positive_definite_covariances_are_valid() -> None:
    mixtures = [some_mixture(2, 2, seed=seed) for seed in range(3)]
    flat = np.tile(np.diag([1.0, -1.0]), (2, 1, 1))
    stack = stack_mixtures([mixtures[0], replace(mixtures[1], covariances=flat), mixtures[2]])
    legal = find_valid_mixtures(stack, 3)
    assert legal.tolist() == [True, False, True]
    assert find_valid_mixtures(select_mixtures(stack, legal), 2).all()
    assert select_mixtures(stack, legal).means.tolist() == [*mixtures[0].means.tolist(), *mixtures[2].means.tolist()]


def test_an_extrapolation_of_several_mixtures_is_that_of_each() -> None:
    samples, _ = blobs(2, 2, distance=2.0)
    data = prepare_samples(samples, 1e-9)
    paths = []
    for seed in range(4):
        mixture, path = some_mixture(2, 2, seed=seed), []
        for _ in range(3):
            path.append(e_step(data, mixture).sums)
            mixture = m_step(to_statistics(path[-1], data), "full")
        paths.append(path)
    together, are_ahead = extrapolate([np.stack(step) for step in zip(*paths, strict=True)], data.variances)
    for path, found, is_ahead in zip(paths, together, are_ahead, strict=True):
        alone, alone_ahead = extrapolate(path, data.variances)
        np.testing.assert_array_equal(found, alone)
        assert is_ahead == alone_ahead


def test_screened_mixtures_close_to_the_best_become_finalists() -> None:
    samples, _ = blobs(3, 2, n_each=100)
    problem = describe_problem(samples, FitConfig(3))
    best = fit(samples, problem.config).mixture
    near, same = (replace(best, means=best.means + shift) for shift in (0.1, 1e-6))
    far = replace(best, means=best.means + 1.0)
    candidates = [far, near, same, best]
    objectives = np.array([run_em_from_each_start(problem, [best])[0].objective for _ in candidates])
    objectives -= [1.0, 0.01, 1e-9, 0.0]
    assert choose_finalists(problem, candidates, objectives) == [3, 1]
    assert choose_finalists(problem, candidates[:1], objectives[:1]) == [0]
    assert choose_finalists(problem, [far, best], objectives[[0, 3]]) == [1]
