"""The code that runs on Dask workers: tasks of several jobs, run in our own processes next to each worker."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from distributed import Client, WorkerPlugin, get_worker

from segmenter.execution.api import Sums, available_memory
from segmenter.execution.processes import EXIT_IDLE, WorkerProcess, WorkerSetup, start_worker, stop_workers

Outcome: TypeAlias = tuple[Any, str]
"""The result of a job and "", or None and why the job was lost."""

TaskResult: TypeAlias = tuple[list[Outcome], Any]
"""The outcomes of the first jobs of a task, at least one, and the sum of their results if one is wanted."""

MIN_MEMORY = 500_000_000
"""Smallest memory limit of a process, in bytes, if the user gave none."""


class WorkerPoolPlugin(WorkerPlugin):  # type: ignore[misc]  # Dask is only partly typed
    """The processes next to one worker of the cluster: started on demand, kept until the map ends."""

    def __init__(self, worker_setup: WorkerSetup, timeout: float | None, sums: Sums[Any] | None) -> None:
        self.worker_setup, self.timeout = worker_setup, timeout
        self.sums = None if sums is None else (sums.summarize, sums.add)  # None = results are sent back whole

    def setup(self, worker: Any) -> None:
        """Divide the memory of the worker among its threads; no process is started yet."""
        self.processes: set[WorkerProcess] = set()
        self.idle: list[WorkerProcess] = []
        self.is_closed = False
        setup = self.worker_setup
        if setup.max_memory is None:
            free = available_memory()
            limit = worker.memory_manager.memory_limit or free
            share = max(MIN_MEMORY, min(free, limit) * 9 // 10 // worker.state.nthreads)
            self.worker_setup = WorkerSetup(setup.function, share, setup.folder, setup.idle_timeout)

    def teardown(self, worker: Any) -> None:
        """Stop all processes; busy ones are interrupted."""
        self.is_closed = True
        stop_workers(list(self.processes))

    def run_jobs(self, jobs: Sequence[tuple[int, Any]], seconds: float) -> list[Outcome]:
        """Run the first job, and those after it that can begin within ``seconds``; return their outcomes."""
        outcomes: list[Outcome] = []
        end = time.monotonic() + seconds
        for index, job in jobs:
            if self.is_closed or (outcomes and time.monotonic() > end):
                break
            outcomes.append(self.run_job(index, job))
        return outcomes

    def run_job(self, index: int, job: Any) -> Outcome:
        """Run a job in an idle process or a new one; return its outcome."""
        while True:
            try:
                process = self.idle.pop()
            except IndexError:
                process = start_worker(self.worker_setup, self.timeout)
                self.processes.add(process)
            was_idle = process.is_started
            process.send_job(index, job)
            try:
                if not process.is_started:
                    process.note_start(process.receive())
                result = process.receive()
            except EOFError:
                self.processes.discard(process)
                if was_idle and process.wait_for_exit() == EXIT_IDLE:
                    continue  # its idle timeout ran out just before the job came
                try:
                    return None, process.explain_death()
                except KeyboardInterrupt:
                    return None, "was interrupted"
            self.idle.append(process)
            return result, ""


@contextmanager
def register_on_workers(client: Client, pool: WorkerPoolPlugin) -> Iterator[str]:
    """Register a pool on every worker of the cluster, including those that join later, and yield its name."""
    name = f"segmenter-{os.urandom(8).hex()}"
    client.register_plugin(pool, name=name)
    try:
        yield name
    finally:
        if client.status == "running":
            with suppress(OSError, TimeoutError, ValueError):
                client.sync(client.scheduler.unregister_worker_plugin, name=name, callback_timeout=3)


# ---- tasks of Dask -------------------------------------------------------------------------------------------------


def run_task(pool_name: str, jobs: bytes, seconds: float) -> TaskResult:
    """Run the jobs of a task, or as many as there is time for, in the pool of the worker that has the task.

    Parameters
    ----------
    pool_name : str
    jobs : bytes
        A list of (index, job), pickled so that Dask does not search it for futures.
    seconds : float
        No job but the first begins later than this.
    """
    pool = get_worker_pool(pool_name)
    outcomes = pool.run_jobs(pickle.loads(jobs), seconds)
    if pool.sums is None:
        return outcomes, None
    summarize, add = pool.sums
    total = add([result for result, lost in outcomes if not lost])
    return [(None if lost else summarize(result), lost) for result, lost in outcomes], total


def drop_sum(done: TaskResult) -> TaskResult:
    """Return the outcomes of a task without their sum, which stays on the cluster."""
    outcomes, _ = done
    return outcomes, None


def add_sums(pool_name: str, parts: list[TaskResult]) -> TaskResult:
    """Return the sum of several sums."""
    pool = get_worker_pool(pool_name)
    assert pool.sums is not None
    _, add = pool.sums
    return [], add([part for _, part in parts])


def get_worker_pool(name: str) -> WorkerPoolPlugin:
    """Return the pool of the worker that the current task runs on."""
    pool: WorkerPoolPlugin = get_worker().plugins[name]
    return pool
