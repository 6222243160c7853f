"""One model for all photos of a batch: counts of colors add up, so that its fit costs the same for any number.

The fit is the one that all pixels together would give, not an approximation: a mixture of colors sees nothing of a
photo but its distinct colors and how often each is. Photos of 8 and 16 bits and grays beside colors count in common
(`features.color_counts.to_common_scale`). Only of 16-bit and float photos that hold more than 2²⁴ colors together are
the lowest bits left out, so that memory is bounded for any number of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segmenter.errors import InvalidArgumentError, ReadError, SegmenterError, UnsupportedPhotoError, describe_problem
from segmenter.execution.api import Sums, Workers
from segmenter.execution.map import map_jobs
from segmenter.features.color_counts import ColorCounts, count_colors, sum_counts, to_common_scale
from segmenter.io.files.atomic import write_files
from segmenter.io.files.local import compute_digest, ensure_path_unmodified
from segmenter.io.images.photo import read_photo
from segmenter.io.rasters.reader import open_windowed
from segmenter.mixture.selection import Selection
from segmenter.segmentation.colors import fit_colors
from segmenter.segmentation.documents import DocumentError, convert_document, encode_json, read_object, to_plain
from segmenter.segmentation.model import Model
from segmenter.segmentation.model_file import encode_model, load_model
from segmenter.segmentation.n_segments import choose_for_interior, interior_colors
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS, Recipe
from segmenter.segmentation.record import SOFTWARE, FitRecord, ModelReference, SelectionRecord
from segmenter.workflows.batch.plan import MEMORY_ADVICE, SHARED_MODEL, SHARED_RECORD, BatchProgress, Plan
from segmenter.workflows.batch.summary import Row, summarize_failure
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.record import describe_fit, describe_model, describe_selection
from segmenter.workflows.segment.strategy import choose_processing_mode
from segmenter.workflows.windowed.color_summary import compute_center_side
from segmenter.workflows.windowed.color_tasks import count_interior_of_center

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace

SCHEMA = 2
"""Version of the record of a shared fit."""


@dataclass(frozen=True, kw_only=True)
class SharedInputs:
    """The photos that a model was fitted to."""

    photos: int  # how many, with those that could not be read
    sha256: str  # of the sorted digests of those that could


@dataclass(frozen=True, kw_only=True)
class SharedFitRecord:
    """The content of shared.json: how the model of all photos was fitted."""

    schema: int
    software: str
    recipe: Mapping[str, Any]
    pixels: int
    colors: int  # distinct ones
    bits: int | None  # of a channel, where the lowest were cut to keep the colors few; None = the colors are exact
    selection: SelectionRecord | None
    fit: FitRecord
    inputs: SharedInputs
    model: ModelReference


@dataclass(frozen=True, eq=False)
class Counted:
    """What the first pass takes from a photo."""

    digest: str | None  # SHA-256 of the file; None where it cannot be read
    colors: tuple[ColorCounts, ...] = ()
    interiors: tuple[ColorCounts, ...] = ()  # where the number of segments is to be told from them
    failure: Row | None = None


def count_photo(job: SegmentJob) -> Counted:
    """Count the colors of a photo; whatever happens to it is told, not raised."""
    try:
        chosen = choose_processing_mode(job)
        if chosen.mode == "windowed":
            return count_by_windows(chosen)
        photo = read_photo(job.source, name=str(job.source), max_pixels=job.max_pixels)
        inner: tuple[ColorCounts, ...] = ()
        if job.recipe.n_segments == "auto":
            told, _ = interior_colors(photo.pixels, photo.mask)
            inner = (ColorCounts(told.colors, told.counts),)
        return Counted(photo.digest, (count_colors(photo.pixels, photo.mask),), inner)
    except Exception as error:
        problem = describe_problem(error, job.source, memory_advice=MEMORY_ADVICE)
        return Counted(_digest(job), failure=summarize_failure(job.source, job.record, problem))


def count_by_windows(job: SegmentJob) -> Counted:
    """Count the colors of a picture window by window, which add up to those of the whole.

    Raises
    ------
    UnsupportedPhotoError
        Its bands are no colors, its values have no range of their own, or none of them holds data.
    SegmenterError
        It cannot be read.
    """
    with ensure_path_unmodified(job.source), open_windowed(job.source, job.windows.bands) as picture:
        if picture.n_features not in (1, 3):
            reason = f"has {picture.n_features} bands, and a shared model is of colors; choose three with --bands"
            raise UnsupportedPhotoError(picture.label, reason)
        if picture.dtype not in (np.uint8, np.uint16):
            reason = f"has values of {picture.dtype}, and a shared model by windows is of 8 or 16 bits; leave it out"
            raise UnsupportedPhotoError(picture.label, reason)
        _, windows = picture.plan_windows()
        patch = compute_center_side(len(windows)) if job.recipe.n_segments == "auto" else 0
        interiors: list[ColorCounts] = []

        def parts() -> Generator[ColorCounts]:
            for window in windows:
                pixels, mask = picture.read(window)
                if mask is not None and not mask.any():
                    continue
                if patch and (inner := count_interior_of_center(pixels, mask, patch)) is not None:
                    interiors.append(inner)
                yield count_colors(pixels, mask)

        colors = sum_counts(parts())
        if not colors:
            raise UnsupportedPhotoError(picture.label, "holds no data in any pixel; nothing is left to segment")
        return Counted(compute_digest(job.source), tuple(colors), tuple(sum_counts(interiors)))


def without_colors(counted: Counted) -> Counted:
    """Return what is told of a photo."""
    return replace(counted, colors=(), interiors=())


def add_colors(parts: list[Counted]) -> Counted:
    """Return the colors of several photos together."""
    colors = sum_counts(chain.from_iterable(part.colors for part in parts))
    interiors = sum_counts(chain.from_iterable(part.interiors for part in parts))
    return Counted(None, tuple(colors), tuple(interiors))


def _digest(job: SegmentJob) -> str | None:
    try:
        return compute_digest(job.source)
    except ReadError:
        return None


def shared_model(
    plan: Plan, workers: Workers, watcher: BatchProgress, take: Callable[[int, Row], bool]
) -> Model | None:
    """Return the model of all photos, fitted and written, or read where it is up to date.

    Parameters
    ----------
    plan : Plan
    workers : Workers
    watcher : BatchProgress
    take : function of the place and the row of a photo that failed
        Returns whether to go on.

    Returns
    -------
    Model or None
        None where no photo could be read, or `take` said to stop.

    Raises
    ------
    InvalidArgumentError
        The method is regions, which have no model.
    """
    settings, recipe = plan.settings, plan.settings.recipe
    if not isinstance(recipe, Recipe):
        raise InvalidArgumentError("shared_model", "is of mixtures of colors, and regions are none; leave it out")
    path = settings.output / SHARED_MODEL
    if settings.resume:
        model = up_to_date_model(plan, workers, watcher)
        if model is not None:
            return model
    digests: list[str | None] = []
    interiors: list[ColorCounts] = []
    stopped = False

    def parts() -> Generator[ColorCounts]:
        nonlocal interiors, stopped
        waiting: list[ColorCounts] = []
        totals: list[Counted] = []
        sums = Sums(without_colors, add_colors, totals.append)
        with closing(map_jobs(count_photo, plan.jobs(), workers, sums)) as answers:
            for answer in answers:
                counted = answer.result
                if counted is None:
                    problem = f"{answer.job.source}: {answer.lost}"
                    failure = summarize_failure(answer.job.source, answer.job.record, problem)
                    counted = Counted(_digest(answer.job), failure=failure)
                digests.append(counted.digest)
                if counted.failure is not None:
                    if not take(answer.index, counted.failure):
                        stopped = True
                        return
                    continue
                watcher.tell(None)
                waiting += counted.interiors
                if len(waiting) == 64:
                    interiors, waiting = sum_counts([*interiors, *waiting]), []
                yield from counted.colors
        for total in totals:
            waiting += total.interiors
            yield from total.colors
        interiors = sum_counts([*interiors, *waiting])

    watcher.begin("counting colors", len(plan.entries))
    with closing(parts()) as counts:
        sums = sum_counts(counts)
    if stopped or not sums:
        return None
    colors = to_common_scale(sums)
    model, selection, trace = fit_shared(colors, to_common_scale(interiors) if interiors else None, recipe)
    content = encode_model(model)
    digest = hashlib.sha256(content).hexdigest()
    record = SharedFitRecord(
        schema=SCHEMA,
        software=SOFTWARE,
        recipe=asdict(recipe),
        pixels=int(colors.counts.sum()),
        colors=len(colors.colors),
        bits=colors.bits,
        selection=describe_selection(selection),
        fit=describe_fit(trace),
        inputs=identify_photos(digests),
        model=ModelReference(name=SHARED_MODEL, sha256=digest),
    )
    files = {path: content, settings.output / SHARED_RECORD: encode_json(to_plain(record), ensure_ascii=True)}
    write_files(files, overwrite=settings.overwrite or settings.resume)
    return load_model(path)


def fit_shared(
    colors: ColorCounts, inner: ColorCounts | None, recipe: Recipe
) -> tuple[Model, Selection | None, FitTrace]:
    """Return the model of the colors of all photos, how K was chosen (None = it was given), and how the fit went."""
    selection: Selection | None = None
    if recipe.n_segments == "auto":
        max_segments = min(MAX_AUTO_SEGMENTS, len(colors.counts))
        selection = choose_for_interior(inner or colors, max_segments=max_segments, seed=recipe.seed)
        n_segments = selection.n_components
    else:
        n_segments = recipe.n_segments
    found, channels, _, segments = fit_colors(colors, recipe, n_segments, "the photos together")
    limited = [tuple(min(max(value, 0.0), 1.0) for value in segment.mean_rgb) for segment in segments]
    model = Model(
        recipe=recipe,
        mixture=found.mixture,
        channels=channels,
        label_names=tuple(f"segment {segment.label}" for segment in segments),
        colors=tuple((red, green, blue) for red, green, blue in limited),
    )
    return model, selection, found.trace


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


def up_to_date_model(plan: Plan, workers: Workers, watcher: BatchProgress) -> Model | None:
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
        and record.model == describe_model(model)
    )
    if not is_same:
        return None
    watcher.begin("comparing photos", len(plan.entries))
    digests = []
    with closing(map_jobs(_digest, plan.jobs(), workers)) as answers:
        for answer in answers:
            digests.append(answer.result)
            watcher.tell(None)
    return model if record.inputs == identify_photos(digests) else None
