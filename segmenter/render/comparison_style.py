"""The appearance of a comparison as plain values, without importing matplotlib, which takes half a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from segmenter.errors import InvalidArgumentError

Crop: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height of a rectangle of a photo, in pixels."""

Layout: TypeAlias = Literal["row", "grid"]


@dataclass(frozen=True)
class ComparisonStyle:
    """The appearance of a comparison."""

    width_mm: float = 183.0  # of the page, 40 to 1200
    dpi: int = 300  # 50 to 1200
    font_size: float = 7.0  # pt, 4 to 24, of captions and legend; titles are a seventh larger
    layout: Layout | None = None  # None = the one that fits the page better
    boundaries: bool = False  # draw outlines over the photo instead of filled segments
    overlay: float | None = None  # opacity of the segments over the photo, 0 to 1; None = segments without the photo
    crop: Crop | None = None  # part of the photo that is shown enlarged next to each picture

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first value outside its range."""
        for name, value, minimum, maximum, unit in (
            ("width", self.width_mm, 40, 1200, " mm"),
            ("dpi", self.dpi, 50, 1200, ""),
            ("font_size", self.font_size, 4, 24, " pt"),
        ):
            if not minimum <= value <= maximum:
                raise InvalidArgumentError(name, f"is {value:g}{unit}; give {minimum} to {maximum}{unit}")
        if self.overlay is not None and not 0 <= self.overlay <= 1:
            raise InvalidArgumentError("overlay", f"is {self.overlay}; give an opacity from 0 to 1")


def format_panel_letter(index: int) -> str:
    """Return the letter of a panel: a, b, …, z, aa, ab, … for 0, 1, …, 25, 26, 27, …."""
    text = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        text = chr(ord("a") + digit) + text
    return text
