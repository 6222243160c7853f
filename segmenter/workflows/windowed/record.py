"""The notes, the record and the figure of a windowed picture."""

from __future__ import annotations

from dataclasses import replace

from segmenter.io.images.photo import Photo
from segmenter.io.images.pillow import describe_no_data
from segmenter.io.images.value_range import describe_value_range
from segmenter.io.rasters.base import is_georeferenced
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.render.pixels import get_mean_colors, to_display_rgb
from segmenter.render.silencing import silence_matplotlib
from segmenter.segmentation.record import RunRecord, WindowsRecord
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.record import build_record, describe_origin, describe_photo
from segmenter.workflows.segment.result import SegmentResult
from segmenter.workflows.windowed.passes import WindowedSegmentation


def build_notes(picture: WindowedPicture, found: WindowedSegmentation, job: SegmentJob) -> tuple[str, ...]:
    """Return what may surprise the user."""
    notes = [job.mode_reason, *picture.notes]
    n_without = picture.shape[0] * picture.shape[1] - found.n_pixels
    if picture.may_lack_data:
        notes += describe_no_data(n_without)
    notes += describe_value_range(picture.value_range)
    if job.has_zarr_labels and is_georeferenced(picture.header):
        notes.append("the Zarr label image is not georeferenced; --label-format tif is")
    height, width = found.pixels.shape[:2]
    if job.plots and (height, width) != picture.shape:
        notes.append(f"figures show the picture reduced to {width}×{height} pixels")
    return (*notes, *found.notes)


def build_windowed_record(
    photo: Photo, found: WindowedSegmentation, picture: WindowedPicture, job: SegmentJob
) -> RunRecord:
    """Return the record of a windowed run: it describes the whole picture, of which the photo is a reduced copy."""
    height, width = picture.shape
    whole = replace(describe_photo(photo), width=width, height=height, dtype=str(picture.stored_dtype))
    windows = WindowsRecord(bands=job.windows.bands or None, fitted_pixels=found.n_fitted)
    return build_record(job, whole, found.segmentation, windows=windows)


def draw_figure(result: SegmentResult, job: SegmentJob) -> bytes:
    """Return the reduced picture and its segments side by side, as the content of a file."""
    segments = result.segmentation.segments
    shown, colors = to_display_rgb(result.photo.pixels), get_mean_colors(segments)
    shares, has_unlabeled = [segment.share for segment in segments], result.record.unlabeled_pixels > 0
    with silence_matplotlib():
        from segmenter.render.encoding import encode_figure
        from segmenter.render.legend import SegmentedPhoto, SegmentSummary
        from segmenter.render.segments_figure import draw_segments_figure

        names = None if job.model is None else job.model.label_names
        is_regions = result.segmentation.hierarchy is not None
        figure = draw_segments_figure(
            SegmentedPhoto(shown, result.segmentation.labels, SegmentSummary(colors, shares, names, has_unlabeled)),
            titles=("Photo", "Regions" if is_regions else "Segments"),
            contours=is_regions,
            dpi=job.figure_options.dpi,
        )
        metadata = describe_origin(result.record)
        return encode_figure(figure, job.figure_options.figure_format, metadata=metadata)
