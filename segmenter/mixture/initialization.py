"""Starting mixtures: drawn from the samples, or built from what is already known about them.

*Drawn*: `initialize` draws means and covariances at random, or clusters by k-means++, with a given generator.

*From known parameters or labels*: `build_starts` starts from weights, means or covariances that are given, and draws
the rest. Labels of some samples determine the means only, by k-means++ within each class. This is what callers of
scikit-learn expect of ``y`` and ``n_init``: a single labeled sample is enough for a class with several components,
which then borrows unlabeled samples; each restart draws anew; and labels can be combined with given weights or
covariances.

`segmenter.mixture.semi_supervised` starts from labels in another way, the published one: it fits one mixture to each
class, in closed form, for weights, means and covariances. That takes as many labeled samples as a covariance needs, and
gives the same single start every time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import MissingnessGroup, PreparedSamples, get_points, prepare_for_fit
from segmenter.mixture.e_step import SufficientStatistics, e_step, sum_monomials
from segmenter.mixture.lazy_samples import iterate_slices
from segmenter.mixture.m_step import fit_covariances, m_step
from segmenter.mixture.model import Mixture
from segmenter.mixture.monomials import Terms

MAX_DISTANCES = 131_072
"""Distances of a block of points from all centers, so that they (1 MB) stay in the second-level cache."""

MAX_OUTLIER_SHARE = 0.1
"""With noise, up to this share of the samples may be outliers, among which no seed should be drawn."""


# ---- drawn starts --------------------------------------------------------------------------------------------------


def initialize(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return a starting mixture of the kind that the configuration names."""
    match config.init:
        case "random":
            return draw_random_start(data, config, generator)
        case "k-means":
            return draw_k_means_start(data, config, generator)
        case "random-from-data":
            points, mass = get_points(data)
            chosen = generator.choice(len(mass), config.n_components, replace=False, p=mass / mass.sum())
            return build_mixture_around(data.origin + points[:, chosen].T, data, config)
        case "k-means++":
            return draw_k_means_plus_plus_start(data, config, generator)


