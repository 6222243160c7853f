"""What plots of tables are made of: panels, densities, dots, ellipses and the key to their colors."""

from __future__ import annotations

from collections.abc import Sequence
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
from segmenter.render.palette import N_COLORS, palette

MAX_POINTS: Final = 5_000
"""Points of a scatter; of more rows, so many are drawn at random."""

MAX_NAMED: Final = 10
"""Clusters that the legend lists."""

MAX_NAME: Final = 24
"""Characters of a name that are shown."""

GRAY: Final = "#8a8a8a"
PALE: Final = "#ececec"
BAR: Final = "#dedede"
SUPERSCRIPT: Final = str.maketrans("-\N{MINUS SIGN}0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SIGMAS: Final = (1.0, 2.0)
HALO: Final[list[AbstractPathEffect]] = [withStroke(linewidth=2.2, foreground="white")]
DARKER: Final = 0.72
"""Factor of the colors of lines, which are thinner than areas: the same hue, as dark as is legible on white."""


def page(width_mm: float, height_mm: float, dpi: int) -> Figure:
    """Return an empty figure."""
    return Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), dpi=dpi)


def panel(figure: Figure, box: Box) -> Axes:
    """Return axes in a box, in mm from the top left corner."""
    width, height = (float(inches) * MM_PER_INCH for inches in figure.get_size_inches())
    bottom = height - box.top - box.height
    return figure.add_axes((box.left / width, bottom / height, box.width / width, box.height / height))


