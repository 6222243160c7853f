"""Write label images of pictures larger than memory as OME-Zarr, and read label images from Zarr.

The windowed mode of ``segmenter segment`` writes NAME.labels.zarr with ``--label-format zarr``; ``segmenter evaluate``,
the report and `segmenter.read_labels` read it. It is a folder with one file per chunk, in Zarr version 3 and OME-Zarr
0.5 (https://ngff.openmicroscopy.org/0.5/): a group whose arrays ``0``, ``1``, … are the label image and its overviews.
The metadata of the group contains the colors of the labels. Only reading requires the zarr library.
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
from segmenter.io.labels.tiff import TileLayout, encode_overview
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import open_windowed

_OME_VERSION = "0.5"
GZIP_WINDOW_BITS = 31
"""Window bits that make zlib read and write gzip, the only deflate format in the Zarr specification."""


def write_label_zarr(folder: Path, tiles: Iterable[bytes], layout: TileLayout, colors: Bytes) -> None:
    """Write a label image and its overviews, each half as wide and high as the one before; 0 means no label.

    An overview holds the label of every second pixel of every second row.

    Parameters
    ----------
    folder : Path
        An existing, empty folder that no other process writes to.
    tiles : iterable of bytes
        From `segmenter.io.labels.tiff.encode_tiles` with `GZIP_WINDOW_BITS`, in reading order; consumed one at a time.
    layout : TileLayout
    colors : ndarray of shape (n, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``.

    Raises
    ------
    OSError
        The system cannot write.
    """
    level = 0
    chunks = _Chunks(folder / "0", layout)
    _write_array(chunks, tiles)
    while layout.needs_overview:
        overview = encode_overview(chunks.decode, layout, GZIP_WINDOW_BITS)
        layout, level = layout.halve(), level + 1
        chunks = _Chunks(folder / str(level), layout)
        _write_array(chunks, overview)
    _write_json(folder, {"node_type": "group", "attributes": {"ome": _describe_image(level + 1, colors)}})


def read_label_zarr(path: Path, max_pixels: int | None = None) -> Labels:
    """Return the label image (H, W) of a Zarr array or an OME-Zarr.

    Raises
    ------
    TooManyPixelsError
        It has more than ``max_pixels`` pixels.
    UnsupportedPhotoError
        It is not an array of labels.
    MissingExtraError
        Zarr is not installed.
    DamagedPhotoError
        Its metadata is invalid, or a chunk cannot be decoded.
    """
    with open_windowed(path) as picture:
        header = picture.header
        if header.n_bands != 1 or header.dtype not in (np.uint8, np.uint16):
            problem = "is not a label image; give the NAME.labels.zarr of segmenter segment"
            raise UnsupportedPhotoError(str(path), problem)
        if max_pixels is not None:
            check_size(header.width, header.height, max_pixels, str(path))
        labels, _ = picture.read(Window(0, 0, header.height, header.width))
    return labels[..., 0].astype(np.int32)


def read_zarr_overview(path: Path, side: int) -> tuple[tuple[int, int], Labels]:
    """Return the shape of a label image, and its smallest overview whose longer side is at least ``side`` pixels.

    Raises
    ------
    UnsupportedPhotoError, MissingExtraError, DamagedPhotoError
        As in `read_label_zarr`.
    """
    with open_windowed(path) as picture:
        shape = picture.shape
    level, longest = 0, max(shape)
    while -(-longest // 2) >= side and is_zarr(path / str(level + 1)):
        level, longest = level + 1, -(-longest // 2)
    return shape, read_label_zarr(path / str(level) if level else path)


@dataclass(frozen=True)
class _Chunks:
    """The chunks of an array on disk, numbered in reading order."""

    folder: Path
    layout: TileLayout

    def get_path(self, number: int) -> Path:
        """Return the path of a chunk."""
        row, column = divmod(number, self.layout.n_tile_columns)
        return self.folder / "c" / str(row) / str(column)

    def decode(self, number: int) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels of a chunk, in the shape of a tile."""
        content = zlib.decompress(self.get_path(number).read_bytes(), GZIP_WINDOW_BITS)
        return np.frombuffer(content, self.layout.dtype).reshape(self.layout.tile)


def _write_array(chunks: _Chunks, tiles: Iterable[bytes]) -> None:
    """Write the chunks of an array, then its metadata."""
    layout = chunks.layout
    for number, content in enumerate(tiles):
        path = chunks.get_path(number)
        if number % layout.n_tile_columns == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(content)
    byte_order: dict[str, Any] = {} if layout.dtype == np.uint8 else {"configuration": {"endian": sys.byteorder}}
    description = {
        "node_type": "array",
        "shape": layout.shape,
        "data_type": np.dtype(layout.dtype).name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": layout.tile}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "bytes", **byte_order}, {"name": "gzip", "configuration": {"level": 6}}],
        "dimension_names": ["y", "x"],
        "attributes": {},
    }
    _write_json(chunks.folder, description)


def _describe_image(n_levels: int, colors: Bytes) -> dict[str, Any]:
    """Return the OME-Zarr metadata of a label image: its overviews, and the colors of its labels."""
    levels = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [2**level, 2**level]}]}
        for level in range(n_levels)
    ]
    axes = [{"name": name, "type": "space"} for name in ("y", "x")]
    return {
        "version": _OME_VERSION,
        "multiscales": [{"name": "labels", "axes": axes, "datasets": levels, "type": "nearest"}],
        "image-label": {"colors": list(_describe_colors(colors))},
    }


def _describe_colors(colors: Bytes) -> Iterator[dict[str, Any]]:
    """Yield the color of each label; 0 is transparent."""
    yield {"label-value": 0, "rgba": [0, 0, 0, 0]}
    for label, color in enumerate(colors.tolist(), start=1):
        yield {"label-value": label, "rgba": [*color, 255]}


def _write_json(folder: Path, description: dict[str, Any]) -> None:
    """Write the metadata of a group or an array."""
    text = json.dumps({"zarr_format": 3, **description}, indent=1)
    (folder / "zarr.json").write_text(text + "\n", encoding="utf-8")
