"""What earlier runs left in a folder: which photos have results, and files of photos by their names."""

from __future__ import annotations

import os
from pathlib import Path

from segmenter.errors import MissingFileError, NotAFolderError, UnreadableFileError
from segmenter.io.files.atomic import is_zarr_folder

RECORD_SUFFIX = ".json"
LABEL_IMAGE_SUFFIXES = (".labels.png", ".labels.tif", ".labels.zarr")
"""What the names of results end in: a record or a label image is enough to be found, and a result has both."""


def list_results(folder: Path) -> list[str]:
    """Return what the names of results begin with, relative to a folder, in order.

    Parameters
    ----------
    folder : Path
        Folders below it are read too, hidden ones and links are not.

    Returns
    -------
    list of str
        Every NAME of which there is a label image or NAME.json; the latter may be a file of somebody else.

    Raises
    ------
    MissingFileError, NotAFolderError, UnreadableFileError
        The folder cannot be read; what cannot be read below it is left out.
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
    """Return all files in and below a folder by their names, those of one name in order.

    Raises
    ------
    MissingFileError, NotAFolderError, UnreadableFileError
        The folder cannot be read; what cannot be read below it is left out.
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
    """Return where the label image of a result may lie; of pictures larger than memory it is a TIFF or a Zarr."""
    return [stem.with_name(f"{stem.name}{ending}") for ending in LABEL_IMAGE_SUFFIXES]


def _require_folder(folder: Path) -> None:
    """Raise unless a path is that of a folder that can be listed."""
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, ValueError) as error:  # ValueError: the path holds a NUL
        raise MissingFileError(str(folder)) from error
    except NotADirectoryError as error:
        raise NotAFolderError(str(folder)) from error
    except OSError as error:
        raise UnreadableFileError(str(folder), error.strerror or type(error).__name__) from error
