"""``segmenter cut``."""

from __future__ import annotations

import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import EXIT_FAILED, unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.help import TARGET, option
from segmenter.cli.interrupts import explain_interrupt
from segmenter.cli.messages import print_message, print_note, report_earlier_outputs, report_failure
from segmenter.cli.options.common import MAX_PIXELS, OVERWRITE, output_option, verbosity_options, with_options
from segmenter.cli.options.recipe import check_cut, scale_option
from segmenter.cli.options.types import LOCAL_PATH, AnyScale
from segmenter.cli.segment import format_segments, print_segments
from segmenter.errors import printable
from segmenter.segmentation.recipe import MAX_SEGMENTS

if TYPE_CHECKING:
    from segmenter.workflows.segment.job import Extra, SegmentJob


@click.command(name="cut", cls=FileCommand, short_help="Cut saved hierarchies into regions at any scale.")
@click.argument("hierarchies", metavar="HIERARCHY...", nargs=-1, required=True, type=LOCAL_PATH)
@with_options(
    scale_option(section=TARGET),
    option(
        "-k",
        "--segments",
        section=TARGET,
        type=click.IntRange(1, MAX_SEGMENTS),
        metavar="K",
        help="Number of regions, instead of a scale.",
    ),
    output_option("Folder for the results."),
    OVERWRITE,
    MAX_PIXELS,
    *verbosity_options("Print results as JSON, one line per hierarchy.", "Print details of each region."),
)
def command(  # click passes every option by its name
    hierarchies: tuple[Path, ...],
    scale: AnyScale | None,
    segments: int | None,
    output: Path,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Cut each HIERARCHY into regions at another scale, quickly and without the photo.

    HIERARCHY is a NAME.hierarchy.npz written by segmenter segment
    --method regions --save hierarchy.

    \b
    Files written to the output folder, as by segment --no-figure:
      NAME.labels.png    label of each pixel: 1 to K; 0 = transparent
      NAME.segments.png  regions in their mean colors
      NAME.json          options and regions
    and with --scale all also NAME.labels.coarse.png, NAME.labels.fine.png, etc.
    """  # noqa: D301  # the backspace keeps click from filling the list
    from segmenter.workflows.segment.cut import plan_cut
    from segmenter.workflows.segment.job import share_inputs
    from segmenter.workflows.segment.outputs import check_outputs

    check_cut(segments, scale)
    unwind_on_interrupt()
    extras: tuple[Extra, ...] = ("scales",) if scale == "all" else ()
    cut_scale = "medium" if scale == "all" else scale
    jobs = [
        plan_cut(
            path,
            output,
            n_segments=segments,
            scale=cut_scale,
            max_pixels=max_pixels,
            overwrite=overwrite,
            extras=extras,
        )
        for path in hierarchies
    ]
    if json and sys.stdout is None:
        raise click.UsageError("standard output is closed; leave out --json")
    jobs = share_inputs(jobs)
    check_outputs(jobs)
    with explain_interrupt([(job.source.name, job.record) for job in jobs]):
        return max(process_hierarchy(job, as_json=json, quiet=quiet, verbose=verbose) for job in jobs)


def process_hierarchy(job: SegmentJob, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Cut one hierarchy, report the regions or why it failed, and return the exit status."""
    from segmenter.segmentation.record import SCHEMA, describe_record
    from segmenter.workflows.segment.cut import run_cut
    from segmenter.workflows.segment.outputs import format_path

    started = time.perf_counter()
    try:
        segmentation, record, removed = run_cut(job)
    except Exception as error:  # any failure of one hierarchy must not stop the others
        problem = report_failure(error, str(job.source), verbose=verbose)
        if as_json:
            click.echo(dumps({"schema": SCHEMA, "source": format_path(job.source), "error": printable(problem)}))
        return EXIT_FAILED
    if as_json:
        paths = {"source": format_path(job.source), "outputs": [format_path(path) for path in job.outputs]}
        click.echo(dumps({**describe_record(record), **paths}))
    if not quiet:
        seconds, target = time.perf_counter() - started, job.record.with_suffix("")
        print_message(f"{job.source.name}: {format_segments(segmentation)} in {seconds:.2f} s -> {target}.*")
        if segmentation.shortage is not None:
            print_note(str(segmentation.shortage))
        report_earlier_outputs(removed, job)
    if verbose and not quiet:
        print_segments(segmentation.segments)
    return 0
