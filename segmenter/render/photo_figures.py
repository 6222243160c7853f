"""Figures of one photo: the outlines of its segments, its segments cut out, and the confidence of its labels."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segmenter.arrays import Bytes, Floats
from segmenter.render.comparison_figure import Comparison, Variant, draw_comparison_figure
from segmenter.render.comparison_style import ComparisonStyle
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import (
    BASELINE_MM,
    LEGEND_GAP_MM,
    ROW_MM,
    SegmentedPhoto,
    build_legend_entries,
    compute_legend_height,
    create_legend,
)
from segmenter.render.outlines import create_outlines
from segmenter.render.page import INK, LINE_PT, MARGIN_MM, SMALL, Box, compose, create_picture, create_text
from segmenter.render.panels import (
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    ONE_AND_A_HALF_COLUMN_MM,
    SINGLE_COLUMN_MM,
    choose_page_width,
    compute_panel_boxes,
    compute_resolution,
    create_panel,
    paint_photo,
)
from segmenter.render.pixels import resize_nearest

STRIP_ASPECT: Final = 2.2  # width-to-height ratio from which a single panel gets a page of full width
MAX_CUTOUTS: Final = 15
COLORBAR_MM: Final = (60.0, 3.0)  # width and height
COLORBAR_TITLE: Final = "Probability of the segment that a pixel was given"
MIN_TICK_STEP: Final = 0.13  # as a fraction of the length of the colorbar


def draw_contours_figure(segmented: SegmentedPhoto, *, width_mm: float | None = None, dpi: int = 300) -> Figure:
    """Draw the outlines of the segments over the photo, and the legend of the segments.

    Pieces of a segment that would be smaller than a square millimeter get no outline of their own.

    Parameters
    ----------
    segmented : SegmentedPhoto
    width_mm : float, mm, optional
        Width of the page; None = 120, but 183 for very wide photos and 89 for tall ones.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    photo, labels = segmented.photo, segmented.labels
    aspect = photo.shape[1] / photo.shape[0]
    wide = DOUBLE_COLUMN_MM if aspect >= STRIP_ASPECT else ONE_AND_A_HALF_COLUMN_MM
    width_mm = width_mm or (SINGLE_COLUMN_MM if aspect < 1 else wide)
    entries = build_legend_entries(segmented.segments)
    foot = LEGEND_GAP_MM + compute_legend_height(entries, width_mm) + MARGIN_MM
    available = width_mm - 2 * MARGIN_MM
    height = min(available / aspect, MAX_HEIGHT_MM - foot - MARGIN_MM)
    box = Box((width_mm - height * aspect) / 2, MARGIN_MM, height * aspect, height)
    bottom = MARGIN_MM + height
    reduced = resize_nearest(labels, *compute_resolution(photo, box, dpi))
    with fixed_matplotlib_settings():
        artists = [*create_picture(paint_photo(photo, reduced == 0), box), *create_outlines(labels, box)]
        artists += create_legend(entries, bottom + LEGEND_GAP_MM, width_mm)
        return compose(artists, width_mm, bottom + foot, dpi)


