"""SQUAREM: extrapolate the path of EM (Varadhan and Roland 2008, "Simple and globally convergent methods").

Near its end, EM moves along one slow direction. From three consecutive points s, s' and s'', with r = s' − s and
v = (s'' − s') − r, SQUAREM steps to s − 2 α r + α² v with α = −‖r‖ / ‖v‖, which anticipates many EM steps. Here the
points are sufficient statistics, not parameters: the sums over all monomials, in units of the features. An M-step turns
the extrapolated statistics into a mixture, as it does with any others. If it cannot, because a mass or a variance came
out negative, or if the objective does not rise, the step is not taken; so the objective stays monotone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segmenter.arrays import Bools, Floats
from segmenter.mixture.e_step import SufficientStatistics
from segmenter.mixture.monomials import Terms, monomials


def squarem_step(path: Sequence[SufficientStatistics], variances: Floats) -> SufficientStatistics | None:
    """Return the statistics extrapolated from those of three E-steps in a row, or None where they cannot be used.

    Parameters
    ----------
    path : sequence of 3 SufficientStatistics
    variances : ndarray of shape (D,)
        Of the features; their roots are the units in which differences are measured.
    """
    sums, is_usable = extrapolate([statistics.sums for statistics in path], variances, path[-1].terms)
    return replace(path[-1], sums=sums) if is_usable else None


def extrapolate(path: Sequence[Floats], variances: Floats, terms: Terms = "pairs") -> tuple[Floats, Bools]:
    """Return the sums extrapolated from those of three E-steps in a row, for one mixture or several.

    Parameters
    ----------
    path : sequence of 3 ndarray of shape (..., K, P)
    variances : ndarray of shape (D,)
    terms : {"pairs", "squares", "norm", "shared"}
        Of degree two in the monomials.

    Returns
    -------
    sums : ndarray of shape (..., K, P)
    is_usable : ndarray of shape (...), bool
        Whether the sums can be used: not where the step would be no longer than an M-step, or a mass is not positive.
    """
    before, middle, after = path
    units = monomials(np.sqrt(variances)[:, None], terms=terms)[:, 0]
    first = middle - before
    second = after - middle - first
    speed, curvature = (np.sqrt(np.square(each / units).sum(axis=(-2, -1))) for each in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(curvature > 0, -speed / curvature, 0.0)[..., None, None]
    sums = before - 2 * alpha * first + alpha * alpha * second
    return sums, (alpha[..., 0, 0] < -1) & (sums[..., 0] > 0).all(axis=-1)
