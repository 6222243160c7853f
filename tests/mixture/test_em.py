"""What must hold for every Gaussian mixture fitted by EM, and the known answers of tiny ones."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from functools import reduce
from operator import add
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from segmenter import errors
from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError, SegmenterError
from segmenter.mixture import data as mixture_data
from segmenter.mixture import screening
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, CovarianceType, FitConfig, Init
from segmenter.mixture.data import PreparedSamples, build_group, prepare_samples
from segmenter.mixture.e_step import LOG_ZERO_RATIO, MAX_SAFE, SufficientStatistics, e_step, stable_exp
from segmenter.mixture.em import DEAD_SHARE, Fit, FitTrace, fit
from segmenter.mixture.inference import average_over_components, predict
from segmenter.mixture.initialization import draw_random_start, initialize, k_means_plus_plus
from segmenter.mixture.m_step import m_step
from segmenter.mixture.model import Mixture, log_joint_coefficients, reorder
from segmenter.mixture.monomials import block_size, monomials
from segmenter.mixture.screening import bin_samples, build_screening_subset
from tests.support.scenes import (
    any_samples,
    average_log_likelihood,
    blobs,
    log_joint,
    repeated,
    responsibilities,
    some_components,
    some_mixture,
)

FAMILIES = st.sampled_from(COVARIANCE_TYPES)
every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
COVARIANCE_FLOOR = 1e-9
every_init = pytest.mark.parametrize("init", INITS)


def rounding(config: FitConfig) -> float:
    """Return what rounding may cost an objective, in nats per sample.

    A variance of δ in the units of the data makes the terms of a log density as large as 1 / δ; they cancel.
    """
    return 16 * float(np.finfo(np.float64).eps) / config.covariance_floor


def assert_statistics_close(actual: SufficientStatistics, expected: SufficientStatistics) -> None:
    np.testing.assert_allclose(actual.sums, expected.sums, rtol=1e-9, atol=1e-9 * np.abs(expected.sums).max())
    assert actual.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-9)
    assert actual.total_weight == pytest.approx(expected.total_weight)
    np.testing.assert_array_equal(actual.origin, expected.origin)


def assert_same_mixture(actual: Mixture, expected: Mixture, rtol: float = 1e-7) -> None:
    np.testing.assert_allclose(actual.weights, expected.weights, rtol=rtol)
    np.testing.assert_allclose(actual.means, expected.means, rtol=rtol)
    scale = np.abs(expected.covariances).max()
    np.testing.assert_allclose(actual.covariances, expected.covariances, rtol=rtol, atol=rtol * scale)


def assert_sound(found: Fit, n_components: int) -> None:
    """Check what holds of every fit: a mixture of the family with finite numbers, and a trace that adds up."""
    mixture, trace = found.mixture, found.trace
    assert mixture.n_components + trace.n_died == n_components
    assert (mixture.weights > 0).all()
    assert mixture.weights.sum() == pytest.approx(1, abs=1e-12)
    assert np.isfinite(mixture.means).all()
    np.testing.assert_array_equal(mixture.covariances, mixture.covariances.transpose(0, 2, 1))
    units = np.sqrt(mixture.covariances.diagonal(axis1=1, axis2=2))  # in one unit for all, rounding hides small ones
    assert np.linalg.eigvalsh(mixture.covariances / (units[:, :, None] * units[:, None, :])).min() > 0
    assert np.isfinite(trace.objectives).all()
    assert np.isfinite(trace.log_likelihoods).all()
    assert len(trace.objectives) == len(trace.log_likelihoods) == trace.n_iterations + 1
    assert all(1 <= k <= mixture.n_components for k in trace.collapsed)


# ---- log densities -------------------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("n_features", [1, 2, 3, 4])
def test_coefficients_times_monomials_are_log_weight_plus_log_density(
    covariance_type: CovarianceType, n_features: int
) -> None:
    mixture = some_mixture(3, n_features, covariance_type, seed=n_features)
    values = 3 * np.random.default_rng(0).standard_normal((50, n_features))
    origin = values.mean(axis=0)
    joint = log_joint_coefficients(mixture, origin) @ monomials((values - origin).T)
    np.testing.assert_allclose(joint.T, log_joint(mixture, values), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_coefficients_hold_for_a_covariance_that_is_all_but_flat_across_a_slanted_line(seed: int) -> None:
    direction = np.random.default_rng(seed).standard_normal((1, 4))
    covariance = direction.T @ direction + 1e-9 * np.eye(4)
    mixture = Mixture(np.ones(1), np.zeros((1, 4)), covariance[None])
    steps = np.linspace(-3, 3, 7)[:, None]
    joint = log_joint_coefficients(mixture, np.zeros(4)) @ monomials((steps * direction).T)
    variance = float(np.vdot(direction, direction))  # along the direction; the other three are 1e-9
    along = -0.5 * (
        steps[:, 0] ** 2 * variance / variance + np.log(variance) + 3 * np.log(1e-9) + 4 * np.log(2 * np.pi)
    )
    np.testing.assert_allclose(joint[0], along, atol=1e-5)


def test_a_covariance_that_is_not_positive_definite_is_refused() -> None:
    mixture = Mixture(np.ones(1), np.zeros((1, 2)), np.array([[[1.0, 2.0], [2.0, 1.0]]]))
    with pytest.raises(np.linalg.LinAlgError):
        log_joint_coefficients(mixture, np.zeros(2))


@every_family
def test_predict_gives_the_component_of_the_highest_responsibility(covariance_type: CovarianceType) -> None:
    mixture = some_mixture(5, 3, covariance_type)
    values = 3 * np.random.default_rng(0).standard_normal((500, 3))
    labels = predict(mixture, values)
    assert labels.dtype == np.int32
    assert set(labels) <= set(range(1, 6))
    np.testing.assert_array_equal(labels, 1 + responsibilities(mixture, values).argmax(axis=1))


def test_predict_does_not_depend_on_blocks() -> None:
    mixture = some_mixture(4, 2)
    values = 3 * np.random.default_rng(0).standard_normal((2 * block_size(2) + 3, 2))
    pieces = [predict(mixture, piece) for piece in np.array_split(values, 7)]
    np.testing.assert_array_equal(predict(mixture, values), np.concatenate(pieces))


def test_predict_gives_the_first_of_equal_components() -> None:
    parallel_edges = Mixture(np.array([0.5, 0.5]), np.zeros((2, 1)), np.ones((2, 1, 1)))
    np.testing.assert_array_equal(predict(parallel_edges, np.array([[-1.0], [0.0], [3.0]])), [1, 1, 1])


def test_predict_of_far_outliers_goes_to_the_widest_component() -> None:
    mixture = Mixture(np.array([0.9, 0.1]), np.zeros((2, 1)), np.array([[[1.0]], [[4.0]]]))
    np.testing.assert_array_equal(predict(mixture, np.array([[0.0], [1e4], [-1e100]])), [1, 2, 2])


def test_component_averages_of_the_features_are_the_means_of_the_next_m_step() -> None:
    samples, _ = blobs(3, 2, distance=2.0)
    mixture = some_mixture(3, 2)
    stepped = m_step(e_step(prepare_samples(samples, COVARIANCE_FLOOR), mixture), "full")
    np.testing.assert_allclose(average_over_components(mixture, samples, samples.values), stepped.means, rtol=1e-9)


def test_component_averages_are_nan_where_nothing_is_explained() -> None:
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0], [1e6]]), np.ones((2, 1, 1)))
    averages = average_over_components(mixture, Samples(np.zeros((2, 1)), np.ones(2)), np.array([[1.0], [3.0]]))
    np.testing.assert_array_equal(averages, [[2.0], [np.nan]])


# ---- sufficient statistics -----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(any_samples(), st.data())
def test_statistics_do_not_depend_on_how_the_samples_are_split(samples: Samples, data: st.DataObject) -> None:
    whole = prepare_samples(samples, COVARIANCE_FLOOR)
    owner = data.draw(arrays.arrays(np.int8, len(samples.weights), elements=st.integers(0, 2)))
    mixture = mixture_over(whole, 3)
    groups = [e_step(some_of(whole, np.flatnonzero(owner == p)), mixture) for p in np.unique(owner)]
    assert_statistics_close(reduce(add, groups), e_step(whole, mixture))


def mixture_over(data: PreparedSamples, n_components: int, seed: int = 0) -> Mixture:
    """Return some mixture near the data and in its units."""
    unit = np.sqrt(data.variances)
    mixture = some_mixture(n_components, len(unit), seed=seed)
    return replace(
        mixture, means=data.origin + mixture.means * unit, covariances=mixture.covariances * np.outer(unit, unit)
    )


def some_of(data: PreparedSamples, rows: NDArray[np.intp]) -> PreparedSamples:
    """Return some of the samples, about the same origin."""
    (group,) = data.groups
    weights = group.weights[rows]
    chosen = build_group(
        group.observed, None, np.ascontiguousarray(group.centred[:, rows]), weights, group.floor_variances
    )
    return replace(data, total_weight=float(weights.sum()), n_samples=len(rows), groups=(chosen,))


def test_statistics_do_not_depend_on_blocks_nor_on_whether_monomials_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = blobs(3, 3)
    mixture = some_mixture(3, 3)
    cached = e_step(prepare_samples(samples, COVARIANCE_FLOOR), mixture)
    monkeypatch.setattr(mixture_data, "block_size", lambda n_features, terms="pairs": 32)
    assert_statistics_close(e_step(prepare_samples(samples, COVARIANCE_FLOOR), mixture), cached)
    monkeypatch.setattr(mixture_data, "MAX_CACHED_MONOMIALS", 0)
    data = prepare_samples(samples, COVARIANCE_FLOOR)
    assert not data.groups[0].cached_monomials
    assert_statistics_close(e_step(data, mixture), cached)


def test_statistics_are_the_sums_of_weighted_responsibilities() -> None:
    samples, _ = blobs(2, 2, distance=2.0)
    mixture, data = some_mixture(2, 2), prepare_samples(samples, 1e-12)
    found = e_step(data, mixture)
    shares = responsibilities(mixture, samples.values) * samples.weights[:, None]
    centred = samples.values - data.origin
    np.testing.assert_allclose(found.mass, shares.sum(axis=0))
    np.testing.assert_allclose(found.first, shares.T @ centred, atol=1e-9)
    np.testing.assert_allclose(found.second, np.einsum("nk,ni,nj->kij", shares, centred, centred), atol=1e-9)
    average = found.log_likelihood / found.total_weight
    assert average == pytest.approx(average_log_likelihood(mixture, samples))


@every_family
def test_a_weight_counts_as_repeated_rows(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=4.0)
    rows = repeated(samples)
    start = some_mixture(3, 2, covariance_type)
    config = FitConfig(3, covariance_type, max_iterations=20)
    weighted, plain = fit(samples, config, start), fit(rows, config, start)
    assert_same_mixture(weighted.mixture, plain.mixture)
    np.testing.assert_allclose(weighted.trace.objectives, plain.trace.objectives, rtol=1e-8)


def test_counting_every_sample_twice_changes_nothing() -> None:
    samples, _ = blobs(3, 2)
    once = fit(samples, FitConfig(3))
    twice = fit(Samples(samples.values, 2 * samples.weights), FitConfig(3))
    np.testing.assert_array_equal(twice.mixture.covariances, once.mixture.covariances)
    np.testing.assert_array_equal(twice.trace.objectives, once.trace.objectives)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 8)), elements=st.floats(-300, 300)))
def test_the_safe_path_of_stable_exp_equals_the_fast_path(joint: Floats) -> None:
    fast, log_density, total = stable_exp(joint)
    out_of_range = np.column_stack([joint, np.full(len(joint), -1e4)])  # one such sample makes all take the safe path
    safe, safe_log_density, safe_total = stable_exp(out_of_range)
    np.testing.assert_allclose(safe_log_density[:-1], log_density, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose((safe / safe_total)[:, :-1], fast / total, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose((fast / total).sum(axis=0), 1)
    assert safe_log_density[-1] == pytest.approx(-1e4 + np.log(len(joint)))


@pytest.mark.parametrize("level", [-1e6, -800.0, 0.0, 800.0, 1e6])
def test_responsibilities_are_finite_at_any_level_of_the_log_density(level: float) -> None:
    joint = level + np.array([[0.0, -5.0], [np.log(3), -2000.0]])
    densities, log_density, total = stable_exp(joint)
    np.testing.assert_allclose(log_density, level + np.array([np.log(4), -5.0]), atol=1e-9)
    np.testing.assert_allclose(densities / total, [[0.25, 1.0], [0.75, 0.0]], atol=1e-9)


# ---- cells ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(any_samples(max_features=3), st.integers(1, 6))
def test_cells_keep_weight_mean_and_second_moments(samples: Samples, n_bins: int) -> None:
    data = prepare_samples(samples, COVARIANCE_FLOOR)
    cells = bin_samples(data, n_bins)
    assert cells.n_samples <= min(data.n_samples, n_bins ** len(data.origin))
    assert cells.groups[0].weights.sum() == pytest.approx(data.total_weight)
    all_alike = Mixture(np.ones(1), data.origin[None], np.diag(data.variances)[None])
    assert_statistics_close(e_step(cells, all_alike), e_step(data, all_alike))


def test_cells_do_not_depend_on_how_many_samples_are_binned_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = prepare_samples(blobs(3, 2)[0], COVARIANCE_FLOOR)
    at_once = bin_samples(data, 4).groups[0]
    monkeypatch.setattr(screening, "BINNING_BLOCK", 7)
    in_turns = bin_samples(data, 4).groups[0]
    np.testing.assert_allclose(in_turns.cached_monomials[0], at_once.cached_monomials[0], rtol=1e-12)
    np.testing.assert_array_equal(in_turns.weights, at_once.weights)


def test_an_m_step_on_cells_is_exact_where_no_cell_mixes_components() -> None:
    samples, labels = blobs(3, 2, distance=40.0)
    data = prepare_samples(samples, COVARIANCE_FLOOR)
    cells = bin_samples(data, 16)
    assert cells.n_samples < data.n_samples
    wide = np.broadcast_to(np.eye(2), (3, 2, 2))
    mixture = Mixture(np.full(3, 1 / 3), np.array([samples.values[labels == k].mean(axis=0) for k in (1, 2, 3)]), wide)
    exact, coarse = (m_step(e_step(ground, mixture), "full") for ground in (data, cells))
    assert_same_mixture(coarse, exact)


@settings(max_examples=40, deadline=None)
@given(any_samples(max_features=3), st.integers(1, 6), st.integers(1, 4), st.integers(0, 99))
def test_the_likelihood_on_cells_is_a_lower_bound(samples: Samples, n_bins: int, n_components: int, seed: int) -> None:
    data = prepare_samples(samples, COVARIANCE_FLOOR)
    mixture = mixture_over(data, n_components, seed)
    on_cells = e_step(bin_samples(data, n_bins), mixture).log_likelihood
    on_samples = e_step(data, mixture).log_likelihood
    assert on_cells <= on_samples + 1e-9 * abs(on_samples)


def test_restarts_are_screened_on_cells_where_these_are_few_and_the_fit_ends_at_least_as_high() -> None:
    samples, _ = blobs(3, 2, n_each=700)
    found = fit(samples, FitConfig(3))
    assert found.trace.screened
    assert found.trace.objectives[-1] >= found.trace.restarts.max() - 1e-9
    assert not fit(blobs(3, 2, n_each=10)[0], FitConfig(3)).trace.screened
    assert build_screening_subset(prepare_samples(samples, COVARIANCE_FLOOR), FitConfig(500)) is None
    many_features = prepare_samples(blobs(3, 4, n_each=7000)[0], COVARIANCE_FLOOR)
    few = build_screening_subset(many_features, FitConfig(3))
    assert few is not None
    assert few.n_samples == 4000


# ---- starts --------------------------------------------------------------------------------------------------------


@every_family
def test_a_random_start_is_even_weights_points_of_the_data_and_positive_definite_covariances(
    covariance_type: CovarianceType,
) -> None:
    samples, _ = blobs(3, 3)
    data = prepare_samples(samples, COVARIANCE_FLOOR)
    config = FitConfig(5, covariance_type)
    for seed in range(20):
        start = draw_random_start(data, config, np.random.default_rng(seed))
        np.testing.assert_array_equal(start.weights, np.full(5, 0.2))
        assert np.linalg.eigvalsh(start.covariances).min() > 0
        np.testing.assert_array_equal(start.covariances, start.covariances.transpose(0, 2, 1))
        nearest = np.abs(samples.values[:, None] - start.means).max(axis=2).min(axis=0)
        assert nearest.max() < 1e-12 * np.abs(samples.values).max()
        assert len(np.unique(start.means, axis=0)) == 5


def test_random_covariances_are_of_the_size_of_the_data_on_average() -> None:
    data = prepare_samples(Samples(np.array([[0.0, 0.0], [2.0, 2000.0]]), np.ones(2)), COVARIANCE_FLOOR)
    starts = [draw_random_start(data, FitConfig(2), np.random.default_rng(seed)).covariances for seed in range(500)]
    average = np.concatenate(starts).mean(axis=0)
    np.testing.assert_allclose(average.diagonal(), [1, 1e6], rtol=0.2)
    assert abs(average[0, 1]) < 200


@settings(max_examples=60, deadline=None)
@given(any_samples(), st.data(), st.integers(0, 99))
def test_every_k_means_plus_plus_cluster_holds_a_point(samples: Samples, data: st.DataObject, seed: int) -> None:
    n_clusters = data.draw(some_components(samples))
    cluster = k_means_plus_plus(samples.values.T, samples.weights, n_clusters, np.random.default_rng(seed))
    assert set(cluster) == set(range(n_clusters))


def test_k_means_plus_plus_finds_far_clusters() -> None:
    samples, labels = blobs(4, 2, distance=50.0)
    cluster = k_means_plus_plus(samples.values.T, samples.weights, 4, np.random.default_rng(0))
    assert len(set(zip(cluster, labels, strict=True))) == 4


@every_family
@every_init
def test_a_start_depends_on_nothing_but_its_generator(init: Init, covariance_type: CovarianceType) -> None:
    data = prepare_samples(blobs(3, 2)[0], COVARIANCE_FLOOR)
    config = FitConfig(3, covariance_type, init)
    one, same, other = (initialize(data, config, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.means, same.means)
    np.testing.assert_array_equal(one.covariances, same.covariances)
    assert (one.means != other.means).any()


# ---- the fit -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(any_samples(), st.data(), FAMILIES, st.sampled_from(INITS), st.integers(0, 9))
def test_the_objective_never_falls(
    samples: Samples, data: st.DataObject, covariance_type: CovarianceType, init: Init, seed: int
) -> None:
    n_components = data.draw(some_components(samples))
    config = FitConfig(n_components, covariance_type, init, restarts=1, tolerance=1e-7, max_iterations=60, seed=seed)
    found = fit(samples, config)
    assert_sound(found, n_components)
    objectives = found.trace.objectives
    assert np.diff(objectives).min() >= -rounding(config) - 1e-9 * np.abs(objectives).max()
    labels = predict(found.mixture, samples.values)
    assert labels.min() >= 1
    assert labels.max() <= found.mixture.n_components


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
@pytest.mark.parametrize("n_features", [2, 3, 4])
def test_the_objective_never_falls_for_samples_on_a_line(covariance_type: CovarianceType, n_features: int) -> None:
    steps = np.random.default_rng(0).integers(0, 256, 60) / 255
    samples = Samples(steps[:, None] * np.linspace(1, 0.3, n_features), np.ones(60))
    config = FitConfig(3, covariance_type, restarts=1, tolerance=1e-7)
    assert np.diff(fit(samples, config).trace.objectives).min() >= -rounding(config)


@settings(max_examples=40, deadline=None)
@given(any_samples(), st.data(), FAMILIES)
def test_a_tied_covariance_is_shared_and_the_simple_families_are_axis_parallel(
    samples: Samples, data: st.DataObject, covariance_type: CovarianceType
) -> None:
    config = FitConfig(data.draw(some_components(samples)), covariance_type, restarts=1, max_iterations=10)
    covariances = fit(samples, config).mixture.covariances
    diagonals = covariances.diagonal(axis1=1, axis2=2)
    if covariance_type == "tied":
        assert (covariances == covariances[0]).all()
    if covariance_type in ("diag", "spherical"):
        assert (covariances == diagonals[:, :, None] * np.eye(covariances.shape[1])).all()
    if covariance_type == "spherical":
        assert (diagonals == diagonals[:, :1]).all()


@every_family
@every_init
def test_the_last_entry_of_the_trace_belongs_to_the_mixture_that_is_returned(
    init: Init, covariance_type: CovarianceType
) -> None:
    samples, _ = blobs(4, 2, distance=3.0)
    for max_iterations in (1, 3, 200):
        found = fit(samples, FitConfig(4, covariance_type, init, max_iterations=max_iterations))
        assert_sound(found, 4)
        expected = average_log_likelihood(found.mixture, samples)
        assert found.trace.log_likelihoods[-1] == pytest.approx(expected, rel=1e-9)


@every_family
def test_the_objective_is_the_likelihood_less_what_the_covariance_floor_costs(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(2, 3)
    found = fit(samples, FitConfig(2, covariance_type, covariance_floor=1e-3))
    variances = np.diag(np.average((samples.values - _mean(samples)) ** 2, axis=0, weights=samples.weights))
    traces = [float(np.trace(variances @ np.linalg.inv(covariance))) for covariance in found.mixture.covariances]
    penalty = 0.5e-3 * float(found.mixture.weights @ traces)
    assert found.trace.objectives[-1] == pytest.approx(found.trace.log_likelihoods[-1] - penalty, abs=1e-9)


def _mean(samples: Samples) -> Floats:
    return np.asarray(np.average(samples.values, axis=0, weights=samples.weights))


@every_family
def test_no_small_change_of_an_m_step_scores_higher(covariance_type: CovarianceType) -> None:
    """One component: the M-step is the whole fit, so that it must be the maximum of the objective."""
    samples, _ = blobs(2, 2)
    data = prepare_samples(samples, 0.1)
    config = FitConfig(1, covariance_type, covariance_floor=0.1)
    best = fit(samples, config)
    generator = np.random.default_rng(0)
    for _ in range(20):
        factor = 1 + 0.02 * generator.standard_normal()
        shifted = best.mixture.means + 0.05 * generator.standard_normal(2)
        moved = replace(best.mixture, means=shifted, covariances=best.mixture.covariances * factor)
        penalty = 0.05 * np.trace(np.diag(data.variances) @ np.linalg.inv(moved.covariances[0]))
        assert average_log_likelihood(moved, samples) - penalty < best.trace.objectives[-1]


@every_family
def test_one_component_is_mean_and_covariance_of_the_samples(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(2, 3)
    found = fit(samples, FitConfig(1, covariance_type)).mixture
    expected = np.cov(samples.values.T, aweights=samples.weights, bias=True)
    if covariance_type in ("diag", "spherical"):
        expected = np.diag(np.diag(expected))
    if covariance_type == "spherical":
        expected = np.trace(expected) / 3 * np.eye(3)
    np.testing.assert_array_equal(found.weights, [1.0])
    np.testing.assert_allclose(found.means[0], _mean(samples))
    np.testing.assert_allclose(found.covariances[0], expected, rtol=1e-6, atol=1e-12)


@every_family
@every_init
def test_far_clusters_are_found(init: Init, covariance_type: CovarianceType) -> None:
    samples, labels = blobs(3, 2)
    found = fit(samples, FitConfig(3, covariance_type, init, restarts=8))
    order = np.argsort(found.mixture.means[:, 0])
    assert found.trace.converged
    np.testing.assert_array_equal(predict(reorder(found.mixture, order), samples.values), labels)


# ---- what may not matter -------------------------------------------------------------------------------------------


def labels_from_low_to_high(found: Fit, values: Floats) -> Labels:
    """Return the labels of samples, the components counted by the mean of their first feature."""
    return predict(reorder(found.mixture, np.argsort(found.mixture.means[:, 0])), values)


@settings(max_examples=60, deadline=None)
@given(any_samples(), st.data(), FAMILIES, st.sampled_from(INITS), st.integers(-20, 20))
def test_a_scale_that_is_a_power_of_two_scales_a_start_and_a_step_to_the_last_bits(
    samples: Samples, data: st.DataObject, covariance_type: CovarianceType, init: Init, exponent: int
) -> None:
    assume(np.ptp(samples.values, axis=0).any())  # features that are all constant have no scale; they take 1
    config = FitConfig(data.draw(some_components(samples)), covariance_type, init)
    scale = 2.0**exponent
    one, other = (
        prepare_samples(samples, COVARIANCE_FLOOR),
        prepare_samples(Samples(samples.values * scale, samples.weights), COVARIANCE_FLOOR),
    )
    starts = [initialize(data, config, np.random.default_rng(0)) for data in (one, other)]
    all_alike = [Mixture(np.ones(1), data.origin[None], np.diag(data.variances)[None]) for data in (one, other)]
    steps = [m_step(e_step(data, m), covariance_type) for data, m in zip((one, other), all_alike, strict=True)]
    for plain, scaled in (starts, steps):
        unit = scale * np.sqrt(one.variances)
        np.testing.assert_array_equal(scaled.weights, plain.weights)
        np.testing.assert_allclose((scaled.means - scale * plain.means) / unit, 0, atol=1e-12)
        np.testing.assert_allclose(
            (scaled.covariances - scale**2 * plain.covariances) / np.outer(unit, unit), 0, atol=1e-12
        )


@pytest.mark.slow
@every_family
@every_init
@pytest.mark.parametrize(
    ("scales", "shifts"), [((1e-6, 1e-6), (0, 0)), ((1e6, 1e6), (0, 0)), ((1, 1), (1e5, -1e5)), ((3e4, 3e4), (-7, 1e9))]
)
def test_scale_and_shift_of_the_features_change_no_label(
    init: Init, covariance_type: CovarianceType, scales: tuple[float, ...], shifts: tuple[float, ...]
) -> None:
    samples, _ = blobs(3, 2, distance=8.0)
    config = FitConfig(3, covariance_type, init)
    moved = Samples(samples.values * scales + shifts, samples.weights)
    one, other = fit(samples, config), fit(moved, config)
    expected = labels_from_low_to_high(one, samples.values)
    np.testing.assert_array_equal(labels_from_low_to_high(other, moved.values), expected)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
@every_init
def test_the_unit_of_each_feature_changes_no_label(init: Init, covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=8.0)
    config = FitConfig(3, covariance_type, init)
    moved = Samples(samples.values * [1e-3, 1e5], samples.weights)
    one, other = fit(samples, config), fit(moved, config)
    expected = labels_from_low_to_high(one, samples.values)
    np.testing.assert_array_equal(labels_from_low_to_high(other, moved.values), expected)


@every_family
def test_the_order_of_the_samples_does_not_matter(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=4.0)
    order = np.random.default_rng(1).permutation(len(samples.weights))
    shuffled = Samples(samples.values[order], samples.weights[order])
    config, start = FitConfig(3, covariance_type, max_iterations=30), some_mixture(3, 2, covariance_type)
    assert_same_mixture(fit(shuffled, config, start).mixture, fit(samples, config, start).mixture)


@pytest.mark.slow
@every_family
@every_init
def test_the_same_seed_gives_the_same_bits(init: Init, covariance_type: CovarianceType) -> None:
    samples, _ = blobs(4, 3, distance=3.0)
    config = FitConfig(4, covariance_type, init, seed=7)
    one, other = fit(samples, config), fit(samples, config)
    assert one.mixture.means.tobytes() == other.mixture.means.tobytes()
    assert one.mixture.covariances.tobytes() == other.mixture.covariances.tobytes()
    assert one.trace.objectives.tobytes() == other.trace.objectives.tobytes()


@every_init
def test_different_seeds_may_differ(init: Init) -> None:
    samples, _ = blobs(5, 2, distance=1.5)
    ends = {fit(samples, FitConfig(4, init=init, restarts=1, seed=seed)).trace.objectives[-1] for seed in range(5)}
    assert len(ends) > 1


def test_samples_and_start_are_left_as_they_were() -> None:
    samples, _ = blobs(3, 2)
    start = some_mixture(3, 2)
    for array in (samples.values, samples.weights, start.weights, start.means, start.covariances):
        array.flags.writeable = False
    before = samples.values.copy()
    fit(samples, FitConfig(3))  # writing to any of them would raise
    predict(fit(samples, FitConfig(3), start).mixture, samples.values)
    np.testing.assert_array_equal(samples.values, before)


# ---- restarts and the end of a fit ---------------------------------------------------------------------------------


@every_init
@pytest.mark.parametrize("n_each", [40, 700])
def test_more_restarts_only_add_to_those_before(init: Init, n_each: int) -> None:
    samples, _ = blobs(5, 2, distance=1.5, n_each=n_each)
    three, five = (fit(samples, FitConfig(4, init=init, restarts=restarts)).trace for restarts in (3, 5))
    assert three.screened == (n_each == 700)
    assert len(five.restarts) == 5
    np.testing.assert_allclose(five.restarts[:3], three.restarts, rtol=1e-13)  # screened ones share matrix products


@every_init
def test_the_best_restart_is_kept(init: Init) -> None:
    samples, _ = blobs(5, 2, distance=1.5)
    trace = fit(samples, FitConfig(4, init=init, restarts=6)).trace
    assert len(set(trace.restarts)) > 1
    assert trace.objectives[-1] == trace.restarts.max()


def test_a_given_start_is_the_only_one() -> None:
    samples, _ = blobs(3, 2)
    start = some_mixture(3, 2)
    trace = fit(samples, FitConfig(3, restarts=7, seed=1), start).trace
    assert len(trace.restarts) == 0
    assert trace.log_likelihoods[0] == pytest.approx(average_log_likelihood(start, samples))


@pytest.mark.parametrize("max_iterations", [1, 2, 5])
def test_a_fit_cut_short_says_so(max_iterations: int) -> None:
    samples, _ = blobs(5, 2, distance=1.5)
    trace = fit(samples, FitConfig(4, tolerance=1e-12, max_iterations=max_iterations)).trace
    assert trace.stop == "iteration limit"
    assert not trace.converged
    assert trace.n_iterations == max_iterations


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_a_fit_converges_at_the_first_step_that_gains_less_than_the_tolerance(tolerance: float) -> None:
    samples, _ = blobs(3, 2, distance=3.0)
    trace = fit(samples, FitConfig(3, tolerance=tolerance), some_mixture(3, 2)).trace
    gains = np.diff(trace.objectives)
    assert trace.stop == "converged"
    assert gains[-2] < tolerance
    assert (gains[:-2] >= tolerance).all()


def test_a_tighter_tolerance_reaches_a_higher_objective() -> None:
    samples, _ = blobs(3, 2, distance=3.0)
    loose, tight = (fit(samples, FitConfig(3, tolerance=t), some_mixture(3, 2)).trace for t in (1e-2, 1e-8))
    assert tight.n_iterations > loose.n_iterations
    assert tight.objectives[-1] > loose.objectives[-1]


# ---- degenerate samples --------------------------------------------------------------------------------------------


@every_family
@every_init
@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("n_samples", [1, 5])
def test_samples_that_are_all_equal_are_one_component(
    init: Init, covariance_type: CovarianceType, n_features: int, n_samples: int
) -> None:
    samples = Samples(np.full((n_samples, n_features), 0.1), np.full(n_samples, 2.0))
    found = fit(samples, FitConfig(1, covariance_type, init))
    assert_sound(found, 1)
    assert found.trace.collapsed == ()  # they spread nowhere, so no component can lack what the data has
    np.testing.assert_allclose(found.mixture.means, 0.1)
    np.testing.assert_array_equal(predict(found.mixture, samples.values), np.ones(n_samples))


@every_family
@every_init
@pytest.mark.parametrize("n_features", [1, 3])
def test_two_points_are_two_collapsed_components(init: Init, covariance_type: CovarianceType, n_features: int) -> None:
    samples = Samples(np.array([[0.2] * n_features, [0.8] * n_features]), np.array([3.0, 1.0]))
    found = fit(samples, FitConfig(2, covariance_type, init, restarts=8))
    assert_sound(found, 2)
    assert found.trace.n_died == 0
    assert found.trace.collapsed == (1, 2)
    np.testing.assert_allclose(sorted(found.mixture.weights), [0.25, 0.75])
    assert len(set(predict(found.mixture, samples.values))) == 2


@every_family
def test_a_collapsed_component_is_distinguished_from_a_broad_one(covariance_type: CovarianceType) -> None:
    broad = np.random.default_rng(0).standard_normal((50, 2))
    samples = Samples(np.concatenate([broad, np.full((1, 2), 50.0)]), np.append(np.ones(50), 20.0))
    found = fit(samples, FitConfig(2, covariance_type))
    point = 1 + int(found.mixture.means[:, 0].argmax())
    assert found.trace.collapsed == (() if covariance_type == "tied" else (point,))
    narrow = blobs(2, 2, distance=3000.0)[0]  # variances of some 1e-7 of that of all, but a hundred times the floor
    assert fit(narrow, FitConfig(2, covariance_type)).trace.collapsed == ()


@every_family
@every_init
def test_constant_features_are_no_obstacle(init: Init, covariance_type: CovarianceType) -> None:
    blob, labels = blobs(2, 1)
    samples = Samples(np.column_stack([np.full(80, 0.1), blob.values[:, 0], np.full(80, -3.0)]), blob.weights)
    found = fit(samples, FitConfig(2, covariance_type, init, restarts=8))
    assert_sound(found, 2)
    order = np.argsort(found.mixture.means[:, 1])
    np.testing.assert_array_equal(predict(reorder(found.mixture, order), samples.values), labels)


@every_family
@every_init
@pytest.mark.parametrize("n_samples", [2, 5, 9])
def test_as_many_components_as_samples(init: Init, covariance_type: CovarianceType, n_samples: int) -> None:
    values = np.random.default_rng(n_samples).standard_normal((n_samples, 2))
    assert_sound(fit(Samples(values, np.ones(n_samples)), FitConfig(n_samples, covariance_type, init)), n_samples)


@every_family
@every_init
def test_a_far_outlier_leaves_everything_finite(init: Init, covariance_type: CovarianceType) -> None:
    blob, _ = blobs(2, 2)
    samples = Samples(np.concatenate([blob.values, [[1e7, -1e7]]]), np.append(blob.weights, 1.0))
    found = fit(samples, FitConfig(3, covariance_type, init))
    assert_sound(found, 3)
    labels = predict(found.mixture, samples.values)
    if init == "k-means++":  # seeds the outlier; a random start may share it out and stay there
        assert labels[-1] not in labels[:-1]


@every_family
def test_a_component_that_explains_nothing_is_removed_and_counted(covariance_type: CovarianceType) -> None:
    samples, labels = blobs(2, 2)
    means = np.array([[12.0, 12.0], [1e4, -1e4], [24.0, 24.0]])
    start = Mixture(np.full(3, 1 / 3), means, np.broadcast_to(np.eye(2), (3, 2, 2)), covariance_type)
    found = fit(samples, FitConfig(3, covariance_type), start)
    assert_sound(found, 3)
    assert found.trace.n_died == 1
    np.testing.assert_array_equal(predict(found.mixture, samples.values), labels)


def fit_with_a_death() -> FitTrace:
    """Return how a fit to three points went in which two of three components die, one of a share of 0.4 samples."""
    samples = Samples(np.array([[2.34], [-3.309], [1.812]]), np.ones(3))
    covariances = np.array([3.978, 0.429, 1.973])[:, None, None]
    start = Mixture(np.array([0.43, 0.372, 0.198]), np.array([[-0.179], [-4.492], [-2.361]]), covariances)
    found = fit(samples, FitConfig(3, tolerance=1e-6), start)
    assert found.trace.n_died > 0
    return found.trace


def test_the_death_of_a_component_costs_no_more_than_rounding() -> None:
    assert np.diff(fit_with_a_death().objectives).min() >= -1e-6


def test_the_death_of_a_component_is_not_mistaken_for_convergence() -> None:
    trace = fit_with_a_death()
    assert trace.converged
    assert abs(np.diff(trace.objectives)[-2:]).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(any_samples(), st.data(), FAMILIES, st.integers(0, 9))
def test_a_fit_from_any_start_counts_its_dead(
    samples: Samples, data: st.DataObject, covariance_type: CovarianceType, seed: int
) -> None:
    n_components = data.draw(some_components(samples))
    unit = float(np.ptp(samples.values)) or 1.0
    start = some_mixture(n_components, samples.values.shape[1], covariance_type, seed=seed)
    means = samples.values.mean(axis=0) + 10 * unit * start.means
    start = replace(start, means=means, covariances=start.covariances * (0.1 * unit) ** 2)
    assert_sound(fit(samples, FitConfig(n_components, covariance_type, max_iterations=20), start), n_components)


# ---- values --------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)))
def test_reordered_moves_every_array_and_every_number_alike(order: list[int]) -> None:
    mixture = some_mixture(4, 2)
    trace = FitTrace(np.zeros(2), np.zeros(2), "converged", np.zeros(1), False, 0, (1, 3), (1, 2, 3, 4), -1.0)
    found = Fit(mixture, trace).reordered(np.array(order))
    for new, old in enumerate(order):
        assert found.mixture.weights[new] == mixture.weights[old]
        np.testing.assert_array_equal(found.mixture.means[new], mixture.means[old])
        np.testing.assert_array_equal(found.mixture.covariances[new], mixture.covariances[old])
    assert found.trace.collapsed == tuple(sorted(1 + order.index(k - 1) for k in (1, 3)))


OUT_OF_RANGE: list[tuple[str, Any]] = [
    ("n_components", 0),
    ("n_components", -1),
    ("covariance_type", "ful"),
    ("covariance_type", ""),
    ("init", "kmeans"),
    ("restarts", 0),
    ("tolerance", 0.0),
    ("tolerance", -1e-4),
    ("tolerance", float("nan")),
    ("tolerance", float("inf")),
    ("max_iterations", 0),
    ("covariance_floor", 9e-13),
    ("covariance_floor", 1.1),
    ("covariance_floor", float("nan")),
    ("seed", -1),
    ("seed", True),
    ("n_components", 2.5),
    ("tolerance", "small"),
    ("acceleration", 1),
    ("robust_scale", 1),
    ("error_variance", -1.0),
    ("error_variance", float("inf")),
    ("noise", "yes"),
    ("method", "kmeans"),
    ("threshold", 1.0),
    ("threshold", -0.1),
    ("threshold", 0.5),  # without hard EM
]


@pytest.mark.parametrize(("option", "value"), OUT_OF_RANGE)
def test_an_option_outside_its_range_is_refused_by_name(option: str, value: object) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(InvalidArgumentError) as caught:
        FitConfig(**options)
    assert caught.value.argument == option
    assert "give" in caught.value.problem


def test_every_option_has_a_value_outside_its_range() -> None:
    assert {option for option, _ in OUT_OF_RANGE} == {field.name for field in fields(FitConfig)}


# ---- errors --------------------------------------------------------------------------------------------------------


def _tree(kind: type[SegmenterError]) -> list[type[SegmenterError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _tree(child))]


ERRORS = [kind for kind in _tree(SegmenterError) if kind.__module__.startswith(errors.__name__)]
every_error = pytest.mark.parametrize("kind", ERRORS)


def _data(kind: type[SegmenterError]) -> dict[str, Any]:
    """Return a value for each field of an error."""
    hints = get_type_hints(kind)
    examples: dict[Any, Any] = {
        str: "some text",
        str | None: "some text",
        int: 12345,
        int | None: 12345,
        float: 0.5,
        tuple[int, ...]: (3, 4),
        tuple[str, ...]: ("some text", "more text"),
        tuple[int, int]: (12, 34),
        tuple[int, int, int, int]: (12, 34, 56, 78),
    }
    return {name: examples[hints[name]] for name in kind.fields}


@every_error
def test_an_error_survives_the_way_between_processes(kind: type[SegmenterError]) -> None:
    error = kind(*_data(kind).values())
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is kind
    assert vars(arrived) == vars(error) == _data(kind)
    assert str(arrived) == str(error)


def test_errors_are_made_of_their_data_and_of_nothing_else() -> None:
    assert len(ERRORS) > 30
    assert str(errors.OutputExistsError("a")) == str(errors.OutputExistsError(path="a", reason="it exists"))
    for values, named in (((), {}), (("a",), {"path": "b"}), (("a",), {"unknown": 1}), (("a", "b", 1, "c", (), 2), {})):
        with pytest.raises(TypeError, match="OutputExistsError takes path, reason, n_more, remedy, stale"):
            errors.OutputExistsError(*values, **named)


@every_error
def test_an_error_made_by_keywords_survives_as_well(kind: type[SegmenterError]) -> None:
    arrived = pickle.loads(pickle.dumps(kind(**_data(kind))))
    assert vars(arrived) == _data(kind)


@every_error
def test_an_error_message_is_one_line(kind: type[SegmenterError]) -> None:
    text = str(kind(*_data(kind).values()))
    assert "\n" not in text
    if "some text" in _data(kind).values():
        assert "some text" in text


def test_a_negligible_density_is_too_small_to_count_and_too_large_to_be_subnormal() -> None:
    smallest, info = np.exp(LOG_ZERO_RATIO), np.finfo(np.float64)
    assert smallest * 2**16 < info.eps * DEAD_SHARE  # even that of all components together
    assert smallest / MAX_SAFE >= info.tiny * (1 - 1e-9)


@given(st.integers(2, 300), st.integers(0, 9))
@settings(max_examples=20)
def test_many_components_far_apart_share_the_samples_as_direct_sums_say(n_components: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    means = generator.uniform(-1, 1, (n_components, 3))
    values = np.concatenate([means, means[generator.integers(0, n_components, 50)] + 0.01])
    samples = Samples(values, generator.integers(1, 9, len(values)).astype(np.float64))
    covariances = np.tile(1e-4 * np.eye(3), (n_components, 1, 1))
    mixture = Mixture(np.full(n_components, 1 / n_components), means, covariances, "full")
    statistics = e_step(prepare_samples(samples, 1e-12), mixture)
    mass = responsibilities(mixture, values).T @ samples.weights
    np.testing.assert_allclose(statistics.mass, mass, rtol=1e-9, atol=1e-12)


# ---- progress ------------------------------------------------------------------------------------------------------


@given(any_samples(), st.integers(1, 3), st.integers(0, 3))
def test_whoever_waits_is_told_of_every_m_step_and_changes_nothing(
    samples: Samples, n_components: int, seed: int
) -> None:
    assume(len(samples.values) >= n_components)
    config = FitConfig(n_components, restarts=1, seed=seed)
    calls: list[None] = []
    drawn = fit(samples, config, on_iteration=lambda: calls.append(None))
    assert len(calls) >= drawn.trace.n_iterations
    np.testing.assert_array_equal(drawn.mixture.means, fit(samples, config).mixture.means)
    calls.clear()
    assert fit(samples, config, drawn.mixture, on_iteration=lambda: calls.append(None)).trace.n_iterations == len(calls)


def test_the_screening_tells_of_its_iterations_too() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 2))
    values[::2] += 4
    calls: list[None] = []
    found = fit(Samples(values, np.ones(len(values))), FitConfig(3), on_iteration=lambda: calls.append(None))
    assert found.trace.screened
    assert len(calls) > found.trace.n_iterations


# ---- samples with an error -----------------------------------------------------------------------------------------


def test_an_error_of_the_samples_adds_to_the_covariance() -> None:
    values = np.random.default_rng(0).normal(size=(500, 2)) * [3, 1]
    exact, blurred = (fit(Samples(values), FitConfig(1), error=error).mixture for error in (0.0, 0.2))
    np.testing.assert_allclose(blurred.means, exact.means, atol=1e-12)
    variance = 0.2**2 * values.var(axis=0).mean()
    np.testing.assert_allclose(blurred.covariances[0], exact.covariances[0] + variance * np.eye(2), rtol=1e-6)


def test_samples_on_a_line_among_others_make_no_component_collapse_if_they_have_an_error() -> None:
    generator = np.random.default_rng(1)
    line = np.repeat(generator.normal(0.5, 0.2, (3000, 1)), 3, axis=1)
    samples = Samples(np.concatenate([line, generator.normal(0.5, 0.2, (3000, 3))]))
    assert fit(samples, FitConfig(2)).trace.verdict == "degenerate"
    assert fit(samples, FitConfig(2), error=0.1).trace.verdict == "converged"
