"""Merge superpixels into a hierarchy: measurements of regions and borders, costs of merges, and the merging itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.regions.adjacency import Adjacency
from segmenter.regions.agglomeration import agglomerate
from segmenter.regions.hierarchy import Hierarchy

TINY = 1e-12


# ---- measurements --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Regions:
    """Measurements of n regions."""

    n_pixels: Floats  # (n,)
    color_words: Floats  # (n, K), mean posteriors of the visual words of color
    texture_words: Floats  # (n, K), the same for texture
    lab: Floats  # (n, 3), mean color
    perimeter: Floats  # (n,), pairs of pixels along all borders with other regions

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
    """Measurements of n borders: statistics of the boundary strength over the pairs of pixels along each border."""

    length: Floats  # (n,), number of pairs
    total: Floats  # (n,), sum of the strengths
    squares: Floats  # (n,), sum of their squares
    minimum: Floats  # (n,)
    maximum: Floats  # (n,)
    gradients: Floats  # (n, G), sum of each gradient; the strength is their weighted mean

    def __getitem__(self, index: NDArray[np.intp]) -> Borders:
        """Return some of the borders."""
        return Borders(
            self.length[index],
            self.total[index],
            self.squares[index],
            self.minimum[index],
            self.maximum[index],
            self.gradients[index],
        )


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """The region adjacency graph of R superpixels, with measurements of its nodes and edges."""

    superpixels: Labels  # (H, W), 1…R; 0 = outside the mask
    regions: Regions  # R, region i is superpixel i + 1
    borders: Borders  # E
    ends: NDArray[np.intp]  # (E, 2), the two regions (from 0) of each border, the lower number first


def measure_regions(
    labels: Labels, color_words: NDArray[Any], texture_words: NDArray[Any], lab: NDArray[Any], adjacency: Adjacency
) -> Regions:
    """Return the measurements of the superpixels of a picture.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        1…R; 0 = outside the mask.
    color_words, texture_words : ndarray of shape (K, H, W)
        Posteriors.
    lab : ndarray of shape (3, H, W)
        CIELAB.
    adjacency : Adjacency
        The borders between the superpixels, numbered from 0.
    """
    is_labeled = labels > 0
    flat = labels[is_labeled].astype(np.intp) - 1
    n = int(flat.max()) + 1
    sizes = np.bincount(flat, minlength=n).astype(np.float64)
    color_means, texture_means, lab_means = (
        np.stack([np.bincount(flat, plane[is_labeled], n) / sizes for plane in planes], axis=1)
        for planes in (color_words, texture_words, lab)
    )
    lengths = adjacency.sum_over_borders()
    perimeters = sum(np.bincount(end, lengths, n) for end in adjacency.ends.T)
    return Regions(sizes, color_means, texture_means, lab_means, np.asarray(perimeters))


def measure_borders(adjacency: Adjacency, gradients: NDArray[Any], strength: NDArray[Any]) -> Borders:
    """Return the measurements of borders.

    Parameters
    ----------
    adjacency : Adjacency
        The borders, with B pairs of pixels.
    gradients : ndarray of shape (G, B)
        Each gradient at each pair of pixels.
    strength : ndarray of shape (B,), from 0
        Boundary strength at each pair of pixels.
    """
    minimum, maximum = np.full(adjacency.n_borders, np.inf), np.zeros(adjacency.n_borders)
    np.minimum.at(minimum, adjacency.border_of, strength)
    np.maximum.at(maximum, adjacency.border_of, strength)
    return Borders(
        adjacency.sum_over_borders(),
        adjacency.sum_over_borders(strength),
        adjacency.sum_over_borders(strength * strength),
        minimum,
        maximum,
        np.stack([adjacency.sum_over_borders(gradient) for gradient in gradients], axis=1),
    )


# ---- costs ---------------------------------------------------------------------------------------------------------


Cost: TypeAlias = Callable[[Regions, Regions, Borders, float], Floats]
"""``cost(first, second, borders, n_pixels)``: returns the costs (n,) of merging n pairs of regions.

The arguments are the two regions of each pair, their border, and the number of pixels in the picture. If `first` holds
a single region, it is paired with every region of `second`."""


def chi_square(a: Floats, b: Floats) -> Floats:
    """Return ½ Σ (a − b)² / (a + b), 0 to 1, along the last axis, for histograms that sum to 1."""
    difference = a - b
    return np.asarray(0.5 * (difference * difference / (a + b + TINY)).sum(axis=-1))


@dataclass(frozen=True)
class HeuristicCost:
    """A cost from visual words, boundary strength, size and shape; weights chosen by hand for covering on BSDS500."""

    color_words: float = 0.5
    texture_words: float = 0.6
    boundary: float = 1.0
    size_power: float = 0.2
    shape_power: float = 0.15

    def __call__(self, a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return the costs, at least 0."""
        dissimilarity = (
            self.color_words * chi_square(a.color_words, b.color_words)
            + self.texture_words * chi_square(a.texture_words, b.texture_words)
            + self.boundary * border.total / border.length
        )
        size = a.n_pixels * b.n_pixels / ((a.n_pixels + b.n_pixels) * n_pixels)
        shape = np.minimum(a.perimeter, b.perimeter) / border.length
        return np.asarray(dissimilarity * size**self.size_power * shape**self.shape_power)


