"""Whether what a caller gives can be fitted, or judged by a mixture: each fault is named, before any work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from segmenter.arrays import Floats, to_floats
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES
from segmenter.mixture.model import Mixture

SUM_TOLERANCE = 1e-9
"""How far from 1 the sum of the weights may be, by rounding."""

ASYMMETRY = 1e-9
"""How far from symmetric a covariance may be, by rounding, relative to its variances."""


def check_mixture_parts(mixture: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError, by the name of the part, unless the parts of a mixture are legal and fit together."""
    n = len(mixture.weights)
    if n < 1:
        raise InvalidArgumentError("weights", "are 0; a mixture has at least one component")
    parts: list[tuple[str, Any, tuple[int, ...]]] = [
        ("weights", mixture.weights, (n,)),
        ("means", mixture.means, (n, n_features)),
        ("covariances", mixture.covariances, (n, n_features, n_features)),
        ("noise_weight", np.array(mixture.noise_weight), ()),
    ]
    if mixture.noise_sides is not None:
        parts.append(("noise_sides", mixture.noise_sides, (n_features,)))
    for part, array, shape in parts:
        if array.shape != shape:
            raise InvalidArgumentError(part, f"have the shape {array.shape}, which should be {shape}")
        if not np.isfinite(array).all():
            raise InvalidArgumentError(part, "holds NaN or infinity")
    if mixture.covariance_type not in COVARIANCE_TYPES:
        told = ", ".join(COVARIANCE_TYPES)
        raise InvalidArgumentError("covariance_type", f"is {mixture.covariance_type!r}, which is none of {told}")
    total = float(mixture.weights.sum()) + mixture.noise_weight
    if not (mixture.weights > 0).all() or mixture.noise_weight < 0 or abs(total - 1) > SUM_TOLERANCE:
        raise InvalidArgumentError("weights", f"are not all positive, or sum to {total:.9g} instead of 1")
    if mixture.noise_weight > 0 and mixture.noise_sides is None:
        raise InvalidArgumentError("noise_sides", "are missing, but noise has a weight")
    if mixture.noise_sides is not None and not (mixture.noise_sides > 0).all():
        raise InvalidArgumentError("noise_sides", "are not all positive")
    if not are_positive_definite(mixture.covariances):
        raise InvalidArgumentError("covariances", "are not all symmetric and positive definite")


def check_start(start: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError unless a mixture is a legal start for samples of so many features."""
    try:
        check_mixture_parts(start, n_features)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"start.{error.argument}", error.problem) from None


def checked_values(mixture: Mixture, values: ArrayLike) -> Floats:
    """Return samples as float64, (N, D), NaN where missing; N may be 0.

    Raises
    ------
    InvalidArgumentError
        They are no such array, of other features than the mixture, or hold infinity.
    """
    given = to_floats("values", values)
    if given.ndim != 2 or given.shape[1] != mixture.n_features:
        problem = f"have the shape {given.shape}; the mixture is of (N, {mixture.n_features})"
        raise InvalidArgumentError("values", problem)
    if np.isinf(given).any():
        raise InvalidArgumentError("values", "hold infinity; leave these samples out, or give NaN for missing")
    return given


def are_positive_definite(covariances: Floats) -> bool:
    """Return whether all covariances (K, D, D) are symmetric, up to rounding, and positive definite."""
    variances = covariances.diagonal(axis1=1, axis2=2)
    if not (variances > 0).all():
        return False
    deviations = np.sqrt(variances)
    with np.errstate(over="ignore", under="ignore"):
        bound = ASYMMETRY * deviations[:, :, None] * deviations[:, None, :]
        if not (np.abs(covariances - covariances.transpose(0, 2, 1)) <= bound).all():
            return False
        try:
            np.linalg.cholesky(covariances)
        except np.linalg.LinAlgError:
            return False
    return True
