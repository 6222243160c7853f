"""Two coins of unknown bias: the classic first example of EM, with the E-step of the library.

Do and Batzoglou 2008, "What is the expectation maximization algorithm?": five rounds of ten tosses with one of two
coins; which one is unknown. The log densities of a binomial, like those of a Gaussian, are linear in some features φ,
here φ = [1, heads, tails], so the two steps of EM are the same matrix products, A φ and R φᵀ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from segmenter.arrays import Floats
from segmenter.mixture.e_step import stable_exp

from . import FOLDER, save_figure

HEADS = np.array([5.0, 9.0, 8.0, 4.0, 7.0])
N_TOSSES = 10
START = np.array([0.6, 0.5])


def run_em(n_steps: int = 10) -> tuple[Floats, Floats]:
    """Return the biases (steps + 1, 2) and the log-likelihoods (steps + 1,), in nats up to a constant."""
    phi = np.stack([np.ones(len(HEADS)), HEADS, N_TOSSES - HEADS])
    biases, log_likelihoods = [START], []
    while True:
        bias = biases[-1]
        coefficients = np.stack([np.full(2, np.log(0.5)), np.log(bias), np.log(1 - bias)], axis=1)
        densities, log_density, total = stable_exp(coefficients @ phi)  # E-step
        log_likelihoods.append(float(log_density.sum()))
        if len(biases) > n_steps:
            return np.array(biases), np.array(log_likelihoods)
        sums = (densities / total) @ phi.T
        biases.append(sums[:, 1] / (sums[:, 1] + sums[:, 2]))  # M-step: fraction of heads


def main(folder: Path = FOLDER) -> None:
    """Print and draw every step."""
    biases, log_likelihoods = run_em()
    for step, (bias, log_likelihood) in enumerate(zip(biases, log_likelihoods, strict=True)):
        print(f"step {step:2d}  biases {bias[0]:.4f} and {bias[1]:.4f}  log-likelihood {log_likelihood:.6f}")
    figure = Figure(figsize=(6.3, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for coin, name in enumerate(("first coin", "second coin")):
        left.plot(biases[:, coin], marker="o", label=name)
    left.set(xlabel="step of EM", ylabel="share of heads", ylim=(0.45, 0.85))
    left.legend()
    right.plot(log_likelihoods, marker="o", color="black")
    right.set(xlabel="step of EM", ylabel="log-likelihood (nats)")
    save_figure(figure, "coins", folder)


if __name__ == "__main__":
    main()
