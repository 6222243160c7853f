"""What is done already: the record of a photo, written last, tells of which input and by which options."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeAlias

from segmenter._version import __version__
from segmenter.errors import ReadError
from segmenter.io.files.local import compute_digest, read_first_bytes
from segmenter.workflows.segment.job import SegmentJob, to_windowed
from segmenter.workflows.segment.record import SCHEMA, describe_files, describe_model

MAX_RECORD_BYTES = 64_000_000

Decision: TypeAlias = Literal["do", "up to date", "redo"]


def finished_record(job: SegmentJob) -> dict[str, Any] | None:
    """Return the record of a photo that is done as asked for; None where anything is missing, changed or different.

    Whether it went through memory or by windows is no difference: the free memory of the day decides that.

    Parameters
    ----------
    job : SegmentJob
        In memory; the windowed job is derived where the record tells of one.

    Raises
    ------
    ReadError
        The record is there, but the photo cannot be read.
    """
    record = read_record(job.record)
    if record is None:
        return None
    done, bands = job, job.windows.bands
    if "windows" in record or bands:
        done = to_windowed(job, "")
        windows = record.get("windows")
        if not isinstance(windows, dict) or windows.get("bands") != (list(bands) or None):
            return None
    if not all(path.is_file() for path in done.outputs):
        return None
    wanted = {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "recipe": json.loads(json.dumps(asdict(job.recipe))),
        "model": None if job.model is None else describe_model(job.model),
    }
    if any(record.get(key) != value for key, value in wanted.items()):
        return None
    files = describe_files(job)
    if files["figure"] is not None and record.get("figure") != files["figure"]:
        return None
    if not set(files["saved"]) <= set(record.get("saved", ())):
        return None
    photo = record.get("input")
    if not isinstance(photo, dict) or photo.get("sha256") != compute_digest(job.source):
        return None
    return record


def decide(job: SegmentJob) -> Decision:
    """Return what ``resume`` would do with a photo: whatever stands in the way of reading it is for the job to tell."""
    if not any(path.exists() for path in job.outputs_of_either_mode):
        return "do"
    try:
        return "redo" if finished_record(job) is None else "up to date"
    except ReadError:
        return "do"


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, None where there is none."""
    try:
        record = json.loads(read_first_bytes(path, MAX_RECORD_BYTES))
    except (ReadError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
