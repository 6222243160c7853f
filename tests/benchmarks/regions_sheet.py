"""Draw a sheet of val photos, to look at: the photo, plain GMM, regions at medium scale, and what one person drew.

Run as ``python -m tests.benchmarks.regions_sheet SHEET.png [--photos 24] [--scale medium]``.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segmenter.arrays import Bytes
from segmenter.metrics.partitions import covering
from segmenter.segmentation.colors import segment

from .ground_truth import human_segmentations, regions_of
from .photos import BSDS

TRUTH = BSDS.parents[1] / "groundTruth" / "val"
TILE = 240, 160  # width and height
COLUMNS = 2


def painted(pixels: Bytes, labels: NDArray[np.integer[Any]]) -> Bytes:
    """Return each segment in its mean color, with dark lines between them."""
    _, compact = np.unique(labels, return_inverse=True)
    counts = np.bincount(compact.ravel())
    means = np.stack([np.bincount(compact.ravel(), channel) / counts for channel in pixels.reshape(-1, 3).T], axis=1)
    picture = means[compact.reshape(labels.shape)].astype(np.uint8)
    picture[1:][labels[1:] != labels[:-1]] = 0
    picture[:, 1:][labels[:, 1:] != labels[:, :-1]] = 0
    return np.asarray(picture)


def summarize_record(path: Path, scale: str) -> tuple[str, float, list[Bytes]]:
    """Return the name of a photo, the covering of its regions by people, and its four pictures."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    people = human_segmentations(TRUTH / f"{path.stem}.mat")
    plain = regions_of(segment(pixels, "auto").labels)
    regions = segment(pixels, method="regions", scale=scale).labels  # type: ignore[arg-type]
    agreement = float(np.mean([covering(regions, person) for person in people]))
    typical = sorted(people, key=lambda person: int(person.max()))[len(people) // 2]
    return path.stem, agreement, [pixels, *(painted(pixels, labels) for labels in (plain, regions, typical))]


def main() -> int:
    """Write the sheet, the photos of the least agreement first, and print the agreements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sheet", metavar="SHEET.png", type=Path)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--scale", default="medium")
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    paths = sorted(BSDS.glob("*.jpg"))
    paths = paths[:: max(1, len(paths) // options.photos)][: options.photos]
    if not paths or not TRUTH.exists():
        print("BSDS500 with its ground truth is absent: nothing to draw")
        return 0
    with get_context("spawn").Pool() as pool:
        rows = sorted(
            pool.map(partial(summarize_record, scale=options.scale), paths, chunksize=1), key=lambda row: row[1]
        )
    width, height = TILE[0] * 4 + 20, TILE[1] + 16
    n_rows = -(-len(rows) // COLUMNS)
    sheet = Image.new("RGB", (width * COLUMNS, height * n_rows), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (name, agreement, pictures) in enumerate(rows):
        left, top = (i // n_rows) * width, (i % n_rows) * height
        draw.text((left + 2, top + 2), f"{name}  {agreement:.2f}    photo, GMM, regions, one person", fill="black")
        for j, picture in enumerate(pictures):
            tile = Image.fromarray(picture)
            tile.thumbnail(TILE)
            sheet.paste(tile, (left + j * TILE[0], top + 14))
        print(f"{name} {agreement:.3f}")
    sheet.save(options.sheet)
    print(f"mean {np.mean([agreement for _, agreement, _ in rows]):.3f} -> {options.sheet}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
