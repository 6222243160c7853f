"""Distinct colors: all that a color mixture needs of a photo, and often a hundredth of its pixels.

EM on distinct colors weighted by their counts is the same arithmetic as EM on all pixels, and whatever is computed once
for each color (features, labels) reaches the pixels by table look-up.

Narrow colors are counted in a table. Of all 2²⁴ colors a small photo has some in a few per cent of the runs of sixteen
neighbors, and only these runs get slots, so that the table stays in cache: twice as fast as sorting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels

CHUNK = 1 << 20
"""Pixels that are worked on at once."""

MAX_KEY_BITS = 24
"""Colors of up to so many bits are counted by key; wider ones are sorted."""

FEW_PIXELS = 1 << 20
"""Up to so many, a table without gaps pays; beyond, the gaps of a table of all keys cost less than leaving them out."""

RUN_BITS = 4
"""Of the key of a color: its place in a run of neighbors, which differ in the last channel alone."""

Counted: TypeAlias = tuple[Pixels, NDArray[Any], NDArray[np.unsignedinteger[Any]], NDArray[np.intp]]
"""Distinct colors (M, C), their counts (M,), the slot of each pixel (N,) and that of each color (M,)."""


@dataclass(frozen=True, eq=False)
class DistinctColors:
    """The distinct colors of the pixels that take part, in ascending order of their channels, and how often each is."""

    colors: Pixels  # (M, C), dtype of the photo
    counts: Floats  # (M,), pixels; their sum is the number of pixels that take part
    shape: tuple[int, int]  # (H, W)
    mask: Bools | None  # (H, W), True = takes part; None = all do
    slots: NDArray[np.unsignedinteger[Any]]  # (N,), the slot of the color of each pixel that takes part
    color_slots: NDArray[np.intp]  # (M,), the slot of each color, ascending; some slots may stay empty

    def to_image(self, per_color: NDArray[Any]) -> NDArray[Any]:
        """Return an image with the value of its color at each pixel that takes part, 0 elsewhere.

        Parameters
        ----------
        per_color : ndarray of shape (M,)

        Returns
        -------
        ndarray of shape (H, W), dtype of `per_color`
        """
        table = np.empty(int(self.color_slots[-1]) + 1, dtype=per_color.dtype)
        table[self.color_slots] = per_color
        spread = np.empty(len(self.slots), dtype=per_color.dtype)
        for rows in chunks(len(self.slots)):
            np.take(table, self.slots[rows], out=spread[rows])
        if self.mask is None:
            return spread.reshape(self.shape)
        image = np.zeros(self.shape, dtype=per_color.dtype)
        image[self.mask] = spread
        return image


def find_distinct_colors(pixels: Pixels, mask: Bools | None = None) -> DistinctColors:
    """Count the distinct colors of a photo.

    Colors of up to 24 bits (8-bit RGB, any gray of integers) are counted by key, wider ones are sorted.

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
    has_small_keys = flat.dtype.kind == "u" and count_key_bits(flat) <= MAX_KEY_BITS
    colors, counts, slots, color_slots = count_keys(flat) if has_small_keys else unique_rows(flat)
    return DistinctColors(colors, counts.astype(np.float64), (height, width), mask, slots, color_slots)


def count_key_bits(colors: Pixels) -> int:
    """Return how many bits a color has."""
    return 8 * colors.dtype.itemsize * int(colors.shape[1])


