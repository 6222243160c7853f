"""How many components: criteria that weigh the likelihood of a fit against its size, and rules that choose by them.

BIC, AIC and ICL are in nats and on the scale of deviances, −2 log L + a penalty: **lower is better**. Log-likelihoods,
held-out ones too, are in nats per sample: **higher is better**. All of them hold for independent samples, such as the
rows of a table. Pixels are not independent; for pictures see `segmenter.segmentation.n_segments`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from segmenter.arrays import Bools, Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import FitConfig
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import iterate_log_joint, normalize_in_place, score_samples
from segmenter.mixture.initialization import split_each_component
from segmenter.mixture.model import Mixture, n_parameters

Rule: TypeAlias = Literal["bic", "aic", "icl", "held-out"]

RULES: tuple[Rule, ...] = get_args(Rule)

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Selection:
    """How a number of components was chosen."""

    rule: str  # in words, as people are told
    n_components: int  # the K chosen
    log_likelihoods: Floats  # (Kmax,), L(K) for K = 1…Kmax, nats per sample
    criterion: Floats  # (Kmax,), what the rule maximizes: the largest is at K, nats per sample


@dataclass(frozen=True, eq=False)
class SelectionTable:
    """All criteria of the fits with 1…Kmax components; row K − 1 is that of K. NaN where nothing was measured."""

    n_parameters: Floats  # (Kmax,)
    log_likelihood: Floats  # (Kmax,), average, nats per sample; higher is better
    bic: Floats  # (Kmax,), nats; lower is better
    aic: Floats  # (Kmax,), nats; lower is better
    icl: Floats  # (Kmax,), nats; lower is better
    held_out: Floats  # (Kmax,), average over samples that the fit did not see, nats per sample; higher is better
    is_sound: Bools  # (Kmax,), whether no component died or collapsed; the likelihood of others tells nothing

    @property
    def n_components(self) -> tuple[int, ...]:
        """1…Kmax."""
        return tuple(range(1, len(self.bic) + 1))


# ---- criteria of one fit -------------------------------------------------------------------------------------------


def bic(found: Fit, total_weight: float) -> float:
    """Return the Bayesian information criterion of a fit, in nats; lower is better (Schwarz 1978).

    Parameters
    ----------
    found : Fit
    total_weight : float
        N, the sum of the weights of the samples, positive.
    """
    return compute_bic(found.mixture, _total_log_likelihood(found, total_weight), total_weight)


def aic(found: Fit, total_weight: float) -> float:
    """Return Akaike's information criterion of a fit, in nats; lower is better (Akaike 1974)."""
    return compute_aic(found.mixture, _total_log_likelihood(found, total_weight))


def compute_bic(mixture: Mixture, log_likelihood: float, total_weight: float) -> float:
    """Return −2 log L + p log N from the log-likelihood of N samples, log L, in nats."""
    return -2.0 * log_likelihood + n_parameters(mixture) * float(np.log(total_weight))


def compute_aic(mixture: Mixture, log_likelihood: float) -> float:
    """Return −2 log L + 2 p from the log-likelihood of all samples, log L, in nats."""
    return -2.0 * log_likelihood + 2.0 * n_parameters(mixture)


def icl(found: Fit, samples: Samples) -> float:
    """Return the integrated completed likelihood, BIC + 2 × entropy, in nats; lower is better (Biernacki et al. 2000).

    The entropy −Σ_n w_n Σ_k r_nk log r_nk of the responsibilities makes components that overlap dear.
    """
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


def _total_log_likelihood(found: Fit, total_weight: float) -> float:
    """Return the log-likelihood of all samples, in nats; InvalidArgumentError unless their weight is positive."""
    if not 0 < total_weight < np.inf:
        raise InvalidArgumentError("total_weight", f"is {total_weight}; give the sum of the weights of the samples")
    return total_weight * float(found.trace.log_likelihoods[-1])


# ---- likelihood of samples that the fit did not see ----------------------------------------------------------------


def held_out_log_likelihood(
    samples: Samples, config: FitConfig, *, n_folds: int = N_FOLDS, start: Mixture | None = None
) -> float:
    """Return the cross-validated average log-likelihood, in nats per sample; higher is better (Smyth 2000).

    Parameters
    ----------
    samples : Samples
        With whole weights each counts as so many rows, which are dealt to the folds one by one: weighting a sample and
        repeating it are the same. Other weights stay whole, and samples are dealt.
    config : FitConfig
        Its seed also deals the samples: the same folds for every K.
    n_folds : int, at least 2
    start : Mixture, optional
        Where the fit of every fold starts, instead of drawn starts. The fit to all samples saves nine tenths of the
        time, and is for very many samples: of few, it has seen what is held out, and the criterion takes too large a K.

    Returns
    -------
    float
        NaN where some fold leaves fewer distinct samples than components to fit, and of a single sample.
    """
    if n_folds < 2:
        raise InvalidArgumentError("n_folds", f"is {n_folds}; give a whole number from 2")
    total = mass = 0.0
    for seen, unseen in _folds(samples, n_folds, np.random.default_rng(config.seed)):
        if _n_distinct(seen, config.n_components) < config.n_components:
            return float("nan")
        mixture = fit(seen, config, start).mixture
        total += average_log_likelihood(mixture, unseen) * float(unseen.weights.sum())
        mass += float(unseen.weights.sum())
    return total / mass if mass > 0 else float("nan")


