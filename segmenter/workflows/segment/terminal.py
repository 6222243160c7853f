"""What was found, as lines for a terminal."""

from __future__ import annotations

import numpy as np

from segmenter.io.labels.thumbnails import resize, shrink_labels
from segmenter.render.pixels import get_mean_colors
from segmenter.render.terminal import ColorDepth, format_half_blocks, format_swatches
from segmenter.segmentation.result import Segmentation
from segmenter.segmentation.shares import format_percentages

MAX_SWATCHES = 24


def palette_lines(segmentation: Segmentation, width: int, depth: ColorDepth) -> list[str]:
    """Return the mean colors of the segments with their shares; of many, the first ones."""
    segments = segmentation.segments
    percentages = format_percentages([segment.share for segment in segments])[:MAX_SWATCHES]
    texts = [f"{label}: {percentage} %" for label, percentage in enumerate(percentages, start=1)]
    lines = format_swatches(get_mean_colors(segments[:MAX_SWATCHES]), texts, width, depth)
    n_more = len(segments) - MAX_SWATCHES
    return [*lines, f"and {n_more} more"] if n_more > 0 else lines


def picture_lines(segmentation: Segmentation, width: int, height: int, depth: ColorDepth) -> list[str]:
    """Return the segments in their mean colors, drawn within so many characters and lines."""
    n_rows, n_columns = segmentation.labels.shape
    scale = min(width / n_columns, 2 * height / n_rows, 1.0)
    size = max(1, round(scale * n_columns)), max(1, round(scale * n_rows))
    table = np.concatenate(
        [np.zeros((1, 4), np.uint8), np.insert(get_mean_colors(segmentation.segments), 3, 255, axis=1)]
    )
    return format_half_blocks(resize(table[shrink_labels(segmentation.labels)], size), depth)
