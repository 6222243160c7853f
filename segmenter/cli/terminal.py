"""The terminal that people look at: whether it shows colors, and how large it is."""

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
FALLBACK = os.terminal_size((80, 24))


def color_depth() -> ColorDepth | None:
    """Return the bits of the colors that standard error shows; None where it shows none, or shall not."""
    if not has_terminal() or os.environ.get("NO_COLOR"):
        return None
    return 24 if os.environ.get("COLORTERM") in ("truecolor", "24bit") else 8


def show_segments(segmentation: Segmentation, depth: ColorDepth, *, picture: bool) -> None:
    """Print the colors of the segments with their shares and, where asked for, the segments themselves."""
    from segmenter.workflows.segment.terminal import palette_lines, picture_lines

    size = terminal_size()
    width = min(MAX_WIDTH, size.columns) - len(INDENT)
    print_lines([INDENT + line for line in palette_lines(segmentation, width, depth)])
    if picture:
        print_lines([INDENT + line for line in picture_lines(segmentation, width, max(4, size.lines - 4), depth)])


def terminal_size() -> os.terminal_size:
    """Return columns and lines of the terminal behind standard error."""
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        return FALLBACK
    return size if min(size) > 4 else FALLBACK  # some tell 0


def print_lines(lines: Sequence[str]) -> None:
    """Print lines that hold escape sequences, on standard error; nobody need be there to read it."""
    with suppress(OSError):
        click.echo("\n".join(lines), err=True, color=True)
