"""Whether a fit can be trusted: components without spread, the fit of a single Gaussian, and problems in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.data import PreparedSamples
from segmenter.mixture.e_step import e_step
from segmenter.mixture.m_step import fit_covariances, m_step
from segmenter.mixture.model import Mixture, positive_variances
from segmenter.mixture.monomials import square_index

COLLAPSED = 4.0
"""A component has collapsed if its variance in some direction is below this multiple of the floor variance."""

TOLERANCE, MAX_STEPS = 1e-5, 100
"""Of EM with one component; the tolerance, in nats per sample, is a hundredth of the gain that is suspicious."""

MAX_LISTED = 5
"""Components that a sentence lists by their numbers; of more it gives the count."""

ProblemKind: TypeAlias = Literal["all noise", "not converged", "rounding", "died", "collapsed", "suspicious", "empty"]


class FitFacts(Protocol):
    """The facts that a fit is judged by; a `segmenter.mixture.em.FitTrace` has them, and so has the record of a run."""

    @property
    def n_iterations(self) -> int:
        """Number of M-steps."""

    @property
    def stop(self) -> str:
        """Why EM stopped, see `segmenter.mixture.em.Stop`."""

    @property
    def verdict(self) -> str:
        """Whether the fit can be trusted, see `segmenter.mixture.em.Verdict`."""

    @property
    def n_died(self) -> int:
        """Number of components that were removed because they had lost all their mass."""

    @property
    def collapsed(self) -> Sequence[int]:
        """Components, 1…K, without spread in some direction."""


@dataclass(frozen=True)
class FitProblem:
    """A reason not to trust a fit."""

    kind: ProblemKind
    count: int = 0  # M-steps made, or components that died
    components: tuple[int, ...] = ()  # 1…K, those that collapsed or are empty


def find_fit_problems(fit: FitFacts | None, empty: Sequence[int] = ()) -> list[FitProblem]:
    """Return what is wrong with a fit; an empty list if nothing is.

    Parameters
    ----------
    fit : FitFacts or None
        None = nothing was fitted.
    empty : sequence of int
        Components, 1…K, that are the most probable one of no sample.
    """
    problems = []
    if fit is not None:
        if fit.verdict == "all noise" or fit.stop == "all noise":
            problems.append(FitProblem("all noise"))
        elif fit.stop == "rounding":
            problems.append(FitProblem("rounding"))
        elif fit.stop != "converged":
            problems.append(FitProblem("not converged", fit.n_iterations))
        if fit.n_died:
            problems.append(FitProblem("died", fit.n_died))
        if fit.collapsed:
            problems.append(FitProblem("collapsed", components=tuple(fit.collapsed)))
        if fit.verdict == "suspicious":
            problems.append(FitProblem("suspicious"))
    if empty:
        problems.append(FitProblem("empty", components=tuple(empty)))
    return problems


def describe_fit_problem(problem: FitProblem, samples: Literal["pixels", "rows"]) -> str:
    """Return a problem as a sentence without its final stop, for segments of pixels or for clusters of rows."""
    is_photo = samples == "pixels"
    group, component = ("segments", "segment") if is_photo else ("clusters", "component")  # of a cluster maybe several
    listed = format_numbers(component, problem.components)
    match problem.kind:
        case "all noise":
            return f"the noise took all {samples} and left none to the {group}"
        case "not converged":
            return f"not converged after {_count('iteration', problem.count)}; raise --max-iterations"
        case "rounding":
            advice = "" if is_photo else ", or leave out rows with far outliers"
            return f"rounding errors ended the fit before it converged; raise --tolerance{advice}"
        case "died":
            verb = "was" if problem.count == 1 else "were"
            return f"{_count('component', problem.count)} {verb} left without {samples} and removed"
        case "collapsed":
            spread = "no spread of colors" if is_photo else "no spread"
            advice = "" if is_photo else " or --covariance tied"
            return f"{spread} in some direction: {listed}; try fewer {group}{advice}"
        case "suspicious":
            explained = "colors" if is_photo else "rows"
            return f"the {group} explain the {explained} no better than a single one would; try -k 1"
        case "empty":
            return f"no {'pixel' if is_photo else 'row'} most probably belongs to {listed}"


def _count(noun: str, n: int) -> str:
    """Return a number with its noun, such as "1 iteration" or "2 iterations"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def format_numbers(noun: str, numbers: Sequence[int]) -> str:
    """Return the first few of some numbered things and how many more there are, such as "segments 1, 2"."""
    listed = ", ".join(str(number) for number in numbers[:MAX_LISTED])
    n_more = len(numbers) - MAX_LISTED
    return f"{noun if len(numbers) == 1 else noun + 's'} {listed}{f' and {n_more} more' if n_more > 0 else ''}"


