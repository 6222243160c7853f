"""How wide text is, from the font that it is drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from segmenter.render.page import MM_PER_PT

SEPARATOR = " · "


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width in mm of a line of text of a size in pt, in DejaVu Sans."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) * MM_PER_PT


def fitting(parts: Sequence[str], room: float, size: float) -> str:
    """Return as many of the first parts as fit beside each other into some mm; "" where not even one does."""
    for n in range(len(parts), 0, -1):
        text = SEPARATOR.join(parts[:n])
        if text_width(text, size) <= room:
            return text
    return ""
