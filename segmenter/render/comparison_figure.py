"""Photos beside their variants on one page: letters, titles, a line of numbers each, and one key to the colors.

Everything is laid out in mm, as in `segmenter.render.page`; sizes grow with the type.
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
from segmenter.render.outlines import create_outlines
from segmenter.render.page import (
    GUTTER_MM,
    INK,
    MARGIN_MM,
    MM_PER_INCH,
    TEXT_PT,
    Box,
    compose,
    create_frame,
    create_picture,
    create_text,
)
from segmenter.render.panels import MAX_HEIGHT_MM
from segmenter.render.pixels import add_opacity, downsample_photo, resize_nearest
from segmenter.render.text_width import fitting, text_width

LEAST_PANEL_MM: Final = 12.0  # of the longer side of a panel, and of the width that it has
COMFORT_MM: Final = 33.0  # the least width of a panel of ratio 3:2 before a row is broken
HEADING_MM, NUMBERS_MM, KEY_MM = 5.0, 3.6, 4.4  # at the usual type size
ROW_GAP_MM: Final = 2.0
ZOOM_GAP_MM: Final = 1.0
SWATCH_MM: Final = (5.0, 2.8)
MAX_KEYS: Final = 10
LUMA: Final = np.array([0.299, 0.587, 0.114])
ASIDE: Final = np.array([205, 219, 238])
FADED: Final = 0.16
"""What is not cut out: its color, and what is left of the dark; tinted, as white and gray may be a segment's own."""

KEY_TITLE: Final = "Segments, dark to bright; alike ones have one color"


@dataclass(frozen=True, eq=False)
class Variant:
    """What stands in one panel beside the photo."""

    title: str
    numbers: tuple[str, ...]  # told beneath, as many as fit, the first ones first
    labels: Labels  # (H, W), 0…K
    colors: Bytes  # (K, 3), sRGB
    lines: bool = False  # part areas by lines, too
    cut_out: int | None = None  # show the photo itself, all but this label fading


@dataclass(frozen=True, eq=False)
class Comparison:
    """A photo and its variants."""

    name: str
    photo: Bytes  # (H, W, 3), sRGB
    variants: tuple[Variant, ...]
    numbers: tuple[str, ...] = ()  # told beneath the photo; () = its size


@dataclass(frozen=True)
class _Place:
    """Where a panel goes: whole rows and columns, and the row of a photo beside several rows."""

    row: float
    column: int


def draw_comparison_figure(
    comparisons: Sequence[Comparison],
    style: ComparisonStyle | None = None,
    *,
    n_across: int | None = None,
    key: Bytes | None,
) -> Figure:
    """Draw photos beside their variants.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Each with as many variants.
    style : ComparisonStyle, optional
    n_across : int, optional
        Of one photo, the variants of a row, where rows mean something; None = as many as fit.
    key : ndarray of shape (K, 3), uint8, optional
        Colors of the segments; None, as well as more than 10, draws no key.

    Returns
    -------
    Figure
        `segmenter.render.segments_figure.encode_figure` makes a file of it.

    Raises
    ------
    PageFullError
        Panels would be too small to see.
    """
    style = style or ComparisonStyle()
    scale = style.font_size / TEXT_PT
    aspects = [_aspect(comparison.photo.shape, style.crop) for comparison in comparisons]
    places, n_columns = _arrange(comparisons, style, aspects[0], n_across)
    room = style.width_mm - 2 * MARGIN_MM
    cell = (room - GUTTER_MM * (n_columns - 1)) / n_columns
    n_rows = 1 + max(int(place.row + 0.5) for line in places for place in line)
    keys = key if key is not None and 0 < len(key) <= MAX_KEYS else None
    key_lines = [] if keys is None else _key_lines(len(keys), room, style.font_size)
    foot = scale * KEY_MM * (1 + len(key_lines)) + ROW_GAP_MM if key_lines else 0.0
    around = scale * (HEADING_MM + NUMBERS_MM)
    most = (MAX_HEIGHT_MM - foot - MARGIN_MM) / n_rows - ROW_GAP_MM - around
    row_aspects = aspects if len(comparisons) > 1 else aspects * n_rows
    heights = [min(cell / aspect, 1.25 * cell, most) for aspect in row_aspects]
    sizes = [max(height, height * aspect) for height, aspect in zip(heights, row_aspects, strict=True)]
    if min(cell, *sizes) < LEAST_PANEL_MM:  # by the longer side: a panorama is low on any page
        raise PageFullError(sum(len(line) for line in places), max(min(cell, *sizes), 0.0), LEAST_PANEL_MM)
    tops = np.concatenate([[0.0], np.cumsum([around + height + ROW_GAP_MM for height in heights])])
    bottom = float(tops[-1])
    with fixed_matplotlib_settings():
        artists: list[Artist] = []
        letters = iter(range(sum(len(line) for line in places)))
        for comparison, aspect, line in zip(comparisons, aspects, places, strict=True):
            variants = (None, *comparison.variants)
            for place, variant in zip(line, variants, strict=True):
                row = int(place.row)
                step = float(tops[row + 1] - tops[row]) * (place.row - row)
                width = min(cell, heights[row] * aspect)
                left = MARGIN_MM + place.column * (cell + GUTTER_MM) + (cell - width) / 2
                box = Box(left, float(tops[row]) + step + scale * HEADING_MM, width, width / aspect)
                artists += _panel(comparison, variant, format_panel_letter(next(letters)), box, cell, style)
        if keys is not None:
            artists += _key(keys, key_lines, bottom, style)
            bottom += foot
        return compose(artists, style.width_mm, bottom + MARGIN_MM, style.dpi)


