"""The shares of the segments: a legend, or a bar where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from matplotlib.artist import Artist

from segmenter.arrays import Bytes, Floats
from segmenter.errors import printable
from segmenter.render.page import (
    GUTTER_MM,
    INK,
    MARGIN_MM,
    MM_PER_PT,
    SMALL_PT,
    TEXT_PT,
    Box,
    create_frame,
    create_picture,
    create_text,
)

ROW_MM: Final = 4.4  # a line of text
BASELINE_MM: Final = 3.1  # of a line of text below its top
SWATCH_MM: Final = (5.0, 2.8)  # width and height
SPACE_MM: Final = 1.5  # between a swatch, its name and its share
BAR_MM: Final = 5.0
LEGEND_GAP_MM: Final = 2.5  # between the panels and the legend or bar
MAX_LEGEND_SEGMENTS: Final = 10  # more are drawn as a bar
LEGEND_TITLE: Final = "Segments and their share of the picture"
MAX_NAME: Final = 24  # characters of a name
UNLABELED: Final = "no label"


@dataclass(frozen=True)
class Part:
    """A part of the picture with one label, or with none."""

    name: str
    color: tuple[int, int, int] | None  # sRGB; None is the checker
    share: float  # of the picture, from 0 to 1
    percent: str


def percentages(shares: Floats) -> Floats:
    """Return shares in percent with one decimal, rounded so that they still sum to 100 (largest remainders).

    Parameters
    ----------
    shares : ndarray of shape (K,), float64
        From 0 to 1; they sum to 1.

    Returns
    -------
    ndarray of shape (K,), float64, percent
        Each less than 0.1 from its share.
    """
    tenths = shares * 1000
    rounded = np.floor(tenths + 1e-9)
    n_missing = round(1000 - rounded.sum())
    rounded[np.argsort(rounded - tenths, kind="stable")[:n_missing]] += 1
    return rounded / 10


def build_legend_entries(shares: Floats, colors: Bytes, names: Sequence[str] | None = None) -> list[Part]:
    """Return a part per label in label order, and a last one for pixels without a label, if any.

    Parameters
    ----------
    shares : ndarray of shape (K,), float64
    colors : ndarray of shape (K, 3), uint8
    names : sequence of str of length K, optional
        None = the labels; of long ones the beginning is shown.
    """
    labels = [str(label) for label in range(1, len(colors) + 1)]
    names = labels if names is None else [shown(label, name) for label, name in zip(labels, names, strict=True)]
    fills: list[tuple[int, int, int] | None] = [(int(r), int(g), int(b)) for r, g, b in colors]
    unlabeled = 1 - shares.sum()
    if unlabeled > 1e-9:
        names, fills, shares = [*names, UNLABELED], [*fills, None], np.append(shares, unlabeled)
    shares = shares / shares.sum()
    return [
        Part(name, fill, share, "< 0.1 %" if share > 0 and percent == 0 else f"{percent:.1f} %")
        for name, fill, share, percent in zip(names, fills, shares.tolist(), percentages(shares).tolist(), strict=True)
    ]


def shown(label: str, name: str) -> str:
    """Return what stands for a segment in the legend: its label, and its name if a person gave it one."""
    text = printable(name).strip()
    text = text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
    return label if text in ("", label, f"segment {label}") else f"{label} {text}"


def compute_legend_grid(parts: Sequence[Part], page_width: float) -> tuple[int, list[float]]:
    """Return the number of rows of the legend, and the width of each column in mm; parts go row by row.

    The part without a label is the last one and may be wider than its column, unless that is the last one too.
    """
    for n_rows in range(1, len(parts) + 1):
        n_columns = ceil(len(parts) / n_rows)
        columns = [_column_width(parts[column::n_columns]) for column in range(n_columns)]
        if len(parts) % n_columns == 0:
            columns[-1] = max(columns[-1], _key_width(parts[-1]))
        if sum(columns) + GUTTER_MM * (n_columns - 1) <= page_width - 2 * MARGIN_MM:
            break
    return n_rows, columns


def _column_width(parts: Sequence[Part]) -> float:
    """Return the width in mm that the parts with a label need below each other."""
    return max((_key_width(part) for part in parts if part.color is not None), default=0.0)


def legend(parts: Sequence[Part], top: float, page_width: float) -> list[Artist]:
    """Return swatch, name and share of each part, in a grid in the middle of the page."""
    _, columns = compute_legend_grid(parts, page_width)
    lefts = np.cumsum([0.0, *(width + GUTTER_MM for width in columns)])
    lefts += (page_width - lefts[-1] + GUTTER_MM) / 2
    artists = [create_text(page_width / 2, top + BASELINE_MM, LEGEND_TITLE, align="center")]
    for index, part in enumerate(parts):
        row, column = divmod(index, len(columns))
        left, y = float(lefts[column]), top + (1 + row) * ROW_MM
        is_labeled = part.color is not None
        right = left + (_column_width(parts[column :: len(columns)]) if is_labeled else _key_width(part))
        width, height = SWATCH_MM
        artists += _swatch(part, Box(left, y + (ROW_MM - height) / 2, width, height))
        artists.append(create_text(left + width + SPACE_MM, y + BASELINE_MM, part.name, bold=is_labeled))
        artists.append(create_text(right, y + BASELINE_MM, part.percent, align="right"))
    return artists


def _key_width(part: Part) -> float:
    """Return the width in mm of swatch, name and share."""
    return SWATCH_MM[0] + SPACE_MM + _width(part.name) + SPACE_MM + _width(part.percent)


def _width(text: str, size: float = TEXT_PT) -> float:
    """Return the width in mm of a name or share, from the widths of letters in bold DejaVu Sans."""
    return sum({" ": 0.35, ".": 0.38, "%": 1.0, "<": 0.84, "l": 0.34}.get(c, 0.7) for c in text) * size * MM_PER_PT


def _swatch(part: Part, box: Box) -> list[Artist]:
    """Return a sample of the part's color, or of the checker."""
    if part.color is None:
        return create_picture(np.zeros((1, 1, 4), dtype=np.uint8), box)
    red, green, blue = part.color
    return [create_frame(box, (red / 255, green / 255, blue / 255))]


