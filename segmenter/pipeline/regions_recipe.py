"""The recipe of regions, and which recipe some options make, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import index
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias

from segmenter.errors import InvalidArgumentError
from segmenter.pipeline.recipe import COLOR_METHODS, MAX_SEGMENTS, Recipe
from segmenter.regions.config import HEIGHTS, MERGE_COSTS, SCALES, MergeCost, Scale


@dataclass(frozen=True)
class RegionsRecipe:
    """Every option of a run that finds regions. The same photo and the same recipe give the same regions.

    Attributes
    ----------
    scale : {"coarse", "medium", "fine"} or float, at least 0; or None
        Where the hierarchy is cut: at a height that has a name, see `segmenter.regions.config.HEIGHTS`, or at this one.
        None = into so many regions; of neither given, medium.
    n_segments : int from 1 to `n_superpixels`, or None
        So many regions, exactly.
    method : "regions"
    merge_cost : {"hand", "fitted"}
        What tells which neighbors are alike, see `segmenter.regions.merging`.
    n_superpixels : int, from 1 to 65,535
        The most that regions are made of.
    working_size : float, megapixels, positive
        Of larger pictures the hierarchy is that of a reduced one, and its boundaries are refined.
    seed : int, at least 0
    """

    scale: Scale | float | None = None
    n_segments: int | None = None
    method: Literal["regions"] = "regions"
    merge_cost: MergeCost = "fitted"
    n_superpixels: int = 700
    working_size: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first option outside its range."""
        if self.method != "regions":
            raise InvalidArgumentError("method", f"is {self.method!r}; give regions")
        if self.merge_cost not in MERGE_COSTS:
            raise InvalidArgumentError("merge_cost", f"is {self.merge_cost!r}; give one of {', '.join(MERGE_COSTS)}")
        limits = {"n_superpixels": (1, MAX_SEGMENTS), "n_segments": (1, MAX_SEGMENTS), "seed": (0, math.inf)}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if name == "n_segments" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, SupportsIndex) or not least <= index(value) <= most:
                legal = f"from {least}" if most == math.inf else f"from {least} to {most}"
                raise InvalidArgumentError(name, f"is {value!r}; give a whole number {legal}")
            object.__setattr__(self, name, index(value))
        size = self.working_size
        if isinstance(size, bool | str) or not isinstance(size, SupportsFloat) or not 0 < float(size) < math.inf:
            raise InvalidArgumentError("working_size", f"is {size!r}; give a positive number of megapixels")
        object.__setattr__(self, "working_size", float(size))
        if self.n_segments is None:
            object.__setattr__(self, "scale", scale_of("medium" if self.scale is None else self.scale))
        elif self.scale is not None:
            raise InvalidArgumentError("scale", "and n_segments both tell how many regions; give one of them")
        elif self.n_segments > self.n_superpixels:
            problem = f"is {self.n_segments}, more than n_superpixels, which is {self.n_superpixels}; raise that"
            raise InvalidArgumentError("n_segments", problem)

    @property
    def height(self) -> float | None:
        """Where the hierarchy is cut; None where the number of regions is given."""
        return None if self.scale is None else height_of(self.scale, self.merge_cost)


def scale_of(value: Any) -> Scale | float:
    """Return a scale as its name or a plain number; raise InvalidArgumentError for anything else."""
    for name in SCALES:
        if isinstance(value, str) and value == name:
            return name
    if isinstance(value, bool | str) or not isinstance(value, SupportsFloat) or not 0 <= float(value) < math.inf:
        raise InvalidArgumentError("scale", f"is {value!r}; give {', '.join(SCALES)} or a number from 0")
    return float(value)


def height_of(scale: Scale | float, merge_cost: MergeCost) -> float:
    """Return the height that a scale stands for under a cost of merging."""
    return HEIGHTS[merge_cost][scale] if isinstance(scale, str) else scale


AnyRecipe: TypeAlias = Recipe | RegionsRecipe

Method: TypeAlias = Literal["gmm", "hard-em", "k-means", "regions"]
METHODS: tuple[Method, ...] = (*COLOR_METHODS, "regions")


def option_names(method: Method) -> frozenset[str]:
    """Return the names of the options that a method has."""
    return frozenset(field.name for field in fields(RegionsRecipe if method == "regions" else Recipe))


def choose_recipe(given: Mapping[str, Any]) -> AnyRecipe:
    """Return the recipe that options make.

    Parameters
    ----------
    given : mapping of str
        Those that are not left at their defaults, by name; the method among them.

    Raises
    ------
    InvalidArgumentError
        One is outside its range, or not of this method.
    """
    method = given.get("method", Recipe.method)
    if method not in METHODS:
        raise InvalidArgumentError("method", f"is {method!r}; give one of {', '.join(METHODS)}")
    for name in given:
        if name not in option_names(method):
            raise InvalidArgumentError(name, f"is no option of the method {method}; leave it out")
    return RegionsRecipe(**given) if method == "regions" else Recipe(**given)
