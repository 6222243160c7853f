"""Samples made ready for many passes: about their mean, slightly blurred, in blocks of monomials that stay in cache.

Maximum likelihood is unbounded: a component may sit on one sample and shrink. Adding a constant to the covariances
after an M-step stops that, but then no objective is known that the iteration climbs. Here every sample x counts as one
that was measured with a Gaussian error ε of variances δ V, V the variances of the features and δ tiny; the objective is

    1/N Σ_n log Σ_k π_k exp E_ε[log N(x_n + ε | μ_k, Σ_k)]    (nats per sample).

E_ε[φ(x + ε)] is φ(x) with δ V_j added to x_j², so that E-step and M-step stay as they are, the objective never falls,
and no covariance falls below δ V. As E_ε[log N] = log N − ½ δ tr(V Σ_k⁻¹), this is a prior exp(−½ δ N_k tr(V Σ_k⁻¹)) on
each covariance, an inverse Wishart without its determinant that weighs as much as the samples of the component. δ has
no unit: scaling or shifting the features, or counting every sample twice, changes no segment. And where the samples
fill fewer than D dimensions, all components have the same floor in the others, so that these do not count.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.lazy_samples import Centred, Columns, LazySamples, iterate_slices, mean_of, ranges_of
from segmenter.mixture.model import block_size, monomials, n_monomials, square_index

KEPT_MONOMIALS = 1_000_000
"""Monomials are kept between iterations up to this many numbers (8 MB); beyond, each pass computes them again."""

BINNED_AT_ONCE = 65_536
"""Samples that are put into cells at once, so that what this takes on the way does not grow with the samples."""

LEAST_SPREAD, MOST_SPREAD = 1e-100, 1e105
"""Spreads of a feature whose squares, and products of these, are well within the range of float64."""

MANY_SAMPLES = 1000
"""With fewer samples every start runs on all of them."""

MAX_GRID_FEATURES = 3
"""Up to so many features, starts are compared on the cells of a grid, beyond on samples drawn at random."""

SCREENING_BINS = 32
"""Cells an axis of the grid."""

DRAWN_SAMPLES, DRAWN_SAMPLES_EACH = 4000, 500
"""How many samples are drawn, at least and for each component."""

SCREENING_GAIN = 4
"""Starts are screened only where this takes fewer samples by this factor."""


@dataclass(frozen=True, eq=False)
class MissingnessGroup:
    """Samples of which the same features were observed."""

    observed: NDArray[np.intp]  # (O,), ascending
    rows: NDArray[np.intp] | None  # (n,), which samples they are; None = all, in order
    centred: Columns  # (O, n), observed features minus the origin
    weights: Floats  # (n,)
    covariance_floor: Floats  # (O,), δ V of the observed features
    kept: tuple[Floats, ...]  # the monomials (P_o, block) of every block, or empty

    @functools.cached_property
    def total(self) -> Floats:
        """The weighted sum of the monomials, shape (P_o,)."""
        return np.asarray(sum(phi @ weights for _, phi, weights in self.blocks()))

    def blocks(self) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield the place of each block in the part, its monomials (P_o, block) and weights; valid until the next."""
        size = block_size(len(self.centred))
        buffer = np.empty(0 if self.kept else n_monomials(len(self.centred)) * min(size, len(self.weights)))
        for i, first in enumerate(range(0, len(self.weights), size)):
            place = slice(first, first + size)
            if self.kept:
                phi = self.kept[i]
            else:
                centred = self.centred[:, place]
                shape = n_monomials(len(centred)), centred.shape[1]
                phi = monomials(centred, self.covariance_floor, out=buffer[: shape[0] * shape[1]].reshape(shape))
            yield place, phi, self.weights[place]


@dataclass(frozen=True, eq=False)
class PreparedSamples:
    """Samples as the E-step takes them; most often one part, with missing values one for each pattern of them."""

    origin: Floats  # (D,), mean of the values that were observed
    variances: Floats  # (D,), V, of these values; see `scale_of`
    covariance: Floats  # (D, D), of all samples, blurred; diagonal where values are missing
    covariance_floor: float  # δ
    total_weight: float
    least_weight: float
    n_samples: int
    parts: tuple[MissingnessGroup, ...]

    @property
    def is_complete(self) -> bool:
        """Whether no value is missing."""
        return all(len(part.observed) == len(self.origin) for part in self.parts)


def prepare_samples(samples: Samples | LazySamples, covariance_floor: float) -> PreparedSamples:
    """Return samples as data; NaN marks a missing value, δ is the `blur`."""
    if isinstance(samples, LazySamples):
        return prepare_lazy_samples(samples, covariance_floor)
    values, weights = samples.values, samples.weights
    is_complete = not any(np.isnan(column).any() for column in values.T)
    if is_complete:
        origin = weights @ values / weights.sum()
    else:
        seen = ~np.isnan(values)
        mass = weights @ seen
        origin = weights @ np.where(seen, values, 0) / np.where(mass > 0, mass, 1)
    centred = np.empty((values.shape[1], len(values)))
    for row, column, center in zip(centred, values.T, origin, strict=True):
        np.subtract(column, center, out=row)
    variances = scale_of(centred, weights)
    covariance = scatter_of(centred, weights) / weights.sum() if is_complete else np.diag(variances)
    everything = np.arange(values.shape[1])
    if is_complete:
        parts: tuple[MissingnessGroup, ...] = (
            part_of(everything, None, centred, weights, covariance_floor * variances),
        )
    else:
        parts = tuple(
            part_of(
                everything[pattern],
                rows,
                centred[pattern][:, rows],
                weights[rows],
                covariance_floor * variances[pattern],
            )
            for pattern, rows in patterns(seen)
        )
    return prepare_groups(np.asarray(origin), variances, covariance, covariance_floor, weights, parts)


