"""Saved hierarchies cut again: from file to files, without the photo."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from segmenter.regions.config import Scale
from segmenter.segmentation.hierarchy_file import ENDING, build_cut_recipe, cut, load_hierarchy
from segmenter.segmentation.recipe import MAX_SEGMENTS, RegionsRecipe
from segmenter.segmentation.record import RunRecord, encode_record
from segmenter.segmentation.regions import cut_regions
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.in_memory import encode_images
from segmenter.workflows.segment.job import Extra, SegmentJob, plan_job
from segmenter.workflows.segment.outputs import write_outputs
from segmenter.workflows.segment.record import build_record


def plan_cut(  # noqa: PLR0913  # one keyword for each option of the command
    source: Path,
    folder: Path,
    *,
    n_segments: int | None,
    scale: Scale | float | None,
    max_pixels: int,
    overwrite: bool,
    extras: Collection[Extra] = (),
) -> SegmentJob:
    """Name the outputs of one cut as those of its photo; the errors of options are those of `RegionsRecipe`."""
    return plan_job(
        source,
        folder,
        RegionsRecipe(scale=scale, n_segments=n_segments, n_superpixels=MAX_SEGMENTS),  # the others are in the file
        figure_options=None,
        max_pixels=max_pixels,
        overwrite=overwrite,
        extras=extras,
        name=source.name.removesuffix(ENDING) if source.name.endswith(ENDING) else source.stem,
    )


def run_cut(job: SegmentJob) -> tuple[Segmentation, RunRecord, tuple[Path, ...]]:
    """Cut one hierarchy and write what ``segment --no-figure`` would write for its photo, byte for byte.

    Parameters
    ----------
    job : SegmentJob
        From `plan_cut`.

    Returns
    -------
    Segmentation
    RunRecord
        The content of NAME.json.
    tuple of Path
        Files of an earlier run that were removed.

    Raises
    ------
    ReadError, TooFewSuperpixelsError, WriteError
        Nothing was written.
    """
    asked = job.recipe
    saved = load_hierarchy(job.source, max_pixels=job.max_pixels)
    scale = asked.scale if isinstance(asked, RegionsRecipe) else None
    n_segments = None if asked.n_segments == "auto" else asked.n_segments
    recipe = build_cut_recipe(saved, n_segments, scale)
    found = cut_regions(saved.hierarchy, recipe)
    other_cuts = {other: cut(saved, scale=other) for other in job.other_scales}
    record = build_record(job, saved.photo, found, recipe=recipe, other_cuts=other_cuts)
    files = encode_images(found, job.labels, job.segments)
    for other, paths in job.other_scales.items():
        files |= encode_images(other_cuts[other], *paths)
    files[job.record] = encode_record(record)
    return found, record, write_outputs(job, files)
