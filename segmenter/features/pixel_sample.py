"""A sample of pixels that does not depend on the order in which the parts of a picture are met.

Every pixel draws a number from 0 to 1, and those with the smallest are the sample ("bottom-k"): drawn without
replacement, all pixels alike, and the smallest of the smallest of each part are those of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.features.color_counts import ColorCounts, count_colors


@dataclass(frozen=True, eq=False)
class PixelSample:
    """Pixels and what they drew."""

    colors: Pixels  # (n, C)
    priorities: Floats  # (n,), a random number from 0 to 1 each; the smallest are the sample

    @property
    def largest(self) -> float:
        """The largest number drawn: of a full sample, the limit that others have to be below."""
        return float(self.priorities.max(initial=0))


def sample_pixels(
    pixels: Pixels, mask: Bools | None, n_pixels: int, seed: Sequence[int], limit: float = 1.0
) -> PixelSample:
    """Return at most so many of the pixels that take part, of those that draw less than a limit.

    Parameters
    ----------
    pixels : ndarray of shape (h, w, C)
    mask : ndarray of shape (h, w), bool, optional
        True = takes part.
    n_pixels : int
    seed : sequence of int
        Of this part of the picture.
    limit : float, 0 to 1
        What is known to be too much for the sample of the whole; it changes nothing but the work.
    """
    flat = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
    drawn = np.random.default_rng(list(seed)).random(len(flat))
    chosen = np.flatnonzero(drawn < limit)
    if len(chosen) > n_pixels:
        chosen = chosen[np.argpartition(drawn[chosen], n_pixels - 1)[:n_pixels]]
    return PixelSample(flat[chosen], drawn[chosen])


def merge_samples(parts: Iterable[PixelSample], n_pixels: int) -> PixelSample:
    """Return the sample of all parts together, in the order of what was drawn."""
    parts = list(parts)
    colors, drawn = np.concatenate([part.colors for part in parts]), np.concatenate([part.priorities for part in parts])
    order = np.argsort(drawn, kind="stable")[:n_pixels]
    return PixelSample(colors[order], drawn[order])


def count_sample_colors(sample: PixelSample) -> ColorCounts:
    """Return the distinct colors of a sample, and how often each is in it."""
    return count_colors(sample.colors[np.newaxis])
