"""Superpixels: the basins of a boundary map, joined across the faintest of their borders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Labels
from segmenter.regions.adjacency import adjacency, agglomerate

SIZE_POWER = 0.5
"""How much a basin's size keeps it: 0 joins what the faintest border parts, however large; more, small ones first.

Chosen on BSDS500 train: the best labelling of 700 superpixels covers 0.943 of what people drew, 0.939 with 0.2, 0.890
with 0, and 0.917 where those basins are joined that rise least above their lowest pixel."""


def superpixels(strength: NDArray[np.floating[Any]], n_superpixels: int = 700, mask: Bools | None = None) -> Labels:
    """Return the basins of a boundary map by watershed, the least distinct ones joined.

    Time and again the two are joined for which (mean strength along their border) × (size of the smaller)^½ is least.

    Parameters
    ----------
    strength : ndarray of shape (H, W)
        How sure each pixel is on a boundary, from 0.
    n_superpixels : int, at least 1
        The most that are kept, but at least one in each connected piece of the mask.
    mask : ndarray of shape (H, W), bool, optional
        True = takes part.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…R in reading order; 0 where the mask is False.
    """
    from skimage.segmentation import watershed

    if mask is not None:  # a wall around each piece of it: each has basins of its own
        strength = np.where(mask, strength, strength.max() + 1)
    basins = np.asarray(watershed(strength, connectivity=1, mask=mask), dtype=np.intp) - 1  # type: ignore[no-untyped-call]
    if (basins < 0).all():  # flat, and without a minimum
        basins += 1
    n_basins = int(basins.max()) + 1
    if n_basins > n_superpixels:
        basins = joined(basins, strength, n_basins - n_superpixels)
    values, first, inverse = np.unique(basins.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.zeros(len(first), dtype=np.int32)
    rank[order[values[order] >= 0]] = np.arange(1, (values >= 0).sum() + 1)
    return rank[inverse].reshape(strength.shape)


def joined(basins: NDArray[np.intp], strength: NDArray[np.floating[Any]], n_joins: int) -> NDArray[np.intp]:
    """Return basins (H, W) after so many joins; a pair of pixels is as strong as the stronger.

    They are numbered from 0, and −1 is none.
    """
    flat = strength.ravel()
    borders = adjacency(basins)
    pairs = np.maximum(flat[borders.first], flat[borders.second])
    lengths = np.bincount(borders.border_of).astype(np.float64).tolist()
    totals = np.bincount(borders.border_of, pairs).tolist()
    sizes = np.bincount(basins[basins >= 0]).astype(np.float64).tolist()

    def cost(a: int, b: int, border: int) -> float:
        value: float = totals[border] / lengths[border] * min(sizes[a], sizes[b]) ** SIZE_POWER
        return value

    def absorb(
        a: int, b: int, shared: int, parallel_edges: Iterable[tuple[int, int]], around: Mapping[int, int]
    ) -> list[float]:
        sizes[a] += sizes[b]
        for kept, gone in parallel_edges:
            lengths[kept] += lengths[gone]
            totals[kept] += totals[gone]
        return [cost(a, c, border) for c, border in around.items()]

    costs = [cost(a, b, border) for border, (a, b) in enumerate(borders.ends.tolist())]
    merges, _ = agglomerate(borders.ends, costs, absorb, n_joins)
    table = np.arange(len(sizes))
    for kept, gone in reversed(merges):
        table[gone] = table[kept]
    return np.where(basins < 0, -1, table[basins])
