"""What tells whether a fit can be trusted: components without spread, and what one Gaussian alone would explain."""

from __future__ import annotations

import numpy as np

from segmenter.mixture.config import CovarianceType
from segmenter.mixture.data import Data
from segmenter.mixture.gaussian import Mixture
from segmenter.mixture.m_step import covariances

COLLAPSED = 4.0
"""A component has collapsed where some variance is below this multiple of the blur of the data."""


def collapsed_components(mixture: Mixture, data: Data) -> tuple[int, ...]:
    """Return the components, 1…K, that have no spread but the blur in some direction that the data spreads in."""
    blurs = data.variances
    if mixture.covariance_type == "spherical":
        blurs = np.full_like(blurs, blurs.mean())
    unit = np.outer(np.sqrt(blurs), np.sqrt(blurs))  # not the root of the product, which may be out of range
    spreads, directions = np.linalg.eigh(data.covariance / unit)
    real = directions[:, spreads > 2 * COLLAPSED * data.blur]
    if real.shape[1] == 0:
        return ()
    least = np.linalg.eigvalsh(real.T @ (mixture.covariances / unit) @ real)[:, 0]
    return tuple(int(k) + 1 for k in np.flatnonzero(least < COLLAPSED * data.blur))


def log_likelihood_of_one_gaussian(data: Data, covariance_type: CovarianceType) -> float:
    """Return the average log-likelihood of the Gaussian of a family that fits best; NaN with missing values."""
    if not data.is_complete:
        return float("nan")
    covariance = covariances(data.covariance[None], np.ones(1), covariance_type, is_shared=False)[0]
    return -0.5 * float(np.linalg.slogdet(2 * np.pi * np.e * covariance)[1])
