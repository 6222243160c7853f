"""A hierarchy of regions: neighbors merged two at a time, the most alike first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.regions.superpixels import neighbors


@dataclass(frozen=True, eq=False)
class Region:
    """Sums over the pixels of a region."""

    n_pixels: float
    color_words: Floats  # (K,), sum of the posteriors
    texture_words: Floats  # (K,)
    lab: Floats  # (3,)
    perimeter: float  # pairs of pixels on its boundary inside the picture

    def __add__(self, other: Region) -> Region:
        """Return the sums of both; of the perimeter, the boundary that they share is still part."""
        return Region(
            self.n_pixels + other.n_pixels,
            self.color_words + other.color_words,
            self.texture_words + other.texture_words,
            self.lab + other.lab,
            self.perimeter + other.perimeter,
        )


@dataclass(frozen=True)
class Border:
    """Sums over the pairs of pixels that part two regions, of the boundary cue v."""

    length: float
    total: float
    squares: float
    least: float
    most: float

    def __add__(self, other: Border) -> Border:
        """Return the sums of both borders."""
        return Border(
            self.length + other.length,
            self.total + other.total,
            self.squares + other.squares,
            min(self.least, other.least),
            max(self.most, other.most),
        )


Cost: TypeAlias = Callable[[Region, Region, Border, float], float]
"""The cost of merging two regions with a border, in a picture of N pixels."""


def chi_square(a: Floats, b: Floats) -> float:
    """Return ½ Σ (a − b)² / (a + b), 0 to 1, of two histograms that sum to 1."""
    total = a + b
    return 0.5 * float(((a - b) ** 2 / np.where(total > 0, total, 1)).sum())


@dataclass(frozen=True)
class HandCost:
    """What parts two regions: words, boundary, size and shape; weights chosen by hand for the covering of BSDS500."""

    color_words: float = 0.5
    texture_words: float = 0.6
    boundary: float = 1.0
    size_power: float = 0.2
    shape_power: float = 0.15

    def __call__(self, a: Region, b: Region, border: Border, n_pixels: float) -> float:
        """Return the cost, from 0."""
        unlike = (
            self.color_words * chi_square(a.color_words / a.n_pixels, b.color_words / b.n_pixels)
            + self.texture_words * chi_square(a.texture_words / a.n_pixels, b.texture_words / b.n_pixels)
            + self.boundary * border.total / border.length
        )
        size: float = (a.n_pixels * b.n_pixels / (a.n_pixels + b.n_pixels) / n_pixels) ** self.size_power
        shape: float = (min(a.perimeter, b.perimeter) / border.length) ** self.shape_power
        return unlike * size * shape


@dataclass(frozen=True)
class FittedCost:
    """How likely people are to draw the border: a logistic regression, fitted to annotations of BSDS500.

    A field is the weight of the quantity that it names. The weights of `color` and `most` are negative, since the
    quantities beside them say much the same.
    """

    bias: float = -1.8
    color_words: float = 4.6  # of √χ²
    texture_words: float = 1.6  # of √χ²
    mean: float = 6.2  # of the boundary cue along the border, and so on
    least: float = 2.9  # of its square root
    most: float = -3.4  # of its square root
    deviation: float = 1.7  # of its square root
    color: float = -4.4  # of 1 − exp(−|ΔLab|/20), of the mean colors
    size: float = 0.57  # of the logarithm of the size, mostly harmonic, as a part of the picture
    shape: float = 0.11  # of the logarithm of perimeter over length

    def __call__(self, a: Region, b: Region, border: Border, n_pixels: float) -> float:
        """Return the probability, 0 to 1."""
        color = chi_square(a.color_words / a.n_pixels, b.color_words / b.n_pixels)
        texture = chi_square(a.texture_words / a.n_pixels, b.texture_words / b.n_pixels)
        mean = border.total / border.length
        deviation = math.sqrt(max(border.squares / border.length - mean * mean, 0.0))
        distance = math.dist(a.lab / a.n_pixels, b.lab / b.n_pixels)
        harmonic = a.n_pixels * b.n_pixels / (a.n_pixels + b.n_pixels)
        size = (0.03 * min(a.n_pixels, b.n_pixels) + 0.97 * harmonic) / n_pixels
        z = (
            self.bias
            + self.color_words * math.sqrt(color)
            + self.texture_words * math.sqrt(texture)
            + self.mean * mean
            + self.least * math.sqrt(max(border.least, 0.0))
            + self.most * math.sqrt(max(border.most, 0.0))
            + self.deviation * math.sqrt(deviation)
            + self.color * (1 - math.exp(-distance / 20))
            + self.size * math.log(size)
            + self.shape * math.log(min(a.perimeter, b.perimeter) / border.length)
        )
        return 1 / (1 + math.exp(-z))


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Superpixels and the order in which they merge."""

    superpixels: Labels  # (H, W), 1…R
    merges: NDArray[np.intp]  # (R − 1, 2), superpixels that stand for the merged regions; the second joins the first
    heights: Floats  # (R − 1,), never falling

    @property
    def n_superpixels(self) -> int:
        """R."""
        return len(self.heights) + 1

    def n_regions(self, height: float) -> int:
        """Return how many regions are left after all merges of at most that height."""
        return self.n_superpixels - int(np.searchsorted(self.heights, height, side="right"))

    def cut(self, height: float) -> Labels:
        """Return the regions left after all merges of at most that height, (H, W), 1…n in reading order."""
        return self.cut_to(self.n_regions(height))

    def cut_to(self, n_regions: int) -> Labels:
        """Return exactly n regions, or as many as there are superpixels, (H, W), 1…n in reading order."""
        return np.asarray(self.regions_of(n_regions)[self.superpixels - 1], dtype=np.int32)

    def regions_of(self, n_regions: int) -> NDArray[np.intp]:
        """Return the region of each superpixel in the cut to n regions, (R,), 1…n in reading order."""
        n = self.n_superpixels
        table = np.arange(n)
        for kept, gone in self.merges[: max(n - n_regions, 0)][::-1]:
            table[gone] = table[kept]
        _, compact = np.unique(table, return_inverse=True)
        return compact + 1


