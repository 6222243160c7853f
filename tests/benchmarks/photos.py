"""The photos that benchmarks run on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from segmenter.arrays import Bytes

ROOT = Path(__file__).resolve().parents[2]
BSDS = ROOT.parent / "shared" / "data" / "bsds500" / "images" / "val"
OWN = ROOT / "images"

SMALL = (481, 321)  # width, height of a BSDS500 photo
LARGE = (4000, 3000)


def photo_paths() -> list[Path]:
    """Return every tenth validation photo of BSDS500; where that is absent, the color photos of ``images/``."""
    paths = sorted(BSDS.glob("*.jpg"))[::10] or sorted(
        path for path in OWN.glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png") and is_color(path)
    )
    if not paths:
        sys.exit(f"no photos: neither ../{BSDS.relative_to(ROOT.parent)} nor {OWN.name}/ holds any")
    return paths


def is_color(path: Path) -> bool:
    """Return whether a picture has colors; those of a gray one have no full covariance, which scikit-learn refuses."""
    with Image.open(path) as image:
        return image.mode == "RGB"


def describe_photos() -> str:
    """Return where the photos come from."""
    paths = photo_paths()
    if paths[0].parent == BSDS:
        return f"{len(paths)} photos of BSDS500 (every tenth of val)"
    return f"BSDS500 is absent; {len(paths)} color photos of images/, reduced to {SMALL[0]} pixels a side at most"


def read_pixels(path: Path) -> Bytes:
    """Return a photo as an array (H, W, 3), no larger than one of BSDS500."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    rgb.thumbnail((SMALL[0], SMALL[0]))
    return np.asarray(rgb)


def make_small(path: Path) -> None:
    """Write the first landscape photo as it is, or reduced to 481×321 where it has another size."""
    source = next((p for p in photo_paths() if Image.open(p).size == SMALL and p.suffix == ".jpg"), None)
    if source is not None:
        path.write_bytes(source.read_bytes())
        return
    with Image.open(photo_paths()[0]) as image:
        image.convert("RGB").resize(SMALL, Image.Resampling.LANCZOS).save(path, quality=90)


def make_large(path: Path) -> None:
    """Write a JPEG of 12 megapixels: the small photo enlarged, with noise of up to ±2 levels as of a sensor."""
    make_small(path)
    with Image.open(path) as image:
        enlarged = np.asarray(image.convert("RGB").resize(LARGE, Image.Resampling.LANCZOS))
    noise = np.random.default_rng(0).integers(-2, 3, enlarged.shape, dtype=np.int16)
    Image.fromarray((enlarged + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)
