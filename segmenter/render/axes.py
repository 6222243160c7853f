"""Matplotlib axes positioned in mm, and the parts of mixture plots: densities, points, ellipses and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.errors import printable
from segmenter.mixture.model import Mixture
from segmenter.render.page import INK, LINE_PT, MM_PER_INCH, SMALL_PT, TEXT_PT, Box
from segmenter.render.palette import LUMINANCE, N_COLORS, palette
from segmenter.segmentation.shares import format_percentages

MAX_POINTS: Final = 5_000
"""Maximum number of points in a scatter plot; if there are more rows, a random sample of this size is drawn."""

MAX_LEGEND_CLUSTERS: Final = 10

MAX_NAME_LENGTH: Final = 24
"""Maximum number of characters shown of a name."""

GRAY: Final = "#8a8a8a"
GRID_COLOR: Final = "#ececec"
BAR_COLOR: Final = "#dedede"
SUPERSCRIPT: Final = str.maketrans("-\N{MINUS SIGN}0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SIGMAS: Final = (1.0, 2.0)
HALO: Final[list[AbstractPathEffect]] = [withStroke(linewidth=2.2, foreground="white")]
MAX_LINE_LUMINANCE: Final = 0.5
DARKENING: Final = 0.72
"""Factor that darkens bright colors of dots and lines, so that these show on white, with the hue kept."""


@dataclass(frozen=True, eq=False)
class ClusterModel:
    """A mixture whose components form the named clusters 1…C; a cluster may have several components."""

    mixture: Mixture
    component_clusters: NDArray[np.intp]  # (K,), cluster of each component, 1…C
    names: Sequence[str]  # C of them

    @property
    def n_clusters(self) -> int:
        """Return C."""
        return len(self.names)


# ---- axes ----------------------------------------------------------------------------------------------------------


def create_figure(width_mm: float, height_mm: float, dpi: int) -> Figure:
    """Return an empty figure."""
    return Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), dpi=dpi)


def add_axes(figure: Figure, box: Box) -> Axes:
    """Return new axes in a box, which is given in mm from the top left corner of the figure."""
    width, height = (float(inches) * MM_PER_INCH for inches in figure.get_size_inches())
    bottom = height - box.top - box.height
    return figure.add_axes((box.left / width, bottom / height, box.width / width, box.height / height))


def style_axes(axes: Axes, *, n_ticks: int = 6, integer: bool = False) -> None:
    """Set fonts, ticks and spines; call this after setting the limits and labels of the axes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_linewidth(LINE_PT)
        axes.spines[side].set_color(GRAY)
    axes.tick_params(labelsize=SMALL_PT, width=LINE_PT, length=2, pad=2, color=GRAY, labelcolor=INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize(TEXT_PT)
        axis.label.set_color(INK)
        axis.label.set_parse_math(False)
        axis.set_major_locator(MaxNLocator(n_ticks, integer=integer and axis is axes.xaxis, min_n_ticks=2))
        formatter = ScalarFormatter(useOffset=False)
        formatter.set_powerlimits((-3, 5))
        axis.set_major_formatter(formatter)
        _move_exponent_to_label(axis, formatter)
    axes.set_axisbelow(True)


def _move_exponent_to_label(axis: Axis, formatter: ScalarFormatter) -> None:
    """Move the common power of ten of the ticks to the axis label, as separate text would overlap other panels."""
    formatter.set_locs(list(axis.get_majorticklocs()))
    axis.get_offset_text().set_visible(False)
    _, power, exponent = formatter.get_offset().partition("1e")
    if power and axis.get_label_text():
        axis.set_label_text(f"{axis.get_label_text()} (×10{exponent.translate(SUPERSCRIPT)})")


def compute_limits(values: Floats) -> tuple[float, float]:
    """Return the range of values with a margin; NaN is ignored, and the range is never empty."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.5 * abs(low) or 1.0
    return low - margin, high + margin


# ---- parts of plots ------------------------------------------------------------------------------------------------


def draw_densities(axes: Axes, values: Floats, model: ClusterModel, feature: int, *, show_names: bool = False) -> None:
    """Draw the histogram of a column, and over it the density of each component and their sum.

    Parameters
    ----------
    axes : Axes
    values : ndarray of shape (N,), float64
        NaN = missing.
    model : ClusterModel
    feature : int
        Index of the column in the mixture.
    show_names : bool
        Write the name of the cluster at the peak of each component.
    """
    known = values[~np.isnan(values)]
    low, high = compute_limits(values)
    axes.hist(known, bins=compute_bin_edges(known).tolist(), density=True, color=BAR_COLOR, linewidth=0)
    x = build_density_grid(model.mixture, feature, low, high)
    fills, lines = get_area_colors(model.n_clusters), get_line_colors(model.n_clusters)
    total = np.zeros_like(x)
    for k, cluster in enumerate(model.component_clusters - 1):
        y = evaluate_component(model.mixture, k, feature, x)
        total += y
        axes.fill_between(x, y, color=fills[cluster], alpha=0.35, linewidth=0)
        axes.plot(x, y, color=lines[cluster], linewidth=1.0)
        if show_names:
            _write_cluster_name(axes, model.names[cluster], (float(x[y.argmax()]), float(y.max())), lift=3)
    if model.mixture.n_components > 1:
        axes.plot(x, total, color=INK, linewidth=0.8)
    axes.set_xlim(low, high)
    axes.set_ylim(0, None)


def compute_bin_edges(values: Floats) -> Floats:
    """Return the edges of 24 to 80 histogram bins, by the rule of Freedman and Diaconis (1981).

    If all values are equal, there are 11 bins around them.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.linspace(*compute_limits(values), 12)
    q1, q3 = np.quantile(values, [0.25, 0.75])
    step = 2 * (q3 - q1) / len(values) ** (1 / 3)
    n = int(np.clip(ceil((high - low) / step) if step > 0 else 24, 24, 80))
    return np.linspace(low, high, n + 1)


def build_density_grid(mixture: Mixture, feature: int, low: float, high: float) -> Floats:
    """Return the points at which to evaluate densities: evenly from low to high, and more around each component."""
    deviations = np.sqrt(mixture.covariances[:, feature, feature])
    around = mixture.means[:, feature, None] + deviations[:, None] * np.linspace(-4, 4, 81)
    x = np.concatenate([np.linspace(low, high, 400), around.ravel()])
    return np.unique(x[(x >= low) & (x <= high)])


def evaluate_component(mixture: Mixture, k: int, feature: int, x: Floats) -> Floats:
    """Return the marginal density of component k in one feature at x, times the weight of the component."""
    deviation = np.sqrt(mixture.covariances[k, feature, feature])
    y = np.exp(-0.5 * ((x - mixture.means[k, feature]) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
    return np.asarray(y * mixture.weights[k])


def draw_points(axes: Axes, values: Floats, labels: Labels, n_clusters: int, *, area: float) -> None:
    """Draw rows as dots in the colors of their clusters; the more rows per mm², the smaller and fainter the dots.

    Parameters
    ----------
    axes : Axes
    values : ndarray of shape (n, 2)
        Rows with NaN are left out.
    labels : ndarray of shape (n,), int32
        1…C.
    n_clusters : int
        C.
    area : float, mm²
        Area of the axes.
    """
    is_known = ~np.isnan(values).any(axis=1)
    x, y = values[is_known].T
    rows_per_mm2 = len(x) / area
    alpha = float(np.clip(0.45 / np.sqrt(max(rows_per_mm2, 1e-9)), 0.3, 0.8))
    size = float(np.clip(5.0 / np.sqrt(max(rows_per_mm2, 1e-9)), 2.0, 9.0))
    colors = get_line_colors(n_clusters)[labels[is_known] - 1]
    axes.scatter(x, y, s=size, c=colors, alpha=alpha, linewidths=0, rasterized=len(x) > 2000)
    for limits, setter in ((compute_limits(x), axes.set_xlim), (compute_limits(y), axes.set_ylim)):
        setter(*limits)


def draw_ellipses(
    axes: Axes, model: ClusterModel, features: tuple[int, int], *, width: float, show_names: bool = False
) -> None:
    """Draw the ellipses of one and two standard deviations of each component, and a name or a cross at its mean.

    Parameters
    ----------
    axes : Axes
    model : ClusterModel
    features : (int, int)
        Indices of the columns on the x and the y axis.
    width : float, pt
        Line width of the inner ellipse; the outer one is thinner.
    show_names : bool
        Write the name of the cluster instead of a cross.
    """
    mixture, colors = model.mixture, get_line_colors(model.n_clusters)
    pair = list(features)
    for k, cluster in enumerate(model.component_clusters - 1):
        covariance = mixture.covariances[k][np.ix_(pair, pair)]
        center = (float(mixture.means[k, pair[0]]), float(mixture.means[k, pair[1]]))
        for sigma in SIGMAS:
            shape = create_ellipse(center, covariance, sigma)
            shape.set(edgecolor=0.75 * colors[cluster], linewidth=width if sigma == 1 else 0.7 * width)
            shape.set_path_effects([withStroke(linewidth=2.4 * width, foreground="white", alpha=0.85)])
            axes.add_patch(shape)
        if show_names:
            _write_cluster_name(axes, model.names[cluster], center)
        else:
            axes.plot(*center, "+", color=INK, markersize=4, markeredgewidth=0.8, zorder=5, path_effects=HALO)


def create_ellipse(center: tuple[float, float], covariance: Floats, sigma: float) -> Ellipse:
    """Return the unfilled ellipse of ``sigma`` standard deviations around a center; the covariance is (2, 2)."""
    variances, directions = np.linalg.eigh(covariance)
    angle = float(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])))
    lengths = 2 * np.sqrt(np.maximum(variances, 0.0))
    return Ellipse(center, sigma * lengths[1], sigma * lengths[0], angle=angle, fill=False, zorder=4)


