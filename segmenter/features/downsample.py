"""Pictures made smaller: every pixel is the mean of the area that it covers.

Areas are counted in parts of pixels that divide both pictures, so that the sums over integers are integers, too: exact,
in whatever order the pieces of a picture are added up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels

CHUNK_PIXELS = 1 << 20
"""Pixels that are converted at once."""


def compute_reduced_shape(height: int, width: int, n_pixels: float) -> tuple[int, int]:
    """Return the height and width of a picture of about so many pixels, and of at least one each way."""
    factor = math.sqrt(n_pixels / (height * width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def downsample(pixels: Pixels, mask: Bools | None, shape: tuple[int, int]) -> tuple[Pixels, Bools | None]:
    """Return a picture reduced to this shape.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; a mean is over what takes part.
    shape : (h, w)
        At most (H, W).

    Returns
    -------
    ndarray of shape (h, w, C), float32, 0 to 1
    ndarray of shape (h, w), bool, or None
        True where a pixel takes part whose middle lies in the reduced one.
    """
    height, width, n_channels = pixels.shape
    total = AreaTotals((height, width), shape, n_channels)
    for part in compute_area_sums(pixels, mask, (0, 0), (height, width), shape):
        total.add(part)
    means, left = total.means()
    if pixels.dtype.kind == "u":
        means /= np.iinfo(pixels.dtype).max
    return means.astype(np.float32), None if mask is None else left


@dataclass(frozen=True, eq=False)
class AreaSums:
    """What a rectangle of a picture adds to the reduced pixels that it touches."""

    top: int  # of these, in the reduced picture
    left: int
    sums: Floats  # (h, w, C), of values times areas, in units of the values
    weights: Floats  # (h, w), the areas that take part
    is_taken: Bools  # (h, w), whether a pixel whose middle lies in it takes part


def compute_area_sums(
    pixels: Pixels, mask: Bools | None, corner: tuple[int, int], shape: tuple[int, int], reduced: tuple[int, int]
) -> Iterator[AreaSums]:
    """Yield what a rectangle adds to a reduced picture, some rows at a time.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C)
        Of any type; what takes no part may be NaN.
    mask : ndarray of shape (H, W), bool, optional
        True = takes part.
    corner : (top, left), pixels
        Where the rectangle is in the picture.
    shape, reduced : (height, width)
        Of the whole picture, and of the reduced one.
    """
    width = pixels.shape[1]
    left, across = compute_area_overlaps(corner[1], width, shape[1], reduced[1])
    step = max(1, CHUNK_PIXELS // width)
    for first in range(0, len(pixels), step):
        rows = slice(first, first + step)
        values = pixels[rows].astype(np.float64)
        height, _, n_planes = values.shape
        top, down = compute_area_overlaps(corner[0] + first, height, shape[0], reduced[0])
        weights = np.outer(down.sum(axis=1), across.sum(axis=1))
        if mask is not None:
            values[~mask[rows]] = 0
            weights = down @ (across @ mask[rows].T.astype(np.float64)).T
        narrow = across @ values.transpose(1, 0, 2).reshape(width, -1)  # (w, rows × planes)
        flat = narrow.reshape(-1, height, n_planes).transpose(1, 0, 2).reshape(height, -1)
        is_taken = np.ones(weights.shape, np.bool_)  # if not here, by the rectangle beside
        if mask is not None:
            place, taken = find_occupied_pixels(mask[rows], (corner[0] + first, corner[1]), shape, reduced)
            is_taken[:] = False
            is_taken[place[0] - top, place[1] - left] = taken
        yield AreaSums(top, left, (down @ flat).reshape(*weights.shape, n_planes), weights, is_taken)


def find_occupied_pixels(
    mask: Bools, corner: tuple[int, int], shape: tuple[int, int], reduced: tuple[int, int]
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], Bools]:
    """Return which reduced pixels hold the middles of a rectangle, as an index, and whether one of those takes part.

    Parameters are as of `compute_area_sums`; the index is of the whole reduced picture.
    """
    (y, row_starts), (x, column_starts) = (
        np.unique(map_to_reduced(first, n, *numbers), return_index=True)
        for first, n, *numbers in zip(corner, mask.shape, shape, reduced, strict=True)
    )
    of_rows = np.logical_or.reduceat(mask, row_starts, axis=0)
    return (y[:, np.newaxis], x), np.logical_or.reduceat(of_rows, column_starts, axis=1)


def map_to_reduced(first: int, n: int, n_pixels: int, n_places: int) -> NDArray[np.intp]:
    """Return the reduced pixel that the middle of each of some pixels of a row lies in, (n,).

    Parameters
    ----------
    first, n : int
        Which pixels.
    n_pixels, n_places : int
        Pixels and reduced pixels of the whole row.
    """
    return (2 * np.arange(first, first + n) + 1) * n_places // (2 * n_pixels)


def compute_area_overlaps(first: int, n_pixels: int, n_all: int, n_places: int) -> tuple[int, Any]:
    """Return how much of some pixels of a row lies in each of the equal parts that the whole row is cut into.

    Parameters
    ----------
    first, n_pixels : int
        Which pixels.
    n_all, n_places : int
        Pixels and parts of the whole row.

    Returns
    -------
    int
        The first part that they touch.
    sparse array of shape (parts that they touch, n_pixels), float64
        Overlaps in units of which a pixel is ``n_places`` long and a part ``n_all``.
    """
    from scipy.sparse import csc_array

    starts = np.arange(first, first + n_pixels) * n_places  # of pixels
    lows = starts // n_all
    highs = (starts + n_places - 1) // n_all + 1
    counts = highs - lows
    columns = np.repeat(np.arange(n_pixels), counts)
    ends = np.concatenate([[0], np.cumsum(counts)])
    parts = np.repeat(lows, counts) + np.arange(len(columns)) - np.repeat(ends[:-1], counts)
    overlaps = np.minimum(starts[columns] + n_places, (parts + 1) * n_all) - np.maximum(starts[columns], parts * n_all)
    place = int(lows[0])
    shape = (int(highs[-1]) - place, n_pixels)
    return place, csc_array((overlaps.astype(np.float64), parts - place, ends), shape=shape).tocsr()


class AreaTotals:
    """The sums of all rectangles of a picture, which may come in any order."""

    def __init__(self, shape: tuple[int, int], reduced: tuple[int, int], n_channels: int) -> None:
        self._sums = np.zeros((*reduced, n_channels))
        self._weights = np.zeros(reduced)
        self._is_taken = np.zeros(reduced, np.bool_)

    def add(self, part: AreaSums) -> None:
        """Add what a rectangle adds."""
        rows, columns = part.weights.shape
        place = slice(part.top, part.top + rows), slice(part.left, part.left + columns)
        self._sums[place] += part.sums
        self._weights[place] += part.weights
        self._is_taken[place] |= part.is_taken

    def means(self) -> tuple[Floats, Bools]:
        """Return the means (h, w, C) in units of the values, and where they are to be had, (h, w); ends the sum."""
        np.maximum(self._weights, 1, out=self._weights)
        self._sums /= self._weights[:, :, np.newaxis]
        return self._sums, self._is_taken
