"""Files on other machines, such as ``s3://bucket/a.jpg`` and ``https://host/a.jpg``, through fsspec.

They are read whole into memory, and written whole: where the store takes an object at once, as S3 does, nobody ever
sees half of one. Whatever a store says against it becomes one error of ours.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from segmenter.errors import (
    ChangedFileError,
    MissingExtraError,
    MissingFileError,
    NoRangesError,
    OutputExistsError,
    RemoteReadError,
    StreamTooLongError,
    WriteError,
)

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])")
READ_ONLY = ("http", "https")
"""Stores that have no folders and take no files."""

BLOCK_BYTES = 1 << 20
"""Of a file that is read in parts: at least so many are asked for at once."""

CONNECT_SECONDS, READ_SECONDS = 10, 60
"""That a store may take to answer, each time it is tried."""


class RemotePath(type(Path())):  # type: ignore[misc]  # the class of paths of this system
    """A path whose first part names a store: ``s3:``, ``bucket``, ``a.jpg``; as text an address."""

    def __str__(self) -> str:
        return ADDRESS.sub(r"\1://", super().__str__(), count=1)

    def exists(self, **_: Any) -> bool:
        """Return whether there is a file or folder."""
        with reading(self) as (store, name):
            store.invalidate_cache()
            return bool(store.exists(name))

    def is_file(self, **_: Any) -> bool:
        """Return whether there is a file."""
        with reading(self) as (store, name):
            return bool(store.isfile(name))


def to_path(text: str | os.PathLike[str]) -> Path:
    """Return a path; of an address like ``s3://bucket/a.jpg`` one that knows it."""
    if isinstance(text, Path):
        return text
    path = os.fspath(text)
    return RemotePath(path) if is_remote(path) else Path(path)


def is_remote(text: str) -> bool:
    """Tell whether a text is an address and no path of this machine."""
    match = ADDRESS.match(text)
    return match is not None and text[match.end(1) :].startswith("://")


def to_absolute(text: str) -> str:
    """Return what a path is called on all machines that see it."""
    return text if is_remote(text) else os.path.abspath(text)  # noqa: PTH100


# ---- reading -------------------------------------------------------------------------------------------------------


