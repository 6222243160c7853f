"""The small pictures of a result, made by workers from its label image and the photo, which has to be found first."""

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
from segmenter.io.images.config import ValueRange
from segmenter.io.images.photo import Photo, Reading, read_photo
from segmenter.io.labels.thumbnails import (
    encode_labels_as_colors,
    encode_preview,
    encode_thumbnail,
    read_label_preview,
    shrink,
)
from segmenter.render.pixels import to_display_rgb
from segmenter.segmentation.record import RunRecord
from segmenter.workflows.report.results import PhotoResult

MIN_JOBS_FOR_PROCESSES = 8
"""Of fewer jobs, starting processes takes longer than the work."""


@dataclass(frozen=True)
class PreviewJob:
    """The files that the pictures of one result are made from."""

    labels: Path
    shape: tuple[int, int]  # (H, W)
    colors: tuple[str, ...]  # of the segments, #rrggbb
    photos: tuple[Path, ...]  # where the photo may be, the likeliest first
    digest: str | None  # SHA-256 of the photo; None = any photo of this name is taken
    max_pixels: int
    bands: tuple[int, ...] = ()  # of the photo, from 1; () = all
    value_range: ValueRange | None = None  # of the photo; None = 8-bit values, taken as they are


@dataclass(frozen=True)
class Preview:
    """The pictures of one result, as the content of files."""

    thumbnail: bytes = b""
    photo: bytes = b""  # b"" = not found
    labels: bytes = b""
    problem: str = ""  # why there are no pictures at all
    photo_problem: str = ""  # why the photo is not among them


def map_previews(jobs: Sequence[tuple[int, PreviewJob]], n_workers: int) -> Generator[tuple[int, Preview]]:
    """Yield the index of each job and its pictures, as they are done."""
    if len(jobs) < MIN_JOBS_FOR_PROCESSES or n_workers == 1:
        for index, job in jobs:
            yield index, make_preview(job)
        return
    for answer in map_jobs(make_preview, jobs, Workers(n_workers)):
        yield answer.index, answer.result or Preview(problem=f"{answer.job.labels}: {answer.lost}")


def make_preview(job: PreviewJob) -> Preview:
    """Return the pictures of one result; errors are returned with it, not raised."""
    try:
        small = read_label_preview(job.labels, job.shape)
        if small.max() > len(job.colors):
            raise DamagedRecordError(str(job.labels), "it holds more labels than its record")
        colors = np.frombuffer(bytes.fromhex("".join(color[1:] for color in job.colors)), np.uint8).reshape(-1, 3)
        photo, photo_problem = find_photo(job)
        if photo is not None and photo.shape[:2] != small.shape:
            photo, photo_problem = None, "has another size"
        return Preview(
            encode_thumbnail(photo, small, colors),
            b"" if photo is None else encode_preview(photo),
            encode_labels_as_colors(small),
            photo_problem="" if photo is not None else photo_problem,
        )
    except Exception as error:  # a failure of one result must not hide the others
        return Preview(problem=str(error) if isinstance(error, SegmenterError) else describe_problem(error, job.labels))


def find_photo(job: PreviewJob) -> tuple[Bytes | None, str]:
    """Return the photo of a result, reduced and ready to show; None, and why, where it was not found."""
    reading = Reading(job.bands, scale_range=job.value_range or "full")
    problem = "not found"
    for path in job.photos:
        try:
            photo = read_photo(path, max_pixels=job.max_pixels, reading=reading)
        except ReadError as error:
            problem = str(error)
            continue
        if job.digest is None or photo.digest == job.digest:
            return shrink(to_display_rgba(photo)), ""
        problem = f"{path} is another photo, or has changed since"
    return None, problem


def to_display_rgba(photo: Photo) -> Bytes:
    """Return a photo as 8-bit sRGB; with an opacity channel where some pixels take no part."""
    pixels = to_display_rgb(photo.pixels)
    return pixels if photo.mask is None else np.dstack([pixels, 255 * photo.mask.astype(np.uint8)])


def plan_previews(
    folder: Path, results: Sequence[PhotoResult], photos: Path | None, max_pixels: int
) -> list[tuple[int, PreviewJob]]:
    """Return a job for the pictures of each result that is done, with the index of the result.

    A record holds the name of its photo, but no folder. A photo of that name is looked for below ``photos``, where the
    summary says, next to the results, and in the folder above them; the digest in the record shows whether it is the
    one.

    Parameters
    ----------
    folder : Path
        Where the results are.
    results : sequence of PhotoResult
    photos : Path, optional
        Folder to search first, with its sub-folders.
    max_pixels : int
        Larger photos are not decoded.

    Raises
    ------
    ReadError
        ``photos`` is no folder that can be read.
    """
    named: Mapping[str, Sequence[Path]] = {} if photos is None else group_files_by_name(photos)
    return [
        (index, plan_preview(folder, result, result.record, named, max_pixels))
        for index, result in enumerate(results)
        if result.record is not None
    ]


def plan_preview(
    folder: Path, result: PhotoResult, record: RunRecord, named: Mapping[str, Sequence[Path]], max_pixels: int
) -> PreviewJob:
    """Return the job for the pictures of one result; ``named`` are the files below ``photos``, by their names."""
    name, sub_folder = Path(record.input.name).name, result.stem.relative_to(folder).parent
    parts = sub_folder.parts
    candidates = [
        *sorted(named.get(name, ()), key=lambda path: path.parent.parts[-len(parts) :] != parts),
        *([Path(result.source)] if result.source else []),
        *(top / name for top in (folder / sub_folder, folder / os.pardir / sub_folder, folder / os.pardir)),
    ]
    label_images = get_label_image_paths(result.stem)
    return PreviewJob(
        next(filter(os.path.exists, label_images), label_images[0]),
        (record.input.height, record.input.width),
        tuple(segment.color for segment in record.segments),
        tuple(dict.fromkeys(path for path in candidates if os.path.isfile(path))),  # noqa: PTH113  # ten thousands
        record.input.sha256,
        max_pixels,
        () if record.windows is None else record.windows.bands or (),
        record.input.value_range,
    )
