"""Label images of any size as OME-Zarr: a folder with a file for each chunk, and the overviews that a label TIFF has.

Version 3 of Zarr and 0.5 of OME-Zarr (https://ngff.openmicroscopy.org/0.5/): a group whose arrays ``0``, ``1``, … are
the label image and its overviews, with the colors of the labels. Written as plain files; only reading needs Zarr.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bytes, Labels
from segmenter.errors import UnsupportedPhotoError
from segmenter.io.files.local import is_zarr
from segmenter.io.images.pillow import check_size
from segmenter.io.labels.tiff import OVERVIEW_SIDE, encode_overview
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import open_windowed

_OME_VERSION = "0.5"
GZIP_WINDOW_BITS = 31
"""Window bits by which zlib reads and writes the format of gzip, the one of deflate that is part of Zarr's standard."""


def write_label_zarr(
    folder: Path,
    tiles: Iterable[bytes],
    shape: tuple[int, int],
    tile: tuple[int, int],
    dtype: type[np.unsignedinteger[Any]],
    colors: Bytes,
) -> None:
    """Write a label image and its overviews, each half as wide and high as the one before; 0 is no label.

    An overview holds the label of every second pixel of every second row.

    Parameters
    ----------
    folder : Path
        Exists, is empty, and nobody else writes to it.
    tiles : iterable of bytes
        From `segmenter.io.labels.tiff.encode_tiles` as gzip, in reading order; consumed one at a time.
    shape, tile : (int, int), pixels
        Height and width.
    dtype : uint8 or uint16
    colors : ndarray of shape (n, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``.

    Raises
    ------
    OSError
        The system refuses.
    """
    level, (height, width) = 0, shape
    _write_array(folder / "0", tiles, shape, tile, dtype)
    while max(height, width) > OVERVIEW_SIDE:
        above = _Chunks(folder / str(level), -(-width // tile[1]), tile, dtype)
        smaller = encode_overview(above.decoded, (height, width), tile, GZIP_WINDOW_BITS)
        height, width, level = -(-height // 2), -(-width // 2), level + 1
        _write_array(folder / str(level), smaller, (height, width), tile, dtype)
    _write_json(folder, {"node_type": "group", "attributes": {"ome": _description(level + 1, colors)}})


def read_label_zarr(path: Path, max_pixels: int | None = None) -> Labels:
    """Return the label image (H, W) that a Zarr array or an OME-Zarr holds.

    Raises
    ------
    PhotoTooLargeError
        It has more pixels than allowed.
    UnsupportedPhotoError
        It holds something else, or Zarr is not installed.
    DamagedPhotoError
        Its metadata make no sense, or a chunk cannot be decoded.
    """
    with open_windowed(path) as picture:
        header = picture.header
        if header.n_bands != 1 or header.dtype not in (np.uint8, np.uint16):
            advice = "give the NAME.labels.zarr of segmenter segment"
            raise UnsupportedPhotoError(str(path), f"is not a label image; {advice}")
        if max_pixels is not None:
            check_size(header.width, header.height, max_pixels, str(path))
        labels, _ = picture.read(Window(0, 0, header.height, header.width))
    return labels[..., 0].astype(np.int32)


def read_zarr_overview(path: Path, side: int) -> tuple[tuple[int, int], Labels]:
    """Return the shape of a label image, and the smallest of its overviews whose longer side is no less than this.

    Raises
    ------
    UnsupportedPhotoError, DamagedPhotoError
        As `read_label_zarr`.
    """
    with open_windowed(path) as picture:
        shape = picture.shape
    level, longest = 0, max(shape)
    while -(-longest // 2) >= side and is_zarr(path / str(level + 1)):
        level, longest = level + 1, -(-longest // 2)
    return shape, read_label_zarr(path / str(level) if level else path)


@dataclass(frozen=True)
class _Chunks:
    """The chunks of an array that was written, by their numbers in reading order."""

    folder: Path
    per_row: int
    tile: tuple[int, int]
    dtype: type[np.unsignedinteger[Any]]

    def path(self, number: int) -> Path:
        """Return the file of a chunk."""
        row, column = divmod(number, self.per_row)
        return self.folder / "c" / str(row) / str(column)

    def decoded(self, number: int) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels of a chunk."""
        content = zlib.decompress(self.path(number).read_bytes(), GZIP_WINDOW_BITS)
        return np.frombuffer(content, self.dtype).reshape(self.tile)


def _write_array(
    folder: Path,
    tiles: Iterable[bytes],
    shape: tuple[int, int],
    tile: tuple[int, int],
    dtype: type[np.unsignedinteger[Any]],
) -> None:
    """Write an array of labels, its metadata last."""
    chunks = _Chunks(folder, -(-shape[1] // tile[1]), tile, dtype)
    for number, content in enumerate(tiles):
        path = chunks.path(number)
        if number % chunks.per_row == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(content)
    order: dict[str, Any] = {} if dtype == np.uint8 else {"configuration": {"endian": sys.byteorder}}
    description = {
        "node_type": "array",
        "shape": shape,
        "data_type": np.dtype(dtype).name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": tile}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "bytes", **order}, {"name": "gzip", "configuration": {"level": 6}}],
        "dimension_names": ["y", "x"],
        "attributes": {},
    }
    _write_json(folder, description)


def _description(n_levels: int, colors: Bytes) -> dict[str, Any]:
    """Return what OME-Zarr tells of a label image: its overviews, and what its labels are drawn in."""
    levels = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [2**level, 2**level]}]}
        for level in range(n_levels)
    ]
    axes = [{"name": name, "type": "space"} for name in ("y", "x")]
    return {
        "version": _OME_VERSION,
        "multiscales": [{"name": "labels", "axes": axes, "datasets": levels, "type": "nearest"}],
        "image-label": {"colors": list(_label_colors(colors))},
    }


def _label_colors(colors: Bytes) -> Iterator[dict[str, Any]]:
    """Yield what each label is drawn in; nothing for 0."""
    yield {"label-value": 0, "rgba": [0, 0, 0, 0]}
    for label, color in enumerate(colors.tolist(), start=1):
        yield {"label-value": label, "rgba": [*color, 255]}


def _write_json(folder: Path, description: dict[str, Any]) -> None:
    text = json.dumps({"zarr_format": 3, **description}, indent=1)
    (folder / "zarr.json").write_text(text + "\n", encoding="utf-8")
