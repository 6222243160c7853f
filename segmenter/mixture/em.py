"""Expectation maximization (EM): fit a mixture to samples, and return how the fit went.

Inside this layer, responsibilities, log joint densities and log priors of N samples are arrays of shape (K, N), a row
for each component, as the matrix products of the E-step make them. The public functions, and the log priors that
callers give, use (N, K).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmenter.arrays import Floats, Samples, freeze, to_samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.acceleration import squarem_step
from segmenter.mixture.batched_em import BatchedRun, run_em_batch
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import PreparedSamples, dither, prepare_for_fit
from segmenter.mixture.diagnostics import (
    covariance_floor_cost,
    find_collapsed_components,
    single_gaussian_log_likelihood,
)
from segmenter.mixture.e_step import SufficientStatistics, e_step
from segmenter.mixture.initialization import initialize, to_k_means
from segmenter.mixture.lazy_samples import LazySamples
from segmenter.mixture.log_prior import LogPrior, check_log_prior
from segmenter.mixture.m_step import NormalInverseWishart, m_step
from segmenter.mixture.model import Mixture, has_noise, reorder
from segmenter.mixture.screening import build_screening_subset
from segmenter.mixture.validation import check_start

Stop: TypeAlias = Literal["converged", "iteration limit", "all noise", "rounding"]
Verdict: TypeAlias = Literal["converged", "iteration limit", "all noise", "rounding", "degenerate", "suspicious"]

N_FINALISTS = 2
"""Screened runs that continue on all samples."""

SAME_OPTIMUM = 10
"""Mixtures whose objectives differ by less than this multiple of the tolerance count as the same optimum."""

MAX_FINALIST_GAP = 500
"""A finalist behind the best by more than this multiple of the tolerance is dropped; on 50 photos, 2 of 15 such
finalists would have won."""

SUSPICIOUS_GAIN = 1e-3
"""Nats per sample by which several components must explain the samples better than a single Gaussian does."""

DEAD_MASS = 1e-6
"""A component has died when its mass is below this fraction of the weight of the lightest sample …"""

DEAD_SHARE = 1e-12
"""… or below this fraction of the total weight, which is the larger one for millions of samples."""

MAX_FALL = 1e-12
"""By this share of its size, and by as many nats, the objective may fall from one step to the next: rounding."""

INITIAL_NOISE_WEIGHT = 0.05
"""Weight of the noise component in a drawn start."""

ALL_NOISE_SHARE = 0.99
"""If the noise takes this share of the samples, too little is left to estimate components from."""


@dataclass(frozen=True, eq=False)
class FitTrace:
    """How a fit went; all likelihoods and objectives are in nats per sample.

    The curves of likelihoods and objectives are those of the whole climb of the best start. If starts were screened on
    the cells of a grid, they begin on the cells, whose objective is a lower bound of that of the samples; if they were
    screened on samples drawn at random, whose objective does not compare, all its steps there count as one.
    """

    log_likelihoods: Floats  # (n_iterations + 1,), average log-likelihood before each M-step and at the end
    objectives: Floats  # (n_iterations + 1,), the same for blurred samples, plus any log prior; see `fit`
    stop: Stop
    restarts: Floats  # (R,), final objective of each start, on the screening subset if there was one; may be empty
    screened: bool  # whether the starts were compared on a screening subset
    n_died: int  # components that lost all their mass and were removed
    collapsed: tuple[int, ...]  # 1…K, components whose variance in some direction is that of the covariance floor
    survivors: tuple[int, ...]  # for each of the final components, its number in the start, 1…K of the start
    single_gaussian: float  # log-likelihood of a single Gaussian of the same family
    noise_share: float = 0.0  # share of the samples that are noise, 0 to 1
    n_screening_iterations: int = 0  # of the iterations, the first ones, which were made on the screening subset
    has_fixed_objective: bool = True  # False with a log prior that uses responsibilities, or a threshold: may fall

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze(self, "log_likelihoods", "objectives", "restarts")

    @property
    def n_iterations(self) -> int:
        """Return the number of M-steps, those of the screening included."""
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

        "all noise": the noise took 99 % of the samples or more. "suspicious": several components explain the samples no
        better than a single Gaussian of the same family. "degenerate": some components died or collapsed. Otherwise,
        why the fit stopped.
        """
        if self.noise_share >= ALL_NOISE_SHARE:
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


