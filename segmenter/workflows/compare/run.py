"""Variants of segmentations side by side: photos × recipes → panels, numbers and tables."""

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
from segmenter.io.images.photo import MAX_PIXELS, Photo, read_photo
from segmenter.metrics.partitions import contingency
from segmenter.render.comparison_style import ComparisonStyle, format_panel_letter
from segmenter.render.palette import lightness_palette
from segmenter.render.pixels import get_mean_colors, to_display_rgb
from segmenter.render.silencing import silence_matplotlib
from segmenter.segmentation.colors import segment_photo
from segmenter.segmentation.recipe import AnyRecipe
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.compare.tables import VariantMetrics, measure_variant
from segmenter.workflows.compare.variants import Choices
from segmenter.workflows.segment.outputs import FigureFormat, format_path

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""


@dataclass(frozen=True, eq=False)
class Result:
    """A figure and the numbers in it."""

    figure: bytes
    numbers: tuple[VariantMetrics, ...]
    record: dict[str, Any]


def compare(
    photos: Sequence[Path],
    choices: Choices,
    style: ComparisonStyle,
    *,
    figure_format: FigureFormat = "png",
    times: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Segment each photo in all variants, and draw them side by side.

    Parameters
    ----------
    photos : sequence of Path
    choices : Choices
    style : ComparisonStyle
    figure_format : {"png", "pdf", "svg"}
    times : bool
        Tell in the figure how long each took; two runs then differ.
    max_pixels : int

    Raises
    ------
    SegmenterError
        A photo cannot be read or segmented, or the panels do not fit the page.
    """
    if style.crop is not None and (min(style.crop[:2]) < 0 or min(style.crop[2:]) < 1):
        raise InvalidArgumentError("--crop", f"is {','.join(map(str, style.crop))}; give X,Y,W,H from 0 and 1 up")
    with silence_matplotlib():
        from segmenter.render.comparison_figure import check_panel_size

        check_panel_size(len(photos), len(choices.choices), style)
    found: list[tuple[Photo, tuple[Segmentation, ...]]] = []
    numbers: list[VariantMetrics] = []
    n_variants = len(choices.choices)
    for place, path in enumerate(photos):
        photo = read_photo(path, name=str(path), max_pixels=max_pixels)
        check_crop(photo, style.crop)
        results, seconds = zip(*(timed(photo, choice.recipe) for choice in choices.choices), strict=True)
        found.append((photo, results))
        first = place * (n_variants + 1) + 1  # the photo takes a letter, too
        numbers += [
            measure_variant(photo, choice, each, format_panel_letter(first + i), taken)
            for i, (choice, each, taken) in enumerate(zip(choices.choices, results, seconds, strict=True))
        ]
    plain = {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "inputs": [
            {"name": format_path(Path(path.name)), "sha256": photo.digest}
            for path, (photo, _) in zip(photos, found, strict=True)
        ],
        "recipes": [asdict(choice.recipe) for choice in choices.choices],
    }
    record = {**plain, "style": asdict(style), "variants": [asdict(each) for each in numbers]}
    figure = draw(found, numbers, choices, style, figure_format, times=times, description=plain)
    return Result(figure, tuple(numbers), record)


def draw(
    found: Sequence[tuple[Photo, tuple[Segmentation, ...]]],
    numbers: Sequence[VariantMetrics],
    choices: Choices,
    style: ComparisonStyle,
    figure_format: FigureFormat,
    *,
    times: bool,
    description: dict[str, Any],
) -> bytes:
    """Return the figure of photos and their variants as the content of a file."""
    names = [Path(photo.name) for photo, _ in found]
    metadata = {
        "Software": f"segmenter {__version__}",
        "Title": ", ".join(format_path(Path(name.name)) for name in names),
        "Description": json.dumps(description, ensure_ascii=True),
    }
    with silence_matplotlib():
        from segmenter.render.comparison_figure import (  # matplotlib takes half a second
            Comparison,
            Variant,
            draw_comparison_figure,
        )
        from segmenter.render.encoding import encode_figure

        key = lightness_palette(max(n_alike(results) for _, results in found))
        told = iter(numbers)
        comparisons = [
            Comparison(
                name.stem,
                to_display_rgb(photo.pixels),
                tuple(
                    Variant(
                        choice.title, next(told).parts(times=times), each.labels, colors, each.hierarchy is not None
                    )
                    for choice, each, colors in zip(choices.choices, results, alike_colors(results, key), strict=True)
                ),
            )
            for name, (photo, results) in zip(names, found, strict=True)
        ]
        figure = draw_comparison_figure(
            comparisons, style, n_across=choices.n_across, key=None if style.boundaries else key
        )
        return encode_figure(figure, figure_format, metadata=metadata)


def check_crop(photo: Photo, crop: tuple[int, int, int, int] | None) -> None:
    """Raise CropError where the part to enlarge is not inside of a photo."""
    height, width = photo.pixels.shape[:2]
    if crop is not None and (crop[0] + crop[2] > width or crop[1] + crop[3] > height):
        raise CropError(photo.name, crop, width, height)


def timed(photo: Photo, recipe: AnyRecipe) -> tuple[Segmentation, float]:
    """Return the segments of a photo, and the seconds that it took."""
    started = time.perf_counter()
    return segment_photo(photo, recipe), time.perf_counter() - started


# ---- colors --------------------------------------------------------------------------------------------------------


def n_alike(results: Sequence[Segmentation]) -> int:
    """Return the most segments that a variant of a photo has, regions left out."""
    return max((found.n_labels for found in results if found.hierarchy is None), default=0)


def alike_colors(results: Sequence[Segmentation], key: Bytes) -> list[Bytes]:
    """Return colors (K, 3) for the segments of each variant of a photo.

    Segments of mixtures have the color of that segment of the variant with the most of them which they overlap the
    most, one to one. Regions have their mean colors.

    Parameters
    ----------
    results : sequence of Segmentation
    key : ndarray of shape (at least the most segments of a mixture, 3), uint8
        The colors of segments 1, 2, … of that variant.
    """
    mixtures = [found for found in results if found.hierarchy is None]
    reference = max(mixtures, key=lambda found: found.n_labels, default=None)
    return [
        get_mean_colors(found.segments)
        if reference is None or found.hierarchy is not None
        else key[partners(found.labels, reference.labels, found.n_labels, reference.n_labels)]
        for found in results
    ]


def partners(labels: Labels, reference: Labels, n: int, n_reference: int) -> Any:
    """Return the index of the reference's segment that each segment goes with, (n,), for the largest overlap of all."""
    if labels is reference:
        return np.arange(n)
    from scipy.optimize import linear_sum_assignment

    overlap = np.zeros((n + 1, n_reference + 1))
    found = contingency(labels, reference)
    overlap[: found.shape[0], : found.shape[1]] = found
    return linear_sum_assignment(overlap[1:, 1:], maximize=True)[1]
