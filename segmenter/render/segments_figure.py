"""The side-by-side figure: photo, segments and one legend, ready for a paper.

Pictures are reduced to the resolution of the page before matplotlib sees them, so a photo of 12 megapixels costs little
more than a small one. No setting of matplotlib is changed beyond the time of a call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from segmenter.arrays import Bytes, Floats, Labels
from segmenter.errors import InvalidArgumentError
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import (
    LEGEND_GAP_MM,
    MAX_LEGEND_SEGMENTS,
    ROW_MM,
    build_legend_entries,
    compute_legend_grid,
    create_share_bar,
    legend,
)
from segmenter.render.outlines import create_outlines
from segmenter.render.page import MARGIN_MM, compose, create_picture
from segmenter.render.panels import MAX_HEIGHT_MM, compute_panel_boxes, heading, page_width, paint_panels


def draw_segments_figure(
    photo: Bytes,
    labels: Labels,
    colors: Bytes,
    shares: Sequence[float] | Floats,
    *,
    titles: tuple[str, str] = ("Photo", "Segments"),
    names: Sequence[str] | None = None,
    contours: bool = False,
    width_mm: float | None = None,
    dpi: int = 300,
) -> Figure:
    """Draw the photo and its segments beside each other, or one above the other where they are wide.

    Beneath them stands a legend with the share of each segment; more than ten segments are shown as a bar
    instead. The height follows from the shape of the photo and is at most ``MAX_HEIGHT_MM``.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        sRGB.
    labels : ndarray of shape (H, W), int32
        From 0 to K; 0 means "no label" and shows a light checker in both panels.
    colors : ndarray of shape (K, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``, in the picture and in the legend.
    shares : sequence of length K
        Share of each label in the picture, from 0 to 1. What they leave to 1 has no label.
    titles : (str, str)
        Of the panels; each of at most 20 characters on a page of 89 mm, 45 on one of 183 mm.
    names : sequence of str of length K, optional
        Of the segments, in the legend; None = their labels.
    contours : bool
        Draw the outlines of the segments, too.
    width_mm : float, mm, optional
        Width of the page, at least 60; journals ask for 89, 120 or 183. None = 183, or for tall pictures the least of
        these that leaves the panels as they are.
    dpi : int, pixels per inch
        At least 50. Of PNG files; PDF and SVG hold the pixels of the photo, at most this many.

    Returns
    -------
    Figure
        Not attached to any display. `encode_figure` makes a file of it.

    Raises
    ------
    InvalidArgumentError
        If the width or the resolution is too small for the text, or shares and colors differ in number.
    """
    if width_mm is not None and not width_mm >= 60:
        raise InvalidArgumentError("width_mm", f"is {width_mm}; it must be at least 60 mm, to hold the text")
    if dpi < 50:
        raise InvalidArgumentError("dpi", f"is {dpi}; it must be at least 50, to hold the text")
    if len(shares) != len(colors):
        raise InvalidArgumentError("shares", f"are {len(shares)}, but there are {len(colors)} colors")
    parts = build_legend_entries(np.asarray(shares, dtype=np.float64), colors, names)
    is_legend = len(colors) <= MAX_LEGEND_SEGMENTS
    aspect = photo.shape[1] / photo.shape[0]
    width_mm = width_mm or page_width(aspect)
    n_key_rows = 1 + compute_legend_grid(parts, width_mm)[0] if is_legend else 3
    key_height = LEGEND_GAP_MM + n_key_rows * ROW_MM + MARGIN_MM
    panels = compute_panel_boxes(aspect, width_mm, MAX_HEIGHT_MM - key_height)
    bottom = panels[1].top + panels[1].height
    height_mm = bottom + key_height

    pixels = paint_panels(photo, labels, colors, panels[0], dpi)
    with fixed_matplotlib_settings():
        artists = (legend if is_legend else create_share_bar)(parts, bottom + LEGEND_GAP_MM, width_mm)
        for letter, title, picture, box in zip("ab", titles, pixels, panels, strict=True):
            artists += [*heading(letter, title, box), *create_picture(picture, box)]
        artists += create_outlines(labels, panels[1]) if contours else []
        return compose(artists, width_mm, height_mm, dpi)
