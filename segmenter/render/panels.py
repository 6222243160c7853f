"""Panels of a figure: page widths, the boxes of two panels of equal size, headings and pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from numpy.typing import NDArray

from segmenter.arrays import Bytes, Labels
from segmenter.errors import printable
from segmenter.render.page import BOLD_TITLE, GUTTER_MM, MARGIN_MM, MM_PER_INCH, TITLE, Box, create_picture, create_text
from segmenter.render.pixels import add_opacity, downsample_photo, resize_nearest

SINGLE_COLUMN_MM: Final = 89.0
ONE_AND_A_HALF_COLUMN_MM: Final = 120.0
DOUBLE_COLUMN_MM: Final = 183.0
MAX_HEIGHT_MM: Final = 230.0  # of a journal page, less the caption
STACK_ASPECT: Final = 3.0  # width-to-height ratio from which one panel is placed above the other
HEADING_MM: Final = 5.0  # height of the letter and title above a panel
MIN_CELL_MM: Final = 30.0  # width for the heading of a narrow panel


# ---- positions -----------------------------------------------------------------------------------------------------


def choose_page_width(aspect: float) -> float:
    """Return the smallest standard page width, in mm, on which two panels are as tall as on the widest one.

    ``aspect`` is the width-to-height ratio of a panel.
    """
    widths = (SINGLE_COLUMN_MM, ONE_AND_A_HALF_COLUMN_MM, DOUBLE_COLUMN_MM)
    largest = compute_panel_boxes(aspect, DOUBLE_COLUMN_MM, MAX_HEIGHT_MM)[0].height
    return next(width for width in widths if compute_panel_boxes(aspect, width, MAX_HEIGHT_MM)[0].height >= largest)


def compute_panel_boxes(aspect: float, page_width: float, max_height: float) -> tuple[Box, Box]:
    """Return the boxes of two panels, as large as the page allows; ``aspect`` is their width-to-height ratio."""
    available = page_width - 2 * MARGIN_MM
    if aspect >= STACK_ASPECT:
        height = min(available / aspect, (max_height - GUTTER_MM) / 2 - HEADING_MM)
        left = (page_width - height * aspect) / 2
        first = Box(left, HEADING_MM, height * aspect, height)
        return first, replace(first, top=2 * HEADING_MM + height + GUTTER_MM)
    cell = (available - GUTTER_MM) / 2
    height = min(cell / aspect, max_height - HEADING_MM)
    width = height * aspect
    cell = min(max(width, MIN_CELL_MM), cell)
    step = cell + GUTTER_MM
    left = min((page_width - step - width) / 2, page_width - MARGIN_MM - step - cell)
    first = Box(left, HEADING_MM, width, height)
    return first, replace(first, left=left + step)


# ---- contents ------------------------------------------------------------------------------------------------------


def create_panel(letter: str, title: str, pixels: Bytes, box: Box) -> list[Artist]:
    """Return a framed picture (h, w, 4), with a bold letter and a title above it."""
    baseline = box.top - 1.6
    return [
        create_text((box.left, baseline), letter, BOLD_TITLE),
        create_text((box.left + 3.4, baseline), printable(title), TITLE),
        *create_picture(pixels, box),
    ]


def paint_panels(photo: Bytes, labels: Labels, colors: Bytes, box: Box, dpi: int) -> tuple[Bytes, Bytes]:
    """Return the photo and its colored labels, each (h, w, 4), reduced to the resolution of the box if it is lower."""
    reduced = resize_nearest(labels, *compute_resolution(photo, box, dpi))
    table = np.zeros((len(colors) + 1, 4), dtype=np.uint8)
    table[1:] = add_opacity(colors)
    return paint_photo(photo, reduced == 0), table[reduced]


def paint_photo(photo: Bytes, is_hidden: NDArray[np.bool_]) -> Bytes:
    """Return the photo reduced to the shape (h, w) of a mask, as (h, w, 4); it is transparent where the mask is set."""
    painted = add_opacity(downsample_photo(photo, *is_hidden.shape))
    painted[is_hidden] = 0
    return painted


def compute_resolution(photo: Bytes, box: Box, dpi: int) -> tuple[int, int]:
    """Return the height and width in pixels of a photo drawn in a box: those of the box, at most those of the photo."""
    height = min(photo.shape[0], max(1, round(box.height / MM_PER_INCH * dpi)))
    width = min(photo.shape[1], max(1, round(box.width / MM_PER_INCH * dpi)))
    return height, width
