"""Build the hierarchy of regions of a picture: visual words, gradients, superpixels, merging.

The visual words of a picture are the components of mixtures fitted to color, to texture and to both. There is a
boundary where the posteriors of the words, or the colors, differ on its two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Floats, Pixels, Samples
from segmenter.features.color import rgb_to_lab, to_unit_range
from segmenter.features.gradients import (
    N_ORIENTATIONS,
    Maps,
    compute_color_gradient,
    compute_posterior_gradient,
    halve,
    sample_upsampled,
    upsample,
)
from segmenter.features.texture import compute_joint_features, compute_texture_features
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import dither, prepare_samples
from segmenter.mixture.em import EMProblem, run_em
from segmenter.mixture.inference import iterate_log_joint, normalize_in_place
from segmenter.mixture.initialization import initialize
from segmenter.regions.adjacency import Adjacency, find_adjacency
from segmenter.regions.hierarchy import Hierarchy
from segmenter.regions.merging import Cost, LearnedCost, RegionGraph, measure_borders, measure_regions, merge_regions
from segmenter.regions.superpixels import find_superpixels

N_WORDS, N_SAMPLES, MAX_ITERATIONS = 20, 12_000, 25
COLOR_VARIANCE, TEXTURE_VARIANCE, JOINT_VARIANCE = 4.0, 0.5, 2.0
"""Variances, in squared units of L*, by which each mixture blurs its samples; no word is narrower than this."""

STRENGTH_BLUR = 1.0
"""Standard deviation, in pixels, of the Gaussian that smooths the boundary map before superpixels are found."""


@dataclass(frozen=True)
class GradientSpec:
    """The scale of a gradient, and its weights relative to the other gradients."""

    sigma: float  # standard deviation of the Gaussian that smooths the maps, pixels
    delta: float  # distance from the line at which its two sides are compared, pixels
    superpixel_weight: float  # in the boundary map from which superpixels are computed
    merge_weight: float  # in the boundary strength along borders, for merging


@dataclass(frozen=True)
class GradientBank:
    """The gradients to compute, grouped by what they compare; weights were chosen by hand on BSDS500."""

    color_words: tuple[GradientSpec, ...] = (
        GradientSpec(1, 1.5, 0.5, 0.40),
        GradientSpec(2, 3, 1, 1.56),
        GradientSpec(4, 6, 1, 0.70),
        GradientSpec(8, 12, 0.5, 0.52),
    )
    texture_words: tuple[GradientSpec, ...] = (
        GradientSpec(2, 3, 0.3, 0.34),
        GradientSpec(4, 6, 0.5, 0.38),
        GradientSpec(8, 12, 0.3, 0.53),
    )
    joint_words: tuple[GradientSpec, ...] = (GradientSpec(4, 6, 0, 0), GradientSpec(8, 12, 0, 0))
    color: tuple[GradientSpec, ...] = (GradientSpec(1, 1, 1, 1.24), GradientSpec(2.5, 3, 1, 0.55))


@dataclass(frozen=True, eq=False)
class Gradient:
    """One gradient: the boundary strength at each pixel in each orientation, possibly computed on a reduced picture."""

    spec: GradientSpec
    planes: Maps  # (8, h, w), one for each orientation
    factor: int  # by which the picture was reduced: 1, 2 or 4


def build_hierarchy(
    pixels: Pixels, mask: Bools | None = None, *, n_superpixels: int = 700, cost: Cost | None = None, seed: int = 0
) -> Hierarchy:
    """Return the hierarchy of regions of a picture.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
        C = 1 gray or 3 sRGB.
    mask : ndarray of shape (H, W), bool, optional
        True = included. The other pixels belong to no region; for gradients, they get the color of the nearest
        included pixel.
    n_superpixels : int, at least 1
        Maximum number of superpixels.
    cost : Cost, optional
        None = `LearnedCost`.
    seed : int, at least 0
    """
    graph = build_region_graph(pixels, n_superpixels, GradientBank(), seed, mask)
    return merge_regions(graph, cost or LearnedCost())


def build_region_graph(
    pixels: Pixels, n_superpixels: int, bank: GradientBank, seed: int, mask: Bools | None = None
) -> RegionGraph:
    """Return the region adjacency graph of the superpixels of a picture; parameters as in `build_hierarchy`."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    if mask is not None:
        pixels = pixels[tuple(distance_transform_edt(~mask, return_distances=False, return_indices=True))]
    height, width = pixels.shape[:2]
    rgb = np.broadcast_to(to_unit_range(pixels.reshape(-1, pixels.shape[2])), (height * width, 3))
    lab = rgb_to_lab(rgb).reshape(height, width, 3)
    words = compute_visual_words(lab, seed, mask)
    lab_planes = np.ascontiguousarray(lab.transpose(2, 0, 1), dtype=np.float32)
    gradients = compute_gradients(words, lab_planes, bank)
    oriented = combine_gradients(gradients, (height, width))
    orientation = oriented.argmax(axis=0)
    strength = gaussian_filter(np.take_along_axis(oriented, orientation[None], 0)[0], STRENGTH_BLUR)
    labels = find_superpixels(strength, n_superpixels, mask)
    adjacency = find_adjacency(labels - 1)
    border_gradients = sample_gradients(gradients, adjacency, orientation)
    weights = np.array([gradient.spec.merge_weight for gradient in gradients])
    border_strength = weights @ border_gradients / weights.sum()
    return RegionGraph(
        labels,
        measure_regions(labels, words[0], words[1], lab_planes, adjacency),
        measure_borders(adjacency, border_gradients, border_strength),
        adjacency.ends,
    )


