"""What a fit can do besides plain EM: hard EM, k-means, missing values, noise, priors, SQUAREM, verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans

from segmenter.arrays import Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, METHODS, CovarianceType, FitConfig, Init, Method
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.e_step import e_step
from segmenter.mixture.em import fit
from segmenter.mixture.inference import impute, predict, responsibilities, sample, score_samples
from segmenter.mixture.initialization import k_means_plus_plus
from segmenter.mixture.log_prior import FixedLogPrior, LogPrior, clamp, combine, soft
from segmenter.mixture.m_step import NormalInverseWishart
from segmenter.mixture.model import Mixture
from tests.support.scenes import any_samples, average_log_likelihood, blobs, log_joint, some_components, some_mixture

every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
FAMILIES = st.sampled_from(COVARIANCE_TYPES)


def slack(objectives: Floats) -> float:
    """Return what rounding may cost an objective of collapsed components, in nats per sample."""
    return 1e-5 + 1e-9 * float(np.abs(objectives).max())


# ---- hard EM and k-means -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(any_samples(), st.data(), FAMILIES, st.sampled_from(METHODS), st.booleans(), st.integers(0, 99))
def test_the_objective_of_no_method_ever_falls(
    samples: Samples,
    data: st.DataObject,
    covariance_type: CovarianceType,
    method: Method,
    acceleration: bool,
    seed: int,
) -> None:
    config = FitConfig(
        data.draw(some_components(samples)),
        covariance_type,
        restarts=1,
        tolerance=1e-7,
        max_iterations=40,
        seed=seed,
        method=method,
        acceleration=acceleration,
    )
    objectives = fit(samples, config).trace.objectives
    assert np.isfinite(objectives).all()
    assert np.diff(objectives).min(initial=0) >= -slack(objectives)


def test_hard_em_maximizes_the_classification_likelihood() -> None:
    samples, _ = blobs(3, 2, distance=3.0)
    found = fit(samples, FitConfig(3, method="hard-em"))
    best = log_joint(found.mixture, samples.values).max(axis=1)
    assert found.trace.log_likelihoods[-1] == pytest.approx(np.average(best, weights=samples.weights))


def test_hard_em_ends_where_every_component_is_that_of_its_own_samples() -> None:
    samples, _ = blobs(3, 2, distance=3.0)
    mixture = fit(samples, FitConfig(3, method="hard-em", tolerance=1e-12)).mixture
    labels = predict(mixture, samples.values)
    for k in range(3):
        own = labels == k + 1
        mean = np.average(samples.values[own], axis=0, weights=samples.weights[own])
        np.testing.assert_allclose(mixture.means[k], mean)
        assert mixture.weights[k] == pytest.approx(samples.weights[own].sum() / samples.weights.sum())


def test_hard_responsibilities_are_one_for_the_most_probable_component_alone() -> None:
    samples, _ = blobs(3, 2, distance=2.0)
    mixture = replace(some_mixture(3, 2), means=samples.values[:3])
    shares = np.empty((3, len(samples.weights)))
    e_step(prepare_samples(samples, 1e-12), mixture, is_hard=True, responsibilities=shares)
    np.testing.assert_array_equal(np.unique(shares), [0, 1])
    np.testing.assert_array_equal(shares.argmax(axis=0), log_joint(mixture, samples.values).argmax(axis=1))
    np.testing.assert_array_equal(shares.sum(axis=0), 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_inertia_of_k_means_is_that_of_scikit_learn(seed: int) -> None:
    """Where the seeds are poor and K is not the number of clusters, so that there are many optima."""
    samples, _ = blobs(4, 2, distance=2.5, seed=seed)
    seeds = samples.values[np.random.default_rng(seed).choice(len(samples.values), 6, replace=False)]
    start = Mixture(np.full(6, 1 / 6), seeds, np.broadcast_to(np.eye(2), (6, 2, 2)), "spherical")
    config = FitConfig(6, method="k-means", tolerance=1e-12)
    means = fit(samples, config, start).mixture.means
    inertia = samples.weights @ np.square(samples.values[:, None] - means).sum(axis=2).min(axis=1)
    theirs = KMeans(6, init=seeds, n_init=1, tol=0, algorithm="lloyd").fit(samples.values, None, samples.weights)
    assert inertia == pytest.approx(theirs.inertia_, rel=1e-6)


def test_k_means_is_that_of_scikit_learn_from_the_same_seeds() -> None:
    samples, _ = blobs(4, 3, distance=2.0)
    seeds = samples.values[:4]
    start = Mixture(np.full(4, 0.25), seeds, np.broadcast_to(np.eye(3), (4, 3, 3)), "spherical")
    found = fit(samples, FitConfig(4, "spherical", method="k-means", tolerance=1e-12), start).mixture
    theirs = KMeans(4, init=seeds, n_init=1, tol=0, algorithm="lloyd").fit(
        samples.values, sample_weight=samples.weights
    )
    np.testing.assert_allclose(found.means, theirs.cluster_centers_)
    np.testing.assert_array_equal(predict(found, samples.values) - 1, theirs.labels_)


def test_k_means_takes_only_the_means_of_a_given_start() -> None:
    """Weights and covariances of the start do not matter, as k-means has none, and the objective never falls."""
    samples, _ = blobs(3, 2, distance=2.0)
    start = some_mixture(3, 2)
    start = replace(start, means=samples.values[:3])
    plain = replace(start, weights=np.full(3, 1 / 3), covariances=np.tile(np.eye(2), (3, 1, 1)))
    config = FitConfig(3, method="k-means", tolerance=1e-9)
    found = fit(samples, config, start)
    assert np.diff(found.trace.objectives).min() >= -1e-9
    np.testing.assert_allclose(found.mixture.means, fit(samples, config, plain).mixture.means)


def test_methods_differ_where_clusters_overlap() -> None:
    samples, _ = blobs(2, 2, distance=1.5)
    means = [fit(samples, FitConfig(2, method=method, tolerance=1e-8)).mixture.covariances for method in METHODS]
    assert not np.allclose(means[0], means[1])
    assert not np.allclose(means[1], means[2])


def test_k_means_with_noise_shares_evenly_what_the_noise_leaves() -> None:
    samples, _ = blobs(2, 2, n_each=100)
    far = np.random.default_rng(5).uniform(-150, 190, (30, 2))
    polluted = Samples(np.vstack([samples.values, far]), np.append(samples.weights, np.ones(30)))
    start = Mixture(
        np.full(2, 0.45), np.array([[11.0, 11.0], [25.0, 25.0]]), np.array(2 * [4 * np.eye(2)]), "spherical"
    )
    start = replace(start, noise_weight=0.1, noise_sides=np.full(2, 340.0))
    found = fit(polluted, FitConfig(2, method="k-means", tolerance=1e-12), start)
    mixture, labels = found.mixture, predict(found.mixture, polluted.values)
    assert np.diff(found.trace.objectives).min() >= -1e-9
    assert mixture.noise_weight == pytest.approx(polluted.weights[labels == 0].sum() / polluted.weights.sum())
    np.testing.assert_allclose(mixture.weights, [(1 - mixture.noise_weight) / 2] * 2)


@every_family
@pytest.mark.parametrize("init", INITS)
def test_k_means_is_that_of_lloyd_for_every_family_and_start(covariance_type: CovarianceType, init: Init) -> None:
    """On clusters drawn out along a line, where a shared full covariance would divide the samples otherwise."""
    round_samples, _ = blobs(3, 2, distance=3.0)
    samples = Samples(round_samples.values @ np.array([[6.0, 1.0], [1.0, 1.0]]), round_samples.weights)
    config = FitConfig(3, covariance_type, method="k-means", tolerance=1e-12, init=init, restarts=1)
    mixture = fit(samples, config).mixture
    distances = np.linalg.norm(samples.values[:, None] - mixture.means, axis=2)
    labels = predict(mixture, samples.values)
    np.testing.assert_array_equal(labels, 1 + distances.argmin(axis=1))
    for k in range(3):
        own = labels == k + 1
        np.testing.assert_allclose(
            mixture.means[k], np.average(samples.values[own], axis=0, weights=samples.weights[own])
        )


@settings(max_examples=60, deadline=None)
@given(any_samples(), st.data(), FAMILIES, st.sampled_from(METHODS), st.booleans(), st.integers(0, 99))
def test_the_objective_of_no_method_ever_falls_with_noise(
    samples: Samples,
    data: st.DataObject,
    covariance_type: CovarianceType,
    method: Method,
    acceleration: bool,
    seed: int,
) -> None:
    n_components = data.draw(some_components(samples))
    config = FitConfig(
        n_components,
        covariance_type,
        restarts=1,
        max_iterations=40,
        seed=seed,
        method=method,
        acceleration=acceleration,
        noise=True,
    )
    found = fit(samples, config)
    objectives = found.trace.objectives
    assert np.diff(objectives).min(initial=0) >= -slack(objectives)
    assert found.mixture.weights.sum() + found.mixture.noise_weight == pytest.approx(1)


# ---- acceleration --------------------------------------------------------------------------------------------------


@every_family
def test_squarem_steps_reach_the_same_optimum_in_fewer_iterations(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=2.5)
    start = some_mixture(3, 2, covariance_type)
    start = replace(start, means=start.means + samples.values.mean(axis=0))
    config = FitConfig(3, covariance_type, tolerance=1e-11, max_iterations=20_000)
    plain, accelerated = fit(samples, config, start), fit(samples, replace(config, acceleration=True), start)
    assert accelerated.trace.n_iterations < plain.trace.n_iterations
    assert accelerated.objective >= plain.objective - 1e-7


@pytest.mark.parametrize("acceleration", [False, True])
@pytest.mark.parametrize("max_iterations", range(1, 12))
def test_no_run_goes_beyond_its_limit(max_iterations: int, acceleration: bool) -> None:
    samples, _ = blobs(3, 2, distance=2.0)
    config = FitConfig(3, tolerance=1e-12, max_iterations=max_iterations, acceleration=acceleration)
    trace = fit(samples, config, replace(some_mixture(3, 2), means=samples.values[:3])).trace
    assert (trace.n_iterations, trace.stop) == (max_iterations, "iteration limit")


# ---- missing values ------------------------------------------------------------------------------------------------


def with_holes(samples: Samples, share: float, seed: int = 0) -> Samples:
    values = samples.values.copy()
    values[np.random.default_rng(seed).random(values.shape) < share] = np.nan
    return Samples(values, samples.weights)


def marginal_log_density(mixture: Mixture, row: Floats) -> float:
    """Return the log density of what was observed of a sample, by SciPy."""
    seen = ~np.isnan(row)
    if not seen.any():
        return 0.0
    terms = [
        np.log(weight) + multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(row[seen])
        for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    return float(logsumexp(terms))


@pytest.mark.slow
@every_family
def test_missing_values_are_integrated_out(covariance_type: CovarianceType) -> None:
    samples = with_holes(blobs(2, 3, distance=4.0)[0], 0.3)
    found = fit(samples, FitConfig(2, covariance_type))
    expected = [marginal_log_density(found.mixture, row) for row in samples.values]
    np.testing.assert_allclose(score_samples(found.mixture, samples.values), expected, atol=1e-9)
    assert found.trace.log_likelihoods[-1] == pytest.approx(np.average(expected, weights=samples.weights), abs=1e-7)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(any_samples(), st.data(), FAMILIES)
def test_the_objective_never_falls_with_missing_values(
    samples: Samples, data: st.DataObject, covariance_type: CovarianceType
) -> None:
    holes = data.draw(arrays(np.bool_, samples.values.shape))
    values = np.where(holes, np.nan, samples.values)
    config = FitConfig(2, covariance_type, tolerance=1e-7, max_iterations=30, restarts=1)
    start = some_mixture(2, values.shape[1], covariance_type)
    unit = float(np.ptp(samples.values)) or 1.0
    start = replace(
        start, means=samples.values.mean(axis=0) + unit * start.means, covariances=start.covariances * unit**2
    )
    objectives = fit(Samples(values, samples.weights), config, start).trace.objectives
    assert np.diff(objectives).min(initial=0) >= -slack(objectives)


def test_a_row_without_any_value_changes_nothing() -> None:
    samples, _ = blobs(2, 2)
    start = replace(some_mixture(2, 2), means=np.array([[10.0, 10.0], [26.0, 26.0]]))
    padded = Samples(np.vstack([samples.values, [[np.nan, np.nan]]]), np.append(samples.weights, 1.0))
    config = FitConfig(2, tolerance=1e-9)
    plain, holed = fit(samples, config, start).mixture, fit(padded, config, start).mixture
    np.testing.assert_allclose(holed.means, plain.means, rtol=1e-6)
    np.testing.assert_allclose(holed.covariances, plain.covariances, rtol=1e-5)


def test_impute_keeps_observed_values_and_fills_in_expectations() -> None:
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    mixture = Mixture(np.ones(1), np.array([[1.0, -1.0]]), covariance[None])
    values = np.array([[3.0, np.nan], [np.nan, 0.5], [4.0, 5.0], [np.nan, np.nan]])
    filled = impute(mixture, values)
    np.testing.assert_array_equal(filled[~np.isnan(values)], values[~np.isnan(values)])
    assert filled[0, 1] == pytest.approx(-1 + 1.2 / 2.0 * 2.0)
    assert filled[1, 0] == pytest.approx(1 + 1.2 / 1.0 * 1.5)
    np.testing.assert_allclose(filled[3], [1.0, -1.0])


def test_impute_beats_the_column_mean() -> None:
    truth = blobs(3, 3, distance=6.0)[0]
    holed = with_holes(truth, 0.2, seed=1)
    filled = impute(fit(holed, FitConfig(3)).mixture, holed.values)
    missing = np.isnan(holed.values)
    column_means = np.broadcast_to(np.nanmean(holed.values, axis=0), missing.shape)
    error, plain_error = (np.abs(guess - truth.values)[missing].mean() for guess in (filled, column_means))
    assert error < 0.4 * plain_error


@every_family
def test_impute_under_several_components_weighs_their_expectations(covariance_type: CovarianceType) -> None:
    mixture = some_mixture(3, 2, covariance_type)
    x = np.linspace(-4, 4, 9)
    sigma, means = mixture.covariances, mixture.means
    shares = np.exp(log_joint(replace(mixture, means=means[:, :1], covariances=sigma[:, :1, :1]), x[:, None]))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = means[:, 1] + sigma[:, 0, 1] / sigma[:, 0, 0] * (x[:, None] - means[:, 0])
    filled = impute(mixture, np.column_stack([x, np.full(9, np.nan)]))
    np.testing.assert_allclose(filled[:, 1], (shares * expected).sum(axis=1))


@pytest.mark.slow
@every_family
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("acceleration", [False, True])
def test_the_objective_never_falls_from_drawn_starts_with_missing_values(
    covariance_type: CovarianceType, method: Method, acceleration: bool
) -> None:
    samples = with_holes(blobs(3, 3, distance=3.0)[0], 0.4)
    assert np.isnan(samples.values).all(axis=1).any()
    for init in INITS:
        config = FitConfig(3, covariance_type, init, restarts=1, method=method, acceleration=acceleration)
        objectives = fit(samples, config).trace.objectives
        assert np.diff(objectives).min() >= -1e-9


# ---- noise ---------------------------------------------------------------------------------------------------------


def test_far_samples_are_noise_and_leave_the_clusters_alone() -> None:
    samples, labels = blobs(2, 2, n_each=300)
    far = np.random.default_rng(5).uniform(-150, 190, (30, 2))
    values = np.vstack([samples.values, far])
    polluted = Samples(values, np.append(samples.weights, np.ones(30)))
    found = fit(polluted, FitConfig(2, noise=True, restarts=8, tolerance=1e-8))
    clean = fit(samples, FitConfig(2, tolerance=1e-8)).mixture
    order = np.argsort(found.mixture.means[:, 0])
    np.testing.assert_allclose(found.mixture.means[order], clean.means[np.argsort(clean.means[:, 0])], atol=0.1)
    assert np.diff(found.trace.objectives).min() >= -1e-9
    assert found.mixture.weights.sum() + found.mixture.noise_weight == pytest.approx(1)
    predicted = predict(found.mixture, values)
    assert (predicted[len(labels) :] == 0).mean() > 0.9
    assert (predicted[: len(labels)] == 0).mean() < 0.02
    shares = responsibilities(found.mixture, values)
    assert (shares.sum(axis=1)[predicted == 0] < 0.5).all()


def test_a_feature_that_was_never_observed_does_not_hide_noise() -> None:
    samples, _ = blobs(2, 2)
    values = np.column_stack([samples.values, np.full(len(samples.weights), np.nan)])
    found = fit(Samples(values, samples.weights), FitConfig(2, noise=True, restarts=8))
    assert np.isfinite(found.trace.objectives).all()
    assert found.mixture.weights.sum() + found.mixture.noise_weight == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_each", [100, 1000])
def test_outliers_draw_no_seeds_where_there_is_noise(method: Method, n_each: int) -> None:
    """With seeds drawn by plain squared distances, each of these fits had a component on or between outliers."""
    for seed in range(6):
        samples, _ = blobs(3, 2, n_each=n_each, distance=6.0, seed=seed)
        far = np.random.default_rng(seed).uniform(-150, 190, (n_each // 10, 2))
        polluted = Samples(np.vstack([samples.values, far]), np.append(samples.weights, np.ones(len(far))))
        found = fit(polluted, FitConfig(3, "spherical", method=method, noise=True, seed=seed)).mixture
        means = found.means[np.argsort(found.means[:, 0])]
        np.testing.assert_allclose(means, np.outer([6, 12, 18], [1, 1]), atol=0.5)


def test_seeds_leave_out_the_part_that_may_be_outliers_but_not_ties() -> None:
    points = np.append(np.linspace(0, 1, 19), 1e6)[None]
    cluster = k_means_plus_plus(points, np.ones(20), 2, np.random.default_rng(0), outlier_share=0.1)
    assert cluster[-1] == -1
    assert {0, 1} <= set(cluster.tolist())
    mostly_alike = np.append(np.zeros(19), 1.0)[None]
    cluster = k_means_plus_plus(mostly_alike, np.ones(20), 2, np.random.default_rng(0), outlier_share=0.1)
    assert sorted(set(cluster.tolist())) == [0, 1]


@pytest.mark.parametrize("method", ["hard-em", "k-means"])
def test_where_noise_explains_every_sample_the_components_stay_as_they_were(method: Method) -> None:
    """A flat box that no round component fits."""
    values = np.random.default_rng(0).uniform(0, [1000, 1], (60, 2))
    found = fit(Samples(values, np.ones(60)), FitConfig(1, "spherical", method=method, noise=True))
    assert found.mixture.n_components == 1
    assert found.mixture.weights.sum() + found.mixture.noise_weight == pytest.approx(1)
    assert (found.trace.stop, found.trace.verdict) == ("all noise", "all noise")
    np.testing.assert_array_equal(predict(found.mixture, values), 0)


def test_some_noise_among_clusters_does_not_change_the_verdict() -> None:
    samples, _ = blobs(2, 2, n_each=300)
    far = np.random.default_rng(5).uniform(-150, 190, (30, 2))
    polluted = Samples(np.vstack([samples.values, far]), np.append(samples.weights, np.ones(30)))
    trace = fit(polluted, FitConfig(2, noise=True)).trace
    assert trace.verdict == "converged"
    assert trace.noise_share == pytest.approx(30 / polluted.weights.sum(), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_noise_with_missing_values_does_not_depend_on_the_units(method: Method) -> None:
    """Scales are powers of two, so that not even rounding differs."""
    samples, _ = blobs(2, 3)
    far = np.random.default_rng(5).uniform(-150, 190, (10, 3))
    polluted = Samples(np.vstack([samples.values, far]), np.append(samples.weights, np.ones(10)))
    holed = with_holes(polluted, 0.3)
    units = np.array([2.0**20, 2.0**-20, 2.0**7])
    config = FitConfig(2, noise=True, method=method, covariance_type="diag")
    one = fit(holed, config).mixture
    if method != "k-means":  # which is of one variance for all features
        other = fit(Samples(holed.values * units, holed.weights), config).mixture
        labels = predict(one, holed.values)
        np.testing.assert_array_equal(predict(other, holed.values * units), labels)
        assert (labels[-10:] == 0).any()
    scale = 2.0**-30
    other = fit(Samples(holed.values * scale, holed.weights), config).mixture
    np.testing.assert_array_equal(predict(other, holed.values * scale), predict(one, holed.values))


def test_the_density_of_noise_is_that_of_the_sides_observed() -> None:
    sides = np.array([2.0, 1e-6, 1e9])
    mixture = replace(some_mixture(2, 3), weights=np.array([0.3, 0.1]), noise_weight=0.6, noise_sides=sides)
    rows = np.array([[1.0, np.nan, 0.0], [np.nan, 1e3, np.nan], [np.nan] * 3])
    gaussians = replace(mixture, noise_weight=0.0)
    expected = np.exp([marginal_log_density(gaussians, row) for row in rows[:2]]) + 0.6 / np.array([2e9, 1e-6])
    np.testing.assert_allclose(score_samples(mixture, rows[:2]), np.log(expected))
    assert score_samples(mixture, rows)[2] == pytest.approx(np.log(0.4 + 0.6))


def test_a_row_without_any_value_belongs_to_the_component_of_largest_weight() -> None:
    nothing = np.full((1, 2), np.nan)
    mixture = replace(some_mixture(3, 2), weights=np.array([0.2, 0.5, 0.1]), noise_weight=0.2)
    for side in (1e-9, 1.0, 1e9):
        assert predict(replace(mixture, noise_sides=np.full(2, side)), nothing) == [2]


@pytest.mark.parametrize("is_hard", [False, True])
def test_a_clamped_sample_is_never_noise_however_far(is_hard: bool) -> None:
    samples, labels = blobs(2, 2)
    far = np.array([[1e3, -1e3], [1e3, -1e3]])
    polluted = Samples(np.vstack([samples.values, far]), np.append(samples.weights, [1.0, 1.0]))
    known = np.append(0 * labels, [1, 0]).astype(np.int32)
    means = np.array([[12.0, 12.0], [24.0, 24.0]])
    start = Mixture(np.full(2, 0.45), means, np.array(2 * [np.eye(2)]), "full", 0.1, np.full(2, 2e3))
    seen: list[Floats] = []

    class Spy:
        uses_responsibilities = True

        def __call__(self, responsibilities: Floats | None) -> Floats:
            if responsibilities is not None:
                seen.append(responsibilities)
            return clamp(known, np.array([1, 2]))(None)

    config = FitConfig(2, method="hard-em" if is_hard else "em")
    found = fit(polluted, config, start, log_prior=Spy())
    assert (predict(start, far) == 0).all()
    for shares in seen:
        assert shares[-2].tolist() == pytest.approx([1, 0])
    assert seen[0][-1].sum() == pytest.approx(0)  # the same sample, unlabeled
    assert np.diff(found.trace.objectives).min() >= -1e-9


# ---- a conjugate prior ---------------------------------------------------------------------------------------------


def test_one_component_under_a_conjugate_prior_is_the_closed_form() -> None:
    """Murphy 2012, eq. 4.215: the mode of the normal-inverse-Wishart posterior."""
    samples, _ = blobs(1, 2)
    prior = NormalInverseWishart(np.array([5.0, -5.0]), 30.0, 40 * np.eye(2), 12.0)
    found = fit(samples, FitConfig(1, covariance_floor=1e-12), prior=prior).mixture
    n = samples.weights.sum()
    mean = np.average(samples.values, axis=0, weights=samples.weights)
    deviations = samples.values - mean
    gap = mean - prior.mean
    scatter = (samples.weights * deviations.T) @ deviations
    expected = prior.scale + scatter + n * 30 / (n + 30) * np.outer(gap, gap)
    np.testing.assert_allclose(found.means[0], (n * mean + 30 * prior.mean) / (n + 30))
    np.testing.assert_allclose(found.covariances[0], expected / (n + 12 + 2 + 2), rtol=1e-6)


@pytest.mark.slow
@every_family
def test_the_objective_never_falls_under_a_conjugate_prior(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 2, distance=2.0)
    prior = NormalInverseWishart(np.array([4.0, 4.0]), 5.0, 2 * np.eye(2), 4.0)
    for seed in range(10):
        config = FitConfig(3, covariance_type, restarts=1, seed=seed, tolerance=1e-9, init="random")
        assert np.diff(fit(samples, config, prior=prior).trace.objectives).min() >= -1e-9


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(any_samples(), st.data(), FAMILIES, st.sampled_from(METHODS), st.booleans(), st.booleans())
def test_the_objective_never_falls_for_any_samples_under_a_conjugate_prior(
    samples: Samples,
    data: st.DataObject,
    covariance_type: CovarianceType,
    method: Method,
    acceleration: bool,
    noise: bool,
) -> None:
    """Whatever dies on the way: random starts under hard assignments leave many a component without samples."""
    scale = np.diag(prepare_samples(samples, 1e-9).variances) * data.draw(st.sampled_from([1e-3, 1.0, 30.0]))
    degrees = data.draw(st.floats(-samples.values.shape[1] - 1.5, 10))
    prior = NormalInverseWishart(samples.values[0], data.draw(st.floats(0, 10)), scale, degrees)
    config = FitConfig(
        data.draw(some_components(samples)),
        covariance_type,
        init=data.draw(st.sampled_from(INITS)),
        restarts=1,
        tolerance=1e-7,
        max_iterations=40,
        acceleration=acceleration,
        noise=noise,
        method=method,
        seed=data.draw(st.integers(0, 99)),
    )
    objectives = fit(samples, config, prior=prior).trace.objectives
    assert np.isfinite(objectives).all()
    assert np.diff(objectives).min(initial=0) >= -slack(objectives)


@every_family
def test_a_component_that_dies_under_a_prior_costs_nothing(covariance_type: CovarianceType) -> None:
    samples = Samples(np.random.default_rng(0).standard_normal((12, 2)), np.ones(12))
    prior = NormalInverseWishart(np.zeros(2), 1.0, 0.3 * np.eye(2), 3.0)
    n_died = 0
    for seed in range(40):
        config = FitConfig(5, covariance_type, "random", restarts=1, seed=seed, method="hard-em", tolerance=1e-9)
        trace = fit(samples, config, prior=prior).trace
        assert np.diff(trace.objectives).min(initial=0) >= -1e-9
        n_died += trace.n_died
    assert n_died > 0


@pytest.mark.parametrize("degrees", [-3.0, 0.0, 7.5])
def test_no_component_scores_above_the_mode_of_a_prior(degrees: float) -> None:
    scale = np.array([[2.0, 0.5], [0.5, 1.0]])
    prior = NormalInverseWishart(np.array([1.0, -1.0]), 2.0, scale, degrees)
    mode = Mixture(np.ones(1), prior.mean[None], scale[None] / (degrees + 4))
    assert prior.log_density(mode) == pytest.approx(0, abs=1e-12)
    for seed in range(20):
        assert prior.log_density(some_mixture(1, 2, seed=seed)) < 0


@pytest.mark.parametrize(
    ("part", "value", "problem"),
    [
        ("mean", np.zeros((1, 2)), "prior.mean must be"),
        ("mean_weight", -1.0, "prior.mean_weight is -1.0"),
        ("mean_weight", np.nan, "prior.mean_weight is nan"),
        ("scale", np.eye(3), "prior.scale must be a symmetric matrix of 2×2"),
        ("scale", np.ones((2, 2)), "prior.scale must be positive definite"),
        ("degrees", -4.0, "prior.degrees is -4.0; give a number above -4"),
    ],
)
def test_a_prior_outside_its_range_is_refused(part: str, value: Any, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem):
        replace(NormalInverseWishart(np.zeros(2), 1.0, np.eye(2), 3.0), **{part: value})


def test_the_more_a_prior_on_the_mean_weighs_the_nearer_the_mean_comes() -> None:
    samples, _ = blobs(1, 2)
    target = np.array([100.0, -100.0])
    distances = [
        float(np.linalg.norm(fit(samples, FitConfig(1), prior=prior).mixture.means[0] - target))
        for prior in (NormalInverseWishart(target, weight, np.eye(2), 4.0) for weight in (0.0, 1.0, 1e2, 1e4, 1e8))
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-3


# ---- what is known beforehand --------------------------------------------------------------------------------------


def test_clamped_samples_stay_in_their_class_and_pull_it_along() -> None:
    samples, labels = blobs(2, 2, distance=1.0)
    known = np.where(np.arange(len(labels)) % 3 == 0, labels, 0)
    start = Mixture(np.full(2, 0.5), np.array([[0.0, 0.0], [3.0, 3.0]]), np.broadcast_to(np.eye(2), (2, 2, 2)))
    free = fit(samples, FitConfig(2, tolerance=1e-7), start)
    held = fit(samples, FitConfig(2, tolerance=1e-7), start, log_prior=clamp(known, np.array([1, 2])))
    assert np.diff(held.trace.objectives).min() >= -1e-9
    truth = np.array([samples.values[labels == k].mean(axis=0) for k in (1, 2)])
    assert np.abs(held.mixture.means - truth).max() < np.abs(free.mixture.means - truth).max()


def test_samples_that_are_all_clamped_give_the_estimate_of_each_class() -> None:
    samples, labels = blobs(2, 2, distance=1.0)
    start = some_mixture(2, 2)
    found = fit(samples, FitConfig(2, covariance_floor=1e-12), start, log_prior=clamp(labels, np.array([1, 2]))).mixture
    for k in (1, 2):
        own = labels == k
        np.testing.assert_allclose(
            found.means[k - 1], np.average(samples.values[own], axis=0, weights=samples.weights[own])
        )
        expected = np.cov(samples.values[own].T, aweights=samples.weights[own], bias=True)
        np.testing.assert_allclose(found.covariances[k - 1], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("is_hard", [False, True])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e3])
def test_a_clamped_sample_never_has_a_component_of_another_class(scale: float, is_hard: bool) -> None:
    """However little the components of its own class explain it."""
    samples, _ = blobs(3, 2)
    means = samples.values[:3] + 100 * np.eye(3, 2)
    mixture = Mixture(np.full(3, 1 / 3), means, np.broadcast_to(0.01 * np.eye(2), (3, 2, 2)))
    known = np.random.default_rng(0).integers(0, 3, len(samples.weights)).astype(np.int32)
    classes = np.array([1, 2, 2])
    log_prior = np.log(scale) + clamp(known, classes)(None)
    shares = np.empty((3, len(known)))
    log_prior = np.ascontiguousarray(log_prior.T)
    e_step(prepare_samples(samples, 1e-9), mixture, log_prior=log_prior, is_hard=is_hard, responsibilities=shares)
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    is_forbidden = (known > 0) & (known != classes[:, None])
    assert shares[is_forbidden].max() < 1e-80


def test_soft_labels_are_weights_of_each_sample() -> None:
    """From Bayes' rule: with components that are alike, the responsibilities are the probabilities given."""
    samples, _ = blobs(2, 2)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), len(samples.weights))
    alike = Mixture(np.full(3, 1 / 3), np.full((3, 2), 15.0), np.broadcast_to(9 * np.eye(2), (3, 2, 2)))
    shares = np.empty((3, len(samples.weights)))
    log_prior = np.ascontiguousarray(soft(probabilities)(None).T)
    found = e_step(prepare_samples(samples, 1e-9), alike, log_prior=log_prior, responsibilities=shares)
    np.testing.assert_allclose(shares.T, probabilities)
    np.testing.assert_allclose(found.mass, samples.weights @ probabilities)


