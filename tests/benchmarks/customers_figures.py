"""Semi-supervised EM on the customers, against the published figures and scikit-learn from the same start.

The published code gave scikit-learn the covariances of the start as its ``precisions_init``, which wants their
inverses. So both are compared: as it was published, and as it was meant.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.mixture import GaussianMixture

from segmenter.arrays import Floats, Labels, Samples
from segmenter.io.tables.layout import read_layout
from segmenter.io.tables.table import read_table
from segmenter.mixture.config import FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.inference import predict
from segmenter.mixture.model import Mixture
from segmenter.mixture.semi_supervised import learned_start

from .customers import CUSTOMERS
from .report import installed, verdict

CONFIG = FitConfig(n_components=2, tolerance=1e-4)
AGREEMENT = 0.994
N_LOG_LIKELIHOODS = 4
MEANS = np.array([[-1.045, -1.027], [0.988, 0.997]])
WEIGHTS = np.array([0.414, 0.586])


def peer_labels(values: Floats, start: Mixture, precisions: Floats) -> tuple[Labels, int]:
    """Return the labels that scikit-learn gives from a start, 1…K, and its iterations."""
    peer = GaussianMixture(
        2, tol=0.01, weights_init=start.weights, means_init=start.means, precisions_init=precisions
    ).fit(values)
    return (peer.predict(values) + 1).astype(np.int32), int(peer.n_iter_)


def main() -> bool:
    """Measure, print, and return whether every figure is reproduced."""
    layout = read_layout(CUSTOMERS / "labeled.csv")
    labeled = read_table(layout, ("x1", "x2")).values
    classes = read_table(layout, ("y",)).values[:, 0].astype(np.int32) + 1
    values = read_table(read_layout(CUSTOMERS / "unlabeled.csv"), ("x1", "x2")).values
    start, _ = learned_start(labeled, classes, CONFIG)
    samples = Samples(values, np.ones(len(values)))
    log_likelihoods = fit(samples, CONFIG, start).trace.log_likelihoods
    n_until = 2 + int(np.argmax(np.abs(np.diff(log_likelihoods)) < CONFIG.tolerance))
    mixture = fit(samples, replace(CONFIG, max_iterations=n_until - 1), start).mixture  # ours goes a step further
    labels = predict(mixture, values)
    as_published, n_published = peer_labels(values, start, start.covariances)
    as_meant, n_meant = peer_labels(values, start, np.asarray(np.linalg.inv(start.covariances), np.float64))
    agreement, agreement_meant = float(np.mean(labels == as_published)), float(np.mean(labels == as_meant))
    n_until = 2 + int(np.argmax(np.abs(np.diff(log_likelihoods)) < CONFIG.tolerance))
    print(
        f"{len(labeled)} labeled and {len(values)} unlabeled customers; peer: scikit-learn {installed('scikit-learn')}"
    )
    print(f"log-likelihoods, nats per customer: {', '.join(f'{value:.6f}' for value in log_likelihoods)}")
    print(f"iterations of the peer: {n_published} as published, {n_meant} with precisions")
    means, weights = mixture.means, mixture.weights
    passed = [
        verdict(
            "forecasts as the peer's, as published", f"{agreement:.1%}", "99.4 %", round(agreement, 3) == AGREEMENT
        ),
        verdict("with true precisions", f"{agreement_meant:.1%}", "more than that", agreement_meant > agreement),
        verdict("log-likelihoods until |Δ| < 1e-4", str(n_until), "4", n_until == N_LOG_LIKELIHOODS),
        verdict("means", str(means.round(3).tolist()), str(MEANS.tolist()), bool(np.abs(means - MEANS).max() < 1e-3)),
        verdict(
            "weights",
            str(weights.round(3).tolist()),
            str(WEIGHTS.tolist()),
            bool(np.abs(weights - WEIGHTS).max() < 1e-3),
        ),
    ]
    return all(passed)