def get_figure(axes: Axes) -> Figure:
    """Return the figure that axes are in."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # `panel` has put them there
    return figure


def finish(axes: Axes, *, n_ticks: int = 6, integer: bool = False) -> None:
    """Set type, ticks and spines; limits and names of the axes are set before."""
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
        move_exponent_to_label(axis, formatter)
    axes.set_axisbelow(True)


def move_exponent_to_label(axis: Axis, formatter: ScalarFormatter) -> None:
    """Tell the power of ten of the ticks in the name of the axis: a text of its own would run into other panels."""
    formatter.set_locs(list(axis.get_majorticklocs()))
    axis.get_offset_text().set_visible(False)
    _, power, exponent = formatter.get_offset().partition("1e")
    if power and axis.get_label_text():
        axis.set_label_text(f"{axis.get_label_text()} (×10{exponent.translate(SUPERSCRIPT)})")


def density(
    axes: Axes,
    values: Floats,
    mixture: Mixture,
    cluster_of: NDArray[np.intp],
    feature: int,
    n_clusters: int,
    *,
    names: Sequence[str] = (),
) -> None:
    """Draw the histogram of a column, the density of each component over it, and their sum; names at the peaks."""
    seen = values[~np.isnan(values)]
    low, high = compute_limits(values)
    axes.hist(seen, bins=compute_bin_edges(seen).tolist(), density=True, color=BAR, linewidth=0)
    x = places(mixture, feature, low, high)
    fills, lines = area_colors(n_clusters), line_colors(n_clusters)
    total = np.zeros_like(x)
    for k, cluster in enumerate(cluster_of):
        deviation = np.sqrt(mixture.covariances[k, feature, feature])
        y = np.exp(-0.5 * ((x - mixture.means[k, feature]) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        y *= mixture.weights[k]
        total += y
        axes.fill_between(x, y, color=fills[cluster], alpha=0.35, linewidth=0)
        axes.plot(x, y, color=lines[cluster], linewidth=1.0)
        if names:
            write_cluster_name(axes, names[cluster], float(x[y.argmax()]), float(y.max()), lift=3)
    if len(cluster_of) > 1:
        axes.plot(x, total, color=INK, linewidth=0.8)
    axes.set_xlim(low, high)
    axes.set_ylim(0, None)


def places(mixture: Mixture, feature: int, low: float, high: float) -> Floats:
    """Return where densities are drawn at: an even grid, and a finer one around each component."""
    deviations = np.sqrt(mixture.covariances[:, feature, feature])
    around = mixture.means[:, feature, None] + deviations[:, None] * np.linspace(-4, 4, 81)
    x = np.concatenate([np.linspace(low, high, 400), around.ravel()])
    return np.unique(x[(x >= low) & (x <= high)])


def points(axes: Axes, values: Floats, labels: Labels, n_clusters: int, *, area: float) -> None:
    """Draw rows as dots in the colors of their clusters, the fainter the denser they lie.

    Parameters
    ----------
    axes : Axes
    values : ndarray of shape (n, 2)
    labels : ndarray of shape (n,)
    n_clusters : int
    area : float, mm²
        Of the panel.
    """
    seen = ~np.isnan(values).any(axis=1)
    x, y = values[seen].T
    crowd = len(x) / area  # rows per mm²
    alpha = float(np.clip(0.45 / np.sqrt(max(crowd, 1e-9)), 0.3, 0.8))
    size = float(np.clip(5.0 / np.sqrt(max(crowd, 1e-9)), 2.0, 9.0))
    colors = line_colors(n_clusters)[labels[seen] - 1]
    axes.scatter(x, y, s=size, c=colors, alpha=alpha, linewidths=0, rasterized=len(x) > 2000)
    for limits, setter in ((compute_limits(x), axes.set_xlim), (compute_limits(y), axes.set_ylim)):
        setter(*limits)


def ellipses(
    axes: Axes,
    mixture: Mixture,
    cluster_of: NDArray[np.intp],
    first: int,
    second: int,
    n_clusters: int,
    *,
    width: float,
    names: Sequence[str] = (),
) -> None:
    """Draw one and two standard deviations of each component, and at its mean its name, or a cross."""
    colors = line_colors(n_clusters)
    pair = [first, second]
    for k, cluster in enumerate(cluster_of):
        variances, directions = np.linalg.eigh(mixture.covariances[k][np.ix_(pair, pair)])
        angle = float(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])))
        lengths = 2 * np.sqrt(variances)
        center = (float(mixture.means[k, first]), float(mixture.means[k, second]))
        for sigma in SIGMAS:
            shape = Ellipse(center, sigma * lengths[1], sigma * lengths[0], angle=angle, fill=False, zorder=4)
            shape.set(edgecolor=0.75 * colors[cluster], linewidth=width if sigma == 1 else 0.7 * width)
            shape.set_path_effects([withStroke(linewidth=2.4 * width, foreground="white", alpha=0.85)])
            axes.add_patch(shape)
        if names:
            write_cluster_name(axes, names[cluster], *center)
        else:
            axes.plot(*center, "+", color=INK, markersize=4, markeredgewidth=0.8, zorder=5, path_effects=HALO)


def write_cluster_name(axes: Axes, name: str, x: float, y: float, *, lift: float = 0.0) -> None:
    """Write the name of a cluster where it lies, so that clusters are told apart without colors, too."""
    text = axes.annotate(short(name, 8), (x, y), (0, lift), textcoords="offset points", ha="center", zorder=6)
    text.set(fontsize=SMALL_PT, weight="bold", color=INK, va="bottom" if lift else "center", parse_math=False)
    text.set_path_effects(HALO)


def key(figure: Figure, box: Box, labels: Labels, names: Sequence[str], *, note: str) -> None:
    """Write the clusters with their shares of the rows below each other, from the top of a box."""
    width, height = (float(inches) * MM_PER_INCH for inches in figure.get_size_inches())
    shares = np.bincount(labels, minlength=len(names) + 1)[1:] / max(len(labels), 1)
    colors = line_colors(len(names))
    is_long = len(names) > MAX_NAMED
    rows = list(range(len(names)))[: MAX_NAMED - 1 if is_long else MAX_NAMED]
    top = box.top + 3.0

    def write(left: float, text: str, size: float = TEXT_PT, color: str = INK, **options: object) -> None:
        figure.text(left / width, 1 - top / height, text, fontsize=size, color=color, parse_math=False, **options)  # type: ignore[arg-type]

    write(box.left, "cluster")
    write(box.left + box.width - 1.0, "share of rows", ha="right")
    for row in rows:
        top += 4.2
        dot = Line2D([(box.left + 1.2) / width], [1 - (top - 0.95) / height], marker="o", markersize=4, linestyle="")
        dot.set(color=colors[row], markeredgewidth=0)
        figure.add_artist(dot)
        write(box.left + 3.6, short(names[row], 12), weight="bold")
        write(box.left + box.width - 1.0, f"{100 * shares[row]:.1f} %", ha="right")
    if is_long:
        top += 4.2
        write(box.left + 3.6, f"and {len(names) - len(rows)} more")
    top += 1.0
    for line in note.splitlines():
        top += 3.2
        write(box.left, line, SMALL_PT, GRAY)


def told(n_rows: int, n_drawn: int) -> str:
    """Return how many rows are drawn, where not all are."""
    return "" if n_drawn == n_rows else f"{n_drawn:,} of {n_rows:,}\nrows are drawn"


def sample_rows(n_rows: int) -> NDArray[np.intp]:
    """Return the rows that are drawn: all, or some at random, in an order in which no cluster hides the others."""
    generator = np.random.default_rng(0)
    if n_rows <= MAX_POINTS:
        return generator.permutation(n_rows)
    return np.asarray(generator.choice(n_rows, MAX_POINTS, replace=False))


def area_colors(n: int) -> Floats:
    """Return the color of each cluster, (n, 3), from 0 to 1; the palette starts again after its end."""
    return palette(min(n, N_COLORS))[np.arange(n) % N_COLORS] / 255


def line_colors(n: int) -> Floats:
    """Return the same for dots and lines: bright colors darkened, as they would hardly be seen on white."""
    colors = area_colors(n)
    luminance = colors**2.2 @ (0.2126, 0.7152, 0.0722)
    return np.where((luminance > 0.5)[:, None], DARKER * colors, colors)


def compute_limits(values: Floats) -> tuple[float, float]:
    """Return the range of values with a margin; never empty."""
    seen = values[~np.isnan(values)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.5 * abs(low) or 1.0
    return low - margin, high + margin


def compute_bin_edges(values: Floats) -> Floats:
    """Return the edges of 24 to 80 bins, of the width of Freedman and Diaconis (1981) where that gives as many."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.linspace(*compute_limits(values), 12)
    q1, q3 = np.quantile(values, [0.25, 0.75])
    step = 2 * (q3 - q1) / len(values) ** (1 / 3)
    n = int(np.clip(ceil((high - low) / step) if step > 0 else 24, 24, 80))
    return np.linspace(low, high, n + 1)


def minus(value: float) -> str:
    """Return a number with four decimals and a true minus sign."""
    return f"{value:.4f}".replace("-", "\N{MINUS SIGN}")


def short(name: str, most: int = MAX_NAME) -> str:
    """Return a name as it is shown."""
    text = printable(name)
    return text if len(text) <= most else text[: most - 1] + "…"
