"""A few far outliers leave the rest of a fit as it is without them: scale, origin, starts and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.bulk import find_bulk
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, CovarianceType, FitConfig, Init
from segmenter.mixture.data import PreparedSamples, measure_features, prepare_samples
from segmenter.mixture.e_step import e_step
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import predict, score_samples
from segmenter.mixture.lazy_samples import LazySamples
from segmenter.mixture.model import Mixture
from segmenter.mixture.screening import build_screening_subset
from tests.support.scenes import average_log_likelihood, blobs, log_joint

FLOOR = 1e-9
every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def with_outlier(distance: float, n_features: int = 2, *, weight: float = 1.0) -> tuple[Samples, Labels]:
    """Return three far clusters and, as the last sample, an outlier; and the cluster of each of the others."""
    samples, labels = blobs(3, n_features)
    values = np.vstack([samples.values, np.full(n_features, distance)])
    return Samples(values, np.append(samples.weights, weight)), labels


def assert_clusters_found(found: Fit, samples: Samples, labels: Labels) -> None:
    """Check that each cluster has a component of its own, and the outlier, the last sample, another."""
    predicted = predict(found.mixture, samples.values)
    assert len(set(zip(predicted[:-1], labels, strict=True))) == len(set(labels))
    assert predicted[-1] not in predicted[:-1]


# ---- fits ----------------------------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("n_features", [1, 2, 20])
def test_one_outlier_costs_one_component_and_nothing_else(covariance_type: CovarianceType, n_features: int) -> None:
    samples, labels = with_outlier(1e7, n_features)
    found = fit(samples, FitConfig(4, covariance_type))
    assert_clusters_found(found, samples, labels)
    bulk = Samples(samples.values[:-1], samples.weights[:-1])
    alone = fit(bulk, FitConfig(3, covariance_type)).mixture
    order = np.argsort(found.mixture.means[:, 0])[:3]
    np.testing.assert_allclose(found.mixture.means[order], alone.means[np.argsort(alone.means[:, 0])], rtol=1e-4)
    expected = alone.covariances[np.argsort(alone.means[:, 0])]
    if covariance_type != "tied":  # where the outlier counts as a sample without spread
        np.testing.assert_allclose(found.mixture.covariances[order], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_random_starts_have_the_size_of_the_bulk(covariance_type: CovarianceType) -> None:
    samples, labels = with_outlier(1e7)
    assert_clusters_found(fit(samples, FitConfig(4, covariance_type, "random", restarts=8)), samples, labels)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize("distance", [1e5, -1e9, 1e12, -1e50, 1e100])
def test_the_distance_of_the_outlier_does_not_matter(covariance_type: CovarianceType, distance: float) -> None:
    samples, labels = with_outlier(distance)
    found = fit(samples, FitConfig(4, covariance_type))
    assert_clusters_found(found, samples, labels)
    assert found.trace.verdict == "converged"
    expected = average_log_likelihood(found.mixture, samples)
    assert found.trace.log_likelihoods[-1] == pytest.approx(expected, abs=1e-6)


@every_family
def test_an_outlier_of_the_weight_of_several_samples(covariance_type: CovarianceType) -> None:
    samples, labels = with_outlier(1e7, weight=8.0)
    assert_clusters_found(fit(samples, FitConfig(4, covariance_type)), samples, labels)


@every_family
def test_a_feature_that_is_constant_but_for_an_outlier(covariance_type: CovarianceType) -> None:
    samples, labels = with_outlier(12.0)
    column = np.append(np.full(len(labels), 3.0), 1e9)
    samples = Samples(np.column_stack([samples.values, column]), samples.weights)
    assert_clusters_found(fit(samples, FitConfig(4, covariance_type)), samples, labels)


@every_family
def test_an_outlier_beside_missing_values(covariance_type: CovarianceType) -> None:
    samples, labels = with_outlier(1e7, 3)
    values = samples.values.copy()
    values[::7, 1] = values[-1, 2] = np.nan
    samples = Samples(values, samples.weights)
    assert_clusters_found(fit(samples, FitConfig(4, covariance_type, restarts=8)), samples, labels)


def test_outliers_of_very_different_sizes_each_take_a_component() -> None:
    samples, labels = blobs(3, 2)
    outliers = [[1e30, 0.0], [-1e12, 5.0], [3.0, 1e6]]
    both = Samples(np.vstack([samples.values, outliers]), np.append(samples.weights, np.ones(3)))
    found = fit(both, FitConfig(6, restarts=8))
    predicted = predict(found.mixture, both.values)
    assert len(set(zip(predicted[:-3], labels, strict=True))) == 3
    assert len(set(predicted)) == 6


def test_starts_are_not_screened_on_a_few_samples_which_would_miss_the_outlier() -> None:
    samples, labels = blobs(3, 2, n_each=6000)
    both = Samples(np.vstack([samples.values, [[1e7, -1e7]]]), np.append(samples.weights, 1.0))
    assert build_screening_subset(prepare_samples(samples, FLOOR), FitConfig(4)) is not None
    found = fit(both, FitConfig(4, restarts=2))
    assert not found.trace.screened
    assert_clusters_found(found, both, labels)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(COVARIANCE_TYPES),
    st.sampled_from(INITS),
    st.lists(st.tuples(st.integers(-3, 100), st.booleans()), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(0, 9),
)
def test_fits_with_any_outliers_are_finite(
    covariance_type: CovarianceType, init: Init, outliers: list[tuple[int, bool]], n_features: int, seed: int
) -> None:
    samples, _ = blobs(3, n_features, seed=seed)
    far = np.array([(-1 if is_negative else 1) * 10.0**exponent for exponent, is_negative in outliers])
    rows = far[:, None] * np.linspace(1, -1, n_features)
    both = Samples(np.vstack([samples.values, rows]), np.append(samples.weights, np.ones(len(rows))))
    found = fit(both, FitConfig(4, covariance_type, init, restarts=1, seed=seed))
    assert np.isfinite(found.trace.objectives).all()
    assert np.isfinite(found.trace.log_likelihoods).all()
    assert np.isfinite(score_samples(found.mixture, samples.values)).all()


# ---- the bulk ------------------------------------------------------------------------------------------------------


def prepared(values: Floats, weights: Floats | None = None) -> PreparedSamples:
    return prepare_samples(Samples(values, np.ones(len(values)) if weights is None else weights), FLOOR)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 99), st.floats(1e6, 1e90), st.integers(-30, 30))
def test_origin_and_scale_are_those_without_the_outlier_in_any_unit(seed: int, distance: float, exponent: int) -> None:
    values = np.random.default_rng(seed).standard_normal((200, 3)) * [1, 100, 1e-3]
    row = values.mean(axis=0)
    row[1] = distance
    unit = 2.0**exponent
    whole, without = prepared(unit * np.vstack([values, row])), prepared(unit * values)
    np.testing.assert_allclose(whole.origin, without.origin, atol=unit * 1e-9)
    np.testing.assert_allclose(whole.variances, without.variances, rtol=0.01)
    assert whole.floor_growth is not None
    np.testing.assert_array_equal(whole.floor_growth > 0, [False, True, False])


def two_valued(generator: np.random.Generator) -> Floats:
    return (generator.random((5000, 1)) < 0.001).astype(np.float64)


def heavy_tailed(generator: np.random.Generator) -> Floats:
    return np.exp(2 * generator.standard_normal((5000, 2)))


def uniform(generator: np.random.Generator) -> Floats:
    return generator.integers(0, 256, (5000, 3)) / 255


@pytest.mark.parametrize("draw", [two_valued, heavy_tailed, uniform])
@pytest.mark.parametrize("seed", range(5))
def test_samples_without_far_outliers_are_left_alone(draw: object, seed: int) -> None:
    assert callable(draw)
    values = draw(np.random.default_rng(seed))
    data = prepared(values)
    assert data.floor_growth is None
    np.testing.assert_allclose(data.variances, values.var(axis=0))
    np.testing.assert_array_equal(data.bulk_covariance, data.covariance)


def test_without_a_robust_scale_nothing_is_searched() -> None:
    samples, _ = with_outlier(1e7)
    data = prepare_samples(samples, FLOOR, robust_scale=False)
    assert data.floor_growth is None
    assert (data.variances > 1e10).all()
    plain, robust = (fit(samples, FitConfig(4, robust_scale=choice)).mixture for choice in (False, True))
    assert predict(plain, samples.values[:-1]).max() - predict(plain, samples.values[:-1]).min() < 3
    assert plain.covariances.min() != robust.covariances.min()


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows as lazy samples have them."""

    values: Floats

    @property
    def shape(self) -> tuple[int, int]:
        return (len(self.values), self.values.shape[1])

    def __getitem__(self, rows: slice | NDArray[np.intp], /) -> Floats:
        return np.asarray(self.values[rows])


