"""From a photo to regions: its hierarchy, cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats
from segmenter.errors import TooFewSuperpixelsError
from segmenter.features.color import luminance, unit_range
from segmenter.io.photo import Photo
from segmenter.pipeline.regions import build_hierarchy
from segmenter.pipeline.regions_recipe import RegionsRecipe
from segmenter.regions.config import MergeCost
from segmenter.regions.labels import Segment, Segmentation
from segmenter.regions.merge import Cost, FittedCost, HandCost, Hierarchy

COSTS: dict[MergeCost, Cost] = {"hand": HandCost(), "fitted": FittedCost()}

CHUNK_ROWS = 256
"""Rows of a photo whose colors are summed at once."""


def segment_regions(photo: Photo, recipe: RegionsRecipe) -> Segmentation:
    """Return the regions of a photo: words → gradient → superpixels → hierarchy → cut.

    Raises
    ------
    TooFewSuperpixelsError
        More regions were asked for than the photo has superpixels.
    """
    with threadpool_limits(1, user_api="blas"):  # the bytes must not depend on the number of cores
        hierarchy = build_hierarchy(
            photo.pixels, n_superpixels=recipe.n_superpixels, cost=COSTS[recipe.merge_cost], seed=recipe.seed
        )
    sums = color_sums(photo, hierarchy)
    n_regions = recipe.n_segments or hierarchy.n_regions(recipe.height or 0.0)
    if n_regions > hierarchy.n_superpixels:
        raise TooFewSuperpixelsError(photo.name, hierarchy.n_superpixels, n_regions)
    return cut_regions(hierarchy, sums, n_regions, asdict(recipe))


def color_sums(photo: Photo, hierarchy: Hierarchy) -> Floats:
    """Return the pixels of each superpixel and the sums of their sRGB from 0 to 1, shape (R, 4)."""
    n = hierarchy.n_superpixels
    sums = np.zeros((4, n + 1))
    for first in range(0, len(photo.pixels), CHUNK_ROWS):
        rows = slice(first, first + CHUNK_ROWS)
        superpixels = hierarchy.superpixels[rows].ravel()
        sums[0] += np.bincount(superpixels, minlength=n + 1)
        unit = unit_range(photo.pixels[rows].reshape(len(superpixels), -1))
        for total, channel in zip(sums[1:], np.broadcast_to(unit, (len(unit), 3)).T, strict=True):
            total += np.bincount(superpixels, channel, n + 1)
    return sums[:, 1:].T


def cut_regions(hierarchy: Hierarchy, sums: Floats, n_regions: int, options: Mapping[str, Any]) -> Segmentation:
    """Return the cut of a hierarchy into so many regions, from dark to bright.

    Parameters
    ----------
    hierarchy : Hierarchy
    sums : ndarray of shape (R, 4)
        From `color_sums`.
    n_regions : int, from 1 to R
    options : mapping
        Of the recipe, by name.
    """
    region_of = hierarchy.regions_of(n_regions) - 1
    totals = np.stack([np.bincount(region_of, column, n_regions) for column in sums.T], axis=1)
    means = totals[:, 1:] / totals[:, :1]
    order = np.argsort(luminance(means), kind="stable")
    label_of = np.empty(n_regions, dtype=np.int32)
    label_of[order] = np.arange(1, n_regions + 1)
    shares = totals[:, 0] / totals[:, 0].sum()
    table = np.concatenate([[0], label_of[region_of]]).astype(np.int32)
    return Segmentation(
        labels=table[hierarchy.superpixels],
        segments=tuple(
            Segment(label, int(totals[i, 0]), float(shares[i]), tuple(means[i].tolist()))
            for label, i in enumerate(order, start=1)
        ),
        options=options,
        hierarchy=hierarchy,
    )
