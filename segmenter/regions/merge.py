"""A hierarchy of regions: neighbors merged two at a time, the most alike first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.regions.adjacency import adjacency, agglomerate

TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Regions:
    """What is known of n regions."""

    n_pixels: Floats  # (n,)
    color_words: Floats  # (n, K), mean posteriors
    texture_words: Floats  # (n, K)
    lab: Floats  # (n, 3), mean color
    perimeter: Floats  # (n,), pairs of pixels on the boundary inside the picture

    def __getitem__(self, index: NDArray[np.intp]) -> Regions:
        """Return some of the regions."""
        return Regions(
            self.n_pixels[index],
            self.color_words[index],
            self.texture_words[index],
            self.lab[index],
            self.perimeter[index],
        )


@dataclass(frozen=True, eq=False)
class Borders:
    """Sums over the pairs of pixels along each of n borders, of the boundary cue v."""

    length: Floats  # (n,)
    total: Floats  # (n,)
    squares: Floats  # (n,)
    least: Floats  # (n,)
    most: Floats  # (n,)

    def __getitem__(self, index: NDArray[np.intp]) -> Borders:
        """Return some of the borders."""
        return Borders(self.length[index], self.total[index], self.squares[index], self.least[index], self.most[index])


Cost: TypeAlias = Callable[[Regions, Regions, Borders, float], Floats]
"""The costs (n,) of merging n times two regions with a border, in a picture of N pixels; one region may stand for n."""


def chi_square(a: Floats, b: Floats) -> Floats:
    """Return ½ Σ (a − b)² / (a + b), 0 to 1, of two histograms that sum to 1, along the last axis."""
    difference = a - b
    return np.asarray(0.5 * (difference * difference / (a + b + TINY)).sum(axis=-1))


@dataclass(frozen=True)
class HandCost:
    """What parts two regions: words, boundary, size and shape; weights chosen by hand for the covering of BSDS500."""

    color_words: float = 0.5
    texture_words: float = 0.6
    boundary: float = 1.0
    size_power: float = 0.2
    shape_power: float = 0.15

    def __call__(self, a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return the costs, from 0."""
        unlike = (
            self.color_words * chi_square(a.color_words, b.color_words)
            + self.texture_words * chi_square(a.texture_words, b.texture_words)
            + self.boundary * border.total / border.length
        )
        size = a.n_pixels * b.n_pixels / ((a.n_pixels + b.n_pixels) * n_pixels)
        shape = np.minimum(a.perimeter, b.perimeter) / border.length
        return np.asarray(unlike * size**self.size_power * shape**self.shape_power)


