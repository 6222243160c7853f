"""Gaussian mixtures as values, and their log densities as polynomials of the features.

The logarithm of a weighted Gaussian density is a polynomial of degree two. With the monomials

    φ(x) = [1, x_1 … x_D, x_i x_j for i ≤ j],    P = 1 + D + D(D+1)/2 entries,

the log densities of all components are one matrix product, A φ, and all sufficient statistics are another, R φᵀ. The
features are taken relative to an origin near their mean; relative to zero, the products would cancel.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, to_floats
from segmenter.mixture.config import CovarianceType

MAX_CANCELLATION = 1e10
"""Largest term, in nats, of a log density from monomials. Terms cancel, which loses this times 1e-16; with a covariance
floor of 1e-9 they stay below it, unless means are so far apart that the density has to be computed in another way."""

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Relative rounding error that second moments may have accumulated."""

BLOCK_MONOMIALS = 122_880
"""Monomials of a block of samples (1 MB): about as many as the second-level cache holds."""


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

    @functools.cached_property
    def inverse_factors(self) -> Floats:
        """L⁻¹ with L Lᵀ = Σ for each component, shape (K, D, D); LinAlgError if a Σ is not positive definite."""
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


def n_monomials(n_features: int) -> int:
    """Return P, the number of monomials of D features."""
    return 1 + n_features + n_features * (n_features + 1) // 2


def block_size(n_features: int) -> int:
    """Return the number of samples in a block."""
    return max(256, BLOCK_MONOMIALS // n_monomials(n_features))


@functools.cache
def pairs(n_features: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices i and j, i ≤ j, of the quadratic monomials x_i x_j, in their order in φ."""
    return np.triu_indices(n_features)


@functools.cache
def square_index(n_features: int) -> NDArray[np.intp]:
    """Return the index in φ of each monomial x_i x_j, shape (D, D)."""
    rows, columns = pairs(n_features)
    index = np.empty((n_features, n_features), dtype=np.intp)
    index[rows, columns] = index[columns, rows] = 1 + n_features + np.arange(len(rows))
    return index


def monomials(
    centred: Floats,
    floor_variances: Floats | None = None,
    floor_growth: Floats | None = None,
    out: Floats | None = None,
) -> Floats:
    """Return φ of each sample.

    Parameters
    ----------
    centred : ndarray of shape (D, n), float64
        Features minus the origin, one row for each feature.
    floor_variances : ndarray of shape (D,), optional
        Added to the squares x_j²: the mean of φ over an error of these variances, see `segmenter.mixture.data`.
    floor_growth : ndarray of shape (D,), optional
        Share of x_j² by which the variance of that error grows with the sample.
    out : ndarray of shape (P, n), float64, optional
        Output array.

    Returns
    -------
    ndarray of shape (P, n), float64
    """
    n_features, n_samples = centred.shape
    phi = np.empty((n_monomials(n_features), n_samples)) if out is None else out
    phi[0] = 1
    phi[1 : 1 + n_features] = centred
    row = 1 + n_features
    for i in range(n_features):
        np.multiply(centred[i], centred[i:], out=phi[row : row + n_features - i])
        if floor_growth is not None:
            phi[row] *= 1 + floor_growth[i]
        if floor_variances is not None:
            phi[row] += floor_variances[i]
        row += n_features - i
    return phi


def inverse_factors(covariances: Floats) -> Floats:
    """Return L⁻¹ with L Lᵀ = Σ for each covariance, shape (K, D, D); Σ⁻¹ is L⁻ᵀ L⁻¹.

    This is far more accurate than inverting Σ itself if the samples nearly lie on a slanted line.
    """
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariances)))


def log_joint_coefficients(mixture: Mixture, origin: Floats) -> Floats:
    """Return A with A φ(x − origin) = log π_k + log N(x | μ_k, Σ_k), from Bishop 2006, eq. 2.43.

    Noise adds a last row, constant in x.

    Parameters
    ----------
    mixture : Mixture
    origin : ndarray of shape (D,)
        The point that is subtracted from x in the monomials.

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
    inverse = mixture.inverse_factors
    half_log_precisions = np.log(inverse.diagonal(axis1=1, axis2=2)).sum(axis=1)
    precisions = inverse.transpose(0, 2, 1) @ inverse
    linear = (precisions @ means[:, :, None])[:, :, 0]
    rows, columns = pairs(n_features)
    coefficients = np.zeros((mixture.n_components + has_noise(mixture), n_monomials(n_features)))
    gaussians = coefficients[: mixture.n_components]
    gaussians[:, 0] = (
        np.log(mixture.weights)
        - 0.5 * n_features * np.log(2 * np.pi)
        + half_log_precisions
        - 0.5 * (means * linear).sum(axis=1)
    )
    gaussians[:, 1 : 1 + n_features] = linear
    gaussians[:, 1 + n_features :] = precisions[:, rows, columns] * np.where(rows == columns, -0.5, -1.0)
    if has_noise(mixture) and mixture.noise_sides is not None:
        coefficients[-1, 0] = np.log(mixture.noise_weight) - np.log(mixture.noise_sides).sum()
    return coefficients


def do_monomials_cancel(mixture: Mixture, origin: Floats) -> bool:
    """Return whether log densities from monomials relative to an origin, (D,), would lose too many digits."""
    deviations = (mixture.inverse_factors @ (mixture.means - origin)[:, :, None])[:, :, 0]
    return bool(mixture.weights @ np.square(deviations).sum(axis=1) > MAX_CANCELLATION)


def log_joint_of_deviations(mixture: Mixture, values: Floats) -> Floats:
    """Return log π_k + log N(x | μ_k, Σ_k) of samples (n, D), from their deviations from each mean, (K, n), in nats.

    Slower than from monomials, but accurate wherever the means are. Noise adds a last row.
    """
    n_features = mixture.n_features
    joint = np.empty((mixture.n_components + has_noise(mixture), len(values)))
    for k, inverse in enumerate(mixture.inverse_factors):
        whitened = inverse @ (values - mixture.means[k]).T
        log_scale = np.log(mixture.weights[k]) - 0.5 * n_features * np.log(2 * np.pi) + np.log(inverse.diagonal()).sum()
        joint[k] = log_scale - 0.5 * np.einsum("dn,dn->n", whitened, whitened)
    if has_noise(mixture) and mixture.noise_sides is not None:
        joint[-1] = np.log(mixture.noise_weight) - np.log(mixture.noise_sides).sum()
    return joint
