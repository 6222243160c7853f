"""The bulk of samples with far outliers: its mean and its scale, which the outliers must not set.

The covariance floor, the units of starts and the origin of sums of squares come from the mean and the variances of the
samples. A single value a million times farther out than all others takes both over: the floor then exceeds the spread
of the others, and their squares cancel. So each feature is searched for a *bulk*, an interval narrower than
`MAX_BULK_WIDTH` standard deviations that holds all values but a share of `MAX_OUTLIER_SHARE`. If there is one, mean and
variance are taken within it; the search goes on there, for outliers of very different sizes. Pictures have no such
outliers: there, nothing changes. Where the bulk is a little wider, the floor, at 1e-9 of the variance of all values, is
still below a thousandth of that of the bulk.

All samples take part in the fit, outliers as well. But float64 does not hold a spread like that of the bulk beside the
coordinates of an outlier, so where there are outliers, the measurement error that the covariance floor stands for grows
with the value, see `segmenter.mixture.data`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.lazy_samples import Rows, iterate_slices

MAX_OUTLIER_SHARE = 0.05
"""Share of the weight of the samples that may be outliers of a feature."""

MAX_BULK_WIDTH = 1 / 50
"""Width of a bulk, in standard deviations of all values."""

MAX_VARIANCE_RATIO = 1e5
"""A feature that is constant but for outliers has no scale if its variance is this many times that of the others."""

MAX_SPREAD_RATIO = 1e140
"""Standard deviation of all values in those of the bulk; its square, divided by a covariance floor, is in range."""

N_CELLS = round(8 / MAX_BULK_WIDTH)
"""Cells, half as wide as a bulk, over two standard deviations to either side; no bulk is farther from the mean."""

SCAN_BLOCK = 65_536
"""Samples that are read at once."""


@dataclass(frozen=True, eq=False)
class FeatureMoments:
    """Weight, mean and variance of the observed values of each feature."""

    mass: Floats  # (D,)
    mean: Floats  # (D,)
    variances: Floats  # (D,), positive where the feature varies
    varies: Bools  # (D,), whether the feature has a scale: False where it is constant


@dataclass(frozen=True, eq=False)
class Bulk:
    """The bulk of each feature; where there are no outliers, all of its values."""

    has_outliers: Bools  # (D,)
    moments: FeatureMoments  # of the bulk; a feature that is constant but for outliers may count as constant
    covariance: Floats  # (D, D), of the samples with outliers, and missing values, at the mean of the bulk


@dataclass(frozen=True)
class Interval:
    """The bulk of one feature."""

    low: float
    high: float
    mean: float
    variance: float  # 0 = constant


def find_bulk(rows: Floats | Rows, weights: Floats, whole: FeatureMoments) -> Bulk | None:
    """Return the bulk of samples, or None if they have no far outliers.

    Parameters
    ----------
    rows : array of shape (N, D)
    weights : ndarray of shape (N,), positive
    whole : FeatureMoments
        Of all observed values.

    Raises
    ------
    InvalidArgumentError
        The outliers of a feature are so far that float64 does not hold their squares beside those of the bulk.
    """
    deviations = np.sqrt(np.where(whole.varies, whole.variances, 1.0))
    _, mass = _find_densest_cells(rows, weights, whole.mean, deviations)
    intervals: dict[int, Interval] = {}
    constant: dict[int, Interval] = {}
    may_have_outliers = whole.varies & (mass >= (1 - MAX_OUTLIER_SHARE) * whole.mass)
    for d in map(int, np.flatnonzero(may_have_outliers)):
        column = np.concatenate([rows[block][:, d] for block in iterate_slices(len(weights), SCAN_BLOCK)])
        for interval in _narrow(column, weights, float(whole.mean[d]), float(deviations[d])):
            (intervals if interval.variance > 0 else constant)[d] = interval
    scales, has_scale = whole.variances.copy(), whole.varies.copy()
    for d, interval in intervals.items():
        scales[d] = interval.variance
    has_scale[list(constant)] = False
    if has_scale.any():
        limit = MAX_VARIANCE_RATIO * float(scales[has_scale].mean())
        intervals |= {d: interval for d, interval in constant.items() if scales[d] > limit}
    if not intervals:
        return None
    for d, interval in intervals.items():
        if interval.variance > 0 and deviations[d] > MAX_SPREAD_RATIO * np.sqrt(interval.variance):
            problem = (
                f"of feature {d} (from 0) have outliers too far from the rest for float64; leave these samples out"
            )
            raise InvalidArgumentError("values", problem)
    return _summarize(rows, weights, whole, intervals)


def _narrow(values: Floats, weights: Floats, mean: float, deviation: float) -> Iterator[Interval]:
    """Yield the bulk of the values of one feature, (N,), the bulk of that, and so on; the last may be constant."""
    values, weights = values[~np.isnan(values)], weights[~np.isnan(values)]
    min_mass = (1 - MAX_OUTLIER_SHARE) * float(weights.sum())
    while True:
        center, scale = np.array([mean]), np.array([deviation])
        first, mass = _find_densest_cells(values[:, None], weights, center, scale)
        if mass[0] < min_mass:
            return
        cell = _assign_cells(values, mean, deviation)
        is_inside = (cell == first[0]) | (cell == first[0] + 1)
        values, weights = values[is_inside], weights[is_inside]
        low, high = float(values.min()), float(values.max())
        mean = float(weights @ values / weights.sum()) if low < high else low
        variance = float(weights @ np.square(values - mean) / weights.sum()) if low < high else 0.0
        yield Interval(low, high, mean, variance)
        if variance == 0:
            return
        deviation = float(np.sqrt(variance))


def _find_densest_cells(
    rows: Floats | Rows, weights: Floats, mean: Floats, deviations: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """Return the first of the two neighboring cells that weigh most, and their weight, (D,) each."""
    mass = np.zeros((len(mean), N_CELLS + 2))
    for block in iterate_slices(len(weights), SCAN_BLOCK):
        for d, column in enumerate(rows[block].T):
            cell = _assign_cells(column, float(mean[d]), float(deviations[d]))
            mass[d] += np.bincount(cell, weights[block], mass.shape[1])
    within = mass[:, 1:-2] + mass[:, 2:-1]
    first = within.argmax(axis=1)
    return first + 1, within.max(axis=1)


def _assign_cells(values: Floats, mean: float, deviation: float) -> NDArray[np.int16]:
    """Return the cell of each value, 1…N_CELLS; the first and the last, 0 and N_CELLS + 1, hold all beyond, and NaN."""
    scaled = (values - mean) * (2 / (MAX_BULK_WIDTH * deviation)) + (N_CELLS // 2 + 1)
    return np.fmin(np.fmax(scaled, 0), N_CELLS + 1, out=scaled).astype(np.int16)


def _summarize(rows: Floats | Rows, weights: Floats, whole: FeatureMoments, intervals: dict[int, Interval]) -> Bulk:
    """Return the bulk from the intervals of the features with outliers, by their indices."""
    low, high = np.full(len(whole.mean), -np.inf), np.full(len(whole.mean), np.inf)
    mean, variances, varies = whole.mean.copy(), whole.variances.copy(), whole.varies.copy()
    for d, interval in intervals.items():
        low[d], high[d], mean[d], variances[d] = interval.low, interval.high, interval.mean, interval.variance
        varies[d] = interval.variance > 0
    covariance = np.zeros((len(mean), len(mean)))
    for block in iterate_slices(len(weights), SCAN_BLOCK):
        values = rows[block]
        deviations = np.where((values >= low) & (values <= high), values - mean, 0)
        covariance += (deviations.T * weights[block]) @ deviations
    moments = FeatureMoments(whole.mass, mean, variances, varies)
    return Bulk(np.isfinite(low), moments, covariance / weights.sum())
