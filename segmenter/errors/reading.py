"""Photos, and whatever else is read, that cannot be used as input."""

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
    """There is no such file."""

    problem = "no such file; check the spelling of the path"


class NotAFileError(ReadError):
    """The path is a folder, a pipe, a device or a socket."""

    kind: str

    def __str__(self) -> str:
        return f"{self.name}: is a {self.kind}, not a file; give the path of a file"


class UnreadableFileError(ReadError):
    """The operating system refuses the file; ``reason`` is its own word."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be opened ({self.reason}); check its permissions"


class RemoteReadError(ReadError):
    """A file of another machine cannot be fetched; ``reason`` is what its store says."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be fetched ({self.reason}); check the address, the network and your credentials"


class NoRangesError(ReadError):
    """A server gives a file as a whole only; ``n_bytes`` is how long it is, None = unknown."""

    n_bytes: int | None

    problem = "its server sends no parts of files, which reading by windows takes; download it and give its path"


class ChangedFileError(ReadError):
    """Somebody wrote to the file while it was read."""

    problem = "changed while it was read; segment it once it is whole"


class EmptyFileError(ReadError):
    """The file holds no bytes."""

    problem = "is empty (0 bytes); copy or download it again"


class StreamTooLongError(ReadError):
    """A stream did not end; a file would not have to fit into memory."""

    max_bytes: int

    def __str__(self) -> str:
        most = f"{self.max_bytes / 2**20:,.0f} MiB"
        return f"{self.name}: has not ended after {most}; save it as a file, which may be longer, and give its path"


class NotAPhotoError(ReadError):
    """The content is of no format that is read."""

    formats: str

    def __str__(self) -> str:
        return f"{self.name}: is not a picture of a known format; formats read: {self.formats}"


class DamagedPhotoError(ReadError):
    """The header is that of a picture, but the content cannot be decoded."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is damaged or cut off ({self.reason}); get a whole copy of it"


class UnsupportedPhotoError(ReadError):
    """The file is whole, but of a kind that cannot be segmented; ``reason`` names it and the remedy."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class TooManyPixelsError(ReadError):
    """The header announces more pixels than the limit allows."""

    width: int
    height: int
    max_pixels: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.width}×{self.height} pixels are more than the limit of {self.max_pixels:,}; "
            f"raise it with --max-pixels {self.width * self.height}"
        )


class NoPixelsError(ReadError):
    """No pixel takes part, for instance because all are transparent."""

    problem = "every pixel is fully transparent; nothing is left to segment"


class NotFiniteError(ReadError):
    """Some values are NaN or infinite."""

    n_values: int

    def __str__(self) -> str:
        return f"{self.name}: holds {self.n_values:,} values that are NaN or infinite; replace or mask them first"
