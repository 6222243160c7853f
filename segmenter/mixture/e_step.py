"""The E-step: reduce the samples to the sums that the M-step needs, by their responsibilities under a mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from segmenter.arrays import Bools, Floats
from segmenter.mixture.data import MissingnessGroup, PreparedSamples
from segmenter.mixture.missing import complete_sums
from segmenter.mixture.model import Mixture, log_joint_coefficients, marginal, shared_log_density
from segmenter.mixture.monomials import Terms, block_size, square_index
from segmenter.mixture.whitening import WhitenedDensities, sum_pairs

MIN_SAFE, MAX_SAFE = 1e-217, 1e217
"""If the densities of all samples lie between these, they can be summed without scaling."""

LOG_ZERO = -700.0
"""Smaller log densities, in nats, are raised to this: below, exp takes up to forty times as long to return about 0."""

LOG_ZERO_RATIO = float(np.log(np.finfo(np.float64).tiny * MAX_SAFE))
"""The same for the ratio of two densities, which is then divided by a sum of up to `MAX_SAFE`: the quotient is just not
subnormal. With hundreds of components most quotients would be, and products with subnormal numbers take ten times as
long."""


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    """Sums over samples of responsibility × weight × φ(x − origin); those of disjoint sets of samples can be added."""

    sums: Floats  # (K, P)
    noise_mass: float  # sum of weight × responsibility of the noise
    log_likelihood: float  # nats, summed over the weighted samples
    total_weight: float  # sum of the weights of the samples
    origin: Floats  # (D,)
    terms: Terms = "pairs"  # of degree two in φ
    shared_second: Floats | None = None  # (D, D), second moments of all components together; with "shared" terms only

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Return the statistics of both sets of samples, which have the same origin and terms."""
        shared = None
        if self.shared_second is not None and other.shared_second is not None:
            shared = self.shared_second + other.shared_second
        return replace(
            self,
            sums=self.sums + other.sums,
            noise_mass=self.noise_mass + other.noise_mass,
            log_likelihood=self.log_likelihood + other.log_likelihood,
            total_weight=self.total_weight + other.total_weight,
            shared_second=shared,
        )

    def select(self, components: Bools) -> SufficientStatistics:
        """Return the statistics of some components, given as a mask of shape (K,)."""
        return self if components.all() else replace(self, sums=self.sums[components])

    @property
    def mass(self) -> Floats:
        """Mass of each component, its sum of weight × responsibility, shape (K,)."""
        return self.sums[:, 0]

    @property
    def first(self) -> Floats:
        """First moments, the sum of x − origin, shape (K, D)."""
        return self.sums[:, 1 : 1 + len(self.origin)]

    @property
    def second(self) -> Floats:
        """Second moments, as far as the terms give them.

        "pairs": the sums of (x − origin)(x − origin)ᵀ, shape (K, D, D); "shared": their sum over all components, shape
        (1, D, D); "squares": their diagonals, shape (K, D); "norm": their traces, shape (K, 1).
        """
        if self.shared_second is not None:
            return self.shared_second[None]
        if self.terms == "pairs":
            return self.sums[:, square_index(len(self.origin))]
        return self.sums[:, 1 + len(self.origin) :]


LogJoint: TypeAlias = Callable[[Floats], Floats]
"""Monomials (P, n) → log joint densities (K, n) in nats; with noise (K + 1, n)."""


@dataclass(frozen=True, eq=False)
class EStepOptions:
    """How an E-step assigns samples to components."""

    log_prior: Floats | None  # (K, N) or (K, 1), nats; with noise K + 1 rows
    is_hard: bool  # whether each sample belongs to its most probable component alone
    responsibilities: Floats | None  # (K, N), is filled with the responsibilities; with noise K + 1 rows
    threshold: float = 0.0  # hard only: samples whose largest soft responsibility is below are left out of the sums

    @property
    def is_plain(self) -> bool:
        """Whether the responsibilities are soft, depend on the mixture alone, and are not to be returned."""
        return self.log_prior is None and self.responsibilities is None and not self.is_hard


