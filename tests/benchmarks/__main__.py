"""Run all benchmarks, or those named; exit with 1 when a requirement is missed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from .report import machine

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = (
    "fit",
    "restarts",
    "command",
    "memory",
    "help",
    "dense",
    "starts",
    "selection",
    "tables",
    "customers",
    "regions",
    "refine",
    "evaluate",
    "report_page",
    "compare",
    "batch",
    "batch_many",
    "batch_kills",
    "large",
    "large_sample",
    "cluster",
)


def main() -> int:
    """Run each benchmark in its own process, so that none is affected by what another left behind."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    names = parser.parse_args().names or BENCHMARKS
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(machine())
    missed = []
    for name in names:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], cwd=ROOT).returncode != 0:
            missed.append(name)
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nevery requirement is met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
