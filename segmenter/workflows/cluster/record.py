"""The record of clusters: the content of NAME.model.json, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segmenter._version import __version__
from segmenter.io.tables.table import Table
from segmenter.segmentation.documents import OMIT_NONE, to_tuples
from segmenter.workflows.cluster.clustering import WHY_BIC, Choice, Clusters
from segmenter.workflows.cluster.recipe import TableRecipe
from segmenter.workflows.segment.outputs import format_path

SCHEMA = 1
"""Version of the JSON model; raised when the meaning of a field changes."""


@dataclass(frozen=True, kw_only=True)
class TableRecord:
    """The facts about an input table."""

    name: str  # of the file, without its folder
    sha256: str
    rows: int
    rows_with_missing_values: int
    columns: tuple[str, ...]
    classes: tuple[str, ...] | None = field(default=None, metadata=OMIT_NONE)  # of a labeled table


@dataclass(frozen=True, kw_only=True)
class CandidateRecord:
    """A number of clusters that was tried."""

    n_clusters: int
    bic: float  # nats


@dataclass(frozen=True, kw_only=True)
class ChoiceRecord:
    """How the number of clusters was chosen."""

    criterion: str
    why: str
    table: tuple[CandidateRecord, ...]
    left_out: tuple[int, ...]  # numbers of clusters that were tried but not compared: components collapsed or died


@dataclass(frozen=True, kw_only=True)
class TableFitRecord:
    """How the fit went, see `segmenter.mixture.em.FitTrace`; log-likelihoods in nats per row."""

    n_iterations: int
    stop: str
    verdict: str
    log_likelihoods: tuple[float, ...]  # of each iteration
    objectives: tuple[float, ...]
    restarts: tuple[float, ...]  # of each start
    n_died: int
    collapsed: tuple[int, ...]
    one_gaussian: float  # log-likelihood of a single Gaussian


@dataclass(frozen=True, kw_only=True)
class TableMixtureRecord:
    """The fitted mixture: K components of D columns."""

    covariance_type: str
    columns: tuple[str, ...]  # (D,)
    weights: tuple[float, ...]  # (K,)
    means: tuple[tuple[float, ...], ...]  # (K, D)
    covariances: tuple[tuple[tuple[float, ...], ...], ...]  # (K, D, D)
    labels: tuple[str, ...]  # (K,), the cluster or class of each component


@dataclass(frozen=True, kw_only=True)
class ClusterRecord:
    """One cluster."""

    label: str
    rows: int
    share: float  # of the rows, from 0 to 1


@dataclass(frozen=True, kw_only=True)
class ClusteringRecord:
    """The model of a table, and how it was found: no times and no folders, so that equal input gives equal bytes."""

    schema: int = SCHEMA
    software: str = f"segmenter {__version__}"
    input: TableRecord
    labeled: TableRecord | None
    recipe: Mapping[str, Any]
    choice: ChoiceRecord | None  # None = the number of clusters was given
    fit: TableFitRecord
    mixture: TableMixtureRecord
    added_columns: tuple[str, ...]
    clusters: tuple[ClusterRecord, ...]
    files: tuple[str, ...] = ()  # names of all files of the run, this one last; all are in one folder


def build_record(
    recipe: TableRecipe, table: Table, clusters: Clusters, added_columns: tuple[str, ...], labeled: TableRecord | None
) -> ClusteringRecord:
    """Return the record of the clusters of a table; ``labeled`` is the labeled table, None = no labels."""
    mixture, trace = clusters.fit.mixture, clusters.fit.trace
    counts = np.bincount(clusters.labels, minlength=len(clusters.names) + 1)[1:]
    return ClusteringRecord(
        input=describe_table(table),
        labeled=labeled,
        recipe=asdict(recipe),
        choice=None if clusters.choice is None else describe_choice(clusters.choice),
        fit=TableFitRecord(
            n_iterations=trace.n_iterations,
            stop=trace.stop,
            verdict=trace.verdict,
            log_likelihoods=to_tuples(trace.log_likelihoods.tolist()),
            objectives=to_tuples(trace.objectives.tolist()),
            restarts=to_tuples(trace.restarts.tolist()),
            n_died=trace.n_died,
            collapsed=tuple(trace.collapsed),
            one_gaussian=trace.single_gaussian,
        ),
        mixture=TableMixtureRecord(
            covariance_type=mixture.covariance_type,
            columns=tuple(table.columns),
            weights=to_tuples(mixture.weights.tolist()),
            means=to_tuples(mixture.means.tolist()),
            covariances=to_tuples(mixture.covariances.tolist()),
            labels=tuple(clusters.names[c - 1] for c in clusters.component_clusters),
        ),
        added_columns=added_columns,
        clusters=tuple(
            ClusterRecord(label=name, rows=int(n), share=float(n / counts.sum()))
            for name, n in zip(clusters.names, counts, strict=True)
        ),
    )


def describe_choice(choice: Choice) -> ChoiceRecord:
    """Return how the number of clusters was chosen."""
    candidates = tuple(CandidateRecord(n_clusters=k, bic=bic) for k, bic in choice.compared)
    return ChoiceRecord(criterion="bic", why=WHY_BIC, table=candidates, left_out=choice.left_out)


def describe_table(table: Table, classes: tuple[str, ...] | None = None) -> TableRecord:
    """Return the facts about an input table."""
    return TableRecord(
        name=format_path(Path(table.layout.path.name)),
        sha256=table.digest,
        rows=len(table.values),
        rows_with_missing_values=int(np.isnan(table.values).any(axis=1).sum()),
        columns=tuple(table.layout.columns),
        classes=classes,
    )
