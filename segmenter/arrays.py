"""Array types shared by all layers.

Shape letters: H×W pixels (row 0 is the top), N samples, K components or segments, D features, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmenter.errors import InvalidArgumentError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.int32]
Bytes: TypeAlias = NDArray[np.uint8]
Pixels: TypeAlias = NDArray[Any]  # uint8, uint16 or float32; the only arrays whose dtype varies


@dataclass(frozen=True, eq=False)
class Samples:
    """Weighted points, the only input of the mixture layer.

    A sample of weight w counts as w equal samples of weight 1; for example, all pixels of one color are one sample.

    Raises
    ------
    InvalidArgumentError
        The values are not a table of finite numbers or NaN, or the weights are not one positive number per sample.
    """

    values: Floats  # (N, D), NaN where missing
    weights: Floats = field(default_factory=lambda: np.ones(1))  # (N,), in pixels or rows, positive; or (1,) for all

    def __post_init__(self) -> None:
        """Check and convert the arrays once, so that all other code can trust them."""
        values = to_floats("values", self.values)
        if values.ndim != 2 or 0 in values.shape:
            raise InvalidArgumentError("values", f"have the shape {values.shape}; give (N, D), a row for each sample")
        if np.isinf(values).any():
            raise InvalidArgumentError("values", "contain infinity; leave these samples out, or give NaN for missing")
        weights = to_floats("weights", self.weights)
        if weights.shape not in ((1,), values.shape[:1]):
            raise InvalidArgumentError("weights", f"have the shape {weights.shape}; give one for each of {len(values)}")
        if not ((weights > 0) & (weights < np.inf)).all():
            raise InvalidArgumentError("weights", "are not all positive and finite; leave out samples of weight 0")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "weights", np.repeat(weights, len(values) // len(weights)))
        freeze(self, "values", "weights")


def to_samples(values: Samples | ArrayLike) -> Samples:
    """Return samples, also from an array of shape (N, D), or (N,) for a single feature; these weigh 1 each."""
    if isinstance(values, Samples):
        return values
    array = to_floats("values", values)
    return Samples(array[:, None] if array.ndim == 1 else array)


def freeze(value: Any, *names: str) -> None:
    """Make arrays of a frozen dataclass read-only, by the names of their fields; those of callers are left alone."""
    for name in names:
        array = getattr(value, name)
        if array is not None and array.flags.writeable:
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(value, name, view)


def to_floats(argument: str, value: ArrayLike) -> Floats:
    """Return numbers as an array of float64; InvalidArgumentError, naming the argument, if they are anything else."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:  # almost always
        return value
    try:
        given = np.asarray(value)
        if given.dtype.kind in "biuf":
            return np.asarray(given, dtype=np.float64)
    except ValueError:  # rows of unequal length
        pass
    raise InvalidArgumentError(argument, "contain something other than numbers; give an array of numbers")


def to_whole_numbers(argument: str, value: ArrayLike) -> NDArray[np.intp]:
    """Return whole numbers as an array (N,) of integers; InvalidArgumentError if they are anything else."""
    given = to_floats(argument, value)
    if given.ndim != 1 or not (given == np.rint(given)).all():
        raise InvalidArgumentError(argument, "are not a list of whole numbers; give one for each sample, 0 = unlabeled")
    return given.astype(np.intp)
