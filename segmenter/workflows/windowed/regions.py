"""Regions of a picture larger than memory: found in the picture reduced, their boundaries in its windows.

Pass one makes the reduced picture, of at most `STEP` times the working size on a side; the hierarchy is found in it as
in any picture of that size. Pass two finds the boundaries of its superpixels at the full size, and sums their colors;
with these the hierarchy is cut. Pass three turns superpixels into labels. The labels are those of the picture in
memory: sums over integers are exact in any order, and what is refined does not depend on how a picture is divided.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.errors import UnsupportedPhotoError
from segmenter.features.color import to_unit_range
from segmenter.features.downsample import AreaTotals, compute_reduced_shape
from segmenter.io.images.photo import to_photo_range
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.regions.hierarchy import ColoredHierarchy, Hierarchy, scale_color_sums
from segmenter.regions.refinement import ReducedLabels, compute_color_statistics, compute_interior_mask
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.regions import compute_base_shape, cut_regions, find_hierarchy
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress
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
    Relabeling,
    WindowRefinement,
    reduce_window,
    refine_job,
)


def find_regions(
    picture: WindowedPicture, job: SegmentJob, recipe: RegionsRecipe, progress: Progress, stack: ExitStack
) -> WindowedSegmentation:
    """Find the regions of a picture and write its label image.

    Parameters
    ----------
    picture : WindowedPicture
        Of 1 or 3 bands.
    job : SegmentJob
    recipe : RegionsRecipe
        Of the job.
    progress : Progress
    stack : ExitStack
        Keeps temporary files until they are moved.

    Raises
    ------
    TooFewSuperpixelsError
        More regions were asked for than the picture has superpixels.
    UnsupportedPhotoError, DamagedPhotoError, WriteError
    """
    middle = reduce(picture, job, recipe, progress)
    progress.start_stage("finding regions", 1)
    hierarchy = find_hierarchy(middle.pixels, middle.mask, recipe, str(job.source))
    progress.finish_step()
    superpixels, sums = refine(picture, job, hierarchy, middle, progress)
    complete = ColoredHierarchy(hierarchy.superpixels, hierarchy.merges, hierarchy.heights, sums)
    found = cut_regions(complete, recipe, str(job.source))
    label_of = np.zeros(complete.n_superpixels + 1, choose_label_dtype(found.n_labels))
    label_of[complete.superpixels] = found.labels
    _, windows = picture.plan_windows()

    def tiles() -> Generator[bytes]:
        jobs = enumerate(superpixels)
        with closing(
            run_window_jobs(Relabeling(label_of, get_zlib_window_bits(job), job.source), jobs, job, progress)
        ) as labeled:
            for _, part in sort_by_index(labeled):
                yield from part

    progress.start_stage("labeling", len(windows))
    label_image = create_label_image(job, stack)
    write_label_image(label_image, tiles(), picture, job, found.n_labels)
    return shown(middle, found, picture, recipe, label_image)


# ---- the first pass ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WorkingImage:
    """The picture at the size at which superpixels are found."""

    pixels: Pixels  # (h, w, C), means; where nothing is reduced, colors as a photo has them
    mask: Bools | None  # (h, w)
    samples: Pixels  # (h, w, C), as a photo has them: the color of a pixel in the middle of each
    is_known: Bools  # (h, w), whether that takes part
    low: float  # of all numbers that take part
    high: float
    n_pixels: int  # of the whole picture that take part


def reduce(picture: WindowedPicture, job: SegmentJob, recipe: RegionsRecipe, progress: Progress) -> WorkingImage:
    """Return the reduced picture."""
    _, windows = picture.plan_windows()
    shape = picture.shape
    reduced = compute_base_shape(shape, recipe)
    totals = None if reduced == shape else AreaTotals(reduced, picture.n_features)
    samples = np.zeros((*reduced, picture.n_features), picture.dtype)
    is_known = np.zeros(reduced, np.bool_)
    n_pixels, low, high = 0, np.inf, -np.inf
    jobs = (
        (number, ReduceJob(job.source, job.windows.bands, window, shape, reduced))
        for number, window in enumerate(windows)
    )
    progress.start_stage("reducing", len(windows))
    with closing(run_window_jobs(reduce_window, jobs, job, progress)) as found:
        for _, part in sort_by_index(found):
            samples[part.place], is_known[part.place] = part.middles, part.is_known
            n_pixels, low, high = n_pixels + part.n_pixels, min(low, part.low), max(high, part.high)
            if totals is not None:
                for areas in part.areas:
                    totals.add(areas)
    if not n_pixels:
        raise UnsupportedPhotoError(picture.label, "holds no data in any pixel; nothing is left to segment")
    samples, _ = to_photo_range(samples, low, high)
    pixels, mask = samples, is_known
    if totals is not None:
        means, mask = totals.compute_means()
        pixels = in_unit_range(means, picture.dtype, low, high)
    return WorkingImage(pixels, None if mask.all() else mask, samples, is_known, low, high, n_pixels)


def in_unit_range(means: Floats, dtype: np.dtype[Any], low: float, high: float) -> Pixels:
    """Return means of stored numbers as those of a photo, from 0 to 1."""
    if dtype.kind == "u" and dtype.itemsize <= 2:
        means /= np.iinfo(dtype).max
    elif high > low:
        least, most = to_unit_range(to_photo_range(np.array([low, high], dtype), low, high)[0])
        means -= low
        means *= (most - least) / (high - low)
        means += least
    return means.astype(np.float32)


# ---- the second pass -----------------------------------------------------------------------------------------------


def refine(
    picture: WindowedPicture, job: SegmentJob, hierarchy: Hierarchy, middle: WorkingImage, progress: Progress
) -> tuple[list[list[bytes]], Floats]:
    """Return the superpixels of each window as compressed tiles, and their color sums as of `ColoredHierarchy`."""
    tile, windows = picture.plan_windows()
    small, n = hierarchy.superpixels, hierarchy.n_superpixels
    whole = ReducedLabels(small, compute_interior_mask(small), (0, 0), picture.shape, small.shape)
    colors = compute_color_statistics(small, middle.samples, middle.is_known)
    jobs = (
        (number, refine_job(job.source, job.windows.bands, window, whole, tile))
        for number, window in enumerate(windows)
    )
    tiles: list[list[bytes]] = []
    sums = np.zeros((n, 4))
    progress.start_stage("refining", len(windows))
    with closing(run_window_jobs(WindowRefinement(colors, n, middle.low, middle.high), jobs, job, progress)) as found:
        for _, part in sort_by_index(found):
            tiles.append(part.tiles)
            sums += part.sums
    return tiles, scale_color_sums(sums, middle.samples.dtype)


# ---- what is told --------------------------------------------------------------------------------------------------


def shown(
    middle: WorkingImage, found: Segmentation, picture: WindowedPicture, recipe: RegionsRecipe, label_image: Path
) -> WindowedSegmentation:
    """Return what was found at a size that can be drawn, and what a person may not expect of it."""
    step = -(-max(found.labels.shape) // PREVIEW_SIDE)
    place = slice(None, None, step), slice(None, None, step)
    pixels = middle.pixels[place]
    if picture.dtype == np.uint8:
        pixels = np.rint(255 * to_unit_range(pixels)).astype(np.uint8)
    notes: list[str] = []
    height, width = picture.shape
    if height * width > recipe.working_size * 1e6:
        rows, columns = compute_reduced_shape(*compute_base_shape((height, width), recipe), recipe.working_size * 1e6)
        notes.append(f"regions of the picture reduced to {columns}×{rows} pixels; boundaries refined by windows")
    notes += to_photo_range(np.empty((0, 1), picture.dtype), middle.low, middle.high)[1]
    mask = np.ones(found.labels.shape, np.bool_) if middle.mask is None else middle.mask
    reduced = replace(found, labels=found.labels[place])
    return WindowedSegmentation(label_image, pixels, mask[place], tuple(notes), reduced, middle.n_pixels)
