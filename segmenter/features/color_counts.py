"""Color counts summed over many pictures: the cost of fitting a mixture depends only on the number of distinct colors.

16-bit and float pictures hardly ever repeat a color, so their counts would grow with every picture. If there are more
than 2²⁴ distinct colors, the lowest bits of the channels are dropped until there are no more than that: channels are
reduced to 16 bits, then 15, 14 and so on. At 8 bits there cannot be more than 2²⁴. With that many colors, the dropped
bits are hidden in noise anyway.
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
    build_count_table,
    count_key_bits,
    find_distinct_colors,
    has_small_keys,
    pack_colors,
    read_count_table,
)

MAX_COLORS = 1 << 24
"""Maximum number of distinct colors of one kind that are counted exactly."""

MAX_UINT32_PIXELS = 1 << 32
"""Counts of this many pixels or more may not fit into 32 bits."""

MAX_CHANNEL_BITS = 16


@dataclass(frozen=True, eq=False)
class ColorCounts:
    """Distinct colors, sorted by channel, and how often each occurs."""

    colors: Pixels  # (M, C), C = 1 gray or 3 sRGB; uint8, uint16, or floats from 0 to 1
    counts: Floats  # (M,), pixels
    bits: int | None = None  # bits kept in each channel; None = the colors are unchanged

    @property
    def kind(self) -> tuple[str, int]:
        """The dtype and number of channels; only colors of the same kind can be compared."""
        return str(self.colors.dtype), int(self.colors.shape[1])


def count_colors(pixels: Pixels, mask: Bools | None = None) -> ColorCounts:
    """Return the distinct colors of the included pixels (H, W, C), and how often each occurs."""
    n_pixels = pixels.shape[0] * pixels.shape[1] if mask is None else int(np.count_nonzero(mask))
    if FEW_PIXELS < n_pixels < MAX_UINT32_PIXELS and has_small_keys(pixels[0]):  # stores no entry for each pixel
        flat = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
        return ColorCounts(*read_count_table(build_count_table(flat), pixels[0]))
    distinct = find_distinct_colors(pixels, mask)
    return ColorCounts(distinct.colors, distinct.counts)


class RunningCounts:
    """A running sum of color counts; see `sum_counts`."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, int], _RunningTotal] = {}

    def add(self, part: ColorCounts) -> None:
        """Add the counts of one part."""
        self._totals.setdefault(part.kind, _RunningTotal()).add(part)

    def get(self) -> list[ColorCounts]:
        """Return the sums over all parts so far, one `ColorCounts` for each kind of color."""
        return [self._totals[kind].get() for kind in sorted(self._totals)]


def sum_counts(parts: Iterable[ColorCounts]) -> list[ColorCounts]:
    """Return the sums of the counts of all parts, one `ColorCounts` for each kind of color.

    Sums may be summed again, in any order and grouping: counts are integers, exact up to 2⁵³. If bits are dropped,
    floats become 16-bit integers.
    """
    counts = RunningCounts()
    for part in parts:
        counts.add(part)
    return counts.get()


def to_common_scale(sums: list[ColorCounts]) -> ColorCounts:
    """Convert counts of several kinds of color to one kind, floats from 0 to 1; a single kind is returned unchanged.

    If some of the colors are RGB, grays become RGB with three equal channels. 8-bit and 16-bit values are put on the
    same scale. The pixels of all kinds then count as if they were in one picture.
    """
    if len(sums) == 1:
        return sums[0]
    n_channels = max(part.colors.shape[1] for part in sums)
    colors = [np.broadcast_to(to_unit_range(part.colors), (len(part.colors), n_channels)) for part in sums]
    bits = min((part.bits for part in sums if part.bits is not None), default=None)
    return _merge([ColorCounts(unit, part.counts, bits) for unit, part in zip(colors, sums, strict=True)])


