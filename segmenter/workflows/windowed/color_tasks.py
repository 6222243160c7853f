"""The work on one window of a picture: count or sample its colors, later label its pixels.

Jobs and their functions can be pickled, so that `segmenter.execution.map.map_jobs` can send them to workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.errors import SegmenterError, UnsupportedPhotoError
from segmenter.features.color import to_unit_range, to_visible_bands
from segmenter.features.color_counts import ColorCounts, count_colors
from segmenter.features.config import ColorSpace
from segmenter.features.distinct_colors import count_key_bits, has_small_keys, pack_colors
from segmenter.features.pixel_sample import LARGEST, MAX_SAMPLE_PIXELS, PixelSample, sample_pixels
from segmenter.features.principal_colors import BandReduction
from segmenter.io.images.config import ValueRange
from segmenter.io.labels.tiff import encode_tiles
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import open_windowed
from segmenter.mixture.model import Mixture
from segmenter.segmentation.n_segments import interior_colors
from segmenter.segmentation.wide_colors import predict_pixels
from segmenter.workflows.windowed.preview import get_sampled_slices

CHUNK_PIXELS = 1 << 18
"""How many pixels are labeled at once, to bound memory."""


class WindowJob(Protocol):
    """What to do with one window of a picture."""

    @property
    def source(self) -> Path:
        """The picture."""
        ...

    @property
    def bands(self) -> tuple[int, ...]:
        """The bands to read, from 1; empty = all."""
        ...

    @property
    def window(self) -> Window:
        """The pixels to read."""
        ...

    @property
    def value_range(self) -> ValueRange | None:
        """The range to which they are scaled; None = as stored."""
        ...


J = TypeVar("J", bound=WindowJob)
R = TypeVar("R")


def process_window(job: J, function: Callable[[Pixels, Bools | None, J], R]) -> R | Exception:
    """Read a window and return what a function makes of its pixels (h, w, C) and mask (h, w), or the error."""
    try:
        with open_windowed(job.source, job.bands, job.value_range) as picture:
            pixels, mask = picture.read(job.window)
        return function(pixels, mask, job)
    except Exception as error:
        return to_picklable_error(error, job.source)


def to_picklable_error(error: Exception, source: Path) -> Exception:
    """Return an error in a form that can be sent to the process that handed out the job."""
    if isinstance(error, SegmenterError):
        return error
    if isinstance(error, MemoryError):
        return UnsupportedPhotoError(
            str(source), "its windows do not fit into memory; lower --jobs, or in a batch raise --max-memory"
        )
    return RuntimeError(f"{type(error).__name__}: {error}")


# ---- the first pass: colors ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CountJob:
    """Extract from a window what the fit needs."""

    source: Path
    bands: tuple[int, ...]
    window: Window
    full_width: int  # of the picture, in pixels
    value_range: ValueRange | None
    stride: int  # of the preview
    seed: int
    limit: int = LARGEST  # see `sample_pixels`
    center_side: int = 0  # of the part in its middle from which K is chosen, in pixels; 0 = K is not chosen
    reduction: BandReduction | None = None  # of its bands to colors, from which K is chosen; None = they are colors


@dataclass(frozen=True, eq=False)
class WindowColors:
    """The colors of a window: counted, or sampled if there may be too many distinct ones; its share of the preview."""

    n_pixels: int  # that take part
    preview: Pixels  # (h / stride, w / stride, C)
    preview_mask: Bools  # (h / stride, w / stride)
    colors: ColorCounts | None  # None = sampled, or none take part
    sample: PixelSample | None  # None = counted, or none take part
    interior: ColorCounts | None = None  # of the middle; None = not asked for, or none there take part


def count_window(job: CountJob) -> WindowColors | Exception:
    """Return the colors of a window, or the error."""
    return process_window(job, extract_colors)


def extract_colors(pixels: Pixels, mask: Bools | None, job: CountJob) -> WindowColors:
    """Return the colors of the pixels (h, w, C) of a window."""
    n_pixels = pixels.shape[0] * pixels.shape[1] if mask is None else int(np.count_nonzero(mask))
    colors = sample = interior = None
    if n_pixels and has_small_keys(pixels[0]):
        colors = count_colors(pixels, mask)
    elif n_pixels:
        corner = job.window.top, job.window.left
        where: Any = {"corner": corner, "full_width": job.full_width, "limit": job.limit}
        sample = sample_pixels(pixels, mask, MAX_SAMPLE_PIXELS, job.seed, **where)
    if n_pixels and job.center_side:
        interior = count_interior_of_center(pixels, mask, job.center_side, job.reduction)
    sampled = get_sampled_slices(job.window, job.stride)
    preview = pixels[sampled].copy()
    return WindowColors(
        n_pixels=n_pixels,
        preview=preview,
        preview_mask=np.ones(preview.shape[:2], np.bool_) if mask is None else mask[sampled].copy(),
        colors=colors,
        sample=sample,
        interior=interior,
    )


def count_interior_of_center(
    pixels: Pixels, mask: Bools | None, side: int, reduction: BandReduction | None = None
) -> ColorCounts | None:
    """Return the interior colors of the square in the middle of a window; None if none of its pixels take part."""
    height, width = pixels.shape[:2]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    center = slice(top, top + side), slice(left, left + side)
    center_mask = None if mask is None else mask[center]
    if center_mask is not None and not center_mask.any():
        return None
    colors = np.ascontiguousarray(pixels[center]) if reduction is None else reduction.to_rgb(pixels[center])
    interior, _ = interior_colors(colors, center_mask)
    return ColorCounts(interior.colors, interior.counts)


# ---- the second pass: labels -----------------------------------------------------------------------------------------


class ColorLabeler(Protocol):
    """Assigns a label to every color."""

    def predict(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,), 1…K, of colors (n, C)."""
        ...

    def to_rgb(self, colors: Pixels) -> Floats | None:
        """Return colors (n, C) as RGB (n, 3) from 0 to 1; None if the mean colors of the segments are known already."""
        ...


