"""Transfer superpixels from a reduced picture to the full one, and refine their boundaries.

Away from boundaries, a pixel takes the superpixel of the reduced pixel that contains it. Near a boundary it takes the
most probable one of the superpixels around it. This is the E-step of a mixture in which each superpixel is a spherical
Gaussian, estimated from the full picture at the centers of its reduced pixels, and weights are local: the weight of a
superpixel is its share of the 3×3 reduced pixels around the pixel, each weighted by a quadratic B-spline of its
distance. A boundary can therefore move by up to one and a half reduced pixels. Afterwards, fragments that are cut off
from their superpixel are reassigned to a neighbor.

`refine_superpixels` works on the whole picture and leaves each superpixel as one connected component, unless the mask
divides it. `refine_rectangle` works on a rectangle and its surroundings. There, a component is a fragment if it is at
most `MAX_FRAGMENT_LENGTH` reduced pixels long and all its pixels are near boundaries. The surroundings suffice to
decide this, so labels do not depend on how a picture is divided into rectangles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Labels, Pixels
from segmenter.features.color import to_unit_range
from segmenter.features.downsample import map_to_reduced
from segmenter.regions.components import keep_largest_components, reassign_short_fragments

MIN_DEVIATION = 4 / 255
"""Its square is added to the variance of each superpixel, because few pixels do not determine a variance."""

CHUNK_PIXELS = 1 << 20
"""Number of pixels refined at once."""

MAX_FRAGMENT_LENGTH = 4
"""Maximum height and width, in reduced pixels, of a fragment in `refine_rectangle`."""

TINY = 1e-9
"""Keeps the logarithm of a weight finite where a B-spline value is 0."""


def refine_superpixels(reduced_labels: Labels, pixels: Pixels, mask: Bools | None = None) -> Labels:
    """Refine superpixels to the resolution of the full picture.

    Parameters
    ----------
    reduced_labels : ndarray of shape (h, w), int32
        Superpixels 1…R of the reduced picture; 0 = outside the mask.
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = included. A reduced pixel must have a label exactly if it contains the center of an included pixel.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…R, 0 where the mask is False. Every superpixel is present, and connected unless the mask divides it.
    """
    reduced, statistics = prepare_refinement(reduced_labels, pixels, mask)
    labels, original, _ = reduced.assign_pixels(pixels, mask, (0, 0), statistics)
    keep_largest_components(labels, original)
    return labels


def refine_superpixels_in_strips(reduced_labels: Labels, pixels: Pixels, mask: Bools | None = None) -> Labels:
    """Refine superpixels strip by strip, with `refine_rectangle`; parameters as in `refine_superpixels`."""
    reduced, statistics = prepare_refinement(reduced_labels, pixels, mask)
    height, width = reduced.full_shape
    step = max(1, CHUNK_PIXELS // width)
    labels = np.empty((height, width), np.int32)
    for first in range(0, height, step):
        inner = Rectangle(first, 0, min(first + step, height), width)
        outer = reduced.add_margin(inner)
        rows = slice(outer.top, outer.bottom)
        strip_mask = None if mask is None else mask[rows]
        labels[first : inner.bottom] = refine_rectangle(reduced, pixels[rows], strip_mask, inner, statistics)
    return labels


def refine_rectangle(
    reduced: ReducedLabels, pixels: Pixels, mask: Bools | None, inner: Rectangle, statistics: ColorStatistics
) -> Labels:
    """Refine the superpixels in a rectangle of the full picture; the result does not depend on how it is divided.

    Parameters
    ----------
    reduced : ReducedLabels
        Must contain those that `ReducedLabels.crop_for` returns for the rectangle.
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
        The pixels of the rectangle with its margin.
    mask : ndarray of shape (H, W), bool, optional
        Their mask.
    inner : Rectangle
    statistics : ColorStatistics
        Of the whole picture.
    """
    outer = reduced.add_margin(inner)
    labels, original, is_interior = reduced.assign_pixels(pixels, mask, (outer.top, outer.left), statistics)
    reassign_short_fragments(labels, original, is_interior, reduced.max_fragment_length)
    return labels[inner.to_slices(outer.top, outer.left)]


def prepare_refinement(
    reduced_labels: Labels, pixels: Pixels, mask: Bools | None
) -> tuple[ReducedLabels, ColorStatistics]:
    """Prepare the data of a whole picture that refinement needs; parameters as in `refine_superpixels`."""
    full_shape = pixels.shape[0], pixels.shape[1]
    reduced_shape = reduced_labels.shape[0], reduced_labels.shape[1]
    centers = compute_center_indices(full_shape, reduced_shape)
    statistics = compute_color_statistics(reduced_labels, pixels[centers], None if mask is None else mask[centers])
    is_interior = compute_interior_mask(reduced_labels)
    return ReducedLabels(reduced_labels, is_interior, (0, 0), full_shape, reduced_shape), statistics


# ---- geometry ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of pixels of the full picture."""

    top: int
    left: int
    bottom: int
    right: int

    def to_slices(self, top: int, left: int) -> tuple[slice, slice]:
        """Return the index of these pixels in an array whose first pixel is at (top, left)."""
        return slice(self.top - top, self.bottom - top), slice(self.left - left, self.right - left)


