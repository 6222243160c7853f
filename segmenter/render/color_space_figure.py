"""The colors of a photo as points in color space, with the ellipsoids of the mixture and a histogram of each feature.

The projection is parallel, so the outline of an ellipsoid is exactly the ellipse of the projected covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from segmenter.arrays import Bytes, Floats
from segmenter.mixture.model import Mixture
from segmenter.render.axes import (
    GRAY,
    GRID_COLOR,
    HALO,
    add_axes,
    build_density_grid,
    compute_bin_edges,
    compute_limits,
    create_ellipse,
    create_figure,
    evaluate_component,
    style_axes,
)
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.legend import (
    MAX_LEGEND_SEGMENTS,
    SegmentSummary,
    build_legend_entries,
    compute_legend_height,
    create_legend,
)
from segmenter.render.page import BODY, INK, LINE_PT, MARGIN_MM, SMALL, SMALL_PT, Box, Font, add_artists, create_text

PAGE_MM: Final = 183.0
GRAY_BODY_MM: Final = 62.0  # height above the legend, for gray photos
COLOR_BODY_MM: Final = 92.0  # height above the legend, for color photos
CLOUD_MM: Final = 96.0  # width
HISTOGRAM_MM: Final = 66.0  # width
MAX_POINTS: Final = 6_000
SIGMAS: Final = 2.0
AZIMUTH, ELEVATION = np.radians(32.0), np.radians(24.0)
BAR_COLOR: Final = "#d5d5d5"
EDGE_COLOR: Final = "#b5b5b5"
LABELED_EDGES: Final = (
    ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (-0.02, -0.06)),
    ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.04, -0.05)),
    ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (-0.06, 0.0)),
)
"""The edges of the unit cube that are labeled with a feature: start, end, and offset of the label."""

NOTE: Final = "Outlines: two standard deviations"


@dataclass(frozen=True, eq=False)
class ColorSamples:
    """The distinct colors of a photo."""

    values: Floats  # (M, D), features; D = 3, or 1 for grays
    rgb: Bytes  # (M, 3), sRGB
    weights: Floats  # (M,), number of pixels
    channels: Sequence[str]  # D names of the features


@dataclass(frozen=True, eq=False)
class _Projection:
    """A parallel projection onto the page of the box that holds the features, scaled to the unit cube."""

    matrix: Floats  # (2, 3)
    eye: Floats  # (3,), unit vector toward the viewer
    low: Floats  # (3,), corner of the box
    lengths: Floats  # (3,), sides of the box


def draw_color_figure(samples: ColorSamples, mixture: Mixture, segments: SegmentSummary, *, dpi: int = 300) -> Figure:
    """Draw the distinct colors of a photo as points of that color, with the components of the mixture.

    Parameters
    ----------
    samples : ColorSamples
        If there are more than 6,000 colors, a random sample is drawn.
    mixture : Mixture
        A mixture over these features; component k is segment k.
    segments : SegmentSummary
        The outlines and the legend have its colors.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
        183 mm wide.
    """
    entries = build_legend_entries(segments)
    is_gray = samples.values.shape[1] == 1
    body = GRAY_BODY_MM if is_gray else COLOR_BODY_MM
    with fixed_matplotlib_settings():
        figure = create_figure(PAGE_MM, body + (compute_legend_height(entries, PAGE_MM) + MARGIN_MM), dpi)
        if is_gray:
            axes = add_axes(figure, Box(14, 4, PAGE_MM - 18, body - 16))
            _draw_feature_histogram(axes, samples, mixture, 0, segments.colors)
        else:
            _draw_color_cloud(add_axes(figure, Box(0, 0, CLOUD_MM, body - 2)), samples, mixture, segments.colors)
            for feature in range(len(samples.channels)):
                top = 3 + feature * (body - 4) / 3
                box = Box(PAGE_MM - HISTOGRAM_MM - 3, top, HISTOGRAM_MM, (body - 4) / 3 - 11)
                _draw_feature_histogram(add_axes(figure, box), samples, mixture, feature, segments.colors)
            note = create_text((MARGIN_MM + 1, body - 1.0), _describe_samples(samples), SMALL, color=GRAY)
            add_artists(figure, [note])
        add_artists(figure, create_legend(entries, body, PAGE_MM))
        return figure


def _describe_samples(samples: ColorSamples) -> str:
    """Return the note below the points."""
    n_colors = len(samples.values)
    return NOTE if n_colors <= MAX_POINTS else f"{NOTE}; {MAX_POINTS:,} of {n_colors:,} colors are drawn"


# ---- the point cloud -----------------------------------------------------------------------------------------------


def _draw_color_cloud(axes: Axes, samples: ColorSamples, mixture: Mixture, colors: Bytes) -> None:
    """Draw the colors as points, the components as ellipses, and a labeled box around them."""
    order = np.array([1, 2, 0]) if samples.channels[0] == "L*" else np.arange(3)  # lightness points up
    values, channels = samples.values[:, order], [samples.channels[axis] for axis in order]
    low, high = compute_feature_limits(values, channels)
    projection = _Projection(*build_projection(), low, high - low)
    corners = _draw_box_edges(axes, projection)
    chosen = sample_colors(samples.weights)
    _draw_color_points(axes, values[chosen], samples.rgb[chosen], projection)
    means, covariances = mixture.means[:, order], mixture.covariances[:, order[:, None], order]
    _draw_outlines(axes, means, covariances, colors, projection)
    for channel, (start, end, offset) in zip(channels, LABELED_EDGES, strict=True):
        first, last = projection.matrix @ np.array(start), projection.matrix @ np.array(end)
        position = (first + last) / 2 + np.array(offset)
        angle = float(np.degrees(np.arctan2(*(last - first)[::-1])))
        _write(axes, f"{channel} \N{RIGHTWARDS ARROW}", position, BODY, angle=angle)
    axes.set_aspect("equal")
    lowest, highest = corners.min(axis=0), corners.max(axis=0)
    axes.set_xlim(lowest[0] - 0.16, highest[0] + 0.06)
    axes.set_ylim(lowest[1] - 0.14, highest[1] + 0.04)
    axes.set_axis_off()


def build_projection() -> tuple[Floats, Floats]:
    """Return the projection matrix (2, 3) and the unit vector toward the viewer (3,)."""
    sin_a, cos_a, sin_e, cos_e = np.sin(AZIMUTH), np.cos(AZIMUTH), np.sin(ELEVATION), np.cos(ELEVATION)
    right = np.array([cos_a, sin_a, 0.0])
    eye = np.array([sin_a * cos_e, -cos_a * cos_e, sin_e])
    return np.stack([right, np.cross(eye, right)]), eye


def compute_feature_limits(values: Floats, channels: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the lower and upper limits of the features: 0 and 1 for red, green and blue, otherwise from the data."""
    if channels[0] == "red":
        return np.zeros(3), np.ones(3)
    limits = np.array([compute_limits(column) for column in values.T])
    return limits[:, 0], limits[:, 1]


