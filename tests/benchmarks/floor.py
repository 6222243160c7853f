"""The floor of the command: the same imports, decoding, drawing and encoding, and no clustering.

Whatever a segmenter in Python has to do that writes these files is here, in its cheapest form, and nothing else. The
labels, the record and the layout of the figure come ready-made from ``prepare.py``.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import click  # noqa: F401  # what reads the options
import numpy as np
import threadpoolctl  # noqa: F401  # what keeps BLAS to one thread
from PIL import Image

ORIENTATION_TAG = 274


def main() -> None:
    """Read PHOTO and the folder PREPARED, write all results of the command to OUTPUT."""
    photo, prepared, output = (Path(argument) for argument in sys.argv[1:4])
    with Image.open(photo) as image:
        image.getexif().get(ORIENTATION_TAG)
        image.load()
        labels = np.load(prepared / "labels.npy")
        layout = json.loads((prepared / "layout.json").read_bytes())
        for name in ("labels", "segments"):
            write_indexed(output / f"{photo.stem}.{name}.png", labels, bytes(layout[name]))
        if "figure" in layout:
            draw(output / f"{photo.stem}.figure.png", np.asarray(image), labels, layout)
    (output / f"{photo.stem}.json").write_bytes((prepared / "record.json").read_bytes())


def write_indexed(path: Path, labels: Any, palette: bytes) -> None:
    """Write labels (H, W) uint8 as an indexed PNG."""
    height, width = labels.shape
    image = Image.frombuffer("P", (width, height), labels, "raw", "P", 0, 1)
    image.putpalette(palette)
    image.save(path, "PNG", compress_type=zlib.Z_RLE)


def draw(path: Path, photo: Any, labels: Any, layout: Any) -> None:
    """Draw photo and segments side by side with a legend; all positions are in pixels from the lower left corner."""
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.text import Text
    from matplotlib.transforms import IdentityTransform

    class Picture(Artist):
        def __init__(self, pixels: Any, left: int, bottom: int, width: int, height: int) -> None:
            super().__init__()
            rows = (2 * np.arange(height) + 1) * len(pixels) // (2 * height)
            columns = (2 * np.arange(width) + 1) * pixels.shape[1] // (2 * width)
            self.pixels = pixels[rows[::-1, None], columns]
            self.corner = left, bottom

        def draw(self, renderer: Any) -> None:
            renderer.draw_image(renderer.new_gc(), *self.corner, self.pixels)

    page = layout["figure"]
    table = np.frombuffer(bytes(layout["segments"]), np.uint8).reshape(-1, 3)
    figure = Figure(figsize=page["inches"], dpi=page["dpi"])
    artists: list[Artist] = [
        Picture(opaque(photo), *page["pictures"][0]),
        Picture(opaque(table)[labels], *page["pictures"][1]),
        *(
            Rectangle((left, bottom), width, height, facecolor=face, edgecolor=edge, linewidth=line)
            for left, bottom, width, height, face, edge, line in page["rectangles"]
        ),
        *(
            Text(left, bottom, text, fontsize=size, fontweight=weight, horizontalalignment=align, color=color)
            for left, bottom, text, size, weight, align, color in page["texts"]
        ),
    ]
    for artist in artists:
        artist.set_transform(IdentityTransform())
        figure.add_artist(artist)
    figure.savefig(
        path,
        format="png",
        dpi=page["dpi"],
        metadata=page["metadata"],
        pil_kwargs={"compress_level": page["compress_level"]},
    )


def opaque(colors: Any) -> Any:
    """Return colors (..., 3) with full opacity, shape (..., 4)."""
    return np.concatenate([colors, np.full_like(colors[..., :1], 255)], axis=-1)


if __name__ == "__main__":
    main()
