"""One model for all photos of a batch, fitted to the sum of their color counts.

The fit equals that to all pixels of all photos, since a mixture of colors depends only on the distinct colors and their
counts; so its cost does not grow with the number of photos. Photos of 8 and 16 bits, gray and colored, are counted on
a common scale (`features.color_counts.to_common_scale`). Photos of more than 8 bits share one value range, from the
lowest to the highest value of their own ranges; they are read first for these ranges, and then for their colors. If
16-bit and float photos have more than 2²⁴ colors together, their lowest bits are dropped, so that memory stays bounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmenter.errors import InvalidArgumentError, SegmenterError
from segmenter.execution.api import Sums, Workers
from segmenter.execution.map import map_jobs
from segmenter.features.color_counts import ColorCounts, RunningCounts, to_common_scale
from segmenter.io.files.atomic import write_files
from segmenter.io.images.config import ValueRange
from segmenter.io.images.value_range import merge_value_ranges, widen_to_full
from segmenter.mixture.selection import Selection
from segmenter.segmentation.colors import find_shortage, fit_colors
from segmenter.segmentation.documents import (
    OMIT_NONE,
    DocumentError,
    convert_document,
    encode_json,
    read_object,
    to_plain,
)
from segmenter.segmentation.doubts import describe_doubts
from segmenter.segmentation.model import Model
from segmenter.segmentation.model_file import encode_model, load_model
from segmenter.segmentation.n_segments import choose_for_interior
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS, Recipe
from segmenter.segmentation.record import SOFTWARE, FitRecord, ModelReference, SegmentCountRecord, SelectionRecord
from segmenter.segmentation.result import Shortage
from segmenter.workflows.batch.photo_colors import (
    PhotoColors,
    add_colors,
    build_failure,
    compute_digest_or_none,
    count_photo,
)
from segmenter.workflows.batch.plan import SHARED_MODEL, SHARED_RECORD, BatchPlan, BatchProgress, BatchSettings
from segmenter.workflows.batch.summary import Row
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.record import describe_fit, describe_model, describe_selection, describe_shortage

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace

COLOR_ERROR = 0.1
"""Standard deviation of the error that colors are taken to have where a component collapsed, relative to their own.

