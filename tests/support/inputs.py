"""Small photos, rasters, tables and label images that commands are tried on; the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

PHOTOS = Path(__file__).parents[2] / "images"


def make_inputs(folder: Path) -> None:
    """Write all photos, tables and label images that commands read; the same bytes each time."""
    for name in ("formats", "photos/animals", "rasters", "nothing", "damaged", "ours", "truth", "other"):
        (folder / name).mkdir(parents=True)
    make_photos(folder)
    make_rasters(folder)
    make_tables(folder)
    make_label_images(folder)


def scaled(name: str, width: int, height: int) -> Image.Image:
    """Return one of the photos in another size, as colors."""
    with Image.open(PHOTOS / name) as photo:
        return photo.convert("RGB").resize((width, height), Image.Resampling.BOX)


def make_photos(folder: Path) -> None:
    """Write small photos of many formats, a tree of them, and files that are no photos."""
    coffee = scaled("coffee.png", 300, 200)
    chelsea = scaled("chelsea.png", 226, 150)
    camera = scaled("camera.png", 170, 170).convert("L")
    rocket = scaled("rocket.jpg", 214, 142)
    small = scaled("coffee.png", 90, 60)
    coffee.save(folder / "coffee.png")
    chelsea.save(folder / "chelsea.png")
    camera.save(folder / "camera.png")
    rocket.save(folder / "rocket.jpg")
    small.save(folder / "small.png")

    formats = folder / "formats"
    opacity = np.full((60, 90), 255, np.uint8)
    opacity[:20, :30] = 0
    alpha = small.copy()
    alpha.putalpha(Image.fromarray(opacity))
    alpha.save(formats / "alpha.png")
    small.convert("CMYK").save(formats / "cmyk.jpg")
    Image.fromarray(np.asarray(camera, np.uint16) * 257).save(formats / "deep-gray.png")
    camera.save(formats / "gray.bmp")
    camera.save(formats / "plain.pgm")
    small.quantize(32).save(formats / "palette.gif")
    small.save(formats / "photo.webp", lossless=True)
    exif = Image.Exif()
    exif[274] = 6  # orientation: turn by 90 degrees
    small.save(formats / "turned.jpg", exif=exif)

    photos = folder / "photos"
    small.save(photos / "small.png")
    small.save(photos / "small.jpg")  # the same name but for the ending
    chelsea.save(photos / "animals" / "cat.png")
    camera.resize((85, 85)).save(photos / "animals" / "photographer.png")
    small.save(photos / ".hidden.png")
    (photos / "text.jpg").write_text("This is no photo.\n")
    (photos / "notes.txt").write_text("Nor is this.\n")

    two_colors = np.zeros((20, 30, 3), np.uint8)
    two_colors[:, 15:] = 200
    Image.fromarray(two_colors).save(folder / "two-colors.png")
    Image.fromarray(np.zeros((20, 30, 4), np.uint8)).save(folder / "transparent.png")
    content = (folder / "small.png").read_bytes()
    (folder / "truncated.png").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").write_bytes(b"")
    for name, record in (("empty", "{}"), ("cut-off", '{"schema": 1, "input":')):
        small.quantize(4).save(folder / "damaged" / f"{name}.labels.png")
        (folder / "damaged" / f"{name}.json").write_text(record)


def make_rasters(folder: Path) -> None:
    """Write pictures that can be read by windows."""
    generator = np.random.default_rng(0)
    tiles: dict[str, Any] = {"tile": (128, 128), "compression": "zlib"}
    coffee = np.asarray(scaled("coffee.png", 300, 200))
    tifffile.imwrite(folder / "tiled.tif", coffee, photometric="rgb", **tiles)

    large = np.asarray(scaled("coffee.png", 300, 200).resize((2700, 2200), Image.Resampling.NEAREST))
    tifffile.imwrite(folder / "large.tif", large, photometric="rgb", tile=(512, 512), compression="zlib")

    deep = np.asarray(scaled("coffee.png", 900, 600), np.uint16) * 256
    deep += generator.integers(0, 256, deep.shape, dtype=np.uint16)
    tifffile.imwrite(folder / "deep.tif", deep, photometric="rgb", rowsperstrip=64)

    infrared = 255 - coffee[..., :1] // 2
    bands = np.concatenate([coffee, infrared], axis=2)
    bands[:40, :60] = 0
    tags: list[Any] = [  # no-data value, and where on Earth the pixels are
        (42113, "s", 0, "0", True),
        (33550, "d", 3, (30.0, 30.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 4000000.0, 0.0), True),
    ]
    form: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig", "extratags": tags}
    tifffile.imwrite(folder / "bands.tif", bands, **form, **tiles)

    tifffile.imwrite(folder / "rasters" / "east.tif", bands[:, 150:], **form, **tiles)
    tifffile.imwrite(folder / "rasters" / "west.tif", bands[:, :150], **form, **tiles)
    if find_spec("zarr"):
        import zarr

        array: Any = bands
        zarr.save_array(str(folder / "array.zarr"), array)


def make_tables(folder: Path) -> None:
    """Write tables of three clusters of points, of which some are labeled, incomplete or damaged."""
    generator = np.random.default_rng(0)
    kinds = generator.choice(3, 400, p=[0.5, 0.3, 0.2])
    centers = np.array([[0, 0], [5, 1], [2, 6]])
    points = centers[kinds] + generator.normal(size=(400, 2)) @ [[1, 0.5], [0, 0.8]]
    rows = [f"{x:.3f},{y:.3f}" for x, y in points]
    known = [f"{row},{('red', 'green', 'blue')[kind]}" for row, kind in zip(rows[:30], kinds[:30], strict=True)]
    missing = [(f"{row.split(',')[0]},", f"NA,{row.split(',')[1]}", row, row)[i % 4] for i, row in enumerate(rows)]
    mixed = [f"flower {i}\t{x:.2f}\t{y:.2f}" for i, (x, y) in enumerate(points)]
    write_table(folder / "points.csv", "x,y", rows)
    write_table(folder / "known.csv", "x,y,kind", known)
    write_table(folder / "missing.csv", "x,y", missing)
    write_table(folder / "mixed.tsv", "name\theight\twidth", mixed)
    write_table(folder / "ragged.csv", "x,y", ["1,2", "3", "4,5"])


def write_table(path: Path, header: str, rows: Sequence[str]) -> None:
    """Write a header and rows as lines."""
    path.write_text("\n".join([header, *rows]) + "\n")


def make_label_images(folder: Path) -> None:
    """Write label images of ours and of two people, who draw the same shapes a little apart, in several formats."""
    shapes = {
        name: [disc_and_band(shift, n_bands) for shift in (0, 3, 6)] for name, n_bands in (("one", 3), ("two", 5))
    }
    for name, images in shapes.items():
        for place, labels in zip(("ours", "truth", "other"), images, strict=True):
            Image.fromarray(labels.astype(np.uint8)).save(folder / place / f"{name}.png")
    Image.fromarray(shapes["one"][0].astype(np.uint8)).save(folder / "ours" / "alone.png")
    np.save(folder / "scales.npy", np.stack([disc_and_band(2, n_bands) for n_bands in (1, 2, 3, 8)]))
    people = np.empty((1, 2), object)
    for person, labels in enumerate(shapes["one"][1:]):
        people[0, person] = {"Segmentation": labels.astype(np.uint16)}
    content = io.BytesIO()
    savemat(content, {"groundTruth": people})
    header = b"MATLAB 5.0 MAT-file".ljust(116)  # SciPy writes the date into it
    (folder / "people.mat").write_bytes(header + content.getvalue()[len(header) :])


def disc_and_band(shift: int, n_bands: int) -> NDArray[np.int32]:
    """Return labels of vertical bands, 1 to their number, and of a disc upon them."""
    rows, columns = np.mgrid[:70, :90]
    labels = 1 + (columns + shift) * n_bands // 97
    labels[(rows - 35) ** 2 + (columns - 40 - shift) ** 2 < 20**2] = n_bands + 1
    return np.asarray(labels, np.int32)
