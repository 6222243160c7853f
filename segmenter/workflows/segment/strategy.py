"""Which mode a picture is processed in: as a whole in memory, or window by window."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import numpy as np

from segmenter.errors import NoRangesError, SegmenterError, UnsupportedPhotoError
from segmenter.execution.api import available_memory
from segmenter.io.files.local import is_tiff, is_zarr
from segmenter.io.files.remote import RemotePath
from segmenter.workflows.segment.job import SegmentJob, to_windowed
from segmenter.workflows.segment.outputs import PLOTS_OF_PIXELS

if TYPE_CHECKING:
    from segmenter.io.rasters.base import RasterHeader

BYTES_PER_PIXEL, BYTES_PER_DEEP_PIXEL, BYTES_PER_PIXEL_OF_REGIONS = 15, 100, 40
"""Peak memory per pixel, measured: with 8 bits a channel, with more, and of regions at any depth."""

BYTES_OF_LIBRARIES = 100_000_000
"""Memory of a worker process before it has read a picture, measured."""


def choose_processing_mode(job: SegmentJob, *, to_stdout: bool = False) -> SegmentJob:
    """Return the job in the mode that suits its picture: unchanged (in memory), or windowed.

    Four kinds of pictures must be windowed: Zarr arrays, pictures of which bands are chosen, TIFFs that need more
    memory or have more pixels than allowed, and TIFFs that only windowed reading interprets correctly (more bands than
    a photo, or a no-data value). Other GeoTIFFs are windowed unless an output is wanted that only the in-memory mode
    can write.

    Parameters
    ----------
    job : SegmentJob
        Not windowed yet.
    to_stdout : bool
        Whether only the label image is written, to standard output.

    Raises
    ------
    UnsupportedPhotoError
        The picture must be windowed, and an output is wanted that windows cannot give; or it is not windowed, and the
        label image shall be a Zarr.
    """
    reason, is_required = explain_windowing(job)
    if reason:
        unavailable = find_unavailable_option(job, to_stdout=to_stdout)
        if is_required and unavailable:
            problem = f"{reason}, which is not possible with {unavailable}; leave that option out"
            raise UnsupportedPhotoError(str(job.source), problem)
        if is_required or not (unavailable or to_stdout):
            job = to_windowed(job, reason)
    check_label_format(job)
    return job


def find_unavailable_option(job: SegmentJob, *, to_stdout: bool) -> str:
    """Return the first option that asks for an output which the windowed mode cannot write; "" if there is none."""
    is_wanted = {
        "-o -": to_stdout and job.windows.label_format != "tif",
        "--save": job.posteriors or job.confidence or job.hierarchy,
        **{f"--plot {plot}": plot in PLOTS_OF_PIXELS for plot in job.plots},
        "--scale all": job.other_scales,
    }
    return next((option for option, wanted in is_wanted.items() if wanted), "")


def check_label_format(job: SegmentJob) -> None:
    """Raise UnsupportedPhotoError if a Zarr label image is wanted where none can be written."""
    if job.windows.label_format == "tif":
        return
    if isinstance(job.record, RemotePath):
        problem = "its Zarr label image needs a local folder; choose one with -o, or leave out --label-format zarr"
        raise UnsupportedPhotoError(str(job.source), problem)
    may_exist = isinstance(job.source, RemotePath) or os.path.exists(job.source)  # noqa: PTH110  # Path.exists may raise
    if may_exist and job.mode == "in memory":  # reading reports a missing file
        problem = "is processed in memory, and its label image is a PNG then; leave out --label-format zarr"
        raise UnsupportedPhotoError(str(job.source), problem)


def explain_windowing(job: SegmentJob) -> tuple[str, bool]:
    """Return why a picture is to be windowed ("" = it is not), and whether it cannot be processed in memory."""
    if is_zarr(job.source):
        return "a Zarr array is read by windows", True
    if job.windows.bands:
        return "read by windows, to choose from its bands", True
    max_memory = get_max_memory(job)
    try:
        header = read_tiff_header(job)
    except NoRangesError as error:
        if (error.n_bytes or 0) > max_memory:
            raise
        return "", False
    except SegmenterError:  # reading the picture reports what is wrong with it
        return "", False
    return ("", False) if header is None else explain_windowing_of_tiff(header, job, max_memory)


def read_tiff_header(job: SegmentJob) -> RasterHeader | None:
    """Return the header of a TIFF; None for a photo of another format."""
    if isinstance(job.source, RemotePath) and job.source.suffix.lower() not in (".tif", ".tiff"):
        return None
    if not is_tiff(job.source):
        return None
    from segmenter.io.rasters.reader import open_windowed  # late: photos of other formats do not need it

    with open_windowed(job.source) as picture:
        return picture.header


def explain_windowing_of_tiff(header: RasterHeader, job: SegmentJob, max_memory: int) -> tuple[str, bool]:
    """Return why a TIFF is to be windowed, as `explain_windowing` does."""
    n_pixels = header.height * header.width
    if n_pixels > job.max_pixels and job.windows.enforce_max_pixels:
        return "", False  # reading it reports that it is too large
    n_bytes = n_pixels * get_bytes_per_pixel(header, job)
    if n_bytes > max_memory or n_pixels > job.max_pixels:
        return f"read by windows: in memory it would take some {format_bytes(n_bytes)}", True
    if not header.is_photo:
        cause = "no-data value" if header.no_data is not None else f"{header.n_bands} bands"
        return f"read by windows for its {cause}", True
    from segmenter.io.rasters.base import is_georeferenced

    return ("read by windows, as a GeoTIFF", False) if is_georeferenced(header) else ("", False)


def get_max_memory(job: SegmentJob) -> int:
    """Return how many bytes a picture may take in memory.

    Where the job does not say, it is what the limit of this process leaves (a batch sets one for each of its workers),
    or without a limit half of the free memory.
    """
    if job.windows.max_memory is not None:
        return job.windows.max_memory
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return available_memory() // 2 if limit == resource.RLIM_INFINITY else max(0, limit - BYTES_OF_LIBRARIES)


def get_bytes_per_pixel(header: RasterHeader, job: SegmentJob) -> int:
    """Return how much memory a picture takes at its peak, per pixel."""
    if job.recipe.method == "regions":
        return BYTES_PER_PIXEL_OF_REGIONS
    return BYTES_PER_PIXEL if header.dtype == np.uint8 else BYTES_PER_DEEP_PIXEL


def format_bytes(n_bytes: int) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
