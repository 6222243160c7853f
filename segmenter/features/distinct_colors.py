"""Distinct colors of a photo, with their counts: all the data that a color mixture needs.

A photo often has a hundred times as many pixels as distinct colors. EM on distinct colors weighted by their counts
gives the same result as EM on all pixels. Features and labels are computed once per color, and looked up in a table
for each pixel.

A color of at most 24 bits is packed into one integer, its key, and counted in a table indexed by key. For a small
photo, a table of all 2²⁴ keys is sparse: the colors occupy a few percent of the runs of sixteen consecutive keys. The
table then contains only those runs, which keeps it in the cache and makes counting twice as fast as sorting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels

CHUNK = 1 << 20
"""Number of pixels, or of table entries, processed at once."""

MAX_KEY_BITS = 24
"""Colors of up to this many bits are counted by key; wider ones are sorted."""

FEW_PIXELS = 1 << 20
"""Up to this many pixels, compacting the keys is worthwhile; above it, counting in the sparse table is cheaper."""

RUN_BITS = 4
"""Number of low bits of a key that give its position in a run; keys of one run differ only in the last channel."""

Counted: TypeAlias = tuple[Pixels, NDArray[Any], NDArray[np.unsignedinteger[Any]], NDArray[np.intp]]
"""Distinct colors (M, C), their counts (M,), the table entry of each pixel (N,) and of each color (M,)."""


@dataclass(frozen=True, eq=False)
class DistinctColors:
    """The distinct colors of the included pixels, sorted by channel, and how often each occurs."""

    colors: Pixels  # (M, C), dtype of the photo
    counts: Floats  # (M,), in pixels; they sum to the number of included pixels
    shape: tuple[int, int]  # (H, W)
    mask: Bools | None  # (H, W), True = included; None = all pixels are included
    pixel_entries: NDArray[np.unsignedinteger[Any]]  # (N,), the table entry of each included pixel
    color_entries: NDArray[np.intp]  # (M,), the table entry of each color, ascending; some entries may stay unused

    def to_image(self, per_color: NDArray[Any]) -> NDArray[Any]:
        """Return an image in which each included pixel has the value of its color, and all others are 0.

        Parameters
        ----------
        per_color : ndarray of shape (M,)

        Returns
        -------
        ndarray of shape (H, W), dtype of `per_color`
        """
        table = np.empty(int(self.color_entries[-1]) + 1, dtype=per_color.dtype)
        table[self.color_entries] = per_color
        per_pixel = np.empty(len(self.pixel_entries), dtype=per_color.dtype)
        for chunk in split_into_chunks(len(self.pixel_entries)):
            np.take(table, self.pixel_entries[chunk], out=per_pixel[chunk])
        if self.mask is None:
            return per_pixel.reshape(self.shape)
        image = np.zeros(self.shape, dtype=per_color.dtype)
        image[self.mask] = per_pixel
        return image


def find_distinct_colors(pixels: Pixels, mask: Bools | None = None) -> DistinctColors:
    """Return the distinct colors of a photo and their counts.

    Colors of up to 24 bits (8-bit RGB, integer gray of any depth) are counted by key, wider ones are sorted.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = included; at least one pixel must be.

    Returns
    -------
    DistinctColors
    """
    height, width, n_channels = pixels.shape
    flat = pixels.reshape(-1, n_channels) if mask is None else pixels[mask]
    count = count_by_key if has_small_keys(flat) else count_by_sorting
    colors, counts, pixel_entries, color_entries = count(flat)
    return DistinctColors(colors, counts.astype(np.float64), (height, width), mask, pixel_entries, color_entries)


# ---- keys ----------------------------------------------------------------------------------------------------------


def count_key_bits(colors: Pixels) -> int:
    """Return the number of bits in the key of a color: the total over its channels."""
    return 8 * colors.dtype.itemsize * int(colors.shape[1])


def has_small_keys(colors: Pixels) -> bool:
    """Return whether colors (n, C) are integers with few enough bits for a table of all keys to fit in memory."""
    return colors.dtype.kind == "u" and count_key_bits(colors) <= MAX_KEY_BITS


def pack_colors(colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
    """Return the keys (n,) of unsigned colors (n, C) of at most 64 bits; the first channel is in the highest bits."""
    channel_bits = 8 * colors.dtype.itemsize
    dtype = np.uint32 if count_key_bits(colors) <= 32 else np.uint64
    keys: NDArray[np.unsignedinteger[Any]] = colors[:, 0].astype(dtype)
    for channel in colors.T[1:]:
        keys <<= channel_bits
        keys |= channel
    return keys


def unpack_colors(keys: NDArray[Any], like: Pixels) -> Pixels:
    """Return the colors (n, C) of keys (n,), with the dtype and the number of channels of `like`."""
    channel_bits = 8 * like.dtype.itemsize
    colors = np.empty((len(keys), like.shape[1]), like.dtype)
    for channel in range(like.shape[1])[::-1]:
        colors[:, channel] = keys & (2**channel_bits - 1)
        keys = keys >> channel_bits
    return colors


def split_into_chunks(n: int) -> Iterator[slice]:
    """Yield consecutive slices of `CHUNK` elements that cover n elements; the last may extend past the end."""
    return (slice(start, start + CHUNK) for start in range(0, n, CHUNK))


# ---- counting ------------------------------------------------------------------------------------------------------


def count_by_key(pixels: Pixels) -> Counted:
    """Return the distinct colors of pixels (N, C) with small keys, counted in a table."""
    entries = np.empty(len(pixels), dtype=np.uint32)
    for chunk in split_into_chunks(len(pixels)):
        entries[chunk] = pack_colors(pixels[chunk])
    n_entries, runs = 1 << count_key_bits(pixels), None
    if len(pixels) <= FEW_PIXELS:
        entries, runs = compact_keys(entries, n_entries)
        n_entries = len(runs) << RUN_BITS
    table = np.zeros(n_entries, dtype=np.uint32)
    for chunk in split_into_chunks(len(pixels)):
        np.add.at(table, entries[chunk], np.uint32(1))
    used = np.flatnonzero(table != 0)  # five times as fast as flatnonzero of the counts themselves
    keys = used if runs is None else runs[used >> RUN_BITS] << RUN_BITS | used & (2**RUN_BITS - 1)
    return unpack_colors(keys, pixels), table[used], entries, used


def compact_keys(keys: NDArray[np.uint32], n_keys: int) -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
    """Map keys to entries of a smaller table that contains only the runs in which at least one key occurs.

    Parameters
    ----------
    keys : ndarray of shape (N,), uint32
    n_keys : int
        Number of possible keys.

    Returns
    -------
    ndarray of shape (N,), uint32
        The table entry of each key.
    ndarray of shape (n,), intp
        The runs in the table, ascending: run r holds the keys from r · 2⁴ to r · 2⁴ + 15.
    """
    run_of_key = keys >> RUN_BITS
    is_used = np.zeros(n_keys >> RUN_BITS, dtype=np.bool_)
    is_used[run_of_key] = True
    runs = np.flatnonzero(is_used)
    first_entries = np.empty(len(is_used), dtype=np.uint32)
    first_entries[runs] = np.arange(len(runs)) << RUN_BITS
    return first_entries.take(run_of_key) | keys & np.uint32(2**RUN_BITS - 1), runs


def count_by_sorting(pixels: Pixels) -> Counted:
    """Return the distinct colors of pixels (N, C) of any kind, by sorting; every table entry is used."""
    has_keys = pixels.dtype.kind == "u" and count_key_bits(pixels) <= 64
    order = np.argsort(pack_colors(pixels), kind="stable") if has_keys else np.lexsort(pixels.T[::-1])
    ordered = pixels[order]
    starts = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
    counts = np.diff(starts, append=len(ordered))
    entries: NDArray[np.unsignedinteger[Any]] = np.empty(
        len(pixels), dtype=np.uint32 if len(starts) < 2**32 else np.uint64
    )
    entries[order] = np.repeat(np.arange(len(starts)), counts)
    return ordered[starts], counts, entries, np.arange(len(starts))


# ---- counts only ---------------------------------------------------------------------------------------------------


def build_count_table(pixels: Pixels) -> NDArray[np.uint32]:
    """Return how often each key occurs in fewer than 2³² pixels (N, C) with small keys, shape (number of keys,)."""
    table = np.zeros(1 << count_key_bits(pixels), dtype=np.uint32)
    for chunk in split_into_chunks(len(pixels)):
        np.add.at(table, pack_colors(pixels[chunk]), np.uint32(1))
    return table


def read_count_table(table: NDArray[Any], like: Pixels) -> tuple[Pixels, Floats]:
    """Return the colors (M, C) that occur in a table of counts by key, in ascending order, and their counts (M,).

    Parameters
    ----------
    table : ndarray of shape (number of keys,)
    like : ndarray of shape (n, C)
        Any colors with the same dtype and number of channels as those that were counted.
    """
    n_colors = int(np.count_nonzero(table))
    colors, counts = np.empty((n_colors, like.shape[1]), like.dtype), np.empty(n_colors)
    start = 0
    for chunk in split_into_chunks(len(table)):
        part = table[chunk]
        used = np.flatnonzero(part != 0)
        stop = start + len(used)
        colors[start:stop] = unpack_colors(used + chunk.start, like)
        counts[start:stop] = part[used]
        start = stop
    return colors, counts
