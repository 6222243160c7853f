"""An M-step on arrays, for whoever has responsibilities from elsewhere, such as those of a hidden Markov model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from segmenter.arrays import Floats, Samples, to_floats, to_samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture import m_step as statistics_m_step
from segmenter.mixture.config import CovarianceType, FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.e_step import SufficientStatistics
from segmenter.mixture.m_step import NormalInverseWishart
from segmenter.mixture.model import Mixture
from segmenter.mixture.monomials import n_monomials


def m_step(
    values: Samples | ArrayLike,
    responsibilities: ArrayLike,
    covariance_type: CovarianceType = "full",
    *,
    covariance_floor: float = FitConfig.covariance_floor,
    prior: NormalInverseWishart | None = None,
) -> Mixture:
    """Return the mixture of the highest expected log-likelihood, given responsibilities (Bishop 2006, eq. 9.24–9.26).

    Parameters
    ----------
    values : Samples, or array of shape (N, D) or (N,)
        Without missing values.
    responsibilities : array of shape (N, K)
        At least 0; usually, rows sum to 1.
    covariance_type : {"full", "tied", "diag", "spherical"}
    covariance_floor : float, from 1e-12 to 1
        The minimum variance, relative to that of each feature, see `segmenter.mixture.data`.
    prior : NormalInverseWishart, optional

    Raises
    ------
    InvalidArgumentError
        A value is missing, the responsibilities do not match, or a component has none.
    """
    samples, shares = to_samples(values), _validate(responsibilities)
    if np.isnan(samples.values).any():
        raise InvalidArgumentError("values", "contain NaN; leave out incomplete samples, or impute them")
    if len(shares) != len(samples.values):
        raise InvalidArgumentError("responsibilities", f"are {len(shares)} for {len(samples.values)} samples")
    config = FitConfig(shares.shape[1], covariance_type, covariance_floor=covariance_floor)
    data = prepare_samples(samples, config.covariance_floor, is_shared=config.is_shared)
    (group,) = data.groups
    sums = np.zeros((shares.shape[1], n_monomials(len(data.origin))))
    for block, phi, weights in group.blocks():
        sums += (shares[block].T * weights) @ phi.T
    statistics = SufficientStatistics(sums, 0.0, np.nan, data.total_weight, data.origin)
    return statistics_m_step.m_step(statistics, covariance_type, prior=prior)


def _validate(responsibilities: ArrayLike) -> Floats:
    """Return responsibilities (N, K); InvalidArgumentError if they are none."""
    shares = to_floats("responsibilities", responsibilities)
    if shares.ndim != 2 or not ((shares >= 0) & (shares < np.inf)).all():
        raise InvalidArgumentError("responsibilities", "must be (N, K), and from 0 to 1")
    if not shares.any(axis=0).all():
        k = int(shares.any(axis=0).argmin()) + 1
        raise InvalidArgumentError("responsibilities", f"of component {k} are all 0; leave it out")
    return shares
