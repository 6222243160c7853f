"""The colors of one photo of a batch, counted for a model of all photos. This is what workers do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain

from segmenter.errors import NoPixelsError, ReadError, UnsupportedPhotoError, describe_problem
from segmenter.features.color_counts import ColorCounts, RunningCounts, count_colors, sum_counts
from segmenter.io.files.local import compute_digest, ensure_path_unmodified
from segmenter.io.images.config import ValueRange
from segmenter.io.images.photo import Reading, read_photo
from segmenter.io.images.value_range import choose_value_range, is_scaled
from segmenter.io.rasters.reader import WindowedPicture, open_windowed
from segmenter.segmentation.n_segments import interior_colors
from segmenter.workflows.batch.plan import MEMORY_ADVICE
from segmenter.workflows.batch.summary import Row, summarize_failure
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.strategy import choose_processing_mode
from segmenter.workflows.windowed.color_summary import compute_center_side
from segmenter.workflows.windowed.color_tasks import count_interior_of_center
from segmenter.workflows.windowed.value_range import sample_picture


@dataclass(frozen=True, eq=False)
class PhotoColors:
    """The colors of a photo, or only its value range, or why it failed; or the colors of several photos together."""

    digest: str | None  # SHA-256 of the file; None if it cannot be read, or for several photos
    colors: tuple[ColorCounts, ...] = ()  # one for each kind of color
    interiors: tuple[ColorCounts, ...] = ()  # from which K is chosen; empty if the recipe gives K
    value_range: ValueRange | None = None  # its colors are counted once the range of all photos is known
    failure: Row | None = None

    def without_colors(self) -> PhotoColors:
        """Return the same without its large part."""
        return replace(self, colors=(), interiors=())


def add_colors(parts: list[PhotoColors]) -> PhotoColors:
    """Return the colors of several photos together."""
    colors = sum_counts(chain.from_iterable(part.colors for part in parts))
    interiors = sum_counts(chain.from_iterable(part.interiors for part in parts))
    return PhotoColors(None, tuple(colors), tuple(interiors))


def count_photo(job: SegmentJob) -> PhotoColors:
    """Return the colors of a photo; an error is not raised, but returned as a failure.

    A photo whose values are scaled by a rule is not counted: only its value range is returned. Once all ranges are
    known, it is counted by a job that has the range of all photos.
    """
    try:
        job = choose_processing_mode(job)
        return count_windowed(job) if job.mode == "windowed" else count_in_memory(job)
    except Exception as error:
        return build_failure(job, describe_problem(error, job.source, memory_advice=MEMORY_ADVICE))


def count_in_memory(job: SegmentJob) -> PhotoColors:
    """Return the colors of a photo that is read as a whole; SegmenterError if it cannot be read."""
    reading = Reading(scale_range=job.scale_range)
    photo = read_photo(job.source, name=str(job.source), max_pixels=job.max_pixels, reading=reading)
    if photo.value_range is not None and not isinstance(job.scale_range, ValueRange):
        return PhotoColors(photo.digest, value_range=photo.value_range)
    interiors: tuple[ColorCounts, ...] = ()
    if job.recipe.n_segments == "auto":
        interior, _ = interior_colors(photo.pixels, photo.mask)
        interiors = (ColorCounts(interior.colors, interior.counts),)
    return PhotoColors(photo.digest, (count_colors(photo.pixels, photo.mask),), interiors)


def count_windowed(job: SegmentJob) -> PhotoColors:
    """Return the colors of a picture that is read window by window; they add up to those of the whole picture.

    Raises
    ------
    UnsupportedPhotoError
        Its bands are not colors.
    NoPixelsError
        No pixel takes part.
    SegmenterError
        It cannot be read.
    """
    with ensure_path_unmodified(job.source), open_windowed(job.source, job.windows.bands) as picture:
        check_is_countable(picture)
        if is_scaled(picture.stored_dtype, job.scale_range):
            if not isinstance(job.scale_range, ValueRange):
                value_range = choose_value_range(sample_picture(picture), job.scale_range)
                return PhotoColors(compute_digest(job.source), value_range=value_range)
            picture = picture.scaled(job.scale_range)
        _, windows = picture.plan_windows()
        center_side = compute_center_side(len(windows)) if job.recipe.n_segments == "auto" else 0
        counts, interiors = RunningCounts(), RunningCounts()
        for window in windows:
            pixels, mask = picture.read(window)
            if mask is not None and not mask.any():
                continue
            counts.add(count_colors(pixels, mask))
            if center_side and (interior := count_interior_of_center(pixels, mask, center_side)) is not None:
                interiors.add(interior)
        colors = counts.get()
        if not colors:
            raise NoPixelsError(picture.label)
        return PhotoColors(compute_digest(job.source), tuple(colors), tuple(interiors.get()))


def check_is_countable(picture: WindowedPicture) -> None:
    """Raise UnsupportedPhotoError unless the bands of a windowed picture are colors."""
    if picture.n_features not in (1, 3):
        reason = f"has {picture.n_features} bands, and a shared model is of colors; choose three with --bands"
        raise UnsupportedPhotoError(picture.label, reason)


def build_failure(job: SegmentJob, problem: str) -> PhotoColors:
    """Return the colors of a photo that could not be counted: only why, and the digest of its file if it has one."""
    return PhotoColors(compute_digest_or_none(job), failure=summarize_failure(job.source, job.record, problem))


def compute_digest_or_none(job: SegmentJob) -> str | None:
    """Return the SHA-256 of the file of a photo; None if it cannot be read."""
    try:
        return compute_digest(job.source)
    except ReadError:
        return None