def sample_colors(weights: Floats) -> NDArray[np.intp]:
    """Return the indices of all colors, or of a sample drawn with probabilities proportional to numbers of pixels."""
    if len(weights) <= MAX_POINTS:
        return np.arange(len(weights))
    generator = np.random.default_rng(0)
    return np.sort(generator.choice(len(weights), MAX_POINTS, replace=False, p=weights / weights.sum()))


def _draw_box_edges(axes: Axes, projection: _Projection) -> Floats:
    """Draw the box, with its three nearest edges in front of the points; return its projected corners, (8, 2)."""
    corners = np.array(list(product((0.0, 1.0), repeat=3)))
    projected = corners @ projection.matrix.T
    nearest = int((corners @ projection.eye).argmax())
    for i, j in product(range(8), repeat=2):
        if i < j and np.abs(corners[i] - corners[j]).sum() == 1:
            zorder = 5 if nearest in (i, j) else 1
            axes.plot(*projected[[i, j]].T, color=EDGE_COLOR, linewidth=LINE_PT, zorder=zorder, alpha=0.9)
    return projected


def _draw_color_points(axes: Axes, values: Floats, rgb: Bytes, projection: _Projection) -> None:
    """Draw colors as points, from the farthest to the nearest."""
    unit = (values - projection.low) / projection.lengths
    order = np.argsort(unit @ projection.eye, kind="stable")
    x, y = projection.matrix @ unit[order].T
    axes.scatter(x, y, s=3.2, c=rgb[order] / 255.0, linewidths=0, zorder=2, rasterized=True)


