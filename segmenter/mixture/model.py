"""Gaussian mixtures as values, and their log densities as polynomials of the features.

The logarithm of a weighted Gaussian density is a polynomial of degree two. With its P monomials, φ(x) of
`segmenter.mixture.monomials`, the log densities of all components are one matrix product, A φ, and all sufficient
statistics are another, R φᵀ.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, freeze, to_floats
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.monomials import MAX_PAIRED_FEATURES, Terms, n_monomials, pairs

MAX_CANCELLATION = 1e10
"""Largest term, in nats, of a log density from monomials. Terms cancel, which loses this times 1e-16; with a covariance
floor of 1e-9 they stay below it, unless means are so far apart that the density has to be computed in another way."""

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Relative rounding error that second moments may have accumulated."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture; the components are numbered 1…K in this order."""

    weights: Floats  # (K,), positive; with the weight of the noise they sum to 1
    means: Floats  # (K, D), units of the features
    covariances: Floats  # (K, D, D), positive definite, in full for every family
    covariance_type: CovarianceType = "full"
    noise_weight: float = 0.0  # of a uniform component for outliers, label 0; 0 = no noise
    noise_sides: Floats | None = None  # (D,), sides of the box that the noise fills, units of the features; or None

    def __post_init__(self) -> None:
        """Convert lists and the like to arrays; raise InvalidArgumentError if they are not numbers."""
        for name in ("weights", "means", "covariances", "noise_sides"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, to_floats(name, getattr(self, name)))
        freeze(self, "weights", "means", "covariances", "noise_sides")

    @functools.cached_property
    def inverse_factors(self) -> Floats:
        """L⁻¹ with L Lᵀ = Σ for each component, shape (K, D, D); LinAlgError if a Σ is not positive definite."""
        if self.covariance_type == "tied" and (self.covariances == self.covariances[0]).all():
            return np.broadcast_to(inverse_factors(self.covariances[:1]), self.covariances.shape)
        return inverse_factors(self.covariances)

    @property
    def n_components(self) -> int:
        """K, without the noise."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """D."""
        return int(self.means.shape[1])


def reorder(mixture: Mixture, order: NDArray[np.intp]) -> Mixture:
    """Return the mixture with component ``order[0]`` (from 0) first, ``order[1]`` second, and so on."""
    return replace(
        mixture,
        weights=mixture.weights[order],
        means=mixture.means[order],
        covariances=mixture.covariances[order],
    )


def has_noise(mixture: Mixture) -> bool:
    """Return whether there is a noise component."""
    return mixture.noise_weight > 0 and mixture.noise_sides is not None


def n_parameters(mixture: Mixture) -> int:
    """Return the number of free parameters: weights, means, and those of the covariances of the family.

    K − 1 weights (one more with noise) + K D means + K D (D + 1) / 2, D (D + 1) / 2, K D or K covariances, for "full",
    "tied", "diag" and "spherical".
    """
    n_components, n_features = mixture.n_components, mixture.n_features
    n_free: dict[CovarianceType, int] = {
        "full": n_components * n_features * (n_features + 1) // 2,
        "tied": n_features * (n_features + 1) // 2,
        "diag": n_components * n_features,
        "spherical": n_components,
    }
    n_weights = n_components - 1 + has_noise(mixture)
    return n_weights + n_components * n_features + n_free[mixture.covariance_type]


def marginal(mixture: Mixture, features: NDArray[np.intp]) -> Mixture:
    """Return the marginal distribution of some features, given by their indices (O,) (Bishop 2006, eq. 2.98)."""
    if len(features) == mixture.n_features:
        return mixture
    return replace(
        mixture,
        means=mixture.means[:, features],
        covariances=mixture.covariances[:, features[:, None], features],
        noise_sides=None if mixture.noise_sides is None else mixture.noise_sides[features],
    )


def inverse_factors(covariances: Floats) -> Floats:
    """Return L⁻¹ with L Lᵀ = Σ for each covariance, shape (K, D, D); Σ⁻¹ is L⁻ᵀ L⁻¹.

    This is far more accurate than inverting Σ itself if the samples nearly lie on a slanted line.
    """
    factors = np.linalg.cholesky(covariances)
    if covariances.shape[-1] <= MAX_PAIRED_FEATURES:
        return np.asarray(np.linalg.inv(factors))
    from scipy.linalg.lapack import dtrtri  # triangular: a sixth of the operations

    for factor in factors:
        factor[:] = dtrtri(factor, lower=1)[0]
    return np.asarray(factors)


def log_joint_coefficients(mixture: Mixture, origin: Floats, terms: Terms = "pairs") -> Floats:
    """Return A with A φ(x − origin) = log π_k + log N(x | μ_k, Σ_k), from Bishop 2006, eq. 2.43.

    Noise adds a last row, constant in x. With "shared" terms, what all components have in common is left out, see
    `shared_log_density`.

    Parameters
    ----------
    mixture : Mixture
    origin : ndarray of shape (D,)
        The point that is subtracted from x in the monomials.
    terms : {"pairs", "squares", "norm", "shared"}
        The terms of degree two in φ, which the family of the mixture must do with.

    Returns
    -------
    ndarray of shape (K, P), or (K + 1, P) with noise, float64, nats

    Raises
    ------
    numpy.linalg.LinAlgError
        A covariance is not positive definite.
    """
    n_features = mixture.n_features
    means = mixture.means - origin
    half_log_precisions, linear, quadratic = _expand(mixture, means, terms)
    coefficients = np.zeros((mixture.n_components + has_noise(mixture), n_monomials(n_features, terms)))
    gaussians = coefficients[: mixture.n_components]
    gaussians[:, 0] = (
        np.log(mixture.weights)
        - 0.5 * n_features * np.log(2 * np.pi)
        + half_log_precisions
        - 0.5 * (means * linear).sum(axis=1)
    )
    gaussians[:, 1 : 1 + n_features] = linear
    gaussians[:, 1 + n_features :] = quadratic
    if has_noise(mixture) and mixture.noise_sides is not None:
        coefficients[-1, 0] = np.log(mixture.noise_weight) - np.log(mixture.noise_sides).sum()
    return coefficients


def _expand(mixture: Mixture, means: Floats, terms: Terms) -> tuple[Floats, Floats, Floats]:
    """Return ½ log |Σ⁻¹|, (K,), Σ⁻¹ μ, (K, D), and the coefficients of the terms of degree two, (K, Q)."""
    if terms in ("squares", "norm"):
        precisions = 1 / positive_variances(mixture)  # (K, D)
        quadratic = -0.5 * (precisions if terms == "squares" else precisions[:, :1])
        return 0.5 * np.log(precisions).sum(axis=1), precisions * means, quadratic
    inverse = mixture.inverse_factors
    half_log_precisions = np.log(inverse.diagonal(axis1=1, axis2=2)).sum(axis=1)
    if terms == "shared":
        linear = means @ inverse[0].T @ inverse[0]
        return half_log_precisions, linear, np.empty((len(means), 0))
    precisions = inverse.transpose(0, 2, 1) @ inverse
    rows, columns = pairs(mixture.n_features)
    quadratic = precisions[:, rows, columns] * np.where(rows == columns, -0.5, -1.0)
    return half_log_precisions, (precisions @ means[:, :, None])[:, :, 0], quadratic


def positive_variances(mixture: Mixture) -> Floats:
    """Return the diagonals of the covariances, (K, D); LinAlgError if a variance is not positive."""
    variances = np.asarray(mixture.covariances.diagonal(axis1=1, axis2=2))
    if not (variances > 0).all():
        raise np.linalg.LinAlgError("a variance is not positive")
    return variances


def shared_log_density(mixture: Mixture, second: Floats) -> float:
    """Return Σ_n w_n (−½ x_nᵀ Σ⁻¹ x_n) from Σ_n w_n x_n x_nᵀ, (D, D), for the one covariance Σ of a tied mixture."""
    whitened = mixture.inverse_factors[0] @ second
    return -0.5 * float((whitened * mixture.inverse_factors[0]).sum())


def do_monomials_cancel(mixture: Mixture, origin: Floats) -> bool:
    """Return whether log densities from monomials relative to an origin, (D,), would lose too many digits."""
    deviations = (mixture.inverse_factors @ (mixture.means - origin)[:, :, None])[:, :, 0]
    return bool(mixture.weights @ np.square(deviations).sum(axis=1) > MAX_CANCELLATION)
