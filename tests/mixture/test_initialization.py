"""Starts from known parameters or labels, on samples whose answer is known by hand."""

from __future__ import annotations

import numpy as np

from segmenter.arrays import Samples
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.initialization import KnownParameters, build_mixture_around, build_starts, draw_class_means

SAMPLES = Samples(np.array([[0.0], [1.0], [9.0], [10.0], [12.0]]), np.array([3.0, 1.0, 1.0, 1.0, 2.0]))
CONFIG = FitConfig(2, restarts=3, covariance_floor=1e-12)
DATA = prepare_samples(SAMPLES, CONFIG.covariance_floor)


def test_the_means_of_classes_are_weighted_means_of_their_labeled_samples() -> None:
    labels = np.array([1, 1, 0, 2, 2], np.int32)
    means = draw_class_means(DATA, labels, np.array([1, 2]), np.random.default_rng(0))
    np.testing.assert_allclose(means, [[0.25], [34 / 3]])


def test_a_class_of_several_components_is_split_among_them() -> None:
    labels = np.array([1, 1, 0, 1, 2], np.int32)
    means = draw_class_means(DATA, labels, np.array([1, 2, 1]), np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(means[[0, 2], 0]), [0.25, 10.0])
    np.testing.assert_allclose(means[1], 12)


def test_given_means_get_the_pooled_scatter_of_the_nearest_samples() -> None:
    mixture = build_mixture_around(np.array([[10.0], [0.0]]), DATA, CONFIG)
    low, high = np.array([0, 0, 0, 1.0]), np.array([9, 10, 12, 12.0])
    pooled = (((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum()) / 8
    np.testing.assert_allclose(mixture.covariances, np.full((2, 1, 1), pooled))
    np.testing.assert_array_equal(mixture.weights, 0.5)
    np.testing.assert_array_equal(mixture.means, [[10.0], [0.0]])


def test_there_are_as_many_starts_as_can_differ() -> None:
    labels = np.array([1, 0, 0, 0, 2], np.int32)
    weights, means, covariances = np.array([0.3, 0.7]), np.array([[0.0], [9.0]]), np.ones((2, 1, 1))
    for given, n_starts in (
        (KnownParameters(weights, means, covariances), 1),
        (KnownParameters(means=means), 1),
        (KnownParameters(weights, covariances=covariances), 3),
    ):
        starts = build_starts(SAMPLES, CONFIG, given, None, None)
        assert starts is not None
        assert len(starts) == n_starts
    assert build_starts(SAMPLES, CONFIG, KnownParameters(), None, None) is None
    labeled = build_starts(SAMPLES, CONFIG, KnownParameters(), labels, np.array([1, 2]))
    assert labeled is not None
    assert len(labeled) == 3
