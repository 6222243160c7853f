"""The colors of a photo as points in their space, with the ellipsoids of the mixture, and a histogram of each feature.

The view is parallel, so that the outline of an ellipsoid is an ellipse: that of the projected covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke

from segmenter.arrays import Bytes, Floats
from segmenter.mixture.model import Mixture
from segmenter.render.axes import GRAY, HALO, PALE, compute_bin_edges, compute_limits, finish, page, panel, places
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import (
    MAX_LEGEND_SEGMENTS,
    ROW_MM,
    build_legend_entries,
    compute_legend_grid,
    create_share_bar,
    legend,
)
from segmenter.render.page import INK, LINE_PT, MARGIN_MM, SMALL_PT, TEXT_PT, Box, add_artists, create_text

PAGE_MM: Final = 183.0
CLOUD_MM: Final = 96.0
HISTOGRAM_MM: Final = (66.0, 24.0)
MAX_POINTS: Final = 6_000
SIGMAS: Final = 2.0
AZIMUTH, ELEVATION = np.radians(32.0), np.radians(24.0)
BARS: Final = "#d5d5d5"
NAMED_EDGES: Final = (
    ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (-0.02, -0.06)),
    ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.04, -0.05)),
    ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (-0.06, 0.0)),
)
"""Edges of the box that the features are named along, and how far beside them."""

NOTE: Final = "Outlines: two standard deviations"


def draw_color_figure(
    values: Floats,
    rgb: Bytes,
    weights: Floats,
    mixture: Mixture,
    colors: Bytes,
    shares: Sequence[float] | Floats,
    *,
    channels: Sequence[str],
    names: Sequence[str] | None = None,
    dpi: int = 300,
) -> Figure:
    """Draw the distinct colors of a photo, each as it looks, and the components of the mixture in their space.

    Parameters
    ----------
    values : ndarray of shape (M, D), float64
        Features of the distinct colors, D = 3, or 1 for grays.
    rgb : ndarray of shape (M, 3), uint8
        How they look.
    weights : ndarray of shape (M,), pixels
    mixture : Mixture
    colors : ndarray of shape (K, 3), uint8
        Of the outlines, and in the legend.
    shares : sequence of length K
        Of the picture, 0 to 1.
    channels : sequence of str, length D
        Names of the features.
    names : sequence of str of length K, optional
    dpi : int, pixels per inch

    Returns
    -------
    Figure
        183 mm wide.
    """
    parts = build_legend_entries(np.asarray(shares, dtype=np.float64), colors, names)
    is_legend = len(colors) <= MAX_LEGEND_SEGMENTS
    foot = (1 + compute_legend_grid(parts, PAGE_MM)[0] if is_legend else 3) * ROW_MM + MARGIN_MM
    is_gray = values.shape[1] == 1
    body = 62.0 if is_gray else 92.0
    height = body + foot
    with fixed_matplotlib_settings():
        figure = page(PAGE_MM, height, dpi)
        if is_gray:
            axes = panel(figure, Box(14, 4, PAGE_MM - 18, body - 16))
            histogram(axes, values[:, 0], weights, mixture, 0, channels[0], colors)
        else:
            turned = np.array([1, 2, 0]) if channels[0] == "L*" else np.arange(3)  # lightness goes up
            axes = panel(figure, Box(0, 0, CLOUD_MM, body - 2))
            means, covariances = mixture.means[:, turned], mixture.covariances[:, turned[:, None], turned]
            named = [channels[axis] for axis in turned]
            cloud(axes, values[:, turned], rgb, weights, means, covariances, named, colors)
            for feature, channel in enumerate(channels):
                box = Box(PAGE_MM - HISTOGRAM_MM[0] - 3, 3 + feature * (body - 4) / 3, *HISTOGRAM_MM)
                box = Box(box.left, box.top, box.width, (body - 4) / 3 - 11)
                histogram(panel(figure, box), values[:, feature], weights, mixture, feature, channel, colors)
        note = NOTE if len(values) <= MAX_POINTS else f"{NOTE}; {MAX_POINTS:,} of {len(values):,} colors are drawn"
        if not is_gray:
            add_artists(figure, [create_text(MARGIN_MM + 1, body - 1.0, note, size=SMALL_PT, color=GRAY)])
        add_artists(figure, (legend if is_legend else create_share_bar)(parts, body, PAGE_MM))
        return figure


def build_projection() -> tuple[Floats, Floats]:
    """Return the projection (2, 3) and the direction towards the eye (3,)."""
    sin_a, cos_a, sin_e, cos_e = np.sin(AZIMUTH), np.cos(AZIMUTH), np.sin(ELEVATION), np.cos(ELEVATION)
    across = np.array([cos_a, sin_a, 0.0])
    eye = np.array([sin_a * cos_e, -cos_a * cos_e, sin_e])
    return np.stack([across, np.cross(eye, across)]), eye


def cloud(
    axes: Axes,
    values: Floats,
    rgb: Bytes,
    weights: Floats,
    means: Floats,
    covariances: Floats,
    channels: Sequence[str],
    colors: Bytes,
) -> None:
    """Draw points, ellipses and the box that the features lie in."""
    low, high = compute_feature_limits(values, channels)
    lengths = high - low
    projection, eye = build_projection()
    corners = np.array(list(product((0.0, 1.0), repeat=3)))
    flat = corners @ projection.T
    nearest_corner = int((corners @ eye).argmax())
    for i, j in product(range(8), repeat=2):
        if i < j and np.abs(corners[i] - corners[j]).sum() == 1:
            is_front = nearest_corner in (i, j)
            axes.plot(*flat[[i, j]].T, color="#b5b5b5", linewidth=LINE_PT, zorder=5 if is_front else 1, alpha=0.9)
    chosen = sample_colors(weights)
    unit = (values[chosen] - low) / lengths
    order = np.argsort(unit @ eye, kind="stable")
    across, up = projection @ unit[order].T
    axes.scatter(across, up, s=3.2, c=rgb[chosen][order] / 255.0, linewidths=0, zorder=2, rasterized=True)
    for k, color in enumerate(colors):
        center = projection @ ((means[k] - low) / lengths)
        spread = projection @ (covariances[k] / np.outer(lengths, lengths)) @ projection.T
        variances, directions = np.linalg.eigh(spread)
        axis_lengths = 2 * SIGMAS * np.sqrt(np.maximum(variances, 0.0))
        angle = float(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])))
        shape = Ellipse((center[0], center[1]), axis_lengths[1], axis_lengths[0], angle=angle, fill=False, zorder=4)
        shape.set(edgecolor=color / 255.0, linewidth=1.3)
        shape.set_path_effects([withStroke(linewidth=2.9, foreground="white", alpha=0.9)])
        shape.set_clip_on(False)
        axes.add_patch(shape)
        if len(colors) <= MAX_LEGEND_SEGMENTS:
            write(axes, str(k + 1), center, bold=True)
    for channel, (start, end, aside) in zip(channels, NAMED_EDGES, strict=True):
        first, last = projection @ np.array(start), projection @ np.array(end)
        place = (first + last) / 2 + np.array(aside)
        angle = float(np.degrees(np.arctan2(*(last - first)[::-1])))
        write(axes, f"{channel} \N{RIGHTWARDS ARROW}", place, size=TEXT_PT, angle=angle)
    axes.set_aspect("equal")
    spread_x, spread_y = flat.min(axis=0), flat.max(axis=0)
    axes.set_xlim(spread_x[0] - 0.16, spread_y[0] + 0.06)
    axes.set_ylim(spread_x[1] - 0.14, spread_y[1] + 0.04)
    axes.set_axis_off()


def write(
    axes: Axes, text: str, place: Floats, *, size: float = SMALL_PT, bold: bool = False, angle: float = 0.0
) -> None:
    """Write a name about a place, with a halo; angle in degrees."""
    artist = axes.text(place[0], place[1], text, ha="center", va="center", zorder=6, parse_math=False)
    artist.set_rotation(angle)
    artist.set(fontsize=size, weight="bold" if bold else "normal", color=INK, path_effects=HALO)


def compute_feature_limits(values: Floats, channels: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the ends of the box that features lie in: 0 and 1 of red, green and blue, of others those of the data."""
    if channels[0] == "red":
        return np.zeros(3), np.ones(3)
    ends = np.array([compute_limits(column) for column in values.T])
    return ends[:, 0], ends[:, 1]


