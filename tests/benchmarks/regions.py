"""Agreement of regions with what people drew on BSDS500, against Felzenszwalb and plain GMM; uses all cores.

Run as ``python -m tests.benchmarks.regions [--split train] [--step N] [--seeds 0 1] [--boundaries] [METHOD ...]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from skimage.segmentation import felzenszwalb

from segmenter.arrays import Bytes, Labels
from segmenter.metrics.boundaries import BoundaryCounts, count_boundary_matches, find_boundaries, summarize_boundaries
from segmenter.metrics.partitions import PhotoScore, score_photo, summarize_partitions
from segmenter.regions.build import GradientBank, build_region_graph
from segmenter.regions.config import HEIGHTS, MergeCost
from segmenter.regions.merging import merge_regions
from segmenter.segmentation.colors import segment
from segmenter.segmentation.regions import COSTS

from .ground_truth import human_segmentations, regions_of
from .photos import BSDS
from .report import verdict

CUTS: dict[MergeCost, list[float]] = {
    "heuristic": np.arange(0.20, 0.62, 0.02).tolist(),
    "learned": np.arange(0.20, 0.86, 0.03).tolist(),
}
FELZENSZWALB_SCALES = (50, 100, 200, 300, 500, 700, 1000, 1500, 2000)
MOST_SEGMENTS = 8
METHODS = (*CUTS, "felzenszwalb", "gmm")
BOUNDARY_STEP = 2
"""Boundaries are compared at every so many scales."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one method made of one photo."""

    score: PhotoScore  # at all scales
    named: PhotoScore | None  # at coarse, medium and fine, where the method has names for scales
    boundaries: list[BoundaryCounts]  # at some scales, or empty
    seconds: float  # processor time of finding all scales


def scales_of(method: str, pixels: Bytes, seed: int) -> list[Labels]:
    """Return the regions of a peer: of Felzenszwalb and Huttenlocher 2004, or connected ones of GMM segments."""
    if method == "felzenszwalb":
        found = (felzenszwalb(pixels, scale, sigma=0.8, min_size=200) + 1 for scale in FELZENSZWALB_SCALES)
    else:
        found = (regions_of(segment(pixels, k, seed=seed).labels) for k in range(2, MOST_SEGMENTS + 1))
    return [np.asarray(labels, dtype=np.int32) for labels in found]


def measure(path: Path, truth: Path, methods: Sequence[str], seed: int, has_boundaries: bool) -> dict[str, Outcome]:
    """Return what each method makes of a photo; hierarchies share their superpixels, whose time counts for each."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    people = human_segmentations(truth / f"{path.stem}.mat")
    drawn = [find_boundaries(person) for person in people] if has_boundaries else []
    outcomes = {}
    graph, shared = None, 0.0
    for method in methods:
        started = time.process_time()
        if method in CUTS:
            if graph is None:
                graph = build_region_graph(pixels, 700, GradientBank(), seed)
                shared = time.process_time() - started
                started = time.process_time()
            hierarchy = merge_regions(graph, COSTS[method])
            scales = [hierarchy.cut(height) for height in CUTS[method]]
            seconds = time.process_time() - started + shared
            named = score_photo([hierarchy.cut(height) for height in HEIGHTS[method].values()], people)
        else:
            scales, named = scales_of(method, pixels, seed), None
            seconds = time.process_time() - started
        counts = (
            [count_boundary_matches(find_boundaries(labels), drawn) for labels in scales[::BOUNDARY_STEP]]
            if drawn
            else []
        )
        outcomes[method] = Outcome(score_photo(scales, people), named, counts, seconds)
    return outcomes


def describe(method: str, outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Print the figures of one method on a set of photos, and return those that something is required of."""
    s = summarize_partitions([outcome.score for outcome in outcomes])
    figures = {"ODS": s.covering_ods, "OIS": s.covering_ois, "PRI": s.rand_index_ods, "VOI": s.variation_ods}
    line = (
        f"{method:12} covering {s.covering_ods:.3f}/{s.covering_ois:.3f} (best {s.covering_best:.3f}, scale"
        f" {s.covering_scale})  PRI {s.rand_index_ods:.3f}/{s.rand_index_ois:.3f}"
        f"  VOI {s.variation_ods:.3f}/{s.variation_ois:.3f}"
    )
    named = [outcome.named for outcome in outcomes if outcome.named is not None]
    if named:
        total = sum(photo.total for photo in named)
        each = np.sum([photo.covered for photo in named], axis=0) / total
        figures |= {"medium": float(each[1]), "best of three": summarize_partitions(named).covering_ois}
        line += f"  coarse, medium, fine {', '.join(f'{value:.3f}' for value in each)}"
        line += f", best of three {figures['best of three']:.3f}"
    if outcomes[0].boundaries:
        f = summarize_boundaries([outcome.boundaries for outcome in outcomes])
        line += f"  boundary F {f.ods.f:.3f}/{f.ois.f:.3f}"
    figures["seconds"] = median(outcome.seconds for outcome in outcomes)
    print(f"{line}  {figures['seconds']:.2f} s", flush=True)
    return figures


def verdicts(method: str, figures: dict[str, float]) -> bool:
    """Print what is required of the mean over seeds, for all of val."""
    required = {"ODS": 0.612 if method == "learned" else 0.605, "OIS": 0.665, "PRI": 0.80, "medium": 0.605}
    required["best of three"] = 0.63
    passed = [
        verdict(f"{method}: {name}", f"{figures[name]:.4f}", f"≥ {least}", figures[name] >= least)
        for name, least in required.items()
    ]
    passed.append(verdict(f"{method}: VOI", f"{figures['VOI']:.3f}", "≤ 1.55", figures["VOI"] <= 1.55))
    return all(passed)


def main() -> int:
    """Print a line for each method and seed, and verdicts where all of val was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(METHODS)}; default: all")
    parser.add_argument("--split", choices=("train", "val"), default="val")
    parser.add_argument("--step", type=int, default=1, help="take every so many photos (default 1)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="default 0 1")
    parser.add_argument("--boundaries", action="store_true", help="match boundaries, too, which takes minutes")
    options = parser.parse_args()
    methods = options.methods or METHODS
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # for the processes below: a core each
    paths = sorted((BSDS.parent / options.split).glob("*.jpg"))[:: options.step]
    truth = BSDS.parents[1] / "groundTruth" / options.split
    if not paths or not truth.exists():
        print("BSDS500 with its ground truth is absent: nothing measured")
        return 0
    print(f"{len(paths)} photos of {options.split}; ODS/OIS, VOI in bits, processor seconds a photo")
    figures: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    with get_context("spawn").Pool() as pool:
        for seed in options.seeds:
            job = partial(measure, truth=truth, methods=methods, seed=seed, has_boundaries=options.boundaries)
            outcomes = pool.map(job, paths, chunksize=1)
            print(f"seed {seed}")
            for method in methods:
                figures[method].append(describe(method, [outcome[method] for outcome in outcomes]))
    print(f"peak memory of a process {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB")
    if "felzenszwalb" in methods:
        peer = figures["felzenszwalb"][0]["seconds"] / len(FELZENSZWALB_SCALES)
        for method in set(methods) & set(CUTS):
            print(f"{method}: {figures[method][0]['seconds'] / peer:.1f} times the time of one scale of felzenszwalb")
    if options.split != "val" or options.step != 1:
        return 0
    means = {
        method: {name: float(np.mean([each[name] for each in figures[method]])) for name in figures[method][0]}
        for method in methods
        if method in CUTS
    }
    passed = [verdicts(method, mean) for method, mean in means.items()]  # all of them are printed
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
