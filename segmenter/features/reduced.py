"""Pictures made smaller: every pixel is the mean of the area that it covers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segmenter.arrays import Bools, Pixels
from segmenter.features.color import unit_range

CHUNK_PIXELS = 1 << 20
"""Pixels that are converted at once."""


def reduced_shape(height: int, width: int, n_pixels: float) -> tuple[int, int]:
    """Return the height and width of a picture of about so many pixels, and of at least one each way."""
    factor = math.sqrt(n_pixels / (height * width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def area_means(pixels: Pixels, mask: Bools | None, shape: tuple[int, int]) -> tuple[Pixels, Bools | None]:
    """Return a picture reduced to this shape.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; a mean is over what takes part.
    shape : (h, w)
        At most (H, W).

    Returns
    -------
    ndarray of shape (h, w, C), float32, 0 to 1
    ndarray of shape (h, w), bool, or None
        True where anything takes part.
    """
    height, width, n_channels = pixels.shape
    down, across = area_shares(height, shape[0]), area_shares(width, shape[1])
    n_planes = n_channels + (mask is not None)
    sums = np.zeros((shape[0], shape[1] * n_planes))
    step = max(1, CHUNK_PIXELS // width)
    for first in range(0, height, step):
        rows = slice(first, first + step)
        unit = unit_range(pixels[rows])
        if mask is not None:
            weights = mask[rows, :, None].astype(np.float64)
            unit = np.concatenate([unit * weights, weights], axis=2)
        narrow = across @ unit.transpose(1, 0, 2).reshape(width, -1)  # (w, rows × planes)
        flat = narrow.reshape(shape[1], -1, n_planes).transpose(1, 0, 2).reshape(-1, shape[1] * n_planes)
        sums += down[:, rows] @ flat
    means = sums.reshape(*shape, n_planes)
    if mask is None:
        return means.astype(np.float32), None
    share = means[:, :, -1:]
    return (means[:, :, :-1] / np.where(share > 0, share, 1)).astype(np.float32), share[:, :, 0] > 0


def area_shares(n_pixels: int, n_places: int) -> Any:
    """Return how much of each of n equal parts of a row each pixel is, sparse (n_places, n_pixels); rows sum to 1."""
    from scipy.sparse import csr_array

    ends = np.arange(n_places + 1) * (n_pixels / n_places)
    lows = np.floor(ends[:-1]).astype(np.intp)
    highs = np.minimum(np.ceil(ends[1:]).astype(np.intp), n_pixels)
    rows = np.repeat(np.arange(n_places), highs - lows)
    columns = np.concatenate([np.arange(low, high) for low, high in zip(lows, highs, strict=True)])
    shares = np.minimum(columns + 1, ends[rows + 1]) - np.maximum(columns, ends[rows])
    return csr_array((shares * (n_places / n_pixels), (rows, columns)), shape=(n_places, n_pixels))
