"""Pieces of superpixels: what is cut off from the rest goes to neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Labels


def reassign_small_components(labels: Labels, original: Labels) -> Labels:
    """Return superpixels of which what is cut off went to a neighbor, or where there is none to its original one.

    Both are int32 of shape (H, W); the labels are changed in place.
    """
    pieces = label_components(labels)
    sizes = np.bincount(pieces.ravel())
    owner = np.zeros(len(sizes), dtype=np.int32)
    owner[pieces.ravel()] = labels.ravel()
    order = np.lexsort((-sizes, owner))
    _, first = np.unique(owner[order], return_index=True)
    is_cut_off = np.ones(len(sizes), dtype=np.bool_)
    is_cut_off[order[first]] = False
    is_cut_off[0] = False
    reassign_fragments(labels, is_cut_off[pieces], original)
    return labels


def reassign_short_fragments(labels: Labels, original: Labels, is_sure: Bools, reach: int) -> None:
    """Give away, in place, short pieces no pixel of which is sure.

    Parameters
    ----------
    labels, original : ndarray of shape (H, W), int32
    is_sure : ndarray of shape (H, W), bool
    reach : int, pixels
        Pieces that are longer stay.
    """
    from scipy.ndimage import find_objects

    pieces = label_components(labels)
    is_loose = np.ones(pieces.max(initial=0) + 1, dtype=np.bool_)
    is_loose[pieces[is_sure]] = False
    is_loose[0] = False
    pieces[~is_loose[pieces]] = 0
    for number, box in enumerate(find_objects(pieces), start=1):
        is_loose[number] = box is not None and all(side.stop - side.start <= reach for side in box)
    reassign_fragments(labels, is_loose[pieces], original, reach)


def label_components(labels: Labels | Bools) -> NDArray[np.intp]:
    """Return the number of the 4-connected piece of one label that each pixel is in, (H, W); 0 where that is 0."""
    from skimage.measure import label

    return np.asarray(label(labels, background=0, connectivity=1))  # type: ignore[no-untyped-call]


def reassign_fragments(labels: Labels, is_given: Bools, original: Labels, most_steps: int | None = None) -> None:
    """Give pixels, in place, to neighbors from the outside in, and what has none within some steps back.

    Parameters
    ----------
    labels, original : ndarray of shape (H, W), int32
        0 = of none.
    is_given : ndarray of shape (H, W), bool
    most_steps : int, optional
        Pixels from one that keeps its label; None = as far as there is any.
    """
    y, x = np.nonzero(is_given)
    labels[y, x] = 0
    step = 0
    while len(y):
        taken = np.zeros(len(y), dtype=np.int32)
        for i, j in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            beside = labels[np.clip(y + i, 0, labels.shape[0] - 1), np.clip(x + j, 0, labels.shape[1] - 1)]
            taken = np.where(taken > 0, taken, beside)
        is_done = taken > 0
        if not is_done.any() or step == most_steps:
            labels[y, x] = original[y, x]
            break
        labels[y[is_done], x[is_done]] = taken[is_done]
        y, x = y[~is_done], x[~is_done]
        step += 1