@dataclass(frozen=True, eq=False)
class TableLabeler:
    """Looks up the label of a color in a table of all possible colors."""

    table: NDArray[np.unsignedinteger[Any]]  # (2 ** bits of a color,)

    def predict(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,) of colors (n, C)."""
        labels = np.empty(len(colors), self.table.dtype)
        for start in range(0, len(colors), CHUNK_PIXELS):
            np.take(
                self.table, pack_colors(colors[start : start + CHUNK_PIXELS]), out=labels[start : start + CHUNK_PIXELS]
            )
        return labels

    def to_rgb(self, colors: Pixels) -> None:
        """Return None: all colors were counted, so the mean colors are known."""

    def save(self, path: Path) -> FileLabeler:
        """Write the table to a file, and return a labeler that shares it between the processes of this machine."""
        path.write_bytes(self.table.data)
        return FileLabeler(path, str(self.table.dtype))


@dataclass(frozen=True)
class FileLabeler:
    """Looks up the label of a color in a table that is mapped from a file."""

    path: Path
    dtype: str

    def predict(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,) of colors (n, C)."""
        return TableLabeler(np.memmap(self.path, self.dtype, "r")).predict(colors)

    def to_rgb(self, colors: Pixels) -> None:
        """Return None: all colors were counted, so the mean colors are known."""


@dataclass(frozen=True, eq=False)
class MixtureLabeler:
    """Computes the most probable component of every pixel."""

    mixture: Mixture
    channels: tuple[str, ...]
    color_space: ColorSpace
    dtype: type[np.unsignedinteger[Any]]

    def predict(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,) of colors (n, C)."""
        return predict_pixels(self.mixture, self.channels, self.color_space, colors).astype(self.dtype)

    def to_rgb(self, colors: Pixels) -> Floats:
        """Return colors (n, C) as RGB (n, 3) from 0 to 1."""
        return np.asarray(to_visible_bands(to_unit_range(colors)))


@dataclass(frozen=True)
class LabelJob:
    """Label the pixels of a window."""

    source: Path
    bands: tuple[int, ...]
    window: Window
    value_range: ValueRange | None
    stride: int  # of the preview
    tile: tuple[int, int]  # height and width of the tiles of the label image
    n_labels: int
    window_bits: int  # see `segmenter.io.labels.tiff.compress`


@dataclass(frozen=True, eq=False)
class LabeledWindow:
    """The labels of a window, and what is needed to describe the segments."""

    tiles: list[bytes]  # compressed, in reading order
    preview: NDArray[np.unsignedinteger[Any]]  # (h / stride, w / stride), labels
    n_pixels: Floats  # (K + 1,), of each label from 0
    color_sums: Floats | None  # (K, 3), of RGB from 0 to 1; None = the mean colors are known already


@dataclass(frozen=True, eq=False)
class WindowLabeler:
    """The function of the second pass; each worker receives it once, with the labeler."""

    labeler: ColorLabeler

    def __call__(self, job: LabelJob) -> LabeledWindow | Exception:
        """Return the labels of a window, or the error."""
        return process_window(job, self.label)

    def label(self, pixels: Pixels, mask: Bools | None, job: LabelJob) -> LabeledWindow:
        """Return the labels of the pixels (h, w, C) of a window."""
        colors = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
        color_labels = self.labeler.predict(colors)
        if mask is None:
            labels = color_labels.reshape(pixels.shape[:2])
        else:
            labels = np.zeros(pixels.shape[:2], color_labels.dtype)
            labels[mask] = color_labels
        n_bins = job.n_labels + 1
        return LabeledWindow(
            encode_tiles(labels, job.tile, job.window_bits),
            labels[get_sampled_slices(job.window, job.stride)].copy(),
            count_labels(color_labels, n_bins),
            sum_colors_by_label(self.labeler, colors, color_labels, n_bins),
        )


def count_labels(labels: NDArray[np.unsignedinteger[Any]], n_bins: int) -> Floats:
    """Return how many pixels have each label, (K + 1,)."""
    total = np.zeros(n_bins)
    for start in range(0, len(labels), CHUNK_PIXELS):
        total += np.bincount(labels[start : start + CHUNK_PIXELS], minlength=n_bins)
    return total


def sum_colors_by_label(
    labeler: ColorLabeler, colors: Pixels, labels: NDArray[np.unsignedinteger[Any]], n_bins: int
) -> Floats | None:
    """Return the sums (K, 3) of the colors of each label, from 0 to 1; None if the mean colors are known already."""
    total = np.zeros((n_bins, 3))
    for start in range(0, len(colors), CHUNK_PIXELS):
        rgb = labeler.to_rgb(colors[start : start + CHUNK_PIXELS])
        if rgb is None:
            return None
        chunk = labels[start : start + CHUNK_PIXELS]
        total += np.stack([np.bincount(chunk, channel, n_bins) for channel in rgb.T], axis=1)
    return total[1:]


def build_label_table(
    colors: ColorCounts, color_labels: NDArray[Any], dtype: type[np.unsignedinteger[Any]]
) -> TableLabeler:
    """Return a labeler that looks up the labels (M,) of counted colors."""
    table = np.zeros(1 << count_key_bits(colors.colors), dtype)
    for start in range(0, len(color_labels), CHUNK_PIXELS):
        table[pack_colors(colors.colors[start : start + CHUNK_PIXELS])] = color_labels[start : start + CHUNK_PIXELS]
    return TableLabeler(table)
