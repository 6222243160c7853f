"""What lies in folders: every photo once, in a fixed order, and whatever else was met named with a reason."""

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
from segmenter.io.files.remote import find, is_remote, match, to_path

PHOTO_EXTENSIONS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".avif")
    + (".gif", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm")
)
"""Of the files in folders that are taken for photos. What is named itself is one, whatever its extension."""

NOT_A_PHOTO = "no photo by its extension"
HIDDEN = "hidden"
SUB_FOLDER = "a sub-folder"


@dataclass(frozen=True)
class Listing:
    """What the inputs of a batch hold."""

    base: str  # the deepest folder that holds all inputs; the tree below it is kept in the output
    photos: tuple[tuple[str, str], ...]  # path of each, and its folder relative to `base` ("" = base), in order
    skipped: tuple[tuple[str, str], ...]  # what was met and is not read: path and reason
    failed: tuple[tuple[str, str], ...]  # what should have been read and cannot be: path and reason

    def n_skipped(self, reason: str) -> int:
        """Return how many were skipped for a reason."""
        return sum(1 for _, other in self.skipped if other == reason)


def list_photos(inputs: Sequence[str], *, recursive: bool, output: str) -> Listing:
    """Find the photos of a batch.

    A folder stands for the files in it whose extension is that of a photo, and for the folders of Zarr arrays, which
    are one photo each; with `recursive` also for those below it. Hidden files and folders are left out. Links are
    followed, but every folder is entered once, the real ones before links that lead to them, so that a loop of links
    ends. A pattern (``*``, ``?``, ``[…]``, ``**``) stands for what it matches; where a file of that very name exists,
    it is meant. Anything else is the path of a photo.

    Parameters
    ----------
    inputs : sequence of str
    recursive : bool
    output : str
        Where results go; what lies in it is not read where it is inside of an input.

    Returns
    -------
    Listing

    Raises
    ------
    OutputCollisionError
        The output folder is one of the inputs.
    """
    walk = _Walk(recursive, output, _identity(output), os.path.realpath(output))
    for given in inputs:
        if is_remote(given):
            walk.read_remote(given)
        elif os.path.lexists(given) or not glob.has_magic(given):
            walk.read(given)
        else:
            walk.read_pattern(given)
    base = os.path.commonpath(walk.bases) if walk.bases else os.curdir
    photos = [(path, _below(os.path.dirname(place), base)) for place, path in walk.photos.items()]
    photos.sort(key=lambda photo: (os.fsencode(photo[1]).split(b"/"), os.fsencode(photo[0])))
    return Listing(base, tuple(photos), tuple(walk.skipped), tuple(walk.failed))


def _place(path: str) -> str:
    """Return a path from the root on, links not followed; an address as if its store lay in the root."""
    if is_remote(path):
        return "/" + "/".join(to_path(path).parts)
    return os.path.join(os.path.abspath(os.path.dirname(path)), os.path.basename(path))


def _below(folder: str, base: str) -> str:
    relative = os.path.relpath(folder, base)
    return "" if relative == os.curdir else relative


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a folder from all others, whatever links lead to it; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


