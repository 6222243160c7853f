"""Counts of colors of many pictures: they add up, so that a mixture of all costs no more than its distinct colors.

Pictures of 16 bits and of floats hardly ever repeat a color, and their counts would grow with every picture. So where
there are more than 2²⁴ distinct colors, the lowest bits of the channels are cut until there are fewer: 15 bits, 14 …,
and never below 8, which make no more. Noise hides these bits anyway where there are that many colors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.features.color import to_unit_range
from segmenter.features.distinct_colors import (
    FEW_PIXELS,
    MAX_KEY_BITS,
    colors_in,
    count_key_bits,
    find_distinct_colors,
    key_counts,
    pack_colors,
)

MAX_COLORS = 1 << 24
"""Distinct colors of one kind that are counted exactly."""

LEAST_WIDE = 1 << 32
"""So many pixels together, and their counts take more than 32 bits."""

DEEP_BITS = 16


@dataclass(frozen=True, eq=False)
class ColorCounts:
    """Distinct colors, in ascending order of their channels, and how often each is."""

    colors: Pixels  # (M, C), C = 1 gray or 3 sRGB; uint8, uint16, or floats from 0 to 1
    counts: Floats  # (M,), pixels
    bits: int | None = None  # of a channel, where they were cut to so many; None = the colors are as they were

    @property
    def kind(self) -> tuple[str, int]:
        """What only colors of the same can be compared by: type and channels."""
        return str(self.colors.dtype), int(self.colors.shape[1])


def count_colors(pixels: Pixels, mask: Bools | None = None) -> ColorCounts:
    """Return the distinct colors of the pixels (H, W, C) that take part, and nothing of the picture."""
    n_pixels = pixels.shape[0] * pixels.shape[1] if mask is None else int(np.count_nonzero(mask))
    if FEW_PIXELS < n_pixels < LEAST_WIDE and has_small_keys(pixels[0]):  # without the slot of each pixel
        return ColorCounts(
            *colors_in(key_counts(pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]), pixels[0])
        )
    distinct = find_distinct_colors(pixels, mask)
    return ColorCounts(distinct.colors, distinct.counts)


def has_small_keys(colors: Pixels) -> bool:
    """Return whether colors (n, C) are integers of so few bits that a table has room for all of them."""
    return colors.dtype.kind == "u" and count_key_bits(colors) <= MAX_KEY_BITS


def sum_counts(parts: Iterable[ColorCounts]) -> list[ColorCounts]:
    """Return the counts of all parts together, one for each kind of color among them.

    Sums may be summed again, in any order and grouping: counts are whole numbers, and exact up to 2⁵³. Where colors are
    cut, floats become 16-bit numbers.
    """
    sums: dict[tuple[str, int], _Sum] = {}
    for part in parts:
        sums.setdefault(part.kind, _Sum()).add(part)
    return [sums[kind].total() for kind in sorted(sums)]


def to_common_scale(sums: list[ColorCounts]) -> ColorCounts:
    """Return counts of several kinds as counts of one, every color at its place from 0 to 1.

    A gray is a color of three equal channels beside colors, and 8 bits hold numbers that 16 bits hold, too: the pixels
    of all kinds then count as they would in one picture. Of one kind nothing is changed.
    """
    if len(sums) == 1:
        return sums[0]
    n_channels = max(part.colors.shape[1] for part in sums)
    colors = [np.broadcast_to(to_unit_range(part.colors), (len(part.colors), n_channels)) for part in sums]
    bits = min((part.bits for part in sums if part.bits is not None), default=None)
    return _merged([ColorCounts(unit, part.counts, bits) for unit, part in zip(colors, sums, strict=True)])


@dataclass
class _Sum:
    """A sum that is being made, of one kind of color."""

    table: NDArray[np.uint32] | Floats | None = None  # of all colors, where there are few enough; exact up to 2⁵³
    n_pixels: float = 0.0  # in the table
    parts: list[ColorCounts] = field(default_factory=list)  # the first is merged, the others wait
    n_waiting: int = 0
    bits: int | None = None  # what colors are cut to

    def add(self, part: ColorCounts) -> None:
        if part.bits is None and has_small_keys(part.colors):
            if self.table is None:
                self.table = np.zeros(1 << count_key_bits(part.colors), np.uint32)
                self.parts = [ColorCounts(part.colors[:0], part.counts[:0])]
            self.n_pixels += float(part.counts.sum())
            if self.n_pixels >= LEAST_WIDE and self.table.dtype == np.uint32:
                self.table = self.table.astype(np.float64)
            self.table[pack_colors(part.colors)] += part.counts.astype(self.table.dtype)  # no color is twice in a part
            return
        self.bits = min((bits for bits in (self.bits, part.bits) if bits is not None), default=None)
        self.parts.append(part if self.bits is None else cut(part, self.bits))
        self.n_waiting += len(self.parts[-1].colors)
        if self.n_waiting > len(self.parts[0].colors):  # so that each color is merged a few times only
            self.merge()

    def merge(self) -> None:
        """Make one part of all, of no more than so many colors."""
        merged = _merged([part if part.bits == self.bits else cut(part, self.bits or 0) for part in self.parts])
        while len(merged.colors) > MAX_COLORS:
            self.bits = DEEP_BITS if self.bits is None else self.bits - 1
            merged = cut(merged, self.bits)
        self.parts, self.n_waiting = [merged], 0

    def total(self) -> ColorCounts:
        if self.table is None:
            self.merge()
            return self.parts[0]
        return ColorCounts(*colors_in(self.table, self.parts[0].colors))


def cut(part: ColorCounts, bits: int) -> ColorCounts:
    """Return counts of colors of 16 bits or floats by the highest bits of each channel, 1 to 16 of them.

    Those that share them count as the 16-bit color in the middle of what is left open.
    """
    colors = part.colors
    if colors.dtype.kind == "f":
        colors = np.rint(to_unit_range(colors) * (2**DEEP_BITS - 1)).astype(np.uint16)
    dropped = DEEP_BITS - bits
    middle = 1 << dropped >> 1
    return _summed(colors >> dropped << dropped | np.uint16(middle), part.counts, bits)


def _merged(parts: list[ColorCounts]) -> ColorCounts:
    """Return the sum of parts of one kind."""
    if len(parts) == 1:
        return parts[0]
    colors = np.concatenate([part.colors for part in parts])
    return _summed(colors, np.concatenate([part.counts for part in parts]), parts[0].bits)


def _summed(colors: Pixels, counts: Floats, bits: int | None) -> ColorCounts:
    """Return counts of colors (M, C), some of which are equal, by sorting."""
    has_keys = colors.dtype.kind == "u" and count_key_bits(colors) <= 64
    order = np.argsort(pack_colors(colors), kind="stable") if has_keys else np.lexsort(colors.T[::-1])
    colors = colors[order]
    starts = np.flatnonzero(np.concatenate([[True], (colors[1:] != colors[:-1]).any(axis=1)]))
    return ColorCounts(colors[starts], np.add.reduceat(counts[order], starts), bits)
