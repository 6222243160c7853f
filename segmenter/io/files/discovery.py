"""Find the photos of a batch, each once and in a fixed order, and list everything else with the reason to skip it."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segmenter.errors import MissingFileError, OutputCollisionError
from segmenter.io.files.local import FILE_KINDS, is_zarr
from segmenter.io.files.remote import glob_files, is_remote, list_files, to_path

PHOTO_EXTENSIONS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".avif")
    + (".gif", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".heic", ".heif", ".hif")
)
"""Files with these extensions in a folder are treated as photos; a file given by path may have any extension."""

RAW_EXTENSIONS = frozenset(
    (".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw")
    + (".3fr", ".iiq", ".x3f", ".mrw", ".kdc", ".dcr", ".erf", ".mef", ".mos")
)
"""Extensions of camera raw files, which often lie beside the photos developed from them."""

NOT_A_PHOTO = "no photo by its extension"
CAMERA_RAW = "a camera raw file by its extension; develop it to TIFF or JPEG"
HIDDEN = "hidden"
SUB_FOLDER = "a sub-folder"


@dataclass(frozen=True)
class Listing:
    """The photos of a batch, and everything else that was found with them."""

    base: str  # the deepest folder that contains all inputs; outputs keep the folder tree below it
    photos: tuple[tuple[str, str], ...]  # path, and folder relative to `base` ("" = base), of each photo, in order
    skipped: tuple[tuple[str, str], ...]  # path, and the reason why it is not read
    failed: tuple[tuple[str, str], ...]  # path, and the reason why it cannot be read although it should

    def n_skipped(self, reason: str) -> int:
        """Return how many paths were skipped for the given reason."""
        return sum(1 for _, other in self.skipped if other == reason)


def list_photos(inputs: Sequence[str], *, recursive: bool, output: str) -> Listing:
    """Find the photos of a batch.

    An input is the path of a photo, the path of a folder, or a pattern.

    A folder stands for the files in it that have the extension of a photo, and for the Zarr folders in it, each of
    which is one photo. With `recursive`, its sub-folders are searched too. Hidden files and folders are skipped. Links
    are followed, but each folder is entered only once, and real folders before links to them, so that loops of links
    end.

    A pattern (``*``, ``?``, ``[…]``, ``**``) stands for everything that it matches, unless a file with exactly that
    name exists.

    Parameters
    ----------
    inputs : sequence of str
    recursive : bool
    output : str
        The output folder, which is not searched if it is inside an input.

    Returns
    -------
    Listing

    Raises
    ------
    OutputCollisionError
        The output folder is one of the inputs.
    """
    search = _Search(recursive, output, _get_identity(output), os.path.realpath(output))
    for given in inputs:
        if is_remote(given):
            search.read_remote(given)
        elif os.path.lexists(given) or not glob.has_magic(given):
            search.read_local(given)
        else:
            search.read_pattern(given)
    base = os.path.commonpath(search.bases) if search.bases else os.curdir
    photos = [(path, _get_relative_folder(os.path.dirname(absolute), base)) for absolute, path in search.photos.items()]
    photos.sort(key=lambda photo: (os.fsencode(photo[1]).split(b"/"), os.fsencode(photo[0])))
    return Listing(base, tuple(photos), tuple(search.skipped), tuple(search.failed))


def _to_absolute(path: str) -> str:
    """Return an absolute path without following a link; for a URL, a path as if its store were in the root folder."""
    if is_remote(path):
        return "/" + "/".join(to_path(path).parts)
    return os.path.join(os.path.abspath(os.path.dirname(path)), os.path.basename(path))


def _get_relative_folder(folder: str, base: str) -> str:
    """Return the path of a folder relative to another one, "" if they are the same."""
    relative = os.path.relpath(folder, base)
    return "" if relative == os.curdir else relative


def _get_identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file or folder, which are the same through any link; None if it does not exist."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _get_mode(entry: os.DirEntry[str]) -> int | None:
    """Return the mode of a file in the listing of a folder, or None if it has been removed since.

    A broken or circular link counts as a regular file, so that reading it reports the error.
    """
    try:
        return entry.stat().st_mode
    except OSError as error:
        return None if error.errno == errno.ENOENT and not entry.is_symlink() else stat.S_IFREG


def _has_photo_extension(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in PHOTO_EXTENSIONS


def _is_plain_folder(path: str) -> bool:
    """Return whether a path is a folder other than a Zarr, which is one photo."""
    return os.path.isdir(path) and not is_zarr(Path(path))


def _find_wildcard(parts: Sequence[str]) -> int:
    """Return the index of the first part of a pattern that contains a wildcard."""
    return next(i for i, part in enumerate(parts) if glob.has_magic(part))


@dataclass
class _Search:
    """A search in progress: its settings, and what it has found so far."""

    recursive: bool
    output: str
    output_identity: tuple[int, int] | None
    output_path: str  # with links resolved
    entered: set[tuple[int, int]] = field(default_factory=set)  # identities of folders
    bases: list[str] = field(default_factory=list)  # the folder of each input
    photos: dict[str, str] = field(default_factory=dict)  # absolute path → path to show
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def read_local(self, path: str) -> None:
        """Add an input that is a local file or folder."""
        if _is_plain_folder(path):
            if _get_identity(path) == self.output_identity:
                raise OutputCollisionError(path, "is both the input and the output folder; choose another with -o")
            self.bases.append(os.path.abspath(path))
            self.read_folder(path)
        else:
            self.bases.append(os.path.dirname(os.path.abspath(path)))
            if os.path.lexists(path):
                self.add(path.rstrip(os.sep))
            else:
                self.failed.append((path, MissingFileError.problem))

    def read_pattern(self, pattern: str) -> None:
        """Add everything that a pattern matches among local files."""
        parts = pattern.split(os.sep)
        base = os.sep.join(parts[: _find_wildcard(parts)]) or (os.sep if pattern.startswith(os.sep) else os.curdir)
        matched = sorted(set(_glob(pattern)), key=os.fsencode)
        self.bases.append(os.path.abspath(base))
        if not matched:
            self.failed.append((pattern, "matches no file; check the pattern"))
        for path in matched:
            if self.is_in_output(path):
                continue
            if _is_plain_folder(path):
                self.read_folder(path)
            else:
                self.add(path)

    def read_remote(self, url: str) -> None:
        """Add a remote file, the files of a remote folder, or what a pattern matches in a store."""
        if glob.has_magic(url):
            parts = url.split("/")
            self.bases.append(_to_absolute("/".join(parts[: _find_wildcard(parts)])))
            files = glob_files(url)
            if not files:
                self.failed.append((url, "matches no file; check the pattern"))
        else:
            listed = list_files(url, recursive=self.recursive)
            if listed is None:
                self.bases.append(os.path.dirname(_to_absolute(url)))
                self.add(url)
                return
            self.bases.append(_to_absolute(url))
            files = listed
        for path in files:
            if _to_absolute(path).startswith(f"{_to_absolute(self.output)}/"):
                continue
            if path.rsplit("/", 1)[-1].startswith("."):
                self.skipped.append((path, HIDDEN))
            else:
                self.add_by_extension(path)

    def is_in_output(self, path: str) -> bool:
        """Return whether a path is in the output folder or below it."""
        return f"{os.path.realpath(os.path.dirname(path))}{os.sep}".startswith(f"{self.output_path}{os.sep}")

    def add(self, path: str) -> None:
        """Add a photo, unless it was already found."""
        self.photos.setdefault(_to_absolute(path), path)

    def add_by_extension(self, path: str) -> None:
        """Add a file if it has the extension of a photo, and skip it otherwise."""
        if _has_photo_extension(path):
            self.add(path)
        else:
            is_raw = os.path.splitext(path)[1].lower() in RAW_EXTENSIONS
            self.skipped.append((path, CAMERA_RAW if is_raw else NOT_A_PHOTO))

    def read_folder(self, top: str) -> None:
        """Add the photos of a folder; links to folders are entered after all real folders."""
        links: list[str] = []
        folders = [top]
        while folders or links:
            folder = folders.pop() if folders else links.pop(0)
            identity = _get_identity(folder)
            if identity is not None and identity == self.output_identity:
                continue
            if identity in self.entered:
                if os.path.islink(folder):
                    self.skipped.append((folder, "a link to a folder that is read already"))
                continue
            sub_folders = self.read_entries(folder)
            if identity is not None:
                self.entered.add(identity)
            folders += [path for path in sub_folders if not os.path.islink(path)][::-1]
            links += [path for path in sub_folders if os.path.islink(path)]

    def read_entries(self, folder: str) -> list[str]:
        """Add the photos directly in a folder, and return the sub-folders to enter."""
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            self.failed.append((folder, f"cannot be opened ({error.strerror}); check its permissions"))
            return []
        sub_folders = []
        for entry in entries:
            path = entry.name if folder == os.curdir else os.path.join(folder, entry.name)
            mode = _get_mode(entry)
            if mode is None:
                continue
            if entry.name.startswith("."):
                self.skipped.append((path, HIDDEN))
            elif not stat.S_ISDIR(mode):
                self.read_file(path, mode)
            elif is_zarr(Path(path)):
                self.add(path)
            elif self.recursive:
                sub_folders.append(path)
            elif _get_identity(path) != self.output_identity:
                self.skipped.append((path, SUB_FOLDER))
        return sub_folders

    def read_file(self, path: str, mode: int) -> None:
        """Add a file of a folder if it is a photo; skip pipes, devices and other files."""
        if stat.S_ISREG(mode):
            self.add_by_extension(path)
        else:
            self.skipped.append((path, f"a {FILE_KINDS.get(stat.S_IFMT(mode), 'special file')}"))


def _glob(pattern: str) -> Iterator[str]:
    """Yield what a pattern matches; ``**`` stands for any number of folders, without following links."""
    before, stars, after = pattern.partition("**")
    if not stars or (before and not before.endswith(os.sep)) or (after and not after.startswith(os.sep)):
        yield from glob.iglob(pattern)
        return
    patterns = after.lstrip(os.sep).split(os.sep)
    for top in glob.iglob(before) if before else [os.curdir]:
        for folder, sub_folders, files in os.walk(top):
            arrays = [name for name in sub_folders if is_zarr(Path(folder, name))]
            sub_folders[:] = [name for name in sub_folders if not name.startswith(".") and name not in arrays]
            for name in files + arrays:
                path = Path(folder, name)
                if not name.startswith(".") and _match_end(path.relative_to(top).parts, patterns):
                    yield str(path)


def _match_end(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Return whether the last parts of a path match patterns, one each; ``**`` matches any number of parts."""
    if patterns == [""]:
        return True
    if "**" in patterns:
        last = len(patterns) - 1 - list(reversed(patterns)).index("**")
        return _match_end(parts, patterns[last + 1 :]) and any(
            _match_end(parts[:n], patterns[:last]) for n in range(len(parts) - len(patterns) + last + 2)
        )
    end = parts[len(parts) - len(patterns) :] if len(parts) >= len(patterns) else ()
    return len(end) == len(patterns) and all(map(fnmatch.fnmatchcase, end, patterns))
