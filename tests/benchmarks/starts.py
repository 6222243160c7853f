"""The default start of the estimator against scikit-learn's: the average log-likelihood that the fits reach."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats

from .report import installed, verdict

SEEDS = range(8)
SLACK = 0.05  # nats per sample; the standard error of a mean over the seeds is 0.07 on digits


def load_cases() -> Iterator[tuple[str, Floats, int]]:
    """Yield names, samples and numbers of components."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
    from sklearn.decomposition import PCA

    yield "digits, 20 principal components", PCA(20, random_state=0).fit_transform(load_digits().data), 10
    yield "breast cancer", load_breast_cancer().data, 2
    yield "breast cancer", load_breast_cancer().data, 5
    yield "wine", load_wine().data, 3
    yield "iris", load_iris().data, 3
    yield "blobs", make_blobs(1000, 10, centers=8, random_state=0)[0], 8
    yield "blobs that overlap", make_blobs(2000, 2, centers=12, cluster_std=1.5, random_state=1)[0], 12


def main() -> bool:
    """Fit, print, and return whether ours are at least as good everywhere."""
    print(f"default starts, tolerance and iterations of both; mean of {len(SEEDS)} seeds, nats per sample")
    print(f"peer: scikit-learn {installed('scikit-learn')}")
    if installed("scikit-learn") == "absent":
        return verdict("starts", "not measured, scikit-learn is absent", "pip install -e '.[test]'", False)
    from sklearn.mixture import GaussianMixture as Peer

    from segmenter.estimators import GaussianMixture

    passed = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that do not converge or collapse, from both
        for name, values, n_components in load_cases():
            ours, theirs = (
                float(np.mean([kind(n_components, random_state=seed).fit(values).score(values) for seed in SEEDS]))
                for kind in (GaussianMixture, Peer)
            )
            title = f"{name}, K={n_components}"
            passed.append(verdict(title, f"{ours:.3f}", f"≥ {theirs:.3f}, the peer's", ours >= theirs - SLACK))
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
