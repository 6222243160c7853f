"""Errors of label images and earlier results that cannot be used, and of figures that cannot be drawn."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError
from segmenter.errors.files import ReadError


class NotLabelsError(ReadError):
    """The file is intact, but holds no label images; ``reason`` says what it holds and what to do."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class DifferentSizesError(SegmenterError):
    """Labels and truth differ in size; sizes are (height, width)."""

    labels: str
    size: tuple[int, int]
    truth: str
    truth_size: tuple[int, int]

    def __str__(self) -> str:
        height, width = self.size
        truth_height, truth_width = self.truth_size
        is_rotated = self.size == self.truth_size[::-1]
        remedy = "rotate one of them" if is_rotated else "give label images of the same picture, at the same size"
        return f"{self.labels}: is {width}×{height} pixels, but {self.truth} is {truth_width}×{truth_height}; {remedy}"


class DifferentScalesError(SegmenterError):
    """Two files hold different numbers of segmentations, so their scales do not correspond."""

    name: str
    n_scales: int
    first: str
    n_first: int

    def __str__(self) -> str:
        return (
            f"{self.name}: holds {self.n_scales} segmentations, but {self.first} holds {self.n_first}; "
            f"give the same scales for every photo"
        )


class NoCommonNamesError(SegmenterError):
    """No label image has the same name as a truth."""

    labels: str
    truth: str
    labels_example: str  # one of the names found; "" = there are no label images
    truth_example: str

    def __str__(self) -> str:
        for folder, example in ((self.labels, self.labels_example), (self.truth, self.truth_example)):
            if not example:
                return f"{folder}: holds no label images; formats read: PNG, TIFF, NPY and MAT"
        return (
            f"{self.labels}: has no file name in common with {self.truth} (for example {self.labels_example!r} here "
            f"and {self.truth_example!r} there); give the files of a photo the same name"
        )


class PageFullError(SegmenterError):
    """The panels would be too small to see; widths are in mm."""

    n_panels: int
    panel: float  # the width each panel would have
    minimum: float  # the smallest legible width

    def __str__(self) -> str:
        return (
            f"{self.n_panels} panels do not fit on a page: each would be {self.panel:.0f} mm wide, less than "
            f"{self.minimum:.0f}; compare fewer variants or photos, or raise --width"
        )


class CropError(SegmenterError):
    """The part to enlarge is not inside the photo."""

    name: str
    crop: tuple[int, int, int, int]  # left, top, width, height
    width: int
    height: int

    def __str__(self) -> str:
        crop = ",".join(map(str, self.crop))
        return (
            f"{self.name}: is {self.width}×{self.height} pixels, so --crop {crop} is not inside it; "
            "give a rectangle inside the photo"
        )


class NotAFolderError(ReadError):
    """A folder was expected, but the path is a file."""

    problem = "is a file, not a folder; give the path of a folder"


class NoResultsError(ReadError):
    """The folder holds no results."""

    problem = "holds no results; give a folder that 'segmenter segment' or 'segmenter batch' wrote to"


class DamagedRecordError(ReadError):
    """The record of a photo, or a file that belongs to it, is missing or invalid; ``reason`` says what is wrong."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be shown ({self.reason}); segment the photo again with --overwrite"
