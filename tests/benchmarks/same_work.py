"""Check that the floor writes what the product writes: a floor that does other work proves nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

MOST_SIZE_DIFFERENCE = 0.02
MOST_OTHER_PIXELS = 0.001  # of a figure, by more than 8 of 255 levels: outlines a hundredth of a pixel apart


def differences(product: Path, floor: Path) -> list[str]:
    """Return how the files in two folders differ; none where they are the same for every purpose."""
    names = sorted(path.name for path in product.iterdir())
    found = [] if names == sorted(path.name for path in floor.iterdir()) else ["the files have other names"]
    for name in names if not found else []:
        size, floor_size = (product / name).stat().st_size, (floor / name).stat().st_size
        if abs(size - floor_size) > MOST_SIZE_DIFFERENCE * size:
            found.append(f"{name} has {size} bytes, from the floor {floor_size}")
        if name.endswith(".png"):
            with Image.open(product / name) as a, Image.open(floor / name) as b:
                found += picture_differences(name, a, b)
    return found


def picture_differences(name: str, product: Image.Image, floor: Image.Image) -> list[str]:
    """Return how two pictures differ."""
    if (product.size, product.mode, product.getpalette()) != (floor.size, floor.mode, floor.getpalette()):
        return [f"{name} has another size, mode or palette"]
    levels = np.abs(np.asarray(product).astype(np.int16) - np.asarray(floor))
    indexed = product.mode == "P"
    share = float(np.mean(levels > (0 if indexed else 8)))
    return [f"{100 * share:.2f} % of {name} differ"] if share > (0 if indexed else MOST_OTHER_PIXELS) else []


if __name__ == "__main__":
    found = differences(Path(sys.argv[1]), Path(sys.argv[2]))
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
