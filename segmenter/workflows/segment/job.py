"""The job of one photo: what to do, and the paths of all outputs, fixed before any work begins."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from segmenter.execution.api import Workers
from segmenter.io.files.results import get_label_image_paths
from segmenter.io.images.config import ScaleRange, ValueRange
from segmenter.regions.config import OTHER_SCALES, Scale
from segmenter.segmentation.recipe import PhotoRecipe, RegionsRecipe
from segmenter.workflows.segment.outputs import PALETTE_ENDINGS, PLOTS, FigureFormat, LabelFormat, Plot, get_plot_paths

if TYPE_CHECKING:
    from segmenter.segmentation.model import Model


Mode: TypeAlias = Literal["in memory", "windowed"]
"""How a picture is processed: as a whole, or window by window."""


Extra: TypeAlias = Literal["posteriors", "confidence", "model", "hierarchy", "scales"]
"""Outputs that are written only on request."""


EXTRA_ENDINGS: dict[Extra, str] = {
    "posteriors": "posteriors.npz",
    "confidence": "confidence.png",
    "model": "model.json",
    "hierarchy": "hierarchy.npz",
}


CONTOUR_MAP_ENDING = "ucm.png"
"""Of the contour map that goes with a hierarchy."""


SCALE_ENDINGS: dict[Scale, tuple[str, str]] = {
    scale: (f"labels.{scale}.png", f"segments.{scale}.png") for scale in OTHER_SCALES
}
"""Of the label image and the segments at each scale but the medium one."""


@dataclass(frozen=True)
class FigureOptions:
    """Which figures to draw, and how; they have no influence on the segments."""

    figure_format: FigureFormat = "png"
    dpi: int = 300
    side_by_side: bool = True
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True)
class WindowOptions:
    """When a picture is processed window by window instead of in memory, and how."""

    max_memory: int | None = None  # bytes that a picture may take in memory; None = what this process may still use
    workers: Workers = field(default_factory=Workers)  # for the windows of one picture
    bands: tuple[int, ...] = ()  # to read, from 1; empty = all; choosing bands requires windows
    label_format: LabelFormat = "tif"  # of the label image of a windowed picture
    enforce_max_pixels: bool = False  # whether the job's max_pixels also applies to windowed pictures


@dataclass(frozen=True)
class SegmentJob:
    """What to do with one photo: only paths and plain values, so that it can be sent to a worker."""

    source: Path
    labels: Path
    segments: Path | None  # None = not written, as for all outputs below
    record: Path
    figure: Path | None
    recipe: PhotoRecipe
    figure_options: FigureOptions
    max_pixels: int
    overwrite: bool
    posteriors: Path | None = None
    confidence: Path | None = None
    saved_model: Path | None = None
    hierarchy: Path | None = None
    contour_map: Path | None = None  # of the hierarchy
    other_scales: Mapping[Scale, tuple[Path, Path]] = field(default_factory=dict)  # label image and segments of each
    plots: Mapping[Plot, tuple[Path, ...]] = field(default_factory=dict)
    model: Model | None = None  # to be applied; None = fit a mixture
    scale_range: ScaleRange | ValueRange = "auto"  # how the value range is chosen, or the range itself
    windows: WindowOptions = field(default_factory=WindowOptions)
    mode: Mode = "in memory"  # chosen by `strategy.choose_processing_mode`
    mode_reason: str = ""  # why it is windowed, as a note; "" = it is not
    other_inputs: frozenset[str] = frozenset()  # real paths of other files that are read in the same run

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that is written, the record last."""
        optional = (
            self.segments,
            self.figure,
            self.posteriors,
            self.confidence,
            self.saved_model,
            self.hierarchy,
            self.contour_map,
            *chain.from_iterable(self.other_scales.values()),
            *chain.from_iterable(self.plots.values()),
        )
        return (self.labels, *(path for path in optional if path is not None), self.record)

    @property
    def has_zarr_labels(self) -> bool:
        """Whether the label image is a Zarr, and not a single file."""
        return self.labels.suffix == ".zarr"

    @property
    def possible_outputs(self) -> tuple[Path, ...]:
        """Every file that a job with this photo could write, with any options; all are in the folder of the record."""
        stem = self.record.with_suffix("")
        figures = ("figure", *(f"plot-{plot}" for plot in PLOTS))
        endings = (
            "segments.png",
            *EXTRA_ENDINGS.values(),
            CONTOUR_MAP_ENDING,
            *chain.from_iterable(SCALE_ENDINGS.values()),
            *(f"{figure}.{ending}" for figure in figures for ending in get_args(FigureFormat)),
            *PALETTE_ENDINGS,
        )
        return (*get_label_image_paths(stem), *(stem.with_name(f"{stem.name}.{ending}") for ending in endings))

    @property
    def inputs(self) -> frozenset[str]:
        """The real paths of files that are read, which must not be removed."""
        return self.other_inputs | {os.path.realpath(self.source)}

    @property
    def outputs_of_either_mode(self) -> tuple[Path, ...]:
        """Every file that may be written as long as the mode is not chosen, the record last."""
        return (windowed_labels_path(self), *self.outputs)


