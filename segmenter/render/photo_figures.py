"""Figures of one photo: contours, segments cut out, confidence. Each is laid out in mm, as wide as its photo needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segmenter.arrays import Bytes, Floats, Labels
from segmenter.render.comparison_figure import Comparison, Variant, draw_comparison_figure
from segmenter.render.comparison_style import ComparisonStyle
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import (
    BASELINE_MM,
    LEGEND_GAP_MM,
    MAX_LEGEND_SEGMENTS,
    ROW_MM,
    build_legend_entries,
    compute_legend_grid,
    create_share_bar,
    legend,
)
from segmenter.render.outlines import create_outlines
from segmenter.render.page import (
    INK,
    LINE_PT,
    MARGIN_MM,
    MM_PER_INCH,
    SMALL_PT,
    Box,
    compose,
    create_picture,
    create_text,
)
from segmenter.render.panels import (
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    ONE_AND_A_HALF_COLUMN_MM,
    SINGLE_COLUMN_MM,
    compute_panel_boxes,
    heading,
    page_width,
)
from segmenter.render.pixels import add_opacity, downsample_photo, resize_nearest

STRIP_ASPECT: Final = 2.2  # from this width-to-height ratio on, a single panel takes the width of a page
MAX_CUTOUTS: Final = 15
BAR_MM: Final = (60.0, 3.0)  # width and height of the key to confidence
UNLABELED: Final = (0, 0, 0, 0)


def draw_contours_figure(
    photo: Bytes,
    labels: Labels,
    colors: Bytes,
    shares: Sequence[float] | Floats,
    *,
    names: Sequence[str] | None = None,
    width_mm: float | None = None,
    dpi: int = 300,
) -> Figure:
    """Draw the outlines of the segments over the photo, light within dark, and the legend of the segments.

    Pieces that would be smaller than a square millimetre belong to what is around them.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
    labels : ndarray of shape (H, W), int32
        0…K.
    colors : ndarray of shape (K, 3), uint8
        In the legend.
    shares : sequence of length K
        Of the picture, 0 to 1.
    names : sequence of str of length K, optional
        None = the labels.
    width_mm : float, optional
        Of the page; None = 120, or 183 for wide photos, and 89 for tall ones.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    aspect = photo.shape[1] / photo.shape[0]
    wide = DOUBLE_COLUMN_MM if aspect >= STRIP_ASPECT else ONE_AND_A_HALF_COLUMN_MM
    width_mm = width_mm or (SINGLE_COLUMN_MM if aspect < 1 else wide)
    parts = build_legend_entries(np.asarray(shares, dtype=np.float64), colors, names)
    is_legend = len(colors) <= MAX_LEGEND_SEGMENTS
    foot = LEGEND_GAP_MM + (1 + compute_legend_grid(parts, width_mm)[0] if is_legend else 3) * ROW_MM + MARGIN_MM
    room = width_mm - 2 * MARGIN_MM
    height = min(room / aspect, MAX_HEIGHT_MM - foot - MARGIN_MM)
    box = Box((width_mm - height * aspect) / 2, MARGIN_MM, height * aspect, height)
    bottom = MARGIN_MM + height
    with fixed_matplotlib_settings():
        artists = [*create_picture(visible(photo, labels, box, dpi), box), *create_outlines(labels, box)]
        artists += (legend if is_legend else create_share_bar)(parts, bottom + LEGEND_GAP_MM, width_mm)
        return compose(artists, width_mm, bottom + foot, dpi)


def visible(photo: Bytes, labels: Labels, box: Box, dpi: int) -> Bytes:
    """Return a photo without what has no label, (h, w, 4), at no more than the resolution of a box on the page."""
    rows, columns = (max(1, round(length / MM_PER_INCH * dpi)) for length in (box.height, box.width))
    height, width = min(photo.shape[0], rows), min(photo.shape[1], columns)
    shown = add_opacity(downsample_photo(photo, height, width))
    shown[resize_nearest(labels, height, width) == 0] = UNLABELED
    return shown