def pack_colors(colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
    """Return one number for each unsigned color (n, C) of at most 64 bits, the first channel in its highest bits."""
    bits = 8 * colors.dtype.itemsize
    keys: NDArray[np.unsignedinteger[Any]] = colors[:, 0].astype(
        np.uint32 if count_key_bits(colors) <= 32 else np.uint64
    )
    for channel in colors.T[1:]:
        keys <<= bits
        keys |= channel
    return keys


def unpack_colors(keys: NDArray[Any], like: Pixels) -> Pixels:
    """Return the colors (n, C) of keys (n,), of the type and with as many channels as others."""
    bits = 8 * like.dtype.itemsize
    colors = np.empty((len(keys), like.shape[1]), like.dtype)
    for channel in range(like.shape[1])[::-1]:
        colors[:, channel] = keys & (2**bits - 1)
        keys = keys >> bits
    return colors


def chunks(n_pixels: int) -> Iterator[slice]:
    """Yield the places of pixels that are worked on at once."""
    return (slice(first, first + CHUNK) for first in range(0, n_pixels, CHUNK))


def count_keys(pixels: Pixels) -> Counted:
    """Return the distinct colors of narrow pixels (N, C), by a table of their keys."""
    slots = np.empty(len(pixels), dtype=np.uint32)
    for rows in chunks(len(pixels)):
        slots[rows] = pack_colors(pixels[rows])
    n_slots, runs = 1 << count_key_bits(pixels), None
    if len(pixels) <= FEW_PIXELS:
        slots, runs = compact_keys(slots, n_slots)
        n_slots = len(runs) << RUN_BITS
    counts = np.zeros(n_slots, dtype=np.uint32)
    for rows in chunks(len(pixels)):
        np.add.at(counts, slots[rows], np.uint32(1))
    color_slots = np.flatnonzero(counts != 0)  # five times as fast as of the numbers themselves
    keys = color_slots if runs is None else runs[color_slots >> RUN_BITS] << RUN_BITS | color_slots & (2**RUN_BITS - 1)
    return unpack_colors(keys, pixels), counts[color_slots], slots, color_slots


def compact_keys(keys: NDArray[np.uint32], n_keys: int) -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
    """Return the place of each key, (N,), where only runs with keys in them have one; and these runs, ascending."""
    run_of = keys >> RUN_BITS
    is_run = np.zeros(n_keys >> RUN_BITS, dtype=np.bool_)
    is_run[run_of] = True
    runs = np.flatnonzero(is_run)
    first_places = np.empty(len(is_run), dtype=np.uint32)
    first_places[runs] = np.arange(len(runs)) << RUN_BITS
    return first_places.take(run_of) | keys & np.uint32(2**RUN_BITS - 1), runs


def key_counts(pixels: Pixels) -> NDArray[np.uint32]:
    """Return how often each key is among narrow pixels (N, C), of which there are less than 2³², (2**bits,)."""
    counts = np.zeros(1 << count_key_bits(pixels), dtype=np.uint32)
    for rows in chunks(len(pixels)):
        np.add.at(counts, pack_colors(pixels[rows]), np.uint32(1))
    return counts


def colors_in(counts: NDArray[Any], like: Pixels) -> tuple[Pixels, Floats]:
    """Return the colors (M, C) that a table of how often each key is holds, ascending, and their counts (M,)."""
    n_colors = int(np.count_nonzero(counts))
    colors, found = np.empty((n_colors, like.shape[1]), like.dtype), np.empty(n_colors)
    first = 0
    for keys in chunks(len(counts)):
        part = counts[keys]
        places = np.flatnonzero(part != 0)
        after = first + len(places)
        colors[first:after] = unpack_colors(places + keys.start, like)
        found[first:after] = part[places]
        first = after
    return colors, found


def unique_rows(pixels: Pixels) -> Counted:
    """Return the distinct colors of pixels (N, C) of any kind, by sorting; no slot is empty."""
    has_keys = pixels.dtype.kind == "u" and count_key_bits(pixels) <= 64
    order = np.argsort(pack_colors(pixels), kind="stable") if has_keys else np.lexsort(pixels.T[::-1])
    ordered = pixels[order]
    starts = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
    counts = np.diff(starts, append=len(ordered))
    slots: NDArray[np.unsignedinteger[Any]] = np.empty(
        len(pixels), dtype=np.uint32 if len(starts) < 2**32 else np.uint64
    )
    slots[order] = np.repeat(np.arange(len(starts)), counts)
    return ordered[starts], counts, slots, np.arange(len(starts))
