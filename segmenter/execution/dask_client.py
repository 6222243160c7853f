"""Workers of a Dask cluster that do jobs.

Beside every worker of the cluster, processes of ours do the jobs, one for each of its threads: the same processes as in
a local run (`segmenter.execution.processes`), with the same limits, so that a photo which takes its process along is
lost here as it is there, and no thread shares an interpreter with another. Where a worker itself dies, Dask gives its
tasks to the others. Photos and results go by path; what travels is small.

A task costs scheduler, worker and us some milliseconds, whatever is in it; so it has several jobs, and is done when its
time is up: what was not begun by then comes back, and goes out again. There is no need to know how long a job takes.
Where results are added up, tasks have a number of jobs and all the time: Dask does them again where their worker dies
before their sums are used, which must then be of the same jobs.
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
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

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
from segmenter.execution.dask_worker import Done, WorkerPoolPlugin, do_jobs, on_every_worker, sum_of, summarize_batch
from segmenter.execution.interrupts import interrupts_in
from segmenter.execution.processes import Task
from segmenter.io.files.atomic import check_writable, mark_folder
from segmenter.io.files.remote import absolute, as_path, is_remote

J = TypeVar("J")
R = TypeVar("R")

CONNECT_SECONDS = 8.0
"""That a scheduler may take to answer, and a cluster to have its first worker."""

PATIENCE = 60.0
"""Seconds without workers after which a cluster is given up, and without a job after which a process of ours ends."""

TASKS_AHEAD = 2
"""For each thread of the cluster: one that it does, and one that is there when that is done."""

TASK_SECONDS = 0.25
"""In which the jobs of a task are begun."""

MOST_TASKS = 200
"""A second, of the whole cluster: one that is so large has longer tasks."""

FAN_IN = 16
"""Results, and then sums, that are added at once."""


def map_on_cluster(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], workers: Workers, sums: Sums[R] | None
) -> Generator[JobResult[J, R]]:
    """Apply a function to jobs on a cluster, see `segmenter.execution.map.map_jobs`."""
    assert workers.scheduler is not None
    with connected(workers.scheduler) as client:
        bench = WorkerPoolPlugin(Task(function, workers.max_memory, str(Path.cwd()), PATIENCE), workers.timeout, sums)
        with on_every_worker(client, bench) as name:
            yield from _Map(client, workers.scheduler, name, sums).answers(iter(jobs))


class _Map:
    """A map that is under way."""

    def __init__(self, client: Client, address: str, name: str, sums: Sums[Any] | None) -> None:
        self.client, self.address, self.name, self.sums = client, address, name, sums
        self.finished: queue.SimpleQueue[Future | None] = queue.SimpleQueue()  # None = a Ctrl-C
        self.waiting: deque[tuple[int, Any]] = deque()
        self.given: dict[str, tuple[list[tuple[int, Any]], Future]] = {}  # by the key of what is waited for
        self.n_tasks = 0
        self.size = 1 if sums is None else FAN_IN  # jobs in a task, while there are enough
        self.levels: list[list[Future]] = []  # sums of FAN_IN^level tasks that wait to be added
        self.suspects: list[tuple[int, Any]] = []
        self.alone = False

    def answers(self, jobs: Iterator[tuple[int, Any]]) -> Iterator[JobResult[Any, Any]]:
        """Hand out jobs and yield what becomes of them; those whose workers died come once more at the end, alone.

        Dask blames a death on all tasks that the worker had, also on those that waited there.
        """
        with interrupts_in(self.finished):
            yield from self.pass_of(jobs)
            self.alone = True
            for suspect in self.suspects:
                yield from self.pass_of(iter([suspect]))
        if self.sums is not None and any(self.levels):
            total = self.add([part for level in self.levels for part in level])
            try:
                self.sums.take(self.value(total)[1])
            except KilledWorker as error:
                raise ClusterFaultError(self.address, "its workers die while they add up colors") from error

    def pass_of(self, jobs: Iterator[tuple[int, Any]]) -> Iterator[JobResult[Any, Any]]:
        """Hand out jobs, a few tasks for each thread at a time, and yield what becomes of them."""
        n_threads, counted = 0, 0.0
        while True:
            if time.monotonic() - counted > 1:  # workers come and go
                n_threads, counted = max(1, self.n_threads()), time.monotonic()
            n_tasks = TASKS_AHEAD * n_threads
            while len(self.given) < n_tasks:
                self.waiting.extend(islice(jobs, max(0, n_tasks * self.size - len(self.waiting))))
                if not self.waiting:
                    break
                size = -(-len(self.waiting) // n_tasks)  # fewer and fewer at the end, so that all end together
                seconds = max(TASK_SECONDS, n_threads / MOST_TASKS) if self.sums is None else math.inf
                self.give([self.waiting.popleft() for _ in range(size)], seconds)
            if not self.given:
                return
            yield from self.news()

    def give(self, jobs: list[tuple[int, Any]], seconds: float) -> None:
        """Submit a task; where sums are wanted, its results stay there, and a small part of them comes back."""
        self.n_tasks += 1
        key = f"{self.name}-{self.n_tasks}"
        future = wanted = self.client.submit(do_jobs, self.name, pickle.dumps(jobs), seconds, key=key)
        if self.sums is not None:
            wanted = self.client.submit(summarize_batch, future, key=f"{key}-told")
        self.given[wanted.key] = jobs, future
        wanted.add_done_callback(self.finished.put)

    def news(self) -> Iterator[JobResult[Any, Any]]:
        """Wait for tasks to be finished, and yield what became of their jobs."""
        for wanted in self.wait():
            jobs, future = self.given.pop(wanted.key)
            try:
                outcomes, _ = self.value(wanted)
            except KilledWorker as error:
                if not self.alone:
                    self.suspects += jobs
                    continue
                died = f"{error.allowed_failures + 1} workers of the cluster died one after the other"
                outcomes = [(None, f"{died} while they had it alone; see their logs, or scale the photo down")]
            else:
                if self.sums is not None:
                    self.keep(0, future)
            n_done = len(outcomes)
            if self.sums is None:
                self.size = max(self.size, 2 * n_done) if n_done == len(jobs) else n_done
            self.waiting.extendleft(reversed(jobs[n_done:]))
            for (place, job), (result, lost) in zip(jobs, outcomes, strict=False):
                yield JobResult(place, job, result, lost)

    def wait(self) -> list[Future]:
        """Return what is finished; raise where nothing ever will be, and KeyboardInterrupt after a Ctrl-C."""
        lonely_since = None
        while True:
            try:
                ready = [self.finished.get(timeout=1)]
            except queue.Empty:
                self.require_scheduler()
                if self.n_threads():
                    lonely_since = None
                    continue
                lonely_since = lonely_since or time.monotonic()
                if time.monotonic() - lonely_since > PATIENCE:
                    raise NoWorkersError(self.address, PATIENCE) from None
                continue
            with suppress(queue.Empty):
                while True:
                    ready.append(self.finished.get_nowait())
            finished = [future for future in ready if future is not None]
            if len(finished) < len(ready):
                raise KeyboardInterrupt
            self.require_scheduler()
            return finished

    def keep(self, level: int, part: Future) -> None:
        """Take a part of the sum, and add as many as there must be."""
        if level == len(self.levels):
            self.levels.append([])
        self.levels[level].append(part)
        if len(self.levels[level]) == FAN_IN:
            parts, self.levels[level] = self.levels[level], []
            self.keep(level + 1, self.add(parts))

    def add(self, parts: list[Future]) -> Future:
        """Have parts added where they are."""
        self.n_tasks += 1
        return self.client.submit(sum_of, self.name, parts, key=f"{self.name}-{self.n_tasks}")

    def value(self, future: Future) -> Done:
        """Return what a task did; raise what concerns the whole map."""
        try:
            done: Done = future.result()
        except (KilledWorker, SegmenterError):
            raise
        except Exception as error:
            self.require_scheduler()
            raise ClusterFaultError(self.address, f"{type(error).__name__}: {error}") from error
        return done

    def require_scheduler(self) -> None:
        """Raise LostClusterError unless the scheduler is there."""
        if self.client.status != "running":
            raise LostClusterError(self.address)

    def n_threads(self) -> int:
        """Return how many jobs the cluster can do at once."""
        self.require_scheduler()
        try:
            return sum(self.client.nthreads().values())
        except OSError:
            raise LostClusterError(self.address) from None


# ---- the connection ------------------------------------------------------------------------------------------------


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to a scheduler that has workers, for the time of a block.

    Raises
    ------
    UnreachableSchedulerError, NoWorkersError
    """
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what they would print is told in one line
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
    """Return a connection, or raise UnreachableSchedulerError, soon.

    Dask waits for ever where something answers that is no scheduler; so a thread of its own waits, and may be left.
    """
    answers: queue.SimpleQueue[Client | Exception] = queue.SimpleQueue()

    def wait() -> None:
        try:
            answers.put(Client(address, timeout=CONNECT_SECONDS, set_as_default=False))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=wait, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS + 1)
    except queue.Empty:
        raise UnreachableSchedulerError(address, "what answers is none") from None
    if isinstance(answer, OSError):
        raise UnreachableSchedulerError(address, f"nothing within {CONNECT_SECONDS:g} s") from answer
    if isinstance(answer, Exception):
        raise UnreachableSchedulerError(address, str(answer)) from answer
    return answer


