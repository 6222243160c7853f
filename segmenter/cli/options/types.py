"""What options take: numbers, sizes and names, checked as they are typed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click

from segmenter.errors import InvalidArgumentError
from segmenter.io.files.remote import RemotePath, to_path
from segmenter.regions.config import SCALES, Scale
from segmenter.segmentation.recipe import scale_of

AnyScale: TypeAlias = Scale | float | Literal["all"]


class FilePath(click.Path):
    """A path, or an address such as s3://bucket/photo.jpg."""

    def coerce_path_result(self, value: Any) -> Any:
        """Return it as a path that knows what it is."""
        return to_path(os.fspath(value))


PATH = FilePath(path_type=Path, readable=False)
"""A path as it was typed. What cannot be read is told where it is opened: of several photos the others are done."""


class LocalPath(FilePath):
    """A path of commands that work on many small files, which would be fetched one by one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail where it is on another machine."""
        path = super().convert(value, param, ctx)
        if isinstance(path, RemotePath):
            self.fail(f"{path} is on another machine; copy it to this one first.", param, ctx)
        return path


LOCAL_PATH = LocalPath(path_type=Path, readable=False)

LEAST_MEMORY = 250_000_000
"""Of a worker, bytes: what its libraries take, and a small photo with its figure."""


def count_cores() -> int:
    """Return how many cores may be used."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CountOrAuto(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has none
    """A whole number from 1, or ``auto``."""

    name = "number or auto"

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        """Return what was typed, or fail with what could have been."""
        if value == "auto":
            return "auto"
        try:
            return int(click.IntRange(1, self.most).convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither a whole number from 1 to {self.most} nor auto.", param, ctx)


class ScaleOrNumber(click.ParamType):  # type: ignore[type-arg]
    """The name of a scale, a height, or ``all``."""

    name = "scale or number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AnyScale:
        """Return what was typed, or fail with what could have been."""
        try:
            return "all" if value == "all" else scale_of(value if value in SCALES else float(value))
        except (InvalidArgumentError, ValueError):
            self.fail(f"{value!r} is neither {', '.join(SCALES)}, all nor a number from 0.", param, ctx)


class Jobs(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has none
    """A whole number, or ``auto``."""

    name = "number or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return a number of processes; of auto that of the cores that may be used."""
        if value == "auto":
            return count_cores()
        try:
            return int(click.IntRange(1, 1024).convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither a whole number from 1 to 1024 nor auto.", param, ctx)


class MemorySize(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes such as 800M or 1.5G, or ``auto``."""

    name = "size or auto"

    def __init__(self, least: int = LEAST_MEMORY) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        """Return the bytes."""
        if value == "auto":
            return "auto"
        match = re.fullmatch(r"(\d+(?:\.\d*)?)([KMGT]?)B?", value.strip(), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is neither a size such as 800M or 2G nor auto.", param, ctx)
        size = int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))
        if size < self.least:
            least = f"{self.least // 1_000_000}M" if self.least >= 1_000_000 else str(self.least)
            self.fail(f"{value!r} is too little; give at least {least}.", param, ctx)
        return size


class Bands(click.ParamType):  # type: ignore[type-arg]
    """Numbers of bands such as 4,3,2."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"\s*[1-9]\d{0,4}\s*(,\s*[1-9]\d{0,4}\s*)*", value):
            self.fail(f"{value!r} is no list of bands from 1, such as 4,3,2.", param, ctx)
        bands = tuple(int(band) for band in value.split(","))
        if len(set(bands)) < len(bands):
            self.fail(f"{value!r} holds a band twice.", param, ctx)
        return bands
