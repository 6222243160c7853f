"""Write pictures, and read back what a command wrote."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from segmenter.arrays import Pixels

SUMMARIES = ("summary.csv", "summary.json")


def save_image(image: Pixels, path: Path) -> Path:
    """Write a picture, make the folders above it, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file in a folder; none if the folder does not exist."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder except the summaries, which hold times."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in SUMMARIES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