def test_a_class_may_have_several_components() -> None:
    samples, labels = blobs(3, 1)
    classes = np.where(labels == 3, 2, 1).astype(np.int32)  # class 1 is two clusters
    start = Mixture(np.full(3, 1 / 3), np.array([[7.0], [17.0], [30.0]]), np.ones((3, 1, 1)))
    found = fit(samples, FitConfig(3), start, log_prior=clamp(classes, np.array([1, 1, 2]))).mixture
    np.testing.assert_array_equal(predict(found, samples.values), labels)


def test_a_label_without_a_component_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="3"):
        clamp(np.array([1, 3, 0], dtype=np.int32), np.array([1, 2]))


def test_soft_labels_shift_the_odds_and_priors_add_up() -> None:
    """Two priors, unlike each other and from sample to sample, are as one whose odds are the products."""
    samples, _ = blobs(2, 1, distance=1.0)
    start = Mixture(np.full(2, 0.5), np.array([[1.0], [2.0]]), np.ones((2, 1, 1)))
    generator = np.random.default_rng(0)
    one, other = generator.dirichlet(np.ones(2), len(samples.weights)), np.array([[0.8, 0.2]])
    config = FitConfig(2, max_iterations=3)

    def weights(*probabilities: Floats) -> Floats:
        priors = [soft(each) for each in probabilities]
        return fit(samples, config, start, log_prior=combine(*priors) if priors else None).mixture.weights

    np.testing.assert_allclose(weights(one, other), weights(one * other))
    np.testing.assert_allclose(weights(one, other), weights(other, one))
    assert weights(one, other)[0] > weights(one)[0] + 0.01
    assert weights(other)[0] > weights()[0] + 0.01


