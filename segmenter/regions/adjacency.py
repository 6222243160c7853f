"""Which regions touch, and the loop that joins them two at a time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The borders between regions: runs of pairs of 4-connected pixels that lie in the same two regions."""

    ends: Indices  # (E, 2), the regions on both sides of each border, the lower first
    border_of: Indices  # (B,), the border that each pair of pixels is of
    first: Indices  # (B,), flat index of one pixel of each pair
    second: Indices  # (B,), of the other

    @property
    def n_borders(self) -> int:
        """E."""
        return len(self.ends)


def adjacency(labels: NDArray[np.integer[Any]]) -> Adjacency:
    """Return the borders between the regions of a label image (H, W) of labels from 0; −1 is no region."""
    index = np.arange(labels.size).reshape(labels.shape)
    flat = labels.ravel()
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    differs = (flat[first] != flat[second]) & (np.minimum(flat[first], flat[second]) >= 0)
    first, second = first[differs], second[differs]
    one, other = flat[first].astype(np.intp), flat[second].astype(np.intp)
    n = int(flat.max()) + 1
    keys, border_of = np.unique(np.minimum(one, other) * n + np.maximum(one, other), return_inverse=True)
    return Adjacency(np.stack([keys // n, keys % n], axis=1), border_of, first, second)


Absorb: TypeAlias = Callable[[int, int, int, Iterable[tuple[int, int]], Mapping[int, int]], Sequence[float]]
"""``absorb(a, b, shared, twins, around)``: region b joins a, and their border `shared` is no more. Where both had a
border with a third region, these are twins, of which the second joins the first. To return: the cost of merging a with
each of the regions around, which are given with their borders."""


def agglomerate(
    ends: Indices, costs: Sequence[float], absorb: Absorb, n_merges: int
) -> tuple[list[tuple[int, int]], list[float]]:
    """Merge, time and again, the two neighbors of the least cost; of equal costs the pair of the lowest numbers.

    Parameters
    ----------
    ends : ndarray of shape (E, 2), intp
        The regions on both sides of each border, from 0, the lower first.
    costs : sequence of E floats
    absorb : Absorb
        Keeps the account of regions and borders.
    n_merges : int
        How often, at most.

    Returns
    -------
    list of tuple of int
        Pairs of regions; the second joins the first, whose number then stands for both.
    list of float
        Their costs.
    """
    around: list[dict[int, int]] = [{} for _ in range(int(ends.max(initial=0)) + 1)]
    heap = []
    for border, (cost, (a, b)) in enumerate(zip(costs, ends.tolist(), strict=True)):
        around[a][b] = around[b][a] = border
        heap.append((cost, a, b, 0, 0))
    heapq.heapify(heap)
    stamps = [0] * len(around)  # how often a region has changed; what the heap holds from before is void
    merges: list[tuple[int, int]] = []
    paid: list[float] = []
    while heap and len(merges) < n_merges:
        cost, a, b, stamp_a, stamp_b = heapq.heappop(heap)
        if (stamp_a, stamp_b) != (stamps[a], stamps[b]):
            continue
        merges.append((a, b))
        paid.append(cost)
        beside = around[a]
        shared = beside.pop(b)
        parallel_edges = []
        for c, border in around[b].items():
            if c == a:
                continue
            del around[c][b]
            if c in beside:
                parallel_edges.append((beside[c], border))
            else:
                beside[c] = around[c][a] = border
        stamps[a], stamps[b] = stamps[a] + 1, -1
        for c, cost in zip(beside, absorb(a, b, shared, parallel_edges, beside), strict=True):
            low, high = (a, c) if a < c else (c, a)
            heapq.heappush(heap, (cost, low, high, stamps[low], stamps[high]))
    return merges, paid