@dataclass(frozen=True, eq=False)
class ReducedLabels:
    """The superpixels of some or all reduced pixels, and the position of these pixels in the full picture."""

    labels: Labels  # (h', w'), superpixels 1…R; 0 = outside the mask
    is_interior: Bools  # (h', w'), whether all full pixels in a reduced pixel keep its superpixel
    corner: tuple[int, int]  # row and column of the first of these pixels in the reduced picture
    full_shape: tuple[int, int]
    reduced_shape: tuple[int, int]

    @property
    def max_fragment_length(self) -> int:
        """Maximum height and width, in pixels of the full picture, of a fragment in `refine_rectangle`."""
        (height, width), (reduced_height, reduced_width) = self.full_shape, self.reduced_shape
        return math.ceil(MAX_FRAGMENT_LENGTH * max(height / reduced_height, width / reduced_width))

    def add_margin(self, inner: Rectangle) -> Rectangle:
        """Return the rectangle whose pixels are needed to refine another one."""
        margin, (height, width) = 2 * self.max_fragment_length, self.full_shape
        top, left = max(0, inner.top - margin), max(0, inner.left - margin)
        return Rectangle(top, left, min(height, inner.bottom + margin), min(width, inner.right + margin))

    def crop_for(self, inner: Rectangle) -> ReducedLabels:
        """Return the reduced pixels that the labels of a rectangle depend on."""
        outer = self.add_margin(inner)
        (top, bottom), (left, right) = (
            (max(0, map_to_reduced(start, 1, *lengths)[0] - 1), map_to_reduced(stop - 1, 1, *lengths)[0] + 2)
            for start, stop, *lengths in zip(
                (outer.top, outer.left), (outer.bottom, outer.right), self.full_shape, self.reduced_shape, strict=True
            )
        )
        index = slice(top, bottom), slice(left, right)
        corner = int(top), int(left)
        return ReducedLabels(self.labels[index], self.is_interior[index], corner, self.full_shape, self.reduced_shape)

    def assign_pixels(
        self, pixels: Pixels, mask: Bools | None, corner: tuple[int, int], statistics: ColorStatistics
    ) -> tuple[Labels, Labels, Bools]:
        """Return the superpixel of each pixel of a rectangle of the full picture, before fragments are reassigned.

        Parameters
        ----------
        pixels : ndarray of shape (H, W, C)
        mask : ndarray of shape (H, W), bool, optional
        corner : (top, left)
            Of the rectangle, in the full picture.
        statistics : ColorStatistics

        Returns
        -------
        labels : ndarray of shape (H, W), int32
            The superpixel of the reduced pixel in the interior, the most probable one elsewhere; 0 = outside the mask.
        original : ndarray of shape (H, W), int32
            The superpixel of the reduced pixel that contains each pixel; 0 = outside the mask.
        is_interior : ndarray of shape (H, W), bool
            True = included, and in an interior reduced pixel.
        """
        height, width = pixels.shape[:2]
        rows, columns = (
            map_to_reduced(first, n, *lengths) - crop_start
            for first, n, crop_start, *lengths in zip(
                corner, (height, width), self.corner, self.full_shape, self.reduced_shape, strict=True
            )
        )
        is_interior = self.is_interior[rows[:, None], columns]
        original = self.labels[rows[:, None], columns]
        if mask is not None:
            original[~mask] = 0
        is_interior &= original > 0
        labels = original.copy()
        if not is_interior.all():
            is_first_occurrence = find_first_occurrences(self.labels)
            step = max(1, CHUNK_PIXELS // width)
            for first in range(0, height, step):
                strip = slice(first, first + step)
                y, x = np.nonzero(~is_interior[strip] & (original[strip] > 0))
                colors = to_unit_range(pixels[strip][y, x])
                position = y + first + corner[0], x + corner[1]
                labels[strip][y, x] = find_most_probable(self, is_first_occurrence, position, colors, statistics)
        return labels, original, is_interior


def compute_center_indices(
    full_shape: tuple[int, int], reduced_shape: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the index of the full pixel at the center of each reduced pixel: rows (h, 1) and columns (w,)."""
    rows, columns = (
        (2 * np.arange(n_reduced) + 1) * n_full // (2 * n_reduced)
        for n_full, n_reduced in zip(full_shape, reduced_shape, strict=True)
    )
    return rows[:, None], columns


def iterate_neighbors(labels: Labels) -> Iterator[Labels]:
    """Yield nine label images (h, w), shifted so that each shows one of the 3×3 neighbors of every pixel.

    The outermost pixels are repeated beyond the border of the picture.
    """
    height, width = labels.shape
    padded = np.pad(labels, 1, mode="edge")
    return (padded[i : i + height, j : j + width] for i in range(3) for j in range(3))


def find_first_occurrences(labels: Labels) -> Bools:
    """Return which of the 3×3 labels around each pixel are not 0 and occur for the first time, shape (9, h, w)."""
    around = np.stack(list(iterate_neighbors(labels)))
    return np.stack([(around[k] > 0) & (around[:k] != around[k]).all(axis=0) for k in range(9)])


def compute_interior_mask(labels: Labels) -> Bools:
    """Return the mask (h, w) of reduced pixels whose full pixels keep their superpixel.

    These are the pixels whose 3×3 neighbors all belong to the same superpixel or to none. In addition, each superpixel
    contributes one pixel, so that it cannot disappear: the first of those with the most neighbors of the same label.
    """
    n_equal = np.zeros(labels.shape, np.uint8)  # of the 3×3 neighbors of each pixel
    is_interior = np.ones(labels.shape, np.bool_)
    for neighbor in iterate_neighbors(labels):
        is_equal = neighbor == labels
        n_equal += is_equal
        is_interior &= is_equal | (neighbor == 0)
    is_interior |= labels == 0
    max_equal = np.zeros(labels.max(initial=0) + 1, np.uint8)  # of each superpixel
    np.maximum.at(max_equal, labels.ravel(), n_equal.ravel())
    (candidates,) = np.nonzero((n_equal == max_equal[labels]).ravel())
    first_candidate = np.zeros(len(max_equal), np.intp)
    first_candidate[labels.ravel()[candidates[::-1]]] = candidates[::-1]  # in reverse: the last assignment wins
    is_interior.ravel()[first_candidate[max_equal > 0]] = True
    return is_interior


# ---- probabilities -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ColorStatistics:
    """Spherical Gaussians of the colors, from 0 to 1, of superpixels; row 0 is for pixels without a superpixel."""

    means: Floats  # (R + 1, C)
    variances: Floats  # (R + 1,)


def compute_color_statistics(
    reduced_labels: Labels, samples: Pixels, is_included: Bools | None = None
) -> ColorStatistics:
    """Return the means and variances of the colors of superpixels.

    Parameters
    ----------
    reduced_labels : ndarray of shape (h, w), int32
    samples : ndarray of shape (h, w, C), uint8, uint16 or float32
        The color of the full pixel at the center of each reduced pixel.
    is_included : ndarray of shape (h, w), bool, optional
        Whether that pixel is included. Other pixels are left out, except in superpixels without any included pixel.
    """
    n = int(reduced_labels.max(initial=0)) + 1
    has_included = (
        np.ones(n, np.bool_) if is_included is None else np.bincount(reduced_labels[is_included], minlength=n) > 0
    )
    counts, sums, squares = np.zeros(n), np.zeros((samples.shape[2], n)), np.zeros(n)
    step = max(1, CHUNK_PIXELS // reduced_labels.shape[1])

    def iterate_strips() -> Iterator[tuple[Labels, Floats]]:
        for first in range(0, len(reduced_labels), step):
            rows = slice(first, first + step)
            labels = reduced_labels[rows].ravel()
            colors = to_unit_range(samples[rows]).reshape(-1, samples.shape[2])
            if is_included is not None:
                is_counted = is_included[rows].ravel() | ~has_included[labels]
                labels, colors = labels[is_counted], colors[is_counted]
            yield labels, colors

    for labels, colors in iterate_strips():
        counts += np.bincount(labels, minlength=n)
        for total, channel in zip(sums, colors.T, strict=True):
            total += np.bincount(labels, channel, n)
    means = (sums / np.maximum(counts, 1)).T
    for labels, colors in iterate_strips():
        squares += np.bincount(labels, ((colors - means[labels]) ** 2).mean(axis=1), n)
    return ColorStatistics(means, squares / np.maximum(counts, 1) + MIN_DEVIATION**2)


def find_most_probable(
    reduced: ReducedLabels,
    is_first_occurrence: Bools,
    position: tuple[NDArray[np.intp], NDArray[np.intp]],
    colors: Floats,
    statistics: ColorStatistics,
) -> Labels:
    """Return the most probable superpixel of each of P pixels, shape (P,).

    The candidates for a pixel are the superpixels of the reduced pixel that contains it and of its eight neighbors; of
    equals, the first is taken. Up to a constant, a candidate with weight w, mean μ and variance σ² has the log
    posterior log w − |color − μ|² / 2σ² − C/2 log σ²; w is the sum of the B-spline values at those reduced pixels, of
    the nine, that belong to the candidate.

    Parameters
    ----------
    reduced : ReducedLabels
    is_first_occurrence : ndarray of shape (9, h, w), bool
        Which of the 3×3 labels around each reduced pixel to consider, from `find_first_occurrences`.
    position : two ndarrays of shape (P,), int
        Rows and columns of the pixels in the full picture.
    colors : ndarray of shape (P, C), 0 to 1
    statistics : ColorStatistics
    """
    (y, y_spline), (x, x_spline) = (
        locate_in_reduced(*axis) for axis in zip(position, reduced.full_shape, reduced.reduced_shape, strict=True)
    )
    y, x = y - reduced.corner[0], x - reduced.corner[1]
    last_row, last_column = reduced.labels.shape[0] - 1, reduced.labels.shape[1] - 1
    neighbors = [  # the labels (P,) of the nine reduced pixels, and their B-spline values (P,)
        (
            reduced.labels[np.clip(y + i, 0, last_row), np.clip(x + j, 0, last_column)],
            y_spline[i + 1] * x_spline[j + 1],
        )
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    ]
    best_score = np.full(len(colors), -np.inf)
    best_label = np.zeros(len(colors), dtype=np.int32)
    for k, (labels, _) in enumerate(neighbors):
        (considered,) = np.nonzero(is_first_occurrence[k][y, x])  # the pixels for which neighbor k is a new candidate
        candidate = labels[considered]
        weight = np.full(len(considered), TINY)
        for neighbor_label, spline in neighbors:
            weight += spline[considered] * (neighbor_label[considered] == candidate)
        squared_distance = ((colors[considered] - statistics.means[candidate]) ** 2).sum(axis=1)
        variance = statistics.variances[candidate]
        score = np.log(weight) - squared_distance / (2 * variance) - colors.shape[1] / 2 * np.log(variance)
        is_better = score > best_score[considered]
        best_score[considered[is_better]] = score[is_better]
        best_label[considered[is_better]] = candidate[is_better]
    return best_label


def locate_in_reduced(
    coordinates: NDArray[np.intp], n_full: int, n_reduced: int
) -> tuple[NDArray[np.intp], tuple[Floats, Floats, Floats]]:
    """Return, along one axis, the reduced pixel that contains each full pixel, and the B-spline values around it.

    Parameters
    ----------
    coordinates : ndarray of shape (P,), int
        Rows, or columns, of full pixels.
    n_full, n_reduced : int
        Length of the axis in full and in reduced pixels.

    Returns
    -------
    ndarray of shape (P,), intp
        The reduced pixel that contains the center of each pixel.
    three ndarrays of shape (P,), float64
        Values of the quadratic B-spline centered on the full pixel, at the centers of the previous, this and the next
        reduced pixel; the three sum to 1.
    """
    centers = (2 * coordinates + 1) * n_reduced / (2 * n_full)  # in reduced pixels, from the edge of the picture
    index = centers.astype(np.intp)
    offset = centers - index - 0.5  # from the center of the reduced pixel, −½ to ½
    return index, (0.5 * (0.5 - offset) ** 2, 0.75 - offset * offset, 0.5 * (0.5 + offset) ** 2)