def test_probabilities_that_leave_a_sample_nothing_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="probabilities"):
        soft(np.array([[0.0, 0.0]]))


@pytest.mark.parametrize(
    ("log_prior", "problem"),
    [
        (
            combine(*(clamp(np.array(2 * [0] + [k], np.int32), np.array([1, 2])) for k in (1, 2))),
            "all components for sample 2 \\(from 0\\)",
        ),
        (FixedLogPrior(np.full((1, 2), -np.inf)), "forbids all components for every sample"),
        (FixedLogPrior(np.array([[0.0, np.nan]])), "contains NaN"),
        (FixedLogPrior(np.array([[0.0, np.inf]])), "contains NaN or infinity"),
        (FixedLogPrior(np.zeros((1, 3))), r"shape \(1, 3\); give \(3, 2\), or \(1, 2\)"),
        (FixedLogPrior(np.zeros((2, 2))), r"shape \(2, 2\); give \(3, 2\)"),
    ],
)
def test_an_invalid_log_prior_is_refused(log_prior: LogPrior, problem: str) -> None:
    samples = Samples(np.array([[0.0], [1.0], [2.0]]), np.ones(3))
    start = Mixture(np.full(2, 0.5), np.array([[0.0], [2.0]]), np.ones((2, 1, 1)))
    with pytest.raises(InvalidArgumentError, match="^log_prior .*" + problem):
        fit(samples, FitConfig(2), start, log_prior=log_prior)