@dataclass(frozen=True, eq=False)
class EMProblem:
    """Everything that stays the same during a run of EM."""

    data: PreparedSamples
    config: FitConfig
    log_prior: LogPrior | None = None
    prior: NormalInverseWishart | None = None
    n_components: int = 0  # K of the start, for the log prior; 0 = that of the mixture
    on_iteration: Callable[[], None] | None = None  # called after each M-step and its evaluation

    @property
    def has_fixed_objective(self) -> bool:
        """Whether all steps climb the same objective, one that does not depend on the responsibilities before."""
        is_fixed = self.log_prior is None or not self.log_prior.uses_responsibilities
        return is_fixed and self.config.threshold == 0


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an E-step: how well a mixture explains the samples, and what the next M-step needs."""

    mixture: Mixture
    statistics: SufficientStatistics
    log_likelihood: float  # nats per sample
    objective: float  # nats per sample
    responsibilities: Floats | None  # (K of the start, N), 0 for dead components; only if the log prior uses them


# ---- fits ----------------------------------------------------------------------------------------------------------


def fit(  # noqa: PLR0913  # the public interface: samples, options, and each kind of prior knowledge
    samples: Samples | LazySamples | ArrayLike,
    config: FitConfig,
    start: Mixture | None = None,
    *,
    log_prior: LogPrior | None = None,
    prior: NormalInverseWishart | None = None,
    extra_starts: Sequence[Mixture] = (),
    error: float = 0.0,
    on_iteration: Callable[[], None] | None = None,
) -> Fit:
    """Fit a mixture, from a given start or from the best of several drawn ones.

    Drawn starts are screened: each runs to convergence on some thousand cells or samples that represent all of them,
    and only the best few continue on all samples. If there are few samples anyway, or only one start, every start runs
    on all of them.

    The objective never falls by more than rounding, 1e-12 of its size (`MAX_FALL`). A step that would lower it further
    is undone and the last one: rounding outweighs what it gains, as with outliers at the limits of float64. There are
    two exceptions. A component whose mass falls below a millionth of the weight of the lightest sample
    (`DEAD_MASS`) has died; it is removed and counted in the trace, and this lowers the objective by no more than a
    millionth of a nat. And a log prior that uses responsibilities makes the objective another one in each step: it may
    fall, and EM has converged when two steps in a row change it by less than the tolerance, up or down.

    Parameters
    ----------
    samples : Samples, LazySamples, or array of shape (N, D) or (N,)
        At least as many distinct ones as components; those of an array weigh 1 each. NaN marks missing values, which
        are integrated out.
    config : FitConfig
        If a start is given, its number of components, covariance type and noise replace those of the configuration,
        and nothing is drawn.
    start : Mixture, optional
        The mixture to start from.
    log_prior : LogPrior, optional
        What is known about the component of each sample, see `segmenter.mixture.log_prior`.
    prior : NormalInverseWishart, optional
        Conjugate prior on means and covariances; the fit is then a maximum a posteriori one.
    extra_starts : sequence of Mixture
        The best of these, as they are, is used as one more start in addition to those that are drawn.
    error : float, at least 0
        Standard deviation of a Gaussian error that each feature of each sample is taken to have, relative to the root
        mean variance of the features.
    on_iteration : callable, optional
        Called without arguments after each iteration, of the screening too; whoever waits can be shown that it goes on.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidArgumentError
        There are fewer samples than components to draw; or the start, the prior or the log prior is not valid for these
        samples.
    """
    samples = samples if isinstance(samples, LazySamples) else to_samples(samples)
    check_fit_arguments(samples, config, start, prior)
    family = config.covariance_type if start is None else start.covariance_type
    noise = config.noise if start is None else bool(has_noise(start))
    data = prepare_for_fit(samples, replace(config, covariance_type=family, noise=noise))
    if error:
        data = dither(data, np.full_like(data.variances, error**2 * data.variances.mean()))
    problem = EMProblem(data, config, log_prior, prior, on_iteration=on_iteration)
    if start is None:
        found = fit_from_drawn_starts(problem, extra_starts)
    else:
        found = run_em(problem, to_k_means(start) if config.method == "k-means" else start)
    single_gaussian = single_gaussian_log_likelihood(data, found.mixture.covariance_type)
    return Fit(found.mixture, replace(found.trace, single_gaussian=single_gaussian))


def evaluate_starts(samples: Samples, config: FitConfig, starts: Sequence[Mixture] | None = None) -> Fit:
    """Return the best of given or drawn starts as it is, as a fit without any iteration."""
    data = prepare_for_fit(samples, config)
    if starts is None:
        generators = [np.random.default_rng([config.seed, restart]) for restart in range(config.restarts)]
        starts = [initialize(data, config, generator) for generator in generators]
    evaluations = [evaluate(EMProblem(data, config), start) for start in starts]
    objectives = np.array([evaluation.objective for evaluation in evaluations])
    best = int(objectives.argmax())
    mixture = starts[best]
    trace = FitTrace(
        log_likelihoods=np.array([evaluations[best].log_likelihood]),
        objectives=objectives[best : best + 1],
        stop="iteration limit",
        restarts=objectives,
        screened=False,
        n_died=0,
        collapsed=find_collapsed_components(mixture, data),
        survivors=tuple(range(1, mixture.n_components + 1)),
        single_gaussian=single_gaussian_log_likelihood(data, mixture.covariance_type),
    )
    return Fit(mixture, trace)


def check_fit_arguments(
    samples: Samples | LazySamples, config: FitConfig, start: Mixture | None, prior: NormalInverseWishart | None
) -> None:
    """Raise InvalidArgumentError unless a start, or the number to draw, and a prior go with the samples."""
    if not isinstance(config, FitConfig):
        raise InvalidArgumentError("config", f"is {config!r}; give FitConfig(n_components=K)")
    n_samples, n_features = (samples.values if isinstance(samples, Samples) else samples.rows).shape
    if prior is not None and len(prior.mean) != n_features:
        raise InvalidArgumentError("prior", f"has {len(prior.mean)} features, but the samples have {n_features}")
    if start is not None:
        check_start(start, n_features)
    elif n_samples < config.n_components:
        raise InvalidArgumentError("n_components", f"is {config.n_components}, but there are {n_samples} samples")


def fit_from_drawn_starts(problem: EMProblem, extra_starts: Sequence[Mixture]) -> Fit:
    """Return the best of the runs from drawn starts and the best extra start, see `fit`."""
    config = problem.config
    n_starts = config.restarts + bool(extra_starts)
    can_screen = problem.log_prior is None and n_starts > 1
    subset = build_screening_subset(problem.data, config) if can_screen else None
    screening = problem if subset is None else replace(problem, data=subset)
    generators = [np.random.default_rng([config.seed, restart]) for restart in range(config.restarts)]
    starts = [initialize(screening.data, config, generator) for generator in generators]
    if config.noise:
        starts = [add_noise(drawn_start, problem) for drawn_start in starts]
    if extra_starts:
        starts.append(max(extra_starts, key=lambda mixture: evaluate(screening, mixture).objective))
    if subset is None:
        runs = [run_em(problem, drawn_start) for drawn_start in starts]
        objectives = np.array([run.objective for run in runs])
    else:
        screened = run_em_from_each_start(screening, starts)
        objectives = np.array([run.objective for run in screened])
        finalists = choose_finalists(problem, [run.mixture for run in screened], objectives)
        runs = [continue_run(problem, subset, starts[i], screened[i]) for i in finalists]
    best = max(runs, key=lambda run: run.objective)
    n_died = config.n_components - best.mixture.n_components
    trace = replace(best.trace, restarts=objectives, screened=subset is not None, n_died=n_died)
    return Fit(best.mixture, trace)


def add_noise(mixture: Mixture, problem: EMProblem) -> Mixture:
    """Return the mixture with a uniform noise component over the bounding box of the data."""
    sides = np.sqrt(problem.data.variances)  # kept for features that are constant or were never observed
    for d in range(len(sides)):
        rows = [group.centred[:, :][group.observed == d] for group in problem.data.groups if d in group.observed]
        low, high = min((row.min() for row in rows), default=0), max((row.max() for row in rows), default=0)
        sides[d] = high - low if high > low else sides[d]
    noise_weight = INITIAL_NOISE_WEIGHT
    return replace(mixture, weights=(1 - noise_weight) * mixture.weights, noise_weight=noise_weight, noise_sides=sides)


def run_em_from_each_start(problem: EMProblem, starts: Sequence[Mixture]) -> list[BatchedRun]:
    """Return the run of EM from each start, in a batch where that gives the same; without a log prior."""
    config = problem.config
    max_components = max(start.n_components for start in starts)
    batch = [i for i, start in enumerate(starts) if start.n_components == max_components]
    is_plain_em = config.method == "em" and not config.noise and problem.prior is None
    is_plain_em = is_plain_em and problem.data.terms not in ("shared", "whitened")
    runs: dict[int, BatchedRun] = {}
    if is_plain_em and problem.data.is_complete and len(batch) > 1:
        batch_starts = [starts[i] for i in batch]
        found = run_em_batch(problem.data, config, batch_starts, compute_min_mass(problem), problem.on_iteration)
        runs = dict(zip(batch, found, strict=True))
    for i, start in enumerate(starts):
        if i not in runs:
            runs[i] = run_on_its_own(problem, start)
        elif not runs[i].is_finished:
            rest = run_on_its_own(problem, runs[i].mixture)
            log_likelihoods = np.append(runs[i].log_likelihoods[:-1], rest.log_likelihoods)
            objectives = np.append(runs[i].objectives[:-1], rest.objectives)
            runs[i] = BatchedRun(rest.mixture, log_likelihoods, objectives, is_finished=True)
    return [runs[i] for i in range(len(starts))]


def run_on_its_own(problem: EMProblem, start: Mixture) -> BatchedRun:
    """Return a run of EM that is not part of a batch, as if it were."""
    found = run_em(problem, start)
    return BatchedRun(found.mixture, found.trace.log_likelihoods, found.trace.objectives, is_finished=True)


def choose_finalists(problem: EMProblem, mixtures: Sequence[Mixture], objectives: Floats) -> list[int]:
    """Return the indices of the screened mixtures that continue on all samples, best first.

    Of mixtures at the same optimum only one is a candidate. The candidates of the highest objectives are evaluated on
    all samples, and the best of these continue.

    Parameters
    ----------
    problem : EMProblem
        With all samples.
    mixtures : sequence of Mixture
    objectives : ndarray of shape (R,)
        Of the mixtures on the screening subset, nats per sample.
    """
    tolerance = problem.config.tolerance
    candidates: list[int] = []
    for i in np.argsort(-objectives, kind="stable"):
        if not candidates or objectives[candidates[-1]] - objectives[i] > SAME_OPTIMUM * tolerance:
            candidates.append(int(i))
    scored = [(evaluate(problem, mixtures[i]).objective, i) for i in candidates[: 2 * N_FINALISTS]]
    scored.sort(key=lambda pair: -pair[0])
    best = scored[0][0]
    return [i for objective, i in scored[:N_FINALISTS] if best - objective <= MAX_FINALIST_GAP * tolerance]


def continue_run(problem: EMProblem, subset: PreparedSamples, start: Mixture, screened: BatchedRun) -> Fit:
    """Continue a screened run on all samples, and return it with the climb from its start.

    On the cells of a grid, which carry the weight of all samples, the objective is a lower bound of that of the same
    mixture on the samples. So the climb on the cells goes before the other; its end is where that begins. Of a run on
    drawn samples only the start is comparable, once it is evaluated on all samples.
    """
    found = run_em(problem, screened.mixture)
    if subset.total_weight == problem.data.total_weight:
        log_likelihoods, objectives = screened.log_likelihoods[:-1], screened.objectives[:-1]
    else:
        evaluation = evaluate(problem, start)
        log_likelihoods, objectives = np.array([evaluation.log_likelihood]), np.array([evaluation.objective])
    objectives = np.append(np.maximum.accumulate(objectives), found.trace.objectives)  # but for rounding, they rise
    trace = replace(
        found.trace,
        log_likelihoods=np.append(log_likelihoods, found.trace.log_likelihoods),
        objectives=objectives,
        n_screening_iterations=len(log_likelihoods),
    )
    return Fit(found.mixture, trace)


# ---- a run of EM ---------------------------------------------------------------------------------------------------


def run_em(problem: EMProblem, start: Mixture) -> Fit:
    """Alternate E-steps and M-steps from a start until the objective rises by less than the tolerance.

    Each turn of the loop begins with a mixture that an E-step has evaluated. It removes the components that have died,
    makes an M-step, and evaluates the result with the next E-step. With acceleration, a SQUAREM step is tried after
    every two M-steps, from the three evaluations around them; if it raises the objective, it is taken before the next
    M-step and counts as one more iteration.

    An M-step is *plain* if no component was removed and no SQUAREM step was taken just before it. EM has converged when
    a plain M-step raises the objective by less than the tolerance. One last turn then removes components that have just
    died, makes an M-step and evaluates it. An M-step that lowers the objective is undone, and the run ends.

    Parameters
    ----------
    problem : EMProblem
    start : Mixture

    Returns
    -------
    Fit
        Without the log-likelihood of a single Gaussian (NaN), which `fit` computes only once.
    """
    problem = replace(problem, n_components=start.n_components)
    config, min_mass = problem.config, compute_min_mass(problem)
    can_accelerate = config.acceleration and problem.log_prior is None and config.threshold == 0
    survivors = np.arange(start.n_components)  # indices of the components in the start
    evaluation = evaluate(problem, start, survivors)
    history = [without_responsibilities(evaluation)]  # one entry more than iterations
    path: list[Evaluation] = []  # up to three in a row, one M-step apart and without removals, to extrapolate
    stop: Stop | None = None
    is_plain = False  # whether the last M-step was
    while stop is None and len(history) <= config.max_iterations:
        has_converged = is_plain and has_settled(problem, history)
        is_alive = evaluation.statistics.mass >= min_mass
        if not is_alive.any():  # the noise explains every sample, and nothing is left to estimate components from
            stop = "all noise"
            break
        is_plain = bool(is_alive.all())
        path = [*path, evaluation] if is_plain and can_accelerate else []
        if len(path) == 3 and not has_converged and len(history) < config.max_iterations:
            accelerated = try_squarem_step(problem, path, start, survivors)
            if accelerated is not None:
                evaluation, is_plain = accelerated, False
                history.append(evaluation)
                is_alive = evaluation.statistics.mass >= min_mass
            path = [evaluation] if is_alive.all() else []
        mixture = run_m_step(problem, evaluation.statistics.select(is_alive), start)
        following = evaluate(problem, mixture, survivors[is_alive], evaluation.responsibilities)
        stop = "converged" if has_converged else None
        if is_alive.all() and falls(problem, evaluation, following):
            stop = "converged" if evaluation.objective - following.objective < config.tolerance else "rounding"
            following = evaluation
        survivors, evaluation = survivors[is_alive], following
        history.append(without_responsibilities(evaluation))
        if problem.on_iteration is not None:
            problem.on_iteration()
    trace = FitTrace(
        log_likelihoods=np.array([each.log_likelihood for each in history]),
        objectives=np.array([each.objective for each in history]),
        stop=stop or "iteration limit",
        restarts=np.empty(0),
        screened=False,
        n_died=start.n_components - len(survivors),
        collapsed=find_collapsed_components(evaluation.mixture, problem.data),
        survivors=tuple(int(k) + 1 for k in survivors),
        single_gaussian=np.nan,
        noise_share=evaluation.statistics.noise_mass / problem.data.total_weight,
        has_fixed_objective=problem.has_fixed_objective,
    )
    return Fit(evaluation.mixture, trace)


def has_settled(problem: EMProblem, history: Sequence[Evaluation]) -> bool:
    """Return whether the last step changed the objective by less than the tolerance; if it may fall, the last two."""
    gains = np.diff([evaluation.objective for evaluation in history[-3:]])
    if problem.has_fixed_objective:
        return bool(gains[-1] < problem.config.tolerance)
    return len(gains) == 2 and bool((np.abs(gains) < problem.config.tolerance).all())


def falls(problem: EMProblem, before: Evaluation, after: Evaluation) -> bool:
    """Return whether a step lowers an objective that never falls, by more than rounding."""
    max_fall = MAX_FALL * (1 + abs(before.objective))
    return problem.has_fixed_objective and before.objective - after.objective > max_fall


def compute_min_mass(problem: EMProblem) -> float:
    """Return the mass below which a component has died."""
    if problem.prior is not None:  # the prior says what a component without samples is like, so hardly any mass will do
        return float(np.finfo(np.float64).tiny * problem.data.total_weight)
    return max(DEAD_MASS * problem.data.min_weight, DEAD_SHARE * problem.data.total_weight)


def without_responsibilities(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation that does not keep the K×N responsibilities in memory."""
    return evaluation if evaluation.responsibilities is None else replace(evaluation, responsibilities=None)


