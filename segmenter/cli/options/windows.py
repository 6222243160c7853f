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
    """Add what decides which pictures are windowed, and how; the command receives it as one ``windows``."""

    @wraps(command)
    def with_windows(
        *arguments: Any,
        bands: tuple[int, ...],
        max_memory: int | Literal["auto"],
        label_format: LabelFormat,
        jobs: int,
        scheduler: str | None,
        **values: Any,
    ) -> Any:
        from segmenter.execution.api import Workers, available_memory
        from segmenter.workflows.segment.job import WindowOptions

        memory = available_memory() // 2 if max_memory == "auto" else max_memory
        workers = Workers(jobs, scheduler=scheduler)
        windows = WindowOptions(memory, workers, bands, label_format, is_given("max_pixels"))
        return command(*arguments, windows=windows, **values)

    decorated: Any = with_options(*_OPTIONS)(with_windows)
    return decorated  # type: ignore[no-any-return]