def test_a_prior_of_neighbors_is_given_the_responsibilities_of_the_step_before() -> None:
    seen: list[Any] = []

    class Neighbors:
        @property
        def uses_responsibilities(self) -> bool:
            return True

        def __call__(self, responsibilities: Floats | None) -> Floats:
            seen.append(None if responsibilities is None else responsibilities.copy())
            return np.zeros((1, 2))

    samples, _ = blobs(2, 1, distance=3.0)
    start = Mixture(np.full(2, 0.5), np.array([[3.0], [6.0]]), np.ones((2, 1, 1)))
    same = fit(samples, FitConfig(2), start, log_prior=Neighbors())
    plain = fit(samples, FitConfig(2), start)  # without log priors sums are taken in another order
    assert same.trace.n_iterations == plain.trace.n_iterations + 1  # two steps in a row have to change little
    np.testing.assert_allclose(same.trace.objectives[:-1], plain.trace.objectives, rtol=1e-13)
    assert seen[0] is None
    np.testing.assert_allclose(seen[1], responsibilities(start, samples.values), atol=1e-9)


@pytest.mark.parametrize("is_combined", [False, True])
def test_a_prior_of_neighbors_keeps_its_columns_when_components_die(is_combined: bool) -> None:
    """Component 1 and 3 of 4 die at once; what the prior is given and gives goes on to mean 1…4."""
    samples, _ = blobs(2, 2)
    means = np.array([[1e4, 0.0], [12.0, 12.0], [-1e4, 0.0], [24.0, 24.0]])
    start = Mixture(np.full(4, 0.25), means, np.broadcast_to(4 * np.eye(2), (4, 2, 2)))
    given_to_prior: list[Floats] = []

    class Neighbors:
        @property
        def uses_responsibilities(self) -> bool:
            return True

        def __call__(self, responsibilities: Floats | None) -> Floats:
            if responsibilities is None:
                return np.zeros((1, 4))
            given_to_prior.append(responsibilities.copy())
            return 0.5 * responsibilities

    prior: LogPrior = Neighbors()
    fixed = FixedLogPrior(np.log([[0.1, 0.2, 0.3, 0.4]]))
    found = fit(samples, FitConfig(4), start, log_prior=combine(prior, fixed) if is_combined else prior)
    assert found.trace.n_died == 2
    np.testing.assert_allclose(found.mixture.means, means[[1, 3]], atol=0.5)
    for shares in given_to_prior:
        assert shares.shape == (len(samples.weights), 4)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_allclose(shares[:, [0, 2]], 0, atol=1e-12)