def e_step(  # noqa: PLR0913  # the ways to assign samples are independent of each other
    data: PreparedSamples,
    mixture: Mixture,
    *,
    log_prior: Floats | None = None,
    is_hard: bool = False,
    responsibilities: Floats | None = None,
    threshold: float = 0.0,
) -> SufficientStatistics:
    """Return the sufficient statistics of the samples under a mixture (Bishop 2006, eq. 9.23 and 9.27).

    Parameters
    ----------
    data : PreparedSamples
    mixture : Mixture
    log_prior : ndarray of shape (K, N) or (K, 1), float64, nats, optional
        Added to the log weights for each sample; ``-inf`` forbids a component. With noise, K + 1 rows.
    is_hard : bool
        Assign each sample to its most probable component alone. The log-likelihood is then the classification
        log-likelihood, Σ_n max_k log π_k N(x_n | μ_k, Σ_k) (Celeux and Govaert 1992).
    responsibilities : ndarray of shape (K, N), float64, optional
        Output array for the responsibilities; with noise, K + 1 rows.
    threshold : float, from 0 to below 1
        If hard, samples whose largest soft responsibility is below are left out of the sums.
    """
    options = EStepOptions(log_prior, is_hard, responsibilities, threshold)
    total: SufficientStatistics | None = None
    for group in data.groups:
        statistics = _compute_group_statistics(group, data, mixture, options)
        total = statistics if total is None else total + statistics
    assert total is not None  # data has at least one group
    return total


def _compute_group_statistics(
    group: MissingnessGroup, data: PreparedSamples, mixture: Mixture, options: EStepOptions
) -> SufficientStatistics:
    """Return the statistics of the samples of one group, with missing values at their expectations."""
    local, origin = marginal(mixture, group.observed), data.origin[group.observed]
    if group.terms == "whitened":
        log_joint = WhitenedDensities(local, origin, group.floor_variances)
        sums, log_likelihood = _compute_sums(group, log_joint, options)
    else:
        coefficients = log_joint_coefficients(local, origin, group.terms)
        if options.is_plain and group.terms == "pairs" and group.floor_growth is None:
            sums, log_likelihood = _compute_sums_relative_to_reference(group, coefficients)
        else:
            sums, log_likelihood = _compute_sums(group, partial(np.matmul, coefficients), options)
    shared_second = None
    if group.terms == "shared":
        shared_second = group.second
        log_likelihood += shared_log_density(mixture, shared_second)
    n_components = mixture.n_components
    noise_mass = float(sums[n_components:, 0].sum())
    total_weight = float(group.weights.sum()) if len(data.groups) > 1 else data.total_weight
    sums = complete_sums(sums[:n_components], mixture, group.observed, data.origin)
    terms: Terms = "pairs" if group.terms == "whitened" else group.terms
    return SufficientStatistics(sums, noise_mass, log_likelihood, total_weight, data.origin, terms, shared_second)


def sum_monomials(group: MissingnessGroup, mass: Floats, phi: Floats) -> Floats:
    """Return the sums of mass × φ over a block of samples, (K, P), from their mass (K, n) and their monomials (P, n).

    With "whitened" terms, these are the sums of "pairs".
    """
    if group.terms == "pairs":
        return mass @ phi.T
    if group.terms == "whitened":
        return sum_pairs(mass, phi, group.floor_variances)
    return (phi @ np.ascontiguousarray(mass.T)).T  # of a few hundred samples, this takes half the time


def _compute_sums(group: MissingnessGroup, log_joint: LogJoint, options: EStepOptions) -> tuple[Floats, float]:
    """Return the sums (K, P_o) over a group and its log-likelihood, from a function of the monomials of a block."""
    log_prior, responsibilities = options.log_prior, options.responsibilities
    is_safe = group.terms == "pairs" and group.floor_growth is None  # with many features, it seldom pays to try
    sums: Floats | None = None
    log_likelihood = 0.0
    for block, phi, weights in group.blocks():
        joint = log_joint(phi)  # (K, block)
        rows = block if group.rows is None else group.rows[block]
        if log_prior is not None:
            joint += log_prior if log_prior.shape[1] == 1 else log_prior[:, rows]
        if options.is_hard:
            log_total = stable_exp(joint)[1] if options.threshold > 0 else None
            log_density, total = hard_assign(joint), np.ones(1)
            if log_total is not None:
                joint *= np.exp(log_density - log_total) >= options.threshold
        else:
            joint, log_density, total = stable_exp(joint, is_safe=is_safe)
        if responsibilities is not None:
            responsibilities[:, rows] = joint / total
        log_likelihood += float(weights @ log_density)
        joint *= weights / total
        block_sums = sum_monomials(group, joint, phi)
        sums = block_sums if sums is None else sums + block_sums
    assert sums is not None  # a group has at least one sample
    return sums, log_likelihood


