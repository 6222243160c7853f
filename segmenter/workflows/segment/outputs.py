"""The files of a run: their formats and names, whether they can be written, and which of an earlier run to remove."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

from segmenter.errors import OutputCollisionError, OutputExistsError, WriteError
from segmenter.io.files.atomic import is_zarr_folder, write_files
from segmenter.io.files.remote import RemotePath, check_protocol_writable, filter_existing
from segmenter.segmentation.documents import DocumentError, convert_document, read_object

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]

LabelFormat: TypeAlias = Literal["tif", "zarr"]
"""Format of the label image of a windowed picture."""

Plot: TypeAlias = Literal["contours", "cutouts", "likelihood", "colors", "confidence", "palette"]
"""A figure of a photo that is drawn on request."""

PLOTS: tuple[Plot, ...] = get_args(Plot)

PLOTS_OF_MIXTURES: tuple[Plot, ...] = ("likelihood", "colors", "confidence")
"""Plots that need a mixture, so that there are none of regions."""

PLOTS_OF_PIXELS: tuple[Plot, ...] = ("colors", "confidence")
"""Plots that need all pixels in memory."""


PALETTE_ENDINGS = ("palette.css", "palette.gpl")
"""Of the files of a palette for other programs."""


class PlannedJob(Protocol):
    """What is known of any job before it runs."""

    @property
    def source(self) -> Path:
        """The file that is read."""
        ...

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that is written, the record last."""
        ...

    @property
    def possible_outputs(self) -> tuple[Path, ...]:
        """Every file that a job of this kind with this input could write, with any options."""
        ...

    @property
    def inputs(self) -> frozenset[str]:
        """The real paths of files that are read, which must not be removed."""
        ...

    @property
    def overwrite(self) -> bool:
        """Whether existing files may be replaced, and those of an earlier run removed."""
        ...


def get_plot_paths(folder: Path, name: str, plot: Plot, figure_format: FigureFormat) -> tuple[Path, ...]:
    """Return the paths of a plot: the figure, and for the palette also its files for other programs."""
    others = [folder / f"{name}.{ending}" for ending in PALETTE_ENDINGS if plot == "palette"]
    return (folder / f"{name}.plot-{plot}.{figure_format}", *others)


# ---- before a run: can everything be written? ------------------------------------------------------------------------


def check_outputs(jobs: Sequence[PlannedJob], *, kept: Sequence[Path] = ()) -> None:
    """Check, before any work, that the outputs of all jobs can be written.

    Parameters
    ----------
    jobs : sequence of PlannedJob
    kept : sequence of Path
        Further files that no output may replace.

    Raises
    ------
    OutputCollisionError
        A photo is given twice, two jobs would write the same file, or an output would replace an input.
    WriteError
        An output path is a folder, or the folder of an output is a file.
    OutputExistsError
        An output exists and may not be replaced.
    """
    inputs = resolve_inputs(jobs) | {os.path.realpath(path) for path in kept}
    check_collisions(jobs, inputs)
    found = list(filter_existing(path for job in jobs if not job.overwrite for path in job.outputs))
    if found:
        stale = [name for job in jobs if not job.overwrite for name in describe_files(find_stale_outputs(job))]
        raise OutputExistsError(str(found[0]), n_more=len(found) - 1, stale=tuple(stale))


def resolve_inputs(jobs: Sequence[PlannedJob]) -> set[str]:
    """Return the real paths of the inputs of all jobs; OutputCollisionError if one is given twice."""
    inputs: set[str] = set()
    for job in jobs:
        resolved = os.path.realpath(job.source)
        if resolved in inputs:
            raise OutputCollisionError(str(job.source), "is given twice; give it once")
        inputs.add(resolved)
    return inputs


