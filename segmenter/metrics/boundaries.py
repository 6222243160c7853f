"""Precision, recall and F-measure of boundaries whose pixels are matched one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools
from segmenter.metrics.matching import maximum_matching

TOLERANCE = 0.0075
"""Maximum distance between two matched boundary pixels, as a fraction of the picture's diagonal."""


def find_boundaries(regions: NDArray[np.integer[Any]]) -> Bools:
    """Return the boundaries between regions as lines thinned to one pixel, shape (H, W).

    Before thinning, a pixel is on a boundary if its label differs from that of the pixel to the right, below, or
    diagonally below to the right.
    """
    from skimage.morphology import thin

    padded = np.pad(regions, ((0, 1), (0, 1)), mode="edge")
    center = padded[:-1, :-1]
    thick = (center != padded[:-1, 1:]) | (center != padded[1:, :-1]) | (center != padded[1:, 1:])
    return np.asarray(thin(thick), dtype=np.bool_)  # type: ignore[no-untyped-call]


def match_boundaries(first: Bools, second: Bools, tolerance: float = TOLERANCE) -> tuple[Bools, Bools]:
    """Return the boundary pixels of two maps that are matched one to one with pixels of the other map.

    The number of pairs is the largest possible, and close pairs are preferred. The Berkeley benchmark instead takes,
    among the matchings of that size, the one with the smallest total distance.

    Parameters
    ----------
    first, second : ndarray of shape (H, W), bool
    tolerance : float
        Maximum distance of a pair, as a fraction of the diagonal.

    Returns
    -------
    ndarray of shape (H, W), bool
        The matched pixels of the first map.
    ndarray of shape (H, W), bool
        The matched pixels of the second map.
    """
    from scipy.spatial import cKDTree

    first_matched, second_matched = np.zeros_like(first), np.zeros_like(second)
    first_points, second_points = np.argwhere(first), np.argwhere(second)
    if not len(first_points) or not len(second_points):
        return first_matched, second_matched
    max_distance = tolerance * float(np.hypot(*first.shape))
    near = cKDTree(first_points).sparse_distance_matrix(cKDTree(second_points), max_distance, output_type="coo_matrix")
    partners = maximum_matching(near.row, near.col, near.data, *near.shape)
    first_matched[tuple(first_points[partners >= 0].T)] = True
    second_matched[tuple(second_points[partners[partners >= 0]].T)] = True
    return first_matched, second_matched


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary pixels of one segmentation matched with all annotations of its photo; counts of photos can be added."""

    n_annotated_matched: int  # matched annotated pixels, summed over the annotations
    n_annotated: int  # annotated pixels, summed over the annotations
    n_found_matched: int  # found pixels matched in at least one annotation
    n_found: int

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        """Return the sum of the two counts."""
        return BoundaryCounts(
            self.n_annotated_matched + other.n_annotated_matched,
            self.n_annotated + other.n_annotated,
            self.n_found_matched + other.n_found_matched,
            self.n_found + other.n_found,
        )

    @property
    def recall(self) -> float:
        """The fraction of annotated pixels that are matched, 0 if none is annotated."""
        return self.n_annotated_matched / max(self.n_annotated, 1)

    @property
    def precision(self) -> float:
        """The fraction of found pixels that are matched, 0 if none is found."""
        return self.n_found_matched / max(self.n_found, 1)

    @property
    def f(self) -> float:
        """The harmonic mean of precision and recall, 0 if no pixel is matched."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def count_boundary_matches(found: Bools, annotations: Sequence[Bools]) -> BoundaryCounts:
    """Match a boundary map, (H, W), with each of those drawn by people, and count the matched pixels."""
    matches = [match_boundaries(found, annotated) for annotated in annotations]
    is_found_matched = np.logical_or.reduce([found_matched for found_matched, _ in matches])
    return BoundaryCounts(
        sum(int(annotated_matched.sum()) for _, annotated_matched in matches),
        sum(int(annotated.sum()) for annotated in annotations),
        int(is_found_matched.sum()),
        int(found.sum()),
    )


@dataclass(frozen=True)
class BoundaryScores:
    """How well the boundaries of a set of photos, at T scales, agree with those drawn by people."""

    ods: BoundaryCounts  # all photos at the same scale, the one with the best F
    scale: int  # 0…T−1, the scale of `ods`
    ois: BoundaryCounts  # each photo at its own scale with the best F
    average_precision: float  # area under precision over recall, 0 to 1; precision is 0 at recalls never reached


def summarize_boundaries(photos: Sequence[Sequence[BoundaryCounts]]) -> BoundaryScores:
    """Return the scores of a set of photos, given the counts of each photo at the same T scales."""
    zero = BoundaryCounts(0, 0, 0, 0)
    scales = [sum(counts, zero) for counts in zip(*photos, strict=True)]
    best_scale = max(range(len(scales)), key=lambda t: scales[t].f)
    ois = sum((max(counts, key=lambda each: each.f) for counts in photos), zero)
    recall, unique_index = np.unique([counts.recall for counts in scales], return_index=True)
    precision = np.array([counts.precision for counts in scales])[unique_index]
    grid = np.linspace(0, 1, 101)
    area = np.interp(grid, recall, precision, left=0, right=0).sum() / 100 if len(recall) > 1 else 0.0
    return BoundaryScores(scales[best_scale], best_scale, ois, float(area))
