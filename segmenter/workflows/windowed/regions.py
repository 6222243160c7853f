"""Regions of a picture larger than memory, in three passes over its windows.

Pass one reduces the picture to the base image, which is at most `segmentation.regions.STEP` times the working size per
side; the hierarchy is found in it as in any picture of that size. Pass two refines the boundaries of its superpixels at
full size and sums their colors, which are needed to cut the hierarchy. Pass three turns superpixels into labels. The
labels are those of the picture in memory: sums of integers are exact in any order, and refinement does not depend on
how a picture is divided into windows.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.errors import NoPixelsError
from segmenter.features.color import to_unit_range
from segmenter.features.downsample import AreaTotals, compute_reduced_shape
from segmenter.features.principal_colors import BandReduction
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.regions.hierarchy import ColoredHierarchy, Hierarchy, scale_color_sums
from segmenter.regions.refinement import ReducedLabels, compute_color_statistics, compute_interior_mask
from segmenter.segmentation.bands import describe_components
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.regions import compute_base_shape, cut_regions, find_hierarchy
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.windowed.bands import find_band_reduction
from segmenter.workflows.windowed.passes import (
    WindowedSegmentation,
    choose_label_dtype,
    create_label_image,
    get_zlib_window_bits,
    run_window_jobs,
    sort_by_index,
    write_label_image,
)
from segmenter.workflows.windowed.preview import PREVIEW_SIDE
from segmenter.workflows.windowed.region_tasks import (
    ReduceJob,
    TileRelabeler,
    WindowRefiner,
    plan_refinement,
    reduce_window,
)


def find_regions(
    picture: WindowedPicture, job: SegmentJob, recipe: RegionsRecipe, progress: Progress, stack: ExitStack
) -> WindowedSegmentation:
    """Return the regions of a picture, with its label image in a temporary file.

    Parameters
    ----------
    picture : WindowedPicture
    job : SegmentJob
    recipe : RegionsRecipe
        Of the job.
    progress : Progress
    stack : ExitStack
        Removes the temporary files when it is closed.

    Raises
    ------
    NoPixelsError
        No pixel takes part.
    UnsupportedPhotoError
        The mask leaves too many pieces.
    DamagedPhotoError, WriteError
    """
    base = compute_base_image(picture, job, recipe, progress)
    progress.start_stage("finding regions", None)
    hierarchy = find_hierarchy(base.pixels, base.mask, recipe, str(job.source))
    progress.finish_step()
    superpixel_tiles, color_sums = refine_superpixels(picture, job, hierarchy, base, progress)
    colored = ColoredHierarchy(hierarchy.superpixels, hierarchy.merges, hierarchy.heights, color_sums)
    segmentation = cut_regions(colored, recipe)
    label_image = create_label_image(job, stack)
    write_labels(label_image, picture, job, superpixel_tiles, colored, segmentation, progress)
    return build_preview(base, segmentation, picture, recipe, label_image)


# ---- the first pass: the base image --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BaseImage:
    """The picture at the size at which its superpixels are refined first."""

    pixels: Pixels  # (h, w, C), means of the pixels in each reduced one; the pixels themselves if nothing is reduced
    mask: Bools | None  # (h, w), True = takes part; None = all do
    centers: Pixels  # (h, w, C), the pixel at the center of each reduced one
    center_mask: Bools  # (h, w), whether that pixel takes part
    n_pixels: int  # of the whole picture that take part
    reduction: BandReduction | None  # of bands to these colors; None = they are colors
    shown: Pixels  # (h, w, C), the colors or bands to show


def compute_base_image(
    picture: WindowedPicture, job: SegmentJob, recipe: RegionsRecipe, progress: Progress
) -> BaseImage:
    """Return the base image; NoPixelsError if no pixel takes part."""
    _, windows = picture.plan_windows()
    shape, base_shape = picture.shape, compute_base_shape(picture.shape, recipe)
    reduction = find_band_reduction(picture, job, progress)
    n_colors, dtype = (picture.n_features, picture.dtype) if reduction is None else (3, np.dtype(np.uint16))
    totals = None if base_shape == shape else AreaTotals(base_shape, n_colors)
    centers = np.zeros((*base_shape, n_colors), dtype)
    shown = None if reduction is None else np.zeros((*base_shape, 3), picture.dtype)
    center_mask = np.zeros(base_shape, np.bool_)
    n_pixels = 0
    jobs = (
        (index, ReduceJob(job.source, job.windows.bands, window, picture.value_range, shape, base_shape, reduction))
        for index, window in enumerate(windows)
    )
    progress.start_stage("reducing", len(windows))
    with closing(run_window_jobs(reduce_window, jobs, job, progress)) as results:
        for _, part in sort_by_index(results):
            centers[part.slices], center_mask[part.slices] = part.centers, part.center_mask
            n_pixels += part.n_pixels
            if shown is not None:
                shown[part.slices] = part.shown
            if totals is not None:
                for areas in part.areas:
                    totals.add(areas)
    if not n_pixels:
        raise NoPixelsError(picture.label)
    pixels, mask = centers, center_mask
    if totals is not None:
        means, mask = totals.compute_means()
        pixels = scale_means(means, dtype)
    visible = pixels if shown is None else shown
    return BaseImage(pixels, None if mask.all() else mask, centers, center_mask, n_pixels, reduction, visible)


def scale_means(means: Floats, dtype: np.dtype[Any]) -> Pixels:
    """Return means of pixels of a type as floats from 0 to 1; the argument is overwritten to save memory."""
    if dtype.kind == "u":
        means /= np.iinfo(dtype).max
    return means.astype(np.float32)


# ---- the second pass: superpixels at full size ---------------------------------------------------------------------


def refine_superpixels(
    picture: WindowedPicture, job: SegmentJob, hierarchy: Hierarchy, base: BaseImage, progress: Progress
) -> tuple[list[list[bytes]], Floats]:
    """Return the refined superpixels of each window as compressed tiles, and their color sums (R, 4).

    The sums are those of `ColoredHierarchy`.
    """
    tile, windows = picture.plan_windows()
    superpixels, n_superpixels = hierarchy.superpixels, hierarchy.n_superpixels
    is_interior = compute_interior_mask(superpixels)
    reduced = ReducedLabels(superpixels, is_interior, (0, 0), picture.shape, superpixels.shape)
    colors = compute_color_statistics(superpixels, base.centers, base.center_mask)
    jobs = ((index, plan_refinement(job, picture, window, reduced, tile)) for index, window in enumerate(windows))
    refiner = WindowRefiner(colors, n_superpixels, base.reduction)
    tiles: list[list[bytes]] = []
    sums = np.zeros((n_superpixels, 4))
    progress.start_stage("refining", len(windows))
    with closing(run_window_jobs(refiner, jobs, job, progress)) as results:
        for _, part in sort_by_index(results):
            tiles.append(part.tiles)
            sums += part.color_sums
    return tiles, scale_color_sums(sums, picture.dtype)


# ---- the third pass: labels ----------------------------------------------------------------------------------------


def write_labels(  # noqa: PLR0913  # what the two passes before found, and where the labels go
    label_image: Path,
    picture: WindowedPicture,
    job: SegmentJob,
    superpixel_tiles: list[list[bytes]],
    hierarchy: ColoredHierarchy,
    segmentation: Segmentation,
    progress: Progress,
) -> None:
    """Turn the superpixels of each window into the labels of a cut, and write the label image to a temporary file."""
    label_of_superpixel = np.zeros(hierarchy.n_superpixels + 1, choose_label_dtype(segmentation.n_labels))
    label_of_superpixel[hierarchy.superpixels] = segmentation.labels
    relabeler = TileRelabeler(label_of_superpixel, get_zlib_window_bits(job), job.source)

    def relabel_windows() -> Generator[bytes]:
        with closing(run_window_jobs(relabeler, enumerate(superpixel_tiles), job, progress)) as results:
            for _, tiles in sort_by_index(results):
                yield from tiles

    progress.start_stage("labeling", len(superpixel_tiles))
    write_label_image(label_image, relabel_windows(), picture, job, segmentation.n_labels)


# ---- the result ----------------------------------------------------------------------------------------------------


def build_preview(
    base: BaseImage, segmentation: Segmentation, picture: WindowedPicture, recipe: RegionsRecipe, label_image: Path
) -> WindowedSegmentation:
    """Return the segmentation with the base image subsampled to a preview, and notes on how it was found."""
    stride = -(-max(segmentation.labels.shape) // PREVIEW_SIDE)
    sampled = slice(None, None, stride), slice(None, None, stride)
    pixels = base.shown[sampled]
    if picture.dtype == np.uint8:
        pixels = np.rint(255 * to_unit_range(pixels)).astype(np.uint8)
    mask = np.ones(segmentation.labels.shape, np.bool_) if base.mask is None else base.mask
    return WindowedSegmentation(
        label_image=label_image,
        pixels=pixels,
        mask=mask[sampled],
        notes=describe_components(base.reduction, "regions") + describe_reduction(picture, recipe),
        segmentation=replace(segmentation, labels=segmentation.labels[sampled], value_range=picture.value_range),
        n_pixels=base.n_pixels,
    )


def describe_reduction(picture: WindowedPicture, recipe: RegionsRecipe) -> tuple[str, ...]:
    """Return a note on the size at which regions were found, if the picture was reduced."""
    height, width = picture.shape
    if height * width > recipe.working_size * 1e6:
        rows, columns = compute_reduced_shape(*compute_base_shape((height, width), recipe), recipe.working_size * 1e6)
        return (f"regions of the picture reduced to {columns}×{rows} pixels; boundaries refined by windows",)
    return ()
