"""``segmenter report``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import EXIT_FAILED, FileCommand, complain, say, unwind_on_interrupt
from segmenter.cli.options.common import MAX_PIXELS, OVERWRITE, refuse_stream, verbosity_options, with_options
from segmenter.cli.options.types import LOCAL_PATH, count_cores
from segmenter.cli.progress import has_terminal
from segmenter.errors import printable

if TYPE_CHECKING:
    from segmenter.workflows.report.run import Report

SCHEMA = 1
"""Version of what ``--json`` prints."""


@click.command(name="report", cls=FileCommand)
@click.argument("folder", metavar="OUTDIR", type=LOCAL_PATH)
@click.option(
    "-o",
    "--output",
    type=LOCAL_PATH,
    metavar="FILE",
    callback=refuse_stream,
    help="The page; default: report.html in OUTDIR.",
)
@click.option(
    "--photos",
    type=LOCAL_PATH,
    metavar="FOLDER",
    help="Where the photos are, at any depth.",
)
@with_options(OVERWRITE, MAX_PIXELS, *verbosity_options("Print as JSON what was made.", "Name every photo not found."))
def command(
    folder: Path,
    output: Path | None,
    photos: Path | None,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Make a page to look through the results in OUTDIR.

    One HTML file that works from disk and needs no network: all photos with
    their segments, to be sorted and filtered, and for each one a slider
    between photo and segments, contours, colors, log-likelihood and recipe.

    OUTDIR is what segmenter segment or segmenter batch wrote to. Photos are
    looked for in --photos, where the batch found them, beside OUTDIR and in
    it; where one is missing or has changed, its segments are shown alone.

    Above 50 MB the pictures go to NAME.pictures, a folder beside the page.

    Exit status: 0 all shown, 1 some results are damaged; the page names them.
    """
    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"-o {printable(str(output))}: the name has to end in .html, .htm")
    unwind_on_interrupt()
    from segmenter.workflows.batch.plan import REPORT_NAME
    from segmenter.workflows.report.run import make_report

    with progress(quiet=quiet) as tell:
        report = make_report(
            folder,
            folder / REPORT_NAME if output is None else output,
            photos=photos,
            overwrite=overwrite,
            n_workers=count_cores(),
            max_pixels=max_pixels,
            tell=tell,
        )
    if json:
        print_json(report)
    return tell_report(report, quiet=quiet, verbose=verbose)


def tell_report(report: Report, *, quiet: bool, verbose: bool = False) -> int:
    """Tell of a page that was made, and return the exit status."""
    if not quiet:
        photos = "1 photo" if report.n_photos == 1 else f"{report.n_photos:,} photos"
        place = "in it" if report.pictures is None else f"beside it in {report.pictures}"
        say(f"{photos} -> {report.path} ({report.n_bytes / 1e6:.1f} MB, pictures {place})")
        missing = report.without_photo
        if missing:
            told = "1 photo was" if len(missing) == 1 else f"{len(missing):,} photos were"
            say(f"  note: {told} not found as segmented, so the segments stand alone; give the folder with --photos")
        for name in missing if verbose else ():
            say(f"  without its photo: {name}")
    for problem in report.damaged:
        complain(problem)
    return EXIT_FAILED if report.damaged else 0


def print_json(report: Report) -> None:
    """Print what was made as one JSON object."""
    from segmenter.workflows.segment.outputs import format_path

    told = {
        "schema": SCHEMA,
        "output": format_path(report.path),
        "pictures": None if report.pictures is None else format_path(report.pictures),
        "bytes": report.n_bytes,
        "photos": report.n_photos,
        "without_photo": list(report.without_photo),
        "damaged": list(report.damaged),
    }
    click.echo(json.dumps(told))


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield what tells how many pictures are made: a bar on a terminal, nothing elsewhere."""
    if quiet or not has_terminal():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True, expand=True) as bar:
        task = bar.add_task("pictures", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
