"""Options of where results go and which are written, read into one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segmenter.cli.options.common import (
    MAX_PIXELS,
    OVERWRITE,
    PREVIEW,
    Command,
    Option,
    figure_options,
    folder_option,
    verbosity_options,
    with_options,
)
from segmenter.segmentation.recipe import AnyRecipe
from segmenter.workflows.segment.outputs import PLOTS, PLOTS_OF_MIXTURES

if TYPE_CHECKING:
    from segmenter.workflows.segment.job import Extra, FigureOptions
    from segmenter.workflows.segment.outputs import FigureFormat, Plot

SAVES_OF_MIXTURES = ("posteriors", "confidence")
SAVES = (*SAVES_OF_MIXTURES, "hierarchy")

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
