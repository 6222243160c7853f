"""A page laid out in millimeters from its top left corner, and the basic artists drawn on it.

Positions are computed here and in the modules that build on this one, without matplotlib's automatic layout, so that
the same input always gives the same bytes. Pyplot and display backends are never imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox

from segmenter.arrays import Bytes
from segmenter.render.pixels import add_opacity, resize_nearest

MM_PER_INCH: Final = 25.4
MM_PER_PT: Final = 25.4 / 72
MARGIN_MM: Final = 0.5  # leaves room for half the width of a frame
GUTTER_MM: Final = 4.0  # between two panels, and between two columns of the legend
CHECKER_MM: Final = 0.9  # side of a square of the checkerboard
TITLE_PT: Final = 8.0
TEXT_PT: Final = 7.0
SMALL_PT: Final = 6.0  # the smallest size that journals accept
LINE_PT: Final = 0.5
INK: Final = "#1a1a1a"


@dataclass(frozen=True)
class Box:
    """A rectangle on the page, in mm from the top left corner of the page."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Font:
    """The size and weight of text; the family is always DejaVu Sans."""

    size: float = TEXT_PT  # pt
    bold: bool = False


TITLE: Final = Font(TITLE_PT)
BOLD_TITLE: Final = Font(TITLE_PT, bold=True)
BODY: Final = Font(TEXT_PT)
BOLD_BODY: Final = Font(TEXT_PT, bold=True)
SMALL: Final = Font(SMALL_PT)


class Picture(Artist):
    """Pixels that fill a box exactly and are never smoothed: embedded in PDF and SVG, repeated in PNG.

    ``imshow`` would draw the same pixels through axes and floating-point images, at several times the cost.
    """

    def __init__(self, pixels: Bytes, box: Box) -> None:
        super().__init__()
        self.pixels = pixels  # (H, W, 4), sRGB and opacity
        self.box = box

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:
        """Return the box in display units."""
        bottom, right = self.box.top + self.box.height, self.box.left + self.box.width
        return Bbox(self.get_transform().transform([(self.box.left, bottom), (right, self.box.top)]))

    def draw(self, renderer: RendererBase) -> None:
        """Draw the pixels; called by matplotlib."""
        extent = self.get_window_extent()
        context = renderer.new_gc()
        if renderer.option_scale_image():  # PDF and SVG: the viewer enlarges the pixels
            upright = Affine2D().scale(extent.width, -extent.height).translate(0, extent.height)
            renderer.draw_image(context, extent.x0, extent.y0, self.pixels, upright)
        else:
            height, width = max(1, round(extent.height)), max(1, round(extent.width))
            words = np.ascontiguousarray(self.pixels).view(np.uint32)[..., 0]  # faster than four separate bytes
            pixels = resize_nearest(words, height, width).view(np.uint8).reshape(height, width, 4)
            renderer.draw_image(context, round(extent.x0), round(extent.y0), pixels[::-1])  # bottom row first
        context.restore()


def create_picture(pixels: Bytes, box: Box) -> list[Artist]:
    """Return framed pixels (H, W, 4), on a light checkerboard where they are transparent."""
    background = [] if (pixels[..., 3] == 255).all() else [Picture(_build_checkerboard(box), box)]
    return [*background, Picture(pixels, box), create_frame(box)]


def _build_checkerboard(box: Box) -> Bytes:
    """Return a light checkerboard for the box, shape (rows, columns, 4), one pixel per square."""
    rows, columns = (max(1, round(length / CHECKER_MM)) for length in (box.height, box.width))
    is_odd = np.add.outer(np.arange(rows), np.arange(columns)) % 2 == 1
    return add_opacity(np.where(is_odd[..., None], np.uint8(222), np.full(3, 255, dtype=np.uint8)))


def create_frame(box: Box, fill: str | tuple[float, float, float] = "none") -> Artist:
    """Return a box with a thin outline; ``fill`` is a matplotlib color, or "none"."""
    corner = (box.left, box.top)
    return Rectangle(corner, box.width, box.height, facecolor=fill, edgecolor=INK, linewidth=LINE_PT)


def create_swatch(color: tuple[int, int, int] | None, box: Box) -> list[Artist]:
    """Return a framed box filled with an 8-bit sRGB color, or with the checkerboard for None."""
    if color is None:
        return create_picture(np.zeros((1, 1, 4), dtype=np.uint8), box)
    red, green, blue = color
    return [create_frame(box, (red / 255, green / 255, blue / 255))]


def create_text(
    position: tuple[float, float],
    text: str,
    font: Font = BODY,
    *,
    align: Literal["left", "center", "right"] = "left",
    color: str = INK,
) -> Artist:
    """Return one line of text; the position is x and the baseline, in mm. ``$`` is an ordinary character."""
    x, baseline = position
    return Text(
        x,
        baseline,
        text,
        fontsize=font.size,
        fontweight="bold" if font.bold else "normal",
        horizontalalignment=align,
        verticalalignment="baseline",
        color=color,
        parse_math=False,
    )


def compose(artists: Sequence[Artist], width_mm: float, height_mm: float, dpi: int) -> Figure:
    """Return a figure of the given size with the artists, whose coordinates are mm from the top left corner."""
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), dpi=dpi)
    add_artists(figure, artists)
    return figure


def add_artists(figure: Figure, artists: Sequence[Artist]) -> None:
    """Add artists to a figure; their coordinates are mm from its top left corner."""
    downward = Affine2D().scale(1, -1).translate(0, MM_PER_INCH * figure.get_figheight()).scale(1 / MM_PER_INCH)
    for artist in artists:
        artist.set_transform(downward + figure.dpi_scale_trans)
        figure.add_artist(artist)
