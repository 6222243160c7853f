"""Expectation maximization: the fit of a mixture to samples, and an account of how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Samples
from segmenter.mixture.config import FitConfig
from segmenter.mixture.gaussian import Mixture, log_joint_coefficients, reorder, square_index
from segmenter.mixture.m_step import m_step
from segmenter.mixture.prior import CovariancePrior
from segmenter.mixture.start import draw_start
from segmenter.mixture.statistics import Blocks, SufficientStatistics, binned, blocks_of, e_step

Stop: TypeAlias = Literal["converged", "iteration limit"]

SCREENING_BINS = 32
"""Cells an axis on which restarts are compared, for samples of at most three features."""

SCREENING_GAIN = 4
"""Restarts are screened on cells only where these are fewer than the samples by this factor."""

MANY_SAMPLES = 1000
"""With fewer samples every start runs on all of them."""

N_FINALISTS = 2
"""Runs that go on from the cells to all samples; they halve what screening loses against full runs of every start."""

SAME_OPTIMUM = 10
"""Runs whose objectives differ by less than this multiple of the tolerance count as the same optimum."""

DEAD = 1e-6
"""A component has died when its mass is below this part of the lightest sample."""

COLLAPSED = 4.0
"""A component has collapsed where some variance is below this multiple of the floor of the prior."""


@dataclass(frozen=True, eq=False)
class FitTrace:
    """How a fit went; all values are nats per sample."""

    log_likelihoods: Floats  # (n_iterations + 1,), average log-likelihood before each M-step and at the end
    objectives: Floats  # (n_iterations + 1,), the same plus the log density of the prior; never falls
    stop: Stop
    restarts: Floats  # (R,), final objective of each start, on the screening cells where there were any; may be empty
    screened: bool  # whether the restarts ran on cells
    n_died: int  # components that lost all their mass and were removed
    collapsed: tuple[int, ...]  # 1…K, components held up by the prior alone in some direction

    @property
    def n_iterations(self) -> int:
        """Return the number of M-steps."""
        return len(self.objectives) - 1

    @property
    def converged(self) -> bool:
        """Return whether the tolerance was reached."""
        return self.stop == "converged"


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted mixture and its trace."""

    mixture: Mixture
    trace: FitTrace

    @property
    def objective(self) -> float:
        """Return the final objective, nats per sample."""
        return float(self.trace.objectives[-1])

    def reordered(self, order: NDArray[np.intp]) -> Fit:
        """Return the same fit with component ``order[0]`` (from 0) first, ``order[1]`` second, and so on."""
        rank = np.argsort(order)
        collapsed = tuple(sorted(int(rank[k - 1]) + 1 for k in self.trace.collapsed))
        return Fit(reorder(self.mixture, order), replace(self.trace, collapsed=collapsed))


def fit(samples: Samples, config: FitConfig, start: Mixture | None = None) -> Fit:
    """Fit a mixture by EM, from a given start or from the best of several drawn ones.

    Drawn starts are screened: each runs to convergence on some thousand cells that stand for the samples, and only the
    best two go on with all samples. Where there are few samples anyway, every start runs on all of them.

    A component whose mass falls below a millionth of the lightest sample has died; it is removed, and the trace tells.
    So little is lost with it that the objective falls by no more than a millionth of a nat.

    Parameters
    ----------
    samples : Samples
        At least as many distinct ones as components.
    config : FitConfig
        With a start, only the tolerance, the limit of iterations and the floor are used.
    start : Mixture, optional
        Where to start from.

    Returns
    -------
    Fit
    """
    blocks = blocks_of(samples)
    prior = CovariancePrior(config.covariance_floor, blocks.variances)
    if start is not None:
        return climb(blocks, start, config, prior)
    cells = screening_cells(blocks, config.n_components)
    runs = []
    for restart in range(config.restarts):
        generator = np.random.default_rng([config.seed, restart])
        runs.append(climb(cells or blocks, draw_start(cells or blocks, config, prior, generator), config, prior))
    objectives = np.array([run.objective for run in runs])
    if cells is not None:
        runs = [climb(blocks, run.mixture, config, prior) for run in finalists(runs, config.tolerance)]
    best = max(runs, key=lambda run: run.objective)
    n_died = config.n_components - best.mixture.n_components
    return Fit(best.mixture, replace(best.trace, restarts=objectives, screened=cells is not None, n_died=n_died))


