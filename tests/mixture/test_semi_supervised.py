"""Fits to a few labeled samples and many unlabeled ones."""

from __future__ import annotations

import numpy as np
import pytest

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import CovarianceType, FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.inference import responsibilities
from segmenter.mixture.semi_supervised import fit_clamped, fit_learned, learned_start

CONFIG = FitConfig(n_components=2, tolerance=1e-8)


def two_classes(n: int = 60, *, distance: float = 3.0, seed: int = 0) -> tuple[Floats, Labels]:
    """Return samples of two overlapping classes in two dimensions, twice as many of the second."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.array([1, 2], np.int32), [n, 2 * n])
    return generator.standard_normal((3 * n, 2)) + distance * labels[:, None], labels


def partly(labels: Labels, every: int) -> Labels:
    """Return the labels of every n-th sample, and 0 for the others."""
    return np.where(np.arange(len(labels)) % every == 0, labels, 0).astype(np.int32)


def test_the_learned_start_is_counts_means_and_covariances() -> None:
    values, labels = two_classes()
    start, classes = learned_start(values, labels, CONFIG)
    assert classes.tolist() == [1, 2]
    for k in (0, 1):
        members = values[labels == k + 1]
        assert start.weights[k] == pytest.approx(len(members) / len(values), rel=1e-12)
        assert start.means[k] == pytest.approx(members.mean(axis=0), rel=1e-12)
        assert start.covariances[k] == pytest.approx(np.cov(members.T, bias=True), rel=1e-6)


def test_unlabeled_samples_do_not_matter_to_the_start() -> None:
    values, labels = two_classes()
    start, _ = learned_start(values, labels, CONFIG)
    more, _ = learned_start(np.vstack([values, 100 + values]), np.append(labels, 0 * labels), CONFIG)
    assert (start.means == more.means).all()
    assert (start.covariances == more.covariances).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_the_start_is_of_the_family_asked_for(covariance_type: CovarianceType) -> None:
    values, labels = two_classes()
    start, _ = learned_start(values, labels, FitConfig(n_components=2, covariance_type=covariance_type))
    within = [values[labels == c] - values[labels == c].mean(axis=0) for c in (1, 2)]
    if covariance_type == "tied":
        pooled = np.cov(np.vstack(within).T, bias=True)
        assert start.covariances == pytest.approx(np.stack([pooled, pooled]), rel=1e-6)
    elif covariance_type != "full":
        expected = within[0].var(axis=0)
        expected = expected if covariance_type == "diag" else np.full(2, expected.mean())
        assert start.covariances[0] == pytest.approx(np.diag(expected), rel=1e-6)


def test_a_class_of_one_sample_takes_the_covariance_of_all() -> None:
    values, labels = two_classes()
    labels[:59] = 0
    start, _ = learned_start(values, labels, CONFIG)
    assert (start.covariances[0] == start.covariances[0].T).all()
    assert np.linalg.eigvalsh(start.covariances).min() > 0.1
    assert start.means[0] == pytest.approx(values[59])


def test_missing_values_are_left_out_of_the_start() -> None:
    values, labels = two_classes(seed=3)
    values[::7, 0] = np.nan
    start, _ = learned_start(values, labels, FitConfig(covariance_type="diag"))
    for c in (1, 2):
        assert start.means[c - 1] == pytest.approx(np.nanmean(values[labels == c], axis=0), rel=1e-6)


def test_learned_is_em_on_the_unlabeled_from_that_start() -> None:
    values, labels = two_classes()
    some = partly(labels, 4)
    found = fit_learned(values, some, CONFIG)
    start, _ = learned_start(values, some, CONFIG)
    unlabeled = values[some == 0]
    by_hand = fit(Samples(unlabeled, np.ones(len(unlabeled))), CONFIG, start)
    assert (found.fit.mixture.means == by_hand.mixture.means).all()
    assert found.component_classes.tolist() == [1, 2]


def test_all_clamped_is_the_learned_start() -> None:
    values, labels = two_classes()
    found = fit_clamped(values, labels, CONFIG)
    start, _ = learned_start(values, labels, CONFIG)
    assert found.fit.mixture.means == pytest.approx(start.means, rel=1e-9)
    assert found.fit.mixture.covariances == pytest.approx(start.covariances, rel=1e-6)


@pytest.mark.parametrize("each", [1, 2])
def test_clamped_samples_never_leave_their_class(each: int) -> None:
    values, labels = two_classes(distance=0.5)  # which overlap widely
    some = partly(labels, 3)
    found = fit_clamped(values, some, CONFIG, labeled_weight=50, components_per_class=each)
    share = responsibilities(found.fit.mixture, values)
    share = np.where((some[:, None] == 0) | (some[:, None] == found.component_classes), share, 0)
    share /= share.sum(axis=1, keepdims=True)
    weights = np.where(some > 0, 50.0, 1.0)
    expected = (weights @ share) / weights.sum()  # the fit stands still under the clamped E-step
    assert found.fit.mixture.weights == pytest.approx(expected, abs=2e-3)
    assert np.diff(found.fit.trace.objectives).min() >= -1e-12


def test_the_weight_pulls_towards_the_labeled() -> None:
    values, labels = two_classes(distance=1.0)
    some = partly(labels, 5)
    start, _ = learned_start(values, some, CONFIG)
    fits = [fit_clamped(values, some, CONFIG, labeled_weight=weight) for weight in (1e-3, 1, 1e3)]
    distances = [np.abs(found.fit.mixture.means - start.means).max() for found in fits]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.02


def test_several_components_a_class_find_its_parts() -> None:
    generator = np.random.default_rng(0)
    centers, classes = np.array([-9.0, 9.0, 0.0, 18.0]), np.array([1, 1, 2, 2], np.int32)  # interleaved
    group = np.repeat(np.arange(4), 50)
    values = (centers[group] + generator.standard_normal(200))[:, None]
    labels = classes[group]
    for found in (
        fit_learned(values, partly(labels, 3), CONFIG, components_per_class=2),
        fit_clamped(values, partly(labels, 3), CONFIG, components_per_class=2),
    ):
        found = found.reordered(np.argsort(found.fit.mixture.means[:, 0]))
        assert found.component_classes.tolist() == [1, 2, 1, 2]
        assert found.fit.mixture.means[:, 0] == pytest.approx([-9, 0, 9, 18], abs=0.6)


def test_a_component_that_dies_takes_its_class_along() -> None:
    values = np.concatenate([np.linspace(-1, 1, 40), np.linspace(1e4, 1e4 + 1, 5)])[:, None]
    labels = np.array([1] * 5 + [0] * 35 + [2] * 5, np.int32)
    found = fit_learned(values, labels, CONFIG)
    assert found.fit.trace.n_died == 1
    assert found.component_classes.tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ([0, 0, 0, 0], "all 0"),
        ([1, 0, 3, 0], "class 2"),
        ([1, -1, 0, 0], "-1"),
        ([1, 2, 0], "3 for 4"),
        ([1, 2, 1, 2], "unlabeled"),
    ],
)
def test_invalid_labels_are_refused(labels: list[int], problem: str) -> None:
    values = np.arange(8.0).reshape(4, 2)
    with pytest.raises(InvalidArgumentError, match=problem):
        fit_learned(values, np.array(labels, np.int32), CONFIG)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.inf, np.nan])
def test_an_invalid_weight_is_refused(weight: float) -> None:
    values, labels = two_classes()
    with pytest.raises(InvalidArgumentError, match="labeled_weight"):
        fit_clamped(values, labels, CONFIG, labeled_weight=weight)


def test_too_few_samples_for_the_components_of_a_class_are_refused() -> None:
    values, labels = two_classes()
    labels[:58] = 0
    with pytest.raises(InvalidArgumentError, match="class 1"):
        learned_start(values, labels, CONFIG, components_per_class=3)
