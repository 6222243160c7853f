"""Cluster the rows of a table, with or without labeled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError, TooFewRowsError
from segmenter.io.tables.table import Table
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import predict, responsibilities, sort_components
from segmenter.mixture.selection import bic, fit_incrementally, is_sound
from segmenter.mixture.semi_supervised import fit_clamped, fit_learned
from segmenter.workflows.cluster.recipe import MAX_AUTO_CLUSTERS, TableRecipe
from segmenter.workflows.segment.progress import Progress

CHOICE_ROWS = 20_000
"""Maximum number of rows on which the number of clusters is chosen; they are drawn at random."""

WHY_BIC = "rows count as independent samples, for which BIC was right most often"
"""Why BIC and not another criterion, see `choose_n_clusters`."""

MAX_STEPS_PAST_BEST = 3
"""How far above the best K so far the search goes on."""


@dataclass(frozen=True)
class Choice:
    """The numbers of clusters that were tried: each was compared by its BIC, or left out."""

    compared: tuple[tuple[int, float], ...]  # (K, BIC); K = 1 is always among them
    left_out: tuple[int, ...]  # K, where components collapsed or died

    @property
    def n_clusters(self) -> int:
        """The K with the smallest BIC."""
        return min(self.compared, key=lambda pair: pair[1])[0]

    @property
    def n_tried(self) -> int:
        """The largest K tried."""
        return len(self.compared) + len(self.left_out)


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of a table: each is one component or, if there are labels, all components of one class."""

    names: tuple[str, ...]  # (C,), class names, or "1", "2" … sorted by the mean of the first column
    component_clusters: NDArray[np.intp]  # (K,), 1…C
    fit: Fit  # components sorted by the mean of the first column
    labels: Labels  # (N,), 1…C
    choice: Choice | None  # None = K was given

    def posteriors(self, values: Floats) -> Floats:
        """Return the probability of each cluster for each of the rows (n, D), shape (n, C)."""
        of_components = responsibilities(self.fit.mixture, values)  # (n, K)
        if len(self.names) == len(self.component_clusters) and (np.diff(self.component_clusters) == 1).all():
            return of_components
        return np.asarray(of_components @ (self.component_clusters[:, None] == np.arange(1, len(self.names) + 1)))


# ---- without labels ------------------------------------------------------------------------------------------------


def cluster(table: Table, recipe: TableRecipe, progress: Progress) -> Clusters:
    """Return the clusters of a table, numbered in the order of the means of its first column."""
    samples = Samples(table.values, np.ones(len(table.values)))
    choice = None
    if recipe.n_clusters is None:
        choice = choose_n_clusters(samples, recipe, progress)
        n_clusters = choice.n_clusters
    else:
        n_clusters = recipe.n_clusters
    n_distinct = count_distinct(table.values, n_clusters)
    if n_distinct < n_clusters:
        raise TooFewRowsError(table.layout.name, n_distinct, n_clusters)
    progress.start_stage(f"fitting {n_clusters:,} clusters", None)
    found = fit(samples, recipe.fit_config(n_clusters), on_iteration=progress.finish_step)
    found = found.reordered(sort_components(found.mixture))
    return Clusters(
        names=tuple(str(k) for k in range(1, found.mixture.n_components + 1)),
        component_clusters=np.arange(1, found.mixture.n_components + 1),
        fit=found,
        labels=predict(found.mixture, table.values),
        choice=choice,
    )


def choose_n_clusters(samples: Samples, recipe: TableRecipe, progress: Progress) -> Choice:
    """Choose the number of clusters by BIC (Schwarz 1978), −2 log L + p log N; the smallest is best.

    The search ends at K = 10, or when three more clusters than the best K bring no improvement. Fits in which
    components died or collapsed are left out. On 72 synthetic tables of 1 to 8 clusters, a third of them with heavy
    tails, this finds the true number in 69 % and is off by at most one in 96 %. The held-out likelihood (5 folds)
    reaches 65 % and 85 % at five times the cost, BIC with collapsed fits included 64 % and 88 %, and AIC 24 % and 26 %.
    """
    samples = subsample_rows(samples, recipe.seed)
    compared: list[tuple[int, float]] = []
    left_out: list[int] = []
    best = 1
    max_clusters = count_distinct(samples.values, MAX_AUTO_CLUSTERS)
    progress.start_stage("choosing the number of clusters", max_clusters)
    for k, found in enumerate(fit_incrementally(samples, recipe.fit_config(1), max_clusters), start=1):
        if is_sound(found):
            compared.append((k, bic(found, float(len(samples.values)))))
            best = min(compared, key=lambda pair: pair[1])[0]
        else:
            left_out.append(k)
        progress.finish_step()
        if k == best + MAX_STEPS_PAST_BEST:
            break
    return Choice(tuple(compared), tuple(left_out))


def describe_left_out(left_out: Sequence[int]) -> str:
    """Return which numbers of clusters were not compared, and why."""
    return f"not compared, since components collapsed or died: K = {', '.join(map(str, left_out))}"


def subsample_rows(samples: Samples, seed: int) -> Samples:
    """Return at most 20,000 of the samples, drawn at random and kept in their order."""
    n_rows = len(samples.values)
    if n_rows <= CHOICE_ROWS:
        return samples
    chosen = np.sort(np.random.default_rng(seed).choice(n_rows, CHOICE_ROWS, replace=False))
    return Samples(samples.values[chosen], samples.weights[chosen])


def count_distinct(values: Floats, maximum: int) -> int:
    """Return the number of distinct rows, or `maximum` if there are more; NaN equals NaN."""
    seen: set[bytes] = set()
    for first in range(0, len(values), 1000):
        seen |= {row.tobytes() for row in values[first : first + 1000] + 0.0}  # −0 equals 0
        if len(seen) >= maximum:
            return maximum
    return len(seen)


# ---- with labels ---------------------------------------------------------------------------------------------------


def cluster_by_classes(
    table: Table, labeled: Table, names: tuple[str, ...], labels: Labels, recipe: TableRecipe
) -> Clusters:
    """Return the clusters of a table, one for each class of the labeled table."""
    n_clusters = recipe.n_clusters or len(names)
    if n_clusters % len(names):
        raise InvalidArgumentError(
            "-k", f"is {n_clusters}; give a multiple of the {len(names)} classes, or leave it out"
        )
    values = np.concatenate([labeled.values, table.values])
    all_labels = np.concatenate([labels, np.zeros(len(table.values), np.int32)])
    per_class = n_clusters // len(names)
    config = recipe.fit_config(n_clusters)
    if recipe.semi_supervised == "clamped":
        weight = recipe.labeled_weight
        found = fit_clamped(values, all_labels, config, labeled_weight=weight, components_per_class=per_class)
    else:
        found = fit_learned(values, all_labels, config, components_per_class=per_class)
    found = found.reordered(sort_components(found.fit.mixture))
    clusters = Clusters(names, found.component_classes, found.fit, np.empty(0, np.int32), None)
    return replace(clusters, labels=predict_classes(clusters, table.values))


def predict_classes(clusters: Clusters, values: Floats) -> Labels:
    """Return the most probable class of each row, 1…C."""
    labels = np.empty(len(values), np.int32)
    for first in range(0, len(values), 10_000):
        rows = slice(first, first + 10_000)
        labels[rows] = clusters.posteriors(values[rows]).argmax(axis=1) + 1
    return labels
