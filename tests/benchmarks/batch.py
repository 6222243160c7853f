"""A folder of 200 photos: two jobs against one, against the floor, and against scikit-learn with joblib."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

import segmenter
from segmenter.features.color_counts import count_colors, sum_counts
from segmenter.segmentation.colors import fit_colors
from segmenter.segmentation.recipe import Recipe

from .interleave import Run, compiled, interleave, process, round_ratios
from .photos import BSDS, SMALL, photo_paths
from .report import spread, verdict

N_PHOTOS = 200
N_ROUNDS = 3
EVERY = 10
"""scikit-learn does every tenth photo only, or the benchmark would take half an hour; its time counts tenfold."""

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("segmenter")


def make_photos(folder: Path, n_photos: int = N_PHOTOS) -> None:
    """Write JPEGs of 481×321: those of BSDS500 that lie that way, or parts of the photos of ``images/``."""
    folder.mkdir()
    sources = sorted(path for name in ("val", "train") for path in (BSDS.parent / name).glob("*.jpg"))
    landscape = [path for path in sources if Image.open(path).size == SMALL][:n_photos]
    for index, path in enumerate(landscape):
        (folder / f"{index:03d}.jpg").write_bytes(path.read_bytes())
    own = photo_paths()
    generator = np.random.default_rng(0)
    for index in range(len(landscape), n_photos):
        with Image.open(own[index % len(own)]) as image:
            width, height = image.size
            scale = generator.uniform(0.5, 1)
            left, top = generator.uniform(0, 1 - scale, 2)
            box = (left * width, top * height, (left + scale) * width, (top + scale) * height)
            image.convert("RGB").resize(SMALL, Image.Resampling.LANCZOS, box=box).save(folder / f"{index:03d}.jpg")
    print(f"{n_photos} photos of 481×321, {len(landscape)} of them of BSDS500", flush=True)


def batch(folder: Path, *options: str) -> Run:
    """Run the command into a new folder."""
    environment = compiled(folder / "bytecode")
    with tempfile.TemporaryDirectory(dir=folder) as output:
        return process([str(COMMAND), "batch", str(folder / "photos"), "-o", f"{output}/out", *options], environment)


def peer(folder: Path, script: str, *arguments: str) -> Run:
    """Run a peer into a new folder."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        words = [sys.executable, str(HERE / script), str(folder / "photos"), output, *arguments]
        return process(words, compiled(folder / "bytecode"))


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_photos(folder / "photos")
        prepared = folder / "prepared"
        words = [str(COMMAND), "batch", str(folder / "photos"), "-o", str(prepared), "--no-figure"]
        process(words, compiled(folder / "bytecode"))
        return all([jobs(folder), floor(folder, prepared), scikit_learn(folder), shared(folder)])


def jobs(folder: Path) -> bool:
    """Two jobs against one."""
    passed = []
    for title, options in (("with figures", ()), ("labels only", ("--no-figure",))):
        n_rounds = N_ROUNDS if options else 1
        one, two = interleave(
            [lambda o=options: batch(folder, "-j", "1", *o), lambda o=options: batch(folder, "-j", "2", *o)],  # type: ignore[misc]
            n_rounds,
        )
        ratios = round_ratios(one, two)
        shown = f"{median(ratios):.2f}× ({spread(ratios)}; {median(run.seconds for run in two):.1f} s here)"
        passed.append(verdict(f"two jobs against one, {title}", shown, "≥ 1.85×", median(ratios) >= 1.85))
    return all(passed)


def floor(folder: Path, prepared: Path) -> bool:
    """Two jobs against decoding and encoding the same files in two processes."""
    ours, theirs = interleave(
        [lambda: batch(folder, "-j", "2", "--no-figure"), lambda: peer(folder, "batch_floor.py", str(prepared))],
        N_ROUNDS,
    )
    ratios = round_ratios(ours, theirs)
    return verdict(
        "against the floor, labels only", f"{median(ratios):.2f}× ({spread(ratios)})", "≤ 3×", median(ratios) <= 3
    )


def scikit_learn(folder: Path) -> bool:
    """Two jobs against GaussianMixture in joblib's two processes, one BLAS thread each."""
    ours, theirs = interleave(
        [lambda: batch(folder, "-j", "2", "--no-figure"), lambda: peer(folder, "batch_sklearn.py", str(EVERY))], 1
    )
    ratio = EVERY * theirs[0].seconds / ours[0].seconds
    shown = f"{ratio:.0f}× (every {EVERY}th photo of its, {theirs[0].seconds:.0f} s)"
    return verdict("against scikit-learn with joblib", shown, "≥ 40×", ratio >= 40)


def shared(folder: Path) -> bool:
    """One model for all: the time of the fit, and its log-likelihood against that of all pixels stacked."""
    output = folder / "shared"
    words = [str(COMMAND), "batch", str(folder / "photos"), "-o", str(output), "--shared-model"]
    whole = process([*words, "--no-figure"], compiled(folder / "bytecode"))
    drawn = process([*words, "--overwrite"], compiled(folder / "bytecode"))
    record = json.loads((output / "shared.json").read_text())
    pictures = [np.asarray(Image.open(path)) for path in sorted((folder / "photos").iterdir())]
    (colors,) = sum_counts(count_colors(picture) for picture in pictures)
    started = time.perf_counter()
    fit_colors(colors, Recipe(), 4)
    seconds = time.perf_counter() - started
    shares = [100 * seconds / run.seconds for run in (drawn, whole)]
    measured = f"{shares[0]:.1f} % with figures, {shares[1]:.1f} % labels only ({len(colors.colors):,} colors)"
    passed = verdict("--shared-model, share of the fit", measured, "< 5 %", shares[0] < 5)
    stacked = segmenter.segment(np.concatenate(pictures))
    difference = abs(stacked.trace.log_likelihoods[-1] - record["fit"]["log_likelihoods"][-1])
    return verdict("--shared-model, difference", f"{difference:.1e} nats", "≤ 1e-9", difference <= 1e-9) and passed


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
