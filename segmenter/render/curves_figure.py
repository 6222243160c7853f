"""Criteria of model selection as curves over the number of components; the K that each chooses is marked.

All criteria have the same unit (nats per sample, higher is better), so they can share a panel. Each curve has its name
at its end, in its color, so no legend is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from segmenter.arrays import Floats
from segmenter.errors import InvalidArgumentError
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.page import BODY, BOLD_TITLE, GUTTER_MM, INK, LINE_PT, SMALL, TITLE, Box, compose, create_text
from segmenter.render.panels import DOUBLE_COLUMN_MM, SINGLE_COLUMN_MM

PLOT_MM: Final = 48.0  # height of the axes
HEAD_MM: Final = 10.0  # letter, title and unit above the axes
FOOT_MM: Final = 9.0  # tick labels and axis label below the axes
TICK_LABELS_MM: Final = 9.0  # width, to the left of the axes
NAMES_MM: Final = 24.0  # width of the names of the curves, to the right of the axes
NAME_STEP_MM: Final = 3.0  # smallest distance between two names
TICK_MM: Final = 1.0
MAX_TICKS: Final = 15  # approximate maximum on the axis of K
INSET_MM: Final = 2.5  # between the frame of the axes and the outermost points
DOT_MM, CHOICE_MM = 0.55, 1.25  # radius of a point, and of the ring around the choice
CURVE_PT, FINE_PT = 1.1, 0.35
GRID_COLOR: Final = "#dddddd"
CHOICE_COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#7a3e8f", "#8a6d00")
"""Colors of the curves with a choice, in order; dark enough for text on white."""

MUTED_COLOR: Final = "#6b6b6b"
"""Color of the curves without a choice."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One criterion."""

    name: str  # at most 14 characters
    values: Floats  # (Kmax,), for K = 1…Kmax, nats per sample, higher is better; NaN is left out
    choice: int | None = None  # the K to mark


@dataclass(frozen=True, eq=False)
class Panel:
    """Criteria drawn on the same axes."""

    title: str
    curves: tuple[Curve, ...]  # at most 5, each with a finite value


@dataclass(frozen=True)
class _Scales:
    """The linear scales of the axes, which convert K and the value of a criterion to mm on the page."""

    box: Box  # of the axes
    n_max: int  # K runs from 1 to this
    low: float  # value at the bottom
    high: float  # value at the top

    def x(self, k: float) -> float:
        length = self.box.width - 2 * INSET_MM
        return self.box.left + INSET_MM + (length * (k - 1) / (self.n_max - 1) if self.n_max > 1 else length / 2)

    def y(self, value: float) -> float:
        length = self.box.height - 2 * INSET_MM
        return self.box.top + INSET_MM + length * (self.high - value) / (self.high - self.low)


def draw_curves_figure(
    panels: Sequence[Panel], *, x_name: str = "number of components", unit: str = "nats per sample", dpi: int = 300
) -> Figure:
    """Draw panels of curves side by side.

    Parameters
    ----------
    panels : sequence of Panel
        One or two; the page is then 89 or 183 mm wide.
    x_name : str
        Label of the axis of K.
    unit : str
        Unit of all values.
    dpi : int, pixels per inch, at least 50

    Returns
    -------
    Figure
        `segmenter.render.encoding.encode_figure` makes a file of it.
    """
    if not 1 <= len(panels) <= 2:
        raise InvalidArgumentError("panels", f"are {len(panels)}; give one or two")
    width = SINGLE_COLUMN_MM if len(panels) == 1 else DOUBLE_COLUMN_MM
    cell = (width - GUTTER_MM * (len(panels) - 1)) / len(panels)
    with fixed_matplotlib_settings():
        artists: list[Artist] = []
        for i, panel in enumerate(panels):
            left = i * (cell + GUTTER_MM)
            box = Box(left + TICK_LABELS_MM, HEAD_MM, cell - TICK_LABELS_MM - NAMES_MM, PLOT_MM)
            artists.append(create_text((box.left, 3.4), panel.title, TITLE))
            artists.append(create_text((box.left, 8.2), unit, SMALL))
            if len(panels) > 1:
                artists.append(create_text((left + 1.0, 3.4), "ab"[i], BOLD_TITLE))
            artists += _create_plot(panel, box, x_name)
        return compose(artists, width, HEAD_MM + PLOT_MM + FOOT_MM, dpi)


# ---- a panel -------------------------------------------------------------------------------------------------------


def _create_plot(panel: Panel, box: Box, x_name: str) -> list[Artist]:
    """Return the axes and the curves of a panel, in the order in which they are drawn."""
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in panel.curves])
    ticks = choose_ticks(float(values.min()), float(values.max()))
    low, high = min(float(values.min()), ticks[0]), max(float(values.max()), ticks[-1])
    scales = _Scales(box, max(len(curve.values) for curve in panel.curves), low, high)
    colors = assign_curve_colors(panel.curves)
    ends = [_find_end(curve, scales) for curve in panel.curves]
    name_ys = spread_labels([y for _, y in ends], NAME_STEP_MM, box.top, box.top + box.height)

    artists = _create_axes(scales, ticks, x_name)
    for curve, color, end, name_y in zip(panel.curves, colors, ends, name_ys, strict=True):
        artists += _create_curve(curve, color, scales)
        artists += _create_curve_name(curve, color, end, (box.left + box.width, name_y))
    for curve, color in zip(panel.curves, colors, strict=True):
        if curve.choice is not None:
            choice_y = scales.y(float(curve.values[curve.choice - 1]))
            artists += _create_choice(scales.x(curve.choice), choice_y, color, box)
    for zorder, artist in enumerate(artists):
        artist.set_zorder(zorder)  # by default, matplotlib draws all lines above all discs
    return artists


