"""The interface of all raster formats: windows, the header, and the protocol for reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, overload

import numpy as np

from segmenter.arrays import Bytes, Pixels
from segmenter.io.images.pillow import ORIENTATION_TAG
from segmenter.io.images.tiff_tags import AlphaBand

TiffTag: TypeAlias = tuple[int, int, int, Any, bool]
"""A TIFF tag, as tifffile writes it: code, type, number of values, values, whether only the first page has it."""

ColorInterpretation: TypeAlias = Literal["gray", "inverted gray", "rgb", "palette", "bands"]
"""The meaning of the bands; "bands" are measurements of any kind, for instance from a multispectral camera."""


MAX_BLOCK_BYTES = 1 << 29
"""Maximum size of a compressed block, which is decoded as a whole."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class WindowGrid(Sequence[Window]):
    """The windows that cover a picture, in reading order; each is made only when it is asked for."""

    picture_shape: tuple[int, int]  # rows, columns
    window_shape: tuple[int, int]  # rows, columns; those at the bottom and at the right may be smaller

    @property
    def _n_columns(self) -> int:
        """Number of windows side by side."""
        return -(-self.picture_shape[1] // self.window_shape[1])

    def __len__(self) -> int:
        return self._n_columns * -(-self.picture_shape[0] // self.window_shape[0])

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return [self[number] for number in numbers]
        row, column = divmod(numbers, self._n_columns)
        (rows, columns), (height, width) = self.picture_shape, self.window_shape
        top, left = row * height, column * width
        return Window(top, left, min(height, rows - top), min(width, columns - left))


@dataclass(frozen=True, eq=False)
class RasterHeader:
    """The properties of a picture that are known before any pixel is read."""

    height: int
    width: int
    n_bands: int  # as stored, alpha included
    dtype: np.dtype[Any]
    interpretation: ColorInterpretation
    block: tuple[int, int]  # rows and columns of a tile, strip or chunk, which is decoded as a whole
    is_striped: bool = False  # the blocks are as wide as the picture
    alpha: AlphaBand | None = None
    no_data: float | None = None  # value of pixels without data
    palette: Bytes | None = None  # (n, 3)
    profile: bytes | None = None  # ICC
    missing_codec: str = ""  # compression that cannot be decoded by what is installed; "" = it can
    tags: tuple[TiffTag, ...] = ()  # tags to copy to a label TIFF: orientation and georeference
    notes: tuple[str, ...] = ()
    is_photo: bool = True  # whether `segmenter.io.images.tiff` decodes the same picture, apart from its orientation


def is_georeferenced(header: RasterHeader) -> bool:
    """Return whether the tags contain a georeference: where on Earth the pixels are."""
    return any(code != ORIENTATION_TAG for code, *_ in header.tags)


class Raster(Protocol):
    """A picture whose stored values can be read one window at a time."""

    header: RasterHeader

    def read(self, window: Window) -> Pixels:
        """Return the stored values of all bands of a window, (h, w, number of bands)."""
        ...
