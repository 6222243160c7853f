"""The map over jobs, through which the rest of the package uses all workers, local or on a cluster."""

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
    """Apply a function to jobs, and yield each result as soon as it is ready.

    Jobs are taken from the iterable only when a worker is free, and results are not kept: memory does not grow with the
    number of jobs. A worker process has one job at a time. If it dies because memory ran out or a decoder crashed, only
    its own job is lost, and the other jobs continue. Closing the iterator stops the workers and interrupts busy ones.
    With ``n_workers=0`` the jobs run one after the other in this process.

    Parameters
    ----------
    function : callable
        Takes one job; must be picklable, like jobs and results. It should not raise: catch errors and return them.
    jobs : iterable of (int, job)
        Each job with an index that identifies its result.
    workers : Workers
    sums : Sums, optional
        How results are added up on a cluster, where ``summarize`` shortens each before it is sent back. Results on this
        machine are yielded whole.

    Yields
    ------
    JobResult
        In the order in which jobs finish.

    Raises
    ------
    WorkerStartError
        A worker process died before its first job.
    ClusterError, MissingExtraError
        The cluster cannot be reached or was lost, or Dask is not installed.
    """
    if workers.scheduler is not None:
        yield from import_dask_client().map_on_cluster(function, jobs, workers, sums)
    elif workers.n_workers == 0:
        yield from (JobResult(index, job, function(job)) for index, job in jobs)
    else:
        from segmenter.execution.processes import map_in_processes

        yield from map_in_processes(function, jobs, workers)


def import_dask_client() -> ModuleType:
    """Import the module that runs jobs on a cluster; raise MissingExtraError if Dask is not installed."""
    try:
        from segmenter.execution import dask_client
    except ModuleNotFoundError as error:
        raise MissingExtraError("--scheduler", "cluster") from error
    return dask_client
