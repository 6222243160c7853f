"""What the workers of a Dask cluster do: jobs, several in one task, by processes of ours beside each worker."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from distributed import Client, WorkerPlugin, get_worker

from segmenter.execution.api import Sums, available_memory
from segmenter.execution.processes import EXIT_IDLE, Process, Task, start, stop

Outcome: TypeAlias = tuple[Any, str]
"""The result of a job and why it was lost, one of them."""

Done: TypeAlias = tuple[list[Outcome], Any]
"""What became of the first of the jobs of a task, of at least one, and the sum of their results where one is wanted."""

LEAST_MEMORY = 500_000_000
"""Of a process, bytes, where nobody said how much."""


class WorkerPoolPlugin(WorkerPlugin):  # type: ignore[misc]  # Dask is typed in part only
    """Our processes beside a worker of the cluster: started when a job comes, kept until the map ends."""

    def __init__(self, task: Task, timeout: float | None, sums: Sums[Any] | None) -> None:
        self.task, self.timeout = task, timeout
        self.sums = None if sums is None else (sums.told, sums.add)  # None = results come back whole

    def setup(self, worker: Any) -> None:
        """Begin without any."""
        self.processes: set[Process] = set()
        self.idle: list[Process] = []
        self.is_closed = False
        if self.task.max_memory is None:
            free = available_memory()
            limit = worker.memory_manager.memory_limit or free
            share = max(LEAST_MEMORY, min(free, limit) * 9 // 10 // worker.state.nthreads)
            self.task = Task(self.task.function, share, self.task.folder, self.task.patience)

    def teardown(self, worker: Any) -> None:
        """Stop them, busy ones by an interrupt."""
        self.is_closed = True
        stop(list(self.processes))

    def do_some(self, jobs: Sequence[tuple[int, Any]], seconds: float) -> list[Outcome]:
        """Return what becomes of the first jobs: of as many as are begun within some time, of one at least."""
        outcomes: list[Outcome] = []
        end = time.monotonic() + seconds
        for place, job in jobs:
            if self.is_closed or (outcomes and time.monotonic() > end):
                break
            outcomes.append(self.do(place, job))
        return outcomes

    def do(self, place: int, job: Any) -> Outcome:
        """Return the result of a job, or None and why it was lost."""
        while True:
            try:
                process = self.idle.pop()
            except IndexError:
                process = start(self.task, self.timeout)
                self.processes.add(process)
            was_idle = process.started
            process.give(place, job)
            try:
                if not process.started:
                    process.note_start(process.receive())
                result = process.receive()
            except EOFError:
                self.processes.discard(process)
                if was_idle and process.exit_status() == EXIT_IDLE:
                    continue  # it had just run out of patience
                try:
                    return None, process.why_it_died()
                except KeyboardInterrupt:
                    return None, "was interrupted"
            self.idle.append(process)
            return result, ""


@contextmanager
def on_every_worker(client: Client, bench: WorkerPoolPlugin) -> Iterator[str]:
    """Have a bench beside each worker, also those that come later, and yield its name."""
    name = f"segmenter-{os.urandom(8).hex()}"
    client.register_plugin(bench, name=name)
    try:
        yield name
    finally:
        if client.status == "running":
            with suppress(OSError, TimeoutError, ValueError):
                client.sync(client.scheduler.unregister_worker_plugin, name=name, callback_timeout=3)


# ---- tasks of Dask -------------------------------------------------------------------------------------------------


def do_jobs(name: str, jobs: bytes, seconds: float) -> Done:
    """Do the first of some jobs beside the worker that this runs on.

    Parameters
    ----------
    name : str
        Of the bench.
    jobs : bytes
        Pickled, each with its place; in bytes, Dask looks for nothing.
    seconds : float
        In which they are begun.
    """
    bench = get_worker_pool(name)
    outcomes = bench.do_some(pickle.loads(jobs), seconds)
    if bench.sums is None:
        return outcomes, None
    told, add = bench.sums
    total = add([result for result, lost in outcomes if not lost])
    return [(None if lost else told(result), lost) for result, lost in outcomes], total


def summarize_batch(done: Done) -> Done:
    """Return the small part of what a task did."""
    outcomes, _ = done
    return outcomes, None


def sum_of(name: str, parts: list[Done]) -> Done:
    """Return the sum of sums."""
    bench = get_worker_pool(name)
    assert bench.sums is not None
    _, add = bench.sums
    return [], add([part for _, part in parts])


def get_worker_pool(name: str) -> WorkerPoolPlugin:
    """Return the bench beside the worker that this runs on."""
    bench: WorkerPoolPlugin = get_worker().plugins[name]
    return bench
