"""A mixture of categorical distributions (latent classes): EM on answers to questions, with the E-step of the library.

Lazarsfeld and Henry 1968; Bishop 2006, section 9.3.3, for two answers. The log density of a categorical distribution is
linear in indicators φ of the answers, so the two steps of EM are the matrix products A φ and R φᵀ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segmenter.arrays import Floats
from segmenter.mixture.e_step import stable_exp

from . import FOLDER, save_figure

N_QUESTIONS, N_ANSWERS = 6, 3
TRUTH = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])
"""Probabilities of the answers in two classes, the same for all questions."""


def draw(n: int = 600, seed: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return answers (n, questions), 0 to 2, and the class of each person (n,)."""
    generator = np.random.default_rng(seed)
    classes = (generator.random(n) < 0.4).astype(np.intp)
    cumulative = TRUTH.cumsum(axis=1)[classes]
    return (generator.random((n, N_QUESTIONS, 1)) > cumulative[:, None, :]).sum(axis=2), classes


def run_em(answers: NDArray[np.intp], n_classes: int = 2, n_steps: int = 60) -> tuple[Floats, Floats, Floats, Floats]:
    """Return weights (K,), probabilities (K, questions, answers), responsibilities (N, K) and log-likelihoods."""
    phi = (answers[:, :, None] == np.arange(N_ANSWERS)).reshape(len(answers), -1).T.astype(np.float64)
    weights = np.full(n_classes, 1 / n_classes)
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.full(N_ANSWERS, 5.0), (n_classes, N_QUESTIONS))
    log_likelihoods = []
    while True:
        joint = np.log(weights)[:, None] + np.log(probabilities).reshape(n_classes, -1) @ phi
        densities, log_density, total = stable_exp(joint)  # E-step
        shares = densities / total
        log_likelihoods.append(float(log_density.sum()))
        if len(log_likelihoods) > n_steps:
            return weights, probabilities, shares.T, np.array(log_likelihoods)
        weights = shares.mean(axis=1)  # M-step: the shares of the answers in each class
        counts = (shares @ phi.T).reshape(probabilities.shape)
        probabilities = counts / counts.sum(axis=2, keepdims=True)


def main(folder: Path = FOLDER) -> None:
    """Print and draw the answers of each class."""
    answers, classes = draw()
    weights, probabilities, shares, log_likelihoods = run_em(answers)
    order = np.argsort(-probabilities[:, :, 0].mean(axis=1))
    print(f"log-likelihood {log_likelihoods[0]:.2f} -> {log_likelihoods[-1]:.2f}")
    print(f"weights {weights[order].round(3).tolist()}, in truth {[0.6, 0.4]}")
    print(f"classes found of {(shares[:, order].argmax(axis=1) == classes).mean():.1%} of the people")
    figure = Figure(figsize=(6.3, 2.6), layout="constrained")
    for axes, k, name in zip(figure.subplots(1, 2, sharey=True), order, ("first class", "second class"), strict=True):
        bottom = np.zeros(N_QUESTIONS)
        for answer in range(N_ANSWERS):
            axes.bar(
                np.arange(1, N_QUESTIONS + 1), probabilities[k, :, answer], bottom=bottom, label=f"answer {answer}"
            )
            bottom += probabilities[k, :, answer]
        axes.set(title=name, xlabel="question")
    axes.legend()
    save_figure(figure, "categorical", folder)


if __name__ == "__main__":
    main()
