"""How benchmarks report: the machine, the versions, and one verdict a requirement. Standard library alone."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "scikit-learn", "pillow", "matplotlib", "click", "threadpoolctl")


def machine() -> str:
    """Return the processor, the cores that may be used, and the versions of all that is compared."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{package} {installed(package)}" for package in PACKAGES)
    return f"{processor()}, {cores} cores, {platform.system()}\nPython {platform.python_version()}, {packages}"


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def installed(package: str) -> str:
    """Return the version of a package, or "absent"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def verdict(what: str, measured: str, requirement: str, passed: bool) -> bool:
    """Print whether a requirement is met, and return it."""
    print(f"{'PASS' if passed else 'FAIL'}  {what}: {measured}  (required {requirement})", flush=True)
    return passed


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the smallest and the largest value as text."""
    return f"{min(values):{form}} to {max(values):{form}}"
