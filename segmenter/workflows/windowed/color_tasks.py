"""What workers do with one window of a picture: count or sample its colors, and later label its pixels.

Both are functions of a value that can be pickled, so that `segmenter.execution.map.map_jobs` can spread them.
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
from segmenter.features.color import GRAY_CHANNEL, compute_color_features, to_unit_range
from segmenter.features.color_counts import ColorCounts, count_colors
from segmenter.features.config import ColorSpace
from segmenter.features.distinct_colors import count_key_bits, has_small_keys, pack_colors
from segmenter.features.pixel_sample import PixelSample, sample_pixels
from segmenter.io.images.photo import to_photo_range
from segmenter.io.labels.tiff import encode_tiles
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import open_windowed
from segmenter.mixture.inference import predict
from segmenter.mixture.model import Mixture
from segmenter.segmentation.colors import visible_bands
from segmenter.segmentation.n_segments import interior_colors

SAMPLE = 1 << 19
"""Pixels that stand for all where colors are too many to be counted."""

CHUNK = 1 << 18
"""Pixels whose features are computed at once."""


class WindowJob(Protocol):
    """What is to be done with a window."""

    @property
    def source(self) -> Path:
        """The picture."""
        ...

    @property
    def bands(self) -> tuple[int, ...]:
        """Those that are chosen, from 1; empty = all."""
        ...

    @property
    def window(self) -> Window:
        """What is read."""
        ...


J = TypeVar("J", bound=WindowJob)
R = TypeVar("R")


def made_of(job: J, function: Callable[[Pixels, Bools | None, J], R]) -> R | Exception:
    """Return what a function makes of the pixels of a window, (h, w, C), and of its mask; or what went wrong."""
    try:
        with open_windowed(job.source, job.bands) as picture:
            pixels, mask = picture.read(job.window)
        return function(pixels, mask, job)
    except Exception as error:
        return told(error, job.source)


@dataclass(frozen=True)
class CountJob:
    """Take from a window what the fit needs."""

    source: Path
    bands: tuple[int, ...]
    number: int  # of the window
    window: Window
    stride: int  # of the reduced picture: every so many pixels
    seed: int
    limit: float = 1.0  # see `sample_pixels`
    patch: int = 0  # side in pixels of its middle, which the number of segments is told from


@dataclass(frozen=True, eq=False)
class Counted:
    """What was taken."""

    n_pixels: int  # that take part
    low: float  # of all numbers that take part; inf where none does
    high: float
    reduced: Pixels  # (h / stride, w / stride, C)
    reduced_mask: Bools
    colors: ColorCounts | None  # None = too many to count, or none take part
    sample: PixelSample | None
    interior: ColorCounts | None = None


def count_window(job: CountJob) -> Counted | Exception:
    """Count the colors of a window, or draw a sample of them; what goes wrong is returned."""
    return made_of(job, counted)


def counted(pixels: Pixels, mask: Bools | None, job: CountJob) -> Counted:
    """Return what the fit needs of the pixels of a window."""
    n_pixels = pixels.shape[0] * pixels.shape[1] if mask is None else int(np.count_nonzero(mask))
    place = reduced_places(job.window, job.stride)
    colors = sample = inner = None
    low, high = 0.0, 0.0
    if n_pixels and has_small_keys(pixels[0]):
        colors = count_colors(pixels, mask)
    elif n_pixels:
        sample = sample_pixels(pixels, mask, SAMPLE, (job.seed, job.number), job.limit)
        visible = pixels if mask is None else pixels[mask]
        low, high = float(visible.min()), float(visible.max())
    if n_pixels and job.patch:
        inner = interior_of_patch(pixels, mask, job.patch)
    return Counted(
        n_pixels,
        low if n_pixels else np.inf,
        high if n_pixels else -np.inf,
        pixels[place].copy(),
        np.ones(pixels[place].shape[:2], np.bool_) if mask is None else mask[place].copy(),
        colors,
        sample,
        inner,
    )


def interior_of_patch(pixels: Pixels, mask: Bools | None, side: int) -> ColorCounts | None:
    """Return the interior colors of the middle of a window; None where no pixel of it takes part."""
    height, width = pixels.shape[:2]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    place = slice(top, top + side), slice(left, left + side)
    inside = None if mask is None else mask[place]
    if inside is not None and not inside.any():
        return None
    found, _ = interior_colors(np.ascontiguousarray(pixels[place]), inside)
    return ColorCounts(found.colors, found.counts)


def reduced_places(window: Window, stride: int) -> tuple[slice, slice]:
    """Return which rows and columns of a window are in the reduced picture."""
    return slice(-window.top % stride, None, stride), slice(-window.left % stride, None, stride)


# ---- labels ----------------------------------------------------------------------------------------------------------


class Labeler(Protocol):
    """Knows the label of every color."""

    def labels(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,), 1…K, of colors (n, C) as stored."""
        ...

    def unit(self, colors: Pixels) -> Floats | None:
        """Return the colors as numbers from 0 to 1, (n, 3), where their sums are not known yet."""
        ...


