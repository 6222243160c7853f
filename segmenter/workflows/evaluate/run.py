"""Measure how well label images agree with segmentations that people drew: files → label images → scores."""

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
from segmenter.metrics.boundaries import count_boundary_matches, find_boundaries
from segmenter.metrics.contours import cut_contours, space_heights_evenly
from segmenter.metrics.partitions import score_photo
from segmenter.workflows.evaluate.pairing import HIERARCHY, Pair, Pairing
from segmenter.workflows.evaluate.scores import EvaluationConfig, PhotoEvaluation, compute_measures


@dataclass(frozen=True)
class _Job:
    """A pair, and everything that a worker needs to evaluate it."""

    pair: Pair
    config: EvaluationConfig
    each_person: bool


def evaluate_pairs(pairing: Pairing, config: EvaluationConfig, *, n_workers: int = 1) -> list[PhotoEvaluation]:
    """Evaluate every pair, in order; if there is only one, evaluate it against each person as well.

    Parameters
    ----------
    pairing : Pairing
    config : EvaluationConfig
    n_workers : int, at least 1
        Number of processes.

    Raises
    ------
    ReadError, DifferentSizesError, DifferentScalesError
        The first pair that cannot be evaluated.
    """
    jobs = [_Job(pair, config, each_person=len(pairing.pairs) == 1) for pair in pairing.pairs]
    if n_workers == 1 or len(jobs) == 1:
        found = [evaluate_pair(job) for job in jobs]
    else:
        results: dict[int, PhotoEvaluation | SegmenterError] = {}
        with closing(map_jobs(evaluate_or_error, enumerate(jobs), Workers(n_workers))) as outcomes:
            for outcome in outcomes:
                lost = LostWorkerError(str(outcome.job.pair.labels), outcome.lost)
                results[outcome.index] = outcome.result if outcome.result is not None else lost
        found = []
        for index in range(len(jobs)):
            result = results[index]
            if isinstance(result, SegmenterError):
                raise result
            found.append(result)
    for pair, photo in zip(pairing.pairs, found, strict=True):
        if len(photo.n_regions) != len(found[0].n_regions):
            first = str(pairing.pairs[0].labels)
            raise DifferentScalesError(str(pair.labels), len(photo.n_regions), first, len(found[0].n_regions))
    return found


def evaluate_or_error(job: _Job) -> PhotoEvaluation | SegmenterError:
    """Return the evaluation of a pair, or the error, since a worker process must not raise it."""
    try:
        return evaluate_pair(job)
    except SegmenterError as error:
        return error


def evaluate_pair(job: _Job) -> PhotoEvaluation:
    """Read and evaluate one pair."""
    config = job.config
    scales = read_scales(job.pair.labels, config)
    people: list[Labels] = []
    for path in job.pair.truths:
        truth = read_label_file(path, ignore=config.ignore, max_pixels=config.max_pixels)
        if truth.contours is not None:
            raise DifferentScalesError(str(path), config.n_scales, "a truth", 1)
        if truth.size != scales.size:
            raise DifferentSizesError(str(job.pair.labels), scales.size, str(path), truth.size)
        people += truth.images
    return evaluate_photo(job.pair.name, scales, people, boundaries=config.boundaries, each_person=job.each_person)


@dataclass(frozen=True, eq=False)
class Scales:
    """The segmentations of one photo at T scales; a single label image is one scale."""

    labels: tuple[Labels, ...]  # T arrays of shape (H, W)
    heights: tuple[float, ...] | None = None  # (T,), at which a hierarchy was cut; None = label images

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return get_size(self.labels[0])


def read_scales(path: Path, config: EvaluationConfig) -> Scales:
    """Return the segmentations in a file; a hierarchy is cut at evenly spaced heights."""
    heights = space_heights_evenly(config.n_scales)
    if path.name.endswith(HIERARCHY):
        from segmenter.segmentation.hierarchy_file import load_hierarchy

        hierarchy = load_hierarchy(path).hierarchy
        tables = [hierarchy.assign_superpixels(hierarchy.count_regions(height)) for height in heights.tolist()]
        labels = [np.concatenate([[0], table]).astype(np.int32)[hierarchy.superpixels] for table in tables]
        return Scales(tuple(labels), tuple(heights.tolist()))
    found = read_label_file(path, max_pixels=config.max_pixels)
    if found.contours is None:
        return Scales(tuple(found.images))
    labels = [cut_contours(found.contours, height) for height in heights.tolist()]
    return Scales(tuple(labels), tuple(heights.tolist()))


