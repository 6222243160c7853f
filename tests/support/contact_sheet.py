"""A sheet of all figures for three very different photos: ``python -m tests.support.contact_sheet``.

Writes ``outputs/figures/contact-sheet.png``. The figures are drawn by running the command as a user would.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from PIL import Image

from segmenter.arrays import Bytes
from segmenter.io.files.atomic import write_files
from segmenter.render.encoding import encode_figure, fixed_matplotlib_settings
from segmenter.render.page import Box, Font, Picture, compose, create_text
from segmenter.render.pixels import add_opacity
from segmenter.workflows.segment.outputs import PLOTS
from tests.support.paths import ROOT

SHEET = ROOT / "outputs" / "figures" / "contact-sheet.png"
PHOTOS = ("coffee.png", "camera.png", "retina.jpg")
COLUMN_MM, GAP_MM, HEAD_MM = 130.0, 8.0, 9.0
DPI = 90

TITLES = {
    "figure": "segment: photo and segments",
    **{f"plot-{plot}": f"segment --plot {plot}" for plot in PLOTS},
    "regions.figure": "segment --method regions",
    "regions.plot-contours": "segment --method regions --plot contours",
    "segments": "compare --segments 2,3,4,6,8",
    "methods": "compare --methods gmm,hard-em,k-means --color-spaces rgb,lab",
    "overlay": "compare --overlay 0.6 --crop …",
    "boundaries": "compare --boundaries --methods gmm,regions",
}
CROPS = {"coffee.png": "330,60,120,80", "camera.png": "200,60,120,120", "retina.jpg": "60,600,300,300"}


def run(*arguments: str | Path) -> None:
    """Run the command line."""
    subprocess.run([sys.executable, "-m", "segmenter", *map(str, arguments)], check=True, cwd=ROOT)


def draw_figures(photo: str, folder: Path) -> None:
    """Draw every kind of figure of a photo into a folder."""
    path, options = ROOT / "images" / photo, ["-q", "--dpi", "200", "--overwrite"]
    plots = [option for plot in PLOTS for option in ("--plot", plot)]
    run("segment", path, "-o", folder, *options, *plots)
    run("segment", path, "-o", folder / "regions", "--method", "regions", "--plot", "contours", *options)
    for name, variants in {
        "segments": ["--segments", "2,3,4,6,8"],
        "methods": ["--methods", "gmm,hard-em,k-means", "--color-spaces", "rgb,lab"],
        "overlay": ["--overlay", "0.6", "--segments", "3,5,8", "--crop", CROPS[photo]],
        "boundaries": ["--boundaries", "--methods", "gmm,regions"],
    }.items():
        run("compare", path, *variants, "-o", folder / f"{Path(photo).stem}.{name}.png", *options)


def read_figure(folder: Path, photo: str, kind: str) -> Bytes:
    """Return a figure as pixels (H, W, 4)."""
    parent = folder / "regions" if kind.startswith("regions.") else folder
    with Image.open(parent / f"{Path(photo).stem}.{kind.removeprefix('regions.')}.png") as image:
        return add_opacity(np.asarray(image.convert("RGB")))


def compose_sheet(folders: dict[str, Path]) -> bytes:
    """Return all figures as one PNG, with a column for each photo and a row for each kind."""
    width = len(PHOTOS) * (COLUMN_MM + GAP_MM) + GAP_MM
    artists: list[Artist] = []
    top = GAP_MM
    for kind, title in TITLES.items():
        artists.append(create_text((GAP_MM, top + 4.5), title, Font(13, bold=True)))
        top += HEAD_MM
        heights = []
        for column, photo in enumerate(PHOTOS):
            pixels = read_figure(folders[photo], photo, kind)
            full = COLUMN_MM * min(1.0, pixels.shape[1] / 200 * 25.4 / 183)  # the same scale for all figures
            height = full * pixels.shape[0] / pixels.shape[1]
            rows, columns = (round(length / 25.4 * DPI) for length in (height, full))
            with Image.fromarray(pixels) as image:
                small = np.asarray(image.resize((columns, rows), Image.Resampling.LANCZOS))
            left = GAP_MM + column * (COLUMN_MM + GAP_MM)
            artists.append(Picture(small, Box(left, top, full, height)))
            heights.append(height)
        top += max(heights) + GAP_MM
    with fixed_matplotlib_settings():
        return encode_figure(compose(artists, width, top, DPI), "png", metadata={"Title": "Figures of segmenter"})


def main() -> None:
    """Draw all figures and compose the sheet."""
    with tempfile.TemporaryDirectory() as name:
        folders = {photo: Path(name) / photo for photo in PHOTOS}
        for photo, folder in folders.items():
            draw_figures(photo, folder)
        write_files({SHEET: compose_sheet(folders)}, overwrite=True)
    print(f"{SHEET.relative_to(ROOT)}: {SHEET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
