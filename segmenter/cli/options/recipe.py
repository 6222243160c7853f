"""Options that the segments depend on, read into a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import click

from segmenter.cli.options.common import Command, Option, with_options
from segmenter.cli.options.types import AnyScale, CountOrAuto, ScaleOrNumber
from segmenter.errors import InvalidArgumentError
from segmenter.features.config import COLOR_SPACES
from segmenter.mixture.config import COVARIANCE_TYPES, INITS
from segmenter.regions.config import MERGE_COSTS, SCALES
from segmenter.segmentation.recipe import (
    MAX_SEGMENTS,
    METHODS,
    AnyRecipe,
    Recipe,
    RegionsRecipe,
    choose_recipe,
    option_names,
)

if TYPE_CHECKING:
    from segmenter.workflows.cluster.recipe import TableRecipe

_SCALES = f"{', '.join(SCALES)}, or a height; all writes the three"


def em_options(defaults: type[Recipe] | type[TableRecipe], found: str, sample: str) -> tuple[Option, ...]:
    """Return the options of the fit, in the words of those who look for segments of pixels or clusters of rows."""
    return (
        click.option(
            "--covariance",
            type=click.Choice(COVARIANCE_TYPES),
            default=defaults.covariance_type,
            show_default=True,
            help=f"Shape of the {found}.",
        ),
        click.option(
            "--init", type=click.Choice(INITS), default=defaults.init, show_default=True, help="How starts are drawn."
        ),
        click.option(
            "--restarts",
            type=click.IntRange(min=1),
            default=defaults.restarts,
            show_default=True,
            metavar="N",
            help="Starts that are tried; the best is kept.",
        ),
        click.option(
            "--tolerance",
            type=click.FloatRange(min=0, min_open=True),
            default=defaults.tolerance,
            show_default=True,
            metavar="NATS",
            help=f"Stop when a step gains less log-likelihood per {sample}.",
        ),
        click.option(
            "--max-iterations",
            type=click.IntRange(min=1),
            default=defaults.max_iterations,
            show_default=True,
            metavar="N",
            help="Stop after so many steps.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=defaults.seed,
            show_default=True,
            metavar="N",
            help="Same seed, same results.",
        ),
    )


def scale_option(what: str) -> Option:
    """Return the option that tells where a hierarchy is cut."""
    return click.option("--scale", type=ScaleOrNumber(), metavar="SCALE", help=what)


_METHOD_OPTIONS = (
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default=Recipe.method,
        show_default=True,
        help="Sets of similar colors by EM, EM with hard decisions or k-means; or regions, each in one piece.",
    ),
    click.option(
        "-k",
        "--segments",
        type=CountOrAuto(MAX_SEGMENTS),
        metavar="K",
        help=f"Number of segments; auto lets the picture tell. [default: {Recipe.n_segments}; of regions, by --scale]",
    ),
)
_REGIONS_OPTIONS = (
    scale_option(f"Of regions: {_SCALES}. [default: medium]"),
    click.option(
        "--merge-cost",
        type=click.Choice(MERGE_COSTS),
        default=RegionsRecipe.merge_cost,
        show_default=True,
        help="Of regions: how alike two neighbors are, by hand-chosen weights or by ones fitted to what people drew.",
    ),
    click.option(
        "--superpixels",
        type=click.IntRange(1, MAX_SEGMENTS),
        default=RegionsRecipe.n_superpixels,
        show_default=True,
        metavar="N",
        help="Of regions: the most that they are made of.",
    ),
    click.option(
        "--working-size",
        type=click.FloatRange(min=0, min_open=True),
        default=RegionsRecipe.working_size,
        show_default=True,
        metavar="MEGAPIXELS",
        help="Of regions: larger pictures are reduced to this, and boundaries refined.",
    ),
)
_FIT_OPTIONS = (
    click.option(
        "--color-space",
        type=click.Choice(COLOR_SPACES),
        default=Recipe.color_space,
        show_default=True,
        help="What colors are compared in.",
    ),
    *em_options(Recipe, "color clusters", "pixel"),
    click.option(
        "--acceleration/--no-acceleration",
        default=Recipe.acceleration,
        show_default=True,
        help="Leap ahead where EM is slow.",
    ),
)


def recipe_options(command: Command) -> Command:
    """Add every option that the segments depend on; the command receives them as one ``recipe``."""
    return _with_recipe(command, (*_METHOD_OPTIONS, *_REGIONS_OPTIONS, *_FIT_OPTIONS))


def fit_options(command: Command) -> Command:
    """Add the options of a mixture of colors, but the number of segments."""
    return _with_recipe(command, _FIT_OPTIONS)


_NAMES = {"segments": "n_segments", "covariance": "covariance_type", "superpixels": "n_superpixels"}
"""What a recipe calls options that have another name on the command line."""


def _with_recipe(command: Command, options: Sequence[Option]) -> Command:
    @wraps(command)
    def with_recipe(*arguments: Any, **values: Any) -> Any:
        known = option_names("gmm") | option_names("regions")
        chosen = {name: values.pop(name) for name in list(values) if _NAMES.get(name, name) in known}
        return command(*arguments, recipe=_recipe(chosen), **values)

    decorated: Any = with_options(*options)(with_recipe)
    return decorated  # type: ignore[no-any-return]


def check_cut(segments: int | Literal["auto"] | None, scale: AnyScale | None, superpixels: int | None = None) -> None:
    """Raise UsageError where the number of regions and their scale do not go together."""
    if segments == "auto":
        raise click.UsageError("-k auto is for sets of colors; with --method regions give a number, or --scale")
    if segments is not None and scale is not None:
        raise click.UsageError("-k and --scale both tell how many regions; give one of them")
    if segments is not None and superpixels is not None and segments > superpixels:
        raise click.UsageError(f"-k {segments} takes as many superpixels; add --superpixels {segments}")


def _recipe(values: Mapping[str, Any]) -> AnyRecipe:
    """Return the recipe that options make, by their names on the command line; raise UsageError where they do not."""
    method = values.get("method", Recipe.method)
    if method == "regions":
        check_cut(values["segments"], values["scale"], values["superpixels"])
    context = click.get_current_context()
    given = {}
    for param in context.command.params:
        typed = param.name or ""
        if typed not in values or values[typed] is None:
            continue
        if _NAMES.get(typed, typed) in option_names(method):
            given[_NAMES.get(typed, typed)] = "medium" if values[typed] == "all" else values[typed]  # and what it adds
        elif context.get_parameter_source(typed) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[-1]} is not for --method {method}; leave it out")
    try:
        return choose_recipe(given)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error
