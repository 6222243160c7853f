"""The floor of a batch: decode and encode the same files in two processes, nothing else."""

from __future__ import annotations

import shutil
import sys
import zlib
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image


def copy(photo: Path, output: Path, prepared: Path) -> None:
    """Read a photo, and write its labels, segments and record as they were prepared."""
    with Image.open(photo) as image:
        np.asarray(image)
    for ending in ("labels.png", "segments.png"):
        with Image.open(prepared / f"{photo.stem}.{ending}") as image:
            image.load()
            image.save(output / f"{photo.stem}.{ending}", "PNG", compress_type=zlib.Z_RLE)
    shutil.copyfile(prepared / f"{photo.stem}.json", output / f"{photo.stem}.json")


if __name__ == "__main__":
    photos, output, prepared = map(Path, sys.argv[1:])
    with Pool(2) as pool:
        pool.map(partial(copy, output=output, prepared=prepared), sorted(photos.iterdir()), chunksize=1)
