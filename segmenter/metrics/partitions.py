"""Measure how well regions agree with those drawn by people: covering, Rand index, variation of information and more.

The first three measures, and how they are combined over photos, are those of BSDS500 (Arbeláez, Maire, Fowlkes and
Malik 2011, section 3.1): "ODS" takes one scale for all photos, "OIS" the best scale of each photo, and "best" lets each
true region choose its best region among all scales. Region labels are 1…R. Pixels with label 0 belong to no region:
they are not covered, but count as one more set in the Rand index and in the variation of information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats


@dataclass(frozen=True, eq=False)
class PhotoScore:
    """How well the segmentations of one photo, at T scales, agree with the annotations of one or more people."""

    covered: Floats  # (T,), pixels of the true regions times their best overlaps, summed over regions and people
    best_covered: float  # the same, with the best overlap over all scales
    total: float  # pixels of the true regions, summed over people: the largest possible `covered`
    rand_index: Floats  # (T,), mean over people, 0 to 1
    variation: Floats  # (T,), variation of information, mean over people, bits
    adjusted_rand: Floats  # (T,), mean over people, at most 1; 0 = expected by chance
    under_segmentation: Floats  # (T,), mean over people, at least 0


@dataclass(frozen=True)
class Scores:
    """Scores of a set of photos; coverings and Rand indices from 0 to 1, variations of information in bits."""

    covering_ods: float
    covering_ois: float
    covering_best: float
    covering_scale: int  # 0…T−1, the scale of `covering_ods`
    rand_index_ods: float
    rand_index_ois: float
    variation_ods: float
    variation_ois: float
    adjusted_rand_ods: float
    adjusted_rand_ois: float
    under_segmentation_ods: float
    under_segmentation_ois: float


def contingency_table(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> Floats:
    """Return how many pixels have each pair of labels, shape (1 + largest first label, 1 + largest second label)."""
    shape = int(first.max()) + 1, int(second.max()) + 1
    keys = first.ravel().astype(np.intp) * shape[1] + second.ravel()
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def find_best_overlaps(table: Floats) -> Floats:
    """Return the largest intersection over union of each true region (labels from 1) with any region.

    Parameters
    ----------
    table : ndarray of shape (1 + true regions, 1 + regions)
        The `contingency_table` of truth and regions.

    Returns
    -------
    ndarray of shape (true regions,), 0 to 1
    """
    union = table.sum(axis=1)[1:, None] + table.sum(axis=0)[None, 1:] - table[1:, 1:]
    return np.asarray((table[1:, 1:] / np.maximum(union, 1)).max(axis=1, initial=0.0))


def covering(regions: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """Return the mean over pixels of the best intersection over union of the true region of each pixel, 0 to 1."""
    table = contingency_table(truth, regions)
    sizes = table.sum(axis=1)[1:]
    return float(sizes @ find_best_overlaps(table) / sizes.sum())


def rand_index(table: Floats) -> float:
    """Return the fraction of pairs of pixels on which two partitions agree, 0 to 1 (Rand 1971); 1 for a single pixel.

    Two partitions agree on a pair if both put its pixels in the same set, or both separate them.
    """
    n = table.sum()
    if n < 2:
        return 1.0
    n_disagreements = 0.5 * ((table.sum(axis=0) ** 2).sum() + (table.sum(axis=1) ** 2).sum()) - (table**2).sum()
    return float(1 - n_disagreements / (n * (n - 1) / 2))


def adjusted_rand_index(table: Floats) -> float:
    """Return the Rand index corrected for chance, 1 for equal partitions, 0 on average (Hubert and Arabie 1985)."""
    n = table.sum()
    in_both = (table**2).sum() - n  # ordered pairs of pixels that are in the same set in both partitions
    in_first = (table.sum(axis=1) ** 2).sum() - n  # in the same set in the first
    in_second = (table.sum(axis=0) ** 2).sum() - n
    if in_both == in_first == in_second:
        return 1.0
    by_chance = in_first * in_second / (n * (n - 1))
    return float((in_both - by_chance) / ((in_first + in_second) / 2 - by_chance))


def under_segmentation_error(table: Floats) -> float:
    """Return how much regions leak across the borders of true regions; 0 = not at all (Neubert and Protzel 2012).

    Each overlap of a region with a true region counts with the smaller part of the region: the part inside the true
    region or the part outside. The sum is divided by the number of pixels that belong to a true region.

    Parameters
    ----------
    table : ndarray of shape (1 + true regions, 1 + regions)
        The `contingency_table` of truth and regions.
    """
    inside = table[1:, 1:]
    outside = table.sum(axis=0)[1:] - inside
    return float(np.minimum(inside, outside).sum() / max(table[1:].sum(), 1))


def variation_of_information(table: Floats) -> float:
    """Return H(first | second) + H(second | first) in bits, 0 for equal partitions (Meilă 2005)."""
    n = table.sum()
    return 2 * entropy(table.ravel() / n) - entropy(table.sum(axis=0) / n) - entropy(table.sum(axis=1) / n)


def entropy(probabilities: Floats) -> float:
    """Return the entropy of a probability distribution in bits."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log2(positive)).sum())


