"""The options of a fit: plain values, without NumPy, so that the command line can import them at no cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import index
from typing import Literal, SupportsFloat, SupportsIndex, TypeAlias, get_args

from segmenter.errors import InvalidArgumentError

CovarianceType: TypeAlias = Literal["full", "tied", "diag", "spherical"]
Init: TypeAlias = Literal["k-means++", "random", "k-means", "random-from-data"]
Method: TypeAlias = Literal["em", "hard-em", "k-means"]

COVARIANCE_TYPES: tuple[CovarianceType, ...] = get_args(CovarianceType)
INITS: tuple[Init, ...] = ("k-means++", "random")  # on the command line
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class FitConfig:
    """Every option of a fit.

    Attributes
    ----------
    n_components : int, at least 1
        K, the number of Gaussians.
    covariance_type : {"full", "tied", "diag", "spherical"}
        One free covariance for each component; one shared by all; axis-parallel ones; multiples of the identity.
        k-means ignores it.
    init : {"k-means++", "random", "k-means", "random-from-data"}
        How a starting mixture is drawn, see `segmenter.mixture.initialization`.
    restarts : int, at least 1
        Number of starts; the best run is kept.
    tolerance : float, nats per sample, positive
        The fit has converged when one more step raises the objective by less than this.
    max_iterations : int, at least 1
        Maximum number of M-steps of a run.
    covariance_floor : float, from 1e-12 to 1
        δ, the minimum variance relative to that of the data, see `segmenter.mixture.data`.
    acceleration : bool
        Try a SQUAREM step after every two M-steps, see `segmenter.mixture.acceleration`; ignored with a log prior.
    noise : bool
        Add a uniform component over the bounding box of the data, for outliers; its label is 0.
    seed : int, at least 0
        Seed of the starts, the only source of randomness.
    method : {"em", "hard-em", "k-means"}
        EM; "classification" EM, which assigns each sample to its most probable component alone (Celeux and Govaert
        1992); Lloyd's k-means, which is hard EM with equal weights and one spherical covariance for all components.
    error_variance : float, units of the features squared, at least 0
        Variance of a measurement error in every feature, on top of the covariance floor; no variance falls below it.
    robust_scale : bool
        If a few values are far outliers, take the scale of the samples, to which the covariance floor is relative, from
        the other values, see `segmenter.mixture.bulk`. Pictures, whose values are bounded, need no such search.
    threshold : float, from 0 to below 1
        Hard EM only: a sample whose largest responsibility is below it takes no part in the next M-step; 0 = all do.
        With a threshold the objective may fall, and EM has converged when two steps in a row hardly change it.
    """

    n_components: int = 4
    covariance_type: CovarianceType = "full"
    init: Init = "k-means++"
    restarts: int = 4
    tolerance: float = 1e-4
    max_iterations: int = 200
    covariance_floor: float = 1e-9
    acceleration: bool = False
    noise: bool = False
    method: Method = "em"
    seed: int = 0
    robust_scale: bool = True
    threshold: float = 0.0
    error_variance: float = 0.0

    @property
    def family(self) -> CovarianceType:
        """Return the covariance type of the fitted mixture: for k-means always "spherical"."""
        return "spherical" if self.method == "k-means" else self.covariance_type

    @property
    def is_shared(self) -> bool:
        """Return whether all components share one covariance."""
        return self.method == "k-means" or self.covariance_type == "tied"

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first option outside its range."""
        for name, minimum in (("n_components", 1), ("restarts", 1), ("max_iterations", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, SupportsIndex) or index(value) < minimum:
                raise InvalidArgumentError(name, f"is {value!r}; give a whole number from {minimum}")
            object.__setattr__(self, name, index(value))
        for name, lowest, highest in (("tolerance", 0.0, math.inf), ("covariance_floor", 1e-12, 1.0)):
            value = getattr(self, name)
            if not isinstance(value, SupportsFloat) or not 0 < float(value) < math.inf:
                raise InvalidArgumentError(name, f"is {value!r}; give a positive number")
            if not lowest <= float(value) <= highest:
                raise InvalidArgumentError(name, f"is {value!r}; give {lowest} to {highest}")
            object.__setattr__(self, name, float(value))
        check_error_variance(self.error_variance)
        for name in ("robust_scale", "acceleration", "noise"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidArgumentError(name, f"is {getattr(self, name)!r}; give True or False")
        for name, choices in (("method", METHODS), ("covariance_type", COVARIANCE_TYPES), ("init", get_args(Init))):
            if getattr(self, name) not in choices:
                raise InvalidArgumentError(name, f"is {getattr(self, name)!r}; give one of {', '.join(choices)}")
        self._check_threshold()

    def _check_threshold(self) -> None:
        """Raise InvalidArgumentError unless the threshold is in its range, and 0 but for hard EM."""
        if not isinstance(self.threshold, SupportsFloat) or not 0 <= float(self.threshold) < 1:
            raise InvalidArgumentError("threshold", f"is {self.threshold!r}; give a number from 0 to below 1")
        if self.threshold > 0 and self.method != "hard-em":
            raise InvalidArgumentError("threshold", f"is {self.threshold}; give it with hard-em, or leave it 0")
        object.__setattr__(self, "threshold", float(self.threshold))


def check_error_variance(value: object) -> None:
    """Raise InvalidArgumentError unless the variance of an error is a number from 0."""
    if not isinstance(value, SupportsFloat) or not 0 <= float(value) < math.inf:
        raise InvalidArgumentError("error_variance", f"is {value!r}; give a number from 0")
