"""From a photo to a hierarchy of regions: soft words, their gradient, superpixels, merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Floats, Labels, Pixels, Samples
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
from segmenter.regions.adjacency import adjacency
from segmenter.regions.hierarchy import Hierarchy
from segmenter.regions.merging import Borders, Cost, LearnedCost, Regions, measure_regions, merge_regions
from segmenter.regions.superpixels import superpixels

N_WORDS, N_SAMPLES, MAX_ITERATIONS = 20, 12_000, 25
COLOR_ERROR, TEXTURE_ERROR, JOINT_ERROR = 4.0, 0.5, 2.0
"""Variances by which samples are blurred, in squared units of L*: words no narrower than that."""

STRENGTH_BLUR = 1.0
"""Standard deviation of the Gaussian that smooths the boundary map before superpixels, in pixels."""


@dataclass(frozen=True)
class GradientSpec:
    """A gradient, and what it weighs among the others."""

    sigma: float  # of the Gaussian that smooths, pixels
    delta: float  # how far on either side of a line, pixels
    superpixel_weight: float
    merge_weight: float


@dataclass(frozen=True)
class GradientBank:
    """All gradients; the weights were chosen by hand on BSDS500."""

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


def visual_word_posteriors(
    values: Floats, error: float, generator: np.random.Generator, mask: Bools | None = None
) -> Maps:
    """Return the posteriors of a mixture of many components that is fitted to some of the pixels.

    Parameters
    ----------
    values : ndarray of shape (H, W, D), float64
    error : float
        Variance by which the values are blurred: no word is narrower.
    generator : numpy.random.Generator
    mask : ndarray of shape (H, W), bool, optional
        True = may be fitted to.

    Returns
    -------
    ndarray of shape (K, H, W), float32
        Sum to 1 over K, which is `N_WORDS`, or fewer where there are fewer values.
    """
    rows = values.reshape(-1, values.shape[2])
    known = rows if mask is None else rows[mask.ravel()]
    chosen = generator.choice(len(known), min(N_SAMPLES, len(known)), replace=False)
    samples = known[np.sort(chosen)]
    n_words = min(N_WORDS, len(np.unique(samples, axis=0)))
    config = FitConfig(n_words, max_iterations=MAX_ITERATIONS, tolerance=1e-3)
    data = prepare_samples(Samples(samples, np.ones(len(samples))), config.covariance_floor)
    data = dither(data, np.full(rows.shape[1], error))
    with threadpool_limits(1, user_api="blas"):
        mixture = run_em(EMProblem(data, config), initialize(data, config, generator)).mixture
        posteriors = np.empty((mixture.n_components, len(rows)), dtype=np.float32)
        for place, joint in iterate_log_joint(mixture, rows):
            normalize_in_place(joint)
            posteriors[:, place] = joint
    return posteriors.reshape(-1, *values.shape[:2])


@dataclass(frozen=True, eq=False)
class Gradient:
    """How much the two sides of each pixel differ, on a picture that may be reduced."""

    spec: GradientSpec
    planes: Maps  # (8, h, w), an orientation each
    factor: int  # by which the picture was reduced: 1, 2 or 4


def find_gradients(words: Sequence[Maps], lab: Maps, bank: GradientBank) -> list[Gradient]:
    """Return all gradients. From σ = 2 pixels on words are compared at half the size, from σ = 4 at a quarter.

    Parameters
    ----------
    words : three ndarrays of shape (K, H, W), float32
        Posteriors of color words, of texture words and of joint words.
    lab : ndarray of shape (3, H, W), float32
    bank : GradientBank
    """
    gradients = []
    for posteriors, scales in zip(words, (bank.color_words, bank.texture_words, bank.joint_words), strict=True):
        factor = 1
        for spec in scales:
            while factor < (4 if spec.sigma >= 4 else 2 if spec.sigma >= 2 else 1):
                posteriors, factor = halve(posteriors), 2 * factor
            planes = compute_posterior_gradient(posteriors, spec.sigma / factor, spec.delta / factor)
            gradients.append(Gradient(spec, planes, factor))
    return gradients + [Gradient(spec, compute_color_gradient(lab, spec.sigma, spec.delta), 1) for spec in bank.color]


def sum_for_superpixels(gradients: Sequence[Gradient], shape: tuple[int, int]) -> Maps:
    """Return the weighted sum of the gradients in each orientation, shape (8, H, W)."""
    total = np.zeros((N_ORIENTATIONS, *shape), dtype=np.float32)
    for factor in (1, 2, 4):
        alike = [gradient for gradient in gradients if gradient.factor == factor and gradient.spec.superpixel_weight]
        if alike:
            part = sum(np.float32(gradient.spec.superpixel_weight) * gradient.planes for gradient in alike)
            total += upsample(np.asarray(part), factor, shape)
    return total


def build_hierarchy(
    pixels: Pixels,
    mask: Bools | None = None,
    *,
    n_superpixels: int = 700,
    cost: Cost | None = None,
    bank: GradientBank | None = None,
    seed: int = 0,
) -> Hierarchy:
    """Return the hierarchy of regions of a picture.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
        C = 1 gray or 3 sRGB.
    mask : ndarray of shape (H, W), bool, optional
        True = takes part. Pixels that do not are no region, and count as of the color of the nearest that does.
    n_superpixels : int, at least 1
    cost : Cost, optional
        None = `LearnedCost`.
    bank : GradientBank, optional
    seed : int, at least 0
    """
    return merge_regions(
        *build_region_graph(pixels, n_superpixels, bank or GradientBank(), seed, mask), cost or LearnedCost()
    )


def build_region_graph(
    pixels: Pixels, n_superpixels: int, bank: GradientBank, seed: int, mask: Bools | None = None
) -> tuple[Labels, Regions, Borders, NDArray[np.intp]]:
    """Return the superpixels of a picture, and what `merge` has to know of them and of their borders."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    if mask is not None:
        pixels = pixels[tuple(distance_transform_edt(~mask, return_distances=False, return_indices=True))]
    height, width = pixels.shape[:2]
    rgb = np.broadcast_to(to_unit_range(pixels.reshape(-1, pixels.shape[2])), (height * width, 3))
    lab = rgb_to_lab(rgb).reshape(height, width, 3)
    generator = np.random.default_rng(seed)
    words = [
        visual_word_posteriors(values, error, generator, mask)
        for values, error in (
            (gaussian_filter(lab, (0.8, 0.8, 0)), COLOR_ERROR),
            (compute_texture_features(lab[:, :, 0]), TEXTURE_ERROR),
            (compute_joint_features(lab), JOINT_ERROR),
        )
    ]
    planes = np.ascontiguousarray(lab.transpose(2, 0, 1), dtype=np.float32)
    gradients = find_gradients(words, planes, bank)
    oriented = sum_for_superpixels(gradients, (height, width))
    winner = oriented.argmax(axis=0)
    strength = gaussian_filter(np.take_along_axis(oriented, winner[None], 0)[0], STRENGTH_BLUR)
    labels = superpixels(strength, n_superpixels, mask)
    parts = adjacency(labels - 1)
    along = np.zeros((len(gradients), len(parts.first)))
    for gradient, values in zip(gradients, along, strict=True):
        for end in (parts.first, parts.second):
            values += sample_upsampled(gradient.planes, gradient.factor, (height, width), winner.ravel()[end], end) / 2
    weights = np.array([gradient.spec.merge_weight for gradient in gradients])
    regions, borders = measure_regions(
        labels, parts, words[0], words[1], planes, along, weights @ along / weights.sum()
    )
    return labels, regions, borders, parts.ends
