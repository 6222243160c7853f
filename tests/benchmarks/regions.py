"""How well regions agree with what people drew on BSDS500, beside Felzenszwalb and plain GMM; all cores.

Run as ``python -m tests.benchmarks.regions [--step N] [--seed N] [METHOD ...]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from skimage.segmentation import felzenszwalb

from segmenter.arrays import Bytes, Labels
from segmenter.pipeline.regions import build_hierarchy
from segmenter.pipeline.segment import segment
from segmenter.regions.measure import PhotoScore, score_photo, summarize
from segmenter.regions.merge import FittedCost, HandCost

from .ground_truth import human_segmentations, regions_of
from .photos import BSDS

TRUTH = BSDS.parents[1] / "groundTruth" / "val"

HAND_SCALES = np.arange(0.20, 0.72, 0.02)
FITTED_SCALES = np.arange(0.15, 0.90, 0.03)
FELZENSZWALB_SCALES = (50, 100, 200, 300, 500, 700, 1000, 1500, 2000)
MOST_SEGMENTS = 8


def hand(pixels: Bytes, seed: int) -> list[Labels]:
    """Return the cuts of the hierarchy of the hand-weighted cost."""
    hierarchy = build_hierarchy(pixels, cost=HandCost(), seed=seed)
    return [hierarchy.cut(height) for height in HAND_SCALES]


def fitted(pixels: Bytes, seed: int) -> list[Labels]:
    """Return the cuts of the hierarchy of the fitted cost."""
    hierarchy = build_hierarchy(pixels, cost=FittedCost(), seed=seed)
    return [hierarchy.cut(height) for height in FITTED_SCALES]


def graph_based(pixels: Bytes, seed: int) -> list[Labels]:
    """Return the regions of Felzenszwalb and Huttenlocher 2004 at several scales."""
    scales = (felzenszwalb(pixels, scale, sigma=0.8, min_size=200) for scale in FELZENSZWALB_SCALES)
    return [np.asarray(labels + 1, dtype=np.int32) for labels in scales]


def plain(pixels: Bytes, seed: int) -> list[Labels]:
    """Return the connected components of GMM segments, for K = 2 to 8."""
    found = (segment(pixels, k, seed=seed) for k in range(2, MOST_SEGMENTS + 1))
    return [np.asarray(regions_of(segmentation.labels), dtype=np.int32) for segmentation in found]


METHODS: dict[str, Callable[[Bytes, int], list[Labels]]] = {
    "hand": hand,
    "fitted": fitted,
    "felzenszwalb": graph_based,
    "gmm": plain,
}


def score(path: Path, method: str, seed: int) -> tuple[PhotoScore, float]:
    """Return the scores of a photo at all scales, and the processor time of finding these, in seconds."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    started = time.process_time()
    scales = METHODS[method](pixels, seed)
    seconds = time.process_time() - started
    return score_photo(scales, human_segmentations(TRUTH / f"{path.stem}.mat")), seconds


def main() -> int:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(METHODS)}; default: all")
    parser.add_argument("--step", type=int, default=1, help="take every so many photos (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # for the processes below: a core each
    paths = sorted(BSDS.glob("*.jpg"))[:: options.step]
    if not paths or not TRUTH.exists():
        print("BSDS500 with its ground truth is absent: nothing measured")
        return 0
    print(f"{len(paths)} photos of val, seed {options.seed}; ODS/OIS, VOI in bits, processor seconds a photo")
    with get_context("spawn").Pool() as pool:
        for method in options.methods or METHODS:
            results = pool.map(partial(score, method=method, seed=options.seed), paths, chunksize=1)
            s = summarize([photo for photo, _ in results])
            print(
                f"{method:13} covering {s.covering_ods:.3f}/{s.covering_ois:.3f} best {s.covering_best:.3f}"
                f" at scale {s.covering_scale}  PRI {s.rand_index_ods:.3f}/{s.rand_index_ois:.3f}"
                f"  VOI {s.variation_ods:.3f}/{s.variation_ois:.3f}  {median(t for _, t in results):.2f} s",
                flush=True,
            )
    print(f"peak memory of a process {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
