"""Arrays for the eye: photos in 8 bits, segments in their colors."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bytes, Pixels
from segmenter.segmentation.result import Segment


def to_display_rgb(pixels: Pixels) -> Bytes:
    """Return a photo as 8-bit sRGB.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32 from 0 to 1
        C = 1 gray or 3 sRGB.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        A read-only view where the input allows it.
    """
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    elif pixels.dtype.kind == "f":
        pixels = np.rint(255 * pixels).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def get_mean_colors(segments: Sequence[Segment]) -> Bytes:
    """Return the mean color of each segment, shape (K, 3), uint8 sRGB."""
    return np.array([segment.rgb8 for segment in segments], dtype=np.uint8).reshape(-1, 3)


def downsample_photo(photo: Bytes, height: int, width: int) -> Bytes:
    """Return the mean color around each place of a height×width grid, shape (height, width, 3).

    The mean is over an even grid of at most 8×8 pixels around the place, in sRGB.
    """
    for axis, n_places in enumerate((height, width)):
        n_pixels = photo.shape[axis]
        n_taps = min(8, ceil(n_pixels / n_places))
        if n_taps == 1:
            continue
        shape = (*photo.shape[:axis], n_places, *photo.shape[axis + 1 :])
        total = np.full(shape, n_taps // 2, dtype=np.uint16)
        for tap in nearest(n_pixels, n_places * n_taps).reshape(n_places, n_taps).T:
            total += np.take(photo, tap, axis=axis)
        photo = (total // n_taps).astype(np.uint8)
    return photo


def resize_nearest(pixels: Any, height: int, width: int) -> Any:
    """Return the pixel nearest to each place of a height×width grid; dtype and further axes stay."""
    return pixels[nearest(len(pixels), height)[:, None], nearest(pixels.shape[1], width)]


def nearest(n_pixels: int, n_places: int) -> NDArray[np.intp]:
    """Return the index of the pixel under the middle of each of n_places equal parts of a row."""
    return (2 * np.arange(n_places) + 1) * n_pixels // (2 * n_places)


def add_opacity(colors: Bytes) -> Bytes:
    """Return colors (..., 3) with full opacity, shape (..., 4)."""
    return np.concatenate([colors, np.full_like(colors[..., :1], 255)], axis=-1)
