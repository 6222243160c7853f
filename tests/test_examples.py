"""Worked examples: EM finds again what the samples were drawn from, and the same two steps serve other mixtures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from segmenter.arrays import Floats, Samples
from segmenter.features.distinct import distinct_colors
from segmenter.io.photo import read_photo
from segmenter.mixture.config import FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.gaussian import Mixture, reorder
from segmenter.mixture.posterior import order_by, predict, sample
from segmenter.mixture.semi_supervised import fit_learned, learned_start
from segmenter.mixture.statistics import exponentiate

COFFEE = Path(__file__).parent.parent / "images" / "coffee.png"

N_SAMPLES, N_SEEDS = 600, 100

TRUTHS = {
    "two clusters on a line": Mixture(
        np.array([0.4, 0.6]), np.array([[-2.0], [3.0]]), np.array([1.0, 0.25])[:, None, None]
    ),
    "three clusters on a line": Mixture(
        np.array([0.3, 0.3, 0.4]), np.array([[-5.0], [0.0], [4.0]]), np.array([1.0, 0.5, 0.3])[:, None, None]
    ),
    "three clusters in the plane": Mixture(
        np.array([0.2, 0.3, 0.5]),
        np.array([[-4.0, 0.0], [0.0, 4.0], [4.0, -1.0]]),
        np.array([[[1.0, 0.6], [0.6, 1.0]], [[1.0, -0.5], [-0.5, 0.5]], [[0.4, 0.0], [0.0, 1.5]]]),
    ),
    "eruptions of a geyser": Mixture(  # minutes of eruption and of waiting, as of Old Faithful
        np.array([0.36, 0.64]),
        np.array([[2.04, 54.5], [4.29, 80.0]]),
        np.array([[[0.07, 0.44], [0.44, 33.7]], [[0.17, 0.94], [0.94, 36.0]]]),
    ),
}


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS.keys())
def test_em_recovers_the_truth_over_a_hundred_seeds(truth: Mixture) -> None:
    """The error of a mean or weight is that of an average: nearly always within four standard errors."""
    deviations = np.sqrt(truth.covariances.diagonal(axis1=1, axis2=2))
    mean_errors, weight_errors, agreements = [], [], []
    for seed in range(N_SEEDS):
        values, labels = sample(truth, N_SAMPLES, np.random.default_rng(seed))
        found = fit(Samples(values, np.ones(N_SAMPLES)), FitConfig(truth.n_components, restarts=2, seed=seed))
        mixture = reorder(found.mixture, order_by(found.mixture))
        standard_errors = deviations / np.sqrt(N_SAMPLES * truth.weights)[:, None]
        mean_errors.append(np.abs(mixture.means - truth.means) / standard_errors)
        weight_errors.append(np.abs(mixture.weights - truth.weights) / np.sqrt(truth.weights / N_SAMPLES))
        agreements.append((predict(mixture, values) == labels).mean())
    assert (np.max(mean_errors, axis=(1, 2)) < 4).sum() >= 0.97 * N_SEEDS
    assert (np.max(weight_errors, axis=1) < 4).sum() >= 0.97 * N_SEEDS
    assert np.mean(agreements) > 0.97


def test_from_the_start_that_labels_give_em_comes_where_scikit_learn_does() -> None:
    """Two kinds of customers, two features in standard units, of which one in eleven is labeled."""
    kinds = Mixture(np.array([0.4, 0.6]), np.array([[-1.0, -1.0], [1.0, 1.0]]), np.tile(0.35 * np.eye(2), (2, 1, 1)))
    values, truth = sample(kinds, 1100, np.random.default_rng(0))
    labels = np.where(np.arange(1100) < 100, truth, 0).astype(np.int32)
    config = FitConfig(2, tolerance=1e-2, covariance_floor=1e-12)
    start, _ = learned_start(values, labels, config)
    unlabeled = values[labels == 0]
    ours = fit_learned(values, labels, config).fit
    theirs = GaussianMixture(
        2,
        tol=1e-2,
        reg_covar=0,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(unlabeled)
    assert ours.trace.n_iterations == theirs.n_iter_
    np.testing.assert_allclose(ours.mixture.means, theirs.means_, rtol=1e-6)
    np.testing.assert_array_equal(predict(ours.mixture, unlabeled), theirs.predict(unlabeled) + 1)
    assert (predict(ours.mixture, unlabeled) == truth[labels == 0]).mean() > 0.98


def test_the_fit_of_a_photo_is_that_of_scikit_learn_on_all_its_pixels() -> None:
    """Ours on distinct colors with counts, theirs on every pixel."""
    pixels = read_photo(COFFEE).pixels[::6, ::6]
    distinct = distinct_colors(np.ascontiguousarray(pixels), None)
    samples = Samples(distinct.colors / 255.0, distinct.counts)
    start = fit(samples, FitConfig(3, restarts=1, max_iterations=2)).mixture
    ours = fit(samples, FitConfig(3, tolerance=1e-5, covariance_floor=1e-12), start)
    everything = pixels.reshape(-1, 3) / 255.0
    theirs = GaussianMixture(
        3,
        tol=1e-5,
        reg_covar=0,
        max_iter=500,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(everything)
    assert len(distinct.colors) < len(everything)
    assert ours.trace.n_iterations == theirs.n_iter_ > 5
    assert ours.trace.log_likelihoods[-1] == pytest.approx(theirs.score(everything), abs=1e-8)
    np.testing.assert_array_equal(predict(ours.mixture, everything), theirs.predict(everything) + 1)


def test_two_coins_of_unknown_bias() -> None:
    """A mixture of binomials: φ is [1, heads, tails], and both steps are the same two matrix products.

    Do and Batzoglou 2008, "What is the expectation maximization algorithm?": five rounds of ten tosses with one of two
    coins, which one is not known; from (0.6, 0.5) EM comes to (0.80, 0.52) in ten steps.
    """
    heads = np.array([5.0, 9.0, 8.0, 4.0, 7.0])
    phi = np.stack([np.ones(5), heads, 10 - heads])
    bias = np.array([0.6, 0.5])
    objectives = []
    for _ in range(10):
        coefficients = np.stack([np.full(2, np.log(0.5)), np.log(bias), np.log(1 - bias)], axis=1)
        joint = coefficients @ phi
        densities, log_density, total = exponentiate(joint)
        sums: Floats = (densities / total) @ phi.T
        bias = sums[:, 1] / (sums[:, 1] + sums[:, 2])
        objectives.append(log_density.sum())
    assert (np.diff(objectives) > 0).all()
    assert bias == pytest.approx([0.80, 0.52], abs=0.005)
