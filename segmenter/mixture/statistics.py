"""The E-step: everything that a fit needs to know of the samples, as sums that can be added."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from segmenter.arrays import Bools, Floats, Samples
from segmenter.mixture.gaussian import BLOCK, monomials, pairs, square_index
from segmenter.mixture.prior import scale_of

KEPT_MONOMIALS = 4_000_000
"""Monomials are kept between iterations up to this many numbers (32 MB); beyond, each pass computes them again."""

LOG_SAFE = (-500.0, 500.0)
"""Where the largest log density of every sample lies within, densities can be summed as they are, in nats."""


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    """Sums over samples of responsibility × weight × φ(x − origin); those of the parts add up to those of the whole."""

    sums: Floats  # (K, P)
    log_likelihood: float  # nats, summed over the weighted samples
    total_weight: float
    origin: Floats  # (D,)

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Return the statistics of both sets of samples; their origins are the same."""
        return SufficientStatistics(
            self.sums + other.sums,
            self.log_likelihood + other.log_likelihood,
            self.total_weight + other.total_weight,
            self.origin,
        )

    def only(self, components: Bools) -> SufficientStatistics:
        """Return the statistics of some components, given as a mask of shape (K,)."""
        return self if components.all() else replace(self, sums=self.sums[components])

    @property
    def mass(self) -> Floats:
        """Weight of each component, shape (K,)."""
        return self.sums[:, 0]

    @property
    def first(self) -> Floats:
        """Sum of x − origin, shape (K, D)."""
        return self.sums[:, 1 : 1 + len(self.origin)]

    @property
    def second(self) -> Floats:
        """Sum of (x − origin)(x − origin)ᵀ, shape (K, D, D)."""
        return self.sums[:, square_index(len(self.origin))]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Samples made ready for many passes: about their mean, in blocks of monomials that stay in cache."""

    origin: Floats  # (D,), the mean of the samples
    variances: Floats  # (D,), see `scale_of`
    total_weight: float
    least_weight: float
    centred: Floats  # (D, N)
    weights: Floats  # (N,)
    kept: tuple[Floats, ...]  # the monomials (P, n) of every block, or empty

    def __iter__(self) -> Iterator[tuple[Floats, Floats]]:
        """Yield the monomials (P, n) and the weights (n,) of each block; valid until the next."""
        buffer = None
        for i, first in enumerate(range(0, len(self.weights), BLOCK)):
            if self.kept:
                phi = self.kept[i]
            else:
                centred = self.centred[:, first : first + BLOCK]
                if buffer is None or buffer.shape[1] != centred.shape[1]:
                    buffer = monomials(centred)
                phi = monomials(centred, out=buffer)
            yield phi, self.weights[first : first + BLOCK]


def blocks_of(samples: Samples) -> Blocks:
    """Return the samples as blocks."""
    mean = samples.weights @ samples.values / samples.weights.sum()
    centred = np.empty((samples.values.shape[1], samples.values.shape[0]))
    for row, column, center in zip(centred, samples.values.T, mean, strict=True):
        np.subtract(column, center, out=row)
    n_features, n_samples = len(centred), len(samples.weights)
    keep = n_samples * (1 + n_features + n_features * (n_features + 1) // 2) <= KEPT_MONOMIALS
    return Blocks(
        origin=mean,
        variances=scale_of(centred, samples.weights),
        total_weight=float(samples.weights.sum()),
        least_weight=float(samples.weights.min()),
        centred=centred,
        weights=samples.weights,
        kept=tuple(monomials(centred[:, i : i + BLOCK]) for i in range(0, n_samples, BLOCK)) if keep else (),
    )


def binned(blocks: Blocks, n_bins: int) -> Blocks:
    """Return far fewer samples that stand for all: the means of φ over the cells of a grid.

    The cells keep the second moments within them, so an M-step on cells is exact; in an E-step the samples of a cell
    share their responsibilities. The objective on cells is a lower bound of that on samples, since log Σ exp is convex.

    Parameters
    ----------
    blocks : Blocks
        Of few features: the grid has ``n_bins ** D`` cells.
    n_bins : int
        Cells an axis of the grid, across the range of the feature.
    """
    lowest = blocks.centred.min(axis=1)
    steps = np.maximum(blocks.centred.max(axis=1) - lowest, np.finfo(np.float64).tiny) / n_bins
    cells = np.zeros(len(blocks.weights), dtype=np.intp)
    for row, low, step in zip(blocks.centred, lowest, steps, strict=True):
        cells *= n_bins
        cells += np.minimum((row - low) / step, n_bins - 1).astype(np.intp)
    occupied = np.bincount(cells, minlength=n_bins ** len(lowest)) > 0
    cell_of = (np.cumsum(occupied) - 1)[cells]
    weights = np.bincount(cell_of, blocks.weights).astype(np.float64)
    n_features = len(blocks.origin)
    rows, columns = pairs(n_features)
    centred = blocks.centred
    quadratic = (centred[i] * centred[j] for i, j in zip(rows, columns, strict=True))
    weighted = (monomial * blocks.weights for monomial in itertools.chain(centred, quadratic))
    means = np.stack([weights, *(np.bincount(cell_of, monomial) for monomial in weighted)]) / weights
    return Blocks(
        origin=blocks.origin,
        variances=blocks.variances,
        total_weight=blocks.total_weight,
        least_weight=blocks.least_weight,
        centred=np.ascontiguousarray(means[1 : 1 + n_features]),
        weights=weights,
        kept=tuple(np.ascontiguousarray(means[:, i : i + BLOCK]) for i in range(0, len(weights), BLOCK)),
    )


def e_step(blocks: Blocks, coefficients: Floats) -> SufficientStatistics:
    """Return the sufficient statistics of the samples under a mixture (Bishop 2006, eq. 9.23 and 9.27).

    Parameters
    ----------
    blocks : Blocks
    coefficients : ndarray of shape (K, P), float64, nats
        The mixture, from `log_joint_coefficients` about the origin of the blocks.

    Returns
    -------
    SufficientStatistics
    """
    sums = np.zeros_like(coefficients)
    log_likelihood = 0.0
    for phi, weights in blocks:
        joint = coefficients @ phi
        log_density, inverse_total = exponentiate(joint)
        log_likelihood += float(weights @ log_density)
        joint *= np.multiply(weights, inverse_total, out=inverse_total)
        sums += joint @ phi.T
    return SufficientStatistics(sums, log_likelihood, blocks.total_weight, blocks.origin)


def exponentiate(joint: Floats) -> tuple[Floats, Floats]:
    """Turn log joint densities into joint densities, in place, up to a factor for each sample.

    The factor is 1 unless a density would leave the range of float64; then each sample is divided by its largest.

    Parameters
    ----------
    joint : ndarray of shape (K, n), float64, nats

    Returns
    -------
    log_density : ndarray of shape (n,), nats
        Of the whole mixture, the factor not applied.
    inverse_total : ndarray of shape (n,)
        What turns a column into responsibilities.
    """
    peak = joint.max(axis=0)
    if peak.min() > LOG_SAFE[0] and peak.max() < LOG_SAFE[1]:
        np.exp(joint, out=joint)
        total = joint.sum(axis=0)
        return np.log(total), np.reciprocal(total, out=total)
    joint -= peak
    np.exp(joint, out=joint)
    total = joint.sum(axis=0)
    return np.log(total) + peak, 1 / total