@dataclass(frozen=True)
class LearnedCost:
    """The probability that people draw the border: a logistic regression fitted to the annotations of BSDS500 train.

    Each field except the bias is the weight of the predictor of that name. Some weights are negative because the
    predictors are strongly correlated. ``python -m tests.benchmarks.fit_cost`` fits the weights again.
    """

    bias: float = -3.65
    color_words: float = 3.81  # of √χ²
    texture_words: float = 1.55  # of √χ²
    mean: float = 0.75  # of the square root of the mean boundary strength along the border
    minimum: float = 1.52  # of the square root of the minimum
    maximum: float = -2.97  # of the square root of the maximum
    deviation: float = -0.51  # of the square root of the standard deviation
    color: float = -2.47  # of 1 − exp(−|ΔLab|/20) between the mean colors
    size: float = 0.46  # of the logarithm of the size relative to the picture; mostly a harmonic mean of the two sizes
    shape: float = 0.05  # of the logarithm of the smaller perimeter over the length of the border
    color_word_gradients: tuple[float, ...] = (
        -0.19,
        1.11,
        -1.03,
        -0.30,
    )  # of √ of the mean of each gradient; also below
    texture_word_gradients: tuple[float, ...] = (0.93, -0.96, 0.64)
    joint_word_gradients: tuple[float, ...] = (3.66, 1.78)
    color_gradients: tuple[float, ...] = (3.67, -2.05)

    def __call__(self, a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return the probabilities, 0 to 1."""
        gradients = self.color_word_gradients + self.texture_word_gradients + self.joint_word_gradients
        gradients += self.color_gradients
        weights = [
            self.color_words,
            self.texture_words,
            self.mean,
            self.minimum,
            self.maximum,
            self.deviation,
            self.color,
        ]
        weights += [self.size, self.shape, *gradients]
        z = self.bias + self.compute_predictors(a, b, border, n_pixels) @ np.array(weights)
        return np.asarray(1 / (1 + np.exp(-z)))

    @staticmethod
    def compute_predictors(a: Regions, b: Regions, border: Borders, n_pixels: float) -> Floats:
        """Return the predictors, shape (n, 20), in the order of the fields that are their weights."""
        mean = border.total / border.length
        deviation = np.sqrt(np.maximum(border.squares / border.length - mean * mean, 0.0))
        distance = np.sqrt(((a.lab - b.lab) ** 2).sum(axis=-1))
        harmonic = a.n_pixels * b.n_pixels / (a.n_pixels + b.n_pixels)
        size = (0.03 * np.minimum(a.n_pixels, b.n_pixels) + 0.97 * harmonic) / n_pixels
        mean_gradients = border.gradients / border.length[:, None]
        return np.stack(
            [
                np.sqrt(chi_square(a.color_words, b.color_words)),
                np.sqrt(chi_square(a.texture_words, b.texture_words)),
                np.sqrt(mean),
                np.sqrt(border.minimum),
                np.sqrt(border.maximum),
                np.sqrt(deviation),
                1 - np.exp(-distance / 20),
                np.log(size),
                np.log(np.minimum(a.perimeter, b.perimeter) / border.length),
                *np.sqrt(np.maximum(mean_gradients, 0.0)).T,
            ],
            axis=-1,
        )


# ---- merging -------------------------------------------------------------------------------------------------------


def merge_regions(graph: RegionGraph, cost: Cost) -> Hierarchy:
    """Return the hierarchy that results from repeatedly merging the two neighbors with the lowest cost.

    The height of a merge is the largest cost so far. Ties go to the pair with the lowest numbers. Regions that do not
    touch, which is possible with a mask, are merged last.

    Parameters
    ----------
    graph : RegionGraph
    cost : Cost
        Symmetric in the two regions.
    """
    n_pixels = float(graph.regions.n_pixels.sum())
    ends = graph.ends
    regions = Regions(*(values.copy() for values in vars(graph.regions).values()))  # updated after each merge
    borders = Borders(*(values.copy() for values in vars(graph.borders).values()))
    means = regions.color_words, regions.texture_words, regions.lab

    def absorb(
        a: int, b: int, shared: int, parallel_edges: Iterable[tuple[int, int]], neighbors: Mapping[int, int]
    ) -> list[float]:
        total = regions.n_pixels[a] + regions.n_pixels[b]
        fraction = regions.n_pixels[b] / total
        for mean in means:
            mean[a] += fraction * (mean[b] - mean[a])
        regions.n_pixels[a] = total
        regions.perimeter[a] += regions.perimeter[b] - 2 * borders.length[shared]
        for kept, gone in parallel_edges:
            for sums in (borders.length, borders.total, borders.squares, borders.gradients):
                sums[kept] += sums[gone]
            borders.minimum[kept] = min(borders.minimum[kept], borders.minimum[gone])
            borders.maximum[kept] = max(borders.maximum[kept], borders.maximum[gone])
        if not neighbors:
            return []
        neighbor_indices = np.fromiter(neighbors, np.intp, len(neighbors))
        edges = np.fromiter(neighbors.values(), np.intp, len(neighbors))
        costs: list[float] = cost(regions[np.array([a])], regions[neighbor_indices], borders[edges], n_pixels).tolist()
        return costs

    costs = cost(regions[ends[:, 0]], regions[ends[:, 1]], borders, n_pixels).tolist()
    merges, merge_costs = agglomerate(ends, costs, absorb, len(regions.n_pixels) - 1)
    unmerged = np.setdiff1d(np.arange(1, len(regions.n_pixels)), [gone for _, gone in merges])
    merges += [(0, int(region)) for region in unmerged]
    heights = np.maximum.accumulate(np.array(merge_costs + [np.inf] * len(unmerged), dtype=np.float64))
    return Hierarchy(graph.superpixels, np.array(merges, dtype=np.intp).reshape(-1, 2), heights)
