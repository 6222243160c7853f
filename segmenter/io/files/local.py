"""Read regular files, which must not change while they are read, and streams up to a size limit."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segmenter.errors import (
    ChangedFileError,
    MissingFileError,
    NotAFileError,
    StreamTooLongError,
    UnreadableFileError,
)
from segmenter.io.files.remote import RemotePath, ensure_remote_unmodified, fetch, list_files, open_ranges

SIGNATURE_BYTES = 64
"""Number of bytes at the start of a file that suffice to identify its format."""

TIFF_SIGNATURES = (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+")
"""First bytes of TIFF and BigTIFF files."""

MAX_STREAM_BYTES = 1 << 30
"""Size limit of streams, which are read into memory and may never end; a 100-megapixel photo takes a tenth of it."""

_STREAM_CHUNK = 1 << 20

FILE_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; opening anything else could block forever, or start a device.

    Parameters
    ----------
    path : Path
        Symbolic links are followed; a remote file is read into memory.

    Yields
    ------
    binary file
        Seekable; closed when the block ends.

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError, RemoteReadError, StreamTooLongError
        The message names ``path`` as given.
    """
    label = str(path)
    if isinstance(path, RemotePath):
        yield fetch(path, MAX_STREAM_BYTES)
        return
    try:
        _require_regular(path.stat().st_mode, label)
        # O_NONBLOCK, in case a pipe has replaced the file since
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: the path contains a NUL
        raise MissingFileError(label) from error
    except OSError as error:
        raise UnreadableFileError(label, error.strerror or type(error).__name__) from error
    with open(descriptor, "rb") as file:  # noqa: PTH123  # Path cannot open a descriptor
        _require_regular(os.fstat(descriptor).st_mode, label)
        yield file


@contextmanager
def ensure_file_unmodified(file: BinaryIO, label: str) -> Iterator[None]:
    """Raise ChangedFileError if an open file is written to during the block, in place of any error in the block.

    If the file has not changed, errors in the block are raised unchanged.
    """
    if isinstance(file, io.BytesIO):  # the whole content of a remote file
        yield
        return
    descriptor = os.dup(file.fileno())  # decoders may close the file
    try:
        before = _read_size_and_time(descriptor)
        try:
            yield
        except Exception as error:
            if _read_size_and_time(descriptor) != before:
                raise ChangedFileError(label) from error
            raise
        if _read_size_and_time(descriptor) != before:
            raise ChangedFileError(label)
    finally:
        os.close(descriptor)


@contextmanager
def ensure_path_unmodified(path: Path) -> Iterator[None]:
    """Raise ChangedFileError if the file at a path is written to during a block that opens it several times.

    Zarr folders are not watched.
    """
    if is_zarr(path):
        yield
        return
    if isinstance(path, RemotePath):
        with ensure_remote_unmodified(path):
            yield
        return
    with open_regular(path) as file, ensure_file_unmodified(file, str(path)):
        yield


def _read_size_and_time(descriptor: int) -> tuple[int, int]:
    """Return the size of an open file, and the time of its last modification."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _require_regular(mode: int, label: str) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFileError(label, FILE_KINDS.get(stat.S_IFMT(mode), "special file"))


def is_zarr(path: Path) -> bool:
    """Return whether a path is the folder of a Zarr array or group; a remote one must be named NAME.zarr."""
    names = ("zarr.json", ".zarray", ".zgroup")
    if isinstance(path, RemotePath):  # checking the name first saves requests for all other photos
        return path.suffix == ".zarr" and any((path / name).is_file() for name in names)
    return any(os.path.isfile(path / name) for name in names)  # noqa: PTH113  # Path.is_file raises in an unreadable folder


def is_tiff(path: Path) -> bool:
    """Return whether a file begins like a TIFF; errors are those of `open_regular`."""
    with open_ranges(path) if isinstance(path, RemotePath) else open_regular(path) as file:
        return file.read(SIGNATURE_BYTES).startswith(TIFF_SIGNATURES)


def compute_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; for a Zarr folder, of the list of its files and their digests.

    Raises
    ------
    ReadError
        The file or folder cannot be read.
    """
    if is_zarr(path):
        if isinstance(path, RemotePath):
            files: list[Path] = [RemotePath(file) for file in list_files(str(path), recursive=True) or ()]
        else:
            files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{compute_digest(file)} {file.relative_to(path).as_posix()}\n" for file in files]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with open_ranges(path) if isinstance(path, RemotePath) else open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # the protocol in typeshed is narrower


def read_stream(stream: BinaryIO, name: str, check_signature: Callable[[bytes], object]) -> BinaryIO:
    """Read a stream to its end.

    Parameters
    ----------
    stream : binary file
    name : str
        Name of the stream in errors.
    check_signature : callable
        Called with the first `SIGNATURE_BYTES` bytes, or fewer if the stream is shorter, before the rest is read,
        because a stream may never end; raises an error if they are wrong.

    Returns
    -------
    binary file
        The content in memory, positioned at its start.

    Raises
    ------
    StreamTooLongError
        The stream has more than `MAX_STREAM_BYTES`.
    UnreadableFileError
        The stream cannot be read.
    """
    content = io.BytesIO()
    try:
        check_signature(signature := stream.read(SIGNATURE_BYTES))
        content.write(signature)
        while chunk := stream.read(_STREAM_CHUNK):
            if content.tell() + len(chunk) > MAX_STREAM_BYTES:
                raise StreamTooLongError(name, MAX_STREAM_BYTES)
            content.write(chunk)
    except OSError as error:
        raise UnreadableFileError(name, error.strerror or type(error).__name__) from error
    content.seek(0)
    return content


def read_first_bytes(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a regular file, at most ``n_bytes``.

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError
        As in `open_regular`.
    """
    with open_regular(path) as file:
        try:
            return file.read(n_bytes)
        except OSError as error:
            raise UnreadableFileError(str(path), error.strerror or type(error).__name__) from error
