"""Options of pictures that are read in windows."""

from __future__ import annotations

from functools import wraps
from typing import Any, Literal

import click

from segmenter.cli.help import WINDOWS, option
from segmenter.cli.options.common import (
    Command,
    bands_option,
    is_given,
    jobs_option,
    scheduler_option,
    with_options,
)
from segmenter.cli.options.types import MemorySize
from segmenter.workflows.segment.outputs import LabelFormat

_OPTIONS = (
    bands_option(section=WINDOWS),
    option(
        "--max-memory",
        section=WINDOWS,
        type=MemorySize(1),
        default="auto",
        show_default="auto, half of what is free",
        metavar="SIZE",
        help="Memory for one picture, such as 2G; larger TIFFs are read in windows.",
    ),
    option(
        "--label-format",
        section=WINDOWS,
        type=click.Choice(["tif", "zarr"]),
        default="tif",
        show_default=True,
        help="Format of windowed label images: TIFF or OME-Zarr.",
    ),
    jobs_option("windows", section=WINDOWS),
    scheduler_option(section=WINDOWS),
)


def windows_options(command: Command) -> Command:
    """Add the options that decide which pictures are read in windows, and how; the command receives ``windows``."""

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
