"""Figures that cannot be drawn."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError


class PageFullError(SegmenterError):
    """So many panels on a page would be too small to see; widths in mm."""

    n_panels: int
    panel: float  # the size that a panel would have
    least: float

    def __str__(self) -> str:
        return (
            f"{self.n_panels} panels do not fit a page: each would be {self.panel:.0f} mm large, less than "
            f"{self.least:.0f}; compare fewer variants or photos, or raise --width"
        )


class CropError(SegmenterError):
    """The part to enlarge is not inside of a photo."""

    name: str
    crop: tuple[int, int, int, int]  # left, top, width, height
    width: int
    height: int

    def __str__(self) -> str:
        crop = ",".join(map(str, self.crop))
        return f"{self.name}: is {self.width}×{self.height} pixels, and --crop {crop} is not inside; give another part"
