"""Rectangles of a Zarr array: only the chunks that they touch are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmenter.arrays import Pixels
from segmenter.errors import DamagedPhotoError, MissingExtraError, UnsupportedPhotoError
from segmenter.io.files.remote import RemotePath, build_client_options
from segmenter.io.images.pillow import reason
from segmenter.io.rasters.base import MAX_BANDS, ColorInterpretation, RasterHeader, Window


def open_zarr(path: Path) -> ZarrStore:
    """Open a Zarr array, or the largest picture of a group of OME-Zarr, as bands.

    The array has two axes, rows and columns, and at most one more of bands: the first or the last, as OME-Zarr says
    or else whichever is no longer than `MAX_BANDS`, the last before the first. Three bands of 8 or 16 bits are RGB.

    Raises
    ------
    UnsupportedPhotoError
        Zarr is not installed, the array is of another shape or type, or the group holds others.
    DamagedPhotoError
        Its metadata make no sense.
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
                raise UnsupportedPhotoError(
                    label, "is a Zarr group, but not of OME-Zarr; give the path of an array in it"
                )
            name, axes = _largest(attributes)
            opened = opened[name]
        array: Any = opened
        shape = tuple(int(length) for length in array.shape)
    except UnsupportedPhotoError:
        raise
    except Exception as error:  # what damaged metadata raise has no common base
        raise DamagedPhotoError(label, reason(error)) from error
    return ZarrStore(array, label, _places(shape, axes, label))


class ZarrStore:
    """An array, and which of its axes are rows, columns and bands."""

    def __init__(self, array: Any, label: str, places: tuple[int, int, int | None]) -> None:
        self._array, self._label = array, label
        self._rows, self._columns, self._bands = places
        dtype = np.dtype(array.dtype)
        if dtype.kind not in "uif" or dtype.itemsize > 8:
            raise UnsupportedPhotoError(label, f"has values of type {dtype}; save it with real numbers")
        n_bands = 1 if self._bands is None else int(array.shape[self._bands])
        meaning: ColorInterpretation = (
            "gray" if n_bands == 1 else "rgb" if n_bands == 3 and dtype.kind == "u" else "bands"
        )
        self.header = RasterHeader(
            height=int(array.shape[self._rows]),
            width=int(array.shape[self._columns]),
            n_bands=n_bands,
            dtype=dtype.newbyteorder("="),
            meaning=meaning,
            block=(int(array.chunks[self._rows]), int(array.chunks[self._columns])),
            is_photo=False,
        )

    def read(self, window: Window) -> Pixels:
        """Return the numbers of all bands, (h, w, number of bands)."""
        place: list[slice | int] = [0] * self._array.ndim
        place[self._rows] = slice(window.top, window.top + window.height)
        place[self._columns] = slice(window.left, window.left + window.width)
        if self._bands is not None:
            place[self._bands] = slice(None)
        try:
            values = np.asarray(self._array[tuple(place)])
        except MemoryError:
            raise
        except Exception as error:
            where = f"the chunks around row {window.top:,}, column {window.left:,}: {reason(error)}"
            raise DamagedPhotoError(self._label, where) from error
        if self._bands is None:
            values = values[..., np.newaxis]
        elif self._bands < self._rows:
            values = np.moveaxis(values, 0, -1)
        return np.ascontiguousarray(values, dtype=self.header.dtype)


def _largest(attributes: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the path of the first data set of OME-Zarr in its group, and its axes."""
    found = attributes.get("ome", attributes)["multiscales"][0]
    axes = [axis["name"] if isinstance(axis, Mapping) else axis for axis in found.get("axes", [])]
    return found["datasets"][0]["path"], axes


def _places(shape: tuple[int, ...], axes: list[str], label: str) -> tuple[int, int, int | None]:
    """Return which axes are rows, columns and bands."""
    if len(axes) == len(shape) and {"y", "x"} <= set(axes):
        others = [place for place, name in enumerate(axes) if name not in ("y", "x", "c") and shape[place] > 1]
        if others:
            raise UnsupportedPhotoError(
                label, f"has {shape[others[0]]} planes along its axis {axes[others[0]]}; give one"
            )
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
