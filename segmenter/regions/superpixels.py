"""Superpixels: the basins of a boundary map, the shallow ones joined."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Labels


def superpixels(strength: NDArray[np.floating[Any]], n_superpixels: int = 700) -> Labels:
    """Return the basins of a boundary map by watershed, the least persistent ones joined.

    A basin persists from its lowest pixel to the lowest pass into a deeper basin; there it is joined.

    Parameters
    ----------
    strength : ndarray of shape (H, W)
        How sure each pixel is on a boundary.
    n_superpixels : int, at least 1
        The most that are kept.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…R in reading order.
    """
    from skimage.segmentation import watershed

    basins = np.asarray(watershed(strength, connectivity=1), dtype=np.intp) - 1  # type: ignore[no-untyped-call]
    n_basins = int(basins.max()) + 1
    if n_basins > n_superpixels:
        basins = joined(basins, strength, n_basins, n_superpixels)
    _, first, inverse = np.unique(basins.ravel(), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    return rank[inverse].reshape(strength.shape)


def neighbors(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the flat indices of the two pixels of every 4-connected pair of pixels with different labels."""
    index = np.arange(labels.size).reshape(labels.shape)
    ends = [(index[:, :-1], index[:, 1:]), (index[:-1], index[1:])]
    first = np.concatenate([a.ravel() for a, _ in ends])
    second = np.concatenate([b.ravel() for _, b in ends])
    differs = labels.ravel()[first] != labels.ravel()[second]
    return first[differs], second[differs]


def joined(
    basins: NDArray[np.intp], strength: NDArray[np.floating[Any]], n_basins: int, n_kept: int
) -> NDArray[np.intp]:
    """Return basins (H, W), 0…n−1, with all but the most persistent joined to the basin over their lowest pass."""
    first, second = neighbors(basins)
    heights = np.maximum(strength.ravel()[first], strength.ravel()[second])
    order = np.argsort(heights, kind="stable")
    depth = np.full(n_basins, np.inf)
    np.minimum.at(depth, basins.ravel(), strength.ravel())
    parent = list(range(n_basins))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    deaths: list[tuple[float, int, int]] = []
    ends = zip(
        basins.ravel()[first[order]].tolist(),
        basins.ravel()[second[order]].tolist(),
        heights[order].tolist(),
        strict=True,
    )
    for a, b, height in ends:
        a, b = root(a), root(b)
        if a == b:
            continue
        if (depth[a], a) > (depth[b], b):
            a, b = b, a
        parent[b] = a
        deaths.append((height - float(depth[b]), b, a))
        if len(deaths) == n_basins - 1:
            break
    deaths.sort()
    parent = list(range(n_basins))
    for _, b, a in deaths[: n_basins - n_kept]:
        parent[b] = a
    table = np.array([root(i) for i in range(n_basins)])
    return np.asarray(table[basins])
