"""Results of earlier runs that cannot be shown."""

from __future__ import annotations

from segmenter.errors.reading import ReadError


class NotAFolderError(ReadError):
    """A file is in the place of a folder that is to be read."""

    problem = "is a file, not a folder; give the path of a folder"


class NoResultsError(ReadError):
    """A folder holds nothing that could be shown."""

    problem = "holds no results; give a folder that 'segmenter segment' or 'segmenter batch' wrote to"


class DamagedRecordError(ReadError):
    """The record of a photo, or what belongs to it, is missing or makes no sense; ``reason`` says what."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be shown ({self.reason}); segment the photo again with --overwrite"
