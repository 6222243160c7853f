"""A batch: many photos, each done for itself by the same jobs as single ones, and nothing lost."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segmenter.errors import NoSpaceError, SegmenterError, describe_problem
from segmenter.execution.api import Workers
from segmenter.execution.map import import_dask_client, map_jobs
from segmenter.io.files.atomic import check_writable, get_temporary_folder, remove_stale_temporaries
from segmenter.io.files.remote import to_path
from segmenter.workflows.batch.plan import MEMORY_ADVICE, BatchProgress, Plan
from segmenter.workflows.batch.resume import finished_record
from segmenter.workflows.batch.summary import Row, Summary, summarize_failure, summarize_record
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.outputs import format_path

if TYPE_CHECKING:
    pass


def run_batch(plan: Plan, workers: Workers, watcher: BatchProgress, *, fail_fast: bool = False) -> Summary:
    """Do all photos of a batch, and write its summary, also where it is interrupted.

    Parameters
    ----------
    plan : Plan
    workers : Workers
    watcher : BatchProgress
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
        import_dask_client().check_cluster(workers.scheduler, plan.entries[0].source, str(settings.output))
    folders = dict.fromkeys(get_temporary_folder(folder) for folder in plan.folders)
    for folder in folders:
        remove_stale_temporaries(folder)
    summary = Summary(len(plan.entries))
    for path, reason in plan.listing.failed:
        row = summarize_failure(to_path(path), Path(), f"{path}: {reason}")
        summary.add_failed_input(row)
    try:
        if not (fail_fast and plan.listing.failed):
            _run_passes(plan, workers, watcher, summary, fail_fast)
    finally:
        for folder in folders:  # of workers that had to be killed
            remove_stale_temporaries(folder)
        for place, entry in enumerate(plan.entries):
            if not summary.has(place):
                summary.add(place, Row(format_path(to_path(entry.source)), "", "not done"))
        summary.write(settings.output, settings.recipe, plan.listing.skipped)
    return summary


def _run_passes(plan: Plan, workers: Workers, watcher: BatchProgress, summary: Summary, fail_fast: bool) -> None:
    """Do all photos; with a shared model count their colors first."""

    def take(place: int, row: Row) -> bool:
        """Keep what became of a photo, and return whether to go on."""
        summary.add(place, row)
        watcher.tell(row)
        return not (row.ends_batch or (fail_fast and row.status == "failed"))

    model = None
    if plan.settings.shared_model:
        from segmenter.workflows.batch.shared_model import shared_model

        model = shared_model(plan, workers, watcher, take)
        if model is None:
            return
    left_out = summary.indices()
    watcher.begin("segmenting", len(plan.entries) - len(left_out))
    function = partial(settle, resume=plan.settings.resume)
    with closing(each_row(function, plan.jobs(model, left_out), workers)) as rows:
        for place, row in rows:
            if not take(place, row):
                return


def each_row(
    function: Callable[[SegmentJob], Row], jobs: Iterator[tuple[int, SegmentJob]], workers: Workers
) -> Generator[tuple[int, Row]]:
    """Yield the place and the row of each job as it is done; a photo whose worker died has failed."""
    with closing(map_jobs(function, jobs, workers)) as answers:
        for answer in answers:
            row = answer.result
            if row is None:
                remove_stale_temporaries(get_temporary_folder(answer.job.record.parent))
                row = summarize_failure(answer.job.source, answer.job.record, f"{answer.job.source}: {answer.lost}")
            yield answer.index, row


def settle(job: SegmentJob, *, resume: bool = False) -> Row:
    """Do one photo, unless it is done; whatever happens to it is told, not raised. This is what workers do.

    What is read by windows is so in this process, one window after the other.

    Parameters
    ----------
    job : SegmentJob
    resume : bool
        Do nothing where the record tells that everything is up to date.
    """
    started = time.perf_counter()
    try:
        if resume and (record := finished_record(job)) is not None:
            row = replace(summarize_record(record, job), status="up to date")
        else:  # these imports come late, so that who only hands out jobs needs no NumPy
            from segmenter.workflows.segment.run import run_job
            from segmenter.workflows.segment.strategy import choose_processing_mode

            row = summarize_record(run_job(choose_processing_mode(job)).record, job)
    except Exception as error:  # whatever happens to one photo, the others go on
        told = None if isinstance(error, SegmenterError) else traceback.format_exc()
        row = summarize_failure(
            job.source, job.record, describe_problem(error, job.source, memory_advice=MEMORY_ADVICE), told
        )
        row = replace(row, ends_batch=isinstance(error, NoSpaceError))
    return replace(row, seconds=time.perf_counter() - started)
