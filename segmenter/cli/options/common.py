"""Options that stand alone: folders, figures, jobs, limits, verbosity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from segmenter.cli import STREAM
from segmenter.cli.options.types import PATH, Bands, Jobs

Command = TypeVar("Command", bound=Callable[..., Any])
Option: TypeAlias = Callable[[Any], Any]


def with_options(*options: Option) -> Callable[[Command], Command]:
    """Return a decorator that adds options in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def refuse_stream(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Return the path, or fail where it is -."""
    if path == STREAM:
        kind = (param.metavar or "path").lower()
        raise click.BadParameter(f"- is for label images of segment and apply; give a {kind}.", ctx, param)
    return path


def folder_option(what: str, *, or_stream: bool = False) -> Option:
    """Return the option that tells where something goes."""
    return click.option(
        "-o",
        "--output",
        type=PATH,
        default=Path("outputs"),
        show_default=True,
        metavar="FOLDER",
        callback=None if or_stream else refuse_stream,
        help=what,
    )


def columns_option(what: str) -> Option:
    """Return the option that names columns; `columns_of` reads it."""
    return click.option("--columns", metavar="A,B,…", help=what)


def columns_of(columns: str | None) -> tuple[str, ...] | None:
    """Return the names of columns that were typed, or None for all."""
    return None if columns is None else tuple(name.strip() for name in columns.split(","))


def figure_options(draw: str, figures: str) -> tuple[Option, ...]:
    """Return the options of figures: what they draw, and what they are called."""
    return (
        click.option("--figure/--no-figure", default=True, show_default=True, help=draw),
        click.option(
            "--figure-format",
            type=click.Choice(["png", "pdf", "svg"]),
            default="png",
            show_default=True,
            help=f"File format of the {figures}.",
        ),
        click.option(
            "--dpi",
            type=click.IntRange(50, 1200),
            default=300,
            show_default=True,
            metavar="N",
            help=f"Resolution of the {figures}, in pixels per inch.",
        ),
    )


OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace results that exist.")

PREVIEW = click.option("--preview", is_flag=True, help="Draw the segments on the terminal.")


def is_given(option: str) -> bool:
    """Return whether an option was typed, or set in the environment."""
    return click.get_current_context().get_parameter_source(option) != click.core.ParameterSource.DEFAULT


def jobs_option(what: str) -> Option:
    """Return the option of how much is worked on at once; ``what`` names the pieces."""
    return click.option(
        "-j",
        "--jobs",
        type=Jobs(),
        default="auto",
        show_default=True,
        metavar="N",
        help=f"{what} that are worked on at once; auto = cores.",
    )


BANDS = click.option(
    "--bands", type=Bands(), default=(), metavar="4,3,2", help="Which bands of TIFFs and Zarr arrays to take."
)

MAX_PIXELS = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=500_000_000,
    show_default=True,
    metavar="N",
    help="Refuse larger pictures before they are decoded.",
)


def verbosity_options(as_json: str, more: str) -> tuple[Option, ...]:
    """Return --json, --quiet and --verbose: what is printed as JSON, and what there is more to tell."""
    return (
        click.option("--json", is_flag=True, help=as_json),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
        click.option("-v", "--verbose", is_flag=True, help=more),
    )
