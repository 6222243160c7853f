"""Figures of a fit: the log-likelihood after each step, and the clusters of a table with one, two or more columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmenter.arrays import Floats, Labels
from segmenter.render.axes import (
    GRID_COLOR,
    MAX_LEGEND_CLUSTERS,
    ClusterModel,
    add_axes,
    compute_limits,
    create_figure,
    describe_sample,
    draw_cluster_legend,
    draw_densities,
    draw_ellipses,
    draw_points,
    format_number,
    get_line_colors,
    sample_rows,
    shorten,
    style_axes,
)
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.page import INK, LINE_PT, TEXT_PT, Box

MAX_COLUMNS: Final = 6
"""Maximum number of columns in a pair plot."""

MAX_COLUMNS_WITH_NAMES: Final = 4
"""Maximum number of columns with which the panels of a pair plot are large enough for the names of clusters."""

LIKELIHOOD_MM: Final = (89.0, 58.0)
HISTOGRAM_MM: Final = (120.0, 74.0)
SCATTER_MM: Final = (120.0, 100.0)
PAIRS_MM: Final = 183.0
LEGEND_MM: Final = 31.0  # width, to the right of a single panel
PANEL_GAP_MM: Final = 2.2

MIN_LIKELIHOOD_SPAN: Final = 1e-4
"""Smallest range of the likelihood axis, in nats per sample; on a finer scale, rounding would look like a trend."""

MAX_MARKED_STEPS: Final = 40


@dataclass(frozen=True, eq=False)
class LabeledRows:
    """The rows of a table, each with its cluster."""

    values: Floats  # (N, D); NaN = missing; a row is left out of the panels that need its missing value
    labels: Labels  # (N,), 1…C
    columns: Sequence[str]  # D names


def draw_likelihood_figure(log_likelihoods: Floats, *, converged: bool, sample: str = "row", dpi: int = 300) -> Figure:
    """Draw the average log-likelihood after each step.

    Parameters
    ----------
    log_likelihoods : ndarray of shape (n_iterations + 1,), float64, nats per sample
        The first value is that of the initialization.
    converged : bool
        Whether the last step gained less than the tolerance.
    sample : {"row", "pixel"}
        Word for one sample.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    width, height = LIKELIHOOD_MM
    with fixed_matplotlib_settings():
        figure = create_figure(width, height, dpi)
        axes = add_axes(figure, Box(17, 6.5, width - 20, height - 17))
        steps = np.arange(len(log_likelihoods))
        (blue,) = get_line_colors(1)
        marker = "o" if len(steps) <= MAX_MARKED_STEPS else ""
        axes.plot(steps, log_likelihoods, color=blue, linewidth=1.1, marker=marker, markersize=2.6)
        axes.plot(steps[-1:], log_likelihoods[-1:], "o", color=INK, markersize=3.6, clip_on=False)
        axes.margins(x=0.04, y=0.08)
        low, high = axes.get_ylim()
        if high - low < MIN_LIKELIHOOD_SPAN:
            axes.set_ylim((low + high - MIN_LIKELIHOOD_SPAN) / 2, (low + high + MIN_LIKELIHOOD_SPAN) / 2)
        n = len(steps) - 1
        end = f"{'converged' if converged else 'stopped'} after {n} step{'s' * (n != 1)}"
        title = f"{end}: {format_number(log_likelihoods[-1])}"
        axes.set_title(title, loc="right", fontsize=TEXT_PT, color=INK, pad=4)
        axes.set_xlabel("step of EM")
        axes.set_ylabel(f"average log-likelihood (nats per {sample})")
        style_axes(axes, integer=True)
        axes.yaxis.grid(True, color=GRID_COLOR, linewidth=LINE_PT)
        return figure


