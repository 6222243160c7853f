"""What the library offers in Python: every function on the frozen mixture, and one clear line for each bad argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import segmenter
from segmenter.arrays import Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, METHODS, FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.em import fit
from segmenter.mixture.inference import predict
from segmenter.mixture.log_prior import clamp
from segmenter.mixture.m_step import NormalInverseWishart
from segmenter.mixture.model import Mixture
from tests.support.scenes import any_samples, blobs, some_components, some_mixture, two_colors

VALUES = np.array([[0.0, 1.0], [0.5, 1.5], [9.0, 2.0], [9.5, 2.5], [9.2, 2.1]])


# ---- as a user would -----------------------------------------------------------------------------------------------


def test_a_table_from_fit_to_criteria() -> None:
    truth, labels = blobs(3, 2)
    samples = segmenter.Samples(truth.values)
    found = segmenter.fit(samples, segmenter.FitConfig(3))
    assert found.trace.verdict == "converged"
    mixture = found.mixture
    order = np.argsort(np.argsort(mixture.means[:, 0]))
    np.testing.assert_array_equal(order[segmenter.predict(mixture, truth.values) - 1] + 1, labels)
    shares = segmenter.responsibilities(mixture, truth.values)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(segmenter.confidence(mixture, truth.values), shares.max(axis=1))
    scores = segmenter.score_samples(mixture, truth.values)
    n = len(labels)
    n_parameters = 2 + 6 + 9
    assert segmenter.bic(found, n) == pytest.approx(-2 * scores.sum() + n_parameters * np.log(n))
    assert segmenter.aic(found, n) == pytest.approx(-2 * scores.sum() + 2 * n_parameters)
    assert segmenter.icl(found, samples) >= segmenter.bic(found, n)
    drawn, of = segmenter.sample(mixture, 50, np.random.default_rng(0))
    assert (segmenter.predict(mixture, drawn) == of).mean() > 0.95
    holed = truth.values.copy()
    holed[::3, 0] = np.nan
    assert np.isfinite(segmenter.impute(mixture, holed)).all()
    table = segmenter.selection_table(samples, segmenter.FitConfig(), 4, n_folds=None)
    assert segmenter.choose(table, "bic") == 3


def test_labels_in_three_ways() -> None:
    samples, labels = blobs(2, 2, distance=6.0)
    known = np.where(np.arange(len(labels)) % 5 == 0, labels, 0)
    config = segmenter.FitConfig(2)
    for found in (
        segmenter.fit_learned(samples.values, known, config).fit,
        segmenter.fit_clamped(samples.values, known, config).fit,
        segmenter.fit(
            samples,
            config,
            segmenter.learned_start(samples.values, known, config)[0],
            log_prior=segmenter.combine(
                segmenter.clamp(known, np.array([1, 2])), segmenter.soft(np.full((len(labels), 2), 0.5))
            ),
        ),
    ):
        assert (segmenter.predict(found.mixture, samples.values) == labels).mean() > 0.99


def test_posteriors_of_a_picture() -> None:
    found = segmenter.segment(two_colors(), 2)
    posteriors = segmenter.posterior_map(two_colors(), found)
    assert posteriors.shape == (4, 6, 2)
    np.testing.assert_array_equal(posteriors.argmax(axis=2) + 1, found.labels)
    assert (segmenter.confidence_map(two_colors(), found) > 250).all()
    for of_image in (segmenter.posterior_map, segmenter.confidence_map):
        with pytest.raises(InvalidArgumentError, match="image has 3×4 pixels, but the segmentation 6×4"):
            of_image(two_colors()[:, :3], found)


def test_weights_are_one_unless_given() -> None:
    one, same = Samples(VALUES), Samples(VALUES, np.ones(5))
    np.testing.assert_array_equal(one.weights, same.weights)
    np.testing.assert_array_equal(Samples(VALUES, np.array([3.0])).weights, np.full(5, 3.0))
    whole = Samples(VALUES.astype(np.int32), np.arange(1, 6))  # type: ignore[arg-type]
    assert whole.values.dtype == whole.weights.dtype == np.float64


def test_lists_are_taken_as_arrays() -> None:
    values, labels = VALUES.tolist(), [1, 0, 2, 0, 0]
    start = Mixture([0.4, 0.6], [[0, 1], [9, 2]], [[[1, 0], [0, 1]]] * 2)  # type: ignore[arg-type]
    found = segmenter.fit(Samples(values), FitConfig(2), start, log_prior=segmenter.clamp(labels, [1, 2]))
    soft = segmenter.fit(Samples(values), FitConfig(2), start, log_prior=segmenter.soft([[0.5, 0.5]]))
    for mixture in (found.mixture, soft.mixture, segmenter.fit_clamped(values, labels, FitConfig()).fit.mixture):
        assert segmenter.predict(mixture, values).tolist() == [1, 1, 2, 2, 2]


# ---- bad input -----------------------------------------------------------------------------------------------------

START = Mixture(np.full(2, 0.5), np.array([[0.0, 1.0], [9.0, 2.0]]), np.broadcast_to(np.eye(2), (2, 2, 2)))
MIXTURE = fit(Samples(VALUES), FitConfig(2)).mixture

FAULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "one dimension": (lambda: Samples(np.arange(3.0)), r"values have the shape \(3,\)"),
    "no row": (lambda: Samples(np.empty((0, 2))), r"values have the shape \(0, 2\)"),
    "no column": (lambda: Samples(np.empty((2, 0))), r"values have the shape \(2, 0\)"),
    "text": (lambda: Samples(np.array([["a"]])), "values contain something other than numbers"),
    "ragged": (lambda: Samples([[1.0], [1.0, 2.0]]), "values contain something other than numbers"),  # type: ignore[arg-type]
    "infinite": (lambda: Samples(np.array([[np.inf]])), "values contain infinity"),
    "zero weights": (lambda: Samples(VALUES, np.zeros(5)), "weights are not all positive"),
    "negative weight": (lambda: Samples(VALUES, np.array([1, 1, -1.0, 1, 1])), "weights are not all positive"),
    "NaN weight": (lambda: Samples(VALUES, np.array([1, 1, np.nan, 1, 1])), "weights are not all positive"),
    "infinite weight": (lambda: Samples(VALUES, np.array([1, 1, np.inf, 1, 1])), "weights are not all positive"),
    "few weights": (lambda: Samples(VALUES, np.ones(4)), r"weights have the shape \(4,\); give one for each of 5"),
    "K > N": (lambda: fit(Samples(VALUES), FitConfig(6)), "n_components is 6, but there are 5 samples"),
    "start of other features": (
        lambda: fit(Samples(VALUES), FitConfig(2), some_mixture(2, 3)),
        r"start.means must have the shape \(2, 2\), not \(2, 3\)",
    ),
    "start with NaN": (
        lambda: fit(Samples(VALUES), FitConfig(2), replace(START, means=START.means * np.nan)),
        "start.means must not contain NaN",
    ),
    "start without weight": (
        lambda: fit(Samples(VALUES), FitConfig(2), replace(START, weights=np.array([1.0, 0.0]))),
        "start.weights are not all positive",
    ),
    "start of a flat covariance": (
        lambda: fit(Samples(VALUES), FitConfig(2), replace(START, covariances=np.ones((2, 2, 2)))),
        "start.covariances are not all symmetric and positive definite",
    ),
    "prior of other features": (
        lambda: fit(Samples(VALUES), FitConfig(2), prior=NormalInverseWishart(np.zeros(3), 1, np.eye(3), 3)),
        "prior has 3 features, but the samples have 2",
    ),
    "label beyond K": (lambda: clamp(np.array([3], np.int32), np.array([1, 2])), "labels contain 3"),
    "values of other features": (
        lambda: predict(MIXTURE, np.ones((1, 3))),
        r"values have the shape \(1, 3\); the mixture takes \(N, 2\)",
    ),
    "one row as a vector": (lambda: segmenter.score_samples(MIXTURE, VALUES[0]), r"values have the shape \(2,\)"),
    "subnormal": (lambda: fit(Samples(VALUES * 1e-310), FitConfig(2)), "values of feature 0 .* spread over 9.5e-310"),
    "immense": (lambda: fit(Samples(VALUES * 1e200), FitConfig(2)), r"values of feature 0 .* spread over 9.5e\+200"),
    "soft labels that are no table": (lambda: segmenter.soft([0.5, 0.5]), r"probabilities must be \(N, K\)"),
    "soft labels of NaN": (lambda: segmenter.soft([[np.nan, 1]]), "probabilities must be"),
    "broken labels": (
        lambda: segmenter.fit_learned(VALUES, [1, 2, 0.5, 0, 0], FitConfig()),
        "labels are not a list of whole numbers",
    ),
    "labeled vector": (lambda: segmenter.fit_clamped([1, 2], [1, 0], FitConfig()), r"values have the shape \(2,\)"),
    "mixture of text": (lambda: Mixture(["a"], [[0]], [[[1]]]), "weights contain something other than numbers"),  # type: ignore[arg-type]
    "fewer than no samples": (lambda: segmenter.sample(MIXTURE, -1, np.random.default_rng()), "n_samples is -1"),
    "no generator": (lambda: segmenter.sample(MIXTURE, 1, "a"), "generator is 'a'; give a seed"),  # type: ignore[arg-type]
    "a negative seed": (lambda: segmenter.sample(MIXTURE, 1, -1), "generator is -1; give a seed"),
    "no mixture": (lambda: predict(FitConfig(2), VALUES), "mixture is of the type FitConfig; give a Mixture or a Fit"),  # type: ignore[arg-type]
    "criterion of a mixture and a number": (lambda: segmenter.bic(MIXTURE, 5), "samples are the number 5"),
    "shares of other samples": (lambda: segmenter.m_step(VALUES, [[1.0]]), "responsibilities are 1 for"),
    "a component without a share": (
        lambda: segmenter.m_step(VALUES, np.eye(1, 2) + np.zeros((len(VALUES), 2))),
        "responsibilities of component 2 are all 0",
    ),
    "endless values": (lambda: fit(VALUES * 1e300, FitConfig(1)), "values reach beyond 1e"),
    "criterion of nothing": (lambda: segmenter.bic(fit(Samples(VALUES), FitConfig(1)), 0), "total_weight is 0"),
    "infinite value": (lambda: segmenter.impute(MIXTURE, np.array([[np.inf, 0]])), "values contain infinity"),
}


@pytest.mark.parametrize(("call", "problem"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_in_one_line(call: Callable[[], Any], problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match="^" + problem) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_nothing_is_told_of_no_samples() -> None:
    assert predict(MIXTURE, np.empty((0, 2))).shape == (0,)
    assert segmenter.responsibilities(MIXTURE, np.empty((0, 2))).shape == (0, 2)


# ---- what EM must always do ----------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(any_samples(), st.data())
def test_the_objective_never_falls_in_any_mode(samples: Samples, data: st.DataObject) -> None:
    """Families, methods, starts, acceleration, weights, noise, a prior, clamps and missing values, all at once."""
    n_components, (n_samples, n_features) = data.draw(some_components(samples)), samples.values.shape
    config = FitConfig(
        n_components,
        data.draw(st.sampled_from(COVARIANCE_TYPES)),
        data.draw(st.sampled_from(INITS)),
        restarts=1,
        tolerance=1e-7,
        max_iterations=30,
        acceleration=data.draw(st.booleans()),
        noise=data.draw(st.booleans()),
        method=data.draw(st.sampled_from(METHODS)),
        seed=data.draw(st.integers(0, 99)),
    )
    prior = None
    if data.draw(st.booleans()):
        scale = data.draw(st.sampled_from([1e-3, 1.0, 30.0])) * np.diag(prepare_samples(samples, 1e-9).variances)
        prior = NormalInverseWishart(samples.values[0], data.draw(st.floats(0, 10)), scale, data.draw(st.floats(-2, 9)))
    log_prior = None
    if data.draw(st.booleans()):
        labels = data.draw(arrays(np.int32, n_samples, elements=st.integers(0, n_components)))
        log_prior = clamp(labels, np.arange(1, n_components + 1))
    if data.draw(st.booleans()):
        holes = data.draw(arrays(np.bool_, (n_samples, n_features)))
        samples = Samples(np.where(holes, np.nan, samples.values), samples.weights)
    start = None
    if log_prior is not None:  # where values are missing, a drawn start may have fewer components
        unit = np.sqrt(prepare_samples(samples, 1e-9).variances)
        start = some_mixture(n_components, n_features, config.covariance_type, seed=config.seed)
        center = np.nan_to_num(samples.values[0])
        if config.covariance_type in ("tied", "spherical"):
            unit = np.full(n_features, unit.max())
        start = replace(start, means=center + start.means * unit, covariances=start.covariances * np.outer(unit, unit))
    objectives = fit(samples, config, start, log_prior=log_prior, prior=prior).trace.objectives
    assert np.isfinite(objectives).all()
    assert np.diff(objectives).min(initial=0) >= -1e-5 - 1e-9 * float(np.abs(objectives).max())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4))
def test_an_affine_map_of_the_features_maps_the_fit_along(seed: int, n_features: int, n_components: int) -> None:
    """Full covariances: means go along, covariances as A Σ Aᵀ, log-likelihoods by −log |det A|.

    Up to the blur, whose axes are those of the features: it shows where a component collapses.
    """
    generator = np.random.default_rng(seed)
    samples = Samples(generator.standard_normal((150, n_features)) + 3 * generator.integers(0, 3, (150, 1)))
    rotation, _ = np.linalg.qr(generator.standard_normal((n_features, n_features)))
    matrix, shift = rotation * generator.uniform(0.2, 5, n_features), generator.uniform(-9, 9, n_features)
    config = FitConfig(n_components, covariance_floor=1e-12, max_iterations=20)
    start = some_mixture(n_components, n_features, seed=seed)
    start = replace(start, means=samples.values[:n_components], covariances=start.covariances + np.eye(n_features))

    def mapped(mixture: Mixture) -> Mixture:
        covariances = matrix @ mixture.covariances @ matrix.T
        covariances = (covariances + covariances.transpose(0, 2, 1)) / 2
        return replace(mixture, means=mixture.means @ matrix.T + shift, covariances=covariances)

    one = fit(samples, config, start)
    other = fit(Samples(samples.values @ matrix.T + shift), config, mapped(start))
    assume(not one.trace.collapsed and not other.trace.collapsed)
    n = min(len(one.trace.objectives), len(other.trace.objectives))
    assert abs(len(one.trace.objectives) - len(other.trace.objectives)) <= 1  # a gain may be that of the tolerance
    log_det = float(np.linalg.slogdet(matrix)[1])
    np.testing.assert_allclose(other.trace.objectives[:n], one.trace.objectives[:n] - log_det, atol=1e-6)
    if one.trace.n_iterations == other.trace.n_iterations:
        np.testing.assert_allclose(other.mixture.means, mapped(one.mixture).means, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize(
    "values",
    [
        np.repeat(VALUES, 7, axis=0),
        np.column_stack([VALUES, np.full(5, 3.0), np.zeros(5)]),
        VALUES.T,
        np.eye(7),
        VALUES * 1e-12,
        VALUES * 1e12,
        VALUES * 1e-100,
        VALUES * 1e103,
        VALUES + 1e9,
        np.vstack([VALUES, [[1e9, -1e9]]]),
        np.vstack([VALUES, [[1e-300, 1e-300]]]),
    ],
    ids=[
        "repeated",
        "constant",
        "N < D",
        "one-hot",
        "tiny",
        "huge",
        "least",
        "most",
        "offset",
        "outlier",
        "near nothing",
    ],
)
def test_hard_tables_give_finite_answers_and_a_verdict(values: Floats, init: Any, covariance_type: Any) -> None:
    for n_components in (1, 2, len(np.unique(values, axis=0))):
        found = fit(Samples(values), FitConfig(n_components, covariance_type, init))
        assert np.isfinite(found.trace.objectives).all()
        assert found.trace.verdict in ("converged", "degenerate", "suspicious", "iteration limit")
        assert np.isfinite(found.mixture.covariances).all()
        assert set(predict(found.mixture, values).tolist()) <= set(range(1, found.mixture.n_components + 1))
        assert np.isfinite(segmenter.score_samples(found.mixture, values)).all()
