"""Label images that cannot be read, or not be compared with each other."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError
from segmenter.errors.reading import ReadError


class NotLabelsError(ReadError):
    """The file is whole, but holds no label images; ``reason`` says what it holds, and what to do."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class DifferentSizesError(SegmenterError):
    """Labels and truth are not of the same picture; sizes are (height, width)."""

    labels: str
    size: tuple[int, int]
    truth: str
    truth_size: tuple[int, int]

    def __str__(self) -> str:
        height, width = self.size
        truth_height, truth_width = self.truth_size
        turned = "turn one of them" if self.size == self.truth_size[::-1] else "give both of the same picture"
        return (
            f"{self.labels}: is {width}×{height} pixels, but {self.truth} is {truth_width}×{truth_height}; "
            f"{turned}, at the same size"
        )


class DifferentScalesError(SegmenterError):
    """The files of a set hold different numbers of segmentations, so that no scale is common to all."""

    name: str
    n_scales: int
    first: str
    n_first: int

    def __str__(self) -> str:
        return (
            f"{self.name}: holds {self.n_scales} segmentations, but {self.first} holds {self.n_first}; "
            f"give the same scales of every photo"
        )


class NoCommonNamesError(SegmenterError):
    """No label image has a truth of the same name."""

    labels: str
    truth: str
    labels_example: str  # a name that was found; "" where there is no label image at all
    truth_example: str

    def __str__(self) -> str:
        for folder, example in ((self.labels, self.labels_example), (self.truth, self.truth_example)):
            if not example:
                return f"{folder}: holds no label images; formats read: PNG, TIFF, NPY and MAT"
        return (
            f"{self.labels}: has no name in common with {self.truth} (here for instance {self.labels_example!r}, "
            f"there {self.truth_example!r}); name the files of a photo alike"
        )
