"""Colors of more than 24 bits, which hardly repeat: a mixture is fitted to a sample of pixels, and labels them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Pixels
from segmenter.features.color import GRAY_CHANNEL, compute_color_features
from segmenter.features.color_counts import ColorCounts
from segmenter.features.config import ColorSpace
from segmenter.features.pixel_sample import MAX_SAMPLE_PIXELS, count_sample_colors, sample_pixels
from segmenter.io.images.photo import Photo
from segmenter.mixture.inference import predict
from segmenter.mixture.lazy_samples import iterate_slices
from segmenter.mixture.model import Mixture

PIXELS_AT_ONCE = 1 << 18
"""Number of pixels that are labeled at once, to bound memory."""


def sample_colors(photo: Photo, seed: int) -> ColorCounts | None:
    """Return the colors of a sample of the pixels of a photo; None where it has no more pixels than a sample."""
    n_pixels = photo.pixels[..., 0].size if photo.mask is None else int(np.count_nonzero(photo.mask))
    if n_pixels <= MAX_SAMPLE_PIXELS:
        return None
    return count_sample_colors(sample_pixels(photo.pixels, photo.mask, MAX_SAMPLE_PIXELS, seed))


def describe_sample() -> str:
    """Return a note that a mixture was fitted to a sample."""
    return f"fitted to a sample of {MAX_SAMPLE_PIXELS:,} pixels"


def predict_pixels(
    mixture: Mixture, channels: tuple[str, ...], color_space: ColorSpace, pixels: Pixels
) -> NDArray[np.int32]:
    """Return the most probable component (n,), 1…K, of pixels (n, C), computed a part at a time.

    Parameters
    ----------
    mixture : Mixture
    channels : tuple of str
        Its features; of a mixture fitted to grays, one.
    color_space : {"rgb", "lab", "hsv"}
    pixels : ndarray of shape (n, C), uint8, uint16 or float32 from 0 to 1
    """
    labels = np.empty(len(pixels), np.int32)
    for part in iterate_slices(len(pixels), PIXELS_AT_ONCE):
        features = compute_color_features(pixels[part], color_space, keep_color=True).values
        if len(channels) < features.shape[1]:
            gray, _ = GRAY_CHANNEL[color_space]
            features = np.ascontiguousarray(features[:, gray : gray + 1])
        labels[part] = predict(mixture, features)
    return labels
