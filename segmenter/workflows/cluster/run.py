"""Cluster one table: read it, cluster its rows, draw the figures and write all files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter._version import __version__
from segmenter.arrays import Floats, Labels
from segmenter.errors import (
    NotATableError,
    OutputCollisionError,
    OutputExistsError,
)
from segmenter.io.files.local import SIGNATURE_BYTES, read_first_bytes
from segmenter.io.tables.layout import Layout, read_layout, read_table_stream
from segmenter.io.tables.table import Table, append_columns, check_variances, read_table, read_text_column
from segmenter.mixture.diagnostics import describe_fit_problem, find_fit_problems
from segmenter.segmentation.documents import encode_json, to_plain
from segmenter.workflows.cluster.clustering import Clusters, cluster, cluster_by_classes, describe_left_out
from segmenter.workflows.cluster.recipe import TableRecipe
from segmenter.workflows.cluster.record import ClusteringRecord, build_record, describe_table
from segmenter.workflows.segment.outputs import (
    FigureFormat,
    check_path,
    describe_files,
    find_stale_outputs,
    list_figure_formats,
    write_outputs,
)
from segmenter.workflows.segment.progress import NullProgress, Progress


@dataclass(frozen=True)
class TableJob:
    """A table, and how to cluster it."""

    source: Path
    labeled: Path | None  # table of labeled rows; None = no labels
    folder: Path
    recipe: TableRecipe
    figure_format: FigureFormat | None  # None = no figures
    dpi: int
    overwrite: bool

    def output(self, kind: str) -> Path:
        """Return the path of one output: NAME.KIND, NAME being the file name without its extension."""
        return self.folder / f"{self.source.stem}.{kind}"

    @property
    def figures(self) -> tuple[Path, ...]:
        """The figures of the log-likelihood and of the clusters."""
        if self.figure_format is None:
            return ()
        return tuple(self.output(f"{kind}.{self.figure_format}") for kind in ("likelihood", "clusters"))

    @property
    def possible_outputs(self) -> tuple[Path, ...]:
        """The figures at the paths that they have in each format."""
        figures = (self.output(kind) for kind in ("likelihood", "clusters"))
        return tuple(chain.from_iterable(list_figure_formats(figure) for figure in figures))

    @property
    def inputs(self) -> frozenset[str]:
        """The real paths of the tables that are read."""
        return frozenset(os.path.realpath(path) for path in (self.source, self.labeled) if path is not None)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that will be written, the model last."""
        return (self.output("labels.csv"), *self.figures, self.output("model.json"))


@dataclass(frozen=True, eq=False)
class TableResult:
    """The clusters of a table, and the record of the run."""

    record: ClusteringRecord  # the content of NAME.model.json
    clusters: Clusters
    table: Table
    notes: tuple[str, ...]
    removed: tuple[Path, ...]  # files of an earlier run


def check_outputs(job: TableJob) -> None:
    """Raise WriteError if an output would replace an input or, unless `overwrite` is set, an existing file."""
    for path in job.outputs:
        if os.path.realpath(path) in job.inputs:
            raise OutputCollisionError(str(path), "would replace an input; choose another folder with -o")
        check_path(path)
        if not job.overwrite and os.path.lexists(path):
            raise OutputExistsError(str(path), stale=describe_files(find_stale_outputs(job)))


def run_table(
    job: TableJob,
    stream: BinaryIO | None = None,
    *,
    labeled_stream: BinaryIO | None = None,
    progress: Progress | None = None,
) -> TableResult:
    """Cluster one table, and write the labels, the figures and the model.

    Parameters
    ----------
    job : TableJob
    stream : binary file, optional
        Read the table from this instead of ``job.source``.
    labeled_stream : binary file, optional
        The same for the labeled table.
    progress : Progress, optional

    Raises
    ------
    SegmenterError
        Nothing was written.
    """
    check_outputs(job)
    progress = progress or NullProgress()
    progress.start_stage("reading", None)
    layout = read_layout_from(job.source, stream)
    if job.labeled is None:
        table = read_table(layout, job.recipe.columns)
        labeled = None
    else:
        labeled_layout = read_layout_from(job.labeled, labeled_stream)
        label_column = find_label_column(layout, labeled_layout, job.recipe)
        table = read_table(layout, job.recipe.columns, exclude=(label_column,))
        labeled = read_table(labeled_layout, table.columns), *read_classes(labeled_layout, label_column)
    check_variances(table)
    with threadpool_limits(1, user_api="blas"):  # products are small, and bytes must not depend on the number of cores
        if labeled is None:
            clusters = cluster(table, job.recipe, progress)
        else:
            progress.start_stage("fitting the classes", None)
            clusters = cluster_by_classes(table, *labeled, job.recipe)
        progress.start_stage("labeling and drawing", None)
        new_columns = choose_column_names(layout, clusters.names, with_classes=labeled is not None)

        def cells(rows: slice) -> list[list[str]]:
            return format_fields(clusters, table.values[rows], clusters.labels[rows])

        files = {job.output("labels.csv"): append_columns(layout, new_columns, len(table.values), cells)}
    labeled_record = None if labeled is None else describe_table(labeled[0], tuple(labeled[1]))
    record = build_record(job.recipe, table, clusters, new_columns, labeled_record)
    record = replace(record, files=describe_files(job.outputs))
    files |= dict(zip(job.figures, draw_figures(job, table, clusters, record), strict=True)) if job.figures else {}
    files[job.output("model.json")] = encode_json(to_plain(record))
    removed = write_outputs(job, files)
    return TableResult(record, clusters, table, tuple(build_notes(table, clusters, new_columns, job.recipe)), removed)


