"""The number of components: criteria that weigh the likelihood of a fit against its size, and rules that use them.

BIC, AIC and ICL are in nats, on the scale of deviances, −2 log L + a penalty: **lower is better**. Log-likelihoods,
including held-out ones, are in nats per sample: **higher is better**. All assume independent samples, such as the rows
of a table. Pixels are not independent; for pictures, see `segmenter.segmentation.n_segments`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from segmenter.arrays import Bools, Floats, Samples, to_floats, to_samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import FitConfig
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import iterate_log_joint, normalize_in_place, score_samples
from segmenter.mixture.initialization import split_each_component
from segmenter.mixture.model import Mixture, n_parameters
from segmenter.mixture.validation import to_mixture

Rule: TypeAlias = Literal["bic", "aic", "icl", "held-out"]

RULES: tuple[Rule, ...] = get_args(Rule)

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Selection:
    """How a number of components was chosen."""

    rule: str  # in words, for messages and figures
    n_components: int  # the K chosen
    log_likelihoods: Floats  # (Kmax,), L(K) for K = 1…Kmax, nats per sample
    criterion: Floats  # (Kmax,), what the rule maximizes, nats per sample: largest at the K chosen


@dataclass(frozen=True, eq=False)
class SelectionTable:
    """All criteria of the fits with 1…Kmax components, at index K − 1; NaN where a criterion was not computed."""

    n_parameters: Floats  # (Kmax,)
    log_likelihood: Floats  # (Kmax,), average, nats per sample; higher is better
    bic: Floats  # (Kmax,), nats; lower is better
    aic: Floats  # (Kmax,), nats; lower is better
    icl: Floats  # (Kmax,), nats; lower is better
    held_out: Floats  # (Kmax,), average over samples that the fit did not see, nats per sample; higher is better
    is_sound: Bools  # (Kmax,), whether no component died or collapsed; otherwise the likelihood means nothing

    @property
    def n_components(self) -> tuple[int, ...]:
        """1…Kmax."""
        return tuple(range(1, len(self.bic) + 1))


# ---- criteria of one fit -------------------------------------------------------------------------------------------


def bic(found: Fit | Mixture, samples: Samples | ArrayLike) -> float:
    """Return the Bayesian information criterion, in nats; lower is better (Schwarz 1978).

    Parameters
    ----------
    found : Fit or Mixture
    samples : Samples, array of shape (N, D) or (N,), or float
        The samples to be explained. For a fit to the samples, N is enough, the sum of their weights, positive.
    """
    log_likelihood, total_weight = _measure_fit(found, samples)
    return compute_bic(to_mixture(found), log_likelihood, total_weight)


def aic(found: Fit | Mixture, samples: Samples | ArrayLike) -> float:
    """Return Akaike's information criterion, in nats; lower is better (Akaike 1974); arguments as for `bic`."""
    return compute_aic(to_mixture(found), _measure_fit(found, samples)[0])


def compute_bic(mixture: Mixture, log_likelihood: float, total_weight: float) -> float:
    """Return −2 log L + p log N from the log-likelihood of N samples, log L, in nats."""
    return -2.0 * log_likelihood + n_parameters(mixture) * float(np.log(total_weight))


def compute_aic(mixture: Mixture, log_likelihood: float) -> float:
    """Return −2 log L + 2 p from the log-likelihood of all samples, log L, in nats."""
    return -2.0 * log_likelihood + 2.0 * n_parameters(mixture)


def icl(found: Fit, samples: Samples | ArrayLike) -> float:
    """Return the integrated completed likelihood, BIC + 2 × entropy, in nats; lower is better (Biernacki et al. 2000).

    The entropy of the responsibilities, −Σ_n w_n Σ_k r_nk log r_nk, penalizes components that overlap.
    """
    samples = to_samples(samples)
    return bic(found, float(samples.weights.sum())) + 2 * assignment_entropy(found.mixture, samples)


def assignment_entropy(mixture: Mixture, samples: Samples) -> float:
    """Return the entropy of the responsibilities, summed over the weighted samples, in nats; at least 0."""
    total = 0.0
    for rows, joint in iterate_log_joint(mixture, samples.values):
        normalize_in_place(joint)
        joint *= np.log(np.where(joint > 0, joint, 1.0))  # 0 log 0 = 0
        total -= float(joint.sum(axis=0) @ samples.weights[rows])
    return max(total, 0.0)