@dataclass
class _Walk:
    """What was found so far."""

    recursive: bool
    output: str
    output_identity: tuple[int, int] | None
    output_path: str
    entered: set[tuple[int, int]] = field(default_factory=set)
    bases: list[str] = field(default_factory=list)
    photos: dict[str, str] = field(default_factory=dict)  # absolute path → path as it is told
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def read(self, path: str) -> None:
        """Take an input that is no pattern."""
        if os.path.isdir(path) and not is_zarr(Path(path)):
            if _identity(path) == self.output_identity:
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
        """Take all that a pattern matches."""
        parts = pattern.split(os.sep)
        first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
        base = os.sep.join(parts[:first]) or (os.sep if pattern.startswith(os.sep) else os.curdir)
        matched = sorted(set(_matches(pattern)), key=os.fsencode)
        self.bases.append(os.path.abspath(base))
        if not matched:
            self.failed.append((pattern, "matches no file; check the pattern"))
        for path in matched:
            if self.is_in_output(path):
                continue
            if os.path.isdir(path) and not is_zarr(Path(path)):
                self.read_folder(path)
            else:
                self.add(path)

    def read_remote(self, address: str) -> None:
        """Take a file, the files of a folder or what a pattern matches on another machine."""
        if not glob.has_magic(address):
            found = find(address, recursive=self.recursive)
            if found is None:
                self.bases.append(os.path.dirname(_place(address)))
                self.add(address)
                return
            self.bases.append(_place(address))
        else:
            parts = address.split("/")
            first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
            self.bases.append(_place("/".join(parts[:first])))
            found = match(address)
            if not found:
                self.failed.append((address, "matches no file; check the pattern"))
        for path in found:
            name = path.rsplit("/", 1)[-1]
            if _place(path).startswith(f"{_place(self.output)}/"):
                continue
            if name.startswith("."):
                self.skipped.append((path, HIDDEN))
            elif os.path.splitext(name)[1].lower() in PHOTO_EXTENSIONS:
                self.add(path)
            else:
                self.skipped.append((path, NOT_A_PHOTO))

    def is_in_output(self, path: str) -> bool:
        return f"{os.path.realpath(os.path.dirname(path))}{os.sep}".startswith(f"{self.output_path}{os.sep}")

    def add(self, path: str) -> None:
        self.photos.setdefault(_place(path), path)

    def read_folder(self, top: str) -> None:
        """Take the photos of a folder; links to folders wait until all that is real was entered."""
        links: list[str] = []
        folders = [top]
        while folders or links:
            folder = folders.pop() if folders else links.pop(0)
            identity = _identity(folder)
            if identity is not None and identity == self.output_identity:
                continue
            if identity in self.entered:
                if os.path.islink(folder):
                    self.skipped.append((folder, "a link to a folder that is read already"))
                continue
            below = self.read_entries(folder)
            if identity is not None:
                self.entered.add(identity)
            folders += [entry for entry in below if not os.path.islink(entry)][::-1]
            links += [entry for entry in below if os.path.islink(entry)]

    def read_entries(self, folder: str) -> list[str]:
        """Take the photos right in a folder, and return the folders in it that are to be entered."""
        below = []
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            self.failed.append((folder, f"cannot be opened ({error.strerror}); check its permissions"))
            return []
        for entry in entries:
            path = entry.name if folder == os.curdir else os.path.join(folder, entry.name)
            try:
                mode = entry.stat().st_mode
            except OSError as error:  # a link that leads nowhere or in a circle; a file just removed
                mode = stat.S_IFREG
                if error.errno == errno.ENOENT and not entry.is_symlink():
                    continue
            if entry.name.startswith("."):
                self.skipped.append((path, HIDDEN))
            elif stat.S_ISDIR(mode):
                if is_zarr(Path(path)):
                    self.add(path)
                elif self.recursive:
                    below.append(path)
                elif _identity(path) != self.output_identity:
                    self.skipped.append((path, SUB_FOLDER))
            elif not stat.S_ISREG(mode):
                self.skipped.append((path, f"a {FILE_KINDS.get(stat.S_IFMT(mode), 'special file')}"))
            elif os.path.splitext(entry.name)[1].lower() in PHOTO_EXTENSIONS:
                self.add(path)
            else:
                self.skipped.append((path, NOT_A_PHOTO))
        return below


def _matches(pattern: str) -> Iterator[str]:
    """Yield what a pattern matches; ``**`` stands for any number of folders, without following links."""
    before, stars, after = pattern.partition("**")
    if not stars or (before and not before.endswith(os.sep)) or (after and not after.startswith(os.sep)):
        yield from glob.iglob(pattern)
        return
    wanted = after.lstrip(os.sep).split(os.sep)
    for top in glob.iglob(before) if before else [os.curdir]:
        for folder, sub_folders, files in os.walk(top):
            arrays = [name for name in sub_folders if is_zarr(Path(folder, name))]
            sub_folders[:] = [name for name in sub_folders if not name.startswith(".") and name not in arrays]
            for name in files + arrays:
                path = Path(folder, name)
                if not name.startswith(".") and _fits(path.relative_to(top).parts, wanted):
                    yield str(path)


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether the last parts of a path fit a pattern; further ``**`` in it stand for any number of parts."""
    if wanted == [""]:
        return True
    if "**" in wanted:
        place = len(wanted) - 1 - list(reversed(wanted)).index("**")
        return _fits(parts, wanted[place + 1 :]) and any(
            _fits(parts[:n], wanted[:place]) for n in range(len(parts) - len(wanted) + place + 2)
        )
    tail = parts[len(parts) - len(wanted) :] if len(parts) >= len(wanted) else ()
    return len(tail) == len(wanted) and all(map(fnmatch.fnmatchcase, tail, wanted))
