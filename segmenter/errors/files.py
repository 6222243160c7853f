"""Errors of files that cannot be read or written."""

from __future__ import annotations

from typing import ClassVar

from segmenter.errors.base import SegmenterError


class ReadError(SegmenterError):
    """A file cannot be used as input; ``name`` is its path as the user gave it."""

    name: str
    problem: ClassVar[str] = "cannot be read"

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


class MissingFileError(ReadError):
    """The file does not exist."""

    problem = "no such file; check the spelling of the path"


class NotAFileError(ReadError):
    """The path is a folder, a pipe, a device or a socket."""

    kind: str

    def __str__(self) -> str:
        return f"{self.name}: is a {self.kind}, not a file; give the path of a file"


class UnreadableFileError(ReadError):
    """The operating system refuses to open the file; ``reason`` is its message."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be opened ({self.reason}); check its permissions"


class RemoteReadError(ReadError):
    """A remote file cannot be fetched; ``reason`` is the message of the remote store."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be fetched ({self.reason}); check the address, the network and your credentials"


class NoRangesError(ReadError):
    """The server cannot send part of a file (HTTP range requests); ``n_bytes`` is the file's size, None = unknown."""

    n_bytes: int | None

    problem = "its server cannot send parts of files, which windowed reading needs; download it and give its path"


class ChangedFileError(ReadError):
    """The file changed while it was read."""

    problem = "changed while it was read; try again when it is complete"


class EmptyFileError(ReadError):
    """The file holds no bytes."""

    problem = "is empty (0 bytes); copy or download it again"


class StreamTooLongError(ReadError):
    """Standard input is longer than the limit; a file, which need not fit in memory, may be longer."""

    max_bytes: int

    def __str__(self) -> str:
        limit = f"{self.max_bytes / 2**20:,.0f} MiB"
        return f"{self.name}: is longer than {limit}; save it as a file, which may be longer, and give its path"


class NotAPhotoError(ReadError):
    """The content is not in a format that can be read."""

    formats: str

    def __str__(self) -> str:
        return f"{self.name}: is not a picture in a known format; formats read: {self.formats}"


class DamagedPhotoError(ReadError):
    """The file starts like a picture, but cannot be decoded."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is damaged or truncated ({self.reason}); get a complete copy"


class UnsupportedPhotoError(ReadError):
    """The file is intact, but cannot be segmented; ``reason`` says why, and what to do."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class TooManyPixelsError(ReadError):
    """The header declares more pixels than the limit allows."""

    width: int
    height: int
    max_pixels: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.width}×{self.height} pixels are more than the limit of {self.max_pixels:,}; "
            f"raise it with --max-pixels {self.width * self.height}"
        )


class NoPixelsError(ReadError):
    """No pixel is left to segment."""

    problem = "every pixel is fully transparent, masked or without data; nothing is left to segment"


class WriteError(SegmenterError):
    """An output cannot be written; ``path`` is its intended path."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: cannot be written ({self.reason}); choose another folder with -o"


class NoSpaceError(WriteError):
    """The disk is full or a quota is exhausted, so that further outputs would fail as well."""

    def __str__(self) -> str:
        return f"{self.path}: cannot be written ({self.reason}); free some space, or choose another folder with -o"


class OutputExistsError(WriteError):
    """An output exists already and may not be replaced."""

    reason: str = "it exists"
    n_more: int = 0  # number of other outputs that exist
    remedy: str = "--overwrite to replace it"
    stale: tuple[str, ...] = ()  # names of files of the earlier run that this one does not make

    def __str__(self) -> str:
        others = f" (and {self.n_more} more)" if self.n_more else ""
        removed = f"; --overwrite also removes {', '.join(self.stale)} of the earlier run" if self.stale else ""
        return f"{self.path}: already exists{others}; use {self.remedy} or -o to write elsewhere{removed}"


class OutputCollisionError(WriteError):
    """Two inputs would write the same output, or an output would replace an input; ``reason`` holds the remedy."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