def test_a_fixed_log_prior_keeps_its_columns_when_components_die() -> None:
    """Clamped to components 2 and 4, the samples of class 2 go to the last, though another died before it."""
    samples, labels = blobs(2, 2, distance=1.0)
    start = Mixture(np.full(4, 0.25), np.zeros((4, 2)), np.broadcast_to(4 * np.eye(2), (4, 2, 2)))
    found = fit(samples, FitConfig(4), start, log_prior=clamp(labels * 2, np.array([1, 2, 3, 4])))
    assert found.trace.n_died == 2
    for k in (1, 2):
        own = labels == k
        mean = np.average(samples.values[own], axis=0, weights=samples.weights[own])
        np.testing.assert_allclose(found.mixture.means[k - 1], mean)


# ---- verdicts and the rest -----------------------------------------------------------------------------------------


def test_the_verdict_is_honest() -> None:
    samples, _ = blobs(2, 2)
    alike = Mixture(np.full(2, 0.5), np.full((2, 2), 12.0), np.broadcast_to(50 * np.eye(2), (2, 2, 2)))
    assert fit(samples, FitConfig(2)).trace.verdict == "converged"
    assert fit(samples, FitConfig(2, max_iterations=1, restarts=1, init="random")).trace.verdict == "iteration limit"
    assert fit(samples, FitConfig(2), alike).trace.verdict == "suspicious"
    two = Samples(np.array([[0.0], [1.0]]), np.array([5.0, 5.0]))
    assert fit(two, FitConfig(2)).trace.verdict == "degenerate"


