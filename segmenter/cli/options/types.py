"""Types of option values: they parse what was typed, or fail with what is expected."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click

from segmenter.errors import InvalidArgumentError, printable
from segmenter.io.files.remote import RemotePath, to_path
from segmenter.io.images.config import SCALE_RULES, ScaleRange, check_scale_range
from segmenter.regions.config import MERGE_COSTS, SCALES, Scale
from segmenter.segmentation.recipe import check_scale, update_merge_cost

AnyScale: TypeAlias = Scale | float | Literal["all"]

STREAM = Path("-")
"""Standard input or output, given as a path."""

MAX_JOBS = 1024

MAX_TIMEOUT = 1e6
"""Seconds, eleven days; the clocks of the operating system overflow far above."""

MIN_JOB_MEMORY = 250_000_000
"""Bytes that a worker needs for its libraries and for a small photo with its figure."""


# ---- paths ---------------------------------------------------------------------------------------------------------


class FilePath(click.Path):
    """A path, or an address such as s3://bucket/photo.jpg."""

    def coerce_path_result(self, value: Any) -> Any:
        """Return a `Path`, or for an address a `RemotePath`."""
        return to_path(os.fspath(value))


class LocalPath(FilePath):
    """A path for commands that read many small files, too slow to fetch one by one; an address is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail if it is an address."""
        path = super().convert(value, param, ctx)
        if isinstance(path, RemotePath):
            self.fail(f"{path} is on another machine; copy it to this one first.", param, ctx)
        return path


PATH = FilePath(path_type=Path, readable=False)
"""Not checked for existence: an unreadable file fails where it is opened, so that other photos are still processed."""

LOCAL_PATH = LocalPath(path_type=Path, readable=False)


def check_extension(path: Path, extensions: Sequence[str], option_name: str) -> str:
    """Return the extension of a file, in lower case without the dot; raise UsageError if it is not an expected one."""
    extension = path.suffix.lower()
    if extension not in extensions:
        expected = f"{', '.join(extensions[:-1])} or {extensions[-1]}"
        raise click.UsageError(f"{option_name} {printable(str(path))}: the name must end in {expected}")
    return extension[1:]


# ---- numbers -------------------------------------------------------------------------------------------------------


