"""``segmenter compare`` as a whole process, against the same six fits and a plain figure. Standard library alone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from .command import installed_command, module
from .interleave import compiled, interleave, median_seconds, process, round_ratios
from .report import installed, spread, verdict

NUMBERS = ("2", "3", "4", "5", "6", "8")
FLOOR = "from tests.benchmarks.compare_floor import main; main()"
N_ROUNDS = 11
MOST_RATIO = 1.3


def main() -> bool:
    """Measure, print, and return whether the requirement is met."""
    print(f"peer: compare_floor.py, six fits of ours and pyplot of matplotlib {installed('matplotlib')}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        module("prepare", str(folder), "small", "no-figure")
        photo = str(folder / "photo.jpg")
        output = str(folder / "comparison.png")
        ours = [installed_command(), "compare", photo, "-k", ",".join(NUMBERS), "-q", "--overwrite", "-o", output]
        floor = [sys.executable, "-c", FLOOR, photo, str(folder / "floor.png"), *NUMBERS]
        environment = compiled(folder / "bytecode")
        process(ours, environment)  # warm-up
        process(floor, environment)
        runs, base = interleave([lambda: process(ours, environment), lambda: process(floor, environment)], N_ROUNDS)
    ratios = round_ratios(runs, base)
    measured = f"{median(ratios):.2f}× ({spread(ratios)}; {median_seconds(runs):.2f} s here; {N_ROUNDS} rounds)"
    return verdict("481×321 photo in six variants", measured, f"≤ {MOST_RATIO}×", median(ratios) <= MOST_RATIO)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
