"""Files written whole or not at all, whatever happens meanwhile and whoever else writes beside us."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from segmenter.errors import NoSpaceError, OutputExistsError, WriteError
from segmenter.io.files.remote import RemotePath, check_store, put_files

try:
    import fcntl
except ImportError:  # not POSIX: no locks, and nothing is taken for stale
    fcntl = None  # type: ignore[assignment]

TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".segmenter-", ".tmp"
"""Of temporary names. Whoever writes such a file holds a lock on it, which the system takes back when he dies."""

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
"""What a file system says that knows no locks."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def write_files(files: Mapping[Path, bytes | Path], *, overwrite: bool) -> None:
    """Write a set of files, each whole or not at all; on an error or an interrupt none of them is there half.

    All are written under temporary names in their folders first, so that a full disk changes nothing; where nothing is
    in their way they are renamed in the order given, and an interrupt waits for that. Missing folders are made.

    The last file counts as the record of the others: where it is to be replaced, the old one is removed before the
    first of them is, so that it never stands for files that are not its own. One process at a time renames in a folder.

    Parameters
    ----------
    files : mapping of Path to bytes, or to the Path of a `temporary_output` of theirs, which is moved
        A folder may also take the place of a Zarr, on this machine. All of this machine, or all of one other.
    overwrite : bool
        Replace files that exist.

    Raises
    ------
    OutputExistsError
        A file exists and may not be replaced.
    WriteError
        The system refuses: no permission, no space, a name too long, a folder in the place of a file.
    """
    if any(isinstance(path, RemotePath) for path in files):
        put_files(files, overwrite=overwrite)
        return
    staged: dict[Path, Path] = {}
    replaced: list[Path] = []  # folders
    locks: list[int] = []
    record = list(files)[-1] if len(files) > 1 else None
    try:
        for path, content in files.items():
            with translate_write_errors(path):
                if isinstance(content, Path):
                    staged[path] = content
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor, staged[path] = _new_file(path.parent, locks)
                with open(descriptor, "wb") as file:  # noqa: PTH123  # Path cannot open a descriptor
                    file.write(content)
        with contextlib.ExitStack() as folders:
            for folder in sorted({path.parent for path in files}):
                folders.enter_context(_one_at_a_time(folder))
            for path in staged:
                with translate_write_errors(path):
                    if path.is_dir() and not (staged[path].is_dir() and is_zarr_folder(path)):
                        raise WriteError(str(path), "is a folder")
                    if not overwrite and os.path.lexists(path):
                        raise OutputExistsError(str(path))
            with _interrupts_held():
                if record is not None:
                    with translate_write_errors(record):
                        record.unlink(missing_ok=True)
                for path, temporary in list(staged.items()):
                    with translate_write_errors(path):
                        if temporary.is_dir() and os.path.lexists(path):  # which a folder cannot replace
                            aside = path.rename(path.with_name(_temporary_name()))
                            try:
                                temporary.replace(path)
                            except OSError:
                                aside.rename(path)
                                raise
                            replaced.append(aside)
                        else:
                            temporary.replace(path)
                    del staged[path]
    finally:
        for temporary in (*staged.values(), *replaced):
            _remove(temporary)
        for lock in locks:
            os.close(lock)


