"""Options that several commands take one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from segmenter.cli.help import FIGURES, GENERAL, OUTPUT, TARGET, option
from segmenter.cli.options.types import PATH, STREAM, Bands, Jobs, ScaleRangeType

Command = TypeVar("Command", bound=Callable[..., Any])
Option: TypeAlias = Callable[[Any], Any]


def with_options(*options: Option) -> Callable[[Command], Command]:
    """Return a decorator that adds options in the order given."""

    def decorate(command: Command) -> Command:
        for add_option in reversed(options):
            command = add_option(command)
        return command

    return decorate


def is_given(name: str) -> bool:
    """Return whether an option was typed or set in the environment, rather than left at its default."""
    return click.get_current_context().get_parameter_source(name) != click.core.ParameterSource.DEFAULT


def is_typed(name: str) -> bool:
    """Return whether an option was typed, rather than set in the environment or left at its default."""
    return click.get_current_context().get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def refuse_stream(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Return the path; fail if it is "-"."""
    if path == STREAM:
        kind = (param.metavar or "path").lower()
        raise click.BadParameter(f"only segment and apply write to standard output (-); give a {kind}.", ctx, param)
    return path


def output_option(help_text: str, *, allow_stream: bool = False) -> Option:
    """Return the option that names the output folder."""
    return option(
        "-o",
        "--output",
        section=OUTPUT,
        type=PATH,
        default=Path("outputs"),
        show_default=True,
        metavar="FOLDER",
        callback=None if allow_stream else refuse_stream,
        help=help_text,
    )


def columns_option(help_text: str) -> Option:
    """Return the option that names columns, to be read by `parse_columns`."""
    return option("--columns", section=TARGET, metavar="A,B,…", show_default="all", help=help_text)


def parse_columns(columns: str | None) -> tuple[str, ...] | None:
    """Return the names of columns that were typed as the fields of a CSV line, or None for all."""
    if columns is None:
        return None
    import csv

    try:
        names = next(csv.reader([columns], skipinitialspace=True), [""])
    except csv.Error as error:
        raise click.UsageError(f"--columns: {error}") from error
    return tuple(name.strip() for name in names)


def figure_options(content: str, figures: str) -> tuple[Option, ...]:
    """Return the options of figures; `content` says what they show, `figures` what they are called."""
    return (
        option("--figure/--no-figure", section=FIGURES, default=True, show_default=True, help=content),
        option(
            "--figure-format",
            section=FIGURES,
            type=click.Choice(["png", "pdf", "svg"]),
            default="png",
            show_default=True,
            help=f"File format of the {figures}.",
        ),
        dpi_option(f"Resolution of the {figures}, in pixels per inch."),
    )


def dpi_option(help_text: str) -> Option:
    """Return the option of the resolution of figures."""
    return option(
        "--dpi",
        section=FIGURES,
        type=click.IntRange(50, 1200),
        default=300,
        show_default=True,
        metavar="N",
        help=help_text,
    )


def jobs_option(items: str, *, section: str) -> Option:
    """Return the option of how many items are processed in parallel."""
    return option(
        "-j",
        "--jobs",
        section=section,
        type=Jobs(),
        default="auto",
        show_default="auto, one per core",
        metavar="N",
        help=f"Number of {items} to process at once.",
    )


def scheduler_option(*, section: str) -> Option:
    """Return the option that hands the work to a Dask cluster."""
    return option(
        "--scheduler",
        section=section,
        metavar="ADDRESS",
        help="Dask scheduler to use, such as tcp://HOST:8786; its workers must see the same files.",
    )


def bands_option(*, section: str) -> Option:
    """Return the option that chooses bands."""
    return option(
        "--bands",
        section=section,
        type=Bands(),
        default=(),
        show_default="all",
        metavar="N,N,…",
        help="Bands to read from TIFFs and Zarr arrays, such as 4,3,2.",
    )


def seed_option() -> Option:
    """Return the option of the random seed."""
    return option(
        "--seed",
        section=GENERAL,
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="Random seed; the same seed gives the same results.",
    )


OVERWRITE = option("--overwrite", section=OUTPUT, is_flag=True, help="Replace existing results.")

MAX_PIXELS = option(
    "--max-pixels",
    section=GENERAL,
    type=click.IntRange(min=1),
    default=500_000_000,
    show_default="500 million",
    metavar="N",
    help="Refuse pictures of more pixels, before decoding them.",
)

SCALE_RANGE = option(
    "--scale-range",
    section=GENERAL,
    type=ScaleRangeType(),
    default="auto",
    show_default=True,
    metavar="RULE",
    help="Values to make black and white: auto (for 8 bits 0 to 255, otherwise those in use), full, percentile (1st to "
    "99th), or LOW,HIGH.",
)


def verbosity_options(json_help: str, verbose_help: str) -> tuple[Option, ...]:
    """Return --json, --quiet and --verbose."""
    return (
        option("--json", section=GENERAL, is_flag=True, help=json_help),
        option("-q", "--quiet", section=GENERAL, is_flag=True, help="Print only errors."),
        option("-v", "--verbose", section=GENERAL, is_flag=True, help=verbose_help),
    )
