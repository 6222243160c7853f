"""What the refinement of boundaries is worth: hierarchies of reduced photos, enlarged and refined, against people.

Run as ``python -m tests.benchmarks.refine [--factor F] [--step N]``; BSDS500 val, default scale, all cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from segmenter.arrays import Labels
from segmenter.features.downsample import downsample, map_to_reduced
from segmenter.metrics.boundaries import TOLERANCE, BoundaryCounts, find_boundaries, match_boundaries
from segmenter.regions.build import build_hierarchy
from segmenter.regions.hierarchy import Hierarchy
from segmenter.regions.refinement import refine_superpixels
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.regions import COSTS

from .ground_truth import human_segmentations
from .photos import BSDS, make_large, make_small
from .report import verdict

TRUTH = BSDS.parents[1] / "groundTruth" / "val"
TOLERANCES = (TOLERANCE / 4, TOLERANCE / 2, TOLERANCE)
KINDS = ("enlarged", "refined", "whole")


def score(path: Path, factor: float) -> list[list[BoundaryCounts]]:
    """Return the counts of one photo for each kind and tolerance."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width = pixels.shape[:2]
    means, _ = downsample(pixels, None, (round(height / factor), round(width / factor)))
    recipe = RegionsRecipe()
    cost = COSTS[recipe.merge_cost]
    small, whole = (build_hierarchy(picture, cost=cost) for picture in (means, pixels))
    rows, columns = map_to_reduced(0, height, height, means.shape[0]), map_to_reduced(0, width, width, means.shape[1])
    superpixels = small.superpixels[rows[:, None], columns], refine_superpixels(small.superpixels, pixels)
    at = recipe.height or 0.0
    found = [find_boundaries(cut(small, enlarged, at)) for enlarged in superpixels] + [find_boundaries(whole.cut(at))]
    people = [find_boundaries(person) for person in human_segmentations(TRUTH / f"{path.stem}.mat")]
    counts: list[list[BoundaryCounts]] = []
    for ours in found:
        counts.append([])
        for tolerance in TOLERANCES:
            matches = [match_boundaries(ours, theirs, tolerance) for theirs in people]
            precise = np.logical_or.reduce([matched for matched, _ in matches])
            recalled = sum(int(matched.sum()) for _, matched in matches)
            drawn = sum(int(theirs.sum()) for theirs in people)
            counts[-1].append(BoundaryCounts(recalled, drawn, int(precise.sum()), int(ours.sum())))
    return counts


def cut(hierarchy: Hierarchy, superpixels: Labels, height: float) -> Labels:
    """Return the cut of a hierarchy, of its superpixels at another size."""
    return np.asarray(hierarchy.assign_superpixels(hierarchy.count_regions(height))[superpixels - 1], dtype=np.int32)


def processor_time(photo: Path, folder: Path) -> tuple[float, float]:
    """Return the processor time of the command in seconds, and its peak memory in MB."""
    command = ["segment", str(photo), "--method", "regions", "--no-figure", "--overwrite", "-o", str(folder), "-q"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "segmenter", *command], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024


def main() -> int:
    """Print the boundary agreement, and the cost of a large photo; exit with 1 when a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=float, default=2.0, help="by which a side is reduced (default 2)")
    parser.add_argument("--step", type=int, default=5, help="take every so many photos (default 5)")
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    passed = []
    paths = sorted(BSDS.glob("*.jpg"))[:: options.step]
    if paths and TRUTH.exists():
        with get_context("spawn").Pool() as pool:
            photos = pool.map(partial(score, factor=options.factor), paths, chunksize=1)
        nothing = BoundaryCounts(0, 0, 0, 0)
        totals = [
            [sum((photo[kind][t] for photo in photos), nothing).f for t in range(len(TOLERANCES))]
            for kind in range(len(KINDS))
        ]
        print(f"{len(paths)} photos of val, reduced by {options.factor:g} a side; boundary F at medium scale within")
        print("          " + "".join(f"{tolerance:.2%} of the diagonal  " for tolerance in TOLERANCES))
        for kind, figures in zip(KINDS, totals, strict=True):
            print(f"{kind:9} " + "".join(f"{figure:<23.3f}" for figure in figures))
        measured = f"{totals[1][0]:.3f} against {totals[0][0]:.3f}"
        passed.append(verdict("refined against enlarged, strict", measured, "more", totals[1][0] > totals[0][0]))
    else:
        print("BSDS500 with its ground truth is absent: no agreement measured")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_small(folder / "small.jpg")
        make_large(folder / "large.jpg")
        small, _ = processor_time(folder / "small.jpg", folder)
        large, memory = processor_time(folder / "large.jpg", folder)
    measured = f"{large / small:.1f}× ({large:.1f} against {small:.1f} s of processor time)"
    passed.append(verdict("12 megapixels against 481×321", measured, "≤ 8×", large <= 8 * small))
    passed.append(verdict("peak memory at 12 megapixels", f"{memory:.0f} MB", "≤ 1,500 MB", memory <= 1500))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
