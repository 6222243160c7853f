"""Write label images of pictures larger than memory as tiled TIFF with overviews, and read label TIFFs.

The windowed mode of ``segmenter segment`` writes NAME.labels.tif tile by tile; `segmenter.read_labels` and the report
read it. `segmenter.io.labels.ome_zarr` encodes tiles and overviews with the same functions.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segmenter._version import __version__
from segmenter.arrays import Bytes, Labels
from segmenter.errors import UnsupportedPhotoError
from segmenter.io.images.pillow import silence_decoders
from segmenter.io.images.tiff_tags import GDAL_NO_DATA, REDUCED_IMAGE
from segmenter.io.rasters.base import TiffTag

OVERVIEW_SIDE = 512
"""Overviews are added until both sides of the last one are at most this long, in pixels."""

MAX_INDEXED_LABEL = 255
"""The largest 8-bit label; label images up to this label get a palette."""

_ASCII = 2
"""Data type of a TIFF tag that contains text."""

_MAX_CLASSIC_BYTES = 1 << 31
"""Files that may become larger are written as BigTIFF."""


@dataclass(frozen=True)
class TileLayout:
    """How a label image is stored: its size, the size of its tiles, and its number type."""

    shape: tuple[int, int]  # height and width in pixels
    tile: tuple[int, int]  # height and width in pixels
    dtype: type[np.unsignedinteger[Any]]  # uint8 or uint16

    @property
    def n_tile_rows(self) -> int:
        """Number of rows of tiles."""
        return -(-self.shape[0] // self.tile[0])

    @property
    def n_tile_columns(self) -> int:
        """Number of tiles in each row."""
        return -(-self.shape[1] // self.tile[1])

    @property
    def needs_overview(self) -> bool:
        """Whether the image is large enough to get an overview."""
        return max(self.shape) > OVERVIEW_SIDE

    def halve(self) -> TileLayout:
        """Return the layout of an overview: half as high and wide, rounded up."""
        return replace(self, shape=(-(-self.shape[0] // 2), -(-self.shape[1] // 2)))


def encode_tiles(
    labels: NDArray[np.unsignedinteger[Any]], tile: tuple[int, int], window_bits: int = zlib.MAX_WBITS
) -> list[bytes]:
    """Return the compressed tiles of labels (H, W), in reading order; tiles beyond the edges are padded with 0."""
    rows, columns = tile
    encoded = []
    for top in range(0, labels.shape[0], rows):
        for left in range(0, labels.shape[1], columns):
            part = labels[top : top + rows, left : left + columns]
            if part.shape != tile:
                padded = np.zeros(tile, labels.dtype)
                padded[: part.shape[0], : part.shape[1]] = part
                part = padded
            encoded.append(compress(part, window_bits))
    return encoded


def compress(tile: NDArray[np.unsignedinteger[Any]], window_bits: int = zlib.MAX_WBITS) -> bytes:
    """Compress labels by deflate with run-length encoding: as small as the default for labels, and much faster.

    ``window_bits`` selects the output format: 15 = zlib, as TIFF requires; 31 = gzip, as Zarr requires.
    """
    encoder = zlib.compressobj(6, wbits=window_bits, strategy=zlib.Z_RLE)
    return encoder.compress(tile.tobytes()) + encoder.flush()


def write_label_tiff(
    path: Path, tiles: Iterable[bytes], layout: TileLayout, colors: Bytes, tags: tuple[TiffTag, ...]
) -> None:
    """Write a label image and its overviews, each half as wide and high as the one before.

    8-bit labels get a palette. The GDAL tag declares 0 as no data. An overview holds the label of every
    second pixel of every second row.

    Parameters
    ----------
    path : Path
        An existing file that no other process writes to.
    tiles : iterable of bytes
        From `encode_tiles`, in reading order; consumed one at a time.
    layout : TileLayout
    colors : ndarray of shape (n, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``.
    tags : tuple of TiffTag
        Tags to copy from the picture.

    Raises
    ------
    OSError
        The system cannot write.
    """
    import tifffile

    display: dict[str, Any] = {"photometric": "minisblack"}
    if layout.dtype == np.uint8:
        color_map = np.zeros((3, 256), np.uint16)
        color_map[:, 1 : len(colors) + 1] = colors.T.astype(np.uint16) * 257
        display = {"photometric": "palette", "colormap": color_map}
    options = {"tile": layout.tile, "compression": "adobe_deflate", "dtype": layout.dtype, "metadata": None, **display}
    no_data: TiffTag = (GDAL_NO_DATA, _ASCII, 2, "0", False)
    is_big = layout.shape[0] * layout.shape[1] * np.dtype(layout.dtype).itemsize > _MAX_CLASSIC_BYTES
    software = f"segmenter {__version__}"
    with tifffile.TiffWriter(path, bigtiff=is_big) as writer:
        writer.write(iter(tiles), shape=layout.shape, software=software, extratags=[*tags, no_data], **options)
    level = 0
    while layout.needs_overview:
        with tifffile.TiffFile(path) as tiff:
            page: Any = tiff.pages[level]
            overview = encode_overview(partial(decode_tile, page), layout)
            layout = layout.halve()
            with tifffile.TiffWriter(path, append=True) as writer:
                writer.write(overview, shape=layout.shape, subfiletype=REDUCED_IMAGE, extratags=[no_data], **options)
        level += 1


def encode_overview(
    decode: Callable[[int], NDArray[np.unsignedinteger[Any]]], layout: TileLayout, window_bits: int = zlib.MAX_WBITS
) -> Iterator[bytes]:
    """Yield the compressed tiles of an overview of a label image.

    Only two rows of tiles of the label image, at half size, are in memory at once.

    Parameters
    ----------
    decode : callable
        Returns a tile of the label image, given its number in reading order.
    layout : TileLayout
        The layout of the label image.
    window_bits : int
        See `compress`.
    """
    (rows, _), (height, width) = layout.tile, layout.shape
    for first in range(0, layout.n_tile_rows, 2):
        strips = []
        for row in range(first, min(first + 2, layout.n_tile_rows)):
            numbers = range(row * layout.n_tile_columns, (row + 1) * layout.n_tile_columns)
            blocks = [np.ascontiguousarray(decode(number)[::2, ::2]) for number in numbers]
            strips.append(np.concatenate(blocks, axis=1)[:, : -(-width // 2)])
        strip = np.concatenate(strips)
        yield from encode_tiles(strip[: -(-min(2 * rows, height - first * rows) // 2)], layout.tile, window_bits)


def decode_tile(page: Any, number: int) -> NDArray[np.unsignedinteger[Any]]:
    """Return the labels of one tile of a tifffile page, given its number in reading order."""
    file = page.parent.filehandle
    file.seek(page.dataoffsets[number])
    labels: NDArray[np.unsignedinteger[Any]] = page.decode(file.read(page.databytecounts[number]), number)[0][0, ..., 0]
    return labels


def decode_labels(file: BinaryIO, label: str) -> Labels:
    """Return the label image (H, W) in a TIFF; raise UnsupportedPhotoError if it is not a label image."""
    import tifffile

    file.seek(0)
    with silence_decoders(), tifffile.TiffFile(file, name=label) as tiff:
        page: Any = tiff.pages.first
        if page.samplesperpixel != 1 or page.dtype not in (np.uint8, np.uint16):
            raise UnsupportedPhotoError(label, "is not a label image; give the NAME.labels.tif of segmenter segment")
        return np.asarray(page.asarray(), dtype=np.int32)