def draw_random_start(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return the classic random start: means from the data, random positive semi-definite covariances, weights 1/K.

    A covariance is G Gᵀ / D in units of the standard deviations of the features, where G is a D×D matrix of standard
    normal numbers, plus the floor variances. If starts are screened, the means come from the screening subset.
    """
    points, mass = get_points(data)
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


def draw_k_means_plus_plus_start(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return the mixture of the clusters around K seeds, where each sample is in the cluster of its nearest seed."""
    points, weights = get_points(data)
    scaled = points / np.sqrt(data.variances)[:, None]
    outlier_share = MAX_OUTLIER_SHARE if config.noise else 0.0
    cluster = k_means_plus_plus(scaled, weights, config.n_components, generator, outlier_share=outlier_share)
    return estimate_from_clusters(data, cluster, config)


def draw_k_means_start(data: PreparedSamples, config: FitConfig, generator: np.random.Generator) -> Mixture:
    """Return the mixture of the clusters of k-means, in the units of the features or with unit variances.

    Of the two, the one that explains the samples better. On six data sets of scikit-learn either is better somewhere.
    """
    points, weights = get_points(data)
    starts = [
        estimate_from_clusters(data, k_means(scaled, weights, config.n_components, generator), config)
        for scaled in (points, points / np.sqrt(data.variances)[:, None])
    ]
    return max(starts, key=lambda start: (start.n_components, e_step(data, start).log_likelihood))


def estimate_from_clusters(data: PreparedSamples, cluster: NDArray[np.intp], config: FitConfig) -> Mixture:
    """Return the mixture with one component for each cluster that contains samples.

    Parameters
    ----------
    data : PreparedSamples
        A missing value counts as the mean of its feature.
    cluster : ndarray of shape (N,), intp
        0…K−1; −1 = in no cluster.
    config : FitConfig
    """
    if data.is_complete:
        (group,) = data.groups
    else:
        points, weights = get_points(data)
        all_features = np.arange(len(data.origin))
        floor_variances = data.covariance_floor * data.variances
        group = MissingnessGroup(all_features, None, points, weights, floor_variances, (), data.floor_growth)
    sums: Floats | None = None  # (K, P)
    for block, phi, weights in group.blocks():
        one_hot = (cluster[block] == np.arange(config.n_components)[:, None]) * weights  # (K, block)
        block_sums = sum_monomials(group, one_hot, phi)
        sums = block_sums if sums is None else sums + block_sums
    assert sums is not None  # there is at least one sample
    terms: Terms = "pairs" if group.terms == "whitened" else group.terms
    shared_second = group.second if terms == "shared" else None
    statistics = SufficientStatistics(sums, 0.0, 0.0, data.total_weight, data.origin, terms, shared_second)
    is_k_means = config.method == "k-means"
    return m_step(statistics.select(statistics.mass > 0), config.family, equal_weights=is_k_means)


# ---- k-means++ -----------------------------------------------------------------------------------------------------


def k_means_plus_plus(
    points: Floats, weights: Floats, n_clusters: int, generator: np.random.Generator, *, outlier_share: float = 0.0
) -> NDArray[np.intp]:
    """Return the cluster of each point around seeds drawn by k-means++ (Arthur and Vassilvitskii 2007).

    Each further seed is drawn with a probability proportional to weight × squared distance to the nearest seed so far.
    Of 2 + ln K candidates, the one that lowers the sum of these most is taken.

    Parameters
    ----------
    points : ndarray of shape (D, N), float64
        At least `n_clusters` of them differ.
    weights : ndarray of shape (N,), float64
    n_clusters : int
    generator : numpy.random.Generator
    outlier_share : float, from 0 to less than 1
        This share of the mass, the points farthest from the seeds so far, counts as outliers: their squared distances
        are cut to the smallest of them. So few seeds are drawn among outliers, and no candidate among them wins. In the
        end the outliers are in no cluster.

    Returns
    -------
    ndarray of shape (N,), intp
        0…K−1; −1 = outlier. Every cluster contains at least its seed, unless fewer than K points can be told apart in
        float64.
    """
    n_candidates = 2 + int(np.log(n_clusters))
    cluster = np.zeros(points.shape[1], dtype=np.intp)
    seed = draw_indices(weights, generator, 1)[0]
    distances = squared_distances(points, seed)
    limit = find_outlier_distance(distances, weights, outlier_share)
    for k in range(1, n_clusters):
        mass = weights * np.minimum(distances, limit)
        if not mass.any():  # no other point can be told apart from the seeds
            break
        candidates = [
            np.minimum(squared_distances(points, seed), distances)
            for seed in draw_indices(mass, generator, n_candidates)
        ]
        costs = [float(weights @ np.minimum(candidate, limit)) for candidate in candidates]
        nearest = candidates[int(np.argmin(costs))]
        cluster[nearest < distances] = k
        distances = nearest
        limit = find_outlier_distance(distances, weights, outlier_share)
    cluster[distances > limit] = -1
    return cluster


def k_means(
    points: Floats, weights: Floats, n_clusters: int, generator: np.random.Generator, *, max_iterations: int = 300
) -> NDArray[np.intp]:
    """Return the cluster of each point, (N,), 0…K−1, by Lloyd's algorithm from seeds of `k_means_plus_plus`.

    A center that has lost all its points moves to the point that is farthest from its own.

    Parameters
    ----------
    points : ndarray of shape (D, N), float64
    weights : ndarray of shape (N,), float64
    n_clusters : int
    generator : numpy.random.Generator
    max_iterations : int
    """
    cluster = k_means_plus_plus(points, weights, n_clusters, generator)
    for _ in range(max_iterations):
        centers = np.stack([np.bincount(cluster, row * weights, n_clusters) * 1.0 for row in points])  # (D, K)
        mass = np.bincount(cluster, weights, n_clusters)
        centers = centers / np.where(mass > 0, mass, 1)
        nearest, distances = find_nearest(points, centers[:, mass > 0])
        nearest = np.flatnonzero(mass > 0)[nearest]
        for empty in np.flatnonzero(mass == 0):
            farthest = int(np.argmax(distances))
            if distances[farthest] > 0:
                nearest[farthest], distances[farthest] = empty, 0.0
        if (nearest == cluster).all():
            break
        cluster = nearest
    return cluster


def find_nearest(points: Floats, centers: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the nearest of some centers (D, K) to each point (D, N), (N,), and the squared distances, (N,)."""
    nearest, distances = np.empty(points.shape[1], dtype=np.intp), np.empty(points.shape[1])
    for block in iterate_slices(points.shape[1], MAX_DISTANCES // centers.shape[1] + 1):
        chosen = points[:, block]
        relative = np.square(centers).sum(axis=0)[:, None] - 2 * (centers.T @ chosen)  # (K, n)
        nearest[block] = relative.argmin(axis=0)
        distances[block] = np.maximum(relative.min(axis=0) + np.einsum("dn,dn->n", chosen, chosen), 0)
    return nearest, distances


def find_outlier_distance(distances: Floats, weights: Floats, outlier_share: float) -> float:
    """Return the distance beyond which a share of the mass lies; infinite if the share or that distance is 0.

    Parameters
    ----------
    distances : ndarray of shape (N,)
    weights : ndarray of shape (N,)
    outlier_share : float, from 0 to less than 1
    """
    if outlier_share == 0:
        return float("inf")
    order = np.argsort(distances)
    cumulative = np.cumsum(weights[order])
    limit = float(distances[order[np.searchsorted(cumulative, (1 - outlier_share) * cumulative[-1])]])
    return limit if limit > 0 else float("inf")


def squared_distances(points: Floats, i: int) -> Floats:
    """Return the squared Euclidean distances of all points (D, N) from point i, shape (N,)."""
    differences = points - points[:, i : i + 1]
    return np.asarray(np.einsum("dn,dn->n", differences, differences))


def draw_indices(mass: Floats, generator: np.random.Generator, n: int) -> list[int]:
    """Return n indices, each with a probability proportional to its mass, by inversion of the cumulative sum."""
    cumulative = np.cumsum(mass)
    indices = np.searchsorted(cumulative, generator.random(n) * cumulative[-1], side="right")
    return [int(i) for i in indices]


# ---- starts made of other mixtures ---------------------------------------------------------------------------------


def to_k_means(mixture: Mixture) -> Mixture:
    """Return the mixture that k-means starts from: the same means, equal weights, one spherical covariance for all."""
    n_components, n_features = mixture.n_components, mixture.n_features
    variance = mixture.covariances.diagonal(axis1=1, axis2=2).mean()
    return replace(
        mixture,
        weights=np.full(n_components, mixture.weights.mean()),
        covariances=np.tile(variance * np.eye(n_features), (n_components, 1, 1)),
        covariance_type="spherical",
    )


def split_each_component(mixture: Mixture) -> list[Mixture]:
    """Return K mixtures of K + 1 components, in each of which one component is halved across its longest axis.

    The two halves together have the weight, mean and covariance of the whole: their means are 0.8 standard deviations
    to either side, which leaves 1 − 0.8² of the variance along the axis.
    """
    return [_split_component(mixture, k) for k in range(mixture.n_components)]


def _split_component(mixture: Mixture, k: int) -> Mixture:
    """Return the mixture with component k, from 0, halved; the second half comes last."""
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


# ---- starts from known parameters or labels ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class KnownParameters:
    """The parameters of a starting mixture that are given."""

    weights: Floats | None = None  # (K,), positive, with sum 1
    means: Floats | None = None  # (K, D)
    covariances: Floats | None = None  # (K, D, D), positive definite, of the family

    @property
    def is_empty(self) -> bool:
        """Whether no parameter is given."""
        return self.weights is None and self.means is None and self.covariances is None

    @property
    def is_complete(self) -> bool:
        """Whether all are given, and nothing is left to draw."""
        return self.weights is not None and self.means is not None and self.covariances is not None


def build_starts(
    samples: Samples,
    config: FitConfig,
    known: KnownParameters,
    labels: Labels | None,
    component_classes: NDArray[np.intp] | None,
) -> list[Mixture] | None:
    """Return the starting mixtures for given parameters or labels, or None if neither is given.

    There is one for each restart, or a single one if the means or all parameters are given: then nothing is drawn.

    Parameters
    ----------
    samples : Samples
    config : FitConfig
    known : KnownParameters
    labels : ndarray of shape (N,), int32, optional
        The class of each sample, 1…C; 0 = unlabeled.
    component_classes : ndarray of shape (K,), intp, optional
        The class of each component, 1…C; given with the labels.

    Raises
    ------
    InvalidArgumentError
        There are fewer distinct samples, or ones that can be told apart, than components.
    """
    n_components = config.n_components
    if known.weights is not None and known.means is not None and known.covariances is not None:
        return [Mixture(known.weights, known.means, known.covariances, config.covariance_type)]
    if len(samples.weights) < n_components:
        n_distinct = len(samples.weights)
        raise InvalidArgumentError("n_components", f"is {n_components}, but X has {n_distinct} distinct samples")
    if known.is_empty and labels is None:
        return None
    data = prepare_for_fit(samples, config)
    starts = []
    for restart in range(config.restarts if known.means is None else 1):
        generator = np.random.default_rng([config.seed, restart])
        means = known.means
        if means is None and labels is not None and component_classes is not None:
            means = draw_class_means(data, labels, component_classes, generator)
        start = initialize(data, config, generator) if means is None else build_mixture_around(means, data, config)
        if start.n_components < n_components:
            raise InvalidArgumentError(
                "n_components", f"is {n_components}, but X has fewer samples that can be told apart"
            )
        weights = start.weights if known.weights is None else known.weights
        covariances = start.covariances if known.covariances is None else known.covariances
        starts.append(replace(start, weights=weights, covariances=covariances))
    return starts


def draw_class_means(
    data: PreparedSamples, labels: Labels, component_classes: NDArray[np.intp], generator: np.random.Generator
) -> Floats:
    """Return starting means, (K, D): k-means++ splits the labeled samples of each class among its components.

    A class with fewer labeled samples than components also uses the unlabeled ones. For the labels (N,) and the
    component classes (K,) see `build_starts`.
    """
    points, weights = get_points(data)
    scaled = points / np.sqrt(data.variances)[:, None]
    means = np.empty((len(component_classes), len(points)))
    for number in np.unique(component_classes):
        components = np.flatnonzero(component_classes == number)
        pool = np.flatnonzero(labels == number)
        if len(pool) < len(components):
            pool = np.flatnonzero((labels == number) | (labels == 0))
        cluster = k_means_plus_plus(scaled[:, pool], weights[pool], len(components), generator)
        for i, k in enumerate(components):
            members = pool[cluster == i] if (cluster == i).any() else pool
            means[k] = data.origin + points[:, members] @ weights[members] / weights[members].sum()
    return means


def build_mixture_around(means: Floats, data: PreparedSamples, config: FitConfig) -> Mixture:
    """Return a mixture of given means (K, D), equal weights and one covariance: the scatter about the nearest means."""
    points, _ = get_points(data)
    scale = np.sqrt(data.variances)[:, None]
    nearest = np.zeros(points.shape[1], dtype=np.intp)
    min_distances = np.full(points.shape[1], np.inf)
    for k, mean in enumerate(means - data.origin):
        distances = np.square((points - mean[:, None]) / scale).sum(axis=0)
        nearest[distances < min_distances] = k
        np.minimum(min_distances, distances, out=min_distances)
    covariance = estimate_from_clusters(data, nearest, replace(config, method="k-means")).covariances[0]
    n_components = len(means)
    weights, covariances = np.full(n_components, 1 / n_components), np.tile(covariance, (n_components, 1, 1))
    return Mixture(weights, means, covariances, config.covariance_type)
