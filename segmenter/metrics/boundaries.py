"""Precision, recall and F of boundaries, matched one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools
from segmenter.metrics.matching import maximum_matching

TOLERANCE = 0.0075
"""How far apart two boundary pixels may be matched, as a part of the picture's diagonal."""


def find_boundaries(regions: NDArray[np.integer[Any]]) -> Bools:
    """Return the thinned line between regions, shape (H, W).

    Its pixels differ from the one to the right, below, or diagonally below right.
    """
    from skimage.morphology import thin

    padded = np.pad(regions, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    thick = (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])
    return np.asarray(thin(thick), dtype=np.bool_)  # type: ignore[no-untyped-call]


def match_boundaries(first: Bools, second: Bools, tolerance: float = TOLERANCE) -> tuple[Bools, Bools]:
    """Return which boundary pixels find a partner in the other map: as many as can be matched one to one.

    The matching has the most pairs, and takes near ones first; Berkeley's own has the least distance among those.

    Parameters
    ----------
    first, second : ndarray of shape (H, W), bool
    tolerance : float
        Largest distance of a pair, as a part of the diagonal.

    Returns
    -------
    ndarray of shape (H, W), bool
        The matched pixels of the first map.
    ndarray of shape (H, W), bool
        The matched pixels of the second map.
    """
    from scipy.spatial import cKDTree

    matched = np.zeros_like(first), np.zeros_like(second)
    places = np.argwhere(first), np.argwhere(second)
    if not len(places[0]) or not len(places[1]):
        return matched
    near = cKDTree(places[0]).sparse_distance_matrix(
        cKDTree(places[1]), tolerance * float(np.hypot(*first.shape)), output_type="coo_matrix"
    )
    partner = maximum_matching(near.row, near.col, near.data, *near.shape)
    for image, place, taken in zip(matched, places, (np.flatnonzero(partner >= 0), partner[partner >= 0]), strict=True):
        image[tuple(place[taken].T)] = True
    return matched


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary pixels of one segmentation against all people; counts of photos add up."""

    recalled: int  # drawn pixels that are matched, summed over people
    drawn: int
    precise: int  # found pixels that are matched with anybody's
    found: int

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        """Return the counts of both."""
        return BoundaryCounts(
            self.recalled + other.recalled,
            self.drawn + other.drawn,
            self.precise + other.precise,
            self.found + other.found,
        )

    @property
    def recall(self) -> float:
        """The share of drawn pixels that are matched, 0 where nothing is drawn."""
        return self.recalled / max(self.drawn, 1)

    @property
    def precision(self) -> float:
        """The share of found pixels that are matched, 0 where nothing is found."""
        return self.precise / max(self.found, 1)

    @property
    def f(self) -> float:
        """The harmonic mean of precision and recall, 0 where nothing is matched."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def count_boundary_matches(found: Bools, people: Sequence[Bools]) -> BoundaryCounts:
    """Return the counts of one boundary map, (H, W), against those of people."""
    matches = [match_boundaries(found, drawn) for drawn in people]
    precise = np.logical_or.reduce([ours for ours, _ in matches])
    return BoundaryCounts(
        sum(int(theirs.sum()) for _, theirs in matches),
        sum(int(drawn.sum()) for drawn in people),
        int(precise.sum()),
        int(found.sum()),
    )


@dataclass(frozen=True)
class BoundaryScores:
    """Boundaries of a set of photos at T scales against those of people."""

    ods: BoundaryCounts  # at the one scale for all photos that has the best F
    scale: int  # 0…T−1, of the ODS
    ois: BoundaryCounts  # at the scale of the best F of each photo
    average_precision: float  # precision over recall from 0 to 1, 0 beyond the recalls that were reached


def summarize_boundaries(photos: Sequence[Sequence[BoundaryCounts]]) -> BoundaryScores:
    """Return the figures of a set of photos, each with the counts of the same T scales."""
    nothing = BoundaryCounts(0, 0, 0, 0)
    scales = [sum(counts, nothing) for counts in zip(*photos, strict=True)]
    scale = max(range(len(scales)), key=lambda t: scales[t].f)
    ois = sum((max(counts, key=lambda each: each.f) for counts in photos), nothing)
    recall, first = np.unique([counts.recall for counts in scales], return_index=True)
    precision = np.array([counts.precision for counts in scales])[first]
    wanted = np.linspace(0, 1, 101)
    area = np.interp(wanted, recall, precision, left=0, right=0).sum() / 100 if len(recall) > 1 else 0.0
    return BoundaryScores(scales[scale], scale, ois, float(area))