def run_m_step(problem: EMProblem, statistics: SufficientStatistics, start: Mixture) -> Mixture:
    """Return the mixture that the M-step of the configured method makes of statistics, of the family of the start."""
    is_k_means = problem.config.method == "k-means"
    return m_step(
        statistics,
        "spherical" if is_k_means else start.covariance_type,
        prior=problem.prior,
        noise_sides=start.noise_sides,
        equal_weights=is_k_means,
    )


def try_squarem_step(
    problem: EMProblem, path: Sequence[Evaluation], start: Mixture, survivors: NDArray[np.intp]
) -> Evaluation | None:
    """Return the evaluation of the mixture that SQUAREM extrapolates to, or None unless it raises the objective.

    Parameters
    ----------
    problem : EMProblem
    path : sequence of 3 Evaluation
        In a row, one M-step apart and without removals, so that the components are the same.
    start : Mixture
    survivors : ndarray of shape (K,)
        See `evaluate`.
    """
    statistics = squarem_step([evaluation.statistics for evaluation in path], problem.data.variances)
    if statistics is None:
        return None
    mixture = run_m_step(problem, statistics, start)
    try:
        _ = mixture.inverse_factors
    except np.linalg.LinAlgError:  # a covariance is not positive definite
        return None
    accelerated = evaluate(problem, mixture, survivors)
    is_alive = accelerated.statistics.mass.max() >= compute_min_mass(problem)
    return accelerated if is_alive and accelerated.objective > path[-1].objective else None


