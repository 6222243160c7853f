"""A random sample of pixels that does not depend on the order in which the parts of a picture are read.

Each pixel gets a random priority from 0 to 1, and the n pixels with the lowest priorities form the sample ("bottom-k
sampling"). The sample is uniform and without replacement. Samples of parts can be merged, because the n lowest
priorities of the whole picture are among the n lowest of each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.features.color_counts import ColorCounts, count_colors


@dataclass(frozen=True, eq=False)
class PixelSample:
    """The colors of some pixels, and their priorities."""

    colors: Pixels  # (n, C)
    priorities: Floats  # (n,), 0 to 1

    @property
    def largest(self) -> float:
        """The largest priority, 0 for an empty sample; once the sample is full, only lower priorities can enter it."""
        return float(self.priorities.max(initial=0))


def sample_pixels(
    pixels: Pixels, mask: Bools | None, n_pixels: int, seed: Sequence[int], limit: float = 1.0
) -> PixelSample:
    """Return the pixels with the lowest priorities in one part of a picture.

    Parameters
    ----------
    pixels : ndarray of shape (h, w, C)
    mask : ndarray of shape (h, w), bool, optional
        True = included.
    n_pixels : int
        Maximum size of the sample.
    seed : sequence of int
        Different for each part of the picture.
    limit : float, 0 to 1
        Pixels with this priority or more are left out, because they are known not to be in the sample of the whole
        picture; this saves work and does not change the merged sample.
    """
    flat = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
    priorities = np.random.default_rng(list(seed)).random(len(flat))
    chosen = np.flatnonzero(priorities < limit)
    if len(chosen) > n_pixels:
        chosen = chosen[np.argpartition(priorities[chosen], n_pixels - 1)[:n_pixels]]
    return PixelSample(flat[chosen], priorities[chosen])


def merge_samples(parts: Iterable[PixelSample], n_pixels: int) -> PixelSample:
    """Return the sample of the union of all parts: at most n pixels, in ascending order of priority."""
    parts = list(parts)
    colors = np.concatenate([part.colors for part in parts])
    priorities = np.concatenate([part.priorities for part in parts])
    order = np.argsort(priorities, kind="stable")[:n_pixels]
    return PixelSample(colors[order], priorities[order])


class RunningSample:
    """A running sample of a picture whose parts are added one by one."""

    def __init__(self, n_pixels: int) -> None:
        self.limit = 1.0  # pixels with this priority or more can no longer enter the sample
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
