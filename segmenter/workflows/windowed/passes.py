"""What every pass over the windows of a picture is: jobs for workers, what these answer, and who is told of it."""

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

REDUCED_SIDE = 2048
"""The reduced picture, which is drawn, is no larger than this, in pixels."""

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class WindowedResult:
    """What was found in a picture."""

    label_image: Path  # a temporary file or folder
    pixels: Pixels  # (h, w, C), of the reduced picture
    mask: Bools  # (h, w)
    notes: tuple[str, ...]
    segmentation: Segmentation  # labels (h, w), but the segments are those of the whole picture
    n_pixels: int  # of the whole picture that take part
    n_fitted: int | None = None  # that a mixture was fitted to


def answers(
    function: Callable[[J], R | Exception], jobs: Iterator[tuple[int, J]], job: SegmentJob, progress: Progress
) -> Generator[tuple[int, R]]:
    """Yield what workers answer, and raise what went wrong in one of them."""
    with closing(map_jobs(function, jobs, job.windows.workers)) as found:
        for answer in found:
            if isinstance(answer.result, Exception):
                raise answer.result
            if answer.result is None:
                raise UnsupportedPhotoError(str(job.source), answer.lost)
            progress.step()
            yield answer.index, answer.result


def in_order(found: Iterable[tuple[int, R]]) -> Generator[tuple[int, R]]:
    """Yield answers by their places, so that what is made of them does not depend on who was faster."""
    waiting: dict[int, R] = {}
    following = 0
    for place, answer in found:
        waiting[place] = answer
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1


def new_label_image(job: SegmentJob, stack: ExitStack) -> Path:
    """Return a temporary file, or folder, for the label image; it is gone with the stack."""
    return stack.enter_context(temporary_output(job.labels, is_folder=job.has_zarr_labels))


def label_type(n_labels: int) -> type[np.unsignedinteger[Any]]:
    """Return the type of a label image with so many labels."""
    return np.uint8 if n_labels <= MAX_INDEXED_LABEL else np.uint16


def write_tiles(
    temporary: Path,
    tiles: Generator[bytes],
    picture: WindowedPicture,
    tile: tuple[int, int],
    n_labels: int,
    job: SegmentJob,
) -> None:
    """Write a label image and its overviews; WriteError where the system refuses."""
    layout = TileLayout(picture.shape, tile, label_type(n_labels))
    with translate_write_errors(job.labels), closing(tiles) as encoded:
        if job.has_zarr_labels:
            write_label_zarr(temporary, encoded, layout, palette(n_labels))
        else:
            colors = palette(min(n_labels, MAX_INDEXED_LABEL))
            write_label_tiff(temporary, encoded, layout, colors, picture.header.tags)


def window_bits(job: SegmentJob) -> int:
    """Return how zlib is to wrap the tiles of the label image."""
    return GZIP_WINDOW_BITS if job.has_zarr_labels else zlib.MAX_WBITS
