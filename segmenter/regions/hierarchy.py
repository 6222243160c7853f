"""A hierarchy of regions: superpixels, the order in which they merge, and cuts through it.

A hierarchy that includes the colors of its superpixels can be cut again, and its regions described, without the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Pixels

CHUNK_ROWS = 256
"""Number of rows of a photo whose colors are summed at once."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Superpixels and the order in which they merge."""

    superpixels: Labels  # (H, W), 1…R; 0 = outside the mask
    merges: NDArray[np.intp]  # (R − 1, 2), superpixels from 0 that represent regions; the second merges into the first
    heights: Floats  # (R − 1,), non-decreasing; infinite for regions that do not touch

    @property
    def n_superpixels(self) -> int:
        """R."""
        return len(self.heights) + 1

    def count_regions(self, height: float) -> int:
        """Return the number of regions after all merges up to the given height."""
        return self.n_superpixels - int(np.searchsorted(self.heights, height, side="right"))

    def cut(self, height: float) -> Labels:
        """Return the regions after all merges up to the given height, (H, W), 1…n in reading order; 0 = no region."""
        return self.cut_to_n_regions(self.count_regions(height))

    def cut_to_n_regions(self, n_regions: int) -> Labels:
        """Return exactly n regions, or R if n is larger, (H, W), 1…n in reading order; 0 = no region."""
        return np.concatenate([[0], self.assign_superpixels(n_regions)]).astype(np.int32)[self.superpixels]

    def assign_superpixels(self, n_regions: int) -> NDArray[np.intp]:
        """Return the region of each superpixel in the cut to n regions, (R,), 1…n in reading order."""
        n = self.n_superpixels
        representatives = np.arange(n)
        for kept, gone in self.merges[: max(n - n_regions, 0)][::-1]:
            representatives[gone] = representatives[kept]
        _, region_of = np.unique(representatives, return_inverse=True)
        return region_of + 1


@dataclass(frozen=True, eq=False)
class ColoredHierarchy(Hierarchy):
    """A hierarchy that includes the colors of its superpixels."""

    color_sums: Floats  # (R, 4), number of pixels, and sums of their sRGB values from 0 to 1


def add_superpixel_colors(hierarchy: Hierarchy, pixels: Pixels) -> ColoredHierarchy:
    """Return a hierarchy together with the colors of its superpixels in a picture (H, W, C)."""
    sums = sum_superpixel_colors(hierarchy.superpixels, pixels, hierarchy.n_superpixels)
    color_sums = scale_color_sums(sums, pixels.dtype)
    return ColoredHierarchy(hierarchy.superpixels, hierarchy.merges, hierarchy.heights, color_sums)


def sum_superpixel_colors(superpixels: Labels, pixels: Pixels, n_superpixels: int) -> Floats:
    """Return the number of pixels of each superpixel, and the sums of their colors as stored, exact for integers.

    Parameters
    ----------
    superpixels : ndarray of shape (H, W), int32
        1…R; 0 = outside the mask.
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


def scale_color_sums(sums: Floats, dtype: np.dtype[Any]) -> Floats:
    """Return sums (R, 4) of colors stored in the given dtype as sums of colors from 0 to 1."""
    white = np.iinfo(dtype).max if dtype.kind == "u" else 1
    return np.asarray(sums / np.array([1, white, white, white]))
