"""The palette of a photo: mean color, number and share of each segment, as a figure and for other programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from segmenter.arrays import Bytes, Floats
from segmenter.errors import printable
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import LEGEND_TITLE, Part, build_legend_entries
from segmenter.render.page import MARGIN_MM, SMALL_PT, TEXT_PT, Box, compose, create_frame, create_picture, create_text
from segmenter.render.panels import SINGLE_COLUMN_MM
from segmenter.render.text_width import text_width

BAR_MM: Final = 12.0
ROW_MM: Final = 6.0
SWATCH_MM: Final = (11.0, 4.4)
MAX_ROWS: Final = 32


def draw_palette_figure(
    colors: Bytes, shares: Sequence[float] | Floats, *, names: Sequence[str] | None = None, dpi: int = 300
) -> Figure:
    """Draw the colors of the segments as a bar divided by their shares, and as a list with their values.

    Parameters
    ----------
    colors : ndarray of shape (K, 3), uint8
        sRGB, in the order of the labels.
    shares : sequence of length K
        Of the picture, 0 to 1; what they leave has no label.
    names : sequence of str of length K, optional
        None = the labels.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
        89 mm wide.
    """
    parts = build_legend_entries(np.asarray(shares, dtype=np.float64), colors, names)
    listed = parts[: MAX_ROWS - 1] if len(parts) > MAX_ROWS else parts
    width = SINGLE_COLUMN_MM
    top = MARGIN_MM + 3.6 + BAR_MM + 2.5
    right = width - MARGIN_MM
    with fixed_matplotlib_settings():
        artists = [create_text(MARGIN_MM, MARGIN_MM + 2.4, LEGEND_TITLE), *_bar(parts, MARGIN_MM + 3.6, width)]
        for row, part in enumerate(listed):
            baseline = top + row * ROW_MM + 3.9
            swatch = Box(MARGIN_MM, top + row * ROW_MM + (ROW_MM - SWATCH_MM[1]) / 2, *SWATCH_MM)
            left = MARGIN_MM + SWATCH_MM[0] + 2.0
            artists += _swatch(part, swatch)
            artists.append(create_text(left, baseline, part.name, bold=part.color is not None))
            artists.append(create_text(right, baseline, part.percent, align="right"))
            if part.color is not None and text_width(part.name, TEXT_PT, bold=True) < 13:
                artists.append(create_text(left + 15, baseline, format_hex(part.color)))
                told = " ".join(str(value) for value in part.color)
                artists.append(create_text(left + 33, baseline, f"RGB {told}", size=SMALL_PT))
        bottom = top + len(listed) * ROW_MM
        if len(listed) < len(parts):
            more = f"and {len(parts) - len(listed)} more"
            artists.append(create_text(MARGIN_MM + SWATCH_MM[0] + 2.0, bottom + 3.9, more))
            bottom += ROW_MM
        return compose(artists, width, bottom + MARGIN_MM, dpi)


def _swatch(part: Part, box: Box) -> list[Artist]:
    """Return a sample of a color, or the checker of no label."""
    if part.color is None:
        return create_picture(np.zeros((1, 1, 4), dtype=np.uint8), box)
    red, green, blue = part.color
    return [create_frame(box, (red / 255, green / 255, blue / 255))]


def _bar(parts: Sequence[Part], top: float, page_width: float) -> list[Artist]:
    """Return the bar of all shares."""
    width = page_width - 2 * MARGIN_MM
    left, artists = MARGIN_MM, []
    for part in parts:
        if part.share > 0:
            artists += _swatch(part, Box(left, top, part.share * width, BAR_MM))
        left += part.share * width
    return artists


# ---- for other programs --------------------------------------------------------------------------------------------


def format_hex(color: tuple[int, int, int]) -> str:
    """Return a color as in CSS."""
    red, green, blue = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def format_css_palette(
    colors: Bytes, shares: Sequence[float] | Floats, name: str, names: Sequence[str] | None = None
) -> str:
    """Return the colors as custom properties of CSS, with the shares as comments."""
    parts = [
        part
        for part in build_legend_entries(np.asarray(shares, dtype=np.float64), colors, names)
        if part.color is not None
    ]
    lines = [
        f"  --segment-{label}: {format_hex(part.color)}; /* {_comment(part)} */"
        for label, part in enumerate(parts, start=1)
        if part.color is not None
    ]
    title = printable(name).replace("*/", "* /")
    return "\n".join([f"/* Segments of {title}, dark to bright */", ":root {", *lines, "}", ""])


def format_gimp_palette(
    colors: Bytes, shares: Sequence[float] | Floats, name: str, names: Sequence[str] | None = None
) -> str:
    """Return the colors as a palette of GIMP, which Inkscape and Krita read, too."""
    parts = [
        part
        for part in build_legend_entries(np.asarray(shares, dtype=np.float64), colors, names)
        if part.color is not None
    ]
    lines = [
        f"{part.color[0]:3d} {part.color[1]:3d} {part.color[2]:3d}\tSegment {_comment(part)}"
        for part in parts
        if part.color is not None
    ]
    return "\n".join(["GIMP Palette", f"Name: {printable(name)}", f"Columns: {min(len(parts), 16)}", "#", *lines, ""])


def _comment(part: Part) -> str:
    """Return name and share of a segment on one line."""
    return re.sub(r"\s+", " ", f"{part.name}: {part.percent}").replace("*/", "* /")
