"""Scores of label images against truths: per photo, as a summary of all photos, and as plain values and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmenter._version import __version__
from segmenter.io.images.photo import MAX_PIXELS
from segmenter.io.tables.cells import encode_csv
from segmenter.metrics.boundaries import TOLERANCE, BoundaryCounts, summarize_boundaries
from segmenter.metrics.partitions import PhotoScore, summarize_partitions
from segmenter.workflows.evaluate.pairing import Pair, Pairing
from segmenter.workflows.segment.outputs import format_path

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""

N_SCALES = 25
"""Number of heights at which a hierarchy is cut."""

REGION_MEASURES = ("covering", "rand_index", "variation_of_information", "adjusted_rand_index", "under_segmentation")
BOUNDARY_MEASURES = ("boundary_precision", "boundary_recall", "boundary_f")
LOWER_IS_BETTER = frozenset({"variation_of_information", "under_segmentation"})


@dataclass(frozen=True)
class EvaluationConfig:
    """What to measure, and how to read the files."""

    boundaries: bool = True
    n_scales: int = N_SCALES  # cuts of a hierarchy, at least 1
    ignore: int | None = None  # value of unlabeled pixels in the truth; None = every number is a region
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, eq=False)
class PhotoEvaluation:
    """The measurements of one photo, at T scales."""

    name: str
    size: tuple[int, int]  # height, width
    n_regions: tuple[int, ...]  # (T,)
    heights: tuple[float, ...] | None  # (T,), the cuts of a hierarchy; None = label images
    score: PhotoScore
    boundaries: tuple[BoundaryCounts, ...] | None  # (T,); None = not measured
    people: tuple[PhotoEvaluation, ...] = ()  # the same against each of several people


def compute_measures(photo: PhotoEvaluation, scale: int) -> dict[str, float]:
    """Return all measures of a photo at one scale, by name."""
    score = photo.score
    values = {
        "covering": float(score.covered[scale]) / max(score.total, 1),
        "rand_index": float(score.rand_index[scale]),
        "variation_of_information": float(score.variation[scale]),
        "adjusted_rand_index": float(score.adjusted_rand[scale]),
        "under_segmentation": float(score.under_segmentation[scale]),
    }
    return values if photo.boundaries is None else values | name_boundary_measures(photo.boundaries[scale])


def compute_best_measures(photo: PhotoEvaluation) -> dict[str, float]:
    """Return each measure of a photo at the scale where it is best, and all boundary measures where F is best."""
    scales = [compute_measures(photo, t) for t in range(len(photo.n_regions))]
    best = {name: min if name in LOWER_IS_BETTER else max for name in REGION_MEASURES}
    values = {name: choose(scale[name] for scale in scales) for name, choose in best.items()}
    if photo.boundaries is None:
        return values
    return values | name_boundary_measures(max(photo.boundaries, key=lambda counts: counts.f))


def name_boundary_measures(counts: BoundaryCounts) -> dict[str, float]:
    """Return precision, recall and F by name."""
    return dict(zip(BOUNDARY_MEASURES, (counts.precision, counts.recall, counts.f), strict=True))


def summarize_measures(photos: Sequence[PhotoEvaluation]) -> dict[str, Any]:
    """Return the measures of all photos at the best common scale (ODS) and at the best scale of each photo (OIS)."""
    scores = summarize_partitions([photo.score for photo in photos])
    summary: dict[str, Any] = {
        kind: {
            "covering": getattr(scores, f"covering_{kind}"),
            "rand_index": getattr(scores, f"rand_index_{kind}"),
            "variation_of_information": getattr(scores, f"variation_{kind}"),
            "adjusted_rand_index": getattr(scores, f"adjusted_rand_{kind}"),
            "under_segmentation": getattr(scores, f"under_segmentation_{kind}"),
        }
        for kind in ("ods", "ois")
    }
    summary |= {"best_covering": scores.covering_best, "covering_scale": scores.covering_scale + 1}
    counts = [photo.boundaries for photo in photos if photo.boundaries is not None]
    if len(counts) == len(photos):
        boundaries = summarize_boundaries(counts)
        summary["ods"] |= name_boundary_measures(boundaries.ods)
        summary["ois"] |= name_boundary_measures(boundaries.ois)
        summary |= {"boundary_scale": boundaries.scale + 1, "average_precision": boundaries.average_precision}
    return summary


def describe_evaluation(
    photos: Sequence[PhotoEvaluation], pairing: Pairing, config: EvaluationConfig
) -> dict[str, Any]:
    """Return all measurements as plain values; scales are numbered from 1."""
    return {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "tolerance": TOLERANCE if config.boundaries else None,
        "ignored_label": config.ignore,
        "n_scales": len(photos[0].n_regions),
        "heights": photos[0].heights,
        "summary": summarize_measures(photos),
        "without_truth": list(pairing.without_truth),
        "without_labels": list(pairing.without_labels),
        "photos": [describe_photo(photo, pair) for photo, pair in zip(photos, pairing.pairs, strict=True)],
    }


def describe_photo(photo: PhotoEvaluation, pair: Pair) -> dict[str, Any]:
    """Return the measurements of one photo as plain values."""
    height, width = photo.size
    return {
        "name": photo.name,
        "labels": format_path(pair.labels),
        "truth": [format_path(path) for path in pair.truths],
        "width": width,
        "height": height,
        "scales": describe_scales(photo),
        **({"people": [describe_scales(person) for person in photo.people]} if photo.people else {}),
    }


def describe_scales(photo: PhotoEvaluation) -> list[Mapping[str, float]]:
    """Return the number of regions and all measures at each scale."""
    return [{"n_regions": n, **compute_measures(photo, t)} for t, n in enumerate(photo.n_regions)]


def encode_scores(photos: Sequence[PhotoEvaluation]) -> bytes:
    """Return a CSV table with one row per photo and scale."""
    rows: list[list[Any]] = [["photo", "scale", "height", "regions", *compute_measures(photos[0], 0)]]
    for photo in photos:
        for t, n in enumerate(photo.n_regions):
            cut = "" if photo.heights is None else f"{photo.heights[t]:.6g}"
            values = [f"{value:.6f}" for value in compute_measures(photo, t).values()]
            rows.append([format_path(Path(photo.name)), t + 1, cut, n, *values])
    return encode_csv(rows)
