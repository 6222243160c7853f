"""Connected components of superpixels: reassign fragments that are cut off from the rest to their neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Labels


def keep_largest_components(labels: Labels, original: Labels) -> None:
    """Reassign, in place, all but the largest component of each superpixel.

    Parameters
    ----------
    labels, original : ndarray of shape (H, W), int32
        The superpixel of each pixel, and the one that it returns to if its fragment has no neighbor; 0 = outside the
        mask.
    """
    components = label_components(labels)
    sizes = np.bincount(components.ravel())
    label_of = np.zeros(len(sizes), dtype=np.int32)
    label_of[components.ravel()] = labels.ravel()
    by_label = np.lexsort((-sizes, label_of))
    _, first = np.unique(label_of[by_label], return_index=True)
    is_fragment = np.ones(len(sizes), dtype=np.bool_)
    is_fragment[by_label[first]] = False
    is_fragment[0] = False
    reassign_fragments(labels, is_fragment[components], original)


def reassign_short_fragments(labels: Labels, original: Labels, is_interior: Bools, max_length: int) -> None:
    """Reassign, in place, short components that contain no interior pixel.

    Parameters
    ----------
    labels, original : ndarray of shape (H, W), int32
        As in `keep_largest_components`.
    is_interior : ndarray of shape (H, W), bool
    max_length : int, pixels
        Components that are taller or wider than this are kept.
    """
    from scipy.ndimage import find_objects

    components = label_components(labels)
    is_fragment = np.ones(components.max(initial=0) + 1, dtype=np.bool_)
    is_fragment[components[is_interior]] = False
    is_fragment[0] = False
    components[~is_fragment[components]] = 0
    for number, box in enumerate(find_objects(components), start=1):
        is_fragment[number] = box is not None and all(side.stop - side.start <= max_length for side in box)
    reassign_fragments(labels, is_fragment[components], original, max_length)


def label_components(labels: Labels | Bools) -> NDArray[np.intp]:
    """Return the 4-connected components of equal labels, numbered from 1, shape (H, W); 0 where the label is 0."""
    from skimage.measure import label

    return np.asarray(label(labels, background=0, connectivity=1))  # type: ignore[no-untyped-call]


def reassign_fragments(labels: Labels, is_fragment: Bools, original: Labels, max_steps: int | None = None) -> None:
    """Reassign the pixels of fragments, in place, to neighboring superpixels, from the outside inwards.

    Parameters
    ----------
    labels, original : ndarray of shape (H, W), int32
        The superpixel of each pixel, and the one that it returns to if no neighboring superpixel reaches it; 0 =
        outside the mask.
    is_fragment : ndarray of shape (H, W), bool
        The pixels to reassign.
    max_steps : int, optional
        Maximum distance, in pixels, of a reassigned pixel from one that keeps its label; None = unlimited.
    """
    y, x = np.nonzero(is_fragment)
    labels[y, x] = 0
    step = 0
    while len(y):
        assigned = np.zeros(len(y), dtype=np.int32)
        for i, j in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            neighbor = labels[np.clip(y + i, 0, labels.shape[0] - 1), np.clip(x + j, 0, labels.shape[1] - 1)]
            assigned = np.where(assigned > 0, assigned, neighbor)
        is_done = assigned > 0
        if not is_done.any() or step == max_steps:
            labels[y, x] = original[y, x]
            break
        labels[y[is_done], x[is_done]] = assigned[is_done]
        y, x = y[~is_done], x[~is_done]
        step += 1
