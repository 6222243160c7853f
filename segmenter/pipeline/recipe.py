"""The recipe: every option that the segments depend on, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from segmenter.errors import InvalidArgumentError
from segmenter.features.config import COLOR_SPACES, ColorSpace
from segmenter.mixture.config import CovarianceType, FitConfig, Init

ColorMethod: TypeAlias = Literal["gmm", "hard-em", "k-means"]

COLOR_METHODS: tuple[ColorMethod, ...] = get_args(ColorMethod)

MAX_SEGMENTS = 65_535
"""Labels have to fit 16 bits."""

MAX_AUTO_SEGMENTS = 10
"""Where the picture is to tell the number of segments, up to so many are tried."""


@dataclass(frozen=True)
class Recipe:
    """Every option of a run that compares colors. The same photo and the same recipe give the same segments.

    Attributes
    ----------
    n_segments : int, from 1 to 65,535, or "auto"
        K; "auto" lets the picture tell, see `segmenter.pipeline.auto_k`.
    method : {"gmm", "hard-em", "k-means"}
        A Gaussian mixture by EM; the same with hard decisions; k-means, which has no `covariance_type`.
    color_space : {"rgb", "lab", "hsv"}
        What the colors are compared in, see `segmenter.features.color.color_features`.
    covariance_type, init, restarts, tolerance, max_iterations, acceleration, covariance_floor, seed
        See `segmenter.mixture.config.FitConfig`.
    """

    n_segments: int | Literal["auto"] = 4
    method: ColorMethod = "gmm"
    color_space: ColorSpace = "rgb"
    covariance_type: CovarianceType = FitConfig.covariance_type
    init: Init = FitConfig.init
    restarts: int = FitConfig.restarts
    tolerance: float = FitConfig.tolerance
    max_iterations: int = FitConfig.max_iterations
    acceleration: bool = True
    covariance_floor: float = FitConfig.covariance_floor
    seed: int = FitConfig.seed

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first option outside its range."""
        if self.method not in COLOR_METHODS:
            raise InvalidArgumentError("method", f"is {self.method!r}; give one of {', '.join(COLOR_METHODS)}")
        try:
            fit_config = self.fit_config()
        except InvalidArgumentError as error:
            if error.argument == "n_components":
                raise InvalidArgumentError("n_segments", f"{error.problem}, or auto") from None
            raise
        if fit_config.n_components > MAX_SEGMENTS:
            raise InvalidArgumentError("n_segments", f"is {self.n_segments}; give 1 to {MAX_SEGMENTS}, or auto")
        for name in ("restarts", "tolerance", "max_iterations", "covariance_floor", "seed"):
            object.__setattr__(self, name, getattr(fit_config, name))  # plain numbers, whatever they came as
        if self.n_segments != "auto":
            object.__setattr__(self, "n_segments", fit_config.n_components)
        if self.method == "k-means" and self.covariance_type != FitConfig.covariance_type:
            problem = f"is {self.covariance_type}; k-means has one spherical covariance, so leave it out"
            raise InvalidArgumentError("covariance_type", problem)
        if self.color_space not in COLOR_SPACES:
            raise InvalidArgumentError("color_space", f"is {self.color_space!r}; give one of {', '.join(COLOR_SPACES)}")

    def fit_config(self) -> FitConfig:
        """Return the options of the fit; where the number of segments is not known yet, for one component."""
        return FitConfig(
            method="em" if self.method == "gmm" else self.method,
            n_components=1 if self.n_segments == "auto" else self.n_segments,
            covariance_type=self.covariance_type,
            init=self.init,
            restarts=self.restarts,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
            acceleration=self.acceleration,
            covariance_floor=self.covariance_floor,
            seed=self.seed,
        )


def recipe_from(options: Mapping[str, Any]) -> Recipe:
    """Return the recipe that ``dataclasses.asdict`` made these options of.

    Raises
    ------
    InvalidArgumentError
        An option is missing, unknown, of another type or outside its range.
    """
    known = {field.name: field.default for field in fields(Recipe)}
    for name in known:
        if name not in options:
            raise InvalidArgumentError(name, "is missing")
    for name, value in options.items():
        if name not in known:
            raise InvalidArgumentError(name, "is no option")
        if isinstance(value, bool) and not isinstance(known[name], bool):  # to Python, True is the number 1
            raise InvalidArgumentError(name, f"is {value}; give no truth value")
    return Recipe(**options)
