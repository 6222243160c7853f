"""Samples prepared for the many passes of EM: centred, grouped by missing values, cut into blocks of monomials.

*Centred*: the mean of the samples is subtracted, so that sums of squares do not cancel. *Grouped*: samples with the
same features observed form one group (`MissingnessGroup`); without missing values there is a single group. *In blocks*:
the E-step reads each group in blocks that fit in the second-level cache, as the monomials φ of
`segmenter.mixture.monomials`, with the terms that mixtures of one family need.

The covariance floor
--------------------
The likelihood of a mixture is unbounded: a component may sit on a single sample and shrink. Adding a constant to the
covariances after each M-step prevents that, but then no objective is known that EM climbs. Instead, every sample x
counts as if it had been measured with a Gaussian error ε of variances δ V, where V are the variances of the features
and δ, the *covariance floor*, is tiny. In other words, the samples are blurred. The objective becomes

    1/N Σ_n log Σ_k π_k exp E_ε[log N(x_n + ε | μ_k, Σ_k)]    (nats per sample).

E_ε[φ(x + ε)] is φ(x) with δ V_j (the *floor variances*) added to x_j². So the E-step and the M-step stay the same, the
objective never falls, and no variance falls below δ V. Since E_ε[log N] = log N − ½ δ tr(V Σ_k⁻¹), this amounts to a
prior exp(−½ δ N_k tr(V Σ_k⁻¹)) on each covariance: an inverse Wishart prior without its determinant, which weighs as
much as the samples of the component. δ has no unit, so the segments do not change if the features are scaled or
shifted, or if every sample is counted twice. And where the samples span fewer than D dimensions, all components have
the same floor in the remaining ones, so that these do not matter.

If a few values are so far out that V would be their doing, V and the origin are those of the other values, the *bulk*
(`segmenter.mixture.bulk`). A value x relative to the origin is then known to a variance of δ (V + x²): the squares in φ
become (1 + δ) x² + δ V. Errors may differ from sample to sample, so the objective never falls either. If all components
share one covariance, the error of an outlier counts for all of them; it then grows no more than rounding demands.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.bulk import Bulk, FeatureMoments, find_bulk
from segmenter.mixture.config import FitConfig
from segmenter.mixture.lazy_samples import (
    Centred,
    Columns,
    LazySamples,
    compute_mean,
    compute_ranges,
    iterate_slices,
)
from segmenter.mixture.model import ROUNDING
from segmenter.mixture.monomials import Terms, block_size, choose_terms, monomials, n_monomials

MAX_CACHED_MONOMIALS = 1_000_000
"""Monomials are kept between passes up to this many numbers (8 MB); beyond that, each pass computes them again."""

MAX_MAGNITUDE = 1e290
"""Beyond this, sums of values and differences between them may be infinite."""

MIN_SPREAD, MAX_SPREAD = 1e-100, 1e105
"""Ranges of a feature whose squares, and the products of these, are well within the range of float64."""


@dataclass(frozen=True, eq=False)
class MissingnessGroup:
    """The samples that have the same features observed."""

    observed: NDArray[np.intp]  # (O,), indices of the observed features, ascending
    rows: NDArray[np.intp] | None  # (n,), indices of the samples among all N; None = all of them, in order
    centred: Columns  # (O, n), observed features minus the origin
    weights: Floats  # (n,), positive
    floor_variances: Floats  # (O,), δ V of the observed features, added to their squares in the monomials
    cached_monomials: tuple[Floats, ...]  # (P_o, block) for every block; empty = computed in each pass
    floor_growth: Floats | None = None  # (O,), by which share of itself a square grows: δ with outliers; None = nowhere
    terms: Terms = "pairs"  # of degree two in the monomials

    @functools.cached_property
    def second(self) -> Floats:
        """The second moments of the samples, the weighted sum of x xᵀ with the floor variances, shape (O, O)."""
        scatter = compute_scatter(self.centred, self.weights, block_size(len(self.centred), self.terms))
        return np.asarray(scatter + np.diag(self.floor_variances) * self.weights.sum())

    @functools.cached_property
    def monomial_sums(self) -> Floats:
        """The weighted sum of the monomials over the samples, shape (P_o,)."""
        return np.asarray(sum(phi @ weights for _, phi, weights in self.blocks()))

    def blocks(self) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield the slice of each block of samples within the group, its monomials (P_o, block) and its weights.

        The monomials are valid until the next block: their memory is reused.
        """
        n_features, is_cached = len(self.centred), bool(self.cached_monomials)
        n_rows, size = n_monomials(n_features, self.terms), block_size(n_features, self.terms)
        buffer = np.empty(0 if is_cached else n_rows * min(size, len(self.weights)))
        for i, block in enumerate(iterate_slices(len(self.weights), size)):
            if is_cached:
                phi = self.cached_monomials[i]
            else:
                centred = self.centred[:, block]
                out = buffer[: n_rows * centred.shape[1]].reshape(n_rows, -1)
                phi = monomials(centred, self.floor_variances, self.floor_growth, terms=self.terms, out=out)
            yield block, phi, self.weights[block]


