"""Write a tiled TIFF of any size, made of real photos: ``python -m tests.benchmarks.large_picture PATH SIDE [FORM]``.

Photos are enlarged eight times, each a block of the picture, and get noise of up to ±2 levels as of a sensor; tile by
tile, so that no size needs much memory. FORM is "deflate" or "plain".
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from segmenter.arrays import Bytes

from .photos import photo_paths

TILE = 512
BLOCK = 4096
"""Pixels a side that one photo is enlarged to."""


def tiles(side: int) -> Iterator[Bytes]:
    """Yield the tiles of a square picture in reading order."""
    photos = []
    for path in photo_paths():
        with Image.open(path) as image:
            photos.append(image.convert("RGB"))
    generator = np.random.default_rng(0)
    for top in range(0, side, TILE):
        for left in range(0, side, TILE):
            photo = photos[(top // BLOCK * 7 + left // BLOCK) % len(photos)]
            across, down = photo.width / BLOCK, photo.height / BLOCK
            x, y = left % BLOCK, top % BLOCK
            box = (x * across, y * down, (x + TILE) * across, (y + TILE) * down)
            enlarged = np.asarray(photo.resize((TILE, TILE), Image.Resampling.BICUBIC, box=box))
            noise = generator.integers(-2, 3, enlarged.shape, dtype=np.int8)
            yield (enlarged + noise.astype(np.int16)).clip(0, 255).astype(np.uint8)


def make(path: Path, side: int, form: str = "deflate") -> None:
    """Write the picture; its side is a multiple of a tile."""
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(
            tiles(side),
            shape=(side, side, 3),
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="rgb",
            compression="zlib" if form == "deflate" else None,
            predictor=form == "deflate",
            metadata=None,
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
