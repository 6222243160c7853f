"""Segment a photo into regions: build its hierarchy and cut it."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Pixels
from segmenter.errors import UnsupportedPhotoError
from segmenter.features.color import luminance, to_visible_bands
from segmenter.features.downsample import compute_reduced_shape, downsample
from segmenter.io.images.photo import Photo
from segmenter.regions.build import build_hierarchy
from segmenter.regions.components import label_components
from segmenter.regions.config import MergeCost
from segmenter.regions.hierarchy import ColoredHierarchy, Hierarchy, add_superpixel_colors
from segmenter.regions.merging import Cost, HeuristicCost, LearnedCost
from segmenter.regions.refinement import refine_superpixels, refine_superpixels_in_strips
from segmenter.segmentation.bands import describe_components, reduce_to_colors
from segmenter.segmentation.recipe import MAX_SEGMENTS, RegionsRecipe
from segmenter.segmentation.result import Segment, Segmentation, Shortage

COSTS: dict[MergeCost, Cost] = {"heuristic": HeuristicCost(), "learned": LearnedCost()}


STEP = 8
"""Largest factor, per side, by which boundaries are refined in a single pass."""


def segment_regions(photo: Photo, recipe: RegionsRecipe) -> Segmentation:
    """Segment a photo into regions: visual words → gradient → superpixels → hierarchy → cut."""
    colors, reduction = reduce_to_colors(photo)
    pixels, mask = colors, photo.mask
    shape = compute_base_shape(pixels.shape[:2], recipe)
    is_huge = shape != pixels.shape[:2]
    if is_huge:
        pixels, mask = downsample(pixels, mask, shape)
    hierarchy = find_hierarchy(pixels, mask, recipe, photo.name)
    if is_huge:
        superpixels = refine_superpixels_in_strips(hierarchy.superpixels, colors, photo.mask)
        hierarchy = replace(hierarchy, superpixels=superpixels)
    found = cut_regions(add_superpixel_colors(hierarchy, to_visible_bands(photo.pixels)), recipe)
    return replace(found, notes=photo.notes + describe_components(reduction, "regions"))


def compute_base_shape(shape: tuple[int, ...], recipe: RegionsRecipe) -> tuple[int, int]:
    """Return the size (H, W) of the first refinement: that of the picture, or `STEP` times the working size."""
    height, width = shape
    max_pixels = STEP**2 * recipe.working_size * 1e6
    return (height, width) if height * width <= max_pixels else compute_reduced_shape(height, width, max_pixels)


def find_hierarchy(pixels: Pixels, mask: Bools | None, recipe: RegionsRecipe, name: str) -> Hierarchy:
    """Return the hierarchy of a picture of at most `STEP` times the working size, per side, refined in one pass.

    Raises
    ------
    UnsupportedPhotoError
        The mask leaves more connected pieces than there may be regions.
    """
    height, width = pixels.shape[:2]
    small, inside = pixels, mask
    is_large = height * width > recipe.working_size * 1e6
    if is_large:
        small, inside = downsample(pixels, mask, compute_reduced_shape(height, width, recipe.working_size * 1e6))
    if inside is not None and label_components(inside).max(initial=0) > MAX_SEGMENTS:  # each holds a superpixel
        problem = f"its mask leaves more than {MAX_SEGMENTS:,} pieces"
        raise UnsupportedPhotoError(name, f"{problem}; fill the holes in it, or lower --working-size")
    with threadpool_limits(1, user_api="blas"):  # the bytes must not depend on the number of cores
        hierarchy = build_hierarchy(
            small, inside, n_superpixels=recipe.n_superpixels, cost=COSTS[recipe.merge_cost], seed=recipe.seed
        )
    return (
        replace(hierarchy, superpixels=refine_superpixels(hierarchy.superpixels, pixels, mask))
        if is_large
        else hierarchy
    )


def cut_regions(hierarchy: ColoredHierarchy, recipe: RegionsRecipe) -> Segmentation:
    """Cut a hierarchy as a recipe says, or into its superpixels if there are fewer; label the regions from dark on."""
    n_asked = recipe.n_segments or hierarchy.count_regions(recipe.height or 0.0)
    n_regions = min(n_asked, hierarchy.n_superpixels)
    region_of = hierarchy.assign_superpixels(n_regions) - 1
    sums = np.stack([np.bincount(region_of, column, n_regions) for column in hierarchy.color_sums.T], axis=1)
    means = sums[:, 1:] / sums[:, :1]
    order = np.argsort(luminance(means), kind="stable")
    label_of = np.zeros(n_regions + 1, dtype=np.int32)
    label_of[order] = np.arange(1, n_regions + 1)
    shares = sums[:, 0] / sums[:, 0].sum()
    table = np.concatenate([[0], label_of[region_of]]).astype(np.int32)
    return Segmentation(
        labels=table[hierarchy.superpixels],
        segments=tuple(
            Segment(label, int(sums[i, 0]), float(shares[i]), (float(red), float(green), float(blue)))
            for label, (i, (red, green, blue)) in enumerate(zip(order, means[order], strict=True), start=1)
        ),
        options=asdict(recipe),
        hierarchy=hierarchy,
        shortage=Shortage(n_asked, n_regions, "superpixel") if n_regions < n_asked else None,
    )
