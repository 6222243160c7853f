"""The plan of a batch: its photos and the names of all outputs, known before any work."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segmenter.errors import OutputExistsError
from segmenter.execution.api import Workers
from segmenter.io.files.discovery import Listing, list_photos
from segmenter.io.files.remote import filter_existing, to_path
from segmenter.io.images.config import ScaleRange
from segmenter.segmentation.recipe import PhotoRecipe
from segmenter.workflows.batch.output_names import Entry, name_outputs
from segmenter.workflows.batch.summary import SUMMARIES, Row
from segmenter.workflows.segment.job import Extra, FigureOptions, SegmentJob, WindowOptions, plan_job
from segmenter.workflows.segment.outputs import check_path

if TYPE_CHECKING:
    from segmenter.segmentation.model import Model


MEMORY_ADVICE = "raise --max-memory, lower --jobs, or scale it down"
"""What to do about a photo that needs more memory than its worker may take."""

SHARED_NAME = "shared"
SHARED_MODEL, SHARED_RECORD = f"{SHARED_NAME}.model.json", f"{SHARED_NAME}.json"
"""Files in the output folder if one model is fitted to all photos: the model, and the record of its fit."""

REPORT_NAME = "report.html"
"""The report page, in the output folder."""


@dataclass(frozen=True)
class BatchSettings:
    """The options that all photos of a batch share."""

    output: Path
    recipe: PhotoRecipe
    figure_options: FigureOptions | None  # None = no figures
    max_pixels: int
    extras: tuple[Extra, ...] = ()
    overwrite: bool = False
    resume: bool = False  # process only what is missing or out of date
    shared_model: bool = False  # fit one model to all photos, and apply it
    report: bool = False  # write a report page at the end
    bands: tuple[int, ...] = ()  # to read from TIFFs and Zarr arrays, from 1; empty = all
    scale_range: ScaleRange = "auto"  # how the value range of each photo is chosen
    enforce_max_pixels: bool = False  # whether max_pixels also applies to windowed pictures

    def build_job(self, entry: Entry, model: Model | None = None) -> SegmentJob:
        """Return the job of one photo; with a model, one that applies it."""
        return plan_job(
            to_path(entry.source),
            self.output / entry.folder,
            self.recipe,
            figure_options=self.figure_options,
            max_pixels=self.max_pixels,
            overwrite=self.overwrite or self.resume,
            extras=self.extras,
            model=model,
            name=entry.name,
            scale_range=self.scale_range,
            windows=WindowOptions(workers=Workers(0), bands=self.bands, enforce_max_pixels=self.enforce_max_pixels),
        )


@dataclass(frozen=True)
class BatchPlan:
    """The photos of a batch in order, each with the name of its outputs."""

    settings: BatchSettings
    listing: Listing
    entries: tuple[Entry, ...]
    inputs_in_output: frozenset[str] = frozenset()  # real paths of the photos in the output folder

    def build_jobs(
        self, model: Model | None = None, excluded: Collection[int] = ()
    ) -> Iterator[tuple[int, SegmentJob]]:
        """Yield the index and the job of each photo that is not excluded; jobs are built one by one to save memory."""
        for index, entry in enumerate(self.entries):
            if index not in excluded:
                yield index, replace(self.settings.build_job(entry, model), other_inputs=self.inputs_in_output)

    @property
    def folders(self) -> list[Path]:
        """Every folder that outputs are written to."""
        return [self.settings.output / folder for folder in sorted({"", *(entry.folder for entry in self.entries)})]


class BatchProgress(Protocol):
    """Receives the progress of a batch."""

    def start_stage(self, stage: str, n_photos: int) -> None:
        """Note that a pass over so many photos begins."""

    def finish_photo(self, row: Row | None) -> None:
        """Note that this pass is done with a photo; None = without an outcome yet, as another pass will follow."""


def plan_batch(inputs: Sequence[str], settings: BatchSettings, *, recursive: bool) -> BatchPlan:
    """Find the photos of a batch, and name their outputs so that no two photos share a file.

    Parameters
    ----------
    inputs : sequence of str
        Folders, patterns and photos, see `segmenter.io.files.discovery.list_photos`.
    settings : BatchSettings
    recursive : bool

    Raises
    ------
    OutputCollisionError
        The output folder is one of the inputs.
    """
    listing = list_photos(inputs, recursive=recursive, output=str(settings.output))
    sample_job = settings.build_job(Entry("x", "", "x"))
    endings = [path.name.removeprefix("x") for path in sample_job.outputs_of_either_mode]
    root = os.path.realpath(settings.output)
    taken = [*SUMMARIES, SHARED_MODEL, SHARED_RECORD]
    inputs_in_output = set()
    for path, _ in listing.photos:
        folder, name = os.path.split(path)
        resolved = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118  # a link is not followed, only its folder
        if resolved.startswith(root + os.sep):
            taken.append(os.path.relpath(resolved, root))
            inputs_in_output.add(os.path.realpath(path))
    entries = tuple(name_outputs(listing.photos, endings, taken))
    return BatchPlan(settings, listing, entries, frozenset(inputs_in_output))


def check_batch(plan: BatchPlan) -> None:
    """Check, before any work, that a batch can write its outputs.

    Raises
    ------
    OutputExistsError
        An output exists, and neither ``overwrite`` nor ``resume`` was asked for.
    WriteError
        An output path is a folder, or the folder of an output is a file.
    """
    settings = plan.settings
    batch_files = [*SUMMARIES, *((SHARED_MODEL, SHARED_RECORD) if settings.shared_model else ())]
    batch_files += [REPORT_NAME] if settings.report else []
    first, n_existing = None, 0
    outputs = chain.from_iterable(job.outputs_of_either_mode for _, job in plan.build_jobs())
    for path in filter_existing(chain((settings.output / name for name in batch_files), outputs)):
        check_path(path)
        first = first or path
        n_existing += 1
    for folder in plan.folders:
        check_path(folder / "any file")
    if first is not None and not (settings.overwrite or settings.resume):
        remedy = "--resume to go on, --overwrite to replace it,"
        raise OutputExistsError(str(first), n_more=n_existing - 1, remedy=remedy)
