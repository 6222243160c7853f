"""Worked examples: EM recovers the mixture that samples were drawn from, and its steps serve other mixtures too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

from segmenter.mixture.inference import predict
from segmenter.mixture.model import Mixture
from tests.examples import categorical, coins, customers, hmm, photo, recovery
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("truth", recovery.TRUTHS.values(), ids=recovery.TRUTHS.keys())
def test_em_recovers_the_truth_over_a_hundred_seeds(truth: Mixture) -> None:
    """Means and weights are averages, so their errors nearly always lie within four standard errors."""
    deviations = np.sqrt(truth.covariances.diagonal(axis1=1, axis2=2))
    mean_errors, weight_errors, agreements = [], [], []
    for seed in range(recovery.N_SEEDS):
        mixture, agreement = recovery.recover(truth, seed)
        standard_errors = deviations / np.sqrt(recovery.N_SAMPLES * truth.weights)[:, None]
        mean_errors.append(np.abs(mixture.means - truth.means) / standard_errors)
        weight_errors.append(np.abs(mixture.weights - truth.weights) / np.sqrt(truth.weights / recovery.N_SAMPLES))
        agreements.append(agreement)
    assert (np.max(mean_errors, axis=(1, 2)) < 4).sum() >= 0.97 * recovery.N_SEEDS
    assert (np.max(weight_errors, axis=1) < 4).sum() >= 0.97 * recovery.N_SEEDS
    assert np.mean(agreements) > 0.97


def test_em_initialized_from_labels_agrees_with_scikit_learn() -> None:
    found = customers.fit_both()
    assert found.ours.trace.n_iterations == found.theirs.n_iter_
    np.testing.assert_allclose(found.ours.mixture.means, found.theirs.means_, rtol=1e-6)
    labels = predict(found.ours.mixture, found.values)
    np.testing.assert_array_equal(labels, found.theirs.predict(found.values) + 1)
    assert (labels == found.truth).mean() > 0.98


def test_the_fit_of_distinct_colors_agrees_with_scikit_learn_on_all_pixels() -> None:
    found = photo.fit_both()
    assert found.n_colors < found.labels[0].size
    assert found.ours.trace.n_iterations == found.theirs.n_iter_ > 5
    assert found.ours.trace.log_likelihoods[-1] == pytest.approx(found.their_log_likelihood, abs=1e-8)
    np.testing.assert_array_equal(*found.labels)


def test_two_coins_of_unknown_bias() -> None:
    """Do and Batzoglou 2008: from (0.6, 0.5), EM reaches (0.80, 0.52) in ten steps."""
    biases, log_likelihoods = coins.run_em(10)
    assert (np.diff(log_likelihoods) > 0).all()
    assert biases[1] == pytest.approx([0.71, 0.58], abs=0.005)
    assert biases[-1] == pytest.approx([0.80, 0.52], abs=0.005)


def test_forward_and_backward_agree_with_the_sum_over_all_paths() -> None:
    """An independent oracle: the joint density of each of 2⁶ paths, added up."""
    values = hmm.draw(6)[0]
    mixture = Mixture(np.array([0.3, 0.7]), np.array([[0.0], [2.0]]), np.array([[[1.0]], [[0.5]]]))
    chain = hmm.Chain(np.array([0.6, 0.4]), np.array([[0.9, 0.1], [0.3, 0.7]]), mixture)
    states, counts, log_likelihood = hmm.expect(chain, values)
    densities = np.stack([norm(mean, scale).pdf(values) for mean, scale in ((0, 1), (2, np.sqrt(0.5)))], axis=1)
    total, expected_states, expected_counts = 0.0, np.zeros((6, 2)), np.zeros((2, 2))
    for path in product(range(2), repeat=6):
        probability = chain.initial[path[0]] * densities[np.arange(6), path].prod()
        probability *= np.prod([chain.transitions[i, j] for i, j in pairwise(path)])
        total += probability
        expected_states[np.arange(6), path] += probability
        for i, j in pairwise(path):
            expected_counts[i, j] += probability
    assert log_likelihood == pytest.approx(np.log(total))
    np.testing.assert_allclose(states, expected_states / total)
    np.testing.assert_allclose(counts, expected_counts / total)


def test_baum_welch_climbs_and_finds_the_states() -> None:
    values, states = hmm.draw()
    chain, log_likelihoods = hmm.fit_chain(values)
    assert np.diff(log_likelihoods).min() > -1e-6
    order = np.argsort(chain.emissions.means[:, 0])
    found = hmm.expect(chain, values)[0][:, order].argmax(axis=1)
    alone = predict(chain.emissions, values)
    assert (found == states).mean() > max(0.9, (order[alone - 1] == states).mean())
    np.testing.assert_allclose(chain.transitions[np.ix_(order, order)], hmm.STAYS, atol=0.06)


def test_latent_classes_are_found() -> None:
    answers, classes = categorical.draw()
    weights, probabilities, shares, log_likelihoods = categorical.run_em(answers)
    assert np.diff(log_likelihoods).min() > -1e-9
    joint = weights * probabilities[:, np.arange(6), answers].prod(axis=2).T  # an independent oracle: (N, K)
    assert log_likelihoods[-1] == pytest.approx(np.log(joint.sum(axis=1)).sum())
    order = np.argsort(-probabilities[:, :, 0].mean(axis=1))
    np.testing.assert_allclose(probabilities[order].mean(axis=1), categorical.TRUTH, atol=0.05)
    assert (shares[:, order].argmax(axis=1) == classes).mean() > 0.95


EXAMPLES = ROOT / "tests" / "examples"
COMMANDS = re.findall(r"^python (-m tests\.examples\.\w+)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)


def test_the_readme_lists_every_example() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"__init__"}
    assert {command.removeprefix("-m tests.examples.") for command in COMMANDS} == names


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_and_draws(command: str, tmp_path: Path) -> None:
    name = command.removeprefix("-m tests.examples.")
    words = [sys.executable, *command.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(f"-> outputs/examples/{name}.png\n")
    with Image.open(tmp_path / "outputs" / "examples" / f"{name}.png") as figure:
        assert figure.width > 600
