"""EM finds again what samples were drawn from: four mixtures, a hundred seeds each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmenter import FitConfig, Mixture, Samples, fit, predict, sample, score_samples
from segmenter.arrays import Floats
from segmenter.mixture.inference import sort_components
from segmenter.mixture.model import reorder

from . import FOLDER, save

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


def recovered(truth: Mixture, seed: int) -> tuple[Mixture, float]:
    """Return the mixture found from samples of one seed, in the order of the truth, and the share of labels found."""
    values, labels = sample(truth, N_SAMPLES, np.random.default_rng(seed))
    found = fit(Samples(values), FitConfig(truth.n_components, restarts=2, seed=seed)).mixture
    found = reorder(found, sort_components(found))
    return found, float((predict(found, values) == labels).mean())


def draw(axes: Axes, truth: Mixture, found: Sequence[Mixture]) -> None:
    """Draw the samples of the first seed, what was found with each, and the truth on top."""
    values, _ = sample(truth, N_SAMPLES, np.random.default_rng(0))
    if truth.n_features == 1:
        axes.hist(values[:, 0], 40, density=True, color="0.85")
        grid = np.linspace(values.min() - 1, values.max() + 1, 400)[:, None]
        for mixture in found:
            axes.plot(grid, np.exp(score_samples(mixture, grid)), color="tab:blue", alpha=0.05)
        axes.plot(grid, np.exp(score_samples(truth, grid)), color="black", linewidth=0.8)
        return
    axes.plot(*values.T, ".", color="0.85", markersize=2)
    for mixture in found:
        for k in range(mixture.n_components):
            axes.plot(*ellipse(mixture, k), color="tab:blue", alpha=0.05)
    for k in range(truth.n_components):
        axes.plot(*ellipse(truth, k), color="black", linewidth=0.8)


def ellipse(mixture: Mixture, k: int) -> Floats:
    """Return the ellipse of two standard deviations of component k, from 0, as points (2, n)."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(mixture.means[k][:, None] + 2 * np.linalg.cholesky(mixture.covariances[k]) @ circle)


def main(folder: Path = FOLDER, n_seeds: int = N_SEEDS) -> None:
    """Print the mean and the standard deviation of what was found, and draw it."""
    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    for axes, (name, truth) in zip(figure.subplots(2, 2).flat, TRUTHS.items(), strict=True):
        found, shares = zip(*(recovered(truth, seed) for seed in range(n_seeds)), strict=True)
        print(f"{name}, {n_seeds} seeds of {N_SAMPLES} samples: {np.mean(shares):.1%} of labels found")
        for k in range(truth.n_components):
            weights = [mixture.weights[k] for mixture in found]
            means = np.array([mixture.means[k] for mixture in found])
            told = ", ".join(
                f"{mean:.2f} ± {spread:.2f} (true {true:.2f})"
                for mean, spread, true in zip(means.mean(axis=0), means.std(axis=0), truth.means[k], strict=True)
            )
            print(f"  weight {np.mean(weights):.3f} ± {np.std(weights):.3f} (true {truth.weights[k]:.2f}), mean {told}")
        draw(axes, truth, found)
        axes.set_title(name, fontsize=9)
    save(figure, "recovery", folder)


if __name__ == "__main__":
    main()
