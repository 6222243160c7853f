"""Write files atomically: each output is complete or absent, even after an error, an interrupt or a crash.

A file is written under a temporary name in its target folder, and renamed once it is complete. The writer holds a lock
on it, which the system releases when the writer dies, so that other processes can tell abandoned files from files that
are still being written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from segmenter.errors import NoSpaceError, OutputExistsError, WriteError
from segmenter.io.files.remote import RemotePath, check_remote_folder, put_files

try:
    import fcntl
except ImportError:  # not POSIX: no locks, and no file counts as abandoned
    fcntl = None  # type: ignore[assignment]

TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".segmenter-", ".tmp"
"""Prefix and suffix of all temporary names."""

_LOCKS_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
"""Errors of file systems that have no locks."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


# ---- sets of files -------------------------------------------------------------------------------------------------


def write_files(files: Mapping[Path, bytes | Path], *, overwrite: bool, stale: Sequence[Path] = ()) -> None:
    """Write a set of files; each is complete or absent, even after an error or an interrupt.

    There are five steps:

    1. Stage: write all contents to temporary files in the folders of their paths, which are made if missing. If this
       fails, for instance because the disk is full, no file has changed.
    2. Lock the folders, so that no other process can create a file between steps 3 and 4.
    3. Check that each path either does not exist or may be replaced.
    4. Rename the temporary files to their paths, in the order given. Ctrl-C and SIGTERM wait until all are renamed;
       if one cannot be renamed, the files renamed before it stay.
    5. Remove the stale files, which only happens once all others are in place.

    The last file vouches for the others: for a photo it is the record. An old one is removed before step 4, so that a
    record never describes files of another run.

    Parameters
    ----------
    files : mapping of Path to bytes, or to the Path of a `temporary_output`, which is moved
        Locally, a folder may also be moved, and may replace a Zarr folder. Either all paths are local, or all are in
        the same remote store. Those go to `segmenter.io.files.remote.put_files`, which locks nothing and removes new
        files after an error.
    overwrite : bool
        Replace files that exist.
    stale : sequence of Path
        Files and Zarr folders of an earlier run in the same folders. A link is removed, and not what it leads to.

    Raises
    ------
    OutputExistsError
        A file exists and may not be replaced.
    WriteError
        The system cannot write: no permission, no space, a name that is too long, or a folder in place of a file.
    """
    if any(isinstance(path, RemotePath) for path in files):
        put_files(files, overwrite=overwrite, stale=stale)
        return
    with ExitStack() as cleanup:
        staged = {path: _stage(path, content, cleanup) for path, content in files.items()}
        with _lock_folders(path.parent for path in files):
            for path, temporary in staged.items():
                _check_target(path, temporary, overwrite=overwrite)
            with _defer_interrupts():
                if len(files) > 1:
                    _remove_record(list(files)[-1])
                for path, temporary in staged.items():
                    _move_to_target(path, temporary, cleanup)
                for path in stale:
                    _remove_output(path, cleanup)


def _stage(path: Path, content: bytes | Path, cleanup: ExitStack) -> Path:
    """Return the temporary file for a path, with its content; ``cleanup`` removes it unless it has been moved."""
    if isinstance(content, Path):  # already a temporary file
        cleanup.callback(_remove, content)
        return content
    with translate_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = _create_temporary_file(path.parent, cleanup)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # Path cannot open a descriptor
            file.write(content)
    return temporary


def _check_target(path: Path, temporary: Path, *, overwrite: bool) -> None:
    """Raise WriteError or OutputExistsError unless a temporary file, or folder, may be moved to a path."""
    with translate_write_errors(path):
        if path.is_dir() and not (temporary.is_dir() and is_zarr_folder(path)):
            raise WriteError(str(path), "is a folder")
        if not overwrite and os.path.lexists(path):
            raise OutputExistsError(str(path))


def _remove_record(record: Path) -> None:
    """Remove the record of an earlier run if it exists."""
    with translate_write_errors(record):
        record.unlink(missing_ok=True)


def _move_to_target(path: Path, temporary: Path, cleanup: ExitStack) -> None:
    """Rename a temporary file or folder to its path; ``cleanup`` removes a folder that it replaces."""
    with translate_write_errors(path):
        if not (temporary.is_dir() and os.path.lexists(path)):
            temporary.replace(path)
            return
        replaced = path.rename(path.with_name(_make_temporary_name()))  # a folder cannot be renamed over anything
        try:
            temporary.replace(path)
        except OSError:
            replaced.rename(path)
            raise
    cleanup.callback(_remove, replaced)


def _remove_output(path: Path, cleanup: ExitStack) -> None:
    """Remove a file, a link or a Zarr folder (``cleanup`` empties it) if it exists; leave other folders alone."""
    with translate_write_errors(path):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        elif is_zarr_folder(path):
            cleanup.callback(_remove, path.rename(path.with_name(_make_temporary_name())))


