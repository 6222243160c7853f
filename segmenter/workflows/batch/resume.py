"""What ``--resume`` need not do again: photos whose record, the last file written, shows the same input and options."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, TypeAlias

from segmenter.errors import ReadError
from segmenter.io.files.local import compute_digest
from segmenter.io.images.config import ValueRange, is_made_by
from segmenter.segmentation.record import SCHEMA, SOFTWARE, RunRecord, read_record
from segmenter.workflows.segment.job import SegmentJob, to_windowed
from segmenter.workflows.segment.record import describe_figure, describe_model, describe_saved

Decision: TypeAlias = Literal["do", "up to date", "redo"]


def finished_record(job: SegmentJob) -> RunRecord | None:
    """Return the record of a photo that is done as the job asks; None where anything is missing, changed or different.

    It does not matter whether the photo was read in memory or by windows: that depends on the memory free at the time.

    Parameters
    ----------
    job : SegmentJob
        In memory; the record may be of the same job by windows.

    Raises
    ------
    ReadError
        There is a record, but the photo cannot be read.
    """
    record = read_record(job.record)
    if record is None or not _has_outputs(record, job) or not _is_by_same_options(record, job):
        return None
    return record if record.input.sha256 == compute_digest(job.source) else None


def _has_outputs(record: RunRecord, job: SegmentJob) -> bool:
    """Return whether a run was on the bands of a job, and all its files exist."""
    bands = job.windows.bands
    if record.windows is not None or bands:
        if record.windows is None or record.windows.bands != (bands or None):
            return False
        job = to_windowed(job, "")
    return all(path.is_file() for path in job.outputs)


def _is_by_same_options(record: RunRecord, job: SegmentJob) -> bool:
    """Return whether a record is of this version, recipe and model, and of all figures and files that are asked for."""
    figure = describe_figure(job)
    return (
        record.schema == SCHEMA
        and record.software == SOFTWARE
        and record.recipe == asdict(job.recipe)
        and record.model == (None if job.model is None else describe_model(job.model))
        and (job.model is not None or _is_by_same_range(record, job))
        and (figure is None or record.figure == figure)
        and set(describe_saved(job)) <= set(record.saved)
    )


def _is_by_same_range(record: RunRecord, job: SegmentJob) -> bool:
    """Return whether the value range was chosen as the job says; records of early versions do not tell all ranges."""
    photo = record.input
    is_known = photo.value_range is not None or photo.dtype == "uint8"
    return is_known and not isinstance(job.scale_range, ValueRange) and is_made_by(photo.value_range, job.scale_range)


def decide(job: SegmentJob) -> Decision:
    """Return what ``--resume`` does with a photo; one that cannot be read is left to the job, which says why."""
    if not any(path.exists() for path in job.outputs_of_either_mode):
        return "do"
    try:
        return "redo" if finished_record(job) is None else "up to date"
    except ReadError:
        return "do"