def average_log_likelihood(mixture: Mixture, samples: Samples) -> float:
    """Return the weighted mean of the log density of samples, in nats per sample."""
    return float(samples.weights @ score_samples(mixture, samples.values)) / float(samples.weights.sum())


def _measure_fit(found: Fit | Mixture, samples: Samples | ArrayLike) -> tuple[float, float]:
    """Return the log-likelihood of samples, in nats, and their weight; see `bic`."""
    if isinstance(samples, Samples) or np.ndim(samples) > 0:
        given = to_samples(samples)
        total_weight = float(given.weights.sum())
        return total_weight * average_log_likelihood(to_mixture(found), given), total_weight
    total_weight = float(to_floats("total_weight", samples))
    if not 0 < total_weight < np.inf:
        raise InvalidArgumentError("total_weight", f"is {samples}; give the samples, or the sum of their weights")
    if not isinstance(found, Fit):
        raise InvalidArgumentError("samples", f"are the number {samples}, which is enough for a Fit only; give samples")
    return total_weight * float(found.trace.log_likelihoods[-1]), total_weight


# ---- likelihood of samples that the fit did not see ----------------------------------------------------------------


def held_out_log_likelihood(
    samples: Samples, config: FitConfig, *, n_folds: int = N_FOLDS, start: Mixture | None = None
) -> float:
    """Return the cross-validated average log-likelihood, in nats per sample; higher is better (Smyth 2000).

    Parameters
    ----------
    samples : Samples
        If all weights are whole numbers, a sample of weight w counts as w rows, which are dealt to the folds one by
        one, so that weighting a sample and repeating it are the same. Otherwise a sample goes to one fold with all its
        weight.
    config : FitConfig
        Its seed also deals the samples: the folds are the same for every K.
    n_folds : int, at least 2
    start : Mixture, optional
        Start of the fits of all folds, instead of drawn ones. Starting from the fit to all samples saves nine tenths of
        the time, but is meant for very many samples: with few, that fit has seen the held-out ones, and the criterion
        chooses too large a K.

    Returns
    -------
    float
        NaN if there is only one sample, or if some fold leaves fewer distinct samples than components.
    """
    if n_folds < 2:
        raise InvalidArgumentError("n_folds", f"is {n_folds}; give a whole number from 2")
    total = mass = 0.0
    for seen, unseen in _iterate_folds(samples, n_folds, np.random.default_rng(config.seed)):
        if _count_distinct(seen, config.n_components) < config.n_components:
            return float("nan")
        mixture = fit(seen, config, start).mixture
        total += average_log_likelihood(mixture, unseen) * float(unseen.weights.sum())
        mass += float(unseen.weights.sum())
    return total / mass if mass > 0 else float("nan")


def _iterate_folds(samples: Samples, n_folds: int, generator: np.random.Generator) -> Iterator[tuple[Samples, Samples]]:
    """Yield the samples to fit and the held-out ones of each fold; folds without either are left out."""
    weights = samples.weights
    if (weights == np.rint(weights)).all():
        dealt = generator.multinomial(weights.astype(np.int64), np.full(n_folds, 1 / n_folds)).astype(np.float64)
    else:
        fold = generator.permutation(len(weights)) % n_folds
        dealt = weights[:, None] * (fold[:, None] == np.arange(n_folds))
    for unseen in dealt.T:
        seen = weights - unseen
        if unseen.any() and seen.any():
            yield _reweight(samples, seen), _reweight(samples, unseen)


def _reweight(samples: Samples, weights: Floats) -> Samples:
    """Return the samples with other weights, (N,), without those of weight 0."""
    chosen = weights > 0
    return Samples(samples.values[chosen], weights[chosen])


def _count_distinct(samples: Samples, limit: int) -> int:
    """Return the number of distinct samples, or `limit` if there are more; often the first few samples suffice."""
    if len(np.unique(samples.values[: 4 * limit], axis=0)) >= limit:
        return limit
    return min(limit, len(np.unique(samples.values, axis=0)))


# ---- tables and rules ----------------------------------------------------------------------------------------------


