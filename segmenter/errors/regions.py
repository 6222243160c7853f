"""Regions that cannot be had."""

from __future__ import annotations

from dataclasses import dataclass

from segmenter.errors.base import SegmenterError


@dataclass(eq=False)
class TooFewSuperpixelsError(SegmenterError):
    """More regions were asked for than there are superpixels to merge."""

    name: str
    n_superpixels: int
    n_segments: int

    def __str__(self) -> str:
        superpixels = "1 superpixel" if self.n_superpixels == 1 else f"{self.n_superpixels} superpixels"
        wanted = f"the {self.n_segments} regions asked for"
        return f"{self.name}: has {superpixels}, fewer than {wanted}; try -k {self.n_superpixels}"


@dataclass(eq=False)
class NoMixtureError(SegmenterError):
    """The mixture of the segments is asked for where they are regions."""

    def __str__(self) -> str:
        return "regions are no mixture of colors: there is no model, no probability and no trace; use method gmm"
