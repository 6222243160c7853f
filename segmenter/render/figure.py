"""The side-by-side figure: photo, segments and one legend, ready for a paper.

Pictures are reduced to the resolution of the page before matplotlib sees them, so a photo of 12 megapixels costs little
more than a small one. No setting of matplotlib is changed beyond the time of a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from io import BytesIO
from math import ceil
from typing import Any, Final, Literal, TypeAlias

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure as Figure  # for those who may not know matplotlib

from segmenter.arrays import Bytes, Floats, Labels
from segmenter.errors import InvalidArgumentError, printable
from segmenter.render.fonts import embed_fonts
from segmenter.render.legend import ROW_MM, legend, legend_grid, parts_of, share_bar
from segmenter.render.outlines import outline_artists
from segmenter.render.page import (
    GUTTER_MM,
    MARGIN_MM,
    MM_PER_INCH,
    TITLE_PT,
    Box,
    compose,
    nearest,
    opaque,
    picture_artists,
    resize_nearest,
    text_artist,
)

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]

SINGLE_COLUMN_MM: Final = 89.0
ONE_AND_A_HALF_COLUMN_MM: Final = 120.0
DOUBLE_COLUMN_MM: Final = 183.0
MAX_HEIGHT_MM: Final = 230.0  # what a page of a journal leaves above the caption
MAX_LEGEND_SEGMENTS: Final = 10  # more are drawn as a bar
STACK_ASPECT: Final = 3.0  # from this width-to-height ratio on, the panels are set one above the other
HEADING_MM: Final = 5.0  # letter and title above a panel
MIN_CELL_MM: Final = 30.0  # room for the heading of a narrow panel
KEY_GAP_MM: Final = 2.5  # between the panels and the legend or bar
PNG_COMPRESS_LEVEL: Final = 4

_SETTINGS: Final = {
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],  # the first one comes with matplotlib
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "segmenter",  # the names of elements do not change from run to run
}
_NATIVE_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "pdf": {"Title": "Title", "Author": "Author", "Description": "Subject", "Software": "Creator"},
    "svg": {"Title": "Title", "Author": "Creator", "Description": "Description", "Software": "Publisher"},
}


def segments_figure(
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
    parts = parts_of(np.asarray(shares, dtype=np.float64), colors, names)
    is_legend = len(colors) <= MAX_LEGEND_SEGMENTS
    aspect = photo.shape[1] / photo.shape[0]
    width_mm = width_mm or page_width(aspect)
    n_key_rows = 1 + legend_grid(parts, width_mm)[0] if is_legend else 3
    key_height = KEY_GAP_MM + n_key_rows * ROW_MM + MARGIN_MM
    panels = panel_boxes(aspect, width_mm, MAX_HEIGHT_MM - key_height)
    bottom = panels[1].top + panels[1].height
    height_mm = bottom + key_height

    pixels = panel_pixels(photo, labels, colors, panels[0], dpi)
    with fixed_settings():
        artists = (legend if is_legend else share_bar)(parts, bottom + KEY_GAP_MM, width_mm)
        for letter, title, picture, box in zip("ab", titles, pixels, panels, strict=True):
            artists += [*heading(letter, title, box), *picture_artists(picture, box)]
        artists += outline_artists(labels, panels[1]) if contours else []
        return compose(artists, width_mm, height_mm, dpi)


def encode_figure(figure: Figure, figure_format: FigureFormat, *, metadata: Mapping[str, str]) -> bytes:
    """Return the figure as the content of a file; the same figure gives the same bytes at any time.

    Text stays text in PDF and SVG, with the letters that it needs embedded; pictures are pixels, and no date is
    written.

    Parameters
    ----------
    figure : Figure
        From `segments_figure`. A PNG has the resolution that the figure was made for.
    figure_format : {"png", "pdf", "svg"}
    metadata : mapping of str to str
        Named as in PNG: Title, Author, Description, Software, and any other. PDF and SVG know these four
        under names of their own; the others are kept there as keywords of the form ``name: value``.

    Returns
    -------
    bytes
    """
    options: dict[str, Any] = {"metadata": _native_metadata(metadata, figure_format)}
    if figure_format == "png":
        options["pil_kwargs"] = {"compress_level": PNG_COMPRESS_LEVEL}
    content = BytesIO()
    with fixed_settings():
        figure.savefig(content, format=figure_format, dpi=figure.dpi, **options)
    return embed_fonts(content.getvalue()) if figure_format == "svg" else content.getvalue()


def fixed_settings() -> AbstractContextManager[None]:
    """Return a context with matplotlib's own defaults, whatever a matplotlibrc says, and our few settings."""
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_SETTINGS}
    del settings["backend"]
    return matplotlib.rc_context(settings)


