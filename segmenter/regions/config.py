"""The options of regions. This module does not import NumPy, so the command line can load it quickly."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

MergeCost: TypeAlias = Literal["heuristic", "learned"]
Scale: TypeAlias = Literal["coarse", "medium", "fine"]

MERGE_COSTS: tuple[MergeCost, ...] = get_args(MergeCost)
SCALES: tuple[Scale, ...] = get_args(Scale)

FORMER_MERGE_COSTS: dict[object, MergeCost] = {"hand": "heuristic", "fitted": "learned"}
"""Names used by earlier versions; they are still accepted, in options and in files, but not shown."""

HEIGHTS: dict[MergeCost, dict[Scale, float]] = {
    "heuristic": {"coarse": 0.54, "medium": 0.39, "fine": 0.31},
    "learned": {"coarse": 0.68, "medium": 0.46, "fine": 0.34},
}
"""The height of each named scale, in the unit of the cost; with `learned`, heights are probabilities.

Chosen on BSDS500 train: medium maximizes the covering of the annotations, and so do the three together."""

OTHER_SCALES: tuple[Scale, ...] = tuple(scale for scale in SCALES if scale != "medium")
