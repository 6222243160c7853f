"""``segmenter select``."""

from __future__ import annotations

import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import STREAM, FileCommand, say, unwind_on_interrupt
from segmenter.cli.options.common import (
    MAX_PIXELS,
    OVERWRITE,
    columns_of,
    columns_option,
    folder_option,
    verbosity_options,
    with_options,
)
from segmenter.cli.options.recipe import fit_options
from segmenter.cli.options.types import PATH
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS, Recipe

if TYPE_CHECKING:
    from segmenter.workflows.select import SelectionResult


@click.command(name="select", cls=FileCommand, short_help="Tell how many segments or clusters there are.")
@click.argument("source", metavar="PHOTO|TABLE", type=PATH)
@with_options(
    click.option(
        "--max-segments",
        type=click.IntRange(1, 50),
        default=MAX_AUTO_SEGMENTS,
        show_default=True,
        metavar="K",
        help="Largest number of segments or clusters that is tried.",
    ),
    folder_option("Where the curves go."),
    columns_option("What rows of a table are compared by; default: all columns."),
)
@fit_options
@with_options(
    OVERWRITE,
    MAX_PIXELS,
    *verbosity_options("Print the table as JSON, in one line.", "Tell what each rule chooses, and how long it took."),
)
def command(
    source: Path,
    max_segments: int,
    output: Path,
    columns: str | None,
    recipe: Recipe,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Tell how many segments a PHOTO has, or clusters a TABLE, and by which criterion.

    \b
    Prints each criterion for 1 to K, its choice marked with *, and writes
    to the output folder:
      NAME.selection.png  the same as curves

    What is named .csv or .tsv is a table, and so is what does not begin like a picture; - is read from standard input.

    Of a photo, the last column is what -k auto goes by, up to 10 segments. The other criteria hold for independent
    samples, which pixels are not: on photos they tend to take the largest K. Of a table, -k auto goes by BIC.
    """  # noqa: D301  # click looks for the character itself
    if source == STREAM and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed; give the path of a photo or a table")
    if sys.stdout is None and not quiet:
        raise click.UsageError("standard output is closed; leave it open for the table, or give -q")
    from segmenter.workflows.segment.outputs import format_path
    from segmenter.workflows.select import SelectionJob, run_selection

    unwind_on_interrupt()
    path = Path("stdin") if source == STREAM else source
    figure = output / f"{path.stem}.selection.png"
    started = time.perf_counter()
    job = SelectionJob(path, figure, recipe, columns_of(columns), max_segments, max_pixels, overwrite)
    result = run_selection(job, sys.stdin.buffer if source == STREAM else None)
    if json:
        click.echo(dumps({**result.describe(), "source": format_path(source), "outputs": [format_path(figure)]}))
    elif not quiet:
        click.echo("\n".join(table_lines(result)))
    if quiet:
        return
    say(f"{path.name}: {sentence(result)} -> {figure}")
    say(f"  why: {result.why}")
    for note in result.notes:
        say(f"  note: {note}")
    if verbose:
        say("  " + ", ".join(f"{rule}: {k}" for rule, k in result.chosen.items()))
        say(f"  {time.perf_counter() - started:.2f} s")


COLUMNS = (
    ("log-lik.", "log_likelihood", None),
    ("BIC", "bic", "bic"),
    ("AIC", "aic", "aic"),
    ("ICL", "icl", "icl"),
    ("held-out", "held_out", "held-out"),
)
"""Head, name in the record, and rule that chooses by it."""

NATS = ("bic", "aic", "icl")
"""Columns of nats; the others are of nats per pixel."""


def table_lines(result: SelectionResult) -> list[str]:
    """Return the table in at most 80 columns, the choice of each column marked."""
    columns, sample = list(COLUMNS), "row"
    if result.kind == "photo":
        columns.append(("interior", "criterion", result.rule))
        sample = "pixel"
    widths = [13 if name in NATS else 11 for _, name, _ in columns]
    lines = [" K" + "".join(f"{head:>{width - 1}} " for (head, _, _), width in zip(columns, widths, strict=True))]
    for row in result.table:
        cells = []
        for (_, name, rule), width in zip(columns, widths, strict=True):
            value = getattr(row, name)
            text = "-" if value is None else f"{value:.1f}" if name in NATS else f"{value:.4f}"
            text = text if len(text) < width - 1 else f"{value:.3g}"
            mark = "*" if rule is not None and result.chosen.get(rule) == row.k else " "
            cells.append(f"{text:>{width - 1}}{mark}")
        lines.append(f"{row.k:2d}" + "".join(cells))
    lines = [line.rstrip() for line in lines]
    return [*lines, f"Nats; of BIC, AIC and ICL the least is best, of the others (per {sample}) the most."]


def sentence(result: SelectionResult) -> str:
    """Return the choice in words."""
    k = result.n_components
    thing, rule = ("segment", result.rule) if result.kind == "photo" else ("cluster", "BIC")
    return f"{k} {thing}{'s' if k > 1 else ''} by {rule}"
