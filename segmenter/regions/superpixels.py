"""Compute superpixels: the watershed basins of a boundary map, merged across their weakest borders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Labels
from segmenter.regions.adjacency import find_adjacency
from segmenter.regions.agglomeration import agglomerate

SIZE_POWER = 0.5
"""Power of the size of the smaller basin in the cost of a merge. At 0, only the strength of the border counts; the
larger the power, the earlier small basins are merged.

Chosen on BSDS500 train: the best labeling of 700 superpixels has a covering of 0.943 with the annotations; it is 0.939
at power 0.2, 0.890 at power 0, and 0.917 if the basins that rise least above their lowest pixel are merged instead."""


def find_superpixels(
    strength: NDArray[np.floating[Any]], n_superpixels: int = 700, mask: Bools | None = None
) -> Labels:
    """Return the watershed basins of a boundary map, with the least distinct ones merged.

    Each step merges the two basins that minimize (mean strength along their border) × (size of the smaller)^½.

    Parameters
    ----------
    strength : ndarray of shape (H, W), from 0
        Boundary strength.
    n_superpixels : int, at least 1
        Maximum number of superpixels; at least one is kept in each connected component of the mask.
    mask : ndarray of shape (H, W), bool, optional
        True = included.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…R in reading order; 0 where the mask is False.
    """
    from skimage.segmentation import watershed

    if mask is not None:  # a wall around each component of the mask, so that no basin spans two
        strength = np.where(mask, strength, strength.max() + 1)
    basins = np.asarray(watershed(strength, connectivity=1, mask=mask), dtype=np.intp) - 1  # type: ignore[no-untyped-call]
    if (basins < 0).all():  # a flat map has no minimum
        basins += 1
    n_basins = int(basins.max()) + 1
    if n_basins > n_superpixels:
        basins = merge_basins(basins, strength, n_basins - n_superpixels)
    return number_in_reading_order(basins)


def merge_basins(basins: NDArray[np.intp], strength: NDArray[np.floating[Any]], n_merges: int) -> NDArray[np.intp]:
    """Return basins (H, W) after at most n merges, numbered from 0 with gaps; −1 = no basin, before and after.

    The strength of a border is the mean, over its pairs of pixels, of the larger of the two strengths.
    """
    flat = strength.ravel()
    adjacency = find_adjacency(basins)
    pair_strengths = np.maximum(flat[adjacency.first], flat[adjacency.second])
    lengths = adjacency.sum_over_borders().tolist()
    totals = np.bincount(adjacency.border_of, pair_strengths).tolist()
    sizes = np.bincount(basins[basins >= 0]).astype(np.float64).tolist()

    def compute_cost(a: int, b: int, border: int) -> float:
        cost: float = totals[border] / lengths[border] * min(sizes[a], sizes[b]) ** SIZE_POWER
        return cost

    def absorb(
        a: int, b: int, shared: int, parallel_edges: Iterable[tuple[int, int]], neighbors: Mapping[int, int]
    ) -> list[float]:
        sizes[a] += sizes[b]
        for kept, gone in parallel_edges:
            lengths[kept] += lengths[gone]
            totals[kept] += totals[gone]
        return [compute_cost(a, c, border) for c, border in neighbors.items()]

    costs = [compute_cost(a, b, border) for border, (a, b) in enumerate(adjacency.ends.tolist())]
    merges, _ = agglomerate(adjacency.ends, costs, absorb, n_merges)
    merged = np.arange(len(sizes))
    for kept, gone in reversed(merges):
        merged[gone] = merged[kept]
    return np.where(basins < 0, -1, merged[basins])


def number_in_reading_order(basins: NDArray[np.intp]) -> Labels:
    """Return basins (H, W) numbered 1…R in the order of their first pixels; −1 becomes 0."""
    values, first, inverse = np.unique(basins.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    label_of = np.zeros(len(first), dtype=np.int32)
    label_of[order[values[order] >= 0]] = np.arange(1, (values >= 0).sum() + 1)
    return label_of[inverse].reshape(basins.shape)
