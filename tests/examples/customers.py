"""Two kinds of customers, one in eleven of them labeled: EM initialized from the labels.

scikit-learn's mixture does not use labels, but can start from the same `weights_init`, `means_init` and
`precisions_init`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.mixture import GaussianMixture

from segmenter import Fit, FitConfig, Mixture, fit_learned, learned_start, predict, sample
from segmenter.arrays import Floats, Labels

from . import FOLDER, save_figure
from .recovery import compute_ellipse

KINDS = Mixture(np.array([0.4, 0.6]), np.array([[-1.0, -1.0], [1.0, 1.0]]), np.tile(0.35 * np.eye(2), (2, 1, 1)))
N_CUSTOMERS, N_LABELED = 1100, 100


@dataclass(frozen=True, eq=False)
class Comparison:
    """The fits of two programs from the same initialization."""

    values: Floats  # (N, 2), unlabeled customers
    truth: Labels  # (N,), their true kinds, 1 or 2
    labeled: Floats  # (n, 2), labeled customers
    labels: Labels  # (n,), their labels
    start: Mixture
    ours: Fit
    theirs: GaussianMixture


def fit_both(seed: int = 0) -> Comparison:
    """Sample customers, and fit them with both programs."""
    values, truth = sample(KINDS, N_CUSTOMERS, np.random.default_rng(seed))
    labels = np.where(np.arange(N_CUSTOMERS) < N_LABELED, truth, 0).astype(np.int32)
    config = FitConfig(2, tolerance=1e-2, covariance_floor=1e-12)
    start, _ = learned_start(values, labels, config)
    unlabeled = labels == 0
    theirs = GaussianMixture(
        2,
        tol=1e-2,
        reg_covar=0,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(values[unlabeled])
    ours = fit_learned(values, labels, config).fit
    return Comparison(values[unlabeled], truth[unlabeled], values[~unlabeled], labels[~unlabeled], start, ours, theirs)


def main(folder: Path = FOLDER) -> None:
    """Print both fits, and draw the initialization and the result."""
    fits = fit_both()
    mixture, trace = fits.ours.mixture, fits.ours.trace
    ours, theirs = predict(mixture, fits.values), fits.theirs.predict(fits.values) + 1
    print(f"log-likelihoods: {', '.join(f'{value:.6f}' for value in trace.log_likelihoods)} nats per customer")
    print(f"weights {mixture.weights.round(3).tolist()}, means {mixture.means.round(3).tolist()}")
    print(f"scikit-learn {fits.theirs.weights_.round(3).tolist()}, {fits.theirs.means_.round(3).tolist()}")
    print(f"{np.mean(ours == theirs):.1%} of the labels are scikit-learn's, {np.mean(ours == fits.truth):.1%} are true")
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    left.plot(*fits.values.T, ".", color="0.85", markersize=2)
    for axes, values, labels, drawn in (
        (left, fits.labeled, fits.labels, fits.start),
        (right, fits.values, ours, mixture),
    ):
        for k, color in enumerate(("tab:blue", "tab:orange")):
            axes.plot(*values[labels == k + 1].T, ".", color=color, markersize=3)
            axes.plot(*compute_ellipse(drawn, k), color="black", linewidth=0.8)
    left.set_title(f"{N_LABELED} labeled customers, and the start they give", fontsize=9)
    right.set_title(f"the others, after {trace.n_iterations} iterations", fontsize=9)
    save_figure(figure, "customers", folder)


if __name__ == "__main__":
    main()
