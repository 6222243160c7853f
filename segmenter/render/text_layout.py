"""Measure the width of text in a font, and shorten text to fit a width."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from segmenter.render.page import MM_PER_PT, Font

SEPARATOR = " · "


@lru_cache(maxsize=4096)
def measure_text(text: str, font: Font) -> float:
    """Return the width of a line of text in mm."""
    properties = FontProperties(family="DejaVu Sans", size=font.size, weight="bold" if font.bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    return float(width) * MM_PER_PT


def join_fitting(parts: Sequence[str], max_width: float, font: Font) -> str:
    """Join as many of the first parts as fit into ``max_width`` mm; "" if not even the first does."""
    for n in range(len(parts), 0, -1):
        text = SEPARATOR.join(parts[:n])
        if measure_text(text, font) <= max_width:
            return text
    return ""


def truncate(text: str, max_width: float, font: Font) -> str:
    """Return the text, cut and ended with "…" if it is wider than ``max_width`` mm."""
    if measure_text(text, font) <= max_width:
        return text
    while text and measure_text(text + "…", font) > max_width:
        text = text[:-1]
    return text + "…"
