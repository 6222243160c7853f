"""The entry to segmenting one photo: the mode of its job decides how it is processed."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import NullProgress, Progress
from segmenter.workflows.segment.result import SegmentResult


def run_job(job: SegmentJob, *, stream: BinaryIO | None = None, progress: Progress | None = None) -> SegmentResult:
    """Read, segment, draw and write one photo; return what was found.

    Parameters
    ----------
    job : SegmentJob
    stream : binary file, optional
        Where to read the photo from, instead of the path of the job; in memory only.
    progress : Progress, optional

    Raises
    ------
    SegmenterError
        No output was written.
    """
    progress = progress or NullProgress()
    if job.mode == "windowed":
        from segmenter.workflows.windowed.run import run_windowed

        return run_windowed(job, progress)
    from segmenter.workflows.segment.in_memory import run_in_memory

    return run_in_memory(job, progress, stream)


def compute_label_image(
    job: SegmentJob, *, stream: BinaryIO | None = None, progress: Progress | None = None
) -> tuple[SegmentResult, BinaryIO]:
    """Segment one photo without writing its outputs; return what was found, and the label image as an open file.

    The label image is a PNG, or of a windowed job a TIFF. Parameters and errors are those of `run_job`.
    """
    if job.mode == "windowed":
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:  # overviews are made of what is written, so a file is needed
            labels = Path(folder, "labels.tif")
            to_folder = replace(job, labels=labels, record=labels.with_suffix(".json"), figure=None)
            return run_job(to_folder, progress=progress), labels.open("rb")
    from segmenter.workflows.segment.in_memory import compute_in_memory, encode_label_image

    result = compute_in_memory(job, progress or NullProgress(), stream)
    return result, BytesIO(encode_label_image(result.segmentation))
