"""How well regions agree with what people drew: the covering of BSDS500 (Arbeláez et al. 2011, section 2.3)."""

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


def covering(regions: NDArray[np.intp], truth: NDArray[np.intp]) -> float:
    """Return how well regions cover the truth, 0 to 1: the mean over its pixels of the best IoU of their region."""
    n_regions, n_true = int(regions.max()) + 1, int(truth.max()) + 1
    both = np.bincount(truth.ravel() * n_regions + regions.ravel(), minlength=n_true * n_regions)
    both = both.reshape(n_true, n_regions)
    of_truth, of_regions = both.sum(axis=1), both.sum(axis=0)
    union = of_truth[:, None] + of_regions - both
    best = (both / np.maximum(union, 1)).max(axis=1)
    return float(of_truth @ best / of_truth.sum())
