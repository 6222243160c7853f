"""``segmenter cluster``."""

from __future__ import annotations

import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from segmenter.cli import STREAM, FileCommand, say, unwind_on_interrupt, warn_stale_outputs
from segmenter.cli.options.common import (
    OVERWRITE,
    columns_of,
    columns_option,
    figure_options,
    folder_option,
    verbosity_options,
    with_options,
)
from segmenter.cli.options.recipe import em_options
from segmenter.cli.options.types import PATH, CountOrAuto
from segmenter.cli.progress import MAX_SHARES, shares_text
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import METHODS
from segmenter.workflows.cluster.recipe import MAX_CLUSTERS, SEMI_SUPERVISED, TableRecipe

if TYPE_CHECKING:
    from segmenter.workflows.cluster.run import TableJob, TableResult


@click.command(name="cluster", cls=FileCommand, short_help="Find clusters among the rows of a table.")
@click.argument("table", metavar="TABLE", type=PATH)
@with_options(
    folder_option("Where results go."),
    click.option(
        "-k",
        "--clusters",
        type=CountOrAuto(MAX_CLUSTERS),
        default="auto",
        show_default=True,
        metavar="K",
        help="Number of clusters; auto takes 1 to 10 by BIC, or with --labeled one a class.",
    ),
    columns_option("What rows are compared by; default: all columns."),
    click.option(
        "--labeled",
        type=PATH,
        metavar="FILE",
        help="A table of the same columns and one of labels: clusters are then its classes; - is standard input.",
    ),
    click.option("--label-column", metavar="NAME", help="Column of labels; default: the one that TABLE lacks."),
    click.option(
        "--semi-supervised",
        type=click.Choice(SEMI_SUPERVISED),
        default=TableRecipe.semi_supervised,
        show_default=True,
        help="Labeled rows give the start, or take part with their labels fixed.",
    ),
    click.option(
        "--labeled-weight",
        type=click.FloatRange(min=0, min_open=True),
        default=TableRecipe.labeled_weight,
        show_default=True,
        metavar="λ",
        help="As how many rows each labeled one counts when clamped.",
    ),
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default=TableRecipe.method,
        show_default=True,
        help="EM, EM with hard decisions, or k-means.",
    ),
    *em_options(TableRecipe, "clusters", "row"),
    *figure_options("Draw likelihood and clusters.", "figures"),
    OVERWRITE,
    *verbosity_options("Print the model as JSON, in one line.", "Tell how the fit went, and of each cluster."),
)
def command(
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
    **options: Any,
) -> None:
    """Find clusters among the rows of TABLE, a CSV or TSV file with a header.

    \b
    Writes to the output folder:
      NAME.labels.csv      the table, and each row's label and probabilities
      NAME.model.json      options, mixture, log-likelihoods, clusters
      NAME.likelihood.png  the average log-likelihood of every step
      NAME.clusters.png    the rows and the shape of each cluster

    Labels go by the mean of the first column, low to high. Missing values (an empty field, NA, nan) are integrated out.
    A TABLE of - is read from standard input.
    """  # noqa: D301  # the backspace keeps click from filling the list
    recipe = recipe_of(labeled, **options)
    if table == labeled == STREAM:
        raise click.UsageError("standard input (-) can be read once only")
    if STREAM in (table, labeled) and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed; give the path of a table")
    if json and sys.stdout is None:
        raise click.UsageError("standard output is closed; leave out --json")
    from segmenter.workflows.cluster.run import TableJob, run_table
    from segmenter.workflows.segment.outputs import format_path

    unwind_on_interrupt()
    source, classes = (Path("stdin") if path == STREAM else path for path in (table, labeled))
    assert source is not None  # click asks for it
    job = TableJob(source, classes, output, recipe, figure_format if figure else None, dpi, overwrite)
    started = time.perf_counter()
    result = run_table(
        job,
        sys.stdin.buffer if table == STREAM else None,
        labeled_stream=sys.stdin.buffer if labeled == STREAM else None,
    )
    if json:
        places = {"source": format_path(table), "outputs": [format_path(path) for path in job.outputs]}
        click.echo(dumps({**result.record, **places}))
    if not quiet:
        tell(result, job, time.perf_counter() - started, verbose=verbose)


def recipe_of(
    labeled: Path | None, clusters: int | Literal["auto"], columns: str | None, covariance: Any, **others: Any
) -> TableRecipe:
    """Return the recipe that the options make; raise UsageError where they do not go together."""
    needs = {} if others["semi_supervised"] == "clamped" else {"labeled_weight": "--semi-supervised clamped"}
    if labeled is None:
        needs = dict.fromkeys(("label_column", "semi_supervised", "labeled_weight"), "--labeled FILE")
    given = click.get_current_context().get_parameter_source
    for name, needed in needs.items():
        if given(name) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} needs {needed}")
    n_clusters = None if clusters == "auto" else clusters
    try:
        return TableRecipe(n_clusters=n_clusters, columns=columns_of(columns), covariance_type=covariance, **others)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error


def tell(result: TableResult, job: TableJob, seconds: float, *, verbose: bool) -> None:
    """Tell a person what was found: one line, the notes, and on request the details."""
    record, trace = result.record, result.clusters.fit.trace
    clusters, n_missing = record["clusters"], record["input"]["rows_with_missing_values"]
    found = shares_text([cluster["share"] for cluster in clusters], "cluster")
    if job.labeled is not None and 1 < len(clusters) <= MAX_SHARES:
        named = ", ".join(f"{cluster['label']}: {100 * cluster['share']:.0f} %" for cluster in clusters)
        found = f"{len(clusters)} classes ({named})"
    chosen = " by BIC" if record["choice"] else ""
    missing = f", {n_missing:,} with missing values" if n_missing else ""
    n_rows = record["input"]["rows"]
    rows, place = f"{n_rows:,} row{'s' * (n_rows != 1)}{missing}", job.output("*")
    say(f"{job.source.name}: {found}{chosen} of {rows} in {seconds:.2f} s -> {place}")
    if record["choice"]:
        say(f"  why: {record['choice']['why']}")
    for note in result.notes:
        say(f"  note: {note}")
    warn_stale_outputs([job.output("likelihood"), job.output("clusters")], job.outputs)
    if not verbose:
        return
    say(f"  columns: {', '.join(result.table.columns)}")
    steps = "1 iteration" if trace.n_iterations == 1 else f"{trace.n_iterations} iterations"
    say(f"  {trace.stop} after {steps}, {trace.log_likelihoods[-1]:.4f} nats per row")
    if record["choice"]:
        say("  BIC: " + ", ".join(f"{row['n_clusters']}: {row['bic']:.0f}" for row in record["choice"]["table"]))
    mixture = record["mixture"]
    for label, weight, mean in zip(mixture["labels"], mixture["weights"], mixture["means"], strict=True):
        say(f"  {label:>5}  weight {weight:.4f}  mean {', '.join(f'{value:.4g}' for value in mean)}")
