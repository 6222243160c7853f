"""Semi-supervised fits: mixtures of classes, of which some samples are labeled.

There are two methods, with the same start: weights, means and covariances of the labeled samples in closed form.
*Learned start*: EM then runs on the unlabeled samples alone, and may move away from the start. *Clamped*: EM runs on
all samples; the labeled ones have weight λ each, and belong only to the components of their class. For EM, the first is
just a starting mixture, and the second a log prior and weights. If there are too few labels to estimate covariances
from, see `segmenter.mixture.initialization`.
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
    """A fitted mixture whose components belong to classes."""

    fit: Fit
    component_classes: NDArray[np.intp]  # (K,), 1…C; a class may have several components, or none if these died

    def reordered(self, order: NDArray[np.intp]) -> ClassFit:
        """Return the same with component ``order[0]`` (from 0) first, ``order[1]`` second, and so on."""
        return ClassFit(self.fit.reordered(order), self.component_classes[order])


def learned_start(
    values: ArrayLike, labels: ArrayLike, config: FitConfig, *, components_per_class: int = 1
) -> tuple[Mixture, NDArray[np.intp]]:
    """Return the mixture estimated from the labeled samples alone.

    With one component per class, it maximizes their joint likelihood in closed form (Bishop 2006, section 4.2.2):
    π_c = N_c / N, and μ_c and Σ_c are the mean and the covariance (divided by N_c) of the samples of class c. With
    several components, a mixture is fitted to each class, and its weights are multiplied by π_c. A component of at most
    D samples, or without spread in some direction, has no covariance of its own: it gets the pooled one of all
    components, each relative to its own mean.

    Parameters
    ----------
    values : array of shape (N, D), numbers
        NaN where missing; then even a single component per class is fitted by EM.
    labels : array of shape (N,), whole numbers
        1…C, each class at least once; 0 = unlabeled, ignored here.
    config : FitConfig
        Its covariance type is used, and for several components per class the options of their fits.
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
        No sample is labeled, or a class has no samples, or fewer distinct ones than components.
    """
    values, labels = validate_labeled(values, labels)
    n_classes, n_features = int(labels.max()), values.shape[1]
    counts = np.bincount(labels, minlength=n_classes + 1)[1:]
    if not counts.all():
        raise InvalidArgumentError(
            "labels", f"contain no sample of class {int(counts.argmin()) + 1}; label at least one"
        )
    config_of_class = replace(
        config,
        n_components=components_per_class,
        method="em",
        covariance_type="full" if config.covariance_type == "tied" else config.covariance_type,
        restarts=config.restarts if components_per_class > 1 else 1,  # all starts of one component are the same
        noise=False,
    )
    mixtures, has_own = [], []
    for c in range(1, n_classes + 1):
        members = values[labels == c]
        if components_per_class > 1 and len(np.unique(members, axis=0)) < components_per_class:
            problem = (
                f"contain fewer distinct samples of class {c} than its {components_per_class} components; label more"
            )
            raise InvalidArgumentError("labels", problem)
        found = fit(Samples(members, np.ones(len(members))), config_of_class)
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
        if counts.sum() <= n_features + n_classes:  # too few even for a pooled covariance
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
    """Fit a mixture to the unlabeled samples, those of label 0, from the learned start of the labeled ones."""
    values, labels = validate_labeled(values, labels)
    start, classes = learned_start(values, labels, config, components_per_class=components_per_class)
    unlabeled = values[labels == 0]
    if len(unlabeled) == 0:
        raise InvalidArgumentError("labels", "leave no sample unlabeled, so there is nothing to fit")
    return keep_surviving_classes(fit(Samples(unlabeled, np.ones(len(unlabeled))), config, start), classes)


def fit_clamped(
    values: ArrayLike,
    labels: ArrayLike,
    config: FitConfig,
    *,
    labeled_weight: float = 1.0,
    components_per_class: int = 1,
) -> ClassFit:
    """Fit a mixture to all samples from the learned start, each labeled one only to the components of its class.

    Parameters
    ----------
    values : array of shape (N, D), numbers
        NaN where missing.
    labels : array of shape (N,), whole numbers
        1…C; 0 = unlabeled.
    config : FitConfig
    labeled_weight : float, positive
        λ, the weight of each labeled sample, in unlabeled samples. 1 gives maximum likelihood; with a weight many times
        larger, the unlabeled samples hardly matter.
    components_per_class : int, at least 1

    Raises
    ------
    InvalidArgumentError
        No sample is labeled, a class has no samples, or the weight is not positive.
    """
    if not 0 < labeled_weight < np.inf:
        raise InvalidArgumentError("labeled_weight", f"is {labeled_weight}; give a positive number")
    values, labels = validate_labeled(values, labels)
    start, classes = learned_start(values, labels, config, components_per_class=components_per_class)
    weights = np.where(labels > 0, float(labeled_weight), 1.0)
    return keep_surviving_classes(
        fit(Samples(values, weights), config, start, log_prior=clamp(labels, classes)), classes
    )


def keep_surviving_classes(found: Fit, classes: NDArray[np.intp]) -> ClassFit:
    """Return the fit with the classes of the surviving components, from those of the start, (K of the start,)."""
    return ClassFit(found, classes[np.array(found.trace.survivors, dtype=np.intp) - 1])


def validate_labeled(values: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    """Return samples (N, D) and their labels (N,); InvalidArgumentError if they do not match, or none is labeled."""
    samples, classes = Samples(to_floats("values", values)).values, to_whole_numbers("labels", labels)
    if len(classes) != len(samples):
        raise InvalidArgumentError("labels", f"are {len(classes)} for {len(samples)} samples; give one for each sample")
    if classes.min() < 0:
        raise InvalidArgumentError("labels", f"contain {classes.min()}; give 1 to the number of classes, 0 = unlabeled")
    if not classes.any():
        raise InvalidArgumentError("labels", "are all 0; label some samples of each class")
    return samples, classes
