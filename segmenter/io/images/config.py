"""The value range: which stored values are black and which are white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, SupportsFloat, TypeAlias, get_args

from segmenter.errors import InvalidArgumentError

ScaleRule: TypeAlias = Literal["auto", "full", "percentile"]
SCALE_RULES: tuple[ScaleRule, ...] = get_args(ScaleRule)

ScaleRange: TypeAlias = ScaleRule | tuple[float, float]
"""How the value range of a picture is chosen: by a rule, or LOW and HIGH themselves. See `value_range`."""


ValueKind: TypeAlias = Literal["8-bit", "integer", "float"]
"""What stored values are: unsigned integers of 8 bits, other integers, or floats."""


@dataclass(frozen=True, kw_only=True)
class ValueRange:
    """The stored values that become black and white; those in between are scaled linearly, those beyond are clipped."""

    rule: Literal["auto", "full", "percentile", "given"]
    kind: ValueKind  # of the stored values
    low: float | tuple[float, ...]  # black, in the unit of the stored values; one for each band if bands are no colors
    high: float | tuple[float, ...]  # white
    clipped: float = 0.0  # share of the pixels that have a value beyond the range, 0 to 1; estimated in large pictures


def check_scale_range(value: Any) -> ScaleRange:
    """Return a rule, or LOW and HIGH as Python floats; raise InvalidArgumentError for anything else."""
    if isinstance(value, str) and value in SCALE_RULES:
        return value
    expected = f"give {', '.join(SCALE_RULES)} or a pair of numbers such as (0, 4095)"
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise InvalidArgumentError("scale_range", f"is {value!r}; {expected}")
    low, high = value
    if not all(isinstance(end, SupportsFloat) and not isinstance(end, bool | str) for end in value):
        raise InvalidArgumentError("scale_range", f"is {value!r}; {expected}")
    if not (math.isfinite(float(low)) and math.isfinite(float(high)) and float(low) < float(high)):
        raise InvalidArgumentError("scale_range", f"is {float(low):g},{float(high):g}; {expected}")
    return float(low), float(high)


def is_made_by(value_range: ValueRange | None, scale_range: ScaleRange) -> bool:
    """Return whether a range was chosen as asked; None is that of an 8-bit picture which uses 0…255."""
    if value_range is None:
        return scale_range in ("auto", "full")
    if isinstance(scale_range, str):
        return value_range.rule == scale_range
    return value_range.rule == "given" and (value_range.low, value_range.high) == scale_range
