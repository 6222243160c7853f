"""What every pass over the windows of a picture is: jobs for workers, what these answer, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from segmenter.arrays import Bools, Pixels
from segmenter.errors import UnsupportedPhotoError, WriteError
from segmenter.io.label_tiff import MAX_INDEX, write_label_tiff
from segmenter.io.windows import WindowedPicture
from segmenter.pipeline.plan import LargeJob
from segmenter.pipeline.workers import map_jobs
from segmenter.regions.labels import Segmentation
from segmenter.render.palette import palette

REDUCED_SIDE = 2048
"""The reduced picture, which is drawn, is no larger than this, in pixels."""

J = TypeVar("J")
R = TypeVar("R")


class Progress(Protocol):
    """Who is told how far the work is."""

    def begin(self, stage: str, n_steps: int) -> None:
        """Take note that something of so many steps begins."""

    def step(self) -> None:
        """Take note that a step is done."""


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a picture."""

    label_image: Path  # a temporary file
    pixels: Pixels  # (h, w, C), of the reduced picture
    mask: Bools  # (h, w)
    notes: tuple[str, ...]
    segmentation: Segmentation  # labels (h, w), but the segments are those of the whole picture
    n_pixels: int  # of the whole picture that take part
    n_fitted: int | None = None  # that a mixture was fitted to


def answers(
    function: Callable[[J], R | Exception], jobs: Iterator[tuple[int, J]], job: LargeJob, progress: Progress
) -> Generator[tuple[int, R]]:
    """Yield what workers answer, and raise what went wrong in one of them."""
    with closing(map_jobs(function, jobs, job.workers)) as found:
        for answer in found:
            if isinstance(answer.result, Exception):
                raise answer.result
            if answer.result is None:
                raise UnsupportedPhotoError(str(job.source), answer.lost)
            progress.step()
            yield answer.place, answer.result


def in_order(found: Iterable[tuple[int, R]]) -> Generator[tuple[int, R]]:
    """Yield answers by their places, so that what is made of them does not depend on who was faster."""
    waiting: dict[int, R] = {}
    following = 0
    for place, answer in found:
        waiting[place] = answer
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1


def label_type(n_labels: int) -> type[np.unsignedinteger[Any]]:
    """Return the type of a label image with so many labels."""
    return np.uint8 if n_labels <= MAX_INDEX else np.uint16


def write_tiles(
    temporary: Path,
    tiles: Generator[bytes],
    picture: WindowedPicture,
    tile: tuple[int, int],
    n_labels: int,
    job: LargeJob,
) -> None:
    """Write a label image and its overviews; WriteError where the system refuses."""
    colors = palette(min(n_labels, MAX_INDEX))
    with writing(job), closing(tiles) as encoded:
        write_label_tiff(temporary, encoded, picture.shape, tile, label_type(n_labels), colors, picture.header.tags)


@contextmanager
def writing(job: LargeJob) -> Iterator[None]:
    """Raise WriteError where the system refuses in a block."""
    try:
        yield
    except OSError as error:
        raise WriteError(str(job.labels), (error.strerror or str(error)).lower()) from error
