"""SQUAREM: leaps along the path of EM (Varadhan and Roland 2008, "Simple and globally convergent methods").

EM near its end moves along one slow direction. From three points in a row, s, s' and s'', with r = s' − s and
v = (s'' − s') − r, the leap to s − 2 α r + α² v with α = −‖r‖ / ‖v‖ foresees many steps. Here the points are sufficient
statistics, not parameters: their sums over all monomials, in units of the features. An M-step turns the leap into a
mixture as it does any statistics, and where it cannot, because a mass or a variance came out negative, or where the
objective did not rise, the leap is not taken: the objective stays monotone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segmenter.arrays import Bools, Floats
from segmenter.mixture.e_step import SufficientStatistics
from segmenter.mixture.model import pairs


def squarem_step(path: Sequence[SufficientStatistics], variances: Floats) -> SufficientStatistics | None:
    """Return the statistics that three steps in a row lead to, or None where there is nothing to foresee.

    Parameters
    ----------
    path : sequence of 3 SufficientStatistics
    variances : ndarray of shape (D,)
        The units that differences are measured in.
    """
    sums, is_ahead = extrapolate([statistics.sums for statistics in path], variances)
    return replace(path[-1], sums=sums) if is_ahead else None


def extrapolate(path: Sequence[Floats], variances: Floats) -> tuple[Floats, Bools]:
    """Return the sums that three steps in a row lead to, for one mixture or for many, and where they can be used.

    Parameters
    ----------
    path : sequence of 3 ndarray of shape (..., K, P)
    variances : ndarray of shape (D,)

    Returns
    -------
    sums : ndarray of shape (..., K, P)
    is_ahead : ndarray of shape (...), bool
        False where the steps do not slow down evenly, or a mass came out negative.
    """
    before, middle, after = path
    deviations = np.sqrt(variances)
    rows, columns = pairs(len(deviations))
    units = np.concatenate([[1.0], deviations, deviations[rows] * deviations[columns]])
    first = middle - before
    second = after - middle - first
    speed, curvature = (np.sqrt(np.square(each / units).sum(axis=(-2, -1))) for each in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(curvature > 0, -speed / curvature, 0.0)[..., None, None]
    sums = before - 2 * alpha * first + alpha * alpha * second
    return sums, (alpha[..., 0, 0] < -1) & (sums[..., 0] > 0).all(axis=-1)
