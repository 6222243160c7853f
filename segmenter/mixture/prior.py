"""The prior on the covariances: what keeps a component from collapsing onto a point.

Maximum likelihood is unbounded: a component may sit on one sample and shrink. Adding a constant to the covariances
stops it, but then no objective is known that the iteration climbs. Here the floor is the consequence of a prior,

    p(Σ_1 … Σ_K) ∝ exp(−½ N δ Σ_k tr(V Σ_k⁻¹)),

an inverse Wishart density in its trace term alone, with V the diagonal of the feature variances and N the total weight.
The M-step that maximizes the posterior adds (δ / π_k) V to the scatter of component k, and

    objective = average log-likelihood − ½ δ Σ_k tr(V Σ_k⁻¹)    (nats per sample)

never falls. δ has no unit: scaling or shifting the features, or counting every sample twice, changes no segment. And as
the second moment of component k about the common mean is at most tr(V) / π_k, its rounding error lies a factor δ / ε
(four millions at δ = 1e-9) below the floor, so that covariances stay positive definite whatever the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.config import CovarianceType


@dataclass(frozen=True, eq=False)
class CovariancePrior:
    """The strength and the shape of the prior."""

    strength: float  # δ
    variances: Floats  # (D,), the diagonal of V, in squared units of the features; positive

    def floor(self, weights: Floats) -> Floats:
        """Return the diagonal added to the covariance of a component of each weight, shape (K, D)."""
        return (self.strength / weights)[:, None] * self.variances

    def log_density(self, precision_diagonals: Floats, covariance_type: CovarianceType) -> float:
        """Return −½ δ Σ_k tr(V Σ_k⁻¹), nats per sample, from the diagonals of Σ_k⁻¹, shape (K, D).

        A tied covariance is one parameter and counts once.
        """
        counted = precision_diagonals[:1] if covariance_type == "tied" else precision_diagonals
        return -0.5 * self.strength * float((counted @ self.variances).sum())


def scale_of(centred: Floats, weights: Floats) -> Floats:
    """Return the variance of each feature, shape (D,), always positive.

    A constant feature tells no scale of its own: it takes the mean variance of the others, or 1 where all are constant.

    Parameters
    ----------
    centred : ndarray of shape (D, N)
        Features minus their means.
    weights : ndarray of shape (N,)
    """
    variances = np.array([float(np.vdot(row * row, weights)) for row in centred]) / float(weights.sum())
    varies = np.ptp(centred, axis=1) > 0
    if not varies.all():
        variances[~varies] = variances[varies].mean() if varies.any() else 1.0
    return variances
