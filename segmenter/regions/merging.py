"""A hierarchy of regions: neighbors merged two at a time, the most alike first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.regions.adjacency import Adjacency, agglomerate
from segmenter.regions.hierarchy import Hierarchy

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
    gradients: Floats  # (n, G), of each gradient that the cue is made of

    def __getitem__(self, index: NDArray[np.intp]) -> Borders:
        """Return some of the borders."""
        return Borders(
            self.length[index],
            self.total[index],
            self.squares[index],
            self.least[index],
            self.most[index],
            self.gradients[index],
        )


Cost: TypeAlias = Callable[[Regions, Regions, Borders, float], Floats]
"""The costs (n,) of merging n times two regions with a border, in a picture of N pixels; one region may stand for n."""


def chi_square(a: Floats, b: Floats) -> Floats:
    """Return ½ Σ (a − b)² / (a + b), 0 to 1, of two histograms that sum to 1, along the last axis."""
    difference = a - b
    return np.asarray(0.5 * (difference * difference / (a + b + TINY)).sum(axis=-1))


@dataclass(frozen=True)
class HeuristicCost:
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
class LearnedCost:
    """How likely people are to draw the border: a logistic regression, fitted to annotations of BSDS500 train.

    ``python -m tests.benchmarks.fit_cost`` fits it anew. A field is the weight of the quantity that it names.
    Weights are negative where others say nearly the same.
    """

    bias: float = -3.65
    color_words: float = 3.81  # of √χ²
    texture_words: float = 1.55  # of √χ²
    mean: float = 0.75  # of the square root of the boundary cue's mean along the border, and so on
    least: float = 1.52
    most: float = -2.97
    deviation: float = -0.51
    color: float = -2.47  # of 1 − exp(−|ΔLab|/20), of the mean colors
    size: float = 0.46  # of the logarithm of the size, mostly harmonic, as a part of the picture
    shape: float = 0.05  # of the logarithm of perimeter over length
    color_word_gradients: tuple[float, ...] = (-0.19, 1.11, -1.03, -0.30)  # of the square roots of their means
    texture_word_gradients: tuple[float, ...] = (0.93, -0.96, 0.64)
    joint_word_gradients: tuple[float, ...] = (3.66, 1.78)
    color_gradients: tuple[float, ...] = (3.67, -2.05)

    def __call__(self, a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return the probabilities, 0 to 1."""
        gradients = self.color_word_gradients + self.texture_word_gradients + self.joint_word_gradients
        gradients += self.color_gradients
        weights = [self.color_words, self.texture_words, self.mean, self.least, self.most, self.deviation, self.color]
        weights += [self.size, self.shape, *gradients]
        z = self.bias + self.quantities(a, b, border, n_pixels) @ np.array(weights)
        return np.asarray(1 / (1 + np.exp(-z)))

    @staticmethod
    def quantities(a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return what the weights are of, shape (n, 20), in the order of the fields."""
        mean = border.total / border.length
        deviation = np.sqrt(np.maximum(border.squares / border.length - mean * mean, 0.0))
        distance = np.sqrt(((a.lab - b.lab) ** 2).sum(axis=-1))
        harmonic = a.n_pixels * b.n_pixels / (a.n_pixels + b.n_pixels)
        size = (0.03 * np.minimum(a.n_pixels, b.n_pixels) + 0.97 * harmonic) / n_pixels
        of_gradients = border.gradients / border.length[:, None]
        return np.stack(
            [
                np.sqrt(chi_square(a.color_words, b.color_words)),
                np.sqrt(chi_square(a.texture_words, b.texture_words)),
                np.sqrt(mean),
                np.sqrt(border.least),
                np.sqrt(border.most),
                np.sqrt(deviation),
                1 - np.exp(-distance / 20),
                np.log(size),
                np.log(np.minimum(a.perimeter, b.perimeter) / border.length),
                *np.sqrt(np.maximum(of_gradients, 0.0)).T,
            ],
            axis=-1,
        )


def measure_regions(
    labels: Labels,
    parts: Adjacency,
    color_words: NDArray[Any],
    texture_words: NDArray[Any],
    lab: NDArray[Any],
    gradients: NDArray[Any],
    strength: NDArray[Any],
) -> tuple[Regions, Borders]:
    """Return what is known of each superpixel and each border.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        1…R; 0 = takes no part.
    parts : Adjacency
        Their borders, of B pairs of pixels.
    color_words, texture_words : ndarray of shape (K, H, W)
        Posteriors.
    lab : ndarray of shape (3, H, W)
    gradients : ndarray of shape (G, B)
        At each pair of pixels.
    cue : ndarray of shape (B,), from 0
        How sure each pair of pixels is on a boundary.
    """
    inside = labels > 0
    flat = labels[inside].astype(np.intp) - 1
    n = int(flat.max()) + 1
    sizes = np.bincount(flat, minlength=n).astype(np.float64)
    color, texture, means = (
        np.stack([np.bincount(flat, plane[inside], n) / sizes for plane in planes], axis=1)
        for planes in (color_words, texture_words, lab)
    )

    def sums(weights: NDArray[Any] | None) -> Floats:
        return np.bincount(parts.border_of, weights, parts.n_borders).astype(np.float64)

    least, most = np.full(parts.n_borders, np.inf), np.zeros(parts.n_borders)
    np.minimum.at(least, parts.border_of, strength)
    np.maximum.at(most, parts.border_of, strength)
    lengths = sums(None)
    of_gradients = np.stack([sums(gradient) for gradient in gradients], axis=1)
    borders = Borders(lengths, sums(strength), sums(strength * strength), least, most, of_gradients)
    perimeters = sum(np.bincount(end, lengths, n) for end in parts.ends.T)
    return Regions(sizes, color, texture, means, np.asarray(perimeters)), borders


def merge_regions(labels: Labels, regions: Regions, borders: Borders, ends: NDArray[np.intp], cost: Cost) -> Hierarchy:
    """Return the hierarchy of merging, time and again, the two neighbors of the least cost.

    The height of a merge is the largest cost so far. Of equal costs the pair of the lowest numbers goes first. Regions
    that do not touch, as a mask may leave them, merge last.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        1…R; 0 = takes no part.
    regions, borders
        From `measure_regions`.
    ends : ndarray of shape (E, 2), intp
        The regions on both sides of each border, from 0, the lower first.
    cost : Cost
        Does not depend on which of the two regions comes first.
    """
    n_pixels = float(regions.n_pixels.sum())
    known = Regions(*(values.copy() for values in vars(regions).values()))
    between = Borders(*(values.copy() for values in vars(borders).values()))
    means = known.color_words, known.texture_words, known.lab

    def absorb(
        a: int, b: int, shared: int, parallel_edges: Iterable[tuple[int, int]], around: Mapping[int, int]
    ) -> list[float]:
        both = known.n_pixels[a] + known.n_pixels[b]
        part = known.n_pixels[b] / both
        for mean in means:
            mean[a] += part * (mean[b] - mean[a])
        known.n_pixels[a] = both
        known.perimeter[a] += known.perimeter[b] - 2 * between.length[shared]
        for kept, gone in parallel_edges:
            for sums in (between.length, between.total, between.squares, between.gradients):
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