def create_share_bar(parts: Sequence[Part], top: float, page_width: float) -> list[Artist]:
    """Return one bar across the page, divided by the shares, with names and percentages where they fit."""
    bar = Box(MARGIN_MM, top + ROW_MM, page_width - 2 * MARGIN_MM, BAR_MM)
    ends = np.cumsum([part.share for part in parts]) * bar.width
    columns = (np.arange(round(16 * bar.width)) + 0.5) / 16  # 16 pixels per mm
    table = np.array([(0, 0, 0, 0) if part.color is None else (*part.color, 255) for part in parts], np.uint8)
    pixels = table[np.minimum(np.searchsorted(ends, columns), len(parts) - 1)][None]
    artists = [
        create_text(page_width / 2, top + BASELINE_MM, LEGEND_TITLE, align="center"),
        *create_picture(pixels, bar),
    ]
    for part, end in zip(parts, ends.tolist(), strict=True):
        width = part.share * bar.width
        middle = bar.left + end - width / 2
        if width > _width(part.name) + SPACE_MM / 2:
            baseline = bar.top + (BAR_MM - ROW_MM) / 2 + BASELINE_MM
            artists.append(create_text(middle, baseline, part.name, align="center", color=_ink_on(part.color)))
        if width > _width(part.percent, SMALL_PT):
            baseline = bar.top + BAR_MM + BASELINE_MM
            artists.append(create_text(middle, baseline, part.percent, size=SMALL_PT, align="center"))
    return artists


def _ink_on(color: tuple[int, int, int] | None) -> str:
    """Return black or white, whichever has the higher contrast (WCAG 2.2) on the color."""
    if color is None:
        return INK
    linear = (np.array(color) / 255) ** 2.2
    return INK if linear @ (0.2126, 0.7152, 0.0722) > 0.18 else "white"
