"""From the same start, EM ends where that of scikit-learn does, in as many steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from segmenter.arrays import Floats, Samples
from segmenter.mixture.config import COVARIANCE_TYPES, CovarianceType, FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.inference import predict
from segmenter.mixture.model import Mixture
from tests.support.scenes import blobs, family_covariances, repeated

TOLERANCE = 1e-6
every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
every_dimension = pytest.mark.parametrize("n_features", [1, 2, 3])


def off_start(samples: Samples, n_components: int, covariance_type: CovarianceType) -> Mixture:
    """Return a start some way off: means at spread samples, wide covariances, uneven weights."""
    n_features = samples.values.shape[1]
    order = np.argsort(samples.values[:, 0])
    places = np.linspace(0.1, 0.8, n_components) * (len(order) - 1)
    weights = np.arange(1.0, n_components + 1)
    weights /= weights.sum()
    scatter = np.full((n_components, n_features, n_features), 0.5) + 3 * np.eye(n_features)
    scatter *= np.linspace(1, 2, n_components)[:, None, None]
    shaped = family_covariances(scatter, weights, covariance_type)
    return Mixture(weights, samples.values[order[places.astype(np.intp)]], shaped, covariance_type)


def in_their_shape(matrices: Floats, covariance_type: CovarianceType) -> Floats:
    """Return covariances (K, D, D), or their inverses, in the shape that scikit-learn keeps for the family."""
    diagonals = matrices.diagonal(axis1=1, axis2=2)
    shapes: dict[CovarianceType, Floats] = {
        "full": matrices,
        "tied": matrices[0],
        "diag": diagonals,
        "spherical": diagonals[:, 0],
    }
    return shapes[covariance_type]


def their_fit(samples: Samples, start: Mixture, tolerance: float = TOLERANCE, max_iterations: int = 500) -> Any:
    theirs = GaussianMixture(
        start.n_components,
        covariance_type=start.covariance_type,
        tol=tolerance,
        reg_covar=0,
        max_iter=max_iterations,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=in_their_shape(np.asarray(np.linalg.inv(start.covariances)), start.covariance_type),
    )
    return theirs.fit(repeated(samples).values)


def our_config(start: Mixture, max_iterations: int = 500) -> FitConfig:
    return FitConfig(
        start.n_components,
        start.covariance_type,
        tolerance=TOLERANCE,
        max_iterations=max_iterations,
        covariance_floor=1e-12,
    )


@pytest.mark.slow
@every_family
@every_dimension
@pytest.mark.parametrize(("n_components", "distance"), [(1, 8.0), (2, 6.0), (3, 8.0), (4, 6.0)])
def test_the_fit_is_that_of_scikit_learn(
    covariance_type: CovarianceType, n_features: int, n_components: int, distance: float
) -> None:
    samples, _ = blobs(n_components, n_features, distance=distance, seed=n_features)
    start = off_start(samples, n_components, covariance_type)
    ours, theirs = fit(samples, our_config(start), start), their_fit(samples, start)
    mixture, trace = ours.mixture, ours.trace
    assert trace.converged
    assert theirs.converged_
    assert trace.n_iterations == theirs.n_iter_
    assert trace.log_likelihoods[-1] == pytest.approx(theirs.score(repeated(samples).values), abs=1e-6)
    np.testing.assert_allclose(mixture.weights, theirs.weights_, rtol=1e-6)
    np.testing.assert_allclose(mixture.means, theirs.means_, rtol=1e-6)
    expected = theirs.covariances_
    atol = 1e-6 * np.abs(expected).max()
    np.testing.assert_allclose(in_their_shape(mixture.covariances, covariance_type), expected, rtol=1e-6, atol=atol)
    np.testing.assert_array_equal(predict(mixture, samples.values), 1 + theirs.predict(samples.values))


@every_family
def test_every_step_is_that_of_scikit_learn(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=4.0)
    start = off_start(samples, 3, covariance_type)
    trace = fit(samples, our_config(start), start).trace
    assert trace.n_iterations > 5
    for n_steps in range(1, 6):
        with pytest.warns(UserWarning, match="did not converge"):
            theirs = their_fit(samples, start, tolerance=1e-300, max_iterations=n_steps)
        score = theirs.score(repeated(samples).values)
        assert trace.log_likelihoods[n_steps] == pytest.approx(score, abs=1e-9)


@every_family
def test_the_mixture_that_is_found_is_as_likely_as_the_best_of_scikit_learn(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=8.0)
    ours = fit(samples, FitConfig(3, covariance_type, tolerance=1e-8))
    theirs = GaussianMixture(3, covariance_type=covariance_type, tol=1e-8, reg_covar=0, n_init=5, random_state=0)
    theirs.fit(repeated(samples).values)
    assert ours.trace.log_likelihoods[-1] == pytest.approx(theirs.score(repeated(samples).values), abs=1e-5)
