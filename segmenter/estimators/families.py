"""Covariances in the shapes that scikit-learn uses for each family; in this package they are always (K, D, D)."""

from __future__ import annotations

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.model import inverse_factors


def get_shape(covariance_type: CovarianceType, n_components: int, n_features: int) -> tuple[int, ...]:
    """Return the shape of the covariances of a family in scikit-learn."""
    shapes: dict[CovarianceType, tuple[int, ...]] = {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }
    return shapes[covariance_type]


def from_matrices(matrices: Floats, covariance_type: CovarianceType) -> Floats:
    """Return matrices (K, D, D) in the shape of their family."""
    if covariance_type == "full":
        return matrices
    if covariance_type == "tied":
        return np.asarray(matrices[0])
    diagonals = matrices.diagonal(axis1=1, axis2=2)
    return np.array(diagonals if covariance_type == "diag" else diagonals[:, 0])


def to_matrices(values: Floats, covariance_type: CovarianceType, n_components: int, n_features: int) -> Floats:
    """Return the matrices (K, D, D) of values in the shape of their family."""
    if covariance_type in ("full", "tied"):
        return np.broadcast_to(values, (n_components, n_features, n_features))
    return np.asarray(values.reshape(n_components, -1)[:, :, None] * np.eye(n_features))


def invert(matrices: Floats) -> Floats:
    """Return the inverses of symmetric positive definite matrices (K, D, D)."""
    factors = inverse_factors(matrices)
    return np.asarray(factors.transpose(0, 2, 1) @ factors)
