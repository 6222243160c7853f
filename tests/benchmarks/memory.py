"""Peak memory of the command on a photo of 12 megapixels. Standard library alone, see `interleave.process`."""

from __future__ import annotations

import sys
from statistics import median

from .command import CASES, measure
from .report import verdict

N_ROUNDS = 3
MOST_MEGABYTES = 350.0  # of 10⁶ bytes


def main() -> bool:
    """Measure, print, and return whether the requirement is met."""
    case = next(case for case in CASES if case.size == "large")
    ours, theirs = measure(case, N_ROUNDS)
    peak = max(run.peak_rss for run in ours) / 1e6
    print(f"{case.title}; peer: floor.py, {median(run.peak_rss for run in theirs) / 1e6:.0f} MB")
    return verdict("peak RSS", f"{peak:.0f} MB, the most of {N_ROUNDS} runs", "≤ 350 MB", peak <= MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
