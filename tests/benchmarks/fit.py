"""EM on distinct colors against scikit-learn's on all pixels, from the same start."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bytes, Floats, Labels, Samples
from segmenter.features.color import compute_color_features
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import predict
from segmenter.mixture.initialization import initialize
from segmenter.mixture.model import Mixture
from segmenter.segmentation.colors import build_label_image

from .interleave import call, interleave, median_seconds
from .photos import describe_photos, photo_paths, read_pixels
from .report import installed, spread, verdict

CONFIG = FitConfig(n_components=4, covariance_type="full", tolerance=1e-4, max_iterations=200)
N_ROUNDS = 3
N_REPEATS = 5  # of ours in a round, which take a hundredth of the time

LEAST_RATIO = 100.0
MOST_DIFFERENCE = 1e-6
LEAST_AGREEMENT = 0.999
LEAST_VARIANCE = 1e-12
"""A component of the peer narrower than this, a 4,000th of an 8-bit level, has collapsed onto one plane of colors.

Saturated channels do that. The likelihood has no maximum then: the peer (reg_covar=0) climbs until rounding stops it,
ours until its blur does. Such a photo counts for the times; its differences are printed, but cannot be required."""


@dataclass(frozen=True)
class Comparison:
    """Ours against scikit-learn's on one photo."""

    ratio: float  # scikit-learn's time / ours: distinct colors, fit and labels against fit and predict
    fit_ratio: float  # the same for the fits alone
    difference: float  # log-likelihoods, nats per pixel
    agreement: float  # share of pixels with the same label
    bounded: (
        bool  # False: without regularization the peer's likelihood grows without end, and there is nothing to equal
    )
    n_iterations: tuple[int, int]


def segment_colors(pixels: Bytes, config: FitConfig, start: Mixture | None) -> tuple[Fit, Labels]:
    """Return what the product does between the array of a photo and its label image."""
    distinct = find_distinct_colors(pixels)
    samples = Samples(compute_color_features(distinct.colors, "rgb").values, distinct.counts)
    found = fit(samples, config, start)
    return found, build_label_image(distinct, predict(found.mixture, samples.values))


def all_pixels(pixels: Bytes) -> Floats:
    """Return the features of every pixel, shape (N, 3): what scikit-learn is given."""
    return compute_color_features(pixels.reshape(-1, 3), "rgb").values


def drawn_start(samples: Samples) -> Mixture:
    """Return a start by k-means++."""
    return initialize(prepare_samples(samples, CONFIG.covariance_floor), CONFIG, np.random.default_rng(0))


def compare(path: Path) -> Comparison:
    """Measure one photo."""
    from sklearn.mixture import GaussianMixture

    pixels = read_pixels(path)
    values = all_pixels(pixels)
    distinct = find_distinct_colors(pixels)
    samples = Samples(compute_color_features(distinct.colors, "rgb").values, distinct.counts)
    start = drawn_start(samples)
    peer = GaussianMixture(
        CONFIG.n_components,
        tol=CONFIG.tolerance,
        max_iter=CONFIG.max_iterations,
        reg_covar=0,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    )
    found, labels = segment_colors(pixels, CONFIG, start)  # warms up, too
    ours, our_fit, peer_fit, peer_predict = interleave(
        [
            lambda: call(lambda: segment_colors(pixels, CONFIG, start), N_REPEATS),
            lambda: call(lambda: fit(samples, CONFIG, start), N_REPEATS),
            lambda: call(lambda: peer.fit(values)),
            lambda: call(lambda: peer.predict(values)),
        ],
        N_ROUNDS,
    )
    return Comparison(
        ratio=(median_seconds(peer_fit) + median_seconds(peer_predict)) / median_seconds(ours),
        fit_ratio=median_seconds(peer_fit) / median_seconds(our_fit),
        difference=float(found.trace.log_likelihoods[-1] - peer.score(values)),
        agreement=float(np.mean(labels.ravel() == peer.predict(values) + 1)),
        bounded=bool(np.linalg.eigvalsh(peer.covariances_).min() >= LEAST_VARIANCE),
        n_iterations=(found.trace.n_iterations, int(peer.n_iter_)),
    )


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    print(f"K=4, full covariances, tolerance 1e-4, the same k-means++ start; {describe_photos()}")
    print(f"peer: scikit-learn {installed('scikit-learn')}, GaussianMixture(reg_covar=0).fit + .predict on all pixels")
    print(f"one BLAS thread for both; median of {N_ROUNDS} interleaved rounds")
    if installed("scikit-learn") == "absent":
        return verdict("fit", "not measured, scikit-learn is absent", "pip install -e '.[test]'", False)
    print(f"{'photo':>14}  iterations ours/peer  ratio  fit alone  log-likelihood difference  label agreement")
    results = []
    with threadpool_limits(1):
        for path in photo_paths():
            try:
                found = compare(path)
            except ValueError as error:  # scikit-learn's, where a covariance is not positive definite
                print(f"{path.name:>14}  left out, the peer fails: {str(error)[:80]}…", flush=True)
                continue
            results.append(found)
            print(
                f"{path.name:>14}  {found.n_iterations[0]:>15d}/{found.n_iterations[1]:<4d}  {found.ratio:5.0f}"
                f"  {found.fit_ratio:9.0f}  {found.difference:25.1e}  {100 * found.agreement:13.4f} %"
                f"{'' if found.bounded else '  likelihood unbounded: not compared'}",
                flush=True,
            )
    if not results:
        return verdict("fit", "not measured, the peer fails on every photo", "one photo", False)
    ratios = [found.ratio for found in results]
    ratio = statistics.median(ratios)
    compared = [found for found in results if found.bounded]
    where = f"on {len(compared)} of {len(photo_paths())} photos"
    difference = max((abs(found.difference) for found in compared), default=np.inf)
    agreement = min((found.agreement for found in compared), default=0.0)
    print(f"median ratio of the fits alone: {statistics.median(found.fit_ratio for found in results):.0f}×")
    passed = [
        verdict(
            "median ratio", f"{ratio:.0f}× ({spread(ratios, '.0f')})", f"≥ {LEAST_RATIO:.0f}×", ratio >= LEAST_RATIO
        ),
        verdict(f"largest difference {where}", f"{difference:.1e} nats", "≤ 1e-6", difference <= MOST_DIFFERENCE),
        verdict(f"least agreement {where}", f"{100 * agreement:.4f} %", "≥ 99.9 %", agreement >= LEAST_AGREEMENT),
    ]
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