@dataclass(frozen=True, eq=False)
class PreparedSamples:
    """Samples as the E-step reads them: a single group, or with missing values one for each pattern of these."""

    origin: Floats  # (D,), mean of the observed values, or of their bulk
    variances: Floats  # (D,), V, variances of the observed values, or of their bulk, positive
    covariance: Floats  # (D, D), of all samples, floor variances included; diagonal if values are missing, or see terms
    bulk_covariance: Floats  # (D, D), the same for the bulk
    covariance_floor: float  # δ
    floor_growth: Floats | None  # (D,), positive for features with far outliers, 0 for others; None = no outliers
    total_weight: float  # sum of the weights of all samples
    min_weight: float  # of the lightest sample
    n_samples: int  # N
    groups: tuple[MissingnessGroup, ...]

    @property
    def terms(self) -> Terms:
        """The terms of degree two in the monomials; with "squares" and "norm", the covariances are diagonal."""
        return self.groups[0].terms

    @property
    def is_complete(self) -> bool:
        """Whether no value is missing."""
        return all(len(group.observed) == len(self.origin) for group in self.groups)


@dataclass(frozen=True, eq=False)
class Scale:
    """What the samples are measured by: the covariance floor, an origin and units."""

    covariance_floor: float  # δ
    origin: Floats  # (D,)
    variances: Floats  # (D,), V, positive
    floor_growth: Floats | None  # (D,), see `PreparedSamples`

    @property
    def floor_variances(self) -> Floats:
        """δ V, shape (D,)."""
        return self.covariance_floor * self.variances


def build_scale(whole: FeatureMoments, bulk: Bulk | None, covariance_floor: float, is_shared: bool) -> Scale:
    """Return the scale of samples from the moments of their features, or of the bulk; see `prepare_samples`."""
    moments = whole if bulk is None else bulk.moments
    variances = fill_constant_features(moments.variances, moments.varies)
    share = ROUNDING if is_shared else covariance_floor
    growth = None if bulk is None else np.where(bulk.has_outliers, share, 0.0)
    return Scale(covariance_floor, moments.mean, variances, growth)


def prepare_for_fit(samples: Samples | LazySamples, config: FitConfig) -> PreparedSamples:
    """Return samples prepared for EM of a configuration, see `prepare_samples`."""
    if isinstance(samples, Samples) and (np.abs(samples.values) > MAX_MAGNITUDE).any():
        raise InvalidArgumentError("values", f"reach beyond {MAX_MAGNITUDE:g}; multiply them by a power of ten")
    n_features = (samples.values if isinstance(samples, Samples) else samples.rows).shape[1]
    data = prepare_samples(
        samples,
        config.covariance_floor,
        terms=choose_terms(config.family, n_features, has_noise=config.noise or config.threshold > 0),
        robust_scale=config.robust_scale,
        is_shared=config.is_shared,
    )
    return dither(data, np.full(n_features, config.error_variance)) if config.error_variance else data


