"""Small stand-ins for the samples, on which starts are compared before the full fit."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import (
    BINNED_AT_ONCE,
    DRAWN_SAMPLES,
    DRAWN_SAMPLES_EACH,
    MANY_SAMPLES,
    MAX_GRID_FEATURES,
    SCREENING_BINS,
    SCREENING_GAIN,
    PreparedSamples,
    part_of,
)
from segmenter.mixture.lazy_samples import iterate_slices, ranges_of
from segmenter.mixture.model import block_size, n_monomials, pairs, square_index


def screening_subset(data: PreparedSamples, config: FitConfig) -> PreparedSamples | None:
    """Return fewer samples to compare starts on, or None where they would save nothing or hide a component."""
    if not data.is_complete or data.n_samples < MANY_SAMPLES:
        return None
    if len(data.origin) <= MAX_GRID_FEATURES and not config.noise:  # outliers make a grid coarse
        few = bin_samples(data, SCREENING_BINS)
    else:
        n_drawn = max(DRAWN_SAMPLES, DRAWN_SAMPLES_EACH * config.n_components)
        few = drawn(data, n_drawn, np.random.default_rng(config.seed)) if n_drawn < data.n_samples else data
    is_worth_it = SCREENING_GAIN * few.n_samples <= data.n_samples and 4 * config.n_components <= few.n_samples
    return few if is_worth_it else None


def bin_samples(data: PreparedSamples, n_bins: int) -> PreparedSamples:
    """Return the means of φ over the cells of a grid, weighted by what is in them.

    The cells keep the second moments within them, so an M-step on cells is exact; in an E-step the samples of a cell
    share their responsibilities. The objective on cells is a lower bound of that on samples, since log Σ exp is convex.

    Parameters
    ----------
    data : PreparedSamples
        Complete, and of few features: the grid has ``n_bins ** D`` cells.
    n_bins : int
        Cells an axis of the grid, across the range of the feature.
    """
    (part,) = data.parts
    centred = part.centred
    lowest, highest = ranges_of(centred, data.n_samples, BINNED_AT_ONCE)
    steps = np.maximum(highest - lowest, np.finfo(np.float64).tiny) / n_bins
    n_cells = n_bins ** len(lowest)
    cells = np.empty(len(part.weights), dtype=np.min_scalar_type(n_cells - 1))
    for place in iterate_slices(len(cells), BINNED_AT_ONCE):
        index = np.zeros(len(cells[place]), dtype=np.intp)
        for row, low, step in zip(centred[:, place], lowest, steps, strict=True):
            index *= n_bins
            index += np.minimum((row - low) / step, n_bins - 1).astype(np.intp)
        cells[place] = index
    is_occupied = np.zeros(n_cells, dtype=np.bool_)
    is_occupied[cells] = True
    rank = np.cumsum(is_occupied) - 1  # tables of occupied cells alone stay in cache
    sums = np.zeros((n_monomials(len(centred)), int(rank[-1]) + 1))
    rows, columns = pairs(len(centred))
    for place in iterate_slices(len(cells), BINNED_AT_ONCE):
        block, weights, ranks = centred[:, place], part.weights[place], rank[cells[place]]
        sums[0] += np.bincount(ranks, weights, sums.shape[1])
        quadratic = (block[i] * block[j] for i, j in zip(rows, columns, strict=True))
        for total, monomial in zip(sums[1:], itertools.chain(block, quadratic), strict=True):
            total += np.bincount(ranks, monomial * weights, len(total))
    weights, means = sums[0], sums / sums[0]
    means[square_index(len(centred)).diagonal()] += part.covariance_floor[:, None]
    size = block_size(len(centred))
    kept = tuple(np.ascontiguousarray(means[:, i : i + size]) for i in range(0, len(weights), size))
    representative = np.ascontiguousarray(means[1 : 1 + len(centred)])
    cell_part = replace(part, centred=representative, weights=weights, kept=kept)
    return replace(data, n_samples=len(weights), parts=(cell_part,))


def drawn(data: PreparedSamples, n_samples: int, generator: np.random.Generator) -> PreparedSamples:
    """Return some of the samples, drawn without replacement; complete data only."""
    (part,) = data.parts
    chosen = np.sort(generator.choice(data.n_samples, n_samples, replace=False))
    weights = part.weights[chosen]
    return replace(
        data,
        total_weight=float(weights.sum()),
        least_weight=float(weights.min()),
        n_samples=n_samples,
        parts=(
            part_of(part.observed, None, np.ascontiguousarray(part.centred[:, chosen]), weights, part.covariance_floor),
        ),
    )