def read_layout_from(path: Path, stream: BinaryIO | None) -> Layout:
    """Return the layout of a table in a file, or in a stream, for which the path is only a name."""
    if stream is not None:
        return read_layout(path, read_table_stream(stream, str(path)))
    try:
        return read_layout(path)
    except NotATableError:
        from segmenter.io.images.signatures import is_picture  # Pillow is needed only here

        if is_picture(read_first_bytes(path, SIGNATURE_BYTES)):
            raise NotATableError(str(path), "is a picture, not a table; try segmenter segment") from None
        raise


# ---- labels --------------------------------------------------------------------------------------------------------


def find_label_column(layout: Layout, labeled: Layout, recipe: TableRecipe) -> str:
    """Return the column of labels: the one the user named, or the only one that the table to cluster lacks."""
    if recipe.label_column is not None:
        labeled.column_index(recipe.label_column)
        return recipe.label_column
    extra = [column for column in labeled.columns if column and column not in layout.columns]
    if len(extra) != 1:
        names = "no column" if not extra else f"{len(extra)} columns ({', '.join(map(repr, extra))})"
        raise NotATableError(labeled.name, f"has {names} that {layout.name} lacks; name the labels with --label-column")
    return extra[0]


def read_classes(layout: Layout, column: str) -> tuple[tuple[str, ...], Labels]:
    """Return the class names (first numbers, in numeric order) and the labels 1…C of the rows."""
    texts, lines = read_text_column(layout, column)
    if "" in texts:
        where = f"line {lines[texts.index('')]}, column {column!r}"
        raise NotATableError(layout.name, f"{where}: has no label; fill it in, or remove the row")
    names = sorted(set(texts), key=get_class_sort_key)
    index = {name: i for i, name in enumerate(names, start=1)}
    return tuple(names), np.array([index[text] for text in texts], dtype=np.int32)


def get_class_sort_key(name: str) -> tuple[bool, float, str]:
    """Return a sort key of a class name by which numbers come first, in numeric order."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


# ---- outputs -------------------------------------------------------------------------------------------------------


def choose_column_names(layout: Layout, names: Sequence[str], *, with_classes: bool) -> tuple[str, ...]:
    """Return the names of the new columns: ``label`` and ``p1``, ``p2`` … or, with classes, ``p_CLASS``.

    If the table has a column of one of these names, all get the prefix ``segmenter_``.
    """
    wanted = ["label", *(f"p_{name}" if with_classes else f"p{name}" for name in names)]
    while set(wanted) & set(layout.columns):
        wanted = [f"segmenter_{name}" for name in wanted]
    return tuple(wanted)


def format_fields(clusters: Clusters, values: Floats, labels: Labels) -> list[list[str]]:
    """Return the fields to append to some rows: the label, and the probabilities with six digits."""
    template = ",".join(["%.6g"] * len(clusters.names))
    names = ("", *clusters.names)
    rows = clusters.posteriors(values).tolist()
    return [
        [names[label], *(template % tuple(row)).split(",")] for label, row in zip(labels.tolist(), rows, strict=True)
    ]


def draw_figures(job: TableJob, table: Table, clusters: Clusters, record: ClusteringRecord) -> tuple[bytes, bytes]:
    """Return both figures as the content of files."""
    from segmenter.render.silencing import silence_matplotlib

    assert job.figure_format is not None  # called only if figures were requested
    trace = clusters.fit.trace
    description = json.dumps({"recipe": to_plain(record.recipe), "input": to_plain(record.input)}, ensure_ascii=True)
    metadata = {"Software": f"segmenter {__version__}", "Title": record.input.name, "Description": description}
    with silence_matplotlib():
        from segmenter.render.axes import ClusterModel
        from segmenter.render.encoding import encode_figure  # matplotlib takes half a second to import
        from segmenter.render.table_figures import LabeledRows, draw_clusters_figure, draw_likelihood_figure

        likelihood = draw_likelihood_figure(trace.log_likelihoods, converged=trace.converged, dpi=job.dpi)
        scatter = draw_clusters_figure(
            LabeledRows(table.values, clusters.labels, table.columns),
            ClusterModel(clusters.fit.mixture, clusters.component_clusters, clusters.names),
            dpi=job.dpi,
        )
        return (
            encode_figure(likelihood, job.figure_format, metadata=metadata),
            encode_figure(scatter, job.figure_format, metadata=metadata),
        )


def build_notes(table: Table, clusters: Clusters, new_columns: Sequence[str], recipe: TableRecipe) -> list[str]:
    """Return warnings that a person should read before trusting the clusters."""
    notes = []
    if recipe.columns is None and "" in table.layout.columns:
        notes.append("columns without a name are left out")
    if new_columns[0] != "label":
        notes.append(f"the table already has a column with the name of a new one; the labels are in {new_columns[0]!r}")
    choice = clusters.choice
    if choice is not None and choice.left_out:
        notes.append(f"{describe_left_out(choice.left_out)}; the search ended at K = {choice.n_tried}")
    notes += [describe_fit_problem(problem, "rows") for problem in find_fit_problems(clusters.fit.trace)]
    return notes