def _compute_sums_relative_to_reference(group: MissingnessGroup, coefficients: Floats) -> tuple[Floats, float]:
    """Return the same as `_compute_sums` for a plain E-step, with less arithmetic.

    All densities are divided by that of a reference component r: the one that fits the samples best on average, so that
    hardly any ratio is out of the range of float64. The reference needs neither a product nor an exponential: its
    responsibilities are 1 / Σ_k p_k / p_r. And Σ_n w_n log p_r(x_n) is the product of its coefficients with sums of the
    monomials that do not change during a fit. Not with far outliers: the sum would be large, and cancel.
    """
    reference = int(np.argmax(coefficients @ group.monomial_sums))
    order = [*(k for k in range(len(coefficients)) if k != reference), reference]
    log_ratios = coefficients[order[:-1]] - coefficients[reference]  # (K − 1, P_o)
    sums = np.zeros_like(coefficients)
    log_likelihood = float(coefficients[reference] @ group.monomial_sums)
    size = min(block_size(len(group.centred)), len(group.weights))
    buffer, floor, ones = np.empty(len(order) * size), np.full(size, LOG_ZERO_RATIO), np.ones(len(log_ratios))
    with np.errstate(over="ignore"):
        for _, phi, weights in group.blocks():
            joint = buffer[: len(order) * len(weights)].reshape(len(order), len(weights))  # (K, block), reference last
            ratios = joint[:-1]
            np.matmul(log_ratios, phi, out=ratios)
            np.maximum(ratios, floor[: len(weights)], out=ratios)
            np.exp(ratios, out=ratios)
            total = ones @ ratios
            total += 1
            if total.max() < MAX_SAFE:
                log_likelihood += float(weights @ np.log(total))
                np.divide(weights, total, out=joint[-1])
                ratios *= joint[-1]
            else:
                joint[-1] = 0
                np.matmul(log_ratios, phi, out=ratios)
                joint, log_density, total = stable_exp(joint)
                log_likelihood += float(weights @ log_density)
                joint *= weights / total
            sums += joint @ phi.T
    sums[order] = sums.copy()
    return sums, log_likelihood


def stable_exp(joint: Floats, *, is_safe: bool = True) -> tuple[Floats, Floats, Floats]:
    """Return joint densities from their logarithms, up to a factor for each sample.

    If the densities of all samples are within the range of float64, which their sums show, the factor is 1. Otherwise
    the densities of each sample are divided by its largest one. Negligible ones are raised to exp(`LOG_ZERO`).

    Parameters
    ----------
    joint : ndarray of shape (..., K, n), float64, nats
    is_safe : bool
        Whether negligible densities may be raised; if not, they are divided in any case, and raised to exp(`LOG_ZERO`)
        of the largest: times the square of a far outlier, that still is nothing.

    Returns
    -------
    densities : ndarray of shape (..., K, n)
    log_density : ndarray of shape (..., n), nats
        Of the whole mixture, without the factor.
    total : ndarray of shape (..., n)
        Sum of the densities over the components: densities / total are the responsibilities.
    """
    floor, ones = np.full(joint.shape[-1], LOG_ZERO), np.ones(joint.shape[-2])
    densities = np.maximum(joint, floor)
    with np.errstate(over="ignore"):
        total = ones @ np.exp(densities, out=densities)
    if is_safe and total.min() > MIN_SAFE and total.max() < MAX_SAFE:
        return densities, np.log(total), total
    peak = joint.max(axis=-2, keepdims=True)
    np.maximum(joint - peak, floor, out=densities)
    total = ones @ np.exp(densities, out=densities)
    return densities, np.log(total) + peak[..., 0, :], total


def hard_assign(joint: Floats) -> Floats:
    """Replace log joint densities (K, n) by 1 for the largest of each sample and 0 elsewhere; return the largest, (n,).

    Of equal ones the first counts.
    """
    peak = joint.max(axis=0)
    is_assigned = np.zeros(joint.shape[1], dtype=np.bool_)
    for row in joint:
        is_first_largest = (row == peak) & ~is_assigned
        is_assigned |= is_first_largest
        row[:] = is_first_largest
    return np.asarray(peak)
