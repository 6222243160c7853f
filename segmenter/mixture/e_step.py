"""The E-step: everything that a fit needs to know of the samples, as sums that can be added."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segmenter.arrays import Bools, Floats
from segmenter.mixture.data import MissingnessGroup, PreparedSamples
from segmenter.mixture.missing import completed_sums
from segmenter.mixture.model import Mixture, block_size, log_joint_coefficients, marginal, square_index

LEAST_SAFE, MOST_SAFE = 1e-217, 1e217
"""Where the density of every sample lies within, densities can be summed as they are."""

LOG_ZERO = -700.0
"""Log densities below count as this, in nats: beyond, exp takes up to forty times as long to come to nothing."""


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    """Sums over samples of responsibility × weight × φ(x − origin); those of the parts add up to those of the whole."""

    sums: Floats  # (K, P)
    noise_mass: float  # weight of the samples that are noise
    log_likelihood: float  # nats, summed over the weighted samples
    total_weight: float
    origin: Floats  # (D,)

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Return the statistics of both sets of samples; their origins are the same."""
        return SufficientStatistics(
            self.sums + other.sums,
            self.noise_mass + other.noise_mass,
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


def e_step(
    data: PreparedSamples,
    mixture: Mixture,
    *,
    log_prior: Floats | None = None,
    is_hard: bool = False,
    responsibilities: Floats | None = None,
) -> SufficientStatistics:
    """Return the sufficient statistics of the samples under a mixture (Bishop 2006, eq. 9.23 and 9.27).

    Parameters
    ----------
    data : PreparedSamples
    mixture : Mixture
    log_prior : ndarray of shape (K, N) or (K, 1), float64, nats, optional
        Added to the log weights of each sample; ``-inf`` forbids a component. With noise, K + 1 rows.
    is_hard : bool
        Give each sample to its most probable component alone; the log-likelihood is then the classification
        log-likelihood, Σ_n max_k log π_k N(x_n | μ_k, Σ_k) (Celeux and Govaert 1992).
    responsibilities : ndarray of shape (K, N), float64, optional
        Where to leave the responsibilities; with noise, K + 1 rows.
    """
    total: SufficientStatistics | None = None
    for part in data.parts:
        statistics = _e_step_of_part(part, data, mixture, log_prior, is_hard, responsibilities)
        total = statistics if total is None else total + statistics
    assert total is not None  # data has at least one part
    return total


def _e_step_of_part(
    part: MissingnessGroup,
    data: PreparedSamples,
    mixture: Mixture,
    log_prior: Floats | None,
    is_hard: bool,
    responsibilities: Floats | None,
) -> SufficientStatistics:
    observed_mixture = marginal(mixture, part.observed)
    coefficients = log_joint_coefficients(observed_mixture, data.origin[part.observed])
    if log_prior is None and responsibilities is None and not is_hard:
        sums, log_likelihood = _sums_beside_a_reference(part, coefficients)
    else:
        sums, log_likelihood = _sums(part, coefficients, log_prior, is_hard, responsibilities)
    n_components = mixture.n_components
    noise_mass = float(sums[n_components:, 0].sum())
    total_weight = float(part.weights.sum()) if len(data.parts) > 1 else data.total_weight
    sums = completed_sums(sums[:n_components], mixture, part.observed, data.origin)
    return SufficientStatistics(sums, noise_mass, log_likelihood, total_weight, data.origin)


def _sums(
    part: MissingnessGroup,
    coefficients: Floats,
    log_prior: Floats | None,
    is_hard: bool,
    responsibilities: Floats | None,
) -> tuple[Floats, float]:
    """Return the sums (K, P) and the log-likelihood of a part."""
    sums = np.zeros_like(coefficients)
    log_likelihood = 0.0
    for place, phi, weights in part.blocks():
        joint = coefficients @ phi
        rows = place if part.rows is None else part.rows[place]
        if log_prior is not None:
            joint += log_prior if log_prior.shape[1] == 1 else log_prior[:, rows]
        if is_hard:
            log_density, total = hard_assign(joint), np.ones(1)
        else:
            joint, log_density, total = stable_exp(joint)
        if responsibilities is not None:
            responsibilities[:, rows] = joint / total
        log_likelihood += float(weights @ log_density)
        joint *= weights / total
        sums += joint @ phi.T
    return sums, log_likelihood


def _sums_beside_a_reference(part: MissingnessGroup, coefficients: Floats) -> tuple[Floats, float]:
    """Return the same where nothing but the mixture tells the responsibilities, with less arithmetic.

    Densities are taken beside that of a reference component r, the one that fits all samples best on the average, so
    that hardly a ratio is out of the range of float64. Its row needs no product and no exponential, its
    responsibilities are 1 / Σ_k p_k / p_r, and Σ_n w_n log p_r(x_n) is a product of its coefficients with sums that
    stay the same during a fit.
    """
    reference = int(np.argmax(coefficients @ part.total))
    order = [*(k for k in range(len(coefficients)) if k != reference), reference]
    ratios = coefficients[order[:-1]] - coefficients[reference]
    sums = np.zeros_like(coefficients)
    log_likelihood = float(coefficients[reference] @ part.total)
    size = min(block_size(len(part.centred)), len(part.weights))
    buffer, floor, ones = np.empty(len(order) * size), np.full(size, LOG_ZERO), np.ones(len(ratios))
    with np.errstate(over="ignore"):
        for _, phi, weights in part.blocks():
            shares = buffer[: len(order) * len(weights)].reshape(len(order), len(weights))
            others = shares[:-1]
            np.matmul(ratios, phi, out=others)
            np.maximum(others, floor[: len(weights)], out=others)
            np.exp(others, out=others)
            total = ones @ others
            total += 1
            if total.max() < MOST_SAFE:
                log_likelihood += float(weights @ np.log(total))
                np.divide(weights, total, out=shares[-1])
                others *= shares[-1]
            else:
                shares[-1] = 0
                np.matmul(ratios, phi, out=others)
                shares, log_density, total = stable_exp(shares)
                log_likelihood += float(weights @ log_density)
                shares *= weights / total
            sums += shares @ phi.T
    sums[order] = sums.copy()
    return sums, log_likelihood


def stable_exp(joint: Floats) -> tuple[Floats, Floats, Floats]:
    """Return joint densities up to a factor for each sample, from their logarithms.

    The factor is 1 where the densities of all samples are within the range of float64, which their sums tell; else each
    sample is divided by its largest. Those that are nothing beside it count as the least that exp is fast for.

    Parameters
    ----------
    joint : ndarray of shape (..., K, n), float64, nats

    Returns
    -------
    densities : ndarray of shape (..., K, n)
    log_density : ndarray of shape (..., n), nats
        Of the whole mixture, the factor not applied.
    total : ndarray of shape (..., n)
        What a column of the densities is to be divided by to be responsibilities.
    """
    floor, ones = np.full(joint.shape[-1], LOG_ZERO), np.ones(joint.shape[-2])
    densities = np.maximum(joint, floor)
    with np.errstate(over="ignore"):
        total = ones @ np.exp(densities, out=densities)
    if total.min() > LEAST_SAFE and total.max() < MOST_SAFE:
        return densities, np.log(total), total
    peak = joint.max(axis=-2, keepdims=True)
    np.maximum(joint - peak, floor, out=densities)
    total = ones @ np.exp(densities, out=densities)
    return densities, np.log(total) + peak[..., 0, :], total


def hard_assign(joint: Floats) -> Floats:
    """Turn log joint densities (K, n), in place, into 1 for the largest of each sample and 0 elsewhere; return it.

    Of equals the first is taken.
    """
    peak = joint.max(axis=0)
    taken = np.zeros(joint.shape[1], dtype=np.bool_)
    for row in joint:
        is_largest = (row == peak) & ~taken
        taken |= is_largest
        row[:] = is_largest
    return np.asarray(peak)
