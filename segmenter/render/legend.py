"""The legend of segments and their shares; for many segments, a bar divided by the shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from matplotlib.artist import Artist

from segmenter.arrays import Bytes, Labels
from segmenter.errors import InvalidArgumentError, printable
from segmenter.render.page import (
    BODY,
    BOLD_BODY,
    GUTTER_MM,
    INK,
    MARGIN_MM,
    MM_PER_PT,
    SMALL,
    SMALL_PT,
    TEXT_PT,
    Box,
    create_picture,
    create_swatch,
    create_text,
)
from segmenter.render.palette import needs_dark_text
from segmenter.segmentation.shares import format_percentages

LEGEND_GAP_MM: Final = 2.5  # between the panels and the legend or bar
ROW_MM: Final = 4.4  # height of a line of text
BASELINE_MM: Final = 3.1  # from the top of a line of text down to its baseline
SWATCH_MM: Final = (5.0, 2.8)  # width and height
SPACE_MM: Final = 1.5  # between a swatch, its name and its share
BAR_MM: Final = 5.0  # height of the bar
BAR_ROWS: Final = 3  # lines of text that the bar with its title and percentages takes
BAR_PIXELS_PER_MM: Final = 16
LEGEND_TITLE: Final = "Segments and their share of the picture"
UNLABELED_TITLE: Final = "Segments and their share of labeled pixels"  # where some pixels have no label
MAX_LEGEND_SEGMENTS: Final = 10  # more segments are drawn as a bar
MAX_NAME_LENGTH: Final = 24  # characters
UNLABELED: Final = "no label"


@dataclass(frozen=True, eq=False)
class SegmentSummary:
    """The colors, shares and names of the segments 1…K of a picture, as figures and legends show them."""

    colors: Bytes  # (K, 3), sRGB; row l - 1 is the color of label l
    shares: Sequence[float]  # (K,), of the pixels that have a label, from 0 to 1
    names: Sequence[str] | None = None  # K of them; None = the labels
    has_unlabeled: bool = False  # whether some pixels have no label

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError if shares and colors differ in number."""
        if len(self.shares) != len(self.colors):
            raise InvalidArgumentError("shares", f"are {len(self.shares)}, but there are {len(self.colors)} colors")


@dataclass(frozen=True, eq=False)
class SegmentedPhoto:
    """A photo with the segments found in it."""

    photo: Bytes  # (H, W, 3), sRGB
    labels: Labels  # (H, W), 0…K; 0 = no label
    segments: SegmentSummary


@dataclass(frozen=True)
class LegendEntry:
    """A line of a legend: a segment, or all pixels without a label."""

    name: str
    color: tuple[int, int, int] | None  # sRGB; None = no label, drawn as a checkerboard
    share: float  # of the pixels that have a label, from 0 to 1; 0 for the entry of those that have none
    percent: str  # "" for that entry


def build_legend_entries(segments: SegmentSummary) -> list[LegendEntry]:
    """Return an entry per label, in label order; if there are pixels without a label, a last entry is for them."""
    names = [str(label) for label in range(1, len(segments.colors) + 1)]
    if segments.names is not None:
        names = [_format_name(label, name) for label, name in zip(names, segments.names, strict=True)]
    fills = [(int(r), int(g), int(b)) for r, g, b in segments.colors]
    total = sum(segments.shares) or 1.0
    percentages = format_percentages(segments.shares, 1)
    entries = [
        LegendEntry(name, fill, float(share / total), f"{percentage} %")
        for name, fill, share, percentage in zip(names, fills, segments.shares, percentages, strict=True)
    ]
    return [*entries, LegendEntry(UNLABELED, None, 0.0, "")] if segments.has_unlabeled else entries


def choose_legend_title(entries: Sequence[LegendEntry]) -> str:
    """Return the title of a legend, which says what the shares are of."""
    return UNLABELED_TITLE if any(entry.color is None for entry in entries) else LEGEND_TITLE


def _format_name(label: str, name: str) -> str:
    """Return the label of a segment, followed by its name if a person chose one; long names are cut."""
    text = printable(name).strip()
    text = text if len(text) <= MAX_NAME_LENGTH else text[: MAX_NAME_LENGTH - 1] + "…"
    return label if text in ("", label, f"segment {label}") else f"{label} {text}"


# ---- the legend, or the bar that replaces it -----------------------------------------------------------------------


def compute_legend_height(entries: Sequence[LegendEntry], page_width: float) -> float:
    """Return the height of the legend, or of the bar that replaces it, in mm."""
    return (BAR_ROWS if _is_bar(entries) else 1 + _compute_grid(entries, page_width)[0]) * ROW_MM