def _folds(samples: Samples, n_folds: int, generator: np.random.Generator) -> Iterator[tuple[Samples, Samples]]:
    """Yield what is seen and what is not of each fold; folds that would hold nothing are left out."""
    weights = samples.weights
    if (weights == np.rint(weights)).all():
        dealt = generator.multinomial(weights.astype(np.int64), np.full(n_folds, 1 / n_folds)).astype(np.float64)
    else:
        fold = generator.permutation(len(weights)) % n_folds
        dealt = weights[:, None] * (fold[:, None] == np.arange(n_folds))
    for unseen in dealt.T:
        seen = weights - unseen
        if unseen.any() and seen.any():
            yield _weighted(samples, seen), _weighted(samples, unseen)


def _weighted(samples: Samples, weights: Floats) -> Samples:
    """Return the samples of positive weight."""
    chosen = weights > 0
    return Samples(samples.values[chosen], weights[chosen])


def _n_distinct(samples: Samples, most: int) -> int:
    """Return the number of distinct samples, or `most` if there are more; a look at the first few is often enough."""
    if len(np.unique(samples.values[: 4 * most], axis=0)) >= most:
        return most
    return min(most, len(np.unique(samples.values, axis=0)))


# ---- tables and rules ----------------------------------------------------------------------------------------------


def selection_table(
    samples: Samples,
    config: FitConfig,
    max_components: int,
    *,
    n_folds: int | None = N_FOLDS,
    shared_folds: bool = False,
) -> SelectionTable:
    """Fit 1…Kmax components and return every criterion of each.

    Parameters
    ----------
    samples : Samples
    config : FitConfig
        Its number of components is not looked at.
    max_components : int, at least 1
        Kmax; no more than there are distinct samples are tried.
    n_folds : int, optional
        Of the held-out log-likelihood; None leaves it out, and takes a sixth of the time.
    shared_folds : bool
        Whether the fits of the folds start from the fit to all samples, see `held_out_log_likelihood`.

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
    total_weight = float(samples.weights.sum())
    rows = []
    for k, found in enumerate(fit_incrementally(samples, config, _n_distinct(samples, max_components)), start=1):
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
    *criteria, sound = np.array(rows, dtype=np.float64).T
    return SelectionTable(*[*criteria, sound > 0])


def fit_incrementally(samples: Samples, config: FitConfig, max_components: int) -> Iterator[Fit]:
    """Yield the fits of K = 1…Kmax components; K explain no less than K − 1 did for want of a good start."""
    beside: Sequence[Mixture] = ()
    least = -np.inf
    for k in range(1, max_components + 1):
        config_k = replace(config, n_components=k)
        found = fit(samples, config_k, beside=beside)
        if found.objective < least:  # on the few samples that starts are compared on, it seemed better
            start = max(beside, key=lambda start: average_log_likelihood(start, samples))
            found = max(found, fit(samples, config_k, start), key=lambda found: found.objective)
        if config.method == "em":
            beside, least = split_each_component(found.mixture), found.objective
        yield found


def is_sound(found: Fit) -> bool:
    """Return whether no component died or collapsed; one component is what it is."""
    return found.mixture.n_components == 1 or not (found.trace.n_died or found.trace.collapsed)


def choose(table: SelectionTable, rule: Rule) -> int:
    """Return the number of components that a rule chooses; of equals the smallest.

    Parameters
    ----------
    table : SelectionTable
    rule : {"bic", "aic", "icl", "held-out"}
        The least BIC, AIC or ICL, or the largest held-out log-likelihood.

    Raises
    ------
    InvalidArgumentError
        There is no such rule, or what it goes by was not measured.
    """
    if rule not in RULES:
        raise InvalidArgumentError("rule", f"is {rule!r}; give one of {', '.join(RULES)}")
    costs = {"bic": table.bic, "aic": table.aic, "icl": table.icl, "held-out": -table.held_out}[rule]
    if np.isnan(costs).all():
        raise InvalidArgumentError("rule", f"is {rule!r}, but the table was made without it; give n_folds")
    return int(np.nanargmin(costs)) + 1
