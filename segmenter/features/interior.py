"""The interior of a picture: its pixels away from edges, which are of one segment and not a mixture of two.

There the mean of a pixel and its neighbors is one of the same segment, with less grain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Pixels

STRIP_PIXELS = 1 << 16
"""Pixels that are worked on at once."""


def find_interior(pixels: Pixels, mask: Bools | None = None, quantile: float = 0.7) -> Bools:
    """Return which pixels lie where the picture changes least.

    A pixel's change is the largest absolute central difference, over both axes and all channels, of the picture after
    a 3×3 box filter. What is kept are the pixels whose change is at most its quantile over the pixels that take part;
    at the border of the picture the pixels nearest to it go on. A side of one pixel has no interior: all are kept.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = takes part. The others take no part in the filter, and no difference with them is seen.
    quantile : float, from 0 to 1

    Returns
    -------
    ndarray of shape (H, W), bool
        Within the mask; at least one pixel where the mask holds one.
    """
    everything = np.ones(pixels.shape[:2], dtype=np.bool_) if mask is None else mask
    if 1 in pixels.shape[:2]:
        return everything
    height, width, _ = pixels.shape
    rows = max(1, STRIP_PIXELS // width)
    changes = np.concatenate([_changes(pixels, mask, top, min(top + rows, height)) for top in range(0, height, rows)])
    taking_part = changes.ravel() if mask is None else changes[mask]
    n_kept = max(1, int(np.ceil(quantile * len(taking_part))))
    limit = np.partition(taking_part, n_kept - 1)[n_kept - 1]
    return np.asarray((changes <= limit) & everything)


def compute_local_means(levels: Pixels, mask: Bools | None = None, size: int = 5) -> Pixels:
    """Return the mean level of the square around each pixel; at the border of the picture its outermost pixels go on.

    Parameters
    ----------
    levels : ndarray of shape (H, W, 1), uint8, uint16 or float32 from 0 to 1
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; the others have no say in the means.
    size : int, pixels, odd
        Side of the square.

    Returns
    -------
    ndarray of shape (H, W, 1), uint16
        65,535 = white; 0 where no pixel of the square takes part.
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
            mean = _square_sums(strip, size) / size**2
        else:
            seen = np.pad(mask[rows], ((0, 0), (margin, margin)), mode="edge").astype(np.float64)
            mean = _square_sums(strip * seen, size) / np.maximum(_square_sums(seen, size), 1)
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


def _square_sums(plane: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the sums over squares, without those that reach beyond the border."""
    height, width = plane.shape[0] - size + 1, plane.shape[1] - size + 1
    sums = np.asarray(sum(plane[i : i + height] for i in range(size)))
    return np.asarray(sum(sums[:, i : i + width] for i in range(size)))


def _changes(pixels: Pixels, mask: Bools | None, top: int, bottom: int) -> NDArray[Any]:
    """Return the change at each pixel of some rows, times a constant; integers where the pixels are."""
    rows = np.clip(np.arange(top - 2, bottom + 2), 0, len(pixels) - 1)  # one for the differences and one for the filter
    planes = np.pad(pixels[rows].transpose(2, 0, 1), ((0, 0), (0, 0), (2, 2)), mode="edge")
    seen = None if mask is None else np.pad(mask[rows], ((0, 0), (2, 2)), mode="edge")
    weights = None if seen is None else _box_sums(seen.astype(np.float32))
    known = None if seen is None else seen[1:-1, 1:-1]
    wide = np.float32 if planes.dtype.kind == "f" or mask is not None else _wider(planes.dtype)
    result: NDArray[Any] | None = None
    for plane in planes:
        values = plane.astype(wide)
        if seen is None or weights is None:
            smooth = _box_sums(values)
        else:
            smooth = _box_sums(values * seen) / np.maximum(weights, 1)
        for axis in (0, 1):
            after = (slice(2, None), slice(1, -1)) if axis == 0 else (slice(1, -1), slice(2, None))
            before = (slice(None, -2), slice(1, -1)) if axis == 0 else (slice(1, -1), slice(None, -2))
            change = np.abs(smooth[after] - smooth[before])
            if known is not None:
                change *= known[after] & known[before]
            result = change if result is None else np.maximum(result, change, out=result)
    assert result is not None  # there is at least one channel
    return result


def _wider(dtype: np.dtype[Any]) -> type[np.signedinteger[Any]]:
    """Return a type that holds sums of nine numbers and their differences."""
    return np.int16 if dtype.itemsize == 1 else np.int32


def _box_sums(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the sums over 3×3 pixels, without those at the border."""
    sums = plane[:-2] + plane[1:-1]
    sums += plane[2:]
    across = sums[:, :-2] + sums[:, 1:-1]
    across += sums[:, 2:]
    return np.asarray(across)
