"""Options of where results go, which are written and what is printed, combined into one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segmenter.cli.help import FIGURES, OUTPUT, option
from segmenter.cli.options.common import (
    MAX_PIXELS,
    OVERWRITE,
    Command,
    Option,
    figure_options,
    output_option,
    verbosity_options,
    with_options,
)
from segmenter.cli.options.types import STREAM
from segmenter.segmentation.recipe import PhotoRecipe
from segmenter.workflows.segment.outputs import PLOTS, PLOTS_OF_MIXTURES

if TYPE_CHECKING:
    from segmenter.workflows.segment.job import Extra, FigureOptions
    from segmenter.workflows.segment.outputs import FigureFormat, Plot

SAVES_OF_MIXTURES = ("posteriors", "confidence")
SAVES = (*SAVES_OF_MIXTURES, "hierarchy")


@dataclass(frozen=True)
class OutputOptions:
    """Where results go, which are written, and what is printed."""

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
    save_model: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether the label image goes to standard output, and nothing else is written."""
        return self.output == STREAM

    @property
    def drawing(self) -> FigureOptions | None:
        """What to draw of each photo; None = nothing."""
        from segmenter.workflows.segment.job import FigureOptions

        if not self.figure and not self.plot:
            return None
        return FigureOptions(self.figure_format, self.dpi, self.figure, tuple(dict.fromkeys(self.plot)))


def select_extras(recipe: PhotoRecipe, options: OutputOptions, *, shared_model: bool = False) -> tuple[Extra, ...]:
    """Return which extra files to write; raise UsageError if the method cannot produce one of them."""
    of_mixtures = [f"--save {extra}" for extra in options.save if extra in SAVES_OF_MIXTURES]
    of_mixtures += ["--save-model"] if options.save_model else []
    of_mixtures += ["--shared-model"] if shared_model else []
    of_mixtures += [f"--plot {plot}" for plot in options.plot if plot in PLOTS_OF_MIXTURES]
    if recipe.method == "regions" and of_mixtures:
        raise click.UsageError(f"{of_mixtures[0]} needs a mixture, which --method regions does not fit; leave it out")
    if recipe.method != "regions" and "hierarchy" in options.save:
        raise click.UsageError("--save hierarchy needs regions; add --method regions")
    has_all_scales = recipe.method == "regions" and click.get_current_context().params.get("scale") == "all"
    models: tuple[Extra, ...] = ("model",) if options.save_model else ()
    scales: tuple[Extra, ...] = ("scales",) if has_all_scales else ()
    return (*options.save, *models, *scales)


_SAVE_MODEL = option(
    "--save-model", section=OUTPUT, is_flag=True, help="Also write the fitted model, for segmenter apply."
)
_PREVIEW = option("--preview", section=OUTPUT, is_flag=True, help="Draw the segments on the terminal.")
_PLOT = option(
    "--plot",
    section=FIGURES,
    type=click.Choice(PLOTS),
    multiple=True,
    help="Also draw this figure, listed above; may be repeated.",
)
_output_or_stream = partial(
    output_option,
    "Folder for the results; - writes the label image of a single photo to standard output.",
    allow_stream=True,
)


def output_options(command: Command) -> Command:
    """Add the output options of a command that fits photos; the command receives them as ``options``."""
    return _with_output(command, [_output_or_stream(), _save_option(SAVES), _SAVE_MODEL, OVERWRITE, _PREVIEW])


def apply_output_options(command: Command) -> Command:
    """Add the output options of a command that applies a mixture to photos."""
    return _with_output(command, [_output_or_stream(), _save_option(SAVES_OF_MIXTURES), OVERWRITE, _PREVIEW])


def folder_output_options(command: Command) -> Command:
    """Add the output options of a command that fits photos and writes to a folder only."""
    folder = output_option("Folder for the results, which mirrors the folders of the input.")
    return _with_output(command, [folder, _save_option(SAVES), _SAVE_MODEL, OVERWRITE])


def _save_option(saves: Sequence[str]) -> Option:
    return option(
        "--save",
        section=OUTPUT,
        type=click.Choice(saves),
        multiple=True,
        help="Also write this result, listed above; may be repeated.",
    )


def _with_output(command: Command, own_options: Sequence[Option]) -> Command:
    @wraps(command)
    def with_output(*arguments: Any, **values: Any) -> Any:
        given = {field.name: values.pop(field.name) for field in fields(OutputOptions) if field.name in values}
        return command(*arguments, options=OutputOptions(**given), **values)

    shared_options = (
        *figure_options("Draw photo and segments side by side.", "figure"),
        _PLOT,
        MAX_PIXELS,
        *verbosity_options("Print results as JSON, one line per photo.", "Print details of the fit and each segment."),
    )
    decorated: Any = with_options(*own_options, *shared_options)(with_output)
    return decorated  # type: ignore[no-any-return]
