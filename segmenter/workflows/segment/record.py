"""What is recorded of a run: builds the record of a photo from what was found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmenter.segmentation.documents import OMIT_NONE, to_plain, to_tuples
from segmenter.segmentation.recipe import PhotoRecipe, RegionsRecipe
from segmenter.segmentation.record import (
    SCHEMA,
    SOFTWARE,
    FigureRecord,
    FitRecord,
    HierarchyRecord,
    MixtureRecord,
    ModelReference,
    PhotoRecord,
    RunRecord,
    SegmentCountRecord,
    SegmentRecord,
    SelectionRecord,
    WindowsRecord,
)
from segmenter.segmentation.result import Segment, Segmentation, Shortage
from segmenter.workflows.segment.job import Extra, FigureOptions, SegmentJob
from segmenter.workflows.segment.outputs import describe_files, format_path

if TYPE_CHECKING:
    from segmenter.io.images.photo import Photo
    from segmenter.mixture.em import FitTrace
    from segmenter.mixture.model import Mixture
    from segmenter.mixture.selection import Selection
    from segmenter.regions.config import Scale
    from segmenter.regions.hierarchy import Hierarchy
    from segmenter.segmentation.model import Model


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a figure says of itself, as JSON."""

    recipe: Mapping[str, Any]
    input: PhotoRecord
    model: ModelReference | None = field(default=None, metadata=OMIT_NONE)


def build_record(  # noqa: PLR0913  # one keyword for each part that only some runs have
    job: SegmentJob,
    photo: PhotoRecord,
    found: Segmentation,
    *,
    recipe: PhotoRecipe | None = None,
    other_cuts: Mapping[Scale, Segmentation] | None = None,
    windows: WindowsRecord | None = None,
) -> RunRecord:
    """Return the record of a run.

    Parameters
    ----------
    job : SegmentJob
        Its model, if it has one, was applied.
    photo : PhotoRecord
    found : Segmentation
        The segments are those of the whole picture; the labels may be those of a reduced one.
    recipe : PhotoRecipe, optional
        That gives these segments of this photo; by default that of the job.
    other_cuts : mapping of scale to Segmentation, optional
        The same hierarchy cut at other scales.
    windows : WindowsRecord, optional
        How the picture was read, if by windows.
    """
    recipe = job.recipe if recipe is None else recipe
    model, hierarchy, shortage = job.model, found.hierarchy, found.shortage
    n_labeled = sum(segment.n_pixels for segment in found.segments)
    is_mixture = hierarchy is None
    return RunRecord(
        schema=SCHEMA,
        software=SOFTWARE,
        input=photo if shortage is None else replace(photo, notes=(*photo.notes, str(shortage))),
        recipe=asdict(recipe),
        n_segments=describe_shortage(shortage),
        hierarchy=None if hierarchy is None else describe_hierarchy(hierarchy, found.n_labels, recipe),
        selection=describe_selection(found.selection),
        fit=describe_fit(found.trace) if is_mixture and model is None else None,
        model=None if model is None else describe_model(model),
        mixture=describe_mixture(found.mixture, found.channels) if is_mixture else None,
        unlabeled_pixels=photo.width * photo.height - n_labeled,
        segments=describe_segments(found, None if model is None else model.label_names),
        windows=windows,
        figure=describe_figure(job),
        saved=describe_saved(job),
        files=describe_files(job.outputs),
        scales={scale: describe_segments(other) for scale, other in other_cuts.items()} if other_cuts else None,
    )


def describe_photo(photo: Photo) -> PhotoRecord:
    """Return which photo it is."""
    height, width, n_channels = photo.pixels.shape
    return PhotoRecord(
        name=format_path(Path(Path(photo.name).name)),
        sha256=photo.digest,
        width=width,
        height=height,
        channels=n_channels,
        dtype=str(photo.pixels.dtype),
        value_range=photo.value_range,
        notes=tuple(photo.notes),
    )


def describe_segments(found: Segmentation, names: tuple[str, ...] | None = None) -> tuple[SegmentRecord, ...]:
    """Return the segments, with the names that a model gives them."""
    return tuple(
        describe_segment(segment, None if names is None else names[segment.label - 1]) for segment in found.segments
    )


