"""Which road a picture takes: through memory as a whole, or by windows."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from segmenter.errors import NoRangesError, SegmenterError, UnsupportedPhotoError
from segmenter.execution.api import Workers, available_memory
from segmenter.io.files.local import is_tiff, is_zarr
from segmenter.io.files.remote import RemotePath
from segmenter.workflows.segment.job import Job, LargeJob, as_large
from segmenter.workflows.segment.outputs import PLOTS_OF_PIXELS, LabelFormat

if TYPE_CHECKING:
    from segmenter.io.rasters.base import RasterHeader
    from segmenter.io.rasters.reader import WindowedPicture

BYTES_PER_PIXEL, BYTES_PER_DEEP_PIXEL, BYTES_PER_PIXEL_OF_REGIONS = 15, 100, 40
"""What a picture takes in memory at its peak: of 8 bits a channel, of more, and where regions are found. Measured."""

LIBRARIES = 100_000_000
"""What a worker takes before it has a picture, in bytes. Measured."""


@dataclass(frozen=True)
class Limits:
    """What the choice depends on, beside the picture."""

    max_memory: int  # bytes that a picture may take in memory
    workers: Workers = field(default_factory=Workers)  # of the windows
    bands: tuple[int, ...] = ()  # that were chosen, from 1
    label_format: LabelFormat = "tif"
    is_strict: bool = False  # whether the limit on pixels was given for windows, too


def get_worker_limits(bands: tuple[int, ...], *, is_strict: bool) -> Limits:
    """Return the limits of a process that does a picture alone: its windows too, and in the memory it was given."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_DATA)
    memory = available_memory() // 2 if allowed == resource.RLIM_INFINITY else max(0, allowed - LIBRARIES)
    return Limits(memory, Workers(0), bands, is_strict=is_strict)


def choose_processing_mode(job: Job, limits: Limits, *, to_stdout: bool = False) -> Job | LargeJob:
    """Return the job as it is, or as one that is done by windows.

    By windows go Zarr arrays, pictures whose bands are chosen, TIFFs that take more memory or have more pixels than
    allowed, and those that only windows can read as they are meant: of many bands, with a no-data value, GeoTIFFs.

    Parameters
    ----------
    job : Job
    limits : Limits
    to_stdout : bool
        Only the label image is wanted.

    Raises
    ------
    UnsupportedPhotoError
        It has to go by windows, and something is asked for that is not to be had there; or the other way round.
    """
    chosen = _choose(job, limits, to_stdout)
    is_there = isinstance(job.source, RemotePath) or os.path.exists(job.source)  # noqa: PTH110  # else told when read
    if limits.label_format != "tif" and isinstance(job.record, RemotePath):
        reason = "its label image goes to a disk as Zarr; choose one with -o, or leave out --label-format zarr"
        raise UnsupportedPhotoError(str(job.source), reason)
    if limits.label_format != "tif" and is_there and not isinstance(chosen, LargeJob):
        reason = "is not read by windows, and its label image is a PNG then; leave out --label-format zarr"
        raise UnsupportedPhotoError(str(job.source), reason)
    return chosen


def _choose(job: Job, limits: Limits, to_stdout: bool) -> Job | LargeJob:
    """Return the same, whatever the format of the label image."""
    reason, must = _reason(job, limits)
    if not reason:
        return job
    wanted = {
        "-o -": to_stdout and limits.label_format != "tif",
        "--save": job.posteriors or job.confidence or job.hierarchy,
        **{f"--plot {plot}": plot in PLOTS_OF_PIXELS for plot in job.plots},
        "--scale all": job.other_scales,
    }
    lacking = next((option for option, is_wanted in wanted.items() if is_wanted), "")
    if (lacking or to_stdout) and not must:
        return job
    if lacking:
        raise UnsupportedPhotoError(str(job.source), f"{reason}, which cannot be had with {lacking}; leave that out")
    return as_large(job, limits.bands, limits.workers, reason, limits.label_format)


def _reason(job: Job, limits: Limits) -> tuple[str, bool]:
    """Return why a picture goes by windows, "" = it does not, and whether it must."""
    if is_zarr(job.source):
        return "a Zarr array is read by windows", True
    if limits.bands:
        return "read by windows, to choose from its bands", True
    if isinstance(job.source, RemotePath) and job.source.suffix.lower() not in (".tif", ".tiff"):
        return "", False
    try:
        if not is_tiff(job.source):
            return "", False
        from segmenter.io.rasters.reader import open_windowed  # which photos that are no TIFFs have no need of

        with open_windowed(job.source) as picture:
            return _reason_of(picture, job, limits)
    except NoRangesError as error:
        if (error.n_bytes or 0) > limits.max_memory:
            raise
        return "", False
    except SegmenterError:  # what is wrong with it is told where it is read
        return "", False


def _reason_of(picture: WindowedPicture, job: Job, limits: Limits) -> tuple[str, bool]:
    header = picture.header
    n_pixels = header.height * header.width
    each = BYTES_PER_PIXEL if header.dtype == np.uint8 else BYTES_PER_DEEP_PIXEL
    needed = n_pixels * (BYTES_PER_PIXEL_OF_REGIONS if job.recipe.method == "regions" else each)
    if n_pixels > job.max_pixels and limits.is_strict:
        return "", False
    if needed > limits.max_memory or n_pixels > job.max_pixels:
        return f"read by windows: in memory it would take some {in_words(needed)}", True
    if not header.is_photo:
        return f"read by windows {_for_its(header)}", True
    from segmenter.io.rasters.base import is_georeferenced

    if is_georeferenced(header):
        return "read by windows, as a GeoTIFF", False
    return "", False


def _for_its(header: RasterHeader) -> str:
    """Return for what only windows read a picture as it is meant."""
    return "for its no-data value" if header.no_data is not None else f"for its {header.n_bands} bands"


def in_words(n_bytes: int) -> str:
    """Return a number of bytes for people."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