def _write_cluster_name(axes: Axes, name: str, position: tuple[float, float], *, lift: float = 0.0) -> None:
    """Write the name of a cluster ``lift`` pt above a position, so that clusters differ not only by color."""
    text = axes.annotate(shorten(name, 8), position, (0, lift), textcoords="offset points", ha="center", zorder=6)
    text.set(fontsize=SMALL_PT, weight="bold", color=INK, va="bottom" if lift else "center", parse_math=False)
    text.set_path_effects(HALO)


def draw_cluster_legend(figure: Figure, box: Box, labels: Labels, names: Sequence[str], *, note: str) -> None:
    """Write a list of the clusters with their shares of the rows, and a note below it, starting at the top of a box.

    Parameters
    ----------
    figure : Figure
    box : Box
        Its height is not used.
    labels : ndarray of shape (N,), int32
        1…C.
    names : sequence of str of length C
        If there are more than 10 clusters, only the first 9 are listed.
    note : str
        May have several lines.
    """
    width, height = (float(inches) * MM_PER_INCH for inches in figure.get_size_inches())
    shares = np.bincount(labels, minlength=len(names) + 1)[1:] / max(len(labels), 1)
    percentages = format_percentages(shares.tolist(), 1)
    colors = get_line_colors(len(names))
    n_listed = len(names) if len(names) <= MAX_LEGEND_CLUSTERS else MAX_LEGEND_CLUSTERS - 1
    top = box.top + 3.0

    def write(left: float, text: str, size: float = TEXT_PT, color: str = INK, **options: object) -> None:
        figure.text(left / width, 1 - top / height, text, fontsize=size, color=color, parse_math=False, **options)  # type: ignore[arg-type]

    write(box.left, "cluster")
    write(box.left + box.width - 1.0, "share of rows", ha="right")
    for row in range(n_listed):
        top += 4.2
        dot = Line2D([(box.left + 1.2) / width], [1 - (top - 0.95) / height], marker="o", markersize=4, linestyle="")
        dot.set(color=colors[row], markeredgewidth=0)
        figure.add_artist(dot)
        write(box.left + 3.6, shorten(names[row], 12), weight="bold")
        write(box.left + box.width - 1.0, f"{percentages[row]} %", ha="right")
    if n_listed < len(names):
        top += 4.2
        write(box.left + 3.6, f"and {len(names) - n_listed} more")
    top += 1.0
    for line in note.splitlines():
        top += 3.2
        write(box.left, line, SMALL_PT, GRAY)


