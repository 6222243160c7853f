"""What the passes over the windows of a picture share: running their jobs, and writing the label image."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from segmenter.arrays import Bools, Pixels
from segmenter.errors import UnsupportedPhotoError
from segmenter.execution.map import map_jobs
from segmenter.io.files.atomic import temporary_output, translate_write_errors
from segmenter.io.labels.ome_zarr import GZIP_WINDOW_BITS, write_label_zarr
from segmenter.io.labels.tiff import MAX_INDEXED_LABEL, TileLayout, write_label_tiff
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.render.palette import palette
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class WindowedSegmentation:
    """The segments of a windowed picture, before its outputs are written."""

    label_image: Path  # a temporary file, or folder of a Zarr
    pixels: Pixels  # (h, w, C), of the preview
    mask: Bools  # (h, w), of the preview
    notes: tuple[str, ...]
    segmentation: Segmentation  # labels (h, w) of the preview, but the segments of the whole picture
    n_pixels: int  # of the whole picture that take part
    n_fitted: int | None = None  # pixels that a mixture was fitted to; None = none was fitted


def run_window_jobs(
    function: Callable[[J], R | Exception], jobs: Iterator[tuple[int, J]], job: SegmentJob, progress: Progress
) -> Generator[tuple[int, R]]:
    """Yield the index and the result of each window job, in the order in which they finish; raise the first error."""
    with closing(map_jobs(function, jobs, job.windows.workers)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome.result, Exception):
                raise outcome.result
            if outcome.result is None:
                raise UnsupportedPhotoError(str(job.source), outcome.lost)
            progress.finish_step()
            yield outcome.index, outcome.result


def sort_by_index(results: Iterable[tuple[int, R]]) -> Generator[tuple[int, R]]:
    """Yield results in the order of their indices 0, 1, …; those that come too early wait in memory."""
    waiting: dict[int, R] = {}
    next_index = 0
    for index, result in results:
        waiting[index] = result
        while next_index in waiting:
            yield next_index, waiting.pop(next_index)
            next_index += 1


def create_label_image(job: SegmentJob, stack: ExitStack) -> Path:
    """Return a new temporary file, or folder of a Zarr, for the label image; it is removed when the stack is closed."""
    return stack.enter_context(temporary_output(job.labels, is_folder=job.has_zarr_labels))


def choose_label_dtype(n_labels: int) -> type[np.unsignedinteger[Any]]:
    """Return the type of a label image with labels up to a number."""
    return np.uint8 if n_labels <= MAX_INDEXED_LABEL else np.uint16


def write_label_image(
    temporary: Path, tiles: Generator[bytes], picture: WindowedPicture, job: SegmentJob, n_labels: int
) -> None:
    """Write a label image and its overviews from its compressed tiles in reading order.

    Raises
    ------
    WriteError
        The system refuses to write.
    """
    tile, _ = picture.plan_windows()
    layout = TileLayout(picture.shape, tile, choose_label_dtype(n_labels))
    with translate_write_errors(job.labels), closing(tiles) as encoded:
        if job.has_zarr_labels:
            write_label_zarr(temporary, encoded, layout, palette(n_labels))
        else:
            colors = palette(min(n_labels, MAX_INDEXED_LABEL))
            write_label_tiff(temporary, encoded, layout, colors, picture.header.tags)


def get_zlib_window_bits(job: SegmentJob) -> int:
    """Return the window bits with which zlib compresses the tiles of the label image: as gzip for Zarr, else zlib."""
    return GZIP_WINDOW_BITS if job.has_zarr_labels else zlib.MAX_WBITS
