"""Worker processes on this machine.

Every worker is a fresh interpreter with one BLAS thread, connected by a socket of its own. It has one job at a time, so
if it dies because memory ran out or a decoder crashed, that job is known to be the cause: it is reported as lost, a new
worker takes over, and the other jobs continue. Workers die with the process that started them.
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
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from segmenter.errors import WorkerStartError
from segmenter.execution.api import JobResult, Workers

J = TypeVar("J")
R = TypeVar("R")

MAIN = f"""
import sys
sys.path.append(sys.argv[1])  # last: used only if the package is not installed
from {__name__} import serve
serve(int(sys.argv[2]), int(sys.argv[3]))
"""

GRACE_SECONDS = 1.0
"""Time that busy workers have to clean up when they are stopped."""

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
DASK_VARIABLES = {"MALLOC_TRIM_THRESHOLD_"}
"""Environment variables that Dask sets for its own workers, and that ours must not inherit. This one makes malloc
return freed memory to the system at once. Every array then needs new pages, which the system clears first: a photo took
twice the processor time."""
STARTED = "started"
EXIT_STOPPED, EXIT_IDLE = 130, 0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker is sent before its first job."""

    function: Callable[[Any], Any]
    max_memory: int | None = None  # bytes of data (RLIMIT_DATA); allocations beyond it fail; None = no limit
    folder: str | None = None  # working directory, if it exists; None = that of the starting process
    idle_timeout: float | None = None  # seconds without a job after which the worker ends; None = it never does


def map_in_processes(
    function: Callable[[J], R], jobs: Iterable[tuple[int, J]], workers: Workers
) -> Generator[JobResult[J, R]]:
    """Apply a function to jobs in processes on this machine, see `segmenter.execution.map.map_jobs`."""
    local_map: LocalMap[J, R] = LocalMap(iter(jobs), WorkerSetup(function, workers.max_memory), workers)
    try:
        while len(local_map.busy) < workers.n_workers and local_map.start_next_job():
            pass
        while local_map.busy:
            for process in wait_for_messages(local_map.busy):
                result = local_map.handle_message(process)
                if result is not None:
                    yield result
    finally:
        stop_workers(local_map.busy)


@dataclass(eq=False)
class LocalMap(Generic[J, R]):
    """A map in progress: the jobs not yet started, and the workers that are busy with one."""

    jobs: Iterator[tuple[int, J]]
    setup: WorkerSetup
    workers: Workers
    busy: list[WorkerProcess] = field(default_factory=list)

    def start_next_job(self) -> bool:
        """Give the next job to an idle worker or a new one; return False if no job is left."""
        next_job = next(self.jobs, None)
        if next_job is None:
            return False
        process = acquire_worker(self.workers.idle or [], self.setup, self.workers.timeout)
        self.busy.append(process)
        process.send_job(*next_job)
        return True

    def handle_message(self, process: WorkerProcess) -> JobResult[J, R] | None:
        """Receive a message from a worker, or notice its death; return the result if the job has ended."""
        try:
            message = process.receive()
        except EOFError:
            self.busy.remove(process)
            lost: JobResult[J, R] = JobResult(process.index, process.job, None, process.explain_death())
            self.start_next_job()
            return lost
        if not process.is_started:
            process.note_start(message)
            return None
        result: JobResult[J, R] = JobResult(process.index, process.job, message)
        next_job = next(self.jobs, None)
        if next_job is not None:
            process.send_job(*next_job)
        else:
            self.busy.remove(process)
            self.release(process)
        return result

    def release(self, process: WorkerProcess) -> None:
        """Keep a worker for the next map if the pool is persistent; otherwise end it."""
        if self.workers.idle is not None:
            self.workers.idle.append(process)
        else:
            process.wait_for_exit()  # it ends by itself when the connection is closed


@contextmanager
def persistent_pool(workers: Workers) -> Iterator[Workers]:
    """Yield the same workers, except that all maps in the block share their processes on this machine."""
    idle: list[WorkerProcess] = []
    try:
        yield replace(workers, idle=idle)
    finally:
        stop_workers(idle)