def evaluate(
    problem: EMProblem,
    mixture: Mixture,
    survivors: NDArray[np.intp] | None = None,
    responsibilities: Floats | None = None,
) -> Evaluation:
    """Return the statistics, the average log-likelihood and the objective of a mixture.

    Parameters
    ----------
    problem : EMProblem
    mixture : Mixture
    survivors : ndarray of shape (K,), optional
        Index of each component in the start, from 0, for the log prior; None = all components of the start are left.
    responsibilities : ndarray of shape (K of the start, N), optional
        Of the E-step before, for the log prior.
    """
    data = problem.data
    log_prior, new_responsibilities = None, None
    if problem.log_prior is not None:
        log_prior = compute_log_prior(problem, problem.log_prior, mixture, survivors, responsibilities)
        if problem.log_prior.uses_responsibilities:
            new_responsibilities = np.empty((len(log_prior), data.n_samples))
    is_hard = problem.config.method != "em"
    statistics = e_step(
        data,
        mixture,
        log_prior=log_prior,
        is_hard=is_hard,
        responsibilities=new_responsibilities,
        threshold=problem.config.threshold,
    )
    total = statistics.total_weight
    objective = statistics.log_likelihood / total
    log_likelihood = objective + covariance_floor_cost(mixture, statistics.mass / total, data, statistics.sums)
    if problem.prior is not None:
        objective += problem.prior.log_density(mixture) / total
    of_start = None  # the responsibilities of all components of the start
    if new_responsibilities is not None and survivors is not None:
        of_start = np.zeros((problem.n_components, data.n_samples))
        of_start[survivors] = new_responsibilities[: mixture.n_components]
    return Evaluation(mixture, statistics, log_likelihood, objective, of_start)


def compute_log_prior(
    problem: EMProblem,
    log_prior: LogPrior,
    mixture: Mixture,
    survivors: NDArray[np.intp] | None,
    responsibilities: Floats | None,
) -> Floats:
    """Return the log prior of the components of a mixture, (K, N) or (K, 1), with noise one row more.

    A caller's log prior knows the components of the start and arrays of shape (N, K); the other arguments are those of
    `evaluate`.
    """
    n_components = problem.n_components or mixture.n_components
    previous = None if responsibilities is None else np.ascontiguousarray(responsibilities.T)
    values = check_log_prior(log_prior(previous), problem.data.n_samples, n_components)
    nats = np.ascontiguousarray(values.T)
    if survivors is not None and len(survivors) < len(nats):
        nats = nats[survivors]
    if has_noise(mixture):  # a sample with forbidden components belongs to one of the others, so it is not noise
        nats = np.vstack([nats, np.where(np.isneginf(nats).any(axis=0), -np.inf, 0.0)])
    return nats
