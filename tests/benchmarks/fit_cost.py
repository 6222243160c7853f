"""Fit the weights of `LearnedCost` anew to what people drew on BSDS500 train, and print them.

Run as ``python -m tests.benchmarks.fit_cost [--step N] [--seed N]``; all cores, some minutes.

Each photo is merged by the hand cost; where 400, 200, 100, 50, 25 and 12 regions are left, every two neighbors are a
sample: what the cost sees of them, and the share of people who drew most of one into another region than most of the
other. The smaller of the two weighs by its size to the power ¼. Ridge regression of the logit, on standardised
quantities.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmenter.arrays import Floats
from segmenter.metrics.partitions import contingency_table
from segmenter.regions.build import GradientBank, build_region_graph
from segmenter.regions.merging import Borders, HeuristicCost, LearnedCost, Regions, merge_regions

from .ground_truth import human_segmentations
from .photos import BSDS

N_REGIONS = (400, 200, 100, 50, 25, 12)
SIZE_POWER, RIDGE = 0.25, 1e-3
TRAIN = BSDS.parent / "train"
TRUTH = BSDS.parents[1] / "groundTruth" / "train"


def total_of(group: NDArray[np.intp], values: Floats, n: int) -> Floats:
    """Return the sums of the values of each of n groups."""
    return np.bincount(group, values, n).astype(np.float64)


def merged(
    regions: Regions, borders: Borders, ends: NDArray[np.intp], table: NDArray[np.intp]
) -> tuple[Regions, Borders, NDArray[np.intp]]:
    """Return the regions, the borders and their ends after superpixel i has become part of region table[i]."""
    n = int(table.max()) + 1
    sizes = total_of(table, regions.n_pixels, n)

    def mean(values: Floats) -> Floats:
        sums = np.zeros((n, values.shape[1]))
        np.add.at(sums, table, values * regions.n_pixels[:, None])
        return sums / sizes[:, None]

    low, high = np.sort(table[ends], axis=1).T
    apart = low != high
    keys, of = np.unique(low[apart] * n + high[apart], return_inverse=True)
    length, total, squares = (
        total_of(of, values[apart], len(keys)) for values in (borders.length, borders.total, borders.squares)
    )
    minimum, maximum = np.full(len(keys), np.inf), np.zeros(len(keys))
    np.minimum.at(minimum, of, borders.minimum[apart])
    np.maximum.at(maximum, of, borders.maximum[apart])
    gradients = np.zeros((len(keys), borders.gradients.shape[1]))
    np.add.at(gradients, of, borders.gradients[apart])
    joined_ends = np.stack([keys // n, keys % n], axis=1)
    perimeter = total_of(joined_ends[:, 0], length, n) + total_of(joined_ends[:, 1], length, n)
    words = mean(regions.color_words), mean(regions.texture_words)
    joined = Regions(sizes, *words, mean(regions.lab), perimeter)
    return joined, Borders(length, total, squares, minimum, maximum, gradients), joined_ends


def samples_of(path: Path, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return the quantities (n, Q), the shares of people (n,) and the weights (n,) of the samples of a photo."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    graph = build_region_graph(pixels, 700, GradientBank(), seed)
    labels = graph.superpixels
    hierarchy = merge_regions(graph, HeuristicCost())
    drawn = [contingency_table(labels, person)[1:] for person in human_segmentations(TRUTH / f"{path.stem}.mat")]
    found = []
    for n in N_REGIONS:
        table = hierarchy.assign_superpixels(n) - 1
        left, between, pairs = merged(graph.regions, graph.borders, graph.ends, table)
        one, other = left[pairs[:, 0]], left[pairs[:, 1]]
        shares = np.zeros(len(pairs))
        for counts in drawn:
            sums = np.zeros((n, counts.shape[1]))
            np.add.at(sums, table, counts)
            mostly = sums.argmax(axis=1)
            shares += (mostly[pairs[:, 0]] != mostly[pairs[:, 1]]) / len(drawn)
        weights = (np.minimum(one.n_pixels, other.n_pixels) / labels.size) ** SIZE_POWER
        found.append((LearnedCost.compute_predictors(one, other, between, float(labels.size)), shares, weights))
    quantities, all_shares, all_weights = zip(*found, strict=True)
    return np.concatenate(quantities), np.concatenate(all_shares), np.concatenate(all_weights)


def logistic(quantities: Floats, shares: Floats, weights: Floats) -> tuple[float, Floats]:
    """Return the bias and the weights (Q,) of a logistic regression on shares from 0 to 1 (Newton's method)."""
    center, spread = quantities.mean(axis=0), quantities.std(axis=0)
    x = np.column_stack([np.ones(len(quantities)), (quantities - center) / spread])
    weights = weights / weights.sum()
    penalty = np.diag([0.0, *[RIDGE] * quantities.shape[1]])
    beta = np.zeros(x.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weights * (p - shares)) + penalty @ beta
        beta -= np.linalg.solve((x * (weights * p * (1 - p))[:, None]).T @ x + penalty, gradient)
    return float(beta[0] - (beta[1:] * center / spread).sum()), beta[1:] / spread


def main() -> int:
    """Print the bias and the weights in the order of `LearnedCost`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=1, help="take every so many photos (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # for the processes below: a core each
    paths = sorted(TRAIN.glob("*.jpg"))[:: options.step]
    if not paths or not TRUTH.exists():
        print("BSDS500 with its ground truth is absent: nothing fitted")
        return 0
    with get_context("spawn").Pool() as pool:
        samples = pool.map(partial(samples_of, seed=options.seed), paths, chunksize=1)
    quantities, shares, weights = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    bias, beta = logistic(quantities, shares, weights)
    p = 1 / (1 + np.exp(-bias - quantities @ beta))
    loss = -np.average(shares * np.log(p) + (1 - shares) * np.log(1 - p), weights=weights)
    print(f"{len(paths)} photos, {len(shares)} samples, cross entropy {loss:.4f} nats")
    print(f"bias {bias:.2f}\nweights {', '.join(f'{value:.2f}' for value in beta)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
