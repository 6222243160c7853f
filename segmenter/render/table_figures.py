"""Plots of tables: the climb of the likelihood, and the shape of the clusters in one, two or more dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels
from segmenter.mixture.model import Mixture
from segmenter.render.axes import (
    MAX_NAMED,
    PALE,
    compute_limits,
    density,
    ellipses,
    finish,
    get_figure,
    key,
    line_colors,
    minus,
    page,
    panel,
    points,
    sample_rows,
    short,
    told,
)
from segmenter.render.encoding import fixed_matplotlib_settings
from segmenter.render.page import INK, LINE_PT, TEXT_PT, Box

MAX_COLUMNS: Final = 6
"""Columns of a pair plot."""

LIKELIHOOD_MM: Final = (89.0, 58.0)
HISTOGRAM_MM: Final = (120.0, 74.0)
SCATTER_MM: Final = (120.0, 100.0)
PAIRS_MM: Final = 183.0
LEGEND_MM: Final = 31.0  # to the right of one panel
PANEL_GAP_MM: Final = 2.2

LEAST_SPAN: Final = 1e-4
"""Of the axis of likelihoods, in nats per sample: finer steps would be rounding, drawn as a climb or a fall."""


def draw_likelihood_figure(log_likelihoods: Floats, *, converged: bool, sample: str = "row", dpi: int = 300) -> Figure:
    """Draw the average log-likelihood of every step.

    Parameters
    ----------
    log_likelihoods : ndarray of shape (n_iterations + 1,), float64, nats per sample
        That of the start first.
    converged : bool
        Whether the last step gained less than the tolerance.
    sample : {"row", "pixel"}
        What a sample is called.
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    width, height = LIKELIHOOD_MM
    with fixed_matplotlib_settings():
        figure = page(width, height, dpi)
        axes = panel(figure, Box(17, 6.5, width - 20, height - 17))
        steps = np.arange(len(log_likelihoods))
        (blue,) = line_colors(1)
        few = len(steps) <= 40
        axes.plot(steps, log_likelihoods, color=blue, linewidth=1.1, marker="o" if few else "", markersize=2.6)
        axes.plot(steps[-1:], log_likelihoods[-1:], "o", color=INK, markersize=3.6, clip_on=False)
        axes.margins(x=0.04, y=0.08)
        low, high = axes.get_ylim()
        if high - low < LEAST_SPAN:
            axes.set_ylim((low + high - LEAST_SPAN) / 2, (low + high + LEAST_SPAN) / 2)
        n = len(steps) - 1
        end = f"{'converged' if converged else 'stopped'} after {n} step{'s' * (n != 1)}: {minus(log_likelihoods[-1])}"
        axes.set_title(end, loc="right", fontsize=TEXT_PT, color=INK, pad=4)
        axes.set_xlabel("step of EM")
        axes.set_ylabel(f"average log-likelihood (nats per {sample})")
        finish(axes, integer=True)
        axes.yaxis.grid(True, color=PALE, linewidth=LINE_PT)
        return figure


def draw_clusters_figure(
    values: Floats,
    labels: Labels,
    mixture: Mixture,
    component_clusters: NDArray[np.intp],
    *,
    columns: Sequence[str],
    names: Sequence[str],
    dpi: int = 300,
) -> Figure:
    """Draw the rows and the clusters: a histogram, a scatter with ellipses, or a scatter of each pair of columns.

    Ellipses are those of one and two standard deviations of each component, densities those of the mixture times the
    weight of the component. Of more than 5,000 rows, so many are drawn; of more than six columns, the first six.

    Parameters
    ----------
    values : ndarray of shape (N, D), float64
        A row with a missing value is left out where the value would be needed.
    labels : ndarray of shape (N,), int32
        1…C.
    mixture : Mixture
    component_clusters : ndarray of shape (K,), intp
        The cluster of each component, 1…C.
    columns : sequence of str, length D
    names : sequence of str, length C
    dpi : int, pixels per inch

    Returns
    -------
    Figure
    """
    columns = [short(column) for column in columns]
    cluster_of = component_clusters - 1
    with fixed_matplotlib_settings():
        if len(columns) == 1:
            return _histogram(values[:, 0], labels, mixture, cluster_of, columns[0], names, dpi)
        chosen = sample_rows(len(values))
        if len(columns) == 2:
            return _scatter(values[chosen], labels, chosen, mixture, cluster_of, columns, names, dpi)
        return _pairs(values, labels, chosen, mixture, cluster_of, columns, names, dpi)


