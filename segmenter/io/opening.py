"""Open regular files, and nothing else that a path may lead to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segmenter.errors import ChangedFileError, MissingFileError, NotAFileError, UnreadableFileError

KINDS = {
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
        Symbolic links are followed.

    Yields
    ------
    binary file
        Seekable; closed when the block ends.

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError
        Their text holds ``path`` as given.
    """
    label = str(path)
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
def unchanging(file: BinaryIO, label: str) -> Iterator[None]:
    """Raise ChangedFileError if somebody writes to an open file during the block, or whatever the block raises."""
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


def _state(descriptor: int) -> tuple[int, int]:
    """Return the size and the time of the last change of an open file."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _require_regular(mode: int, label: str) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFileError(label, KINDS.get(stat.S_IFMT(mode), "special file"))


def read_start(path: Path, n_bytes: int) -> bytes:
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