def test_identical_components_are_suspicious_though_the_samples_are_clustered() -> None:
    samples, _ = blobs(3, 2)
    alike = Mixture(np.full(3, 1 / 3), np.full((3, 2), 20.0), np.broadcast_to(50 * np.eye(2), (3, 2, 2)))
    trace = fit(samples, FitConfig(3), alike).trace
    assert trace.verdict == "suspicious"
    assert trace.log_likelihoods[-1] == pytest.approx(trace.single_gaussian)


def test_one_gaussian_is_what_a_fit_of_one_component_finds() -> None:
    samples, _ = blobs(3, 3)
    trace = fit(samples, FitConfig(1, covariance_floor=1e-12)).trace
    assert trace.single_gaussian == pytest.approx(trace.log_likelihoods[-1], abs=1e-9)
    assert trace.verdict == "converged"  # one component need not beat itself


@pytest.mark.slow
@every_family
def test_with_missing_values_one_gaussian_is_found_as_well(covariance_type: CovarianceType) -> None:
    samples = with_holes(blobs(3, 3)[0], 0.2)
    one = fit(samples, FitConfig(1, covariance_type, tolerance=1e-8)).trace
    three = fit(samples, FitConfig(3, covariance_type)).trace
    assert one.single_gaussian == pytest.approx(one.log_likelihoods[-1], abs=1e-3)
    assert three.single_gaussian == one.single_gaussian
    assert three.verdict == "converged"