def _draw_outlines(axes: Axes, means: Floats, covariances: Floats, colors: Bytes, projection: _Projection) -> None:
    """Draw the outline of each component's ellipsoid, and its number if there are at most `MAX_LEGEND_SEGMENTS`."""
    lengths = projection.lengths
    for k, color in enumerate(colors):
        center = projection.matrix @ ((means[k] - projection.low) / lengths)
        covariance = projection.matrix @ (covariances[k] / np.outer(lengths, lengths)) @ projection.matrix.T
        shape = create_ellipse((center[0], center[1]), covariance, SIGMAS)
        shape.set(edgecolor=color / 255.0, linewidth=1.3)
        shape.set_path_effects([withStroke(linewidth=2.9, foreground="white", alpha=0.9)])
        shape.set_clip_on(False)
        axes.add_patch(shape)
        if len(colors) <= MAX_LEGEND_SEGMENTS:
            _write(axes, str(k + 1), center, Font(SMALL_PT, bold=True))


def _write(axes: Axes, text: str, position: Floats, font: Font, *, angle: float = 0.0) -> None:
    """Write text with a halo, centered at a position (2,) and rotated by an angle in degrees."""
    artist = axes.text(position[0], position[1], text, ha="center", va="center", zorder=6, parse_math=False)
    artist.set_rotation(angle)
    artist.set(fontsize=font.size, weight="bold" if font.bold else "normal", color=INK, path_effects=HALO)


# ---- histograms ----------------------------------------------------------------------------------------------------


def _draw_feature_histogram(axes: Axes, samples: ColorSamples, mixture: Mixture, feature: int, colors: Bytes) -> None:
    """Draw the histogram of a feature over all pixels, with the density of each component and their sum."""
    values, weights, channel = samples.values[:, feature], samples.weights, samples.channels[feature]
    is_unit = channel in ("red", "green", "blue", "gray")
    low, high = (0.0, 1.0) if is_unit else compute_limits(values)
    edges = np.linspace(0, 1, 65) if is_unit else compute_bin_edges(values)
    axes.hist(values, bins=edges.tolist(), weights=weights, density=True, color=BAR_COLOR, linewidth=0)
    heights, _ = np.histogram(values, edges, weights=weights, density=True)
    x = build_density_grid(mixture, feature, low, high)
    total = np.zeros_like(x)
    for k, color in enumerate(colors):
        y = evaluate_component(mixture, k, feature, x)
        total += y
        axes.plot(x, y, color=color / 255.0, linewidth=1.1)
    axes.plot(x, total, color=INK, linewidth=0.7)
    axes.set_xlim(low, high)
    third = float(np.sort(heights)[-3]) if len(heights) > 2 else 0.0  # a tall bin, often black, would flatten the rest
    axes.set_ylim(0, 1.3 * third or 1.1 * float(heights.max()))
    axes.set_xlabel(channel, labelpad=1)
    style_axes(axes, n_ticks=5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.grid(True, color=GRID_COLOR, linewidth=LINE_PT)
