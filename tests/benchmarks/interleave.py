"""Measure side by side, A B A B …, so that whatever else the machine does hits both. Standard library alone."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What one run took."""

    seconds: float
    peak_rss: int = 0  # bytes; of processes only


def interleave(candidates: Sequence[Callable[[], Run]], n_rounds: int) -> list[list[Run]]:
    """Return the runs of each candidate, which take turns."""
    rounds = [[candidate() for candidate in candidates] for _ in range(n_rounds)]
    return [list(runs) for runs in zip(*rounds, strict=True)]


def call(function: Callable[[], object], n_repeats: int = 1) -> Run:
    """Time a function; of several calls in a row the median counts."""
    times = []
    for _ in range(n_repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return Run(statistics.median(times))


def compiled(cache: Path) -> dict[str, str]:
    """Return an environment in which Python keeps bytecode in a folder: warm-up fills it.

    pip compiles what it installs. An editable installation is compiled on its first run, but not at all where
    PYTHONDONTWRITEBYTECODE is set: then every run would compile our sources, and a user's never does.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def process(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a command to its end, its output thrown away; raise RuntimeError where it fails.

    Linux counts the memory of the process that starts another as the latter's, too (until exec). So call this from
    small processes only: none that has imported NumPy.
    """
    nowhere = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_WRONLY, 0) for descriptor in (1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], list(command), environment, file_actions=nowhere)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise RuntimeError(f"failed with status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return Run(seconds, usage.ru_maxrss * 1024)


def median_seconds(runs: Sequence[Run]) -> float:
    """Return the median time."""
    return statistics.median(run.seconds for run in runs)


def round_ratios(runs: Sequence[Run], base: Sequence[Run]) -> list[float]:
    """Return time over time, round by round."""
    return [a.seconds / b.seconds for a, b in zip(runs, base, strict=True)]
