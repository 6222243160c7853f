"""Full covariances of many features: log densities and second moments without the products of all pairs of features.

With L Lᵀ = Σ, the squared Mahalanobis distance (x − μ)ᵀ Σ⁻¹ (x − μ) is |L⁻¹ (x − μ)|². As L⁻¹ is triangular, and the
second moments are symmetric, BLAS has routines (TRMM and SYRK) that compute either with half the operations of a
general matrix product. And with many features, nearly all responsibilities are negligible, so that most samples count
in the moments of a single component.
"""

from __future__ import annotations

import numpy as np

from segmenter.arrays import Floats
from segmenter.mixture.model import Mixture, has_noise
from segmenter.mixture.monomials import n_monomials, pairs

NEGLIGIBLE = 1e-25
"""Relative to the largest of a component in a block of samples, smaller responsibilities do not move its moments."""


class WhitenedDensities:
    """The log joint densities of the components of a mixture, less what the covariance floor takes from them."""

    def __init__(self, mixture: Mixture, origin: Floats, floor_variances: Floats | None = None) -> None:
        """Factorize the covariances; LinAlgError if one is not positive definite. See `log_joint_coefficients`."""
        self.mixture = mixture
        self.means = mixture.means - origin
        factors = mixture.inverse_factors
        self.constants = (
            np.log(mixture.weights)
            - 0.5 * mixture.n_features * np.log(2 * np.pi)
            + np.log(factors.diagonal(axis1=1, axis2=2)).sum(axis=1)
        )
        if floor_variances is not None:
            self.constants -= 0.5 * np.einsum("kij,kij,j->k", factors, factors, floor_variances)

    def __call__(self, phi: Floats) -> Floats:
        """Return the log joint densities (K, n), with noise (K + 1, n), in nats, for monomials (1 + D, n)."""
        from scipy.linalg.blas import dtrmm  # only for many features: it takes long to import

        mixture, centred = self.mixture, phi[1:]
        joint = np.empty((mixture.n_components + has_noise(mixture), phi.shape[1]))
        if has_noise(mixture) and mixture.noise_sides is not None:
            joint[-1] = np.log(mixture.noise_weight) - np.log(mixture.noise_sides).sum()
        deviations = np.empty(centred.shape)
        for k, factor in enumerate(mixture.inverse_factors):
            np.subtract(centred, self.means[k][:, None], out=deviations)
            dtrmm(1.0, factor.T, deviations.T, side=1, overwrite_b=1)  # L⁻¹ (x − μ), in place: BLAS reads by columns
            np.einsum("dn,dn->n", deviations, deviations, out=joint[k])
            joint[k] *= -0.5
            joint[k] += self.constants[k]
        return joint


def sum_pairs(mass: Floats, phi: Floats, floor_variances: Floats) -> Floats:
    """Return the sums (K, P) of mass × "pairs" of samples, from their mass (K, n) and their monomials (1 + D, n)."""
    from scipy.linalg.blas import dsyrk

    centred = phi[1:]
    n_features = len(centred)
    sums = np.empty((len(mass), n_monomials(n_features)))
    sums[:, : 1 + n_features] = mass @ phi.T
    for k, row in enumerate(mass):
        members = np.flatnonzero(row > NEGLIGIBLE * row.max())
        if not len(members):  # all responsibilities are 0; BLAS refuses empty matrices
            sums[k, 1 + n_features :] = 0
            continue
        scaled = (centred if len(members) == len(row) else centred.take(members, axis=1)) * np.sqrt(row[members])
        second = dsyrk(1.0, scaled.T, trans=1)  # its upper triangle
        second[np.diag_indices(n_features)] += sums[k, 0] * floor_variances
        sums[k, 1 + n_features :] = second[pairs(n_features)]
    return sums
