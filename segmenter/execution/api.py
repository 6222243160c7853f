"""What every executor shares: the choice of workers, and the results that they send back."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

J = TypeVar("J")


R = TypeVar("R")


@dataclass(frozen=True)
class Workers:
    """Who does the jobs, and what each may take."""

    n_workers: int = 1  # processes of this machine, 0 = this one; a cluster has as many as its workers have threads
    max_memory: int | None = None  # bytes that a job may take; None = no limit, on a cluster the share of what is free
    timeout: float | None = None  # seconds that a job may take; None = no limit
    scheduler: str | None = None  # address of that of a Dask cluster; None = this machine
    idle: list[Any] | None = None  # those that wait, of `segmenter.execution.processes.staying`; None = none stays


@dataclass(frozen=True)
class JobResult(Generic[J, R]):
    """What became of a job."""

    place: int  # that the job was given
    job: J
    result: R | None  # what the function returned; None where the job was lost
    lost: str = ""  # why there is no result


@dataclass(frozen=True)
class Sums(Generic[R]):
    """How large results are added up where they are, so that only their sum travels."""

    told: Callable[[R], R]  # what is answered at once: the result without its large part
    add: Callable[[list[R]], R]  # of several results, or of none, one; in any order and grouping; picklable
    take: Callable[[R], None]  # is called here with the sum of all, at the end


def available_memory() -> int:
    """Return how many bytes could be allocated on this machine without swapping, or in this control group."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text(encoding="ascii"))  # "max" is no number
        free = min(free, limit - int((group / "memory.current").read_text(encoding="ascii")))
    return max(free, 0)
