"""``segmenter segment``, and what it shares with ``apply``: one photo after the other."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from segmenter.cli import EXIT_FAILED, unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.format import format_shares
from segmenter.cli.interrupts import explain_interrupt
from segmenter.cli.messages import print_message, print_note, report_earlier_outputs, report_failure
from segmenter.cli.options.common import SCALE_RANGE, with_options
from segmenter.cli.options.output import OutputOptions, output_options, select_extras
from segmenter.cli.options.recipe import recipe_options
from segmenter.cli.options.types import PATH, STREAM
from segmenter.cli.options.windows import windows_options
from segmenter.cli.progress import show_steps
from segmenter.cli.terminal import get_color_depth, show_segments
from segmenter.errors import printable
from segmenter.io.images.config import ScaleRange
from segmenter.segmentation.recipe import PhotoRecipe
from segmenter.segmentation.shares import format_percentages

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace
    from segmenter.render.terminal import ColorDepth
    from segmenter.segmentation.model import Model
    from segmenter.segmentation.result import Segment, Segmentation
    from segmenter.workflows.segment.job import Extra, SegmentJob, WindowOptions
    from segmenter.workflows.segment.result import SegmentResult


@click.command(name="segment", cls=FileCommand, short_help="Segment photos by color, or into regions.")
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=PATH)
@with_options(SCALE_RANGE)
@recipe_options
@windows_options
@output_options
def command(
    photos: tuple[Path, ...],
    scale_range: ScaleRange,
    recipe: PhotoRecipe,
    windows: WindowOptions,
    options: OutputOptions,
) -> int:
    """Segment each PHOTO by color or, with --method regions, into connected regions.

    \b
    Files written to the output folder:
      NAME.labels.png    label of each pixel: 1 to K; 0 = transparent
      NAME.segments.png  segments in their mean colors
      NAME.figure.png    photo and segments side by side
      NAME.json          options, fit, and segments
    on request (--save, --save-model):
      NAME.posteriors.npz  probability of each segment at each pixel
      NAME.confidence.png  probability of the label, 255 = certain
      NAME.model.json      fitted model, for segmenter apply
      NAME.hierarchy.npz   regions at all scales, for segmenter cut
      NAME.ucm.png         scale at which each boundary disappears
    and as additional figures (--plot):
      NAME.plot-contours.png    outlines of the segments on the photo
      NAME.plot-cutouts.png     each segment cut out
      NAME.plot-likelihood.png  log-likelihood at each iteration
      NAME.plot-colors.png      colors in their space, with the mixture
      NAME.plot-confidence.png  confidence of each label
      NAME.plot-palette.png     colors and shares; also NAME.palette.css, .gpl

    With --scale all, the usual files show the medium scale; the others are
    named NAME.labels.coarse.png, NAME.labels.fine.png, and so on.

    If PHOTO is -, the photo is read from standard input.

    Zarr arrays (folders), GeoTIFFs, and TIFFs that exceed --max-memory or have
    more bands than a photo are read in windows. Their label image is
    NAME.labels.tif, tiled and with overviews, or with --label-format zarr the
    OME-Zarr folder NAME.labels.zarr; NAME.segments.png is not written.
    """  # noqa: D301  # the backspace keeps click from filling the list
    extras = select_extras(recipe, options)
    check_streams(photos, options, has_extras=bool(extras or options.plot))
    return segment_photos(SegmentRequest(photos, recipe, options, extras, windows, scale_range=scale_range))


@dataclass(frozen=True)
class SegmentRequest:
    """Photos, and how to segment them and save the results."""

    photos: tuple[Path, ...]  # "-" is standard input
    recipe: PhotoRecipe
    options: OutputOptions
    extras: tuple[Extra, ...]  # further files to write
    windows: WindowOptions  # which photos are read in windows, and how
    model: Model | None = None  # to apply; None = fit the photos
    scale_range: ScaleRange = "auto"  # how the value range of each photo is chosen; a model brings its own


def check_streams(photos: Sequence[Path], options: OutputOptions, *, has_extras: bool) -> None:
    """Raise UsageError if "-" makes no sense where it is given, or a stream that is needed is closed.

    Parameters
    ----------
    photos : sequence of Path
    options : OutputOptions
    has_extras : bool
        Whether files other than the usual ones are to be written.
    """
    if photos.count(STREAM) > 1:
        raise click.UsageError("standard input (-) can be read only once; give the other photos as files")
    if STREAM in photos and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed; give the path of a photo")
    if (options.json or options.to_stdout) and sys.stdout is None:
        raise click.UsageError("standard output is closed; without --json, give a folder as output")
    if not options.to_stdout:
        return
    if len(photos) > 1:
        raise click.UsageError("-o - writes a single label image; give one photo, or a folder as output")
    if options.json:
        raise click.UsageError("-o - and --json both write to standard output; give a folder as output")
    if has_extras:
        raise click.UsageError("-o - writes only the label image; to save more, give a folder as output")
    if sys.stdout.isatty():
        raise click.UsageError("-o - writes an image; redirect it to a file or program instead of the terminal")


# ---- segmenting ----------------------------------------------------------------------------------------------------


def segment_photos(request: SegmentRequest) -> int:
    """Segment photos one by one, report each, and return the exit status."""
    unwind_on_interrupt()
    jobs = plan_jobs(request)
    options, depth = request.options, get_color_depth()
    if options.preview and depth is None and not options.quiet:
        print_message("note: --preview needs a terminal with colors; no preview is shown")
    with explain_interrupt([(job.source.name, job.record) for job in jobs]):
        return max(process_photo(photo, job, options, depth) for photo, job in zip(request.photos, jobs, strict=True))


def plan_jobs(request: SegmentRequest) -> list[SegmentJob]:
    """Return the job of each photo, with all output files checked before any photo is decoded."""
    from segmenter.workflows.segment.job import plan_job, share_inputs
    from segmenter.workflows.segment.outputs import check_outputs
    from segmenter.workflows.segment.strategy import choose_processing_mode

    options, windows = request.options, request.windows
    planned = [
        plan_job(
            Path("stdin") if photo == STREAM else photo,
            options.output,
            request.recipe,
            figure_options=options.drawing,
            max_pixels=options.max_pixels,
            overwrite=options.overwrite,
            extras=request.extras,
            model=request.model,
            scale_range=request.scale_range,
            windows=windows,
        )
        for photo in request.photos
    ]
    if STREAM in request.photos and windows.bands:
        raise click.UsageError("--bands does not apply to standard input; give the path of a TIFF")
    if STREAM in request.photos and windows.label_format != "tif":
        raise click.UsageError("--label-format does not apply to standard input; give the path of a TIFF")
    jobs = [
        job if photo == STREAM else choose_processing_mode(job, to_stdout=options.to_stdout)
        for photo, job in zip(request.photos, planned, strict=True)
    ]
    kept = [] if request.model is None else [Path(request.model.name)]
    jobs = share_inputs(jobs, kept)
    if not options.to_stdout:
        check_outputs(jobs, kept=kept)
    return jobs


def process_photo(photo: Path, job: SegmentJob, options: OutputOptions, depth: ColorDepth | None) -> int:
    """Segment one photo, report the result or why it failed, and return the exit status.

    Parameters
    ----------
    photo : Path
        As given on the command line; "-" is standard input.
    job : SegmentJob
    options : OutputOptions
    depth : ColorDepth or None
        Bits of color of the terminal; None = show no colors.
    """
    from segmenter.segmentation.record import describe_record
    from segmenter.workflows.segment.outputs import format_path

    started = time.perf_counter()
    try:
        result, label_image = run_one(photo, job, options)
    except BrokenPipeError:  # the reader of standard output has gone, so no other photo would fare better
        raise
    except Exception as error:  # any failure of one photo must not stop the others
        problem = report_failure(error, str(job.source), verbose=options.verbose)
        if options.json:
            print_json_failure(photo, job, problem)
        return EXIT_FAILED
    if label_image is not None:
        copy_to_stdout(label_image)
    if options.json:
        paths = {"source": format_path(photo), "outputs": [format_path(path) for path in job.outputs]}
        click.echo(json.dumps({**describe_record(result.record), **paths}))
    if not options.quiet:
        print_result(result, job, time.perf_counter() - started, options)
        if depth is not None:
            show_segments(result.segmentation, depth, picture=options.preview)
    return 0


def run_one(photo: Path, job: SegmentJob, options: OutputOptions) -> tuple[SegmentResult, BinaryIO | None]:
    """Segment one photo, with a bar if that takes long; return the result and the label image for stdout.

    The label image is None where files were written instead.
    """
    from segmenter.workflows.segment.run import compute_label_image, run_job

    stream = sys.stdin.buffer if photo == STREAM else None
    with show_steps(quiet=options.quiet) as progress:
        if options.to_stdout:
            return compute_label_image(job, stream=stream, progress=progress)
        return run_job(job, stream=stream, progress=progress), None


def copy_to_stdout(label_image: BinaryIO) -> None:
    """Write a label image to standard output, and close it."""
    from shutil import copyfileobj

    with label_image:
        copyfileobj(label_image, sys.stdout.buffer)
    sys.stdout.buffer.flush()


# ---- reporting -----------------------------------------------------------------------------------------------------


def print_json_failure(photo: Path, job: SegmentJob, problem: str) -> None:
    """Print as JSON that a photo failed, and why."""
    from segmenter.segmentation.record import SCHEMA
    from segmenter.workflows.segment.outputs import format_path

    name = format_path(Path(job.source.name))
    failure = {"schema": SCHEMA, "source": format_path(photo), "input": {"name": name}, "error": printable(problem)}
    click.echo(json.dumps(failure))


def print_result(result: SegmentResult, job: SegmentJob, seconds: float, options: OutputOptions) -> None:
    """Print one line on the segments, then the notes, and with ``--verbose`` the details."""
    from segmenter.segmentation.doubts import collect_notes

    segmentation = result.segmentation
    found = format_segments(segmentation)
    if segmentation.selection is not None:
        found += f", chosen by {segmentation.selection.rule},"
    target = "" if options.to_stdout else f" -> {job.record.with_suffix('')}.*"
    print_message(f"{job.source.name}: {found} in {seconds:.2f} s{target}")
    for note in collect_notes(result.record):
        print_note(note)
    if not options.to_stdout:
        report_earlier_outputs(result.removed, job)
    if options.verbose:
        image = result.record.input
        print_message(f"  {image.width}×{image.height} pixels of {image.channels}×{image.dtype}")
        if segmentation.fit_trace is not None:
            print_fit(segmentation.fit_trace)
        print_segments(segmentation.segments)


def format_segments(segmentation: Segmentation) -> str:
    """Return how many segments or regions there are, and how large."""
    noun = "segment" if segmentation.hierarchy is None else "region"
    return format_shares([segment.share for segment in segmentation.segments], noun)


def print_segments(segments: Sequence[Segment]) -> None:
    """Print one line per segment: label, share, color and size."""
    percentages = format_percentages([segment.share for segment in segments], 1)
    for segment, percentage in zip(segments, percentages, strict=True):
        size = f"{percentage:>5} %  {segment.hex_color}  {segment.n_pixels:,} pixels"
        print_message(f"  {segment.label:5d}  {size}")


def print_fit(trace: FitTrace) -> None:
    """Print how a fit went."""
    steps = "1 iteration" if trace.n_iterations == 1 else f"{trace.n_iterations} iterations"
    print_message(f"  {trace.verdict} after {steps}, {trace.log_likelihoods[-1]:.4f} nats per pixel")
    if len(trace.restarts) > 1:
        spread = trace.restarts.max() - trace.restarts.min()
        print_message(f"  best of {len(trace.restarts)} starts, which differ by {spread:.4f} nats per pixel")