class CountOrAuto(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has none
    """A whole number from 1, or ``auto``."""

    name = "number or auto"

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        """Return the number, or "auto"."""
        if value == "auto":
            return "auto"
        try:
            return int(click.IntRange(1, self.maximum).convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither a whole number from 1 to {self.maximum} nor auto.", param, ctx)


class PositiveNumber(click.ParamType):  # type: ignore[type-arg]
    """A number above 0, up to a maximum; NaN and infinity are refused."""

    name = "number"

    def __init__(self, maximum: float = 1e300) -> None:
        self.maximum = maximum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(click.FLOAT.convert(value, param, ctx))
        if not 0 < number <= self.maximum:
            limit = "" if self.maximum == 1e300 else f" of at most {self.maximum:,.0f}"
            self.fail(f"{value!r} is not a positive number{limit}.", param, ctx)
        return number


class MergeCostChoice(click.Choice):  # type: ignore[type-arg]  # click 8.1 has none
    """A merge cost; the names of earlier versions are accepted, but not shown."""

    def __init__(self) -> None:
        super().__init__(MERGE_COSTS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the present name of the cost."""
        return super().convert(update_merge_cost(value), param, ctx)


class Jobs(CountOrAuto):
    """A number of processes, or ``auto``."""

    def __init__(self) -> None:
        super().__init__(MAX_JOBS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; for "auto", that of the available cores."""
        count = super().convert(value, param, ctx)
        return count_cores() if count == "auto" else count


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ScaleOrNumber(click.ParamType):  # type: ignore[type-arg]
    """The name of a scale, a merge height, or ``all``."""

    name = "scale or number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AnyScale:
        """Return the name of the scale, or the height."""
        try:
            return "all" if value == "all" else check_scale(value if value in SCALES else float(value))
        except (InvalidArgumentError, ValueError):
            self.fail(f"{value!r} is not one of {', '.join(SCALES)}, all, or a number from 0.", param, ctx)


class MemorySize(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes such as 800M or 1.5G, or ``auto``."""

    name = "size or auto"

    def __init__(self, minimum: int = MIN_JOB_MEMORY) -> None:
        self.minimum = minimum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        """Return the number of bytes, or "auto"."""
        if value == "auto":
            return "auto"
        match = re.fullmatch(r"(\d+(?:\.\d*)?)([KMGT]?)B?", value.strip(), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is neither a size such as 800M or 2G nor auto.", param, ctx)
        size = int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))
        if size < self.minimum:
            minimum = f"{self.minimum // 1_000_000}M" if self.minimum >= 1_000_000 else str(self.minimum)
            self.fail(f"{value!r} is too little; give at least {minimum}.", param, ctx)
        return size


class Bands(click.ParamType):  # type: ignore[type-arg]
    """Numbers of bands such as 4,3,2."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers of the bands, from 1."""
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"\s*[1-9]\d{0,4}\s*(,\s*[1-9]\d{0,4}\s*)*", value):
            self.fail(f"{value!r} is not a list of band numbers from 1, such as 4,3,2.", param, ctx)
        bands = tuple(int(band) for band in value.split(","))
        if len(set(bands)) < len(bands):
            self.fail(f"{value!r} names a band twice.", param, ctx)
        return bands


class ScaleRangeType(click.ParamType):  # type: ignore[type-arg]
    """A rule of the value range, or its two ends."""

    name = "rule or LOW,HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ScaleRange:
        """Return the rule, or LOW and HIGH."""
        try:
            is_rule = value in SCALE_RULES or not isinstance(value, str)
            return check_scale_range(value if is_rule else [float(end) for end in value.split(",")])
        except (InvalidArgumentError, ValueError):
            self.fail(f"{value!r} is neither {', '.join(SCALE_RULES)} nor LOW,HIGH such as 0,4095.", param, ctx)


class CommaSeparated(click.ParamType):  # type: ignore[type-arg]
    """Several values of one type, separated by commas."""

    name = "values"

    def __init__(self, item: click.ParamType) -> None:  # type: ignore[type-arg]
        self.item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Return the values in the order given, without repetitions."""
        if isinstance(value, tuple):
            return value
        items = [item.strip() for item in value.split(",")]
        return tuple(dict.fromkeys(self.item.convert(item, param, ctx) for item in items))


# ---- figures -------------------------------------------------------------------------------------------------------

PAGE_WIDTHS = {
    "single": 89.0,
    "one-and-a-half": 120.0,
    "double": 183.0,
    "nature-single": 89.0,
    "nature-double": 183.0,
    "science-single": 57.0,
    "science-double": 121.0,
    "pnas-single": 87.0,
    "pnas-double": 178.0,
    "ieee-single": 88.9,
    "ieee-double": 181.8,
    "elsevier-single": 90.0,
    "elsevier-one-and-a-half": 140.0,
    "elsevier-double": 190.0,
    "a4": 170.0,
    "slide": 338.0,
}
"""Widths of columns and pages, in mm."""

MM_PER_UNIT = {"": 1.0, "mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72}


class Width(click.ParamType):  # type: ignore[type-arg]
    """A length, or the name of a column or page."""

    name = "width"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the width in millimetres."""
        if value in PAGE_WIDTHS:
            return PAGE_WIDTHS[value]
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(|mm|cm|in|pt)", str(value).strip())
        if not match:
            names = ", ".join(PAGE_WIDTHS)
            self.fail(f"{value!r} is neither a length such as 120mm or 3.5in nor one of {names}.", param, ctx)
        return float(match[1]) * MM_PER_UNIT[match[2]]


class Box(click.ParamType):  # type: ignore[type-arg]
    """A rectangle of a photo: X,Y,W,H in pixels."""

    name = "X,Y,W,H"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """Return left, top, width and height."""
        match = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", str(value).replace(" ", ""))
        if not match or not (int(match[3]) and int(match[4])):
            expected = "a rectangle such as 100,50,64,48 (left, top, width, height)"
            self.fail(f"{value!r} is not {expected}.", param, ctx)
        return int(match[1]), int(match[2]), int(match[3]), int(match[4])
