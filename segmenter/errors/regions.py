"""Regions that cannot be had."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError
from segmenter.errors.reading import ReadError


class TooFewSuperpixelsError(SegmenterError):
    """More regions were asked for than there are superpixels to merge."""

    name: str
    n_superpixels: int
    n_segments: int

    def __str__(self) -> str:
        superpixels = "1 superpixel" if self.n_superpixels == 1 else f"{self.n_superpixels} superpixels"
        wanted = f"the {self.n_segments} regions asked for"
        return f"{self.name}: has {superpixels}, fewer than {wanted}; try -k {self.n_superpixels}"


class NoMixtureError(SegmenterError):
    """The mixture of the segments is asked for where they are regions."""

    def __str__(self) -> str:
        return "regions are no mixture of colors: there is no model, no probability and no trace; use method gmm"


class HierarchyError(ReadError):
    """A file cannot be used as a hierarchy of regions."""


class NotAHierarchyError(HierarchyError):
    """The file is no hierarchy of ours; ``reason`` says what it is."""

    reason: str

    def __str__(self) -> str:
        advice = "give a NAME.hierarchy.npz, as 'segmenter segment --method regions --save hierarchy' writes it"
        return f"{self.name}: {self.reason}; {advice}"


class DamagedHierarchyError(HierarchyError):
    """The file begins like a hierarchy, but its content is not legal; ``reason`` says where."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is a damaged hierarchy ({self.reason}); save it again with --save hierarchy"


class HierarchyVersionError(HierarchyError):
    """The hierarchy has a version of the format that is not read; ``version`` as it stands in the file."""

    version: str
    readable: int

    def __str__(self) -> str:
        return (
            f"{self.name}: is a hierarchy of version {self.version}, and version {self.readable} is read; "
            f"save it again with this segmenter, or update segmenter"
        )
