"""Saved hierarchies cut again: from file to files, without the photo."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from segmenter.io.files.atomic import write_files
from segmenter.regions.config import Scale
from segmenter.segmentation.hierarchy_file import ENDING, cut, cut_recipe, load_hierarchy
from segmenter.segmentation.recipe import MAX_SEGMENTS, RegionsRecipe
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.in_memory import encode_images
from segmenter.workflows.segment.job import Extra, SegmentJob, plan_job
from segmenter.workflows.segment.record import describe, describe_files, describe_segment


def plan_cut(
    source: Path,
    folder: Path,
    *,
    n_segments: int | None,
    scale: Scale | float | None,
    overwrite: bool,
    extras: Collection[Extra] = (),
) -> SegmentJob:
    """Name the outputs of one cut as those of its photo; the errors of options are those of `RegionsRecipe`."""
    return plan_job(
        source,
        folder,
        RegionsRecipe(scale=scale, n_segments=n_segments, n_superpixels=MAX_SEGMENTS),  # the others are in the file
        figure_options=None,
        max_pixels=1,
        overwrite=overwrite,
        extras=extras,
        name=source.name.removesuffix(ENDING) if source.name.endswith(ENDING) else source.stem,
    )


def run_cut(job: SegmentJob) -> tuple[Segmentation, dict[str, Any]]:
    """Cut one hierarchy and write what ``segment --no-figure`` would write for its photo, byte for byte.

    Parameters
    ----------
    job : SegmentJob
        From `plan_cut`.

    Returns
    -------
    Segmentation
    dict
        The content of NAME.json.

    Raises
    ------
    ReadError, TooFewSuperpixelsError, WriteError
        Nothing was written.
    """
    asked = job.recipe
    saved = load_hierarchy(job.source)
    scale = asked.scale if isinstance(asked, RegionsRecipe) else None
    n_segments = None if asked.n_segments == "auto" else asked.n_segments
    found = cut(saved, n_segments, scale=scale)
    record = describe(saved.photo, found, cut_recipe(saved, n_segments, scale)) | describe_files(job)
    others = {scale: cut(saved, scale=scale) for scale in job.other_scales}
    if others:
        record["scales"] = {
            scale: [describe_segment(segment) for segment in other.segments] for scale, other in others.items()
        }
    files = encode_images(found, job.labels, job.segments)
    for scale, paths in job.other_scales.items():
        files |= encode_images(others[scale], *paths)
    files[job.record] = (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()
    write_files(files, overwrite=job.overwrite)
    return found, record
