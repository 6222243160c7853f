"""The terminal behind standard error: the colors it can show, its size, and segments drawn on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from segmenter.cli.progress import has_terminal

if TYPE_CHECKING:
    from segmenter.render.terminal import ColorDepth
    from segmenter.segmentation.result import Segmentation

INDENT = "  "
MAX_WIDTH = 80
DEFAULT_SIZE = os.terminal_size((80, 24))
MIN_SIDE = 5
"""Fewer columns or lines than this are not believed, as some terminals report 0."""


def get_color_depth() -> ColorDepth | None:
    """Return the bits of color that standard error shows; None if it shows none, or ``NO_COLOR`` is set."""
    if not has_terminal() or os.environ.get("NO_COLOR"):
        return None
    return 24 if os.environ.get("COLORTERM") in ("truecolor", "24bit") else 8


def show_segments(segmentation: Segmentation, depth: ColorDepth, *, picture: bool) -> None:
    """Print the colors and shares of the segments and, if `picture`, the segments themselves."""
    from segmenter.workflows.segment.terminal import palette_lines, picture_lines

    size = get_terminal_size()
    width = min(MAX_WIDTH, size.columns) - len(INDENT)
    print_colored([INDENT + line for line in palette_lines(segmentation, width, depth)])
    if picture:
        height = max(4, size.lines - 4)
        print_colored([INDENT + line for line in picture_lines(segmentation, width, height, depth)])


def get_terminal_size() -> os.terminal_size:
    """Return columns and lines of the terminal behind standard error."""
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        return DEFAULT_SIZE
    return size if min(size) >= MIN_SIDE else DEFAULT_SIZE


def print_colored(lines: Sequence[str]) -> None:
    """Print lines that contain escape sequences on standard error; ignore a stream that is closed or full."""
    with suppress(OSError):
        click.echo("\n".join(lines), err=True, color=True)
