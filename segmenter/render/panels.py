"""Panels of a figure: page widths, where two panels go, their headings and their pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from matplotlib.artist import Artist

from segmenter.arrays import Bytes, Labels
from segmenter.errors import printable
from segmenter.render.page import GUTTER_MM, MARGIN_MM, MM_PER_INCH, TITLE_PT, Box, create_text
from segmenter.render.pixels import add_opacity, downsample_photo, resize_nearest

SINGLE_COLUMN_MM: Final = 89.0
ONE_AND_A_HALF_COLUMN_MM: Final = 120.0
DOUBLE_COLUMN_MM: Final = 183.0
MAX_HEIGHT_MM: Final = 230.0  # what a page of a journal leaves above the caption
STACK_ASPECT: Final = 3.0  # from this width-to-height ratio on, the panels are set one above the other
HEADING_MM: Final = 5.0  # letter and title above a panel
MIN_CELL_MM: Final = 30.0  # room for the heading of a narrow panel


def paint_panels(photo: Bytes, labels: Labels, colors: Bytes, panel: Box, dpi: int) -> tuple[Bytes, Bytes]:
    """Return photo and painted labels, (height, width, 4), at no more than the panel's resolution."""
    height = min(photo.shape[0], max(1, round(panel.height / MM_PER_INCH * dpi)))
    width = min(photo.shape[1], max(1, round(panel.width / MM_PER_INCH * dpi)))
    table = np.zeros((len(colors) + 1, 4), dtype=np.uint8)
    table[1:] = add_opacity(colors)
    reduced_labels = resize_nearest(labels, height, width)
    visible = add_opacity(downsample_photo(photo, height, width))
    visible[reduced_labels == 0] = 0
    return visible, table[reduced_labels]


def page_width(aspect: float) -> float:
    """Return the width of a page for panels of this width-to-height ratio: no wider than makes them larger."""
    widths = (SINGLE_COLUMN_MM, ONE_AND_A_HALF_COLUMN_MM, DOUBLE_COLUMN_MM)
    largest = compute_panel_boxes(aspect, DOUBLE_COLUMN_MM, MAX_HEIGHT_MM)[0].height
    return next(width for width in widths if compute_panel_boxes(aspect, width, MAX_HEIGHT_MM)[0].height >= largest)


def compute_panel_boxes(aspect: float, page_width: float, max_height: float) -> tuple[Box, Box]:
    """Return the places of two panels of this width-to-height ratio, as large as the page allows."""
    room = page_width - 2 * MARGIN_MM
    if aspect >= STACK_ASPECT:
        height = min(room / aspect, (max_height - GUTTER_MM) / 2 - HEADING_MM)
        left = (page_width - height * aspect) / 2
        first = Box(left, HEADING_MM, height * aspect, height)
        return first, replace(first, top=2 * HEADING_MM + height + GUTTER_MM)
    cell = (room - GUTTER_MM) / 2
    height = min(cell / aspect, max_height - HEADING_MM)
    width = height * aspect
    cell = min(max(width, MIN_CELL_MM), cell)
    step = cell + GUTTER_MM
    left = min((page_width - step - width) / 2, page_width - MARGIN_MM - step - cell)
    first = Box(left, HEADING_MM, width, height)
    return first, replace(first, left=left + step)


def heading(letter: str, title: str, panel: Box) -> list[Artist]:
    """Return the bold letter and the title of a panel."""
    baseline = panel.top - 1.6
    return [
        create_text(panel.left, baseline, letter, size=TITLE_PT, bold=True),
        create_text(panel.left + 3.4, baseline, printable(title), size=TITLE_PT),
    ]
