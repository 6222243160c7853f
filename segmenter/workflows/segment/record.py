"""The record of a photo: what was found and how, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmenter.segmentation.recipe import AnyRecipe
from segmenter.workflows.segment.outputs import format_path

if TYPE_CHECKING:
    from segmenter.segmentation.model import Model
import json
import math
from typing import TYPE_CHECKING

from segmenter._version import __version__
from segmenter.io.images.photo import Photo
from segmenter.segmentation.model import Model
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.result import Segment, Segmentation
from segmenter.workflows.segment.job import FigureOptions, SegmentJob

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace
    from segmenter.mixture.selection import Selection
    from segmenter.regions.hierarchy import Hierarchy


SCHEMA = 3
"""Version of the JSON record; raised when the meaning of a field changes."""


def describe_files(job: SegmentJob) -> dict[str, Any]:
    """Return what was asked for beside the labels, as plain values."""
    saved: dict[str, object] = {
        "posteriors": job.posteriors,
        "confidence": job.confidence,
        "model": job.saved_model,
        "hierarchy": job.hierarchy,
        "scales": job.other_scales,
    }
    return {
        "figure": None if job.figure is None and not job.plots else describe_drawing(job.figure_options),
        "saved": [name for name, paths in saved.items() if paths],
    }


def describe_drawing(options: FigureOptions) -> dict[str, Any]:
    """Return what is drawn and how, as JSON gives it back."""
    return {**asdict(options), "plots": list(options.plots)}


def describe_model(model: Model) -> dict[str, Any]:
    """Return which file a model is from, as plain values."""
    return {"name": format_path(Path(Path(model.name).name)), "sha256": model.digest}


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
        "name": format_path(Path(Path(photo.name).name)),
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
