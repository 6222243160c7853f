"""Log priors: what is known about the component of each sample in advance, from labels, soft labels or neighbors.

A log prior adds nats to the log weights; −∞ forbids a component. EM does not know where these nats come from. Arrays
have the shape (N, K) here, as for callers; the E-step itself uses (K, N).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from segmenter.arrays import Floats, to_floats, to_whole_numbers
from segmenter.errors import InvalidArgumentError


class LogPrior(Protocol):
    """Nats that are added to the log weights for each sample."""

    @property
    def uses_responsibilities(self) -> bool:
        """Whether the prior depends on the responsibilities of the previous E-step, as one of neighbors does."""

    def __call__(self, responsibilities: Floats | None) -> Floats:
        """Return nats of shape (N, K), or (1, K) if they are the same for all samples; K is that of the start.

        Parameters
        ----------
        responsibilities : ndarray of shape (N, K) or None
            Of the previous E-step; None in the first E-step, and if they are not used.
        """


@dataclass(frozen=True, eq=False)
class FixedLogPrior:
    """A log prior that stays the same during a fit."""

    values: Floats  # (N, K) or (1, K), nats
    uses_responsibilities: bool = False

    def __call__(self, responsibilities: Floats | None) -> Floats:
        """Return the values."""
        return self.values


def check_log_prior(values: Floats, n_samples: int, n_components: int) -> Floats:
    """Return the nats of a log prior, (N, K) or (1, K), unchanged if they are valid.

    Raises
    ------
    InvalidArgumentError
        They have the wrong shape, contain NaN or +∞, or forbid all components for some sample.
    """
    if values.shape not in ((1, n_components), (n_samples, n_components)):
        problem = (
            f"has the shape {values.shape}; give {(n_samples, n_components)}, or {(1, n_components)} for all samples"
        )
        raise InvalidArgumentError("log_prior", problem)
    best = values.max(axis=1)
    if not (best < np.inf).all():  # NaN is not
        raise InvalidArgumentError(
            "log_prior", "contains NaN or infinity; give nats, -inf where a component is forbidden"
        )
    if np.isneginf(best).any():
        row = int(np.isneginf(best).argmax())
        which = "every sample" if len(values) < n_samples else f"sample {row} (from 0)"
        problem = f"forbids all components for {which}; allow at least one, or drop one of the priors"
        raise InvalidArgumentError("log_prior", problem)
    return values


def clamp(labels: ArrayLike, component_classes: ArrayLike) -> FixedLogPrior:
    """Return the log prior that allows labeled samples only the components of their class.

    Parameters
    ----------
    labels : array of shape (N,), whole numbers
        1…number of classes; 0 = unlabeled.
    component_classes : array of shape (K,), whole numbers
        The class of each component, 1…; a class may have several.

    Raises
    ------
    InvalidArgumentError
        A label has no component, or the labels or classes are not whole numbers.
    """
    labels = to_whole_numbers("labels", labels)
    component_classes = to_whole_numbers("component_classes", component_classes)
    unknown = np.setdiff1d(labels[labels != 0], component_classes)
    if len(unknown):
        raise InvalidArgumentError("labels", f"contain {unknown[0]}, a class without a component")
    allowed = (labels[:, None] == 0) | (labels[:, None] == component_classes)
    return FixedLogPrior(np.where(allowed, 0.0, -np.inf))


def soft(probabilities: ArrayLike) -> FixedLogPrior:
    """Return the log prior of probabilities of the components, known in advance for each sample, shape (N, K).

    Raises
    ------
    InvalidArgumentError
        They have the wrong shape, are negative, NaN or infinite, or all 0 for some sample.
    """
    given = to_floats("probabilities", probabilities)
    if given.ndim != 2 or not ((given >= 0) & (given < np.inf)).all() or not given.any(axis=1).all():
        raise InvalidArgumentError("probabilities", "must be (N, K), 0 or more, and not all 0 for any sample")
    with np.errstate(divide="ignore"):
        return FixedLogPrior(np.log(given))


@dataclass(frozen=True, eq=False)
class SumOfLogPriors:
    """The sum of several log priors, which all apply at the same time."""

    priors: Sequence[LogPrior]

    @property
    def uses_responsibilities(self) -> bool:
        """Whether any of them does."""
        return any(prior.uses_responsibilities for prior in self.priors)

    def __call__(self, responsibilities: Floats | None) -> Floats:
        """Return the sum."""
        total = self.priors[0](responsibilities)
        for prior in self.priors[1:]:
            total = total + prior(responsibilities)
        return total


def combine(*priors: LogPrior) -> SumOfLogPriors:
    """Return the sum of log priors."""
    return SumOfLogPriors(priors)
