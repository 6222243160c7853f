"""``segmenter batch``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import EXIT_FAILED, EXIT_INTERRUPTED, unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.format import format_count
from segmenter.cli.help import INPUT, OUTPUT, TARGET, option
from segmenter.cli.messages import print_error, print_message, print_note
from segmenter.cli.options.common import SCALE_RANGE, bands_option, is_given, with_options
from segmenter.cli.options.output import OutputOptions, folder_output_options, select_extras
from segmenter.cli.options.recipe import recipe_options
from segmenter.cli.options.types import STREAM
from segmenter.cli.options.workers import WorkerOptions, worker_options
from segmenter.errors import SegmenterError, printable
from segmenter.io.images.config import ScaleRange
from segmenter.segmentation.recipe import PhotoRecipe

if TYPE_CHECKING:
    from segmenter.execution.api import Workers
    from segmenter.io.files.discovery import Listing
    from segmenter.workflows.batch.plan import BatchPlan
    from segmenter.workflows.batch.summary import Summary

MAX_EXTENSIONS = 4
"""Extensions of skipped files that a note lists."""


@click.command(name="batch", cls=FileCommand, short_help="Segment all photos in folders.")
@click.argument(
    "inputs", metavar="FOLDER|GLOB|PHOTO...", nargs=-1, required=True, type=click.Path(path_type=str, readable=False)
)
@with_options(
    option("-r", "--recursive", section=INPUT, is_flag=True, help="Include subfolders."),
    bands_option(section=INPUT),
    SCALE_RANGE,
    option("--resume", section=INPUT, is_flag=True, help="Process only photos with missing or outdated results."),
    option("-n", "--dry-run", section=INPUT, is_flag=True, help="Print what would be done, without doing it."),
    option("--fail-fast", section=INPUT, is_flag=True, help="Stop at the first photo that fails."),
)
@recipe_options
@with_options(
    option(
        "--shared-model",
        section=TARGET,
        is_flag=True,
        help="Fit one model to all photos, so that a label means the same in each.",
    )
)
@folder_output_options
@worker_options
@with_options(
    option(
        "--report",
        "with_report",
        section=OUTPUT,
        is_flag=True,
        help="Also make an HTML page of all results, report.html.",
    )
)
def command(  # click passes every option by its name
    inputs: tuple[str, ...],
    recursive: bool,
    bands: tuple[int, ...],
    scale_range: ScaleRange,
    resume: bool,
    dry_run: bool,
    fail_fast: bool,
    shared_model: bool,
    with_report: bool,
    workers: WorkerOptions,
    recipe: PhotoRecipe,
    options: OutputOptions,
) -> int:
    """Segment the photos in each FOLDER, those matching a quoted GLOB, and each PHOTO.

    Each photo gets the files that segmenter segment would write, byte for byte,
    in folders that mirror those of the input; summary.csv and summary.json
    follow at the end. A photo that fails does not stop the others; all failures
    are listed at the end. After an interruption, continue with --resume.

    If a folder holds a.jpg and a.png, the results are named a.jpg.labels.png
    and a.png.labels.png; those of other photos are named NAME.labels.png.

    Pictures are read in windows as by segmenter segment: Zarr arrays (each
    folder is one photo), GeoTIFFs, and TIFFs that exceed the memory of a job or
    have more bands than a photo. Their label image is a TIFF.

    Exit status: 0 all done, 1 something failed, 130 interrupted.
    """
    check_usage(inputs, options, shared_model=shared_model)
    extras = select_extras(recipe, options, shared_model=shared_model)
    from segmenter.workflows.batch.plan import BatchSettings, check_batch, plan_batch

    unwind_on_interrupt()
    settings = BatchSettings(
        options.output,
        recipe,
        options.drawing,
        options.max_pixels,
        extras,
        options.overwrite,
        resume,
        shared_model,
        with_report,
        bands,
        scale_range,
        is_given("max_pixels"),
    )
    plan = plan_batch(inputs, settings, recursive=recursive)
    if not options.quiet:
        print_skipped(plan.listing)
    if not plan.entries:
        return report_no_photos(inputs, plan.listing)
    if dry_run:
        return print_plan(plan, as_json=options.json)
    check_batch(plan)
    status = run_plan(plan, workers.create_workers(len(plan.entries)), options, fail_fast=fail_fast)
    if with_report and status != EXIT_INTERRUPTED:
        status = max(status, make_page(plan, workers.jobs, options))
    return status


def check_usage(inputs: Sequence[str], options: OutputOptions, *, shared_model: bool) -> None:
    """Raise UsageError if a stream is named, or two options conflict."""
    if options.to_stdout:
        raise click.UsageError("batch writes many files; give a folder as output")
    if str(STREAM) in inputs:
        raise click.UsageError("batch does not read standard input; give folders, patterns or photos")
    if options.save_model and shared_model:
        raise click.UsageError("--shared-model always saves the model; leave out --save-model")


def report_no_photos(inputs: Sequence[str], listing: Listing) -> int:
    """Print why there is nothing to do and what to change, and return the exit status."""
    from segmenter.io.files.discovery import SUB_FOLDER

    print_failed_inputs(listing)
    if not listing.failed:
        source = inputs[0] if len(inputs) == 1 else "the input"
        advice = "add -r to include subfolders" if listing.n_skipped(SUB_FOLDER) else "give another folder"
        print_error(f"{source}: contains no photos; {advice}")
    return EXIT_FAILED


def print_failed_inputs(listing: Listing) -> None:
    """Print an error for each folder or pattern that could not be read."""
    for path, reason in listing.failed:
        print_error(f"{path}: {reason}")


def print_skipped(listing: Listing) -> None:
    """Print what was found but is not read: counts for usual cases, one line each for the others."""
    from segmenter.io.files.discovery import CAMERA_RAW, HIDDEN, NOT_A_PHOTO, SUB_FOLDER

    for path, reason in listing.skipped:
        if reason not in (CAMERA_RAW, HIDDEN, NOT_A_PHOTO, SUB_FOLDER):
            print_message(f"skipped {path}: {reason}")
    extensions = Counter(Path(path).suffix.lower() or "none" for path, why in listing.skipped if why == NOT_A_PHOTO)
    if extensions:
        counts = [f"{number:,} {extension}" for extension, number in extensions.most_common(MAX_EXTENSIONS)]
        more = ", …" if len(extensions) > MAX_EXTENSIONS else ""
        print_message(f"skipped files without a photo extension: {', '.join(counts)}{more}")
    n_raw = listing.n_skipped(CAMERA_RAW)
    if n_raw:
        print_message(f"skipped {format_count(n_raw, 'camera raw file')}; develop them to TIFF or JPEG")
    n_folders = listing.n_skipped(SUB_FOLDER)
    if n_folders:
        print_message(f"skipped {format_count(n_folders, 'subfolder')}; add -r to include subfolders")


def print_plan(plan: BatchPlan, *, as_json: bool) -> int:
    """Print what would be done with each photo, and return the exit status: 1 if the batch could not begin."""
    from segmenter.workflows.batch.plan import check_batch
    from segmenter.workflows.batch.resume import decide
    from segmenter.workflows.batch.summary import SCHEMA, outputs_text
    from segmenter.workflows.segment.outputs import format_path

    for _, job in plan.build_jobs():
        decision = decide(job) if plan.settings.resume else "do"
        source, outputs = format_path(job.source), outputs_text(job.record)
        if as_json:
            click.echo(json.dumps({"schema": SCHEMA, "source": source, "outputs": outputs, "decision": decision}))
        else:
            click.echo(f"{printable(source)} -> {printable(outputs)}.*: {decision}")
    sys.stdout.flush()
    print_failed_inputs(plan.listing)
    try:
        check_batch(plan)
    except SegmenterError as error:
        print_error(str(error))
        return EXIT_FAILED
    return EXIT_FAILED if plan.listing.failed else 0


def run_plan(plan: BatchPlan, workers: Workers, options: OutputOptions, *, fail_fast: bool) -> int:
    """Segment all photos, report each and then the batch, and return the exit status."""
    from segmenter.cli.progress import report_batch
    from segmenter.workflows.batch.run import run_batch

    noun = "region" if plan.settings.recipe.method == "regions" else "segment"
    with report_batch(options, len(plan.entries), noun) as reporter:
        try:
            summary = run_batch(plan, workers, reporter, fail_fast=fail_fast)
        except KeyboardInterrupt:
            summary = None
    if summary is None:
        done = f"{reporter.n_reported:,} of {len(plan.entries):,} photos"
        print_error(f"interrupted after {done}; continue with --resume")
        return EXIT_INTERRUPTED
    return report_summary(summary, plan, reporter.seconds, quiet=options.quiet)


def report_summary(summary: Summary, plan: BatchPlan, seconds: float, *, quiet: bool) -> int:
    """Print how a batch went and each failure, and return the exit status."""
    counts = summary.counts
    if not quiet:
        outcomes = [f"{counts['done']:,} done"]
        outcomes += [
            f"{counts[status]:,} {status}" for status in ("up to date", "failed", "not done") if counts[status]
        ]
        table = printable(str(plan.settings.output / "summary.csv"))
        photos = format_count(len(plan.entries), "photo")
        print_message(f"{photos}: {', '.join(outcomes)} in {seconds:.1f} s -> {table}")
        for note in summary.notes:
            print_note(note)
    for reason in summary.failures():
        print_error(reason)
    return EXIT_FAILED if counts["failed"] or counts["not done"] else 0


def make_page(plan: BatchPlan, n_workers: int, options: OutputOptions) -> int:
    """Make a page of the results, report it, and return its exit status."""
    from segmenter.cli.progress import show_count
    from segmenter.cli.report import print_report
    from segmenter.workflows.batch.plan import REPORT_NAME
    from segmenter.workflows.report.run import make_report

    output = plan.settings.output
    with show_count("pictures", quiet=options.quiet) as show:
        page = make_report(
            output,
            output / REPORT_NAME,
            overwrite=True,
            n_workers=n_workers,
            max_pixels=options.max_pixels,
            on_progress=show,
        )
    return print_report(page, quiet=options.quiet)
