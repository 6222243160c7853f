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
    """Weighted points, the only thing that the mixture layer sees.

    A sample of weight w counts as w samples of weight 1 at the same place: pixels of one color are one sample.

    Raises
    ------
    InvalidArgumentError
        The values are no table of finite numbers, NaN where missing, or the weights are not positive, one a sample.
    """

    values: Floats  # (N, D), NaN where missing
    weights: Floats = field(default_factory=lambda: np.ones(1))  # (N,), in pixels or rows, positive; or (1,) for all

    def __post_init__(self) -> None:
        """Check what enters, once."""
        values = to_floats("values", self.values)
        if values.ndim != 2 or 0 in values.shape:
            raise InvalidArgumentError("values", f"have the shape {values.shape}; give (N, D), a row for each sample")
        if np.isinf(values).any():
            raise InvalidArgumentError("values", "hold infinity; leave these samples out, or give NaN for missing")
        weights = to_floats("weights", self.weights)
        if weights.shape not in ((1,), values.shape[:1]):
            raise InvalidArgumentError("weights", f"have the shape {weights.shape}; give one for each of {len(values)}")
        if not ((weights > 0) & (weights < np.inf)).all():
            raise InvalidArgumentError("weights", "are not all positive and finite; leave out samples of no weight")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "weights", np.repeat(weights, len(values) // len(weights)))


def to_floats(argument: str, value: ArrayLike) -> Floats:
    """Return an array of float64; InvalidArgumentError by the name of the argument where it holds anything else."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:  # as almost always
        return value
    try:
        given = np.asarray(value)
        if given.dtype.kind in "biuf":
            return np.asarray(given, dtype=np.float64)
    except ValueError:  # rows of unequal length
        pass
    raise InvalidArgumentError(argument, "hold what is no number; give an array of numbers")


def to_whole_numbers(argument: str, value: ArrayLike) -> NDArray[np.intp]:
    """Return an array of whole numbers, (N,); InvalidArgumentError where it holds anything else."""
    given = to_floats(argument, value)
    if given.ndim != 1 or not (given == np.rint(given)).all():
        raise InvalidArgumentError(argument, "are no row of whole numbers; give one a sample, 0 = unlabeled")
    return given.astype(np.intp)
