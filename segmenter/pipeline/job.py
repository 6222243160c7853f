"""A job done: one photo from file to files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from segmenter._version import __version__
from segmenter.io.files.atomic import write_files
from segmenter.io.images.photo import Photo, read_photo
from segmenter.io.labels.png import MAX_INDEX, encode_gray, encode_labels, encode_segments
from segmenter.pipeline.plan import SCHEMA, Job, describe_files, describe_model, text_of
from segmenter.regions.config import SCALES, Scale
from segmenter.render.paint import display_rgb, mean_colors
from segmenter.render.palette import palette
from segmenter.render.quiet import quiet_matplotlib
from segmenter.segmentation.apply import apply_model
from segmenter.segmentation.colors import segment_photo
from segmenter.segmentation.model import Model, model_of
from segmenter.segmentation.model_file import encode_model
from segmenter.segmentation.recipe import AnyRecipe, RegionsRecipe
from segmenter.segmentation.result import Segment, Segmentation

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace
    from segmenter.mixture.selection import Selection
    from segmenter.regions.hierarchy import Hierarchy


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job found; small but for the label image."""

    record: Mapping[str, Any]  # the content of NAME.json
    segmentation: Segmentation
    photo: Photo
    other_cuts: Mapping[Scale, Segmentation] = field(default_factory=dict)  # of regions, where they are asked for


def run_job(job: Job, stream: BinaryIO | None = None) -> JobResult:
    """Read, segment, draw and write one photo.

    Parameters
    ----------
    job : Job
    stream : binary file, optional
        Where to read the photo from, instead of the path of the job.

    Raises
    ------
    SegmenterError
        Nothing of this photo was written.
    """
    result = compute_job(job, stream)
    files = encode_images(result.segmentation, job.labels, job.segments)
    if job.figure is not None:
        files[job.figure] = draw_figure(result, job)
    files |= encode_extras(result, job)
    if job.plots:
        from segmenter.pipeline.plots import draw_plots

        files |= draw_plots(result.photo, result.segmentation, job, describe_origin(result.record))
    files[job.record] = (json.dumps(result.record, indent=1, ensure_ascii=False) + "\n").encode()
    write_files(files, overwrite=job.overwrite)
    return result


def compute_job(job: Job, stream: BinaryIO | None = None) -> JobResult:
    """Read and segment one photo, and write nothing."""
    photo = read_photo(stream or job.source, name=str(job.source), max_pixels=job.max_pixels)
    segmentation = segment_photo(photo, job.recipe) if job.model is None else apply_model(photo, job.model)
    record = describe(describe_photo(photo), segmentation, job.recipe, job.model) | describe_files(job)
    other_cuts: dict[Scale, Segmentation] = {}
    if job.other_scales:
        from segmenter.segmentation.hierarchy_file import cut

        other_cuts = {scale: cut(segmentation, scale=scale) for scale in job.other_scales}
        record["scales"] = {
            scale: [describe_segment(segment) for segment in found.segments] for scale, found in other_cuts.items()
        }
    return JobResult(record, segmentation, photo, other_cuts)


def encode_images(segmentation: Segmentation, labels: Path, segments: Path) -> dict[Path, bytes]:
    """Return the label image and the segments in their mean colors, each under its path."""
    label_image = encode_label_image(segmentation)
    colors = mean_colors(segmentation.segments)
    return {labels: label_image, segments: encode_segments(segmentation.labels, colors, label_image)}


def encode_label_image(segmentation: Segmentation) -> bytes:
    """Return the label image as PNG, in the colors of the palette."""
    return encode_labels(segmentation.labels, palette(min(segmentation.n_labels, MAX_INDEX)))


def encode_extras(result: JobResult, job: Job) -> dict[Path, bytes]:
    """Return what is written on request only."""
    photo, segmentation = result.photo, result.segmentation
    files: dict[Path, bytes] = {}
    if job.posteriors is not None:
        from segmenter.io.files.npz import encode_arrays
        from segmenter.segmentation.posterior_maps import posterior_map

        arrays = {"posteriors": posterior_map(photo, segmentation), "labels": segmentation.labels}
        files[job.posteriors] = encode_arrays(arrays)
    if job.confidence is not None:
        from segmenter.segmentation.posterior_maps import confidence_map

        files[job.confidence] = encode_gray(confidence_map(photo, segmentation))
    if job.saved_model is not None:
        files[job.saved_model] = encode_model(model_of(segmentation))
    if job.hierarchy is not None and job.contour_map is not None:
        from segmenter.regions.contour_map import contour_map
        from segmenter.segmentation.hierarchy_file import encode_hierarchy, saved_hierarchy

        saved = saved_hierarchy(segmentation, result.record["input"])
        files[job.hierarchy] = encode_hierarchy(saved)
        files[job.contour_map] = encode_gray(contour_map(saved.hierarchy))
    for scale, paths in job.other_scales.items():
        files |= encode_images(result.other_cuts[scale], *paths)
    return files