def finalists(runs: Sequence[Fit], tolerance: float) -> list[Fit]:
    """Return the best of the screened runs, and the best of those that stand clearly elsewhere."""
    best, *others = sorted(runs, key=lambda run: run.objective, reverse=True)
    elsewhere = [run for run in others if best.objective - run.objective > SAME_OPTIMUM * tolerance]
    return [best, *elsewhere[: N_FINALISTS - 1]]


def screening_cells(blocks: Blocks, n_components: int) -> Blocks | None:
    """Return cells on which starts can be compared, or None where they would save nothing or hide a component."""
    n_features, n_samples = blocks.centred.shape
    if n_features > 3 or n_samples < MANY_SAMPLES:
        return None
    cells = binned(blocks, SCREENING_BINS)
    n_cells = len(cells.weights)
    return cells if SCREENING_GAIN * n_cells <= n_samples and 4 * n_components <= n_cells else None


def climb(blocks: Blocks, start: Mixture, config: FitConfig, prior: CovariancePrior) -> Fit:
    """Alternate E-steps and M-steps from a start until the objective rises by less than the tolerance."""
    least_mass = max(DEAD * blocks.least_weight, 1e-12 * blocks.total_weight)
    is_dying = False
    mixture = start
    log_likelihoods: list[float] = []
    objectives: list[float] = []
    stop: Stop = "iteration limit"
    while True:
        statistics, log_likelihood, objective = evaluate(blocks, mixture, prior)
        log_likelihoods.append(log_likelihood)
        objectives.append(objective)
        if stop == "converged" or len(objectives) > config.max_iterations:
            break
        if len(objectives) > 1 and objectives[-1] - objectives[-2] < config.tolerance and not is_dying:
            stop = "converged"  # one more M-step, whose likelihood the next turn tells
        alive = statistics.mass >= least_mass
        is_dying = not alive.all()
        mixture = m_step(statistics.only(alive), prior, start.covariance_type)
    trace = FitTrace(
        log_likelihoods=np.array(log_likelihoods),
        objectives=np.array(objectives),
        stop=stop,
        restarts=np.empty(0),
        screened=False,
        n_died=start.n_components - mixture.n_components,
        collapsed=collapsed_components(mixture, prior),
    )
    return Fit(mixture, trace)


def evaluate(blocks: Blocks, mixture: Mixture, prior: CovariancePrior) -> tuple[SufficientStatistics, float, float]:
    """Return the statistics, the average log-likelihood and the objective of a mixture, the latter two in nats."""
    coefficients = log_joint_coefficients(mixture, blocks.origin)
    statistics = e_step(blocks, coefficients)
    log_likelihood = statistics.log_likelihood / statistics.total_weight
    precision_diagonals = -2 * coefficients[:, square_index(mixture.n_features).diagonal()]
    return (
        statistics,
        log_likelihood,
        log_likelihood + prior.log_density(precision_diagonals, mixture.covariance_type),
    )


def collapsed_components(mixture: Mixture, prior: CovariancePrior) -> tuple[int, ...]:
    """Return the components, 1…K, whose least variance, in units of V, is next to the floor of the prior."""
    scale = np.sqrt(prior.variances)
    least = np.linalg.eigvalsh(mixture.covariances / np.outer(scale, scale))[:, 0]
    mass = np.ones(1) if mixture.covariance_type == "tied" else mixture.weights
    return tuple(int(k) + 1 for k in np.flatnonzero(least < COLLAPSED * prior.strength / mass))