def windowed_labels_path(job: SegmentJob) -> Path:
    """Return the path of the label image if the job is windowed: NAME.labels.tif or NAME.labels.zarr."""
    return job.labels.with_suffix(f".{job.windows.label_format}")


def to_windowed(job: SegmentJob, reason: str) -> SegmentJob:
    """Return a job that processes its picture window by window, without the outputs that need all pixels at once."""
    return replace(
        job,
        labels=windowed_labels_path(job),
        segments=None,
        posteriors=None,
        confidence=None,
        hierarchy=None,
        contour_map=None,
        other_scales={},
        mode="windowed",
        mode_reason=reason,
    )


def name_stage(job: SegmentJob) -> str:
    """Return what the main part of a job is called while it runs."""
    if job.model is not None:
        return "applying the model"
    if isinstance(job.recipe, RegionsRecipe):
        return "finding regions"
    n_segments = job.recipe.n_segments
    return "choosing and fitting segments" if n_segments == "auto" else f"fitting {n_segments:,} segments"


def share_inputs(jobs: Sequence[SegmentJob], others: Sequence[Path] = ()) -> list[SegmentJob]:
    """Return the jobs of one run such that none removes an input of another, or one of some other files."""
    inputs = frozenset(os.path.realpath(path) for path in (*(job.source for job in jobs), *others))
    return [replace(job, other_inputs=inputs) for job in jobs]


def plan_job(  # noqa: PLR0913  # the options of four commands meet here
    source: Path,
    folder: Path,
    recipe: PhotoRecipe,
    *,
    figure_options: FigureOptions | None,
    max_pixels: int,
    overwrite: bool,
    extras: Collection[Extra] = (),
    model: Model | None = None,
    name: str | None = None,
    scale_range: ScaleRange | ValueRange = "auto",
    windows: WindowOptions | None = None,
) -> SegmentJob:
    """Return the job of one photo, with the paths of its outputs: NAME.labels.png and so on.

    Parameters
    ----------
    source : Path
    folder : Path
        Where the outputs go; created when the first is written.
    recipe : PhotoRecipe
    figure_options : FigureOptions or None
        None draws nothing.
    max_pixels : int
    overwrite : bool
        Whether files that exist may be replaced.
    extras : collection of {"posteriors", "confidence", "model", "hierarchy", "scales"}
        What else to write; "scales" stands for the regions at the other named scales.
    model : Model, optional
        Apply it instead of fitting a mixture.
    name : str, optional
        Of the outputs; by default that of the file without its extension.
    scale_range : ScaleRange or ValueRange
        How the value range is chosen, or the range itself; a model brings its own.
    windows : WindowOptions, optional
    """
    name = source.stem if name is None else name
    drawing = figure_options or FigureOptions(side_by_side=False)
    chosen = {extra: folder / f"{name}.{ending}" for extra, ending in EXTRA_ENDINGS.items() if extra in extras}
    return SegmentJob(
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
        contour_map=folder / f"{name}.{CONTOUR_MAP_ENDING}" if "hierarchy" in extras else None,
        other_scales={
            scale: (folder / f"{name}.{labels}", folder / f"{name}.{segments}")
            for scale, (labels, segments) in SCALE_ENDINGS.items()
            if "scales" in extras
        },
        plots={plot: get_plot_paths(folder, name, plot, drawing.figure_format) for plot in drawing.plots},
        model=model,
        scale_range=scale_range if model is None else model.scale_range,
        windows=windows or WindowOptions(),
    )
