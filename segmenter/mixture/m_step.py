"""The M-step: the mixture that maximizes the expected log posterior, for each covariance family."""

from __future__ import annotations

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.gaussian import Mixture
from segmenter.mixture.prior import CovariancePrior
from segmenter.mixture.statistics import SufficientStatistics


def m_step(statistics: SufficientStatistics, prior: CovariancePrior, covariance_type: CovarianceType) -> Mixture:
    """Return the mixture of highest expected log posterior (Bishop 2006, eq. 9.24–9.26, plus the floor of the prior).

    Parameters
    ----------
    statistics : SufficientStatistics
        Every component has mass.
    prior : CovariancePrior
    covariance_type : {"full", "tied", "diag", "spherical"}

    Returns
    -------
    Mixture
    """
    mass = statistics.mass
    weights = mass / mass.sum()
    means = statistics.first / mass[:, None]
    scatter = statistics.second / mass[:, None, None] - means[:, :, None] * means[:, None, :]
    return Mixture(
        weights,
        means + statistics.origin,
        covariances(scatter, weights, prior, covariance_type),
        covariance_type,
    )


def covariances(scatter: Floats, weights: Floats, prior: CovariancePrior, covariance_type: CovarianceType) -> Floats:
    """Return the covariances of a family that fit best to the scatter of each component.

    Parameters
    ----------
    scatter : ndarray of shape (K, D, D)
        Mean of (x − μ_k)(x − μ_k)ᵀ over the samples of component k.
    weights : ndarray of shape (K,)
    prior : CovariancePrior
    covariance_type : {"full", "tied", "diag", "spherical"}

    Returns
    -------
    ndarray of shape (K, D, D)
        Positive definite.
    """
    n_features = scatter.shape[1]
    identity = np.eye(n_features)
    floor = prior.floor(weights)
    if covariance_type == "full":
        return scatter + floor[:, :, None] * identity
    if covariance_type == "tied":
        shared = np.tensordot(weights, scatter, axes=1) + np.diag(prior.strength * prior.variances)
        return np.broadcast_to(shared, scatter.shape).copy()
    variances = scatter.diagonal(axis1=1, axis2=2) + floor
    if covariance_type == "spherical":
        variances = np.repeat(variances.mean(axis=1, keepdims=True), n_features, axis=1)
    return variances[:, :, None] * identity
