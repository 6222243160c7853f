"""What every raster format shares: the header, windows, and the store that holds the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from segmenter.arrays import Bytes, Pixels
from segmenter.io.images.pillow import ORIENTATION_TAG

TiffTag: TypeAlias = tuple[int, int, int, Any, bool]
"""A tag of TIFF: code, type, number of values, values, and whether only the first page has it."""


ColorInterpretation: TypeAlias = Literal["gray", "inverted gray", "rgb", "palette", "bands"]


MAX_BANDS = 64


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class RasterHeader:
    """What is known of a picture before any pixel is read."""

    height: int
    width: int
    n_bands: int  # that are stored
    dtype: np.dtype[Any]
    meaning: ColorInterpretation
    block: tuple[int, int]  # rows and columns that are decoded at once
    is_striped: bool = False  # a block is as wide as the picture
    alpha: int | None = None  # band number, from 0
    is_associated: bool = False  # the color is multiplied with alpha
    no_data: float | None = None  # number that stands for none
    palette: Bytes | None = None  # (n, 3)
    profile: bytes | None = None  # ICC
    tags: tuple[TiffTag, ...] = ()  # what a label TIFF takes over: where on Earth the pixels are, and how large
    notes: tuple[str, ...] = ()
    is_photo: bool = True  # whether `read_photo` reads it as it is meant


def is_georeferenced(header: RasterHeader) -> bool:
    """Return whether tags tell where on Earth the pixels are."""
    return any(code != ORIENTATION_TAG for code, *_ in header.tags)


class Raster(Protocol):
    """Where the stored numbers are."""

    header: RasterHeader

    def read(self, window: Window) -> Pixels:
        """Return the numbers of all bands, (h, w, number of bands)."""
        ...
