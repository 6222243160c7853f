"""``segmenter batch``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from segmenter.cli import EXIT_FAILED, EXIT_INTERRUPTED, FileCommand, complain, say, unwind_on_interrupt
from segmenter.cli.options.common import BANDS, is_given, jobs_option
from segmenter.cli.options.output import OutputOptions, extras_of, folder_options, save_model_option
from segmenter.cli.options.recipe import recipe_options
from segmenter.cli.options.types import LEAST_MEMORY, MemorySize
from segmenter.errors import SegmenterError, printable
from segmenter.segmentation.recipe import AnyRecipe

if TYPE_CHECKING:
    from segmenter.io.files.discovery import Listing
    from segmenter.workflows.batch.plan import Plan
    from segmenter.workflows.batch.summary import Summary

MAX_EXTENSIONS = 4
"""Kinds of files that were left out which a note lists."""


@click.command(name="batch", cls=FileCommand, short_help="Segment all photos of folders.")
@click.argument(
    "inputs", metavar="FOLDER|GLOB|PHOTO...", nargs=-1, required=True, type=click.Path(path_type=str, readable=False)
)
@click.option("-r", "--recursive", is_flag=True, help="Read sub-folders, too.")
@jobs_option("Photos")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Let a Dask cluster work, such as tcp://HOST:8786; it must see the same files.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give a photo up that takes longer; default: wait for ever.",
)
@click.option("--resume", is_flag=True, help="Do what is missing or out of date, and nothing else.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first photo that fails.")
@click.option("--shared-model", is_flag=True, help="Fit one model to all photos, so that labels mean the same in each.")
@click.option("--report", "with_report", is_flag=True, help="Make a page of all results, too: report.html.")
@click.option(
    "--max-memory",
    type=MemorySize(),
    default="auto",
    show_default=True,
    metavar="SIZE",
    help="Memory that each job may take, such as 2G; auto = its share of what is free. Larger TIFFs go by windows.",
)
@BANDS
@recipe_options
@save_model_option
@folder_options
def command(
    inputs: tuple[str, ...],
    recursive: bool,
    jobs: int,
    scheduler: str | None,
    timeout: float | None,
    resume: bool,
    dry_run: bool,
    fail_fast: bool,
    shared_model: bool,
    with_report: bool,
    max_memory: int | Literal["auto"],
    bands: tuple[int, ...],
    recipe: AnyRecipe,
    save_model: bool,
    options: OutputOptions,
) -> int:
    """Segment all photos of a FOLDER, of a GLOB in quotes, or PHOTOs.

    Writes what segmenter segment would write, byte for byte, in the tree of
    the input, and at the end summary.csv and summary.json. A photo that fails
    does not stop the others; all failures are listed at the end.

    Killed or interrupted? --resume does the rest. a.jpg and a.png become
    a.jpg.labels.png and a.png.labels.png, other photos NAME.labels.png.

    What segmenter segment reads by windows is so here: TIFFs that would take
    more memory than a job may, or of more bands than a photo, GeoTIFFs, folders
    of Zarr arrays, each of which is one photo. Their label image is a TIFF.

    Exit status: 0 all done, 1 something failed, 130 interrupted.
    """
    if str(options.output) == "-":
        raise click.UsageError("a batch writes many files; give a folder as output")
    if "-" in inputs:
        raise click.UsageError("a batch reads no standard input; give folders, patterns or photos")
    extras = extras_of(recipe, options, save_model=save_model, shared_model=shared_model)
    if scheduler is not None and is_given("jobs"):
        raise click.UsageError("--jobs is for this machine; a cluster does as many at once as its workers have threads")
    if save_model and shared_model:
        raise click.UsageError("--shared-model saves the one model anyway; leave --save-model out")
    from segmenter.execution.api import Workers, available_memory
    from segmenter.workflows.batch.plan import Settings, check_batch, plan_batch
    from segmenter.workflows.batch.run import run_batch

    unwind_on_interrupt()
    settings = Settings(
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
        is_given("max_pixels"),
    )
    plan = plan_batch(inputs, settings, recursive=recursive)
    if not options.quiet:
        tell_skipped(plan.listing)
    if not plan.entries:
        for path, reason in plan.listing.failed:
            complain(f"{path}: {reason}")
        if not plan.listing.failed:
            complain(nothing_found(inputs, plan.listing))
        return EXIT_FAILED
    if dry_run:
        return print_plan(plan, as_json=options.json)
    check_batch(plan)
    n_workers = min(jobs, max(1, len(plan.entries)))
    memory = None if max_memory == "auto" else max_memory
    if memory is None and scheduler is None:
        memory = max(2 * LEAST_MEMORY, available_memory() * 9 // 10 // n_workers)
    workers = Workers(n_workers, memory, timeout, scheduler)
    from segmenter.cli.progress import watching

    kind = "region" if recipe.method == "regions" else "segment"
    with watching(options, len(plan.entries), kind) as watcher:
        status, summary = 0, None
        try:
            summary = run_batch(plan, workers, watcher, fail_fast=fail_fast)
        except KeyboardInterrupt:
            status = EXIT_INTERRUPTED
    if summary is None:
        complain(f"interrupted after {watcher.n_told:,} of {len(plan.entries):,} photos; continue with --resume")
        return status
    status = report(summary, plan, watcher.seconds, quiet=options.quiet)
    return max(status, page(plan, jobs, options)) if with_report else status


def page(plan: Plan, n_workers: int, options: OutputOptions) -> int:
    """Make a page of the results, tell of it, and return its exit status."""
    from segmenter.cli.report import progress, tell_report
    from segmenter.workflows.batch.plan import REPORT_NAME
    from segmenter.workflows.report.run import make_report

    output = plan.settings.output
    with progress(quiet=options.quiet) as tell:
        made = make_report(
            output,
            output / REPORT_NAME,
            overwrite=True,
            n_workers=n_workers,
            max_pixels=options.max_pixels,
            tell=tell,
        )
    return tell_report(made, quiet=options.quiet)


def report(summary: Summary, plan: Plan, seconds: float, *, quiet: bool) -> int:
    """Tell how a batch went, list what failed, and return the exit status."""
    counts = summary.counts
    if not quiet:
        told = [f"{counts['done']:,} done"]
        told += [f"{counts[status]:,} {status}" for status in ("up to date", "failed", "not done") if counts[status]]
        place = printable(str(plan.settings.output / "summary.csv"))
        photos = "1 photo" if len(plan.entries) == 1 else f"{len(plan.entries):,} photos"
        say(f"{photos}: {', '.join(told)} in {seconds:.1f} s -> {place}")
    for reason in summary.failures():
        complain(reason)
    return EXIT_FAILED if counts["failed"] or counts["not done"] else 0


def tell_skipped(listing: Listing) -> None:
    """Tell what was met and is not read: what is no file one by one, the rest by numbers."""
    from segmenter.io.files.discovery import HIDDEN, NOT_A_PHOTO, SUB_FOLDER

    for path, reason in listing.skipped:
        if reason not in (HIDDEN, NOT_A_PHOTO, SUB_FOLDER):
            say(f"skipped {path}: {reason}")
    extensions = Counter(Path(path).suffix.lower() or "none" for path, why in listing.skipped if why == NOT_A_PHOTO)
    if extensions:
        kinds = [f"{number:,} {extension}" for extension, number in extensions.most_common(MAX_EXTENSIONS)]
        more = ", …" if len(extensions) > MAX_EXTENSIONS else ""
        say(f"skipped as no photos by their extension: {', '.join(kinds)}{more}")
    n_folders = listing.n_skipped(SUB_FOLDER)
    if n_folders:
        say(f"skipped {n_folders:,} sub-folder{'s' if n_folders > 1 else ''}; -r reads them, too")


def nothing_found(inputs: tuple[str, ...], listing: Listing) -> str:
    """Return why there is nothing to do, and what to do about it."""
    from segmenter.io.files.discovery import SUB_FOLDER

    place = inputs[0] if len(inputs) == 1 else "the input"
    advice = "-r reads sub-folders, too" if listing.n_skipped(SUB_FOLDER) else "give another folder"
    return f"{place}: holds no photos; {advice}"


def print_plan(plan: Plan, *, as_json: bool) -> int:
    """Print what would be done with each photo, and return the exit status of a batch that could not begin."""
    from segmenter.workflows.batch.plan import check_batch
    from segmenter.workflows.batch.resume import decide
    from segmenter.workflows.batch.summary import SCHEMA, outputs_text
    from segmenter.workflows.segment.outputs import format_path

    for _, job in plan.jobs():
        decision = decide(job) if plan.settings.resume else "do"
        source, outputs = format_path(job.source), outputs_text(job.record)
        if as_json:
            click.echo(json.dumps({"schema": SCHEMA, "source": source, "outputs": outputs, "decision": decision}))
        else:
            click.echo(f"{printable(source)} -> {printable(outputs)}.*: {decision}")
    sys.stdout.flush()
    for path, reason in plan.listing.failed:
        complain(f"{path}: {reason}")
    try:
        check_batch(plan)
    except SegmenterError as error:
        complain(str(error))
        return EXIT_FAILED
    return EXIT_FAILED if plan.listing.failed else 0
