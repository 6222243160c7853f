"""What workers do with one window where regions are looked for: reduce it, refine superpixels in it, label it.

All are functions of a value that can be pickled, so that `segmenter.execution.map.map_jobs` can spread them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.features.downsample import AreaSums, compute_area_sums
from segmenter.io.images.photo import to_photo_range
from segmenter.io.labels.tiff import compress, encode_tiles
from segmenter.io.rasters.base import Window
from segmenter.regions.hierarchy import sum_superpixel_colors
from segmenter.regions.refinement import (
    ColorStatistics,
    Rectangle,
    ReducedLabels,
    compute_center_indices,
    refine_rectangle,
)
from segmenter.workflows.windowed.color_tasks import process_window, to_picklable_error

# ---- the first pass ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReduceJob:
    """Take from a window its share of the reduced picture."""

    source: Path
    bands: tuple[int, ...]
    window: Window
    shape: tuple[int, int]  # of the picture
    reduced: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Reduced:
    """What was taken."""

    n_pixels: int  # that take part
    low: float  # of all numbers that take part; inf where none does
    high: float
    areas: list[AreaSums]  # none where the picture is not reduced
    place: tuple[slice, slice]  # of what follows, in the reduced picture
    middles: Pixels  # (h, w, C), of a pixel in the middle of each reduced one
    is_known: Bools  # (h, w), whether that takes part


def reduce_window(job: ReduceJob) -> Reduced | Exception:
    """Reduce a window; what goes wrong is returned."""
    return process_window(job, reduced)


def reduced(pixels: Pixels, mask: Bools | None, job: ReduceJob) -> Reduced:
    """Return the share of the pixels of a window."""
    window = job.window
    areas: list[AreaSums] = []
    if job.reduced != job.shape:
        areas = list(compute_area_sums(pixels, mask, (window.top, window.left), job.shape, job.reduced))
    place, at = [], []
    for axis, first, n in zip(
        compute_center_indices(job.shape, job.reduced),
        (window.top, window.left),
        (window.height, window.width),
        strict=True,
    ):
        start, stop = np.searchsorted(axis.ravel(), (first, first + n))
        place.append(slice(int(start), int(stop)))
        at.append(axis.ravel()[start:stop] - first)
    index = at[0][:, None], at[1]
    visible = pixels if mask is None else pixels[mask]
    chosen = pixels[index]
    return Reduced(
        visible.size // pixels.shape[2],
        float(visible.min()) if visible.size else np.inf,
        float(visible.max()) if visible.size else -np.inf,
        areas,
        (place[0], place[1]),
        np.nan_to_num(chosen, posinf=0, neginf=0) if chosen.dtype.kind == "f" else chosen,
        np.ones(chosen.shape[:2], np.bool_) if mask is None else mask[index],
    )


# ---- the second pass -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RefineJob:
    """Find the superpixel of each pixel of a window."""

    source: Path
    bands: tuple[int, ...]
    inner: Rectangle  # the window
    window: Window  # with its margin, which is read
    surroundings: ReducedLabels
    tile: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Refined:
    """What became of a window."""

    tiles: list[bytes]  # compressed superpixels
    sums: Floats  # (R, 4), of `sum_superpixel_colors`


@dataclass(frozen=True, eq=False)
class WindowRefinement:
    """The function of the second pass: workers receive it once, with all that it knows."""

    colors: ColorStatistics
    n_superpixels: int
    low: float  # of all numbers that take part
    high: float

    def __call__(self, job: RefineJob) -> Refined | Exception:
        """Refine a window; what goes wrong is returned."""
        return process_window(job, self.refined)

    def refined(self, stored: Pixels, mask: Bools | None, job: RefineJob) -> Refined:
        """Return the superpixels of a window, of whose pixels with their margin this is called, and their colors."""
        inner, around = job.inner, job.surroundings
        pixels = to_photo_range(stored, self.low, self.high)[0]
        if around.full_shape == around.reduced_shape:
            labels = around.labels[inner.to_slices(*around.corner)]
        else:
            labels = refine_rectangle(around, pixels, mask, inner, self.colors)
        inside = np.ascontiguousarray(pixels[inner.to_slices(job.window.top, job.window.left)])
        sums = sum_superpixel_colors(labels, inside, self.n_superpixels)
        return Refined(encode_tiles(labels.astype(np.uint16), job.tile), sums)


def refine_job(
    source: Path, bands: tuple[int, ...], window: Window, whole: ReducedLabels, tile: tuple[int, int]
) -> RefineJob:
    """Return the job of a window, with no more of its surroundings than it needs."""
    inner = Rectangle(window.top, window.left, window.top + window.height, window.left + window.width)
    outer = whole.add_margin(inner)
    wide = Window(outer.top, outer.left, outer.bottom - outer.top, outer.right - outer.left)
    return RefineJob(source, bands, inner, wide, whole.crop_for(inner), tile)


# ---- the third pass ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Relabeling:
    """The function of the third pass: superpixels become labels."""

    label_of: NDArray[np.unsignedinteger[Any]]  # (R + 1,)
    window_bits: int  # of tiles, see `segmenter.io.labels.tiff.compress`
    source: Path

    def __call__(self, tiles: list[bytes]) -> list[bytes] | Exception:
        """Return tiles of labels, compressed, for those of superpixels; what goes wrong is returned."""
        try:
            found = (self.label_of[np.frombuffer(zlib.decompress(tile), np.uint16)] for tile in tiles)
            return [compress(labels, self.window_bits) for labels in found]
        except Exception as error:
            return to_picklable_error(error, self.source)
