"""A random sample of pixels that does not depend on the parts in which a picture is read, nor on their order.

Each pixel gets a random priority from its position, and the n pixels with the lowest priorities form the sample
("bottom-k sampling"). The sample is uniform and without replacement. Samples of parts can be merged, because the n
lowest priorities of the whole picture are among the n lowest of each part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Pixels
from segmenter.features.color_counts import ColorCounts, count_colors

MAX_SAMPLE_PIXELS = 1 << 19
"""Size of the sample that a mixture is fitted to where there are too many distinct colors to count."""

LARGEST = (1 << 64) - 1
"""The largest priority."""

Priorities: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class PixelSample:
    """The colors of some pixels, and their priorities."""

    colors: Pixels  # (n, C)
    priorities: Priorities  # (n,), all different

    @property
    def largest(self) -> int:
        """The largest priority, 0 for an empty sample; once the sample is full, only lower priorities can enter it."""
        return int(self.priorities.max(initial=0))


def compute_priorities(corner: tuple[int, int], shape: tuple[int, int], full_width: int, seed: int) -> Priorities:
    """Return the priorities of the pixels in a rectangle of a picture: numbers from 0 to 2⁶⁴ − 1, all different.

    They are the finalizer of SplitMix64 (Steele, Lea and Flood 2014), which is a bijection, of the position.

    Parameters
    ----------
    corner : (top, left), pixels
    shape : (h, w), pixels
    full_width : int, pixels
        Of the picture.
    seed : int, at least 0

    Returns
    -------
    ndarray of shape (h, w), uint64
    """
    start = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    rows = np.arange(corner[0], corner[0] + shape[0], dtype=np.uint64)[:, np.newaxis]
    columns = np.arange(corner[1], corner[1] + shape[1], dtype=np.uint64)
    z: Priorities = (rows * np.uint64(full_width) + columns).astype(np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)  # products wrap around, as they shall
    z += start
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return z


def sample_pixels(  # noqa: PLR0913  # which part of which picture, and which of its pixels
    pixels: Pixels,
    mask: Bools | None,
    n_pixels: int,
    seed: int,
    *,
    corner: tuple[int, int] = (0, 0),
    full_width: int | None = None,
    limit: int = LARGEST,
) -> PixelSample:
    """Return the pixels with the lowest priorities in one part of a picture.

    Parameters
    ----------
    pixels : ndarray of shape (h, w, C)
    mask : ndarray of shape (h, w), bool, optional
        True = included.
    n_pixels : int
        Maximum size of the sample.
    seed : int
        The same for all parts of the picture.
    corner : (top, left), pixels
        Where in the picture the part is.
    full_width : int, pixels, optional
        Of the picture; None = the part is the whole picture.
    limit : int
        Pixels with a larger priority are left out, because they are known not to be in the sample of the whole
        picture; this saves work and does not change the merged sample.
    """
    height, width, n_channels = pixels.shape
    drawn = compute_priorities(corner, (height, width), full_width or width, seed)
    flat = pixels.reshape(-1, n_channels) if mask is None else pixels[mask]
    priorities = drawn.ravel() if mask is None else drawn[mask]
    chosen = np.flatnonzero(priorities <= limit)
    if len(chosen) > n_pixels:
        chosen = chosen[np.argpartition(priorities[chosen], n_pixels - 1)[:n_pixels]]
    return PixelSample(flat[chosen], priorities[chosen])


def merge_samples(parts: Iterable[PixelSample], n_pixels: int) -> PixelSample:
    """Return the sample of the union of all parts: at most n pixels, in ascending order of priority."""
    parts = list(parts)
    colors = np.concatenate([part.colors for part in parts])
    priorities = np.concatenate([part.priorities for part in parts])
    order = np.argsort(priorities)[:n_pixels]
    return PixelSample(colors[order], priorities[order])


class RunningSample:
    """A running sample of a picture whose parts are added one by one."""

    def __init__(self, n_pixels: int) -> None:
        self.limit = LARGEST  # pixels with a larger priority can no longer enter the sample
        self._n_pixels = n_pixels
        self._parts: list[PixelSample] = []

    def add(self, part: PixelSample) -> None:
        """Add the sample of a part; parts are merged once they hold more than twice the maximum sample size."""
        self._parts.append(part)
        if sum(len(part.priorities) for part in self._parts) > 2 * self._n_pixels:
            self._parts = [merge_samples(self._parts, self._n_pixels)]
            self.limit = self._parts[0].largest

    def get(self) -> PixelSample | None:
        """Return the sample of all parts so far; None if there are none."""
        return merge_samples(self._parts, self._n_pixels) if self._parts else None


def count_sample_colors(sample: PixelSample) -> ColorCounts:
    """Return the distinct colors of a sample, and how often each occurs in it."""
    return count_colors(sample.colors[np.newaxis])
