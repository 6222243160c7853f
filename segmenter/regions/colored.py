"""A hierarchy that knows the colors of its superpixels: enough to cut it again without the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmenter.arrays import Floats, Pixels
from segmenter.features.color import unit_range
from segmenter.regions.merge import Hierarchy

CHUNK_ROWS = 256
"""Rows of a photo whose colors are summed at once."""


@dataclass(frozen=True, eq=False)
class ColoredHierarchy(Hierarchy):
    """Superpixels, the order in which they merge, and their colors."""

    color_sums: Floats  # (R, 4), pixels of each superpixel, and the sums of their sRGB from 0 to 1


def colored(hierarchy: Hierarchy, pixels: Pixels) -> ColoredHierarchy:
    """Return a hierarchy with the colors of its superpixels in a picture (H, W, C)."""
    n = hierarchy.n_superpixels
    sums = np.zeros((4, n + 1))
    for first in range(0, len(pixels), CHUNK_ROWS):
        rows = slice(first, first + CHUNK_ROWS)
        superpixels = hierarchy.superpixels[rows].ravel()
        sums[0] += np.bincount(superpixels, minlength=n + 1)
        unit = unit_range(pixels[rows].reshape(len(superpixels), -1))
        for total, channel in zip(sums[1:], np.broadcast_to(unit, (len(unit), 3)).T, strict=True):
            total += np.bincount(superpixels, channel, n + 1)
    return ColoredHierarchy(hierarchy.superpixels, hierarchy.merges, hierarchy.heights, sums[:, 1:].T.copy())
