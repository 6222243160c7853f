"""Reduce pictures: each reduced pixel is the mean of the area that it covers.

A reduced pixel may cover fractions of pixels. Areas are measured in a unit that divides both pixel sizes, so that all
areas are integers. Sums of integer values are then integers too: they are exact, and do not depend on the order in
which the rectangles of a picture are added.
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
"""Number of pixels converted to float64 at once."""


def compute_reduced_shape(height: int, width: int, n_pixels: float) -> tuple[int, int]:
    """Return the shape of a picture reduced to about n pixels at the same aspect ratio; each side is at least 1."""
    factor = math.sqrt(n_pixels / (height * width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def downsample(pixels: Pixels, mask: Bools | None, shape: tuple[int, int]) -> tuple[Pixels, Bools | None]:
    """Return a picture reduced to a given shape, and its mask.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = included; means are over included pixels.
    shape : (h, w)
        At most (H, W).

    Returns
    -------
    ndarray of shape (h, w, C), float32, 0 to 1
    ndarray of shape (h, w), bool, or None
        True where the reduced pixel contains the center of an included pixel; None without a mask.
    """
    height, width, n_channels = pixels.shape
    total = AreaTotals(shape, n_channels)
    for part in compute_area_sums(pixels, mask, (0, 0), (height, width), shape):
        total.add(part)
    means, reduced_mask = total.compute_means()
    if pixels.dtype.kind == "u":
        means /= np.iinfo(pixels.dtype).max
    return means.astype(np.float32), None if mask is None else reduced_mask


@dataclass(frozen=True, eq=False)
class AreaSums:
    """The contribution of a rectangle of a picture to the reduced pixels that it overlaps."""

    top: int  # first row of these reduced pixels
    left: int  # their first column
    sums: Floats  # (h, w, C), sums of values × areas, in the unit of the values
    weights: Floats  # (h, w), sums of the included areas
    is_occupied: Bools  # (h, w), whether the reduced pixel contains the center of an included pixel


def compute_area_sums(
    pixels: Pixels,
    mask: Bools | None,
    corner: tuple[int, int],
    full_shape: tuple[int, int],
    reduced_shape: tuple[int, int],
) -> Iterator[AreaSums]:
    """Yield the contributions of a rectangle of a picture to the reduced picture, a few rows at a time.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C)
        The rectangle, of any dtype; pixels outside the mask may be NaN.
    mask : ndarray of shape (H, W), bool, optional
        True = included.
    corner : (top, left), pixels
        Position of the rectangle in the picture.
    full_shape, reduced_shape : (height, width)
        Of the whole picture and of the reduced one.
    """
    width = pixels.shape[1]
    left, x_overlaps = compute_area_overlaps(corner[1], width, full_shape[1], reduced_shape[1])
    step = max(1, CHUNK_PIXELS // width)
    for first in range(0, len(pixels), step):
        rows = slice(first, first + step)
        values = pixels[rows].astype(np.float64)
        height, _, n_channels = values.shape
        top, y_overlaps = compute_area_overlaps(corner[0] + first, height, full_shape[0], reduced_shape[0])
        if mask is None:
            weights = np.outer(y_overlaps.sum(axis=1), x_overlaps.sum(axis=1))
            # all True: if a reduced pixel contains no center here, it contains one in a neighboring rectangle
            is_occupied = np.ones(weights.shape, np.bool_)
        else:
            values[~mask[rows]] = 0
            weights = y_overlaps @ (x_overlaps @ mask[rows].T.astype(np.float64)).T
            index, has_center = find_occupied_pixels(
                mask[rows], (corner[0] + first, corner[1]), full_shape, reduced_shape
            )
            is_occupied = np.zeros(weights.shape, np.bool_)
            is_occupied[index[0] - top, index[1] - left] = has_center
        narrow = x_overlaps @ values.transpose(1, 0, 2).reshape(width, -1)  # (w, rows × channels)
        by_row = narrow.reshape(-1, height, n_channels).transpose(1, 0, 2).reshape(height, -1)
        yield AreaSums(top, left, (y_overlaps @ by_row).reshape(*weights.shape, n_channels), weights, is_occupied)


def find_occupied_pixels(
    mask: Bools, corner: tuple[int, int], full_shape: tuple[int, int], reduced_shape: tuple[int, int]
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], Bools]:
    """Return the reduced pixels that contain pixel centers of a rectangle, and whether one of those pixels is included.

    The reduced pixels are given as an index into the whole reduced picture. Parameters are as in `compute_area_sums`.
    """
    (y, row_starts), (x, column_starts) = (
        np.unique(map_to_reduced(first, n, *lengths), return_index=True)
        for first, n, *lengths in zip(corner, mask.shape, full_shape, reduced_shape, strict=True)
    )
    by_row = np.logical_or.reduceat(mask, row_starts, axis=0)
    return (y[:, np.newaxis], x), np.logical_or.reduceat(by_row, column_starts, axis=1)


def map_to_reduced(first: int, n: int, n_full: int, n_reduced: int) -> NDArray[np.intp]:
    """Return, along one axis, the reduced pixel that contains the center of each of n consecutive pixels, (n,).

    Parameters
    ----------
    first : int
        The first of these pixels.
    n : int
    n_full, n_reduced : int
        Length of the axis in pixels and in reduced pixels.
    """
    return (2 * np.arange(first, first + n) + 1) * n_reduced // (2 * n_full)


def compute_area_overlaps(first: int, n: int, n_full: int, n_reduced: int) -> tuple[int, Any]:
    """Return, along one axis, how much of each of n consecutive pixels each reduced pixel covers.

    Parameters
    ----------
    first : int
        The first of these pixels.
    n : int
    n_full, n_reduced : int
        Length of the axis in pixels and in reduced pixels.

    Returns
    -------
    int
        The first reduced pixel that overlaps them.
    sparse array of shape (number of reduced pixels that overlap them, n), float64
        Lengths of the overlaps, in a unit in which a pixel is `n_reduced` long and a reduced pixel `n_full`.
    """
    from scipy.sparse import csc_array

    starts = np.arange(first, first + n) * n_reduced  # of the pixels, in the common unit
    lowest = starts // n_full  # the first reduced pixel that each overlaps
    counts = (starts + n_reduced - 1) // n_full + 1 - lowest
    columns = np.repeat(np.arange(n), counts)
    column_ends = np.concatenate([[0], np.cumsum(counts)])
    covering = np.repeat(lowest, counts) + np.arange(len(columns)) - np.repeat(column_ends[:-1], counts)
    overlap_starts = np.maximum(starts[columns], covering * n_full)
    overlap_stops = np.minimum(starts[columns] + n_reduced, (covering + 1) * n_full)
    first_reduced = int(lowest[0])
    shape = (int(lowest[-1] + counts[-1]) - first_reduced, n)
    values = (overlap_stops - overlap_starts).astype(np.float64)
    return first_reduced, csc_array((values, covering - first_reduced, column_ends), shape=shape).tocsr()


class AreaTotals:
    """The sums over all rectangles of a picture, which may be added in any order."""

    def __init__(self, reduced_shape: tuple[int, int], n_channels: int) -> None:
        self._sums = np.zeros((*reduced_shape, n_channels))
        self._weights = np.zeros(reduced_shape)
        self._is_occupied = np.zeros(reduced_shape, np.bool_)

    def add(self, part: AreaSums) -> None:
        """Add the sums over one rectangle."""
        rows, columns = part.weights.shape
        index = slice(part.top, part.top + rows), slice(part.left, part.left + columns)
        self._sums[index] += part.sums
        self._weights[index] += part.weights
        self._is_occupied[index] |= part.is_occupied

    def compute_means(self) -> tuple[Floats, Bools]:
        """Return the means (h, w, C), in the unit of the values, and the reduced mask (h, w).

        The sums are divided in place: call this once, after the last rectangle.
        """
        np.maximum(self._weights, 1, out=self._weights)
        self._sums /= self._weights[:, :, np.newaxis]
        return self._sums, self._is_occupied
