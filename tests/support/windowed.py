"""Segment pictures by windows, and read the labels that were written."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

import segmenter
from segmenter.execution.api import JobResult, Workers
from segmenter.segmentation.recipe import PhotoRecipe, Recipe
from segmenter.workflows.segment.job import SegmentJob, WindowOptions, plan_job, to_windowed
from segmenter.workflows.segment.result import SegmentResult
from segmenter.workflows.segment.run import run_job


def map_jobs_here_shuffled(
    function: Callable[[Any], Any], jobs: Iterable[tuple[int, Any]], workers: Workers
) -> Generator[JobResult[Any, Any]]:
    """Replace `map_jobs`: run the jobs in this process, and yield their results in another order, as workers may."""
    waiting = [JobResult(index, job, function(job)) for index, job in jobs]
    random.Random(len(waiting)).shuffle(waiting)
    yield from waiting


def plan(path: Path, recipe: PhotoRecipe | None = None, **options: Any) -> SegmentJob:
    """Plan to segment a picture into the folder ``out`` beside it."""
    given = {"figure_options": None, "max_pixels": 10**9, "overwrite": False} | options
    return plan_job(path, path.parent / "out", recipe or Recipe(restarts=1), **given)


def run_by_windows(
    path: Path, recipe: PhotoRecipe | None = None, bands: tuple[int, ...] = (), **options: Any
) -> SegmentResult:
    """Segment a picture by windows, whatever its size."""
    windows = WindowOptions(bands=bands, workers=Workers(2))
    return run_job(to_windowed(plan(path, recipe, windows=windows, **options), "read by windows"))


def read_written_labels(path: Path, level: int = 0) -> NDArray[Any]:
    """Return the labels that `run_by_windows` wrote for a picture: at full size, or an overview of the given level."""
    written = path.parent / "out" / f"{path.stem}.labels.tif"
    return segmenter.read_labels(written) if level == 0 else np.asarray(tifffile.imread(written, key=level))
