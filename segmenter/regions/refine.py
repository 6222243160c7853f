"""Superpixels of a reduced picture carried over to the full one, their boundaries found anew.

Near a boundary every pixel goes to the superpixel that is most probable: an E-step of a mixture of one spherical
Gaussian for each superpixel, of its colors in the full picture, whose weights are local, namely how much of it there is
nearby. Nearby is what a quadratic B-spline over 3×3 pixels of the reduced picture says, so that a boundary can move by
one and a half of these. What is cut off from its superpixel goes to a neighbor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Labels, Pixels
from segmenter.features.color import unit_range

LEAST_DEVIATION = 4 / 255
"""Of the colors of a superpixel: no Gaussian is narrower, since a few pixels tell little of it."""

CHUNK_PIXELS = 1 << 20
"""Pixels that are refined at once."""

TINY = 1e-9


def refined(small: Labels, pixels: Pixels, mask: Bools | None = None) -> Labels:
    """Return superpixels at the full size.

    Parameters
    ----------
    small : ndarray of shape (h, w), int32
        Superpixels 1…R of the reduced picture; 0 = takes no part.
    pixels : ndarray of shape (H, W, C), uint8, uint16 or float32
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; then its reduced pixel does.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…R, 0 where the mask is False. Every superpixel is there, and in one piece unless the mask divides it.
    """
    height, width = pixels.shape[:2]
    rows, columns = nearest(height, small.shape[0]), nearest(width, small.shape[1])
    full = small[rows[:, None], columns]
    band = band_of(small)
    if band.any():
        colors = color_statistics(small, pixels)
        is_first = first_mentions(small)
        step = max(1, CHUNK_PIXELS // width)
        for first in range(0, height, step):
            part = slice(first, first + step)
            y, x = np.nonzero(band[rows[part, None], columns])
            place = (2 * (y + first) + 1) * small.shape[0] / (2 * height), (2 * x + 1) * small.shape[1] / (2 * width)
            full[part][y, x] = most_probable(small, is_first, unit_range(pixels[part][y, x]), place, colors)
    if mask is not None:
        full[~mask] = 0
    return in_one_piece(full, small[rows[:, None], columns])


def nearest(n_pixels: int, n_places: int) -> NDArray[np.intp]:
    """Return the reduced pixel that the middle of each pixel of a row lies in."""
    return (2 * np.arange(n_pixels) + 1) * n_places // (2 * n_pixels)


def around(small: Labels) -> NDArray[np.int32]:
    """Return the labels of the 3×3 pixels around each one, shape (9, h, w); the border goes on outwards."""
    height, width = small.shape
    padded = np.pad(small, 1, mode="edge")
    return np.stack([padded[i : i + height, j : j + width] for i in range(3) for j in range(3)])


def first_mentions(small: Labels) -> Bools:
    """Return which of the 3×3 labels around each pixel are not 0 and were not met before, shape (9, h, w)."""
    labels = around(small)
    return np.stack([(labels[k] > 0) & (labels[:k] != labels[k]).all(axis=0) for k in range(9)])


def band_of(small: Labels) -> Bools:
    """Return the pixels beside another superpixel, (h, w), but for the one of each superpixel that is most its own."""
    same = (around(small) == small).sum(axis=0)
    band = (small > 0) & (first_mentions(small).sum(axis=0) > 1)
    order = np.lexsort((-same.ravel(), small.ravel()))
    _, first = np.unique(small.ravel()[order], return_index=True)
    band.ravel()[order[first]] = False
    return np.asarray(band)


def color_statistics(small: Labels, pixels: Pixels) -> tuple[Floats, Floats]:
    """Return means (R + 1, C) and variances (R + 1,) of the colors of superpixels, of a pixel in each reduced one."""
    middle = [(2 * np.arange(m) + 1) * n // (2 * m) for n, m in zip(pixels.shape[:2], small.shape, strict=True)]
    unit = unit_range(pixels[middle[0][:, None], middle[1]].reshape(small.size, -1))
    flat = small.ravel()
    counts = np.maximum(np.bincount(flat), 1)
    means = np.stack([np.bincount(flat, channel) for channel in unit.T], axis=1) / counts[:, None]
    squares = np.bincount(flat, ((unit - means[flat]) ** 2).mean(axis=1)) / counts
    return means, squares + LEAST_DEVIATION**2


def most_probable(
    small: Labels, is_first: Bools, unit: Floats, place: tuple[Floats, Floats], colors: tuple[Floats, Floats]
) -> Labels:
    """Return the most probable superpixel of some pixels, (P,).

    Parameters
    ----------
    small : ndarray of shape (h, w), int32
    is_first : ndarray of shape (9, h, w), bool
        From `first_mentions`.
    unit : ndarray of shape (P, C), 0 to 1
        Their colors.
    place : two ndarrays of shape (P,)
        Where they are in the reduced picture, in its pixels, from the outer edge of the first.
    colors : (R + 1, C) and (R + 1,)
        From `color_statistics`.
    """
    means, variances = colors
    at = [axis.astype(np.intp) for axis in place]
    offsets = [axis - whole - 0.5 for axis, whole in zip(place, at, strict=True)]
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
        distance = ((unit[those] - means[label]) ** 2).sum(axis=1)
        variance = variances[label]
        score = np.log(weight) - distance / (2 * variance) - unit.shape[1] / 2 * np.log(variance)
        better = score > best[those]
        best[those[better]] = score[better]
        labels[those[better]] = label[better]
    return labels


def in_one_piece(labels: Labels, original: Labels) -> Labels:
    """Return superpixels of which what is cut off went to a neighbor, or where there is none to its original one."""
    from skimage.measure import label

    pieces = label(labels, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    sizes = np.bincount(pieces.ravel())
    owner = np.zeros(len(sizes), dtype=np.int32)
    owner[pieces.ravel()] = labels.ravel()
    order = np.lexsort((-sizes, owner))
    _, first = np.unique(owner[order], return_index=True)
    is_kept = np.zeros(len(sizes), dtype=np.bool_)
    is_kept[order[first]] = True
    is_kept[0] = True
    y, x = np.nonzero(~is_kept[pieces])
    labels[y, x] = 0
    while len(y):
        taken = np.zeros(len(y), dtype=np.int32)
        for i, j in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            beside = labels[np.clip(y + i, 0, labels.shape[0] - 1), np.clip(x + j, 0, labels.shape[1] - 1)]
            taken = np.where(taken > 0, taken, beside)
        is_done = taken > 0
        if not is_done.any():
            labels[y, x] = original[y, x]
            break
        labels[y[is_done], x[is_done]] = taken[is_done]
        y, x = y[~is_done], x[~is_done]
    return labels