@dataclass(frozen=True)
class FittedCost:
    """How likely people are to draw the border: a logistic regression, fitted to annotations of BSDS500.

    A field is the weight of the quantity that it names. The weights of `color` and `most` are negative, since the
    quantities beside them say much the same.
    """

    bias: float = -1.8
    color_words: float = 4.6  # of √χ²
    texture_words: float = 1.6  # of √χ²
    mean: float = 6.2  # of the square root of the boundary cue's mean along the border, and so on
    least: float = 2.9
    most: float = -3.4
    deviation: float = 1.7
    color: float = -4.4  # of 1 − exp(−|ΔLab|/20), of the mean colors
    size: float = 0.57  # of the logarithm of the size, mostly harmonic, as a part of the picture
    shape: float = 0.11  # of the logarithm of perimeter over length

    def __call__(self, a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return the probabilities, 0 to 1."""
        mean = border.total / border.length
        deviation = np.sqrt(np.maximum(border.squares / border.length - mean * mean, 0.0))
        distance = np.sqrt(((a.lab - b.lab) ** 2).sum(axis=-1))
        harmonic = a.n_pixels * b.n_pixels / (a.n_pixels + b.n_pixels)
        size = (0.03 * np.minimum(a.n_pixels, b.n_pixels) + 0.97 * harmonic) / n_pixels
        z = (
            self.bias
            + self.color_words * np.sqrt(chi_square(a.color_words, b.color_words))
            + self.texture_words * np.sqrt(chi_square(a.texture_words, b.texture_words))
            + self.mean * np.sqrt(mean)
            + self.least * np.sqrt(border.least)
            + self.most * np.sqrt(border.most)
            + self.deviation * np.sqrt(deviation)
            + self.color * (1 - np.exp(-distance / 20))
            + self.size * np.log(size)
            + self.shape * np.log(np.minimum(a.perimeter, b.perimeter) / border.length)
        )
        return np.asarray(1 / (1 + np.exp(-z)))


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Superpixels and the order in which they merge."""

    superpixels: Labels  # (H, W), 1…R; 0 = takes no part
    merges: NDArray[np.intp]  # (R − 1, 2), superpixels that stand for the merged regions; the second joins the first
    heights: Floats  # (R − 1,), never falling; infinite between regions that do not touch

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
        """Return exactly n regions, or as many as there are superpixels, (H, W), 1…n in reading order; 0 = no label."""
        return np.concatenate([[0], self.regions_of(n_regions)]).astype(np.int32)[self.superpixels]

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
) -> tuple[Regions, Borders, NDArray[np.intp]]:
    """Return what is known of each superpixel and each border.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        1…R; 0 = takes no part.
    color_words, texture_words : ndarray of shape (K, H, W)
    lab : ndarray of shape (3, H, W)
    cue : ndarray of shape (H, W), from 0
        How sure each pixel is on a boundary; a pair of pixels has the mean of its two.

    Returns
    -------
    Regions
        R of them.
    Borders
        E of them.
    ndarray of shape (E, 2), intp
        The regions on both sides of each border, from 0, the lower first.
    """
    inside = labels > 0
    flat = labels[inside].astype(np.intp) - 1
    n = int(flat.max()) + 1
    sizes = np.bincount(flat, minlength=n).astype(np.float64)
    color, texture, means = (
        np.stack([np.bincount(flat, plane[inside], n) / sizes for plane in planes], axis=1)
        for planes in (color_words, texture_words, lab)
    )
    parts = adjacency(labels - 1)
    v = (cue.ravel()[parts.first] + cue.ravel()[parts.second]) / 2
    lengths, totals, squares = (
        np.bincount(parts.border_of, weights, parts.n_borders).astype(np.float64) for weights in (None, v, v * v)
    )
    least, most = np.full(parts.n_borders, np.inf), np.zeros(parts.n_borders)
    np.minimum.at(least, parts.border_of, v)
    np.maximum.at(most, parts.border_of, v)
    perimeters = sum(np.bincount(end, lengths, n) for end in parts.ends.T)
    regions = Regions(sizes, color, texture, means, np.asarray(perimeters))
    return regions, Borders(lengths, totals, squares, least, most), parts.ends


def merge(labels: Labels, regions: Regions, borders: Borders, ends: NDArray[np.intp], cost: Cost) -> Hierarchy:
    """Return the hierarchy of merging, time and again, the two neighbors of the least cost.

    The height of a merge is the largest cost so far. Of equal costs the pair of the lowest numbers goes first. Regions
    that do not touch, as a mask may leave them, merge last.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        1…R; 0 = takes no part.
    regions, borders, ends
        From `measure_regions`.
    cost : Cost
        Does not depend on which of the two regions comes first.
    """
    n_pixels = float(regions.n_pixels.sum())
    known = Regions(*(values.copy() for values in vars(regions).values()))
    between = Borders(*(values.copy() for values in vars(borders).values()))
    means = known.color_words, known.texture_words, known.lab

    def absorb(a: int, b: int, shared: int, twins: Iterable[tuple[int, int]], around: Mapping[int, int]) -> list[float]:
        both = known.n_pixels[a] + known.n_pixels[b]
        part = known.n_pixels[b] / both
        for mean in means:
            mean[a] += part * (mean[b] - mean[a])
        known.n_pixels[a] = both
        known.perimeter[a] += known.perimeter[b] - 2 * between.length[shared]
        for kept, gone in twins:
            for sums in (between.length, between.total, between.squares):
                sums[kept] += sums[gone]
            between.least[kept] = min(between.least[kept], between.least[gone])
            between.most[kept] = max(between.most[kept], between.most[gone])
        if not around:
            return []
        beside = np.fromiter(around, np.intp, len(around))
        across = np.fromiter(around.values(), np.intp, len(around))
        costs: list[float] = cost(known[np.array([a])], known[beside], between[across], n_pixels).tolist()
        return costs

    costs = cost(known[ends[:, 0]], known[ends[:, 1]], between, n_pixels).tolist()
    merges, paid = agglomerate(ends, costs, absorb, len(regions.n_pixels) - 1)
    apart = np.setdiff1d(np.arange(1, len(regions.n_pixels)), [gone for _, gone in merges])
    merges += [(0, int(gone)) for gone in apart]
    heights = np.maximum.accumulate(np.array(paid + [np.inf] * len(apart), dtype=np.float64))
    return Hierarchy(labels, np.array(merges, dtype=np.intp).reshape(-1, 2), heights)
