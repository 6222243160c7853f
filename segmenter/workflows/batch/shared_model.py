"""One model for all photos of a batch: counts of colors add up, so that its fit costs the same for any number.

The fit is the one that all pixels together would give, not an approximation: a mixture of colors sees nothing of a
photo but its distinct colors and how often each is. Photos of 8 and 16 bits and grays beside colors count in common
(`features.color_counts.to_common_scale`). Only of 16-bit and float photos that hold more than 2²⁴ colors together are
the lowest bits left out, so that memory is bounded for any number of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from segmenter._version import __version__
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
from segmenter.segmentation.model import Model
from segmenter.segmentation.model_file import encode_model, load_model
from segmenter.segmentation.n_segments import choose_for_interior, interior_colors
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS, Recipe
from segmenter.workflows.batch.plan import MEMORY_ADVICE, SHARED_MODEL, SHARED_RECORD, BatchProgress, Plan
from segmenter.workflows.batch.resume import read_record
from segmenter.workflows.batch.summary import Row, summarize_failure
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.record import describe_fit, describe_model, describe_selection
from segmenter.workflows.segment.strategy import choose_processing_mode
from segmenter.workflows.windowed.color_summary import compute_center_side
from segmenter.workflows.windowed.color_tasks import count_interior_of_center

SCHEMA = 2
"""Version of the record of a shared fit."""


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
    model, record = fit_shared(to_common_scale(sums), to_common_scale(interiors) if interiors else None, recipe)
    content = encode_model(model)
    record |= {
        "inputs": digest_of_all(digests),
        "model": {"name": SHARED_MODEL, "sha256": hashlib.sha256(content).hexdigest()},
    }
    files = {path: content, settings.output / SHARED_RECORD: (json.dumps(record, indent=1) + "\n").encode()}
    write_files(files, overwrite=settings.overwrite or settings.resume)
    return load_model(path)


def fit_shared(colors: ColorCounts, inner: ColorCounts | None, recipe: Recipe) -> tuple[Model, dict[str, Any]]:
    """Return the model of the colors of all photos, and how its fit went as plain values."""
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
    record = {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "recipe": asdict(recipe),
        "pixels": int(colors.counts.sum()),
        "colors": len(colors.colors),
        "bits": colors.bits,  # a channel, where the lowest were cut to keep the colors few
        "selection": describe_selection(selection),
        "fit": describe_fit(found.trace),
    }
    return model, record


def digest_of_all(digests: list[str | None]) -> dict[str, Any]:
    """Return what tells one set of photos from any other, whatever their names and order."""
    known = sorted(digest for digest in digests if digest is not None)
    return {"photos": len(digests), "sha256": hashlib.sha256("\n".join(known).encode()).hexdigest()}


def up_to_date_model(plan: Plan, workers: Workers, watcher: BatchProgress) -> Model | None:
    """Return the model of an earlier run if it was fitted to these very photos by this recipe, else None."""
    output = plan.settings.output
    record = read_record(output / SHARED_RECORD)
    if record is None:
        return None
    try:
        model = load_model(output / SHARED_MODEL)
    except SegmenterError:
        return None
    wanted = {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "recipe": json.loads(json.dumps(asdict(plan.settings.recipe))),
        "model": describe_model(model),
    }
    if any(record.get(key) != value for key, value in wanted.items()):
        return None
    watcher.begin("comparing photos", len(plan.entries))
    digests = []
    with closing(map_jobs(_digest, plan.jobs(), workers)) as answers:
        for answer in answers:
            digests.append(answer.result)
            watcher.tell(None)
    return model if record.get("inputs") == digest_of_all(digests) else None
