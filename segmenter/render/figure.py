"""The side-by-side figure: photo, segments and one legend, ready for a paper.

The page is laid out in millimetres from its top left corner and never by an automatic layout, so that the
same input gives the same bytes. Pictures are reduced to the resolution of the page before matplotlib sees
them: a photo of 12 megapixels costs little more than a small one. This is the only module that imports
matplotlib; pyplot and displays stay out, and no setting is changed beyond the time of a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from io import BytesIO
from math import ceil
from typing import Any, Final, Literal, TypeAlias

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox
from numpy.typing import NDArray

from segmenter.arrays import Bytes, Floats, Labels
from segmenter.errors import InvalidArgumentError

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]

SINGLE_COLUMN_MM: Final = 89.0
ONE_AND_A_HALF_COLUMN_MM: Final = 120.0
DOUBLE_COLUMN_MM: Final = 183.0
MAX_HEIGHT_MM: Final = 230.0  # what a page of a journal leaves above the caption
MAX_LEGEND_SEGMENTS: Final = 10  # more are drawn as a bar
STACK_ASPECT: Final = 3.0  # from this width-to-height ratio on, the panels are set one above the other

MM_PER_INCH: Final = 25.4
MM_PER_PT: Final = 25.4 / 72
MARGIN_MM: Final = 0.5  # room for half the width of a frame
GUTTER_MM: Final = 4.0  # between two panels, and between two columns of the legend
HEADING_MM: Final = 5.0  # letter and title above a panel
MIN_CELL_MM: Final = 30.0  # room for the heading of a narrow panel
KEY_GAP_MM: Final = 2.5  # between the panels and the legend or bar
ROW_MM: Final = 4.4  # a line of text
BASELINE_MM: Final = 3.1  # of a line of text below its top
SWATCH_MM: Final = (5.0, 2.8)  # width and height
SPACE_MM: Final = 1.5  # between a swatch, its name and its share
BAR_MM: Final = 5.0
CHECKER_MM: Final = 0.9
TITLE_PT: Final = 8.0
TEXT_PT: Final = 7.0
SMALL_PT: Final = 6.0  # the least that journals accept
LINE_PT: Final = 0.5
INK: Final = "#1a1a1a"
LEGEND_TITLE: Final = "Segments and their share of the picture"
UNLABELED: Final = "no label"
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


# ---- the figure --------------------------------------------------------------------------------------------


def segments_figure(
    photo: Bytes,
    labels: Labels,
    colors: Bytes,
    shares: Sequence[float] | Floats,
    *,
    titles: tuple[str, str] = ("Photo", "Segments"),
    width_mm: float = DOUBLE_COLUMN_MM,
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
        From 0 to K; 0 means "no label" and shows a light checker.
    colors : ndarray of shape (K, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``, in the picture and in the legend.
    shares : sequence of length K
        Share of each label in the picture, from 0 to 1. What they leave to 1 has no label.
    titles : (str, str)
        Of the panels; each of at most 20 characters on a page of 89 mm, 45 on one of 183 mm.
    width_mm : float, mm
        Width of the page, at least 60; journals ask for 89, 120 or 183.
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
    if not width_mm >= 60:
        raise InvalidArgumentError("width_mm", f"is {width_mm}; it must be at least 60 mm, to hold the text")
    if dpi < 50:
        raise InvalidArgumentError("dpi", f"is {dpi}; it must be at least 50, to hold the text")
    if len(shares) != len(colors):
        raise InvalidArgumentError("shares", f"are {len(shares)}, but there are {len(colors)} colors")
    parts = _parts(np.asarray(shares, dtype=np.float64), colors)
    is_legend = len(colors) <= MAX_LEGEND_SEGMENTS
    n_key_rows = 1 + _legend_grid(parts, width_mm)[0] if is_legend else 3
    key_height = KEY_GAP_MM + n_key_rows * ROW_MM + MARGIN_MM
    panels = _panel_boxes(photo.shape[1] / photo.shape[0], width_mm, MAX_HEIGHT_MM - key_height)
    bottom = panels[1].top + panels[1].height
    height_mm = bottom + key_height

    pixels = _panel_pixels(photo, labels, colors, panels[0], dpi)
    with _fixed_settings():
        artists = (_legend if is_legend else _bar)(parts, bottom + KEY_GAP_MM, width_mm)
        for letter, title, picture, box in zip("ab", titles, pixels, panels, strict=True):
            artists += [*_heading(letter, title, box), *_picture(picture, box)]
        return _compose(artists, width_mm, height_mm, dpi)


def encode_figure(figure: Figure, figure_format: FigureFormat, *, metadata: Mapping[str, str]) -> bytes:
    """Return the figure as the content of a file; the same figure gives the same bytes at any time.

    Text stays text in PDF (embedded TrueType) and SVG, pictures are embedded as pixels, and no date is
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
    with _fixed_settings():
        figure.savefig(content, format=figure_format, dpi=figure.dpi, **options)
    return content.getvalue()


