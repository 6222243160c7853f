"""``segmenter select``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli.options import fit_options
from segmenter.pipeline.recipe import MAX_AUTO_SEGMENTS, Recipe

if TYPE_CHECKING:
    from segmenter.pipeline.select import Choices

STREAM = Path("-")


@click.command(name="select")
@click.argument("photo", type=click.Path(path_type=Path))
@click.option(
    "--max-segments",
    type=click.IntRange(1, 50),
    default=MAX_AUTO_SEGMENTS,
    show_default=True,
    metavar="K",
    help="Largest number of segments that is tried.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs"),
    show_default=True,
    metavar="FOLDER",
    help="Where the curves go.",
)
@fit_options
@click.option("--overwrite", is_flag=True, help="Replace curves that exist.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=500_000_000,
    show_default=True,
    metavar="N",
    help="Refuse larger pictures before they are decoded.",
)
@click.option("--json", "as_json", is_flag=True, envvar="SEGMENTER_SELECT_JSON", help="Print the table as JSON.")
def command(
    photo: Path, max_segments: int, output: Path, recipe: Recipe, overwrite: bool, max_pixels: int, as_json: bool
) -> None:
    """Tell how many segments a PHOTO has, and by which criterion.

    \b
    Prints each criterion for 1 to K segments, its choice marked with *, and writes to the output folder:
      NAME.selection.png  the same as curves

    The last column is what -k auto goes by, up to 10 segments. The other criteria hold for independent samples, which
    pixels are not: on photos they tend to take the largest K.
    """  # noqa: D301  # click looks for the character itself
    from segmenter.pipeline.select import select_photo

    source = Path("stdin") if photo == STREAM else photo
    figure = output / f"{source.stem}.selection.png"
    choices = select_photo(
        source,
        figure,
        recipe,
        max_segments=max_segments,
        max_pixels=max_pixels,
        overwrite=overwrite,
        stream=sys.stdin.buffer if photo == STREAM else None,
    )
    if as_json:
        click.echo(json.dumps({**choices.record, "outputs": [str(figure)]}))
        return
    for line in table_lines(choices):
        click.echo(line)
    click.echo(f"{source.name}: {sentence(choices)} -> {figure}", err=True)


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


def table_lines(choices: Choices) -> list[str]:
    """Return the table in at most 80 columns, the choice of each column marked."""
    columns = list(COLUMNS)
    if choices.selection is not None:
        columns.append(("interior", "criterion", choices.selection.rule))
    chosen, rows = choices.record["chosen"], choices.record["table"]
    widths = [13 if name in NATS else 11 for _, name, _ in columns]
    lines = [" K" + "".join(f"{head:>{width - 1}} " for (head, _, _), width in zip(columns, widths, strict=True))]
    for row in rows:
        cells = []
        for (_, name, rule), width in zip(columns, widths, strict=True):
            value = row[name]
            text = "-" if value is None else f"{value:.1f}" if name in NATS else f"{value:.4f}"
            mark = "*" if rule is not None and chosen.get(rule) == row["n_segments"] else " "
            cells.append(f"{text:>{width - 1}}{mark}")
        lines.append(f"{row['n_segments']:2d}" + "".join(cells))
    lines = [line.rstrip() for line in lines]
    return [*lines, "Nats; of BIC, AIC and ICL the least is best, of the others (per pixel) the most."]


def sentence(choices: Choices) -> str:
    """Return the choice in words."""
    assert choices.selection is not None  # a photo has one
    k = choices.selection.n_components
    return f"{k} segment{'s' if k > 1 else ''} by {choices.selection.rule}"
