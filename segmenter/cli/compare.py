"""``segmenter compare``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from segmenter.cli import unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.format import format_count
from segmenter.cli.help import FIGURES, GENERAL, OUTPUT, VARIANTS, option
from segmenter.cli.interrupts import explain_interrupt
from segmenter.cli.messages import print_message, print_note
from segmenter.cli.options.common import (
    MAX_PIXELS,
    OVERWRITE,
    SCALE_RANGE,
    bands_option,
    dpi_option,
    seed_option,
    verbosity_options,
    with_options,
)
from segmenter.cli.options.types import (
    PAGE_WIDTHS,
    PATH,
    Box,
    CommaSeparated,
    CountOrAuto,
    Width,
    check_extension,
)
from segmenter.cli.progress import show_steps
from segmenter.errors import InvalidArgumentError, printable
from segmenter.features.config import COLOR_SPACES
from segmenter.io.images.config import ScaleRange
from segmenter.mixture.config import COVARIANCE_TYPES
from segmenter.segmentation.recipe import MAX_SEGMENTS, METHODS, Recipe

if TYPE_CHECKING:
    from segmenter.workflows.compare.run import ComparisonResult

FIGURE_EXTENSIONS = (".png", ".pdf", ".svg")
TABLE_EXTENSIONS = (".csv", ".tex", ".md")

_VARIANT_OPTIONS = (
    option(
        "-k",
        "--segments",
        section=VARIANTS,
        type=CommaSeparated(CountOrAuto(MAX_SEGMENTS)),
        metavar="K,K,…",
        show_default="2,4,8 if nothing else varies",
        help="Numbers of segments; auto chooses one for each picture.",
    ),
    option(
        "--methods",
        section=VARIANTS,
        type=CommaSeparated(click.Choice(METHODS)),
        metavar="M,M,…",
        show_default=Recipe.method,
        help=f"Any of {', '.join(METHODS)}.",
    ),
    option(
        "--color-spaces",
        section=VARIANTS,
        type=CommaSeparated(click.Choice(COLOR_SPACES)),
        metavar="C,C,…",
        show_default=Recipe.color_space,
        help=f"Any of {', '.join(COLOR_SPACES)}.",
    ),
    option(
        "--covariances",
        section=VARIANTS,
        type=CommaSeparated(click.Choice(COVARIANCE_TYPES)),
        metavar="C,C,…",
        show_default=Recipe.covariance_type,
        help=f"Any of {', '.join(COVARIANCE_TYPES)}.",
    ),
)
_OUTPUT_OPTIONS = (
    option(
        "-o",
        "--output",
        section=OUTPUT,
        type=PATH,
        default=Path("outputs/comparison.png"),
        show_default=True,
        metavar="FILE",
        help="Figure to write: .png, .pdf or .svg.",
    ),
    option(
        "--table",
        "tables",
        section=OUTPUT,
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="Also write the numbers: .csv, .tex (booktabs) or .md; may be repeated.",
    ),
    option("--times", section=OUTPUT, is_flag=True, help="Include computing times, which differ from run to run."),
    OVERWRITE,
)
_FIGURE_OPTIONS = (
    option(
        "--layout",
        section=FIGURES,
        type=click.Choice(["row", "grid"]),
        show_default="whichever fits",
        help="Arrangement of the variants.",
    ),
    option(
        "--width",
        section=FIGURES,
        type=Width(),
        default="double",
        show_default=True,
        metavar="WIDTH",
        help=f"Length such as 120mm or 3.5in, or the name of a column or page: {', '.join(PAGE_WIDTHS)}.",
    ),
    dpi_option("Resolution, in pixels per inch."),
    option(
        "--font-size",
        section=FIGURES,
        type=click.FloatRange(4, 24),
        default=7.0,
        show_default=True,
        metavar="PT",
        help="Size of the numbers; titles are one seventh larger.",
    ),
    option("--boundaries", section=FIGURES, is_flag=True, help="Draw the segments as outlines on the photo."),
    option(
        "--overlay",
        section=FIGURES,
        type=click.FloatRange(0, 1),
        metavar="ALPHA",
        help="Lay the segments over the photo with this opacity.",
    ),
    option(
        "--crop", section=FIGURES, type=Box(), metavar="X,Y,W,H", help="Also show this part of each photo, enlarged."
    ),
)


@click.command(name="compare", cls=FileCommand, short_help="Draw photos next to variants of their segments.")
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=PATH)
@with_options(
    *_VARIANT_OPTIONS,
    *_OUTPUT_OPTIONS,
    *_FIGURE_OPTIONS,
    seed_option(),
    bands_option(section=GENERAL),
    SCALE_RANGE,
    MAX_PIXELS,
    *verbosity_options("Print all numbers as JSON, on one line.", "Print the numbers of each variant."),
)
def command(  # click passes every option by its name
    photos: tuple[Path, ...],
    segments: tuple[int | Literal["auto"], ...] | None,
    methods: tuple[Any, ...] | None,
    color_spaces: tuple[Any, ...] | None,
    covariances: tuple[Any, ...] | None,
    seed: int,
    bands: tuple[int, ...],
    scale_range: ScaleRange,
    output: Path,
    tables: tuple[Path, ...],
    layout: Literal["row", "grid"] | None,
    width: float,
    dpi: int,
    font_size: float,
    boundaries: bool,
    overlay: float | None,
    crop: tuple[int, int, int, int] | None,
    times: bool,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Draw each PHOTO next to variants of its segments, as a figure for a report.

    Every combination of the given values is a variant. For one photo and two
    options with several values, the first varies from row to row and the second
    from column to column. Several photos get one row each.

    \b
    segmenter compare photo.jpg --segments 2,4,8 -o figure.pdf
    segmenter compare photo.jpg --methods gmm,k-means --color-spaces rgb,lab
    segmenter compare *.jpg -k auto --methods gmm,regions --table numbers.tex

    In the figure, log L is the log-likelihood of the mixture in nats per pixel
    for any method; it is comparable only within one color space.
    """  # noqa: D301  # the backspace keeps click from filling the list
    figure_format: Any = check_extension(output, FIGURE_EXTENSIONS, "-o")
    for table in tables:
        check_extension(table, TABLE_EXTENSIONS, "--table")
    if boundaries and overlay is not None:
        raise click.UsageError("--boundaries draws no areas, so --overlay has no effect; leave out one of them")
    from segmenter.io.files.atomic import write_files
    from segmenter.io.images.photo import Reading
    from segmenter.render.comparison_style import ComparisonStyle
    from segmenter.workflows.compare.run import FigureRequest, compare
    from segmenter.workflows.compare.tables import encode_table
    from segmenter.workflows.compare.variants import GridAxes, build_variants
    from segmenter.workflows.segment.outputs import format_path

    unwind_on_interrupt()
    started = time.perf_counter()
    paths = (output, *tables)
    check_paths(paths, photos, overwrite=overwrite)
    try:
        axes = GridAxes(segments or (), methods or (), color_spaces or (), covariances or ())
        grid = build_variants(axes, {"seed": seed})
        style = ComparisonStyle(width, dpi, font_size, layout, boundaries, overlay, crop)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error
    request = FigureRequest(style, figure_format, times)
    with explain_interrupt([(output.name, output)]), show_steps(quiet=quiet) as progress:
        reading = Reading(bands, scale_range=scale_range)
        result = compare(photos, grid, request, max_pixels=max_pixels, reading=reading, progress=progress)
        files = {table: encode_table(result.metrics, table.suffix.lower(), times=times) for table in tables}
        write_files({**files, output: result.figure}, overwrite=overwrite)
    if json:
        click.echo(dumps({**result.record, "outputs": [format_path(path) for path in paths]}))
    if not quiet:
        shown = f"{format_count(len(photos), 'photo')} in {format_count(len(grid.variants), 'variant')}"
        print_message(f"{shown} in {time.perf_counter() - started:.2f} s -> {', '.join(map(str, paths))}")
        for photo, note in result.notes:
            print_note(f"{photo}: {note}" if len(photos) > 1 else note)
        if verbose:
            print_numbers(result)


def check_paths(paths: Sequence[Path], photos: Sequence[Path], *, overwrite: bool) -> None:
    """Raise UsageError if two outputs are the same file, and a SegmenterError if one may not be written."""
    from segmenter.workflows.segment.outputs import check_output

    if len(set(paths)) < len(paths):
        raise click.UsageError("two outputs have the same name; give each its own")
    for path in paths:
        check_output(path, inputs=photos, overwrite=overwrite)


def print_numbers(result: ComparisonResult) -> None:
    """Print the numbers of each variant, one line each."""
    for each in result.metrics:
        print_message(
            f"  ({each.letter}) {printable(each.photo)}, {each.variant}: {', '.join(each.describe(times=True))}"
        )
