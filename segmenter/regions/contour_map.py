"""The ultrametric contour map of a hierarchy: for each piece of boundary, the height at which it disappears.

The map has twice the resolution of the picture: pixels at odd places, boundaries between them at even ones (Arbeláez,
Maire, Fowlkes and Malik 2011, section 4). What is at most at a height, taken in 8-connected pieces, are the regions of
the cut at that height.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats
from segmenter.regions.hierarchy import Hierarchy

WHITE = 65_535
"""The level of a height of 1 or more, and of the border of pixels that take no part."""


def build_contour_map(hierarchy: Hierarchy) -> NDArray[np.uint16]:
    """Return the ultrametric contour map of a hierarchy.

    Returns
    -------
    ndarray of shape (2 H + 1, 2 W + 1), uint16
        Heights times 65,535, rounded down, and at most that; 0 where there is no boundary.
    """
    superpixels = hierarchy.superpixels
    height, width = superpixels.shape
    levels = np.zeros((2 * height + 1, 2 * width + 1), dtype=np.uint16)
    for along, across in ((np.s_[1::2, 2:-1:2], np.s_[:, 1:]), (np.s_[2:-1:2, 1::2], np.s_[1:])):
        before = superpixels[:, :-1] if across == np.s_[:, 1:] else superpixels[:-1]
        after = superpixels[across]
        differs = before != after
        ends = np.sort(np.stack([before[differs], after[differs]]).astype(np.int64), axis=0)
        pairs, pair_of = np.unique(ends[0] * (hierarchy.n_superpixels + 1) + ends[1], return_inverse=True)
        first, second = pairs // (hierarchy.n_superpixels + 1), pairs % (hierarchy.n_superpixels + 1)
        joint = np.full(len(pairs), np.inf)
        labeled = first > 0
        joint[labeled] = find_merge_heights(hierarchy, first[labeled] - 1, second[labeled] - 1)
        levels[along][differs] = (WHITE * np.minimum(joint, 1.0)).astype(np.uint16)[pair_of]
    corners = levels[2:-1:2, 2:-1:2]
    for edge in (np.s_[2:-1:2, 1:-2:2], np.s_[2:-1:2, 3::2], np.s_[1:-2:2, 2:-1:2], np.s_[3::2, 2:-1:2]):
        np.maximum(corners, levels[edge], out=corners)
    levels[0], levels[-1] = levels[1], levels[-2]
    levels[:, 0], levels[:, -1] = levels[:, 1], levels[:, -2]
    return levels


def find_merge_heights(hierarchy: Hierarchy, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
    """Return the height at which the superpixels of each pair (P,), numbered from 0, are in one region, shape (P,)."""
    n = hierarchy.n_superpixels
    parent = np.arange(2 * n - 1)  # of superpixels, and of the regions of all merges after them
    current = np.arange(n)
    for i, (kept, gone) in enumerate(hierarchy.merges.tolist()):
        parent[current[kept]] = parent[current[gone]] = n + i
        current[kept] = n + i
    first, second = first.copy(), second.copy()
    while (apart := first != second).any():  # a region comes after its parts: the earlier one steps up
        earlier = apart & (first < second)
        first[earlier] = parent[first[earlier]]
        later = apart & ~earlier
        second[later] = parent[second[later]]
    return np.asarray(hierarchy.heights[first - n])