def score_photo(
    scales: Sequence[NDArray[np.integer[Any]]], annotations: Sequence[NDArray[np.integer[Any]]]
) -> PhotoScore:
    """Return how well the segmentations of one photo agree with those drawn by people.

    Parameters
    ----------
    scales : sequence of T ndarrays of shape (H, W)
        The label images of a hierarchy from fine to coarse, or a single one.
    annotations : sequence of ndarrays of shape (H, W)
        One label image for each person.
    """
    covered, rand, variation, adjusted, leakage = np.zeros((5, len(scales)))
    best_covered = total = 0.0
    for truth in annotations:
        best_overlaps = np.zeros(int(truth.max()))
        sizes = np.bincount(truth.ravel(), minlength=len(best_overlaps) + 1)[1:].astype(np.float64)
        for t, regions in enumerate(scales):
            table = contingency_table(truth, regions)
            overlaps = find_best_overlaps(table)
            np.maximum(best_overlaps, overlaps, out=best_overlaps)
            covered[t] += sizes @ overlaps
            rand[t] += rand_index(table) / len(annotations)
            variation[t] += variation_of_information(table) / len(annotations)
            adjusted[t] += adjusted_rand_index(table) / len(annotations)
            leakage[t] += under_segmentation_error(table) / len(annotations)
        best_covered += float(sizes @ best_overlaps)
        total += float(sizes.sum())
    return PhotoScore(covered, best_covered, total, rand, variation, adjusted, leakage)


def summarize_partitions(photos: Sequence[PhotoScore]) -> Scores:
    """Return the scores of a set of photos that were all cut at the same T scales."""
    covered = np.array([photo.covered for photo in photos])
    total = max(sum(photo.total for photo in photos), 1)
    rand = np.array([photo.rand_index for photo in photos])
    variation = np.array([photo.variation for photo in photos])
    adjusted = np.array([photo.adjusted_rand for photo in photos])
    leakage = np.array([photo.under_segmentation for photo in photos])
    return Scores(
        covering_ods=float(covered.sum(axis=0).max() / total),
        covering_ois=float(covered.max(axis=1).sum() / total),
        covering_best=sum(photo.best_covered for photo in photos) / total,
        covering_scale=int(covered.sum(axis=0).argmax()),
        rand_index_ods=float(rand.mean(axis=0).max()),
        rand_index_ois=float(rand.max(axis=1).mean()),
        variation_ods=float(variation.mean(axis=0).min()),
        variation_ois=float(variation.min(axis=1).mean()),
        adjusted_rand_ods=float(adjusted.mean(axis=0).max()),
        adjusted_rand_ois=float(adjusted.max(axis=1).mean()),
        under_segmentation_ods=float(leakage.mean(axis=0).min()),
        under_segmentation_ois=float(leakage.min(axis=1).mean()),
    )
