"""A picture larger than memory: read twice by windows, once for the colors and once for the labels.

Colors of up to 24 bits (8-bit gray and RGB, 16-bit gray) are counted, and counts add up exactly: the labels are those
that the picture would get in memory. Colors of more bits hardly ever repeat. There the mixture is fitted to a sample of
524,288 pixels, drawn by a seed; a picture of fewer is its own sample. The labels of all pixels are then exact again,
for the mixture of the sample.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from math import isqrt
from pathlib import Path

import numpy as np

from segmenter.arrays import Floats, Labels
from segmenter.errors import UnsupportedPhotoError
from segmenter.features.color_counts import ColorCounts, sum_counts, to_common_scale
from segmenter.features.pixel_sample import PixelSample, count_sample_colors, merge_samples
from segmenter.io.files.atomic import temporary_output, translate_write_errors
from segmenter.io.images.photo import to_photo_range
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.mixture.selection import Selection
from segmenter.segmentation.apply import apply_to_colors
from segmenter.segmentation.colors import fit_colors
from segmenter.segmentation.n_segments import choose_for_interior
from segmenter.segmentation.recipe import Recipe
from segmenter.segmentation.result import Segment, Segmentation
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.windowed.color_tasks import (
    SAMPLE,
    CountJob,
    Labeler,
    LabelJob,
    MixtureLabeler,
    WindowLabeling,
    count_window,
    table_of,
)
from segmenter.workflows.windowed.passes import (
    REDUCED_SIDE,
    WindowedResult,
    answers,
    in_order,
    label_type,
    new_label_image,
    window_bits,
    write_tiles,
)
from segmenter.workflows.windowed.record import ColorSummary, notes_on_fit

AUTO_PIXELS = 1 << 22
"""Pixels that the number of segments is told from, where that is asked for: the middle of each window."""


def find_segments(
    picture: WindowedPicture, job: SegmentJob, recipe: Recipe, progress: Progress, stack: ExitStack
) -> WindowedResult:
    """Find the segments of a picture by its colors and write its label image; parameters as of `find_regions`."""
    gathered = gather(picture, job, recipe, progress)
    n_fitted = None if job.model else int(gathered.colors.counts.sum())
    progress.begin("fitting" if job.model is None else "applying the model", 1)
    found, labeler = labeler_of(gathered, job, recipe, stack)
    gathered = gathered.without_colors()
    label_image = new_label_image(job, stack)
    reduced, n_pixels, sums = write_labels(
        label_image, picture, labeler, job, progress, gathered.mask.shape, found.n_labels
    )
    segments = described_again(found.segments, n_pixels[1:], sums) if gathered.is_sample else found.segments
    return WindowedResult(
        label_image,
        to_photo_range(gathered.reduced, gathered.low, gathered.high)[0],
        gathered.mask,
        notes_on_fit(picture, gathered, job),
        replace(found, labels=reduced, segments=segments),
        gathered.n_pixels,
        n_fitted,
    )


def labeler_of(
    gathered: ColorSummary, job: SegmentJob, recipe: Recipe, stack: ExitStack
) -> tuple[Segmentation, Labeler]:
    """Return what a fit, or a model, makes of colors, and who knows the label of each."""
    found, color_labels = found_in(gathered, job, recipe)
    dtype = label_type(found.n_labels)
    if gathered.is_sample:
        of_mixture = found.mixture, found.channels, recipe.color_space
        return found, MixtureLabeler(*of_mixture, gathered.low, gathered.high, dtype)
    table = table_of(gathered.colors, color_labels, dtype)
    if job.windows.workers.scheduler is not None:  # which may not see the file
        return found, table
    with translate_write_errors(job.labels):
        return found, table.in_file(stack.enter_context(temporary_output(job.labels)))


def found_in(gathered: ColorSummary, job: SegmentJob, recipe: Recipe) -> tuple[Segmentation, Labels]:
    """Return what a fit, or a model, makes of colors, with no label image yet, and the label of each color, (M,)."""
    name, colors = str(job.source), gathered.colors
    if gathered.is_sample:
        colors = ColorCounts(to_photo_range(colors.colors, gathered.low, gathered.high)[0], colors.counts)
    nothing = np.zeros((0, 0), np.int32)
    if job.model is not None:
        color_labels, segments = apply_to_colors(colors, job.model, name)
        model = job.model
        found = Segmentation(nothing, segments, model.mixture, model.channels, options=asdict(model.recipe))
        return found, color_labels
    selection, n_segments = chosen_number(gathered, recipe)
    fit, channels, color_labels, segments = fit_colors(colors, recipe, n_segments, name)
    options = asdict(recipe)
    found = Segmentation(nothing, segments, fit.mixture, channels, selection, fit.trace, options)
    return found, color_labels


# ---- the first pass ------------------------------------------------------------------------------------------------


def gather(picture: WindowedPicture, job: SegmentJob, recipe: Recipe, progress: Progress) -> ColorSummary:
    """Return what the fit needs of all windows together."""
    _, windows = picture.plan_windows()
    stride = stride_of(picture.shape)
    height, width = (-(-side // stride) for side in picture.shape)
    reduced = np.zeros((height, width, picture.n_features), picture.dtype)
    mask = np.zeros((height, width), np.bool_)
    total, low, high = 0, np.inf, -np.inf
    samples: list[PixelSample] = []
    interiors: list[ColorCounts] = []
    limit = 1.0

    def jobs() -> Iterator[tuple[int, CountJob]]:
        is_asked = recipe.n_segments == "auto" and job.model is None
        patch = isqrt(AUTO_PIXELS // len(windows)) if is_asked else 0
        for number, window in enumerate(windows):
            yield (
                number,
                CountJob(job.source, job.windows.bands, number, window, stride, recipe.seed, limit, patch),
            )

    def parts() -> Generator[ColorCounts]:
        nonlocal total, low, high, samples, interiors, limit
        for place, counted in answers(count_window, jobs(), job, progress):
            window = windows[place]
            top, left = -(-window.top // stride), -(-window.left // stride)
            rows, columns = counted.reduced_mask.shape
            reduced[top : top + rows, left : left + columns] = counted.reduced
            mask[top : top + rows, left : left + columns] = counted.reduced_mask
            total, low, high = total + counted.n_pixels, min(low, counted.low), max(high, counted.high)
            if counted.interior is not None:
                interiors = sum_counts([*interiors, counted.interior])
            if counted.sample is not None:
                samples.append(counted.sample)
                if sum(len(sample.priorities) for sample in samples) > 2 * SAMPLE:
                    samples = [merge_samples(samples, SAMPLE)]
                    limit = samples[0].largest
            if counted.colors is not None:
                yield counted.colors

    progress.begin("reading colors", len(windows))
    with closing(parts()) as counts:
        sums = sum_counts(counts)
    if not total:
        raise UnsupportedPhotoError(picture.label, "holds no data in any pixel; nothing is left to segment")
    colors = count_sample_colors(merge_samples(samples, SAMPLE)) if samples else sums[0]
    inner = to_common_scale(interiors) if interiors else None
    return ColorSummary(colors, bool(samples), total, low, high, reduced, mask, inner)


def stride_of(shape: tuple[int, int]) -> int:
    """Return of how many rows and columns one is in the reduced picture, a power of two."""
    stride = 1
    while max(shape) > stride * REDUCED_SIDE:
        stride *= 2
    return stride


def chosen_number(gathered: ColorSummary, recipe: Recipe) -> tuple[Selection | None, int]:
    """Return K, and how it was chosen; None where it was given."""
    if recipe.n_segments != "auto":
        return None, recipe.n_segments
    most = min(10, len(gathered.colors.counts))
    selection = choose_for_interior(gathered.interior or gathered.colors, max_segments=most, seed=recipe.seed)
    return selection, selection.n_components


# ---- the second pass -----------------------------------------------------------------------------------------------


def write_labels(
    temporary: Path,
    picture: WindowedPicture,
    labeler: Labeler,
    job: SegmentJob,
    progress: Progress,
    reduced_shape: tuple[int, ...],
    n_labels: int,
) -> tuple[Labels, Floats, Floats]:
    """Write the label image; return it reduced, the pixels of each label (K + 1,), and the sums of colors (K, 3)."""
    tile, windows = picture.plan_windows()
    stride = stride_of(picture.shape)
    reduced = np.zeros(reduced_shape, np.int32)
    n_pixels, sums = np.zeros(n_labels + 1), np.zeros((n_labels, 3))
    jobs = (
        (
            number,
            LabelJob(job.source, job.windows.bands, number, window, stride, tile, n_labels, window_bits(job)),
        )
        for number, window in enumerate(windows)
    )

    def tiles() -> Generator[bytes]:
        with closing(answers(WindowLabeling(labeler), jobs, job, progress)) as found:
            for place, part in in_order(found):
                window = windows[place]
                top, left = -(-window.top // stride), -(-window.left // stride)
                rows, columns = part.reduced.shape
                reduced[top : top + rows, left : left + columns] = part.reduced
                n_pixels[:] += part.n_pixels
                if part.sums is not None:
                    sums[:] += part.sums
                yield from part.tiles

    progress.begin("labeling", len(windows))
    write_tiles(temporary, tiles(), picture, tile, n_labels, job)
    return reduced, n_pixels, sums


def described_again(segments: Sequence[Segment], n_pixels: Floats, sums: Floats) -> tuple[Segment, ...]:
    """Return segments with the pixels and the mean colors of the whole picture instead of those of a sample."""
    means = sums / np.maximum(n_pixels, 1)[:, None]
    return tuple(
        replace(
            segment,
            n_pixels=int(n),
            share=float(n / max(n_pixels.sum(), 1)),
            mean_rgb=(float(mean[0]), float(mean[1]), float(mean[2])) if n else segment.mean_rgb,
        )
        for segment, n, mean in zip(segments, n_pixels, means, strict=True)
    )
