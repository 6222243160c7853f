"""Pictures by windows: 10, 100 and 1,000 megapixels against reading and rewriting them tile by tile, and their memory.

``python -m tests.benchmarks large`` needs 10 GB of disk; ``python -m tests.benchmarks.large 10 100`` does some sizes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from .interleave import compiled
from .report import verdict

SIDES = {10: 3072, 100: 10240, 1000: 32768}
"""Pixels a side, by megapixels."""

MOST_MEGABYTES = 2000
MOST_RATIO = 2.5
MOST_FIT = 0.05
MOST_GROWTH = 1.25
"""Of memory, for ten times the pixels: this is called flat."""

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("segmenter")


@dataclass(frozen=True)
class Cost:
    """What a command took, all of its processes together."""

    seconds: float
    processor_seconds: float
    megabytes: float  # the sum of the peaks of all processes


def cost_of(words: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command in a session of its own and watch its processes."""
    started = time.perf_counter()
    before = os.times()
    process = subprocess.Popen(
        words, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peaks: dict[str, int] = {}
    while process.poll() is None:
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if os.getsid(int(status.parent.name)) == process.pid:
                    lines = status.read_text().splitlines()
                    peaks[status.parent.name] = next(int(line.split()[1]) for line in lines if line[:5] == "VmHWM")
            except (OSError, StopIteration):
                continue
        time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f"failed with status {process.returncode}: {' '.join(words)}")
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.perf_counter() - started, processor, sum(peaks.values()) / 1000)


def measure(folder: Path, megapixels: int) -> tuple[Cost, Cost, float]:
    """Return what the command and the floor took, and the processor seconds of the fit alone."""
    environment = compiled(folder / "bytecode")
    picture = folder / f"{megapixels}.tif"
    if not picture.exists():
        made = [sys.executable, "-m", "tests.benchmarks.large_picture", str(picture), str(SIDES[megapixels])]
        subprocess.run(made, check=True, cwd=HERE.parents[1])
    words = [str(COMMAND), "segment", str(picture), "-k", "5", "--max-memory", "1M", "-o", str(folder / "out")]
    if megapixels == min(SIDES):
        cost_of([*words, "--overwrite"], environment)  # so that bytecode is there, as after an installation
    ours = cost_of([*words, "--overwrite"], environment)
    floor = cost_of([sys.executable, str(HERE / "large_floor.py"), str(picture), str(folder / "copy.tif")], environment)
    (folder / "copy.tif").unlink()
    fitted = subprocess.run(
        [sys.executable, str(HERE / "large_fit.py"), str(picture)], check=True, capture_output=True, env=environment
    )
    measured = json.loads(fitted.stdout)
    print(f"{megapixels} megapixels: {measured['colors']:,} colors, fit {measured['seconds']:.1f} s of processors")
    for name, cost in (("by windows", ours), ("floor", floor)):
        print(
            f"  {name}: {cost.seconds:.1f} s, {cost.processor_seconds:.1f} s of processors, {cost.megabytes:.0f} MB",
            flush=True,
        )
    return ours, floor, float(measured["seconds"])


def main(sizes: Sequence[int] = tuple(SIDES), folder: Path | None = None) -> bool:
    """Measure, print, and return whether every requirement is met."""
    with tempfile.TemporaryDirectory() as temporary:
        results = {size: measure(folder or Path(temporary), size) for size in sizes}
    passed = []
    for size, (ours, floor, fit) in results.items():
        ratio = ours.seconds / floor.seconds
        by_processor = ours.processor_seconds / floor.processor_seconds
        shown = f"{ratio:.2f}×, by processor time {by_processor:.2f}×"
        passed.append(verdict(f"{size} megapixels, floor", shown, f"≤ {MOST_RATIO}×", ratio <= MOST_RATIO))
        passed.append(
            verdict(
                f"{size} megapixels, memory of all processes",
                f"{ours.megabytes:.0f} MB",
                f"≤ {MOST_MEGABYTES} MB",
                ours.megabytes <= MOST_MEGABYTES,
            )
        )
        share = fit / floor.processor_seconds
        is_judged = size == max(SIDES)
        measured = f"{100 * share:.1f} % of the processor time of the floor"
        required = f"< {100 * MOST_FIT:.0f} %" if is_judged else "nothing"
        passed.append(verdict(f"{size} megapixels, fit", measured, required, share < MOST_FIT or not is_judged))
    for small, large in pairwise(sizes):
        growth = results[large][0].processor_seconds / results[small][0].processor_seconds
        pixels = (SIDES[large] / SIDES[small]) ** 2
        measured = f"{growth:.1f}× the processor time for {pixels:.1f}× the pixels"
        passed.append(verdict(f"from {small} to {large} megapixels", measured, "at most linear", growth <= pixels))
        growth = results[large][0].megabytes / results[small][0].megabytes
        measured, required = f"{growth:.2f}× the memory", f"≤ {MOST_GROWTH}×"
        passed.append(verdict(f"from {small} to {large} megapixels", measured, required, growth <= MOST_GROWTH))
    return all(passed)


if __name__ == "__main__":
    chosen = tuple(int(word) for word in sys.argv[1:] if word.isdigit())
    positions = [Path(word) for word in sys.argv[1:] if not word.isdigit()]
    sys.exit(0 if main(chosen or tuple(SIDES), positions[0] if positions else None) else 1)
