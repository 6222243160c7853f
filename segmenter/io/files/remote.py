"""Remote files, such as ``s3://bucket/a.jpg`` and ``https://host/a.jpg``, through fsspec.

Most files are read into memory as a whole, and all are written as a whole: if a store accepts an object in a single
request, as S3 does, incomplete objects are never visible. Errors of the stores become errors of this package.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])")
READ_ONLY = ("http", "https")
"""Protocols that have no folders and cannot be written to."""

BLOCK_BYTES = 1 << 20
"""Minimum size of a request when a file is read in parts."""

CONNECT_SECONDS, READ_SECONDS = 10, 60
"""Timeouts of each attempt to reach a store."""


class RemotePath(type(Path())):  # type: ignore[misc]  # the path class of this system
    """A path whose first part is a protocol: ``s3:``, ``bucket``, ``a.jpg``; its text is the URL."""

    def __str__(self) -> str:
        return URL.sub(r"\1://", super().__str__(), count=1)

    def exists(self, **_: Any) -> bool:
        """Return whether the path is an existing file or folder."""
        with open_store_to_read(self) as (store, name):
            store.invalidate_cache()
            return bool(store.exists(name))

    def is_file(self, **_: Any) -> bool:
        """Return whether the path is an existing file."""
        with open_store_to_read(self) as (store, name):
            return bool(store.isfile(name))


def to_path(text: str | os.PathLike[str]) -> Path:
    """Return a path; for a URL such as ``s3://bucket/a.jpg``, a `RemotePath`."""
    if isinstance(text, Path):
        return text
    path = os.fspath(text)
    return RemotePath(path) if is_remote(path) else Path(path)


def is_remote(text: str) -> bool:
    """Return whether a text is a URL, not a local path."""
    found = URL.match(text)
    return found is not None and text[found.end(1) :].startswith("://")


def to_absolute(text: str) -> str:
    """Return the absolute form of a path, which is valid on any machine with the same folders; URLs are unchanged."""
    return text if is_remote(text) else os.path.abspath(text)  # noqa: PTH100


# ---- reading -------------------------------------------------------------------------------------------------------