def measure_regions(
    labels: Labels, color_words: NDArray[Any], texture_words: NDArray[Any], lab: NDArray[Any], cue: NDArray[Any]
) -> tuple[list[Region], dict[tuple[int, int], Border]]:
    """Return the sums over each superpixel and each border; regions are numbered from 0.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        1…R.
    color_words, texture_words : ndarray of shape (K, H, W)
    lab : ndarray of shape (3, H, W)
    cue : ndarray of shape (H, W)
    """
    flat = labels.ravel() - 1
    n = int(flat.max()) + 1
    sizes = np.bincount(flat, minlength=n).astype(np.float64)
    color, texture, means = (
        np.stack([np.bincount(flat, plane.ravel(), n) for plane in planes], axis=1)
        for planes in (color_words, texture_words, lab)
    )
    one, other = neighbors(labels)
    ends = np.sort(np.stack([flat[one], flat[other]]), axis=0)
    pairs, pair_of = np.unique(ends[0] * n + ends[1], return_inverse=True)
    v = (cue.ravel()[one] + cue.ravel()[other]) / 2
    lengths, totals, squares = (np.bincount(pair_of, w, len(pairs)) for w in (None, v, v * v))
    least, most = np.full(len(pairs), np.inf), np.full(len(pairs), -np.inf)
    np.minimum.at(least, pair_of, v)
    np.maximum.at(most, pair_of, v)
    perimeters = np.bincount(pairs // n, lengths, n) + np.bincount(pairs % n, lengths, n)
    regions = [Region(*row) for row in zip(sizes, color, texture, means, perimeters, strict=True)]
    sums = zip(lengths, totals, squares, least, most, strict=True)
    borders = {(int(pair // n), int(pair % n)): Border(*map(float, row)) for pair, row in zip(pairs, sums, strict=True)}
    return regions, borders


def merge(labels: Labels, regions: list[Region], borders: dict[tuple[int, int], Border], cost: Cost) -> Hierarchy:
    """Return the hierarchy of merging, time and again, the two neighbors of the least cost.

    The height of a merge is the largest cost so far. Of equal costs the pair of the lowest numbers goes first.
    """
    known: list[Region] = list(regions)
    n_pixels = float(labels.size)
    around: list[dict[int, Border]] = [{} for _ in known]
    stamps = [0] * len(known)
    heap = []
    for (a, b), border in borders.items():
        around[a][b] = around[b][a] = border
        heap.append((cost(known[a], known[b], border, n_pixels), a, b, 0, 0))
    heapq.heapify(heap)
    merges, heights, height = [], [], 0.0
    while heap:
        value, a, b, stamp_a, stamp_b = heapq.heappop(heap)
        if (stamp_a, stamp_b) != (stamps[a], stamps[b]):
            continue
        height = max(height, value)
        merges.append((a, b))
        heights.append(height)
        shared = around[a].pop(b)
        union = known[a] + known[b]
        known[a] = replace(union, perimeter=union.perimeter - 2 * shared.length)
        stamps[a], stamps[b] = stamps[a] + 1, -1
        for c, border in around[b].items():
            if c != a:
                del around[c][b]
                around[a][c] = around[c][a] = around[a][c] + border if c in around[a] else border
        for c, border in around[a].items():
            low, high = min(a, c), max(a, c)
            new = cost(known[low], known[high], border, n_pixels)
            heapq.heappush(heap, (new, low, high, stamps[low], stamps[high]))
    return Hierarchy(labels, np.array(merges, dtype=np.intp).reshape(-1, 2), np.array(heights, dtype=np.float64))
