"""The recipe: every option that the segments depend on, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import index
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias, TypeVar, get_args

from segmenter.errors import InvalidArgumentError
from segmenter.features.config import COLOR_SPACES, ColorSpace
from segmenter.mixture.config import CovarianceType, FitConfig, Init
from segmenter.regions.config import FORMER_MERGE_COSTS, HEIGHTS, MERGE_COSTS, SCALES, MergeCost, Scale

ColorMethod: TypeAlias = Literal["gmm", "hard-em", "k-means"]

COLOR_METHODS: tuple[ColorMethod, ...] = get_args(ColorMethod)

MAX_SEGMENTS = 65_535
"""Labels have to fit 16 bits."""

MAX_AUTO_SEGMENTS = 10
"""Largest number of segments that is tried where the number is chosen by the picture."""


@dataclass(frozen=True)
class Recipe:
    """Every option of a run that clusters colors. The same photo and the same recipe give the same segments.

    Attributes
    ----------
    n_segments : int, from 1 to 65,535, or "auto"
        K; "auto" chooses it by the picture, see `segmenter.segmentation.n_segments`.
    method : {"gmm", "hard-em", "k-means"}
        A Gaussian mixture fitted by EM, or by EM with hard assignments; or k-means, which has no `covariance_type`.
    color_space : {"rgb", "lab", "hsv"}
        The space in which colors are compared, see `segmenter.features.color.compute_color_features`.
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
            object.__setattr__(self, name, getattr(fit_config, name))  # Python's numbers, also where NumPy's were given
        if self.n_segments != "auto":
            object.__setattr__(self, "n_segments", fit_config.n_components)
        if self.method == "k-means" and self.covariance_type != FitConfig.covariance_type:
            problem = f"is {self.covariance_type}; k-means has one spherical covariance, so leave it out"
            raise InvalidArgumentError("covariance_type", problem)
        if self.color_space not in COLOR_SPACES:
            raise InvalidArgumentError("color_space", f"is {self.color_space!r}; give one of {', '.join(COLOR_SPACES)}")

    def fit_config(self) -> FitConfig:
        """Return the options of the fit; for one component where the number of segments is still to be chosen."""
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
            robust_scale=False,
            seed=self.seed,
        )


@dataclass(frozen=True)
class RegionsRecipe:
    """Every option of a run that finds regions. The same photo and the same recipe give the same regions.

    Attributes
    ----------
    scale : {"coarse", "medium", "fine"} or float, at least 0; or None
        Height at which the hierarchy is cut, by name, see `segmenter.regions.config.HEIGHTS`, or as a number. None =
        cut into `n_segments` regions; where both are None, medium.
    n_segments : int from 1 to `n_superpixels`, or None
        Exact number of regions.
    method : "regions"
    merge_cost : {"heuristic", "learned"}
        How dissimilar two neighboring regions are, see `segmenter.regions.merging`.
    n_superpixels : int, from 1 to 65,535
        Maximum number of superpixels.
    working_size : float, megapixels, positive
        Larger pictures are reduced to this size to find the hierarchy, and its boundaries are then refined.
    seed : int, at least 0
    """

    scale: Scale | float | None = None
    n_segments: int | None = None
    method: Literal["regions"] = "regions"
    merge_cost: MergeCost = "learned"
    n_superpixels: int = 700
    working_size: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first option outside its range."""
        if self.method != "regions":
            raise InvalidArgumentError("method", f"is {self.method!r}; give regions")
        object.__setattr__(self, "merge_cost", update_merge_cost(self.merge_cost))
        if self.merge_cost not in MERGE_COSTS:
            raise InvalidArgumentError("merge_cost", f"is {self.merge_cost!r}; give one of {', '.join(MERGE_COSTS)}")
        object.__setattr__(self, "n_superpixels", _check_count("n_superpixels", self.n_superpixels, 1, MAX_SEGMENTS))
        if self.n_segments is not None:
            object.__setattr__(self, "n_segments", _check_count("n_segments", self.n_segments, 1, MAX_SEGMENTS))
        object.__setattr__(self, "seed", _check_count("seed", self.seed, 0, math.inf))
        size = self.working_size
        if isinstance(size, bool | str) or not isinstance(size, SupportsFloat) or not 0 < float(size) < math.inf:
            raise InvalidArgumentError("working_size", f"is {size!r}; give a positive number of megapixels")
        object.__setattr__(self, "working_size", float(size))
        self._check_cut()

    def _check_cut(self) -> None:
        """Raise InvalidArgumentError unless exactly one of scale and number says where to cut; by default medium."""
        if self.n_segments is None:
            object.__setattr__(self, "scale", check_scale("medium" if self.scale is None else self.scale))
        elif self.scale is not None:
            raise InvalidArgumentError("scale", "and n_segments both set the number of regions; give one of them")
        elif self.n_segments > self.n_superpixels:
            problem = f"is {self.n_segments}, more than n_superpixels, which is {self.n_superpixels}; raise that"
            raise InvalidArgumentError("n_segments", problem)

    @property
    def height(self) -> float | None:
        """Height at which the hierarchy is cut; None where the number of regions is given."""
        return None if self.scale is None else get_height(self.scale, self.merge_cost)


def _check_count(name: str, value: Any, minimum: int, maximum: float) -> int:
    """Return a count as a Python integer; raise InvalidArgumentError where it is none or outside its range."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex) or not minimum <= index(value) <= maximum:
        legal = f"from {minimum}" if maximum == math.inf else f"from {minimum} to {maximum}"
        raise InvalidArgumentError(name, f"is {value!r}; give a whole number {legal}")
    return index(value)