def _native_metadata(metadata: Mapping[str, str], figure_format: FigureFormat) -> dict[str, str | None]:
    """Return the metadata under the names that the format knows, and without a date."""
    texts = {name: printable(text) for name, text in metadata.items()}
    if figure_format == "png":
        return {"Software": None, **texts}
    names = _NATIVE_NAMES[figure_format]
    native: dict[str, str | None] = {"CreationDate" if figure_format == "pdf" else "Date": None}
    native |= {names[name]: text for name, text in texts.items() if name in names}
    others = [f"{name}: {text}" for name, text in texts.items() if name not in names]
    if others:
        native["Keywords"] = "; ".join(others)
    return native


def panel_pixels(photo: Bytes, labels: Labels, colors: Bytes, panel: Box, dpi: int) -> tuple[Bytes, Bytes]:
    """Return photo and painted labels, (height, width, 4), at no more than the panel's resolution."""
    height = min(photo.shape[0], max(1, round(panel.height / MM_PER_INCH * dpi)))
    width = min(photo.shape[1], max(1, round(panel.width / MM_PER_INCH * dpi)))
    table = np.zeros((len(colors) + 1, 4), dtype=np.uint8)
    table[1:] = opaque(colors)
    reduced_labels = resize_nearest(labels, height, width)
    visible = opaque(reduce_photo(photo, height, width))
    visible[reduced_labels == 0] = 0
    return visible, table[reduced_labels]


def reduce_photo(photo: Bytes, height: int, width: int) -> Bytes:
    """Return the mean color around each place of a height×width grid, shape (height, width, 3).

    The mean is over an even grid of at most 8×8 pixels around the place, in sRGB.
    """
    for axis, n_places in enumerate((height, width)):
        n_pixels = photo.shape[axis]
        n_taps = min(8, ceil(n_pixels / n_places))
        if n_taps == 1:
            continue
        shape = (*photo.shape[:axis], n_places, *photo.shape[axis + 1 :])
        total = np.full(shape, n_taps // 2, dtype=np.uint16)
        for tap in nearest(n_pixels, n_places * n_taps).reshape(n_places, n_taps).T:
            total += np.take(photo, tap, axis=axis)
        photo = (total // n_taps).astype(np.uint8)
    return photo


def page_width(aspect: float) -> float:
    """Return the width of a page for panels of this width-to-height ratio: no wider than makes them larger."""
    widths = (SINGLE_COLUMN_MM, ONE_AND_A_HALF_COLUMN_MM, DOUBLE_COLUMN_MM)
    largest = panel_boxes(aspect, DOUBLE_COLUMN_MM, MAX_HEIGHT_MM)[0].height
    return next(width for width in widths if panel_boxes(aspect, width, MAX_HEIGHT_MM)[0].height >= largest)


def panel_boxes(aspect: float, page_width: float, max_height: float) -> tuple[Box, Box]:
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
        text_artist(panel.left, baseline, letter, size=TITLE_PT, bold=True),
        text_artist(panel.left + 3.4, baseline, printable(title), size=TITLE_PT),
    ]
