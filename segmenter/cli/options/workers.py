"""Options of the processes that segment the photos of a batch, combined into one value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import click

from segmenter.cli.help import EXECUTION, option
from segmenter.cli.options.common import Command, is_given, jobs_option, scheduler_option, with_options
from segmenter.cli.options.types import MAX_TIMEOUT, MIN_JOB_MEMORY, MemorySize, PositiveNumber

if TYPE_CHECKING:
    from segmenter.execution.api import Workers

_OPTIONS = (
    jobs_option("photos", section=EXECUTION),
    scheduler_option(section=EXECUTION),
    option(
        "--timeout",
        section=EXECUTION,
        type=PositiveNumber(MAX_TIMEOUT),
        metavar="SECONDS",
        show_default="no limit",
        help="Give up on a photo after this long.",
    ),
    option(
        "--max-memory",
        section=EXECUTION,
        type=MemorySize(),
        default="auto",
        show_default="auto, a share of what is free",
        metavar="SIZE",
        help="Memory for each job, such as 2G; larger TIFFs are read in windows.",
    ),
)


@dataclass(frozen=True)
class WorkerOptions:
    """How many photos are processed at once, where, and within which limits."""

    jobs: int
    scheduler: str | None  # address of a Dask scheduler; None = processes on this machine
    timeout: float | None  # seconds for a photo; None = no limit
    max_memory: int | Literal["auto"]  # bytes for a job

    def create_workers(self, n_photos: int) -> Workers:
        """Return the workers for a batch of so many photos."""
        from segmenter.execution.api import Workers, available_memory

        n_workers = min(self.jobs, max(1, n_photos))
        memory = None if self.max_memory == "auto" else self.max_memory
        if memory is None and self.scheduler is None:
            memory = max(2 * MIN_JOB_MEMORY, available_memory() * 9 // 10 // n_workers)
        return Workers(n_workers, memory, self.timeout, self.scheduler)


def worker_options(command: Command) -> Command:
    """Add the options of the workers; the command receives them as one ``workers``."""

    @wraps(command)
    def with_workers(*arguments: Any, **values: Any) -> Any:
        if values["scheduler"] is not None and is_given("jobs"):
            reason = "a cluster processes as many photos at once as its workers have threads"
            raise click.UsageError(f"--jobs applies to this machine only; {reason}")
        given = {field.name: values.pop(field.name) for field in fields(WorkerOptions)}
        return command(*arguments, workers=WorkerOptions(**given), **values)

    decorated: Any = with_options(*_OPTIONS)(with_workers)
    return decorated  # type: ignore[no-any-return]
