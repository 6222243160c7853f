"""Ten restarts of ours against a single default fit of scikit-learn."""

from __future__ import annotations

import statistics
import sys
from math import ceil
from pathlib import Path

from threadpoolctl import threadpool_limits

from segmenter.segmentation.recipe import Recipe

from .fit import N_REPEATS, all_pixels, segment_colors
from .interleave import call, interleave, median_seconds
from .photos import describe_photos, photo_paths, read_pixels
from .report import installed, spread, verdict

RESTARTS = Recipe(n_segments=4, restarts=10).fit_config()
N_ROUNDS = 3

LEAST_RATIO = 20.0
LEAST_SHARE = 0.9
SLACK = 1e-6


def compare(path: Path) -> tuple[float, float]:
    """Return scikit-learn's time / ours, and our log-likelihood − scikit-learn's in nats per pixel."""
    from sklearn.mixture import GaussianMixture

    pixels = read_pixels(path)
    values = all_pixels(pixels)
    peer = GaussianMixture(4, tol=RESTARTS.tolerance, max_iter=RESTARTS.max_iterations, random_state=0)
    found, _ = segment_colors(pixels, RESTARTS, None)  # warms up, too
    ours, theirs = interleave(
        [
            lambda: call(lambda: segment_colors(pixels, RESTARTS, None), N_REPEATS),
            lambda: call(lambda: peer.fit(values).predict(values)),
        ],
        N_ROUNDS,
    )
    difference = float(found.trace.log_likelihoods[-1] - peer.score(values))
    return median_seconds(theirs) / median_seconds(ours), difference


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    print(f"K=4, full covariances, tolerance 1e-4; ten restarts of ours; {describe_photos()}")
    print(f"peer: scikit-learn {installed('scikit-learn')}, one GaussianMixture() with its k-means start (n_init=1)")
    print(f"photo to labels, one BLAS thread for both; median of {N_ROUNDS} interleaved rounds")
    if installed("scikit-learn") == "absent":
        return verdict("restarts", "not measured, scikit-learn is absent", "pip install -e '.[test]'", False)
    print(f"{'photo':>14}  ratio  our log-likelihood − the peer's")
    ratios, differences = [], []
    with threadpool_limits(1):
        for path in photo_paths():
            ratio, difference = compare(path)
            ratios.append(ratio)
            differences.append(difference)
            print(f"{path.name:>14}  {ratio:5.0f}  {difference:+.6f}", flush=True)
    ratio = statistics.median(ratios)
    n_reached = sum(difference >= -SLACK for difference in differences)
    n_required = ceil(LEAST_SHARE * len(differences))
    passed = [
        verdict(
            "median ratio", f"{ratio:.0f}× ({spread(ratios, '.0f')})", f"≥ {LEAST_RATIO:.0f}×", ratio >= LEAST_RATIO
        ),
        verdict(
            "log-likelihood at least the peer's",
            f"on {n_reached} of {len(differences)} photos",
            f"≥ {n_required}, slack 1e-6",
            n_reached >= n_required,
        ),
    ]
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
