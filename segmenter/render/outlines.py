"""The outlines of segments as curves: a light line inside a dark one, visible on any color and sharp at any zoom."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection

from segmenter.arrays import Floats, Labels
from segmenter.render.page import INK, Box
from segmenter.render.pixels import resize_nearest

MAX_SIDE: Final = 800  # pixels; larger label images are reduced before they are traced
SMOOTHING: Final = 1.0  # standard deviation, in pixels of the reduced image
REACH: Final = 6  # pixels around a segment that smoothing can change
MIN_PIECE_MM2: Final = 1.0  # smaller pieces of a segment get no outline of their own
DARK_PT, LIGHT_PT = 1.3, 0.55


def create_outlines(labels: Labels, box: Box) -> list[Artist]:
    """Return the outlines of all segments, smoothed by about a pixel.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        Pieces that would be smaller than a square millimeter are treated as part of the segment around them.
    box : Box
        The box of the picture on the page.
    """
    curves = trace_outlines(labels, box)
    return [
        LineCollection(curves, colors=color, linewidths=width, capstyle="round", joinstyle="round")
        for color, width in ((INK, DARK_PT), ("white", LIGHT_PT))
    ]


def trace_outlines(labels: Labels, box: Box) -> list[Floats]:
    """Return the curves between segments, each of shape (n, 2): x and y in mm from the top left of the page."""
    from scipy.ndimage import find_objects, gaussian_filter
    from skimage.measure import find_contours

    height, width = labels.shape
    scale = min(1.0, MAX_SIDE / max(height, width))
    rows, columns = max(1, round(scale * height)), max(1, round(scale * width))
    reduced = resize_nearest(labels, rows, columns)
    reduced = remove_speckles(reduced, MIN_PIECE_MM2 * reduced.size / max(box.width * box.height, 1e-9))
    if min(rows, columns) < 2:
        return []
    mm_per_pixel = np.array([box.width / columns, box.height / rows])
    corner = np.array([box.left, box.top])
    outlines: list[Floats] = []
    last = reduced.max()  # its outlines are those of its neighbors
    for label, slices in enumerate(find_objects(reduced + 1)):
        if slices is None or label == last:
            continue
        starts = [max(side.start - REACH, 0) for side in slices]
        window = tuple(slice(start, side.stop + REACH) for start, side in zip(starts, slices, strict=True))
        inside = gaussian_filter((reduced[window] == label).astype(np.float32), SMOOTHING, mode="nearest")
        curves = find_contours(inside, 0.5)  # type: ignore[no-untyped-call]
        outlines += [corner + (curve[:, ::-1] + starts[::-1] + 0.5) * mm_per_pixel for curve in curves]
    return outlines


def remove_speckles(labels: Labels, min_pixels: float) -> Labels:
    """Return labels in which each piece of fewer than ``min_pixels`` has the label of the nearest larger piece."""
    if min_pixels <= 1 or labels.size <= min_pixels:
        return labels
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import label

    pieces = np.asarray(label(labels, connectivity=1, background=-1))  # type: ignore[no-untyped-call]
    is_small = (np.bincount(pieces.ravel()) < min_pixels)[pieces]
    if not is_small.any() or is_small.all():
        return labels
    rows, columns = distance_transform_edt(is_small, return_distances=False, return_indices=True)
    return np.asarray(labels[rows, columns])