def draw_cutouts_figure(
    photo: Bytes,
    labels: Labels,
    colors: Bytes,
    shares: Sequence[float] | Floats,
    *,
    name: str = "Photo",
    names: Sequence[str] | None = None,
    width_mm: float = DOUBLE_COLUMN_MM,
    dpi: int = 300,
) -> Figure:
    """Draw each segment cut out of the photo, what is around it faded; of more than 15 segments the largest.

    Parameters
    ----------
    photo, labels, colors, shares, names, dpi
        As for `draw_contours_figure`.
    name : str
        Of the photo, above it.
    width_mm : float
        Of the page.
    """
    sizes = np.asarray(shares, dtype=np.float64)
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:MAX_CUTOUTS])
    parts = build_legend_entries(sizes, colors, names)
    variants = tuple(
        Variant(f"Segment {parts[k].name}", (parts[k].percent,), labels, colors, cut_out=int(k) + 1) for k in chosen
    )
    told = () if len(chosen) == len(sizes) else (f"{len(chosen)} of {len(sizes)} segments",)
    return draw_comparison_figure(
        [Comparison(name, photo, variants, told)], ComparisonStyle(width_mm=width_mm, dpi=dpi), key=None
    )


def draw_confidence_figure(
    photo: Bytes, confidence: Bytes, n_segments: int, *, width_mm: float | None = None, dpi: int = 300
) -> Figure:
    """Draw the photo and beside it how probable the label of each pixel is.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
    confidence : ndarray of shape (H, W), uint8
        In 255ths; 0 = no label.
    n_segments : int
        K; no label is less probable than 1/K.
    width_mm : float, optional
        Of the page; None = what `segmenter.render.segments_figure.segments_figure` takes.
    dpi : int, pixels per inch
    """
    aspect = photo.shape[1] / photo.shape[0]
    width_mm = width_mm or page_width(aspect)
    foot = LEGEND_GAP_MM + ROW_MM + BAR_MM[1] + ROW_MM + MARGIN_MM
    panels = compute_panel_boxes(aspect, width_mm, MAX_HEIGHT_MM - foot)
    least = 1 / n_segments if n_segments > 1 else 0.0
    bottom = panels[1].top + panels[1].height
    rows, columns = (max(1, round(length / MM_PER_INCH * dpi)) for length in (panels[0].height, panels[0].width))
    height, width = min(photo.shape[0], rows), min(photo.shape[1], columns)
    levels = resize_nearest(confidence, height, width)
    shown = add_opacity(downsample_photo(photo, height, width))
    shown[levels == 0] = UNLABELED
    painted = map_confidence_colors((levels / 255 - least) / (1 - least))
    painted[levels == 0] = UNLABELED
    with fixed_matplotlib_settings():
        artists: list[Artist] = []
        for letter, title, picture, box in zip("ab", ("Photo", "Confidence"), (shown, painted), panels, strict=True):
            artists += [*heading(letter, title, box), *create_picture(picture, box)]
        artists += _confidence_key(least, bottom + LEGEND_GAP_MM, width_mm)
        return compose(artists, width_mm, bottom + foot, dpi)


def map_confidence_colors(values: Floats) -> Bytes:
    """Return the colors of values from 0 to 1, shape (..., 4), dark blue to yellow, rising in gray print, too."""
    return np.asarray(colormaps["cividis"](np.clip(values, 0, 1), bytes=True))


def _confidence_key(least: float, top: float, page_width: float) -> list[Artist]:
    """Return the bar of colors with numbers, in the middle of the page."""
    title = "Probability of the segment that a pixel was given"
    width = min(BAR_MM[0], page_width - 10)
    bar = Box((page_width - width) / 2, top + ROW_MM, width, BAR_MM[1])
    artists = [
        create_text(page_width / 2, top + BASELINE_MM, title, align="center"),
        *create_picture(map_confidence_colors(np.linspace(0, 1, 256))[None], bar),
    ]
    ticks = np.linspace(least, 1, 3) if least > 0.5 else np.array([least, *np.arange(np.ceil(4 * least + 1e-9), 5) / 4])
    ticks = ticks[np.concatenate([[True], np.diff(ticks) > 0.13 * (1 - least)])]
    for tick in ticks.tolist():
        x = bar.left + (tick - least) / (1 - least) * bar.width
        bottom = bar.top + bar.height
        artists.append(Line2D([x, x], [bottom, bottom + 0.8], color=INK, linewidth=LINE_PT))
        text = f"{tick:.2f}".rstrip("0").rstrip(".")
        artists.append(create_text(x, bottom + 3.3, text, size=SMALL_PT, align="center"))
    return artists
