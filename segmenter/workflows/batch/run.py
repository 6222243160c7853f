"""Run a batch: each photo by the same job as a single one, and a failure of one does not affect the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from segmenter.errors import NoSpaceError, SegmenterError, describe_problem
from segmenter.execution.api import Workers
from segmenter.execution.map import import_dask_client, map_jobs
from segmenter.io.files.atomic import check_writable, get_temporary_folder, remove_stale_temporaries
from segmenter.io.files.remote import to_path
from segmenter.workflows.batch.plan import MEMORY_ADVICE, BatchPlan, BatchProgress
from segmenter.workflows.batch.resume import finished_record
from segmenter.workflows.batch.summary import Row, Summary, summarize_failure, summarize_record
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.outputs import format_path


def run_batch(plan: BatchPlan, workers: Workers, progress: BatchProgress, *, fail_fast: bool = False) -> Summary:
    """Process all photos of a batch and write its summary, even if it is interrupted.

    Parameters
    ----------
    plan : BatchPlan
    workers : Workers
    progress : BatchProgress
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
        The cluster cannot do the work, which is checked before any photo, or it was lost.
    KeyboardInterrupt
        The summary was written.
    """
    if workers.scheduler is not None:  # if a worker dies, its photo runs again and may find outputs of the first run
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
            run_passes(plan, workers, progress, summary, fail_fast=fail_fast)
    finally:
        for folder in folders:  # workers that had to be killed leave temporary files
            remove_stale_temporaries(folder)
        for index, entry in enumerate(plan.entries):
            if not summary.has(index):
                summary.add(index, Row(format_path(to_path(entry.source)), "", "not done"))
        summary.write(settings.output, settings.recipe, plan.listing.skipped)
    return summary


def run_passes(
    plan: BatchPlan, workers: Workers, progress: BatchProgress, summary: Summary, *, fail_fast: bool
) -> None:
    """Process all photos; for a shared model, count their colors in a first pass."""

    def report(index: int, row: Row) -> bool:
        """Add the outcome of a photo to the summary, and return whether to go on."""
        summary.add(index, row)
        progress.finish_photo(row)
        return not (row.ends_batch or (fail_fast and row.status == "failed"))

    model = None
    if plan.settings.shared_model:
        from segmenter.workflows.batch.shared_model import provide_shared_model

        shared = provide_shared_model(plan, workers, progress, report)
        if shared is None:
            return
        model, summary.notes = shared.model, shared.notes
    failed = summary.indices()
    progress.start_stage("segmenting", len(plan.entries) - len(failed))
    function = partial(process_photo, resume=plan.settings.resume)
    with closing(run_photo_jobs(function, plan.build_jobs(model, failed), workers)) as rows:
        for index, row in rows:
            if not report(index, row):
                return


def run_photo_jobs(
    function: Callable[[SegmentJob], Row], jobs: Iterator[tuple[int, SegmentJob]], workers: Workers
) -> Generator[tuple[int, Row]]:
    """Yield the index and the outcome of each photo as it is done; one whose worker died has failed."""
    with closing(map_jobs(function, jobs, workers)) as outcomes:
        for outcome in outcomes:
            row, job = outcome.result, outcome.job
            if row is None:
                remove_stale_temporaries(get_temporary_folder(job.record.parent))
                row = summarize_failure(job.source, job.record, f"{job.source}: {outcome.lost}")
            yield outcome.index, row


def process_photo(job: SegmentJob, *, resume: bool = False) -> Row:
    """Segment one photo and return its outcome; an error is not raised, but returned as a failure.

    This is what workers do. Each chooses between the in-memory and the windowed mode itself, as only it knows its
    memory limit, and processes the windows of a picture one after the other.

    Parameters
    ----------
    job : SegmentJob
    resume : bool
        Do nothing if the record shows that all outputs are up to date.
    """
    started = time.perf_counter()
    try:
        if resume and (record := finished_record(job)) is not None:
            row = replace(summarize_record(record, job), status="up to date")
        else:  # imported late: the process that only hands out jobs does not need NumPy
            from segmenter.workflows.segment.run import run_job
            from segmenter.workflows.segment.strategy import choose_processing_mode

            row = summarize_record(run_job(choose_processing_mode(job)).record, job)
    except Exception as error:  # a failure of one photo must not stop the others
        trace = None if isinstance(error, SegmenterError) else traceback.format_exc()
        row = summarize_failure(
            job.source, job.record, describe_problem(error, job.source, memory_advice=MEMORY_ADVICE), trace
        )
        row = replace(row, ends_batch=isinstance(error, NoSpaceError))
    return replace(row, seconds=time.perf_counter() - started)
