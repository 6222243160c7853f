"""Compare variants of the segments of photos: photos × recipes → a figure and a table of metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segmenter._version import __version__
from segmenter.arrays import Bytes, Labels
from segmenter.errors import CropError, InvalidArgumentError
from segmenter.io.images.photo import MAX_PIXELS, WHOLE, Photo, Reading, read_photo
from segmenter.metrics.partitions import contingency_table
from segmenter.render.comparison_style import ComparisonStyle, format_panel_letter
from segmenter.render.palette import build_lightness_palette
from segmenter.render.pixels import get_mean_colors, to_display_rgb
from segmenter.render.silencing import silence_matplotlib
from segmenter.segmentation.colors import segment_photo
from segmenter.segmentation.documents import to_plain
from segmenter.segmentation.recipe import PhotoRecipe
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.compare.tables import VariantMetrics, measure_variant
from segmenter.workflows.compare.variants import VariantGrid
from segmenter.workflows.segment.outputs import FigureFormat, format_path
from segmenter.workflows.segment.progress import NullProgress, Progress

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""


@dataclass(frozen=True)
class FigureRequest:
    """How the figure is drawn and stored."""

    style: ComparisonStyle
    figure_format: FigureFormat = "png"
    times: bool = False  # whether captions say how long each variant took; two runs then differ


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """A figure, and the metrics of its variants."""

    figure: bytes
    metrics: tuple[VariantMetrics, ...]  # in the order of the panels
    record: dict[str, Any]  # the line of --json, as plain values
    notes: tuple[tuple[str, str], ...]  # the name of a photo, and what may surprise in its segments


@dataclass(frozen=True, eq=False)
class PhotoVariants:
    """A photo and its segmentation in each variant."""

    photo: Photo
    results: tuple[Segmentation, ...]


def compare(  # noqa: PLR0913  # what to compare, how to read and draw it, and who waits
    photos: Sequence[Path],
    grid: VariantGrid,
    request: FigureRequest,
    *,
    max_pixels: int = MAX_PIXELS,
    reading: Reading = WHOLE,
    progress: Progress | None = None,
) -> ComparisonResult:
    """Segment each photo in all variants, and draw them side by side.

    Parameters
    ----------
    photos : sequence of Path
    grid : VariantGrid
    request : FigureRequest
    max_pixels : int
        Larger photos are refused.
    reading : Reading
        Which bands to use, and how the value range of each photo is chosen.
    progress : Progress, optional

    Raises
    ------
    SegmenterError
        A photo cannot be read or segmented, or the panels do not fit on the page.
    """
    style = request.style
    if style.crop is not None and (min(style.crop[:2]) < 0 or min(style.crop[2:]) < 1):
        crop = ",".join(map(str, style.crop))
        raise InvalidArgumentError("--crop", f"is {crop}; give X,Y,W,H with X and Y from 0, W and H from 1")
    with silence_matplotlib():
        from segmenter.render.comparison_figure import check_panel_size

        check_panel_size(len(photos), len(grid.variants), style)
    rows: list[PhotoVariants] = []
    metrics: list[VariantMetrics] = []
    shortages: list[tuple[str, str]] = []
    progress = progress or NullProgress()
    progress.start_stage("segmenting", len(photos) * len(grid.variants))
    for path in photos:
        photo = read_photo(path, name=str(path), max_pixels=max_pixels, reading=reading)
        check_crop(photo, style.crop)
        first = len(rows) * (len(grid.variants) + 1) + 1  # index of the first variant's panel; the photo's comes before
        results = []
        for i, variant in enumerate(grid.variants):
            found, seconds = segment_timed(photo, variant.recipe)
            progress.finish_step()
            results.append(found)
            metrics.append(measure_variant(photo, variant, found, format_panel_letter(first + i), seconds))
            if found.shortage is not None:
                shortages.append((photo.name, f"({metrics[-1].letter}) {found.shortage}"))
        rows.append(PhotoVariants(photo, tuple(results)))
    description = {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "inputs": [describe_input(row.photo, path) for path, row in zip(photos, rows, strict=True)],
        "recipes": [asdict(variant.recipe) for variant in grid.variants],
        **({"bands": list(reading.bands)} if reading.bands else {}),
    }
    record = {**description, "style": asdict(style), "variants": [asdict(each) for each in metrics]}
    notes = [
        (row.photo.name, note)
        for row in rows
        for note in dict.fromkeys(note for found in row.results for note in found.notes)
    ]
    notes += shortages
    progress.start_stage("drawing", None)
    figure = draw_figure(rows, metrics, grid, request, description)
    return ComparisonResult(figure, tuple(metrics), record, tuple(notes))


def describe_input(photo: Photo, path: Path) -> dict[str, Any]:
    """Return which photo it is, and its value range unless its 8-bit values were taken as they are."""
    description = {"name": format_path(Path(path.name)), "sha256": photo.digest}
    return description if photo.value_range is None else {**description, "value_range": to_plain(photo.value_range)}


def draw_figure(
    rows: Sequence[PhotoVariants],
    metrics: Sequence[VariantMetrics],
    grid: VariantGrid,
    request: FigureRequest,
    description: dict[str, Any],
) -> bytes:
    """Return the figure of photos and their variants as the content of a file; ``description`` is embedded in it."""
    metadata = {
        "Software": f"segmenter {__version__}",
        "Title": ", ".join(format_path(Path(Path(row.photo.name).name)) for row in rows),
        "Description": json.dumps(description, ensure_ascii=True),
    }
    with silence_matplotlib():
        from segmenter.render.comparison_figure import (  # matplotlib takes half a second
            Comparison,
            Variant,
            draw_comparison_figure,
        )
        from segmenter.render.encoding import encode_figure

        colors = build_lightness_palette(max(get_max_n_segments(row.results) for row in rows))
        metrics_by_panel = iter(metrics)
        comparisons = [
            Comparison(
                Path(row.photo.name).stem,
                to_display_rgb(row.photo.pixels),
                tuple(
                    Variant(
                        variant.title,
                        next(metrics_by_panel).describe(times=request.times),
                        found.labels,
                        segment_colors,
                        found.hierarchy is not None,
                    )
                    for variant, found, segment_colors in zip(
                        grid.variants, row.results, match_colors(row.results, colors), strict=True
                    )
                ),
            )
            for row in rows
        ]
        style = request.style
        figure = draw_comparison_figure(
            comparisons, style, n_across=grid.n_columns, legend_colors=None if style.boundaries else colors
        )
        return encode_figure(figure, request.figure_format, metadata=metadata)


def check_crop(photo: Photo, crop: tuple[int, int, int, int] | None) -> None:
    """Raise CropError if the part to enlarge is not inside the photo."""
    height, width = photo.pixels.shape[:2]
    if crop is not None and (crop[0] + crop[2] > width or crop[1] + crop[3] > height):
        raise CropError(photo.name, crop, width, height)


def segment_timed(photo: Photo, recipe: PhotoRecipe) -> tuple[Segmentation, float]:
    """Return the segmentation of a photo, and how many seconds it took."""
    started = time.perf_counter()
    return segment_photo(photo, recipe), time.perf_counter() - started


# ---- colors --------------------------------------------------------------------------------------------------------


def get_max_n_segments(results: Sequence[Segmentation]) -> int:
    """Return the largest number of segments among the variants of a photo, not counting variants of regions."""
    return max((found.n_labels for found in results if found.hierarchy is None), default=0)


def match_colors(results: Sequence[Segmentation], colors: Bytes) -> list[Bytes]:
    """Return the colors of the segments of each variant of a photo, so that similar segments have the same color.

    The variant with the most segments is the reference and gets the colors in order. Segments of the other variants are
    matched to its segments one to one, so that the total overlap is largest. Regions have their mean colors.

    Parameters
    ----------
    results : sequence of Segmentation
    colors : ndarray of shape (n, 3), uint8
        At least as many as the reference has segments.

    Returns
    -------
    list of ndarray of shape (K, 3), uint8
        One for each variant, of K segments.
    """
    mixtures = [found for found in results if found.hierarchy is None]
    reference = max(mixtures, key=lambda found: found.n_labels, default=None)
    return [
        get_mean_colors(found.segments)
        if reference is None or found.hierarchy is not None
        else colors[match_segments(found.labels, reference.labels, found.n_labels, reference.n_labels)]
        for found in results
    ]


def match_segments(labels: Labels, reference: Labels, n: int, n_reference: int) -> Any:
    """Return the index of the reference segment that matches each of n segments, shape (n,), by overlap."""
    if labels is reference:
        return np.arange(n)
    from scipy.optimize import linear_sum_assignment

    overlap = np.zeros((n + 1, n_reference + 1))
    found = contingency_table(labels, reference)
    overlap[: found.shape[0], : found.shape[1]] = found
    return linear_sum_assignment(overlap[1:, 1:], maximize=True)[1]
