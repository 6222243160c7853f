"""The files that a run writes: their names, and whether they can be written."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from segmenter.errors import OutputCollisionError, OutputExistsError, WriteError
from segmenter.io.files.atomic import is_zarr_folder
from segmenter.io.files.remote import RemotePath, check_protocol_writable, filter_existing

if TYPE_CHECKING:
    pass


FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]


LabelFormat: TypeAlias = Literal["tif", "zarr"]
"""Of the label image of a picture that is read by windows."""


Plot: TypeAlias = Literal["contours", "cutouts", "likelihood", "colors", "confidence", "palette"]


PLOTS: tuple[Plot, ...] = get_args(Plot)


PLOTS_OF_MIXTURES: tuple[Plot, ...] = ("likelihood", "colors", "confidence")


PLOTS_OF_PIXELS: tuple[Plot, ...] = ("colors", "confidence")
"""Figures of a photo that are drawn on request; those that regions do not have; those that need all pixels."""


class Planned(Protocol):
    """What is known of any job before it is done."""

    @property
    def source(self) -> Path:
        """What is read."""
        ...

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Everything that is written, the record last."""
        ...

    @property
    def overwrite(self) -> bool:
        """Whether files that exist may be replaced."""
        ...


def plot_paths(folder: Path, name: str, plot: Plot, figure_format: FigureFormat) -> tuple[Path, ...]:
    """Return where a figure on request goes, and of the palette also the files for other programs."""
    others = [folder / f"{name}.palette.{ending}" for ending in ("css", "gpl") if plot == "palette"]
    return (folder / f"{name}.plot-{plot}.{figure_format}", *others)


def check_outputs(jobs: Sequence[Planned], *, kept: Sequence[Path] = ()) -> None:
    """Refuse jobs whose outputs cannot all be written, before any work is done.

    Parameters
    ----------
    jobs : sequence of Planned
    kept : sequence of Path
        Other files that no output may replace.

    Raises
    ------
    OutputCollisionError
        A photo is given twice, two would write the same file, or an output would replace a photo.
    WriteError
        A folder is in the place of an output, or a file in that of its folder.
    OutputExistsError
        An output exists and may not be replaced.
    """
    inputs: set[str] = set()
    for job in jobs:
        place = os.path.realpath(job.source)
        if place in inputs:
            raise OutputCollisionError(str(job.source), "is given twice; give it once")
        inputs.add(place)
    inputs.update(os.path.realpath(path) for path in kept)
    written: dict[str, Path] = {}
    for job in jobs:
        for path in job.outputs:
            place = os.path.realpath(path)
            if place in inputs:
                raise OutputCollisionError(str(path), "would replace an input; choose another folder with -o")
            if place in written:
                raise OutputCollisionError(
                    str(path),
                    f"would be written for both {written[place]} and {job.source}; "
                    "rename one, or segment them in two runs with different -o folders",
                )
            written[place] = job.source
            check_path(path)
    found = list(filter_existing(path for job in jobs if not job.overwrite for path in job.outputs))
    if found:
        raise OutputExistsError(str(found[0]), n_more=len(found) - 1)


def check_output(path: Path, *, inputs: Sequence[Path], overwrite: bool) -> None:
    """Raise WriteError where a single file cannot be written, before any work is done.

    Parameters
    ----------
    path : Path
    inputs : sequence of Path
        Files that it may not replace.
    overwrite : bool
        Whether it may replace any other.
    """
    check_path(path)
    if os.path.realpath(path) in {os.path.realpath(given) for given in inputs}:
        raise OutputCollisionError(str(path), "would replace an input; choose another name")
    if not overwrite and os.path.lexists(path):
        raise OutputExistsError(str(path))


def find_stale_figures(stems: Sequence[Path], written: Collection[Path]) -> list[Path]:
    """Return figures in other formats, which show what an earlier run found.

    They are not removed, as nobody asked for that; but beside the new results they would be taken for theirs.

    Parameters
    ----------
    stems : sequence of Path
        Of figures, without the ending of the format.
    written : collection of Path
        What was written now.
    """
    places = [stem.with_name(f"{stem.name}.{ending}") for stem in stems for ending in get_args(FigureFormat)]
    return [path for path in places if path not in written and os.path.lexists(path)]


def check_path(path: Path) -> None:
    """Raise WriteError if a folder is in the place of a file, or a file in that of its folder."""
    if isinstance(path, RemotePath):
        check_protocol_writable(path)
        return
    if os.path.isdir(path) and not is_zarr_folder(path):  # noqa: PTH112  # Path.is_dir raises for too long names
        raise WriteError(str(path), "is a folder")
    nearest = next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    if not os.path.isdir(nearest):  # noqa: PTH112
        raise WriteError(str(nearest), "is a file, not a folder")


def format_path(path: Path | str) -> str:
    r"""Return a path, or what is said of one, as text of Unicode; a byte that is no UTF-8 becomes ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
