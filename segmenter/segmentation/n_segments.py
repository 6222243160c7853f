"""How many segments a picture has: the dithered interior BIC.

BIC holds for independent samples that mixtures of a few Gaussians can describe. Pixels are neither: neighbors repeat
each other, edges mix the colors of two segments, and flat or 8-bit areas make densities as sharp as one likes, so that
BIC takes the largest K offered. Here the edges are left out (`segmenter.features.interior`), every pixel counts as one
with a Gaussian error of σ₀ = 6 levels of 255 (added to the squares, not drawn), and K maximizes

    L(K) − δ K    (nats per pixel)

with L(K) the average log-likelihood of the best fit found of at most K components. δ is what BIC takes for one more
component, p ln N / (2 N) for p parameters, at an effective number of pixels N: 0.05 for the 10 of a color.

The rule looks at sRGB and fits full covariances, whatever the segments are then made in: the number is one of the
picture. Levels of gray lie closer together than colors, and grain hides them sooner: of a gray picture, the mean of the
5×5 pixels around each of the interior is looked at, which leaves a fifth of uncorrelated grain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Pixels, Samples
from segmenter.features.color import compute_color_features
from segmenter.features.color_counts import ColorCounts
from segmenter.features.distinct_colors import DistinctColors, find_distinct_colors
from segmenter.features.interior import compute_local_means, find_interior, to_uint8
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import PreparedSamples, dither, prepare_samples
from segmenter.mixture.em import EMProblem, evaluate, run_em
from segmenter.mixture.initialization import initialize, split_each_component
from segmenter.mixture.model import Mixture
from segmenter.mixture.screening import bin_samples
from segmenter.mixture.selection import Selection
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS

RULE = "dithered interior BIC"

DITHER, GRAY_DITHER = 6 / 255, 4 / 255
"""σ₀, standard deviation of the error that every pixel counts as measured with; 1 = white."""

PENALTY, GRAY_PENALTY = 0.05, 0.0075
"""δ, nats per pixel.

Those of gray are a compromise between the 200 training photos of BSDS500 turned gray and 140 synthetic gray pictures,
among 198 combinations of σ₀ (1 to 6 levels of 255), δ (0.003 to 0.05) and windows of 1, 3 and 5 pixels: a covering of
0.472, and 71 % counted exactly, 92 % within one. The best covering of all was 0.477 (with 59 % exact), the best count
76 % (with a covering of 0.448); the best fixed K, 3, covers 0.468. Single pixels at 3 levels and 0.015, as before:
0.467, 56 % and 75 %.
"""

BINS = 32
"""Cells a channel of the histogram that fits run on; they keep their moments."""

GRAY_BINS = 256

N_STARTS, N_SPLITS = 2, 2
"""Starts for each K: drawn by k-means++, and made of the fit before by splitting the component that gains most."""

TOLERANCE, MAX_ITERATIONS = 1e-3, 100
"""Of each fit, in nats per pixel; a fiftieth of δ is near enough."""


def choose_n_segments(
    pixels: Pixels, mask: Bools | None = None, *, max_segments: int = MAX_AUTO_SEGMENTS, seed: int = 0
) -> Selection:
    """Return the number of segments of a picture by the dithered interior BIC, and the likelihoods that it rests on.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32 from 0 to 1
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; at least one does.
    max_segments : int, at least 1
        Kmax; no more are tried than there are colors to tell apart.
    seed : int, at least 0
        Of the starts.

    Returns
    -------
    Selection
    """
    colors, n_colors = interior_colors(pixels, mask)
    return choose_for_interior(colors, max_segments=min(max_segments, n_colors), seed=seed)


def interior_colors(pixels: Pixels, mask: Bools | None = None) -> tuple[DistinctColors, int]:
    """Return the colors that the number of segments is told from, and how many there are of the interior as it is.

    More than 8 bits a channel would be lost in the dither, and cost much to count. Of grays they are local means.
    """
    coarse = to_uint8(pixels)
    inside = find_interior(coarse, mask)
    distinct = find_distinct_colors(coarse, inside)
    n_colors = len(distinct.counts)
    if compute_color_features(distinct.colors, "rgb").values.shape[1] == 1:  # three equal channels are gray, too
        distinct = find_distinct_colors(compute_local_means(pixels[..., :1], mask), inside)
    return distinct, n_colors


def choose_for_interior(
    colors: ColorCounts | DistinctColors, *, max_segments: int = MAX_AUTO_SEGMENTS, seed: int = 0
) -> Selection:
    """Return the number of segments by the colors of the interior, of one picture or of many."""
    with threadpool_limits(1, user_api="blas"):
        data = interior_cells(colors)
        likelihoods = list(compute_log_likelihoods(data, min(max_segments, data.n_samples), seed))
    log_likelihoods = np.array(likelihoods)
    penalty = GRAY_PENALTY if len(data.origin) == 1 else PENALTY
    criterion = log_likelihoods - penalty * np.arange(1, len(likelihoods) + 1)
    return Selection(RULE, int(np.argmax(criterion)) + 1, log_likelihoods, criterion)


def interior_cells(colors: ColorCounts | DistinctColors) -> PreparedSamples:
    """Return the colors of the interior, dithered, as cells of a histogram with the means of their monomials."""
    features = compute_color_features(colors.colors, "rgb").values
    is_gray = features.shape[1] == 1
    data = prepare_samples(Samples(features, colors.counts), FitConfig.covariance_floor)
    cells = bin_samples(data, GRAY_BINS if is_gray else BINS)
    return dither(cells, np.full(features.shape[1], (GRAY_DITHER if is_gray else DITHER) ** 2))


def compute_log_likelihoods(data: PreparedSamples, max_components: int, seed: int) -> Iterator[float]:
    """Yield the average log-likelihood of the best fit found of at most K components, for K = 1…Kmax."""
    generator = np.random.default_rng(seed)
    best = None
    for k in range(1, max_components + 1):
        config = FitConfig(k, tolerance=TOLERANCE, max_iterations=MAX_ITERATIONS, acceleration=True)
        problem = EMProblem(data, config)
        starts = [initialize(data, config, generator) for _ in range(N_STARTS if k > 1 else 1)]
        if best is not None:
            starts += choose_splits(problem, best.mixture)
        found = max((run_em(problem, start) for start in starts), key=lambda found: found.objective)
        if best is None or found.objective > best.objective:
            best = found
        yield best.objective


def choose_splits(problem: EMProblem, mixture: Mixture) -> list[Mixture]:
    """Return the mixtures with one component split in two that explain the samples best as they are."""
    return sorted(split_each_component(mixture), key=lambda start: -evaluate(problem, start).objective)[:N_SPLITS]
