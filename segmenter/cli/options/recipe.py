"""Options that determine the segments, combined into a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import click

from segmenter.cli.help import COLOR_FIT, FIT, REGIONS, TARGET, option
from segmenter.cli.options.common import Command, Option, is_typed, seed_option, with_options
from segmenter.cli.options.types import AnyScale, CountOrAuto, MergeCostChoice, PositiveNumber, ScaleOrNumber
from segmenter.errors import InvalidArgumentError
from segmenter.features.config import COLOR_SPACES
from segmenter.mixture.config import COVARIANCE_TYPES, INITS
from segmenter.regions.config import SCALES
from segmenter.segmentation.recipe import (
    MAX_SEGMENTS,
    METHODS,
    PhotoRecipe,
    Recipe,
    RegionsRecipe,
    choose_recipe,
    get_option_names,
)

if TYPE_CHECKING:
    from segmenter.workflows.cluster.recipe import TableRecipe

FIELD_OF_OPTION = {"segments": "n_segments", "covariance": "covariance_type", "superpixels": "n_superpixels"}
"""Fields of a recipe whose option has another name."""


def em_options(
    defaults: type[Recipe] | type[TableRecipe], *, clusters: str, sample: str, section: str
) -> tuple[Option, ...]:
    """Return the options of a fit by EM.

    Parameters
    ----------
    defaults : type of Recipe or TableRecipe
    clusters, sample : str
        What help texts call a component of the mixture, and one of the values that it is fitted to.
    section : str
        Heading of the options in ``--help``.
    """
    return (
        option(
            "--covariance",
            section=section,
            type=click.Choice(COVARIANCE_TYPES),
            default=defaults.covariance_type,
            show_default=True,
            help=f"Shape of the {clusters}.",
        ),
        option(
            "--init",
            section=section,
            type=click.Choice(INITS),
            default=defaults.init,
            show_default=True,
            help="Initialization of EM.",
        ),
        option(
            "--restarts",
            section=section,
            type=click.IntRange(min=1),
            default=defaults.restarts,
            show_default=True,
            metavar="N",
            help="Number of initializations to try; the best fit is kept.",
        ),
        option(
            "--tolerance",
            section=section,
            type=PositiveNumber(),
            default=defaults.tolerance,
            show_default=True,
            metavar="NATS",
            help=f"Stop when an iteration raises the log-likelihood per {sample} by less than this.",
        ),
        option(
            "--max-iterations",
            section=section,
            type=click.IntRange(min=1),
            default=defaults.max_iterations,
            show_default=True,
            metavar="N",
            help="Maximum number of iterations.",
        ),
    )


def color_fit_options(section: str) -> tuple[Option, ...]:
    """Return the options of a mixture fitted to colors."""
    return (
        option(
            "--color-space",
            section=section,
            type=click.Choice(COLOR_SPACES),
            default=Recipe.color_space,
            show_default=True,
            help="Space in which colors are compared.",
        ),
        *em_options(Recipe, clusters="color clusters", sample="pixel", section=section),
        option(
            "--acceleration/--no-acceleration",
            section=section,
            default=Recipe.acceleration,
            show_default=True,
            help="Extrapolate when EM converges slowly.",
        ),
        seed_option(),
    )


def scale_option(*, section: str) -> Option:
    """Return the option of where a hierarchy is cut."""
    return option(
        "--scale",
        section=section,
        type=ScaleOrNumber(),
        metavar="SCALE",
        show_default="medium",
        help=f"Level of detail: {', '.join(SCALES)}, or a merge height; all writes the three named ones.",
    )


_METHOD_OPTIONS = (
    option(
        "--method",
        section=TARGET,
        type=click.Choice(METHODS),
        default=Recipe.method,
        show_default=True,
        help="Clusters of similar colors by EM (gmm), hard EM or k-means; or connected regions.",
    ),
    option(
        "-k",
        "--segments",
        section=TARGET,
        type=CountOrAuto(MAX_SEGMENTS),
        metavar="K",
        show_default=f"{Recipe.n_segments}; for regions, by --scale",
        help="Number of segments; auto chooses it for each picture.",
    ),
)
_REGIONS_OPTIONS = (
    scale_option(section=REGIONS),
    option(
        "--merge-cost",
        section=REGIONS,
        type=MergeCostChoice(),
        default=RegionsRecipe.merge_cost,
        show_default=True,
        help="Dissimilarity of neighboring regions, with weights set by hand, or learned from boundaries people drew.",
    ),
    option(
        "--superpixels",
        section=REGIONS,
        type=click.IntRange(1, MAX_SEGMENTS),
        default=RegionsRecipe.n_superpixels,
        show_default=True,
        metavar="N",
        help="Maximum number of superpixels.",
    ),
    option(
        "--working-size",
        section=REGIONS,
        type=PositiveNumber(),
        default=RegionsRecipe.working_size,
        show_default=True,
        metavar="MEGAPIXELS",
        help="Size to which larger pictures are reduced; boundaries are then refined at full size.",
    ),
)


def recipe_options(command: Command) -> Command:
    """Add every option that the segments depend on; the command receives them as one ``recipe``."""
    return _with_recipe(command, (*_METHOD_OPTIONS, *_REGIONS_OPTIONS, *color_fit_options(COLOR_FIT)))


def fit_options(command: Command) -> Command:
    """Add the options of a mixture of colors except the number of segments; the command receives a ``recipe``."""
    return _with_recipe(command, color_fit_options(FIT))


def _with_recipe(command: Command, options: Sequence[Option]) -> Command:
    @wraps(command)
    def with_recipe(*arguments: Any, **values: Any) -> Any:
        known = get_option_names("gmm") | get_option_names("regions")
        of_recipe = {name: values.pop(name) for name in list(values) if FIELD_OF_OPTION.get(name, name) in known}
        return command(*arguments, recipe=build_recipe(of_recipe), **values)

    decorated: Any = with_options(*options)(with_recipe)
    return decorated  # type: ignore[no-any-return]


def build_recipe(values: Mapping[str, Any]) -> PhotoRecipe:
    """Return the recipe for the values of options, by their names on the command line.

    A value that the method does not use is ignored, as it may come from the environment, unless it was typed.

    Raises
    ------
    click.UsageError
        A value is out of range, was typed for another method, or conflicts with another one.
    """
    method = values.get("method", Recipe.method)
    if method == "regions":
        check_cut(values["segments"], values["scale"], values["superpixels"])
    given = {}
    for param in click.get_current_context().command.params:
        name = param.name or ""
        value = values.get(name)
        if value is None:
            continue
        field = FIELD_OF_OPTION.get(name, name)
        if field in get_option_names(method):
            given[field] = "medium" if value == "all" else value  # the other two scales are extra outputs
        elif is_typed(name):
            raise click.UsageError(f"{param.opts[-1]} does not apply to --method {method}; leave it out")
    try:
        return choose_recipe(given)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error


def check_cut(segments: int | Literal["auto"] | None, scale: AnyScale | None, superpixels: int | None = None) -> None:
    """Raise UsageError if the number of regions, their scale and the number of superpixels conflict."""
    if segments == "auto":
        raise click.UsageError("-k auto does not apply to --method regions; give a number, or --scale")
    if segments is not None and scale is not None:
        raise click.UsageError("-k and --scale both set the number of regions; give one of them")
    if segments is not None and superpixels is not None and segments > superpixels:
        raise click.UsageError(f"-k {segments} needs as many superpixels; add --superpixels {segments}")