def check_scale(value: Any) -> Scale | float:
    """Return a scale as its name or a Python float; raise InvalidArgumentError for anything else."""
    for name in SCALES:
        if isinstance(value, str) and value == name:
            return name
    if isinstance(value, bool | str) or not isinstance(value, SupportsFloat) or not 0 <= float(value) < math.inf:
        raise InvalidArgumentError("scale", f"is {value!r}; give {', '.join(SCALES)} or a number from 0")
    return float(value)


def get_height(scale: Scale | float, merge_cost: MergeCost) -> float:
    """Return the height of a scale under a merge cost."""
    return HEIGHTS[merge_cost][scale] if isinstance(scale, str) else scale


def update_merge_cost(value: Any) -> Any:
    """Return a merge cost by its present name; anything else as it is."""
    return FORMER_MERGE_COSTS.get(value, value) if isinstance(value, str) else value


PhotoRecipe: TypeAlias = Recipe | RegionsRecipe
R = TypeVar("R", Recipe, RegionsRecipe)

Method: TypeAlias = Literal["gmm", "hard-em", "k-means", "regions"]

METHODS: tuple[Method, ...] = (*COLOR_METHODS, "regions")


def get_option_names(method: Method) -> frozenset[str]:
    """Return the names of the options of a method."""
    return frozenset(field.name for field in fields(RegionsRecipe if method == "regions" else Recipe))


def choose_recipe(given: Mapping[str, Any]) -> PhotoRecipe:
    """Return the recipe of some options, the others at their defaults.

    Parameters
    ----------
    given : mapping of str
        By name; the method among them, unless it is the default.

    Raises
    ------
    InvalidArgumentError
        An option is outside its range, or the method does not have it.
    """
    method = given.get("method", Recipe.method)
    if method not in METHODS:
        raise InvalidArgumentError("method", f"is {method!r}; give one of {', '.join(METHODS)}")
    for name in given:
        if name not in get_option_names(method):
            raise InvalidArgumentError(name, f"is no option of the method {method}; leave it out")
    return RegionsRecipe(**given) if method == "regions" else Recipe(**given)


def decode_recipe(options: Mapping[str, Any], kind: type[R]) -> R:
    """Return the recipe that `dataclasses.asdict` gave these options of.

    Parameters
    ----------
    options : mapping of str
    kind : type
        `Recipe` or `RegionsRecipe`.

    Raises
    ------
    InvalidArgumentError
        An option is missing, unknown, of another type or outside its range.
    """
    known = {field.name: field.default for field in fields(kind)}
    for name in known:
        if name not in options:
            raise InvalidArgumentError(name, "is missing")
    for name, value in options.items():
        if name not in known:
            raise InvalidArgumentError(name, "is no option")
        if isinstance(value, bool) and not isinstance(known[name], bool):  # to Python, True is the number 1
            raise InvalidArgumentError(name, f"is {value}; give no truth value")
    return kind(**options)


def update_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a recipe, as plain values, with those of earlier versions by their present names."""
    return {name: update_merge_cost(value) if name == "merge_cost" else value for name, value in options.items()}