# ---- colors, rows and text -----------------------------------------------------------------------------------------


def get_area_colors(n_clusters: int) -> Floats:
    """Return the color of each cluster, (n_clusters, 3), from 0 to 1; colors repeat beyond the end of the palette."""
    return palette(min(n_clusters, N_COLORS))[np.arange(n_clusters) % N_COLORS] / 255


def get_line_colors(n_clusters: int) -> Floats:
    """Return the same colors for dots and lines, but with bright ones darkened, as they would hardly show on white."""
    colors = get_area_colors(n_clusters)
    luminance = colors**2.2 @ LUMINANCE
    return np.where((luminance > MAX_LINE_LUMINANCE)[:, None], DARKENING * colors, colors)


def sample_rows(n_rows: int) -> NDArray[np.intp]:
    """Return the indices of all rows, or of 5,000 random ones, in random order, so that no cluster hides another."""
    generator = np.random.default_rng(0)
    if n_rows <= MAX_POINTS:
        return generator.permutation(n_rows)
    return np.asarray(generator.choice(n_rows, MAX_POINTS, replace=False))


def describe_sample(n_rows: int, n_drawn: int) -> str:
    """Return a note that says how many rows are drawn, or "" if all are."""
    return "" if n_drawn == n_rows else f"{n_drawn:,} of {n_rows:,}\nrows are drawn"


def format_number(value: float) -> str:
    """Return a number with four decimals and a true minus sign."""
    return f"{value:.4f}".replace("-", "\N{MINUS SIGN}")


def shorten(name: str, max_length: int = MAX_NAME_LENGTH) -> str:
    """Return a name with unprintable characters replaced, cut to a maximum number of characters."""
    text = printable(name)
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
