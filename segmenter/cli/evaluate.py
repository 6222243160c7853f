"""``segmenter evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import STREAM, FileCommand, say, unwind_on_interrupt
from segmenter.cli.options.common import MAX_PIXELS, OVERWRITE, jobs_option, verbosity_options, with_options
from segmenter.cli.options.types import LOCAL_PATH, PATH

if TYPE_CHECKING:
    from segmenter.workflows.evaluate.pairing import Pairing
    from segmenter.workflows.evaluate.scores import PhotoEvaluation

WIDTH = 80
MAX_NAMED = 5
"""Names that a note lists."""

HEADS = {
    "covering": ("cover", 3),
    "rand_index": ("PRI", 3),
    "variation_of_information": ("VOI", 3),
    "adjusted_rand_index": ("ARI", 3),
    "under_segmentation": ("UE", 3),
    "boundary_precision": ("P", 3),
    "boundary_recall": ("R", 3),
    "boundary_f": ("F", 3),
}
"""Head of the column of each measure, and its decimals."""

EXPLANATION = (
    "cover: segmentation covering; PRI, ARI: probabilistic and adjusted Rand index;",
    "VOI: variation of information (bits); UE: under-segmentation error.",
)
BOUNDARY_EXPLANATION = "P, R, F: precision, recall and F of boundaries."
LESS = "Of VOI and UE less is better, of the others more."


@click.command(name="evaluate", cls=FileCommand)
@click.argument("labels", metavar="LABELS", type=LOCAL_PATH)
@click.argument("truths", metavar="TRUTH...", nargs=-1, required=True, type=LOCAL_PATH)
@with_options(
    click.option(
        "--boundaries/--no-boundaries",
        default=True,
        show_default=True,
        help="Match boundaries, too, which takes most of the time.",
    ),
    click.option("--hierarchies", is_flag=True, help="Of a folder, take NAME.hierarchy.npz."),
    click.option(
        "--scales",
        type=click.IntRange(1, 999),
        default=25,
        show_default=True,
        metavar="N",
        help="Heights that hierarchies are cut at.",
    ),
    click.option("--ignore", type=int, metavar="LABEL", help="Number of pixels of the truth that count as unlabeled."),
    click.option("-r", "--recursive", is_flag=True, help="Match files in sub-folders, too."),
    jobs_option("Photos"),
    click.option("-o", "--csv", type=PATH, metavar="FILE", help="Write all figures as a table."),
    OVERWRITE,
    MAX_PIXELS,
    *verbosity_options("Print all figures as JSON, in one line.", "Tell what every measure is."),
)
def command(
    labels: Path,
    truths: tuple[Path, ...],
    boundaries: bool,
    hierarchies: bool,
    scales: int,
    ignore: int | None,
    recursive: bool,
    jobs: int,
    csv: Path | None,
    overwrite: bool,
    max_pixels: int,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Tell how well LABELS agree with the TRUTH that people drew.

    \b
    LABELS        TRUTH...
      a file        one or several files, all of the same photo
      a folder      one or several folders; files are matched by name

    A file is a PNG or TIFF with a number a pixel, NPY, or MAT as of BSDS500;
    of labels a NAME.hierarchy.npz, too. A truth may hold several people's
    segmentations; of labels, several are the scales of a hierarchy. Of scales,
    ODS is the best one for all photos, OIS the best one of each photo.
    """  # noqa: D301  # the backspace keeps click from filling the list
    from segmenter.io.files.atomic import write_files
    from segmenter.workflows.evaluate.pairing import pair_up
    from segmenter.workflows.evaluate.run import evaluate_pairs
    from segmenter.workflows.evaluate.scores import EvaluationConfig, describe_evaluation, encode_csv
    from segmenter.workflows.segment.outputs import check_output

    unwind_on_interrupt()
    if csv == STREAM:
        raise click.UsageError("--csv writes a file; give its name, or --json for standard output")
    if hierarchies and labels.is_file():
        raise click.UsageError("--hierarchies chooses from a folder, and LABELS is a file; leave it out")
    if csv is not None:
        check_output(csv, inputs=(labels, *truths), overwrite=overwrite)
    pairing = pair_up(labels, truths, hierarchies=hierarchies, recursive=recursive)
    config = EvaluationConfig(boundaries, scales, ignore, max_pixels)
    photos = evaluate_pairs(pairing, config, n_workers=jobs)
    if csv is not None:
        write_files({csv: encode_csv(photos)}, overwrite=overwrite)
    if json:
        click.echo(dumps(describe_evaluation(photos, pairing, config)))
    elif not quiet:
        print_table(photos)
    if not quiet:
        tell_unmatched(pairing)
        for line in explanation(boundaries) if verbose else []:
            say(line)


def print_table(photos: Sequence[PhotoEvaluation]) -> None:
    """Print what was measured in 80 columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows = table_rows(photos)
    heads = [HEADS[name] for name in rows[0][1]]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=WIDTH - 2 - 7 * len(heads))
    for head, _ in heads:
        table.add_column(head, justify="right", no_wrap=True, min_width=6)
    n_summary = sum(1 for *_, is_summary in rows if is_summary)
    for i, (title, values, is_summary) in enumerate(rows):
        cells = [f"{values[name]:.{HEADS[name][1]}f}" for name in values]
        table.add_row(title, *cells, style="bold" if is_summary else "", end_section=i == len(rows) - n_summary - 1)
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    click.echo("\n".join(lines).strip("\n"))


def table_rows(photos: Sequence[PhotoEvaluation]) -> list[tuple[str, Mapping[str, float], bool]]:
    """Return title, measures and whether it is a summary, of each row of the table.

    Of one photo a row stands for a scale, or for a person; of several for a photo.
    """
    from segmenter.errors import printable
    from segmenter.workflows.evaluate.scores import compute_best_measures, compute_measures, summarize_measures

    first, n_scales = photos[0], len(photos[0].n_regions)
    summary = summarize_measures(photos)
    if len(photos) > 1:
        rows = [(printable(photo.name), compute_best_measures(photo), False) for photo in photos]
    elif n_scales > 1:
        rows = [(scale_name(first, t), compute_measures(first, t), False) for t in range(n_scales)]
        return [*rows, ("best scale", compute_best_measures(first), True)]
    elif first.people:
        rows = [(f"person {p}", compute_measures(person, 0), False) for p, person in enumerate(first.people, start=1)]
    else:
        return [(printable(first.name), compute_measures(first, 0), False)]
    if n_scales == 1:
        return [*rows, (f"all {max(len(photos), len(first.people))}", summary["ods"], True)]
    return [*rows, ("ODS", summary["ods"], True), ("OIS", summary["ois"], True)]


def scale_name(photo: PhotoEvaluation, scale: int) -> str:
    """Return how a scale is told: by its height, or by its number."""
    n = photo.n_regions[scale]
    regions = "1 region" if n == 1 else f"{n} regions"
    name = f"{scale + 1}" if photo.heights is None else f"{photo.heights[scale]:.3f}"
    return f"{name}: {regions}"


def explanation(boundaries: bool) -> list[str]:
    """Return what the heads of the table mean."""
    return [*EXPLANATION, *([BOUNDARY_EXPLANATION] if boundaries else []), LESS]


def tell_unmatched(pairing: Pairing) -> None:
    """Tell what has no partner of its name."""
    for names, what in ((pairing.without_truth, "no truth for"), (pairing.without_labels, "no labels for")):
        if names:
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            say(f"  note: {what} {', '.join(names[:MAX_NAMED])}{more}")
