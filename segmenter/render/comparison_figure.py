"""One page with photos next to variants of their segments: panels with letters, titles and captions, and a legend.

Positions are in mm, as in `segmenter.render.page`; they scale with the font size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from segmenter.arrays import Bytes, Labels
from segmenter.errors import PageFullError, printable
from segmenter.render.comparison_style import ComparisonStyle, Crop, format_panel_letter
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import MAX_LEGEND_SEGMENTS, SWATCH_MM
from segmenter.render.outlines import create_outlines
from segmenter.render.page import (
    GUTTER_MM,
    INK,
    MARGIN_MM,
    TEXT_PT,
    Box,
    Font,
    compose,
    create_picture,
    create_swatch,
    create_text,
)
from segmenter.render.panels import MAX_HEIGHT_MM, compute_resolution, paint_photo
from segmenter.render.pixels import add_opacity, resize_nearest
from segmenter.render.text_layout import join_fitting, measure_text, truncate

MIN_PANEL_MM: Final = 12.0  # minimum of the longer side of a panel, and of the width of its cell
PREFERRED_MM: Final = 33.0  # a row is broken where panels of ratio 3:2 would be narrower than this
HEADING_MM, CAPTION_MM, LEGEND_ROW_MM = 5.0, 3.6, 4.4  # heights at the default font size
ROW_GAP_MM: Final = 2.0
ZOOM_GAP_MM: Final = 1.0
LUMA: Final = np.array([0.299, 0.587, 0.114])
FADED_COLOR: Final = np.array([205, 219, 238])
FADED_CONTRAST: Final = 0.16
"""Around a cutout, the photo fades to a bluish tint and keeps this fraction of its darkness. The tint is not white or
gray, as the segment itself may be."""

LEGEND_TITLE: Final = "Segments, dark to bright; alike ones have one color"


@dataclass(frozen=True, eq=False)
class Variant:
    """One segmentation of a photo, shown in a panel of its own."""

    title: str
    caption: tuple[str, ...]  # parts of the line below the panel, most important first; as many are shown as fit
    labels: Labels  # (H, W), 0…K
    colors: Bytes  # (K, 3), sRGB
    lines: bool = False  # draw outlines over the colors
    cut_out: int | None = None  # show the photo instead, with all but this label faded


@dataclass(frozen=True, eq=False)
class Comparison:
    """A photo and its variants."""

    name: str
    photo: Bytes  # (H, W, 3), sRGB
    variants: tuple[Variant, ...]
    caption: tuple[str, ...] = ()  # below the photo; () = its size


@dataclass(frozen=True)
class _Cell:
    """A position in the grid of panels; row n + 1/2 centers a photo between rows n and n + 1 of variants."""

    row: float
    column: int


@dataclass(frozen=True, eq=False)
class _Panel:
    """The content and the position of a panel."""

    comparison: Comparison
    variant: Variant | None  # None = the photo itself
    letter: str
    box: Box  # of the picture, with the enlarged part if there is one
    cell_width: float  # mm, available to heading and caption


def draw_comparison_figure(
    comparisons: Sequence[Comparison],
    style: ComparisonStyle | None = None,
    *,
    n_across: int | None = None,
    legend_colors: Bytes | None,
) -> Figure:
    """Draw photos next to variants of their segments.

    Parameters
    ----------
    comparisons : sequence of Comparison
        All with the same number of variants.
    style : ComparisonStyle, optional
    n_across : int, optional
        Variants per row, for a single photo whose variants form a grid of two options; None = as many as fit.
    legend_colors : ndarray of shape (K, 3), uint8, optional
        Colors of the segments; there is no legend if this is None or has more than 10 colors.

    Returns
    -------
    Figure
        `segmenter.render.encoding.encode_figure` makes a file of it.

    Raises
    ------
    PageFullError
        The panels would be too small to see.
    """
    style = style or ComparisonStyle()
    legend_rows: list[range] = []
    if legend_colors is not None and 0 < len(legend_colors) <= MAX_LEGEND_SEGMENTS:
        legend_rows = _wrap_legend(len(legend_colors), style)
    foot = _compute_scale(style) * LEGEND_ROW_MM * (1 + len(legend_rows)) + ROW_GAP_MM if legend_rows else 0.0
    panels, bottom = _lay_out_panels(comparisons, style, n_across, foot)
    with fixed_matplotlib_settings():
        artists = [artist for panel in panels for artist in _create_panel(panel, style)]
        if legend_colors is not None and legend_rows:
            artists += _create_legend(legend_colors, legend_rows, bottom, style)
        return compose(artists, style.width_mm, bottom + foot + MARGIN_MM, style.dpi)


def check_panel_size(n_photos: int, n_variants: int, style: ComparisonStyle) -> None:
    """Raise PageFullError if panels would be too small for photos of every shape; called before any work."""
    if n_photos == 1 and style.layout != "row":
        return
    n_columns = 1 + n_variants
    cell_width = (style.width_mm - 2 * MARGIN_MM - GUTTER_MM * (n_columns - 1)) / n_columns
    text_height = _compute_scale(style) * (HEADING_MM + CAPTION_MM)
    height = (MAX_HEIGHT_MM - MARGIN_MM) / n_photos - ROW_GAP_MM - text_height
    if cell_width < MIN_PANEL_MM or height <= 0:
        raise PageFullError(n_photos * n_columns, max(min(cell_width, height), 0.0), MIN_PANEL_MM)


def _compute_scale(style: ComparisonStyle) -> float:
    """Return the factor by which lengths that depend on the font size are multiplied."""
    return style.font_size / TEXT_PT


# ---- layout --------------------------------------------------------------------------------------------------------


def _lay_out_panels(
    comparisons: Sequence[Comparison], style: ComparisonStyle, n_across: int | None, foot: float
) -> tuple[list[_Panel], float]:
    """Return all panels, and the bottom of the last row in mm; ``foot`` is the height to keep free below it."""
    scale = _compute_scale(style)
    aspects = [_compute_aspect(comparison.photo, style.crop) for comparison in comparisons]
    cells, n_columns = _arrange_cells(comparisons, style, aspects[0], n_across)
    n_panels = sum(len(row) for row in cells)
    n_rows = 1 + max(int(cell.row + 0.5) for row in cells for cell in row)
    cell_width = (style.width_mm - 2 * MARGIN_MM - GUTTER_MM * (n_columns - 1)) / n_columns
    text_height = scale * (HEADING_MM + CAPTION_MM)
    max_height = (MAX_HEIGHT_MM - foot - MARGIN_MM) / n_rows - ROW_GAP_MM - text_height
    row_aspects = aspects if len(comparisons) > 1 else aspects * n_rows
    heights = [min(cell_width / aspect, 1.25 * cell_width, max_height) for aspect in row_aspects]
    sizes = [max(height, height * aspect) for height, aspect in zip(heights, row_aspects, strict=True)]
    if min(cell_width, *sizes) < MIN_PANEL_MM:  # the longer side counts, since a panorama is never tall
        raise PageFullError(n_panels, max(min(cell_width, *sizes), 0.0), MIN_PANEL_MM)
    tops = np.concatenate([[0.0], np.cumsum([text_height + height + ROW_GAP_MM for height in heights])])
    panels: list[_Panel] = []
    for comparison, aspect, photo_cells in zip(comparisons, aspects, cells, strict=True):
        for cell, variant in zip(photo_cells, (None, *comparison.variants), strict=True):
            row = int(cell.row)
            offset = float(tops[row + 1] - tops[row]) * (cell.row - row)
            width = min(cell_width, heights[row] * aspect)
            left = MARGIN_MM + cell.column * (cell_width + GUTTER_MM) + (cell_width - width) / 2
            box = Box(left, float(tops[row]) + offset + scale * HEADING_MM, width, width / aspect)
            panels.append(_Panel(comparison, variant, format_panel_letter(len(panels)), box, cell_width))
    return panels, float(tops[-1])


def _compute_aspect(photo: Bytes, crop: Crop | None) -> float:
    """Return the width-to-height ratio of a panel, which shows the photo and perhaps an enlarged part next to it."""
    whole: float = photo.shape[1] / photo.shape[0]
    return whole if crop is None else whole + crop[2] / crop[3]


def _arrange_cells(
    comparisons: Sequence[Comparison], style: ComparisonStyle, aspect: float, n_across: int | None
) -> tuple[list[list[_Cell]], int]:
    """Return the cells of each photo and its variants, and the number of columns."""
    n_variants = len(comparisons[0].variants)
    n_panels = 1 + n_variants
    if len(comparisons) > 1 or style.layout == "row":
        return [[_Cell(row, column) for column in range(n_panels)] for row in range(len(comparisons))], n_panels
    if n_across is not None and n_across < n_variants and n_variants % n_across == 0:
        n_rows = n_variants // n_across
        photo = _Cell((n_rows - 1) / 2, 0)
        return [[photo, *(_Cell(i // n_across, 1 + i % n_across) for i in range(n_variants))]], 1 + n_across
    title_font = Font(_compute_title_size(style), bold=True)
    titles = [f"(m) {variant.title}" for variant in comparisons[0].variants]
    widest = max((measure_text(title, title_font) for title in titles), default=0.0)
    preferred = float(np.clip(PREFERRED_MM * np.sqrt(aspect / 1.5), max(18.0, min(widest, PREFERRED_MM)), 140))
    max_columns = max(1, int((style.width_mm + GUTTER_MM) // (preferred + GUTTER_MM)))
    if style.layout == "grid":
        max_columns = min(max_columns, ceil(np.sqrt(n_panels)))
    n_columns = ceil(n_panels / ceil(n_panels / max_columns))
    return [[_Cell(*divmod(i, n_columns)) for i in range(n_panels)]], n_columns


# ---- a panel -------------------------------------------------------------------------------------------------------


def _create_panel(panel: _Panel, style: ComparisonStyle) -> list[Artist]:
    """Return the heading, picture, enlarged part and caption of a panel."""
    return [*_create_panel_text(panel, style), *_create_panel_pictures(panel, style)]


def _create_panel_text(panel: _Panel, style: ComparisonStyle) -> list[Artist]:
    """Return the letter, title and caption; text wider than the panel extends to both sides within its cell."""
    scale, box, cell_width = _compute_scale(style), panel.box, panel.cell_width
    font, title_font = Font(style.font_size), Font(_compute_title_size(style))
    letter_font = Font(title_font.size, bold=True)
    title, caption = _describe_panel(panel)
    letter = f"({panel.letter})"
    indent = measure_text(letter, letter_font) + 1.2 * scale
    left = min(box.left, box.left + box.width / 2 - min(cell_width, indent + measure_text(title, title_font)) / 2)
    left = max(left, box.left - (cell_width - box.width) / 2)
    available = cell_width - (left - (box.left - (cell_width - box.width) / 2))
    baseline = box.top - 1.6 * scale
    heading = truncate(printable(title), available - indent, title_font)
    return [
        create_text((left, baseline), letter, letter_font),
        create_text((left + indent, baseline), heading, title_font),
        create_text((left, box.top + box.height + 2.9 * scale), join_fitting(caption, available, font), font),
    ]


def _describe_panel(panel: _Panel) -> tuple[str, tuple[str, ...]]:
    """Return the title and the caption of a panel."""
    if panel.variant is not None:
        return panel.variant.title, panel.variant.caption
    height, width = panel.comparison.photo.shape[:2]
    return panel.comparison.name, panel.comparison.caption or (f"{width}×{height} pixels",)


def _compute_title_size(style: ComparisonStyle) -> float:
    return style.font_size * 8 / 7


def _create_panel_pictures(panel: _Panel, style: ComparisonStyle) -> list[Artist]:
    """Return the picture; if a part is enlarged, also that part, next to it, and a rectangle that marks it."""
    box, photo, crop = panel.box, panel.comparison.photo, style.crop
    if crop is None:
        return _create_picture(panel, box, style)
    height, width = photo.shape[:2]
    whole_width = (box.width - ZOOM_GAP_MM) * width / height / _compute_aspect(photo, crop)
    whole = Box(box.left, box.top, whole_width, whole_width * height / width)
    zoom = Box(whole.left + whole.width + ZOOM_GAP_MM, box.top, box.width - whole.width - ZOOM_GAP_MM, whole.height)
    artists = [*_create_picture(panel, whole, style), *_create_picture(panel, zoom, style, crop)]
    mm_per_pixel = whole.width / width
    crop_left, crop_top, crop_width, crop_height = (mm_per_pixel * value for value in crop)
    corner = (whole.left + crop_left, whole.top + crop_top)
    for color, line in (("white", 1.6), (INK, 0.7)):
        artists.append(Rectangle(corner, crop_width, crop_height, fill=False, edgecolor=color, linewidth=line))
    return artists


def _create_picture(panel: _Panel, box: Box, style: ComparisonStyle, crop: Crop | None = None) -> list[Artist]:
    """Return the picture of a panel, or a part of it, with outlines if requested."""
    labels = (panel.variant or panel.comparison.variants[0]).labels
    left, top, width, height = crop or (0, 0, *labels.shape[::-1])
    part = np.s_[top : top + height, left : left + width]
    photo, labels = panel.comparison.photo[part], labels[part]
    reduced = resize_nearest(labels, *compute_resolution(photo, box, style.dpi))
    painted = _paint_variant(paint_photo(photo, reduced == 0), reduced, panel.variant, style)
    artists = create_picture(painted, box)
    if panel.variant is None or not (style.boundaries or panel.variant.lines):
        return artists
    return [*artists, *create_outlines(labels, box)]


def _paint_variant(photo: Bytes, labels: Labels, variant: Variant | None, style: ComparisonStyle) -> Bytes:
    """Return the pixels of a panel, (h, w, 4), from the reduced photo (h, w, 4) and labels (h, w).

    Pixels with label 0 are transparent.
    """
    if variant is None:
        return photo
    if variant.cut_out is not None:
        darkness = 1 - (photo[..., :3] @ LUMA)[..., None] / 255
        faded = add_opacity(np.rint(FADED_COLOR * (1 - FADED_CONTRAST * darkness)).astype(np.uint8))
        return np.where(np.isin(labels, (0, variant.cut_out))[..., None], photo, faded)
    if style.boundaries:
        return photo
    table = np.zeros((len(variant.colors) + 1, 4), dtype=np.uint8)
    table[1:] = add_opacity(variant.colors)
    painted: Bytes = table[labels]
    if style.overlay is not None:
        gray = (photo[..., :3] @ LUMA)[..., None]  # gray, as colors of the photo would mix with those of the segments
        mixed = style.overlay * painted[..., :3] + (1 - style.overlay) * gray
        painted = np.where((labels > 0)[..., None], add_opacity(np.rint(mixed).astype(np.uint8)), photo)
    return painted


# ---- the legend ----------------------------------------------------------------------------------------------------


def _wrap_legend(n_entries: int, style: ComparisonStyle) -> list[range]:
    """Return the indices of the entries in each row of the legend."""
    available = style.width_mm - 2 * MARGIN_MM
    width = _compute_entry_width(n_entries, style) + GUTTER_MM
    n_columns = max(1, int((available + GUTTER_MM) // width))
    n_columns = ceil(n_entries / ceil(n_entries / n_columns))
    return [range(first, min(first + n_columns, n_entries)) for first in range(0, n_entries, n_columns)]


def _compute_entry_width(n_entries: int, style: ComparisonStyle) -> float:
    """Return the width in mm of a swatch and the largest number."""
    return _compute_scale(style) * (SWATCH_MM[0] + 1.5) + measure_text(str(n_entries), Font(style.font_size, bold=True))


def _create_legend(colors: Bytes, rows: Sequence[range], top: float, style: ComparisonStyle) -> list[Artist]:
    """Return the title of the legend, and below it a swatch and a number for each segment."""
    scale, font = _compute_scale(style), Font(style.font_size)
    step = _compute_entry_width(len(colors), style) + GUTTER_MM
    title = truncate(LEGEND_TITLE, style.width_mm - 2 * MARGIN_MM, font)
    baseline = top + scale * 3.1
    artists = [create_text((style.width_mm / 2, baseline), title, font, align="center")]
    for row in rows:
        baseline += scale * LEGEND_ROW_MM
        left = (style.width_mm - step * len(row) + GUTTER_MM) / 2
        for index in row:
            red, green, blue = (int(value) for value in colors[index])
            width, height = (scale * length for length in SWATCH_MM)
            artists += create_swatch((red, green, blue), Box(left, baseline - 0.83 * height, width, height))
            number_font = Font(style.font_size, bold=True)
            artists.append(create_text((left + width + 1.5 * scale, baseline), str(index + 1), number_font))
            left += step
    return artists
