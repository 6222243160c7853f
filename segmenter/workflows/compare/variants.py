"""What a comparison varies: lists of options → titles and recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final, Literal

from segmenter.errors import InvalidArgumentError
from segmenter.features.config import ColorSpace
from segmenter.mixture.config import CovarianceType
from segmenter.segmentation.recipe import AnyRecipe, Method, Recipe, choose_recipe, option_names

METHOD_NAMES: Final[dict[Method, str]] = {
    "gmm": "GMM",
    "hard-em": "Hard EM",
    "k-means": "k-means",
    "regions": "Regions",
}
SPACE_NAMES: Final[dict[ColorSpace, str]] = {"rgb": "RGB", "lab": "Lab", "hsv": "HSV"}
DEFAULT_SEGMENTS: Final = (2, 4, 8)
"""What is compared where nothing else is."""


@dataclass(frozen=True)
class Axes:
    """What is varied: each with one value or several; () = the default of the method."""

    segments: tuple[int | Literal["auto"], ...] = ()
    methods: tuple[Method, ...] = ()
    color_spaces: tuple[ColorSpace, ...] = ()
    covariances: tuple[CovarianceType, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One variant: its title and its recipe."""

    title: str
    recipe: AnyRecipe


@dataclass(frozen=True)
class Choices:
    """All variants, and how many of them a row holds where two things are varied; None = one thing, or more."""

    choices: tuple[Choice, ...]
    n_across: int | None = None


def choices_of(axes: Axes, common: dict[str, Any]) -> Choices:
    """Return all combinations of what is varied, each once.

    Parameters
    ----------
    axes : Axes
    common : dict
        Options of recipes that all variants have, by name; a method takes those that it has.

    Raises
    ------
    InvalidArgumentError
        A value is outside its range.
    """
    methods = axes.methods or (Recipe.method,)
    for name, without in (("color_spaces", ("regions",)), ("covariances", ("regions", "k-means"))):
        if getattr(axes, name) and all(method in without for method in methods):
            raise InvalidArgumentError(name, f"make no difference to {' and '.join(methods)}; leave them out")
    varied = [name for name, values in asdict(axes).items() if len(values) > 1]
    segments = axes.segments or (() if varied else DEFAULT_SEGMENTS)
    varied = ["segments", *varied] if len(segments) > 1 and "segments" not in varied else varied
    lists: list[Sequence[Any]] = [
        methods,
        axes.color_spaces or (Recipe.color_space,),
        axes.covariances or (Recipe.covariance_type,),
        segments or (None,),
    ]
    found: dict[AnyRecipe, Choice] = {}
    n_combinations = 0
    for method, space, covariance, n in product(*lists):
        n_combinations += 1
        given = {**common, "color_space": space, "covariance_type": covariance, "n_segments": n, "method": method}
        if method == "k-means":  # has one covariance: the variants of others are the same
            given["covariance_type"] = Recipe.covariance_type
        if n is None or (method == "regions" and n == "auto"):
            del given["n_segments"]
        recipe = choose_recipe({name: value for name, value in given.items() if name in option_names(method)})
        names = [
            METHOD_NAMES[method] if "methods" in varied else "",
            SPACE_NAMES[space] if "color_spaces" in varied and method != "regions" else "",
            str(covariance) if "covariances" in varied and method not in ("regions", "k-means") else "",
            f"K = {n}" if "segments" in varied else "",
        ]
        title = ", ".join(name for name in names if name) or METHOD_NAMES[method]
        found.setdefault(recipe, Choice(title[0].upper() + title[1:] if title[0] != "k" else title, recipe))
    n_across = None
    if len(varied) == 2 and len(found) == n_combinations:
        n_across = next(len(values) for values in reversed(lists) if len(values) > 1)
    return Choices(tuple(found.values()), n_across)
