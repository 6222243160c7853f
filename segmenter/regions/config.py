"""The options of regions: plain values, without NumPy, so that the command line can import them at no cost."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

MergeCost: TypeAlias = Literal["heuristic", "learned"]
Scale: TypeAlias = Literal["coarse", "medium", "fine"]

MERGE_COSTS: tuple[MergeCost, ...] = get_args(MergeCost)
SCALES: tuple[Scale, ...] = get_args(Scale)

FORMER_MERGE_COSTS: dict[object, MergeCost] = {"hand": "heuristic", "fitted": "learned"}
"""Names of earlier versions, which are still read and accepted, but not shown."""

HEIGHTS: dict[MergeCost, dict[Scale, float]] = {
    "heuristic": {"coarse": 0.54, "medium": 0.39, "fine": 0.31},
    "learned": {"coarse": 0.68, "medium": 0.46, "fine": 0.34},
}
"""The height of each named scale, in the unit of the cost: heights of `learned` are probabilities.

Chosen on BSDS500 train: medium has the largest covering of the annotations, as have the three together."""

OTHER_SCALES: tuple[Scale, ...] = tuple(scale for scale in SCALES if scale != "medium")
