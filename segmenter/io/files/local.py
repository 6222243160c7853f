"""Open regular files, and nothing else that a path may lead to; read streams, but not for ever."""

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
from segmenter.io.files.remote import RemotePath, ensure_remote_unmodified, fetch, find, open_ranges

SIGNATURE_BYTES = 64
"""Bytes that tell a picture from anything else."""

TIFF_SIGNATURES = (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+")
"""What TIFF and BigTIFF begin with."""

MAX_STREAM_BYTES = 1 << 30
"""A stream is read into memory, and need not end; a photo of 100 megapixels takes a tenth. Files may be of any size."""

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
    """Open a regular file for reading; opening anything else could block for ever, or set a device going.

    Parameters
    ----------
    path : Path
        Symbolic links are followed; a file of another machine is read into memory.

    Yields
    ------
    binary file
        Seekable; closed when the block ends.

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError, RemoteReadError, StreamTooLongError
        Their text holds ``path`` as given.
    """
    label = str(path)
    if isinstance(path, RemotePath):
        yield fetch(path, MAX_STREAM_BYTES)
        return
    try:
        _require_regular(path.stat().st_mode, label)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe put there meanwhile must not block either
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: the path holds a NUL
        raise MissingFileError(label) from error
    except OSError as error:
        raise UnreadableFileError(label, error.strerror or type(error).__name__) from error
    with open(descriptor, "rb") as file:  # noqa: PTH123  # Path cannot open a descriptor
        _require_regular(os.fstat(descriptor).st_mode, label)
        yield file


@contextmanager
def ensure_file_unmodified(file: BinaryIO, label: str) -> Iterator[None]:
    """Raise ChangedFileError if somebody writes to an open file during the block, or whatever the block raises."""
    if isinstance(file, io.BytesIO):  # fetched from another machine
        yield
        return
    descriptor = os.dup(file.fileno())  # decoders may close the file
    try:
        before = _state(descriptor)
        try:
            yield
        except Exception as error:
            if _state(descriptor) != before:
                raise ChangedFileError(label) from error
            raise
        if _state(descriptor) != before:
            raise ChangedFileError(label)
    finally:
        os.close(descriptor)


@contextmanager
def ensure_path_unmodified(path: Path) -> Iterator[None]:
    """Do the same for a path that is opened again and again in the block; of a Zarr folder nothing is watched."""
    if is_zarr(path):
        yield
        return
    if isinstance(path, RemotePath):
        with ensure_remote_unmodified(path):
            yield
        return
    with open_regular(path) as file, ensure_file_unmodified(file, str(path)):
        yield


def _state(descriptor: int) -> tuple[int, int]:
    """Return the size and the time of the last change of an open file."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _require_regular(mode: int, label: str) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFileError(label, FILE_KINDS.get(stat.S_IFMT(mode), "special file"))


def is_zarr(path: Path) -> bool:
    """Return whether a path is the folder of a Zarr array or group; on other machines its name ends with .zarr then."""
    names = ("zarr.json", ".zarray", ".zgroup")
    if isinstance(path, RemotePath):  # by its name, so that other photos cost no questions
        return path.suffix == ".zarr" and any((path / name).is_file() for name in names)
    return any(os.path.isfile(path / name) for name in names)  # noqa: PTH113  # Path.is_file raises in a closed folder


def is_tiff(path: Path) -> bool:
    """Return whether a file begins like a TIFF; errors as of `open_regular`."""
    with open_ranges(path) if isinstance(path, RemotePath) else open_regular(path) as file:
        return file.read(SIGNATURE_BYTES).startswith(TIFF_SIGNATURES)


def compute_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal; of a Zarr folder, that of the names and digests of its files.

    Raises
    ------
    ReadError
        It cannot be read.
    """
    if is_zarr(path):
        if isinstance(path, RemotePath):
            files: list[Path] = [RemotePath(file) for file in find(str(path), recursive=True) or ()]
        else:
            files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{compute_digest(file)} {file.relative_to(path).as_posix()}\n" for file in files]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with open_ranges(path) if isinstance(path, RemotePath) else open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # its protocol is narrower


def read_stream(stream: BinaryIO, name: str, check_head: Callable[[bytes], object]) -> BinaryIO:
    """Read a stream to its end.

    Parameters
    ----------
    stream : binary file
    name : str
        What errors call it.
    check_head : callable
        Given the first `SIGNATURE_BYTES` bytes, or fewer where the stream is shorter; raises if they are wrong. It is
        called before the rest is read, because a stream may have no end.

    Returns
    -------
    binary file
        The same in memory, at its beginning.

    Raises
    ------
    StreamTooLongError
        It holds more than `MAX_STREAM_BYTES`.
    UnreadableFileError
        The system refuses.
    """
    content = io.BytesIO()
    try:
        check_head(head := stream.read(SIGNATURE_BYTES))
        content.write(head)
        while chunk := stream.read(_STREAM_CHUNK):
            if content.tell() + len(chunk) > MAX_STREAM_BYTES:
                raise StreamTooLongError(name, MAX_STREAM_BYTES)
            content.write(chunk)
    except OSError as error:
        raise UnreadableFileError(name, error.strerror or type(error).__name__) from error
    content.seek(0)
    return content


def read_first_bytes(path: Path, n_bytes: int) -> bytes:
    """Return up to so many bytes from the beginning of a regular file.

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
