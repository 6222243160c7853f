"""The options of regions: plain values, without NumPy, so that a command line can know them at no cost."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

MergeCost: TypeAlias = Literal["hand", "fitted"]
Scale: TypeAlias = Literal["coarse", "medium", "fine"]

MERGE_COSTS: tuple[MergeCost, ...] = get_args(MergeCost)
SCALES: tuple[Scale, ...] = get_args(Scale)

HEIGHTS: dict[MergeCost, dict[Scale, float]] = {
    "hand": {"coarse": 0.50, "medium": 0.38, "fine": 0.28},
    "fitted": {"coarse": 0.66, "medium": 0.51, "fine": 0.33},
}
"""The heights that scales are names of, in the unit of the cost: those of `fitted` are probabilities."""

OTHER_SCALES: tuple[Scale, ...] = tuple(scale for scale in SCALES if scale != "medium")
