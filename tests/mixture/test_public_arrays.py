"""Public functions take arrays as well as samples, fits as well as mixtures, and give arrays that cannot be written."""

from __future__ import annotations

import numpy as np
import pytest

import segmenter
from segmenter.arrays import Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES, CovarianceType, FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.e_step import e_step
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.m_step import m_step
from segmenter.mixture.model import Mixture
from tests.support.scenes import blobs

VALUES = blobs(2, 2)[0].values


@pytest.fixture(scope="module")
def found() -> Fit:
    return fit(VALUES, FitConfig(2))


def test_an_array_is_samples_of_weight_one(found: Fit) -> None:
    same = fit(Samples(VALUES), FitConfig(2))
    np.testing.assert_array_equal(found.mixture.covariances, same.mixture.covariances)
    listed = fit(VALUES.tolist(), FitConfig(2))
    np.testing.assert_array_equal(found.mixture.covariances, listed.mixture.covariances)


def test_a_vector_is_samples_of_one_feature() -> None:
    vector = VALUES[:, 0]
    one, other = fit(vector, FitConfig(2)), fit(vector[:, None], FitConfig(2))
    np.testing.assert_array_equal(one.mixture.means, other.mixture.means)
    np.testing.assert_array_equal(segmenter.predict(one, vector), segmenter.predict(one, vector[:, None]))


def test_a_fit_stands_for_its_mixture(found: Fit) -> None:
    for function in (
        segmenter.predict,
        segmenter.responsibilities,
        segmenter.confidence,
        segmenter.score_samples,
        segmenter.impute,
    ):
        np.testing.assert_array_equal(function(found, VALUES.tolist()), function(found.mixture, VALUES))


def test_criteria_take_samples_or_for_a_fit_their_number(found: Fit) -> None:
    n = len(VALUES)
    for criterion in (segmenter.bic, segmenter.aic):
        assert criterion(found, VALUES) == pytest.approx(criterion(found, n), rel=1e-9)
        assert criterion(found.mixture, Samples(VALUES)) == pytest.approx(criterion(found, n), rel=1e-9)
    twice = Samples(VALUES, np.array([2.0]))
    assert segmenter.bic(found, twice) == pytest.approx(segmenter.bic(found, np.vstack([VALUES, VALUES])))
    assert segmenter.icl(found, VALUES) == pytest.approx(segmenter.icl(found, Samples(VALUES)))


def test_a_seed_draws_what_its_generator_draws(found: Fit) -> None:
    seeded, labels = segmenter.sample(found, 5, 3)
    drawn, same = segmenter.sample(found.mixture, 5, np.random.default_rng(3))
    np.testing.assert_array_equal(seeded, drawn)
    np.testing.assert_array_equal(labels, same)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_an_m_step_of_responsibilities_is_that_of_em(found: Fit, covariance_type: CovarianceType) -> None:
    samples = Samples(VALUES, blobs(2, 2)[0].weights)
    stepped = segmenter.m_step(samples, segmenter.responsibilities(found, VALUES), covariance_type)
    expected = m_step(e_step(prepare_samples(samples, FitConfig.covariance_floor), found.mixture), covariance_type)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(stepped, name), getattr(expected, name), rtol=1e-9, atol=1e-12)
    assert stepped.covariance_type == covariance_type


def test_arrays_of_frozen_values_cannot_be_written_and_those_of_the_caller_can(found: Fit) -> None:
    own: Floats = VALUES.copy()
    samples = Samples(own)
    arrays = [found.mixture.weights, found.mixture.means, found.mixture.covariances]
    for array in [*arrays, found.trace.objectives, found.trace.log_likelihoods, samples.values, samples.weights]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    own[0] = 0


def test_pixels_of_another_range_are_told() -> None:
    mixture = Mixture([0.5, 0.5], [[0.2, 0.2, 0.2], [0.8, 0.8, 0.8]], 0.01 * np.array([np.eye(3)] * 2))  # type: ignore[arg-type]
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3), dtype=np.uint8)
    with pytest.warns(UserWarning, match="divide them by 255"):
        segmenter.predict(mixture, pixels)
    for silent in (pixels / 255, np.zeros((2, 3)), np.ones((2, 3)), -3.0 * np.ones((2, 3)), np.empty((0, 3))):
        segmenter.predict(mixture, silent)  # a warning would be an error


def test_a_number_of_components_is_no_configuration() -> None:
    with pytest.raises(InvalidArgumentError, match=r"give FitConfig\(n_components=K\)"):
        segmenter.fit(np.zeros((9, 2)), 3)  # type: ignore[arg-type]