@contextlib.contextmanager
def _lock_folders(folders: Iterable[Path]) -> Iterator[None]:
    """Keep other processes from renaming files in some folders until the block ends, if locks are supported.

    The folders are locked in sorted order, so that two processes never wait for each other.
    """
    if fcntl is None:
        yield
        return
    with ExitStack() as locks:
        for folder in sorted(set(folders)):
            descriptor = os.open(folder, os.O_RDONLY)
            locks.callback(os.close, descriptor)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _defer_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the block ends, then deliver them.

    A signal mask would not work: another thread, such as one of BLAS, would then receive the signal.
    """
    if threading.current_thread() is not threading.main_thread():  # signals only interrupt the main thread
        yield
        return
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    handlers = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for late in received:
            signal.raise_signal(late)


# ---- temporary files -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def temporary_output(path: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """Yield a new, empty and locked file or folder, which `write_files` can move to a path.

    It is created in the folder that `get_temporary_folder` returns, which is made if missing. It is removed at the end
    of the block unless it has been moved. A WriteError names ``path``.
    """
    folder = get_temporary_folder(path.parent)
    with ExitStack() as cleanup:
        with translate_write_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            if is_folder:
                temporary = _create_temporary_folder(folder, cleanup)
            else:
                descriptor, temporary = _create_temporary_file(folder, cleanup)
                os.close(descriptor)
        yield temporary


def get_temporary_folder(folder: Path) -> Path:
    """Return the folder for temporary files of an output folder: the same, or a local one if that is remote."""
    if not isinstance(folder, RemotePath):
        return folder
    from tempfile import gettempdir

    return Path(gettempdir())


def remove_stale_temporaries(folder: Path) -> None:
    """Remove temporary files and folders whose writers have died; locked ones still have a writer.

    Parameters
    ----------
    folder : Path
        A local folder, see `get_temporary_folder`. Nothing is removed if it does not exist or cannot be read.
    """
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY_PREFIX) and entry.name.endswith(TEMPORARY_SUFFIX):
                _remove_if_unlocked(entry)


def _remove_if_unlocked(entry: os.DirEntry[str]) -> None:
    """Remove a temporary file or folder unless its writer holds the lock; leave links and anything else alone."""
    is_folder = entry.is_dir(follow_symlinks=False)
    if not is_folder and not entry.is_file(follow_symlinks=False):
        return
    with contextlib.suppress(OSError):
        mode = os.O_RDONLY if is_folder else os.O_RDWR  # NFS locks only files that are open for writing
        descriptor = os.open(entry.path, mode | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(Path(entry.path))
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def mark_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary file in a folder; other machines look for it to check that they see the same folder."""
    with ExitStack() as cleanup:
        with translate_write_errors(folder):
            descriptor, mark = _create_temporary_file(folder, cleanup)
        os.close(descriptor)
        yield mark


def _create_temporary_file(folder: Path, cleanup: ExitStack) -> tuple[int, Path]:
    """Create and lock a temporary file; return a descriptor to write to, which the caller closes, and its path.

    ``cleanup`` removes the file, unless it has been moved, and releases its lock.
    """
    while True:
        temporary = folder / _make_temporary_name()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            is_locked = _try_lock(descriptor)
        except BaseException:
            os.close(descriptor)
            temporary.unlink()
            raise
        if is_locked and os.fstat(descriptor).st_nlink:
            cleanup.callback(os.close, os.dup(descriptor))  # keeps the lock after the caller closes its descriptor
            cleanup.callback(_remove, temporary)
            return descriptor, temporary
        os.close(descriptor)  # before it was locked, another process removed it as abandoned


def _create_temporary_folder(folder: Path, cleanup: ExitStack) -> Path:
    """Create and lock a temporary folder; ``cleanup`` removes it, unless it has been moved, and releases its lock."""
    while True:
        temporary = folder / _make_temporary_name()
        temporary.mkdir()
        try:
            descriptor = os.open(temporary, os.O_RDONLY)
        except FileNotFoundError:
            continue  # before it was locked, another process removed it as abandoned
        try:
            is_locked = _try_lock(descriptor)
        except BaseException:
            os.close(descriptor)
            _remove(temporary)
            raise
        if is_locked and temporary.is_dir():
            cleanup.callback(os.close, descriptor)
            cleanup.callback(_remove, temporary)
            return temporary
        os.close(descriptor)


def _make_temporary_name() -> str:
    return f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}{TEMPORARY_SUFFIX}"


def _try_lock(descriptor: int) -> bool:
    """Lock a file; return False if another process has locked it, and True if the file system has no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _LOCKS_UNSUPPORTED:
            raise
    return True


def _remove(temporary: Path) -> None:
    """Remove a temporary file or folder if it exists."""
    with contextlib.suppress(OSError):
        if temporary.is_dir() and not temporary.is_symlink():
            from shutil import rmtree

            rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink()


# ---- folders and errors --------------------------------------------------------------------------------------------


def is_zarr_folder(path: Path) -> bool:
    """Return whether a path is a Zarr folder, judging by its name and content; a Zarr folder counts as one output."""
    return path.suffix == ".zarr" and os.path.isfile(path / "zarr.json")  # noqa: PTH113  # Path.is_file may raise


def check_writable(folder: Path) -> None:
    """Make a folder if it is missing, and raise WriteError unless files can be created in it."""
    if isinstance(folder, RemotePath):
        check_remote_folder(folder)
        return
    with translate_write_errors(folder), ExitStack() as cleanup:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = _create_temporary_file(folder, cleanup)
        os.close(descriptor)
        temporary.unlink()


@contextlib.contextmanager
def translate_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a WriteError that names the output, not its temporary file."""
    try:
        yield
    except OSError as error:
        kind = NoSpaceError if error.errno in _NO_SPACE else WriteError
        raise kind(str(path), (error.strerror or str(error)).lower()) from error
