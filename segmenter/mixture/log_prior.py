"""What is known of the component of each sample before it is looked at: one seam for labels, soft labels and neighbors.

A log prior adds nats to the log weights. The EM loop does not know where they come from; −∞ forbids a component.
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
    """Nats added to the log weights of each sample."""

    @property
    def uses_responsibilities(self) -> bool:
        """Whether the prior depends on the responsibilities of the step before, as neighbors' do."""

    def __call__(self, responsibilities: Floats | None) -> Floats:
        """Return an array of shape (N, K), or (1, K) for all samples alike; K as in the starting mixture.

        Parameters
        ----------
        responsibilities : ndarray of shape (N, K) or None
            Of the step before; None at the first step, and where they are not used.
        """


@dataclass(frozen=True, eq=False)
class FixedLogPrior:
    """A log prior that stays as it is."""

    values: Floats  # (N, K) or (1, K), nats
    uses_responsibilities: bool = False

    def __call__(self, responsibilities: Floats | None) -> Floats:
        """Return the values."""
        return self.values


def checked(values: Floats, n_samples: int, n_components: int) -> Floats:
    """Return the nats that a log prior gave, (N, K) or (1, K), as they are.

    Raises
    ------
    InvalidArgumentError
        They are of another shape, hold NaN or +∞, or forbid a sample every component.
    """
    if values.shape not in ((1, n_components), (n_samples, n_components)):
        problem = (
            f"has the shape {values.shape}; give {(n_samples, n_components)}, or {(1, n_components)} for all alike"
        )
        raise InvalidArgumentError("log_prior", problem)
    best = values.max(axis=1)
    if not (best < np.inf).all():  # NaN is not
        raise InvalidArgumentError("log_prior", "holds NaN or infinity; give nats, -inf where a component is forbidden")
    if np.isneginf(best).any():
        row = int(np.isneginf(best).argmax())
        which = "every sample all components" if len(values) < n_samples else f"sample {row} (from 0) all components"
        raise InvalidArgumentError("log_prior", f"forbids {which}; allow at least one, or drop one of the priors")
    return values


def clamp(labels: ArrayLike, component_classes: ArrayLike) -> FixedLogPrior:
    """Forbid labeled samples all components but those of their class.

    Parameters
    ----------
    labels : array of shape (N,), whole numbers
        1…number of classes; 0 = unlabeled.
    component_classes : array of shape (K,), whole numbers
        The class of each component, 1…; a class may have several.

    Raises
    ------
    InvalidArgumentError
        A label has no component, or they are no whole numbers.
    """
    labels = to_whole_numbers("labels", labels)
    component_classes = to_whole_numbers("component_classes", component_classes)
    stray = np.setdiff1d(labels[labels != 0], component_classes)
    if len(stray):
        raise InvalidArgumentError("labels", f"hold {stray[0]}, which no component stands for")
    allowed = (labels[:, None] == 0) | (labels[:, None] == component_classes)
    return FixedLogPrior(np.where(allowed, 0.0, -np.inf))


def soft(probabilities: ArrayLike) -> FixedLogPrior:
    """Take probabilities of the components of each sample, shape (N, K), as they are known beforehand.

    Raises
    ------
    InvalidArgumentError
        They are of another shape, negative, NaN or infinite, or all 0 for a sample.
    """
    given = to_floats("probabilities", probabilities)
    if given.ndim != 2 or not ((given >= 0) & (given < np.inf)).all() or not given.any(axis=1).all():
        raise InvalidArgumentError("probabilities", "must be (N, K), 0 or more, and not all 0 for any sample")
    with np.errstate(divide="ignore"):
        return FixedLogPrior(np.log(given))


@dataclass(frozen=True, eq=False)
class SumOfLogPriors:
    """Several log priors that hold at the same time."""

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
