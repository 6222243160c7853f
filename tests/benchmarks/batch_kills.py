"""Fifty batches killed with SIGKILL, each at another moment, then one that resumes: nothing is lost, nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .batch import COMMAND, make_photos
from .interleave import compiled
from .report import verdict

N_KILLS = 50


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file but the summaries."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("summary."))
    return {path.name: path.read_bytes() for path in paths}


def main() -> bool:
    """Kill, resume, compare, and return whether all is well."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_photos(folder / "photos")
        environment = compiled(folder / "bytecode")
        words = [str(COMMAND), "batch", str(folder / "photos"), "-q", "--no-figure", "-o"]
        started = time.perf_counter()
        subprocess.run([*words, str(folder / "reference")], env=environment, check=True)
        whole = time.perf_counter() - started
        output = folder / "out"
        generator = np.random.default_rng(0)
        broken, half, twice, n_stale = 0, 0, 0, 0
        reference = contents(folder / "reference")
        times: dict[Path, int] = {}
        for _ in range(N_KILLS):
            command = [*words, str(output), "--resume"]
            process = subprocess.Popen(command, env=environment, start_new_session=True)
            time.sleep(generator.uniform(0.1, 0.6 + whole / N_KILLS))
            process.kill()
            process.wait()
            while alive(process.pid):
                time.sleep(0.01)
            n_stale += len(list(output.rglob(".segmenter-*")))
            for name, content in contents(output).items():
                if not name.startswith(".segmenter-"):
                    broken += content != reference[name]
            for record in output.glob("*.json"):
                half += not record.with_name(f"{record.stem}.labels.png").exists()
                twice += times.setdefault(record, record.stat().st_mtime_ns) != record.stat().st_mtime_ns
        n_done = len(times)
        subprocess.run([*words, str(output), "--resume"], env=environment, check=True)
        counts = json.loads((output / "summary.json").read_text())["counts"]
        same = contents(output) == reference
        print(f"{N_KILLS} kills; {n_done} photos done between them, {n_stale} temporary files seen; then {counts}")
        faults = broken + half + twice + (counts["up to date"] != n_done) + (not same)
        outcome = "as" if same else "NOT as"
        measured = f"{broken} broken files, {half} half sets, {twice} done twice, outputs {outcome} of a whole run"
        return verdict("killed fifty times", measured, "none", faults == 0)


def alive(group: int) -> bool:
    """Return whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
