"""Label images of any size: tiled, compressed TIFF with overviews, written tile by tile."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segmenter._version import __version__
from segmenter.arrays import Bytes, Labels
from segmenter.errors import UnsupportedPhotoError
from segmenter.io.images.pillow import quiet
from segmenter.io.rasters.base import TiffTag

OVERVIEW_SIDE = 512
"""Overviews are made until one is no larger, in pixels."""

MAX_INDEXED_LABEL = 255
_GDAL_NO_DATA = 42113
_ASCII = 2
_REDUCED = 1
_BIG = 1 << 31
"""Files that may become longer than this many bytes are BigTIFF."""


def encode_tiles(
    labels: NDArray[np.unsignedinteger[Any]], tile: tuple[int, int], window_bits: int = zlib.MAX_WBITS
) -> list[bytes]:
    """Return the tiles of some rows of labels, in reading order, `compress`; the last are filled with 0."""
    rows, columns = tile
    encoded = []
    for top in range(0, labels.shape[0], rows):
        for left in range(0, labels.shape[1], columns):
            part = labels[top : top + rows, left : left + columns]
            if part.shape != tile:
                whole = np.zeros(tile, labels.dtype)
                whole[: part.shape[0], : part.shape[1]] = part
                part = whole
            encoded.append(compress(part, window_bits))
    return encoded


def compress(tile: NDArray[np.unsignedinteger[Any]], window_bits: int = zlib.MAX_WBITS) -> bytes:
    """Return labels as deflate: run-length coding is as small as the default for labels, and much faster.

    The window bits tell zlib how to wrap it: 15 as zlib, which TIFF wants, 31 as gzip, which Zarr does.
    """
    encoder = zlib.compressobj(6, wbits=window_bits, strategy=zlib.Z_RLE)
    return encoder.compress(tile.tobytes()) + encoder.flush()


def write_label_tiff(
    path: Path,
    tiles: Iterable[bytes],
    shape: tuple[int, int],
    tile: tuple[int, int],
    dtype: type[np.unsignedinteger[Any]],
    colors: Bytes,
    tags: tuple[TiffTag, ...],
) -> None:
    """Write a label image and its overviews, each half as wide and high as the one before.

    Labels of 8 bits are shown in the colors of a palette; 0 is declared as no data, as GDAL does. An overview holds the
    label of every second pixel of every second row.

    Parameters
    ----------
    path : Path
        A file that exists, which nobody else writes to.
    tiles : iterable of bytes
        From `encode_tiles`, in reading order; consumed one at a time.
    shape, tile : (int, int), pixels
        Height and width.
    dtype : uint8 or uint16
    colors : ndarray of shape (n, 3), uint8
        sRGB; row ``l - 1`` shows label ``l``.
    tags : tuple of TiffTag
        Tags to carry over.

    Raises
    ------
    OSError
        The system refuses.
    """
    import tifffile

    look: dict[str, Any] = {"photometric": "minisblack"}
    if dtype == np.uint8:
        table = np.zeros((3, 256), np.uint16)
        table[:, 1 : len(colors) + 1] = colors.T.astype(np.uint16) * 257
        look = {"photometric": "palette", "colormap": table}
    common = {"tile": tile, "compression": "adobe_deflate", "dtype": dtype, "metadata": None, **look}
    no_data: TiffTag = (_GDAL_NO_DATA, _ASCII, 2, "0", False)
    is_big = shape[0] * shape[1] * np.dtype(dtype).itemsize > _BIG
    height, width = shape
    with tifffile.TiffWriter(path, bigtiff=is_big) as writer:
        writer.write(
            iter(tiles), shape=shape, software=f"segmenter {__version__}", extratags=[*tags, no_data], **common
        )
    level = 0
    while max(height, width) > OVERVIEW_SIDE:
        height, width = -(-height // 2), -(-width // 2)
        with tifffile.TiffFile(path) as above:
            page: Any = above.pages[level]
            smaller = encode_overview(partial(decode_block, page), page.shape, tile)
            with tifffile.TiffWriter(path, append=True) as writer:
                writer.write(smaller, shape=(height, width), subfiletype=_REDUCED, extratags=[no_data], **common)
        level += 1


def decode_labels(file: BinaryIO, label: str) -> Labels:
    """Return the label image (H, W) that a TIFF holds; UnsupportedPhotoError where it holds something else."""
    import tifffile

    file.seek(0)
    with quiet(), tifffile.TiffFile(file, name=label) as tiff:
        page: Any = tiff.pages.first
        if page.samplesperpixel != 1 or page.dtype not in (np.uint8, np.uint16):
            raise UnsupportedPhotoError(label, "is not a label image; give the NAME.labels.tif of segmenter segment")
        return np.asarray(page.asarray(), dtype=np.int32)


def encode_overview(
    decoded: Callable[[int], NDArray[np.unsignedinteger[Any]]],
    shape: tuple[int, int],
    tile: tuple[int, int],
    window_bits: int = zlib.MAX_WBITS,
) -> Iterator[bytes]:
    """Yield the tiles of an overview of labels (H, W), of which tiles are decoded by their number in reading order.

    What two rows of these become is in memory at a time.
    """
    (rows, columns), (height, width) = tile, shape
    per_row = -(-width // columns)
    n_rows = -(-height // rows)
    for first in range(0, n_rows, 2):
        strips = []
        for row in range(first, min(first + 2, n_rows)):
            numbers = range(row * per_row, (row + 1) * per_row)
            blocks = [np.ascontiguousarray(decoded(number)[::2, ::2]) for number in numbers]
            strips.append(np.concatenate(blocks, axis=1)[:, : -(-width // 2)])
        strip = np.concatenate(strips)
        yield from encode_tiles(strip[: -(-min(2 * rows, height - first * rows) // 2)], tile, window_bits)


def decode_block(page: Any, number: int) -> NDArray[np.unsignedinteger[Any]]:
    """Return the labels of a tile of a page."""
    file = page.parent.filehandle
    file.seek(page.dataoffsets[number])
    labels: NDArray[np.unsignedinteger[Any]] = page.decode(file.read(page.databytecounts[number]), number)[0][0, ..., 0]
    return labels