def draw_clusters_figure(rows: LabeledRows, model: ClusterModel, *, dpi: int = 300) -> Figure:
    """Draw the rows and clusters of a table.

    One column is drawn as a histogram, two as a scatter plot with ellipses, more as a scatter plot of each pair. The
    ellipses show one and two standard deviations of each component; densities are multiplied by the weight of the
    component. At most 5,000 rows, drawn at random, and the first six columns are shown.

    Parameters
    ----------
    rows : LabeledRows
    model : ClusterModel
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    rows = LabeledRows(rows.values, rows.labels, [shorten(column) for column in rows.columns])
    draw = {1: _draw_histogram, 2: _draw_scatter}.get(len(rows.columns), _draw_pairs)
    with fixed_matplotlib_settings():
        return draw(rows, model, dpi)


# ---- one, two or more columns --------------------------------------------------------------------------------------


def _draw_histogram(rows: LabeledRows, model: ClusterModel, dpi: int) -> Figure:
    """Return the histogram of a single column with the density of each component."""
    figure, axes = _create_single_panel(HISTOGRAM_MM, rows, model, "", dpi)
    draw_densities(axes, rows.values[:, 0], model, 0, show_names=model.n_clusters <= MAX_LEGEND_CLUSTERS)
    axes.set_xlabel(rows.columns[0])
    axes.set_ylabel("density")
    style_axes(axes)
    return figure


def _draw_scatter(rows: LabeledRows, model: ClusterModel, dpi: int) -> Figure:
    """Return the scatter plot of two columns with ellipses."""
    chosen = sample_rows(len(rows.values))
    figure, axes = _create_single_panel(SCATTER_MM, rows, model, describe_sample(len(rows.labels), len(chosen)), dpi)
    box = _compute_single_panel_box(SCATTER_MM)
    draw_points(axes, rows.values[chosen], rows.labels[chosen], model.n_clusters, area=box.width * box.height)
    draw_ellipses(axes, model, (0, 1), width=1.0, show_names=model.n_clusters <= MAX_LEGEND_CLUSTERS)
    axes.set_xlabel(rows.columns[0])
    axes.set_ylabel(rows.columns[1])
    style_axes(axes)
    return figure


def _create_single_panel(
    size_mm: tuple[float, float], rows: LabeledRows, model: ClusterModel, note: str, dpi: int
) -> tuple[Figure, Axes]:
    """Return a figure with a legend on the right, and its axes."""
    width, height = size_mm
    figure = create_figure(width, height, dpi)
    draw_cluster_legend(figure, Box(width - LEGEND_MM, 4, LEGEND_MM, 0), rows.labels, model.names, note=note)
    return figure, add_axes(figure, _compute_single_panel_box(size_mm))


def _compute_single_panel_box(size_mm: tuple[float, float]) -> Box:
    """Return the box of the axes in a figure with a legend on the right."""
    width, height = size_mm
    return Box(15, 4, width - 18 - LEGEND_MM, height - 15)


def _draw_pairs(rows: LabeledRows, model: ClusterModel, dpi: int) -> Figure:
    """Return a triangle of panels: densities of each column on the diagonal, scatter plots of each pair below it."""
    n = min(len(rows.columns), MAX_COLUMNS)
    left, top, right, bottom = 15.0, 4.0, 2.0, 11.0
    side = (PAIRS_MM - left - right - (n - 1) * PANEL_GAP_MM) / n
    figure = create_figure(PAIRS_MM, top + PAIRS_MM - left - right + bottom, dpi)
    chosen = sample_rows(len(rows.values))
    values, labels = rows.values[chosen], rows.labels[chosen]
    limits = [compute_limits(rows.values[:, j]) for j in range(n)]
    show_names = model.n_clusters <= MAX_LEGEND_CLUSTERS and n <= MAX_COLUMNS_WITH_NAMES
    for i in range(n):
        for j in range(i + 1):
            box = Box(left + j * (side + PANEL_GAP_MM), top + i * (side + PANEL_GAP_MM), side, side)
            axes = add_axes(figure, box)
            if i == j:
                draw_densities(axes, rows.values[:, i], model, i)
                axes.spines["left"].set_visible(False)
            else:
                draw_points(axes, values[:, [j, i]], labels, model.n_clusters, area=side * side)
                draw_ellipses(axes, model, (j, i), width=0.8, show_names=show_names)
                axes.set_ylim(*limits[i])
            axes.set_xlim(*limits[j])
            _label_pair(axes, rows.columns[:n], (i, j), side)
    note = describe_sample(len(rows.labels), len(chosen))
    if len(rows.columns) > n:
        note = f"first {n} of {len(rows.columns)} columns\n{note}".strip()
    legend_box = Box(PAIRS_MM - LEGEND_MM, top, LEGEND_MM, 0)
    draw_cluster_legend(figure, legend_box, rows.labels, model.names, note=note)
    return figure


def _label_pair(axes: Axes, columns: Sequence[str], cell: tuple[int, int], side: float) -> None:
    """Style the axes of the panel in a row and column of the triangle; only outer panels have labels.

    ``side`` is the side of the panel in mm.
    """
    i, j = cell
    n = len(columns)
    if i < n - 1:
        axes.tick_params(labelbottom=False)
    else:
        axes.set_xlabel(columns[j])
    if 0 < j < i:
        axes.tick_params(labelleft=False)
    if j == 0 and i > 0:
        axes.set_ylabel(columns[i])
        axes.yaxis.set_label_coords(-11.0 / side, 0.5)
    style_axes(axes, n_ticks=4 if n <= MAX_COLUMNS_WITH_NAMES else 3)
    if i == j:
        axes.set_yticks([])
