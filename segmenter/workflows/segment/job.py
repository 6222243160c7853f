"""What is to be done with a photo, named before any work: a job carries paths and plain values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from segmenter.execution.api import Workers
from segmenter.regions.config import OTHER_SCALES, Scale
from segmenter.segmentation.recipe import AnyRecipe
from segmenter.workflows.segment.outputs import FigureFormat, LabelFormat, Plot, plot_paths

if TYPE_CHECKING:
    from segmenter.segmentation.model import Model


Extra: TypeAlias = Literal["posteriors", "confidence", "model", "hierarchy", "scales"]
"""What is written on request only."""


EXTRA_ENDINGS: dict[Extra, str] = {
    "posteriors": "posteriors.npz",
    "confidence": "confidence.png",
    "model": "model.json",
    "hierarchy": "hierarchy.npz",
}


@dataclass(frozen=True)
class FigureOptions:
    """What is drawn and how; the segments do not depend on it."""

    figure_format: FigureFormat = "png"
    dpi: int = 300
    side_by_side: bool = True
    plots: tuple[Plot, ...] = ()


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
        return (windowed_labels_path(self), *self.outputs)


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


def windowed_labels_path(job: Job, label_format: LabelFormat = "tif") -> Path:
    """Return where the label image of a picture goes that is read by windows."""
    return job.labels.with_suffix(f".{label_format}")


def as_large(
    job: Job, bands: tuple[int, ...], workers: Workers, reason: str, label_format: LabelFormat = "tif"
) -> LargeJob:
    """Return the job of a picture as one that is done by windows: its label image is a TIFF or a Zarr then."""
    return LargeJob(
        source=job.source,
        labels=windowed_labels_path(job, label_format),
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
