"""Counts of colors of many pictures: they add up, so that a mixture of all costs no more than its distinct colors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.features.color import unit_range
from segmenter.features.distinct import MAX_KEY_BITS, colors_of, distinct_colors, key_bits, keys_of


@dataclass(frozen=True, eq=False)
class ColorCounts:
    """Distinct colors, in ascending order of their channels, and how often each is."""

    colors: Pixels  # (M, C), C = 1 gray or 3 sRGB; uint8, uint16, or floats from 0 to 1
    counts: Floats  # (M,), pixels

    @property
    def kind(self) -> tuple[str, int]:
        """What only colors of the same can be compared by: type and channels."""
        return str(self.colors.dtype), int(self.colors.shape[1])


def count_colors(pixels: Pixels, mask: Bools | None = None) -> ColorCounts:
    """Return the distinct colors of the pixels (H, W, C) that take part, and nothing of the picture."""
    distinct = distinct_colors(pixels, mask)
    return ColorCounts(distinct.colors, distinct.counts)


def sum_counts(parts: Iterable[ColorCounts]) -> list[ColorCounts]:
    """Return the counts of all parts together, one for each kind of color among them.

    Sums may be summed again, in any order and grouping: counts are whole numbers, and exact up to 2⁵³.
    """
    sums: dict[tuple[str, int], _Sum] = {}
    for part in parts:
        sums.setdefault(part.kind, _Sum()).add(part)
    return [sums[kind].total() for kind in sorted(sums)]


def in_common(sums: list[ColorCounts]) -> ColorCounts:
    """Return counts of several kinds as counts of one, every color at its place from 0 to 1.

    A gray is a color of three equal channels beside colors, and 8 bits hold numbers that 16 bits hold, too: the pixels
    of all kinds then count as they would in one picture. Of one kind nothing is changed.
    """
    if len(sums) == 1:
        return sums[0]
    n_channels = max(part.colors.shape[1] for part in sums)
    colors = [np.broadcast_to(unit_range(part.colors), (len(part.colors), n_channels)) for part in sums]
    return _merged([ColorCounts(unit, part.counts) for unit, part in zip(colors, sums, strict=True)])


@dataclass
class _Sum:
    """A sum that is being made, of one kind of color."""

    table: NDArray[np.float64] | None = None  # of all colors, where there are few enough
    parts: list[ColorCounts] = field(default_factory=list)  # the first is merged, the others wait
    n_waiting: int = 0

    def add(self, part: ColorCounts) -> None:
        if part.colors.dtype.kind == "u" and key_bits(part.colors) <= MAX_KEY_BITS:
            if self.table is None:
                self.table = np.zeros(1 << key_bits(part.colors))
                self.parts = [ColorCounts(part.colors[:0], part.counts[:0])]
            self.table[keys_of(part.colors)] += part.counts  # no color is twice in a part
            return
        self.parts.append(part)
        self.n_waiting += len(part.colors)
        if self.n_waiting > len(self.parts[0].colors):  # so that each color is merged a few times only
            self.parts, self.n_waiting = [_merged(self.parts)], 0

    def total(self) -> ColorCounts:
        if self.table is None:
            return _merged(self.parts)
        none = self.parts[0].colors
        keys = np.flatnonzero(self.table != 0)
        return ColorCounts(colors_of(keys, none), self.table[keys])


def _merged(parts: list[ColorCounts]) -> ColorCounts:
    """Return the sum of parts of one kind by sorting."""
    if len(parts) == 1:
        return parts[0]
    colors = np.concatenate([part.colors for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.lexsort(colors.T[::-1])
    colors = colors[order]
    starts = np.flatnonzero(np.concatenate([[True], (colors[1:] != colors[:-1]).any(axis=1)]))
    return ColorCounts(colors[starts], np.add.reduceat(counts[order], starts))
