"""Find the results of earlier runs in a folder, and photos by their file names."""

from __future__ import annotations

import os
from pathlib import Path

from segmenter.errors import MissingFileError, NotAFolderError, UnreadableFileError
from segmenter.io.files.atomic import is_zarr_folder

RECORD_SUFFIX = ".json"
LABEL_IMAGE_SUFFIXES = (".labels.png", ".labels.tif", ".labels.zarr")
"""Endings of label images. A result is a record and a label image; it is found if at least one of them exists."""


def list_results(folder: Path) -> list[str]:
    """Return the names of all results in a folder, without their endings, relative to the folder and sorted.

    Parameters
    ----------
    folder : Path
        Its sub-folders are searched too, except for hidden ones and links.

    Returns
    -------
    list of str
        Each NAME that has a label image or a NAME.json; the latter may belong to another program.

    Raises
    ------
    MissingFileError, NotAFolderError, UnreadableFileError
        The folder cannot be read; sub-folders that cannot be read are left out.
    """
    _require_folder(folder)
    names = set()
    for top, sub_folders, files in os.walk(folder):
        visible = [name for name in sub_folders if not name.startswith(".")]
        sub_folders[:] = [name for name in visible if not is_zarr_folder(Path(top, name))]
        for file in (*files, *(name for name in visible if name not in sub_folders)):
            ending = next((ending for ending in (*LABEL_IMAGE_SUFFIXES, RECORD_SUFFIX) if file.endswith(ending)), None)
            if ending is not None and not file.startswith("."):
                names.add(os.path.relpath(os.path.join(top, file.removesuffix(ending)), folder))  # noqa: PTH118
    return sorted(names, key=lambda name: os.fsencode(name).split(b"/"))


def group_files_by_name(folder: Path) -> dict[str, list[Path]]:
    """Return all files in a folder and its sub-folders, grouped by file name; each group is sorted.

    Raises
    ------
    MissingFileError, NotAFolderError, UnreadableFileError
        The folder cannot be read; sub-folders that cannot be read are left out.
    """
    _require_folder(folder)
    found: dict[str, list[Path]] = {}
    for top, sub_folders, files in os.walk(folder):
        sub_folders[:] = sorted(
            name for name in sub_folders if not name.startswith(".") and not is_zarr_folder(Path(top, name))
        )
        for file in sorted(files):
            found.setdefault(file, []).append(Path(top, file))
    return found


def get_label_image_paths(stem: Path) -> list[Path]:
    """Return the possible paths of the label image of a result: PNG, or TIFF or Zarr from a windowed run."""
    return [stem.with_name(f"{stem.name}{ending}") for ending in LABEL_IMAGE_SUFFIXES]


def _require_folder(folder: Path) -> None:
    """Raise unless a path is a folder that can be listed."""
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, ValueError) as error:  # ValueError: the path contains a NUL
        raise MissingFileError(str(folder)) from error
    except NotADirectoryError as error:
        raise NotAFolderError(str(folder)) from error
    except OSError as error:
        raise UnreadableFileError(str(folder), error.strerror or type(error).__name__) from error
