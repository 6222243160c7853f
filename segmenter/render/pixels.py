"""Pixel arrays prepared for display: photos in 8 bits, colors of segments, resampling and opacity."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bytes, Pixels
from segmenter.features.color import to_visible_bands
from segmenter.segmentation.result import Segment

MAX_TAPS: Final = 8  # maximum number of pixels per axis that are averaged for one output pixel


def to_display_rgb(pixels: Pixels) -> Bytes:
    """Return a photo as 8-bit sRGB.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32 from 0 to 1
        C is 1 for gray or 3 for sRGB; of more bands the first three are shown, of two the first.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        A read-only view if the input allows it.
    """
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    elif pixels.dtype.kind == "f":
        pixels = np.rint(255 * pixels).astype(np.uint8)
    return to_visible_bands(pixels)


def get_mean_colors(segments: Sequence[Segment]) -> Bytes:
    """Return the mean color of each segment, shape (K, 3), uint8 sRGB."""
    return np.array([segment.rgb8 for segment in segments], dtype=np.uint8).reshape(-1, 3)


def downsample_photo(photo: Bytes, height: int, width: int) -> Bytes:
    """Return a photo reduced to a height and width in pixels, which are at most its own.

    Each pixel is the mean, in sRGB, of an even grid of at most 8×8 pixels in the part of the photo that it covers.
    """
    for axis, n_outputs in enumerate((height, width)):
        n_pixels = photo.shape[axis]
        n_taps = min(MAX_TAPS, ceil(n_pixels / n_outputs))
        if n_taps == 1:
            continue
        shape = (*photo.shape[:axis], n_outputs, *photo.shape[axis + 1 :])
        total = np.full(shape, n_taps // 2, dtype=np.uint16)  # rounds the quotient to nearest
        for tap in compute_nearest_indices(n_pixels, n_outputs * n_taps).reshape(n_outputs, n_taps).T:
            total += np.take(photo, tap, axis=axis)
        photo = (total // n_taps).astype(np.uint8)
    return photo


def resize_nearest(pixels: Any, height: int, width: int) -> Any:
    """Return an array (H, W, …) resampled to (height, width, …) by nearest neighbor, with the same dtype."""
    return pixels[
        compute_nearest_indices(len(pixels), height)[:, None], compute_nearest_indices(pixels.shape[1], width)
    ]


def compute_nearest_indices(n_pixels: int, n_outputs: int) -> NDArray[np.intp]:
    """Return the index of the pixel at the center of each of ``n_outputs`` equal parts of a row."""
    return (2 * np.arange(n_outputs) + 1) * n_pixels // (2 * n_outputs)


def add_opacity(colors: Bytes) -> Bytes:
    """Return colors (..., 3) as fully opaque RGBA, shape (..., 4)."""
    return np.concatenate([colors, np.full_like(colors[..., :1], 255)], axis=-1)
