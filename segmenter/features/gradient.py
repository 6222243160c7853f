"""Boundaries seen in soft words: where the words on one side of a line differ from those on the other."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Maps: TypeAlias = NDArray[np.float32]

N_ORIENTATIONS = 8
"""Orientations of the line, π/8 apart."""

TINY = np.float32(1e-6)


def shifted(images: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return images (..., H, W) with the value at (y + rows, x + columns) at (y, x); the border goes on outwards."""
    height, width = images.shape[-2:]
    y = np.clip(np.arange(height) + rows, 0, height - 1)
    x = np.clip(np.arange(width) + columns, 0, width - 1)
    return images[..., y, :][..., x]


def offset(angle: float, length: float) -> tuple[int, int]:
    """Return the whole pixels (rows, columns) nearest to a step of that length."""
    return round(length * float(np.sin(angle))), round(length * float(np.cos(angle)))


def reduction(sigma: float) -> int:
    """Return by what the picture can be reduced before it is smoothed by σ pixels: 1, 2 or 4."""
    return 4 if sigma >= 4 else 2 if sigma >= 2 else 1


def block_means(images: Maps, factor: int) -> Maps:
    """Return images (..., H, W) reduced to the means of blocks; the border goes on to fill the last ones."""
    if factor == 1:
        return images
    height, width = images.shape[-2:]
    padding = [(0, 0)] * (images.ndim - 2) + [(0, -height % factor), (0, -width % factor)]
    padded = np.pad(images, padding, mode="edge")
    shape = (*images.shape[:-2], padded.shape[-2] // factor, factor, padded.shape[-1] // factor, factor)
    return np.asarray(padded.reshape(shape).mean(axis=(-3, -1)), dtype=np.float32)


def enlarged(images: Maps, factor: int, shape: tuple[int, int]) -> Maps:
    """Return images (O, h, w) at the full shape (H, W), bilinear between the centers of blocks."""
    if factor == 1:
        return images
    for axis, length in ((1, shape[0]), (2, shape[1])):
        place = np.clip((np.arange(length) + 0.5) / factor - 0.5, 0, images.shape[axis] - 1)
        low = np.minimum(place.astype(np.intp), max(images.shape[axis] - 2, 0))
        part = (place - low).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
        high = np.minimum(low + 1, images.shape[axis] - 1)
        images = images.take(low, axis) * (1 - part) + images.take(high, axis) * part
    return images


def posterior_gradient(posteriors: Maps, sigma: float, delta: float) -> Maps:
    """Return how much the words differ across each pixel, in each orientation.

    χ² = ½ Σ_k (a_k − b_k)² / (a_k + b_k) between the smoothed posteriors a and b at ±δ along the normal of the line,
    averaged along its tangent with weights 1 2 1. From σ = 2 on it is computed on a reduced picture.

    Parameters
    ----------
    posteriors : ndarray of shape (K, H, W), float32
        Sum to 1 over K.
    sigma : float, pixels
    delta : float, pixels

    Returns
    -------
    ndarray of shape (8, H, W), float32, 0 to 1
        Plane i belongs to the normal at the angle π i / 8 from the rows' direction.
    """
    from scipy.ndimage import gaussian_filter

    factor = reduction(sigma)
    small = block_means(posteriors, factor)
    smooth = gaussian_filter(small, (0, sigma / factor, sigma / factor), truncate=3.0)
    result = np.empty((N_ORIENTATIONS, *small.shape[1:]), dtype=np.float32)
    for i in range(N_ORIENTATIONS):
        angle = np.pi * i / N_ORIENTATIONS
        rows, columns = offset(angle, max(delta / factor, 1.0))
        a, b = shifted(smooth, rows, columns), shifted(smooth, -rows, -columns)
        total = a + b
        total += TINY
        a -= b
        a *= a
        a /= total
        chi = 0.5 * a.sum(axis=0)
        rows, columns = offset(angle + np.pi / 2, max(delta / factor, 1.0))
        result[i] = (2 * chi + shifted(chi, rows, columns) + shifted(chi, -rows, -columns)) / 4
    return enlarged(result, factor, (posteriors.shape[1], posteriors.shape[2]))


def color_gradient(lab: Maps, sigma: float, delta: float) -> Maps:
    """Return 1 − exp(−|ΔLab|/20) across each pixel, in each orientation, shape (8, H, W), from lab (3, H, W)."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(lab, (0, sigma, sigma), truncate=3.0)
    result = np.empty((N_ORIENTATIONS, *lab.shape[1:]), dtype=np.float32)
    for i in range(N_ORIENTATIONS):
        rows, columns = offset(np.pi * i / N_ORIENTATIONS, delta)
        difference = shifted(smooth, rows, columns) - shifted(smooth, -rows, -columns)
        result[i] = 1 - np.exp(-np.sqrt((difference**2).sum(axis=0)) / 20)
    return result
