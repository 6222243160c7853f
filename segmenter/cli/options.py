"""Options that more than one command takes, each in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import click

from segmenter.cli import STREAM
from segmenter.cli.types import PATH, AnyScale, Bands, CountOrAuto, Jobs, ScaleOrNumber
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
from segmenter.workflows.segment.outputs import PLOTS, PLOTS_OF_MIXTURES

if TYPE_CHECKING:
    from segmenter.workflows.cluster.recipe import TableRecipe
    from segmenter.workflows.segment.job import Extra, FigureOptions
    from segmenter.workflows.segment.outputs import FigureFormat, Plot

Command = TypeVar("Command", bound=Callable[..., Any])
Option: TypeAlias = Callable[[Any], Any]

_SCALES = f"{', '.join(SCALES)}, or a height; all writes the three"

SAVES_OF_MIXTURES = ("posteriors", "confidence")
SAVES = (*SAVES_OF_MIXTURES, "hierarchy")


def with_options(*options: Option) -> Callable[[Command], Command]:
    """Return a decorator that adds options in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# ---- single ones ---------------------------------------------------------------------------------------------------


def refuse_stream(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Return the path, or fail where it is -."""
    if path == STREAM:
        kind = (param.metavar or "path").lower()
        raise click.BadParameter(f"- is for label images of segment and apply; give a {kind}.", ctx, param)
    return path


def folder_option(what: str, *, or_stream: bool = False) -> Option:
    """Return the option that tells where something goes."""
    return click.option(
        "-o",
        "--output",
        type=PATH,
        default=Path("outputs"),
        show_default=True,
        metavar="FOLDER",
        callback=None if or_stream else refuse_stream,
        help=what,
    )


def columns_option(what: str) -> Option:
    """Return the option that names columns; `columns_of` reads it."""
    return click.option("--columns", metavar="A,B,…", help=what)


def columns_of(columns: str | None) -> tuple[str, ...] | None:
    """Return the names of columns that were typed, or None for all."""
    return None if columns is None else tuple(name.strip() for name in columns.split(","))


def figure_options(draw: str, figures: str) -> tuple[Option, ...]:
    """Return the options of figures: what they draw, and what they are called."""
    return (
        click.option("--figure/--no-figure", default=True, show_default=True, help=draw),
        click.option(
            "--figure-format",
            type=click.Choice(["png", "pdf", "svg"]),
            default="png",
            show_default=True,
            help=f"File format of the {figures}.",
        ),
        click.option(
            "--dpi",
            type=click.IntRange(50, 1200),
            default=300,
            show_default=True,
            metavar="N",
            help=f"Resolution of the {figures}, in pixels per inch.",
        ),
    )


OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace results that exist.")

PREVIEW = click.option("--preview", is_flag=True, help="Draw the segments on the terminal.")


def is_given(option: str) -> bool:
    """Return whether an option was typed, or set in the environment."""
    return click.get_current_context().get_parameter_source(option) != click.core.ParameterSource.DEFAULT


def jobs_option(what: str) -> Option:
    """Return the option of how much is worked on at once; ``what`` names the pieces."""
    return click.option(
        "-j",
        "--jobs",
        type=Jobs(),
        default="auto",
        show_default=True,
        metavar="N",
        help=f"{what} that are worked on at once; auto = cores.",
    )


BANDS = click.option(
    "--bands", type=Bands(), default=(), metavar="4,3,2", help="Which bands of TIFFs and Zarr arrays to take."
)

MAX_PIXELS = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=500_000_000,
    show_default=True,
    metavar="N",
    help="Refuse larger pictures before they are decoded.",
)


def verbosity_options(as_json: str, more: str) -> tuple[Option, ...]:
    """Return --json, --quiet and --verbose: what is printed as JSON, and what there is more to tell."""
    return (
        click.option("--json", is_flag=True, help=as_json),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
        click.option("-v", "--verbose", is_flag=True, help=more),
    )


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


# ---- those of photos -----------------------------------------------------------------------------------------------


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
_OUTPUT_OPTIONS = (
    *figure_options("Draw photo and segments side by side.", "figure"),
    OVERWRITE,
    MAX_PIXELS,
    *verbosity_options("Print the results as JSON, one line a photo.", "Tell more: of the fit, and of each segment."),
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
    plot: tuple[Plot, ...]
    preview: bool = False

    @property
    def drawing(self) -> FigureOptions | None:
        """What is drawn of each photo; None = nothing."""
        from segmenter.workflows.segment.job import FigureOptions

        if not self.figure and not self.plot:
            return None
        return FigureOptions(self.figure_format, self.dpi, self.figure, tuple(dict.fromkeys(self.plot)))


def save_model_option(command: Command) -> Command:
    """Add what every command takes that fits mixtures to photos."""
    return click.option("--save-model", is_flag=True, help="Write the model too, for segmenter apply.")(command)


def extras_of(
    recipe: AnyRecipe, options: OutputOptions, *, save_model: bool, shared_model: bool = False
) -> tuple[Extra, ...]:
    """Return what else is to be written; raise UsageError where the method does not have it."""
    of_mixtures = [f"--save {extra}" for extra in options.save if extra in SAVES_OF_MIXTURES]
    of_mixtures += ["--save-model"] if save_model else []
    of_mixtures += ["--shared-model"] if shared_model else []
    of_mixtures += [f"--plot {plot}" for plot in options.plot if plot in PLOTS_OF_MIXTURES]
    if recipe.method == "regions" and of_mixtures:
        raise click.UsageError(f"{of_mixtures[0]} is of mixtures of colors, and regions are none; leave it out")
    if recipe.method != "regions" and "hierarchy" in options.save:
        raise click.UsageError("--save hierarchy is of regions; add --method regions")
    is_all = recipe.method == "regions" and click.get_current_context().params.get("scale") == "all"
    return (*options.save, *(("model",) if save_model else ()), *(("scales",) if is_all else ()))


def output_options(command: Command, saves: Sequence[str] = SAVES) -> Command:
    """Add what every command that segments photos takes; the command receives it as one ``options``."""
    what = "Where results go; - writes the label image of one photo to standard output."
    return _with_output(command, folder_option(what, or_stream=True), saves, PREVIEW)


def folder_options(command: Command) -> Command:
    """Add the same options, for a command that writes to a folder alone."""
    return _with_output(command, folder_option("Where results go; the tree of the input is kept in it."), SAVES)


def _with_output(command: Command, folder: Option, saves: Sequence[str], *more: Option) -> Command:
    @wraps(command)
    def with_output(*arguments: Any, **values: Any) -> Any:
        chosen = {field.name: values.pop(field.name) for field in fields(OutputOptions) if field.name in values}
        return command(*arguments, options=OutputOptions(**chosen), **values)

    save = click.option(
        "--save", type=click.Choice(saves), multiple=True, help="Write this too, see above; may be repeated."
    )
    plot = click.option(
        "--plot", type=click.Choice(PLOTS), multiple=True, help="Draw this figure too, see above; may be repeated."
    )
    decorated: Any = with_options(folder, save, plot, *more, *_OUTPUT_OPTIONS)(with_output)
    return decorated  # type: ignore[no-any-return]


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
