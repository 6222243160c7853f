"""``segmenter compare``."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Any, Literal

import click

from segmenter.cli import FileCommand, say, unwind_on_interrupt
from segmenter.cli.options.common import MAX_PIXELS, OVERWRITE, verbosity_options, with_options
from segmenter.cli.options.types import PATH, CountOrAuto
from segmenter.errors import InvalidArgumentError, printable
from segmenter.features.config import COLOR_SPACES
from segmenter.mixture.config import COVARIANCE_TYPES
from segmenter.segmentation.recipe import MAX_SEGMENTS, METHODS, Recipe

WIDTHS = {
    "single": 89.0,
    "one-and-a-half": 120.0,
    "double": 183.0,
    "nature-single": 89.0,
    "nature-double": 183.0,
    "science-single": 57.0,
    "science-double": 121.0,
    "pnas-single": 87.0,
    "pnas-double": 178.0,
    "ieee-single": 88.9,
    "ieee-double": 181.8,
    "elsevier-single": 90.0,
    "elsevier-one-and-a-half": 140.0,
    "elsevier-double": 190.0,
    "a4": 170.0,
    "slide": 338.0,
}
"""Widths of columns and pages, in mm."""

UNITS = {"": 1.0, "mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72}
FORMATS = (".png", ".pdf", ".svg")


class Many(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has none
    """Several values with commas between them."""

    name = "values"

    def __init__(self, each: click.ParamType) -> None:  # type: ignore[type-arg]
        self.each = each

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Return the values, each once, in their order."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        return tuple(dict.fromkeys(self.each.convert(part, param, ctx) for part in parts))


class Width(click.ParamType):  # type: ignore[type-arg]
    """A length, or the name of a column of a journal."""

    name = "width"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return millimetres."""
        if value in WIDTHS:
            return WIDTHS[value]
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(|mm|cm|in|pt)", str(value).strip())
        if not match:
            self.fail(f"{value!r} is no length such as 120mm or 3.5in, nor one of {', '.join(WIDTHS)}.", param, ctx)
        return float(match[1]) * UNITS[match[2]]


class Part(click.ParamType):  # type: ignore[type-arg]
    """A part of a photo: X,Y,W,H in pixels."""

    name = "X,Y,W,H"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """Return left, top, width and height."""
        match = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", str(value).replace(" ", ""))
        if not match or not (int(match[3]) and int(match[4])):
            self.fail(f"{value!r} is no part of a photo such as 100,50,64,48 (left, top, width, height).", param, ctx)
        return int(match[1]), int(match[2]), int(match[3]), int(match[4])


