"""The curve of a fit: it never falls, it is that of the whole climb, and it says where it cannot be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmenter.arrays import Floats, Samples
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, METHODS, FitConfig
from segmenter.mixture.data import prepare_for_fit
from segmenter.mixture.em import MAX_FALL, EMProblem, Fit, evaluate, fit, run_em
from segmenter.mixture.initialization import initialize
from segmenter.mixture.model import Mixture
from segmenter.mixture.screening import build_screening_subset
from tests.support.scenes import any_samples, blobs


def assert_never_falls(found: Fit) -> None:
    """Check that the objective falls by no more than rounding, or a millionth of a nat where components die."""
    objectives = found.trace.objectives
    allowed = MAX_FALL * (1 + np.abs(objectives[:-1])) + (1e-6 if found.trace.n_died else 0)
    assert (np.diff(objectives) >= -allowed).all()


# ---- the objective never falls -------------------------------------------------------------------------------------


@st.composite
def wild_samples(draw: st.DrawFn) -> Samples:
    """Draw any samples, of which some values are missing or outliers of any size."""
    samples = draw(any_samples())
    values = samples.values.copy()
    outliers = st.integers(-8, 30).map(lambda exponent: 10.0**exponent)
    for change in draw(st.lists(st.one_of(outliers, outliers.map(lambda x: -x), st.just(np.nan)), max_size=5)):
        values[draw(st.integers(0, len(values) - 1)), draw(st.integers(0, values.shape[1] - 1))] = change
    return Samples(values, samples.weights)


CONFIGS = st.builds(
    FitConfig,
    covariance_type=st.sampled_from(COVARIANCE_TYPES),
    init=st.sampled_from(INITS),
    method=st.sampled_from(METHODS),
    acceleration=st.booleans(),
    noise=st.booleans(),
    seed=st.integers(0, 9),
    n_components=st.integers(1, 4),
    restarts=st.just(1),
    tolerance=st.sampled_from([1e-9, 1e-3]),
    max_iterations=st.just(60),
)


@settings(max_examples=60, deadline=None)
@given(wild_samples(), CONFIGS)
def test_the_objective_never_falls_whatever_the_samples(samples: Samples, config: FitConfig) -> None:
    if len(samples.values) < config.n_components:
        return
    found = fit(samples, config)
    assert found.trace.n_iterations >= 1 or found.trace.stop == "all noise"
    assert found.trace.has_fixed_objective
    assert_never_falls(found)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("distance", [1e7, 1e12, 1e30])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-9])
def test_the_objective_never_falls_beside_an_outlier(covariance_type: Any, distance: float, tolerance: float) -> None:
    samples, _ = blobs(3, 2)
    both = Samples(np.vstack([samples.values, [[distance, -distance]]]), np.append(samples.weights, 1.0))
    for n_components in (1, 3, 4):
        assert_never_falls(fit(both, FitConfig(n_components, covariance_type, tolerance=tolerance)))


def test_a_step_that_rounding_lowers_is_undone() -> None:
    """Two values, 1e16 apart in units of their floor, and a tolerance below what rounding does to their densities."""
    samples, _ = blobs(2, 2, distance=1e6)
    config = FitConfig(3, "tied", covariance_floor=1e-12, tolerance=1e-300, restarts=1)
    values = np.vstack([samples.values, [[1e13, 1e13]]])
    found = fit(Samples(values, np.append(samples.weights, 1.0)), config)
    assert found.trace.stop in ("converged", "rounding")
    assert_never_falls(found)
    data = prepare_for_fit(Samples(values, np.append(samples.weights, 1.0)), config)
    assert evaluate(EMProblem(data, config), found.mixture).objective == found.objective  # of the mixture returned


# ---- the curve is complete -----------------------------------------------------------------------------------------


def overlapping_clusters(n_each: int = 1500, n_features: int = 2) -> Samples:
    return blobs(3, n_features, n_each=n_each, distance=3.0)[0]


def test_a_single_start_is_not_screened_and_its_curve_begins_at_the_start() -> None:
    samples, config = overlapping_clusters(), FitConfig(3, init="random", restarts=1)
    data = prepare_for_fit(samples, config)
    assert build_screening_subset(data, config) is not None
    found = fit(samples, config)
    assert not found.trace.screened
    start = initialize(data, config, np.random.default_rng([config.seed, 0]))
    expected = run_em(EMProblem(data, config), start)
    assert found.trace.n_iterations > 10
    np.testing.assert_array_equal(found.trace.objectives, expected.trace.objectives)
    np.testing.assert_array_equal(found.mixture.means, expected.mixture.means)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("acceleration", [False, True])
def test_the_curve_of_the_best_of_several_starts_is_that_of_its_whole_climb(method: Any, acceleration: bool) -> None:
    samples = overlapping_clusters()
    config = FitConfig(3, init="random", method=method, acceleration=acceleration)
    trace = fit(samples, config).trace
    assert trace.screened
    data = prepare_for_fit(samples, config)
    subset = build_screening_subset(data, config)
    assert subset is not None
    problem = EMProblem(subset, config)
    generators = [np.random.default_rng([config.seed, restart]) for restart in range(config.restarts)]
    climbs = [run_em(problem, initialize(subset, config, generator)).trace for generator in generators]
    (climb,) = [climb for climb in climbs if climb.objectives[0] == pytest.approx(trace.objectives[0], rel=1e-12)]
    n = trace.n_screening_iterations
    if not acceleration:
        np.testing.assert_allclose(trace.objectives[:n], climb.objectives[:n], rtol=1e-9)
        np.testing.assert_allclose(trace.log_likelihoods[:n], climb.log_likelihoods[:n], rtol=1e-9)
    assert 1 < n < trace.n_iterations
    assert (np.diff(trace.objectives) >= -MAX_FALL * (1 + np.abs(trace.objectives[:-1]))).all()


@pytest.mark.parametrize("noise", [False, True])
def test_the_curve_after_a_screening_on_drawn_samples_begins_at_the_start(noise: bool) -> None:
    samples = overlapping_clusters(6000, 2 if noise else 4)
    trace = fit(samples, FitConfig(3, init="random", noise=noise, restarts=2)).trace
    assert trace.screened
    assert trace.n_screening_iterations == 1
    assert trace.objectives[1] - trace.objectives[0] > 0.1  # all steps of the screening are one
    assert (np.diff(trace.objectives) > -1e-12).all()


# ---- a log prior that makes the objective another one in each step -------------------------------------------------


class Alternating:
    """Favors now one component, now the other: there is nothing to converge to."""

    uses_responsibilities = True

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.n_calls = 0

    def __call__(self, responsibilities: Floats | None) -> Floats:
        self.n_calls += 1
        nats = np.zeros((1, 2))
        nats[0, self.n_calls % 2] = self.strength
        return nats


class Repelling:
    """Favors for each sample the component that it did not belong to: the objective falls to a fixed point."""

    uses_responsibilities = True

    def __call__(self, responsibilities: Floats | None) -> Floats:
        return np.zeros((1, 2)) if responsibilities is None else -0.5 * responsibilities


def fit_two(prior: Any, tolerance: float = 1e-6) -> Fit:
    samples, _ = blobs(2, 1, distance=3.0)
    start = Mixture(np.full(2, 0.5), np.array([[2.0], [5.0]]), np.ones((2, 1, 1)))
    return fit(samples, FitConfig(2, tolerance=tolerance, max_iterations=100), start, log_prior=prior)


def test_a_moving_objective_is_not_called_converged_while_it_moves() -> None:
    trace = fit_two(Alternating(1.0)).trace
    assert not trace.has_fixed_objective
    assert trace.stop == "iteration limit"


def test_a_moving_objective_that_falls_has_converged_once_it_rests() -> None:
    trace = fit_two(Repelling()).trace
    assert not trace.has_fixed_objective
    assert np.diff(trace.objectives).min() < -1e-3  # so it is no lower bound that EM climbs
    assert trace.converged
    assert np.abs(np.diff(trace.objectives)[-3:]).max() < 1e-6


# ---- a threshold for hard EM ---------------------------------------------------------------------------------------


def test_samples_below_the_threshold_take_no_part_in_the_m_step() -> None:
    values = np.array([[0.0], [1.0], [5.0], [9.0], [10.0]])  # the one in the middle belongs to neither
    start = Mixture(np.full(2, 0.5), np.array([[0.5], [9.5]]), np.ones((2, 1, 1)))
    config = FitConfig(2, method="hard-em", threshold=0.9, max_iterations=1)
    stepped = fit(values, config, start).mixture
    np.testing.assert_allclose(stepped.means[:, 0], [0.5, 9.5])
    np.testing.assert_allclose(stepped.weights, [0.5, 0.5])
    every = fit(values, FitConfig(2, method="hard-em", max_iterations=1), start).mixture
    np.testing.assert_allclose(every.means[:, 0], [2.0, 9.5])


def test_a_threshold_below_every_largest_responsibility_changes_nothing() -> None:
    samples, _ = blobs(3, 2, distance=3.0)
    start = Mixture(np.full(3, 1 / 3), np.array([[3.0, 3.0], [6.0, 6.0], [9.0, 9.0]]), np.array([np.eye(2)] * 3))
    plain, same = (fit(samples, FitConfig(3, method="hard-em", threshold=t), start) for t in (0.0, 0.3))
    np.testing.assert_allclose(same.trace.objectives[: plain.trace.n_iterations], plain.trace.objectives[:-1])
    assert plain.trace.has_fixed_objective
    assert not same.trace.has_fixed_objective
    strict = fit(samples, FitConfig(3, method="hard-em", threshold=0.95), start)
    assert strict.trace.converged
    spreads = [np.trace(each.mixture.covariances.sum(axis=0)) for each in (strict, plain)]
    assert spreads[0] < spreads[1]  # without the samples in between
