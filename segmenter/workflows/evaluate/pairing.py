"""Pairs of a label image and its truth: single files, or the files of folders, matched by name."""

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
OWN_ENDINGS = (LABEL_IMAGE_SUFFIXES, (HIERARCHY,))
"""Endings of the label images and of the hierarchies that this program writes. If a folder holds any of these, its
other files are ignored; label images take precedence over hierarchies."""


@dataclass(frozen=True)
class Pair:
    """The label image of a photo, and its truth files."""

    name: str
    labels: Path
    truths: tuple[Path, ...]


@dataclass(frozen=True)
class Pairing:
    """All pairs, and the names that were found on one side only."""

    pairs: tuple[Pair, ...]  # sorted by name
    without_truth: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()


def pair_up(labels: Path, truths: Sequence[Path], *, hierarchies: bool = False, recursive: bool = False) -> Pairing:
    """Find the truth of each label image.

    Parameters
    ----------
    labels : Path
        A file, or a folder of files. From a folder with label images that this program wrote, only these are used; from
        one with NAME.hierarchy.npz instead, only those.
    truths : sequence of Path
        Either files, all for a single label image, or folders, whose files are matched by name without the ending.
    hierarchies : bool
        Use NAME.hierarchy.npz from a folder of labels, even if it holds label images.
    recursive : bool
        Also match files in subfolders, by their path below the folder.

    Raises
    ------
    MissingFileError, NoCommonNamesError, NotLabelsError, InvalidArgumentError
    """
    for path in (labels, *truths):
        if not path.exists():
            raise MissingFileError(str(path))
    folders = [truth for truth in truths if is_folder(truth)]
    if not is_folder(labels) and not folders:
        return Pairing((Pair(get_photo_name(labels), labels, tuple(truths)),))
    if len(folders) < len(truths):
        other = next(truth for truth in truths if not is_folder(truth))
        folder = labels if is_folder(labels) else folders[0]
        raise InvalidArgumentError(str(other), f"is not a folder, but {folder} is; give only folders, or only files")
    ours = index_by_name(list_label_files(labels, hierarchies=hierarchies, recursive=recursive))
    theirs: dict[str, list[Path]] = {}
    for folder in truths:
        for name, path in list_label_files(folder, recursive=recursive):
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
    """Return whether a path is a folder of files; a Zarr folder counts as one file."""
    return path.is_dir() and not is_zarr_folder(path)


def get_photo_name(path: Path) -> str:
    """Return the name of the photo of a label image: the file name without the ending."""
    for ending in chain(*OWN_ENDINGS):
        if path.name.endswith(ending):
            return path.name.removesuffix(ending)
    return path.stem


def list_label_files(path: Path, *, hierarchies: bool = False, recursive: bool) -> list[tuple[str, Path]]:
    """Return the name and path of each label image in a folder; a path that is a file is returned alone."""
    if not is_folder(path):
        return [(get_photo_name(path), path)]
    found = sorted(
        file
        for file in (path.rglob("*") if recursive else path.iterdir())
        if not file.name.startswith(".")
        and (
            (file.name.lower().endswith((*ANNOTATION_EXTENSIONS, HIERARCHY)) and file.is_file())
            or (file.name.endswith(LABEL_IMAGE_SUFFIXES) and is_zarr_folder(file))
        )
    )
    for endings in OWN_ENDINGS[1:] if hierarchies else OWN_ENDINGS:
        own = [file for file in found if file.name.endswith(endings)]
        if own or hierarchies:
            found = own
            break
    return [((file.parent / get_photo_name(file)).relative_to(path).as_posix(), file) for file in found]


def index_by_name(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Return the paths by name; raise NotLabelsError if two have the same name."""
    paths: dict[str, Path] = {}
    for name, path in files:
        if name in paths:
            raise NotLabelsError(str(path), f"has the same name as {paths[name].name}; keep only one of them")
        paths[name] = path
    return paths
