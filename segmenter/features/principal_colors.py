"""Bands as colors: their three principal components, for what is made for colors.

Texture, gradients and the rule that chooses the number of segments take colors, with brightness as their main axis. A
picture of any number of bands gets colors of this kind: the principal component of most variance becomes the gray axis,
the next two become the axes across it, red to blue and green to magenta, as they are in photos (Ohta, Kanade and Sakai
1980, "Color information for region segmentation"). The map is an isometry up to a factor that keeps the noise of a
band, so that bands which are all equal give their own gray picture.

The components are those of all pixels that take part. Their moments are sums of integers, which are exact in any order,
so that the map is the same whether a picture is read as a whole or window by window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Floats, Pixels

CHUNK_PIXELS = 1 << 18
"""Number of pixels that are summed or converted at once; products of 16-bit levels of so many are exact in float64."""

WHITE = 65535
"""Largest level of a band, and of a color."""

SPREAD = 3.0
"""Colors are scaled down where so many standard deviations around their mean, as far as bands reach, exceed 0…1."""

NO_VARIANCE = 1e-12
"""Components with less variance than this, relative to the first, are the rounding errors of none."""

AXES = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])
"""Axes of the components in RGB: gray, red to blue, green to magenta; orthonormal."""


@dataclass(frozen=True, eq=False)
class BandMoments:
    """Sums over pixels of the 16-bit levels of their bands, and of their products, as Python's integers."""

    n_pixels: int
    sums: NDArray[Any]  # (C,)
    products: NDArray[Any]  # (C, C)

    def __add__(self, other: BandMoments) -> BandMoments:
        """Return the moments of both parts of a picture together."""
        return BandMoments(self.n_pixels + other.n_pixels, self.sums + other.sums, self.products + other.products)


@dataclass(frozen=True, eq=False)
class BandReduction:
    """An affine map from bands to colors."""

    weights: Floats  # (C, 3), of each band, 0 to 1, in red, green and blue, 0 to 1
    offset: Floats  # (3,)
    share: float  # of the variance of the bands that the components keep, 0 to 1

    @property
    def n_bands(self) -> int:
        """C."""
        return len(self.weights)

    def to_rgb(self, pixels: Pixels) -> NDArray[np.uint16]:
        """Return pixels (..., C), uint8, uint16 or floats from 0 to 1, as RGB (..., 3), clipped to its range."""
        flat = pixels.reshape(-1, pixels.shape[-1])
        rgb = np.empty((len(flat), 3), np.uint16)
        for start in range(0, len(flat), CHUNK_PIXELS):
            levels = to_levels(flat[start : start + CHUNK_PIXELS])
            total = np.broadcast_to(WHITE * self.offset, (len(levels), 3)).copy()
            for band, weights in zip(levels.T, self.weights, strict=True):  # no BLAS: it rounds by the number of rows
                total += band[:, np.newaxis] * weights
            rgb[start : start + CHUNK_PIXELS] = np.rint(total).clip(0, WHITE)
        return rgb.reshape(*pixels.shape[:-1], 3)


def to_levels(pixels: Pixels) -> Floats:
    """Return bands as levels from 0 to 65,535: whole numbers as float64, so that their sums are exact."""
    if pixels.dtype == np.uint8:
        return pixels * np.float64(WHITE // 255)
    return pixels.astype(np.float64) if pixels.dtype == np.uint16 else np.rint(pixels.astype(np.float64) * WHITE)


def sum_moments(pixels: Pixels, mask: Bools | None = None) -> BandMoments:
    """Return the moments of the bands of a picture, or of a part of it.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32 from 0 to 1
    mask : ndarray of shape (H, W), bool, optional
        True = takes part.
    """
    flat = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
    n_bands = pixels.shape[2]
    sums, products = np.zeros(n_bands, np.int64).astype(object), np.zeros((n_bands, n_bands), np.int64).astype(object)
    for start in range(0, len(flat), CHUNK_PIXELS):
        levels = to_levels(flat[start : start + CHUNK_PIXELS])
        sums += levels.sum(axis=0).astype(np.int64).astype(object)
        products += (levels.T @ levels).astype(np.int64).astype(object)
    return BandMoments(len(flat), sums, products)


def find_principal_colors(moments: BandMoments) -> BandReduction:
    """Return the map from bands to colors by their principal components.

    The sign of a component is that in which its largest weight is positive.

    Parameters
    ----------
    moments : BandMoments
        Of at least one pixel and two bands.
    """
    n, sums = moments.n_pixels, moments.sums
    means = (sums / n).astype(np.float64) / WHITE
    covariance = ((n * moments.products - np.outer(sums, sums)) / (n * n)).astype(np.float64) / WHITE**2
    with threadpool_limits(1, user_api="blas"):  # the bytes must not depend on the number of cores
        variances, vectors = np.linalg.eigh(covariance)
    n_bands = len(means)
    n_components = min(3, n_bands)
    variances, vectors = variances[::-1].clip(0), vectors[:, ::-1][:, :n_components]
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.where(vectors[largest, np.arange(n_components)] < 0, -1, 1)
    vectors[:, variances[:n_components] <= NO_VARIANCE * variances[0]] = 0  # their directions are arbitrary
    weights = np.sqrt(3 / n_bands) * np.einsum("ck,kr->cr", vectors, AXES[:n_components])
    deviations = np.sqrt(3 / n_bands * (variances[:n_components] @ AXES[:n_components] ** 2))
    center = means.mean()
    offset = center - np.einsum("c,cr->r", means, weights)
    lowest, highest = offset + weights.clip(max=0).sum(axis=0), offset + weights.clip(min=0).sum(axis=0)
    low = min(0.0, float(np.maximum(lowest, center - SPREAD * deviations).min()))
    high = max(1.0, float(np.minimum(highest, center + SPREAD * deviations).max()))
    total = float(variances.sum())
    return BandReduction(
        weights / (high - low),
        (offset - low) / (high - low),
        float(variances[:n_components].sum()) / total if total > 0 else 1.0,
    )
