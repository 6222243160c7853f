"""Lines between segments: light within dark, so that they show on any color."""

from __future__ import annotations

from typing import Final

import numpy as np

from segmenter.arrays import Bools, Bytes, Labels
from segmenter.render.page import MM_PER_INCH

LINE_MM: Final = 0.12  # width of the light line, and about that of the dark ones beside it
LIGHT: Final = (255, 255, 255, 255)
DARK: Final = (26, 26, 26, 255)


def draw_contours(picture: Bytes, labels: Labels, dpi: int) -> Bytes:
    """Return a picture with a line wherever the label changes.

    Parameters
    ----------
    picture : ndarray of shape (H, W, 4), uint8
        sRGB and opacity.
    labels : ndarray of shape (H, W)
    dpi : int, pixels per inch
        That the picture is shown at.
    """
    line = edges(labels)
    for _ in range(max(0, round(LINE_MM / MM_PER_INCH * dpi) - 2) // 2):
        line = grown(line)
    ground = line
    for _ in range(max(1, round(LINE_MM / MM_PER_INCH * dpi))):
        ground = grown(ground)
    drawn = picture.copy()
    drawn[ground] = DARK
    drawn[line] = LIGHT
    return drawn


def edges(labels: Labels) -> Bools:
    """Return the pixels beside another label, on both sides: lines two pixels wide."""
    line = np.zeros(labels.shape, dtype=np.bool_)
    for here, there in (((slice(None), slice(1, None)), (slice(None), slice(None, -1))), (np.s_[1:], np.s_[:-1])):
        differs = labels[here] != labels[there]
        line[here] |= differs
        line[there] |= differs
    return line


def grown(line: Bools) -> Bools:
    """Return the line with its four neighbors."""
    wide = line.copy()
    wide[1:] |= line[:-1]
    wide[:-1] |= line[1:]
    wide[:, 1:] |= line[:, :-1]
    wide[:, :-1] |= line[:, 1:]
    return wide
