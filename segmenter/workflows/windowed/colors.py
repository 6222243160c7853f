"""Segments of a picture larger than memory by its colors, in two passes over its windows: colors, then labels.

Colors of up to 24 bits (8-bit gray and RGB, 16-bit gray) are counted. Counts add up exactly, so for a given K the
labels are those that the picture would get in memory; ``-k auto`` looks at the middle of each window. Colors of more
bits hardly ever repeat; for them, here as in memory, the mixture is fitted to a random sample of 524,288 pixels.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from segmenter.arrays import Floats, Labels
from segmenter.features.pixel_sample import MAX_SAMPLE_PIXELS
from segmenter.io.files.atomic import temporary_output, translate_write_errors
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.mixture.selection import Selection
from segmenter.segmentation.apply import apply_to_colors
from segmenter.segmentation.bands import describe_components
from segmenter.segmentation.colors import find_shortage, fit_colors
from segmenter.segmentation.n_segments import choose_for_interior
from segmenter.segmentation.recipe import MAX_AUTO_SEGMENTS, Recipe
from segmenter.segmentation.result import Segment, Segmentation
from segmenter.segmentation.wide_colors import describe_sample
from segmenter.workflows.segment.job import SegmentJob, name_stage
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.windowed.color_summary import ColorSummary, summarize_colors
from segmenter.workflows.windowed.color_tasks import (
    ColorLabeler,
    LabelJob,
    MixtureLabeler,
    WindowLabeler,
    build_label_table,
)
from segmenter.workflows.windowed.passes import (
    WindowedSegmentation,
    choose_label_dtype,
    create_label_image,
    get_zlib_window_bits,
    run_window_jobs,
    sort_by_index,
    write_label_image,
)
from segmenter.workflows.windowed.preview import choose_preview_stride, compute_preview_shape, get_preview_slices


def find_segments(
    picture: WindowedPicture, job: SegmentJob, recipe: Recipe, progress: Progress, stack: ExitStack
) -> WindowedSegmentation:
    """Return the segments of a picture by its colors, with its label image in a temporary file.

    Parameters and errors are those of `segmenter.workflows.windowed.regions.find_regions`.
    """
    summary = summarize_colors(picture, job, recipe, progress)
    n_fitted = None if job.model else int(summary.colors.counts.sum())
    progress.start_stage(name_stage(job), None)
    segmentation, labeler = build_labeler(summary, job, recipe, progress, stack)
    summary = summary.without_colors()
    label_image = create_label_image(job, stack)
    labels = write_labels(label_image, picture, labeler, job, segmentation.n_labels, progress)
    segments = update_segments(segmentation.segments, labels) if summary.is_sample else segmentation.segments
    return WindowedSegmentation(
        label_image=label_image,
        pixels=summary.preview,
        mask=summary.preview_mask,
        notes=describe_fit_data(picture, summary, job),
        segmentation=replace(segmentation, labels=labels.preview, segments=segments, value_range=picture.value_range),
        n_pixels=summary.n_pixels,
        n_fitted=n_fitted,
    )


def describe_fit_data(picture: WindowedPicture, summary: ColorSummary, job: SegmentJob) -> tuple[str, ...]:
    """Return notes on what the fit was based on, if it was not all pixels as they are."""
    notes = [*describe_components(summary.reduction, "number of segments")]
    if summary.is_sample and summary.n_pixels > MAX_SAMPLE_PIXELS and job.model is None:
        notes.append(describe_sample())
    if summary.interior is not None and len(picture.plan_windows()[1]) > 1:
        notes.append("number of segments chosen from the middle of each window")
    return tuple(notes)


# ---- between the passes: the fit -----------------------------------------------------------------------------------


def build_labeler(
    summary: ColorSummary, job: SegmentJob, recipe: Recipe, progress: Progress, stack: ExitStack
) -> tuple[Segmentation, ColorLabeler]:
    """Return the segments of a fit, or of a model, without a label image yet, and what labels the pixels."""
    segmentation, color_labels = fit_or_apply(summary, job, recipe, progress)
    dtype = choose_label_dtype(segmentation.n_labels)
    if summary.is_sample:
        return segmentation, MixtureLabeler(segmentation.mixture, segmentation.channels, recipe.color_space, dtype)
    labeler = build_label_table(summary.colors, color_labels, dtype)
    if job.windows.workers.scheduler is not None:  # workers on other machines may not see the file
        return segmentation, labeler
    with translate_write_errors(job.labels):
        return segmentation, labeler.save(stack.enter_context(temporary_output(job.labels)))


def fit_or_apply(
    summary: ColorSummary, job: SegmentJob, recipe: Recipe, progress: Progress
) -> tuple[Segmentation, Labels]:
    """Return the segments of a fit, or of a model, without a label image yet, and the label of each color, (M,)."""
    colors = summary.colors
    no_labels = np.zeros((0, 0), np.int32)
    if job.model is not None:
        model = job.model
        color_labels, segments = apply_to_colors(colors, model, str(job.source))
        options = asdict(model.recipe)
        return Segmentation(no_labels, segments, model.mixture, model.channels, options=options), color_labels
    selection, n_segments = choose_n_segments(summary, recipe, progress)
    fit, channels, color_labels, segments = fit_colors(colors, recipe, n_segments, on_iteration=progress.finish_step)
    segmentation = Segmentation(
        no_labels,
        segments,
        fit.mixture,
        channels,
        selection,
        fit.trace,
        options=asdict(recipe),
        shortage=find_shortage(colors, n_segments),
    )
    return segmentation, color_labels


def choose_n_segments(summary: ColorSummary, recipe: Recipe, progress: Progress) -> tuple[Selection | None, int]:
    """Return how the number of segments was chosen (None = the recipe gives it), and the number."""
    if recipe.n_segments != "auto":
        return None, recipe.n_segments
    max_segments = min(MAX_AUTO_SEGMENTS, len(summary.colors.counts))
    selection = choose_for_interior(
        summary.interior or summary.colors,
        max_segments=max_segments,
        seed=recipe.seed,
        on_iteration=progress.finish_step,
    )
    return selection, selection.n_components


# ---- the second pass: labels ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WrittenLabels:
    """What is known of a label image besides its file."""

    preview: Labels  # (h, w), every n-th row and column
    n_pixels: Floats  # (K + 1,), of each label from 0
    color_sums: Floats  # (K, 3), RGB from 0 to 1; 0 if the mean colors were known before


def write_labels(  # noqa: PLR0913  # what the first pass found, each by its own name
    label_image: Path,
    picture: WindowedPicture,
    labeler: ColorLabeler,
    job: SegmentJob,
    n_labels: int,
    progress: Progress,
) -> WrittenLabels:
    """Label all windows, write the label image to a temporary file, and return what is known of it."""
    tile, windows = picture.plan_windows()
    stride = choose_preview_stride(picture.shape)
    preview = np.zeros(compute_preview_shape(picture.shape, stride), np.int32)
    n_pixels, color_sums = np.zeros(n_labels + 1), np.zeros((n_labels, 3))
    options = picture.value_range, stride, tile, n_labels, get_zlib_window_bits(job)
    jobs = ((index, LabelJob(job.source, job.windows.bands, window, *options)) for index, window in enumerate(windows))

    def label_windows() -> Generator[bytes]:
        """Yield the tiles of all windows in order, and add up the rest of what windows return."""
        with closing(run_window_jobs(WindowLabeler(labeler), jobs, job, progress)) as results:
            for index, part in sort_by_index(results):
                preview[get_preview_slices(windows[index], stride)] = part.preview
                n_pixels[:] += part.n_pixels
                if part.color_sums is not None:
                    color_sums[:] += part.color_sums
                yield from part.tiles

    progress.start_stage("labeling", len(windows))
    write_label_image(label_image, label_windows(), picture, job, n_labels)
    return WrittenLabels(preview, n_pixels, color_sums)


def update_segments(segments: Sequence[Segment], labels: WrittenLabels) -> tuple[Segment, ...]:
    """Return segments with the sizes and mean colors of the whole picture instead of those of a sample."""
    n_pixels = labels.n_pixels[1:]
    means = labels.color_sums / np.maximum(n_pixels, 1)[:, None]
    return tuple(
        replace(
            segment,
            n_pixels=int(n),
            share=float(n / max(n_pixels.sum(), 1)),
            mean_rgb=(float(mean[0]), float(mean[1]), float(mean[2])) if n else segment.mean_rgb,
        )
        for segment, n, mean in zip(segments, n_pixels, means, strict=True)
    )