def _fixed_settings() -> AbstractContextManager[None]:
    """Return a context with matplotlib's own defaults, whatever a matplotlibrc says, and our few settings."""
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_SETTINGS}
    del settings["backend"]
    return matplotlib.rc_context(settings)


def _native_metadata(metadata: Mapping[str, str], figure_format: FigureFormat) -> dict[str, str | None]:
    """Return the metadata under the names that the format knows, and without a date."""
    printable = {name: _printable(text) for name, text in metadata.items()}
    if figure_format == "png":
        return {"Software": None, **printable}
    names = _NATIVE_NAMES[figure_format]
    native: dict[str, str | None] = {"CreationDate" if figure_format == "pdf" else "Date": None}
    native |= {names[name]: text for name, text in printable.items() if name in names}
    others = [f"{name}: {text}" for name, text in printable.items() if name not in names]
    if others:
        native["Keywords"] = "; ".join(others)
    return native


def _printable(text: str) -> str:
    """Return the text without line breaks, control characters and bytes of a file name that are no text."""
    return "".join(character if character.isprintable() else "?" for character in text)


# ---- pixels ------------------------------------------------------------------------------------------------


def _panel_pixels(photo: Bytes, labels: Labels, colors: Bytes, panel: _Box, dpi: int) -> tuple[Bytes, Bytes]:
    """Return photo and painted labels, (height, width, 4), at no more than the panel's resolution."""
    height = min(photo.shape[0], max(1, round(panel.height / MM_PER_INCH * dpi)))
    width = min(photo.shape[1], max(1, round(panel.width / MM_PER_INCH * dpi)))
    table = np.zeros((len(colors) + 1, 4), dtype=np.uint8)
    table[1:] = _opaque(colors)
    return _opaque(_reduce_photo(photo, height, width)), table[_resize_nearest(labels, height, width)]


