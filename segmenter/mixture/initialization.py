"""Starting mixtures, drawn from the samples by a random generator or estimated from labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import MissingnessGroup, PreparedSamples, points_of, prepare_samples
from segmenter.mixture.e_step import SufficientStatistics
from segmenter.mixture.m_step import fit_covariances, m_step
from segmenter.mixture.model import Mixture

OUTLYING = 0.1
"""With noise, up to this part of the samples may be outliers, on which no seed should fall."""


def initialize(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return a starting mixture of the kind that the configuration names."""
    if config.init == "random":
        return random_start(data, config, generator)
    return k_means_plus_plus_start(data, config, generator)


def random_start(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return the classic random start: means from the data, random positive semi-definite covariances, weights 1/K.

    A covariance is G Gᵀ / D in units of the standard deviations of the features, G a D×D matrix of standard normal
    numbers, plus the blur of the data. Where starts are screened, the means come from what stands for the data.
    """
    points, mass = points_of(data)
    n_components, n_features = config.n_components, len(points)
    chosen = generator.choice(len(mass), n_components, replace=False, p=mass / mass.sum())
    g = generator.standard_normal((n_components, n_features, n_features)) * np.sqrt(data.variances)[:, None]
    scatter = g @ g.transpose(0, 2, 1) / n_features + np.diag(data.covariance_floor * data.variances)
    return Mixture(
        np.full(n_components, 1 / n_components),
        data.origin + points[:, chosen].T,
        fit_covariances(scatter, np.ones(n_components), config.family, is_shared=config.is_shared),
        config.family,
    )


def k_means_plus_plus_start(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return the mixture of the clusters around K seeds, each sample in the cluster of its nearest seed."""
    points, weights = points_of(data)
    scaled = points / np.sqrt(data.variances)[:, None]
    outlying = OUTLYING if config.noise else 0.0
    cluster = k_means_plus_plus(scaled, weights, config.n_components, generator, outlying=outlying)
    return mixture_of_clusters(data, cluster, config)


def mixture_of_clusters(data: PreparedSamples, cluster: NDArray[np.intp], config: FitConfig) -> Mixture:
    """Return the mixture that has a component for each cluster that holds samples.

    Parameters
    ----------
    data : PreparedSamples
        A missing value counts as the mean of its feature.
    cluster : ndarray of shape (N,), intp
        0…K−1; −1 = in none.
    config : FitConfig
    """
    if data.is_complete:
        (part,) = data.parts
    else:
        points, weights = points_of(data)
        everything = np.arange(len(data.origin))
        part = MissingnessGroup(everything, None, points, weights, data.covariance_floor * data.variances, ())
    sums: Floats | None = None
    for place, phi, weights in part.blocks():
        one_hot = (cluster[place] == np.arange(config.n_components)[:, None]) * weights
        sums = one_hot @ phi.T if sums is None else sums + one_hot @ phi.T
    assert sums is not None  # there is at least one sample
    statistics = SufficientStatistics(sums, 0.0, 0.0, data.total_weight, data.origin)
    is_k_means = config.method == "k-means"
    return m_step(statistics.only(statistics.mass > 0), config.family, equal_weights=is_k_means)


def as_k_means(mixture: Mixture) -> Mixture:
    """Return the mixture that k-means takes another one for: equal weights, and one spherical covariance for all."""
    n_components, n_features = mixture.n_components, mixture.n_features
    variance = mixture.covariances.diagonal(axis1=1, axis2=2).mean()
    return replace(
        mixture,
        weights=np.full(n_components, mixture.weights.mean()),
        covariances=np.tile(variance * np.eye(n_features), (n_components, 1, 1)),
        covariance_type="spherical",
    )


def split_each_component(mixture: Mixture) -> list[Mixture]:
    """Return K mixtures of K + 1 components: in each, one component is halved across its longest axis.

    Weight, mean and covariance of the two together are those of the one: the means go 0.8 standard deviations to either
    side, which leaves 1 − 0.8² of the variance along the axis.
    """
    return [_split(mixture, k) for k in range(mixture.n_components)]


def _split(mixture: Mixture, k: int) -> Mixture:
    """Return the mixture with component k, from 0, halved."""
    variances, axes = np.linalg.eigh(mixture.covariances[k])
    step = 0.8 * np.sqrt(variances[-1]) * axes[:, -1]
    weights, means, covariances = mixture.weights.copy(), mixture.means.copy(), mixture.covariances.copy()
    weights[k] /= 2
    means[k] += step
    covariances[k] -= np.outer(step, step)
    return replace(
        mixture,
        weights=np.append(weights, weights[k]),
        means=np.vstack([means, mixture.means[k] - step]),
        covariances=np.concatenate([covariances, covariances[k : k + 1]]),
    )


def k_means_plus_plus(
    points: Floats, weights: Floats, n_clusters: int, generator: np.random.Generator, *, outlying: float = 0.0
) -> NDArray[np.intp]:
    """Return the cluster of each point around seeds drawn by k-means++ (Arthur and Vassilvitskii 2007).

    Each further seed is drawn with a probability proportional to weight × squared distance to the nearest seed so far;
    of 2 + ln K candidates the one that lowers the sum of these most is taken.

    Parameters
    ----------
    points : ndarray of shape (D, N), float64
        At least `n_clusters` of them differ.
    weights : ndarray of shape (N,), float64
    n_clusters : int
    generator : numpy.random.Generator
    outlying : float, from 0 to less than 1
        Samples beyond the squared distance that leaves out this part of the mass count as if they were at it, so that
        few seeds are drawn among outliers, and no candidate among them wins; in the end they are in no cluster.

    Returns
    -------
    ndarray of shape (N,), intp
        0…K−1, −1 for what is outlying; every cluster holds at least its seed, unless fewer points than K can be told
        apart in float64.
    """
    n_candidates = 2 + int(np.log(n_clusters))
    cluster = np.zeros(points.shape[1], dtype=np.intp)
    seed = draw(weights, generator, 1)[0]
    distances = squared_distances(points, seed)
    limit = outlying_distance(distances, weights, outlying)
    for k in range(1, n_clusters):
        mass = weights * np.minimum(distances, limit)
        if not mass.any():  # all other points are too near to tell apart
            break
        candidates = [
            np.minimum(squared_distances(points, seed), distances) for seed in draw(mass, generator, n_candidates)
        ]
        costs = [float(weights @ np.minimum(candidate, limit)) for candidate in candidates]
        nearest = candidates[int(np.argmin(costs))]
        cluster[nearest < distances] = k
        distances = nearest
        limit = outlying_distance(distances, weights, outlying)
    cluster[distances > limit] = -1
    return cluster


def outlying_distance(distances: Floats, weights: Floats, outlying: float) -> float:
    """Return the distance beyond which lies a part of the mass, infinite where there is no such part or it is 0."""
    if outlying == 0:
        return float("inf")
    order = np.argsort(distances)
    cumulative = np.cumsum(weights[order])
    limit = float(distances[order[np.searchsorted(cumulative, (1 - outlying) * cumulative[-1])]])
    return limit if limit > 0 else float("inf")


def squared_distances(points: Floats, i: int) -> Floats:
    """Return the squared Euclidean distances of all points (D, N) to point i, shape (N,)."""
    differences = points - points[:, i : i + 1]
    return np.asarray(np.einsum("dn,dn->n", differences, differences))


def draw(mass: Floats, generator: np.random.Generator, n: int) -> list[int]:
    """Return n indices, each with probability proportional to its mass, by inversion of the cumulative sum."""
    cumulative = np.cumsum(mass)
    indices = np.searchsorted(cumulative, generator.random(n) * cumulative[-1], side="right")
    return [int(i) for i in indices]


@dataclass(frozen=True, eq=False)
class GivenStart:
    """The parameters of a starting mixture that are known."""

    weights: Floats | None = None  # (K,), positive, of sum 1
    means: Floats | None = None  # (K, D)
    covariances: Floats | None = None  # (K, D, D), positive definite, of the family

    @property
    def is_empty(self) -> bool:
        """Whether none is known."""
        return self.weights is None and self.means is None and self.covariances is None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to draw."""
        return self.weights is not None and self.means is not None and self.covariances is not None


def starts_for(
    samples: Samples,
    config: FitConfig,
    given: GivenStart,
    labels: Labels | None,
    stands_for: NDArray[np.intp] | None,
) -> list[Mixture] | None:
    """Return the mixtures to start from where some of it is known beforehand, or None.

    Parameters
    ----------
    samples : Samples
    config : FitConfig
    given : GivenStart
    labels : ndarray of shape (N,), optional
        Of the samples, 1…n_classes; 0 = unlabeled.
    stands_for : ndarray of shape (K,), optional
        The class of each component.
    """
    n_components = config.n_components
    if given.weights is not None and given.means is not None and given.covariances is not None:
        return [Mixture(given.weights, given.means, given.covariances, config.covariance_type)]
    if len(samples.weights) < n_components:
        n_distinct = len(samples.weights)
        raise InvalidArgumentError("n_components", f"is {n_components}, but X has {n_distinct} distinct samples")
    if given.is_empty and labels is None:
        return None
    data = prepare_samples(samples, config.covariance_floor)
    starts = []
    for restart in range(config.restarts if given.means is None else 1):
        generator = np.random.default_rng([config.seed, restart])
        means = given.means
        if means is None and labels is not None and stands_for is not None:
            means = class_means(data, labels, stands_for, generator)
        start = initialize(data, config, generator) if means is None else mixture_about(means, data, config)
        if start.n_components < n_components:
            raise InvalidArgumentError(
                "n_components", f"is {n_components}, but X has fewer samples that can be told apart"
            )
        weights = start.weights if given.weights is None else given.weights
        covariances = start.covariances if given.covariances is None else given.covariances
        starts.append(replace(start, weights=weights, covariances=covariances))
    return starts


def class_means(
    data: PreparedSamples, labels: Labels, stands_for: NDArray[np.intp], generator: np.random.Generator
) -> Floats:
    """Return starting means, (K, D): of the labeled samples of each class, split by k-means++ among its components.

    A class with fewer labeled samples than components takes the unlabeled ones as its own, too.
    """
    points, weights = points_of(data)
    scaled = points / np.sqrt(data.variances)[:, None]
    means = np.empty((len(stands_for), len(points)))
    for number in np.unique(stands_for):
        components = np.flatnonzero(stands_for == number)
        pool = np.flatnonzero(labels == number)
        if len(pool) < len(components):
            pool = np.flatnonzero((labels == number) | (labels == 0))
        cluster = k_means_plus_plus(scaled[:, pool], weights[pool], len(components), generator)
        for i, k in enumerate(components):
            members = pool[cluster == i] if (cluster == i).any() else pool
            means[k] = data.origin + points[:, members] @ weights[members] / weights[members].sum()
    return means


def mixture_about(means: Floats, data: PreparedSamples, config: FitConfig) -> Mixture:
    """Return the mixture of some means, equal weights, and one covariance: the scatter about the nearest means."""
    points, _ = points_of(data)
    scale = np.sqrt(data.variances)[:, None]
    nearest, least = np.zeros(points.shape[1], dtype=np.intp), np.full(points.shape[1], np.inf)
    for k, mean in enumerate(means - data.origin):
        distances = np.square((points - mean[:, None]) / scale).sum(axis=0)
        nearest[distances < least] = k
        np.minimum(least, distances, out=least)
    covariance = mixture_of_clusters(data, nearest, replace(config, method="k-means")).covariances[0]
    n_components = len(means)
    weights, covariances = np.full(n_components, 1 / n_components), np.tile(covariance, (n_components, 1, 1))
    return Mixture(weights, means, covariances, config.covariance_type)
