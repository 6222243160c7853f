"""The installed command as a whole process, against a floor that does no clustering. Standard library alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .interleave import Run, compiled, interleave, median_seconds, process, round_ratios
from .report import installed, spread, verdict

ROOT = Path(__file__).resolve().parents[2]
FLOOR = "from tests.benchmarks.floor import main; main()"


@dataclass(frozen=True)
class Case:
    """One photo and set of options."""

    title: str
    size: str  # "small" or "large", see `photos`
    with_figure: bool
    n_rounds: int
    most_ratio: float


CASES = (
    Case("481×321 photo, with figure", "small", True, 15, 1.35),
    Case("481×321 photo, --no-figure", "small", False, 15, 1.35),
    Case("4000×3000 photo, --no-figure", "large", False, 5, 2.0),
)


def measure(case: Case, n_rounds: int) -> tuple[list[Run], list[Run]]:
    """Return the runs of the command and of the floor; exit where the two do not write the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        module("prepare", str(folder), case.size, "figure" if case.with_figure else "no-figure")
        output, floor_output = folder / "output", folder / "floor"
        floor_output.mkdir()
        photo = str(folder / "photo.jpg")
        options = [] if case.with_figure else ["--no-figure"]
        command = [installed_command(), "segment", photo, "--overwrite", "-q", "-o", str(output), *options]
        floor = [sys.executable, "-c", FLOOR, photo, str(folder / "prepared"), str(floor_output)]
        environment = compiled(folder / "bytecode")
        process(command, environment)  # warm-up
        process(floor, environment)
        module("same_work", str(output), str(floor_output))
        ours, theirs = interleave(
            [lambda: process(command, environment), lambda: process(floor, environment)], n_rounds
        )
    return ours, theirs


def module(name: str, *arguments: str) -> None:
    """Run a module of the benchmarks in a process of its own, so that this one stays small; exit where it fails."""
    if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", *arguments], cwd=ROOT).returncode != 0:
        sys.exit(f"FAIL  {name}: command and floor cannot be compared")


def installed_command() -> str:
    """Return the path of the command that is installed with the running Python."""
    path = Path(sys.executable).with_name("segmenter")
    if not path.exists():
        sys.exit("the command is not installed in this environment; run: pip install -e .")
    return str(path)


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    libraries = ", ".join(f"{name} {installed(name)}" for name in ("numpy", "pillow", "matplotlib", "click"))
    print(f"peer: floor.py, the same files by the same libraries ({libraries}) from labels made beforehand")
    passed = []
    for case in CASES:
        ours, theirs = measure(case, case.n_rounds)
        ratio = median(round_ratios(ours, theirs))
        excess = 1000 * (median_seconds(ours) - median_seconds(theirs))
        shown = f"{ratio:.2f}× ({spread(round_ratios(ours, theirs))}; {excess:+.0f} ms here; {case.n_rounds} rounds)"
        passed.append(verdict(case.title, shown, f"≤ {case.most_ratio}×", ratio <= case.most_ratio))
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
