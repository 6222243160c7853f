"""Curves over the number of components, with the choice marked: panels side by side, drawn in mm like all figures.

What is compared has one scale (nats per sample, higher is better), so that curves can be told from each other in one
panel; each is named at its end, in its own color, and needs no legend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from segmenter.arrays import Floats
from segmenter.errors import InvalidArgumentError
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.page import GUTTER_MM, INK, LINE_PT, SMALL_PT, TEXT_PT, TITLE_PT, Box, compose, create_text
from segmenter.render.panels import DOUBLE_COLUMN_MM, SINGLE_COLUMN_MM

_Place: TypeAlias = Callable[[float], float]

PLOT_MM: Final = 48.0  # height of a panel within its axes
HEAD_MM: Final = 10.0  # letter, title and unit above it
FOOT_MM: Final = 9.0  # numbers and name of the axis below it
TICK_ROOM_MM: Final = 9.0  # numbers to its left
NAME_ROOM_MM: Final = 24.0  # names of the curves to its right
NAME_STEP_MM: Final = 3.0  # the least between two names
TICK_MM: Final = 1.0
INSET_MM: Final = 2.5  # between the axes and the outermost points
DOT_MM, CHOICE_MM = 0.55, 1.25
CURVE_PT, FINE_PT = 1.1, 0.35
GRID: Final = "#dddddd"
COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#7a3e8f", "#8a6d00")
"""Of the curves with a choice, in their order; dark enough for text on white."""

MUTED: Final = "#6b6b6b"
"""Of the others."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One criterion."""

    name: str  # at most 14 characters
    values: Floats  # (Kmax,), for K = 1…Kmax, nats per sample, higher is better; NaN is left out
    choice: int | None = None  # K that is marked


@dataclass(frozen=True, eq=False)
class Panel:
    """Criteria that are drawn together."""

    title: str
    curves: tuple[Curve, ...]  # at most 5, each with a finite value


def draw_curves_figure(
    panels: Sequence[Panel], *, x_name: str = "number of components", unit: str = "nats per sample", dpi: int = 300
) -> Figure:
    """Draw panels of curves beside each other.

    Parameters
    ----------
    panels : sequence of Panel
        One or two: the page is 89 or 183 mm wide.
    x_name : str
        Name of the axis of K.
    unit : str
        Of all values.
    dpi : int, pixels per inch, at least 50

    Returns
    -------
    Figure
        `segmenter.render.segments_figure.encode_figure` makes a file of it.
    """
    if not 1 <= len(panels) <= 2:
        raise InvalidArgumentError("panels", f"are {len(panels)}; give one or two")
    width = SINGLE_COLUMN_MM if len(panels) == 1 else DOUBLE_COLUMN_MM
    cell = (width - GUTTER_MM * (len(panels) - 1)) / len(panels)
    with fixed_matplotlib_settings():
        artists: list[Artist] = []
        for i, panel in enumerate(panels):
            left = i * (cell + GUTTER_MM)
            plot = Box(left + TICK_ROOM_MM, HEAD_MM, cell - TICK_ROOM_MM - NAME_ROOM_MM, PLOT_MM)
            letter = "ab"[i] if len(panels) > 1 else ""
            artists += [*_heading(letter, panel.title, unit, left, plot), *_panel_artists(panel, plot, x_name)]
        return compose(artists, width, HEAD_MM + PLOT_MM + FOOT_MM, dpi)


def _heading(letter: str, title: str, unit: str, left: float, plot: Box) -> list[Artist]:
    """Return letter and title of a panel, and the unit above its axis."""
    artists = [create_text(plot.left, 3.4, title, size=TITLE_PT), create_text(plot.left, 8.2, unit, size=SMALL_PT)]
    return [*artists, create_text(left + 1.0, 3.4, letter, size=TITLE_PT, bold=True)] if letter else artists


