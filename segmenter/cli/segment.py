"""``segmenter segment``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from segmenter.cli import EXIT_FAILED, STREAM, FileCommand, fail, say, unwind_on_interrupt, warn_stale_outputs
from segmenter.cli.options.output import OutputOptions, extras_of, output_options, save_model_option
from segmenter.cli.options.recipe import recipe_options
from segmenter.cli.options.types import PATH
from segmenter.cli.options.windows import windows_options
from segmenter.cli.progress import shares_text, watching_steps
from segmenter.cli.terminal import color_depth, show_segments
from segmenter.errors import printable
from segmenter.segmentation.recipe import AnyRecipe

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace
    from segmenter.segmentation.model import Model
    from segmenter.segmentation.result import Segment, Segmentation
    from segmenter.workflows.segment.job import Extra, SegmentJob, WindowOptions
    from segmenter.workflows.segment.result import SegmentResult

VERBOSE_PROBLEMS = ("collapsed", "suspicious")
"""Problems of a fit that only --verbose reports."""


@click.command(name="segment", cls=FileCommand, short_help="Segment photos by color, or as people would.")
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=PATH)
@recipe_options
@save_model_option
@windows_options
@output_options
def command(
    photos: tuple[Path, ...],
    recipe: AnyRecipe,
    save_model: bool,
    windows: WindowOptions,
    options: OutputOptions,
) -> int:
    """Segment each PHOTO: by its colors, or with --method regions as people would.

    \b
    Writes to the output folder:
      NAME.labels.png    the label of each pixel, 1 to K; 0 = transparent
      NAME.segments.png  each segment in its mean color
      NAME.figure.png    photo and segments side by side
      NAME.json          options, what was found, segments
    and on request (--save, --save-model):
      NAME.posteriors.npz  the probability of each segment at each pixel
      NAME.confidence.png  that of the label, 255 = certain
      NAME.model.json      what was fitted, for segmenter apply
      NAME.hierarchy.npz   regions at all scales, for segmenter cut, and
      NAME.ucm.png         at which of them each boundary disappears
    and figures (--plot):
      NAME.plot-contours.png    outlines over the photo
      NAME.plot-cutouts.png     each segment cut out
      NAME.plot-likelihood.png  the climb of the log-likelihood
      NAME.plot-colors.png      colors in their space, and the mixture
      NAME.plot-confidence.png  how sure each label is
      NAME.plot-palette.png     colors and shares; NAME.palette.css, .gpl

    With --scale all the usual names are those of the medium scale, and the
    others are called NAME.labels.coarse.png, NAME.labels.fine.png and so on.

    A PHOTO of - is read from standard input.

    A TIFF that does not fit into memory, or of more bands than a photo, is read
    by windows, as is the folder of a Zarr array. Its label image is then a TIFF
    of the same name (tiles, overviews, palette), with no image of the segments;
    --label-format zarr makes it NAME.labels.zarr, the folder of an OME-Zarr.
    """  # noqa: D301  # the backspace keeps click from filling the list
    extras = extras_of(recipe, options, save_model=save_model)
    check_streams(photos, options, extras=bool(extras or options.plot))
    return segment_photos(photos, recipe, options, extras, windows)


def segment_photos(
    photos: Sequence[Path],
    recipe: AnyRecipe,
    options: OutputOptions,
    extras: Sequence[Extra],
    windows: WindowOptions,
    *,
    model: Model | None = None,
) -> int:
    """Segment photos one by one, tell of each, and return the exit status.

    Parameters
    ----------
    photos : sequence of Path
        ``-`` is standard input.
    recipe : AnyRecipe
    options : OutputOptions
    extras : sequence of Extra
        What else to write.
    windows : WindowOptions
        Which photos are windowed, and how.
    model : Model, optional
        Apply it, and fit nothing.
    """
    output, as_json = options.output, options.json
    from segmenter.workflows.segment.job import plan_job
    from segmenter.workflows.segment.outputs import check_outputs, format_path
    from segmenter.workflows.segment.record import SCHEMA
    from segmenter.workflows.segment.run import compute_label_image, run_job
    from segmenter.workflows.segment.strategy import choose_processing_mode

    unwind_on_interrupt()
    planned = [
        plan_job(
            Path("stdin") if photo == STREAM else photo,
            output,
            recipe,
            figure_options=options.drawing,
            max_pixels=options.max_pixels,
            overwrite=options.overwrite,
            extras=extras,
            model=model,
            windows=windows,
        )
        for photo in photos
    ]
    if STREAM in photos and windows.bands:
        raise click.UsageError("--bands is of files; give the path of a TIFF")
    if STREAM in photos and windows.label_format != "tif":
        raise click.UsageError("--label-format is of files; give the path of a TIFF")
    jobs = [
        job if photo == STREAM else choose_processing_mode(job, to_stdout=output == STREAM)
        for photo, job in zip(photos, planned, strict=True)
    ]
    if output != STREAM:
        check_outputs(jobs, kept=[] if model is None else [Path(model.name)])
    depth = color_depth()
    if options.preview and depth is None and not options.quiet:
        say("note: --preview needs a terminal with colors; it draws nothing here")
    status = 0
    for photo, job in zip(photos, jobs, strict=True):
        stream: BinaryIO | None = sys.stdin.buffer if photo == STREAM else None
        started = time.perf_counter()
        try:
            label_image: BinaryIO = BytesIO()
            with watching_steps(quiet=options.quiet) if job.mode == "windowed" else nullcontext() as progress:
                if output == STREAM:
                    result, label_image = compute_label_image(job, stream=stream, progress=progress)
                else:
                    result = run_job(job, stream=stream, progress=progress)
        except BrokenPipeError:  # whoever reads standard output has gone
            raise
        except Exception as error:  # whatever happens to one photo, the others go on
            status = EXIT_FAILED
            problem = fail(error, str(job.source), verbose=options.verbose)
            if as_json:
                failure = {"input": {"name": format_path(Path(job.source.name))}, "error": printable(problem)}
                click.echo(json.dumps({"schema": SCHEMA, "source": format_path(photo), **failure}))
            continue
        if output == STREAM:
            from shutil import copyfileobj

            with label_image:
                copyfileobj(label_image, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        if as_json:
            places = {"source": format_path(photo), "outputs": [format_path(path) for path in job.outputs]}
            click.echo(json.dumps({**result.record, **places}))
        if not options.quiet:
            tell(result, job, time.perf_counter() - started, to_stdout=output == STREAM, verbose=options.verbose)
            if depth is not None:
                show_segments(result.segmentation, depth, picture=options.preview)
    return status


def check_streams(photos: Sequence[Path], options: OutputOptions, *, extras: bool) -> None:
    """Raise UsageError where - cannot be meant, or a stream that is needed is closed.

    Parameters
    ----------
    photos : sequence of Path
    options : OutputOptions
    extras : bool
        Whether more is to be written than the usual files.
    """
    output, as_json = options.output, options.json
    if photos.count(STREAM) > 1:
        raise click.UsageError("standard input (-) can be read once only")
    if STREAM in photos and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed; give the path of a photo")
    if (as_json or output == STREAM) and sys.stdout is None:
        raise click.UsageError("standard output is closed; without --json, give a folder as output")
    if output != STREAM:
        return
    if len(photos) > 1:
        raise click.UsageError("-o - writes one label image; give one photo, or a folder as output")
    if as_json:
        raise click.UsageError("-o - and --json both want standard output; give a folder as output")
    if extras:
        raise click.UsageError("-o - writes the label image alone; to save more, give a folder as output")
    if sys.stdout.isatty():
        raise click.UsageError("-o - writes a picture; send it to a file or a program, not to the terminal")


def tell(result: SegmentResult, job: SegmentJob, seconds: float, *, to_stdout: bool, verbose: bool) -> None:
    """Tell a person what was found: one line, the notes, and on request the details."""
    from segmenter.io.files.results import get_label_image_paths

    segments, trace = result.segmentation.segments, result.segmentation.fit_trace
    selection = result.segmentation.selection
    found = found_text(result.segmentation)
    if selection is not None:
        found += f", chosen by {selection.rule},"
    place = "" if to_stdout else f" -> {job.record.with_suffix('')}.*"
    say(f"{job.source.name}: {found} in {seconds:.2f} s{place}")
    for note in notes_on(result):
        say(f"  note: {note}")
    if not to_stdout:
        stems = [job.record.with_suffix(".figure"), *(paths[0].with_suffix("") for paths in job.plots.values())]
        warn_stale_outputs(stems, job.outputs)
        for path in get_label_image_paths(job.record.with_suffix("")):
            if path != job.labels and path.exists():
                say(f"  note: {path} is of an earlier run; remove it, as it may be taken for this one")
    if not verbose:
        return
    record = result.record
    image = record["input"]
    say(f"  {image['width']}×{image['height']} pixels of {image['channels']}×{image['dtype']}")
    if trace is not None:
        tell_fit(trace)
    tell_segments(segments)


def found_text(found: Segmentation) -> str:
    """Return how many segments there are, and how large."""
    kind = "segment" if found.hierarchy is None else "region"
    return shares_text([segment.share for segment in found.segments], kind)


def tell_segments(segments: Sequence[Segment]) -> None:
    """Tell of each segment."""
    for segment in segments:
        say(f"  {segment.label:5d}  {100 * segment.share:5.1f} %  {segment.hex_color}  {segment.n_pixels:,} pixels")


def tell_fit(trace: FitTrace) -> None:
    """Tell how a fit went."""
    from segmenter.mixture.diagnostics import describe_problem, find_problems

    steps = "1 iteration" if trace.n_iterations == 1 else f"{trace.n_iterations} iterations"
    say(f"  {trace.stop} after {steps}, {trace.log_likelihoods[-1]:.4f} nats per pixel")
    if len(trace.restarts) > 1:
        spread = trace.restarts.max() - trace.restarts.min()
        say(f"  best of {len(trace.restarts)} starts, which lie {spread:.4f} nats per pixel apart")
    for problem in find_problems(trace):
        if problem.kind in VERBOSE_PROBLEMS:
            say(f"  {describe_problem(problem, 'pixels')}")


def notes_on(result: SegmentResult) -> list[str]:
    """Return what a person should know before trusting the segments."""
    from segmenter.mixture.diagnostics import describe_problem, find_problems

    segments, trace = result.segmentation.segments, result.segmentation.fit_trace
    empty = [segment.label for segment in segments if segment.n_pixels == 0]
    problems = [problem for problem in find_problems(trace, empty) if problem.kind not in VERBOSE_PROBLEMS]
    return [*result.photo.notes, *(describe_problem(problem, "pixels") for problem in problems)]
