"""A hidden Markov model with Gaussian emissions: Baum–Welch on the public functions of the library.

Rabiner 1989, "A tutorial on hidden Markov models". The responsibilities of a mixture become the posteriors of the
states, which the forward–backward recursion finds; the M-step of the emissions is the same, `segmenter.m_step`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import logsumexp

import segmenter
from segmenter.arrays import Floats

from . import FOLDER, save_figure

STAYS = np.array([[0.95, 0.05], [0.10, 0.90]])
MEANS, DEVIATION = np.array([0.0, 2.0]), 1.0


@dataclass(frozen=True, eq=False)
class Chain:
    """A hidden Markov model of K states."""

    initial: Floats  # (K,)
    transitions: Floats  # (K, K), rows sum to 1
    emissions: segmenter.Mixture  # its weights are not used


def draw(n: int = 500, seed: int = 0) -> tuple[Floats, NDArray[np.intp]]:
    """Return values (n,) and states (n,) of a chain that changes its state now and then."""
    generator = np.random.default_rng(seed)
    states = np.zeros(n, dtype=np.intp)
    for t in range(1, n):
        states[t] = generator.choice(2, p=STAYS[states[t - 1]])
    return MEANS[states] + DEVIATION * generator.standard_normal(n), states


def log_emissions(chain: Chain, values: Floats) -> Floats:
    """Return the log density of each value under each state, (N, K): posterior × density / weight, by Bayes' rule."""
    shares = segmenter.responsibilities(chain.emissions, values)
    return np.log(shares / chain.emissions.weights) + segmenter.score_samples(chain.emissions, values)[:, None]


def expect(chain: Chain, values: Floats) -> tuple[Floats, Floats, float]:
    """Return the posteriors of the states (N, K), the expected transitions (K, K), and the log-likelihood."""
    emissions, transitions = log_emissions(chain, values), np.log(chain.transitions)
    forward, backward = np.empty_like(emissions), np.zeros_like(emissions)
    forward[0] = np.log(chain.initial) + emissions[0]
    for t in range(1, len(values)):
        forward[t] = emissions[t] + logsumexp(forward[t - 1][:, None] + transitions, axis=0)
    for t in range(len(values) - 2, -1, -1):
        backward[t] = logsumexp(transitions + emissions[t + 1] + backward[t + 1], axis=1)
    log_likelihood = float(logsumexp(forward[-1]))
    pairs = forward[:-1, :, None] + transitions + (emissions[1:] + backward[1:])[:, None, :] - log_likelihood
    return np.exp(forward + backward - log_likelihood), np.exp(pairs).sum(axis=0), log_likelihood


def fit_chain(values: Floats, n_states: int = 2, n_steps: int = 40) -> tuple[Chain, list[float]]:
    """Return the chain that Baum–Welch finds from a mixture that knows no order, and the log-likelihoods."""
    uniform = np.full((n_states, n_states), 1 / n_states)
    chain = Chain(uniform[0], uniform, segmenter.fit(values, segmenter.FitConfig(n_states)).mixture)
    log_likelihoods = []
    for _ in range(n_steps):
        states, counts, log_likelihood = expect(chain, values)
        log_likelihoods.append(log_likelihood)
        emissions = segmenter.m_step(values, states)
        chain = Chain(states[0], counts / counts.sum(axis=1, keepdims=True), emissions)
    return chain, log_likelihoods


def main(folder: Path = FOLDER) -> None:
    """Print the chain, and draw its states beside those of a mixture."""
    values, states = draw()
    chain, log_likelihoods = fit_chain(values)
    order = np.argsort(chain.emissions.means[:, 0])
    print(f"log-likelihood {log_likelihoods[0]:.2f} -> {log_likelihoods[-1]:.2f}")
    print(f"transitions {chain.transitions[np.ix_(order, order)].round(3).tolist()}, in truth {STAYS.tolist()}")
    figure = Figure(figsize=(6.3, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(values, ".", color="0.6", markersize=3, label="values")
    axes.plot(MEANS[states], color="black", label="state")
    axes.plot(expect(chain, values)[0][:, order[1]] - 4, color="tab:blue", label="posterior, less 4")
    axes.set(xlabel="time")
    axes.legend()
    save_figure(figure, "hmm", folder)


if __name__ == "__main__":
    main()
