"""The M-step: the mixture that fits the expected statistics best, for each covariance family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmenter.arrays import Floats
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.e_step import SufficientStatistics
from segmenter.mixture.model import ROUNDING, Mixture, inverse_factors
from segmenter.mixture.monomials import Terms


@dataclass(frozen=True, eq=False)
class NormalInverseWishart:
    """The conjugate prior on the mean and the covariance of every component (Murphy 2012, section 4.6.3).

    p(μ, Σ) ∝ |Σ|^−(ν+D+2)/2 exp(−½ tr(Ψ Σ⁻¹) − ½ κ (μ − m)ᵀ Σ⁻¹ (μ − m))

    Its mode is μ = m, Σ = Ψ / (ν + D + 2): the most probable component without any samples.

    Raises
    ------
    InvalidArgumentError
        A field is outside its range or has the wrong shape; it is named like ``prior.scale``.
    """

    mean: Floats  # (D,), m
    mean_weight: float  # κ, in samples, at least 0; 0 leaves the means free
    scale: Floats  # (D, D), Ψ, positive definite; a sum of squares: units of the features squared × samples
    degrees: float  # ν, in samples; above −D − 2

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first field outside its range."""
        mean, scale = np.asarray(self.mean, dtype=np.float64), np.asarray(self.scale, dtype=np.float64)
        if mean.ndim != 1 or not np.isfinite(mean).all():
            raise InvalidArgumentError("prior.mean", "must be D finite numbers")
        if not 0 <= self.mean_weight < np.inf:
            raise InvalidArgumentError("prior.mean_weight", f"is {self.mean_weight}; give a number from 0")
        if scale.shape != 2 * mean.shape or not np.isfinite(scale).all() or not np.allclose(scale, scale.T):
            raise InvalidArgumentError("prior.scale", f"must be a symmetric matrix of {len(mean)}×{len(mean)} numbers")
        if not -len(mean) - 2 < self.degrees < np.inf:
            raise InvalidArgumentError("prior.degrees", f"is {self.degrees}; give a number above {-len(mean) - 2}")
        try:
            inverse_factors(scale[None])
        except np.linalg.LinAlgError:
            raise InvalidArgumentError("prior.scale", "must be positive definite") from None

    def log_density(self, mixture: Mixture) -> float:
        """Return the log density of the components of a mixture, summed over them, less that of the mode; in nats.

        No component counts more than 0. So one that dies, and counts nothing any more, counts as it does at the mode,
        where its weight of 0 leaves it free to be: the objective does not fall.
        """
        count = self.degrees + mixture.n_features + 2
        mode = inverse_factors(self.scale[None] / count)
        inverse = mixture.inverse_factors
        deviations = (inverse @ (mixture.means - self.mean)[:, :, None])[:, :, 0]
        trace = np.einsum("kij,jl,kil->k", inverse, self.scale, inverse)
        log_precisions = 2 * (_log_diagonal(inverse) - _log_diagonal(mode))
        terms = count * (log_precisions + mixture.n_features) - trace
        return 0.5 * float((terms - self.mean_weight * np.square(deviations).sum(axis=1)).sum())


def _log_diagonal(factors: Floats) -> Floats:
    """Return the log determinant of each of some triangular matrices, (K,)."""
    return np.asarray(np.log(factors.diagonal(axis1=1, axis2=2)).sum(axis=1))


