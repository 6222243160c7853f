"""Superpixels of a reduced picture carried over to a larger one, their boundaries found anew.

Near a boundary every pixel goes to the superpixel that is most probable: an E-step of a mixture of one spherical
Gaussian for each superpixel, of its colors in the larger picture, whose weights are local, namely how much of it there
is nearby. Nearby is what a quadratic B-spline over 3×3 pixels of the reduced picture says, so that a boundary can move
by one and a half of these. What is cut off from its superpixel goes to a neighbor.

`refined` knows the whole picture, and every superpixel stays in one piece. `refine_rectangle` knows its surroundings
alone. There a piece is cut off if it is no longer than `REACH` pixels of the reduced picture, and none of its pixels is
surely of its superpixel: that can be told from nearby, so that labels do not depend on how a picture was divided.
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
from segmenter.regions.components import reassign_short_fragments, reassign_small_components

LEAST_DEVIATION = 4 / 255
"""Of the colors of a superpixel: no Gaussian is narrower, since a few pixels tell little of it."""

CHUNK_PIXELS = 1 << 20
"""Pixels that are refined at once."""

REACH = 4
"""How long a piece that is cut off may be, as far as rectangles are concerned, in pixels of the reduced picture."""

TINY = 1e-9


def refine_superpixels(small: Labels, pixels: Pixels, mask: Bools | None = None) -> Labels:
    """Return superpixels at the full size.

    Parameters
    ----------
    small : ndarray of shape (h, w), int32
        Superpixels 1…R of the reduced picture; 0 = takes no part.
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = takes part. A reduced pixel does if, and only if, a pixel whose middle lies in it does.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…R, 0 where the mask is False. Every superpixel is there, and in one piece unless the mask divides it.
    """
    surroundings, colors = prepare_refinement(small, pixels, mask)
    full, original, _ = surroundings.most_probable(pixels, mask, (0, 0), colors)
    return reassign_small_components(full, original)


def refine_superpixels_in_strips(small: Labels, pixels: Pixels, mask: Bools | None = None) -> Labels:
    """Return superpixels at the full size as `refine_rectangle` has them; parameters as of `refined`."""
    surroundings, colors = prepare_refinement(small, pixels, mask)
    height, width = surroundings.shape
    step = max(1, CHUNK_PIXELS // width)
    full = np.empty((height, width), np.int32)
    for first in range(0, height, step):
        inner = Rectangle(first, 0, min(first + step, height), width)
        outer = surroundings.add_margin(inner)
        rows = slice(outer.top, outer.bottom)
        known = None if mask is None else mask[rows]
        full[first : inner.bottom] = refine_rectangle(surroundings, pixels[rows], known, inner, colors)
    return full


def refine_rectangle(
    surroundings: ReducedLabels, pixels: Pixels, mask: Bools | None, inner: Rectangle, colors: ColorStatistics
) -> Labels:
    """Return the superpixels of a rectangle of the full picture, which do not depend on how that is divided.

    Parameters
    ----------
    surroundings : ReducedLabels
        At least those of the rectangle with its margin.
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
        Of the rectangle with its margin.
    mask : ndarray of shape (H, W), bool, optional
        The same of the mask.
    inner : Rectangle
    colors : ColorStatistics
        Of the whole picture.
    """
    outer = surroundings.add_margin(inner)
    labels, original, is_sure = surroundings.most_probable(pixels, mask, (outer.top, outer.left), colors)
    reassign_short_fragments(labels, original, is_sure, surroundings.reach)
    return labels[inner.inside(outer.top, outer.left)]


# ---- geometry ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rectangle:
    """Some pixels of a picture."""

    top: int
    left: int
    bottom: int
    right: int

    def inside(self, top: int, left: int) -> tuple[slice, slice]:
        """Return the place of these pixels in an array that begins at such a corner."""
        return slice(self.top - top, self.bottom - top), slice(self.left - left, self.right - left)


@dataclass(frozen=True, eq=False)
class ReducedLabels:
    """What the reduced picture tells of some pixels of the full one, and where these are."""

    small: Labels  # (h', w'), the superpixels of some reduced pixels
    is_sure: Bools  # (h', w'), that all pixels in one are of its superpixel
    corner: tuple[int, int]  # of these, in the reduced picture
    shape: tuple[int, int]  # of the full picture
    reduced: tuple[int, int]  # of the reduced one

    @property
    def reach(self) -> int:
        """How long a piece that is cut off may be, in pixels of the full picture."""
        return math.ceil(REACH * max(self.shape[0] / self.reduced[0], self.shape[1] / self.reduced[1]))

    def add_margin(self, inner: Rectangle) -> Rectangle:
        """Return the rectangle that has to be known for the labels of another one."""
        margin, (height, width) = 2 * self.reach, self.shape
        top, left = max(0, inner.top - margin), max(0, inner.left - margin)
        return Rectangle(top, left, min(height, inner.bottom + margin), min(width, inner.right + margin))

    def of(self, inner: Rectangle) -> ReducedLabels:
        """Return those that the labels of a rectangle depend on."""
        outer = self.add_margin(inner)
        (top, bottom), (left, right) = (
            (max(0, map_to_reduced(first, 1, n, places)[0] - 1), map_to_reduced(end - 1, 1, n, places)[0] + 2)
            for first, end, n, places in zip(
                (outer.top, outer.left), (outer.bottom, outer.right), self.shape, self.reduced, strict=True
            )
        )
        place = slice(top, bottom), slice(left, right)
        return ReducedLabels(self.small[place], self.is_sure[place], (int(top), int(left)), self.shape, self.reduced)

    def most_probable(
        self, pixels: Pixels, mask: Bools | None, corner: tuple[int, int], colors: ColorStatistics
    ) -> tuple[Labels, Labels, Bools]:
        """Return the most probable superpixel of each pixel of a rectangle.

        Parameters
        ----------
        pixels : ndarray of shape (H, W, C)
        mask : ndarray of shape (H, W), bool, optional
        corner : (top, left)
            Of the rectangle, in the full picture.
        colors : ColorStatistics

        Returns
        -------
        labels, original : ndarray of shape (H, W), int32
            The most probable, and those of the reduced picture; 0 where the mask is False.
        is_sure : ndarray of shape (H, W), bool
            Where they were not to be found.
        """
        height, width = pixels.shape[:2]
        at = [
            map_to_reduced(first, n, *numbers) - whole
            for first, n, whole, *numbers in zip(
                corner, (height, width), self.corner, self.shape, self.reduced, strict=True
            )
        ]
        is_sure = self.is_sure[at[0][:, None], at[1]]
        original = self.small[at[0][:, None], at[1]]
        if mask is not None:
            original[~mask] = 0
        is_sure &= original > 0
        labels = original.copy()
        if not is_sure.all():
            is_first = find_first_occurrences(self.small)
            step = max(1, CHUNK_PIXELS // width)
            for first in range(0, height, step):
                rows = slice(first, first + step)
                y, x = np.nonzero(~is_sure[rows] & (original[rows] > 0))
                place = y + first + corner[0], x + corner[1]
                unit = to_unit_range(pixels[rows][y, x])
                labels[rows][y, x] = most_probable(self, is_first, unit, place, colors)
        return labels, original, is_sure


def prepare_refinement(small: Labels, pixels: Pixels, mask: Bools | None) -> tuple[ReducedLabels, ColorStatistics]:
    """Return what the reduced picture tells of all pixels, and of their colors."""
    shape, reduced = (pixels.shape[0], pixels.shape[1]), (small.shape[0], small.shape[1])
    middle = compute_center_indices(shape, reduced)
    colors = compute_color_statistics(small, pixels[middle], None if mask is None else mask[middle])
    return ReducedLabels(small, compute_interior_mask(small), (0, 0), shape, reduced), colors


def compute_center_indices(
    shape: tuple[int, int], reduced: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where a pixel of the full picture lies in the middle of each reduced one, as an index."""
    rows, columns = ((2 * np.arange(m) + 1) * n // (2 * m) for n, m in zip(shape, reduced, strict=True))
    return rows[:, None], columns


# ---- probabilities -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ColorStatistics:
    """The Gaussians of the colors of superpixels; row 0 is of none."""

    means: Floats  # (R + 1, C)
    variances: Floats  # (R + 1,)


def compute_color_statistics(small: Labels, samples: Pixels, is_known: Bools | None = None) -> ColorStatistics:
    """Return means and variances of the colors of superpixels.

    Parameters
    ----------
    small : ndarray of shape (h, w), int32
    samples : ndarray of shape (h, w, C), uint8, uint16 or float32
        The color of a pixel in the middle of each reduced one.
    is_known : ndarray of shape (h, w), bool, optional
        Whether that pixel takes part. Of a superpixel without any all are looked at.
    """
    n = int(small.max(initial=0)) + 1
    is_seen = np.ones(n, np.bool_) if is_known is None else np.bincount(small[is_known], minlength=n) > 0
    counts, sums, squares = np.zeros(n), np.zeros((samples.shape[2], n)), np.zeros(n)
    step = max(1, CHUNK_PIXELS // small.shape[1])

    def strips() -> Iterator[tuple[Labels, Floats]]:
        for first in range(0, len(small), step):
            rows = slice(first, first + step)
            labels, unit = small[rows].ravel(), to_unit_range(samples[rows]).reshape(-1, samples.shape[2])
            if is_known is not None:
                counted = is_known[rows].ravel() | ~is_seen[labels]
                labels, unit = labels[counted], unit[counted]
            yield labels, unit

    for labels, unit in strips():
        counts += np.bincount(labels, minlength=n)
        for total, channel in zip(sums, unit.T, strict=True):
            total += np.bincount(labels, channel, n)
    means = (sums / np.maximum(counts, 1)).T
    for labels, unit in strips():
        squares += np.bincount(labels, ((unit - means[labels]) ** 2).mean(axis=1), n)
    return ColorStatistics(means, squares / np.maximum(counts, 1) + LEAST_DEVIATION**2)


def around(small: Labels) -> NDArray[np.int32]:
    """Return the labels of the 3×3 pixels around each one, shape (9, h, w); the border goes on outwards."""
    height, width = small.shape
    padded = np.pad(small, 1, mode="edge")
    return np.stack([padded[i : i + height, j : j + width] for i in range(3) for j in range(3)])


def find_first_occurrences(small: Labels) -> Bools:
    """Return which of the 3×3 labels around each pixel are not 0 and were not met before, shape (9, h, w)."""
    labels = around(small)
    return np.stack([(labels[k] > 0) & (labels[:k] != labels[k]).all(axis=0) for k in range(9)])


def compute_interior_mask(small: Labels) -> Bools:
    """Return the pixels that are not beside another superpixel, (h, w), and of each superpixel the most its own."""
    height, width = small.shape
    padded = np.pad(small, 1, mode="edge")
    n_same = np.zeros(small.shape, np.uint8)  # of the 3×3 around each
    is_sure = np.ones(small.shape, np.bool_)
    for i in range(3):
        for j in range(3):
            beside = padded[i : i + height, j : j + width]
            is_same = beside == small
            n_same += is_same
            is_sure &= is_same | (beside == 0)
    is_sure |= small == 0
    most = np.zeros(small.max(initial=0) + 1, np.uint8)
    np.maximum.at(most, small.ravel(), n_same.ravel())
    (candidates,) = np.nonzero((n_same == most[small]).ravel())
    first = np.zeros(len(most), np.intp)
    first[small.ravel()[candidates[::-1]]] = candidates[::-1]  # what is assigned last stays
    is_sure.ravel()[first[most > 0]] = True
    return is_sure


def most_probable(
    surroundings: ReducedLabels,
    is_first: Bools,
    unit: Floats,
    place: tuple[NDArray[np.intp], NDArray[np.intp]],
    colors: ColorStatistics,
) -> Labels:
    """Return the most probable superpixel of some pixels, (P,).

    Parameters
    ----------
    surroundings : ReducedLabels
    is_first : ndarray of shape (9, h, w), bool
        From `find_first_occurrences`.
    unit : ndarray of shape (P, C), 0 to 1
        Their colors.
    place : two ndarrays of shape (P,), int
        Where they are in the full picture.
    colors : ColorStatistics
    """
    small = surroundings.small
    inside = [
        (2 * axis + 1) * places / (2 * n)  # from the outer edge of the first reduced pixel, in these
        for axis, n, places in zip(place, surroundings.shape, surroundings.reduced, strict=True)
    ]
    whole = [axis.astype(np.intp) for axis in inside]
    offsets = [axis - part - 0.5 for axis, part in zip(inside, whole, strict=True)]
    at = [part - first for part, first in zip(whole, surroundings.corner, strict=True)]
    splines = [(0.5 * (0.5 - t) ** 2, 0.75 - t * t, 0.5 * (0.5 + t) ** 2) for t in offsets]
    near = [
        (
            small[np.clip(at[0] + i, 0, small.shape[0] - 1), np.clip(at[1] + j, 0, small.shape[1] - 1)],
            splines[0][i + 1] * splines[1][j + 1],
        )
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    ]
    best = np.full(len(unit), -np.inf)
    labels = np.zeros(len(unit), dtype=np.int32)
    for k in range(9):
        (those,) = np.nonzero(is_first[k][at[0], at[1]])
        label = near[k][0][those]
        weight = np.full(len(those), TINY)
        for other, share in near:
            weight += share[those] * (other[those] == label)
        distance = ((unit[those] - colors.means[label]) ** 2).sum(axis=1)
        variance = colors.variances[label]
        score = np.log(weight) - distance / (2 * variance) - unit.shape[1] / 2 * np.log(variance)
        better = score > best[those]
        best[those[better]] = score[better]
        labels[those[better]] = label[better]
    return labels