def fetch(path: RemotePath, max_bytes: int) -> BinaryIO:
    """Return the content of a file in memory.

    Raises
    ------
    MissingFileError, RemoteReadError, StreamTooLongError, MissingExtraError
    """
    with reading(path) as (store, name), store.open(name, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise StreamTooLongError(str(path), max_bytes)
    return io.BytesIO(content)


@contextmanager
def open_ranges(path: RemotePath) -> Iterator[BinaryIO]:
    """Open a file for reading parts of it, of which the last few are kept in memory.

    Raises
    ------
    NoRangesError
        The server gives files as a whole only.
    MissingFileError, RemoteReadError, MissingExtraError
    """
    with reading(path) as (store, name):
        file = store.open(name, "rb", cache_type="readahead", block_size=BLOCK_BYTES)
    with file:
        n_bytes = getattr(file, "size", None)
        if n_bytes is None or not file.seekable():
            raise NoRangesError(str(path), n_bytes)
        yield cast("BinaryIO", _Ranges(path, file, n_bytes))


class _Ranges(io.RawIOBase):
    """A file of a store whose errors are ours."""

    def __init__(self, path: RemotePath, file: Any, n_bytes: int) -> None:
        self._path, self._file, self._n_bytes = path, file, n_bytes

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the place."""
        return int(self._file.tell())

    def readinto(self, buffer: Any, /) -> int:
        """Fill as much of a buffer as there is; raise NoRangesError or RemoteReadError."""
        with reading(self._path):
            try:
                content = self._file.read(len(buffer))
            except ValueError as error:  # that of the web, where the answer is the whole file
                raise NoRangesError(str(self._path), self._n_bytes) from error
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def ensure_remote_unmodified(path: RemotePath) -> Iterator[None]:
    """Raise ChangedFileError if a file is another one after the block: by its size, its time, or what tells versions.

    Where the block raises something else, that is raised.
    """
    before = _version(path)
    yield
    if _version(path) != before:
        raise ChangedFileError(str(path))


def _version(path: RemotePath) -> tuple[str, ...]:
    with reading(path) as (store, name):
        store.invalidate_cache()
        found = store.info(name)
    return tuple(str(found.get(key)) for key in ("size", "ETag", "LastModified", "mtime", "created"))


def find(address: str, *, recursive: bool) -> list[str] | None:
    """Return the addresses of all files in a folder, in order; None where the address is that of a file, or of nothing.

    Raises
    ------
    RemoteReadError, MissingExtraError
    """
    path = RemotePath(address)
    with reading(path) as (store, name):
        if protocol_of(path) in READ_ONLY or not store.isdir(name):
            return None
        depth = None if recursive else 1
        return sorted(str(store.unstrip_protocol(found)) for found in store.find(name, maxdepth=depth))


def match(pattern: str) -> list[str]:
    """Return the addresses of all files that a pattern matches, in order."""
    path = RemotePath(pattern)
    with reading(path) as (store, name):
        return sorted(str(store.unstrip_protocol(found)) for found in store.glob(name))


def filter_existing(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield those of the paths where something is; of folders of other machines each is listed once."""
    listed: dict[Path, set[str]] = {}
    for path in paths:
        if not isinstance(path, RemotePath):
            if os.path.lexists(path):
                yield path
            continue
        if protocol_of(path) in READ_ONLY:
            continue
        if path.parent not in listed:
            names: set[str] = set()
            with reading(path) as (store, name), suppress(FileNotFoundError):
                store.invalidate_cache()
                names = {str(found).rsplit("/", 1)[-1] for found in store.ls(name.rsplit("/", 1)[0], detail=False)}
            listed[path.parent] = names
        if path.name in listed[path.parent]:
            yield path


# ---- writing -------------------------------------------------------------------------------------------------------


def put_files(files: Mapping[Path, bytes | Path], *, overwrite: bool) -> None:
    """Write contents, or files of this machine, to a store, the last as the record, as `io.files.atomic` does.

    A file that is to be replaced is so at once, where the store can; on an error what was new is removed again.

    Raises
    ------
    OutputExistsError, WriteError, MissingExtraError
    """
    there = set(filter_existing(files))
    if there and not overwrite:
        raise OutputExistsError(str(next(path for path in files if path in there)))
    written: list[Path] = []
    record = list(files)[-1]
    try:
        if len(files) > 1 and record in there:
            with writing(record) as (store, name):
                store.rm_file(name)
        for path, content in files.items():
            with writing(path) as (store, name):
                if isinstance(content, Path):
                    store.put_file(str(content), name)
                else:
                    store.pipe_file(name, content)
            written.append(path)
    except BaseException:
        for path in written:
            if path not in there:
                with suppress(WriteError), writing(path) as (store, name):
                    store.rm_file(name)
        raise


def check_protocol_writable(path: RemotePath) -> None:
    """Raise WriteError where no store of this kind takes files."""
    if protocol_of(path) in READ_ONLY:
        raise WriteError(str(path), "the web is for reading only")


def check_store(folder: Path) -> None:
    """Raise WriteError unless files can be put into a folder."""
    probe = folder / f".segmenter-{os.urandom(8).hex()}.tmp"
    with writing(folder) as (store, _):
        name = store._strip_protocol(str(probe))
        store.pipe_file(name, b"segmenter")
        store.rm_file(name)


# ---- stores --------------------------------------------------------------------------------------------------------


def protocol_of(path: RemotePath) -> str:
    """Return what an address begins with."""
    return str(path).partition("://")[0]


@contextmanager
def reading(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the store and what it calls a path; what it says against it becomes an error of ours."""
    try:
        yield store_of(path)
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError):  # that of the web is also raised where there is no network
            raise RemoteReadError(str(path), _reason(error.__cause__)) from error
        raise MissingFileError(str(path)) from error
    except (MissingExtraError, MissingFileError, NoRangesError, MemoryError):
        raise
    except Exception as error:  # every store has exceptions of its own
        raise RemoteReadError(str(path), _reason(error)) from error


@contextmanager
def writing(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the store and what it calls a path; what it says against it becomes an error of ours."""
    try:
        yield store_of(path)
    except FileNotFoundError as error:
        raise WriteError(str(path), "there is no such bucket or folder") from error
    except (MissingExtraError, WriteError, MemoryError):
        raise
    except Exception as error:
        raise WriteError(str(path), _reason(error)) from error


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")


def store_of(path: Path) -> tuple[Any, str]:
    """Return the file system of an address, and the name of the file in it."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise MissingExtraError("an address like s3:// or https://", "remote") from error
    store, name = url_to_fs(str(path), **options_of(str(path)))
    return store, str(name)


def options_of(address: str) -> dict[str, Any]:
    """Return what the client of a store is made with: how long it waits."""
    options: dict[str, Any] = {}
    if address.startswith("s3"):
        options["config_kwargs"] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    elif address.startswith("http"):
        with suppress(ModuleNotFoundError):
            from aiohttp import ClientTimeout

            options["client_kwargs"] = {"timeout": ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)}
    return options