@click.command(name="compare", cls=FileCommand, short_help="Draw photos beside variants of their segments.")
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=PATH)
@with_options(
    click.option(
        "-k",
        "--segments",
        type=Many(CountOrAuto(MAX_SEGMENTS)),
        metavar="K,K,…",
        help="Numbers of segments; auto lets the picture tell. [default: 2,4,8 where nothing else is varied]",
    ),
    click.option(
        "--methods", type=Many(click.Choice(METHODS)), metavar="M,M,…", help=f"Of {', '.join(METHODS)}. [default: gmm]"
    ),
    click.option(
        "--color-spaces",
        type=Many(click.Choice(COLOR_SPACES)),
        metavar="C,C,…",
        help=f"Of {', '.join(COLOR_SPACES)}. [default: {Recipe.color_space}]",
    ),
    click.option(
        "--covariances",
        type=Many(click.Choice(COVARIANCE_TYPES)),
        metavar="C,C,…",
        help=f"Of {', '.join(COVARIANCE_TYPES)}. [default: {Recipe.covariance_type}]",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Of all fits."),
    click.option(
        "-o",
        "--output",
        type=PATH,
        default=Path("outputs/comparison.png"),
        show_default=True,
        metavar="FILE",
        help="Where the figure goes: .png, .pdf or .svg.",
    ),
    click.option(
        "--table",
        "tables",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="Write the numbers, too: .csv, .tex (booktabs) or .md; may be repeated.",
    ),
    click.option(
        "--layout",
        type=click.Choice(["row", "grid"]),
        help="All variants in a row, or in a square. [default: as it fits]",
    ),
    click.option(
        "--width",
        type=Width(),
        default="double",
        show_default=True,
        metavar="WIDTH",
        help=f"Such as 120mm or 3.5in, or a name: {', '.join(WIDTHS)}.",
    ),
    click.option(
        "--dpi", type=click.IntRange(50, 1200), default=300, show_default=True, metavar="N", help="Pixels per inch."
    ),
    click.option(
        "--font-size",
        type=click.FloatRange(4, 24),
        default=7.0,
        show_default=True,
        metavar="PT",
        help="Size of numbers; titles are larger by a seventh.",
    ),
    click.option("--boundaries", is_flag=True, help="Draw the outlines of the segments over the photo."),
    click.option(
        "--overlay", type=click.FloatRange(0, 1), metavar="ALPHA", help="Lay the segments over the photo, so opaque."
    ),
    click.option("--crop", type=Part(), metavar="X,Y,W,H", help="Show this part of the photos enlarged beside them."),
    click.option("--times", is_flag=True, help="Tell how long each took; two runs then differ."),
    OVERWRITE,
    MAX_PIXELS,
    *verbosity_options("Print all numbers as JSON, in one line.", "Tell the numbers of each variant."),
)
def command(
    photos: tuple[Path, ...],
    segments: tuple[int | Literal["auto"], ...] | None,
    methods: tuple[Any, ...] | None,
    color_spaces: tuple[Any, ...] | None,
    covariances: tuple[Any, ...] | None,
    seed: int,
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
    """Draw each PHOTO beside variants of its segments, as a figure for a report.

    Every combination of the values given is a variant. Of one photo with two
    things varied, the first goes down and the second across; several photos
    go down, a row each.

    \b
    segmenter compare photo.jpg --segments 2,4,8 -o figure.pdf
    segmenter compare photo.jpg --methods gmm,k-means --color-spaces rgb,lab
    segmenter compare *.jpg -k auto --methods gmm,regions --table numbers.tex

    log L is the log-likelihood of the mixture in nats per pixel, whatever the
    method; it is comparable within one color space.
    """  # noqa: D301  # the backspace keeps click from filling the list
    figure_format = ending_of(output, FORMATS, "-o")
    for table in tables:
        ending_of(table, (".csv", ".tex", ".md"), "--table")
    if boundaries and overlay is not None:
        raise click.UsageError("--boundaries draws no areas to lay over the photo; leave out --overlay")
    from segmenter.io.files.atomic import write_files
    from segmenter.render.comparison_style import ComparisonStyle
    from segmenter.workflows.compare.run import FigureRequest, compare
    from segmenter.workflows.compare.tables import encode_table
    from segmenter.workflows.compare.variants import Axes, build_variants
    from segmenter.workflows.segment.outputs import check_output, format_path

    unwind_on_interrupt()
    started = time.perf_counter()
    check_names((output, *tables))
    for path in (output, *tables):
        check_output(path, inputs=photos, overwrite=overwrite)
    try:
        axes = Axes(segments or (), methods or (), color_spaces or (), covariances or ())
        grid = build_variants(axes, {"seed": seed})
        style = ComparisonStyle(width, dpi, font_size, layout, boundaries, overlay, crop)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error
    result = compare(photos, grid, FigureRequest(style, figure_format, times), max_pixels=max_pixels)
    files = {table: encode_table(result.metrics, table.suffix.lower(), times=times) for table in tables}
    write_files({**files, output: result.figure}, overwrite=overwrite)
    if json:
        click.echo(dumps({**result.record, "outputs": [format_path(path) for path in (output, *tables)]}))
    if quiet:
        return
    n_photos, n_variants = len(photos), len(grid.variants)
    what = f"{n_photos} photo{'s' * (n_photos > 1)} in {n_variants} variant{'s' * (n_variants > 1)}"
    say(f"{what} in {time.perf_counter() - started:.2f} s -> {', '.join(map(str, (output, *tables)))}")
    for each in result.metrics if verbose else ():
        say(f"  ({each.letter}) {printable(each.photo)}, {each.variant}: {', '.join(each.describe(times=True))}")


def ending_of(path: Path, endings: Sequence[str], option: str) -> Any:
    """Return the ending of a file without the dot; raise UsageError where it is none of those."""
    if path.suffix.lower() not in endings:
        raise click.UsageError(f"{option} {path}: the name has to end in {', '.join(endings)}")
    return path.suffix.lower()[1:]


def check_names(paths: Sequence[Path]) -> None:
    """Raise UsageError where the same file is to be written twice."""
    if len(set(paths)) < len(paths):
        raise click.UsageError("the same file is named twice; give each output a name of its own")
