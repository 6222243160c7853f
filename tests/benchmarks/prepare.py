"""Make a photo, let the product segment it, and lay down what the floor needs to write the same files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

import segmenter.render.encoding
from segmenter.cli import cli

from .photos import make_large, make_small


def prepare(folder: Path, size: Literal["small", "large"], *, with_figure: bool) -> None:
    """Fill a folder: photo.jpg, the product's files in ``product/``, and what the floor is given in ``prepared/``."""
    photo, product, prepared = folder / "photo.jpg", folder / "product", folder / "prepared"
    (make_small if size == "small" else make_large)(photo)
    figures: list[tuple[Figure, Any]] = []
    encode = segmenter.render.encoding.encode_figure

    def watch(figure: Figure, *arguments: Any, metadata: Any) -> bytes:
        figures.append((figure, metadata))
        return encode(figure, *arguments, metadata=metadata)

    options = [] if with_figure else ["--no-figure"]
    with patch("segmenter.render.encoding.encode_figure", watch):
        status = run_command(["segment", str(photo), "--overwrite", "-q", "-o", str(product), *options])
    if status != 0:
        sys.exit("the command failed")
    prepared.mkdir()
    layout: dict[str, Any] = {}
    for name in ("labels", "segments"):
        with Image.open(product / f"photo.{name}.png") as image:
            layout[name] = image.getpalette()
            if name == "labels":
                np.save(prepared / "labels.npy", np.asarray(image))
    if with_figure:
        layout["figure"] = figure_layout(*figures[0])
    (prepared / "layout.json").write_text(json.dumps(layout), encoding="utf-8")
    (prepared / "record.json").write_bytes((product / "photo.json").read_bytes())


def run_command(arguments: list[str]) -> Any:
    """Run the command line in this process and return its exit status."""
    try:
        return cli.main(arguments, prog_name="segmenter", standalone_mode=False) or 0
    except SystemExit as end:
        return end.code


def figure_layout(figure: Figure, metadata: Any) -> dict[str, Any]:
    """Return the texts, the rectangles and the boxes of the pictures, in pixels from the lower left corner."""
    layout: dict[str, Any] = {
        "inches": figure.get_size_inches().tolist(),
        "dpi": figure.dpi,
        "metadata": dict(metadata),
        "compress_level": segmenter.render.encoding.PNG_COMPRESS_LEVEL,
        "pictures": [],
        "rectangles": [],
        "texts": [],
    }
    for artist in figure.artists:
        if isinstance(artist, Text):
            layout["texts"].append(
                [
                    *artist.get_transform().transform(artist.get_position()).tolist(),
                    artist.get_text(),
                    artist.get_fontsize(),
                    artist.get_fontweight(),
                    artist.get_horizontalalignment(),
                    artist.get_color(),
                ]
            )
            continue
        extent = artist.get_window_extent()
        box = [float(value) for value in extent.bounds]
        if isinstance(artist, Rectangle):
            edge, face = artist.get_edgecolor(), artist.get_facecolor()
            layout["rectangles"].append([*box, face, edge, artist.get_linewidth()])
        else:
            layout["pictures"].append([round(value) for value in box])
    return layout


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), "small" if sys.argv[2] == "small" else "large", with_figure=sys.argv[3] == "figure")
