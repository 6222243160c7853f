"""The options of a fit: plain values, without NumPy, so that a command line can know them at no cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from segmenter.errors import InvalidArgumentError

CovarianceType: TypeAlias = Literal["full", "tied", "diag", "spherical"]
Init: TypeAlias = Literal["k-means++", "random"]

COVARIANCE_TYPES: tuple[CovarianceType, ...] = get_args(CovarianceType)
INITS: tuple[Init, ...] = get_args(Init)


@dataclass(frozen=True)
class FitConfig:
    """Every option of a fit.

    Attributes
    ----------
    n_components : int, at least 1
        K, the number of Gaussians.
    covariance_type : {"full", "tied", "diag", "spherical"}
        One free covariance each; one shared by all; axis-parallel; a multiple of the identity.
    init : {"k-means++", "random"}
        How a starting mixture is drawn, see `segmenter.mixture.start`.
    restarts : int, at least 1
        How many starts are tried; the best is kept.
    tolerance : float, nats per sample, positive
        The fit has converged when one more step raises the objective by less than this.
    max_iterations : int, at least 1
        Limit of M-steps of a run.
    covariance_floor : float, from 1e-12 to 1
        Strength δ of the prior on the covariances, see `segmenter.mixture.prior`; relative to the variance of the data.
    seed : int, at least 0
        Seed of the only source of randomness, the starts.
    """

    n_components: int = 4
    covariance_type: CovarianceType = "full"
    init: Init = "k-means++"
    restarts: int = 4
    tolerance: float = 1e-4
    max_iterations: int = 200
    covariance_floor: float = 1e-9
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first option outside its range."""
        for name, least in (("n_components", 1), ("restarts", 1), ("max_iterations", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InvalidArgumentError(name, f"is {value!r}; give a whole number from {least}")
        if not (math.isfinite(self.tolerance) and self.tolerance > 0):
            raise InvalidArgumentError("tolerance", f"is {self.tolerance}; give a positive number of nats per pixel")
        if not 1e-12 <= self.covariance_floor <= 1:
            raise InvalidArgumentError("covariance_floor", f"is {self.covariance_floor}; give 1e-12 to 1")
        for name, choices in (("covariance_type", COVARIANCE_TYPES), ("init", INITS)):
            if getattr(self, name) not in choices:
                raise InvalidArgumentError(name, f"is {getattr(self, name)!r}; give one of {', '.join(choices)}")