def prepare_samples(
    samples: Samples | LazySamples,
    covariance_floor: float,
    *,
    terms: Terms = "pairs",
    robust_scale: bool = True,
    is_shared: bool = False,
) -> PreparedSamples:
    """Return samples prepared for EM; NaN marks missing values, the covariance floor is δ.

    The terms are those of degree two in the monomials; with missing values or far outliers, they are all pairs.

    With a robust scale, far outliers affect neither origin nor variances, see `segmenter.mixture.bulk`. What the floor
    is like for them depends on whether all components share one covariance.

    Raises
    ------
    InvalidArgumentError
        The range of a feature is out of the range of float64, see `measure_features` and `find_bulk`.
    """
    if isinstance(samples, LazySamples):
        return prepare_lazy_samples(samples, covariance_floor, terms, robust_scale, is_shared)
    if np.isnan(samples.values.min()):
        return prepare_incomplete_samples(samples, covariance_floor, robust_scale, is_shared)
    values, weights = samples.values, samples.weights
    origin = weights @ values / weights.sum()
    centred = subtract_origin(values, origin)
    if terms == "pairs":
        whole = measure_features(centred, weights, origin)
    else:
        whole = measure_many_features(centred, weights, origin)
        robust_scale = robust_scale and may_have_outliers(centred, weights, whole)
    bulk = find_bulk(values, weights, whole) if robust_scale else None
    if bulk is not None:
        terms = "pairs"
    if terms in ("squares", "norm"):
        covariance = np.diag(np.where(whole.varies, whole.variances, 0))
    else:
        covariance = compute_scatter(centred, weights, block_size(len(centred), terms)) / weights.sum()
    scale = build_scale(whole, bulk, covariance_floor, is_shared)
    bulk_covariance = covariance
    if bulk is not None:
        centred, bulk_covariance = subtract_origin(values, scale.origin), bulk.covariance
        covariance = add_floor_growth(covariance, whole, scale)
    indices = np.arange(len(origin))
    group = build_group(indices, None, centred, weights, scale.floor_variances, scale.floor_growth, terms)
    return assemble(scale, covariance, bulk_covariance, weights, (group,))


def prepare_incomplete_samples(
    samples: Samples, covariance_floor: float, robust_scale: bool, is_shared: bool
) -> PreparedSamples:
    """Return samples with missing values prepared for EM, a group for each pattern of them."""
    values, weights = samples.values, samples.weights
    is_observed = ~np.isnan(values)
    mass = weights @ is_observed
    origin = weights @ np.where(is_observed, values, 0) / np.where(mass > 0, mass, 1)
    whole = measure_features(subtract_origin(values, origin), weights, origin)
    bulk = find_bulk(values, weights, whole) if robust_scale else None
    scale = build_scale(whole, bulk, covariance_floor, is_shared)
    centred = subtract_origin(values, scale.origin)
    groups = tuple(
        build_group(
            np.flatnonzero(pattern),
            rows,
            centred[pattern][:, rows],
            weights[rows],
            scale.floor_variances[pattern],
            None if scale.floor_growth is None else scale.floor_growth[pattern],
        )
        for pattern, rows in iterate_patterns(is_observed)
    )
    covariance = add_floor_growth(np.diag(fill_constant_features(whole.variances, whole.varies)), whole, scale)
    return assemble(scale, covariance, np.diag(scale.variances), weights, groups)


def prepare_lazy_samples(
    samples: LazySamples, covariance_floor: float, terms: Terms, robust_scale: bool, is_shared: bool
) -> PreparedSamples:
    """Return lazy samples prepared for EM, as one group whose values are never all in memory."""
    weights, size = samples.weights, block_size(samples.rows.shape[1])
    centred = Centred(samples.rows, compute_mean(samples, size))
    covariance = compute_scatter(centred, weights) / weights.sum()
    minima, maxima = compute_ranges(centred, len(weights), size)
    mass = np.full(len(centred), weights.sum())
    whole = FeatureMoments(mass, centred.origin, covariance.diagonal().copy(), maxima > minima)
    bulk = find_bulk(samples.rows, weights, whole) if robust_scale else None
    scale = build_scale(whole, bulk, covariance_floor, is_shared)
    bulk_covariance = covariance
    if bulk is not None:
        terms = "pairs"
        centred, bulk_covariance = Centred(samples.rows, scale.origin), bulk.covariance
        covariance = add_floor_growth(covariance, whole, scale)
    indices = np.arange(len(centred))
    group = build_group(indices, None, centred, weights, scale.floor_variances, scale.floor_growth, terms)
    return assemble(scale, covariance, bulk_covariance, weights, (group,))


