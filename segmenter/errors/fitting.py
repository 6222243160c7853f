"""Errors of mixtures and regions that cannot be computed, and of unusable models and hierarchies."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError
from segmenter.errors.files import ReadError


class FitError(SegmenterError):
    """A mixture cannot be fitted to these samples."""


class TooFewRowsError(FitError):
    """More clusters were requested than the table has distinct rows."""

    name: str
    n_rows: int
    n_clusters: int

    def __str__(self) -> str:
        rows = "1 distinct row" if self.n_rows == 1 else f"{self.n_rows} distinct rows"
        return f"{self.name}: has {rows}, fewer than the {self.n_clusters} clusters asked for; try -k {self.n_rows}"


class NotFittedError(FitError):
    """The trace of a fit was requested, but a saved model was applied."""

    def __str__(self) -> str:
        return "no mixture was fitted here: a saved model was applied, so there is no trace"


class ModelError(ReadError):
    """A file cannot be used as a model, or a model cannot be applied to a photo."""


class NotAModelError(ModelError):
    """The file is intact, but is not a saved model; ``reason`` says what it is."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; give a NAME.model.json written by 'segmenter segment --save-model'"


class DamagedModelError(ModelError):
    """The file starts like a model, but its content is invalid; ``reason`` says where."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is a damaged model ({self.reason}); save it again with 'segmenter segment --save-model'"


class ModelVersionError(ModelError):
    """The model has an unsupported format version; ``version`` is the one written in the file."""

    version: str
    readable: tuple[int, ...]

    def __str__(self) -> str:
        readable = " and ".join(map(str, self.readable))
        return (
            f"{self.name}: is a model of version {self.version}, but only versions {readable} can be read; "
            f"save it again with this segmenter, or update segmenter"
        )


class GrayModelError(ModelError):
    """A model fitted to a gray photo was applied to a color photo; ``name`` is the color photo."""

    model: str

    def __str__(self) -> str:
        return (
            f"{self.name}: has colors, but {self.model} was fitted to a gray photo; "
            f"convert the photo to gray, or fit a model to a photo with colors"
        )


class TooFewSuperpixelsError(SegmenterError):
    """More regions were requested than a saved hierarchy may have superpixels."""

    name: str
    n_superpixels: int
    n_segments: int

    def __str__(self) -> str:
        superpixels = "1 superpixel" if self.n_superpixels == 1 else f"{self.n_superpixels} superpixels"
        wanted = f"the {self.n_segments} regions asked for"
        return f"{self.name}: has {superpixels}, fewer than {wanted}; try -k {self.n_superpixels}"


class NoMixtureError(SegmenterError):
    """The mixture was requested, but the segments are regions."""

    def __str__(self) -> str:
        return "regions are not a mixture of colors: they have no model, probabilities or trace; use method gmm"


class HierarchyError(ReadError):
    """A file cannot be used as a hierarchy of regions."""


class NotAHierarchyError(HierarchyError):
    """The file is not a saved hierarchy; ``reason`` says what it is."""

    reason: str

    def __str__(self) -> str:
        advice = "give a NAME.hierarchy.npz written by 'segmenter segment --method regions --save hierarchy'"
        return f"{self.name}: {self.reason}; {advice}"


class DamagedHierarchyError(HierarchyError):
    """The file starts like a hierarchy, but its content is invalid; ``reason`` says where."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is a damaged hierarchy ({self.reason}); save it again with --save hierarchy"


class HierarchyVersionError(HierarchyError):
    """The hierarchy has an unsupported format version; ``version`` is the one written in the file."""

    version: str
    readable: int

    def __str__(self) -> str:
        return (
            f"{self.name}: is a hierarchy of version {self.version}, but only version {self.readable} can be read; "
            f"save it again with this segmenter, or update segmenter"
        )
