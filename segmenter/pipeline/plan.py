"""What is to be done with a photo, named before any work: a job carries paths and plain values only."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

from segmenter.errors import OutputCollisionError, OutputExistsError, WriteError
from segmenter.execution.api import Workers
from segmenter.io.files.atomic import is_zarr_folder
from segmenter.io.files.remote import RemotePath, existing, require_writable
from segmenter.regions.config import OTHER_SCALES, Scale
from segmenter.segmentation.recipe import AnyRecipe

if TYPE_CHECKING:
    from segmenter.segmentation.model import Model

SCHEMA = 3
"""Version of the JSON record; raised when the meaning of a field changes."""

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]
Extra: TypeAlias = Literal["posteriors", "confidence", "model", "hierarchy", "scales"]
"""What is written on request only."""


EXTRA_ENDINGS: dict[Extra, str] = {
    "posteriors": "posteriors.npz",
    "confidence": "confidence.png",
    "model": "model.json",
    "hierarchy": "hierarchy.npz",
}


LabelFormat: TypeAlias = Literal["tif", "zarr"]
"""Of the label image of a picture that is read by windows."""

Plot: TypeAlias = Literal["contours", "cutouts", "likelihood", "colors", "confidence", "palette"]
PLOTS: tuple[Plot, ...] = get_args(Plot)
PLOTS_OF_MIXTURES: tuple[Plot, ...] = ("likelihood", "colors", "confidence")
PLOTS_OF_PIXELS: tuple[Plot, ...] = ("colors", "confidence")
"""Figures of a photo that are drawn on request; those that regions do not have; those that need all pixels."""


@dataclass(frozen=True)
class FigureOptions:
    """What is drawn and how; the segments do not depend on it."""

    figure_format: FigureFormat = "png"
    dpi: int = 300
    side_by_side: bool = True
    plots: tuple[Plot, ...] = ()


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


@dataclass(frozen=True)
class Job:
    """What to do with one photo."""

    source: Path
    labels: Path
    segments: Path
    record: Path
    figure: Path | None  # None = no figure
    recipe: AnyRecipe
    figure_options: FigureOptions
    max_pixels: int
    overwrite: bool
    posteriors: Path | None = None  # None, as for the next four = is not computed
    confidence: Path | None = None
    saved_model: Path | None = None
    hierarchy: Path | None = None
    contour_map: Path | None = None  # of the hierarchy
    other_scales: Mapping[Scale, tuple[Path, Path]] = field(default_factory=dict)  # label image and segments of each
    plots: Mapping[Plot, tuple[Path, ...]] = field(default_factory=dict)
    model: Model | None = None  # to be applied; None = a mixture is fitted

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Everything that is written, the record last."""
        optional = (
            self.figure,
            self.posteriors,
            self.confidence,
            self.saved_model,
            self.hierarchy,
            self.contour_map,
            *chain.from_iterable(self.other_scales.values()),
            *chain.from_iterable(self.plots.values()),
        )
        return (self.labels, self.segments, *(path for path in optional if path is not None), self.record)

    @property
    def possible_outputs(self) -> tuple[Path, ...]:
        """The same, and what would be written of a picture that is read by windows."""
        return (large_labels(self), *self.outputs)


