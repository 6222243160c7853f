"""Options that more than one command takes, each in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from segmenter.errors import InvalidArgumentError
from segmenter.features.config import COLOR_SPACES
from segmenter.mixture.config import COVARIANCE_TYPES, INITS
from segmenter.pipeline.recipe import MAX_SEGMENTS, Recipe

if TYPE_CHECKING:
    from segmenter.pipeline.plan import Extra, FigureFormat

Command = TypeVar("Command", bound=Callable[..., Any])

SAVES = ("posteriors", "confidence")


class NumberOfSegments(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has none
    """A whole number, or ``auto``."""

    name = "number or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        """Return what was typed, or fail with what could have been."""
        if value == "auto":
            return "auto"
        try:
            return int(click.IntRange(1, MAX_SEGMENTS).convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither a whole number from 1 to {MAX_SEGMENTS} nor auto.", param, ctx)


_SEGMENTS_OPTION = click.option(
    "-k",
    "--segments",
    type=NumberOfSegments(),
    default=str(Recipe.n_segments),
    show_default=True,
    metavar="K",
    help="Number of segments; auto lets the picture tell.",
)
_FIT_OPTIONS = (
    click.option(
        "--color-space",
        type=click.Choice(COLOR_SPACES),
        default=Recipe.color_space,
        show_default=True,
        help="What colors are compared in.",
    ),
    click.option(
        "--covariance",
        type=click.Choice(COVARIANCE_TYPES),
        default=Recipe.covariance_type,
        show_default=True,
        help="Shape of the color clusters.",
    ),
    click.option(
        "--init", type=click.Choice(INITS), default=Recipe.init, show_default=True, help="How starts are drawn."
    ),
    click.option(
        "--restarts",
        type=click.IntRange(min=1),
        default=Recipe.restarts,
        show_default=True,
        metavar="N",
        help="Starts that are tried; the best is kept.",
    ),
    click.option(
        "--tolerance",
        type=click.FloatRange(min=0, min_open=True),
        default=Recipe.tolerance,
        show_default=True,
        metavar="NATS",
        help="Stop when a step gains less log-likelihood per pixel.",
    ),
    click.option(
        "--max-iterations",
        type=click.IntRange(min=1),
        default=Recipe.max_iterations,
        show_default=True,
        metavar="N",
        help="Stop after so many steps.",
    ),
    click.option(
        "--acceleration/--no-acceleration",
        default=Recipe.acceleration,
        show_default=True,
        help="Leap ahead where EM is slow.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=Recipe.seed,
        show_default=True,
        metavar="N",
        help="Same seed, same segments.",
    ),
)

_WHERE = "Where results go"
_WHERE_OR_STREAM = f"{_WHERE}; - writes the label image of one photo to standard output."

_OUTPUT_OPTIONS = (
    click.option("--figure/--no-figure", default=True, show_default=True, help="Draw photo and segments side by side."),
    click.option(
        "--figure-format",
        type=click.Choice(["png", "pdf", "svg"]),
        default="png",
        show_default=True,
        help="File format of the figure.",
    ),
    click.option(
        "--dpi",
        type=click.IntRange(50, 1200),
        default=300,
        show_default=True,
        metavar="N",
        help="Resolution of the figure, in pixels per inch.",
    ),
    click.option(
        "--save",
        type=click.Choice(SAVES),
        multiple=True,
        help="Write the probabilities of the segments too; may be repeated.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace results that exist."),
    click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        default=500_000_000,
        show_default=True,
        metavar="N",
        help="Refuse larger pictures before they are decoded.",
    ),
    click.option(
        "--json",
        is_flag=True,
        help="Print the results as JSON, one line a photo.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Tell more: of the fit, and of each segment."),
)


@dataclass(frozen=True)
class OutputOptions:
    """Where results go, which of them, and what is told."""

    output: Path
    figure: bool
    figure_format: FigureFormat
    dpi: int
    save: tuple[Extra, ...]
    overwrite: bool
    max_pixels: int
    json: bool
    quiet: bool
    verbose: bool


def save_model_option(command: Command) -> Command:
    """Add what every command takes that fits mixtures to photos."""
    return click.option("--save-model", is_flag=True, help="Write the model too, for segmenter apply.")(command)


def output_options(command: Command) -> Command:
    """Add what every command that segments photos takes; the command receives it as one ``options``."""
    return _with_output(command, _WHERE_OR_STREAM)


def folder_options(command: Command) -> Command:
    """Add the same options, for a command that writes to a folder alone."""
    return _with_output(command, f"{_WHERE}; the tree of the input is kept in it.")


def _with_output(command: Command, where: str) -> Command:

    @wraps(command)
    def with_output(*arguments: Any, **values: Any) -> Any:
        chosen = {field.name: values.pop(field.name) for field in fields(OutputOptions)}
        return command(*arguments, options=OutputOptions(**chosen), **values)

    place = click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        default=Path("outputs"),
        show_default=True,
        metavar="FOLDER",
        help=where,
    )
    decorated: Any = with_output
    for option in reversed((place, *_OUTPUT_OPTIONS)):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def recipe_options(command: Command) -> Command:
    """Add every option that the segments depend on; the command receives them as one ``recipe``."""
    return _with_recipe(command, (_SEGMENTS_OPTION, *_FIT_OPTIONS))


def fit_options(command: Command) -> Command:
    """Add the same options but the number of segments."""
    return _with_recipe(command, _FIT_OPTIONS)


def _with_recipe(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    @wraps(command)
    def with_recipe(
        *arguments: Any,
        segments: int | Literal["auto"] = Recipe.n_segments,
        color_space: Any,
        covariance: Any,
        init: Any,
        restarts: int,
        tolerance: float,
        max_iterations: int,
        acceleration: bool,
        seed: int,
        **others: Any,
    ) -> Any:
        try:
            recipe = Recipe(
                n_segments=segments,
                color_space=color_space,
                covariance_type=covariance,
                init=init,
                restarts=restarts,
                tolerance=tolerance,
                max_iterations=max_iterations,
                acceleration=acceleration,
                seed=seed,
            )
        except InvalidArgumentError as error:
            raise click.UsageError(str(error)) from error
        return command(*arguments, recipe=recipe, **others)

    decorated: Any = with_recipe
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
