"""A small set of cells or samples that represents all samples, on which starts are compared before the full fit."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import PreparedSamples, build_group
from segmenter.mixture.lazy_samples import compute_ranges, iterate_slices
from segmenter.mixture.monomials import block_size, n_monomials, pairs, square_index

MIN_SAMPLES_TO_SCREEN = 1000
"""With fewer samples, every start runs on all of them."""

MAX_GRID_FEATURES = 3
"""Up to this many features, starts are compared on the cells of a grid; with more, on samples drawn at random."""

SCREENING_BINS = 32
"""Cells of the grid along each axis."""

MIN_DRAWN_SAMPLES, DRAWN_SAMPLES_PER_COMPONENT = 4000, 500
"""The number of samples drawn is the larger of the first, and the second times K."""

SCREENING_GAIN = 4
"""Starts are screened only if that takes fewer samples by at least this factor."""

BINNING_BLOCK = 65_536
"""Samples that are assigned to cells at once, so that the memory for it does not grow with the samples."""


def build_screening_subset(data: PreparedSamples, config: FitConfig) -> PreparedSamples | None:
    """Return a small set to compare starts on, or None where it would save nothing or could hide a component."""
    has_outliers = data.floor_growth is not None  # which a small set would miss
    if has_outliers or not data.is_complete or data.n_samples < MIN_SAMPLES_TO_SCREEN:
        return None
    if len(data.origin) <= MAX_GRID_FEATURES and not config.noise:  # outliers would make the cells too large
        subset = bin_samples(data, SCREENING_BINS)
    else:
        n_drawn = max(MIN_DRAWN_SAMPLES, DRAWN_SAMPLES_PER_COMPONENT * config.n_components)
        is_fewer = n_drawn < data.n_samples
        subset = draw_samples(data, n_drawn, np.random.default_rng(config.seed)) if is_fewer else data
    is_worth_it = SCREENING_GAIN * subset.n_samples <= data.n_samples and 4 * config.n_components <= subset.n_samples
    return subset if is_worth_it else None


def bin_samples(data: PreparedSamples, n_bins: int) -> PreparedSamples:
    """Return the means of the monomials φ over the cells of a grid, each weighted by the samples in its cell.

    The cells keep the second moments of their samples, so an M-step on cells is exact. In an E-step, the samples of a
    cell share their responsibilities. The objective on cells is a lower bound of that on samples, because log Σ exp is
    convex.

    Parameters
    ----------
    data : PreparedSamples
        Complete and with few features: the grid has ``n_bins ** D`` cells.
    n_bins : int
        Cells along each axis, across the range of the feature.
    """
    (group,) = data.groups
    centred = group.centred
    minima, maxima = compute_ranges(centred, data.n_samples, BINNING_BLOCK)
    steps = np.maximum(maxima - minima, np.finfo(np.float64).tiny) / n_bins
    n_cells = n_bins ** len(minima)
    cells = np.empty(len(group.weights), dtype=np.min_scalar_type(n_cells - 1))
    for block in iterate_slices(len(cells), BINNING_BLOCK):
        index = np.zeros(len(cells[block]), dtype=np.intp)
        for row, minimum, step in zip(centred[:, block], minima, steps, strict=True):
            index *= n_bins
            index += np.minimum((row - minimum) / step, n_bins - 1).astype(np.intp)
        cells[block] = index
    is_occupied = np.zeros(n_cells, dtype=np.bool_)
    is_occupied[cells] = True
    rank = np.cumsum(is_occupied) - 1  # tables of the occupied cells alone fit in the cache
    sums = np.zeros((n_monomials(len(centred)), int(rank[-1]) + 1))
    rows, columns = pairs(len(centred))
    for block in iterate_slices(len(cells), BINNING_BLOCK):
        values, weights, ranks = centred[:, block], group.weights[block], rank[cells[block]]
        sums[0] += np.bincount(ranks, weights, sums.shape[1])
        quadratic = (values[i] * values[j] for i, j in zip(rows, columns, strict=True))
        for total, monomial in zip(sums[1:], itertools.chain(values, quadratic), strict=True):
            total += np.bincount(ranks, monomial * weights, len(total))
    weights, means = sums[0], sums / sums[0]
    means[square_index(len(centred)).diagonal()] += group.floor_variances[:, None]
    size = block_size(len(centred))
    cached = tuple(np.ascontiguousarray(means[:, block]) for block in iterate_slices(len(weights), size))
    cell_means = np.ascontiguousarray(means[1 : 1 + len(centred)])
    cell_group = replace(group, centred=cell_means, weights=weights, cached_monomials=cached)
    return replace(data, n_samples=len(weights), groups=(cell_group,))


def draw_samples(data: PreparedSamples, n_samples: int, generator: np.random.Generator) -> PreparedSamples:
    """Return some of the samples of complete data, drawn without replacement."""
    (group,) = data.groups
    chosen = np.sort(generator.choice(data.n_samples, n_samples, replace=False))
    centred, weights = np.ascontiguousarray(group.centred[:, chosen]), group.weights[chosen]
    variances, growth = group.floor_variances, group.floor_growth
    return replace(
        data,
        total_weight=float(weights.sum()),
        min_weight=float(weights.min()),
        n_samples=n_samples,
        groups=(build_group(group.observed, None, centred, weights, variances, growth, group.terms),),
    )
