"""Agglomerative clustering on a graph: the loop that repeatedly merges two neighboring regions."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Absorb: TypeAlias = Callable[[int, int, int, Iterable[tuple[int, int]], Mapping[int, int]], Sequence[float]]
"""``absorb(a, b, shared, parallel_edges, neighbors)``: called when region b is merged into region a, to update the data
of regions and borders.

`shared` is the border between a and b, which disappears. `parallel_edges` are pairs of borders, of a and of b with the
same third region; the second border is merged into the first. `neighbors` maps each neighbor of the merged region to
the border with it. Returns the cost of merging a with each of these neighbors, in the same order."""


def agglomerate(
    ends: NDArray[np.intp], costs: Sequence[float], absorb: Absorb, n_merges: int
) -> tuple[list[tuple[int, int]], list[float]]:
    """Repeatedly merge the two neighbors with the lowest cost; ties go to the pair with the lowest numbers.

    Parameters
    ----------
    ends : ndarray of shape (E, 2), intp
        The two regions, numbered from 0, on the sides of each border; the lower number comes first.
    costs : sequence of E floats
        The cost of merging the two regions of each border.
    absorb : Absorb
        Updates regions and borders after each merge, and returns the new costs.
    n_merges : int
        Maximum number of merges.

    Returns
    -------
    list of tuple of int
        Pairs of regions: the second is merged into the first, whose number then stands for both.
    list of float
        The cost of each merge.
    """
    neighbors_of: list[dict[int, int]] = [{} for _ in range(int(ends.max(initial=0)) + 1)]  # neighbor → border
    heap = []
    for border, (cost, (a, b)) in enumerate(zip(costs, ends.tolist(), strict=True)):
        neighbors_of[a][b] = neighbors_of[b][a] = border
        heap.append((cost, a, b, 0, 0))
    heapq.heapify(heap)
    versions = [0] * len(neighbors_of)  # of each region, −1 = merged away; heap entries of old versions are void
    merges: list[tuple[int, int]] = []
    merge_costs: list[float] = []
    while heap and len(merges) < n_merges:
        cost, a, b, version_a, version_b = heapq.heappop(heap)
        if (version_a, version_b) != (versions[a], versions[b]):
            continue
        merges.append((a, b))
        merge_costs.append(cost)
        neighbors = neighbors_of[a]
        shared = neighbors.pop(b)
        parallel_edges = []
        for c, border in neighbors_of[b].items():
            if c == a:
                continue
            del neighbors_of[c][b]
            if c in neighbors:
                parallel_edges.append((neighbors[c], border))
            else:
                neighbors[c] = neighbors_of[c][a] = border
        versions[a], versions[b] = versions[a] + 1, -1
        for c, cost in zip(neighbors, absorb(a, b, shared, parallel_edges, neighbors), strict=True):
            low, high = (a, c) if a < c else (c, a)
            heapq.heappush(heap, (cost, low, high, versions[low], versions[high]))
    return merges, merge_costs