def create_legend(entries: Sequence[LegendEntry], top: float, page_width: float) -> list[Artist]:
    """Return a centered legend with a title; for more than 10 segments, a bar divided by their shares instead."""
    artists = _create_bar(entries, top, page_width) if _is_bar(entries) else _create_grid(entries, top, page_width)
    return [create_text((page_width / 2, top + BASELINE_MM), choose_legend_title(entries), align="center"), *artists]


def _is_bar(entries: Sequence[LegendEntry]) -> bool:
    return sum(entry.color is not None for entry in entries) > MAX_LEGEND_SEGMENTS


def _compute_grid(entries: Sequence[LegendEntry], page_width: float) -> tuple[int, list[float]]:
    """Return the number of rows of the legend, which is filled row by row, and the width of each column in mm.

    The entry for pixels without a label comes last; unless it is in the last column, it may be wider than its column.
    """
    for n_rows in range(1, len(entries) + 1):
        n_columns = ceil(len(entries) / n_rows)
        columns = [_compute_column_width(entries[column::n_columns]) for column in range(n_columns)]
        if len(entries) % n_columns == 0:
            columns[-1] = max(columns[-1], _compute_entry_width(entries[-1]))
        if sum(columns) + GUTTER_MM * (n_columns - 1) <= page_width - 2 * MARGIN_MM:
            break
    return n_rows, columns


def _compute_column_width(entries: Sequence[LegendEntry]) -> float:
    """Return the width in mm of a column of entries, not counting pixels without a label."""
    return max((_compute_entry_width(entry) for entry in entries if entry.color is not None), default=0.0)


def _compute_entry_width(entry: LegendEntry) -> float:
    """Return the width in mm of swatch, name and share."""
    share = SPACE_MM + _estimate_width(entry.percent) if entry.percent else 0.0
    return SWATCH_MM[0] + SPACE_MM + _estimate_width(entry.name) + share


def _estimate_width(text: str, size: float = TEXT_PT) -> float:
    """Return the approximate width in mm of a name or share, from the widths of characters in bold DejaVu Sans."""
    return sum({" ": 0.35, ".": 0.38, "%": 1.0, "<": 0.84, "l": 0.34}.get(c, 0.7) for c in text) * size * MM_PER_PT


def _create_grid(entries: Sequence[LegendEntry], top: float, page_width: float) -> list[Artist]:
    """Return the swatch, name and share of each entry, below the title."""
    _, columns = _compute_grid(entries, page_width)
    lefts = np.cumsum([0.0, *(width + GUTTER_MM for width in columns)])
    lefts += (page_width - lefts[-1] + GUTTER_MM) / 2
    artists: list[Artist] = []
    for index, entry in enumerate(entries):
        row, column = divmod(index, len(columns))
        left, y = float(lefts[column]), top + (1 + row) * ROW_MM
        is_labeled = entry.color is not None
        right = left + (
            _compute_column_width(entries[column :: len(columns)]) if is_labeled else _compute_entry_width(entry)
        )
        width, height = SWATCH_MM
        baseline = y + BASELINE_MM
        font = BOLD_BODY if is_labeled else BODY
        artists += create_swatch(entry.color, Box(left, y + (ROW_MM - height) / 2, width, height))
        artists.append(create_text((left + width + SPACE_MM, baseline), entry.name, font))
        if entry.percent:
            artists.append(create_text((right, baseline), entry.percent, align="right"))
    return artists


def _create_bar(entries: Sequence[LegendEntry], top: float, page_width: float) -> list[Artist]:
    """Return one bar across the page, divided by the shares, with names and percentages where they fit."""
    entries = [entry for entry in entries if entry.color is not None]
    bar = Box(MARGIN_MM, top + ROW_MM, page_width - 2 * MARGIN_MM, BAR_MM)
    ends = np.cumsum([entry.share for entry in entries]) * bar.width
    columns = (np.arange(round(BAR_PIXELS_PER_MM * bar.width)) + 0.5) / BAR_PIXELS_PER_MM
    table = np.array([(*entry.color, 255) for entry in entries if entry.color is not None], np.uint8)
    pixels = table[np.minimum(np.searchsorted(ends, columns), len(entries) - 1)][None]
    artists = create_picture(pixels, bar)
    for entry, end in zip(entries, ends.tolist(), strict=True):
        width = entry.share * bar.width
        middle = bar.left + end - width / 2
        if width > _estimate_width(entry.name) + SPACE_MM / 2:
            baseline = bar.top + (BAR_MM - ROW_MM) / 2 + BASELINE_MM
            color = INK if needs_dark_text(np.array(entry.color)) else "white"
            artists.append(create_text((middle, baseline), entry.name, align="center", color=color))
        if width > _estimate_width(entry.percent, SMALL_PT):
            baseline = bar.top + BAR_MM + BASELINE_MM
            artists.append(create_text((middle, baseline), entry.percent, SMALL, align="center"))
    return artists
