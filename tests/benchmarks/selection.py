"""How many segments ``-k auto`` finds: on synthetic pictures against the truth, on BSDS500 against people."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from segmenter.metrics.partitions import covering
from segmenter.segmentation.colors import segment
from segmenter.segmentation.n_segments import choose_n_segments

from .ground_truth import human_segmentations, regions_of
from .photos import BSDS, ROOT
from .report import verdict
from .synthetic import synthetic

N_PICTURES = 70
N_PROCESSES = 2
TRUTH = BSDS.parents[1] / "groundTruth" / "val"

LEAST_EXACT, LEAST_WITHIN_ONE, LEAST_COVERING, MOST_SECONDS = 0.80, 0.97, 0.52, 0.3


def count_error(seed: int) -> int:
    """Return the K that is found less the true one, of a synthetic picture."""
    picture = synthetic(seed)
    return choose_n_segments(picture.pixels).n_components - picture.n_segments


def gray_count_error(seed: int) -> int:
    """Return the same of a gray one."""
    picture = synthetic(seed, gray=True)
    return choose_n_segments(picture.pixels).n_components - picture.n_segments


def cover(path: Path) -> tuple[int, float]:
    """Return K of a photo, and the mean covering over the people who segmented it."""
    found = segment(path, "auto")
    regions = regions_of(found.labels)
    people = human_segmentations(TRUTH / f"{path.stem}.mat")
    return found.n_labels, float(np.mean([covering(regions, person) for person in people]))


def seconds_of(path: Path) -> float:
    """Return the processor time that the choice takes on a photo, in seconds, the least of three."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))

    def once() -> float:
        started = time.process_time()
        choose_n_segments(pixels)
        return time.process_time() - started

    with threadpool_limits(1):
        return min(once() for _ in range(3))


def shares(errors: Iterable[int]) -> tuple[float, float]:
    """Return the share of errors that are 0, and that of those within 1."""
    sizes = np.abs(list(errors))
    return float(np.mean(sizes == 0)), float(np.mean(sizes <= 1))


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    paths = sorted(BSDS.glob("*.jpg"))
    with get_context("spawn").Pool(N_PROCESSES) as pool:
        exact, within_one = shares(pool.map(count_error, range(N_PICTURES)))
        gray_exact, gray_within_one = shares(pool.map(gray_count_error, range(N_PICTURES)))
        found = pool.map(cover, paths, chunksize=5) if TRUTH.exists() else []
    print(f"{N_PICTURES} synthetic pictures of 2 to 8 colors, see synthetic.py; K up to 10")
    passed = [
        verdict("K exact", f"{exact:.3f}", f"≥ {LEAST_EXACT}", exact >= LEAST_EXACT),
        verdict("K within one", f"{within_one:.3f}", f"≥ {LEAST_WITHIN_ONE}", within_one >= LEAST_WITHIN_ONE),
    ]
    print(f"gray pictures, levels 25 of 255 apart, nothing required: {gray_exact:.3f} exact, {gray_within_one:.3f}")
    if not found:
        print(f"BSDS500 with its ground truth is absent (../{BSDS.relative_to(ROOT.parent)}): no covering measured")
        return all(passed)
    ks, coverings = np.array([k for k, _ in found]), [value for _, value in found]
    print(f"{len(paths)} photos of BSDS500 val; K {ks.mean():.2f} ± {ks.std():.2f}, {ks.min()} to {ks.max()}")
    mean = float(np.mean(coverings))
    seconds = [seconds_of(path) for path in paths[::5]]
    took = f"{median(seconds):.3f} s, at most {max(seconds):.3f} s"
    return all(
        [
            *passed,
            verdict("mean covering", f"{mean:.4f}", f"≥ {LEAST_COVERING}", mean >= LEAST_COVERING),
            verdict("choosing K, one thread", took, f"≤ {MOST_SECONDS} s", max(seconds) <= MOST_SECONDS),
        ]
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