def check_cluster(address: str, photo: str, folder: str) -> None:
    """Refuse a cluster that could not do the work, before any is begun.

    Parameters
    ----------
    address : str
        Of the scheduler.
    photo, folder : str
        A photo that is to be read, and the folder that is to be written to.

    Raises
    ------
    UnreachableSchedulerError, NoWorkersError, ClusterVersionError
    UnseenFileError
        A worker does not see the photo, or what is in the folder.
    WorkerRefusalError
        A worker may not write to the folder, or lacks what it takes to reach a store.
    """
    with connected(address) as client:
        try:
            found = client.get_versions(packages=["segmenter"])
            compare_versions(address, found)
            with ExitStack() as stack:
                needed = [photo]
                if not is_remote(folder):
                    needed.append(str(stack.enter_context(mark_folder(Path(folder)))))
                paths = [absolute(path) for path in needed if is_remote(path) or os.path.lexists(path)]
                seen = client.run(look, paths, absolute(folder), on_error="return")
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
    """Raise ClusterVersionError where the scheduler or a worker has other versions than this process."""
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
            here = here or __version__  # run where it is not installed
            if here != there:
                raise ClusterVersionError(address, process, library, there, here)


def look(paths: list[str], folder: str) -> str | None:
    """Return the first path that is not seen; raise ReadError or WriteError where the store or the folder refuses."""
    for path in paths:
        if not (as_path(path).exists() if is_remote(path) else os.path.lexists(path)):
            return path
    check_writable(as_path(folder))
    return None
