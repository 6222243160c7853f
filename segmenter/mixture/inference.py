"""Inference with a given mixture: densities, responsibilities, labels and expectations of samples."""

from __future__ import annotations

from collections.abc import Iterator
from operator import index
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.data import iterate_patterns
from segmenter.mixture.lazy_samples import LazySamples, iterate_slices
from segmenter.mixture.missing import regress_missing
from segmenter.mixture.model import Mixture, do_monomials_cancel, has_noise, log_joint_coefficients, marginal
from segmenter.mixture.monomials import block_size, choose_terms, monomials
from segmenter.mixture.validation import Fitted, to_mixture, validate_values
from segmenter.mixture.whitening import WhitenedDensities


def iterate_log_joint(mixture: Mixture, values: Floats) -> Iterator[tuple[Any, Floats]]:
    """Yield, block by block, the indices of n samples and their log joint densities, shape (K, n), in nats.

    With noise there are K + 1 rows. NaN marks missing values, which are integrated out. The memory of the array is
    reused for the next block; a caller may change the array, but not keep it.

    Parameters
    ----------
    mixture : Mixture
    values : ndarray of shape (N, D)

    Raises
    ------
    InvalidArgumentError
        The values are not numbers, contain infinity, or differ from the mixture in the number of features.
    """
    values = validate_values(mixture, values)
    is_observed = ~np.isnan(values)
    if is_observed.all():
        yield from _iterate_complete(mixture, values)
        return
    for pattern, rows in iterate_patterns(is_observed):
        observed = np.flatnonzero(pattern)
        for block, joint in _iterate_complete(marginal(mixture, observed), values[np.ix_(rows, observed)]):
            yield rows[block], joint


def _iterate_complete(mixture: Mixture, values: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield the same for samples without missing values.

    A fit iterates over a `segmenter.mixture.data.MissingnessGroup` instead: it makes many passes over monomials that
    are relative to one origin and include the floor variances. Here there is a single pass, relative to the mean of the
    mixture, and nothing to cache.
    """
    terms = choose_terms(mixture.covariance_type, mixture.n_features)
    origin = mixture.weights @ mixture.means / mixture.weights.sum()
    if terms in ("shared", "whitened") or do_monomials_cancel(mixture, origin):
        yield from _iterate_whitened(mixture, values)
        return
    coefficients = log_joint_coefficients(mixture, origin, terms)
    n_rows, n_columns = coefficients.shape
    size = block_size(mixture.n_features, terms)
    phi = np.empty(n_columns * size)
    joint = np.empty(n_rows * size)
    for first in range(0, len(values), size):
        block = values[first : first + size]
        n = len(block)
        block_phi = monomials((block - origin).T, terms=terms, out=phi[: n_columns * n].reshape(n_columns, n))
        yield slice(first, first + n), np.matmul(coefficients, block_phi, out=joint[: n_rows * n].reshape(n_rows, n))


def _iterate_whitened(mixture: Mixture, values: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield the same from the deviations from each mean: for many features, or where monomials would cancel."""
    log_joint = WhitenedDensities(mixture, np.zeros(mixture.n_features))
    for rows in iterate_slices(len(values), block_size(mixture.n_features, "whitened")):
        yield rows, log_joint(monomials(values[rows].T, terms="whitened"))


def predict(mixture: Mixture | Fitted, values: ArrayLike) -> Labels:
    """Return the most probable component of each sample; the first if several are equally probable.

    Parameters
    ----------
    mixture : Mixture or Fit
    values : array of shape (N, D)
        NaN where missing.

    Returns
    -------
    ndarray of shape (N,), int32
        1…K; 0 = noise.
    """
    mixture, values = to_mixture(mixture), np.asarray(values)
    labels = np.empty(len(values), dtype=np.int32)
    for rows, joint in iterate_log_joint(mixture, values):
        best = joint[0]
        block_labels = np.ones(joint.shape[1], dtype=np.int32)
        for k in range(1, len(joint)):
            block_labels += (k + 1 - block_labels) * (joint[k] > best)  # faster than np.where
            np.maximum(best, joint[k], out=best)
        labels[rows] = block_labels
    if has_noise(mixture):
        labels[labels > mixture.n_components] = 0
    return labels


def responsibilities(mixture: Mixture | Fitted, values: ArrayLike) -> Floats:
    """Return the posterior probability of each component (Bishop 2006, eq. 9.23).

    Parameters
    ----------
    mixture : Mixture or Fit
    values : array of shape (N, D)
        NaN where missing.

    Returns
    -------
    ndarray of shape (N, K), float64
        Rows sum to 1, or to 1 less the probability of noise.
    """
    mixture, values = to_mixture(mixture), np.asarray(values)
    result = np.empty((len(values), mixture.n_components))
    for rows, joint in iterate_log_joint(mixture, values):
        normalize_in_place(joint)
        result[rows] = joint[: mixture.n_components].T
    return result


def confidence(mixture: Mixture | Fitted, values: ArrayLike) -> Floats:
    """Return the posterior probability of the most probable Gaussian of each sample, shape (N,), 0 to 1.

    Like ``responsibilities(mixture, values).max(axis=1)``, but without an array of N×K.
    """
    mixture, values = to_mixture(mixture), np.asarray(values)
    result = np.empty(len(values))
    for rows, joint in iterate_log_joint(mixture, values):
        normalize_in_place(joint)
        result[rows] = joint[: mixture.n_components].max(axis=0)
    return result


def score_samples(mixture: Mixture | Fitted, values: ArrayLike) -> Floats:
    """Return the log density of the observed values of each sample, shape (N,), in nats."""
    mixture, values = to_mixture(mixture), np.asarray(values)
    result = np.empty(len(values))
    for rows, joint in iterate_log_joint(mixture, values):
        result[rows] = normalize_in_place(joint)
    return result


def normalize_in_place(joint: Floats) -> Floats:
    """Replace log joint densities (K, n) by responsibilities, in place; return the log densities (n,), in nats."""
    peak = joint.max(axis=0)
    joint -= peak
    np.exp(joint, out=joint)
    total = joint.sum(axis=0)
    joint /= total
    return np.asarray(np.log(total) + peak)


def average_over_components(mixture: Mixture, samples: Samples | LazySamples, quantities: Floats) -> Floats:
    """Return the mean of other quantities of the samples over each component, weighted by responsibility × weight.

    Parameters
    ----------
    mixture : Mixture
    samples : Samples or LazySamples
    quantities : ndarray of shape (N, Q), float64

    Returns
    -------
    ndarray of shape (K, Q), float64
        NaN for a component without any mass.
    """
    mass = np.zeros((mixture.n_components, 1))
    sums = np.zeros((mixture.n_components, quantities.shape[1]))
    for rows, joint in iterate_log_joint(mixture, samples.values):
        normalize_in_place(joint)
        joint *= samples.weights[rows]
        mass += joint[: mixture.n_components].sum(axis=1, keepdims=True)
        sums += joint[: mixture.n_components] @ quantities[rows]
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / mass)