def sample_colors(weights: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the indices of all colors, or of some drawn by their numbers of pixels."""
    if len(weights) <= MAX_POINTS:
        return np.arange(len(weights))
    generator = np.random.default_rng(0)
    return np.sort(generator.choice(len(weights), MAX_POINTS, replace=False, p=weights / weights.sum()))


def histogram(
    axes: Axes, values: Floats, weights: Floats, mixture: Mixture, feature: int, channel: str, colors: Bytes
) -> None:
    """Draw how many pixels have each value of a feature, and the density of each component and of all."""
    is_unit = channel in ("red", "green", "blue", "gray")
    low, high = (0.0, 1.0) if is_unit else compute_limits(values)
    edges = np.linspace(0, 1, 65) if is_unit else compute_bin_edges(values)
    axes.hist(values, bins=edges.tolist(), weights=weights, density=True, color=BARS, linewidth=0)
    heights, _ = np.histogram(values, edges, weights=weights, density=True)
    x = places(mixture, feature, low, high)
    total = np.zeros_like(x)
    for k, color in enumerate(colors):
        deviation = float(np.sqrt(mixture.covariances[k, feature, feature]))
        y = np.exp(-0.5 * ((x - mixture.means[k, feature]) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        y *= mixture.weights[k]
        total += y
        axes.plot(x, y, color=color / 255.0, linewidth=1.1)
    axes.plot(x, total, color=INK, linewidth=0.7)
    axes.set_xlim(low, high)
    third = float(np.sort(heights)[-3]) if len(heights) > 2 else 0.0  # one bin of black would make all others vanish
    axes.set_ylim(0, 1.3 * third or 1.1 * float(heights.max()))
    axes.set_xlabel(channel, labelpad=1)
    finish(axes, n_ticks=5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.grid(True, color=PALE, linewidth=LINE_PT)
