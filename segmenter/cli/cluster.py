"""``segmenter cluster``."""

from __future__ import annotations

import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from segmenter.cli import unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.format import MAX_SHARES, format_count, format_shares
from segmenter.cli.help import FIT, LABELED, TARGET, option
from segmenter.cli.interrupts import explain_interrupt
from segmenter.cli.messages import print_message, print_note, report_earlier_outputs
from segmenter.cli.options.common import (
    OVERWRITE,
    columns_option,
    figure_options,
    is_typed,
    output_option,
    parse_columns,
    seed_option,
    verbosity_options,
    with_options,
)
from segmenter.cli.options.recipe import em_options
from segmenter.cli.options.types import PATH, STREAM, CountOrAuto, PositiveNumber
from segmenter.cli.progress import show_steps
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import METHODS
from segmenter.segmentation.shares import format_percentages
from segmenter.workflows.cluster.recipe import MAX_CLUSTERS, SEMI_SUPERVISED, TableRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segmenter.mixture.em import FitTrace
    from segmenter.workflows.cluster.record import ClusterRecord, TableMixtureRecord
    from segmenter.workflows.cluster.run import TableJob, TableResult


@click.command(name="cluster", cls=FileCommand, short_help="Find clusters among the rows of a table.")
@click.argument("table", metavar="TABLE", type=PATH)
@with_options(
    option(
        "-k",
        "--clusters",
        section=TARGET,
        type=CountOrAuto(MAX_CLUSTERS),
        default="auto",
        show_default=True,
        metavar="K",
        help="Number of clusters; auto is 1 to 10 chosen by BIC, or with --labeled one per class.",
    ),
    columns_option("Columns by which rows are compared."),
    option(
        "--method",
        section=TARGET,
        type=click.Choice(METHODS),
        default=TableRecipe.method,
        show_default=True,
        help="EM, hard EM or k-means.",
    ),
    option(
        "--labeled",
        section=LABELED,
        type=PATH,
        metavar="FILE",
        help="Table with the same columns and one of labels, whose classes become the clusters; - is standard input.",
    ),
    option(
        "--label-column", section=LABELED, metavar="NAME", show_default="the one TABLE lacks", help="Column of labels."
    ),
    option(
        "--semi-supervised",
        section=LABELED,
        type=click.Choice(SEMI_SUPERVISED),
        default=TableRecipe.semi_supervised,
        show_default=True,
        help="Use of labeled rows: to initialize the fit, or in the fit with their labels fixed.",
    ),
    option(
        "--labeled-weight",
        section=LABELED,
        type=PositiveNumber(),
        default=TableRecipe.labeled_weight,
        show_default=True,
        metavar="λ",
        help="Weight of each labeled row, in unlabeled rows (clamped only).",
    ),
    *em_options(TableRecipe, clusters="clusters", sample="row", section=FIT),
    output_option("Folder for the results."),
    OVERWRITE,
    *figure_options("Draw the log-likelihood and the clusters.", "figures"),
    seed_option(),
    *verbosity_options("Print the model as JSON, on one line.", "Print details of the fit and each cluster."),
)
def command(  # click passes every option by its name
    table: Path,
    output: Path,
    labeled: Path | None,
    figure: bool,
    figure_format: Any,
    dpi: int,
    overwrite: bool,
    json: bool,
    quiet: bool,
    verbose: bool,
    **recipe_values: Any,
) -> None:
    """Find clusters among the rows of TABLE, a CSV or TSV file with a header.

    \b
    Files written to the output folder:
      NAME.labels.csv      the table with the label and probabilities of each row
      NAME.model.json      options, mixture, log-likelihoods, and clusters
      NAME.likelihood.png  average log-likelihood at each iteration
      NAME.clusters.png    rows, and the shape of each cluster

    Clusters are numbered by their mean in the first column, from low to high.
    Missing values (an empty field, NA, nan) are integrated out.

    If TABLE is -, the table is read from standard input.
    """  # noqa: D301  # the backspace keeps click from filling the list
    recipe = build_recipe(labeled, **recipe_values)
    check_streams(table, labeled, as_json=json)
    from segmenter.segmentation.documents import to_plain
    from segmenter.workflows.cluster.run import TableJob, run_table
    from segmenter.workflows.segment.outputs import format_path

    unwind_on_interrupt()
    source, classes = (Path("stdin") if path == STREAM else path for path in (table, labeled))
    assert source is not None  # TABLE is required
    job = TableJob(source, classes, output, recipe, figure_format if figure else None, dpi, overwrite)
    started = time.perf_counter()
    with explain_interrupt([(source.name, job.outputs[-1])]), show_steps(quiet=quiet) as progress:
        result = run_table(
            job,
            sys.stdin.buffer if table == STREAM else None,
            labeled_stream=sys.stdin.buffer if labeled == STREAM else None,
            progress=progress,
        )
    if json:
        paths = {"source": format_path(table), "outputs": [format_path(path) for path in job.outputs]}
        click.echo(dumps({**to_plain(result.record), **paths}))
    if not quiet:
        print_result(result, job, time.perf_counter() - started, verbose=verbose)