@pytest.mark.parametrize("is_holed", [False, True])
@pytest.mark.parametrize("has_constant", [False, True])
def test_components_that_are_alike_are_suspicious(is_holed: bool, has_constant: bool) -> None:
    """A constant feature varies only by the covariance floor, and explains nothing for any K."""
    values = np.random.default_rng(0).standard_normal((300, 3))
    values[:, 2] = 1.0 if has_constant else values[:, 2]
    samples = with_holes(Samples(values), 0.2) if is_holed else Samples(values)
    alike = Mixture(np.full(2, 0.5), np.zeros((2, 3)), np.broadcast_to(np.eye(3), (2, 3, 3)))
    trace = fit(samples, FitConfig(2, tolerance=1e-6), alike).trace
    assert trace.verdict == "suspicious"
    assert trace.log_likelihoods[-1] == pytest.approx(trace.single_gaussian, abs=1e-3)


@every_family
def test_a_fit_is_compared_with_one_gaussian_of_its_own_family(covariance_type: CovarianceType) -> None:
    """Two round clusters on a slant: one slanted Gaussian is more likely than two round components of too few steps."""
    generator = np.random.default_rng(0)
    values = generator.standard_normal((400, 2)) @ np.array([[10.0, 9.9], [0.0, 1.0]])
    samples = Samples(values, np.ones(400))
    one = fit(samples, FitConfig(1, covariance_type, covariance_floor=1e-12)).trace
    assert one.single_gaussian == pytest.approx(one.log_likelihoods[-1], abs=1e-9)
    assert fit(samples, FitConfig(2, covariance_type)).trace.single_gaussian == pytest.approx(one.single_gaussian)
    if covariance_type in ("diag", "spherical"):
        trace = fit(samples, FitConfig(2, covariance_type)).trace
        assert trace.log_likelihoods[-1] < fit(samples, FitConfig(1)).objective  # one full Gaussian is better yet
        assert trace.verdict == "converged"


