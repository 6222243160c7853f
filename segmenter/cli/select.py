"""``segmenter select``."""

from __future__ import annotations

import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from segmenter.cli import unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.help import TARGET, option
from segmenter.cli.interrupts import explain_interrupt
from segmenter.cli.messages import print_message, print_note
from segmenter.cli.options.common import (
    MAX_PIXELS,
    OVERWRITE,
    SCALE_RANGE,
    bands_option,
    columns_option,
    output_option,
    parse_columns,
    verbosity_options,
    with_options,
)
from segmenter.cli.options.recipe import fit_options
from segmenter.cli.options.types import PATH, STREAM
from segmenter.cli.progress import show_steps
from segmenter.io.images.config import ScaleRange
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS, Recipe

if TYPE_CHECKING:
    from segmenter.workflows.select import SelectionResult


@click.command(name="select", cls=FileCommand, short_help="Choose the number of segments or clusters.")
@click.argument("source", metavar="PHOTO|TABLE", type=PATH)
@with_options(
    option(
        "--max-segments",
        section=TARGET,
        type=click.IntRange(1, 50),
        default=MAX_AUTO_SEGMENTS,
        show_default=True,
        metavar="K",
        help="Largest number of segments or clusters to try.",
    ),
    columns_option("Columns by which rows of a table are compared."),
    bands_option(section=TARGET),
)
@fit_options
@with_options(
    output_option("Folder for the figure."),
    OVERWRITE,
    SCALE_RANGE,
    MAX_PIXELS,
    *verbosity_options("Print the table as JSON, on one line.", "Print the choice of each criterion, and the time."),
)
def command(  # click passes every option by its name
    source: Path,
    max_segments: int,
    output: Path,
    columns: str | None,
    bands: tuple[int, ...],
    scale_range: ScaleRange,
    recipe: Recipe,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Choose the number of segments of a PHOTO, or of clusters of a TABLE.

    \b
    Prints every criterion for 1 to K, with its choice marked by *, and writes
    to the output folder:
      NAME.selection.png  the criteria as curves

    A file is a table if its name ends in .csv or .tsv, or if it does not begin
    like a picture; - is read from standard input.

    For a photo, -k auto of segmenter segment uses the last column, up to 10
    segments. The other criteria assume independent samples, which pixels are
    not: on photos they tend to choose the largest K. For a table, -k auto of
    segmenter cluster uses BIC.
    """  # noqa: D301  # the backspace keeps click from filling the list
    check_streams(source, quiet=quiet)
    from segmenter.workflows.segment.outputs import format_path
    from segmenter.workflows.select import SelectionJob, run_selection

    unwind_on_interrupt()
    path = Path("stdin") if source == STREAM else source
    figure = output / f"{path.stem}.selection.png"
    started = time.perf_counter()
    columns_asked = parse_columns(columns)
    job = SelectionJob(path, figure, recipe, columns_asked, max_segments, max_pixels, overwrite, bands, scale_range)
    with explain_interrupt([(path.name, figure)]), show_steps(quiet=quiet) as progress:
        result = run_selection(job, sys.stdin.buffer if source == STREAM else None, progress=progress)
    if json:
        click.echo(dumps({**result.describe(), "source": format_path(source), "outputs": [format_path(figure)]}))
    elif not quiet:
        click.echo("\n".join(format_table(result)))
    if quiet:
        return
    print_message(f"{path.name}: {format_choice(result)} -> {figure}")
    print_message(f"  why: {result.why}")
    for note in result.notes:
        print_note(note)
    if verbose:
        print_message("  " + ", ".join(f"{rule}: {k}" for rule, k in result.chosen.items()))
        print_message(f"  {time.perf_counter() - started:.2f} s")


def check_streams(source: Path, *, quiet: bool) -> None:
    """Raise UsageError if a stream that is needed is closed."""
    if source == STREAM and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed; give the path of a photo or a table")
    if sys.stdout is None and not quiet:
        raise click.UsageError("standard output is closed; leave it open for the table, or give -q")


def format_choice(result: SelectionResult) -> str:
    """Return the choice in words."""
    k = result.n_components
    noun, rule = ("segment", result.rule) if result.kind == "photo" else ("cluster", "BIC")
    return f"{k} {noun}{'s' if k > 1 else ''} by {rule}"


# ---- the table -----------------------------------------------------------------------------------------------------


class Column(NamedTuple):
    """A column of the table."""

    head: str
    field: str  # its name in a row of the result
    rule: str | None = None  # that chooses by it
    width: int = 11  # characters
    decimals: int = 4

    def format_cell(self, value: float | None, *, is_chosen: bool) -> str:
        """Return a value, right-aligned, with its mark or a space behind it."""
        text = "-" if value is None else f"{value:.{self.decimals}f}"
        if value is not None and len(text) >= self.width - 1:
            text = f"{value:.3g}"
        return f"{text:>{self.width - 1}}{'*' if is_chosen else ' '}"


COLUMNS = (
    Column("log-lik.", "log_likelihood"),
    Column("BIC", "bic", "bic", width=13, decimals=1),
    Column("AIC", "aic", "aic", width=13, decimals=1),
    Column("ICL", "icl", "icl", width=13, decimals=1),
    Column("held-out", "held_out", "held-out"),
)


def format_table(result: SelectionResult) -> list[str]:
    """Return the lines of the table, at most 80 columns wide, with the choice of each column marked."""
    columns, sample = list(COLUMNS), "row"
    if result.kind == "photo":
        columns.append(Column("interior", "criterion", result.rule))
        sample = "pixel"
    lines = [" K" + "".join(f"{column.head:>{column.width - 1}} " for column in columns)]
    for row in result.table:
        cells = []
        for column in columns:
            is_chosen = column.rule is not None and result.chosen.get(column.rule) == row.k
            cells.append(column.format_cell(getattr(row, column.field), is_chosen=is_chosen))
        lines.append(f"{row.k:2d}" + "".join(cells))
    unit = f"Nats; lower is better for BIC, AIC and ICL, higher for the others (per {sample})."
    return [*(line.rstrip() for line in lines), unit]
