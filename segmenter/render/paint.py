"""Arrays for the eye: photos in 8 bits, segments in their colors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmenter.arrays import Bytes, Pixels
from segmenter.segmentation.result import Segment


def display_rgb(pixels: Pixels) -> Bytes:
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


def mean_colors(segments: Sequence[Segment]) -> Bytes:
    """Return the mean color of each segment, shape (K, 3), uint8 sRGB."""
    return np.array([segment.rgb8 for segment in segments], dtype=np.uint8).reshape(-1, 3)