def add_floor_growth(covariance: Floats, whole: FeatureMoments, scale: Scale) -> Floats:
    """Return the covariance (D, D) of all samples plus what far outliers add to the covariance floor, δ E[x²]."""
    if scale.floor_growth is None:
        return covariance
    return covariance + np.diag(scale.floor_growth * (covariance.diagonal() + np.square(whole.mean - scale.origin)))


def assemble(
    scale: Scale, covariance: Floats, bulk_covariance: Floats, weights: Floats, groups: tuple[MissingnessGroup, ...]
) -> PreparedSamples:
    """Return prepared samples from their groups, their scale, weights (N,) and covariances, without the floor."""
    floor = np.diag(scale.floor_variances)
    return PreparedSamples(
        origin=np.asarray(scale.origin),
        variances=scale.variances,
        covariance=covariance + floor,
        bulk_covariance=bulk_covariance + floor,
        covariance_floor=scale.covariance_floor,
        floor_growth=scale.floor_growth,
        total_weight=float(weights.sum()),
        min_weight=float(weights.min()),
        n_samples=len(weights),
        groups=groups,
    )


def subtract_origin(values: Floats, origin: Floats) -> Floats:
    """Return samples (N, D) minus an origin (D,), transposed: (D, N), a contiguous row for each feature."""
    centred = np.empty((values.shape[1], len(values)))
    for block in iterate_slices(len(values), block_size(len(origin))):
        np.subtract(values[block].T, origin[:, None], out=centred[:, block])
    return centred


def iterate_patterns(is_observed: Bools) -> Iterator[tuple[Bools, NDArray[np.intp]]]:
    """Yield each distinct pattern of observed features, (D,), and the indices of its samples, from a mask (N, D)."""
    distinct, pattern_of = np.unique(is_observed, axis=0, return_inverse=True)
    for i, pattern in enumerate(distinct):
        yield pattern, np.flatnonzero(pattern_of == i)


def build_group(  # noqa: PLR0913  # the fields of a group
    observed: NDArray[np.intp],
    rows: NDArray[np.intp] | None,
    centred: Columns,
    weights: Floats,
    floor_variances: Floats,
    floor_growth: Floats | None = None,
    terms: Terms = "pairs",
) -> MissingnessGroup:
    """Return a group of samples whose monomials are cached if they are few; arguments as in `MissingnessGroup`."""
    n_features, n_samples = len(centred), len(weights)
    cached: tuple[Floats, ...] = ()
    if n_samples * n_monomials(n_features, terms) <= MAX_CACHED_MONOMIALS:
        blocks = iterate_slices(n_samples, block_size(n_features, terms))
        cached = tuple(monomials(centred[:, block], floor_variances, floor_growth, terms=terms) for block in blocks)
    return MissingnessGroup(observed, rows, centred, weights, floor_variances, cached, floor_growth, terms)


def compute_scatter(centred: Columns, weights: Floats, size: int | None = None) -> Floats:
    """Return the weighted sum of x xᵀ over samples (D, N), shape (D, D), reading `size` of them at a time."""
    slices = iterate_slices(len(weights), block_size(len(centred)) if size is None else size)
    blocks = ((centred[:, block], weights[block]) for block in slices)
    return np.asarray(sum(block * mass @ block.T for block, mass in blocks))


