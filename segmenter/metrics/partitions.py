"""How well regions agree with those that people drew: covering, Rand index, variation of information, boundaries.

The measures are those of BSDS500 (Arbeláez, Maire, Fowlkes and Malik 2011, section 3.1), and so is how they
are summed over photos: "ODS" takes one scale for all photos, "OIS" the best scale of each, and "best" composes a
covering of the best regions of all scales. Region labels are 1…R; pixels of label 0 belong to no region and are not
covered, but count as one more set in the Rand index and in the variation of information.
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
    """How the segmentations of one photo, at T scales, agree with the people who drew it."""

    covered: Floats  # (T,), pixels covered, summed over people
    best_covered: float  # the same where each drawn region takes the best region of all scales
    total: float  # pixels that could be covered, summed over people
    rand_index: Floats  # (T,), mean over people, 0 to 1
    variation: Floats  # (T,), variation of information, mean over people, bits
    adjusted_rand: Floats  # (T,), mean over people, at most 1; 0 = as by chance
    under_segmentation: Floats  # (T,), mean over people, from 0


@dataclass(frozen=True)
class Scores:
    """Figures of a set of photos; coverings and Rand indices from 0 to 1, variations of information in bits."""

    covering_ods: float
    covering_ois: float
    covering_best: float
    covering_scale: int  # 0…T−1, the scale of the ODS
    rand_index_ods: float
    rand_index_ois: float
    variation_ods: float
    variation_ois: float
    adjusted_rand_ods: float
    adjusted_rand_ois: float
    under_segmentation_ods: float
    under_segmentation_ois: float


def contingency_table(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> Floats:
    """Return how many pixels have each pair of labels, shape (1 + largest of first, 1 + largest of second)."""
    shape = int(first.max()) + 1, int(second.max()) + 1
    keys = first.ravel().astype(np.intp) * shape[1] + second.ravel()
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def best_overlaps(both: Floats) -> Floats:
    """Return the largest intersection over union that each true region, label 1 upwards, has with any region.

    Parameters
    ----------
    both : ndarray of shape (1 + true regions, 1 + regions)
        From `contingency` of truth and regions.

    Returns
    -------
    ndarray of shape (true regions,), 0 to 1
    """
    union = both.sum(axis=1)[1:, None] + both.sum(axis=0)[None, 1:] - both[1:, 1:]
    return np.asarray((both[1:, 1:] / np.maximum(union, 1)).max(axis=1, initial=0.0))


def covering(regions: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """Return the mean over the true regions' pixels of the best intersection over union of their region, 0 to 1."""
    both = contingency_table(truth, regions)
    sizes = both.sum(axis=1)[1:]
    return float(sizes @ best_overlaps(both) / sizes.sum())


def rand_index(both: Floats) -> float:
    """Return the share of pairs of pixels on which two partitions agree, 0 to 1; 1 for a single pixel (Rand 1971)."""
    n = both.sum()
    if n < 2:
        return 1.0
    apart = 0.5 * ((both.sum(axis=0) ** 2).sum() + (both.sum(axis=1) ** 2).sum()) - (both**2).sum()
    return float(1 - apart / (n * (n - 1) / 2))


def adjusted_rand_index(both: Floats) -> float:
    """Return the Rand index less that of chance, 1 for equal partitions and 0 on average (Hubert and Arabie 1985)."""
    together = (both**2).sum() - both.sum()  # ordered pairs: in one set of both partitions, of the first, of the second
    first = (both.sum(axis=1) ** 2).sum() - both.sum()
    second = (both.sum(axis=0) ** 2).sum() - both.sum()
    n = both.sum()
    if together == first == second:
        return 1.0
    chance = first * second / (n * (n - 1))
    return float((together - chance) / ((first + second) / 2 - chance))


def under_segmentation_error(both: Floats) -> float:
    """Return how much of the regions leaks out of the true regions, 0 where none does (Neubert and Protzel 2012).

    Of each region that meets a true one the smaller part counts, that inside or that outside of it; their sum is
    divided by the number of pixels that have a true region.

    Parameters
    ----------
    both : ndarray of shape (1 + true regions, 1 + regions)
        From `contingency` of truth and regions.
    """
    inside = both[1:, 1:]
    outside = both.sum(axis=0)[1:] - inside
    return float(np.minimum(inside, outside).sum() / max(both[1:].sum(), 1))


def variation_of_information(both: Floats) -> float:
    """Return H(first | second) + H(second | first) in bits, 0 for equal partitions (Meilă 2005)."""
    n = both.sum()
    return 2 * entropy(both.ravel() / n) - entropy(both.sum(axis=0) / n) - entropy(both.sum(axis=1) / n)


def entropy(probabilities: Floats) -> float:
    """Return the entropy in bits."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log2(positive)).sum())


def score_photo(scales: Sequence[NDArray[np.integer[Any]]], people: Sequence[NDArray[np.integer[Any]]]) -> PhotoScore:
    """Return how the segmentations of one photo agree with those of people.

    Parameters
    ----------
    scales : sequence of T ndarrays of shape (H, W)
        The label images of a hierarchy from fine to coarse, or a single one.
    people : sequence of ndarrays of shape (H, W)
    """
    covered, rand, variation, adjusted, leaking = np.zeros((5, len(scales)))
    best_covered = total = 0.0
    for person in people:
        best = np.zeros(int(person.max()))
        sizes = np.bincount(person.ravel(), minlength=len(best) + 1)[1:].astype(np.float64)
        for t, regions in enumerate(scales):
            both = contingency_table(person, regions)
            overlaps = best_overlaps(both)
            np.maximum(best, overlaps, out=best)
            covered[t] += sizes @ overlaps
            rand[t] += rand_index(both) / len(people)
            variation[t] += variation_of_information(both) / len(people)
            adjusted[t] += adjusted_rand_index(both) / len(people)
            leaking[t] += under_segmentation_error(both) / len(people)
        best_covered += float(sizes @ best)
        total += float(sizes.sum())
    return PhotoScore(covered, best_covered, total, rand, variation, adjusted, leaking)


def summarize_partitions(photos: Sequence[PhotoScore]) -> Scores:
    """Return the figures of a set of photos that were all cut at the same T scales."""
    covered = np.array([photo.covered for photo in photos])
    total = max(sum(photo.total for photo in photos), 1)
    rand = np.array([photo.rand_index for photo in photos])
    variation = np.array([photo.variation for photo in photos])
    adjusted = np.array([photo.adjusted_rand for photo in photos])
    leaking = np.array([photo.under_segmentation for photo in photos])
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
        under_segmentation_ods=float(leaking.mean(axis=0).min()),
        under_segmentation_ois=float(leaking.min(axis=1).mean()),
    )


# ---- boundaries ----------------------------------------------------------------------------------------------------
