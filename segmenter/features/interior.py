"""The interior of a picture: the pixels away from edges, which show a single segment instead of a blend of two.

In the interior, the mean over a pixel and its neighbors is the color of one segment, with less noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Pixels

STRIP_PIXELS = 1 << 16
"""Number of pixels processed at once."""


def find_interior(pixels: Pixels, mask: Bools | None = None, quantile: float = 0.7) -> Bools:
    """Return the pixels at which the picture changes least.

    The change at a pixel is the largest absolute central difference, over both axes and all channels, of the picture
    after a 3×3 box filter, with the outermost pixels repeated beyond the border of the picture. A pixel is kept if its
    change is at most the given quantile of the changes of all included pixels. A picture one pixel high or wide has no
    interior, so all its pixels are kept.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = included. The filter leaves out the other pixels, and differences that involve them are ignored.
    quantile : float, from 0 to 1

    Returns
    -------
    ndarray of shape (H, W), bool
        Inside the mask; at least one pixel unless the mask is empty.
    """
    candidates = np.ones(pixels.shape[:2], dtype=np.bool_) if mask is None else mask
    if 1 in pixels.shape[:2]:
        return candidates
    height, width, _ = pixels.shape
    n_rows = max(1, STRIP_PIXELS // width)
    strips = [_compute_changes(pixels, mask, top, min(top + n_rows, height)) for top in range(0, height, n_rows)]
    changes = np.concatenate(strips)
    included = changes.ravel() if mask is None else changes[mask]
    n_kept = max(1, int(np.ceil(quantile * len(included))))
    limit = np.partition(included, n_kept - 1)[n_kept - 1]
    return np.asarray((changes <= limit) & candidates)


def compute_local_means(levels: Pixels, mask: Bools | None = None, size: int = 5) -> Pixels:
    """Return the mean gray level of the square around each pixel.

    The outermost pixels are repeated beyond the border of the picture.

    Parameters
    ----------
    levels : ndarray of shape (H, W, 1), uint8, uint16 or float32 from 0 to 1
    mask : ndarray of shape (H, W), bool, optional
        True = included; the means leave out the other pixels.
    size : int, pixels, odd
        Side of the square.

    Returns
    -------
    ndarray of shape (H, W, 1), uint16
        65,535 = white; 0 where the square has no included pixel.
    """
    height, width, _ = levels.shape
    margin = size // 2
    means = np.empty(levels.shape, np.uint16)
    n_rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, n_rows):
        bottom = min(top + n_rows, height)
        rows = np.clip(np.arange(top - margin, bottom + margin), 0, height - 1)
        strip = np.pad(to_uint16(levels[rows, :, 0]).astype(np.float64), ((0, 0), (margin, margin)), mode="edge")
        if mask is None:
            mean = _sum_windows(strip, size) / size**2
        else:
            weights = np.pad(mask[rows], ((0, 0), (margin, margin)), mode="edge").astype(np.float64)
            total = _sum_windows(strip * weights, size)
            mean = total / np.maximum(_sum_windows(weights, size), 1)
        means[top:bottom, :, 0] = np.rint(mean)
    return means


def to_uint16(pixels: Pixels) -> Pixels:
    """Return pixels as uint16, 65,535 = white."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * np.uint16(257)
    return pixels if pixels.dtype == np.uint16 else np.rint(pixels * np.float32(65535)).astype(np.uint16)


def to_uint8(pixels: Pixels) -> Pixels:
    """Return pixels as uint8, 255 = white."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return ((pixels + np.uint32(128)) // np.uint32(257)).astype(np.uint8)
    return np.rint(pixels * np.float32(255)).astype(np.uint8)


def _sum_windows(plane: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the sum of the values in each size×size window that lies inside a plane."""
    height, width = plane.shape[0] - size + 1, plane.shape[1] - size + 1
    sums = np.asarray(sum(plane[i : i + height] for i in range(size)))
    return np.asarray(sum(sums[:, i : i + width] for i in range(size)))


def _sum_3x3_windows(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of the values in each 3×3 window that lies inside a plane."""
    rows = plane[:-2] + plane[1:-1]
    rows += plane[2:]
    boxes = rows[:, :-2] + rows[:, 1:-1]
    boxes += rows[:, 2:]
    return np.asarray(boxes)


def _compute_changes(pixels: Pixels, mask: Bools | None, top: int, bottom: int) -> NDArray[Any]:
    """Return the changes in some rows, up to a constant factor; integers for integer pixels without a mask."""
    rows = np.clip(np.arange(top - 2, bottom + 2), 0, len(pixels) - 1)  # margin: one row for differences, one for boxes
    planes = np.pad(pixels[rows].transpose(2, 0, 1), ((0, 0), (0, 0), (2, 2)), mode="edge")
    padded_mask = None if mask is None else np.pad(mask[rows], ((0, 0), (2, 2)), mode="edge")
    result: NDArray[Any] | None = None
    for smooth in _smooth_planes(planes, padded_mask):
        for after, before in (
            ((slice(2, None), slice(1, -1)), (slice(None, -2), slice(1, -1))),
            ((slice(1, -1), slice(2, None)), (slice(1, -1), slice(None, -2))),
        ):
            change = np.abs(smooth[after] - smooth[before])
            if padded_mask is not None:
                inner_mask = padded_mask[1:-1, 1:-1]
                change *= inner_mask[after] & inner_mask[before]
            result = change if result is None else np.maximum(result, change, out=result)
    assert result is not None  # there is at least one channel
    return result


def _smooth_planes(planes: NDArray[Any], mask: Bools | None) -> Iterator[NDArray[Any]]:
    """Yield each plane (H, W) after a 3×3 box filter, (H − 2, W − 2): sums of nine, or means over the mask."""
    if mask is None:
        dtype = _get_sum_dtype(planes.dtype)
        for plane in planes:
            yield _sum_3x3_windows(plane.astype(dtype))
    else:
        n_pixels = np.maximum(_sum_3x3_windows(mask.astype(np.float32)), 1)
        for plane in planes:
            yield _sum_3x3_windows(plane.astype(np.float32) * mask) / n_pixels


def _get_sum_dtype(dtype: np.dtype[Any]) -> type[np.signedinteger[Any] | np.floating[Any]]:
    """Return a dtype wide enough for sums of nine values, and for differences between such sums."""
    if dtype.kind == "f":
        return np.float32
    return np.int16 if dtype.itemsize == 1 else np.int32
