"""``segmenter cluster``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segmenter.cli import say, unwind_on_interrupt
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, METHODS
from segmenter.pipeline.table_recipe import MAX_CLUSTERS, SEMI_SUPERVISED, TableRecipe

if TYPE_CHECKING:
    from segmenter.pipeline.table import TableJob, TableResult

MAX_SHARES = 6
"""Shares that fit the line of a table; of more clusters the largest and the smallest are told."""


class ClusterCount(click.ParamType[int | None]):
    """A number of clusters, or "auto", which is None."""

    name = "number or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number."""
        if value == "auto":
            return None
        return int(click.IntRange(1, MAX_CLUSTERS).convert(value, param, ctx))


@click.command(name="cluster")
@click.argument("table", metavar="TABLE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs"),
    show_default=True,
    metavar="FOLDER",
    help="Where results go.",
)
@click.option(
    "-k",
    "--clusters",
    type=ClusterCount(),
    default="auto",
    show_default=True,
    metavar="K",
    help="Number of clusters; auto takes 1 to 10 by BIC, or with --labeled one a class.",
)
@click.option("--columns", metavar="A,B,…", help="What rows are compared by; default: all columns.")
@click.option(
    "--labeled",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A table of the same columns and one of labels: clusters are then its classes.",
)
@click.option("--label-column", metavar="NAME", help="Column of labels; default: the one that TABLE lacks.")
@click.option(
    "--semi-supervised",
    type=click.Choice(SEMI_SUPERVISED),
    default=TableRecipe.semi_supervised,
    show_default=True,
    help="Labeled rows give the start, or take part with their labels fixed.",
)
@click.option(
    "--labeled-weight",
    type=click.FloatRange(min=0, min_open=True),
    default=TableRecipe.labeled_weight,
    show_default=True,
    metavar="λ",
    help="As how many rows each labeled one counts when clamped.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=TableRecipe.method,
    show_default=True,
    help="EM, EM with hard decisions, or k-means.",
)
@click.option(
    "--covariance",
    type=click.Choice(COVARIANCE_TYPES),
    default=TableRecipe.covariance_type,
    show_default=True,
    help="Shape of the clusters.",
)
@click.option(
    "--init", type=click.Choice(INITS), default=TableRecipe.init, show_default=True, help="How starts are drawn."
)
@click.option(
    "--restarts",
    type=click.IntRange(min=1),
    default=TableRecipe.restarts,
    show_default=True,
    metavar="N",
    help="Starts that are tried; the best is kept.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=TableRecipe.tolerance,
    show_default=True,
    metavar="NATS",
    help="Stop when a step gains less log-likelihood per row.",
)
@click.option(
    "--max-iterations",
    type=click.IntRange(min=1),
    default=TableRecipe.max_iterations,
    show_default=True,
    metavar="N",
    help="Stop after so many steps.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=TableRecipe.seed,
    show_default=True,
    metavar="N",
    help="Same seed, same clusters.",
)
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw likelihood and clusters.")
@click.option(
    "--figure-format",
    type=click.Choice(["png", "pdf", "svg"]),
    default="png",
    show_default=True,
    help="File format of the figures.",
)
@click.option(
    "--dpi",
    type=click.IntRange(50, 1200),
    default=300,
    show_default=True,
    metavar="N",
    help="Resolution of the figures, in pixels per inch.",
)
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
@click.option(
    "--json", "as_json", is_flag=True, envvar="SEGMENTER_CLUSTER_JSON", help="Print the model as JSON, in one line."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Tell how the fit went, and of each cluster.")
def command(
    table: Path,
    output: Path,
    labeled: Path | None,
    figure: bool,
    figure_format: Any,
    dpi: int,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Find clusters among the rows of TABLE, a CSV or TSV file with a header.

    \b
    Writes to the output folder:
      NAME.labels.csv      the table with the label of each row and its probabilities
      NAME.model.json      options, mixture, log-likelihoods, clusters
      NAME.likelihood.png  the average log-likelihood of every step
      NAME.clusters.png    the rows and the shape of each cluster

    Labels go by the mean of the first column, low to high. Missing values (an empty field, NA, nan) are integrated out.
    """  # noqa: D301  # the backspace keeps click from filling the list
    recipe = recipe_of(labeled, **options)
    if as_json and sys.stdout is None:
        raise click.UsageError("standard output is closed; leave out --json")
    from segmenter.pipeline.plan import text_of
    from segmenter.pipeline.table import TableJob, run_table

    unwind_on_interrupt()
    job = TableJob(table, labeled, output, recipe, figure_format if figure else None, dpi, overwrite)
    started = time.perf_counter()
    result = run_table(job)
    if as_json:
        places = {"source": text_of(table), "outputs": [text_of(path) for path in job.outputs]}
        click.echo(json.dumps({**result.record, **places}))
    if not quiet:
        tell(result, job, time.perf_counter() - started, verbose=verbose)


def recipe_of(
    labeled: Path | None, clusters: int | None, columns: str | None, covariance: Any, **others: Any
) -> TableRecipe:
    """Return the recipe that the options make; raise UsageError where they do not go together."""
    if labeled is None:
        given = click.get_current_context().get_parameter_source
        for name in ("label_column", "semi_supervised", "labeled_weight"):
            if given(name) == click.core.ParameterSource.COMMANDLINE:
                raise click.UsageError(f"--{name.replace('_', '-')} needs --labeled FILE")
    names = None if columns is None else tuple(name.strip() for name in columns.split(","))
    try:
        return TableRecipe(n_clusters=clusters, columns=names, covariance_type=covariance, **others)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error


def tell(result: TableResult, job: TableJob, seconds: float, *, verbose: bool) -> None:
    """Tell a person what was found: one line, the notes, and on request the details."""
    record, trace = result.record, result.clusters.fit.trace
    clusters, n_missing = record["clusters"], record["input"]["rows_with_missing_values"]
    shares = [100 * found["share"] for found in clusters]
    if len(shares) == 1:
        found = "1 cluster"
    elif job.labeled is not None and len(shares) <= MAX_SHARES:
        named = ", ".join(f"{found['label']}: {share:.0f} %" for found, share in zip(clusters, shares, strict=True))
        found = f"{len(shares)} classes ({named})"
    elif len(shares) <= MAX_SHARES:
        found = f"{len(shares)} clusters ({', '.join(f'{share:.0f}' for share in shares)} %)"
    else:
        found = f"{len(shares)} clusters ({max(shares):.0f} to {min(shares):.0f} %)"
    chosen = " by BIC" if record["choice"] else ""
    missing = f", {n_missing:,} with missing values" if n_missing else ""
    rows, place = f"{record['input']['rows']:,} rows{missing}", job.output("*")
    say(f"{job.source.name}: {found}{chosen} of {rows} in {seconds:.2f} s -> {place}")
    for note in result.notes:
        say(f"  note: {note}")
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
