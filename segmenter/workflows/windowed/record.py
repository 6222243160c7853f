"""The notes, the record and the figure of a windowed picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bytes
from segmenter.features.color import to_unit_range, to_visible_bands
from segmenter.io.images.photo import Photo
from segmenter.io.images.pillow import describe_no_data
from segmenter.io.images.value_range import describe_value_range
from segmenter.io.rasters.base import is_georeferenced
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.render.pixels import get_mean_colors, to_display_rgb
from segmenter.render.silencing import silence_matplotlib
from segmenter.segmentation.record import RunRecord, WindowsRecord
from segmenter.segmentation.result import Segment
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.record import build_record, describe_origin, describe_photo
from segmenter.workflows.segment.result import SegmentResult
from segmenter.workflows.windowed.passes import WindowedSegmentation

STRETCH = (0.01, 0.99)
"""Quantiles that are drawn black and white where the value range is ``auto``: that of measurements has long tails."""


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
    shown, colors = prepare_for_display(result.photo, segments)
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


def prepare_for_display(photo: Photo, segments: Sequence[Segment]) -> tuple[Bytes, Bytes]:
    """Return the reduced picture (h, w, 3) and the colors of the segments (K, 3) as 8-bit RGB."""
    if photo.value_range is None or photo.value_range.rule != "auto" or photo.mask is None or not photo.mask.any():
        return to_display_rgb(photo.pixels), get_mean_colors(segments)
    low, high = np.quantile(to_visible_bands(to_unit_range(photo.pixels[photo.mask])), STRETCH)
    high = high if high > low else low + 1

    def to_bytes(values: NDArray[Any]) -> Bytes:
        return np.asarray(np.rint(255 * ((values - low) / (high - low)).clip(0, 1)).astype(np.uint8))

    shown = np.empty((*photo.pixels.shape[:2], 3), np.uint8)
    for row, part in zip(shown, photo.pixels, strict=True):
        row[:] = to_bytes(to_visible_bands(to_unit_range(part)))
    return shown, to_bytes(np.array([segment.mean_rgb for segment in segments]))