def _panel_artists(panel: Panel, plot: Box, x_name: str) -> list[Artist]:
    """Return grid, axes, curves, marks and names, the last drawn last."""
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in panel.curves])
    ticks = choose_ticks(float(values.min()), float(values.max()))
    low, high = min(float(values.min()), ticks[0]), max(float(values.max()), ticks[-1])
    n_max = max(len(curve.values) for curve in panel.curves)

    def x_of(k: float) -> float:
        room = plot.width - 2 * INSET_MM
        return plot.left + INSET_MM + (room * (k - 1) / (n_max - 1) if n_max > 1 else room / 2)

    def y_of(value: float) -> float:
        room = plot.height - 2 * INSET_MM
        return plot.top + INSET_MM + room * (high - value) / (high - low)

    bottom, right = plot.top + plot.height, plot.left + plot.width
    artists: list[Artist] = []
    for tick, text in zip(ticks, format_ticks(ticks), strict=True):
        artists.append(_line([plot.left, right], [y_of(tick)] * 2, GRID, LINE_PT))
        artists.append(create_text(plot.left - 1.2, y_of(tick) + 0.8, text, size=SMALL_PT, align="right"))
    artists.append(_line([plot.left, right], [bottom] * 2, INK, LINE_PT))
    for k in range(1, n_max + 1, 1 + (n_max - 1) // 15):
        artists.append(_line([x_of(k)] * 2, [bottom, bottom + TICK_MM], INK, LINE_PT))
        artists.append(create_text(x_of(k), bottom + 3.7, str(k), size=SMALL_PT, align="center"))
    artists.append(create_text((plot.left + right) / 2, bottom + 7.5, x_name, align="center"))

    ends = [_end(curve, x_of, y_of) for curve in panel.curves]
    names = spread_labels([y for _, y in ends], NAME_STEP_MM, plot.top, bottom)
    colors = assign_curve_colors(panel.curves)
    for curve, color, end, name_y in zip(panel.curves, colors, ends, names, strict=True):
        known = np.flatnonzero(np.isfinite(curve.values))
        xs, ys = [x_of(int(i) + 1) for i in known], [y_of(float(curve.values[i])) for i in known]
        artists.append(_line(xs, ys, color, CURVE_PT))
        artists += [_disc(x, y, DOT_MM, color, color) for x, y in zip(xs, ys, strict=True)]
        artists.append(_line([end[0] + 1.6, right + 0.8], [end[1], name_y], color, FINE_PT))
        label = f"{curve.name}, K = {curve.choice}" if curve.choice is not None else curve.name
        artists.append(create_text(right + 1.4, name_y + 0.9, label, size=TEXT_PT, color=color))
    for curve, color in zip(panel.curves, colors, strict=True):
        if curve.choice is not None:
            x, y = x_of(curve.choice), y_of(float(curve.values[curve.choice - 1]))
            artists.append(_line([x, x], [y + CHOICE_MM, bottom], color, FINE_PT))
            artists.append(_disc(x, y, CHOICE_MM, "white", color))
            artists.append(_disc(x, y, DOT_MM, color, color))
    for rank, artist in enumerate(artists):
        artist.set_zorder(rank)  # matplotlib would draw all lines above all discs
    return artists


def assign_curve_colors(curves: Sequence[Curve]) -> list[str]:
    """Return a color for each curve."""
    ranks = np.cumsum([curve.choice is not None for curve in curves]) - 1
    return [COLORS[rank] if curve.choice is not None else MUTED for rank, curve in zip(ranks, curves, strict=True)]


def _end(curve: Curve, x_of: _Place, y_of: _Place) -> tuple[float, float]:
    """Return the place of the last point of a curve."""
    last = int(np.flatnonzero(np.isfinite(curve.values))[-1])
    return x_of(last + 1), y_of(float(curve.values[last]))


def _line(xs: Sequence[float], ys: Sequence[float], color: str, width: float) -> Artist:
    """Return a line through places in mm."""
    return Line2D(xs, ys, color=color, linewidth=width, solid_capstyle="butt", solid_joinstyle="round")


def _disc(x: float, y: float, radius: float, face: str, edge: str) -> Artist:
    """Return a disc at a place in mm."""
    return Circle((x, y), radius, facecolor=face, edgecolor=edge, linewidth=CURVE_PT)


def choose_ticks(low: float, high: float) -> list[float]:
    """Return 2 to 7 numbers a step of 1, 2 or 5 × 10ⁿ apart, within low and high or, if they are alike, around them."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    span = high - low
    exponent = int(np.floor(np.log10(span / 6)))
    step = next(step for step in (m * 10.0**e for e in (exponent, exponent + 1) for m in (1, 2, 5)) if span / step <= 6)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    if last == first:  # one only: the next one too
        last += 1
    return [round(i * step, 12) for i in range(first, last + 1)]


def format_ticks(ticks: Sequence[float]) -> list[str]:
    """Return numbers with as many decimals as tell them apart, and a minus sign."""
    step = ticks[1] - ticks[0]
    n_decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    return [f"{tick + 0.0:.{n_decimals}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks]


def spread_labels(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Return places as near as can be to those given, in their order, at least so far apart, within low and high."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    result = [0.0] * len(places)
    groups: list[tuple[float, list[int]]] = []  # the middle of each, and who is in it
    for i in order:
        group, middle = [i], places[i]
        while groups and middle - groups[-1][0] < least * (len(group) + len(groups[-1][1])) / 2:
            group = groups.pop()[1] + group
            middle = sum(places[j] for j in group) / len(group)
        groups.append((middle, group))
    for middle, group in groups:
        first = min(max(middle - least * (len(group) - 1) / 2, low), high - least * (len(group) - 1))
        for position, i in enumerate(group):
            result[i] = first + least * position
    return result
