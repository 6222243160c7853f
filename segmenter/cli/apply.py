"""``segmenter apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.cli.command import FileCommand
from segmenter.cli.options.output import OutputOptions, apply_output_options
from segmenter.cli.options.types import PATH
from segmenter.cli.options.windows import windows_options
from segmenter.cli.segment import SegmentRequest, check_streams, segment_photos

if TYPE_CHECKING:
    from segmenter.workflows.segment.job import WindowOptions


@click.command(name="apply", cls=FileCommand, short_help="Segment photos with a model fitted earlier.")
@click.argument("model", metavar="MODEL", type=PATH)
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=PATH)
@windows_options
@apply_output_options
def command(model: Path, photos: tuple[Path, ...], windows: WindowOptions, options: OutputOptions) -> int:
    """Segment each PHOTO with a MODEL that was fitted earlier.

    MODEL is a NAME.model.json written by segmenter segment --save-model.
    Nothing is fitted, so a label means the same in every photo. The photo that
    the model was fitted to gets the same labels as before.

    \b
    Files written to the output folder:
      NAME.labels.png    label of each pixel: 1 to K; 0 = transparent
      NAME.segments.png  segments in their mean colors
      NAME.figure.png    photo and segments side by side
      NAME.json          options, mixture, model, and segments
    on request (--save):
      NAME.posteriors.npz  probability of each segment at each pixel
      NAME.confidence.png  probability of the label, 255 = certain
    and as additional figures (--plot):
      those of segmenter segment, except likelihood

    If PHOTO is -, the photo is read from standard input. Large TIFFs are read
    in windows, as by segmenter segment.
    """  # noqa: D301  # the backspace keeps click from filling the list
    if "likelihood" in options.plot:
        raise click.UsageError("--plot likelihood needs a fit, and apply does not fit anything; leave it out")
    check_streams(photos, options, has_extras=bool(options.save or options.plot))  # before any file is opened
    from segmenter.segmentation.model_file import load_model

    loaded = load_model(model)
    return segment_photos(SegmentRequest(photos, loaded.recipe, options, options.save, windows, loaded))
