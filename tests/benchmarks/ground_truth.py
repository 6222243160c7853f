"""What people drew on BSDS500, and label images made comparable with it (Arbeláez et al. 2011)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.ndimage import distance_transform_edt
from skimage.measure import label as components_of

from segmenter.arrays import Labels

LEAST_PIXELS = 200
"""Connected components smaller than this go to their neighbors, each pixel to the nearest component that stays."""


def human_segmentations(path: Path) -> list[NDArray[np.intp]]:
    """Return the label images (H, W) of all people from a ground truth file of BSDS500."""
    people = loadmat(path)["groundTruth"][0]
    return [np.asarray(person["Segmentation"][0, 0], dtype=np.intp) for person in people]


def regions_of(labels: Labels) -> NDArray[np.intp]:
    """Return the connected components of a label image, without the small ones; numbers may be missing."""
    regions = np.asarray(components_of(labels, connectivity=1, background=-1), dtype=np.intp)  # type: ignore[no-untyped-call]
    is_small = np.bincount(regions.ravel())[regions] < LEAST_PIXELS
    if is_small.any() and not is_small.all():
        nearest = distance_transform_edt(is_small, return_distances=False, return_indices=True)
        regions = regions[tuple(nearest)]
    return regions
