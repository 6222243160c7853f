"""The figure of scales: a photo and its regions at several scales, in a grid of two columns."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from segmenter.arrays import Bytes, Labels
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.outlines import create_outlines
from segmenter.render.page import GUTTER_MM, MARGIN_MM, Box, compose
from segmenter.render.panels import DOUBLE_COLUMN_MM, HEADING_MM, MAX_HEIGHT_MM, create_panel, paint_panels


def draw_scales_figure(
    photo: Bytes, cuts: Sequence[tuple[str, Labels, Bytes]], *, width_mm: float = DOUBLE_COLUMN_MM, dpi: int = 300
) -> Figure:
    """Draw the photo and its regions at several scales, with their outlines.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        sRGB.
    cuts : sequence of (title, labels, colors), at least one
        Labels (H, W) from 0 to K, and their colors (K, 3), uint8 sRGB.
    width_mm : float, mm
        Width of the page. The height follows from the shape of the photo; if the page would be too tall, the panels
        become smaller.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    n_rows = (len(cuts) + 2) // 2
    aspect = photo.shape[1] / photo.shape[0]
    available = (MAX_HEIGHT_MM - 2 * MARGIN_MM) / n_rows - HEADING_MM
    height = min((width_mm - 2 * MARGIN_MM - GUTTER_MM) / 2 / aspect, available)
    width = height * aspect
    left = (width_mm - 2 * width - GUTTER_MM) / 2
    row = height + HEADING_MM
    boxes = [
        Box(left + (i % 2) * (width + GUTTER_MM), HEADING_MM + (i // 2) * row, width, height) for i in range(2 * n_rows)
    ]
    pairs = [paint_panels(photo, labels, colors, boxes[0], dpi) for _, labels, colors in cuts]
    panels = [("Photo", pairs[0][0]), *((title, pair[1]) for (title, _, _), pair in zip(cuts, pairs, strict=True))]
    with fixed_matplotlib_settings():
        artists: list[Artist] = []
        for letter, (title, picture), box in zip(ascii_lowercase, panels, boxes, strict=False):
            artists += create_panel(letter, title, picture, box)
        for (_, labels, _), box in zip(cuts, boxes[1:], strict=False):
            artists += create_outlines(labels, box)
        return compose(artists, width_mm, n_rows * row + MARGIN_MM, dpi)
