"""``segmenter evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import unwind_on_interrupt
from segmenter.cli.command import FileCommand
from segmenter.cli.format import format_list
from segmenter.cli.help import EXECUTION, INPUT, MEASURES, OUTPUT, option
from segmenter.cli.messages import print_message, print_note
from segmenter.cli.options.common import MAX_PIXELS, OVERWRITE, jobs_option, verbosity_options, with_options
from segmenter.cli.options.types import LOCAL_PATH, PATH, STREAM

if TYPE_CHECKING:
    from segmenter.workflows.evaluate.pairing import Pairing
    from segmenter.workflows.evaluate.scores import PhotoEvaluation

TABLE_WIDTH = 80

COLUMNS = {
    "covering": ("cover", 3),
    "rand_index": ("PRI", 3),
    "variation_of_information": ("VOI", 3),
    "adjusted_rand_index": ("ARI", 3),
    "under_segmentation": ("UE", 3),
    "boundary_precision": ("P", 3),
    "boundary_recall": ("R", 3),
    "boundary_f": ("F", 3),
}
"""Head and number of decimals of the column of each measure."""

LEGEND = (
    "cover: segmentation covering; PRI, ARI: probabilistic and adjusted Rand index;",
    "VOI: variation of information (bits); UE: under-segmentation error.",
)
BOUNDARY_LEGEND = "P, R, F: boundary precision, recall and F-measure."
DIRECTIONS = "Lower is better for VOI and UE, higher for the others."


@click.command(
    name="evaluate", cls=FileCommand, short_help="Measure how well label images agree with human annotations."
)
@click.argument("labels", metavar="LABELS", type=LOCAL_PATH)
@click.argument("truths", metavar="TRUTH...", nargs=-1, required=True, type=LOCAL_PATH)
@with_options(
    option("-r", "--recursive", section=INPUT, is_flag=True, help="Match files in subfolders, too."),
    option("--hierarchies", section=INPUT, is_flag=True, help="Take the NAME.hierarchy.npz files of a LABELS folder."),
    option("--ignore", section=INPUT, type=int, metavar="LABEL", help="Value of unlabeled pixels in TRUTH."),
    option(
        "--scales",
        section=MEASURES,
        type=click.IntRange(1, 999),
        default=25,
        show_default=True,
        metavar="N",
        help="Number of heights at which hierarchies are cut.",
    ),
    option(
        "--boundaries/--no-boundaries",
        section=MEASURES,
        default=True,
        show_default=True,
        help="Match boundaries, too, which takes most of the time.",
    ),
    option("-o", "--csv", section=OUTPUT, type=PATH, metavar="FILE", help="Write all scores to a CSV file."),
    OVERWRITE,
    jobs_option("photos", section=EXECUTION),
    MAX_PIXELS,
    *verbosity_options("Print all scores as JSON, on one line.", "Explain the measures."),
)
def command(  # click passes every option by its name
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
    """Measure how well LABELS agree with TRUTH, segmentations drawn by people.

    \b
    LABELS        TRUTH...
      a file        one or several files, all of the same photo
      a folder      one or several folders; files are matched by name

    A file is a PNG or TIFF whose pixels are labels, an NPY array, or a MAT file
    in the format of BSDS500; LABELS may also be a NAME.hierarchy.npz. A TRUTH
    file may hold the segmentations of several people, a LABELS file those of
    several scales. ODS is the best scale for all photos together, OIS the best
    scale for each photo.
    """  # noqa: D301  # the backspace keeps click from filling the list
    if csv == STREAM:
        raise click.UsageError("--csv writes a file; give its name, or --json for standard output")
    if hierarchies and labels.is_file():
        raise click.UsageError("--hierarchies needs a LABELS folder, but LABELS is a file; leave it out")
    from segmenter.io.files.atomic import write_files
    from segmenter.workflows.evaluate.pairing import pair_up
    from segmenter.workflows.evaluate.run import evaluate_pairs
    from segmenter.workflows.evaluate.scores import EvaluationConfig, describe_evaluation, encode_scores
    from segmenter.workflows.segment.outputs import check_output

    unwind_on_interrupt()
    if csv is not None:
        check_output(csv, inputs=(labels, *truths), overwrite=overwrite)
    pairing = pair_up(labels, truths, hierarchies=hierarchies, recursive=recursive)
    config = EvaluationConfig(boundaries, scales, ignore, max_pixels)
    photos = evaluate_pairs(pairing, config, n_workers=jobs)
    if csv is not None:
        write_files({csv: encode_scores(photos)}, overwrite=overwrite)
    if json:
        click.echo(dumps(describe_evaluation(photos, pairing, config)))
    elif not quiet:
        print_table(photos)
    if not quiet:
        print_unmatched(pairing)
        if verbose:
            print_legend(has_boundaries=boundaries)


def print_table(photos: Sequence[PhotoEvaluation]) -> None:
    """Print the scores as a table of 80 columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows = build_rows(photos)
    heads = [COLUMNS[name] for name in rows[0][1]]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=TABLE_WIDTH - 2 - 7 * len(heads))
    for head, _ in heads:
        table.add_column(head, justify="right", no_wrap=True, min_width=6)
    n_summary = sum(1 for *_, is_summary in rows if is_summary)
    for i, (title, values, is_summary) in enumerate(rows):
        cells = [f"{values[name]:.{COLUMNS[name][1]}f}" for name in values]
        table.add_row(title, *cells, style="bold" if is_summary else "", end_section=i == len(rows) - n_summary - 1)
    console = Console(width=TABLE_WIDTH, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    click.echo("\n".join(lines).strip("\n"))


def build_rows(photos: Sequence[PhotoEvaluation]) -> list[tuple[str, Mapping[str, float], bool]]:
    """Return the rows of the table: title, measures, and whether the row is a summary.

    A row stands for a photo; if there is only one photo, for a scale or a person.
    """
    from segmenter.errors import printable
    from segmenter.workflows.evaluate.scores import compute_best_measures, compute_measures, summarize_measures

    first, n_scales = photos[0], len(photos[0].n_regions)
    summary = summarize_measures(photos)
    if len(photos) > 1:
        rows = [(printable(photo.name), compute_best_measures(photo), False) for photo in photos]
    elif n_scales > 1:
        rows = [(format_scale(first, t), compute_measures(first, t), False) for t in range(n_scales)]
        return [*rows, ("best scale", compute_best_measures(first), True)]
    elif first.people:
        rows = [(f"person {p}", compute_measures(person, 0), False) for p, person in enumerate(first.people, start=1)]
    else:
        return [(printable(first.name), compute_measures(first, 0), False)]
    if n_scales == 1:
        return [*rows, (f"all {max(len(photos), len(first.people))}", summary["ods"], True)]
    return [*rows, ("ODS", summary["ods"], True), ("OIS", summary["ois"], True)]


def format_scale(photo: PhotoEvaluation, scale: int) -> str:
    """Return the height of a scale, or its number if it has no height, and its number of regions."""
    name = f"{scale + 1}" if photo.heights is None else f"{photo.heights[scale]:.3f}"
    n = photo.n_regions[scale]
    return f"{name}: 1 region" if n == 1 else f"{name}: {n} regions"


def print_legend(*, has_boundaries: bool) -> None:
    """Print what the heads of the table mean."""
    for line in (*LEGEND, *([BOUNDARY_LEGEND] if has_boundaries else []), DIRECTIONS):
        print_message(line)


def print_unmatched(pairing: Pairing) -> None:
    """Print which files have no counterpart of the same name."""
    for names, problem in ((pairing.without_truth, "no truth for"), (pairing.without_labels, "no labels for")):
        if names:
            print_note(f"{problem} {format_list(names)}")