def draw_figure(result: JobResult, job: Job) -> bytes:
    """Return the photo and its segments side by side, as the content of a file."""
    segmentation = result.segmentation
    with quiet_matplotlib():
        from segmenter.render.figure import encode_figure, segments_figure  # matplotlib takes half a second to import

        if result.other_cuts:
            from segmenter.render.scales import scales_figure

            cuts = {**result.other_cuts, "medium": segmentation}
            figure = scales_figure(
                display_rgb(result.photo.pixels),
                [
                    (f"{scale.capitalize()}: {cut.n_labels} regions", cut.labels, mean_colors(cut.segments))
                    for scale, cut in ((scale, cuts[scale]) for scale in SCALES)
                ],
                dpi=job.figure_options.dpi,
            )
        else:
            figure = segments_figure(
                display_rgb(result.photo.pixels),
                segmentation.labels,
                mean_colors(segmentation.segments),
                [segment.n_pixels / segmentation.labels.size for segment in segmentation.segments],
                titles=("Photo", "Segments" if segmentation.hierarchy is None else "Regions"),
                names=None if job.model is None else job.model.label_names,
                contours=segmentation.hierarchy is not None,
                dpi=job.figure_options.dpi,
            )
        return encode_figure(
            figure,
            job.figure_options.figure_format,
            metadata=describe_origin(result.record),
        )


def describe_origin(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what a figure says of itself: of which photo it is, and by which options."""
    origin = {key: record[key] for key in ("recipe", "input", "model") if key in record}
    description = json.dumps(origin, ensure_ascii=True)
    title = record["input"]["name"]
    return {"Software": f"segmenter {__version__}", "Title": title, "Description": description}


def describe(
    photo: Mapping[str, Any], segmentation: Segmentation, recipe: AnyRecipe, model: Model | None = None
) -> dict[str, Any]:
    """Return the record of a run as plain values: enough to repeat it, and all that was found.

    The photo is told of as by `describe_photo`. Where a model was applied, the record says which one instead of how the
    fit went, and the names of the segments.

    It holds no time and no folder, so that the same photo and recipe give the same bytes anywhere.
    """
    return {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "input": dict(photo),
        "recipe": asdict(recipe),
        **describe_found(segmentation, recipe, model),
        "unlabeled_pixels": segmentation.labels.size - sum(segment.n_pixels for segment in segmentation.segments),
        "segments": [
            describe_segment(segment, None if model is None else model.label_names[segment.label - 1])
            for segment in segmentation.segments
        ],
    }


def describe_photo(photo: Photo) -> dict[str, Any]:
    """Return which photo it is, as plain values."""
    height, width, n_channels = photo.pixels.shape
    return {
        "name": text_of(Path(Path(photo.name).name)),
        "sha256": photo.digest,
        "width": width,
        "height": height,
        "channels": n_channels,
        "dtype": str(photo.pixels.dtype),
        "notes": list(photo.notes),
    }


def describe_segment(segment: Segment, name: str | None = None) -> dict[str, Any]:
    """Return a segment and what people call it, as plain values."""
    return {
        "label": segment.label,
        **({} if name is None else {"name": name}),
        "pixels": segment.n_pixels,
        "share": segment.share,
        "color": segment.hex_color,
        "mean_rgb": [255 * value for value in segment.mean_rgb],
    }


def describe_found(segmentation: Segmentation, recipe: AnyRecipe, model: Model | None) -> dict[str, Any]:
    """Return what the segments are of: a hierarchy of regions that was cut, or a mixture that was fitted or applied."""
    if segmentation.hierarchy is not None:
        hierarchy = segmentation.hierarchy
        n_merges = hierarchy.n_superpixels - segmentation.n_labels
        return {
            "hierarchy": {
                "n_superpixels": hierarchy.n_superpixels,
                "height": recipe.height if isinstance(recipe, RegionsRecipe) else None,
                "last_merge": merge_height(hierarchy, n_merges - 1),
                "next_merge": merge_height(hierarchy, n_merges),
            }
        }
    mixture = segmentation.mixture
    return {
        "selection": describe_selection(segmentation.selection),
        **({"fit": describe_fit(segmentation.trace)} if model is None else {"model": describe_model(model)}),
        "mixture": {
            "covariance_type": mixture.covariance_type,
            "features": list(segmentation.channels),
            "weights": mixture.weights.tolist(),
            "means": mixture.means.tolist(),
            "covariances": mixture.covariances.tolist(),
        },
    }


def merge_height(hierarchy: Hierarchy, place: int) -> float | None:
    """Return the height of a merge as a plain value; None where there is none, or the regions do not touch."""
    is_there = 0 <= place < len(hierarchy.heights) and math.isfinite(hierarchy.heights[place])
    return float(hierarchy.heights[place]) if is_there else None


def describe_selection(selection: Selection | None) -> dict[str, Any] | None:
    """Return how the number of segments was chosen, as plain values; None where it was given."""
    if selection is None:
        return None
    return {
        "rule": selection.rule,
        "n_segments": selection.n_components,
        "log_likelihoods": selection.log_likelihoods.tolist(),
        "criterion": selection.criterion.tolist(),
    }


def describe_fit(trace: FitTrace) -> dict[str, Any]:
    """Return how a fit went, as plain values."""
    return {
        "n_iterations": trace.n_iterations,
        "stop": trace.stop,
        "verdict": trace.verdict,
        "log_likelihoods": trace.log_likelihoods.tolist(),
        "objectives": trace.objectives.tolist(),
        "restarts": trace.restarts.tolist(),
        "restarts_on_cells": trace.screened,
        "n_died": trace.n_died,
        "collapsed": list(trace.collapsed),
    }