@every_family
def test_scores_of_samples_are_log_densities(covariance_type: CovarianceType) -> None:
    mixture = some_mixture(4, 3, covariance_type)
    values = 5 * np.random.default_rng(0).standard_normal((200, 3))
    np.testing.assert_allclose(score_samples(mixture, values), logsumexp(log_joint(mixture, values), axis=1))


def test_samples_drawn_from_a_mixture_have_its_moments() -> None:
    mixture = some_mixture(3, 2)
    values, labels = sample(mixture, 60_000, np.random.default_rng(0))
    assert set(labels) == {1, 2, 3}
    for k in range(3):
        own = values[labels == k + 1]
        assert len(own) / 60_000 == pytest.approx(mixture.weights[k], abs=0.01)
        np.testing.assert_allclose(own.mean(axis=0), mixture.means[k], atol=0.1)
        np.testing.assert_allclose(np.cov(own.T), mixture.covariances[k], atol=0.15)
    assert average_log_likelihood(mixture, Samples(values, np.ones(60_000))) == pytest.approx(
        float(score_samples(mixture, values).mean())
    )


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_scale_and_offset_leave_the_labels(scale: float, offset: float) -> None:
    samples, labels = blobs(3, 2)
    values = (samples.values + offset) * scale
    found = fit(Samples(values, samples.weights), FitConfig(3, restarts=8)).mixture
    rank = np.argsort(np.argsort(found.means[:, 0]))
    np.testing.assert_array_equal(rank[predict(found, values) - 1] + 1, labels)


@pytest.mark.parametrize(
    "values", [np.eye(6), np.ones((4, 9)), np.arange(12.0).reshape(3, 4)], ids=["one-hot", "equal", "N < D"]
)
def test_hard_tables_give_finite_answers(values: Floats) -> None:
    n_components = min(2, len(np.unique(values, axis=0)))
    found = fit(Samples(values, np.ones(len(values))), FitConfig(n_components))
    assert np.isfinite(found.trace.objectives).all()
    assert np.linalg.eigvalsh(found.mixture.covariances).min() > 0
