"""EM from several starts at once: mixtures of R × K components that share every step.

On a few thousand samples, the calls of NumPy cost more than the arithmetic; the more mixtures share a call, the less
each one costs. Each mixture takes the same steps as on its own, and stops on its own. The components of the mixtures
are stacked into one `Mixture` of R K components.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segmenter.arrays import Bools, Floats
from segmenter.mixture.acceleration import extrapolate
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import PreparedSamples
from segmenter.mixture.diagnostics import compute_floor_traces
from segmenter.mixture.e_step import SufficientStatistics, stable_exp
from segmenter.mixture.m_step import m_step
from segmenter.mixture.model import Mixture, inverse_factors, log_joint_coefficients

MAX_DENSITIES = 131_072
"""Densities of a block of samples, so that they (1 MB) stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class BatchedRun:
    """The run of one mixture; an M-step and the SQUAREM step before it, if one was taken, are one step."""

    mixture: Mixture  # at the end
    log_likelihoods: Floats  # (n_steps + 1,), average, nats per sample
    objectives: Floats  # (n_steps + 1,), nats per sample
    is_finished: bool  # False: a component died, and the mixture has to continue on its own

    @property
    def objective(self) -> float:
        """Return the final objective, nats per sample."""
        return float(self.objectives[-1])


def run_em_batch(
    data: PreparedSamples,
    config: FitConfig,
    starts: Sequence[Mixture],
    min_mass: float,
    on_iteration: Callable[[], None] | None = None,
) -> list[BatchedRun]:
    """Alternate E-steps and M-steps from each start until its objective rises by less than the tolerance.

    Parameters
    ----------
    data : PreparedSamples
        Complete, with terms that make the log densities products of coefficients and monomials.
    config : FitConfig
        Of soft EM without noise.
    starts : sequence of R Mixture
        All with K components.
    min_mass : float
        A component with less mass has died.
    on_iteration : callable, optional
        Called after each M-step of all mixtures.

    Returns
    -------
    list of R BatchedRun
        In the order of the starts.
    """
    stack = stack_mixtures(starts)
    runs: dict[int, BatchedRun] = {}
    curves: list[list[tuple[float, float]]] = [[] for _ in starts]  # log-likelihood and objective after each step
    active = np.arange(len(starts))  # indices of the starts whose mixtures are in the stack
    previous = np.full(len(starts), -np.inf)  # objectives before the last step
    is_plain = np.zeros(len(starts), dtype=np.bool_)  # whether no SQUAREM step was taken before the last M-step
    path: list[Floats] = []  # sums of up to three E-steps in a row, to extrapolate
    for n_steps in range(config.max_iterations + 1):
        sums, objectives = e_step_batch(data, stack, len(active))
        log_likelihoods = objectives + compute_floor_costs(data, stack, sums)
        for i, point in zip(active, zip(log_likelihoods, objectives, strict=True), strict=True):
            curves[i].append(point)
        is_finished = (objectives - previous < config.tolerance) & is_plain | (n_steps == config.max_iterations)
        has_died = (sums[:, :, 0] < min_mass).any(axis=1)
        for i in np.flatnonzero(is_finished | has_died):
            mixture = select_mixtures(stack, np.arange(len(active)) == i)
            curve = np.array(curves[active[i]])
            runs[active[i]] = BatchedRun(mixture, curve[:, 0], curve[:, 1], bool(is_finished[i]))
        continues = ~(is_finished | has_died)
        if not continues.any():
            break
        active, previous, sums = active[continues], objectives[continues], sums[continues]
        path = [*(earlier[continues] for earlier in path), sums]
        is_plain = np.ones(len(active), dtype=np.bool_)
        if config.acceleration and len(path) == 3:
            sums, previous, is_plain = squarem_step_batch(data, config, path, previous, min_mass)
            path = [sums]
        stack = m_step_batch(sums, data, config)
        if on_iteration is not None:
            on_iteration()
    return [runs[i] for i in range(len(starts))]


