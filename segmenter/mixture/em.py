"""Expectation maximization: the fit of a mixture to samples, and an account of how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.acceleration import squarem_step
from segmenter.mixture.batched_em import run_em_batch
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import PreparedSamples, prepare_samples
from segmenter.mixture.diagnostics import collapsed_components, covariance_floor_cost, single_gaussian_log_likelihood
from segmenter.mixture.e_step import SufficientStatistics, e_step
from segmenter.mixture.initialization import as_k_means, initialize
from segmenter.mixture.lazy_samples import LazySamples
from segmenter.mixture.log_prior import LogPrior, checked
from segmenter.mixture.m_step import NormalInverseWishart, m_step
from segmenter.mixture.model import Mixture, has_noise, reorder
from segmenter.mixture.screening import screening_subset
from segmenter.mixture.validation import check_start

Stop: TypeAlias = Literal["converged", "iteration limit", "all noise"]
Verdict: TypeAlias = Literal["converged", "iteration limit", "all noise", "degenerate", "suspicious"]

N_FINALISTS = 2
"""Screened runs that go on with all samples."""

SAME_OPTIMUM = 10
"""Mixtures whose objectives differ by less than this multiple of the tolerance count as the same optimum."""

OUT_OF_REACH = 500
"""A finalist behind by more than this multiple of the tolerance has lost: on 50 photos two of 15 were ahead later."""

SUSPICIOUS_GAIN = 1e-3
"""Nats per sample that several components must explain more than one Gaussian."""

DEAD = 1e-6
"""A component has died when its mass is below this part of the lightest sample."""

FIRST_NOISE = 0.05
"""Weight of the noise in a drawn start."""

ALL_NOISE = 0.99
"""Where noise takes this part of the samples, it has left nothing that components could be told from."""


@dataclass(frozen=True, eq=False)
class FitTrace:
    """How a fit went; all values are nats per sample."""

    log_likelihoods: Floats  # (n_iterations + 1,), average log-likelihood before each M-step and at the end
    objectives: Floats  # (n_iterations + 1,), the same for blurred samples, plus any prior; never falls
    stop: Stop
    restarts: Floats  # (R,), final objective of each start, on the screening cells where there were any; may be empty
    screened: bool  # whether the restarts ran on cells
    n_died: int  # components that lost all their mass and were removed
    collapsed: tuple[int, ...]  # 1…K, components whose spread in some direction is that of the blur alone
    survivors: tuple[int, ...]  # 1…K of the start, which of its components those at the end were
    single_gaussian: float  # log-likelihood of one Gaussian of the same family for all
    noise_share: float = 0.0  # part of the samples that are noise, 0 to 1

    @property
    def n_iterations(self) -> int:
        """Return the number of M-steps."""
        return len(self.objectives) - 1

    @property
    def n_components(self) -> int:
        """Return K at the end."""
        return len(self.survivors)

    @property
    def converged(self) -> bool:
        """Return whether the tolerance was reached."""
        return self.stop == "converged"

    @property
    def verdict(self) -> Verdict:
        """Return whether the fit can be trusted.

        "all noise": the noise took 99 % of the samples or more; "suspicious": several components explain the samples no
        better than one Gaussian of the same family does; "degenerate": some died or collapsed; otherwise why the fit
        stopped.
        """
        if self.noise_share >= ALL_NOISE:
            return "all noise"
        if self.n_components > 1 and self.log_likelihoods[-1] - self.single_gaussian < SUSPICIOUS_GAIN:
            return "suspicious"
        return "degenerate" if self.n_died or self.collapsed else self.stop


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
        survivors = tuple(self.trace.survivors[k] for k in order)
        return Fit(reorder(self.mixture, order), replace(self.trace, collapsed=collapsed, survivors=survivors))


def fit(
    samples: Samples | LazySamples,
    config: FitConfig,
    start: Mixture | None = None,
    *,
    log_prior: LogPrior | None = None,
    prior: NormalInverseWishart | None = None,
    beside: Sequence[Mixture] = (),
) -> Fit:
    """Fit a mixture, from a given start or from the best of several drawn ones.

    Drawn starts are screened: each runs to convergence on some thousand cells or samples that stand for all, and only
    the best few go on with all samples. Where there are few samples anyway, every start runs on all of them.

    A component whose mass falls below a millionth of the lightest sample has died; it is removed, and the trace tells.
    So little is lost with it that the objective falls by no more than a millionth of a nat.

    Parameters
    ----------
    samples : Samples or LazySamples
        At least as many distinct ones as components. NaN marks missing values, which are integrated out.
    config : FitConfig
        With a start, its number of components, its covariance type and its noise count, and nothing is drawn.
    start : Mixture, optional
        Where to start from.
    log_prior : LogPrior, optional
        What is known of the component of each sample, see `segmenter.mixture.log_prior`.
    prior : NormalInverseWishart, optional
        Conjugate prior on means and covariances; the fit is then a maximum a posteriori one.
    beside : sequence of Mixture
        The best of these, as they are, is one more start beside those that are drawn.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidArgumentError
        There are fewer samples than components to draw, or a start or a prior of other features, or a log prior that is
        none.
    """
    n_samples, n_features = (samples.values if isinstance(samples, Samples) else samples.rows).shape
    if prior is not None and len(prior.mean) != n_features:
        raise InvalidArgumentError("prior", f"is of {len(prior.mean)} features, but the samples have {n_features}")
    if start is not None:
        check_start(start, n_features)
    elif n_samples < config.n_components:
        raise InvalidArgumentError("n_components", f"is {config.n_components}, but there are {n_samples} samples")
    data = prepare_samples(samples, config.covariance_floor)
    problem = EMProblem(data, config, log_prior, prior)
    if start is not None:
        return compared(run_em(problem, as_k_means(start) if config.method == "k-means" else start), data)
    screen = None if log_prior is not None else screening_subset(data, config)
    ground = problem if screen is None else replace(problem, data=screen)
    generators = [np.random.default_rng([config.seed, restart]) for restart in range(config.restarts)]
    starts = [initialize(ground.data, config, generator) for generator in generators]
    if config.noise:
        starts = [with_noise(drawn_start, problem) for drawn_start in starts]
    if beside:
        starts.append(max(beside, key=lambda mixture: evaluate(ground, mixture).objective))
    if screen is None:
        runs = [run_em(problem, drawn_start) for drawn_start in starts]
        objectives = np.array([run.objective for run in runs])
    else:
        screened, objectives = run_em_from_each_start(ground, starts)
        runs = [run_em(problem, mixture) for mixture in finalists(problem, screened, objectives)]
    best = max(runs, key=lambda run: run.objective)
    n_died = config.n_components - best.mixture.n_components
    trace = replace(best.trace, restarts=objectives, screened=screen is not None, n_died=n_died)
    return compared(Fit(best.mixture, trace), data)


def compared(found: Fit, data: PreparedSamples) -> Fit:
    """Return a fit that also tells what one Gaussian alone would explain."""
    single_gaussian = single_gaussian_log_likelihood(data, found.mixture.covariance_type)
    return Fit(found.mixture, replace(found.trace, single_gaussian=single_gaussian))


@dataclass(frozen=True, eq=False)
class EMProblem:
    """All that stays the same during a climb."""

    data: PreparedSamples
    config: FitConfig
    log_prior: LogPrior | None = None
    prior: NormalInverseWishart | None = None
    n_components: int = 0  # K of the start, for the log prior


def run_em_from_each_start(problem: EMProblem, starts: Sequence[Mixture]) -> tuple[list[Mixture], Floats]:
    """Return the mixture that each start leads to, and their objectives (R,); many at once where that is the same."""
    mixtures, objectives = list(starts), np.full(len(starts), np.nan)
    config = problem.config
    n_most = max(start.n_components for start in starts)
    whole = [i for i, start in enumerate(starts) if start.n_components == n_most]
    is_plain = config.method == "em" and not config.noise and problem.prior is None
    if is_plain and problem.data.is_complete and len(whole) > 1:
        ends = run_em_batch(problem.data, config, [starts[i] for i in whole], least_mass_of(problem))
        for i, end in zip(whole, ends, strict=True):
            mixtures[i], objectives[i] = end.mixture, end.objective if end.is_over else np.nan
    for i, mixture in enumerate(mixtures):
        if np.isnan(objectives[i]):
            found = run_em(problem, mixture)
            mixtures[i], objectives[i] = found.mixture, found.objective
    return mixtures, objectives


def least_mass_of(problem: EMProblem) -> float:
    """Return the mass below which a component has died."""
    if problem.prior is not None:  # which tells what a component without samples is like
        return float(np.finfo(np.float64).tiny * problem.data.total_weight)
    return max(DEAD * problem.data.least_weight, 1e-12 * problem.data.total_weight)


def finalists(problem: EMProblem, mixtures: Sequence[Mixture], objectives: Floats) -> list[Mixture]:
    """Return the screened mixtures that go on: of the best that stand in different places, those best on all samples.

    The objectives (R,) are those on what stands for all samples.
    """
    tolerance = problem.config.tolerance
    apart: list[int] = []
    for i in np.argsort(-objectives, kind="stable"):
        if not apart or objectives[apart[-1]] - objectives[i] > SAME_OPTIMUM * tolerance:
            apart.append(int(i))
    scored = [(evaluate(problem, mixtures[i]).objective, mixtures[i]) for i in apart[: 2 * N_FINALISTS]]
    scored.sort(key=lambda pair: -pair[0])
    best = scored[0][0]
    return [mixture for objective, mixture in scored[:N_FINALISTS] if best - objective <= OUT_OF_REACH * tolerance]


def with_noise(mixture: Mixture, problem: EMProblem) -> Mixture:
    """Return the mixture with a uniform component over the bounding box of the data."""
    sides = np.sqrt(problem.data.variances)  # of a feature that does not vary, or that was never observed
    for d in range(len(sides)):
        rows = [part.centred[:, :][part.observed == d] for part in problem.data.parts if d in part.observed]
        low, high = min((row.min() for row in rows), default=0), max((row.max() for row in rows), default=0)
        sides[d] = high - low if high > low else sides[d]
    noise_weight = FIRST_NOISE
    return replace(mixture, weights=(1 - noise_weight) * mixture.weights, noise_weight=noise_weight, noise_sides=sides)


def run_em(problem: EMProblem, start: Mixture) -> Fit:
    """Alternate E-steps and M-steps from a start until the objective rises by less than the tolerance."""
    problem = replace(problem, n_components=start.n_components)
    data, config = problem.data, problem.config
    least_mass = least_mass_of(problem)
    mixture, survivors = start, np.arange(start.n_components)
    steps: list[Step] = []  # only the last holds its responsibilities
    path: list[SufficientStatistics] = []
    stop: Stop = "iteration limit"
    is_plain = False  # whether the last step was a plain one, whose gain tells of convergence
    while True:
        step = evaluate(problem, mixture, survivors, steps[-1].responsibilities if steps else None)
        gain = step.objective - steps[-1].objective if steps else np.inf
        steps[-1:] = [replace(last, responsibilities=None) for last in steps[-1:]]
        steps.append(step)
        if stop == "converged" or len(steps) > config.max_iterations:
            break
        if gain < config.tolerance and is_plain:
            stop = "converged"  # one more M-step, whose likelihood the next turn tells
        alive = step.statistics.mass >= least_mass
        if not alive.any():  # noise explains every sample: there is nothing to estimate a component from
            stop = "all noise"
            break
        survivors = survivors[alive]
        path = [*path, step.statistics] if alive.all() else []
        is_plain = bool(alive.all())
        may_leap = stop != "converged" and len(steps) < config.max_iterations  # a leap is a step more
        if config.acceleration and problem.log_prior is None and len(path) == 3 and may_leap:
            leapt = try_squarem_step(problem, path, start)
            ahead = None if leapt is None else evaluate(problem, leapt, survivors)
            if ahead and ahead.objective > step.objective and ahead.statistics.mass.max() >= least_mass:
                steps.append(ahead)
                step, is_plain = ahead, False
                alive = step.statistics.mass >= least_mass
                survivors = survivors[alive]
            path = [step.statistics] if alive.all() else []
        mixture = maximize(problem, step.statistics.only(alive), start)
    trace = FitTrace(
        log_likelihoods=np.array([step.log_likelihood for step in steps]),
        objectives=np.array([step.objective for step in steps]),
        stop=stop,
        restarts=np.empty(0),
        screened=False,
        n_died=start.n_components - mixture.n_components,
        collapsed=collapsed_components(mixture, data),
        survivors=tuple(int(k) + 1 for k in survivors),
        single_gaussian=np.nan,  # `fit` tells it once, not of every run
        noise_share=steps[-1].statistics.noise_mass / data.total_weight,
    )
    return Fit(mixture, trace)


def maximize(problem: EMProblem, statistics: SufficientStatistics, start: Mixture) -> Mixture:
    """Return the mixture that an M-step makes of statistics."""
    is_k_means = problem.config.method == "k-means"
    return m_step(
        statistics,
        "spherical" if is_k_means else start.covariance_type,
        prior=problem.prior,
        noise_sides=start.noise_sides,
        equal_weights=is_k_means,
    )


def try_squarem_step(problem: EMProblem, path: Sequence[SufficientStatistics], start: Mixture) -> Mixture | None:
    """Return the mixture that a leap along the path leads to, or None where it leads to none."""
    ahead = squarem_step(path, problem.data.variances)
    if ahead is None:
        return None
    mixture = maximize(problem, ahead, start)
    try:
        _ = mixture.inverse_factors
    except np.linalg.LinAlgError:
        return None
    return mixture


@dataclass(frozen=True, eq=False)
class Step:
    """What an E-step tells of a mixture."""

    statistics: SufficientStatistics
    log_likelihood: float  # nats per sample
    objective: float  # nats per sample
    responsibilities: Floats | None  # (N, K of the start), 0 for the dead, where the log prior asks for them


def evaluate(
    problem: EMProblem,
    mixture: Mixture,
    survivors: NDArray[np.intp] | None = None,
    responsibilities: Floats | None = None,
) -> Step:
    """Return the statistics, the average log-likelihood and the objective of a mixture.

    Parameters
    ----------
    problem : EMProblem
    mixture : Mixture
    survivors : ndarray of shape (K,), optional
        Which of the components of the start these are, for the log prior.
    responsibilities : ndarray of shape (N, K), optional
        From the step before, for the log prior; K as in the start.
    """
    data, is_hard = problem.data, problem.config.method != "em"
    log_prior, kept, given = None, None, None
    if problem.log_prior is not None:
        n_at_start = problem.n_components
        log_prior = checked(problem.log_prior(responsibilities), data.n_samples, n_at_start)
        log_prior = np.ascontiguousarray(log_prior.T)
        if survivors is not None and len(survivors) < len(log_prior):
            log_prior = log_prior[survivors]
        if has_noise(mixture):  # what is known of a sample is known whatever the noise
            log_prior = np.vstack([log_prior, np.where(np.isneginf(log_prior).any(axis=0), -np.inf, 0.0)])
        if problem.log_prior.uses_responsibilities:
            kept = np.empty((len(log_prior), data.n_samples))
    statistics = e_step(data, mixture, log_prior=log_prior, is_hard=is_hard, responsibilities=kept)
    total = statistics.total_weight
    objective = statistics.log_likelihood / total
    log_likelihood = objective + covariance_floor_cost(mixture, statistics.mass / total, data)
    if problem.prior is not None:
        objective += problem.prior.log_density(mixture) / total
    if kept is not None and survivors is not None:
        given = np.zeros((data.n_samples, n_at_start))
        given[:, survivors] = kept[: mixture.n_components].T
    return Step(statistics, log_likelihood, objective, given)
