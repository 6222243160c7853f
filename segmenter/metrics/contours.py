"""Cut ultrametric contour maps at several heights into segmentations."""

from __future__ import annotations

import numpy as np

from segmenter.arrays import Floats, Labels


def cut_contours(contours: Floats, height: float) -> Labels:
    """Return the regions that are separated by boundaries above a height, (H, W), numbered from 1.

    Parameters
    ----------
    contours : ndarray of shape (2 H + 1, 2 W + 1), 0 to 1
        The height of each piece of boundary.
    height : float
        Boundaries of at most this height are ignored.
    """
    from scipy.ndimage import label

    regions, _ = label(contours <= height, structure=np.ones((3, 3)))
    return np.asarray(regions[1::2, 1::2], dtype=np.int32)


def space_heights_evenly(n_scales: int) -> Floats:
    """Return n evenly spaced heights strictly between 0 and 1, as used by the BSDS500 benchmark."""
    return np.arange(1, n_scales + 1) / (n_scales + 1)