def impute(mixture: Mixture | Fitted, values: ArrayLike) -> Floats:
    """Return the samples with each missing value replaced by its expectation given the observed ones.

    Parameters
    ----------
    mixture : Mixture or Fit
    values : array of shape (N, D)
        NaN where missing.

    Returns
    -------
    ndarray of shape (N, D), float64
        Without NaN; observed values are unchanged.
    """
    mixture = to_mixture(mixture)
    values = validate_values(mixture, values)
    filled = values.copy()
    posteriors = responsibilities(mixture, values)  # (N, K)
    for pattern, rows in iterate_patterns(~np.isnan(values)):
        observed = np.flatnonzero(pattern)
        missing, slopes, _ = regress_missing(mixture, observed)
        if len(missing) == 0:
            continue
        deviations = values[np.ix_(rows, observed)] - mixture.means[:, None, observed]  # (K, n, O)
        expected = mixture.means[:, None, missing] + deviations @ slopes.transpose(0, 2, 1)  # (K, n, M)
        mass = posteriors[rows].T[:, :, None]  # (K, n, 1)
        filled[np.ix_(rows, missing)] = (mass * expected).sum(axis=0) / mass.sum(axis=0)
    return filled


def sample(mixture: Mixture | Fitted, n_samples: int, generator: np.random.Generator | int) -> tuple[Floats, Labels]:
    """Return samples drawn from the Gaussians of a mixture, (n, D), and the component of each, (n,), 1…K.

    Parameters
    ----------
    mixture : Mixture or Fit
    n_samples : int, at least 0
    generator : numpy.random.Generator or int
        Or the seed of one.

    Raises
    ------
    InvalidArgumentError
        The number is not a whole number from 0, or the generator is neither a generator nor a seed.
    """
    mixture = to_mixture(mixture)
    if not isinstance(n_samples, SupportsIndex) or index(n_samples) < 0:
        raise InvalidArgumentError("n_samples", f"is {n_samples!r}; give a whole number from 0")
    if isinstance(generator, SupportsIndex) and index(generator) >= 0:
        generator = np.random.default_rng(index(generator))
    if not isinstance(generator, np.random.Generator):
        raise InvalidArgumentError("generator", f"is {generator!r}; give a seed or numpy.random.default_rng(SEED)")
    weights = mixture.weights / mixture.weights.sum()
    labels = generator.choice(mixture.n_components, n_samples, p=weights)
    standard = generator.standard_normal((n_samples, mixture.n_features))
    factors = np.linalg.cholesky(mixture.covariances)
    values = mixture.means[labels] + np.einsum("nij,nj->ni", factors[labels], standard)
    return values, (labels + 1).astype(np.int32)


def sort_components(mixture: Mixture, feature: int = 0) -> NDArray[np.intp]:
    """Return the components, from 0, in ascending order of the mean of one feature."""
    return np.argsort(mixture.means[:, feature], kind="stable")