def _create_axes(scales: _Scales, ticks: Sequence[float], x_name: str) -> list[Artist]:
    """Return grid, ticks and labels."""
    box = scales.box
    bottom, right = box.top + box.height, box.left + box.width
    artists: list[Artist] = []
    for tick, text in zip(ticks, format_ticks(ticks), strict=True):
        y = scales.y(tick)
        artists.append(_create_line([box.left, right], [y, y], GRID_COLOR, LINE_PT))
        artists.append(create_text((box.left - 1.2, y + 0.8), text, SMALL, align="right"))
    artists.append(_create_line([box.left, right], [bottom, bottom], INK, LINE_PT))
    for k in range(1, scales.n_max + 1, 1 + (scales.n_max - 1) // MAX_TICKS):
        x = scales.x(k)
        artists.append(_create_line([x, x], [bottom, bottom + TICK_MM], INK, LINE_PT))
        artists.append(create_text((x, bottom + 3.7), str(k), SMALL, align="center"))
    artists.append(create_text(((box.left + right) / 2, bottom + 7.5), x_name, align="center"))
    return artists


def _create_curve(curve: Curve, color: str, scales: _Scales) -> list[Artist]:
    """Return the line and the points of a curve."""
    known = np.flatnonzero(np.isfinite(curve.values))
    xs, ys = [scales.x(int(i) + 1) for i in known], [scales.y(float(curve.values[i])) for i in known]
    discs = [_create_disc((x, y), DOT_MM, color, color) for x, y in zip(xs, ys, strict=True)]
    return [_create_line(xs, ys, color, CURVE_PT), *discs]


def _create_curve_name(
    curve: Curve, color: str, end: tuple[float, float], position: tuple[float, float]
) -> list[Artist]:
    """Return the name and choice of a curve at a position, and a fine line from the end of the curve to the name."""
    right, y = position
    name = f"{curve.name}, K = {curve.choice}" if curve.choice is not None else curve.name
    return [
        _create_line([end[0] + 1.6, right + 0.8], [end[1], y], color, FINE_PT),
        create_text((right + 1.4, y + 0.9), name, BODY, color=color),
    ]


def _create_choice(x: float, y: float, color: str, box: Box) -> list[Artist]:
    """Return the ring that marks a choice, and a fine line from it down to the axis of K."""
    return [
        _create_line([x, x], [y + CHOICE_MM, box.top + box.height], color, FINE_PT),
        _create_disc((x, y), CHOICE_MM, "white", color),
        _create_disc((x, y), DOT_MM, color, color),
    ]


def _find_end(curve: Curve, scales: _Scales) -> tuple[float, float]:
    """Return the position of the last point of a curve."""
    last = int(np.flatnonzero(np.isfinite(curve.values))[-1])
    return scales.x(last + 1), scales.y(float(curve.values[last]))


def _create_line(xs: Sequence[float], ys: Sequence[float], color: str, width: float) -> Artist:
    """Return a line through points in mm."""
    return Line2D(xs, ys, color=color, linewidth=width, solid_capstyle="butt", solid_joinstyle="round")


def _create_disc(center: tuple[float, float], radius: float, face: str, edge: str) -> Artist:
    """Return a disc; center and radius are in mm."""
    return Circle(center, radius, facecolor=face, edgecolor=edge, linewidth=CURVE_PT)


# ---- colors, ticks and positions of names --------------------------------------------------------------------------


def assign_curve_colors(curves: Sequence[Curve]) -> list[str]:
    """Return the color of each curve: the next of `CHOICE_COLORS` if it has a choice, otherwise `MUTED_COLOR`."""
    ranks = np.cumsum([curve.choice is not None for curve in curves]) - 1
    return [
        CHOICE_COLORS[rank] if curve.choice is not None else MUTED_COLOR
        for rank, curve in zip(ranks, curves, strict=True)
    ]


def choose_ticks(low: float, high: float) -> list[float]:
    """Return 2 to 7 multiples of a step of 1, 2 or 5 × 10ⁿ between low and high, or around them if they are equal."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    span = high - low
    exponent = int(np.floor(np.log10(span / 6)))
    step = next(step for step in (m * 10.0**e for e in (exponent, exponent + 1) for m in (1, 2, 5)) if span / step <= 6)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    if last == first:  # a single tick shows no scale: add the next one
        last += 1
    return [round(i * step, 12) for i in range(first, last + 1)]


def format_ticks(ticks: Sequence[float]) -> list[str]:
    """Return evenly spaced numbers as text, with just enough decimals to differ and with a true minus sign."""
    step = ticks[1] - ticks[0]
    n_decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    return [f"{tick + 0.0:.{n_decimals}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks]


def spread_labels(positions: Sequence[float], min_distance: float, low: float, high: float) -> list[float]:
    """Return positions near the given ones, in the same order, between low and high and a minimum distance apart.

    Positions that are too close form a group, which is centered on their mean; groups that then overlap are merged.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    groups: list[tuple[float, list[int]]] = []  # the center of each, and the indices of its members
    for i in order:
        group, center = [i], positions[i]
        while groups and center - groups[-1][0] < min_distance * (len(group) + len(groups[-1][1])) / 2:
            group = groups.pop()[1] + group
            center = sum(positions[j] for j in group) / len(group)
        groups.append((center, group))
    result = [0.0] * len(positions)
    for center, group in groups:
        extent = min_distance * (len(group) - 1)
        first = min(max(center - extent / 2, low), high - extent)
        for rank, i in enumerate(group):
            result[i] = first + min_distance * rank
    return result