def measure_features(centred: Floats, weights: Floats, origin: Floats) -> FeatureMoments:
    """Return the moments of the observed values of each feature.

    Parameters
    ----------
    centred : ndarray of shape (D, N)
        Features minus their means; NaN where missing.
    weights : ndarray of shape (N,)
    origin : ndarray of shape (D,)
        The means.

    Raises
    ------
    InvalidArgumentError
        The range of a feature is so small or so large that its variance is out of the range of float64.
    """
    mass, variances, varies = np.zeros(len(centred)), np.ones(len(centred)), np.zeros(len(centred), dtype=np.bool_)
    for d, row in enumerate(centred):
        observed = slice(None) if not np.isnan(row).any() else ~np.isnan(row)
        values, mass_of = row[observed], weights[observed]
        mass[d] = mass_of.sum()
        spread = float(np.ptp(values)) if len(values) else 0.0
        if spread > 0:
            check_spread(d, spread)
            variances[d] = float(np.vdot(values * values, mass_of)) / float(mass[d])
            varies[d] = variances[d] > 0
    return FeatureMoments(mass, origin, variances, varies)


def measure_many_features(centred: Floats, weights: Floats, origin: Floats) -> FeatureMoments:
    """Return the same as `measure_features` for complete samples, in one pass; meant for many features."""
    minima, maxima = compute_ranges(centred, len(weights), block_size(len(centred), "norm"))
    for d, spread in enumerate(maxima - minima):
        if spread > 0:
            check_spread(d, float(spread))
    variances = np.einsum("dn,dn,n->d", centred, centred, weights) / weights.sum()
    varies = (maxima > minima) & (variances > 0)
    return FeatureMoments(np.full(len(centred), weights.sum()), origin, np.where(varies, variances, 1.0), varies)


def may_have_outliers(centred: Floats, weights: Floats, whole: FeatureMoments) -> bool:
    """Return whether a feature may have far outliers, which `find_bulk` takes longer to tell.

    If a twentieth of the values or less makes up nearly all of the variance, the fourth moment is at least
    (1 − 3p + 3p²) / (p − p²) = 18 times its square, at p = 1/20.
    """
    fourth = np.zeros(len(centred))
    for block in iterate_slices(len(weights), block_size(len(centred), "norm")):
        squares = np.square(centred[:, block])
        squares *= squares
        fourth += squares @ weights[block]
    return bool((fourth > 10 * np.square(whole.variances) * whole.mass).any())


def check_spread(d: int, spread: float) -> None:
    """Raise InvalidArgumentError if the range of feature d is too small or too large for its square."""
    if not MIN_SPREAD <= spread <= MAX_SPREAD:
        problem = f"of feature {d} (from 0) spread over {spread:.3g}, whose square is out of range"
        raise InvalidArgumentError("values", f"{problem}; multiply them by a power of ten")


def fill_constant_features(variances: Floats, varies: Bools) -> Floats:
    """Return variances (D,) in which features that do not vary get the mean of the others, or 1 if none varies."""
    others = variances[varies].mean() if varies.any() else 1.0
    return np.where(varies, variances, others)


def get_points(data: PreparedSamples) -> tuple[Floats, Floats]:
    """Return all samples minus the origin, (D, N), and their weights, (N,); a missing value is at the mean, 0."""
    if data.is_complete:
        (group,) = data.groups
        return group.centred[:, :], group.weights
    points, weights = np.zeros((len(data.origin), data.n_samples)), np.empty(data.n_samples)
    for group in data.groups:
        assert group.rows is not None  # only complete data has a group of all samples
        points[np.ix_(group.observed, group.rows)] = group.centred[:, :]
        weights[group.rows] = group.weights
    return points, weights


def dither(data: PreparedSamples, variances: Floats) -> PreparedSamples:
    """Return the samples as if a Gaussian error of these variances, (D,), had been added to each.

    No error is drawn: its expected effect on φ is a constant added to the squares x_j², on top of the floor variances.
    """
    groups = []
    for group in data.groups:
        errors = variances[group.observed]
        shift = monomials(np.zeros((len(errors), 1)), errors, terms=group.terms)
        shift[0] = 0
        cached = tuple(phi + shift for phi in group.cached_monomials)
        groups.append(replace(group, floor_variances=group.floor_variances + errors, cached_monomials=cached))
    return replace(
        data,
        variances=data.variances + variances,
        covariance=data.covariance + np.diag(variances),
        bulk_covariance=data.bulk_covariance + np.diag(variances),
        groups=tuple(groups),
    )