@dataclass(frozen=True)
class LargeJob:
    """What to do with one picture that is read by windows."""

    source: Path
    labels: Path
    record: Path
    figure: Path | None  # None = no figure
    saved_model: Path | None  # None = is not written
    recipe: AnyRecipe
    figure_options: FigureOptions
    overwrite: bool
    bands: tuple[int, ...]  # from 1; empty = all
    workers: Workers  # of the windows
    reason: str  # why it is read by windows; a note
    model: Model | None = None  # to be applied; None = a mixture is fitted
    plots: Mapping[Plot, tuple[Path, ...]] = field(default_factory=dict)  # of the reduced picture

    @property
    def is_zarr(self) -> bool:
        """Whether the label image is a Zarr, not a TIFF."""
        return self.labels.suffix == ".zarr"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Everything that is written, the record last."""
        optional = (self.figure, self.saved_model, *chain.from_iterable(self.plots.values()))
        return (self.labels, *(path for path in optional if path is not None), self.record)


def large_labels(job: Job, label_format: LabelFormat = "tif") -> Path:
    """Return where the label image of a picture goes that is read by windows."""
    return job.labels.with_suffix(f".{label_format}")


def as_large(
    job: Job, bands: tuple[int, ...], workers: Workers, reason: str, label_format: LabelFormat = "tif"
) -> LargeJob:
    """Return the job of a picture as one that is done by windows: its label image is a TIFF or a Zarr then."""
    return LargeJob(
        source=job.source,
        labels=large_labels(job, label_format),
        record=job.record,
        figure=job.figure,
        saved_model=job.saved_model,
        recipe=job.recipe,
        figure_options=job.figure_options,
        overwrite=job.overwrite,
        bands=bands,
        workers=workers,
        reason=reason,
        model=job.model,
        plots=job.plots,
    )


def plan_job(
    source: Path,
    folder: Path,
    recipe: AnyRecipe,
    *,
    figure_options: FigureOptions | None,
    max_pixels: int,
    overwrite: bool,
    extras: Collection[Extra] = (),
    model: Model | None = None,
    name: str | None = None,
) -> Job:
    """Name the outputs of one photo: NAME.labels.png and so on.

    Parameters
    ----------
    source : Path
    folder : Path
        Where the outputs go; made when the first is written.
    recipe : AnyRecipe
    figure_options : FigureOptions or None
        None draws nothing.
    max_pixels : int
    overwrite : bool
        Whether files that exist may be replaced.
    extras : collection of {"posteriors", "confidence", "model", "hierarchy", "scales"}
        What else to write; "scales" is the regions of the other named scales.
    model : Model, optional
        Apply it, and fit nothing.
    name : str, optional
        By default that of the file without its extension.
    """
    name = source.stem if name is None else name
    drawing = figure_options or FigureOptions(side_by_side=False)
    chosen = {extra: folder / f"{name}.{ending}" for extra, ending in EXTRA_ENDINGS.items() if extra in extras}
    return Job(
        source=source,
        labels=folder / f"{name}.labels.png",
        segments=folder / f"{name}.segments.png",
        record=folder / f"{name}.json",
        figure=folder / f"{name}.figure.{drawing.figure_format}" if drawing.side_by_side else None,
        recipe=recipe,
        figure_options=drawing,
        max_pixels=max_pixels,
        overwrite=overwrite,
        posteriors=chosen.get("posteriors"),
        confidence=chosen.get("confidence"),
        saved_model=chosen.get("model"),
        hierarchy=chosen.get("hierarchy"),
        contour_map=folder / f"{name}.ucm.png" if "hierarchy" in extras else None,
        other_scales={
            scale: (folder / f"{name}.labels.{scale}.png", folder / f"{name}.segments.{scale}.png")
            for scale in OTHER_SCALES
            if "scales" in extras
        },
        plots={plot: plot_paths(folder, name, plot, drawing.figure_format) for plot in drawing.plots},
        model=model,
    )


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
            check_place(path)
    found = list(existing(path for job in jobs if not job.overwrite for path in job.outputs))
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
    check_place(path)
    if os.path.realpath(path) in {os.path.realpath(given) for given in inputs}:
        raise OutputCollisionError(str(path), "would replace an input; choose another name")
    if not overwrite and os.path.lexists(path):
        raise OutputExistsError(str(path))


def earlier_figures(stems: Sequence[Path], written: Collection[Path]) -> list[Path]:
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


def check_place(path: Path) -> None:
    """Raise WriteError if a folder is in the place of a file, or a file in that of its folder."""
    if isinstance(path, RemotePath):
        require_writable(path)
        return
    if os.path.isdir(path) and not is_zarr_folder(path):  # noqa: PTH112  # Path.is_dir raises for too long names
        raise WriteError(str(path), "is a folder")
    nearest = next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    if not os.path.isdir(nearest):  # noqa: PTH112
        raise WriteError(str(nearest), "is a file, not a folder")


def text_of(path: Path | str) -> str:
    r"""Return a path, or what is said of one, as text of Unicode; a byte that is no UTF-8 becomes ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def describe_files(job: Job | LargeJob) -> dict[str, Any]:
    """Return what was asked for beside the labels, as plain values."""
    saved: dict[str, object] = {"model": job.saved_model}
    if isinstance(job, Job):
        saved = {
            "posteriors": job.posteriors,
            "confidence": job.confidence,
            "model": job.saved_model,
            "hierarchy": job.hierarchy,
            "scales": job.other_scales,
        }
    return {
        "figure": None if job.figure is None and not job.plots else describe_drawing(job.figure_options),
        "saved": [name for name, paths in saved.items() if paths],
    }


def describe_drawing(options: FigureOptions) -> dict[str, Any]:
    """Return what is drawn and how, as JSON gives it back."""
    return {**asdict(options), "plots": list(options.plots)}


def describe_model(model: Model) -> dict[str, Any]:
    """Return which file a model is from, as plain values."""
    return {"name": text_of(Path(Path(model.name).name)), "sha256": model.digest}
