"""How much of the machine a command may take: processes and memory, as options."""

from __future__ import annotations

import re
from typing import Any, Literal

import click

from segmenter.cli.options import count_cores

LEAST_MEMORY = 250_000_000
"""Of a worker, bytes: what its libraries take, and a small photo with its figure."""


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
            self.fail(f"{value!r} is less than a worker needs, which is {self.least // 1_000_000}M.", param, ctx)
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