def find_collapsed_components(mixture: Mixture, data: PreparedSamples) -> tuple[int, ...]:
    """Return the components, 1…K, that have no variance but the floor in some direction in which the data varies."""
    variances = data.variances
    if mixture.covariance_type == "spherical":
        variances = np.full_like(variances, variances.mean())
    if data.terms in ("squares", "norm"):
        is_varying = data.bulk_covariance.diagonal() > 2 * COLLAPSED * data.covariance_floor * variances
        if not is_varying.any():
            return ()
        min_variances = (positive_variances(mixture) / variances)[:, is_varying].min(axis=1)
        return tuple(int(k) + 1 for k in np.flatnonzero(min_variances < COLLAPSED * data.covariance_floor))
    unit = np.outer(np.sqrt(variances), np.sqrt(variances))  # not the root of the product, which may be out of range
    spreads, directions = np.linalg.eigh(data.bulk_covariance / unit)
    varying = directions[:, spreads > 2 * COLLAPSED * data.covariance_floor]  # directions in which the data varies
    if varying.shape[1] == 0:
        return ()
    min_variances = np.linalg.eigvalsh(varying.T @ (mixture.covariances / unit) @ varying)[:, 0]
    return tuple(int(k) + 1 for k in np.flatnonzero(min_variances < COLLAPSED * data.covariance_floor))


def single_gaussian_log_likelihood(data: PreparedSamples, covariance_type: CovarianceType) -> float:
    """Return the average log-likelihood of the best-fitting single Gaussian of a family, to 1e-4 nats per sample.

    In closed form, or by EM with one component if values are missing.
    """
    one = np.ones(1)
    gaussian = Mixture(
        one,
        data.origin[None],
        fit_covariances(data.covariance[None], one, covariance_type, is_shared=False),
        covariance_type,
    )
    if data.is_complete:
        average = -0.5 * float(np.linalg.slogdet(2 * np.pi * np.e * gaussian.covariances[0])[1])
        sums = data.groups[0].monomial_sums[None] if data.floor_growth is not None else None
        return average + covariance_floor_cost(gaussian, one, data, sums)
    average, statistics = -np.inf, e_step(data, gaussian)
    for _ in range(MAX_STEPS):
        before, average = average, statistics.log_likelihood / data.total_weight
        if average - before < TOLERANCE:
            break
        gaussian = m_step(statistics, covariance_type)
        statistics = e_step(data, gaussian)
    return average + covariance_floor_cost(gaussian, one, data, statistics.sums)


def covariance_floor_cost(mixture: Mixture, shares: Floats, data: PreparedSamples, sums: Floats | None) -> float:
    """Return by how much the covariance floor lowers the average log-likelihood, ½ δ Σ_k π_k tr(V Σ_k⁻¹), in nats.

    With far outliers, V includes the average square of the samples of the component. The error is of second order in
    this cost: below 1e-8 nats unless collapsed components overlap others.

    Parameters
    ----------
    mixture : Mixture
    shares : ndarray of shape (K,)
        π, the share of the samples that each component explains.
    data : PreparedSamples
    sums : ndarray of shape (K, P), optional
        Of the monomials, see `SufficientStatistics`; needed where there are far outliers.
    """
    cost = 0.5 * data.covariance_floor * float(shares @ compute_floor_traces(mixture, data))
    if data.floor_growth is not None and sums is not None:
        inverse = mixture.inverse_factors
        squares = sums[:, square_index(mixture.n_features).diagonal()] / data.total_weight
        squares -= data.covariance_floor * shares[:, None] * data.variances  # left: (1 + growth) x²
        growth = squares * data.floor_growth / (1 + data.floor_growth)
        cost += 0.5 * float(np.einsum("kij,kj->", inverse * inverse, growth))
    return cost


def compute_floor_traces(mixture: Mixture, data: PreparedSamples) -> Floats:
    """Return tr(V Σ_k⁻¹) for each component, (K,)."""
    if data.terms in ("squares", "norm"):
        return np.asarray((data.variances / positive_variances(mixture)).sum(axis=1))
    inverse = mixture.inverse_factors
    return np.asarray(np.einsum("kij,j->k", inverse * inverse, data.variances))
