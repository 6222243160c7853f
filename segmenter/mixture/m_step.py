"""The M-step: the mixture that explains the expected statistics best, for each covariance family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.gaussian import Mixture, inverse_factors
from segmenter.mixture.statistics import SufficientStatistics

ROUNDING = 64 * np.finfo(np.float64).eps
"""Relative error that the second moments may have gathered."""


@dataclass(frozen=True, eq=False)
class NormalInverseWishart:
    """The conjugate prior on the mean and the covariance of every component (Murphy 2012, section 4.6.3).

    p(μ, Σ) ∝ |Σ|^−(ν+D+2)/2 exp(−½ tr(Ψ Σ⁻¹) − ½ κ (μ − m)ᵀ Σ⁻¹ (μ − m))
    """

    mean: Floats  # (D,), m
    mean_weight: float  # κ, in samples, at least 0; 0 leaves the means free
    scale: Floats  # (D, D), Ψ, positive semi-definite; sum of squares, so units of the features squared × samples
    degrees: float  # ν, in samples; above −D − 2

    def log_density(self, mixture: Mixture) -> float:
        """Return the log density of the components of a mixture, up to a constant, in nats, summed over components."""
        inverse = inverse_factors(mixture.covariances)
        log_precisions = 2 * np.log(inverse.diagonal(axis1=1, axis2=2)).sum(axis=1)
        deviations = (inverse @ (mixture.means - self.mean)[:, :, None])[:, :, 0]
        trace = np.einsum("kij,jl,kil->k", inverse, self.scale, inverse)
        count = self.degrees + mixture.n_features + 2
        terms = count * log_precisions - trace - self.mean_weight * np.square(deviations).sum(axis=1)
        return 0.5 * float(terms.sum())


def m_step(
    statistics: SufficientStatistics,
    covariance_type: CovarianceType,
    *,
    prior: NormalInverseWishart | None = None,
    noise_log_density: float = 0.0,
    equal_weights: bool = False,
) -> Mixture:
    """Return the mixture of highest expected log posterior (Bishop 2006, eq. 9.24–9.26; Murphy 2012, section 11.4.2.8).

    Parameters
    ----------
    statistics : SufficientStatistics
        Every component has mass.
    covariance_type : {"full", "tied", "diag", "spherical"}
    prior : NormalInverseWishart, optional
    noise_log_density : float, nats
        Of the uniform component, if the statistics hold some noise.
    equal_weights : bool
        Make the weights equal, and let all components share their covariance: k-means.

    Returns
    -------
    Mixture
    """
    mass = statistics.mass
    total = mass.sum() + statistics.noise_mass
    weights = (np.full_like(mass, mass.mean()) if equal_weights else mass) / total
    averages = statistics.first / mass[:, None]
    squares = mass[:, None, None] * (averages[:, :, None] * averages[:, None, :])
    scatter = statistics.second - squares
    n_features = averages.shape[1]
    scatter[:, range(n_features), range(n_features)] += ROUNDING * squares.diagonal(axis1=1, axis2=2)
    means, counts = averages, mass
    if prior is not None:
        target = prior.mean - statistics.origin
        means = (statistics.first + prior.mean_weight * target) / (mass + prior.mean_weight)[:, None]
        pull = mass * prior.mean_weight / (mass + prior.mean_weight)
        gap = averages - target
        scatter += prior.scale + pull[:, None, None] * (gap[:, :, None] * gap[:, None, :])
        counts = mass + prior.degrees + n_features + 2
    return Mixture(
        weights,
        means + statistics.origin,
        covariances(scatter, counts, covariance_type, is_shared=equal_weights or covariance_type == "tied"),
        covariance_type,
        noise_weight=statistics.noise_mass / total,
        noise_log_density=noise_log_density,
    )


def covariances(scatter: Floats, counts: Floats, covariance_type: CovarianceType, *, is_shared: bool) -> Floats:
    """Return the covariances of a family that fit best to the scatter of each component.

    Parameters
    ----------
    scatter : ndarray of shape (K, D, D)
        Sum of (x − μ_k)(x − μ_k)ᵀ over the samples of component k.
    counts : ndarray of shape (K,)
        Samples of each component.
    covariance_type : {"full", "tied", "diag", "spherical"}
    is_shared : bool
        One covariance for all components.

    Returns
    -------
    ndarray of shape (K, D, D)
    """
    shape = scatter.shape
    if is_shared:
        scatter, counts = scatter.sum(axis=0, keepdims=True), counts.sum(keepdims=True)
    result = scatter / counts[:, None, None]
    if covariance_type in ("diag", "spherical"):
        variances = result.diagonal(axis1=1, axis2=2)
        if covariance_type == "spherical":
            variances = np.repeat(variances.mean(axis=1, keepdims=True), shape[1], axis=1)
        result = variances[:, :, None] * np.eye(shape[1])
    return np.broadcast_to(result, shape).copy() if is_shared else np.asarray(result)