# ---- the three kinds -----------------------------------------------------------------------------------------------


def _one_panel(size_mm: tuple[float, float], names: Sequence[str], labels: Labels, note: str, dpi: int) -> Axes:
    """Return the axes of a figure with one panel and the key beside it."""
    width, height = size_mm
    figure = page(width, height, dpi)
    key(figure, Box(width - LEGEND_MM, 4, LEGEND_MM, 0), labels, names, note=note)
    return panel(figure, Box(15, 4, width - 18 - LEGEND_MM, height - 15))


def _histogram(
    values: Floats,
    labels: Labels,
    mixture: Mixture,
    cluster_of: NDArray[np.intp],
    column: str,
    names: Sequence[str],
    dpi: int,
) -> Figure:
    axes = _one_panel(HISTOGRAM_MM, names, labels, "", dpi)
    density(axes, values, mixture, cluster_of, 0, len(names), names=names if len(names) <= MAX_NAMED else ())
    axes.set_xlabel(column)
    axes.set_ylabel("density")
    finish(axes)
    return get_figure(axes)


def _scatter(
    values: Floats,
    labels: Labels,
    chosen: NDArray[np.intp],
    mixture: Mixture,
    cluster_of: NDArray[np.intp],
    columns: Sequence[str],
    names: Sequence[str],
    dpi: int,
) -> Figure:
    axes = _one_panel(SCATTER_MM, names, labels, told(len(labels), len(chosen)), dpi)
    width, height = SCATTER_MM
    points(axes, values, labels[chosen], len(names), area=(width - 18 - LEGEND_MM) * (height - 15))
    ellipses(axes, mixture, cluster_of, 0, 1, len(names), width=1.0, names=names if len(names) <= MAX_NAMED else ())
    axes.set_xlabel(columns[0])
    axes.set_ylabel(columns[1])
    finish(axes)
    return get_figure(axes)


def _pairs(
    values: Floats,
    labels: Labels,
    chosen: NDArray[np.intp],
    mixture: Mixture,
    cluster_of: NDArray[np.intp],
    columns: Sequence[str],
    names: Sequence[str],
    dpi: int,
) -> Figure:
    n = min(len(columns), MAX_COLUMNS)
    width = PAIRS_MM
    left, top, right, bottom = 15.0, 4.0, 2.0, 11.0
    side = (width - left - right - (n - 1) * PANEL_GAP_MM) / n
    height = top + width - left - right + bottom
    figure = page(width, height, dpi)
    grid: dict[tuple[int, int], Axes] = {}
    few, few_labels = values[chosen], labels[chosen]
    limits = [compute_limits(values[:, j]) for j in range(n)]
    for i in range(n):
        for j in range(i + 1):
            box = Box(left + j * (side + PANEL_GAP_MM), top + i * (side + PANEL_GAP_MM), side, side)
            axes = grid[i, j] = panel(figure, box)
            if i == j:
                density(axes, values[:, i], mixture, cluster_of, i, len(names))
                axes.spines["left"].set_visible(False)
            else:
                points(axes, few[:, [j, i]], few_labels, len(names), area=side * side)
                shown = names if len(names) <= MAX_NAMED and n <= 4 else ()
                ellipses(axes, mixture, cluster_of, j, i, len(names), width=0.8, names=shown)
                axes.set_ylim(*limits[i])
            axes.set_xlim(*limits[j])
            if i < n - 1:
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel(columns[j])
            if 0 < j < i:
                axes.tick_params(labelleft=False)
            if j == 0 and i > 0:
                axes.set_ylabel(columns[i])
                axes.yaxis.set_label_coords(-11.0 / side, 0.5)
            finish(axes, n_ticks=4 if n <= 4 else 3)
            if i == j:
                axes.set_yticks([])
    note = told(len(labels), len(chosen))
    if len(columns) > n:
        note = f"first {n} of {len(columns)} columns\n{note}".strip()
    key(figure, Box(width - LEGEND_MM, top, LEGEND_MM, 0), labels, names, note=note)
    return figure
