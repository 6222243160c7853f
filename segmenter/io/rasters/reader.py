"""Read pictures by windows: the header, and the colors and mask of any rectangle, in bounded memory.

`segmenter.io.images.photo.read_photo` returns the same colors as this module, except that it applies the EXIF
orientation of photos, and that here the value range has to be found first: see `WindowedPicture.scaled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segmenter.arrays import Bools, Pixels
from segmenter.errors import MissingExtraError, UnsupportedPhotoError
from segmenter.io.files.local import SIGNATURE_BYTES, TIFF_SIGNATURES, is_zarr, open_regular
from segmenter.io.files.remote import RemotePath, open_ranges
from segmenter.io.images.config import ValueRange
from segmenter.io.images.icc import convert_to_srgb, describe_unconverted_profile
from segmenter.io.images.pillow import MAX_BANDS, DecodedImage, check_size
from segmenter.io.images.tiff_tags import invert, unpremultiply
from segmenter.io.images.value_range import get_scaled_dtype, scale_values
from segmenter.io.rasters.base import Raster, Window, WindowGrid

WINDOW_BYTES = 1 << 24
"""Size of the stored values of a window; processing it takes a few times as much memory."""

MAX_WINDOWED_PIXELS = 10**12
"""Pictures of more pixels are refused by their headers: at ten megapixels a second they would take over a day."""

MAX_PIXEL_BYTES = 1 << 14
"""Maximum size of a stored pixel, with all its bands; windows are at least a tile of `MIN_TILE` × `MIN_TILE`."""

MIN_TILE, MAX_TILE, USUAL_TILE = 128, 4096, 512
"""Sides of tiles in pixels: output tiles are like input tiles within the minimum and maximum, else the usual size."""


@contextmanager
def open_windowed(
    path: Path, bands: Sequence[int] = (), value_range: ValueRange | None = None
) -> Iterator[WindowedPicture]:
    """Open a TIFF or a Zarr array for reading by windows.

    Parameters
    ----------
    path : Path
        A TIFF of any kind, tiled or striped, or the folder of a Zarr array.
    bands : sequence of int, from 1
        The bands to use as features, in this order; empty = all bands except alpha, for RGB the three colors.
    value_range : ValueRange, optional
        To which features are scaled; None = they are read as stored.

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError
        As in `open_regular`.
    UnsupportedPhotoError, DamagedPhotoError
        The file cannot be read by windows, does not have these bands, or is damaged.
    MissingExtraError
        What decodes its compression is not installed.
    """
    label = str(path)
    if is_zarr(path):
        from segmenter.io.rasters.zarr import open_zarr

        yield WindowedPicture(open_zarr(path), label, tuple(bands), value_range)
        return
    with open_ranges(path) if isinstance(path, RemotePath) else open_regular(path) as file:
        if not file.read(SIGNATURE_BYTES).startswith(TIFF_SIGNATURES):
            raise UnsupportedPhotoError(label, "is neither a TIFF nor a Zarr array; only these are read by windows")
        from segmenter.io.rasters.tiff import open_tiff

        with open_tiff(file, label) as raster:
            yield WindowedPicture(raster, label, tuple(bands), value_range)


class WindowedPicture:
    """An open picture, the bands that are its features, and the range to which these are scaled."""

    def __init__(
        self, raster: Raster, label: str, bands: tuple[int, ...], value_range: ValueRange | None = None
    ) -> None:
        self.header, self.label, self.bands, self.value_range = raster.header, label, bands, value_range
        self._raster = raster
        header = raster.header
        if header.missing_codec:
            raise MissingExtraError(f"{label}: {header.missing_codec} compression", "large")
        for band in bands:
            if not 1 <= band <= header.n_bands:
                existing = "1 band" if header.n_bands == 1 else f"bands 1 to {header.n_bands}"
                raise UnsupportedPhotoError(label, f"has no band {band}; it has {existing}")
        if header.n_bands > MAX_BANDS and not bands:
            problem = f"has {header.n_bands} bands, more than the {MAX_BANDS} that can be used at once"
            raise UnsupportedPhotoError(label, f"{problem}; choose some with --bands")
        if header.height * header.width == 0:
            raise UnsupportedPhotoError(label, "has no pixels")
        if header.height * header.width > MAX_WINDOWED_PIXELS:
            problem = f"claims {header.width:,}×{header.height:,} pixels, more than {MAX_WINDOWED_PIXELS:,}"
            raise UnsupportedPhotoError(label, f"{problem}; cut it into parts")
        if self._n_bytes_per_pixel > MAX_PIXEL_BYTES:
            problem = f"has {header.n_bands:,} bands of {header.dtype}, {self._n_bytes_per_pixel:,} bytes a pixel"
            raise UnsupportedPhotoError(label, f"{problem}, more than {MAX_PIXEL_BYTES:,}; keep fewer bands")
        self.n_features = len(bands) or (3 if header.interpretation == "palette" else len(self._get_color_bands()))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.header.height, self.header.width

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Number type of the features before they are scaled."""
        return np.dtype(np.uint8) if self.header.interpretation == "palette" and not self.bands else self.header.dtype

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the features as they are read."""
        stored = self.stored_dtype
        return stored if self.value_range is None else get_scaled_dtype(stored, self.value_range)

    @property
    def may_lack_data(self) -> bool:
        """Whether pixels may hold no data: there is a value that says so, or values may be NaN."""
        return self.header.no_data is not None or self.header.dtype.kind == "f"

    @property
    def notes(self) -> tuple[str, ...]:
        """Aspects that may surprise a user, one short sentence each."""
        header = self.header
        notes = header.notes
        n_left_out = header.n_bands - len(self._get_color_bands()) - (header.alpha is not None)
        if n_left_out > 0 and not self.bands:
            bands = "1 more band is" if n_left_out == 1 else f"{n_left_out} more bands are"
            notes += (f"{bands} left out; choose with --bands 1,2,…",)
        if header.dtype != np.uint8 or header.interpretation not in ("gray", "rgb"):
            notes += describe_unconverted_profile(header.profile)
        return notes

    def scaled(self, value_range: ValueRange | None) -> WindowedPicture:
        """Return the same open picture with its features scaled to a range."""
        return WindowedPicture(self._raster, self.label, self.bands, value_range)

    def plan_windows(self) -> tuple[tuple[int, int], WindowGrid]:
        """Return the tile shape of a label image of this picture, and windows of whole tiles in reading order."""
        tile = self._choose_tile()
        return tile, WindowGrid(self.shape, self._choose_window_shape(tile))

    def _choose_tile(self) -> tuple[int, int]:
        """Return rows and columns of the tiles of a label image, similar to those of the picture if it has tiles."""
        rows, columns = self.header.block
        if self.header.is_striped:
            rows = columns = USUAL_TILE
            while rows > 16 and rows * self.header.width * self._n_bytes_per_pixel > 2 * WINDOW_BYTES:
                rows //= 2
        return _choose_tile_side(rows), _choose_tile_side(columns)

    def _choose_window_shape(self, tile: tuple[int, int]) -> tuple[int, int]:
        """Return rows and columns of the windows: as many whole tiles as `WINDOW_BYTES` allows, but at least one.

        A window is as wide as the picture if that fits, and always for strips, because each is decoded as a whole.
        """
        height, width = tile[0], self.header.width
        max_pixels = max(1, WINDOW_BYTES // self._n_bytes_per_pixel)
        if not self.header.is_striped and height * width > max_pixels:
            width = max(1, max_pixels // (height * tile[1])) * tile[1]
        if width >= self.header.width:
            height *= max(1, max_pixels // (height * self.header.width))
        return height, width

    @property
    def _n_bytes_per_pixel(self) -> int:
        """Number of bytes of a stored pixel, with all its bands."""
        return self.header.dtype.itemsize * self.header.n_bands

    def read(self, window: Window) -> tuple[Pixels, Bools | None]:
        """Return the features of a window, and the mask of its valid pixels.

        A pixel is invalid if its alpha is 0, all its features are the no-data value, or one of them is not finite.

        Returns
        -------
        colors : ndarray of shape (h, w, D), of the type `dtype`
        mask : ndarray of shape (h, w), bool, or None
            True = valid; None = all are valid.

        Raises
        ------
        DamagedPhotoError
            A block cannot be decoded, or is missing.
        """
        header = self.header
        stored = self._raster.read(window)
        alpha = None if header.alpha is None else stored[..., header.alpha.index]
        mask = None if alpha is None or alpha.all() else alpha != 0
        colors = stored[..., [band - 1 for band in self.bands]] if self.bands else self._convert_colors(stored, alpha)
        values = colors if header.interpretation != "palette" or self.bands else stored[..., :1]
        for is_missing in self._find_missing(values):
            if is_missing.any():
                mask = ~is_missing if mask is None else mask & ~is_missing
        return colors if self.value_range is None else scale_values(colors, self.value_range), mask

    def decode_whole(self, max_pixels: int) -> DecodedImage:
        """Return the features of the whole picture, as it is stored; TooManyPixelsError beyond the limit."""
        height, width = self.shape
        check_size(width, height, max_pixels, self.label)
        colors, mask = self.read(Window(0, 0, height, width))
        if mask is not None and self.may_lack_data:
            return DecodedImage(colors, missing=~mask, notes=self.notes)
        return DecodedImage(colors, mask, notes=self.notes)

    def _get_color_bands(self) -> list[int]:
        """Return the indices, from 0, of the bands that are used as color if no bands are selected."""
        header = self.header
        bands = [band for band in range(header.n_bands) if header.alpha is None or band != header.alpha.index]
        return bands[: {"rgb": 3, "bands": len(bands)}.get(header.interpretation, 1)]

    def _convert_colors(self, stored: Pixels, alpha: Pixels | None) -> Pixels:
        """Return gray (h, w, 1), RGB (h, w, 3) or all bands of the stored values (h, w, number of bands)."""
        header = self.header
        if header.palette is not None:
            return header.palette[stored[..., 0]]
        bands = self._get_color_bands()
        colors: Pixels = stored if len(bands) == header.n_bands else stored[..., bands]
        if header.interpretation == "inverted gray":
            colors = invert(colors)
        if alpha is not None and header.alpha is not None and header.alpha.is_premultiplied:
            colors = unpremultiply(colors, alpha)
        if header.profile and header.dtype == np.uint8 and header.interpretation in ("gray", "rgb"):
            image, _ = convert_to_srgb(Image.fromarray(colors[..., 0] if len(bands) == 1 else colors), header.profile)
            colors = np.asarray(image).reshape(colors.shape)
        return colors

    def _find_missing(self, values: Pixels) -> Iterator[Bools]:
        """Yield masks (h, w) of pixels without data: those that are not finite, and those with the no-data value."""
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            yield np.asarray(~np.isfinite(values).all(axis=2))
        if self.header.no_data is not None and not np.isnan(self.header.no_data):
            yield np.asarray((values == self.header.no_data).all(axis=2))


def _choose_tile_side(side: int) -> int:
    """Return the side of output tiles, a multiple of 16, given the side of the blocks in the input."""
    return -(-side // 16) * 16 if MIN_TILE <= side <= MAX_TILE else USUAL_TILE
