"""``segmenter --help`` against importing click. Standard library alone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from .command import installed_command
from .interleave import compiled, interleave, process, round_ratios
from .report import installed, spread, verdict

N_ROUNDS = 15
MOST_RATIO = 1.5


def main() -> bool:
    """Measure, print, and return whether the requirement is met."""
    help_command, click_alone = [installed_command(), "--help"], [sys.executable, "-c", "import click"]
    with tempfile.TemporaryDirectory() as cache:
        environment = compiled(Path(cache))
        process(help_command, environment)  # warm-up
        process(click_alone, environment)
        ours, theirs = interleave(
            [lambda: process(help_command, environment), lambda: process(click_alone, environment)], N_ROUNDS
        )
    ratios = round_ratios(ours, theirs)
    ratio = median(ratios)
    print(f"peer: python -c 'import click', click {installed('click')}; median of {N_ROUNDS} interleaved rounds")
    return verdict("segmenter --help", f"{ratio:.2f}× ({spread(ratios)})", f"≤ {MOST_RATIO}×", ratio <= MOST_RATIO)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
