"""Ten thousand small photos: memory, and how long it takes to find that nothing is to be done."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from .interleave import compiled
from .report import verdict

FEW, MANY = 100, 10_000
COMMAND = Path(sys.executable).with_name("segmenter")


def make_photos(folder: Path, n_photos: int) -> None:
    """Write photos of 24×24 pixels in folders of a thousand."""
    generator = np.random.default_rng(0)
    for index in range(n_photos):
        path = folder / f"{index // 1000}" / f"{index:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (24, 24, 3), np.uint8)).save(path)


def peak_of_all(folder: Path, *options: str) -> tuple[float, float, float]:
    """Run a batch; return the seconds, and the peak memory of it and of it with all its workers, MB."""
    words = [
        str(COMMAND),
        "batch",
        str(folder / "photos"),
        "-r",
        "-o",
        str(folder / "out"),
        "-q",
        "--no-figure",
        *options,
    ]
    started = time.perf_counter()
    process = subprocess.Popen(words, env=compiled(folder.parent / "bytecode"), start_new_session=True)
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if os.getpgid(int(status.parent.name)) == process.pid:
                    lines = status.read_text().splitlines()
                    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
                    peaks[int(status.parent.name)] = peak
            except (OSError, StopIteration):
                continue
        time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"failed with status {process.returncode}")
    return time.perf_counter() - started, peaks.get(process.pid, 0) / 1000, sum(peaks.values()) / 1000


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = {n_photos: Path(temporary) / str(n_photos) for n_photos in (FEW, MANY)}
        for n_photos, folder in folders.items():
            make_photos(folder / "photos", n_photos)
        _, own_few, all_few = peak_of_all(folders[FEW])
        seconds, own_many, all_many = peak_of_all(folders[MANY])
        print(f"{MANY:,} photos of 24×24 in {seconds:.0f} s; the batch {own_few:.0f} and {own_many:.0f} MB by itself")
        passed = verdict(
            f"memory for {MANY:,} photos beyond that for {FEW}, all processes",
            f"{all_many - all_few:.1f} MB ({all_few:.0f} and {all_many:.0f})",
            "≤ 20 MB",
            all_many - all_few <= 20,
        )
        seconds, _, _ = peak_of_all(folders[MANY], "--resume")
        return verdict(f"--resume over {MANY:,} finished photos", f"{seconds:.1f} s", "< 10 s", seconds < 10) and passed


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
