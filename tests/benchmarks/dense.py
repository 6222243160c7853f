"""EM on dense samples, no two of them alike, against scikit-learn's from the same start; and what memory it takes."""

from __future__ import annotations

import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats, Samples
from segmenter.estimators.families import from_matrices
from segmenter.mixture.config import COVARIANCE_TYPES, CovarianceType, FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.inference import sample
from segmenter.mixture.model import Mixture

from .interleave import call, interleave, round_ratios
from .report import installed, spread, verdict

N_ROUNDS = 5
TOLERANCE, MAX_ITERATIONS = 1e-4, 30
COVARIANCE_FLOOR = 1e-12
MOST_DIFFERENCE = 1e-8
MOST_MEMORY = 2.0


@dataclass(frozen=True)
class Case:
    """Samples of one size, and how much faster than the peer their fit must be."""

    n_samples: int
    n_features: int
    n_components: int
    least_ratio: float

    @property
    def title(self) -> str:
        """Return the size as text."""
        return f"{self.n_samples:,}×{self.n_features}, K={self.n_components}"

    @property
    def config(self) -> FitConfig:
        """Return the options of our fit."""
        return FitConfig(
            self.n_components,
            tolerance=TOLERANCE,
            max_iterations=MAX_ITERATIONS,
            covariance_floor=COVARIANCE_FLOOR,
        )


CASES = (Case(200_000, 3, 8, 8.0), Case(100_000, 10, 10, 3.0))
WIDE_FEATURES, WIDE_VALUES, WIDE_COMPONENTS = (20, 50, 100, 500), 4_000_000, 5
WIDE_ITERATIONS, LEAST_WIDE_RATIO, MOST_WIDE_DIFFERENCE = 10, 3.0, 1e-6
MEMORY_CASES = (*CASES, Case(1_000_000, 5, 5, 0.0))


def drawn(case: Case) -> tuple[Floats, Mixture]:
    """Return samples of overlapping Gaussians, seed 0, and a start: means among the samples, one covariance for all."""
    n_components, n_features = case.n_components, case.n_features
    generator = np.random.default_rng(0)
    factors = generator.standard_normal((n_components, n_features, n_features)) / np.sqrt(n_features)
    truth = Mixture(
        np.full(n_components, 1 / n_components),
        3 * generator.standard_normal((n_components, n_features)),
        factors @ factors.transpose(0, 2, 1) + 0.5 * np.eye(n_features),
    )
    values, _ = sample(truth, case.n_samples, generator)
    means = values[generator.choice(case.n_samples, n_components, replace=False)]
    covariances = np.tile(np.cov(values.T) / 2, (n_components, 1, 1))
    return values, Mixture(truth.weights, means, covariances)


def compare(case: Case) -> bool:
    """Measure one case against the peer, print, and return whether its requirements are met."""
    from sklearn.mixture import GaussianMixture

    from segmenter import estimators

    values, start = drawn(case)
    samples = Samples(values, np.ones(len(values)))
    known: dict[str, Any] = {
        "weights_init": start.weights,
        "means_init": start.means,
        "precisions_init": np.linalg.inv(start.covariances),
        "tol": TOLERANCE,
        "max_iter": MAX_ITERATIONS,
    }
    peer = GaussianMixture(case.n_components, reg_covar=0, **known)
    facade = estimators.GaussianMixture(case.n_components, covariance_floor=COVARIANCE_FLOOR, **known)
    found = fit(samples, case.config, start)  # warms up, too
    facade.fit(values)
    ours, ours_as_estimator, theirs = interleave(
        [
            lambda: call(lambda: fit(samples, case.config, start), 3),
            lambda: call(lambda: facade.fit(values), 3),
            lambda: call(lambda: peer.fit(values)),
        ],
        N_ROUNDS,
    )
    score = peer.score(values)
    difference = max(abs(found.trace.log_likelihoods[-1] - score), abs(facade.score(values) - score))
    ratios, facade_ratios = round_ratios(theirs, ours), round_ratios(theirs, ours_as_estimator)
    print(
        f"{case.title}: {found.trace.n_iterations} iterations, the peer's {peer.n_iter_}; "
        f"as an estimator {median(facade_ratios):.1f}×",
        flush=True,
    )
    ratio, required = median(ratios), f"≥ {case.least_ratio:.0f}×"
    passed = [
        verdict(f"{case.title}: ratio", f"{ratio:.1f}× ({spread(ratios, '.1f')})", required, ratio >= case.least_ratio),
        verdict(f"{case.title}: log-likelihood", f"{difference:.1e} nats", "≤ 1e-8", difference <= MOST_DIFFERENCE),
        verdict(
            f"{case.title}: iterations",
            f"{found.trace.n_iterations}",
            f"{peer.n_iter_}, the peer's",
            found.trace.n_iterations == facade.n_iter_ == peer.n_iter_,
        ),
    ]
    return all(passed)


