"""The first pass over the windows of a picture: what a mixture is fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np

from segmenter.arrays import Bools, Pixels
from segmenter.errors import NoPixelsError
from segmenter.features.color_counts import ColorCounts, RunningCounts, to_common_scale
from segmenter.features.pixel_sample import MAX_SAMPLE_PIXELS, RunningSample, count_sample_colors
from segmenter.features.principal_colors import BandReduction
from segmenter.io.rasters.reader import WindowedPicture
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.windowed.bands import find_band_reduction
from segmenter.workflows.windowed.color_tasks import CountJob, count_window
from segmenter.workflows.windowed.passes import run_window_jobs
from segmenter.workflows.windowed.preview import choose_preview_stride, compute_preview_shape, get_preview_slices

CENTER_PIXELS = 1 << 22
"""The number of segments is chosen from at most this many pixels, in the middles of all windows together."""


@dataclass(frozen=True, eq=False)
class ColorSummary:
    """The colors of all windows together, and the preview."""

    colors: ColorCounts  # of all pixels that take part, or of a sample of them
    is_sample: bool
    n_pixels: int  # that take part
    preview: Pixels  # (h, w, C)
    preview_mask: Bools  # (h, w)
    interior: ColorCounts | None  # from which K is chosen; None = K is not chosen, or no interior pixel takes part
    reduction: BandReduction | None  # of bands to the colors from which K is chosen; None = they are colors

    def without_colors(self) -> ColorSummary:
        """Return the same without its counts of colors, to free their memory."""
        nothing = ColorCounts(self.colors.colors[:0].copy(), self.colors.counts[:0].copy())
        return replace(self, colors=nothing)


def summarize_colors(picture: WindowedPicture, job: SegmentJob, recipe: Recipe, progress: Progress) -> ColorSummary:
    """Return the colors of all windows of a picture together.

    Windows finish in any order, and the result does not depend on it: counts add up exactly, and the sample consists
    of the pixels with the smallest random priorities of the whole picture.

    Raises
    ------
    NoPixelsError
        No pixel takes part.
    """
    _, windows = picture.plan_windows()
    stride = choose_preview_stride(picture.shape)
    preview_shape = compute_preview_shape(picture.shape, stride)
    preview = np.zeros((*preview_shape, picture.n_features), picture.dtype)
    preview_mask = np.zeros(preview_shape, np.bool_)
    is_k_chosen = recipe.n_segments == "auto" and job.model is None
    center_side = compute_center_side(len(windows)) if is_k_chosen else 0
    reduction = find_band_reduction(picture, job, progress)
    counts, interiors, sample = RunningCounts(), RunningCounts(), RunningSample(MAX_SAMPLE_PIXELS)
    n_pixels = 0

    def plan_jobs() -> Iterator[tuple[int, CountJob]]:
        """Yield the jobs one by one, so that late ones profit from the limit that the sample has reached."""
        for index, window in enumerate(windows):
            options = picture.value_range, stride, recipe.seed, sample.limit, center_side, reduction
            yield index, CountJob(job.source, job.windows.bands, window, picture.header.width, *options)

    progress.start_stage("reading colors", len(windows))
    with closing(run_window_jobs(count_window, plan_jobs(), job, progress)) as results:
        for index, part in results:
            slices = get_preview_slices(windows[index], stride)
            preview[slices], preview_mask[slices] = part.preview, part.preview_mask
            n_pixels += part.n_pixels
            if part.colors is not None:
                counts.add(part.colors)
            if part.sample is not None:
                sample.add(part.sample)
            if part.interior is not None:
                interiors.add(part.interior)
    if not n_pixels:
        raise NoPixelsError(picture.label)
    merged_sample, interior = sample.get(), interiors.get()  # gray middles give gray means, others RGB
    return ColorSummary(
        colors=counts.get()[0] if merged_sample is None else count_sample_colors(merged_sample),
        is_sample=merged_sample is not None,
        n_pixels=n_pixels,
        preview=preview,
        preview_mask=preview_mask,
        interior=to_common_scale(interior) if interior else None,
        reduction=reduction,
    )


def compute_center_side(n_windows: int) -> int:
    """Return the side of the square in the middle of each window that the number of segments is chosen from."""
    return isqrt(CENTER_PIXELS // n_windows)
