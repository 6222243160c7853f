"""Synthetic pictures with a known number of colored regions: all that makes photos hard, but for the question.

2 to 8 regions of a Voronoi diagram or of smooth blobs, each of one color (any two at least `LEAST_DISTANCE` apart);
one to three regions a color; shading across the picture, grain of some spatial correlation, an optical blur, and JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from segmenter.arrays import Bytes, Floats

LEAST_DISTANCE = 40.0
"""Levels of 255 between two colors, Euclidean in sRGB."""

LEAST_SHARE = 0.03
"""Of the picture, for each color."""

HEIGHT, WIDTH = 200, 300


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A picture and its truth."""

    pixels: Bytes  # (H, W, 3), or (H, W, 1)
    n_segments: int


def synthetic(seed: int, *, gray: bool = False) -> Synthetic:
    """Return the picture of a seed: 2 + seed mod 7 colors.

    Parameters
    ----------
    seed : int
    gray : bool
        One channel; levels at least 25 of 255 apart, as 8 of them 50 apart do not exist.
    """
    generator = np.random.default_rng([7919, seed])
    n_segments = 2 + seed % 7
    colors = distinct_levels(n_segments, generator) if gray else distant_colors(n_segments, generator)
    regions = draw_regions(n_segments, generator)
    picture = colors[regions]
    shading = generator.uniform(0, 0.25)
    angle = generator.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
    picture *= 1 + shading * (rows * np.sin(angle) + columns * np.cos(angle))[..., None]
    blurred = gaussian_filter(picture, (sigma := generator.uniform(0.3, 2.0), sigma, 0))
    blurred += grain(blurred.shape, generator)
    return Synthetic(as_jpeg(blurred, int(generator.integers(75, 96))), n_segments)


def distant_colors(n: int, generator: np.random.Generator) -> Floats:
    """Return n random colors (n, 3), from 15 to 240, any two far apart."""
    colors: list[Floats] = []
    while len(colors) < n:
        color = generator.uniform(15, 240, 3)
        if all(np.linalg.norm(color - other) >= LEAST_DISTANCE for other in colors):
            colors.append(color)
    return np.stack(colors)


def distinct_levels(n: int, generator: np.random.Generator) -> Floats:
    """Return n random gray levels (n, 1), from 15 to 240, any two at least 25 apart."""
    room = 225 - 25 * (n - 1)
    levels = 15 + np.sort(generator.uniform(0, room, n)) + 25 * np.arange(n)
    return generator.permutation(levels)[:, None]


def draw_regions(n_colors: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the color of each pixel, 0…n−1, each with its least share: a Voronoi diagram, or blobs."""
    while True:
        if generator.random() < 0.5:
            n_sites = n_colors * int(generator.integers(1, 4))
            sites = generator.uniform(0, 1, (n_sites, 2)) * (HEIGHT, WIDTH)
            rows, columns = np.mgrid[:HEIGHT, :WIDTH]
            distances = (rows[..., None] - sites[:, 0]) ** 2 + (columns[..., None] - sites[:, 1]) ** 2
            regions = distances.argmin(axis=-1) % n_colors
        else:
            fields = generator.standard_normal((n_colors, HEIGHT, WIDTH))
            regions = gaussian_filter(fields, (0, size := generator.uniform(15, 30), size)).argmax(axis=0)
        if (np.bincount(regions.ravel(), minlength=n_colors) >= LEAST_SHARE * regions.size).all():
            return np.asarray(regions)


def grain(shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Return noise of 1 to 12 levels, correlated over 0 to 2 pixels; half of it common to all channels."""
    deviation, width = generator.uniform(1, 12), generator.uniform(0, 2)
    noise = generator.standard_normal(shape) + generator.standard_normal((*shape[:2], 1))
    noise = gaussian_filter(noise, (width, width, 0))
    return np.asarray(noise * (deviation / noise.std()))


def as_jpeg(picture: Floats, quality: int) -> Bytes:
    """Return the picture after JPEG, (H, W, C)."""
    content = BytesIO()
    rounded = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    Image.fromarray(rounded[..., 0] if rounded.shape[2] == 1 else rounded).save(content, "JPEG", quality=quality)
    with Image.open(content) as image:
        return np.asarray(image).reshape(picture.shape)
