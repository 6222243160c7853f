"""The map over jobs: the one seam between a batch and the processes that do its work.

Every worker is a fresh interpreter with one BLAS thread, joined to us by a socket of its own. It has one job at a time,
so that where it dies, killed for lack of memory or by a fault of a decoder, that job is known to be the reason: it is
answered as lost, a new worker takes the place, and all others go on. Workers die with the process that started them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from segmenter.errors import WorkerStartError

J = TypeVar("J")
R = TypeVar("R")

MAIN = f"""
import sys
sys.path.append(sys.argv[1])  # last: where we run uninstalled
from {__name__} import serve
serve(int(sys.argv[2]), int(sys.argv[3]))
"""

GRACE = 1.0
"""Seconds that busy workers have to clean up once they are to stop."""

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
STARTED = "started"
EXIT_STOPPED = 130
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Answer(Generic[J, R]):
    """What became of a job."""

    place: int  # that the job was given
    job: J
    result: R | None  # what the function returned; None where the job was lost
    lost: str = ""  # why the worker died before it answered


def map_jobs(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], n_workers: int, *, max_memory: int | None = None
) -> Generator[Answer[J, R]]:
    """Apply a function to jobs in worker processes, and yield the answers as they come.

    Jobs are taken from their iterable when a worker is free, and no answer is kept: memory does not grow with their
    number. Closing the iterator stops the workers, busy ones by an interrupt.

    Parameters
    ----------
    function : callable
        Of one job; picklable, and so are jobs and results. What it raises is its own affair: catch it, return it.
    jobs : iterable of (int, job)
        Each with a place, which comes back with the answer and tells whose it is.
    n_workers : int, at least 1
        No more are started than there are jobs.
    max_memory : int, bytes, optional
        Memory that a worker may take for its data; beyond, allocation fails in it.

    Yields
    ------
    Answer

    Raises
    ------
    WorkerStartError
        A worker dies before it takes a job.
    """
    waiting = iter(jobs)
    workers: list[_Worker] = []
    try:
        for place, job in waiting:
            workers.append(_start(function, max_memory))
            workers[-1].give(place, job)
            if len(workers) == n_workers:
                break
        while workers:
            for worker in _with_news(workers):
                try:
                    news = worker.connection.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    lost = worker.why_it_died()
                    following = next(waiting, None)
                    if following is not None:
                        workers.append(_start(function, max_memory))
                        workers[-1].give(*following)
                    yield Answer(worker.place, worker.job, None, lost)
                    continue
                if not worker.started:
                    worker.started = news == STARTED
                    continue
                place, job = worker.place, worker.job
                following = next(waiting, None)
                if following is None:
                    worker.connection.close()  # it ends by itself
                    workers.remove(worker)
                    worker.process.wait()
                else:
                    worker.give(*following)
                yield Answer(place, job, news)
    finally:
        _stop(workers)


# ---- on our side ---------------------------------------------------------------------------------------------------


@dataclass
class _Worker:
    """A process, the way to it, and the job that it has."""

    process: subprocess.Popen[bytes]
    connection: Connection[Any, Any]
    started: bool = False
    place: int = -1
    job: Any = None

    def give(self, place: int, job: Any) -> None:
        """Send a job; if the worker has died, the end of the connection is noticed next."""
        self.place, self.job = place, job
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def why_it_died(self) -> str:
        """Return the reason, as the end of a sentence about a photo; raise what concerns the whole batch."""
        self.connection.close()
        status = self.process.wait()
        if status in (EXIT_STOPPED, -signal.SIGINT):
            raise KeyboardInterrupt
        if not self.started:
            raise WorkerStartError(f"signal {-status}" if status < 0 else f"exit status {status}")
        if status == -signal.SIGKILL:
            return "the system killed the worker, most likely for lack of memory; scale the photo down or lower --jobs"
        if status < 0:
            return f"the decoder crashed ({signal.Signals(-status).name}); get a whole copy of the photo"
        return f"the worker ended unexpectedly (exit status {status}); raise --max-memory or scale the photo down"


def _start(function: Callable[[Any], Any], max_memory: int | None) -> _Worker:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = (str(Path(__file__).parents[2]), str(theirs.fileno()), str(os.getpid()))
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", MAIN, *words],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what libraries in C print there is of no use to anybody
            env={**os.environ, **ONE_THREAD},
        )
        connection = Connection(ours.detach())
    worker = _Worker(process, connection)
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.send((function, max_memory))
    return worker


def _with_news(workers: list[_Worker]) -> list[_Worker]:
    """Wait until workers have sent something, or died, and return them."""
    ready = wait([worker.connection for worker in workers])
    return [worker for worker in workers if worker.connection in ready]


def _stop(workers: list[_Worker]) -> None:
    """End all workers; busy ones may clean up first, but not for long."""
    for worker in workers:
        worker.process.terminate()
        worker.connection.close()
    deadline = time.monotonic() + GRACE
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


# ---- in the worker -------------------------------------------------------------------------------------------------


def serve(descriptor: int, parent: int) -> None:
    """Answer jobs until there are no more: the main function of a worker.

    Parameters
    ----------
    descriptor : int
        Of our end of the socket.
    parent : int
        Process that started this one.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was begun is cleaned up
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started us, which tells us then
    _die_with(parent)
    try:
        with Connection(descriptor) as connection:
            function, max_memory = connection.recv()  # imports what the function needs
            if max_memory is not None:
                _, hard = resource.getrlimit(resource.RLIMIT_DATA)
                limit = max_memory if hard == resource.RLIM_INFINITY else min(max_memory, hard)
                resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
            connection.send(STARTED)
            while True:
                connection.send(function(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)
    except KeyboardInterrupt:
        os._exit(EXIT_STOPPED)


def _die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies; where it cannot, the closed socket ends it later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_STOPPED)


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