def squarem_step_batch(
    data: PreparedSamples, config: FitConfig, path: Sequence[Floats], objectives: Floats, min_mass: float
) -> tuple[Floats, Floats, Bools]:
    """Take a SQUAREM step with each mixture whose objective it raises; the others stay where they are.

    Parameters
    ----------
    data : PreparedSamples
    config : FitConfig
    path : sequence of 3 ndarray of shape (R, K, P)
        The sums of three E-steps in a row.
    objectives : ndarray of shape (R,)
        Of the last of them, nats per sample.
    min_mass : float

    Returns
    -------
    sums : ndarray of shape (R, K, P)
    objectives : ndarray of shape (R,)
    is_plain : ndarray of shape (R,), bool
        Where no step was taken.
    """
    is_plain = np.ones(len(objectives), dtype=np.bool_)
    extrapolated, is_usable = extrapolate(path, data.variances, data.terms)
    chosen = np.flatnonzero(is_usable)  # indices of the mixtures that may take the step
    if len(chosen):
        stack = m_step_batch(extrapolated[chosen], data, config)
        is_valid = find_valid_mixtures(stack, len(chosen))
        stack, chosen = select_mixtures(stack, is_valid), chosen[is_valid]
    if len(chosen) == 0:
        return path[-1], objectives, is_plain
    new_sums, new_objectives = e_step_batch(data, stack, len(chosen))
    is_better = (new_objectives > objectives[chosen]) & (new_sums[:, :, 0] >= min_mass).all(axis=1)
    chosen = chosen[is_better]
    sums, objectives = path[-1].copy(), objectives.copy()
    sums[chosen], objectives[chosen], is_plain[chosen] = new_sums[is_better], new_objectives[is_better], False
    return sums, objectives, is_plain


def find_valid_mixtures(stack: Mixture, n_mixtures: int) -> Bools:
    """Return which of the R mixtures of a stack have only positive definite covariances, (R,)."""
    is_valid = np.ones(n_mixtures, dtype=np.bool_)
    try:
        _ = stack.inverse_factors
    except np.linalg.LinAlgError:
        for i, covariances in enumerate(stack.covariances.reshape(n_mixtures, -1, *stack.covariances.shape[1:])):
            try:
                inverse_factors(covariances)
            except np.linalg.LinAlgError:
                is_valid[i] = False
    return is_valid


def stack_mixtures(mixtures: Sequence[Mixture]) -> Mixture:
    """Return R mixtures of K components each as one of R K components, whose weights sum to R."""
    return replace(
        mixtures[0],
        weights=np.concatenate([mixture.weights for mixture in mixtures]),
        means=np.concatenate([mixture.means for mixture in mixtures]),
        covariances=np.concatenate([mixture.covariances for mixture in mixtures]),
    )


def select_mixtures(stack: Mixture, chosen: Bools) -> Mixture:
    """Return some of the R mixtures of a stack, given as a mask of shape (R,)."""
    rows = np.repeat(chosen, stack.n_components // len(chosen))
    return replace(stack, weights=stack.weights[rows], means=stack.means[rows], covariances=stack.covariances[rows])


def to_statistics(sums: Floats, data: PreparedSamples) -> SufficientStatistics:
    """Return sums (K, P) as the statistics that an M-step takes; their log-likelihood is not known (NaN)."""
    return SufficientStatistics(sums, 0.0, np.nan, data.total_weight, data.origin, data.terms)


def e_step_batch(data: PreparedSamples, stack: Mixture, n_mixtures: int) -> tuple[Floats, Floats]:
    """Return the sums (R, K, P) and the average log-likelihoods (R,), nats per sample, of the R mixtures of a stack."""
    (group,) = data.groups
    coefficients = log_joint_coefficients(stack, data.origin, data.terms)  # (R K, P)
    sums = np.zeros_like(coefficients)
    log_likelihoods = np.zeros(n_mixtures)
    size = max(256, MAX_DENSITIES // len(coefficients))
    for _, phi, weights in group.blocks():
        for first in range(0, len(weights), size):
            block, mass = phi[:, first : first + size], weights[first : first + size]
            joint = (coefficients @ block).reshape(n_mixtures, -1, len(mass))  # (R, K, n)
            densities, log_density, total = stable_exp(joint)
            log_likelihoods += log_density @ mass
            densities *= (mass / total)[:, None, :]
            sums += densities.reshape(-1, len(mass)) @ block.T
    return sums.reshape(n_mixtures, -1, sums.shape[1]), log_likelihoods / data.total_weight


def compute_floor_costs(data: PreparedSamples, stack: Mixture, sums: Floats) -> Floats:
    """Return what the covariance floor costs each mixture of a stack, (R,), in nats, see `covariance_floor_cost`."""
    traces = compute_floor_traces(stack, data)
    shares = sums[:, :, 0] / data.total_weight
    return np.asarray(0.5 * data.covariance_floor * (shares * traces.reshape(shares.shape)).sum(axis=1))


def m_step_batch(sums: Floats, data: PreparedSamples, config: FitConfig) -> Mixture:
    """Return the stack of R mixtures that M-steps make of sums (R, K, P)."""
    if config.is_shared:  # the components of each mixture share a covariance, but not with those of the others
        return stack_mixtures([m_step(to_statistics(each, data), config.covariance_type) for each in sums])
    stack = m_step(to_statistics(sums.reshape(-1, sums.shape[2]), data), config.covariance_type)
    return replace(stack, weights=stack.weights * len(sums))