@dataclass(frozen=True, eq=False)
class TableLabeler:
    """Looks a color up."""

    table: NDArray[np.unsignedinteger[Any]]  # (2 ** bits of a color,)

    def labels(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,) of colors (n, C)."""
        result = np.empty(len(colors), self.table.dtype)
        for first in range(0, len(colors), CHUNK):
            np.take(self.table, pack_colors(colors[first : first + CHUNK]), out=result[first : first + CHUNK])
        return result

    def unit(self, colors: Pixels) -> None:
        """Return None: they are counted already."""

    def in_file(self, path: Path) -> FileLabeler:
        """Return the same, with its table in a file that processes of this machine share; OSError where none can be."""
        path.write_bytes(self.table.data)
        return FileLabeler(path, str(self.table.dtype))


@dataclass(frozen=True)
class FileLabeler:
    """Looks a color up in a file."""

    path: Path
    dtype: str

    def labels(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,) of colors (n, C)."""
        return TableLabeler(np.memmap(self.path, self.dtype, "r")).labels(colors)

    def unit(self, colors: Pixels) -> None:
        """Return None: they are counted already."""


@dataclass(frozen=True, eq=False)
class MixtureLabeler:
    """Asks the mixture for every pixel."""

    mixture: Mixture
    channels: tuple[str, ...]
    color_space: ColorSpace
    low: float  # of all numbers that take part, as they are stored
    high: float
    dtype: type[np.unsignedinteger[Any]]

    def labels(self, colors: Pixels) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels (n,) of colors (n, C)."""
        result = np.empty(len(colors), self.dtype)
        for first in range(0, len(colors), CHUNK):
            values = to_photo_range(colors[first : first + CHUNK], self.low, self.high)[0]
            features = compute_color_features(values, self.color_space, keep_color=True).values
            if len(self.channels) < features.shape[1]:
                gray, _ = GRAY_CHANNEL[self.color_space]
                features = np.ascontiguousarray(features[:, gray : gray + 1])
            result[first : first + CHUNK] = predict(self.mixture, features)
        return result

    def unit(self, colors: Pixels) -> Floats:
        """Return colors as numbers from 0 to 1, (n, 3)."""
        return np.asarray(visible_bands(to_unit_range(to_photo_range(colors, self.low, self.high)[0])))


@dataclass(frozen=True)
class LabelJob:
    """Label the pixels of a window."""

    source: Path
    bands: tuple[int, ...]
    number: int
    window: Window
    stride: int
    tile: tuple[int, int]
    n_labels: int
    window_bits: int  # of tiles, see `segmenter.io.labels.tiff.compress`


@dataclass(frozen=True, eq=False)
class Labeled:
    """What became of a window."""

    tiles: list[bytes]
    reduced: NDArray[np.unsignedinteger[Any]]  # (h / stride, w / stride)
    n_pixels: Floats  # (K + 1,)
    sums: Floats | None  # (K, 3), of colors from 0 to 1; None = known already


@dataclass(frozen=True, eq=False)
class WindowLabeling:
    """The function of the second pass: workers receive it once, with all that it knows."""

    labeler: Labeler

    def __call__(self, job: LabelJob) -> Labeled | Exception:
        """Label a window and encode its tiles; what goes wrong is returned."""
        return made_of(job, self.label)

    def label(self, pixels: Pixels, mask: Bools | None, job: LabelJob) -> Labeled:
        """Return the labels of the pixels of a window."""
        flat = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
        found = self.labeler.labels(flat)
        if mask is None:
            labels = found.reshape(pixels.shape[:2])
        else:
            labels = np.zeros(pixels.shape[:2], found.dtype)
            labels[mask] = found
        n_bins = job.n_labels + 1
        return Labeled(
            encode_tiles(labels, job.tile, job.window_bits),
            labels[reduced_places(job.window, job.stride)].copy(),
            pixels_by_label(found, n_bins),
            sums_by_label(self.labeler, flat, found, n_bins),
        )


def pixels_by_label(labels: NDArray[np.unsignedinteger[Any]], n_bins: int) -> Floats:
    """Return how many pixels have each label, (K + 1,)."""
    total = np.zeros(n_bins)
    for first in range(0, len(labels), CHUNK):
        total += np.bincount(labels[first : first + CHUNK], minlength=n_bins)
    return total


def sums_by_label(
    labeler: Labeler, colors: Pixels, labels: NDArray[np.unsignedinteger[Any]], n_bins: int
) -> Floats | None:
    """Return the sums (K, 3) of the colors of each label."""
    total = np.zeros((n_bins, 3))
    for first in range(0, len(colors), CHUNK):
        unit = labeler.unit(colors[first : first + CHUNK])
        if unit is None:
            return None
        part = labels[first : first + CHUNK]
        total += np.stack([np.bincount(part, channel, n_bins) for channel in unit.T], axis=1)
    return total[1:]


def table_of(colors: ColorCounts, color_labels: NDArray[Any], dtype: type[np.unsignedinteger[Any]]) -> TableLabeler:
    """Return the look-up of the labels (M,) of counted colors."""
    table = np.zeros(1 << count_key_bits(colors.colors), dtype)
    for first in range(0, len(color_labels), CHUNK):
        table[pack_colors(colors.colors[first : first + CHUNK])] = color_labels[first : first + CHUNK]
    return TableLabeler(table)


def told(error: Exception, source: Path) -> Exception:
    """Return what went wrong as something that reaches the process that asked."""
    if isinstance(error, SegmenterError):
        return error
    if isinstance(error, MemoryError):
        return UnsupportedPhotoError(
            str(source), "its windows do not fit into memory; lower --jobs, or in a batch raise --max-memory"
        )
    return RuntimeError(f"{type(error).__name__}: {error}")
