"""The monomials φ of the features, in which the logarithms of weighted Gaussian densities are linear.

Such a logarithm is a polynomial of degree two. Which terms of degree two it takes depends on the covariances, and what
they cost on the number of features (`choose_terms`):

| terms      | φ(x)                       | for                                                                   |
|------------|----------------------------|-----------------------------------------------------------------------|
| "pairs"    | [1, x, x_i x_j for i ≤ j]  | every family: few features, missing values, far outliers              |
| "squares"  | [1, x, x_j²]               | diagonal covariances                                                  |
| "norm"     | [1, x, Σ_j x_j²]           | spherical covariances                                                 |
| "shared"   | [1, x]                     | one covariance for all: its terms do not tell the components apart    |
| "whitened" | [1, x]                     | full covariances: terms by Cholesky factors, `…mixture.whitening`     |

The features are taken relative to an origin near their mean; relative to zero, products would cancel.
"""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType

Terms: TypeAlias = Literal["pairs", "squares", "norm", "shared", "whitened"]

MAX_PAIRED_FEATURES = 10
"""Up to this many features, the products of all pairs cost less than Cholesky factors do."""

MAX_PAIRED_DIAGONAL_FEATURES = 5
"""Up to this many, the products that diagonal covariances do not need cost next to nothing."""

BLOCK_MONOMIALS = 122_880
"""Monomials of a block of samples (1 MB): about as many as the second-level cache holds."""

WIDE_BLOCK_MONOMIALS = BLOCK_MONOMIALS // 3
"""With many features: each monomial is used only a few times, so that the cache has to hold their source as well."""


def choose_terms(covariance_type: CovarianceType, n_features: int, *, has_noise: bool = False) -> Terms:
    """Return the terms of degree two for complete samples and mixtures of a family.

    With noise, a density without terms of degree two, tied covariances have nothing in common with it.
    """
    if covariance_type in ("diag", "spherical"):
        if n_features <= MAX_PAIRED_DIAGONAL_FEATURES:
            return "pairs"
        return "squares" if covariance_type == "diag" else "norm"
    if n_features <= MAX_PAIRED_FEATURES:
        return "pairs"
    return "shared" if covariance_type == "tied" and not has_noise else "whitened"


def n_monomials(n_features: int, terms: Terms = "pairs") -> int:
    """Return P, the number of monomials of D features."""
    n_quadratic = {"pairs": n_features * (n_features + 1) // 2, "squares": n_features, "norm": 1}
    return 1 + n_features + n_quadratic.get(terms, 0)


def block_size(n_features: int, terms: Terms = "pairs") -> int:
    """Return the number of samples in a block."""
    if terms == "pairs":
        return max(256, BLOCK_MONOMIALS // n_monomials(n_features))
    min_size = 4 * n_features if terms == "whitened" else 96  # whitened: each block adds to matrices of D×D
    return max(min_size, WIDE_BLOCK_MONOMIALS // n_monomials(n_features, terms))


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
    *,
    terms: Terms = "pairs",
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
        Share of x_j² by which the variance of that error grows with the sample; only with "pairs".
    terms : {"pairs", "squares", "norm", "shared", "whitened"}
    out : ndarray of shape (P, n), float64, optional
        Output array.

    Returns
    -------
    ndarray of shape (P, n), float64
    """
    n_features, n_samples = centred.shape
    phi = np.empty((n_monomials(n_features, terms), n_samples)) if out is None else out
    phi[0] = 1
    phi[1 : 1 + n_features] = centred
    linear, quadratic = phi[1 : 1 + n_features], phi[1 + n_features :]  # the cache holds what was just written
    if terms == "pairs":
        _fill_pairs(centred, floor_variances, floor_growth, quadratic)
    elif terms == "squares":
        np.multiply(linear, linear, out=quadratic)
        if floor_variances is not None:
            quadratic += floor_variances[:, None]
    elif terms == "norm":
        np.einsum("dn,dn->n", linear, linear, out=quadratic[0])
        if floor_variances is not None:
            quadratic += floor_variances.sum()
    return phi


def _fill_pairs(centred: Floats, floor_variances: Floats | None, floor_growth: Floats | None, out: Floats) -> None:
    """Write the products x_i x_j for i ≤ j, in the order of `pairs`."""
    row, n_features = 0, len(centred)
    for i in range(n_features):
        np.multiply(centred[i], centred[i:], out=out[row : row + n_features - i])
        if floor_growth is not None:
            out[row] *= 1 + floor_growth[i]
        if floor_variances is not None:
            out[row] += floor_variances[i]
        row += n_features - i
