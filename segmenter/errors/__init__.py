"""Everything that a user can cause: one tree of exceptions, each with its data and a remedy.

Every class is a dataclass and survives pickling; its text is one line: what happened, to what, and what to do.
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
from segmenter.errors.fitting import (
    FitError,
    NotFittedError,
    TooFewColorsError,
    TooFewRowsError,
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
    StreamTooLongError,
    TooManyPixelsError,
    UnreadableFileError,
    UnsupportedPhotoError,
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
    "DamagedModelError",
    "DamagedPhotoError",
    "DuplicateColumnError",
    "EmptyFileError",
    "FitError",
    "GrayModelError",
    "InvalidArgumentError",
    "LostClusterError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingFileError",
    "ModelError",
    "ModelVersionError",
    "NoPixelsError",
    "NoWorkersError",
    "NotAFileError",
    "NotAModelError",
    "NotANumberError",
    "NotAPhotoError",
    "NotATableError",
    "NotFiniteError",
    "NotFittedError",
    "OutputCollisionError",
    "OutputExistsError",
    "RaggedRowError",
    "ReadError",
    "SegmenterError",
    "StreamTooLongError",
    "TextColumnError",
    "TooFewColorsError",
    "TooFewRowsError",
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
