"""Boundaries seen in soft words: where the words on one side of a line differ from those on the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Maps: TypeAlias = NDArray[np.float32]

N_ORIENTATIONS = 8
"""Orientations of the line, π/8 apart."""

TINY = np.float32(1e-6)


# ---- pictures of half the size ---------------------------------------------------------------------------------------


def halve(images: Maps) -> Maps:
    """Return images (..., H, W) reduced to the means of 2×2 pixels; the border goes on to fill the last ones."""
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
    """Return images (O, h, w) of blocks of pixels at the full shape (H, W), bilinear between the centers of blocks."""
    if factor == 1:
        return images
    for axis, length in ((1, shape[0]), (2, shape[1])):
        place = np.clip((np.arange(length) + 0.5) / factor - 0.5, 0, images.shape[axis] - 1)
        low = np.minimum(place.astype(np.intp), max(images.shape[axis] - 2, 0))
        part = (place - low).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
        high = np.minimum(low + 1, images.shape[axis] - 1)
        images = images.take(low, axis) * (1 - part) + images.take(high, axis) * part
    return images


def sample_upsampled(
    images: Maps, factor: int, shape: tuple[int, int], planes: NDArray[np.intp], pixels: NDArray[np.intp]
) -> Maps:
    """Return what `enlarged` images (O, h, w) are at some pixels alone.

    Parameters
    ----------
    planes : ndarray of shape (N,)
        Of which plane to take each value.
    pixels : ndarray of shape (N,)
        Flat indices into the full shape.

    Returns
    -------
    ndarray of shape (N,), float32
    """
    ends = []
    for place, length in zip(np.divmod(pixels, shape[1]), images.shape[1:], strict=True):
        exact = np.clip((place + 0.5) / factor - 0.5, 0, length - 1).astype(np.float32)
        low = exact.astype(np.intp)
        ends.append((low, np.minimum(low + 1, length - 1), exact - low))
    (top, bottom, down), (left, right, across) = ends
    upper = images[planes, top, left] * (1 - across) + images[planes, top, right] * across
    lower = images[planes, bottom, left] * (1 - across) + images[planes, bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down)


# ---- two sides of a line ---------------------------------------------------------------------------------------------


def spans(delta: float) -> Iterator[tuple[int, int]]:
    """Yield the steps (rows, columns), in whole pixels, from a point at −δ to one at +δ along the normal of each line.

    The steps are rounded, not their halves: those of δ = 1.5 have seven directions, where halves would have four.
    """
    for i in range(N_ORIENTATIONS):
        angle = math.pi * i / N_ORIENTATIONS
        yield round(2 * delta * math.sin(angle)), round(2 * delta * math.cos(angle))


def padded(images: Maps, margin: int) -> Maps:
    """Return images (..., H, W) with a margin of pixels on each side, where the border goes on outwards."""
    return np.pad(images, [(0, 0)] * (images.ndim - 2) + [(margin, margin)] * 2, mode="edge")


def shifted(images: Maps, margin: int, rows: int, columns: int) -> Maps:
    """Return the view of padded images whose value at (y, x) is that at (y + rows, x + columns), the margin cut off."""
    height, width = images.shape[-2] - 2 * margin, images.shape[-1] - 2 * margin
    return images[..., margin + rows : margin + rows + height, margin + columns : margin + columns + width]


def two_sides(images: Maps, margin: int, span: tuple[int, int]) -> tuple[Maps, Maps]:
    """Return the views of padded images at both ends of a step around each pixel; see `centered`."""
    rows, columns = span
    ahead = (rows + 1) // 2, (columns + 1) // 2
    return shifted(images, margin, *ahead), shifted(images, margin, ahead[0] - rows, ahead[1] - columns)


def centered(differences: Maps, span: tuple[int, int]) -> Maps:
    """Return differences (H, W) of `two_sides` about each pixel: those over an odd step are half a pixel ahead."""
    if span[0] % 2:
        before = np.concatenate([differences[:1], differences[:-1]])
        differences = (differences + before) / 2
    if span[1] % 2:
        before = np.concatenate([differences[:, :1], differences[:, :-1]], axis=1)
        differences = (differences + before) / 2
    return differences


def margin_of(delta: float) -> int:
    """Return the margin that `two_sides` needs."""
    return math.ceil(delta) + 1


def compute_posterior_gradient(posteriors: Maps, sigma: float, delta: float) -> Maps:
    """Return how much the words differ across each pixel, in each orientation.

    χ² = ½ Σ_k (a_k − b_k)² / (a_k + b_k) between the smoothed posteriors a and b at ±δ along the normal of the line,
    averaged along its tangent with weights 1 2 1. As a and b sum to 1, it is 1 − Σ_k 2 / (1/a_k + 1/b_k).

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

    inverse = gaussian_filter(posteriors, (0, sigma, sigma), truncate=3.0)
    inverse += TINY
    np.reciprocal(inverse, out=inverse)
    margin = margin_of(delta)
    inverse = padded(inverse, margin)
    steps = list(spans(delta))
    result = np.zeros((N_ORIENTATIONS, *posteriors.shape[1:]), dtype=np.float32)
    mean = np.empty(posteriors.shape[1:], dtype=np.float32)
    for plane in inverse:  # one at a time, which stays in the cache
        for total, span in zip(result, steps, strict=True):
            np.add(*two_sides(plane, margin, span), out=mean)
            np.reciprocal(mean, out=mean)
            total += mean
    result *= -2
    result += 1
    np.maximum(result, 0, out=result)
    for i, span in enumerate(steps):
        along = round(span[1] / 2), -round(span[0] / 2)
        wide = padded(centered(result[i], span), margin)
        result[i] = (
            2 * shifted(wide, margin, 0, 0)
            + shifted(wide, margin, *along)
            + shifted(wide, margin, -along[0], -along[1])
        ) / 4
    return result


def compute_color_gradient(lab: Maps, sigma: float, delta: float) -> Maps:
    """Return 1 − exp(−|ΔLab|/20) across each pixel, in each orientation, shape (8, H, W), from lab (3, H, W)."""
    from scipy.ndimage import gaussian_filter

    margin = margin_of(delta)
    smooth = padded(gaussian_filter(lab, (0, sigma, sigma), truncate=3.0), margin)
    result = np.empty((N_ORIENTATIONS, *lab.shape[1:]), dtype=np.float32)
    for i, span in enumerate(spans(delta)):
        one, other = two_sides(smooth, margin, span)
        difference = one - other
        difference *= difference
        result[i] = centered(1 - np.exp(-np.sqrt(difference.sum(axis=0)) / 20), span)
    return result
