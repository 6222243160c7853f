"""Starting mixtures of which something is known: some of the parameters, or the classes of some samples.

Labels give means here, by k-means++ within each class, and nothing else. `segmenter.mixture.semi_supervised` has
another start of labels, which is one mixture fitted to each class: the published closed form, of weights, means and
covariances. It needs as many labeled samples as a covariance takes, and is one start, however often it is made. This
one does with a single sample for a class of several components, borrows unlabeled ones, and is drawn anew at each
restart, beside weights, means or covariances that are given: what scikit-learn's callers expect of ``y`` and `n_init`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import Data, data_of, points_of
from segmenter.mixture.gaussian import Mixture
from segmenter.mixture.start import draw_start, k_means_plus_plus, mixture_of_clusters


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
    data = data_of(samples, config.covariance_floor)
    starts = []
    for restart in range(config.restarts if given.means is None else 1):
        generator = np.random.default_rng([config.seed, restart])
        means = given.means
        if means is None and labels is not None and stands_for is not None:
            means = class_means(data, labels, stands_for, generator)
        start = draw_start(data, config, generator) if means is None else mixture_about(means, data, config)
        if start.n_components < n_components:
            raise InvalidArgumentError(
                "n_components", f"is {n_components}, but X has fewer samples that can be told apart"
            )
        weights = start.weights if given.weights is None else given.weights
        covariances = start.covariances if given.covariances is None else given.covariances
        starts.append(replace(start, weights=weights, covariances=covariances))
    return starts


def class_means(data: Data, labels: Labels, stands_for: NDArray[np.intp], generator: np.random.Generator) -> Floats:
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


def mixture_about(means: Floats, data: Data, config: FitConfig) -> Mixture:
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
