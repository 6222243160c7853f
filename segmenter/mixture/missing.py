"""Missing values, integrated out: the E-step uses the observed values, and expectations of what is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats
from segmenter.mixture.model import Mixture
from segmenter.mixture.monomials import n_monomials, pairs, square_index


def regress_missing(mixture: Mixture, observed: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return how each component predicts the missing features from the observed ones (Bishop 2006, eq. 2.81–2.82).

    Parameters
    ----------
    mixture : Mixture
    observed : ndarray of shape (O,)
        Indices of the observed features.

    Returns
    -------
    missing : ndarray of shape (M,)
        Indices of the missing features.
    slopes : ndarray of shape (K, M, O)
        B with E[x_m | x_o] = μ_m + B (x_o − μ_o).
    covariances : ndarray of shape (K, M, M)
        Of x_m given x_o.
    """
    missing = np.setdiff1d(np.arange(mixture.n_features), observed)
    sigma = mixture.covariances
    cross = sigma[:, missing[:, None], observed]
    slopes = np.linalg.solve(sigma[:, observed[:, None], observed], cross.transpose(0, 2, 1)).transpose(0, 2, 1)
    return (
        missing,
        np.asarray(slopes, dtype=np.float64),
        sigma[:, missing[:, None], missing] - slopes @ cross.transpose(0, 2, 1),
    )


def complete_sums(sums: Floats, mixture: Mixture, observed: NDArray[np.intp], origin: Floats) -> Floats:
    """Return the expected sums of all monomials, from the sums of the monomials of the observed features.

    Relative to the origin, the features are z = T z_o + t plus an error of covariance C, which only missing features
    have. So the expected moments follow from the observed ones, without another pass over the samples (Ghahramani and
    Jordan 1994).

    Parameters
    ----------
    sums : ndarray of shape (K, P_o)
    mixture : Mixture
    observed : ndarray of shape (O,)
    origin : ndarray of shape (D,)

    Returns
    -------
    ndarray of shape (K, P)
    """
    n_features, n_observed = mixture.n_features, len(observed)
    if n_observed == n_features:
        return sums
    missing, slopes, residual = regress_missing(mixture, observed)
    n_components = mixture.n_components
    means = mixture.means - origin
    mapping = np.zeros((n_components, n_features, n_observed))
    mapping[:, observed, np.arange(n_observed)] = 1
    mapping[:, missing] = slopes
    shift = np.zeros((n_components, n_features, 1))
    shift[:, missing] = means[:, missing, None] - slopes @ means[:, observed, None]
    mass = sums[:, 0, None, None]
    first = sums[:, 1 : 1 + n_observed, None]
    second = sums[:, square_index(n_observed)]
    mapped = mapping @ first
    cross = mapped @ shift.transpose(0, 2, 1)
    complete = mapping @ second @ mapping.transpose(0, 2, 1) + cross + cross.transpose(0, 2, 1)
    complete += mass * (shift @ shift.transpose(0, 2, 1))
    complete[:, missing[:, None], missing] += mass * residual
    rows, columns = pairs(n_features)
    result = np.empty((n_components, n_monomials(n_features)))
    result[:, 0] = sums[:, 0]
    result[:, 1 : 1 + n_features] = (mapped + mass * shift)[:, :, 0]
    result[:, 1 + n_features :] = complete[:, rows, columns]
    return result
