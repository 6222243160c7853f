"""Read rectangles of a Zarr array: only the chunks that a rectangle overlaps are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmenter.arrays import Pixels
from segmenter.errors import DamagedPhotoError, MissingExtraError, UnsupportedPhotoError
from segmenter.io.files.remote import RemotePath, build_client_options
from segmenter.io.images.pillow import MAX_BANDS, describe_decoder_error
from segmenter.io.rasters.base import MAX_BLOCK_BYTES, ColorInterpretation, RasterHeader, Window


def open_zarr(path: Path) -> ZarrRaster:
    """Open a Zarr array, or the largest picture of an OME-Zarr group.

    The array has one axis for rows, one for columns, and at most one for bands. OME-Zarr names its axes. In other
    arrays, the bands are the last axis if its length is at most `MAX_BANDS`, otherwise the first. Three bands of
    unsigned integers are RGB.

    Raises
    ------
    UnsupportedPhotoError
        The shape or type of the array is not supported, or the group is not OME-Zarr.
    MissingExtraError
        Zarr is not installed.
    DamagedPhotoError
        The metadata is invalid.
    """
    label = str(path)
    try:
        import zarr
    except ImportError as error:
        raise MissingExtraError(f"{label}: Zarr", "large") from error
    try:
        options = build_client_options(str(path)) if isinstance(path, RemotePath) else None
        opened = zarr.open(str(path), mode="r", storage_options=options)
        axes: list[str] = []
        if isinstance(opened, zarr.Group):
            attributes: dict[str, Any] = dict(opened.attrs.asdict())
            if "multiscales" not in attributes.get("ome", attributes):
                raise UnsupportedPhotoError(label, "is a Zarr group, but not OME-Zarr; give the path of an array in it")
            name, axes = _find_largest(attributes)
            opened = opened[name]
        array: Any = opened
        order = _find_axes(tuple(int(length) for length in array.shape), axes, label)
    except UnsupportedPhotoError:
        raise
    except Exception as error:  # damaged metadata may raise any exception
        raise DamagedPhotoError(label, describe_decoder_error(error)) from error
    return ZarrRaster(array, label, order)


class ZarrRaster:
    """An open Zarr array, as a picture.

    Parameters
    ----------
    array : zarr.Array
    label : str
        The path, for messages.
    axes : (int, int, int or None)
        The axes of rows, columns and bands; None = no bands.
    """

    def __init__(self, array: Any, label: str, axes: tuple[int, int, int | None]) -> None:
        self._array, self._label = array, label
        self._rows, self._columns, self._bands = axes
        dtype = np.dtype(array.dtype)
        if dtype.kind not in "uif" or dtype.itemsize > 8:
            raise UnsupportedPhotoError(label, f"has values of type {dtype}; save it with real numbers")
        n_bands = 1 if self._bands is None else int(array.shape[self._bands])
        is_rgb = n_bands == 3 and dtype.kind == "u"
        interpretation: ColorInterpretation = "gray" if n_bands == 1 else "rgb" if is_rgb else "bands"
        n_bytes = math.prod(array.chunks) * dtype.itemsize
        if n_bytes > MAX_BLOCK_BYTES:
            problem = (
                f"is stored in chunks of {n_bytes / 1e9:,.1f} GB, too large to decode one; save it in smaller ones"
            )
            raise UnsupportedPhotoError(label, problem)
        self.header = RasterHeader(
            height=int(array.shape[self._rows]),
            width=int(array.shape[self._columns]),
            n_bands=n_bands,
            dtype=dtype.newbyteorder("="),
            interpretation=interpretation,
            block=(int(array.chunks[self._rows]), int(array.chunks[self._columns])),
            is_photo=False,
        )

    def read(self, window: Window) -> Pixels:
        """Return the stored values of all bands of a window, (h, w, number of bands)."""
        index: list[slice | int] = [0] * self._array.ndim
        index[self._rows] = slice(window.top, window.top + window.height)
        index[self._columns] = slice(window.left, window.left + window.width)
        if self._bands is not None:
            index[self._bands] = slice(None)
        try:
            values = np.asarray(self._array[tuple(index)])
        except MemoryError:
            raise
        except Exception as error:
            problem = describe_decoder_error(error)
            chunks = f"the chunks around row {window.top:,}, column {window.left:,}: {problem}"
            raise DamagedPhotoError(self._label, chunks) from error
        if self._bands is None:
            values = values[..., np.newaxis]
        elif self._bands < self._rows:
            values = np.moveaxis(values, 0, -1)
        return np.ascontiguousarray(values, dtype=self.header.dtype)


def _find_largest(attributes: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the path, within an OME-Zarr group, of its largest picture (which is listed first), and its axes."""
    found = attributes.get("ome", attributes)["multiscales"][0]
    axes = [axis["name"] if isinstance(axis, Mapping) else axis for axis in found.get("axes", [])]
    return found["datasets"][0]["path"], axes


def _find_axes(shape: tuple[int, ...], axes: list[str], label: str) -> tuple[int, int, int | None]:
    """Return which axes are rows, columns and bands; the last is None if there are no bands."""
    if len(axes) == len(shape) and {"y", "x"} <= set(axes):
        for name, length in zip(axes, shape, strict=True):
            if name not in ("y", "x", "c") and length > 1:
                raise UnsupportedPhotoError(label, f"has {length} planes along its axis {name}; give one")
        return axes.index("y"), axes.index("x"), axes.index("c") if "c" in axes else None
    if len(shape) == 2:
        return 0, 1, None
    if len(shape) == 3 and shape[2] <= MAX_BANDS:
        return 0, 1, 2
    if len(shape) == 3 and shape[0] <= MAX_BANDS:
        return 1, 2, 0
    raise UnsupportedPhotoError(
        label, f"has the shape {shape}; give rows × columns, with bands as the last or first axis"
    )
