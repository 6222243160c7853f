"""Which label image belongs to which truth: files given one by one, or folders matched by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from segmenter.errors import InvalidArgumentError, MissingFileError, NoCommonNamesError, NotLabelsError
from segmenter.io.files.atomic import is_zarr_folder
from segmenter.io.files.results import LABEL_IMAGE_SUFFIXES
from segmenter.io.labels.annotations import ANNOTATION_EXTENSIONS

HIERARCHY = ".hierarchy.npz"
OURS = (LABEL_IMAGE_SUFFIXES, (HIERARCHY,))
"""Endings of what this program writes; where a folder holds such files, they are meant and the others are not."""


@dataclass(frozen=True)
class Pair:
    """A photo's labels and the files of its truth."""

    name: str
    labels: Path
    truths: tuple[Path, ...]


@dataclass(frozen=True)
class Pairing:
    """All pairs, and what has no partner."""

    pairs: tuple[Pair, ...]  # in the order of their names
    without_truth: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()


def pair_up(labels: Path, truths: Sequence[Path], *, hierarchies: bool = False, recursive: bool = False) -> Pairing:
    """Find the truth of each label image.

    Parameters
    ----------
    labels : Path
        A file, or a folder of files. Of a folder with files of this program, its label images are meant and nothing
        else, or NAME.hierarchy.npz on request and where there are no others.
    truths : sequence of Path
        All files, which belong to the one label image, or all folders, in each of which files are matched by name: the
        part before the ending.
    hierarchies : bool
        Of a folder of labels, take NAME.hierarchy.npz.
    recursive : bool
        Match files in sub-folders, too, by their path below the folder.

    Raises
    ------
    MissingFileError, NoCommonNamesError, NotLabelsError, InvalidArgumentError
    """
    for path in (labels, *truths):
        if not path.exists():
            raise MissingFileError(str(path))
    folders = [truth for truth in truths if is_folder(truth)]
    if not is_folder(labels) and not folders:
        return Pairing((Pair(name_of(labels), labels, tuple(truths)),))
    if len(folders) < len(truths):
        other = next(truth for truth in truths if not is_folder(truth))
        where = f"and {labels} is one" if is_folder(labels) else f"as {folders[0]} is"
        raise InvalidArgumentError(str(other), f"is not a folder, {where}; give only folders, or only files")
    ours = one_a_name(label_files(labels, hierarchies=hierarchies, recursive=recursive))
    theirs: dict[str, list[Path]] = {}
    for folder in truths:
        for name, path in label_files(folder, recursive=recursive):
            theirs.setdefault(name, []).append(path)
    common = [name for name in ours if name in theirs]
    if not common:
        raise NoCommonNamesError(str(labels), str(truths[0]), next(iter(ours), ""), next(iter(theirs), ""))
    return Pairing(
        tuple(Pair(name, ours[name], tuple(theirs[name])) for name in common),
        tuple(name for name in ours if name not in theirs),
        tuple(name for name in theirs if name not in ours) if is_folder(labels) else (),
    )


def is_folder(path: Path) -> bool:
    """Return whether a path is that of a folder of files; a Zarr is one file."""
    return path.is_dir() and not is_zarr_folder(path)


def name_of(path: Path) -> str:
    """Return the name of the photo that a label image belongs to: that of the file up to the ending."""
    for ending in chain(*OURS):
        if path.name.endswith(ending):
            return path.name.removesuffix(ending)
    return path.stem


def label_files(place: Path, *, hierarchies: bool = False, recursive: bool) -> list[tuple[str, Path]]:
    """Return name and path of the label images in a folder, or of the file that it is."""
    if not is_folder(place):
        return [(name_of(place), place)]
    found = sorted(
        path
        for path in (place.rglob("*") if recursive else place.iterdir())
        if not path.name.startswith(".")
        and (
            (path.name.lower().endswith((*ANNOTATION_EXTENSIONS, HIERARCHY)) and path.is_file())
            or (path.name.endswith(LABEL_IMAGE_SUFFIXES) and is_zarr_folder(path))
        )
    )
    for endings in OURS[1:] if hierarchies else OURS:
        of_kind = [path for path in found if path.name.endswith(endings)]
        if of_kind or hierarchies:
            found = of_kind
            break
    return [((path.parent / name_of(path)).relative_to(place).as_posix(), path) for path in found]


def one_a_name(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Return the files by name; raise where two have the same."""
    named: dict[str, Path] = {}
    for name, path in files:
        if name in named:
            raise NotLabelsError(str(path), f"is of the same name as {named[name].name}; keep one of them")
        named[name] = path
    return named
