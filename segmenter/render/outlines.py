"""The outlines of segments as curves: a light line within a dark one, which shows on any color and stays sharp."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection

from segmenter.arrays import Floats, Labels
from segmenter.render.page import INK, Box
from segmenter.render.pixels import resize_nearest

MAX_SIDE: Final = 800  # pixels of the label image that outlines are taken from
SMOOTHING: Final = 1.0  # standard deviation, in pixels of that image
ROOM: Final = 6  # pixels around a segment that smoothing can reach
SPECKLE_MM2: Final = 1.0  # smaller pieces of a segment have no outline of their own
DARK_PT, LIGHT_PT = 1.3, 0.55


def create_outlines(labels: Labels, box: Box) -> list[Artist]:
    """Return the outlines of all segments, smoothed by about a pixel, in a box on the page.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        Pieces that would be smaller than a square millimetre belong to what is around them.
    box : Box
        Where the picture stands.
    """
    curves = trace_outlines(labels, box)
    return [
        LineCollection(curves, colors=color, linewidths=width, capstyle="round", joinstyle="round")
        for color, width in ((INK, DARK_PT), ("white", LIGHT_PT))
    ]


def trace_outlines(labels: Labels, box: Box) -> list[Floats]:
    """Return the curves between segments, each (n, 2): left and top in mm on the page."""
    from scipy.ndimage import find_objects, gaussian_filter
    from skimage.measure import find_contours

    height, width = labels.shape
    scale = min(1.0, MAX_SIDE / max(height, width))
    rows, columns = max(1, round(scale * height)), max(1, round(scale * width))
    reduced = resize_nearest(labels, rows, columns)
    reduced = remove_speckles(reduced, SPECKLE_MM2 * reduced.size / max(box.width * box.height, 1e-9))
    if min(rows, columns) < 2:
        return []
    per_pixel = np.array([box.width / columns, box.height / rows])
    corner = np.array([box.left, box.top])
    found: list[Floats] = []
    last = reduced.max()  # its outlines are those of all others
    for label, place in enumerate(find_objects(reduced + 1)):
        if place is None or label == last:
            continue
        tops = [max(side.start - ROOM, 0) for side in place]
        around = tuple(slice(top, side.stop + ROOM) for top, side in zip(tops, place, strict=True))
        inside = gaussian_filter((reduced[around] == label).astype(np.float32), SMOOTHING, mode="nearest")
        curves = find_contours(inside, 0.5)  # type: ignore[no-untyped-call]
        found += [corner + (curve[:, ::-1] + tops[::-1] + 0.5) * per_pixel for curve in curves]
    return found


def remove_speckles(labels: Labels, least: float) -> Labels:
    """Return labels of which every piece smaller than some pixels has taken the label of the nearest larger one."""
    if least <= 1 or labels.size <= least:
        return labels
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import label

    pieces = np.asarray(label(labels, connectivity=1, background=-1))  # type: ignore[no-untyped-call]
    is_small = (np.bincount(pieces.ravel()) < least)[pieces]
    if not is_small.any() or is_small.all():
        return labels
    rows, columns = distance_transform_edt(is_small, return_distances=False, return_indices=True)
    return np.asarray(labels[rows, columns])