@dataclass
class _RunningTotal:
    """A running sum for one kind of color: a table of all keys if keys are small, otherwise a list of parts."""

    table: NDArray[np.uint32] | Floats | None = None  # counts by key; float64 (exact up to 2⁵³) if 32 bits are too few
    n_pixels: float = 0.0  # number counted in the table
    parts: list[ColorCounts] = field(default_factory=list)  # the first is the merged sum, the rest are pending
    n_pending: int = 0  # colors in the pending parts
    bits: int | None = None  # bits kept in each channel; None = all

    def add(self, part: ColorCounts) -> None:
        if part.bits is None and has_small_keys(part.colors):
            self._add_to_table(part)
        else:
            self._add_to_parts(part)

    def get(self) -> ColorCounts:
        if self.table is None:
            self._merge_parts()
            return self.parts[0]
        return ColorCounts(*read_count_table(self.table, self.parts[0].colors))

    def _add_to_table(self, part: ColorCounts) -> None:
        if self.table is None:
            self.table = np.zeros(1 << count_key_bits(part.colors), np.uint32)
            self.parts = [ColorCounts(part.colors[:0], part.counts[:0])]  # empty: only records the kind of color
        self.n_pixels += float(part.counts.sum())
        if self.n_pixels >= MAX_UINT32_PIXELS and self.table.dtype == np.uint32:
            self.table = self.table.astype(np.float64)
        self.table[pack_colors(part.colors)] += part.counts.astype(self.table.dtype)  # no color occurs twice in a part

    def _add_to_parts(self, part: ColorCounts) -> None:
        self.bits = min((bits for bits in (self.bits, part.bits) if bits is not None), default=None)
        self.parts.append(part if self.bits is None else drop_bits(part, self.bits))
        self.n_pending += len(self.parts[-1].colors)
        if self.n_pending > len(self.parts[0].colors):  # so merging is rare, and each color is merged only a few times
            self._merge_parts()

    def _merge_parts(self) -> None:
        """Merge all parts into one of at most `MAX_COLORS` colors."""
        merged = _merge([part if part.bits == self.bits else drop_bits(part, self.bits or 0) for part in self.parts])
        while len(merged.colors) > MAX_COLORS:
            self.bits = MAX_CHANNEL_BITS if self.bits is None else self.bits - 1
            merged = drop_bits(merged, self.bits)
        self.parts, self.n_pending = [merged], 0


def drop_bits(part: ColorCounts, bits: int) -> ColorCounts:
    """Reduce counts of 16-bit or float colors to the highest bits, 1 to 16, of each channel.

    Colors with the same highest bits are counted as one: the 16-bit color in the middle of their interval.
    """
    colors = part.colors
    if colors.dtype.kind == "f":
        colors = np.rint(to_unit_range(colors) * (2**MAX_CHANNEL_BITS - 1)).astype(np.uint16)
    n_dropped = MAX_CHANNEL_BITS - bits
    middle = 1 << n_dropped >> 1
    return _sum_equal_colors(colors >> n_dropped << n_dropped | np.uint16(middle), part.counts, bits)


def _merge(parts: list[ColorCounts]) -> ColorCounts:
    """Return the sum of parts that have the same kind and the same number of kept bits."""
    if len(parts) == 1:
        return parts[0]
    colors = np.concatenate([part.colors for part in parts])
    return _sum_equal_colors(colors, np.concatenate([part.counts for part in parts]), parts[0].bits)


def _sum_equal_colors(colors: Pixels, counts: Floats, bits: int | None) -> ColorCounts:
    """Sum the counts of equal colors among colors (M, C) that may repeat, by sorting."""
    has_keys = colors.dtype.kind == "u" and count_key_bits(colors) <= 64
    order = np.argsort(pack_colors(colors), kind="stable") if has_keys else np.lexsort(colors.T[::-1])
    colors = colors[order]
    starts = np.flatnonzero(np.concatenate([[True], (colors[1:] != colors[:-1]).any(axis=1)]))
    return ColorCounts(colors[starts], np.add.reduceat(counts[order], starts), bits)
