"""Everything that a user can cause: one tree of exceptions, each with its data and a remedy.

Every class lists its data and survives pickling; its text is one line: what happened, to what, and what to do.
"""

from segmenter.errors.base import (
    InvalidArgumentError,
    SegmenterError,
    printable,
    problem_of,
)
from segmenter.errors.cluster import (
    ClusterError,
    ClusterFaultError,
    ClusterVersionError,
    LostClusterError,
    MissingExtraError,
    NoWorkersError,
    UnreachableSchedulerError,
    UnseenFileError,
)
from segmenter.errors.figures import (
    CropError,
    PageFullError,
)
from segmenter.errors.fitting import (
    FitError,
    NotFittedError,
    TooFewColorsError,
    TooFewRowsError,
)
from segmenter.errors.labels import (
    DifferentScalesError,
    DifferentSizesError,
    NoCommonNamesError,
    NotLabelsError,
)
from segmenter.errors.models import (
    DamagedModelError,
    GrayModelError,
    ModelError,
    ModelVersionError,
    NotAModelError,
)
from segmenter.errors.reading import (
    ChangedFileError,
    DamagedPhotoError,
    EmptyFileError,
    MissingFileError,
    NoPixelsError,
    NotAFileError,
    NotAPhotoError,
    NotFiniteError,
    ReadError,
    RemoteReadError,
    StreamTooLongError,
    TooManyPixelsError,
    UnreadableFileError,
    UnsupportedPhotoError,
)
from segmenter.errors.regions import (
    DamagedHierarchyError,
    HierarchyError,
    HierarchyVersionError,
    NoMixtureError,
    NotAHierarchyError,
    TooFewSuperpixelsError,
)
from segmenter.errors.reports import (
    DamagedRecordError,
    NoResultsError,
    NotAFolderError,
)
from segmenter.errors.tables import (
    DuplicateColumnError,
    MissingColumnError,
    NotANumberError,
    NotATableError,
    RaggedRowError,
    TextColumnError,
)
from segmenter.errors.writing import (
    LostWorkerError,
    NoSpaceError,
    OutputCollisionError,
    OutputExistsError,
    WorkerStartError,
    WriteError,
)

__all__ = [
    "ChangedFileError",
    "ClusterError",
    "ClusterFaultError",
    "ClusterVersionError",
    "CropError",
    "DamagedHierarchyError",
    "DamagedModelError",
    "DamagedPhotoError",
    "DamagedRecordError",
    "DifferentScalesError",
    "DifferentSizesError",
    "DuplicateColumnError",
    "EmptyFileError",
    "FitError",
    "GrayModelError",
    "HierarchyError",
    "HierarchyVersionError",
    "InvalidArgumentError",
    "LostClusterError",
    "LostWorkerError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingFileError",
    "ModelError",
    "ModelVersionError",
    "NoCommonNamesError",
    "NoMixtureError",
    "NoPixelsError",
    "NoResultsError",
    "NoSpaceError",
    "NoWorkersError",
    "NotAFileError",
    "NotAFolderError",
    "NotAHierarchyError",
    "NotAModelError",
    "NotANumberError",
    "NotAPhotoError",
    "NotATableError",
    "NotFiniteError",
    "NotFittedError",
    "NotLabelsError",
    "OutputCollisionError",
    "OutputExistsError",
    "PageFullError",
    "RaggedRowError",
    "ReadError",
    "RemoteReadError",
    "SegmenterError",
    "StreamTooLongError",
    "TextColumnError",
    "TooFewColorsError",
    "TooFewRowsError",
    "TooFewSuperpixelsError",
    "TooManyPixelsError",
    "UnreachableSchedulerError",
    "UnreadableFileError",
    "UnseenFileError",
    "UnsupportedPhotoError",
    "WorkerStartError",
    "WriteError",
    "printable",
    "problem_of",
]
