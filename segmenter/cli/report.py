"""``segmenter report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import EXIT_FAILED, unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.format import format_count
from segmenter.cli.help import INPUT, OUTPUT, option
from segmenter.cli.messages import print_error, print_message, print_note
from segmenter.cli.options.common import MAX_PIXELS, OVERWRITE, refuse_stream, verbosity_options, with_options
from segmenter.cli.options.types import LOCAL_PATH, check_extension, count_cores

if TYPE_CHECKING:
    from segmenter.workflows.report.run import Report

SCHEMA = 1
"""Version of what ``--json`` prints."""


@click.command(name="report", cls=FileCommand, short_help="Make an HTML page of the results in a folder.")
@click.argument("folder", metavar="OUTDIR", type=LOCAL_PATH)
@with_options(
    option(
        "--photos",
        section=INPUT,
        type=LOCAL_PATH,
        metavar="FOLDER",
        help="Folder with the photos, at any depth.",
    ),
    option(
        "-o",
        "--output",
        section=OUTPUT,
        type=LOCAL_PATH,
        metavar="FILE",
        show_default="report.html in OUTDIR",
        callback=refuse_stream,
        help="HTML file to write.",
    ),
    OVERWRITE,
    MAX_PIXELS,
    *verbosity_options("Print a summary as JSON.", "Name every photo that was not found."),
)
def command(  # click passes every option by its name
    folder: Path,
    output: Path | None,
    photos: Path | None,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Make an HTML page for browsing the results in OUTDIR.

    The page is one file that needs no network. It lists all photos with their
    segments, to sort and filter, and shows for each photo a slider between
    photo and segments, contours, colors, log-likelihood and options.

    OUTDIR is a folder that segmenter segment, apply or batch wrote to. Photos
    are searched for in --photos, at the paths that batch recorded, next to
    OUTDIR, and in it. Where a photo is missing or has changed, only its
    segments are shown.

    If the page would exceed 50 MB, its pictures are written to the folder
    NAME.pictures next to it.

    Exit status: 0 all shown, 1 some results are damaged; the page names them.
    """
    if output is not None:
        check_extension(output, (".html", ".htm"), "-o")
    unwind_on_interrupt()
    from segmenter.cli.progress import show_count
    from segmenter.workflows.batch.plan import REPORT_NAME
    from segmenter.workflows.report.run import make_report

    with show_count("pictures", quiet=quiet) as show:
        report = make_report(
            folder,
            folder / REPORT_NAME if output is None else output,
            photos=photos,
            overwrite=overwrite,
            n_workers=count_cores(),
            max_pixels=max_pixels,
            on_progress=show,
        )
    if json:
        print_json(report)
    return print_report(report, quiet=quiet, verbose=verbose)


def print_report(report: Report, *, quiet: bool, verbose: bool = False) -> int:
    """Print what a page shows and which results are damaged, and return the exit status."""
    if not quiet:
        location = "in it" if report.pictures is None else f"next to it in {report.pictures}"
        size = f"{report.n_bytes / 1e6:.1f} MB, pictures {location}"
        print_message(f"{format_count(report.n_photos, 'photo')} -> {report.path} ({size})")
        missing = report.without_photo
        if missing:
            verb = "was" if len(missing) == 1 else "were"
            problem = f"{format_count(len(missing), 'photo')} {verb} not found or changed, so only segments are shown"
            print_note(f"{problem}; give the folder with --photos")
        for name in missing if verbose else ():
            print_message(f"  without its photo: {name}")
    for problem in report.damaged:
        print_error(problem)
    return EXIT_FAILED if report.damaged else 0


def print_json(report: Report) -> None:
    """Print a summary of a page as one JSON object."""
    from segmenter.workflows.segment.outputs import format_path

    summary = {
        "schema": SCHEMA,
        "output": format_path(report.path),
        "pictures": None if report.pictures is None else format_path(report.pictures),
        "bytes": report.n_bytes,
        "photos": report.n_photos,
        "without_photo": list(report.without_photo),
        "damaged": list(report.damaged),
    }
    click.echo(json.dumps(summary))