def evaluate_photo(
    name: str,
    scales: Scales,
    people: Sequence[Labels],
    *,
    boundaries: bool = True,
    each_person: bool = False,
) -> PhotoEvaluation:
    """Measure how well the segmentations of a photo agree with those that people drew.

    Parameters
    ----------
    name : str
    scales : Scales
    people : sequence of P ndarrays of shape (H, W)
    boundaries : bool
        Whether to match boundaries as well, which takes most of the time.
    each_person : bool
        Whether to measure the agreement with each of several people as well.
    """
    found = [find_boundaries(labels) for labels in scales.labels] if boundaries else []
    drawn = [find_boundaries(labels) for labels in people] if boundaries else []

    def measure_against(who: Sequence[int], by_person: tuple[PhotoEvaluation, ...] = ()) -> PhotoEvaluation:
        return PhotoEvaluation(
            name,
            scales.size,
            tuple(int(np.count_nonzero(np.bincount(labels.ravel())[1:])) for labels in scales.labels),
            scales.heights,
            score_photo(scales.labels, [people[p] for p in who]),
            tuple(count_boundary_matches(each, [drawn[p] for p in who]) for each in found) if boundaries else None,
            by_person,
        )

    everyone = range(len(people))
    by_person = tuple(measure_against([p]) for p in everyone) if each_person and len(people) > 1 else ()
    return measure_against(everyone, by_person)


def evaluate(
    labels: str | Path | NDArray[Any],
    truth: str | Path | NDArray[Any] | Sequence[NDArray[Any]],
    *,
    boundaries: bool = True,
) -> dict[str, float]:
    """Measure how well a label image agrees with one or several segmentations that people drew.

    Parameters
    ----------
    labels : path, or ndarray of shape (H, W) of whole numbers
        Every number is a region, including 0.
    truth : path, ndarray of shape (H, W), or several of them
        A file may hold the segmentations of several people.
    boundaries : bool
        Whether to match boundaries as well, which takes most of the time.

    Returns
    -------
    dict of str to float
        ``covering`` (0 to 1), ``rand_index`` (0 to 1), ``variation_of_information`` (bits, lower is better),
        ``adjusted_rand_index`` (at most 1), ``under_segmentation`` (from 0, lower is better), and
        ``boundary_precision``, ``boundary_recall`` and ``boundary_f`` (0 to 1). Region measures are means over people;
        boundary counts are summed over people.

    Raises
    ------
    ReadError
        A file cannot be used.
    InvalidArgumentError
        An array holds no labels, or a file holds several label images.
    DifferentSizesError
        Labels and truth differ in size.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> halves = np.repeat([[1, 1, 2, 2]], 4, axis=0)
    >>> figures = segmenter.evaluate(halves, [halves, halves.T])
    >>> figures["covering"], figures["variation_of_information"]
    (0.6666666666666666, 1.0)
    """
    (ours, *more), people = load_label_images(labels, "labels"), load_label_images(truth, "truth")
    if more:
        raise InvalidArgumentError("labels", f"holds {1 + len(more)} label images; give one")
    for person in people:
        if person.shape != ours.shape:
            raise DifferentSizesError("labels", get_size(ours), "truth", get_size(person))
    return compute_measures(evaluate_photo("", Scales((ours,)), people, boundaries=boundaries), 0)


def load_label_images(given: str | Path | NDArray[Any] | Sequence[NDArray[Any]], argument: str) -> list[Labels]:
    """Return the label images in a file or in arrays; errors name the argument."""
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


def get_size(labels: Labels) -> tuple[int, int]:
    """Return the height and width."""
    height, width = labels.shape
    return height, width
