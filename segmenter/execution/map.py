"""The map over jobs: the one seam between a batch and those who do its work, here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING

from segmenter.errors import MissingExtraError
from segmenter.execution.api import J, JobResult, R, Sums, Workers

if TYPE_CHECKING:
    from types import ModuleType


def map_jobs(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], workers: Workers, sums: Sums[R] | None = None
) -> Generator[JobResult[J, R]]:
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
    JobResult

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
        yield from (JobResult(place, job, function(job)) for place, job in jobs)
    else:
        from segmenter.execution.processes import map_in_processes

        yield from map_in_processes(function, jobs, workers)


def cluster_workers() -> ModuleType:
    """Import what talks to a cluster; raise MissingExtraError where Dask is not installed."""
    try:
        from segmenter.execution import dask_client as cluster_workers
    except ModuleNotFoundError as error:
        raise MissingExtraError("--scheduler", "cluster") from error
    return cluster_workers
