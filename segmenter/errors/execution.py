"""Errors of workers, clusters and optional libraries."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError


class MissingExtraError(SegmenterError):
    """A feature needs libraries that are not installed; ``wanted`` names the feature and begins the message."""

    wanted: str
    extra: str

    def __str__(self) -> str:
        command = f"pip install 'segmenter[{self.extra}]'"
        return f"{self.wanted} needs libraries that are not installed; install them with: {command}"


class ClusterError(SegmenterError):
    """A cluster cannot do the work; ``address`` is the address of its scheduler."""

    address: str


class UnreachableSchedulerError(ClusterError):
    """No Dask scheduler answers at the address."""

    reason: str

    def __str__(self) -> str:
        return (
            f"{self.address}: no Dask scheduler answers there ({self.reason}); "
            "start one with 'dask scheduler' and give the address that it prints"
        )


class NoWorkersError(ClusterError):
    """The cluster has no workers, and none joined in time."""

    seconds: float  # how long this process waited

    def __str__(self) -> str:
        return (
            f"{self.address}: the cluster has had no workers for {self.seconds:g} s; "
            f"start some with 'dask worker {self.address}', then continue with --resume"
        )


class ClusterVersionError(ClusterError):
    """A process of the cluster has a different version of a package, or lacks it."""

    process: str  # "the scheduler" or "the worker ADDRESS"
    package: str
    found: str | None  # None = not installed
    wanted: str

    def __str__(self) -> str:
        has = f"no {self.package}" if self.found is None else f"{self.package} {self.found}"
        return (
            f"{self.address}: {self.process} has {has}, but this machine runs {self.package} {self.wanted}; "
            "install the same versions on all machines"
        )


class UnseenFileError(ClusterError):
    """A worker cannot see a file that exists."""

    worker: str
    path: str

    def __str__(self) -> str:
        remedy = "photos and results must be on a file system that all machines mount at the same path"
        if "://" in self.path:
            remedy = "start the worker with the same endpoint and credentials as here"
        return f"{self.path}: cannot be seen by the worker {self.worker}; {remedy}"


class WorkerRefusalError(ClusterError):
    """A worker cannot read or write what it needs; ``problem`` is its own error message."""

    worker: str
    problem: str

    def __str__(self) -> str:
        return f"the worker {self.worker}: {self.problem}"


class LostClusterError(ClusterError):
    """The connection to the scheduler was lost during the work."""

    def __str__(self) -> str:
        remedy = "restart the scheduler and its workers, then continue with --resume"
        return f"{self.address}: the connection to the scheduler was lost; {remedy}"


class ClusterFaultError(ClusterError):
    """The cluster failed for a reason unrelated to any photo."""

    reason: str

    def __str__(self) -> str:
        remedy = "see the logs of its workers, then continue with --resume"
        return f"{self.address}: the cluster failed ({self.reason}); {remedy}"


class WorkerStartError(SegmenterError):
    """A worker process died before its first job."""

    reason: str

    def __str__(self) -> str:
        return f"a worker process could not start ({self.reason}); lower --jobs or raise --max-memory"


class LostWorkerError(SegmenterError):
    """A worker process died while working on a file; ``reason`` says why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"