The grays of a gray photo lie exactly on a line. A component that shrinks onto it gains likelihood without bound, and
takes all of them. For photos this is an error of some six levels of 255, as where the number of segments is chosen.
"""

SCHEMA = 3
"""Version of the record of a shared fit."""


@dataclass(frozen=True, kw_only=True)
class SharedInputs:
    """The photos that a model was to be fitted to."""

    photos: int  # how many, with those that failed
    sha256: str  # of the sorted digests of all files that could be opened, even if they could not be decoded


@dataclass(frozen=True, kw_only=True)
class SharedFitRecord:
    """The content of shared.json: how the model of all photos was fitted."""

    schema: int
    software: str
    recipe: Mapping[str, Any]
    scale_range: str | tuple[float, float]
    pixels: int
    n_segments: SegmentCountRecord | None = field(default=None, metadata=OMIT_NONE)
    colors: int  # distinct ones
    bits: int | None  # of a channel, where the lowest were cut to keep the colors few; None = the colors are exact
    color_error: float | None = field(default=None, metadata=OMIT_NONE)  # relative to the spread of the colors
    selection: SelectionRecord | None
    fit: FitRecord
    inputs: SharedInputs
    model: ModelReference


@dataclass(frozen=True, eq=False)
class SharedModel:
    """The model of all photos."""

    model: Model
    notes: tuple[str, ...]  # what a person should know before trusting it


def provide_shared_model(
    plan: BatchPlan, workers: Workers, progress: BatchProgress, report: Callable[[int, Row], bool]
) -> SharedModel | None:
    """Return the model of all photos: that of an earlier run if it is up to date, else fitted and written now.

    Parameters
    ----------
    plan : BatchPlan
    workers : Workers
    progress : BatchProgress
    report : callable
        Takes the index of a photo that failed and why, and returns whether to go on.

    Returns
    -------
    SharedModel or None
        None if no photo could be decoded, or `report` said to stop.

    Raises
    ------
    InvalidArgumentError
        The method is regions, which have no model.
    """
    settings, recipe = plan.settings, plan.settings.recipe
    if not isinstance(recipe, Recipe):
        raise InvalidArgumentError("shared_model", "needs a mixture of colors, and regions have none; leave it out")
    shared = load_up_to_date_model(plan, workers, progress) if settings.resume else None
    if shared is not None:
        return shared
    batch_colors = count_batch(plan, workers, progress, report)
    return None if batch_colors is None else fit_and_write(batch_colors, settings, recipe)


@dataclass(frozen=True, eq=False)
class BatchColors:
    """The colors of all photos together."""

    colors: ColorCounts
    interior: ColorCounts | None  # from which K is chosen; None = the recipe gives K, or no interior pixel takes part
    digests: list[str | None]  # SHA-256 of each photo, in any order; None for one that cannot be read
    value_range: ValueRange | None  # of the photos of more than 8 bits; None = there are none


class RunningColors:
    """The running sum of the colors of photos."""

    def __init__(self) -> None:
        self.counts, self.interiors = RunningCounts(), RunningCounts()

    def add(self, photo: PhotoColors) -> None:
        """Add the colors of one photo, or of several."""
        for colors in photo.colors:
            self.counts.add(colors)
        for interior in photo.interiors:
            self.interiors.add(interior)


def count_batch(
    plan: BatchPlan, workers: Workers, progress: BatchProgress, report: Callable[[int, Row], bool]
) -> BatchColors | None:
    """Return the colors of all photos; None if no photo could be decoded, or `report` said to stop.

    Parameters are those of `provide_shared_model`. On a cluster the workers add up the colors, and only their sum
    arrives here, at the end.
    """
    total = RunningColors()

    def count(jobs: Iterator[tuple[int, SegmentJob]]) -> dict[int, PhotoColors] | None:
        """Add the colors of photos to the total; return what else is known of each by its index, or None to stop."""
        found = {}
        with closing(map_jobs(count_photo, jobs, workers, sums)) as outcomes:
            for outcome in outcomes:
                photo = outcome.result or build_failure(outcome.job, f"{outcome.job.source}: {outcome.lost}")
                found[outcome.index] = photo.without_colors()
                if photo.failure is None:
                    progress.finish_photo(None)
                    total.add(photo)
                elif not report(outcome.index, photo.failure):
                    return None
        return found

    progress.start_stage("counting colors", len(plan.entries))
    sums = Sums(PhotoColors.without_colors, add_colors, total.add)
    photos = count(plan.build_jobs())
    if photos is None:
        return None
    ranges = {index: photo.value_range for index, photo in photos.items() if photo.value_range is not None}
    value_range = merge_value_ranges(list(ranges.values())) if ranges else None
    if value_range is not None:
        if any(photo.failure is None and photo.value_range is None for photo in photos.values()):
            value_range = widen_to_full(value_range)  # so that an 8-bit photo and its copy of 16 bits agree
        progress.start_stage("counting colors of more than 8 bits", len(ranges))
        jobs = ((index, replace(job, scale_range=value_range)) for index, job in plan.build_jobs() if index in ranges)
        if count(jobs) is None:
            return None
    colors, interior = total.counts.get(), total.interiors.get()
    if not colors:
        return None
    return BatchColors(
        to_common_scale(colors),
        to_common_scale(interior) if interior else None,
        [photo.digest for photo in photos.values()],
        value_range,
    )


def fit_and_write(batch_colors: BatchColors, settings: BatchSettings, recipe: Recipe) -> SharedModel:
    """Fit a model to the colors of all photos, write it and the record of its fit, and return it as read back."""
    colors = batch_colors.colors
    found = fit_shared(batch_colors, recipe)
    content = encode_model(replace(found.model, value_range=batch_colors.value_range))
    record = SharedFitRecord(
        schema=SCHEMA,
        software=SOFTWARE,
        recipe=asdict(recipe),
        scale_range=settings.scale_range,
        pixels=int(colors.counts.sum()),
        n_segments=describe_shortage(found.shortage),
        colors=len(colors.colors),
        bits=colors.bits,
        color_error=found.color_error,
        selection=describe_selection(found.selection),
        fit=describe_fit(found.trace),
        inputs=identify_photos(batch_colors.digests),
        model=ModelReference(name=SHARED_MODEL, sha256=hashlib.sha256(content).hexdigest()),
    )
    path = settings.output / SHARED_MODEL
    files = {path: content, settings.output / SHARED_RECORD: encode_json(to_plain(record), ensure_ascii=True)}
    write_files(files, overwrite=settings.overwrite or settings.resume)
    return SharedModel(load_model(path), describe_shared_doubts(record))


@dataclass(frozen=True, eq=False)
class SharedFit:
    """The model of the colors of all photos, and how it was found."""

    model: Model
    selection: Selection | None  # how K was chosen; None = it was given
    trace: FitTrace
    shortage: Shortage | None  # why there are fewer segments than asked for; None = there are not
    color_error: float | None  # that colors were taken to have; None = they are exact


def fit_shared(batch_colors: BatchColors, recipe: Recipe) -> SharedFit:
    """Fit a model to the colors of all photos; if a component collapses, take the colors to have an error."""
    colors, interior = batch_colors.colors, batch_colors.interior
    selection: Selection | None = None
    if recipe.n_segments == "auto":
        max_segments = min(MAX_AUTO_SEGMENTS, len(colors.counts))
        selection = choose_for_interior(interior or colors, max_segments=max_segments, seed=recipe.seed)
        n_segments = selection.n_components
    else:
        n_segments = recipe.n_segments
    color_error = None
    found, channels, _, segments = fit_colors(colors, recipe, n_segments)
    if found.trace.collapsed:
        color_error = COLOR_ERROR
        found, channels, _, segments = fit_colors(colors, recipe, n_segments, error=color_error)
    limited = [tuple(min(max(value, 0.0), 1.0) for value in segment.mean_rgb) for segment in segments]
    model = Model(
        recipe=recipe,
        mixture=found.mixture,
        channels=channels,
        label_names=tuple(f"segment {segment.label}" for segment in segments),
        colors=tuple((red, green, blue) for red, green, blue in limited),
    )
    return SharedFit(model, selection, found.trace, find_shortage(colors, n_segments), color_error)


def describe_shared_doubts(record: SharedFitRecord) -> tuple[str, ...]:
    """Return what a person should know before trusting a model of all photos."""
    count = record.n_segments
    shortages = () if count is None else (str(Shortage(count.asked, count.found, "color")),)
    return tuple(f"shared model: {doubt}" for doubt in (*shortages, *describe_doubts(record.fit)))


def identify_photos(digests: list[str | None]) -> SharedInputs:
    """Return what identifies a set of photos, independent of their names and order.

    Parameters
    ----------
    digests : list of str or None
        SHA-256 of each photo; None where it could not be read.
    """
    known = sorted(digest for digest in digests if digest is not None)
    return SharedInputs(photos=len(digests), sha256=hashlib.sha256("\n".join(known).encode()).hexdigest())


def read_shared_record(path: Path) -> SharedFitRecord | None:
    """Return the record of a shared fit; None where there is none, or it is damaged."""
    try:
        return convert_document(read_object(path), SharedFitRecord)
    except DocumentError:
        return None


def load_up_to_date_model(plan: BatchPlan, workers: Workers, progress: BatchProgress) -> SharedModel | None:
    """Return the model of an earlier run if it was fitted to exactly these photos by this recipe, else None."""
    output = plan.settings.output
    record = read_shared_record(output / SHARED_RECORD)
    if record is None:
        return None
    try:
        model = load_model(output / SHARED_MODEL)
    except SegmenterError:
        return None
    is_same = (
        record.schema == SCHEMA
        and record.software == SOFTWARE
        and record.recipe == asdict(plan.settings.recipe)
        and record.scale_range == plan.settings.scale_range
        and record.model == describe_model(model)
    )
    if not is_same:
        return None
    progress.start_stage("comparing photos", len(plan.entries))
    digests = []
    with closing(map_jobs(compute_digest_or_none, plan.build_jobs(), workers)) as outcomes:
        for outcome in outcomes:
            digests.append(outcome.result)
            progress.finish_photo(None)
    return SharedModel(model, describe_shared_doubts(record)) if record.inputs == identify_photos(digests) else None
