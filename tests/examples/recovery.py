"""EM recovers the mixture that samples were drawn from: four mixtures, a hundred seeds each."""

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

from . import FOLDER, save_figure

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
    "eruptions of a geyser": Mixture(  # minutes of eruption and of waiting, similar to Old Faithful
        np.array([0.36, 0.64]),
        np.array([[2.04, 54.5], [4.29, 80.0]]),
        np.array([[[0.07, 0.44], [0.44, 33.7]], [[0.17, 0.94], [0.94, 36.0]]]),
    ),
}


def recover(truth: Mixture, seed: int) -> tuple[Mixture, float]:
    """Return the mixture fitted to samples of one seed, in the order of the truth, and the share of correct labels."""
    values, labels = sample(truth, N_SAMPLES, np.random.default_rng(seed))
    fitted = fit(Samples(values), FitConfig(truth.n_components, restarts=2, seed=seed)).mixture
    fitted = reorder(fitted, sort_components(fitted))
    return fitted, float((predict(fitted, values) == labels).mean())


def draw(axes: Axes, truth: Mixture, fitted: Sequence[Mixture]) -> None:
    """Draw the samples of the first seed, the mixtures fitted with all seeds, and the truth on top."""
    values, _ = sample(truth, N_SAMPLES, np.random.default_rng(0))
    if truth.n_features == 1:
        axes.hist(values[:, 0], 40, density=True, color="0.85")
        grid = np.linspace(values.min() - 1, values.max() + 1, 400)[:, None]
        for mixture in fitted:
            axes.plot(grid, np.exp(score_samples(mixture, grid)), color="tab:blue", alpha=0.05)
        axes.plot(grid, np.exp(score_samples(truth, grid)), color="black", linewidth=0.8)
        return
    axes.plot(*values.T, ".", color="0.85", markersize=2)
    for mixture in fitted:
        for k in range(mixture.n_components):
            axes.plot(*compute_ellipse(mixture, k), color="tab:blue", alpha=0.05)
    for k in range(truth.n_components):
        axes.plot(*compute_ellipse(truth, k), color="black", linewidth=0.8)


def compute_ellipse(mixture: Mixture, k: int) -> Floats:
    """Return the ellipse of two standard deviations of component k, counted from 0, as points (2, n)."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(mixture.means[k][:, None] + 2 * np.linalg.cholesky(mixture.covariances[k]) @ circle)


def main(folder: Path = FOLDER, n_seeds: int = N_SEEDS) -> None:
    """Print the mean and standard deviation of the estimated parameters, and draw the mixtures."""
    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    for axes, (name, truth) in zip(figure.subplots(2, 2).flat, TRUTHS.items(), strict=True):
        fitted, shares = zip(*(recover(truth, seed) for seed in range(n_seeds)), strict=True)
        print(f"{name}, {n_seeds} seeds of {N_SAMPLES} samples: {np.mean(shares):.1%} of labels correct")
        for k in range(truth.n_components):
            weights = [mixture.weights[k] for mixture in fitted]
            means = np.array([mixture.means[k] for mixture in fitted])
            means_text = ", ".join(
                f"{mean:.2f} ± {spread:.2f} (true {true:.2f})"
                for mean, spread, true in zip(means.mean(axis=0), means.std(axis=0), truth.means[k], strict=True)
            )
            weight_text = f"{np.mean(weights):.3f} ± {np.std(weights):.3f} (true {truth.weights[k]:.2f})"
            print(f"  weight {weight_text}, mean {means_text}")
        draw(axes, truth, fitted)
        axes.set_title(name, fontsize=9)
    save_figure(figure, "recovery", folder)


if __name__ == "__main__":
    main()
