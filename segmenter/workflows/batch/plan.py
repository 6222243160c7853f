"""A batch before any work: its photos, and the names of their outputs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segmenter.errors import OutputExistsError
from segmenter.execution.api import Workers
from segmenter.io.files.discovery import Listing, list_photos
from segmenter.io.files.remote import filter_existing, to_path
from segmenter.segmentation.recipe import PhotoRecipe
from segmenter.workflows.batch.output_names import Entry, name_outputs
from segmenter.workflows.batch.summary import SUMMARIES, Row
from segmenter.workflows.segment.job import Extra, FigureOptions, SegmentJob, WindowOptions, plan_job
from segmenter.workflows.segment.outputs import check_path

if TYPE_CHECKING:
    from segmenter.segmentation.model import Model


MEMORY_ADVICE = "raise --max-memory, lower --jobs, or scale it down"


SHARED_NAME = "shared"


SHARED_MODEL, SHARED_RECORD = f"{SHARED_NAME}.model.json", f"{SHARED_NAME}.json"
"""In the output folder, where one model is fitted to all photos: the model, and how its fit went."""


REPORT_NAME = "report.html"
"""In the output folder, where a page of the results is made."""


@dataclass(frozen=True)
class Settings:
    """What all photos of a batch have in common."""

    output: Path
    recipe: PhotoRecipe
    figure_options: FigureOptions | None  # None = no figures
    max_pixels: int
    extras: tuple[Extra, ...] = ()
    overwrite: bool = False
    resume: bool = False  # do what is missing or out of date, and nothing else
    shared_model: bool = False
    report: bool = False  # a page of all results is to follow
    bands: tuple[int, ...] = ()  # of TIFFs and Zarr arrays, from 1; empty = all
    enforce_max_pixels: bool = False  # whether max_pixels also applies to windowed pictures

    def job(self, entry: Entry, model: Model | None = None) -> SegmentJob:
        """Return what is to be done with one photo."""
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
            windows=WindowOptions(workers=Workers(0), bands=self.bands, enforce_max_pixels=self.enforce_max_pixels),
        )


@dataclass(frozen=True)
class Plan:
    """A batch before any work: its photos in order, each with the names of its outputs."""

    settings: Settings
    listing: Listing
    entries: tuple[Entry, ...]

    def jobs(self, model: Model | None = None, left_out: Collection[int] = ()) -> Iterator[tuple[int, SegmentJob]]:
        """Yield the place of each photo and its job; jobs are not kept."""
        for place, entry in enumerate(self.entries):
            if place not in left_out:
                yield place, self.settings.job(entry, model)

    @property
    def folders(self) -> list[Path]:
        """Every folder that is written to."""
        return [self.settings.output / folder for folder in sorted({"", *(entry.folder for entry in self.entries)})]


class BatchProgress(Protocol):
    """Who is told how a batch goes."""

    def begin(self, stage: str, n_photos: int) -> None:
        """Take note that a pass over the photos begins."""

    def tell(self, row: Row | None) -> None:
        """Take note of a photo of this pass; None = it was read, and is to come once more."""


def plan_batch(inputs: Sequence[str], settings: Settings, *, recursive: bool) -> Plan:
    """Find the photos, and name all outputs so that none can be mistaken for another.

    Parameters
    ----------
    inputs : sequence of str
        Folders, patterns and photos, see `segmenter.io.files.discovery.list_photos`.
    settings : Settings
    recursive : bool

    Raises
    ------
    OutputCollisionError
        The output folder is one of the inputs.
    """
    listing = list_photos(inputs, recursive=recursive, output=str(settings.output))
    probe = settings.job(Entry("x", "", "x"))
    endings = [path.name[1:] for path in probe.outputs_of_either_mode]
    root = os.path.realpath(settings.output)
    taken = [*SUMMARIES, SHARED_MODEL, SHARED_RECORD]
    for path, _ in listing.photos:
        place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        if place.startswith(root + os.sep):
            taken.append(os.path.relpath(place, root))
    return Plan(settings, listing, tuple(name_outputs(listing.photos, endings, taken)))


def check_batch(plan: Plan) -> None:
    """Refuse a batch that could not write its outputs, before any work is done.

    Raises
    ------
    OutputExistsError
        An output exists, and neither ``overwrite`` nor ``resume`` was asked for.
    WriteError
        A folder is in the place of an output, or a file in that of its folder.
    """
    settings = plan.settings
    own = [*SUMMARIES, *((SHARED_MODEL, SHARED_RECORD) if settings.shared_model else ())]
    own += [REPORT_NAME] if settings.report else []
    first, n_existing = None, 0
    outputs = chain.from_iterable(job.outputs_of_either_mode for _, job in plan.jobs())
    for path in filter_existing(chain((settings.output / name for name in own), outputs)):
        check_path(path)
        first = first or path
        n_existing += 1
    for folder in plan.folders:
        check_path(folder / "x")
    if first is not None and not (settings.overwrite or settings.resume):
        remedy = "--resume to go on, --overwrite to replace it,"
        raise OutputExistsError(str(first), n_more=n_existing - 1, remedy=remedy)
