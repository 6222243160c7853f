"""Which regions of a label image touch, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats

Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The borders between regions; the border of two regions consists of all 4-connected pairs of pixels across it."""

    ends: Indices  # (E, 2), the two regions that each border separates, the lower number first
    border_of: Indices  # (B,), the border of each pair of pixels
    first: Indices  # (B,), flat index of one pixel of each pair
    second: Indices  # (B,), flat index of the other pixel

    @property
    def n_borders(self) -> int:
        """E."""
        return len(self.ends)

    def sum_over_borders(self, weights: NDArray[Any] | None = None) -> Floats:
        """Return the sum of the weights (B,) of the pairs of pixels of each border, (E,); None = count the pairs."""
        return np.bincount(self.border_of, weights, self.n_borders).astype(np.float64)


def find_adjacency(labels: NDArray[np.integer[Any]]) -> Adjacency:
    """Return the borders between the regions of a label image (H, W), labeled from 0; −1 = no region."""
    index = np.arange(labels.size).reshape(labels.shape)
    flat = labels.ravel()
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    is_border = (flat[first] != flat[second]) & (np.minimum(flat[first], flat[second]) >= 0)
    first, second = first[is_border], second[is_border]
    one, other = flat[first].astype(np.intp), flat[second].astype(np.intp)
    n = int(flat.max()) + 1
    keys, border_of = np.unique(np.minimum(one, other) * n + np.maximum(one, other), return_inverse=True)
    return Adjacency(np.stack([keys // n, keys % n], axis=1), border_of, first, second)
