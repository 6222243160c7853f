"""The options of regions: plain values, without NumPy, so that a command line can know them at no cost."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

MergeCost: TypeAlias = Literal["hand", "fitted"]
Scale: TypeAlias = Literal["coarse", "medium", "fine"]

MERGE_COSTS: tuple[MergeCost, ...] = get_args(MergeCost)
SCALES: tuple[Scale, ...] = get_args(Scale)

HEIGHTS: dict[MergeCost, dict[Scale, float]] = {
    "hand": {"coarse": 0.54, "medium": 0.39, "fine": 0.31},
    "fitted": {"coarse": 0.68, "medium": 0.46, "fine": 0.34},
}
"""The heights that scales are names of, in the unit of the cost: those of `fitted` are probabilities.

Chosen on BSDS500 train: medium covers the most of what people drew, and the three cover the most together."""

OTHER_SCALES: tuple[Scale, ...] = tuple(scale for scale in SCALES if scale != "medium")
