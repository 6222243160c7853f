"""One photo from file to files, processed as a whole in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from segmenter.io.images.photo import Reading, read_photo
from segmenter.io.labels.png import MAX_INDEXED_LABEL, encode_gray, encode_labels, encode_segments
from segmenter.regions.config import SCALES, Scale
from segmenter.render.palette import palette
from segmenter.render.pixels import get_mean_colors, to_display_rgb
from segmenter.render.silencing import silence_matplotlib
from segmenter.segmentation.apply import apply_model
from segmenter.segmentation.colors import segment_photo
from segmenter.segmentation.model import build_model
from segmenter.segmentation.record import encode_record
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.job import SegmentJob, name_stage
from segmenter.workflows.segment.outputs import write_outputs
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.segment.record import build_record, describe_origin, describe_photo
from segmenter.workflows.segment.result import SegmentResult


def run_in_memory(job: SegmentJob, progress: Progress, stream: BinaryIO | None = None) -> SegmentResult:
    """Read, segment, draw and write one photo.

    Parameters
    ----------
    job : SegmentJob
    progress : Progress
    stream : binary file, optional
        Where to read the photo from, instead of the path of the job.

    Raises
    ------
    SegmenterError
        Nothing of this photo was written.
    """
    result = compute_in_memory(job, progress, stream)
    progress.start_stage("drawing and compressing", None)
    files = encode_images(result.segmentation, job.labels, job.segments)
    if job.figure is not None:
        files[job.figure] = draw_figure(result, job)
    files |= encode_extras(result, job)
    if job.plots:
        from segmenter.workflows.segment.plots import draw_plots

        files |= draw_plots(result.photo, result.segmentation, job, result.record)
    files[job.record] = encode_record(result.record)
    return replace(result, removed=write_outputs(job, files))


def compute_in_memory(job: SegmentJob, progress: Progress, stream: BinaryIO | None = None) -> SegmentResult:
    """Read and segment one photo, and write nothing."""
    progress.start_stage("reading", None)
    reading = Reading(scale_range=job.scale_range)
    photo = read_photo(stream or job.source, name=str(job.source), max_pixels=job.max_pixels, reading=reading)
    progress.start_stage(name_stage(job), None)
    if job.model is None:
        segmentation = segment_photo(photo, job.recipe, progress.finish_step)
    else:
        segmentation = apply_model(photo, job.model)
    photo = replace(photo, notes=segmentation.notes)
    other_cuts: dict[Scale, Segmentation] = {}
    if job.other_scales:
        from segmenter.segmentation.hierarchy_file import cut

        other_cuts = {scale: cut(segmentation, scale=scale) for scale in job.other_scales}
    record = build_record(job, describe_photo(photo), segmentation, other_cuts=other_cuts)
    return SegmentResult(record, segmentation, photo, other_cuts=other_cuts)


def encode_images(segmentation: Segmentation, labels: Path, segments: Path | None) -> dict[Path, bytes]:
    """Return the label image and the segments in their mean colors (None = without these), by path."""
    label_image = encode_label_image(segmentation)
    if segments is None:
        return {labels: label_image}
    colors = get_mean_colors(segmentation.segments)
    return {labels: label_image, segments: encode_segments(segmentation.labels, colors, label_image)}


def encode_label_image(segmentation: Segmentation) -> bytes:
    """Return the label image as PNG, in the colors of the palette."""
    return encode_labels(segmentation.labels, palette(min(segmentation.n_labels, MAX_INDEXED_LABEL)))


def encode_extras(result: SegmentResult, job: SegmentJob) -> dict[Path, bytes]:
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
        from segmenter.segmentation.model_file import encode_model

        files[job.saved_model] = encode_model(build_model(segmentation))
    if job.hierarchy is not None and job.contour_map is not None:
        from segmenter.regions.contour_map import build_contour_map
        from segmenter.segmentation.hierarchy_file import build_saved_hierarchy, encode_hierarchy

        saved = build_saved_hierarchy(segmentation, describe_photo(photo))
        files[job.hierarchy] = encode_hierarchy(saved)
        files[job.contour_map] = encode_gray(build_contour_map(saved.hierarchy))
    for scale, paths in job.other_scales.items():
        files |= encode_images(result.other_cuts[scale], *paths)
    return files


def draw_figure(result: SegmentResult, job: SegmentJob) -> bytes:
    """Return the photo and its segments side by side, as the content of a file."""
    segmentation = result.segmentation
    with silence_matplotlib():
        from segmenter.render.encoding import encode_figure  # matplotlib takes half a second to import
        from segmenter.render.legend import SegmentedPhoto, SegmentSummary
        from segmenter.render.segments_figure import draw_segments_figure

        if result.other_cuts:
            from segmenter.render.scales_figure import draw_scales_figure

            cuts = {**result.other_cuts, "medium": segmentation}
            figure = draw_scales_figure(
                to_display_rgb(result.photo.pixels),
                [
                    (f"{scale.capitalize()}: {cut.n_labels} regions", cut.labels, get_mean_colors(cut.segments))
                    for scale, cut in ((scale, cuts[scale]) for scale in SCALES)
                ],
                dpi=job.figure_options.dpi,
            )
        else:
            segments = SegmentSummary(
                get_mean_colors(segmentation.segments),
                [segment.share for segment in segmentation.segments],
                None if job.model is None else job.model.label_names,
                result.record.unlabeled_pixels > 0,
            )
            figure = draw_segments_figure(
                SegmentedPhoto(to_display_rgb(result.photo.pixels), segmentation.labels, segments),
                titles=("Photo", "Segments" if segmentation.hierarchy is None else "Regions"),
                contours=segmentation.hierarchy is not None,
                dpi=job.figure_options.dpi,
            )
        return encode_figure(
            figure,
            job.figure_options.figure_format,
            metadata=describe_origin(result.record),
        )
