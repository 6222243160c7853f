"""Mixtures of classes, some samples of which carry labels.

Two ways, and one start for both. *Learned start*: weights, means and covariances of the labeled samples in closed form,
then EM on the unlabeled ones, which are free to move away from it. *Clamped*: labeled and unlabeled samples together;
the labeled ones weigh λ each, and only the components of their class may answer for them. The loop of EM knows of
neither: the first is a starting mixture, the second a log prior and weights. Where labels are too few for that, see
`segmenter.mixture.initialization`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmenter.arrays import Floats, Samples, to_floats, to_whole_numbers
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import FitConfig
from segmenter.mixture.data import prepare_samples
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.log_prior import clamp
from segmenter.mixture.m_step import fit_covariances
from segmenter.mixture.model import Mixture


@dataclass(frozen=True, eq=False)
class ClassFit:
    """A fitted mixture whose components stand for classes."""

    fit: Fit
    component_classes: NDArray[np.intp]  # (K,), 1…C; a class has several components, or none where they died

    def reordered(self, order: NDArray[np.intp]) -> ClassFit:
        """Return the same with component ``order[0]`` (from 0) first, ``order[1]`` second, and so on."""
        return ClassFit(self.fit.reordered(order), self.component_classes[order])


def learned_start(
    values: ArrayLike, labels: ArrayLike, config: FitConfig, *, components_per_class: int = 1
) -> tuple[Mixture, NDArray[np.intp]]:
    """Return the mixture that the labeled samples alone make.

    With one component a class it is the maximum of their joint likelihood in closed form (Bishop 2006, section 4.2.2):
    π_c = N_c / N, μ_c the mean and Σ_c the covariance (divided by N_c) of the samples of class c. With several, a
    mixture is fitted to each class, its weights times π_c. A component of D samples or fewer, or without spread in some
    direction, has no covariance of its own; it takes that of all, each about its own mean.

    Parameters
    ----------
    values : array of shape (N, D), numbers
        NaN where missing; the covariance of a class is then found by EM, with one component, too.
    labels : array of shape (N,), whole numbers
        1…C, each class at least once; 0 = unlabeled, left out here.
    config : FitConfig
        Its covariance type counts, and for classes of several components how they are fitted.
    components_per_class : int, at least 1

    Returns
    -------
    mixture : Mixture
        K = C × components_per_class.
    component_classes : ndarray of shape (K,), intp
        The class of each component, 1…C.

    Raises
    ------
    InvalidArgumentError
        No sample is labeled, a class has none, or fewer distinct ones than components.
    """
    values, labels = checked(values, labels)
    n_classes, n_features = int(labels.max()), values.shape[1]
    counts = np.bincount(labels, minlength=n_classes + 1)[1:]
    if not counts.all():
        raise InvalidArgumentError("labels", f"hold no sample of class {int(counts.argmin()) + 1}; label at least one")
    free = replace(
        config,
        n_components=components_per_class,
        method="em",
        covariance_type="full" if config.covariance_type == "tied" else config.covariance_type,
        restarts=config.restarts if components_per_class > 1 else 1,  # one component has one start
        noise=False,
    )
    mixtures, has_own = [], []
    for c in range(1, n_classes + 1):
        members = values[labels == c]
        if components_per_class > 1 and len(np.unique(members, axis=0)) < components_per_class:
            problem = f"hold fewer distinct samples of class {c} than its {components_per_class} components; label more"
            raise InvalidArgumentError("labels", problem)
        found = fit(Samples(members, np.ones(len(members))), free)
        mass = len(members) * found.mixture.weights
        has_own += [k not in found.trace.collapsed and mass[k - 1] > n_features for k in range(1, len(mass) + 1)]
        mixtures.append(found.mixture)
    n_components = np.array([mixture.n_components for mixture in mixtures])
    shares = np.repeat(counts / counts.sum(), n_components)
    weights = shares * np.concatenate([mixture.weights for mixture in mixtures])
    scatter = np.concatenate([mixture.covariances for mixture in mixtures])
    if config.covariance_type == "tied" or not all(has_own):
        pooled = np.tensordot(weights, scatter, 1)
        labeled = values[labels > 0]
        if counts.sum() <= n_features + n_classes:  # too few for that, too
            pooled = prepare_samples(Samples(labeled, np.ones(len(labeled))), config.covariance_floor).covariance
        scatter = np.where(np.array(has_own)[:, None, None] & (config.covariance_type != "tied"), scatter, pooled)
    mixture = Mixture(
        weights,
        np.concatenate([mixture.means for mixture in mixtures]),
        fit_covariances(scatter, np.ones(len(weights)), config.covariance_type, is_shared=False),
        config.covariance_type,
    )
    return mixture, np.repeat(np.arange(1, n_classes + 1), n_components)


def fit_learned(values: ArrayLike, labels: ArrayLike, config: FitConfig, *, components_per_class: int = 1) -> ClassFit:
    """Fit the unlabeled samples, those of label 0, from the learned start of the others."""
    values, labels = checked(values, labels)
    start, classes = learned_start(values, labels, config, components_per_class=components_per_class)
    unlabeled = values[labels == 0]
    if len(unlabeled) == 0:
        raise InvalidArgumentError("labels", "leave no sample unlabeled; nothing is left to fit")
    return surviving(fit(Samples(unlabeled, np.ones(len(unlabeled))), config, start), classes)


def fit_clamped(
    values: ArrayLike,
    labels: ArrayLike,
    config: FitConfig,
    *,
    labeled_weight: float = 1.0,
    components_per_class: int = 1,
) -> ClassFit:
    """Fit all samples, each labeled one to the components of its class alone, from the learned start.

    Parameters
    ----------
    values : array of shape (N, D), numbers
        NaN where missing.
    labels : array of shape (N,), whole numbers
        1…C; 0 = unlabeled.
    config : FitConfig
    labeled_weight : float, positive
        λ: as how many samples each labeled one counts. 1 is maximum likelihood; many times more, and the unlabeled
        samples hardly matter.
    components_per_class : int, at least 1

    Raises
    ------
    InvalidArgumentError
        No sample is labeled, a class has none, or the weight is not positive.
    """
    if not 0 < labeled_weight < np.inf:
        raise InvalidArgumentError("labeled_weight", f"is {labeled_weight}; give a positive number")
    values, labels = checked(values, labels)
    start, classes = learned_start(values, labels, config, components_per_class=components_per_class)
    weights = np.where(labels > 0, float(labeled_weight), 1.0)
    return surviving(fit(Samples(values, weights), config, start, log_prior=clamp(labels, classes)), classes)


def surviving(found: Fit, classes: NDArray[np.intp]) -> ClassFit:
    """Return the fit with the classes of the components that are left."""
    return ClassFit(found, classes[np.array(found.trace.survivors, dtype=np.intp) - 1])


def checked(values: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    """Return samples (N, D) and their labels (N,); InvalidArgumentError where they do not fit, or there are none."""
    samples, classes = Samples(to_floats("values", values)).values, to_whole_numbers("labels", labels)
    if len(classes) != len(samples):
        raise InvalidArgumentError("labels", f"are {len(classes)} for {len(samples)} samples; give one a sample")
    if classes.min() < 0:
        raise InvalidArgumentError("labels", f"hold {classes.min()}; give 1 to the number of classes, 0 = unlabeled")
    if not classes.any():
        raise InvalidArgumentError("labels", "are all 0; label some samples of each class")
    return samples, classes
