"""Checks of what a caller gives, before any work: errors name the argument and the problem."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from segmenter.arrays import Floats, to_floats
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES
from segmenter.mixture.model import Mixture

SUM_TOLERANCE = 1e-9
"""By how much rounding may move the sum of the weights away from 1."""

N_SAMPLES_LOOKED_AT = 1000
"""Samples that tell whether values are pixels of another range than those that a mixture was fitted to."""

MIN_BRIGHTEST_PIXEL = 32
"""Smaller numbers may be counts, of a mixture fitted to some of them."""

ASYMMETRY = 1e-9
"""By how much rounding may make a covariance asymmetric, relative to its variances."""


class Fitted(Protocol):
    """What has a mixture, such as a `segmenter.mixture.em.Fit`."""

    @property
    def mixture(self) -> Mixture:
        """The mixture."""


def to_mixture(given: Mixture | Fitted) -> Mixture:
    """Return a mixture, or that of a fit; InvalidArgumentError if it is neither."""
    mixture = given if isinstance(given, Mixture) else getattr(given, "mixture", None)
    if not isinstance(mixture, Mixture):
        raise InvalidArgumentError("mixture", f"is of the type {type(given).__name__}; give a Mixture or a Fit")
    return mixture


def check_mixture_parts(mixture: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError, by the name of the field, unless the fields of a mixture are valid and consistent."""
    _check_shapes(mixture, n_features)
    if mixture.covariance_type not in COVARIANCE_TYPES:
        choices = ", ".join(COVARIANCE_TYPES)
        raise InvalidArgumentError("covariance_type", f"is {mixture.covariance_type!r}, which is none of {choices}")
    total = float(mixture.weights.sum()) + mixture.noise_weight
    if not (mixture.weights > 0).all() or mixture.noise_weight < 0 or abs(total - 1) > SUM_TOLERANCE:
        raise InvalidArgumentError("weights", f"are not all positive, or sum to {total:.9g} instead of 1")
    if mixture.noise_weight > 0 and mixture.noise_sides is None:
        raise InvalidArgumentError("noise_sides", "are missing, but noise has a weight")
    if mixture.noise_sides is not None and not (mixture.noise_sides > 0).all():
        raise InvalidArgumentError("noise_sides", "are not all positive")
    if not are_positive_definite(mixture.covariances):
        raise InvalidArgumentError("covariances", "are not all symmetric and positive definite")


def _check_shapes(mixture: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError unless the arrays of a mixture are finite and have shapes that go together."""
    n = len(mixture.weights)
    if n < 1:
        raise InvalidArgumentError("weights", "are empty; a mixture has at least one component")
    arrays: list[tuple[str, Any, tuple[int, ...]]] = [
        ("weights", mixture.weights, (n,)),
        ("means", mixture.means, (n, n_features)),
        ("covariances", mixture.covariances, (n, n_features, n_features)),
        ("noise_weight", np.array(mixture.noise_weight), ()),
    ]
    if mixture.noise_sides is not None:
        arrays.append(("noise_sides", mixture.noise_sides, (n_features,)))
    for name, array, shape in arrays:
        if array.shape != shape:
            raise InvalidArgumentError(name, f"must have the shape {shape}, not {array.shape}")
        if not np.isfinite(array).all():
            raise InvalidArgumentError(name, "must not contain NaN or infinity")


def check_start(start: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError unless a mixture is a valid start for samples of D features."""
    try:
        check_mixture_parts(start, n_features)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"start.{error.argument}", error.problem) from None


def validate_values(mixture: Mixture, values: ArrayLike) -> Floats:
    """Return samples as float64, (N, D), NaN where missing; N may be 0. Of one feature, (N,) will do.

    Warns if they look like pixels from 0 to 255 where the mixture is of values from 0 to 1.

    Raises
    ------
    InvalidArgumentError
        They are not such an array, differ from the mixture in the number of features, or contain infinity.
    """
    given = to_floats("values", values)
    if given.ndim == 1 and mixture.n_features == 1:
        given = given[:, None]
    if given.ndim != 2 or given.shape[1] != mixture.n_features:
        problem = f"have the shape {given.shape}; the mixture takes (N, {mixture.n_features})"
        raise InvalidArgumentError("values", problem)
    if np.isinf(given).any():
        raise InvalidArgumentError("values", "contain infinity; leave these samples out, or give NaN for missing")
    if look_like_pixels(mixture, given):
        text = "the values look like pixels from 0 to 255, but the mixture is of values from 0 to 1; divide them by 255"
        warnings.warn(text, UserWarning, stacklevel=4)
    return given


def look_like_pixels(mixture: Mixture, values: Floats) -> bool:
    """Return whether values are whole numbers up to 255, mostly above 1, where all means are between 0 and 1."""
    if len(values) == 0 or not ((mixture.means >= 0) & (mixture.means <= 1)).all():
        return False
    some = values[:N_SAMPLES_LOOKED_AT]
    are_bytes = (some >= 0) & (some <= 255) & (some == np.rint(some))
    return bool(are_bytes.all() and some.max() > MIN_BRIGHTEST_PIXEL and np.median(some) > 1)


def are_positive_definite(covariances: Floats) -> bool:
    """Return whether all covariances (K, D, D) are positive definite and, up to rounding, symmetric."""
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
