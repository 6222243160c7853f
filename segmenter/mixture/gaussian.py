"""Gaussian mixtures as values, and their log densities as polynomials of the features.

The logarithm of a weighted Gaussian density is a polynomial of degree two. With the monomials

    φ(x) = [1, x_1 … x_D, x_i x_j for i ≤ j],    P = 1 + D + D(D+1)/2 entries,

all components at once are one matrix product, A φ, and all sufficient statistics are another, R φᵀ. The features are
taken about an origin near their mean; about zero, the products would cancel.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.mixture.config import CovarianceType

BLOCK = 8192
"""Samples a block: its monomials and responsibilities (some 100 values a sample) stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture; the components are numbered 1…K in this order."""

    weights: Floats  # (K,), positive, sum 1
    means: Floats  # (K, D), units of the features
    covariances: Floats  # (K, D, D), positive definite, whatever the family
    covariance_type: CovarianceType = "full"

    @property
    def n_components(self) -> int:
        """K."""
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


@functools.cache
def pairs(n_features: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns (i ≤ j) of the quadratic monomials, in their order in φ."""
    return np.triu_indices(n_features)


@functools.cache
def square_index(n_features: int) -> NDArray[np.intp]:
    """Return an array of shape (D, D): where in φ the monomial x_i x_j stands."""
    rows, columns = pairs(n_features)
    index = np.empty((n_features, n_features), dtype=np.intp)
    index[rows, columns] = index[columns, rows] = 1 + n_features + np.arange(len(rows))
    return index


def monomials(centred: Floats, out: Floats | None = None) -> Floats:
    """Return φ of each sample.

    Parameters
    ----------
    centred : ndarray of shape (D, n), float64
        Features minus the origin, a row a feature.
    out : ndarray of shape (P, n), float64, optional
        Where to put the result.

    Returns
    -------
    ndarray of shape (P, n), float64
    """
    n_features, n_samples = centred.shape
    n_monomials = 1 + n_features + n_features * (n_features + 1) // 2
    phi = np.empty((n_monomials, n_samples)) if out is None else out
    phi[0] = 1
    phi[1 : 1 + n_features] = centred
    row = 1 + n_features
    for i in range(n_features):
        np.multiply(centred[i], centred[i:], out=phi[row : row + n_features - i])
        row += n_features - i
    return phi


def log_joint_coefficients(mixture: Mixture, origin: Floats) -> Floats:
    """Return A with A φ(x − origin) = log π_k + log N(x | μ_k, Σ_k), from Bishop 2006, eq. 2.43.

    Parameters
    ----------
    mixture : Mixture
    origin : ndarray of shape (D,)
        The point that the monomials are about.

    Returns
    -------
    ndarray of shape (K, P), float64, nats

    Raises
    ------
    numpy.linalg.LinAlgError
        A covariance is not positive definite.
    """
    n_features = mixture.n_features
    means = mixture.means - origin
    factors = np.linalg.cholesky(mixture.covariances)
    half_log_determinants = np.log(factors.diagonal(axis1=1, axis2=2)).sum(axis=1)
    inverse_factors = np.linalg.inv(factors)  # far more exact than inverting a covariance that is flat across a line
    precisions = inverse_factors.transpose(0, 2, 1) @ inverse_factors
    linear = (precisions @ means[:, :, None])[:, :, 0]
    rows, columns = pairs(n_features)
    coefficients = np.empty((mixture.n_components, 1 + n_features + len(rows)))
    coefficients[:, 0] = (
        np.log(mixture.weights)
        - 0.5 * n_features * np.log(2 * np.pi)
        - half_log_determinants
        - 0.5 * (means * linear).sum(axis=1)
    )
    coefficients[:, 1 : 1 + n_features] = linear
    coefficients[:, 1 + n_features :] = precisions[:, rows, columns] * np.where(rows == columns, -0.5, -1.0)
    return coefficients


def log_joint_blocks(mixture: Mixture, values: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield the rows of a block of samples and their log joint densities, shape (K, n), in nats.

    The array yielded is used again for the next block; a caller may change it, but not keep it.

    Parameters
    ----------
    mixture : Mixture
    values : ndarray of shape (N, D)
    """
    origin = mixture.weights @ mixture.means
    coefficients = log_joint_coefficients(mixture, origin)
    n_components, n_monomials = coefficients.shape
    phi = np.empty(n_monomials * BLOCK)
    joint = np.empty(n_components * BLOCK)
    for first in range(0, len(values), BLOCK):
        block = values[first : first + BLOCK]
        n = len(block)
        block_phi = monomials((block - origin).T, out=phi[: n_monomials * n].reshape(n_monomials, n))
        yield (
            slice(first, first + n),
            np.matmul(coefficients, block_phi, out=joint[: n_components * n].reshape(n_components, n)),
        )


def predict(mixture: Mixture, values: Floats) -> Labels:
    """Return the most probable component of each sample; the first of equals.

    Parameters
    ----------
    mixture : Mixture
    values : ndarray of shape (N, D), float64

    Returns
    -------
    ndarray of shape (N,), int32
        1…K.
    """
    labels = np.ones(len(values), dtype=np.int32)
    for rows, joint in log_joint_blocks(mixture, values):
        best = joint[0]
        block_labels = labels[rows]
        for k in range(1, len(joint)):
            block_labels[joint[k] > best] = k + 1
            np.maximum(best, joint[k], out=best)
    return labels


def component_averages(mixture: Mixture, samples: Samples, quantities: Floats) -> Floats:
    """Return the mean of other quantities of the samples over each component, by responsibility × weight.

    Parameters
    ----------
    mixture : Mixture
    samples : Samples
    quantities : ndarray of shape (N, Q), float64

    Returns
    -------
    ndarray of shape (K, Q), float64
        NaN for a component without any responsibility.
    """
    mass = np.zeros((mixture.n_components, 1))
    sums = np.zeros((mixture.n_components, quantities.shape[1]))
    for rows, joint in log_joint_blocks(mixture, samples.values):
        joint -= joint.max(axis=0)
        np.exp(joint, out=joint)
        joint *= samples.weights[rows] / joint.sum(axis=0)
        mass += joint.sum(axis=1, keepdims=True)
        sums += joint @ quantities[rows]
    with np.errstate(invalid="ignore"):
        return sums / mass
