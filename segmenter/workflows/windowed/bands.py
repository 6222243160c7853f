"""The pass over a picture of bands that finds how to reduce them to colors, where its recipe needs colors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from segmenter.arrays import Bools, Pixels
from segmenter.errors import NoPixelsError
from segmenter.features.principal_colors import BandMoments, BandReduction, find_principal_colors, sum_moments
from segmenter.io.images.config import ValueRange
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.segmentation.bands import needs_colors
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.windowed.color_tasks import process_window
from segmenter.workflows.windowed.passes import run_window_jobs


@dataclass(frozen=True)
class MomentsJob:
    """Sum the moments of the bands of a window."""

    source: Path
    bands: tuple[int, ...]
    window: Window
    value_range: ValueRange | None


def sum_window_moments(job: MomentsJob) -> BandMoments | Exception:
    """Return the moments of a window, or the error."""
    return process_window(job, sum_pixel_moments)


def sum_pixel_moments(pixels: Pixels, mask: Bools | None, job: MomentsJob) -> BandMoments:
    """Return the moments of the pixels (h, w, C) of a window."""
    return sum_moments(pixels, mask)


def find_band_reduction(picture: WindowedPicture, job: SegmentJob, progress: Progress) -> BandReduction | None:
    """Return how the bands of a scaled picture become colors; None = its recipe needs none, or they are colors.

    Raises
    ------
    NoPixelsError
        No pixel takes part.
    DamagedPhotoError
    """
    if job.model is not None or not needs_colors(picture.n_features, job.recipe):
        return None
    windows = picture.plan_windows()[1]

    def plan_jobs() -> Iterator[tuple[int, MomentsJob]]:
        for index, window in enumerate(windows):
            yield index, MomentsJob(job.source, job.windows.bands, window, picture.value_range)

    progress.start_stage("comparing bands", len(windows))
    with closing(run_window_jobs(sum_window_moments, plan_jobs(), job, progress)) as results:
        moments = reduce(add, (part for _, part in results))
    if not moments.n_pixels:
        raise NoPixelsError(picture.label)
    return find_principal_colors(moments)
