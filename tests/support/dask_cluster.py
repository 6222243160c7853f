"""A Dask cluster on this machine: a real scheduler and real workers, on which photos of certain names cause trouble."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DASK = Path(sys.executable).with_name("dask")


TROUBLE = """
import os, signal, sys, time
if "WITHOUT" in os.environ:
    sys.modules[os.environ["WITHOUT"]] = None
if any("serve(" in word for word in sys.orig_argv):  # a process that does jobs
    import segmenter.workflows.segment.in_memory as job
    import segmenter.workflows.batch.shared_model as shared
    read_photo = job.read_photo
    def read(source, **options):
        name = str(source)
        mark = name + ".began"
        if "crash" in name:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "deadly" in name or ("once" in name and not os.path.exists(mark)):
            open(mark, "w").close()
            os.kill(os.getppid(), signal.SIGKILL)  # the worker of the cluster
            time.sleep(600)
        if "endless" in name:
            time.sleep(600)
        return read_photo(source, **options)
    job.read_photo = shared.read_photo = read
else:
    lexists = os.path.lexists
    os.path.lexists = lambda path: "unseen" not in str(path) and lexists(path)
"""
"""Code that every process of the cluster runs at its start: it makes photos of certain names fail there."""


@contextlib.contextmanager
def start_cluster(
    folder: Path, n_workers: int, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and workers of one thread each; yield the address and the process of the scheduler.

    Environment variables are for all of them.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(TROUBLE)
    environment = {
        **(os.environ if variables is None else variables),
        "PYTHONPATH": str(folder),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "DASK_TEMPORARY_DIRECTORY": str(folder),
    }
    processes = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        with open(folder / "log", "ab") as log:
            command = [str(DASK), *words, "--no-dashboard"]
            processes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder, start_new_session=True)
            )
        return processes[-1]

    try:
        file = folder / "scheduler.json"
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        address = json.loads(file.read_text())["address"]
        if n_workers:
            start("worker", address, "--host", "127.0.0.1", "--nworkers", str(n_workers), "--nthreads", "1")
        yield address, scheduler
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(happened: Any) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
