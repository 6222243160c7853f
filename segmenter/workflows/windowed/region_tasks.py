"""The work on one window of a picture in which regions are found: reduce it, refine its superpixels, label it.

Jobs and their functions can be pickled, so that `segmenter.execution.map.map_jobs` can send them to workers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.features.color import to_visible_bands
from segmenter.features.downsample import AreaSums, compute_area_sums
from segmenter.features.principal_colors import BandReduction
from segmenter.io.images.config import ValueRange
from segmenter.io.labels.tiff import compress, encode_tiles
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.regions.hierarchy import sum_superpixel_colors
from segmenter.regions.refinement import (
    ColorStatistics,
    Rectangle,
    ReducedLabels,
    compute_center_indices,
    refine_rectangle,
)
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.windowed.color_tasks import process_window, to_picklable_error

# ---- the first pass: the base image --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReduceJob:
    """Compute what a window contributes to the base image."""

    source: Path
    bands: tuple[int, ...]
    window: Window
    value_range: ValueRange | None
    full_shape: tuple[int, int]  # of the picture
    base_shape: tuple[int, int]  # of the base image
    reduction: BandReduction | None = None  # of its bands to colors; None = they are colors


@dataclass(frozen=True, eq=False)
class ReducedWindow:
    """What a window contributes to the base image."""

    n_pixels: int  # that take part
    areas: list[AreaSums]  # empty if the picture is not reduced
    slices: tuple[slice, slice]  # the pixels of the base image whose centers are in the window
    centers: Pixels  # (h, w, C), the pixel at the center of each of these
    center_mask: Bools  # (h, w), whether that pixel takes part
    shown: Pixels | None  # (h, w, 3), the bands to show of these pixels; None = the colors themselves


def reduce_window(job: ReduceJob) -> ReducedWindow | Exception:
    """Return what a window contributes to the base image, or the error."""
    return process_window(job, reduce_pixels)


def reduce_pixels(pixels: Pixels, mask: Bools | None, job: ReduceJob) -> ReducedWindow:
    """Return what the pixels (h, w, C) of a window contribute to the base image."""
    window = job.window
    colors = pixels if job.reduction is None else job.reduction.to_rgb(pixels)
    areas: list[AreaSums] = []
    if job.base_shape != job.full_shape:
        areas = list(compute_area_sums(colors, mask, (window.top, window.left), job.full_shape, job.base_shape))
    rows, columns = compute_center_indices(job.full_shape, job.base_shape)
    row_slice, window_rows = find_centers(rows.ravel(), window.top, window.height)
    column_slice, window_columns = find_centers(columns, window.left, window.width)
    index = window_rows[:, None], window_columns
    centers = colors[index]
    return ReducedWindow(
        n_pixels=pixels.shape[0] * pixels.shape[1] if mask is None else int(np.count_nonzero(mask)),
        areas=areas,
        slices=(row_slice, column_slice),
        centers=centers,
        center_mask=np.ones(centers.shape[:2], np.bool_) if mask is None else mask[index],
        shown=None if job.reduction is None else to_visible_bands(pixels[index]).copy(),
    )


def find_centers(centers: NDArray[np.intp], start: int, length: int) -> tuple[slice, NDArray[np.intp]]:
    """Return which of the ascending center indices are in a window along one axis, and where they are in the window."""
    first, last = np.searchsorted(centers, (start, start + length))
    return slice(int(first), int(last)), centers[first:last] - start


# ---- the second pass: superpixels at full size ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RefineJob:
    """Find the superpixel of each pixel of a window."""

    source: Path
    bands: tuple[int, ...]
    inner: Rectangle  # the window itself
    window: Window  # the window with the margin that has to be read
    value_range: ValueRange | None
    reduced: ReducedLabels  # the superpixels in and around the window
    tile: tuple[int, int]  # height and width of the tiles of the label image


@dataclass(frozen=True, eq=False)
class RefinedWindow:
    """The superpixels of a window, and their colors."""

    tiles: list[bytes]  # of superpixels, compressed
    color_sums: Floats  # (R, 4), see `sum_superpixel_colors`


@dataclass(frozen=True, eq=False)
class WindowRefiner:
    """The function of the second pass; each worker receives it once, with the colors of all superpixels."""

    colors: ColorStatistics
    n_superpixels: int
    reduction: BandReduction | None = None  # of bands to colors; None = they are colors

    def __call__(self, job: RefineJob) -> RefinedWindow | Exception:
        """Return the superpixels of a window, or the error."""
        return process_window(job, self.refine)

    def refine(self, pixels: Pixels, mask: Bools | None, job: RefineJob) -> RefinedWindow:
        """Return the superpixels of a window, given its pixels with their margin."""
        inner, reduced = job.inner, job.reduced
        if reduced.full_shape == reduced.reduced_shape:
            labels = reduced.labels[inner.to_slices(*reduced.corner)]
        else:
            colors = pixels if self.reduction is None else self.reduction.to_rgb(pixels)
            labels = refine_rectangle(reduced, colors, mask, inner, self.colors)
        inner_pixels = np.ascontiguousarray(pixels[inner.to_slices(job.window.top, job.window.left)])
        color_sums = sum_superpixel_colors(labels, to_visible_bands(inner_pixels), self.n_superpixels)
        return RefinedWindow(encode_tiles(labels.astype(np.uint16), job.tile), color_sums)


def plan_refinement(
    job: SegmentJob, picture: WindowedPicture, window: Window, reduced: ReducedLabels, tile: tuple[int, int]
) -> RefineJob:
    """Return the job of a window, with only those reduced labels that it needs."""
    inner = Rectangle(window.top, window.left, window.top + window.height, window.left + window.width)
    outer = reduced.add_margin(inner)
    window_with_margin = Window(outer.top, outer.left, outer.bottom - outer.top, outer.right - outer.left)
    where = inner, window_with_margin, picture.value_range
    return RefineJob(job.source, job.windows.bands, *where, reduced.crop_for(inner), tile)


# ---- the third pass: labels ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TileRelabeler:
    """The function of the third pass: it turns superpixels into labels."""

    label_of_superpixel: NDArray[np.unsignedinteger[Any]]  # (R + 1,)
    window_bits: int  # see `segmenter.io.labels.tiff.compress`
    source: Path

    def __call__(self, tiles: list[bytes]) -> list[bytes] | Exception:
        """Return compressed tiles of labels for compressed tiles of superpixels, or the error."""
        try:
            superpixels = (np.frombuffer(zlib.decompress(tile), np.uint16) for tile in tiles)
            return [compress(self.label_of_superpixel[part], self.window_bits) for part in superpixels]
        except Exception as error:
            return to_picklable_error(error, self.source)