def start_of_family(start: Mixture, family: CovarianceType) -> tuple[Mixture, Floats]:
    """Return the start with covariances of a family, and its precisions in the shape of scikit-learn."""
    covariances = start.covariances
    if family in ("diag", "spherical"):
        variances = covariances.diagonal(axis1=1, axis2=2)
        if family == "spherical":
            variances = np.repeat(variances.mean(axis=1, keepdims=True), start.n_features, axis=1)
        covariances = variances[:, :, None] * np.eye(start.n_features)
    precisions = np.asarray(np.linalg.inv(covariances), dtype=np.float64)
    return replace(start, covariances=covariances, covariance_type=family), from_matrices(precisions, family)


def compare_wide(n_features: int) -> bool:
    """Measure fits of each family with many features in a single run, print, and return whether they are fast enough.

    Processor time counts; ours and the peer's take turns.
    """
    from sklearn.mixture import GaussianMixture

    case = Case(WIDE_VALUES // n_features, n_features, WIDE_COMPONENTS, LEAST_WIDE_RATIO)
    values, plain_start = drawn(case)
    samples, passed = Samples(values), []
    for family in COVARIANCE_TYPES:
        start, precisions = start_of_family(plain_start, family)
        config = FitConfig(
            WIDE_COMPONENTS,
            tolerance=1e-12,
            max_iterations=WIDE_ITERATIONS,
            covariance_floor=COVARIANCE_FLOOR,
        )
        peer = GaussianMixture(
            WIDE_COMPONENTS,
            covariance_type=family,
            reg_covar=0,
            tol=1e-12,
            max_iter=WIDE_ITERATIONS,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=precisions,
        )
        ours, theirs = [], []
        for _ in range(3):
            began = time.process_time()
            found = fit(samples, config, start)
            between = time.process_time()
            peer.fit(values)
            ours.append(between - began)
            theirs.append(time.process_time() - between)
        ratio = median(theirs) / median(ours)
        difference = abs(float(found.trace.log_likelihoods[-1]) - peer.score(values))
        is_same = found.trace.n_iterations == peer.n_iter_ and difference <= MOST_WIDE_DIFFERENCE
        measured = f"{ratio:.1f}×, {peer.n_iter_} iterations, {difference:.0e} nats apart"
        enough = ratio >= LEAST_WIDE_RATIO and is_same
        passed.append(verdict(f"{case.title}, {family}", measured, f"≥ {LEAST_WIDE_RATIO:.0f}×", enough))
    return all(passed)


def peak_of(function: Callable[[], object]) -> int:
    """Return the most bytes that a call held at once, beyond what there was before it."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure_memory(case: Case) -> bool:
    """Measure the memory of fits of one case, print, and return whether the requirement is met."""
    from segmenter.estimators import GaussianMixture

    values, start = drawn(case)
    samples = Samples(values, np.ones(len(values)))
    estimator = GaussianMixture(case.n_components, max_iter=MAX_ITERATIONS, random_state=0)
    peaks = [
        peak_of(function) / values.nbytes
        for function in (
            lambda: fit(samples, case.config, start),
            lambda: fit(samples, case.config),
            lambda: estimator.fit(values),
        )
    ]
    print(f"{case.title}: as an estimator, which sorts a copy, {peaks[2]:.2f} times the samples", flush=True)
    return verdict(
        f"{case.title}: memory beyond the samples",
        f"{peaks[0]:.2f} times them from a given start, {peaks[1]:.2f} from drawn ones",
        f"≤ {MOST_MEMORY:.0f}",
        max(peaks[:2]) <= MOST_MEMORY,
    )


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    print(f"full covariances, tolerance {TOLERANCE:.0e}, at most {MAX_ITERATIONS} iterations, the same start")
    print(f"peer: scikit-learn {installed('scikit-learn')}, GaussianMixture(reg_covar=0).fit")
    print(f"one BLAS thread for both; median of {N_ROUNDS} interleaved rounds; memory by tracemalloc")
    if installed("scikit-learn") == "absent":
        return verdict("dense", "not measured, scikit-learn is absent", "pip install -e '.[test]'", False)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 30 iterations are too few, from both
        passed = [compare(case) for case in CASES] + [measure_memory(case) for case in MEMORY_CASES]
        passed += [compare_wide(n_features) for n_features in WIDE_FEATURES]
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
