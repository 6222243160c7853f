"""Distinct colors: all that a color mixture needs of a photo, and often a hundredth of its pixels.

EM on distinct colors weighted by their counts is the same arithmetic as EM on all pixels, and whatever is computed once
for each color (features, labels) reaches the pixels by table look-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels

CHUNK = 1 << 20
"""Pixels whose keys are computed at once."""

SORT_LIMIT = 1 << 20
"""Up to so many pixels, sorting the keys is faster than counting them in a table of all 2²⁴ colors."""


@dataclass(frozen=True, eq=False)
class DistinctColors:
    """The distinct colors of the pixels that take part, in ascending order of their channels, and how often each is."""

    colors: Pixels  # (M, C), dtype of the photo
    counts: Floats  # (M,), pixels; their sum is the number of pixels that take part
    pixels: Pixels  # (N, C), the pixels that take part, in reading order
    shape: tuple[int, int]  # (H, W)
    mask: Bools | None  # (H, W), True = takes part; None = all do
    inverse: NDArray[np.intp] | None  # (N,), the color of each pixel, where keys are too wide for a table

    def spread(self, per_color: NDArray[Any]) -> NDArray[Any]:
        """Return an image with the value of its color at each pixel that takes part, 0 elsewhere.

        Parameters
        ----------
        per_color : ndarray of shape (M,)

        Returns
        -------
        ndarray of shape (H, W), dtype of `per_color`
        """
        spread = np.empty(len(self.pixels), dtype=per_color.dtype)
        if self.inverse is not None:
            np.take(per_color, self.inverse, out=spread)
        else:
            table = np.empty(1 << key_bits(self.colors), dtype=per_color.dtype)  # only keys that occur are looked up
            table[keys_of(self.colors)] = per_color
            for rows, keys in key_chunks(self.pixels):
                np.take(table, keys, out=spread[rows])
        if self.mask is None:
            return spread.reshape(self.shape)
        image = np.zeros(self.shape, dtype=per_color.dtype)
        image[self.mask] = spread
        return image


def distinct_colors(pixels: Pixels, mask: Bools | None = None) -> DistinctColors:
    """Count the distinct colors of a photo.

    Colors of up to 24 bits (8-bit RGB, any gray) are counted by key. Wider ones are sorted, and the color of every
    pixel is kept: eight more bytes a pixel.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; at least one does.

    Returns
    -------
    DistinctColors
    """
    height, width, n_channels = pixels.shape
    flat = pixels.reshape(-1, n_channels) if mask is None else pixels[mask]
    inverse = None
    if flat.dtype.kind == "u" and key_bits(flat) <= 24:
        colors, counts = count_keys(flat)
    else:
        colors, inverse, counts = unique_rows(flat)
    return DistinctColors(colors, counts.astype(np.float64), flat, (height, width), mask, inverse)


def key_bits(colors: Pixels) -> int:
    """Return how many bits a color has."""
    return 8 * colors.dtype.itemsize * int(colors.shape[1])


def keys_of(colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
    """Return one number for each unsigned color (n, C) of at most 64 bits, the first channel in its highest bits."""
    bits = 8 * colors.dtype.itemsize
    keys: NDArray[np.unsignedinteger[Any]] = colors[:, 0].astype(np.uint32 if key_bits(colors) <= 32 else np.uint64)
    for channel in colors.T[1:]:
        keys <<= bits
        keys |= channel
    return keys


def key_chunks(pixels: Pixels) -> Iterator[tuple[slice, NDArray[np.unsignedinteger[Any]]]]:
    """Yield the keys of the pixels (N, C) in chunks, with the rows that they belong to."""
    for first in range(0, len(pixels), CHUNK):
        rows = slice(first, first + CHUNK)
        yield rows, keys_of(pixels[rows])


def count_keys(pixels: Pixels) -> tuple[Pixels, NDArray[Any]]:
    """Return the distinct colors (M, C) of pixels (N, C) of at most 24 bits, and their counts (M,)."""
    keys: NDArray[np.unsignedinteger[Any]]
    counts: NDArray[Any]
    if len(pixels) <= SORT_LIMIT:
        keys, counts = np.unique(keys_of(pixels), return_counts=True)
    else:
        table = np.zeros(1 << key_bits(pixels), dtype=np.uint32)
        for _, chunk in key_chunks(pixels):
            np.add.at(table, chunk, np.uint32(1))
        keys = np.flatnonzero(table != 0).astype(np.uint32)  # five times as fast as of the numbers themselves
        counts = table[keys]
    bits = 8 * pixels.dtype.itemsize
    colors = np.empty((len(keys), pixels.shape[1]), pixels.dtype)
    for channel in range(pixels.shape[1])[::-1]:
        colors[:, channel] = keys & (2**bits - 1)
        keys >>= bits
    return colors, counts


def unique_rows(pixels: Pixels) -> tuple[Pixels, NDArray[np.intp], NDArray[np.integer[Any]]]:
    """Return the distinct colors (M, C) of pixels (N, C), the color of each pixel (N,), and the counts (M,)."""
    has_keys = pixels.dtype.kind == "u" and key_bits(pixels) <= 64
    order = np.argsort(keys_of(pixels), kind="stable") if has_keys else np.lexsort(pixels.T[::-1])
    ordered = pixels[order]
    starts = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
    counts = np.diff(starts, append=len(ordered))
    inverse = np.empty(len(pixels), dtype=np.intp)
    inverse[order] = np.repeat(np.arange(len(starts)), counts)
    return ordered[starts], inverse, counts