def check_collisions(jobs: Sequence[PlannedJob], inputs: Collection[str]) -> None:
    """Raise OutputCollisionError or WriteError for the first output that collides or cannot be written.

    Parameters
    ----------
    jobs : sequence of PlannedJob
    inputs : collection of str
        Real paths of files that may not be replaced.
    """
    source_of: dict[str, Path] = {}  # the photo of each output, by its real path
    for job in jobs:
        for path in job.outputs:
            resolved = os.path.realpath(path)
            if resolved in inputs:
                raise OutputCollisionError(str(path), "would replace an input; choose another folder with -o")
            if resolved in source_of:
                raise OutputCollisionError(
                    str(path),
                    f"would be written for both {source_of[resolved]} and {job.source}; "
                    "rename one, or segment them in two runs with different -o folders",
                )
            source_of[resolved] = job.source
            check_path(path)


def check_output(path: Path, *, inputs: Sequence[Path], overwrite: bool) -> None:
    """Check, before any work, that a single file can be written.

    Parameters
    ----------
    path : Path
    inputs : sequence of Path
        Files that it may not replace.
    overwrite : bool
        Whether it may replace other files.

    Raises
    ------
    OutputCollisionError, OutputExistsError, WriteError
    """
    check_path(path)
    if os.path.realpath(path) in {os.path.realpath(given) for given in inputs}:
        raise OutputCollisionError(str(path), "would replace an input; choose another name")
    if not overwrite and os.path.lexists(path):
        raise OutputExistsError(str(path))


def check_path(path: Path) -> None:
    """Raise WriteError if the path of a file is a folder, or the path of its folder is a file."""
    if isinstance(path, RemotePath):
        check_protocol_writable(path)
        return
    if os.path.isdir(path) and not is_zarr_folder(path):  # noqa: PTH112  # Path.is_dir raises for too long names
        raise WriteError(str(path), "is a folder")
    nearest = next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    if not os.path.isdir(nearest):  # noqa: PTH112
        raise WriteError(str(nearest), "is a file, not a folder")


# ---- the files of an earlier run -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileList:
    """What any record says of the files that it belongs to."""

    files: tuple[str, ...] = ()  # names, without a folder


def describe_files(outputs: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of files as they stand in a record."""
    return tuple(format_path(path.name) for path in outputs)


def find_stale_outputs(job: PlannedJob) -> list[Path]:
    """Return existing files that the record of an earlier run lists, and that the job does not make.

    A record may come from anywhere, so it is never taken for a path: of the files that some run could give a name like
    that of the job, those are returned that the record lists. Inputs are never among them.
    """
    listed = read_file_list(job.outputs[-1])
    return [path for path in find_other_outputs(job) if format_path(path.name) in listed] if listed else []


def find_other_outputs(job: PlannedJob) -> list[Path]:
    """Return existing files that some run could have written for the input of a job, but this job does not make."""
    others = (path for path in job.possible_outputs if path not in job.outputs)
    return [path for path in filter_existing(others) if os.path.realpath(path) not in job.inputs]


def read_file_list(record: Path) -> frozenset[str]:
    """Return the names of the files that a record lists; none if there is no record, or it is damaged."""
    try:
        return frozenset(convert_document(read_object(record), FileList).files)
    except DocumentError:
        return frozenset()


def write_outputs(job: PlannedJob, files: Mapping[Path, bytes | Path]) -> tuple[Path, ...]:
    """Write the files of a job, the record last; then remove the stale files of an earlier run, and return these.

    Nothing is removed before all files are in place, or if the job may not overwrite.
    """
    stale = tuple(find_stale_outputs(job)) if job.overwrite else ()
    write_files(files, overwrite=job.overwrite, stale=stale)
    return stale


def list_figure_formats(stem: Path) -> list[Path]:
    """Return the paths of a figure in all formats, given its path without the ending."""
    return [stem.with_name(f"{stem.name}.{ending}") for ending in get_args(FigureFormat)]


def format_path(path: Path | str) -> str:
    r"""Return a path, or a text with one in it, as valid Unicode: a byte that is not UTF-8 becomes ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
