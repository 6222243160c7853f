"""What local processes and clusters have in common: the choice of workers, and the results of jobs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

J = TypeVar("J")
"""The type of a job: small and picklable."""

R = TypeVar("R")
"""The type of what a job returns."""


@dataclass(frozen=True)
class Workers:
    """The workers of a map, and the limits of each job."""

    n_workers: int = 1  # processes on this machine; 0 = run in this process; a cluster uses all of its threads instead
    max_memory: int | None = None  # bytes per job; None = no limit, but on a cluster a fair share of the free memory
    timeout: float | None = None  # seconds per job; None = no limit
    scheduler: str | None = None  # address of a Dask scheduler; None = this machine
    idle: list[Any] | None = None  # processes kept between maps, see `processes.persistent_pool`; None = keep none


@dataclass(frozen=True)
class JobResult(Generic[J, R]):
    """The outcome of one job."""

    index: int  # the number that came with the job
    job: J
    result: R | None  # what the function returned; None if the job was lost
    lost: str = ""  # why there is no result; "" = there is one


@dataclass(frozen=True)
class Sums(Generic[R]):
    """How a cluster adds up large results, so that only their sum is sent back."""

    summarize: Callable[[R], R]  # drops the large part of a result; the rest is sent back at once
    add: Callable[[list[R]], R]  # adds any number of results, even none, in any order and grouping; picklable
    receive: Callable[[R], None]  # called in this process with the sum of all results, at the end


def available_memory() -> int:
    """Return how many bytes can be allocated without swapping, on this machine and in its control group."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text(encoding="ascii"))  # "max" is not a number: no limit
        free = min(free, limit - int((group / "memory.current").read_text(encoding="ascii")))
    return max(free, 0)
