"""How well label images agree with what people drew: files → label images → scores → one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segmenter import __version__
from segmenter.arrays import Labels
from segmenter.errors import DifferentScalesError, DifferentSizesError, LostWorkerError, SegmenterError
from segmenter.io.label_images import LabelFile, read_label_file
from segmenter.io.photo import MAX_PIXELS
from segmenter.pipeline.pairs import Pair, Pairing
from segmenter.pipeline.plan import text_of
from segmenter.pipeline.workers import Workers, map_jobs
from segmenter.regions.measure import (
    TOLERANCE,
    BoundaryCounts,
    PhotoScore,
    boundary,
    boundary_counts,
    score_photo,
    summarize,
    summarize_boundaries,
)
from segmenter.regions.ultrametric import cut_contours, even_heights

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""

N_SCALES = 25
"""Heights that a hierarchy is cut at."""

REGION_MEASURES = ("covering", "rand_index", "variation_of_information", "adjusted_rand_index", "under_segmentation")
BOUNDARY_MEASURES = ("boundary_precision", "boundary_recall", "boundary_f")
LESS_IS_BETTER = frozenset({"variation_of_information", "under_segmentation"})


@dataclass(frozen=True)
class EvaluationConfig:
    """What is measured, and how files are read."""

    boundaries: bool = True
    n_scales: int = N_SCALES  # at least 1; of hierarchies
    ignore: int | None = None  # label of pixels of the truth that nobody labeled; None = every number is a region
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, eq=False)
class PhotoEvaluation:
    """What is measured of one photo, at T scales."""

    name: str
    size: tuple[int, int]  # height, width
    n_regions: tuple[int, ...]  # (T,)
    heights: tuple[float, ...] | None  # (T,), where a hierarchy was cut; None = label images
    score: PhotoScore
    boundaries: tuple[BoundaryCounts, ...] | None  # (T,); None = not measured
    people: tuple[PhotoEvaluation, ...] = ()  # the same against one person each, where there are several


@dataclass(frozen=True)
class _Task:
    """A pair with all that a worker needs."""

    pair: Pair
    config: EvaluationConfig
    each_person: bool


def evaluate_pairs(pairing: Pairing, config: EvaluationConfig, *, n_workers: int = 1) -> list[PhotoEvaluation]:
    """Measure every pair; of a single one also how it agrees with each person.

    Parameters
    ----------
    pairing : Pairing
    config : EvaluationConfig
    n_workers : int, at least 1
        Processes that work at once.

    Raises
    ------
    ReadError, DifferentSizesError, DifferentScalesError
        Of the first pair, in their order, that cannot be measured.
    """
    tasks = [_Task(pair, config, each_person=len(pairing.pairs) == 1) for pair in pairing.pairs]
    if n_workers == 1 or len(tasks) == 1:
        found = [evaluate_task(task) for task in tasks]
    else:
        results: dict[int, PhotoEvaluation | SegmenterError] = {}
        with closing(map_jobs(settle, enumerate(tasks), Workers(n_workers))) as answers:
            for answer in answers:
                lost = LostWorkerError(str(answer.job.pair.labels), answer.lost)
                results[answer.place] = answer.result if answer.result is not None else lost
        found = []
        for place in range(len(tasks)):
            result = results[place]
            if isinstance(result, SegmenterError):
                raise result
            found.append(result)
    for pair, photo in zip(pairing.pairs, found, strict=True):
        if len(photo.n_regions) != len(found[0].n_regions):
            first = str(pairing.pairs[0].labels)
            raise DifferentScalesError(str(pair.labels), len(photo.n_regions), first, len(found[0].n_regions))
    return found


def settle(task: _Task) -> PhotoEvaluation | SegmenterError:
    """Return what is measured, or why not: for worker processes."""
    try:
        return evaluate_task(task)
    except SegmenterError as error:
        return error


def evaluate_task(task: _Task) -> PhotoEvaluation:
    """Read and measure one pair."""
    config = task.config
    scales, heights = read_scales(task.pair.labels, config)
    people: list[Labels] = []
    for path in task.pair.truths:
        truth = read_label_file(path, ignore=config.ignore, max_pixels=config.max_pixels)
        if truth.contours is not None:
            raise DifferentScalesError(str(path), config.n_scales, "a truth", 1)
        if truth.size != scales[0].shape:
            raise DifferentSizesError(str(task.pair.labels), scales[0].shape, str(path), truth.size)
        people += truth.images
    return evaluate_photo(
        task.pair.name, scales, people, heights=heights, boundaries=config.boundaries, each_person=task.each_person
    )


def read_scales(path: Path, config: EvaluationConfig) -> tuple[list[Labels], tuple[float, ...] | None]:
    """Return the segmentations of a file, a hierarchy cut at even heights, and these heights."""
    found: LabelFile = read_label_file(path, max_pixels=config.max_pixels)
    if found.contours is None:
        return list(found.images), None
    heights = even_heights(config.n_scales)
    return [cut_contours(found.contours, height) for height in heights], tuple(heights.tolist())


def evaluate_photo(
    name: str,
    scales: Sequence[Labels],
    people: Sequence[Labels],
    *,
    heights: tuple[float, ...] | None = None,
    boundaries: bool = True,
    each_person: bool = False,
) -> PhotoEvaluation:
    """Return how the segmentations of a photo agree with those of people.

    Parameters
    ----------
    name : str
    scales : sequence of T ndarrays of shape (H, W)
    people : sequence of P ndarrays of shape (H, W)
    heights : tuple of T floats, optional
        Where a hierarchy was cut.
    boundaries : bool
        Whether boundaries are matched, too, which takes most of the time.
    each_person : bool
        Whether the agreement with each person is measured, too, where there are several.
    """
    height, width = scales[0].shape
    found = [boundary(labels) for labels in scales] if boundaries else []
    drawn = [boundary(labels) for labels in people] if boundaries else []

    def against(who: Sequence[int], people_too: tuple[PhotoEvaluation, ...] = ()) -> PhotoEvaluation:
        return PhotoEvaluation(
            name,
            (height, width),
            tuple(int(np.count_nonzero(np.bincount(labels.ravel())[1:])) for labels in scales),
            heights,
            score_photo(scales, [people[p] for p in who]),
            tuple(boundary_counts(each, [drawn[p] for p in who]) for each in found) if boundaries else None,
            people_too,
        )

    everybody = range(len(people))
    return against(everybody, tuple(against([p]) for p in everybody) if each_person and len(people) > 1 else ())


# ---- what is told --------------------------------------------------------------------------------------------------


def measures_of(photo: PhotoEvaluation, scale: int) -> dict[str, float]:
    """Return every measure of a photo at a scale, by name."""
    score = photo.score
    values = {
        "covering": float(score.covered[scale]) / max(score.total, 1),
        "rand_index": float(score.rand_index[scale]),
        "variation_of_information": float(score.variation[scale]),
        "adjusted_rand_index": float(score.adjusted_rand[scale]),
        "under_segmentation": float(score.under_segmentation[scale]),
    }
    return values if photo.boundaries is None else values | boundary_measures(photo.boundaries[scale])


def best_measures(photo: PhotoEvaluation) -> dict[str, float]:
    """Return each measure of a photo at the scale that is the best for it; of boundaries that of the best F."""
    scales = [measures_of(photo, t) for t in range(len(photo.n_regions))]
    best = {name: min if name in LESS_IS_BETTER else max for name in REGION_MEASURES}
    values = {name: choose(scale[name] for scale in scales) for name, choose in best.items()}
    if photo.boundaries is None:
        return values
    return values | boundary_measures(max(photo.boundaries, key=lambda counts: counts.f))


def boundary_measures(counts: BoundaryCounts) -> dict[str, float]:
    """Return precision, recall and F by name."""
    return dict(zip(BOUNDARY_MEASURES, (counts.precision, counts.recall, counts.f), strict=True))


def summary_of(photos: Sequence[PhotoEvaluation]) -> dict[str, Any]:
    """Return the figures of a set of photos: at one scale for all (ods), at the best of each photo (ois)."""
    scores = summarize([photo.score for photo in photos])
    summary: dict[str, Any] = {
        kind: {
            "covering": getattr(scores, f"covering_{kind}"),
            "rand_index": getattr(scores, f"rand_index_{kind}"),
            "variation_of_information": getattr(scores, f"variation_{kind}"),
            "adjusted_rand_index": getattr(scores, f"adjusted_rand_{kind}"),
            "under_segmentation": getattr(scores, f"under_segmentation_{kind}"),
        }
        for kind in ("ods", "ois")
    }
    summary |= {"best_covering": scores.covering_best, "covering_scale": scores.covering_scale + 1}
    counts = [photo.boundaries for photo in photos if photo.boundaries is not None]
    if len(counts) == len(photos):
        boundaries = summarize_boundaries(counts)
        summary["ods"] |= boundary_measures(boundaries.ods)
        summary["ois"] |= boundary_measures(boundaries.ois)
        summary |= {"boundary_scale": boundaries.scale + 1, "average_precision": boundaries.average_precision}
    return summary


def describe_evaluation(
    photos: Sequence[PhotoEvaluation], pairing: Pairing, config: EvaluationConfig
) -> dict[str, Any]:
    """Return all that was measured as plain values; scales are numbered from 1."""
    return {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "tolerance": TOLERANCE if config.boundaries else None,
        "ignored_label": config.ignore,
        "n_scales": len(photos[0].n_regions),
        "heights": photos[0].heights,
        "summary": summary_of(photos),
        "without_truth": list(pairing.without_truth),
        "without_labels": list(pairing.without_labels),
        "photos": [describe_photo(photo, pair) for photo, pair in zip(photos, pairing.pairs, strict=True)],
    }


def describe_photo(photo: PhotoEvaluation, pair: Pair) -> dict[str, Any]:
    """Return what was measured of one photo as plain values."""
    height, width = photo.size
    return {
        "name": photo.name,
        "labels": text_of(pair.labels),
        "truth": [text_of(path) for path in pair.truths],
        "width": width,
        "height": height,
        "scales": describe_scales(photo),
        **({"people": [describe_scales(person) for person in photo.people]} if photo.people else {}),
    }


def describe_scales(photo: PhotoEvaluation) -> list[Mapping[str, float]]:
    """Return the number of regions and every measure at each scale."""
    return [{"n_regions": n, **measures_of(photo, t)} for t, n in enumerate(photo.n_regions)]


def encode_csv(photos: Sequence[PhotoEvaluation]) -> bytes:
    """Return a table with a row for each photo and scale."""
    import csv
    import io

    content = io.StringIO()
    columns = ["photo", "scale", "height", "regions", *measures_of(photos[0], 0)]
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(columns)
    for photo in photos:
        for t, n in enumerate(photo.n_regions):
            cut = "" if photo.heights is None else f"{photo.heights[t]:.6g}"
            values = [f"{value:.6f}" for value in measures_of(photo, t).values()]
            writer.writerow([text_of(Path(photo.name)), t + 1, cut, n, *values])
    return content.getvalue().encode()