def _reduce_photo(photo: Bytes, height: int, width: int) -> Bytes:
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
        for tap in _nearest(n_pixels, n_places * n_taps).reshape(n_places, n_taps).T:
            total += np.take(photo, tap, axis=axis)
        photo = (total // n_taps).astype(np.uint8)
    return photo


def _resize_nearest(pixels: Any, height: int, width: int) -> Any:
    """Return the pixel nearest to each place of a height×width grid; dtype and further axes stay."""
    return pixels[_nearest(len(pixels), height)[:, None], _nearest(pixels.shape[1], width)]


def _nearest(n_pixels: int, n_places: int) -> NDArray[np.intp]:
    """Return the index of the pixel under the middle of each of n_places equal parts of a row."""
    return (2 * np.arange(n_places) + 1) * n_pixels // (2 * n_places)


def _opaque(colors: Bytes) -> Bytes:
    """Return colors (..., 3) with full opacity, shape (..., 4)."""
    return np.concatenate([colors, np.full_like(colors[..., :1], 255)], axis=-1)


# ---- layout ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Box:
    """A rectangle on the page, in mm from the top left corner of the page."""

    left: float
    top: float
    width: float
    height: float


def _panel_boxes(aspect: float, page_width: float, max_height: float) -> tuple[_Box, _Box]:
    """Return the places of two panels of this width-to-height ratio, as large as the page allows."""
    room = page_width - 2 * MARGIN_MM
    if aspect >= STACK_ASPECT:
        height = min(room / aspect, (max_height - GUTTER_MM) / 2 - HEADING_MM)
        left = (page_width - height * aspect) / 2
        first = _Box(left, HEADING_MM, height * aspect, height)
        return first, replace(first, top=2 * HEADING_MM + height + GUTTER_MM)
    cell = (room - GUTTER_MM) / 2
    height = min(cell / aspect, max_height - HEADING_MM)
    width = height * aspect
    cell = min(max(width, MIN_CELL_MM), cell)
    step = cell + GUTTER_MM
    left = min((page_width - step - width) / 2, page_width - MARGIN_MM - step - cell)
    first = _Box(left, HEADING_MM, width, height)
    return first, replace(first, left=left + step)


def _heading(letter: str, title: str, panel: _Box) -> list[Artist]:
    """Return the bold letter and the title of a panel."""
    baseline = panel.top - 1.6
    return [
        _text(panel.left, baseline, letter, size=TITLE_PT, bold=True),
        _text(panel.left + 3.4, baseline, _printable(title), size=TITLE_PT),
    ]


# ---- shares ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """A part of the picture with one label, or with none."""

    name: str
    color: tuple[int, int, int] | None  # sRGB; None is the checker
    share: float  # of the picture, from 0 to 1
    percent: str


def percentages(shares: Floats) -> Floats:
    """Return shares in percent with one decimal, rounded so that they still sum to 100 (largest remainders).

    Parameters
    ----------
    shares : ndarray of shape (K,), float64
        From 0 to 1; they sum to 1.

    Returns
    -------
    ndarray of shape (K,), float64, percent
        Each less than 0.1 from its share.
    """
    tenths = shares * 1000
    rounded = np.floor(tenths + 1e-9)
    n_missing = round(1000 - rounded.sum())
    rounded[np.argsort(rounded - tenths, kind="stable")[:n_missing]] += 1
    return rounded / 10


def _parts(shares: Floats, colors: Bytes) -> list[_Part]:
    """Return a part per label in label order, and a last one for pixels without a label, if any."""
    names = [str(label) for label in range(1, len(colors) + 1)]
    fills: list[tuple[int, int, int] | None] = [(int(r), int(g), int(b)) for r, g, b in colors]
    unlabeled = 1 - shares.sum()
    if unlabeled > 1e-9:
        names, fills, shares = [*names, UNLABELED], [*fills, None], np.append(shares, unlabeled)
    shares = shares / shares.sum()
    return [
        _Part(name, fill, share, "< 0.1 %" if share > 0 and percent == 0 else f"{percent:.1f} %")
        for name, fill, share, percent in zip(names, fills, shares.tolist(), percentages(shares).tolist(), strict=True)
    ]


def _legend_grid(parts: Sequence[_Part], page_width: float) -> tuple[int, list[float]]:
    """Return the number of rows of the legend, and the width of each column in mm; parts go row by row.

    The part without a label is the last one and may be wider than its column, unless that is the last one too.
    """
    for n_rows in range(1, len(parts) + 1):
        n_columns = ceil(len(parts) / n_rows)
        columns = [_column_width(parts[column::n_columns]) for column in range(n_columns)]
        if len(parts) % n_columns == 0:
            columns[-1] = max(columns[-1], _key_width(parts[-1]))
        if sum(columns) + GUTTER_MM * (n_columns - 1) <= page_width - 2 * MARGIN_MM:
            break
    return n_rows, columns


def _column_width(parts: Sequence[_Part]) -> float:
    """Return the width in mm that the parts with a label need below each other."""
    return max((_key_width(part) for part in parts if part.color is not None), default=0.0)


def _legend(parts: Sequence[_Part], top: float, page_width: float) -> list[Artist]:
    """Return swatch, name and share of each part, in a grid in the middle of the page."""
    _, columns = _legend_grid(parts, page_width)
    lefts = np.cumsum([0.0, *(width + GUTTER_MM for width in columns)])
    lefts += (page_width - lefts[-1] + GUTTER_MM) / 2
    artists = [_text(page_width / 2, top + BASELINE_MM, LEGEND_TITLE, align="center")]
    for index, part in enumerate(parts):
        row, column = divmod(index, len(columns))
        left, y = float(lefts[column]), top + (1 + row) * ROW_MM
        is_labeled = part.color is not None
        right = left + (_column_width(parts[column :: len(columns)]) if is_labeled else _key_width(part))
        width, height = SWATCH_MM
        artists += _swatch(part, _Box(left, y + (ROW_MM - height) / 2, width, height))
        artists.append(_text(left + width + SPACE_MM, y + BASELINE_MM, part.name, bold=is_labeled))
        artists.append(_text(right, y + BASELINE_MM, part.percent, align="right"))
    return artists


def _key_width(part: _Part) -> float:
    """Return the width in mm of swatch, name and share."""
    return SWATCH_MM[0] + SPACE_MM + _width(part.name) + SPACE_MM + _width(part.percent)


def _width(text: str, size: float = TEXT_PT) -> float:
    """Return the width in mm of a name or share, from the widths of letters in bold DejaVu Sans."""
    return sum({" ": 0.35, ".": 0.38, "%": 1.0, "<": 0.84, "l": 0.34}.get(c, 0.7) for c in text) * size * MM_PER_PT


def _swatch(part: _Part, box: _Box) -> list[Artist]:
    """Return a sample of the part's color, or of the checker."""
    if part.color is None:
        return _picture(np.zeros((1, 1, 4), dtype=np.uint8), box)
    red, green, blue = part.color
    return [_frame(box, (red / 255, green / 255, blue / 255))]


def _bar(parts: Sequence[_Part], top: float, page_width: float) -> list[Artist]:
    """Return one bar across the page, divided by the shares, with names and percentages where they fit."""
    bar = _Box(MARGIN_MM, top + ROW_MM, page_width - 2 * MARGIN_MM, BAR_MM)
    ends = np.cumsum([part.share for part in parts]) * bar.width
    columns = (np.arange(round(16 * bar.width)) + 0.5) / 16  # 16 pixels per mm
    table = np.array([(0, 0, 0, 0) if part.color is None else (*part.color, 255) for part in parts], np.uint8)
    pixels = table[np.minimum(np.searchsorted(ends, columns), len(parts) - 1)][None]
    artists = [_text(page_width / 2, top + BASELINE_MM, LEGEND_TITLE, align="center"), *_picture(pixels, bar)]
    for part, end in zip(parts, ends.tolist(), strict=True):
        width = part.share * bar.width
        middle = bar.left + end - width / 2
        if width > _width(part.name) + SPACE_MM / 2:
            baseline = bar.top + (BAR_MM - ROW_MM) / 2 + BASELINE_MM
            artists.append(_text(middle, baseline, part.name, align="center", color=_ink_on(part.color)))
        if width > _width(part.percent, SMALL_PT):
            baseline = bar.top + BAR_MM + BASELINE_MM
            artists.append(_text(middle, baseline, part.percent, size=SMALL_PT, align="center"))
    return artists


def _ink_on(color: tuple[int, int, int] | None) -> str:
    """Return black or white, whichever has the higher contrast (WCAG 2.2) on the color."""
    if color is None:
        return INK
    linear = (np.array(color) / 255) ** 2.2
    return INK if linear @ (0.2126, 0.7152, 0.0722) > 0.18 else "white"


# ---- drawing -----------------------------------------------------------------------------------------------


class _Picture(Artist):
    """Pixels that fill a box exactly and are never smoothed: embedded in PDF and SVG, repeated in PNG.

    ``imshow`` draws the same by way of an axes and of floating-point images, at several times the cost.
    """

    def __init__(self, pixels: Bytes, box: _Box) -> None:
        super().__init__()
        self.pixels = pixels  # (H, W, 4), sRGB and opacity
        self.box = box

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:
        """Return the place on the page in display units."""
        bottom, right = self.box.top + self.box.height, self.box.left + self.box.width
        return Bbox(self.get_transform().transform([(self.box.left, bottom), (right, self.box.top)]))

    def draw(self, renderer: RendererBase) -> None:
        """Draw the pixels; called by matplotlib."""
        extent = self.get_window_extent()
        context = renderer.new_gc()
        if renderer.option_scale_image():  # PDF and SVG: the viewer enlarges
            upright = Affine2D().scale(extent.width, -extent.height).translate(0, extent.height)
            renderer.draw_image(context, extent.x0, extent.y0, self.pixels, upright)
        else:
            height, width = max(1, round(extent.height)), max(1, round(extent.width))
            words = np.ascontiguousarray(self.pixels).view(np.uint32)[..., 0]  # faster than four bytes each
            pixels = _resize_nearest(words, height, width).view(np.uint8).reshape(height, width, 4)
            renderer.draw_image(context, round(extent.x0), round(extent.y0), pixels[::-1])  # bottom row first
        context.restore()


def _picture(pixels: Bytes, box: _Box) -> list[Artist]:
    """Return framed pixels (H, W, 4), on a light checker where they are transparent."""
    ground = [] if (pixels[..., 3] == 255).all() else [_Picture(_checker(box), box)]
    return [*ground, _Picture(pixels, box), _frame(box)]


def _checker(box: _Box) -> Bytes:
    """Return a light checker for the box, shape (rows, columns, 4), a pixel for each of its fields."""
    rows, columns = (max(1, round(length / CHECKER_MM)) for length in (box.height, box.width))
    is_odd = np.add.outer(np.arange(rows), np.arange(columns)) % 2 == 1
    return _opaque(np.where(is_odd[..., None], np.uint8(222), np.full(3, 255, dtype=np.uint8)))


def _frame(box: _Box, color: str | tuple[float, float, float] = "none") -> Artist:
    """Return a box with a thin outline."""
    corner = (box.left, box.top)
    return Rectangle(corner, box.width, box.height, facecolor=color, edgecolor=INK, linewidth=LINE_PT)


def _text(
    left: float,
    baseline: float,
    text: str,
    *,
    size: float = TEXT_PT,
    bold: bool = False,
    align: Literal["left", "center", "right"] = "left",
    color: str = INK,
) -> Artist:
    """Return one line of text at a place in mm; ``$`` means itself."""
    return Text(
        left,
        baseline,
        text,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        horizontalalignment=align,
        verticalalignment="baseline",
        color=color,
        parse_math=False,
    )


def _compose(artists: Sequence[Artist], width_mm: float, height_mm: float, dpi: int) -> Figure:
    """Return a figure of this size with the artists, whose coordinates are mm from the top left corner."""
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), dpi=dpi)
    downward = Affine2D().scale(1, -1).translate(0, height_mm).scale(1 / MM_PER_INCH)
    for artist in artists:
        artist.set_transform(downward + figure.dpi_scale_trans)
        figure.add_artist(artist)
    return figure