def build_recipe(
    labeled: Path | None, clusters: int | Literal["auto"], columns: str | None, covariance: Any, **others: Any
) -> TableRecipe:
    """Return the recipe for the values of options; raise UsageError if they conflict."""
    needs = {} if others["semi_supervised"] == "clamped" else {"labeled_weight": "--semi-supervised clamped"}
    if labeled is None:
        needs = dict.fromkeys(("label_column", "semi_supervised", "labeled_weight"), "--labeled FILE")
    for name, needed in needs.items():
        if is_typed(name):
            raise click.UsageError(f"--{name.replace('_', '-')} needs {needed}")
    n_clusters = None if clusters == "auto" else clusters
    try:
        return TableRecipe(n_clusters=n_clusters, columns=parse_columns(columns), covariance_type=covariance, **others)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error


def check_streams(table: Path, labeled: Path | None, *, as_json: bool) -> None:
    """Raise UsageError if a stream is needed that is closed, or needed twice."""
    if table == labeled == STREAM:
        raise click.UsageError("standard input (-) can be read only once; give one of the tables as a file")
    if STREAM in (table, labeled) and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed; give the path of a table")
    if as_json and sys.stdout is None:
        raise click.UsageError("standard output is closed; leave out --json")


def print_result(result: TableResult, job: TableJob, seconds: float, *, verbose: bool) -> None:
    """Print one line on the clusters, then the notes, and with `verbose` the details."""
    record = result.record
    n_missing, choice = record.input.rows_with_missing_values, record.choice
    rule = " by BIC" if choice else ""
    missing = f", {n_missing:,} with missing values" if n_missing else ""
    rows = f"{format_count(record.input.rows, 'row')}{missing}"
    found = format_clusters(record.clusters, has_classes=job.labeled is not None)
    print_message(f"{job.source.name}: {found}{rule} from {rows} in {seconds:.2f} s -> {job.output('*')}")
    if choice:
        print_message(f"  why: {choice.why}")
    for note in result.notes:
        print_note(note)
    report_earlier_outputs(result.removed, job)
    if verbose:
        print_message(f"  columns: {', '.join(result.table.columns)}")
        print_fit(result.clusters.fit.trace)
        if choice:
            bics = ", ".join(f"{row.n_clusters}: {row.bic:.0f}" for row in choice.table)
            print_message(f"  BIC: {bics}")
        print_mixture(record.mixture)


def format_clusters(clusters: Sequence[ClusterRecord], *, has_classes: bool) -> str:
    """Return how many clusters or classes there are, and how large; classes with their names."""
    if not has_classes or not 1 < len(clusters) <= MAX_SHARES:
        return format_shares([cluster.share for cluster in clusters], "cluster")
    percentages = format_percentages([cluster.share for cluster in clusters])
    shares = ", ".join(
        f"{cluster.label}: {percentage} %" for cluster, percentage in zip(clusters, percentages, strict=True)
    )
    return f"{len(clusters)} classes ({shares})"


def print_fit(trace: FitTrace) -> None:
    """Print how a fit ended."""
    steps = "1 iteration" if trace.n_iterations == 1 else f"{trace.n_iterations} iterations"
    print_message(f"  {trace.verdict} after {steps}, {trace.log_likelihoods[-1]:.4f} nats per row")


def print_mixture(mixture: TableMixtureRecord) -> None:
    """Print one line per component: label, weight and mean."""
    for label, weight, mean in zip(mixture.labels, mixture.weights, mixture.means, strict=True):
        values = ", ".join(f"{value:.4g}" for value in mean)
        print_message(f"  {label:>5}  weight {weight:.4f}  mean {values}")
