"""Boundary strength: how much the two sides of a line through each pixel differ, in visual words or in color.

At each pixel and for each of eight orientations of the line, the smoothed maps are compared at two points, one on each
side of the line, δ pixels from it along its normal. The step between the points is rounded to whole pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Maps: TypeAlias = NDArray[np.float32]

N_ORIENTATIONS = 8
"""Number of orientations of the line, π/8 apart."""

TINY = np.float32(1e-6)


# ---- gradients -----------------------------------------------------------------------------------------------------


def compute_posterior_gradient(posteriors: Maps, sigma: float, delta: float) -> Maps:
    """Return how much the visual words on the two sides of each pixel differ, in each orientation.

    χ² = ½ Σ_k (a_k − b_k)² / (a_k + b_k) between the smoothed posteriors a and b at ±δ along the normal of the line,
    averaged along its tangent with weights 1 2 1. Since a and b sum to 1, it equals 1 − Σ_k 2 / (1/a_k + 1/b_k).

    Parameters
    ----------
    posteriors : ndarray of shape (K, H, W), float32
        Sum to 1 over K.
    sigma : float, pixels
        Standard deviation of the Gaussian that smooths the posteriors.
    delta : float, pixels
        Distance of each of the two points from the line.

    Returns
    -------
    ndarray of shape (8, H, W), float32, 0 to 1
        In plane i, the normal of the line is at an angle of π i / 8 to the rows.
    """
    from scipy.ndimage import gaussian_filter

    inverse = gaussian_filter(posteriors, (0, sigma, sigma), truncate=3.0)
    inverse += TINY
    np.reciprocal(inverse, out=inverse)
    margin = compute_margin(delta)
    inverse = pad_edges(inverse, margin)
    steps = list(generate_steps(delta))
    result = np.zeros((N_ORIENTATIONS, *posteriors.shape[1:]), dtype=np.float32)
    term = np.empty(posteriors.shape[1:], dtype=np.float32)
    for plane in inverse:  # one word at a time, so that it stays in the cache
        for total, step in zip(result, steps, strict=True):
            np.add(*view_both_sides(plane, margin, step), out=term)
            np.reciprocal(term, out=term)
            total += term
    result *= -2
    result += 1
    np.maximum(result, 0, out=result)
    for i, step in enumerate(steps):
        tangent = round(step[1] / 2), -round(step[0] / 2)
        wide = pad_edges(center_differences(result[i], step), margin)
        result[i] = (
            2 * view_shifted(wide, margin, 0, 0)
            + view_shifted(wide, margin, *tangent)
            + view_shifted(wide, margin, -tangent[0], -tangent[1])
        ) / 4
    return result


def compute_color_gradient(lab: Maps, sigma: float, delta: float) -> Maps:
    """Return 1 − exp(−|ΔLab|/20) between the two sides of each pixel, in each orientation.

    Parameters
    ----------
    lab : ndarray of shape (3, H, W), float32
        CIELAB.
    sigma, delta : float, pixels
        As in `compute_posterior_gradient`.

    Returns
    -------
    ndarray of shape (8, H, W), float32, 0 to 1
    """
    from scipy.ndimage import gaussian_filter

    margin = compute_margin(delta)
    smooth = pad_edges(gaussian_filter(lab, (0, sigma, sigma), truncate=3.0), margin)
    result = np.empty((N_ORIENTATIONS, *lab.shape[1:]), dtype=np.float32)
    for i, step in enumerate(generate_steps(delta)):
        one, other = view_both_sides(smooth, margin, step)
        difference = one - other
        difference *= difference
        result[i] = center_differences(1 - np.exp(-np.sqrt(difference.sum(axis=0)) / 20), step)
    return result


# ---- the two sides of a line ---------------------------------------------------------------------------------------


def generate_steps(delta: float) -> Iterator[tuple[int, int]]:
    """Yield, for each orientation, the step (rows, columns) in whole pixels from −δ to +δ along the normal of the line.

    The whole step is rounded, not its halves: at δ = 1.5 this gives seven directions; rounding the halves gives four.
    """
    for i in range(N_ORIENTATIONS):
        angle = math.pi * i / N_ORIENTATIONS
        yield round(2 * delta * math.sin(angle)), round(2 * delta * math.cos(angle))


def compute_margin(delta: float) -> int:
    """Return the margin in pixels that `view_both_sides` needs at a distance δ."""
    return math.ceil(delta) + 1


def pad_edges(images: Maps, margin: int) -> Maps:
    """Return images (..., H, W) with a margin of pixels on each side, in which the outermost pixels are repeated."""
    return np.pad(images, [(0, 0)] * (images.ndim - 2) + [(margin, margin)] * 2, mode="edge")


def view_shifted(images: Maps, margin: int, rows: int, columns: int) -> Maps:
    """Return a shifted view of padded images without their margin: (y, x) shows pixel (y + rows, x + columns)."""
    height, width = images.shape[-2] - 2 * margin, images.shape[-1] - 2 * margin
    return images[..., margin + rows : margin + rows + height, margin + columns : margin + columns + width]


def view_both_sides(images: Maps, margin: int, step: tuple[int, int]) -> tuple[Maps, Maps]:
    """Return two views of padded images: at the end and at the start of a step centered on each pixel.

    Along an axis where the step is odd, it is centered half a pixel after the pixel; see `center_differences`.
    """
    rows, columns = step
    ahead = (rows + 1) // 2, (columns + 1) // 2
    return view_shifted(images, margin, *ahead), view_shifted(images, margin, ahead[0] - rows, ahead[1] - columns)


def center_differences(differences: Maps, step: tuple[int, int]) -> Maps:
    """Return differences (H, W) between the two views of `view_both_sides`, centered on the pixels.

    Along an axis where the step is odd, differences are centered half a pixel after the pixel, so each is averaged with
    the previous one.
    """
    if step[0] % 2:
        before = np.concatenate([differences[:1], differences[:-1]])
        differences = (differences + before) / 2
    if step[1] % 2:
        before = np.concatenate([differences[:, :1], differences[:, :-1]], axis=1)
        differences = (differences + before) / 2
    return differences


# ---- downsampling and upsampling -----------------------------------------------------------------------------------


def halve(images: Maps) -> Maps:
    """Return images (..., H, W) reduced to means of 2×2 pixels; an odd last row or column is repeated."""
    height, width = images.shape[-2:]
    if height % 2 or width % 2:
        padding = [(0, 0)] * (images.ndim - 2) + [(0, height % 2), (0, width % 2)]
        images = np.pad(images, padding, mode="edge")
    sums = images[..., ::2, ::2] + images[..., 1::2, ::2]
    sums += images[..., ::2, 1::2]
    sums += images[..., 1::2, 1::2]
    sums /= 4
    return sums


def upsample(images: Maps, factor: int, shape: tuple[int, int]) -> Maps:
    """Return images (O, h, w) enlarged by a factor to (O, H, W), bilinear between the centers of their pixels."""
    if factor == 1:
        return images
    for axis, length in ((1, shape[0]), (2, shape[1])):
        position = np.clip((np.arange(length) + 0.5) / factor - 0.5, 0, images.shape[axis] - 1)
        low = np.minimum(position.astype(np.intp), max(images.shape[axis] - 2, 0))
        fraction = (position - low).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
        high = np.minimum(low + 1, images.shape[axis] - 1)
        images = images.take(low, axis) * (1 - fraction) + images.take(high, axis) * fraction
    return images


def sample_upsampled(
    images: Maps, factor: int, shape: tuple[int, int], planes: NDArray[np.intp], pixels: NDArray[np.intp]
) -> Maps:
    """Return the values that `upsample` has at some pixels, without computing the rest.

    Parameters
    ----------
    images : ndarray of shape (O, h, w), float32
    factor : int
    shape : (H, W)
        The full shape.
    planes : ndarray of shape (N,)
        The plane from which each value is taken.
    pixels : ndarray of shape (N,)
        Flat indices into the full shape.

    Returns
    -------
    ndarray of shape (N,), float32
    """
    neighbors = []
    for coordinate, length in zip(np.divmod(pixels, shape[1]), images.shape[1:], strict=True):
        position = np.clip((coordinate + 0.5) / factor - 0.5, 0, length - 1).astype(np.float32)
        low = position.astype(np.intp)
        neighbors.append((low, np.minimum(low + 1, length - 1), position - low))
    (top, bottom, y), (left, right, x) = neighbors
    upper = images[planes, top, left] * (1 - x) + images[planes, top, right] * x
    lower = images[planes, bottom, left] * (1 - x) + images[planes, bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y)