def prepare_lazy_samples(samples: LazySamples, covariance_floor: float) -> PreparedSamples:
    """Return samples as data of one part, whose values are never all there."""
    weights, size = samples.weights, block_size(samples.rows.shape[1])
    centred = Centred(samples.rows, mean_of(samples, size))
    covariance = scatter_of(centred, weights) / weights.sum()
    low, high = ranges_of(centred, len(weights), size)
    variances = with_scales(covariance.diagonal().copy(), high > low)
    part = part_of(np.arange(len(centred)), None, centred, weights, covariance_floor * variances)
    return prepare_groups(centred.origin, variances, covariance, covariance_floor, weights, (part,))


def prepare_groups(
    origin: Floats,
    variances: Floats,
    covariance: Floats,
    covariance_floor: float,
    weights: Floats,
    parts: tuple[MissingnessGroup, ...],
) -> PreparedSamples:
    """Return data of parts, from the covariance (D, D) of the samples as they are and the weights (N,) of all."""
    return PreparedSamples(
        origin=origin,
        variances=variances,
        covariance=covariance + np.diag(covariance_floor * variances),
        covariance_floor=covariance_floor,
        total_weight=float(weights.sum()),
        least_weight=float(weights.min()),
        n_samples=len(weights),
        parts=parts,
    )


def patterns(seen: Bools) -> Iterator[tuple[Bools, NDArray[np.intp]]]:
    """Yield each pattern of observed features, (D,), with the samples that have it, from a mask (N, D)."""
    distinct, pattern_of = np.unique(seen, axis=0, return_inverse=True)
    for i, pattern in enumerate(distinct):
        yield pattern, np.flatnonzero(pattern_of == i)


def part_of(
    observed: NDArray[np.intp],
    rows: NDArray[np.intp] | None,
    centred: Columns,
    weights: Floats,
    covariance_floor: Floats,
) -> MissingnessGroup:
    """Return a part whose monomials are kept if they are few."""
    n_features, n_samples = len(centred), len(weights)
    size = block_size(n_features)
    keep = n_samples * n_monomials(n_features) <= KEPT_MONOMIALS
    kept = (
        tuple(monomials(centred[:, i : i + size], covariance_floor) for i in range(0, n_samples, size)) if keep else ()
    )
    return MissingnessGroup(observed, rows, centred, weights, covariance_floor, kept)


def scatter_of(centred: Columns, weights: Floats) -> Floats:
    """Return the weighted sum of x xᵀ over samples (D, N), shape (D, D), without a copy of the samples."""
    blocks = ((centred[:, place], weights[place]) for place in iterate_slices(len(weights), block_size(len(centred))))
    return np.asarray(sum(block * mass @ block.T for block, mass in blocks))


def scale_of(centred: Floats, weights: Floats) -> Floats:
    """Return the variance of each feature, shape (D,), always positive.

    A constant feature tells no scale of its own: it takes the mean variance of the others, or 1 where all are constant.

    Parameters
    ----------
    centred : ndarray of shape (D, N)
        Features minus their means; NaN where missing.
    weights : ndarray of shape (N,)

    Raises
    ------
    InvalidArgumentError
        A feature spreads over so little or so much that its variance is out of the range of float64.
    """
    variances, varies = np.ones(len(centred)), np.zeros(len(centred), dtype=np.bool_)
    for d, row in enumerate(centred):
        seen = slice(None) if not np.isnan(row).any() else ~np.isnan(row)
        values, mass = row[seen], weights[seen]
        spread = float(np.ptp(values)) if len(values) else 0.0
        if spread > 0:
            if not LEAST_SPREAD <= spread <= MOST_SPREAD:
                problem = f"of feature {d} (from 0) spread over {spread:.3g}, whose square is out of range"
                raise InvalidArgumentError("values", f"{problem}; multiply them by a power of ten")
            variances[d] = float(np.vdot(values * values, mass)) / float(mass.sum())
            varies[d] = variances[d] > 0
    return with_scales(variances, varies)


def with_scales(variances: Floats, varies: Bools) -> Floats:
    """Return variances (D,), with the mean of the others, or 1, for features that do not vary."""
    others = variances[varies].mean() if varies.any() else 1.0
    return np.where(varies, variances, others)


# ---- fewer samples that stand for all ------------------------------------------------------------------------------


def points_of(data: PreparedSamples) -> tuple[Floats, Floats]:
    """Return all samples about the origin, (D, N), missing values at the mean, and their weights, (N,)."""
    if data.is_complete:
        (part,) = data.parts
        return part.centred[:, :], part.weights
    points, weights = np.zeros((len(data.origin), data.n_samples)), np.empty(data.n_samples)
    for part in data.parts:
        assert part.rows is not None  # only complete data has a part of all rows
        points[np.ix_(part.observed, part.rows)] = part.centred[:, :]
        weights[part.rows] = part.weights
    return points, weights


def dither(data: PreparedSamples, variances: Floats) -> PreparedSamples:
    """Return samples as if a Gaussian error of these variances, (D,), had been added to each, on top of the blur.

    No error is drawn: its mean effect on φ is a constant added to the squares x_j².
    """
    parts = []
    for part in data.parts:
        errors = variances[part.observed]
        shift = np.zeros((n_monomials(len(errors)), 1))
        shift[square_index(len(errors)).diagonal(), 0] = errors
        parts.append(
            replace(part, covariance_floor=part.covariance_floor + errors, kept=tuple(phi + shift for phi in part.kept))
        )
    return replace(
        data,
        variances=data.variances + variances,
        covariance=data.covariance + np.diag(variances),
        parts=tuple(parts),
    )
