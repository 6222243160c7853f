"""A Dask cluster of two single-thread workers on loopback against two processes of this machine."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from .batch import batch, make_photos
from .interleave import compiled, interleave, round_ratios
from .report import installed, spread, verdict

N_PHOTOS = 500
N_ROUNDS = 3
DASK = Path(sys.executable).with_name("dask")


@contextmanager
def dask_cluster(folder: Path, n_workers: int) -> Iterator[str]:
    """Start a scheduler and workers of one thread each, and yield the address once they are there."""
    processes = []

    def start(*words: str) -> None:
        with open(folder / "log", "ab") as log:
            processes.append(
                subprocess.Popen(
                    [str(DASK), *words, "--no-dashboard"],
                    env=compiled(folder / "bytecode") | {"DASK_TEMPORARY_DIRECTORY": str(folder)},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    try:
        file = folder / "scheduler.json"
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        while not (file.exists() and file.read_text().endswith("}")):
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        start("worker", address, "--host", "127.0.0.1", "--nworkers", str(n_workers), "--nthreads", "1")
        while (folder / "log").read_text().count("Registered to") < n_workers:
            time.sleep(0.1)
        yield address
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> bool:
    """Measure, print, and return whether the requirement is met."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cluster", description=__doc__)
    parser.add_argument("--photos", type=int, default=N_PHOTOS, help="how many; the requirement is for %(default)s")
    parser.add_argument("--rounds", type=int, default=N_ROUNDS)
    options = parser.parse_args()
    print(f"dask {installed('dask')}, distributed {installed('distributed')}")
    passed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_photos(folder / "photos", options.photos)
        with dask_cluster(folder, 2) as address:
            for title, more in (
                ("labels only", ["--no-figure"]),
                ("--shared-model", ["--no-figure", "--shared-model"]),
            ):
                local, there = interleave(
                    [
                        lambda more=more: batch(folder, "-j", "2", *more),  # type: ignore[misc]
                        lambda more=more: batch(folder, "--scheduler", address, *more),  # type: ignore[misc]
                    ],
                    options.rounds,
                )
                ratios = round_ratios(local, there)
                seconds = median(run.seconds for run in there)
                shown = f"{median(ratios):.2f}× the speed ({spread(ratios)}; {seconds:.1f} s here)"
                passed.append(
                    verdict(f"cluster against --jobs 2, {title}", shown, "≥ 0.8×", median(ratios) >= 0.8)
                    or title == "--shared-model"  # for information
                )
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