# ---- visual words --------------------------------------------------------------------------------------------------


def compute_visual_words(lab: Floats, seed: int, mask: Bools | None) -> list[Maps]:
    """Return the posteriors (K, H, W) of color words, of texture words and of joint words, given CIELAB (H, W, 3)."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(seed)
    return [
        compute_word_posteriors(values, variance, generator, mask)
        for values, variance in (
            (gaussian_filter(lab, (0.8, 0.8, 0)), COLOR_VARIANCE),
            (compute_texture_features(lab[:, :, 0]), TEXTURE_VARIANCE),
            (compute_joint_features(lab), JOINT_VARIANCE),
        )
    ]


def compute_word_posteriors(
    values: Floats, variance: float, generator: np.random.Generator, mask: Bools | None = None
) -> Maps:
    """Fit a mixture of many components to a sample of the pixels, and return its posteriors at all pixels.

    Parameters
    ----------
    values : ndarray of shape (H, W, D), float64
    variance : float
        The mixture blurs its samples by this variance; no word is narrower.
    generator : numpy.random.Generator
    mask : ndarray of shape (H, W), bool, optional
        True = may be in the sample.

    Returns
    -------
    ndarray of shape (K, H, W), float32
        Sum to 1 over K, which is `N_WORDS` or the number of distinct sampled values, whichever is lower.
    """
    rows = values.reshape(-1, values.shape[2])
    included = rows if mask is None else rows[mask.ravel()]
    chosen = generator.choice(len(included), min(N_SAMPLES, len(included)), replace=False)
    samples = included[np.sort(chosen)]
    n_words = min(N_WORDS, len(np.unique(samples, axis=0)))
    config = FitConfig(n_words, max_iterations=MAX_ITERATIONS, tolerance=1e-3)
    data = prepare_samples(Samples(samples, np.ones(len(samples))), config.covariance_floor, robust_scale=False)
    data = dither(data, np.full(rows.shape[1], variance))
    with threadpool_limits(1, user_api="blas"):
        mixture = run_em(EMProblem(data, config), initialize(data, config, generator)).mixture
        posteriors = np.empty((mixture.n_components, len(rows)), dtype=np.float32)
        for block, joint in iterate_log_joint(mixture, rows):
            normalize_in_place(joint)
            posteriors[:, block] = joint
    return posteriors.reshape(-1, *values.shape[:2])


# ---- gradients -----------------------------------------------------------------------------------------------------


def compute_gradients(words: Sequence[Maps], lab: Maps, bank: GradientBank) -> list[Gradient]:
    """Compute all gradients of a bank, in its order.

    To save time, words are compared at half the size if σ ≥ 2 pixels, and at a quarter if σ ≥ 4.

    Parameters
    ----------
    words : three ndarrays of shape (K, H, W), float32
        Posteriors of color words, of texture words and of joint words.
    lab : ndarray of shape (3, H, W), float32
    bank : GradientBank
    """
    gradients = []
    for posteriors, specs in zip(words, (bank.color_words, bank.texture_words, bank.joint_words), strict=True):
        factor = 1
        for spec in specs:
            while factor < (4 if spec.sigma >= 4 else 2 if spec.sigma >= 2 else 1):
                posteriors, factor = halve(posteriors), 2 * factor
            planes = compute_posterior_gradient(posteriors, spec.sigma / factor, spec.delta / factor)
            gradients.append(Gradient(spec, planes, factor))
    return gradients + [Gradient(spec, compute_color_gradient(lab, spec.sigma, spec.delta), 1) for spec in bank.color]


def combine_gradients(gradients: Sequence[Gradient], shape: tuple[int, int]) -> Maps:
    """Return the sum of the gradients with their superpixel weights, in each orientation, shape (8, H, W)."""
    total = np.zeros((N_ORIENTATIONS, *shape), dtype=np.float32)
    for factor in (1, 2, 4):  # gradients of one size are summed before they are upsampled
        same_size = [
            gradient for gradient in gradients if gradient.factor == factor and gradient.spec.superpixel_weight
        ]
        if same_size:
            weighted = sum(np.float32(gradient.spec.superpixel_weight) * gradient.planes for gradient in same_size)
            total += upsample(np.asarray(weighted), factor, shape)
    return total


def sample_gradients(gradients: Sequence[Gradient], adjacency: Adjacency, orientation: NDArray[np.intp]) -> Floats:
    """Return each gradient at each pair of pixels along borders, (G, B): the mean over the two pixels.

    Parameters
    ----------
    gradients : sequence of G gradients
    adjacency : Adjacency
        With B pairs of pixels.
    orientation : ndarray of shape (H, W), intp
        The orientation of the gradients to take at each pixel.
    """
    height, width = orientation.shape
    sampled = np.zeros((len(gradients), len(adjacency.first)))
    for gradient, values in zip(gradients, sampled, strict=True):
        for end in (adjacency.first, adjacency.second):
            at_end = sample_upsampled(gradient.planes, gradient.factor, (height, width), orientation.ravel()[end], end)
            values += at_end / 2
    return sampled
