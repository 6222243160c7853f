"""What tells whether a fit can be trusted: components without spread, and what one Gaussian alone would explain."""

from __future__ import annotations

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.data import PreparedSamples
from segmenter.mixture.e_step import e_step
from segmenter.mixture.m_step import covariances, m_step
from segmenter.mixture.model import Mixture

COLLAPSED = 4.0
"""A component has collapsed where some variance is below this multiple of the blur of the data."""

TOLERANCE, MAX_STEPS = 1e-5, 100
"""Of EM with one component, in nats per sample: a hundredth of what is suspicious."""


def collapsed_components(mixture: Mixture, data: PreparedSamples) -> tuple[int, ...]:
    """Return the components, 1…K, that have no spread but the blur in some direction that the data spreads in."""
    floors = data.variances
    if mixture.covariance_type == "spherical":
        floors = np.full_like(floors, floors.mean())
    unit = np.outer(np.sqrt(floors), np.sqrt(floors))  # not the root of the product, which may be out of range
    spreads, directions = np.linalg.eigh(data.covariance / unit)
    real = directions[:, spreads > 2 * COLLAPSED * data.covariance_floor]
    if real.shape[1] == 0:
        return ()
    least = np.linalg.eigvalsh(real.T @ (mixture.covariances / unit) @ real)[:, 0]
    return tuple(int(k) + 1 for k in np.flatnonzero(least < COLLAPSED * data.covariance_floor))


def single_gaussian_log_likelihood(data: PreparedSamples, covariance_type: CovarianceType) -> float:
    """Return the average log-likelihood of the Gaussian of a family that fits best, to 1e-4 nats.

    In closed form, or where values are missing by EM with one component.
    """
    one = np.ones(1)
    gaussian = Mixture(
        one,
        data.origin[None],
        covariances(data.covariance[None], one, covariance_type, is_shared=False),
        covariance_type,
    )
    if data.is_complete:
        average = -0.5 * float(np.linalg.slogdet(2 * np.pi * np.e * gaussian.covariances[0])[1])
        return average + covariance_floor_cost(gaussian, one, data)
    average = -np.inf
    for _ in range(MAX_STEPS):
        statistics = e_step(data, gaussian)
        before, average = average, statistics.log_likelihood / data.total_weight
        if average - before < TOLERANCE:
            break
        gaussian = m_step(statistics, covariance_type)
    return average + covariance_floor_cost(gaussian, one, data)


def covariance_floor_cost(mixture: Mixture, shares: Floats, data: PreparedSamples) -> float:
    """Return what the blur of the data costs the average log-likelihood, ½ δ Σ_k π_k tr(V Σ_k⁻¹), in nats.

    Exact to second order in it: to 1e-8 nats unless components that collapsed overlap others.

    Parameters
    ----------
    mixture : Mixture
    shares : ndarray of shape (K,)
        π, the part of the samples that each component explains.
    data : PreparedSamples
    """
    inverse = mixture.inverse_factors
    traces = np.einsum("kij,j->k", inverse * inverse, data.variances)
    return 0.5 * data.covariance_floor * float(shares @ traces)
