"""The variants of a comparison: every combination of the options that vary, as titles and recipes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from segmenter.errors import InvalidArgumentError
from segmenter.features.config import ColorSpace
from segmenter.mixture.config import CovarianceType
from segmenter.segmentation.recipe import Method, PhotoRecipe, Recipe, choose_recipe, get_option_names

METHOD_NAMES: Final[dict[Method, str]] = {
    "gmm": "GMM",
    "hard-em": "Hard EM",
    "k-means": "k-means",
    "regions": "Regions",
}
SPACE_NAMES: Final[dict[ColorSpace, str]] = {"rgb": "RGB", "lab": "Lab", "hsv": "HSV"}
DEFAULT_SEGMENTS: Final = (2, 4, 8)
"""The numbers of segments to compare if no option is varied and none is given."""

SegmentCount: TypeAlias = int | Literal["auto"]


@dataclass(frozen=True)
class GridAxes:
    """The axes of the grid of variants: the values of each option to compare; () = the default of the method."""

    segments: tuple[SegmentCount, ...] = ()
    methods: tuple[Method, ...] = ()
    color_spaces: tuple[ColorSpace, ...] = ()
    covariances: tuple[CovarianceType, ...] = ()

    @property
    def varied(self) -> frozenset[str]:
        """The names of the options with several values."""
        return frozenset(axis.name for axis in fields(self) if len(getattr(self, axis.name)) > 1)


@dataclass(frozen=True)
class NamedRecipe:
    """One variant: its title in the figure, and its recipe."""

    title: str
    recipe: PhotoRecipe


@dataclass(frozen=True)
class VariantGrid:
    """All variants, and how they are laid out."""

    variants: tuple[NamedRecipe, ...]
    n_columns: int | None = (
        None  # for a full grid of two options, how many values the faster one has; None = any layout
    )


class Combination(NamedTuple):
    """One value of each option; in the list of all combinations, the last option varies fastest."""

    method: Method
    color_space: ColorSpace
    covariance: CovarianceType
    n_segments: SegmentCount | None  # None = the default of the method


def build_variants(axes: GridAxes, common: dict[str, Any]) -> VariantGrid:
    """Return a variant for every combination of options, leaving out duplicates.

    Parameters
    ----------
    axes : GridAxes
    common : dict
        Recipe options that all variants share, by name; each method uses those that it has.

    Raises
    ------
    InvalidArgumentError
        A value is out of range, or an option has no effect on any of the methods.
    """
    axes = replace(axes, methods=axes.methods or (Recipe.method,))
    check_axes_have_effect(axes)
    if not axes.varied and not axes.segments:
        axes = replace(axes, segments=DEFAULT_SEGMENTS)
    values = (
        axes.methods,
        axes.color_spaces or (Recipe.color_space,),
        axes.covariances or (Recipe.covariance_type,),
        axes.segments or (None,),
    )
    combinations = [Combination(*combination) for combination in product(*values)]
    variants: dict[PhotoRecipe, NamedRecipe] = {}
    for combination in combinations:
        recipe = build_recipe(combination, common)
        variants.setdefault(recipe, NamedRecipe(build_title(combination, axes.varied), recipe))
    n_columns = None
    if len(axes.varied) == 2 and len(variants) == len(combinations):
        n_columns = next(len(several) for several in reversed(values) if len(several) > 1)
    return VariantGrid(tuple(variants.values()), n_columns)


def check_axes_have_effect(axes: GridAxes) -> None:
    """Raise InvalidArgumentError if an option was given that none of the methods has."""
    for name, methods_without in (("color_spaces", ("regions",)), ("covariances", ("regions", "k-means"))):
        if getattr(axes, name) and all(method in methods_without for method in axes.methods):
            raise InvalidArgumentError(name, f"make no difference to {' and '.join(axes.methods)}; leave them out")


def build_recipe(combination: Combination, common: dict[str, Any]) -> PhotoRecipe:
    """Return the recipe of a combination, of those options that its method has."""
    method, color_space, covariance, n_segments = combination
    options = {**common, "method": method, "color_space": color_space, "covariance_type": covariance}
    if method == "k-means":  # its covariance is always spherical, so all values give the same recipe
        options["covariance_type"] = Recipe.covariance_type
    if n_segments is not None and not (method == "regions" and n_segments == "auto"):
        options["n_segments"] = n_segments
    return choose_recipe({name: value for name, value in options.items() if name in get_option_names(method)})


def build_title(combination: Combination, varied: frozenset[str]) -> str:
    """Return the title of a variant: the values of the options that vary, or the method if none of them applies."""
    method, color_space, covariance, n_segments = combination
    parts = [
        METHOD_NAMES[method] if "methods" in varied else "",
        SPACE_NAMES[color_space] if "color_spaces" in varied and method != "regions" else "",
        covariance if "covariances" in varied and method not in ("regions", "k-means") else "",
        f"K = {n_segments}" if "segments" in varied else "",
    ]
    title = ", ".join(part for part in parts if part) or METHOD_NAMES[method]
    return title if title.startswith("k-means") else title[0].upper() + title[1:]
