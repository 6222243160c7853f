"""Build ultrametric contour maps: for each piece of boundary, the height at which it disappears.

The map has twice the resolution of the picture: pixels are at odd indices, the boundaries between them at even indices
(Arbeláez, Maire, Fowlkes and Malik 2011, section 4). The 8-connected components of the
values up to a height are the regions of the cut at that height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.regions.hierarchy import Hierarchy

WHITE = 65_535
"""The level of heights of 1 or more, and of the boundary of the mask."""


def build_contour_map(hierarchy: Hierarchy) -> NDArray[np.uint16]:
    """Return the ultrametric contour map of a hierarchy.

    Returns
    -------
    ndarray of shape (2 H + 1, 2 W + 1), uint16
        Heights times 65,535, rounded down, and at most 65,535; 0 where there is no boundary.
    """
    superpixels = hierarchy.superpixels
    height, width = superpixels.shape
    levels = np.zeros((2 * height + 1, 2 * width + 1), dtype=np.uint16)
    for edges, before, after in (
        (np.s_[1::2, 2:-1:2], superpixels[:, :-1], superpixels[:, 1:]),
        (np.s_[2:-1:2, 1::2], superpixels[:-1], superpixels[1:]),
    ):
        differs = before != after
        levels[edges][differs] = compute_levels(hierarchy, before[differs], after[differs])
    corners = levels[2:-1:2, 2:-1:2]
    for edge in (np.s_[2:-1:2, 1:-2:2], np.s_[2:-1:2, 3::2], np.s_[1:-2:2, 2:-1:2], np.s_[3::2, 2:-1:2]):
        np.maximum(corners, levels[edge], out=corners)
    levels[0], levels[-1] = levels[1], levels[-2]
    levels[:, 0], levels[:, -1] = levels[:, 1], levels[:, -2]
    return levels


def compute_levels(hierarchy: Hierarchy, first: Labels, second: Labels) -> NDArray[Any]:
    """Return the level of the boundary between the two superpixels of each pair (P,), (P,), uint16.

    The two superpixels must differ; 0 = outside the mask.
    """
    n = hierarchy.n_superpixels + 1
    low, high = np.sort(np.stack([first, second]).astype(np.int64), axis=0)
    pairs, pair_index = np.unique(low * n + high, return_inverse=True)
    low, high = pairs // n, pairs % n
    is_labeled = low > 0
    heights = np.full(len(pairs), np.inf)
    heights[is_labeled] = find_merge_heights(hierarchy, low[is_labeled] - 1, high[is_labeled] - 1)
    return np.asarray((WHITE * np.minimum(heights, 1.0)).astype(np.uint16)[pair_index])


def find_merge_heights(hierarchy: Hierarchy, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
    """Return the height from which the two superpixels of each pair (P,), numbered from 0, are in one region, (P,)."""
    n = hierarchy.n_superpixels
    parent = np.arange(2 * n - 1)  # nodes of the merge tree: 0…n−1 are superpixels, n + i is the result of merge i
    node_of = np.arange(n)  # the current node of each superpixel that represents a region
    for i, (kept, gone) in enumerate(hierarchy.merges.tolist()):
        parent[node_of[kept]] = parent[node_of[gone]] = n + i
        node_of[kept] = n + i
    first, second = first.copy(), second.copy()
    while (differs := first != second).any():  # a parent has a higher number: the lower of the two nodes moves up
        moves = differs & (first < second)
        first[moves] = parent[first[moves]]
        moves = differs & ~moves
        second[moves] = parent[second[moves]]
    return np.asarray(hierarchy.heights[first - n])
