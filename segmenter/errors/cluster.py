"""Clusters that cannot do the work, and libraries that are not installed."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError


class MissingExtraError(SegmenterError):
    """Something was asked for that needs libraries which are not installed; ``wanted`` begins the sentence."""

    wanted: str
    extra: str

    def __str__(self) -> str:
        return f"{self.wanted} needs more libraries; install them with: pip install 'segmenter[{self.extra}]'"


class ClusterError(SegmenterError):
    """A cluster cannot do the work; ``address`` is that of its scheduler."""

    address: str


class UnreachableSchedulerError(ClusterError):
    """No scheduler of Dask answers at the address."""

    reason: str

    def __str__(self) -> str:
        return (
            f"{self.address}: no Dask scheduler answers there ({self.reason}); "
            "start one with 'dask scheduler' and give the address that it prints"
        )


class NoWorkersError(ClusterError):
    """The cluster has no workers, and none came."""

    seconds: float  # that were waited

    def __str__(self) -> str:
        return (
            f"{self.address}: the cluster has had no workers for {self.seconds:g} s; "
            f"start some with 'dask worker {self.address}', and --resume goes on"
        )


class ClusterVersionError(ClusterError):
    """A process of the cluster has other versions than this one."""

    process: str  # "the scheduler", or which worker
    package: str
    found: str | None  # None = is not installed
    wanted: str

    def __str__(self) -> str:
        has = f"no {self.package}" if self.found is None else f"{self.package} {self.found}"
        return (
            f"{self.address}: {self.process} has {has}, and {self.package} {self.wanted} runs here; "
            "install the same versions on all machines"
        )


class UnseenFileError(ClusterError):
    """A worker does not see a file that is there."""

    worker: str
    path: str

    def __str__(self) -> str:
        remedy = "photos and results must be on a file system that all machines mount at the same place"
        if "://" in self.path:
            remedy = "start it with the endpoint and the credentials that are used here"
        return f"{self.path}: the worker {self.worker} does not see it; {remedy}"


class WorkerRefusalError(ClusterError):
    """A worker cannot read or write what it needs; ``problem`` is what it says of that."""

    worker: str
    problem: str

    def __str__(self) -> str:
        return f"the worker {self.worker}: {self.problem}"


class LostClusterError(ClusterError):
    """The connection to the scheduler broke while work was done."""

    def __str__(self) -> str:
        return f"{self.address}: the scheduler was lost; start it and its workers again, and --resume goes on"


class ClusterFaultError(ClusterError):
    """The cluster answers with an error that is none of a photo."""

    reason: str

    def __str__(self) -> str:
        return f"{self.address}: the cluster fails ({self.reason}); see the logs of its workers, and --resume goes on"
