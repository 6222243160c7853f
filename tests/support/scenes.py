"""Small pictures and samples whose answer is known by hand, and hypothesis strategies that draw any others."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from segmenter.arrays import Bools, Bytes, Floats, Labels, Samples
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.m_step import fit_covariances
from segmenter.mixture.model import Mixture

DARK, BRIGHT = (10, 20, 30), (200, 210, 220)


# ---- pictures ------------------------------------------------------------------------------------------------------


def two_colors(dark: tuple[int, ...] = DARK, bright: tuple[int, ...] = BRIGHT) -> Bytes:
    """Return a picture of 4×6 pixels: the two columns on the left are bright, the four on the right dark."""
    image = np.empty((4, 6, len(dark)), np.uint8)
    image[:, :2] = bright
    image[:, 2:] = dark
    return image


def nearly_two_colors() -> Bytes:
    """Return the two colors with one pixel a little off, so that neither is a segment of its own, yet both are flat."""
    image = two_colors()
    image[0, 0, 0] += 1
    return image


TWO_COLORS_LABELS: Labels = np.repeat(np.array([[2, 2, 1, 1, 1, 1]], np.int32), 4, axis=0)


def grainy(n_channels: int = 3, seed: int = 0) -> tuple[Bytes, Labels]:
    """Return a picture of three bands, 12×20 pixels each, with a grain of ±5 around levels 60 apart; and its labels.

    The bands are bright, dark and in between, from top to bottom.
    """
    levels = np.repeat([180, 60, 120], 12)
    grain = np.random.default_rng(seed).integers(-5, 6, (36, 20, n_channels))
    labels = np.broadcast_to(np.repeat(np.array([3, 1, 2], np.int32), 12)[:, None], (36, 20))
    return (levels[:, None, None] + grain).astype(np.uint8), labels


def overlapping(seed: int = 0) -> Bytes:
    """Return a picture of 24×24 pixels of five overlapping clusters: no two fits of it need agree."""
    generator = np.random.default_rng(seed)
    centers = generator.integers(60, 200, (5, 3))
    image = centers[generator.integers(0, 5, (24, 24))] + 25 * generator.standard_normal((24, 24, 3))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


LEFT_DISK = np.hypot(*(np.indices((60, 80)) - np.array([30, 20])[:, None, None])) < 15
DISK_LABELS = 1 + LEFT_DISK + 2 * LEFT_DISK[:, ::-1]
"""Labels of `draw_disks`: 1 around the disks, 2 in the left one, 3 in the right one."""


def draw_disks() -> Bytes:
    """Return a picture of two disks of one color on a darker ground, with a grain of ±20."""
    colors = np.array([[60, 90, 60], [190, 120, 80], [190, 120, 80]])
    grain = np.random.default_rng(0).integers(-20, 21, (*DISK_LABELS.shape, 3))
    return np.asarray(colors[DISK_LABELS - 1] + grain, dtype=np.uint8)


_LEVELS = np.array([[800, 600, 500], [400, 1200, 600], [2000, 1900, 1200]])
TWELVE_BITS = _LEVELS[DISK_LABELS - 1] + np.random.default_rng(0).integers(-150, 151, (*DISK_LABELS.shape, 3))
"""Values (60, 80, 3), integers, as of a 12-bit camera: two disks of different colors on a ground, with noise."""


# ---- samples -------------------------------------------------------------------------------------------------------


def blobs(
    n_components: int, n_features: int, *, n_each: int = 40, distance: float = 12.0, seed: int = 0
) -> tuple[Samples, Labels]:
    """Return K round clusters of unit variance on a line, their means `distance` apart, and the cluster of each sample.

    Samples weigh 1, 2 or 3, and are shuffled; clusters are 1…K in the order of every feature.
    """
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(1, n_components + 1, dtype=np.int32), n_each))
    values = distance * labels[:, None] + generator.standard_normal((len(labels), n_features))
    return Samples(values, generator.integers(1, 4, len(labels)).astype(np.float64)), labels


def repeated(samples: Samples) -> Samples:
    """Return rows of weight 1, each as often as the (integer) weight of its sample says."""
    times = samples.weights.astype(np.intp)
    return Samples(np.repeat(samples.values, times, axis=0), np.ones(int(times.sum())))


def some_mixture(
    n_components: int, n_features: int, covariance_type: CovarianceType = "full", *, seed: int = 0
) -> Mixture:
    """Return a mixture of a family, of the order of 1 in everything."""
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.full(n_components, 5.0))
    factors = generator.standard_normal((n_components, n_features, n_features))
    scatter = factors @ factors.transpose(0, 2, 1) + 0.5 * np.eye(n_features)
    means = 2 * generator.standard_normal((n_components, n_features))
    return Mixture(weights, means, family_covariances(scatter, weights, covariance_type), covariance_type)


def family_covariances(scatter: Floats, weights: Floats, covariance_type: CovarianceType) -> Floats:
    """Return covariances of a family, from full ones (K, D, D) of components of these weights."""
    summed = weights[:, None, None] * scatter
    return fit_covariances(summed, weights, covariance_type, is_shared=covariance_type == "tied")


# ---- what SciPy says -----------------------------------------------------------------------------------------------


def log_joint(mixture: Mixture, values: Floats) -> Floats:
    """Return log weight + log density of each component by SciPy, shape (N, K), nats."""
    columns = [
        np.log(weight) + np.reshape(multivariate_normal(mean, covariance).logpdf(values), len(values))
        for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    return np.stack(columns, axis=1)


def responsibilities(mixture: Mixture, values: Floats) -> Floats:
    """Return the posterior probability of each component by SciPy, shape (N, K)."""
    joint = log_joint(mixture, values)
    return np.asarray(np.exp(joint - logsumexp(joint, axis=1, keepdims=True)))


def average_log_likelihood(mixture: Mixture, samples: Samples) -> float:
    """Return the weighted average of the log density by SciPy, nats per sample."""
    return float(np.average(logsumexp(log_joint(mixture, samples.values), axis=1), weights=samples.weights))


# ---- strategies ----------------------------------------------------------------------------------------------------


@st.composite
def any_samples(draw: st.DrawFn, max_features: int = 4) -> Samples:
    """Draw up to 40 samples: smooth, on a coarse grid (many equal) or on a line; of any scale, place and weights."""
    n_samples, n_features = draw(st.integers(1, 40)), draw(st.integers(1, max_features))
    smooth: st.SearchStrategy[Any] = st.floats(-8, 8, width=16)
    grid: st.SearchStrategy[Any] = st.integers(0, 3)
    values = draw(arrays.arrays(np.float64, (n_samples, n_features), elements=draw(st.sampled_from([smooth, grid]))))
    if draw(st.integers(0, 2)) == 0:
        values = values[:, :1] * np.linspace(1, 0.3, n_features)
    scale = 10.0 ** draw(st.integers(-6, 6))
    offset = draw(st.sampled_from([0.0, 1.0, -1e3]))
    whole: st.SearchStrategy[Any] = st.integers(1, 5)
    broken: st.SearchStrategy[Any] = st.floats(0.0625, 64, width=16)
    weights = draw(arrays.arrays(np.float64, n_samples, elements=draw(st.sampled_from([whole, broken]))))
    return Samples((values + offset) * scale, weights)


@st.composite
def some_components(draw: st.DrawFn, samples: Samples) -> int:
    """Draw K from 1 to 5, and no more than there are distinct samples."""
    return draw(st.integers(1, min(5, len(np.unique(samples.values, axis=0)))))


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, int]) -> Bools | None:
    """Draw a mask of which at least one pixel takes part, or none at all."""
    if draw(st.booleans()):
        return None
    mask = draw(arrays.arrays(np.bool_, shape))
    mask[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return mask
