"""Array types shared by all layers.

Shape letters: H×W pixels (row 0 is the top), N samples, K components or segments, D features, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.int32]
Bytes: TypeAlias = NDArray[np.uint8]
Pixels: TypeAlias = NDArray[Any]  # uint8, uint16 or float32; the only arrays whose dtype varies


@dataclass(frozen=True, eq=False)
class Samples:
    """Weighted points, the only thing that the mixture layer sees.

    A sample of weight w counts as w samples of weight 1 at the same place: pixels of one color are one sample.
    """

    values: Floats  # (N, D)
    weights: Floats  # (N,), in pixels (or rows of a table); positive
