"""Jobs on a Dask cluster.

The jobs do not run inside Dask's own workers, but in our own processes next to each worker, one for each of its
threads. They are the same as in a local run (`segmenter.execution.processes`), with the same limits. So a photo that
crashes its process is lost exactly as in a local run, and no two threads share an interpreter. If a Dask worker dies,
Dask gives its tasks to other workers. Photos and results are passed as paths; only small values are sent.

Even the smallest task costs the scheduler, the worker and this process a few milliseconds. A task therefore has several
jobs, and ends when its time is up; the jobs that it did not begin are sent out again. Nobody needs to know in advance
how long a job takes. Where results are added up on the cluster, a task always runs all its jobs, without a time limit:
if a worker dies before its sum was used, Dask repeats the task, and the new sum must be over the same jobs.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import dask
from distributed import Client, Future, KilledWorker

from segmenter._version import __version__
from segmenter.errors import (
    ClusterFaultError,
    ClusterVersionError,
    LostClusterError,
    NoWorkersError,
    SegmenterError,
    UnreachableSchedulerError,
    UnseenFileError,
    WorkerRefusalError,
)
from segmenter.execution.api import JobResult, Sums, Workers
from segmenter.execution.dask_worker import (
    Outcome,
    TaskResult,
    WorkerPoolPlugin,
    add_sums,
    drop_sum,
    register_on_workers,
    run_task,
)
from segmenter.execution.interrupts import deliver_interrupts_to
from segmenter.execution.processes import WorkerSetup
from segmenter.io.files.atomic import check_writable, mark_folder
from segmenter.io.files.remote import is_remote, to_absolute, to_path

J = TypeVar("J")
R = TypeVar("R")

IndexedJob: TypeAlias = tuple[int, Any]

CONNECT_SECONDS = 8.0
"""How long a scheduler may take to answer, and then a cluster to get its first worker."""

IDLE_TIMEOUT = 60.0
"""Seconds without any worker after which a cluster counts as lost, and without a job after which our processes end."""

TASKS_PER_THREAD = 2
"""One that runs, and one that waits, so that the thread need not wait for the next."""

TASK_SECONDS = 0.25
"""Time after which a task begins no further jobs."""

MAX_TASKS_PER_SECOND = 200
"""Limit for the whole cluster; on a very large cluster, tasks last longer instead."""

FAN_IN = 16
"""Number of results, and then of their sums, that are added up at a time."""


def map_on_cluster(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], workers: Workers, sums: Sums[R] | None
) -> Generator[JobResult[J, R]]:
    """Apply a function to jobs on a cluster, see `segmenter.execution.map.map_jobs`."""
    assert workers.scheduler is not None
    with open_connection(workers.scheduler) as client:
        setup = WorkerSetup(function, workers.max_memory, str(Path.cwd()), IDLE_TIMEOUT)
        with register_on_workers(client, WorkerPoolPlugin(setup, workers.timeout, sums)) as pool_name:
            cluster = Cluster(client, workers.scheduler, pool_name)
            yield from run_map(cluster, iter(jobs), sums)


def run_map(cluster: Cluster, jobs: Iterator[IndexedJob], sums: Sums[Any] | None) -> Iterator[JobResult[Any, Any]]:
    """Run all jobs, yield their results, and deliver the sum, if one is wanted.

    When a worker dies, Dask blames every task that it held, even those that were only waiting. The jobs of all these
    tasks are suspects: each runs once more at the end, alone, and is lost only if workers die again.
    """
    finished: queue.SimpleQueue[Future | None] = queue.SimpleQueue()
    sum_tree = None if sums is None else SumTree(cluster.submit_sum)
    suspects: list[IndexedJob] = []
    with deliver_interrupts_to(finished):
        yield from Pass(cluster, finished, sum_tree, suspects).run(jobs)
        for suspect in suspects:
            yield from Pass(cluster, finished, sum_tree, None).run(iter([suspect]))
    if sums is not None and sum_tree is not None and (total := sum_tree.total()) is not None:
        try:
            sums.receive(cluster.get_result(total)[1])
        except KilledWorker as error:
            raise ClusterFaultError(cluster.address, "its workers died while adding up colors") from error


@dataclass(eq=False)
class Cluster:
    """A connection to a cluster with a pool of our processes on each worker; failures are raised as our own errors."""

    client: Client
    address: str
    pool_name: str
    n_tasks: int = 0  # submitted so far, for unique keys

    def submit_jobs(self, jobs: list[IndexedJob], seconds: float) -> Future:
        """Submit one task of several jobs."""
        return self.client.submit(run_task, self.pool_name, pickle.dumps(jobs), seconds, key=self._new_key())

    def submit_summary(self, future: Future) -> Future:
        """Submit a task that returns the outcomes of another task without their sum."""
        return self.client.submit(drop_sum, future, key=f"{future.key}-summary")

    def submit_sum(self, parts: list[Future]) -> Future:
        """Submit a task that adds up sums on the cluster, where they are."""
        return self.client.submit(add_sums, self.pool_name, parts, key=self._new_key())

    def _new_key(self) -> str:
        self.n_tasks += 1
        return f"{self.pool_name}-{self.n_tasks}"

    def get_result(self, future: Future) -> TaskResult:
        """Return the result of a finished task.

        Raises
        ------
        KilledWorker
            Workers died while running the task.
        SegmenterError
            The whole map must end.
        """
        try:
            done: TaskResult = future.result()
        except (KilledWorker, SegmenterError):
            raise
        except Exception as error:
            self.require_scheduler()
            raise ClusterFaultError(self.address, f"{type(error).__name__}: {error}") from error
        return done

    def require_scheduler(self) -> None:
        """Raise LostClusterError if the scheduler is gone."""
        if self.client.status != "running":
            raise LostClusterError(self.address)

    def count_threads(self) -> int:
        """Return how many jobs the cluster can run at once."""
        self.require_scheduler()
        try:
            return sum(self.client.nthreads().values())
        except OSError:
            raise LostClusterError(self.address) from None

    def wait_for_tasks(self, finished: queue.SimpleQueue[Future | None]) -> list[Future]:
        """Wait until at least one task has finished, and return all that have.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, which arrives in the queue as None.
        LostClusterError, NoWorkersError
            No further task can finish.
        """
        no_workers_since = None
        while True:
            try:
                ready = [finished.get(timeout=1)]
            except queue.Empty:
                if self.count_threads():
                    no_workers_since = None
                    continue
                no_workers_since = no_workers_since or time.monotonic()
                if time.monotonic() - no_workers_since > IDLE_TIMEOUT:
                    raise NoWorkersError(self.address, IDLE_TIMEOUT) from None
                continue
            with suppress(queue.Empty):
                while True:
                    ready.append(finished.get_nowait())
            tasks = [future for future in ready if future is not None]
            if len(tasks) < len(ready):
                raise KeyboardInterrupt
            self.require_scheduler()
            return tasks


class SumTree:
    """Sums of task results that are added on the cluster, `FAN_IN` at a time, so that the cluster never holds many."""

    def __init__(self, submit_sum: Callable[[list[Future]], Future]) -> None:
        self.submit_sum = submit_sum
        self.levels: list[list[Future]] = []  # at level l, sums over FAN_IN^l tasks that wait to be added

    def add(self, part: Future, level: int = 0) -> None:
        """Add one more sum; when a level is full, replace its sums by one sum at the next level."""
        if level == len(self.levels):
            self.levels.append([])
        self.levels[level].append(part)
        if len(self.levels[level]) == FAN_IN:
            parts, self.levels[level] = self.levels[level], []
            self.add(self.submit_sum(parts), level + 1)

    def total(self) -> Future | None:
        """Return the sum of everything; None if nothing was added."""
        parts = [part for level in self.levels for part in level]
        return self.submit_sum(parts) if parts else None


@dataclass(eq=False)
class Pass:
    """One pass over jobs: submit tasks while the cluster has room, and yield their results as they finish."""

    cluster: Cluster
    finished: queue.SimpleQueue[Future | None]  # tasks, in the order in which they finish; None = Ctrl-C
    sum_tree: SumTree | None  # collects sums of results; None = results are sent back whole
    suspects: list[IndexedJob] | None  # collects jobs of tasks that killed workers; None = such jobs are lost
    unsent: deque[IndexedJob] = field(default_factory=deque)
    submitted: dict[str, tuple[list[IndexedJob], Future]] = field(default_factory=dict)  # by key of the awaited future
    jobs_per_task: int = 0  # how many to aim for; set at the start, then learned from finished tasks

    def __post_init__(self) -> None:
        self.jobs_per_task = 1 if self.sum_tree is None else FAN_IN

    def run(self, jobs: Iterator[IndexedJob]) -> Iterator[JobResult[Any, Any]]:
        """Submit the jobs, a few tasks per thread at a time, and yield their results."""
        n_threads, counted_at = 0, 0.0
        while True:
            if time.monotonic() - counted_at > 1:  # workers come and go
                n_threads, counted_at = max(1, self.cluster.count_threads()), time.monotonic()
            self.submit_tasks(jobs, n_threads)
            if not self.submitted:
                return
            for future in self.cluster.wait_for_tasks(self.finished):
                yield from self.collect(future)

    def submit_tasks(self, jobs: Iterator[IndexedJob], n_threads: int) -> None:
        """Submit until each thread has `TASKS_PER_THREAD`; at the end tasks get smaller, so all finish together."""
        n_tasks = TASKS_PER_THREAD * n_threads
        seconds = max(TASK_SECONDS, n_threads / MAX_TASKS_PER_SECOND) if self.sum_tree is None else math.inf
        while len(self.submitted) < n_tasks:
            self.unsent.extend(islice(jobs, max(0, n_tasks * self.jobs_per_task - len(self.unsent))))
            if not self.unsent:
                return
            size = math.ceil(len(self.unsent) / n_tasks)
            self.submit([self.unsent.popleft() for _ in range(size)], seconds)

    def submit(self, jobs: list[IndexedJob], seconds: float) -> None:
        """Submit one task; if sums are wanted, its result stays on the cluster, and only a summary is awaited."""
        future = self.cluster.submit_jobs(jobs, seconds)
        awaited = future if self.sum_tree is None else self.cluster.submit_summary(future)
        self.submitted[awaited.key] = jobs, future
        awaited.add_done_callback(self.finished.put)

    def collect(self, awaited: Future) -> Iterator[JobResult[Any, Any]]:
        """Yield the results of a finished task; the jobs that it did not begin are sent out again."""
        jobs, future = self.submitted.pop(awaited.key)
        try:
            outcomes, _ = self.cluster.get_result(awaited)
        except KilledWorker as error:
            if self.suspects is not None:
                self.suspects += jobs
                return
            outcomes = [explain_killed_workers(error)]
        else:
            if self.sum_tree is not None:
                self.sum_tree.add(future)
        n_done = len(outcomes)
        if self.sum_tree is None:
            # all were done in time: try twice as many; else as many as there was time for
            self.jobs_per_task = max(self.jobs_per_task, 2 * n_done) if n_done == len(jobs) else n_done
        self.unsent.extendleft(reversed(jobs[n_done:]))
        for (index, job), (result, lost) in zip(jobs, outcomes, strict=False):
            yield JobResult(index, job, result, lost)


def explain_killed_workers(error: KilledWorker) -> Outcome:
    """Return the outcome of a job whose workers died although it ran alone."""
    died = f"{error.allowed_failures + 1} workers of the cluster died one after the other"
    return None, f"{died} while they ran only this photo; see their logs, or scale the photo down"


# ---- the connection ------------------------------------------------------------------------------------------------


@contextmanager
def open_connection(address: str) -> Iterator[Client]:
    """Connect to a scheduler, wait for its first worker, and stay connected while the block runs.

    Raises
    ------
    UnreachableSchedulerError, NoWorkersError
    """
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # our errors say the same in one line
    with dask.config.set({"distributed.comm.timeouts.connect": CONNECT_SECONDS}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # versions are compared by `check_cluster`
        client = connect(address)
        try:
            try:
                client.wait_for_workers(1, timeout=CONNECT_SECONDS)
            except TimeoutError as error:
                raise NoWorkersError(address, CONNECT_SECONDS) from error
            yield client
        finally:
            with suppress(OSError, TimeoutError):
                client.close(timeout=2)


def connect(address: str) -> Client:
    """Return a connection, or raise UnreachableSchedulerError within `CONNECT_SECONDS`.

    If something other than a scheduler answers, Dask waits forever. So a thread waits for it, and may be abandoned.
    """
    replies: queue.SimpleQueue[Client | Exception] = queue.SimpleQueue()

    def wait() -> None:
        try:
            replies.put(Client(address, timeout=CONNECT_SECONDS, set_as_default=False))
        except Exception as error:
            replies.put(error)

    threading.Thread(target=wait, daemon=True).start()
    try:
        reply = replies.get(timeout=CONNECT_SECONDS + 1)
    except queue.Empty:
        raise UnreachableSchedulerError(address, "something else answers") from None
    if isinstance(reply, OSError):
        raise UnreachableSchedulerError(address, f"no answer within {CONNECT_SECONDS:g} s") from reply
    if isinstance(reply, Exception):
        raise UnreachableSchedulerError(address, str(reply)) from reply
    return reply


def check_cluster(address: str, photo: str, folder: str) -> None:
    """Raise an error if the cluster could not do the work; called before any job starts.

    Parameters
    ----------
    address : str
        Address of the scheduler.
    photo, folder : str
        A photo that will be read, and the folder that will be written to.

    Raises
    ------
    UnreachableSchedulerError, NoWorkersError, ClusterVersionError
    UnseenFileError
        A worker cannot see the photo or the content of the folder.
    WorkerRefusalError
        A worker is not allowed to write to the folder, or cannot reach the remote store.
    """
    with open_connection(address) as client:
        try:
            found = client.get_versions(packages=["segmenter"])
            compare_versions(address, found)
            with ExitStack() as stack:
                needed = [photo]
                if not is_remote(folder):
                    needed.append(str(stack.enter_context(mark_folder(Path(folder)))))
                paths = [to_absolute(path) for path in needed if is_remote(path) or os.path.lexists(path)]
                seen = client.run(check_visibility, paths, to_absolute(folder), on_error="return")
        except OSError as error:
            raise UnreachableSchedulerError(address, str(error)) from error
    for worker, problem in seen.items():
        if isinstance(problem, SegmenterError):
            raise WorkerRefusalError(address, worker, str(problem))
        if isinstance(problem, Exception):
            raise ClusterFaultError(address, f"{worker}: {type(problem).__name__}: {problem}")
        if problem is not None:
            raise UnseenFileError(address, worker, problem)


def compare_versions(address: str, found: dict[str, Any]) -> None:
    """Raise ClusterVersionError if the versions of the scheduler or a worker differ from those of this process."""
    ours = found["client"]
    processes = {"the scheduler": found["scheduler"]}
    processes |= {f"the worker {worker}": versions for worker, versions in found["workers"].items()}
    for process, theirs in processes.items():
        pythons = [versions["host"]["python"].rsplit(".", 3)[0] for versions in (theirs, ours)]
        if pythons[0] != pythons[1]:
            raise ClusterVersionError(address, process, "Python", *pythons)
        libraries = ("dask", "distributed") if process == "the scheduler" else ("dask", "distributed", "segmenter")
        for library in libraries:
            here, there = (versions["packages"].get(library) for versions in (ours, theirs))
            here = here or __version__  # None if the package runs uninstalled
            if here != there:
                raise ClusterVersionError(address, process, library, there, here)


def check_visibility(paths: list[str], folder: str) -> str | None:
    """Return the first path that this worker cannot see, or None; raise if the folder is not writable."""
    for path in paths:
        if not (to_path(path).exists() if is_remote(path) else os.path.lexists(path)):
            return path
    check_writable(to_path(folder))
    return None
