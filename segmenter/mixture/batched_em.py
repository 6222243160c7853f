"""Many climbs at once: mixtures of equally many components, one below the other, share every step of EM.

On a few thousand samples the calls of NumPy cost more than the arithmetic, and the more mixtures take part in a call
the less each costs. Every mixture climbs as it would alone, to its own end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from segmenter.arrays import Bools, Floats
from segmenter.mixture.acceleration import extrapolate
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import PreparedSamples
from segmenter.mixture.e_step import SufficientStatistics, stable_exp
from segmenter.mixture.m_step import m_step
from segmenter.mixture.model import Mixture, inverse_factors, log_joint_coefficients

MOST_DENSITIES = 131_072
"""Densities of a block of samples, so that they (1 MB) stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class End:
    """Where the climb of a mixture ended."""

    mixture: Mixture
    objective: float  # nats per sample
    is_over: bool  # False: a component lost its mass, and the mixture has to go on alone


def run_em_batch(data: PreparedSamples, config: FitConfig, starts: Sequence[Mixture], least_mass: float) -> list[End]:
    """Alternate E-steps and M-steps from each start until its objective rises by less than the tolerance.

    Parameters
    ----------
    data : PreparedSamples
        Complete.
    config : FitConfig
        Of soft EM without noise.
    starts : sequence of Mixture
        All with K components.
    least_mass : float
        A component with less has died.

    Returns
    -------
    list of End
        One for each start, in their order.
    """
    stack = stacked(starts)
    ends: dict[int, End] = {}
    climbing = np.arange(len(starts))
    before = np.full(len(starts), -np.inf)  # objectives
    is_plain = np.zeros(len(starts), dtype=np.bool_)  # whether the last step was a plain one, not a leap
    path: list[Floats] = []
    for n_steps in range(config.max_iterations + 1):
        sums, objectives = e_step_batch(data, stack, len(climbing))
        is_over = (objectives - before < config.tolerance) & is_plain | (n_steps == config.max_iterations)
        has_died = (sums[:, :, 0] < least_mass).any(axis=1)
        for i in np.flatnonzero(is_over | has_died):
            ends[climbing[i]] = End(only(stack, np.arange(len(climbing)) == i), float(objectives[i]), bool(is_over[i]))
        goes_on = ~(is_over | has_died)
        if not goes_on.any():
            break
        climbing, before, sums = climbing[goes_on], objectives[goes_on], sums[goes_on]
        path = [*(sums_before[goes_on] for sums_before in path), sums]
        is_plain = np.ones(len(climbing), dtype=np.bool_)
        if config.acceleration and len(path) == 3:
            sums, before, is_plain = squarem_step_batch(data, config, path, before, least_mass)
            path = [sums]
        stack = m_step_batch(sums, data, config)
    return [ends[i] for i in range(len(starts))]


def squarem_step_batch(
    data: PreparedSamples, config: FitConfig, path: Sequence[Floats], objectives: Floats, least_mass: float
) -> tuple[Floats, Floats, Bools]:
    """Return the sums (R, K, P) and objectives (R,) after a leap of each mixture, or those before, and which leapt not.

    Parameters
    ----------
    data : PreparedSamples
    config : FitConfig
    path : sequence of 3 ndarray of shape (R, K, P)
        The sums of three plain steps in a row.
    objectives : ndarray of shape (R,)
        Of the last step.
    least_mass : float
    """
    is_plain = np.ones(len(objectives), dtype=np.bool_)
    foreseen, is_ahead = extrapolate(path, data.variances)
    leapt = np.flatnonzero(is_ahead)
    if len(leapt):
        ahead = m_step_batch(foreseen[leapt], data, config)
        legal = are_legal(ahead, len(leapt))
        ahead, leapt = only(ahead, legal), leapt[legal]
    if len(leapt) == 0:
        return path[-1], objectives, is_plain
    sums_ahead, objectives_ahead = e_step_batch(data, ahead, len(leapt))
    rises = (objectives_ahead > objectives[leapt]) & (sums_ahead[:, :, 0] >= least_mass).all(axis=1)
    leapt = leapt[rises]
    sums, objectives = path[-1].copy(), objectives.copy()
    sums[leapt], objectives[leapt], is_plain[leapt] = sums_ahead[rises], objectives_ahead[rises], False
    return sums, objectives, is_plain


def are_legal(stack: Mixture, n_mixtures: int) -> Bools:
    """Return of which mixtures of a stack all covariances are positive definite, (R,)."""
    legal = np.ones(n_mixtures, dtype=np.bool_)
    try:
        _ = stack.inverse_factors
    except np.linalg.LinAlgError:
        for i, covariances in enumerate(stack.covariances.reshape(n_mixtures, -1, *stack.covariances.shape[1:])):
            try:
                inverse_factors(covariances)
            except np.linalg.LinAlgError:
                legal[i] = False
    return legal


def stacked(mixtures: Sequence[Mixture]) -> Mixture:
    """Return mixtures of R × K components as one of R K components, whose weights sum to R."""
    return replace(
        mixtures[0],
        weights=np.concatenate([mixture.weights for mixture in mixtures]),
        means=np.concatenate([mixture.means for mixture in mixtures]),
        covariances=np.concatenate([mixture.covariances for mixture in mixtures]),
    )


def only(stack: Mixture, chosen: Bools) -> Mixture:
    """Return some of the mixtures of a stack, given as a mask of shape (R,)."""
    rows = np.repeat(chosen, stack.n_components // len(chosen))
    return replace(stack, weights=stack.weights[rows], means=stack.means[rows], covariances=stack.covariances[rows])


def statistics_of(sums: Floats, data: PreparedSamples) -> SufficientStatistics:
    """Return sums (K, P) as statistics whose log-likelihood nobody asks for."""
    return SufficientStatistics(sums, 0.0, np.nan, data.total_weight, data.origin)


def e_step_batch(data: PreparedSamples, stack: Mixture, n_mixtures: int) -> tuple[Floats, Floats]:
    """Return the sums (R, K, P) and the average log-likelihoods (R,) of R mixtures."""
    (part,) = data.parts
    coefficients = log_joint_coefficients(stack, data.origin)
    sums = np.zeros_like(coefficients)
    log_likelihoods = np.zeros(n_mixtures)
    size = max(256, MOST_DENSITIES // len(coefficients))
    for _, phi, weights in part.blocks():
        for first in range(0, len(weights), size):
            block, mass = phi[:, first : first + size], weights[first : first + size]
            joint = (coefficients @ block).reshape(n_mixtures, -1, len(mass))
            densities, log_density, total = stable_exp(joint)
            log_likelihoods += log_density @ mass
            densities *= (mass / total)[:, None, :]
            sums += densities.reshape(-1, len(mass)) @ block.T
    return sums.reshape(n_mixtures, -1, sums.shape[1]), log_likelihoods / data.total_weight


def m_step_batch(sums: Floats, data: PreparedSamples, config: FitConfig) -> Mixture:
    """Return the stack of the mixtures that sums (R, K, P) lead to."""
    if config.is_shared:  # among the components of each
        return stacked([m_step(statistics_of(each, data), config.covariance_type) for each in sums])
    together = m_step(statistics_of(sums.reshape(-1, sums.shape[2]), data), config.covariance_type)
    return replace(together, weights=together.weights * len(sums))
