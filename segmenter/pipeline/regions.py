"""From a photo to a hierarchy of regions: soft words, their gradient, superpixels, merging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats, Pixels, Samples
from segmenter.features.color import rgb_to_lab, unit_range
from segmenter.features.gradient import Maps, color_gradient, posterior_gradient
from segmenter.features.texture import texture_features
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import data_of, dithered
from segmenter.mixture.em import Problem, climb
from segmenter.mixture.posterior import responsibilities
from segmenter.mixture.start import draw_start
from segmenter.regions.merge import Cost, HandCost, Hierarchy, measure_regions, merge
from segmenter.regions.superpixels import superpixels

N_WORDS, N_SAMPLES, MAX_ITERATIONS = 20, 12_000, 25
COLOR_ERROR, TEXTURE_ERROR = 4.0, 0.5
"""Variances by which samples are blurred, in squared units of L*: words no narrower than that."""


@dataclass(frozen=True)
class Cues:
    """The scales (σ, δ) of the gradients, in pixels, and what each weighs, for superpixels and for merging."""

    color_words: tuple[tuple[float, float], ...] = ((1, 1.5), (2, 3), (4, 6), (8, 12))
    texture_words: tuple[tuple[float, float], ...] = ((2, 3), (4, 6), (8, 12))
    color: tuple[tuple[float, float], ...] = ((1, 1), (2.5, 3))
    for_superpixels: tuple[float, ...] = (0.5, 1, 1, 0.5, 0.3, 0.5, 0.3, 1, 1)
    for_merging: tuple[float, ...] = (0.40, 1.56, 0.70, 0.52, 0.34, 0.38, 0.53, 1.24, 0.55)


def soft_words(values: Floats, error: float, generator: np.random.Generator) -> Floats:
    """Return the posteriors (N, K) of a mixture of many components fitted to some of the values (N, D)."""
    chosen = generator.choice(len(values), min(N_SAMPLES, len(values)), replace=False)
    samples = values[np.sort(chosen)]
    n_words = min(N_WORDS, len(np.unique(samples, axis=0)))
    config = FitConfig(n_words, max_iterations=MAX_ITERATIONS, tolerance=1e-3)
    data = data_of(Samples(samples, np.ones(len(samples))), config.covariance_floor)
    data = dithered(data, np.full(values.shape[1], error))
    with threadpool_limits(1, user_api="blas"):
        mixture = climb(Problem(data, config), draw_start(data, config, generator)).mixture
        return responsibilities(mixture, values)


def build_hierarchy(
    pixels: Pixels, *, n_superpixels: int = 700, cost: Cost | None = None, cues: Cues | None = None, seed: int = 0
) -> Hierarchy:
    """Return the hierarchy of regions of a picture.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
        C = 1 gray or 3 sRGB.
    n_superpixels : int, at least 1
    cost : Cost, optional
        None = `HandCost`.
    cues : Cues, optional
    seed : int, at least 0
    """
    from scipy.ndimage import gaussian_filter

    cues = cues or Cues()
    height, width = pixels.shape[:2]
    rgb = np.broadcast_to(unit_range(pixels.reshape(-1, pixels.shape[2])), (height * width, 3))
    lab = rgb_to_lab(rgb).reshape(height, width, 3)
    generator = np.random.default_rng(seed)
    smooth = gaussian_filter(lab, (0.8, 0.8, 0))

    def words(values: Floats, error: float) -> Maps:
        posteriors = soft_words(values.reshape(height * width, -1), error, generator)
        return np.ascontiguousarray(posteriors.T, dtype=np.float32).reshape(-1, height, width)

    color_words = words(smooth, COLOR_ERROR)
    texture_words = words(texture_features(lab[:, :, 0]), TEXTURE_ERROR)
    planes = np.ascontiguousarray(lab.transpose(2, 0, 1), dtype=np.float32)
    gradients = [posterior_gradient(color_words, *scale) for scale in cues.color_words]
    gradients += [posterior_gradient(texture_words, *scale) for scale in cues.texture_words]
    gradients += [color_gradient(planes, *scale) for scale in cues.color]
    weights = np.array(cues.for_superpixels, dtype=np.float32)
    oriented = np.tensordot(weights, np.stack(gradients), 1)
    winner = oriented.argmax(axis=0)[None]
    strength = gaussian_filter(oriented.max(axis=0), 0.7)
    shares = np.array(cues.for_merging) / sum(cues.for_merging)
    cue = sum(
        share * np.take_along_axis(gradient, winner, 0)[0] for share, gradient in zip(shares, gradients, strict=True)
    )
    labels = superpixels(strength, n_superpixels)
    measured = measure_regions(labels, color_words, texture_words, planes, np.asarray(cue, dtype=np.float64))
    return merge(labels, *measured, cost or HandCost())