def check_panel_size(n_photos: int, n_variants: int, style: ComparisonStyle) -> None:
    """Raise PageFullError where no photo of any shape would be large enough, which can be told before any work."""
    if n_photos == 1 and style.layout != "row":
        return
    n_columns = 1 + n_variants
    cell = (style.width_mm - 2 * MARGIN_MM - GUTTER_MM * (n_columns - 1)) / n_columns
    around = style.font_size / TEXT_PT * (HEADING_MM + NUMBERS_MM)
    height = (MAX_HEIGHT_MM - MARGIN_MM) / n_photos - ROW_GAP_MM - around
    if cell < LEAST_PANEL_MM or height <= 0:
        raise PageFullError(n_photos * n_columns, max(min(cell, height), 0.0), LEAST_PANEL_MM)


# ---- the layout ----------------------------------------------------------------------------------------------------


def _aspect(shape: tuple[int, ...], crop: Crop | None) -> float:
    """Return width over height of a panel: of the photo, or of it and the enlarged part beside it."""
    whole = shape[1] / shape[0]
    return whole if crop is None else whole + crop[2] / crop[3]


def _arrange(
    comparisons: Sequence[Comparison], style: ComparisonStyle, aspect: float, n_across: int | None
) -> tuple[list[list[_Place]], int]:
    """Return the place of each panel of each photo, and the number of columns."""
    n_variants = len(comparisons[0].variants)
    n_panels = 1 + n_variants
    if len(comparisons) > 1 or style.layout == "row":
        return [[_Place(row, column) for column in range(n_panels)] for row in range(len(comparisons))], n_panels
    if n_across is not None and n_across < n_variants and n_variants % n_across == 0:
        n_rows = n_variants // n_across
        photo = _Place((n_rows - 1) / 2, 0)
        return [[photo, *(_Place(i // n_across, 1 + i % n_across) for i in range(n_variants))]], 1 + n_across
    titles = [f"(m) {variant.title}" for variant in comparisons[0].variants]
    widest = max((text_width(title, style.font_size * 8 / 7, bold=True) for title in titles), default=0.0)
    comfort = float(np.clip(COMFORT_MM * np.sqrt(aspect / 1.5), max(18.0, min(widest, COMFORT_MM)), 140))
    most = max(1, int((style.width_mm + GUTTER_MM) // (comfort + GUTTER_MM)))
    if style.layout == "grid":
        most = min(most, ceil(np.sqrt(n_panels)))
    n_columns = ceil(n_panels / ceil(n_panels / most))
    return [[_Place(*divmod(i, n_columns)) for i in range(n_panels)]], n_columns


# ---- a panel -------------------------------------------------------------------------------------------------------


def _panel(
    comparison: Comparison, variant: Variant | None, name: str, box: Box, cell: float, style: ComparisonStyle
) -> list[Artist]:
    """Return heading, picture, enlarged part and numbers of a panel."""
    scale = style.font_size / TEXT_PT
    size = style.font_size * 8 / 7
    height, width = comparison.photo.shape[:2]
    title, numbers = (
        (comparison.name, comparison.numbers or (f"{width}×{height} pixels",))
        if variant is None
        else (variant.title, variant.numbers)
    )
    mark = f"({name})"
    indent = text_width(mark, size, bold=True) + 1.2 * scale
    left = min(box.left, box.left + box.width / 2 - min(cell, indent + text_width(title, size)) / 2)
    left = max(left, box.left - (cell - box.width) / 2)
    room = cell - (left - (box.left - (cell - box.width) / 2))
    baseline = box.top - 1.6 * scale
    told = fitting(numbers, room, style.font_size)
    artists = [
        create_text(left, baseline, mark, size=size, bold=True),
        create_text(left + indent, baseline, _cut(printable(title), room - indent, size), size=size),
        create_text(left, box.top + box.height + 2.9 * scale, told, size=style.font_size),
    ]
    if style.crop is None:
        return [*artists, *_picture(comparison, variant, box, style)]
    whole = Box(box.left, box.top, (box.width - ZOOM_GAP_MM) * width / height / _aspect((height, width), style.crop), 0)
    whole = Box(box.left, box.top, whole.width, whole.width * height / width)
    zoom = Box(whole.left + whole.width + ZOOM_GAP_MM, box.top, box.width - whole.width - ZOOM_GAP_MM, whole.height)
    artists += _picture(comparison, variant, whole, style)
    artists += _picture(comparison, variant, zoom, style, style.crop)
    per_pixel = whole.width / width
    left_pixel, top_pixel, crop_width, crop_height = (per_pixel * value for value in style.crop)
    corner = (whole.left + left_pixel, whole.top + top_pixel)
    for color, line in (("white", 1.6), (INK, 0.7)):
        artists.append(Rectangle(corner, crop_width, crop_height, fill=False, edgecolor=color, linewidth=line))
    return artists


def _picture(
    comparison: Comparison, variant: Variant | None, box: Box, style: ComparisonStyle, crop: Crop | None = None
) -> list[Artist]:
    """Return what a panel shows, with outlines where they are asked for."""
    artists = create_picture(_pixels(comparison, variant, box, style, crop), box)
    if variant is None or not (style.boundaries or variant.lines):
        return artists
    left, top, width, height = crop or (0, 0, *variant.labels.shape[::-1])
    return [*artists, *create_outlines(variant.labels[top : top + height, left : left + width], box)]


def _pixels(
    comparison: Comparison, variant: Variant | None, box: Box, style: ComparisonStyle, crop: Crop | None = None
) -> Bytes:
    """Return what a panel shows, (h, w, 4), at no more than the resolution of the page; nothing where no label is."""
    photo, labels = comparison.photo, (variant or comparison.variants[0]).labels
    if crop is not None:
        left, top, width, height = crop
        part = np.s_[top : top + height, left : left + width]
        photo, labels = photo[part], labels[part]
    rows, columns = (max(1, round(length / MM_PER_INCH * style.dpi)) for length in (box.height, box.width))
    height, width = min(photo.shape[0], rows), min(photo.shape[1], columns)
    ground = add_opacity(downsample_photo(photo, height, width))
    reduced = resize_nearest(labels, height, width)
    ground[reduced == 0] = 0
    if variant is None:
        return ground
    if variant.cut_out is not None:
        dark = 1 - (ground[..., :3] @ LUMA)[..., None] / 255
        faded = add_opacity(np.rint(ASIDE * (1 - FADED * dark)).astype(np.uint8))
        return np.where(np.isin(reduced, (0, variant.cut_out))[..., None], ground, faded)
    if style.boundaries:
        return ground
    table = np.zeros((len(variant.colors) + 1, 4), dtype=np.uint8)
    table[1:] = add_opacity(variant.colors)
    shown: Bytes = table[reduced]
    if style.overlay is not None:
        gray = (ground[..., :3] @ LUMA)[..., None]  # a photo's own colors would mix with those of the segments
        mixed = style.overlay * shown[..., :3] + (1 - style.overlay) * gray
        shown = np.where((reduced > 0)[..., None], add_opacity(np.rint(mixed).astype(np.uint8)), ground)
    return shown


def _cut(text: str, room: float, size: float) -> str:
    """Return as much of a text as fits, with … where it was cut."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


# ---- the key -------------------------------------------------------------------------------------------------------


def _key_lines(n_keys: int, room: float, size: float) -> list[list[int]]:
    """Return which keys stand in each line."""
    width = _key_width(n_keys, size) + GUTTER_MM
    n_columns = max(1, int((room + GUTTER_MM) // width))
    n_columns = ceil(n_keys / ceil(n_keys / n_columns))
    return [list(range(first, min(first + n_columns, n_keys))) for first in range(0, n_keys, n_columns)]


def _key_width(n_keys: int, size: float) -> float:
    return size / TEXT_PT * (SWATCH_MM[0] + 1.5) + text_width(str(n_keys), size, bold=True)


def _key(colors: Bytes, lines: Sequence[Sequence[int]], top: float, style: ComparisonStyle) -> list[Artist]:
    """Return a swatch and a number for each segment, below a title."""
    scale = style.font_size / TEXT_PT
    step = _key_width(len(colors), style.font_size) + GUTTER_MM
    title = _cut(KEY_TITLE, style.width_mm - 2 * MARGIN_MM, style.font_size)
    baseline = top + scale * 3.1
    artists = [create_text(style.width_mm / 2, baseline, title, size=style.font_size, align="center")]
    for line in lines:
        baseline += scale * KEY_MM
        left = (style.width_mm - step * len(line) + GUTTER_MM) / 2
        for index in line:
            red, green, blue = (int(value) / 255 for value in colors[index])
            width, height = (scale * length for length in SWATCH_MM)
            artists.append(create_frame(Box(left, baseline - 0.83 * height, width, height), (red, green, blue)))
            number = left + width + 1.5 * scale
            artists.append(create_text(number, baseline, str(index + 1), size=style.font_size, bold=True))
            left += step
    return artists
