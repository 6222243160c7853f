"""A hierarchy that knows the colors of its superpixels: enough to cut it again without the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from segmenter.arrays import Floats, Labels, Pixels
from segmenter.regions.merge import Hierarchy

CHUNK_ROWS = 256
"""Rows of a photo whose colors are summed at once."""


@dataclass(frozen=True, eq=False)
class ColoredHierarchy(Hierarchy):
    """Superpixels, the order in which they merge, and their colors."""

    color_sums: Floats  # (R, 4), pixels of each superpixel, and the sums of their sRGB from 0 to 1


def colored(hierarchy: Hierarchy, pixels: Pixels) -> ColoredHierarchy:
    """Return a hierarchy with the colors of its superpixels in a picture (H, W, C)."""
    sums = color_sums(hierarchy.superpixels, pixels, hierarchy.n_superpixels)
    return ColoredHierarchy(hierarchy.superpixels, hierarchy.merges, hierarchy.heights, in_unit(sums, pixels.dtype))


def color_sums(superpixels: Labels, pixels: Pixels, n_superpixels: int) -> Floats:
    """Return pixels of each superpixel, and the sums of their colors as they are stored: of integers these are exact.

    Parameters
    ----------
    superpixels : ndarray of shape (H, W), int32
        1…R; 0 = of none.
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
        C = 1 gray or 3 sRGB.
    n_superpixels : int
        R.

    Returns
    -------
    ndarray of shape (R, 4), float64
    """
    n = n_superpixels + 1
    sums = np.zeros((4, n))
    for first in range(0, len(pixels), CHUNK_ROWS):
        rows = slice(first, first + CHUNK_ROWS)
        flat = superpixels[rows].ravel()
        colors = pixels[rows].reshape(len(flat), -1)
        sums[0] += np.bincount(flat, minlength=n)
        for total, channel in zip(sums[1:], np.broadcast_to(colors, (len(colors), 3)).T, strict=True):
            total += np.bincount(flat, channel, n)
    return sums[:, 1:].T.copy()


def in_unit(sums: Floats, dtype: np.dtype[Any]) -> Floats:
    """Return sums of colors that are stored in this type as those of colors from 0 to 1."""
    top = np.iinfo(dtype).max if dtype.kind == "u" else 1
    return np.asarray(sums / np.array([1, top, top, top]))
