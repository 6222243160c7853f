"""With many features the terms of degree two are computed in other ways, chosen by family: the results are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture as Peer

from segmenter.arrays import Samples
from segmenter.mixture import monomials
from segmenter.mixture.config import COVARIANCE_TYPES, METHODS, CovarianceType, FitConfig
from segmenter.mixture.data import PreparedSamples, dither, prepare_for_fit, prepare_samples
from segmenter.mixture.diagnostics import covariance_floor_cost, find_collapsed_components
from segmenter.mixture.e_step import e_step
from segmenter.mixture.em import fit
from segmenter.mixture.inference import predict, responsibilities, score_samples
from segmenter.mixture.initialization import build_mixture_around, estimate_from_clusters
from segmenter.mixture.m_step import NormalInverseWishart, m_step
from segmenter.mixture.model import Mixture
from segmenter.mixture.whitening import sum_pairs
from tests.support.scenes import blobs, some_mixture
from tests.support.scenes import log_joint as log_joint_by_scipy

every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
N_FEATURES = 14
FLOOR = 1e-3  # so large that leaving it out somewhere would show


def prepare_both(
    covariance_type: CovarianceType, *, has_noise: bool = False
) -> tuple[PreparedSamples, PreparedSamples]:
    """Return the same overlapping samples with the terms of a family, and with all pairs."""
    samples, _ = blobs(3, N_FEATURES, distance=1.0)
    terms = monomials.choose_terms(covariance_type, N_FEATURES, has_noise=has_noise)
    few = prepare_samples(samples, FLOOR, terms=terms)
    assert few.terms != "pairs"
    return few, prepare_samples(samples, FLOOR, terms="pairs")


def near(covariance_type: CovarianceType) -> Mixture:
    """Return a mixture whose components all take part in the samples of `prepare_both`."""
    samples, _ = blobs(3, N_FEATURES, distance=1.0)
    mixture = some_mixture(3, N_FEATURES, covariance_type)
    return replace(mixture, means=samples.values[:3], covariances=mixture.covariances / 4)


def assert_mixtures_close(actual: Mixture, expected: Mixture) -> None:
    for name in ("weights", "means", "covariances", "noise_weight"):
        mine, other = getattr(actual, name), getattr(expected, name)
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-10 * np.abs(other).max(), err_msg=name)


@every_family
@pytest.mark.parametrize("has_noise", [False, True])
@pytest.mark.parametrize("is_hard", [False, True])
@pytest.mark.parametrize("has_prior", [False, True])
def test_one_iteration_is_that_with_all_pairs_of_features(
    covariance_type: CovarianceType, has_noise: bool, is_hard: bool, has_prior: bool
) -> None:
    few, pairs = prepare_both(covariance_type, has_noise=has_noise)
    mixture = near(covariance_type)
    if has_noise:
        sides = np.full(N_FEATURES, 20.0)
        mixture = replace(mixture, weights=0.9 * mixture.weights, noise_weight=0.1, noise_sides=sides)
    log_prior = None
    if has_prior:
        log_prior = np.log(np.random.default_rng(0).dirichlet(np.ones(3 + has_noise), few.n_samples).T)
    shares = [np.empty((3 + has_noise, few.n_samples)) for _ in range(2)]
    options: dict[str, Any] = {"log_prior": log_prior, "is_hard": is_hard}
    found, expected = (
        e_step(data, mixture, responsibilities=share, **options)
        for data, share in zip((few, pairs), shares, strict=True)
    )
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-10)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-11)
    plain = e_step(few, mixture, **options)
    np.testing.assert_allclose(plain.sums, found.sums, rtol=1e-12)
    prior = NormalInverseWishart(np.ones(N_FEATURES), 2.0, np.eye(N_FEATURES) + 0.1, 3.0) if has_prior else None
    stepped = [
        m_step(each, covariance_type, prior=prior, noise_sides=mixture.noise_sides) for each in (found, expected)
    ]
    assert_mixtures_close(*stepped)
    shared = [m_step(each, covariance_type, equal_weights=True) for each in (found, expected)]
    assert_mixtures_close(*shared)


@every_family
def test_starts_and_diagnoses_are_those_with_all_pairs(covariance_type: CovarianceType) -> None:
    few, pairs = (dither(data, np.full(N_FEATURES, 0.3)) for data in prepare_both(covariance_type))
    config = FitConfig(3, covariance_type=covariance_type)
    cluster = np.arange(few.n_samples) % 3
    assert_mixtures_close(*(estimate_from_clusters(data, cluster, config) for data in (few, pairs)))
    assert_mixtures_close(*(build_mixture_around(near("full").means, data, config) for data in (few, pairs)))
    mixture, shares = near(covariance_type), np.array([0.2, 0.5, 0.3])
    costs = [covariance_floor_cost(mixture, shares, data, None) for data in (few, pairs)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-11)
    thin = replace(mixture, covariances=mixture.covariances * np.array([1, 1e-4, 1])[:, None, None])
    assert find_collapsed_components(thin, few) == find_collapsed_components(thin, pairs) == (2,)
    assert find_collapsed_components(mixture, few) == ()


@every_family
@pytest.mark.parametrize("n_features", [7, 14, 40])
def test_densities_are_those_of_scipy(covariance_type: CovarianceType, n_features: int) -> None:
    mixture = some_mixture(3, n_features, covariance_type)
    values = mixture.means[np.arange(50) % 3] + np.random.default_rng(1).standard_normal((50, n_features))
    joint = log_joint_by_scipy(mixture, values)
    expected = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(score_samples(mixture, values), expected, rtol=1e-10)
    np.testing.assert_allclose(responsibilities(mixture, values), np.exp(joint - expected[:, None]), atol=1e-9)
    np.testing.assert_array_equal(predict(mixture, values), joint.argmax(axis=1) + 1)
    data = prepare_for_fit(Samples(values), FitConfig(3, covariance_type=covariance_type, covariance_floor=1e-12))
    assert e_step(data, mixture).log_likelihood == pytest.approx(expected.sum(), rel=1e-8)


@settings(max_examples=20)
@given(st.sampled_from(COVARIANCE_TYPES), st.floats(-1e7, 1e7), st.integers(0, 100))
def test_a_fit_does_not_depend_on_where_the_samples_are(
    covariance_type: CovarianceType, offset: float, seed: int
) -> None:
    samples, _ = blobs(2, 12, n_each=30, distance=3.0, seed=seed)
    config = FitConfig(2, covariance_type=covariance_type, restarts=1, max_iterations=20, covariance_floor=1e-6)
    here, there = (fit(Samples(samples.values + shift, samples.weights), config) for shift in (0.0, offset))
    assert here.objective == pytest.approx(there.objective, abs=1e-5)
    np.testing.assert_allclose(there.mixture.means - offset, here.mixture.means, atol=1e-5)


@every_family
@pytest.mark.parametrize("acceleration", [False, True])
def test_the_objective_never_falls(covariance_type: CovarianceType, acceleration: bool) -> None:
    samples, _ = blobs(3, 13, distance=1.5, n_each=400)
    config = FitConfig(4, covariance_type=covariance_type, tolerance=1e-7, acceleration=acceleration, restarts=2)
    found = fit(samples, config)
    assert (np.diff(found.trace.objectives) > -1e-12).all()
    assert found.trace.log_likelihoods[-1] == pytest.approx(
        float(samples.weights @ score_samples(found.mixture, samples.values)) / samples.weights.sum(), abs=1e-6
    )


@every_family
def test_from_the_same_start_the_fit_is_that_of_scikit_learn(covariance_type: CovarianceType) -> None:
    samples, _ = blobs(3, 25, n_each=100, distance=1.0)
    means, precisions = samples.values[:3], {"full": np.stack([np.eye(25)] * 3), "tied": np.eye(25)}
    precisions |= {"diag": np.ones((3, 25)), "spherical": np.ones(3)}
    peer = Peer(
        3, covariance_type=covariance_type, reg_covar=0, tol=1e-6, max_iter=300, means_init=means,
        weights_init=np.full(3, 1 / 3), precisions_init=precisions[covariance_type],
    ).fit(samples.values)  # fmt: skip
    start = Mixture(np.full(3, 1 / 3), means, np.stack([np.eye(25)] * 3), covariance_type)
    found = fit(
        Samples(samples.values), FitConfig(3, tolerance=1e-6, max_iterations=300, covariance_floor=1e-12), start
    )
    assert found.trace.n_iterations == peer.n_iter_
    np.testing.assert_allclose(found.mixture.means, peer.means_, atol=1e-7)
    assert found.trace.log_likelihoods[-1] == pytest.approx(peer.score(samples.values), abs=1e-9)


@every_family
@pytest.mark.parametrize("method", METHODS)
def test_statistics_do_not_depend_on_blocks(
    covariance_type: CovarianceType, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, _ = prepare_both(covariance_type)
    mixture = near(covariance_type)
    whole = e_step(few, mixture, is_hard=method != "em")
    monkeypatch.setattr("segmenter.mixture.data.block_size", lambda n_features, terms="pairs": 17)
    monkeypatch.setattr("segmenter.mixture.data.MAX_CACHED_MONOMIALS", 0)
    samples, _ = blobs(3, N_FEATURES, distance=1.0)
    cut = e_step(prepare_samples(samples, FLOOR, terms=few.terms), mixture, is_hard=method != "em")
    np.testing.assert_allclose(cut.sums, whole.sums, rtol=1e-9, atol=1e-9)
    assert cut.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-10)


def test_a_component_without_any_sample_in_a_block_adds_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """BLAS prints a complaint about empty matrices, which no Python error tells of."""
    phi = np.vstack([np.ones(30), np.random.default_rng(0).normal(size=(40, 30))])
    mass = np.vstack([np.ones(30), np.zeros(30)])
    sums = sum_pairs(mass, phi, np.zeros(40))
    np.testing.assert_allclose(sums[0], monomials.monomials(phi[1:]).sum(axis=1))
    np.testing.assert_array_equal(sums[1], 0)
    assert capfd.readouterr() == ("", "")


@every_family
@pytest.mark.parametrize("share", [0.0005, 0.04])
def test_far_outliers_are_found_in_many_features_as_well(covariance_type: CovarianceType, share: float) -> None:
    values = np.random.default_rng(0).standard_normal((2000, 12))
    config = FitConfig(2, covariance_type=covariance_type)
    assert prepare_for_fit(Samples(values), config).floor_growth is None
    values[: int(share * 2000), 3] += 1e7
    data = prepare_for_fit(Samples(values), config)
    assert data.terms == "pairs"
    np.testing.assert_allclose(data.variances, 1, atol=0.2)