def m_step(
    statistics: SufficientStatistics,
    covariance_type: CovarianceType,
    *,
    prior: NormalInverseWishart | None = None,
    noise_sides: Floats | None = None,
    equal_weights: bool = False,
) -> Mixture:
    """Return the mixture of highest expected log posterior (Bishop 2006, eq. 9.24–9.26; Murphy 2012, section 11.4.2.8).

    Parameters
    ----------
    statistics : SufficientStatistics
        Of the E-step; every component has mass.
    covariance_type : {"full", "tied", "diag", "spherical"}
    prior : NormalInverseWishart, optional
    noise_sides : ndarray of shape (D,), optional
        Sides of the box that the uniform noise fills, if there is noise.
    equal_weights : bool
        Make the weights equal, and let all components share one covariance: k-means.

    Returns
    -------
    Mixture
    """
    mass = statistics.mass
    total = mass.sum() + statistics.noise_mass
    weights = (np.full_like(mass, mass.mean()) if equal_weights else mass) / total
    averages = statistics.first / mass[:, None]
    squares = weighted_squares(mass, averages, statistics.terms)
    scatter = statistics.second - squares
    n_features = averages.shape[1]
    if scatter.ndim == 3:
        scatter[:, range(n_features), range(n_features)] += ROUNDING * squares.diagonal(axis1=1, axis2=2)
    else:
        scatter += ROUNDING * squares
    means, counts = averages, mass
    if prior is not None:
        target = prior.mean - statistics.origin
        means = (statistics.first + prior.mean_weight * target) / (mass + prior.mean_weight)[:, None]
        pull = mass * prior.mean_weight / (mass + prior.mean_weight)
        gap = averages - target
        of_components = select_terms(prior.scale, len(mass), statistics.terms)
        scatter += of_components + weighted_squares(pull, gap, statistics.terms)
        counts = mass + prior.degrees + n_features + 2
    if statistics.terms == "norm":
        scatter = np.repeat(scatter / n_features, n_features, axis=1)
    return Mixture(
        weights,
        means + statistics.origin,
        fit_covariances(scatter, counts, covariance_type, is_shared=equal_weights or covariance_type == "tied"),
        covariance_type,
        noise_weight=statistics.noise_mass / total,
        noise_sides=noise_sides,
    )


def weighted_squares(scales: Floats, vectors: Floats, terms: Terms) -> Floats:
    """Return s_k v_k v_kᵀ, from scales (K,) and vectors (K, D), in the shape of `SufficientStatistics.second`."""
    if terms == "pairs":
        return np.asarray(scales[:, None, None] * (vectors[:, :, None] * vectors[:, None, :]))
    if terms == "shared":
        return (scales * vectors.T @ vectors)[None]
    squares = scales[:, None] * (vectors * vectors)
    return squares if terms == "squares" else squares.sum(axis=1, keepdims=True)


def select_terms(matrix: Floats, n_components: int, terms: Terms) -> Floats:
    """Return a matrix that all components have in common, (D, D), in a shape to add to `…Statistics.second`."""
    match terms:
        case "squares":
            return np.asarray(matrix.diagonal())
        case "norm":
            return np.asarray(matrix.trace())
        case "shared":
            return n_components * matrix
        case _:
            return matrix


def fit_covariances(scatter: Floats, counts: Floats, covariance_type: CovarianceType, *, is_shared: bool) -> Floats:
    """Return the covariances of a family that fit the scatter of each component best.

    Parameters
    ----------
    scatter : ndarray of shape (K, D, D)
        Sum of (x − μ_k)(x − μ_k)ᵀ over the samples of component k. Of shape (K, D), its diagonal, for "diag" and
        "spherical"; of shape (1, D, D), summed over the components, for a shared covariance.
    counts : ndarray of shape (K,)
        Mass of each component, in samples.
    covariance_type : {"full", "tied", "diag", "spherical"}
    is_shared : bool
        Whether all components have the same covariance.

    Returns
    -------
    ndarray of shape (K, D, D)
    """
    n_features = scatter.shape[1]
    shape = len(counts), n_features, n_features
    if is_shared:
        scatter, counts = scatter.sum(axis=0, keepdims=True), counts.sum(keepdims=True)
    result = scatter / counts.reshape(-1, *(1,) * (scatter.ndim - 1))
    if covariance_type in ("diag", "spherical"):
        variances = result.diagonal(axis1=1, axis2=2) if result.ndim == 3 else result
        if covariance_type == "spherical":
            variances = np.repeat(variances.mean(axis=1, keepdims=True), n_features, axis=1)
        result = variances[:, :, None] * np.eye(n_features)
    return np.broadcast_to(result, shape).copy() if is_shared else np.asarray(result)
