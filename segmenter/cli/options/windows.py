"""Options of commands that may read a picture by windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, TypeVar

import click

from segmenter.cli.options.common import BANDS, is_given, jobs_option, with_options
from segmenter.cli.options.types import MemorySize
from segmenter.workflows.segment.outputs import LabelFormat

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    BANDS,
    click.option(
        "--max-memory",
        type=MemorySize(1),
        default="auto",
        show_default=True,
        metavar="SIZE",
        help="Read by windows a TIFF that would take more, such as 2G; auto = half of what is free.",
    ),
    click.option(
        "--label-format",
        type=click.Choice(["tif", "zarr"]),
        default="tif",
        show_default=True,
        help="Of the label image of such a picture; zarr is OME-Zarr.",
    ),
    jobs_option("Windows of such a picture"),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let a Dask cluster work on windows, such as tcp://HOST:8786; it must see the same files.",
    ),
)


def windows_options(command: Command) -> Command:
    """Add what decides which pictures are read by windows, and how; the command receives it as one ``limits``."""

    @wraps(command)
    def with_limits(
        *arguments: Any,
        bands: tuple[int, ...],
        max_memory: int | Literal["auto"],
        label_format: LabelFormat,
        jobs: int,
        scheduler: str | None,
        **values: Any,
    ) -> Any:
        from segmenter.execution.api import Workers, available_memory
        from segmenter.workflows.segment.strategy import Limits

        memory = available_memory() // 2 if max_memory == "auto" else max_memory
        limits = Limits(memory, Workers(jobs, scheduler=scheduler), bands, label_format, is_given("max_pixels"))
        return command(*arguments, limits=limits, **values)

    decorated: Any = with_options(*_OPTIONS)(with_limits)
    return decorated  # type: ignore[no-any-return]
