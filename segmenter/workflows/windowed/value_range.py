"""The pass before all others over a picture of more than 8 bits: which of its values are black and which are white."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from segmenter.arrays import Bools, Pixels
from segmenter.errors import NoPixelsError
from segmenter.io.images.config import ValueRange
from segmenter.io.images.value_range import (
    ValueSample,
    choose_value_range,
    is_scaled,
    merge_value_samples,
    sample_values,
)
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.windowed.color_tasks import process_window
from segmenter.workflows.windowed.passes import run_window_jobs


@dataclass(frozen=True)
class SampleJob:
    """Sample the stored values of a window."""

    source: Path
    bands: tuple[int, ...]
    window: Window
    full_shape: tuple[int, int]  # of the picture
    value_range: None = None  # the values are read as stored


def sample_window(job: SampleJob) -> ValueSample | Exception:
    """Return the sample of a window, or the error."""
    return process_window(job, sample_pixels)


def sample_pixels(pixels: Pixels, mask: Bools | None, job: SampleJob) -> ValueSample:
    """Return the sample of the stored pixels (h, w, C) of a window."""
    corner = job.window.top, job.window.left
    return sample_values(pixels, mask, corner=corner, full_shape=job.full_shape)


def sample_picture(picture: WindowedPicture) -> ValueSample:
    """Return the sample of a picture that is not scaled yet, read in this process; NoPixelsError as below."""
    windows = picture.plan_windows()[1]
    sample = merge_value_samples(
        sample_values(*picture.read(window), corner=(window.top, window.left), full_shape=picture.shape)
        for window in windows
    )
    check_has_pixels(sample, picture)
    return sample


def check_has_pixels(sample: ValueSample, picture: WindowedPicture) -> None:
    """Raise NoPixelsError if no pixel of a picture takes part."""
    if not sample.low[0] <= sample.high[0]:
        raise NoPixelsError(picture.label)


def find_value_range(picture: WindowedPicture, job: SegmentJob, progress: Progress) -> ValueRange | None:
    """Return the value range of a picture that is not scaled yet; None = its 8-bit values are taken as they are.

    Raises
    ------
    NoPixelsError
        No pixel takes part.
    DamagedPhotoError
    """
    if not is_scaled(picture.stored_dtype, job.scale_range):
        return None
    windows = picture.plan_windows()[1]

    def plan_jobs() -> Iterator[tuple[int, SampleJob]]:
        for index, window in enumerate(windows):
            yield index, SampleJob(job.source, job.windows.bands, window, picture.shape)

    progress.start_stage("reading values", len(windows))
    with closing(run_window_jobs(sample_window, plan_jobs(), job, progress)) as results:
        sample = merge_value_samples(part for _, part in results)
    check_has_pixels(sample, picture)
    return choose_value_range(sample, job.scale_range)