def test_lazy_samples_have_the_same_bulk() -> None:
    samples, _ = with_outlier(1e9)
    eager, lazy = (
        prepare_samples(each, FLOOR) for each in (samples, LazySamples(Stored(samples.values), samples.weights))
    )
    for name in ("origin", "variances", "covariance", "bulk_covariance", "floor_growth"):
        np.testing.assert_allclose(getattr(lazy, name), getattr(eager, name), rtol=1e-9)
    mixture = Mixture(np.ones(1), eager.origin[None], np.diag(eager.variances)[None])
    np.testing.assert_allclose(e_step(lazy, mixture).sums, e_step(eager, mixture).sums, rtol=1e-9)


def test_outliers_beyond_the_range_of_float64_are_refused() -> None:
    values = np.append(np.linspace(-1e-90, 1e-90, 50), 1e100)[:, None]
    with pytest.raises(InvalidArgumentError, match=r"feature 0 .* leave these samples out"):
        fit(Samples(values), FitConfig(2))


def test_a_bulk_has_the_moments_of_its_values() -> None:
    values = np.append(np.linspace(-1, 1, 99), 1e6)[:, None]
    weights = np.append(np.linspace(1, 2, 99), 3.0)
    whole = prepared(values, weights)
    inner = prepared(values[:-1], weights[:-1])
    np.testing.assert_allclose(whole.origin, inner.origin)
    np.testing.assert_allclose(whole.variances, inner.variances)
    moments = measure_features((values[:-1] - inner.origin).T, weights[:-1], inner.origin)
    assert find_bulk(values[:-1], weights[:-1], moments) is None


# ---- densities -----------------------------------------------------------------------------------------------------


def test_densities_are_exact_wherever_the_means_are() -> None:
    mixture = Mixture(
        np.array([0.4, 0.3, 0.2999, 1e-4]),
        np.array([[0.0, 0.0], [8.0, 1.0], [-3.0, 7.0], [1e12, -1e15]]),
        np.array([np.eye(2), [[2.0, 0.5], [0.5, 1.0]], 3 * np.eye(2), 1e6 * np.eye(2)]),
    )
    values = 5 * np.random.default_rng(0).standard_normal((100, 2))
    joint = log_joint(mixture, values)
    np.testing.assert_allclose(score_samples(mixture, values), np.logaddexp.reduce(joint, axis=1), rtol=1e-10)
    np.testing.assert_array_equal(predict(mixture, values), 1 + joint.argmax(axis=1))
    assert predict(mixture, np.array([[1e12, -1e15]])) == 4
