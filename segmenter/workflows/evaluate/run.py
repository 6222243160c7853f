"""How well label images agree with what people drew: files → label images → scores → one record."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Labels
from segmenter.errors import (
    DifferentScalesError,
    DifferentSizesError,
    InvalidArgumentError,
    LostWorkerError,
    NotLabelsError,
    SegmenterError,
)
from segmenter.execution.api import Workers
from segmenter.execution.map import map_jobs
from segmenter.io.labels.annotations import read_label_file, renumber
from segmenter.metrics.boundaries import boundary, boundary_counts
from segmenter.metrics.contours import cut_contours, even_heights
from segmenter.metrics.partitions import score_photo
from segmenter.workflows.evaluate.pairing import HIERARCHY, Pair, Pairing
from segmenter.workflows.evaluate.scores import EvaluationConfig, PhotoEvaluation, compute_measures


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
                results[answer.index] = answer.result if answer.result is not None else lost
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
    heights = even_heights(config.n_scales)
    if path.name.endswith(HIERARCHY):
        from segmenter.segmentation.hierarchy_file import load_hierarchy

        hierarchy = load_hierarchy(path).hierarchy
        tables = [hierarchy.regions_of(hierarchy.n_regions(height)) for height in heights.tolist()]
        labels = [np.concatenate([[0], table]).astype(np.int32)[hierarchy.superpixels] for table in tables]
        return labels, tuple(heights.tolist())
    found = read_label_file(path, max_pixels=config.max_pixels)
    if found.contours is None:
        return list(found.images), None
    return [cut_contours(found.contours, height) for height in heights.tolist()], tuple(heights.tolist())


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


def evaluate(
    labels: str | Path | NDArray[Any],
    truth: str | Path | NDArray[Any] | Sequence[NDArray[Any]],
    *,
    boundaries: bool = True,
) -> dict[str, float]:
    """Tell how well a label image agrees with one or several segmentations that people drew.

    Parameters
    ----------
    labels : path, or ndarray of shape (H, W) of whole numbers
        Every number is a region; so is 0.
    truth : path, ndarray of shape (H, W), or several of them
        A file may hold several people's.
    boundaries : bool
        Whether boundaries are matched, too, which takes most of the time.

    Returns
    -------
    dict of str to float
        ``covering`` (0 to 1), ``rand_index`` (0 to 1), ``variation_of_information`` (bits, less is better),
        ``adjusted_rand_index`` (at most 1), ``under_segmentation`` (from 0, less is better), and
        ``boundary_precision``, ``boundary_recall`` and ``boundary_f`` (0 to 1): means over people, and of boundaries
        the sums over people.

    Raises
    ------
    ReadError
        A file cannot be used.
    InvalidArgumentError
        An array holds no labels, or a file several of them.
    DifferentSizesError
        Labels and truth are of different sizes.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> halves = np.repeat([[1, 1, 2, 2]], 4, axis=0)
    >>> figures = segmenter.evaluate(halves, [halves, halves.T])
    >>> figures["covering"], figures["variation_of_information"]
    (0.6666666666666666, 1.0)
    """
    (ours, *more), people = images_of(labels, "labels"), images_of(truth, "truth")
    if more:
        raise InvalidArgumentError("labels", f"are {1 + len(more)} label images; give one")
    for person in people:
        if person.shape != ours.shape:
            raise DifferentSizesError("labels", shape_of(ours), "truth", shape_of(person))
    return compute_measures(evaluate_photo("", [ours], people, boundaries=boundaries), 0)


def images_of(given: str | Path | NDArray[Any] | Sequence[NDArray[Any]], argument: str) -> list[Labels]:
    """Return the label images that a caller gives, by an argument of some name."""
    if isinstance(given, str | Path):
        found = read_label_file(Path(given))
        if found.contours is not None:
            raise InvalidArgumentError(argument, "is a hierarchy; give label images")
        return list(found.images)
    arrays = [given] if isinstance(given, np.ndarray) and given.ndim == 2 else list(given)
    if not arrays:
        raise InvalidArgumentError(argument, "holds no label image")
    try:
        return [renumber(np.asarray(array), argument) for array in arrays]
    except NotLabelsError as error:
        raise InvalidArgumentError(argument, error.reason) from error


def shape_of(labels: Labels) -> tuple[int, int]:
    """Return height and width."""
    height, width = labels.shape
    return height, width