def selection_table(  # noqa: PLR0913  # the public interface
    samples: Samples | ArrayLike,
    config: FitConfig,
    max_components: int,
    *,
    n_folds: int | None = N_FOLDS,
    shared_folds: bool = False,
    on_fit: Callable[[], None] | None = None,
) -> SelectionTable:
    """Fit 1…Kmax components and return all criteria of each fit.

    Parameters
    ----------
    samples : Samples, or array of shape (N, D) or (N,)
    config : FitConfig
        Its number of components is ignored.
    max_components : int, at least 1
        Kmax; at most the number of distinct samples is tried.
    n_folds : int, optional
        Of the held-out log-likelihood; None leaves that out, which takes a sixth of the time.
    shared_folds : bool
        Whether the fits of the folds start from the fit to all samples, see `held_out_log_likelihood`.
    on_fit : callable, optional
        Called without arguments when all criteria of another number of components are known.

    Returns
    -------
    SelectionTable

    Raises
    ------
    InvalidArgumentError
        `max_components` is below 1, or the method of the configuration has no likelihood to compare.
    """
    if max_components < 1:
        raise InvalidArgumentError("max_components", f"is {max_components}; give a whole number from 1")
    if config.method != "em":
        raise InvalidArgumentError("method", f"is {config.method!r}, which maximizes no likelihood; give em")
    samples = to_samples(samples)
    total_weight = float(samples.weights.sum())
    rows = []
    for k, found in enumerate(fit_incrementally(samples, config, _count_distinct(samples, max_components)), start=1):
        config_k, start = replace(config, n_components=k), found.mixture if shared_folds else None
        held_out = (
            np.nan if n_folds is None else held_out_log_likelihood(samples, config_k, n_folds=n_folds, start=start)
        )
        rows.append(
            (
                n_parameters(found.mixture),
                float(found.trace.log_likelihoods[-1]),
                bic(found, total_weight),
                aic(found, total_weight),
                icl(found, samples),
                held_out,
                is_sound(found),
            )
        )
        if on_fit is not None:
            on_fit()
    *criteria, sound = np.array(rows, dtype=np.float64).T
    return SelectionTable(*[*criteria, sound > 0])


def fit_incrementally(samples: Samples, config: FitConfig, max_components: int) -> Iterator[Fit]:
    """Yield the fits with K = 1…Kmax components.

    Each fit also starts from the one before with a component split, so that a lack of good starts never makes K
    components explain the samples worse than K − 1.
    """
    extra_starts: Sequence[Mixture] = ()
    min_objective = -np.inf
    for k in range(1, max_components + 1):
        config_k = replace(config, n_components=k)
        found = fit(samples, config_k, extra_starts=extra_starts)
        if found.objective < min_objective:  # a worse start seemed better on the screening subset
            start = max(extra_starts, key=lambda start: average_log_likelihood(start, samples))
            found = max(found, fit(samples, config_k, start), key=lambda found: found.objective)
        if config.method == "em":
            extra_starts, min_objective = split_each_component(found.mixture), found.objective
        yield found


def is_sound(found: Fit) -> bool:
    """Return whether no component died or collapsed; a single component is always sound."""
    return found.mixture.n_components == 1 or not (found.trace.n_died or found.trace.collapsed)


def choose(table: SelectionTable, rule: Rule, *, sound_only: bool = True) -> int:
    """Return the number of components that a rule chooses; the smallest if several are equally good.

    Parameters
    ----------
    table : SelectionTable
    rule : {"bic", "aic", "icl", "held-out"}
        The smallest BIC, AIC or ICL, or the largest held-out log-likelihood.
    sound_only : bool
        Compare only fits in which no component died or collapsed. The likelihood of the others is as high as the
        covariance floor lets it be, so that they would often win. False is for the pixels of pictures, where flat areas
        make such components normal.

    Raises
    ------
    InvalidArgumentError
        There is no such rule, its criterion was not computed, or no fit that it was computed for is sound.
    """
    if rule not in RULES:
        raise InvalidArgumentError("rule", f"is {rule!r}; give one of {', '.join(RULES)}")
    costs = {"bic": table.bic, "aic": table.aic, "icl": table.icl, "held-out": -table.held_out}[rule]
    if np.isnan(costs).all():
        raise InvalidArgumentError("rule", f"is {rule!r}, but the table was made without it; give n_folds")
    if sound_only:
        costs = np.where(table.is_sound, costs, np.nan)
    if np.isnan(costs).all():
        raise InvalidArgumentError("table", f"has no sound fit to compare by {rule!r}; give sound_only=False")
    return int(np.nanargmin(costs)) + 1