@contextlib.contextmanager
def temporary_output(path: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """Yield a new, empty and locked file, or folder, for `write_files` to move to a path.

    It is where `get_temporary_folder` says, in a folder that is made if missing. What is still there when the block
    ends is removed. WriteError names ``path``.
    """
    locks: list[int] = []
    folder = get_temporary_folder(path.parent)
    with translate_write_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        if is_folder:
            temporary = _new_folder(folder, locks)
        else:
            descriptor, temporary = _new_file(folder, locks)
            os.close(descriptor)
    try:
        yield temporary
    finally:
        _remove(temporary)
        for lock in locks:
            os.close(lock)


def get_temporary_folder(folder: Path) -> Path:
    """Return where the temporary files are of what goes into a folder: there, or for one elsewhere on this machine."""
    if not isinstance(folder, RemotePath):
        return folder
    from tempfile import gettempdir

    return Path(gettempdir())


def is_zarr_folder(path: Path) -> bool:
    """Return whether a path is that of a Zarr by its name and by what is in it: such a folder counts as one output."""
    return path.suffix == ".zarr" and os.path.isfile(path / "zarr.json")  # noqa: PTH113  # which Path may raise for


def remove_stale_temporaries(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose writers have died; locked ones are of the living.

    Parameters
    ----------
    folder : Path
        Of this machine, see `get_temporary_folder`. That there is none, or it cannot be read, is no error: then there
        is nothing to remove.
    """
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            is_ours = entry.name.startswith(TEMPORARY_PREFIX) and entry.name.endswith(TEMPORARY_SUFFIX)
            if is_ours and (is_folder or entry.is_file(follow_symlinks=False)):
                with contextlib.suppress(OSError):
                    mode = os.O_RDONLY if is_folder else os.O_RDWR  # NFS locks what is open for writing
                    descriptor = os.open(entry.path, mode | os.O_NOFOLLOW)
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        _remove(Path(entry.path))
                    finally:
                        os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Make a folder, and raise WriteError unless files can be made in it."""
    if isinstance(folder, RemotePath):
        check_store(folder)
        return
    with translate_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        locks: list[int] = []
        try:
            descriptor, temporary = _new_file(folder, locks)
            os.close(descriptor)
            temporary.unlink()
        finally:
            for lock in locks:
                os.close(lock)


@contextlib.contextmanager
def mark_folder(folder: Path) -> Iterator[Path]:
    """Put a file into a folder for the time of a block, so that others can tell whether they see the same folder."""
    locks: list[int] = []
    with translate_write_errors(folder):
        descriptor, mark = _new_file(folder, locks)
    os.close(descriptor)
    try:
        yield mark
    finally:
        _remove(mark)
        for lock in locks:
            os.close(lock)


def _new_file(folder: Path, locks: list[int]) -> tuple[int, Path]:
    """Make a temporary file; return its descriptor and name, and add a descriptor that holds its lock."""
    while True:
        temporary = folder / _temporary_name()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            taken = _try_lock(descriptor)
        except BaseException:
            os.close(descriptor)
            temporary.unlink()
            raise
        if taken and os.fstat(descriptor).st_nlink:
            locks.append(os.dup(descriptor))  # closing the first tells of errors; the second keeps the lock
            return descriptor, temporary
        os.close(descriptor)  # removed as stale in the moment before it was locked


def _new_folder(folder: Path, locks: list[int]) -> Path:
    """Make a temporary folder; return its name, and add a descriptor that holds its lock."""
    while True:
        temporary = folder / _temporary_name()
        temporary.mkdir()
        try:
            descriptor = os.open(temporary, os.O_RDONLY)
        except FileNotFoundError:
            continue  # removed as stale in the moment before it was locked
        try:
            taken = _try_lock(descriptor)
        except BaseException:
            os.close(descriptor)
            _remove(temporary)
            raise
        if taken and temporary.is_dir():
            locks.append(descriptor)
            return temporary
        os.close(descriptor)


def _temporary_name() -> str:
    return f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}{TEMPORARY_SUFFIX}"


def _remove(temporary: Path) -> None:
    """Remove a temporary file or folder, where there is one."""
    with contextlib.suppress(OSError):
        if temporary.is_dir() and not temporary.is_symlink():
            from shutil import rmtree

            rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink()


def _try_lock(descriptor: int) -> bool:
    """Lock a file; return False if somebody else has, and True where the file system knows no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let no other process rename files in a folder until the block ends; without locks, go on without."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _interrupts_held(signals: Iterable[signal.Signals] = (signal.SIGINT, signal.SIGTERM)) -> Iterator[None]:
    """Let Ctrl-C, and the request to end, wait until the block ends.

    A signal mask would not do: any other thread, of BLAS for instance, would then receive the signal for this one.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread is ever interrupted
        yield
        return
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    handlers = {number: signal.signal(number, note) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for late in received:
            signal.raise_signal(late)


@contextlib.contextmanager
def translate_write_errors(path: Path) -> Iterator[None]:
    """Turn what the system says into an error that names the output, not the temporary file."""
    try:
        yield
    except OSError as error:
        kind = NoSpaceError if error.errno in _NO_SPACE else WriteError
        raise kind(str(path), (error.strerror or str(error)).lower()) from error