# ---- in the starting process ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class WorkerProcess:
    """A worker process, the connection to it, and its current job."""

    popen: subprocess.Popen[bytes]
    connection: Connection[Any, Any]
    timeout: float | None  # seconds per job; None = no limit
    is_started: bool = False  # whether it has confirmed its setup
    index: int = -1
    job: Any = None
    job_start: float = 0.0  # when the job was sent or begun, on the monotonic clock

    def set_up(self, setup: WorkerSetup) -> None:
        """Send the setup for the jobs that follow."""
        self.is_started = False
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(setup)

    def send_job(self, index: int, job: Any) -> None:
        """Send a job; if the worker is dead, the next `receive` finds out."""
        self.index, self.job, self.job_start = index, job, time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def seconds_left(self) -> float | None:
        """Return how long the current job may still take; None = no limit."""
        return None if self.timeout is None else max(0.0, self.job_start + self.timeout - time.monotonic())

    def receive(self) -> Any:
        """Return the next message; kill a worker whose job takes too long; raise EOFError if the worker is dead."""
        try:
            if not self.connection.poll(self.seconds_left()):
                self.popen.kill()  # nothing else stops a decoder that hangs
                raise EOFError
            return self.connection.recv()
        except OSError as error:
            raise EOFError from error

    def note_start(self, message: Any) -> None:
        """Handle the first message, with which the worker confirms its setup and begins its job."""
        self.is_started, self.job_start = message == STARTED, time.monotonic()

    def wait_for_exit(self) -> int:
        """Close the connection, wait until the process has ended, and return its exit status, negative for a signal."""
        self.connection.close()
        return self.popen.wait()

    def explain_death(self) -> str:
        """Return why the process died, as the end of a sentence about its photo; raise if the whole map must end."""
        is_overdue = self.seconds_left() == 0
        status = self.wait_for_exit()
        if status in (EXIT_STOPPED, -signal.SIGINT):
            raise KeyboardInterrupt
        if is_overdue:
            return f"took longer than {self.timeout:g} s; raise --timeout or leave the photo out"
        if not self.is_started:
            raise WorkerStartError(f"signal {-status}" if status < 0 else f"exit status {status}")
        if status == -signal.SIGKILL:
            return "the system killed the worker, most likely for lack of memory; scale the photo down or lower --jobs"
        if status < 0:
            return f"the decoder crashed ({signal.Signals(-status).name}); get a complete copy of the photo"
        return f"the worker ended unexpectedly (exit status {status}); raise --max-memory or scale the photo down"


def start_worker(setup: WorkerSetup, timeout: float | None = None) -> WorkerProcess:
    """Start a worker that waits for jobs."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        arguments = (str(Path(__file__).parents[2]), str(theirs.fileno()), str(os.getpid()))
        popen = subprocess.Popen(
            [sys.executable, "-P", "-c", MAIN, *arguments],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # only C libraries print there, and nothing that helps a user
            env={name: value for name, value in os.environ.items() if name not in DASK_VARIABLES} | ONE_THREAD,
        )
        process = WorkerProcess(popen, Connection(ours.detach()), timeout)
    process.set_up(setup)
    return process


def acquire_worker(idle: list[WorkerProcess], setup: WorkerSetup, timeout: float | None) -> WorkerProcess:
    """Return a worker that is set up for jobs: an idle one that is still alive, or a new one."""
    while idle:
        process = idle.pop()
        if process.popen.poll() is None:
            process.timeout = timeout
            process.set_up(setup)
            return process
        process.wait_for_exit()
    return start_worker(setup, timeout)


def wait_for_messages(busy: Sequence[WorkerProcess]) -> list[WorkerProcess]:
    """Wait until workers have sent a message, have died or have run out of time, and return these workers."""
    left = [seconds for process in busy if (seconds := process.seconds_left()) is not None]
    ready = wait([process.connection for process in busy], min(left, default=None))
    return [process for process in busy if process.connection in ready or process.seconds_left() == 0]


def stop_workers(processes: Sequence[WorkerProcess]) -> None:
    """End workers; busy ones have `GRACE_SECONDS` to clean up."""
    for process in processes:
        process.popen.terminate()
        process.connection.close()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()


# ---- in the worker -------------------------------------------------------------------------------------------------


def serve(descriptor: int, parent: int) -> None:
    """Run jobs until the connection is closed; this is the main function of a worker.

    Parameters
    ----------
    descriptor : int
        File descriptor of the worker's end of the socket.
    parent : int
        Process ID of the starting process.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises, so that unfinished work is cleaned up
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the starting process handles Ctrl-C, and then stops this one
    _die_with_parent(parent)
    try:
        with Connection(descriptor) as connection:
            setup = WorkerSetup(abs)
            while connection.poll(setup.idle_timeout):
                message = connection.recv()  # unpickling imports what the function needs
                if isinstance(message, WorkerSetup):
                    setup = message
                    _apply_setup(setup)
                    connection.send(STARTED)
                else:
                    connection.send(setup.function(message))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except KeyboardInterrupt:
        os._exit(EXIT_STOPPED)
    os._exit(EXIT_IDLE)


def _apply_setup(setup: WorkerSetup) -> None:
    """Enter the working directory, and limit the memory of this process."""
    if setup.folder is not None:
        with suppress(OSError):
            os.chdir(setup.folder)
    if setup.max_memory is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = setup.max_memory if hard == resource.RLIM_INFINITY else min(setup.max_memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _die_with_parent(parent: int) -> None:
    """Make the system kill this process when its parent dies; where it cannot, the closed socket ends the process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_STOPPED)