def describe_segment(segment: Segment, name: str | None) -> SegmentRecord:
    """Return one segment and its name."""
    return SegmentRecord(
        label=segment.label,
        name=name,
        pixels=segment.n_pixels,
        share=segment.share,
        color=segment.hex_color,
        mean_rgb=tuple(255 * value for value in segment.mean_rgb),
    )


def describe_hierarchy(hierarchy: Hierarchy, n_regions: int, recipe: PhotoRecipe) -> HierarchyRecord:
    """Return where a hierarchy was cut into so many regions."""
    n_merges = hierarchy.n_superpixels - n_regions
    return HierarchyRecord(
        n_superpixels=hierarchy.n_superpixels,
        height=recipe.height if isinstance(recipe, RegionsRecipe) else None,
        last_merge=get_merge_height(hierarchy, n_merges - 1),
        next_merge=get_merge_height(hierarchy, n_merges),
    )


def get_merge_height(hierarchy: Hierarchy, index: int) -> float | None:
    """Return the height of a merge; None where there is no such merge, or its regions do not touch."""
    is_there = 0 <= index < len(hierarchy.heights) and math.isfinite(hierarchy.heights[index])
    return float(hierarchy.heights[index]) if is_there else None


def describe_selection(selection: Selection | None) -> SelectionRecord | None:
    """Return how the number of segments was chosen; None where it was given."""
    if selection is None:
        return None
    return SelectionRecord(
        rule=selection.rule,
        n_segments=selection.n_components,
        log_likelihoods=to_tuples(selection.log_likelihoods.tolist()),
        criterion=to_tuples(selection.criterion.tolist()),
    )


def describe_shortage(shortage: Shortage | None) -> SegmentCountRecord | None:
    """Return why there are fewer segments than were asked for; None where there are not."""
    return None if shortage is None else SegmentCountRecord(asked=shortage.n_asked, found=shortage.n_found)


def describe_fit(trace: FitTrace) -> FitRecord:
    """Return how a fit went."""
    return FitRecord(
        n_iterations=trace.n_iterations,
        stop=trace.stop,
        verdict=trace.verdict,
        log_likelihoods=to_tuples(trace.log_likelihoods.tolist()),
        objectives=to_tuples(trace.objectives.tolist()),
        restarts=to_tuples(trace.restarts.tolist()),
        restarts_on_cells=trace.screened,
        n_died=trace.n_died,
        collapsed=tuple(trace.collapsed),
    )


def describe_model(model: Model) -> ModelReference:
    """Return which file a model is from."""
    return ModelReference(name=format_path(Path(Path(model.name).name)), sha256=model.digest)


def describe_mixture(mixture: Mixture, features: tuple[str, ...]) -> MixtureRecord:
    """Return the parameters of a mixture and the names of its features."""
    return MixtureRecord(
        covariance_type=mixture.covariance_type,
        features=features,
        weights=to_tuples(mixture.weights.tolist()),
        means=to_tuples(mixture.means.tolist()),
        covariances=to_tuples(mixture.covariances.tolist()),
    )


def describe_figure(job: SegmentJob) -> FigureRecord | None:
    """Return what a job draws; None where it draws nothing."""
    return None if job.figure is None and not job.plots else describe_drawing(job.figure_options)


def describe_drawing(options: FigureOptions) -> FigureRecord:
    """Return what is drawn by these options."""
    return FigureRecord(
        figure_format=options.figure_format,
        dpi=options.dpi,
        side_by_side=options.side_by_side,
        plots=tuple(options.plots),
    )


def describe_saved(job: SegmentJob) -> tuple[str, ...]:
    """Return the names of what a job saves on request."""
    saved: dict[Extra, object] = {
        "posteriors": job.posteriors,
        "confidence": job.confidence,
        "model": job.saved_model,
        "hierarchy": job.hierarchy,
        "scales": job.other_scales,
    }
    return tuple(name for name, paths in saved.items() if paths)


def describe_origin(record: RunRecord) -> dict[str, str]:
    """Return the metadata of a figure: the photo it shows, and the options that give it."""
    origin = Origin(recipe=record.recipe, input=record.input, model=record.model)
    description = json.dumps(to_plain(origin), ensure_ascii=True)
    return {"Software": SOFTWARE, "Title": record.input.name, "Description": description}
