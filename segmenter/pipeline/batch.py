"""A batch: many photos, each done for itself by the same jobs as single ones, and nothing lost."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segmenter.errors import NoSpaceError, OutputExistsError, SegmenterError, problem_of
from segmenter.execution.api import Workers
from segmenter.execution.map import cluster_workers, map_jobs
from segmenter.io.files.atomic import check_writable, remove_stale, temporary_place
from segmenter.io.files.discovery import Listing, list_photos
from segmenter.io.files.remote import as_path, existing
from segmenter.pipeline.names import Entry, name_outputs
from segmenter.pipeline.plan import Extra, FigureOptions, Job, check_place, plan_job, text_of
from segmenter.pipeline.resume import finished_record
from segmenter.pipeline.summary import SUMMARIES, Row, Summary, failed_row, row_of
from segmenter.segmentation.recipe import AnyRecipe

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
    recipe: AnyRecipe
    figure_options: FigureOptions | None  # None = no figures
    max_pixels: int
    extras: tuple[Extra, ...] = ()
    overwrite: bool = False
    resume: bool = False  # do what is missing or out of date, and nothing else
    shared_model: bool = False
    report: bool = False  # a page of all results is to follow
    bands: tuple[int, ...] = ()  # of TIFFs and Zarr arrays, from 1; empty = all
    is_strict: bool = False  # whether the limit on pixels is of pictures read by windows, too

    def job(self, entry: Entry, model: Model | None = None) -> Job:
        """Return what is to be done with one photo."""
        return plan_job(
            as_path(entry.source),
            self.output / entry.folder,
            self.recipe,
            figure_options=self.figure_options,
            max_pixels=self.max_pixels,
            overwrite=self.overwrite or self.resume,
            extras=self.extras,
            model=model,
            name=entry.name,
        )


@dataclass(frozen=True)
class Plan:
    """A batch before any work: its photos in order, each with the names of its outputs."""

    settings: Settings
    listing: Listing
    entries: tuple[Entry, ...]

    def jobs(self, model: Model | None = None, left_out: Collection[int] = ()) -> Iterator[tuple[int, Job]]:
        """Yield the place of each photo and its job; jobs are not kept."""
        for place, entry in enumerate(self.entries):
            if place not in left_out:
                yield place, self.settings.job(entry, model)

    @property
    def folders(self) -> list[Path]:
        """Every folder that is written to."""
        return [self.settings.output / folder for folder in sorted({"", *(entry.folder for entry in self.entries)})]


class Watcher(Protocol):
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
    endings = [path.name[1:] for path in probe.possible_outputs]
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
    outputs = chain.from_iterable(job.possible_outputs for _, job in plan.jobs())
    for path in existing(chain((settings.output / name for name in own), outputs)):
        check_place(path)
        first = first or path
        n_existing += 1
    for folder in plan.folders:
        check_place(folder / "x")
    if first is not None and not (settings.overwrite or settings.resume):
        remedy = "--resume to go on, --overwrite to replace it,"
        raise OutputExistsError(str(first), n_more=n_existing - 1, remedy=remedy)


def run_batch(plan: Plan, workers: Workers, watcher: Watcher, *, fail_fast: bool = False) -> Summary:
    """Do all photos of a batch, and write its summary, also where it is interrupted.

    Parameters
    ----------
    plan : Plan
    workers : Workers
    watcher : Watcher
        Is told of every photo as it is done.
    fail_fast : bool
        Stop at the first photo that fails.

    Returns
    -------
    Summary

    Raises
    ------
    WriteError
        The output folder or the summary cannot be written.
    ClusterError, MissingExtraError
        The cluster cannot do the work, which is told before any, or was lost.
    KeyboardInterrupt
        The summary was written.
    """
    if workers.scheduler is not None:  # where a worker dies, what it began is done again
        plan = replace(plan, settings=replace(plan.settings, overwrite=True))
    settings = plan.settings
    check_writable(settings.output)
    if workers.scheduler is not None and plan.entries:
        cluster_workers().check_cluster(workers.scheduler, plan.entries[0].source, str(settings.output))
    folders = dict.fromkeys(temporary_place(folder) for folder in plan.folders)
    for folder in folders:
        remove_stale(folder)
    summary = Summary(len(plan.entries))
    for path, reason in plan.listing.failed:
        row = failed_row(as_path(path), Path(), f"{path}: {reason}")
        summary.add_failed_input(row)
    try:
        if not (fail_fast and plan.listing.failed):
            _run_passes(plan, workers, watcher, summary, fail_fast)
    finally:
        for folder in folders:  # of workers that had to be killed
            remove_stale(folder)
        for place, entry in enumerate(plan.entries):
            if not summary.has(place):
                summary.add(place, Row(text_of(as_path(entry.source)), "", "not done"))
        summary.write(settings.output, settings.recipe, plan.listing.skipped)
    return summary


def _run_passes(plan: Plan, workers: Workers, watcher: Watcher, summary: Summary, fail_fast: bool) -> None:
    """Do all photos; with a shared model count their colors first."""

    def take(place: int, row: Row) -> bool:
        """Keep what became of a photo, and return whether to go on."""
        summary.add(place, row)
        watcher.tell(row)
        return not (row.ends_batch or (fail_fast and row.status == "failed"))

    model = None
    if plan.settings.shared_model:
        from segmenter.pipeline.shared import shared_model

        model = shared_model(plan, workers, watcher, take)
        if model is None:
            return
    left_out = summary.places()
    watcher.begin("segmenting", len(plan.entries) - len(left_out))
    settings = plan.settings
    function = partial(settle, resume=settings.resume, bands=settings.bands, is_strict=settings.is_strict)
    with closing(each_row(function, plan.jobs(model, left_out), workers)) as rows:
        for place, row in rows:
            if not take(place, row):
                return


def each_row(
    function: Callable[[Job], Row], jobs: Iterator[tuple[int, Job]], workers: Workers
) -> Generator[tuple[int, Row]]:
    """Yield the place and the row of each job as it is done; a photo whose worker died has failed."""
    with closing(map_jobs(function, jobs, workers)) as answers:
        for answer in answers:
            row = answer.result
            if row is None:
                remove_stale(temporary_place(answer.job.record.parent))
                row = failed_row(answer.job.source, answer.job.record, f"{answer.job.source}: {answer.lost}")
            yield answer.place, row


def settle(job: Job, *, resume: bool = False, bands: tuple[int, ...] = (), is_strict: bool = False) -> Row:
    """Do one photo, unless it is done; whatever happens to it is told, not raised. This is what workers do.

    What is read by windows is so in this process, one window after the other.

    Parameters
    ----------
    job : Job
    resume : bool
        Do nothing where the record tells that everything is up to date.
    bands : tuple of int
        Which are chosen of a TIFF or a Zarr array, from 1; empty = all.
    is_strict : bool
        Whether the limit on pixels is of pictures read by windows, too.
    """
    started = time.perf_counter()
    try:
        if resume and (record := finished_record(job, bands)) is not None:
            row = replace(row_of(record, job), status="up to date")
        else:
            from segmenter.pipeline.job import run_job  # late, so that who only hands out jobs needs no NumPy
            from segmenter.pipeline.large import run_large
            from segmenter.pipeline.large_steps import Nobody
            from segmenter.pipeline.road import choose_road, limits_of_worker

            chosen = choose_road(job, limits_of_worker(bands, is_strict=is_strict))
            result = run_job(chosen) if isinstance(chosen, Job) else run_large(chosen, Nobody())
            row = row_of(result.record, job)
    except Exception as error:  # whatever happens to one photo, the others go on
        told = None if isinstance(error, SegmenterError) else traceback.format_exc()
        row = failed_row(job.source, job.record, problem_of(error, job.source, memory_advice=MEMORY_ADVICE), told)
        row = replace(row, ends_batch=isinstance(error, NoSpaceError))
    return replace(row, seconds=time.perf_counter() - started)
