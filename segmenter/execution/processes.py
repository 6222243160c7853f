"""Processes of this machine that do jobs.

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
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

from segmenter.errors import WorkerStartError
from segmenter.execution.api import JobResult, Workers

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
OF_DASK = {"MALLOC_TRIM_THRESHOLD_"}
"""What Dask tells its workers, and is not for ours: to hand memory back at once. Each array would be new pages then,
which the system clears first; a photo took twice the processor time."""
STARTED = "started"
EXIT_STOPPED, EXIT_IDLE = 130, 0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Task:
    """What a worker is told before its first job."""

    function: Callable[[Any], Any]
    max_memory: int | None = None  # bytes for its data; beyond, allocation fails in it
    folder: str | None = None  # to work in, where there is one of that name; None = that of the process that starts it
    patience: float | None = None  # seconds without a job after which it ends; None = waits for ever


def map_in_processes(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], workers: Workers
) -> Generator[JobResult[J, R]]:
    """Apply a function to jobs in processes of this machine, see `segmenter.execution.map.map_jobs`."""
    waiting = iter(jobs)
    idle = [] if workers.idle is None else workers.idle
    task = Task(function, workers.max_memory)
    busy: list[Process] = []
    try:
        for place, job in waiting:
            busy.append(employed(idle, task, workers.timeout))
            busy[-1].give(place, job)
            if len(busy) == workers.n_workers:
                break
        while busy:
            for process in with_news(busy):
                try:
                    news = process.receive()
                except EOFError:
                    busy.remove(process)
                    lost = process.why_it_died()
                    following = next(waiting, None)
                    if following is not None:
                        busy.append(employed(idle, task, workers.timeout))
                        busy[-1].give(*following)
                    yield JobResult(process.place, process.job, None, lost)
                    continue
                if not process.started:
                    process.note_start(news)
                    continue
                place, job = process.place, process.job
                following = next(waiting, None)
                if following is None:
                    busy.remove(process)
                    if workers.idle is not None:
                        idle.append(process)
                    else:
                        process.exit_status()  # with the connection closed it ends by itself
                else:
                    process.give(*following)
                yield JobResult(place, job, news)
    finally:
        stop(busy)


@contextmanager
def staying(workers: Workers) -> Iterator[Workers]:
    """Yield the same workers, who stay between maps for the time of a block: those of this machine start once."""
    idle: list[Process] = []
    try:
        yield replace(workers, idle=idle)
    finally:
        stop(idle)


# ---- on our side ---------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Process:
    """A process, the way to it, and the job that it has."""

    popen: subprocess.Popen[bytes]
    connection: Connection[Any, Any]
    timeout: float | None  # seconds a job
    started: bool = False
    place: int = -1
    job: Any = None
    given: float = 0.0  # when it got its job, on the monotonic clock

    def employ(self, task: Task) -> None:
        """Tell what is to be done from now on."""
        self.started = False
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(task)

    def give(self, place: int, job: Any) -> None:
        """Send a job; if the worker has died, the end of the connection is noticed next."""
        self.place, self.job, self.given = place, job, time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def seconds_left(self) -> float | None:
        """Return how long its job may still take, None = for ever."""
        return None if self.timeout is None else max(0.0, self.given + self.timeout - time.monotonic())

    def receive(self) -> Any:
        """Return what was sent; raise EOFError where the worker is dead, or killed by this because its time is up."""
        try:
            if not self.connection.poll(self.seconds_left()):
                self.popen.kill()  # a hanging decoder hears nothing else
                raise EOFError
            return self.connection.recv()
        except OSError as error:
            raise EOFError from error

    def note_start(self, news: Any) -> None:
        """Take note of the first news, which are that the worker begins with its job."""
        self.started, self.given = news == STARTED, time.monotonic()

    def exit_status(self) -> int:
        """Wait until the process is dead, and return how it ended, negative for a signal."""
        self.connection.close()
        return self.popen.wait()

    def why_it_died(self) -> str:
        """Return the reason, as the end of a sentence about a photo; raise what concerns the whole batch."""
        overdue = self.seconds_left() == 0
        status = self.exit_status()
        if status in (EXIT_STOPPED, -signal.SIGINT):
            raise KeyboardInterrupt
        if overdue:
            return f"took longer than {self.timeout:g} s; raise --timeout or leave the photo out"
        if not self.started:
            raise WorkerStartError(f"signal {-status}" if status < 0 else f"exit status {status}")
        if status == -signal.SIGKILL:
            return "the system killed the worker, most likely for lack of memory; scale the photo down or lower --jobs"
        if status < 0:
            return f"the decoder crashed ({signal.Signals(-status).name}); get a whole copy of the photo"
        return f"the worker ended unexpectedly (exit status {status}); raise --max-memory or scale the photo down"


def start(task: Task, timeout: float | None = None) -> Process:
    """Start a worker that waits for jobs."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = (str(Path(__file__).parents[2]), str(theirs.fileno()), str(os.getpid()))
        popen = subprocess.Popen(
            [sys.executable, "-P", "-c", MAIN, *words],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what libraries in C print there is of no use to anybody
            env={name: value for name, value in os.environ.items() if name not in OF_DASK} | ONE_THREAD,
        )
        process = Process(popen, Connection(ours.detach()), timeout)
    process.employ(task)
    return process


def employed(idle: list[Process], task: Task, timeout: float | None) -> Process:
    """Return a worker that is to do a task: one that waits, or a new one."""
    while idle:
        process = idle.pop()
        if process.popen.poll() is None:
            process.timeout = timeout
            process.employ(task)
            return process
        process.exit_status()
    return start(task, timeout)


def with_news(busy: Sequence[Process]) -> list[Process]:
    """Wait until workers have sent something, have died or have no time left, and return them."""
    left = [seconds for process in busy if (seconds := process.seconds_left()) is not None]
    ready = wait([process.connection for process in busy], min(left, default=None))
    return [process for process in busy if process.connection in ready or process.seconds_left() == 0]


def stop(processes: Sequence[Process]) -> None:
    """End workers; busy ones may clean up first, but not for long."""
    for process in processes:
        process.popen.terminate()
        process.connection.close()
    deadline = time.monotonic() + GRACE
    for process in processes:
        try:
            process.popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()


# ---- in the worker -------------------------------------------------------------------------------------------------


def serve(descriptor: int, parent: int) -> None:
    """JobResult jobs until there are no more: the main function of a worker.

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
            task = Task(abs)
            while connection.poll(task.patience):
                news = connection.recv()  # imports what the function needs
                if isinstance(news, Task):
                    task = news
                    _prepare(task)
                    connection.send(STARTED)
                else:
                    connection.send(task.function(news))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except KeyboardInterrupt:
        os._exit(EXIT_STOPPED)
    os._exit(EXIT_IDLE)


def _prepare(task: Task) -> None:
    """Go to where a task is to be done, within the memory that it may take."""
    if task.folder is not None:
        with suppress(OSError):
            os.chdir(task.folder)
    if task.max_memory is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = task.max_memory if hard == resource.RLIM_INFINITY else min(task.max_memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies; where it cannot, the closed socket ends it later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_STOPPED)
