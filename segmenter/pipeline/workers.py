"""The map over jobs: the one seam between a batch and those who do its work, here or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from segmenter.errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType

    from segmenter.pipeline.processes import Process

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True)
class Workers:
    """Who does the jobs, and what each may take."""

    n_workers: int = 1  # processes of this machine, 0 = this one; a cluster has as many as its workers have threads
    max_memory: int | None = None  # bytes that a job may take; None = no limit, on a cluster the share of what is free
    timeout: float | None = None  # seconds that a job may take; None = no limit
    scheduler: str | None = None  # address of that of a Dask cluster; None = this machine
    idle: list[Process] | None = None  # those that wait, of `segmenter.pipeline.processes.staying`; None = none stays


@dataclass(frozen=True)
class Answer(Generic[J, R]):
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


def map_jobs(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], workers: Workers, sums: Sums[R] | None = None
) -> Generator[Answer[J, R]]:
    """Apply a function to jobs, and yield the answers as they come.

    Jobs are taken from their iterable when a worker is free, and no answer is kept: memory does not grow with their
    number. Every job has a process of ours to itself, so that where it dies, killed for lack of memory or by a fault of
    a decoder, that job is answered as lost, and all others go on. Closing the iterator stops the workers, busy ones by
    an interrupt. A process that is a worker itself does jobs in itself, one by one, within its own limits.

    Parameters
    ----------
    function : callable
        Of one job; picklable, and so are jobs and results. What it raises is its own affair: catch it, return it.
    jobs : iterable of (int, job)
        Each with a place, which comes back with the answer and tells whose it is.
    workers : Workers
    sums : Sums, optional
        Where the workers are elsewhere, answers hold only what is ``told``; on this machine they are whole.

    Yields
    ------
    Answer

    Raises
    ------
    WorkerStartError
        A process dies before it takes a job.
    ClusterError, MissingExtraError
        The cluster cannot be reached, or was lost.
    """
    if workers.scheduler is not None:
        yield from cluster_workers().map_on_cluster(function, jobs, workers, sums)
    elif workers.n_workers == 0:
        yield from (Answer(place, job, function(job)) for place, job in jobs)
    else:
        from segmenter.pipeline.processes import map_in_processes

        yield from map_in_processes(function, jobs, workers)


def cluster_workers() -> ModuleType:
    """Import what talks to a cluster; raise MissingExtraError where Dask is not installed."""
    try:
        from segmenter.pipeline import cluster_workers
    except ModuleNotFoundError as error:
        raise MissingExtraError("--scheduler", "cluster") from error
    return cluster_workers


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
