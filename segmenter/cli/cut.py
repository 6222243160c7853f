"""``segmenter cut``."""

from __future__ import annotations

import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import EXIT_FAILED, FileCommand, fail, say, unwind_on_interrupt
from segmenter.cli.options.common import OVERWRITE, folder_option, verbosity_options, with_options
from segmenter.cli.options.recipe import check_cut, scale_option
from segmenter.cli.options.types import LOCAL_PATH, AnyScale
from segmenter.cli.segment import found_text, tell_segments
from segmenter.errors import printable
from segmenter.regions.config import SCALES
from segmenter.segmentation.recipe import MAX_SEGMENTS

if TYPE_CHECKING:
    from segmenter.workflows.segment.job import Extra, SegmentJob


@click.command(name="cut", cls=FileCommand, short_help="Cut hierarchies into regions again, at once.")
@click.argument("hierarchies", metavar="HIERARCHY...", nargs=-1, required=True, type=LOCAL_PATH)
@with_options(
    scale_option(f"{', '.join(SCALES)}, or a height; all writes the three. [default: medium]"),
    click.option("-k", "--segments", type=click.IntRange(1, MAX_SEGMENTS), metavar="K", help="So many regions."),
    folder_option("Where results go."),
    OVERWRITE,
    *verbosity_options("Print the results as JSON, one line a hierarchy.", "Tell of each region."),
)
def command(
    hierarchies: tuple[Path, ...],
    scale: AnyScale | None,
    segments: int | None,
    output: Path,
    overwrite: bool,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Cut each HIERARCHY into regions again, at once and without the photo.

    HIERARCHY is a NAME.hierarchy.npz, as segmenter segment --method regions
    --save hierarchy writes it.

    \b
    Writes to the output folder what segment --no-figure would write:
      NAME.labels.png    the label of each pixel, 1 to K; 0 = transparent
      NAME.segments.png  each region in its mean color
      NAME.json          options, what was found, regions
    and with --scale all NAME.labels.coarse.png, NAME.labels.fine.png and so on.
    """  # noqa: D301  # the backspace keeps click from filling the list
    from segmenter.workflows.segment.cut import plan_cut
    from segmenter.workflows.segment.outputs import check_outputs

    check_cut(segments, scale)
    unwind_on_interrupt()
    extras: tuple[Extra, ...] = ("scales",) if scale == "all" else ()
    at = "medium" if scale == "all" else scale
    jobs = [
        plan_cut(path, output, n_segments=segments, scale=at, overwrite=overwrite, extras=extras)
        for path in hierarchies
    ]
    if json and sys.stdout is None:
        raise click.UsageError("standard output is closed; leave out --json")
    check_outputs(jobs)
    return max(cut_one(job, as_json=json, quiet=quiet, verbose=verbose) for job in jobs)


def cut_one(job: SegmentJob, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Cut one hierarchy, tell of it, and return the exit status."""
    from segmenter.workflows.segment.cut import run_cut
    from segmenter.workflows.segment.outputs import format_path
    from segmenter.workflows.segment.record import SCHEMA

    started = time.perf_counter()
    try:
        found, record = run_cut(job)
    except Exception as error:  # whatever happens to one, the others go on
        problem = fail(error, str(job.source), verbose=verbose)
        if as_json:
            click.echo(dumps({"schema": SCHEMA, "source": format_path(job.source), "error": printable(problem)}))
        return EXIT_FAILED
    if as_json:
        places = {"source": format_path(job.source), "outputs": [format_path(path) for path in job.outputs]}
        click.echo(dumps({**record, **places}))
    if not quiet:
        place = job.record.with_suffix("")
        say(f"{job.source.name}: {found_text(found)} in {time.perf_counter() - started:.2f} s -> {place}.*")
    if verbose and not quiet:
        tell_segments(found.segments)
    return 0
