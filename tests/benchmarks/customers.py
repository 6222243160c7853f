"""The published figures of the customers of ``../shared``, and the memory that a table of a million rows takes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from .command import installed_command
from .interleave import compiled, process
from .report import installed, verdict

ROOT = Path(__file__).resolve().parents[2]
CUSTOMERS = ROOT.parent / "shared" / "data" / "customers"
MOST_BYTES = 2e9

FIGURES = """
import sys
from tests.benchmarks.customers_figures import main
sys.exit(0 if main() else 1)
"""
MAKE_TABLE = """
import sys
import numpy as np
generator = np.random.default_rng(0)
centers = generator.normal(0, 6, (5, 5))
values = centers[generator.integers(0, 5, 1_000_000)] + generator.standard_normal((1_000_000, 5))
np.savetxt(sys.argv[1], values, delimiter=",", header="a,b,c,d,e", comments="", fmt="%.6f")
"""


def memory() -> bool:
    """Measure the command on a generated table; this process has not imported NumPy, see `interleave.process`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MAKE_TABLE, str(folder / "million.csv")], check=True)
        command = [
            installed_command(),
            "cluster",
            str(folder / "million.csv"),
            "-k",
            "5",
            "-q",
            "-o",
            str(folder / "o"),
        ]
        run = process(command, compiled(folder / "bytecode"))
    print(f"1,000,000 rows × 5 columns, K=5, with figures: {run.seconds:.1f} s")
    measured = f"{run.peak_rss / 1e6:.0f} MB"
    return verdict("peak RSS of segmenter cluster", measured, "≤ 2,000 MB", run.peak_rss <= MOST_BYTES)


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    passed = memory()
    if not CUSTOMERS.is_dir():
        print(f"../{CUSTOMERS.relative_to(ROOT.parent)} is absent: the published figures are not checked")
        return passed
    if installed("scikit-learn") == "absent":
        return verdict("customers", "not measured, scikit-learn is absent", "pip install -e '.[test]'", False)
    return subprocess.run([sys.executable, "-c", FIGURES], cwd=ROOT).returncode == 0 and passed


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
