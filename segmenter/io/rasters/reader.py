"""Pictures read by windows: what a header says, and the colors and the mask of any rectangle, in bounded memory.

A rectangle of colors is what the same rectangle of `segmenter.io.images.photo.read_photo` would be, where that reads
the picture at all; but the picture is left as it lies, whatever its EXIF orientation, and nothing is scaled yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segmenter.arrays import Bools, Pixels
from segmenter.errors import UnsupportedPhotoError
from segmenter.io.files.local import SIGNATURE_BYTES, TIFF_SIGNATURES, is_zarr, open_regular
from segmenter.io.files.remote import RemotePath, open_ranges
from segmenter.io.images.icc import to_srgb, unconverted_notes
from segmenter.io.rasters.base import MAX_BANDS, Raster, Window

WINDOW_BYTES = 1 << 24
"""Of the stored numbers of a window; what is made of them is a few times as much."""

MIN_TILE, MAX_TILE, USUAL_TILE = 128, 4096, 512
"""Pixels a side: tiles of the input within this range become those of the output, too."""


@contextmanager
def open_windowed(path: Path, bands: Sequence[int] = ()) -> Iterator[WindowedPicture]:
    """Open a TIFF or a Zarr array for reading by windows.

    Parameters
    ----------
    path : Path
        A TIFF of any kind, tiled or striped, or the folder of a Zarr array.
    bands : sequence of int, from 1
        Which bands are the features, in this order; empty = all but alpha, of RGB the three.

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError
        As in `open_regular`.
    UnsupportedPhotoError, DamagedPhotoError
        It is of a kind that is not read by windows, has no such bands, or makes no sense.
    """
    label = str(path)
    if is_zarr(path):
        from segmenter.io.rasters.zarr import open_zarr

        yield WindowedPicture(open_zarr(path), label, tuple(bands))
        return
    with open_ranges(path) if isinstance(path, RemotePath) else open_regular(path) as file:
        if not file.read(SIGNATURE_BYTES).startswith(TIFF_SIGNATURES):
            raise UnsupportedPhotoError(label, "is no TIFF and no Zarr array; only these are read by windows")
        from segmenter.io.rasters.tiff import open_tiff

        with open_tiff(file, label) as store:
            yield WindowedPicture(store, label, tuple(bands))


class WindowedPicture:
    """An open picture; the meaning of its bands is known, and some of them are chosen."""

    def __init__(self, store: Raster, label: str, bands: tuple[int, ...]) -> None:
        self.header, self.label, self.bands = store.header, label, bands
        self._store = store
        header = store.header
        for band in bands:
            if not 1 <= band <= header.n_bands:
                least = "1 band" if header.n_bands == 1 else f"bands 1 to {header.n_bands}"
                raise UnsupportedPhotoError(label, f"has no band {band}; it has {least}")
        if header.n_bands > MAX_BANDS and not bands:
            reason = f"has {header.n_bands} bands, more than the {MAX_BANDS} that can be taken at once; choose --bands"
            raise UnsupportedPhotoError(label, reason)
        if header.height * header.width == 0:
            raise UnsupportedPhotoError(label, "has no pixels")
        self.n_features = len(bands) or (3 if header.meaning == "palette" else len(self._color_bands()))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.header.height, self.header.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the features as they are read."""
        return np.dtype(np.uint8) if self.header.meaning == "palette" and not self.bands else self.header.dtype

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person may not expect."""
        header = self.header
        notes = header.notes
        left_out = header.n_bands - len(self._color_bands()) - (header.alpha is not None)
        if left_out > 0 and not self.bands:
            bands = "1 more band is" if left_out == 1 else f"{left_out} more bands are"
            notes += (f"{bands} left out; --bands 1,2,… chooses",)
        if header.dtype != np.uint8 or header.meaning not in ("gray", "rgb"):
            notes += unconverted_notes(header.profile)
        return notes

    def plan_windows(self) -> tuple[tuple[int, int], list[Window]]:
        """Return the tile of a label image of this picture, and windows of whole tiles in reading order."""
        header = self.header
        n_bytes = header.dtype.itemsize * header.n_bands
        rows, columns = header.block
        if header.is_striped:
            rows = columns = USUAL_TILE
            while rows > 16 and rows * header.width * n_bytes > 2 * WINDOW_BYTES:
                rows //= 2
        tile_rows, tile_columns = (_tile_side(side) for side in (rows, columns))
        most = max(1, WINDOW_BYTES // n_bytes)
        width = header.width
        if not header.is_striped and tile_rows * width > most:
            width = max(1, most // (tile_rows * tile_columns)) * tile_columns
        height = tile_rows
        if width >= header.width:
            height *= max(1, most // (tile_rows * header.width))
        windows = [
            Window(top, left, min(height, header.height - top), min(width, header.width - left))
            for top in range(0, header.height, height)
            for left in range(0, header.width, width)
        ]
        return (tile_rows, tile_columns), windows

    def read(self, window: Window) -> tuple[Pixels, Bools | None]:
        """Return the chosen features of a window, and which of its pixels take part.

        Pixels take no part where alpha is 0, where all features are the no-data value, or where one is NaN or infinite.

        Returns
        -------
        colors : ndarray of shape (h, w, D), dtype as stored
        mask : ndarray of shape (h, w), bool, or None
            None = all take part.

        Raises
        ------
        DamagedPhotoError
            A block cannot be decoded, or is not there.
        """
        header = self.header
        stored = self._store.read(window)
        alpha = None if header.alpha is None else stored[..., header.alpha]
        mask = None if alpha is None or alpha.all() else alpha != 0
        colors = stored[..., [band - 1 for band in self.bands]] if self.bands else self._colors(stored, alpha)
        plain = colors if header.meaning != "palette" or self.bands else stored[..., :1]
        for missing in self._missing(plain):
            if missing.any():
                mask = ~missing if mask is None else mask & ~missing
        return colors, mask

    def _color_bands(self) -> list[int]:
        header = self.header
        others = [band for band in range(header.n_bands) if band != header.alpha]
        return others[: {"rgb": 3, "bands": len(others)}.get(header.meaning, 1)]

    def _colors(self, stored: Pixels, alpha: Pixels | None) -> Pixels:
        """Return gray, RGB or all bands of stored numbers."""
        header = self.header
        if header.palette is not None:
            return header.palette[stored[..., 0]]
        bands = self._color_bands()
        colors: Pixels = stored if len(bands) == header.n_bands else stored[..., bands]
        if header.meaning == "inverted gray":
            colors = 1 - colors if colors.dtype.kind == "f" else ~colors
        if alpha is not None and header.is_associated:
            colors = unassociated(colors, alpha)
        if header.profile and header.dtype == np.uint8 and header.meaning in ("gray", "rgb"):
            image, _ = to_srgb(Image.fromarray(colors[..., 0] if len(bands) == 1 else colors), header.profile)
            colors = np.asarray(image).reshape(colors.shape)
        return colors

    def _missing(self, colors: Pixels) -> Iterator[Bools]:
        """Yield where pixels hold no data, for each way to say so."""
        if colors.dtype.kind == "f" and not np.isfinite(colors).all():
            yield np.asarray(~np.isfinite(colors).all(axis=2))
        if self.header.no_data is not None and not np.isnan(self.header.no_data):
            yield np.asarray((colors == self.header.no_data).all(axis=2))


def unassociated(colors: Pixels, alpha: Pixels) -> Pixels:
    """Return colors (h, w, C) that were multiplied with alpha (h, w) as they were before."""
    top = 1 if colors.dtype.kind == "f" else np.iinfo(colors.dtype).max
    if colors.dtype == np.uint8:  # as Pillow does
        divided = colors.astype(np.uint16) * np.uint16(255) // np.maximum(alpha, 1)[..., np.newaxis]
        return divided.clip(0, 255).astype(np.uint8)
    opacity = np.where(alpha > 0, alpha / top, 1)[..., np.newaxis]
    return np.asarray((colors / opacity).clip(0, top).astype(colors.dtype))


def _tile_side(side: int) -> int:
    """Return the side of a tile of the output, a multiple of 16, for blocks of this side in the input."""
    return -(-side // 16) * 16 if MIN_TILE <= side <= MAX_TILE else USUAL_TILE
