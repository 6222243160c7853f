"""The palette of a photo: mean color, name and share of each segment, as a figure and as files for other programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from segmenter.errors import printable
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import LegendEntry, SegmentSummary, build_legend_entries, choose_legend_title
from segmenter.render.page import BODY, BOLD_BODY, MARGIN_MM, SMALL, Box, compose, create_swatch, create_text
from segmenter.render.panels import SINGLE_COLUMN_MM
from segmenter.render.text_layout import measure_text

TITLE_MM: Final = 3.6  # height of the title
BAR_MM: Final = 12.0
ROW_MM: Final = 6.0
BASELINE_MM: Final = 3.9  # from the top of a row down to the baseline of its text
SWATCH_MM: Final = (11.0, 4.4)
NAME_LEFT_MM: Final = MARGIN_MM + SWATCH_MM[0] + 2.0
MAX_NAME_MM: Final = 13.0  # color values are left out next to wider names, for lack of space
MAX_ROWS: Final = 32


def draw_palette_figure(segments: SegmentSummary, *, dpi: int = 300) -> Figure:
    """Draw the colors of the segments as a bar divided by their shares, and as a list with their color values.

    Parameters
    ----------
    segments : SegmentSummary
    dpi : int, pixels per inch

    Returns
    -------
    Figure
        89 mm wide.
    """
    entries = build_legend_entries(segments)
    listed = entries[: MAX_ROWS - 1] if len(entries) > MAX_ROWS else entries
    width = SINGLE_COLUMN_MM
    top = MARGIN_MM + TITLE_MM + BAR_MM + 2.5
    with fixed_matplotlib_settings():
        artists = [
            create_text((MARGIN_MM, MARGIN_MM + 2.4), choose_legend_title(entries)),
            *_create_bar(entries, MARGIN_MM + TITLE_MM, width),
        ]
        for row, entry in enumerate(listed):
            artists += _create_row(entry, top + row * ROW_MM, width)
        bottom = top + len(listed) * ROW_MM
        if len(listed) < len(entries):
            rest = f"and {len(entries) - len(listed)} more"
            artists.append(create_text((NAME_LEFT_MM, bottom + BASELINE_MM), rest))
            bottom += ROW_MM
        return compose(artists, width, bottom + MARGIN_MM, dpi)


def _create_row(entry: LegendEntry, top: float, page_width: float) -> list[Artist]:
    """Return the swatch, name, color values and share of an entry."""
    baseline = top + BASELINE_MM
    swatch = Box(MARGIN_MM, top + (ROW_MM - SWATCH_MM[1]) / 2, *SWATCH_MM)
    artists = [
        *create_swatch(entry.color, swatch),
        create_text((NAME_LEFT_MM, baseline), entry.name, BODY if entry.color is None else BOLD_BODY),
    ]
    if entry.percent:
        artists.append(create_text((page_width - MARGIN_MM, baseline), entry.percent, align="right"))
    if entry.color is not None and measure_text(entry.name, BOLD_BODY) < MAX_NAME_MM:
        rgb = "RGB {} {} {}".format(*entry.color)
        artists.append(create_text((NAME_LEFT_MM + 15, baseline), _format_hex(entry.color)))
        artists.append(create_text((NAME_LEFT_MM + 33, baseline), rgb, SMALL))
    return artists


def _create_bar(entries: Sequence[LegendEntry], top: float, page_width: float) -> list[Artist]:
    """Return a bar across the page, divided by the shares."""
    width = page_width - 2 * MARGIN_MM
    left, artists = MARGIN_MM, []
    for entry in entries:
        if entry.share > 0:
            artists += create_swatch(entry.color, Box(left, top, entry.share * width, BAR_MM))
        left += entry.share * width
    return artists


# ---- files for other programs --------------------------------------------------------------------------------------


def format_css_palette(segments: SegmentSummary, title: str) -> str:
    """Return the colors as CSS custom properties, with the shares as comments."""
    lines = [
        f"  --segment-{label}: {_format_hex(color)}; /* {comment} */"
        for label, (color, comment) in enumerate(_list_colors(segments), start=1)
    ]
    heading = printable(title).replace("*/", "* /")
    return "\n".join([f"/* Segments of {heading}, dark to bright */", ":root {", *lines, "}", ""])


def format_gimp_palette(segments: SegmentSummary, title: str) -> str:
    """Return the colors as a GIMP palette (.gpl), which Inkscape and Krita read as well."""
    lines = [f"{r:3d} {g:3d} {b:3d}\tSegment {comment}" for (r, g, b), comment in _list_colors(segments)]
    header = ["GIMP Palette", f"Name: {printable(title)}", f"Columns: {min(len(lines), 16)}", "#"]
    return "\n".join([*header, *lines, ""])


def _list_colors(segments: SegmentSummary) -> list[tuple[tuple[int, int, int], str]]:
    """Return the color of each segment, and its name and share on one line."""
    return [
        (entry.color, re.sub(r"\s+", " ", f"{entry.name}: {entry.percent}").replace("*/", "* /"))
        for entry in build_legend_entries(segments)
        if entry.color is not None
    ]


def _format_hex(color: tuple[int, int, int]) -> str:
    """Return a color as in CSS, such as "#1a2b3c"."""
    return "#{:02x}{:02x}{:02x}".format(*color)
