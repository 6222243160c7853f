"""How a comparison looks, as plain values; without matplotlib, which takes half a second to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from segmenter.errors import InvalidArgumentError

Crop: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height of a part of a photo, in pixels."""

Layout: TypeAlias = Literal["row", "grid"]


@dataclass(frozen=True)
class ComparisonStyle:
    """How a comparison looks."""

    width_mm: float = 183.0
    dpi: int = 300
    font_size: float = 7.0  # pt, of numbers and key; titles are larger by a seventh
    layout: Layout | None = None  # None = what fits the page best
    boundaries: bool = False  # lines over the photo instead of areas
    overlay: float | None = None  # opacity of the areas over the photo; None = areas alone
    crop: Crop | None = None  # shown enlarged beside each picture

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first value outside its range."""
        for name, value, least, most, unit in (
            ("width", self.width_mm, 40, 1200, " mm"),
            ("dpi", self.dpi, 50, 1200, ""),
            ("font_size", self.font_size, 4, 24, " pt"),
        ):
            if not least <= value <= most:
                raise InvalidArgumentError(name, f"is {value:g}{unit}; give {least} to {most}{unit}")
        if self.overlay is not None and not 0 <= self.overlay <= 1:
            raise InvalidArgumentError("overlay", f"is {self.overlay}; give an opacity from 0 to 1")


def format_panel_letter(index: int) -> str:
    """Return a, b, …, z, aa, ab, and so on for 0, 1 and so on."""
    text = ""
    index += 1
    while index:
        index, place = divmod(index - 1, 26)
        text = chr(ord("a") + place) + text
    return text
