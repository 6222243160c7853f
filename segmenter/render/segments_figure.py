"""The side-by-side figure: a photo, its segments and one legend, ready for a paper.

Pictures are reduced to the resolution of the page before they are passed to matplotlib, so a photo of 12 megapixels
costs little more than a small one.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from segmenter.errors import InvalidArgumentError
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import (
    LEGEND_GAP_MM,
    SegmentedPhoto,
    build_legend_entries,
    compute_legend_height,
    create_legend,
)
from segmenter.render.outlines import create_outlines
from segmenter.render.page import MARGIN_MM, compose
from segmenter.render.panels import MAX_HEIGHT_MM, choose_page_width, compute_panel_boxes, create_panel, paint_panels


def draw_segments_figure(
    segmented: SegmentedPhoto,
    *,
    titles: tuple[str, str] = ("Photo", "Segments"),
    contours: bool = False,
    width_mm: float | None = None,
    dpi: int = 300,
) -> Figure:
    """Draw the photo and its segments side by side, or one above the other if they are very wide.

    Below them is a legend with the share of each segment; more than ten segments are shown as a bar instead. The
    height follows from the shape of the photo and is at most ``MAX_HEIGHT_MM``.

    Parameters
    ----------
    segmented : SegmentedPhoto
        Label 0 ("no label") shows a light checkerboard in both panels.
    titles : (str, str)
        Titles of the panels; at most 20 characters each on a page of 89 mm, 45 on one of 183 mm.
    contours : bool
        Draw the outlines of the segments over their colors.
    width_mm : float, mm, optional
        Width of the page, at least 60; journals ask for 89, 120 or 183. None = the smallest of these three on which
        the panels are as large as on a page of 183 mm.
    dpi : int, pixels per inch, at least 50
        Resolution of a PNG. In PDF and SVG it only limits the resolution of the embedded photo.

    Returns
    -------
    Figure
        Not attached to any display; `segmenter.render.encoding.encode_figure` turns it into a file.

    Raises
    ------
    InvalidArgumentError
        The width or the resolution is too small for the text.
    """
    if width_mm is not None and not width_mm >= 60:
        raise InvalidArgumentError("width_mm", f"is {width_mm}; it must be at least 60 mm, to hold the text")
    if dpi < 50:
        raise InvalidArgumentError("dpi", f"is {dpi}; it must be at least 50, to hold the text")
    photo, labels, segments = segmented.photo, segmented.labels, segmented.segments
    entries = build_legend_entries(segments)
    aspect = photo.shape[1] / photo.shape[0]
    width_mm = width_mm or choose_page_width(aspect)
    foot = LEGEND_GAP_MM + compute_legend_height(entries, width_mm) + MARGIN_MM
    boxes = compute_panel_boxes(aspect, width_mm, MAX_HEIGHT_MM - foot)
    bottom = boxes[1].top + boxes[1].height

    pictures = paint_panels(photo, labels, segments.colors, boxes[0], dpi)
    with fixed_matplotlib_settings():
        artists = create_legend(entries, bottom + LEGEND_GAP_MM, width_mm)
        for letter, title, picture, box in zip("ab", titles, pictures, boxes, strict=True):
            artists += create_panel(letter, title, picture, box)
        artists += create_outlines(labels, boxes[1]) if contours else []
        return compose(artists, width_mm, bottom + foot, dpi)