def fetch(path: RemotePath, max_bytes: int) -> BinaryIO:
    """Read a file into memory as a whole.

    Raises
    ------
    MissingFileError, RemoteReadError, StreamTooLongError, MissingExtraError
    """
    with open_store_to_read(path) as (store, name), store.open(name, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise StreamTooLongError(str(path), max_bytes)
    return io.BytesIO(content)


@contextmanager
def open_ranges(path: RemotePath) -> Iterator[BinaryIO]:
    """Open a file to read parts of it; the most recent parts stay in memory.

    Raises
    ------
    NoRangesError
        The server can only send whole files.
    MissingFileError, RemoteReadError, MissingExtraError
    """
    with open_store_to_read(path) as (store, name):
        file = store.open(name, "rb", cache_type="readahead", block_size=BLOCK_BYTES)
    with file:
        n_bytes = getattr(file, "size", None)
        if n_bytes is None or not file.seekable():
            raise NoRangesError(str(path), n_bytes)
        yield cast("BinaryIO", _RemoteFile(path, file, n_bytes))


class _RemoteFile(io.RawIOBase):
    """An open file of a store that raises errors of this package."""

    def __init__(self, path: RemotePath, file: Any, n_bytes: int) -> None:
        self._path, self._file, self._n_bytes = path, file, n_bytes

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset and return it."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the current offset."""
        return int(self._file.tell())

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer, or as much of it as the file has bytes left; raise NoRangesError or RemoteReadError."""
        with open_store_to_read(self._path):
            try:
                content = self._file.read(len(buffer))
            except ValueError as error:  # raised by fsspec's HTTP file if the server sends the whole file
                raise NoRangesError(str(self._path), self._n_bytes) from error
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def ensure_remote_unmodified(path: RemotePath) -> Iterator[None]:
    """Raise ChangedFileError if the size, time or ETag of a file changes during the block.

    If the block raises an error, that error is raised unchanged, without this check.
    """
    before = _read_version(path)
    yield
    if _read_version(path) != before:
        raise ChangedFileError(str(path))


def _read_version(path: RemotePath) -> tuple[str, ...]:
    """Return those properties that change when a file is rewritten and that its store provides."""
    with open_store_to_read(path) as (store, name):
        store.invalidate_cache()
        found = store.info(name)
    return tuple(str(found.get(key)) for key in ("size", "ETag", "LastModified", "mtime", "created"))


def list_files(url: str, *, recursive: bool) -> list[str] | None:
    """Return the URLs of all files in a folder, sorted; None if the URL is not a folder.

    Raises
    ------
    RemoteReadError, MissingExtraError
    """
    path = RemotePath(url)
    with open_store_to_read(path) as (store, name):
        if get_protocol(path) in READ_ONLY or not store.isdir(name):
            return None
        depth = None if recursive else 1
        return sorted(str(store.unstrip_protocol(found)) for found in store.find(name, maxdepth=depth))


def glob_files(pattern: str) -> list[str]:
    """Return the URLs of all files that a pattern matches, sorted."""
    path = RemotePath(pattern)
    with open_store_to_read(path) as (store, name):
        return sorted(str(store.unstrip_protocol(found)) for found in store.glob(name))


def filter_existing(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that exist; each remote folder is listed only once."""
    listed: dict[Path, set[str]] = {}
    for path in paths:
        if not isinstance(path, RemotePath):
            if os.path.lexists(path):
                yield path
            continue
        if get_protocol(path) in READ_ONLY:
            continue
        if path.parent not in listed:
            names: set[str] = set()
            with open_store_to_read(path) as (store, name), suppress(FileNotFoundError):
                store.invalidate_cache()
                names = {str(found).rsplit("/", 1)[-1] for found in store.ls(name.rsplit("/", 1)[0], detail=False)}
            listed[path.parent] = names
        if path.name in listed[path.parent]:
            yield path


# ---- writing -------------------------------------------------------------------------------------------------------


def put_files(files: Mapping[Path, bytes | Path], *, overwrite: bool, stale: Sequence[Path] = ()) -> None:
    """Write contents, or local files, to a store.

    The last file is the record of the other files, as in `segmenter.io.files.atomic.write_files`: an old record is
    removed first. Files are replaced in one step if the store supports it. After an error, files that did not exist
    before are removed again. The stale files of an earlier run are removed once all others are written.

    Raises
    ------
    OutputExistsError, WriteError, MissingExtraError
    """
    existing = set(filter_existing(files))
    if existing and not overwrite:
        raise OutputExistsError(str(next(path for path in files if path in existing)))
    written: list[Path] = []
    record = list(files)[-1]
    try:
        if len(files) > 1 and record in existing:
            with open_store_to_write(record) as (store, name):
                store.rm_file(name)
        for path, content in files.items():
            with open_store_to_write(path) as (store, name):
                if isinstance(content, Path):
                    store.put_file(str(content), name)
                else:
                    store.pipe_file(name, content)
            written.append(path)
    except BaseException:
        for path in written:
            if path not in existing:
                with suppress(WriteError), open_store_to_write(path) as (store, name):
                    store.rm_file(name)
        raise
    for path in stale:
        with open_store_to_write(path) as (store, name):
            store.rm_file(name)


def check_protocol_writable(path: RemotePath) -> None:
    """Raise WriteError if the protocol of a path does not support writing."""
    if get_protocol(path) in READ_ONLY:
        raise WriteError(str(path), "files on the web can only be read")


def check_remote_folder(folder: Path) -> None:
    """Raise WriteError unless a file can be written to a folder."""
    probe = folder / f".segmenter-{os.urandom(8).hex()}.tmp"
    with open_store_to_write(folder) as (store, _):
        name = store._strip_protocol(str(probe))
        store.pipe_file(name, b"segmenter")
        store.rm_file(name)


# ---- stores --------------------------------------------------------------------------------------------------------


def get_protocol(path: RemotePath) -> str:
    """Return the protocol of a path, such as "s3"."""
    return str(path).partition("://")[0]


@contextmanager
def open_store_to_read(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the store of a path, and the name of the path in it; its errors become ReadErrors of this package."""
    try:
        yield resolve_store(path)
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError):  # fsspec's HTTP store also raises it if there is no network
            raise RemoteReadError(str(path), _summarize(error.__cause__)) from error
        raise MissingFileError(str(path)) from error
    except (MissingExtraError, MissingFileError, NoRangesError, MemoryError):
        raise
    except Exception as error:  # every store has exceptions of its own
        raise RemoteReadError(str(path), _summarize(error)) from error


@contextmanager
def open_store_to_write(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the store of a path, and the name of the path in it; its errors become WriteErrors."""
    try:
        yield resolve_store(path)
    except FileNotFoundError as error:
        raise WriteError(str(path), "there is no such bucket or folder") from error
    except (MissingExtraError, WriteError, MemoryError):
        raise
    except Exception as error:
        raise WriteError(str(path), _summarize(error)) from error


def _summarize(error: Exception) -> str:
    """Return the text of an error on one line, or its type if it has no text."""
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")


def resolve_store(path: Path) -> tuple[Any, str]:
    """Return the fsspec file system of a path, and the name of the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise MissingExtraError("a URL such as s3:// or https://", "remote") from error
    store, name = url_to_fs(str(path), **build_client_options(str(path)))
    return store, str(name)


def build_client_options(url: str) -> dict[str, Any]:
    """Return the options for the client of a store: its timeouts."""
    options: dict[str, Any] = {}
    if url.startswith("s3"):
        options["config_kwargs"] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    elif url.startswith("http"):
        with suppress(ModuleNotFoundError):
            from aiohttp import ClientTimeout

            options["client_kwargs"] = {"timeout": ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)}
    return options
