"""Samples whose values are computed block by block in every pass, where storing them would take too much memory.

A color of 8 bits a channel is three bytes; its features, and the same relative to their mean, are 48 bytes more. If
there are millions of colors, and computing their features costs no more than a division, a fit computes them from the
colors in each pass. The arithmetic is the same as for stored values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats


class Rows(Protocol):
    """Finite values (N, D), none missing, of which some rows are computed at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        ...

    def __getitem__(self, rows: slice | NDArray[np.intp], /) -> Floats:
        """Return some rows, (n, D)."""
        ...


class Columns(Protocol):
    """Values (D, N), of which some columns are read at a time; an array will do."""

    def __len__(self) -> int:
        """Return D."""
        ...

    def __getitem__(self, index: tuple[slice, slice | NDArray[np.intp]], /) -> Floats:
        """Return ``[:, columns]``, (D, n)."""
        ...


@dataclass(frozen=True, eq=False)
class LazySamples:
    """Weighted points like `segmenter.arrays.Samples`, but with values that are computed when they are read."""

    rows: Rows  # (N, D)
    weights: Floats  # (N,), positive

    @property
    def values(self) -> Floats:
        """All values at once, (N, D)."""
        return self.rows[:]


@dataclass(frozen=True, eq=False)
class Centred:
    """Values minus an origin, (D, N), computed from rows when they are read."""

    rows: Rows  # (N, D)
    origin: Floats  # (D,)

    def __len__(self) -> int:
        """Return D."""
        return len(self.origin)

    def __getitem__(self, index: tuple[slice, slice | NDArray[np.intp]], /) -> Floats:
        """Return ``[:, columns]``, (D, n): a row for each feature."""
        values = self.rows[index[1]].T
        return np.subtract(values, self.origin[:, None], out=np.empty(values.shape))


def compute_mean(samples: LazySamples, size: int) -> Floats:
    """Return the weighted mean of samples, (D,), reading `size` of them at a time."""
    sums = (samples.weights[block] @ samples.rows[block] for block in iterate_slices(len(samples.weights), size))
    return np.asarray(sum(sums) / samples.weights.sum())


def compute_ranges(columns: Columns, n_samples: int, size: int) -> tuple[Floats, Floats]:
    """Return the minimum and the maximum of each feature, (D,) each, reading `size` samples at a time."""
    blocks = (columns[:, block] for block in iterate_slices(n_samples, size))
    extremes = [(block.min(axis=1), block.max(axis=1)) for block in blocks]
    minima, maxima = zip(*extremes, strict=True)
    return np.min(minima, axis=0), np.max(maxima, axis=0)


def iterate_slices(n: int, size: int) -> Iterator[slice]:
    """Yield the slices that cut n samples into blocks of `size`; the last block may be smaller."""
    return (slice(first, first + size) for first in range(0, n, size))
