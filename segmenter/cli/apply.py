"""``segmenter apply``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli import FileCommand
from segmenter.cli.options.output import SAVES_OF_MIXTURES, OutputOptions, output_options
from segmenter.cli.options.types import PATH
from segmenter.cli.options.windows import windows_options
from segmenter.cli.segment import check_streams, segment_photos

if TYPE_CHECKING:
    from segmenter.workflows.segment.job import WindowOptions


@click.command(name="apply", cls=FileCommand, short_help="Segment photos by a model fitted before.")
@click.argument("model", metavar="MODEL", type=PATH)
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=PATH)
@windows_options
@partial(output_options, saves=SAVES_OF_MIXTURES)
def command(model: Path, photos: tuple[Path, ...], windows: WindowOptions, options: OutputOptions) -> int:
    """Segment each PHOTO by a MODEL that was fitted before.

    MODEL is a NAME.model.json, as segmenter segment --save-model writes it.
    Nothing is fitted, so that a label means the same in every photo. The
    photo of the model gets the labels that it had.

    \b
    Writes to the output folder:
      NAME.labels.png    the label of each pixel, 1 to K; 0 = transparent
      NAME.segments.png  each segment in its mean color
      NAME.figure.png    photo and segments side by side
      NAME.json          options, mixture, model, segments
    and on request (--save):
      NAME.posteriors.npz  the probability of each segment at each pixel
      NAME.confidence.png  that of the label, 255 = certain

    A PHOTO of - is read from standard input. Large TIFFs are read by windows,
    as by segmenter segment.
    """  # noqa: D301  # the backspace keeps click from filling the list
    if "likelihood" in options.plot:
        raise click.UsageError("--plot likelihood is of fits, and a model is applied without one; leave it out")
    check_streams(
        photos, options, extras=bool(options.save or options.plot)
    )  # wrong usage is told before any file is opened
    from segmenter.segmentation.model_file import load_model

    loaded = load_model(model)
    return segment_photos(photos, loaded.recipe, options, options.save, windows, model=loaded)