def draw_cutouts_figure(
    segmented: SegmentedPhoto, *, name: str = "Photo", width_mm: float = DOUBLE_COLUMN_MM, dpi: int = 300
) -> Figure:
    """Draw each segment cut out of the photo, with the rest faded; if there are more than 15, only the 15 largest.

    Parameters
    ----------
    segmented : SegmentedPhoto
    name : str
        Title of the photo.
    width_mm : float, mm
        Width of the page.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    segments = segmented.segments
    shares = np.asarray(segments.shares, dtype=np.float64)
    chosen = np.sort(np.argsort(-shares, kind="stable")[:MAX_CUTOUTS])
    entries = build_legend_entries(segments)
    variants = tuple(
        Variant(f"Segment {entry.name}", (entry.percent,), segmented.labels, segments.colors, cut_out=int(k) + 1)
        for k, entry in ((k, entries[k]) for k in chosen)
    )
    caption = () if len(chosen) == len(shares) else (f"{len(chosen)} of {len(shares)} segments",)
    comparison = Comparison(name, segmented.photo, variants, caption)
    return draw_comparison_figure([comparison], ComparisonStyle(width_mm=width_mm, dpi=dpi), legend_colors=None)


# ---- confidence ----------------------------------------------------------------------------------------------------


def draw_confidence_figure(
    photo: Bytes, confidence: Bytes, n_segments: int, *, width_mm: float | None = None, dpi: int = 300
) -> Figure:
    """Draw the photo and, next to it, the probability of each pixel's label, with a colorbar.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
    confidence : ndarray of shape (H, W), uint8
        Probability in 255ths; 0 = no label.
    n_segments : int
        K; the colorbar starts at 1/K, as the probability of a label cannot be lower.
    width_mm : float, mm, optional
        Width of the page; None = as in `segmenter.render.segments_figure.draw_segments_figure`.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    aspect = photo.shape[1] / photo.shape[0]
    width_mm = width_mm or choose_page_width(aspect)
    foot = LEGEND_GAP_MM + ROW_MM + COLORBAR_MM[1] + ROW_MM + MARGIN_MM
    boxes = compute_panel_boxes(aspect, width_mm, MAX_HEIGHT_MM - foot)
    bottom = boxes[1].top + boxes[1].height
    minimum = 1 / n_segments if n_segments > 1 else 0.0
    levels = resize_nearest(confidence, *compute_resolution(photo, boxes[0], dpi))
    painted = map_confidence_colors((levels / 255 - minimum) / (1 - minimum))
    painted[levels == 0] = 0
    pictures = (paint_photo(photo, levels == 0), painted)
    with fixed_matplotlib_settings():
        artists: list[Artist] = []
        for letter, title, picture, box in zip("ab", ("Photo", "Confidence"), pictures, boxes, strict=True):
            artists += create_panel(letter, title, picture, box)
        artists += _create_colorbar(minimum, bottom + LEGEND_GAP_MM, width_mm)
        return compose(artists, width_mm, bottom + foot, dpi)


def map_confidence_colors(values: Floats) -> Bytes:
    """Return the colors (..., 4) of values from 0 to 1: dark blue to yellow, of increasing lightness."""
    return np.asarray(colormaps["cividis"](np.clip(values, 0, 1), bytes=True))


def _create_colorbar(minimum: float, top: float, page_width: float) -> list[Artist]:
    """Return a centered colorbar from a minimum to 1, with its title and ticks."""
    width = min(COLORBAR_MM[0], page_width - 10)
    bar = Box((page_width - width) / 2, top + ROW_MM, width, COLORBAR_MM[1])
    artists = [
        create_text((page_width / 2, top + BASELINE_MM), COLORBAR_TITLE, align="center"),
        *create_picture(map_confidence_colors(np.linspace(0, 1, 256))[None], bar),
    ]
    for tick in _choose_probability_ticks(minimum).tolist():
        x = bar.left + (tick - minimum) / (1 - minimum) * bar.width
        bottom = bar.top + bar.height
        artists.append(Line2D([x, x], [bottom, bottom + 0.8], color=INK, linewidth=LINE_PT))
        text = f"{tick:.2f}".rstrip("0").rstrip(".")
        artists.append(create_text((x, bottom + 3.3), text, SMALL, align="center"))
    return artists


def _choose_probability_ticks(minimum: float) -> Floats:
    """Return the minimum and the quarters above it, without ticks too close to the one before.

    From a minimum above 1/2 there are three even ticks instead.
    """
    if minimum > 0.5:
        ticks = np.linspace(minimum, 1, 3)
    else:
        ticks = np.array([minimum, *np.arange(np.ceil(4 * minimum + 1e-9), 5) / 4])
    return np.asarray(ticks[np.concatenate([[True], np.diff(ticks) > MIN_TICK_STEP * (1 - minimum)])])
