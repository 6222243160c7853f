"""Samples whose values are computed in every pass, some at a time, where keeping them would take too much memory.

A color of 8 bits a channel is three bytes; its features, and the same about their mean, are 48 bytes more. Where there
are millions of colors, and computing their features costs no more than a division, a fit takes them from the colors
each time: the arithmetic is that of values that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats


class Rows(Protocol):
    """Complete and finite values (N, D), computed some rows at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        ...

    def __getitem__(self, place: slice | NDArray[np.intp], /) -> Floats:
        """Return some rows, (n, D)."""
        ...


class Columns(Protocol):
    """Values (D, N), of which some samples are taken at a time; an array is one."""

    def __len__(self) -> int:
        """Return D."""
        ...

    def __getitem__(self, place: tuple[slice, slice | NDArray[np.intp]], /) -> Floats:
        """Return ``[:, place]``, (D, n)."""
        ...


@dataclass(frozen=True, eq=False)
class LazySamples:
    """Weighted points as `segmenter.arrays.Samples`, whose values are computed."""

    rows: Rows  # (N, D)
    weights: Floats  # (N,), positive

    @property
    def values(self) -> Floats:
        """All values at once, (N, D)."""
        return self.rows[:]


@dataclass(frozen=True, eq=False)
class Centred:
    """Values about an origin, (D, N), computed from rows when they are asked for."""

    rows: Rows  # (N, D)
    origin: Floats  # (D,)

    def __len__(self) -> int:
        """Return D."""
        return len(self.origin)

    def __getitem__(self, place: tuple[slice, slice | NDArray[np.intp]], /) -> Floats:
        """Return ``[:, place]``, (D, n), a row a feature."""
        values = self.rows[place[1]].T
        return np.subtract(values, self.origin[:, None], out=np.empty(values.shape))


def mean_of(samples: LazySamples, size: int) -> Floats:
    """Return the weighted mean of samples, (D,), so many at a time."""
    sums = (samples.weights[place] @ samples.rows[place] for place in iterate_slices(len(samples.weights), size))
    return np.asarray(sum(sums) / samples.weights.sum())


def ranges_of(columns: Columns, n_samples: int, size: int) -> tuple[Floats, Floats]:
    """Return the lowest and the highest value of each of D features, (D,), so many samples at a time."""
    blocks = (columns[:, place] for place in iterate_slices(n_samples, size))
    ends = [(block.min(axis=1), block.max(axis=1)) for block in blocks]
    lows, highs = zip(*ends, strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def iterate_slices(n: int, size: int) -> Iterator[slice]:
    """Yield the places of blocks of so many among n samples."""
    return (slice(first, first + size) for first in range(0, n, size))
