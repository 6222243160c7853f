"""The small pictures of a result: made by workers, from the label image and the photo, wherever that lies."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmenter.arrays import Bytes
from segmenter.errors import DamagedRecordError, ReadError, SegmenterError, describe_problem
from segmenter.execution.api import Workers
from segmenter.execution.map import map_jobs
from segmenter.io.files.results import get_label_image_paths, group_files_by_name
from segmenter.io.images.photo import Photo, read_photo
from segmenter.io.labels.thumbnails import (
    encode_labels_as_colors,
    encode_preview,
    encode_thumbnail,
    read_label_preview,
    shrink,
)
from segmenter.render.pixels import to_display_rgb
from segmenter.workflows.report.results import Result

MANY = 8
"""Pictures that are worth starting processes for."""


@dataclass(frozen=True)
class PreviewJob:
    """What the pictures of one result are made of; plain values."""

    labels: Path
    shape: tuple[int, int]  # (H, W)
    colors: tuple[str, ...]  # of the segments, as in CSS
    photos: tuple[Path, ...]  # where the photo may lie, the likeliest first
    digest: str | None  # of the photo; None = any will do
    max_pixels: int


@dataclass(frozen=True)
class Preview:
    """The pictures of one result, as the content of files."""

    thumbnail: bytes = b""
    photo: bytes = b""  # b"" = it was not found
    labels: bytes = b""
    problem: str = ""  # why there are no pictures at all
    photo_problem: str = ""  # why the photo is not among them


def map_previews(jobs: Sequence[tuple[int, PreviewJob]], n_workers: int) -> Generator[tuple[int, Preview]]:
    """Yield the place and the pictures of each job, as they are done."""
    if len(jobs) < MANY or n_workers == 1:
        for place, job in jobs:
            yield place, make_preview(job)
        return
    for answer in map_jobs(make_preview, jobs, Workers(n_workers)):
        yield answer.index, answer.result or Preview(problem=f"{answer.job.labels}: {answer.lost}")


def make_preview(job: PreviewJob) -> Preview:
    """Return the pictures of one result; what stands in their way is told, not raised."""
    try:
        small = read_label_preview(job.labels, job.shape)
        if small.max() > len(job.colors):
            raise DamagedRecordError(str(job.labels), "it holds more labels than its record tells")
        colors = np.frombuffer(bytes.fromhex("".join(color[1:] for color in job.colors)), np.uint8).reshape(-1, 3)
        photo, photo_problem = None, "not found"
        for path in job.photos:
            try:
                found = read_photo(path, max_pixels=job.max_pixels)
            except ReadError as error:
                photo_problem = str(error)
                continue
            if job.digest is None or found.digest == job.digest:
                photo = shrink(display_rgba(found))
                break
            photo_problem = f"{path} is another photo, or has changed since"
        if photo is not None and photo.shape[:2] != small.shape:
            photo, photo_problem = None, "has another size"
        return Preview(
            encode_thumbnail(photo, small, colors),
            b"" if photo is None else encode_preview(photo),
            encode_labels_as_colors(small),
            photo_problem="" if photo is not None else photo_problem,
        )
    except Exception as error:  # whatever happens to one result, the others are shown
        told = str(error) if isinstance(error, SegmenterError) else describe_problem(error, job.labels)
        return Preview(problem=told)


def display_rgba(photo: Photo) -> Bytes:
    """Return a photo as 8-bit sRGB, with opacity where some of its pixels take no part."""
    pixels = to_display_rgb(photo.pixels)
    return pixels if photo.mask is None else np.dstack([pixels, 255 * photo.mask.astype(np.uint8)])


def plan_previews(
    folder: Path, results: Sequence[Result], photos: Path | None, max_pixels: int
) -> list[tuple[int, PreviewJob]]:
    """Return what to make the pictures of each result from, with its place among the results.

    Records name their photo, but no folder. It is looked for by that name: below ``photos``, where the summary says,
    beside the results, and in the folder above them; the digest in the record tells whether it is the one.

    Parameters
    ----------
    folder : Path
        Where the results are.
    results : sequence of Result
    photos : Path, optional
        Where photos are looked for first, in its sub-folders too.
    max_pixels : int
        Larger photos are not decoded.

    Raises
    ------
    ReadError
        ``photos`` is no folder that can be read.
    """
    named: Mapping[str, Sequence[Path]] = {} if photos is None else group_files_by_name(photos)
    jobs = []
    for place, result in enumerate(results):
        if result.record is None:
            continue
        taken = result.record["input"]
        name, below = Path(taken["name"]).name, result.stem.relative_to(folder).parent
        places = [
            *(sorted(named.get(name, ()), key=lambda path: path.parent.parts[-len(below.parts) :] != below.parts)),
            *([Path(result.source)] if result.source else []),
            *(top / name for top in (folder / below, folder / os.pardir / below, folder / os.pardir)),
        ]
        jobs.append(
            (
                place,
                PreviewJob(
                    next(
                        filter(os.path.exists, get_label_image_paths(result.stem)),
                        get_label_image_paths(result.stem)[0],
                    ),
                    (taken["height"], taken["width"]),
                    tuple(segment["color"] for segment in result.record["segments"]),
                    tuple(dict.fromkeys(path for path in places if os.path.isfile(path))),  # noqa: PTH113
                    taken["sha256"],
                    max_pixels,
                ),
            )
        )
    return jobs
