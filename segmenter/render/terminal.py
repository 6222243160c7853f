"""Pictures and colors as lines of text for a terminal: ANSI escape sequences and half-block characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import numpy as np

from segmenter.arrays import Bytes
from segmenter.render.palette import needs_dark_text

ColorDepth: TypeAlias = Literal[8, 24]
"""Bits per color: 8 for the 256 colors that all terminals share, 24 for any color."""

RESET: Final = "\x1b[0m"
UPPER_HALF, LOWER_HALF = "▀", "▄"

_LEVELS: Final = np.array([0, 95, 135, 175, 215, 255])  # of red, green and blue in colors 16 to 231
_TABLE: Final = np.concatenate(
    [
        np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij"), axis=-1).reshape(-1, 3),
        np.arange(8, 239, 10)[:, None].repeat(3, 1),
    ]
)  # (240, 3), colors 16 to 255


def format_swatches(colors: Bytes, texts: Sequence[str], width: int, depth: ColorDepth = 24) -> list[str]:
    """Return texts next to each other, each on a background of its color, wrapped to a width.

    Parameters
    ----------
    colors : ndarray of shape (K, 3), uint8 sRGB
    texts : sequence of K str
        Written in black or white, whichever is more legible.
    width : int
        Characters per line; a line holds at least one swatch.
    depth : {8, 24}

    Returns
    -------
    list of str
    """
    longest = max(map(len, texts), default=0)
    n_columns = max(1, (width + 1) // (longest + 3))
    cells = []
    for color, text in zip(colors, texts, strict=True):
        style = _format_background(color, depth) + _format_foreground(choose_text_color(color), depth)
        cells.append(f"{style} {text:{longest}} {RESET}")
    return [" ".join(cells[start : start + n_columns]) for start in range(0, len(cells), n_columns)]


def choose_text_color(color: Bytes) -> Bytes:
    """Return black or white, shape (3,): the one with the higher contrast (WCAG 2.2) on a color."""
    return np.full(3, 0 if needs_dark_text(color) else 255, np.uint8)


def format_half_blocks(pixels: Bytes, depth: ColorDepth = 24) -> list[str]:
    """Return a picture as lines of text in which a character shows two pixels, one above the other.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, 4), uint8
        sRGB and opacity; pixels that are less than half opaque show the background of the terminal, and so does the
        lower half of the last line if H is odd.
    depth : {8, 24}

    Returns
    -------
    list of ceil(H / 2) str
        Each of W characters, not counting escape sequences.
    """
    padded = np.concatenate([pixels, np.zeros((pixels.shape[0] % 2, *pixels.shape[1:]), np.uint8)])
    return [
        "".join(_format_half_block_line(upper, lower, depth)) + RESET
        for upper, lower in zip(padded[::2], padded[1::2], strict=True)
    ]


def _format_half_block_line(upper: Bytes, lower: Bytes, depth: ColorDepth) -> list[str]:
    """Return the characters of a line, with an escape sequence only where the colors change."""
    parts, previous = [], ""
    for above, below in zip(upper, lower, strict=True):
        is_above_opaque, is_below_opaque = above[3] > 127, below[3] > 127
        if is_above_opaque and is_below_opaque:
            style = _format_foreground(above[:3], depth) + _format_background(below[:3], depth)
            character = UPPER_HALF
        elif is_above_opaque:
            style, character = RESET + _format_foreground(above[:3], depth), UPPER_HALF
        elif is_below_opaque:
            style, character = RESET + _format_foreground(below[:3], depth), LOWER_HALF
        else:
            style, character = RESET, " "
        parts.append(character if style == previous else style + character)
        previous = style
    return parts


def _format_foreground(color: Bytes, depth: ColorDepth) -> str:
    """Return the escape sequence that sets the color of text."""
    return f"\x1b[38;{_format_code(color, depth)}m"


def _format_background(color: Bytes, depth: ColorDepth) -> str:
    """Return the escape sequence that sets the color behind text."""
    return f"\x1b[48;{_format_code(color, depth)}m"


def _format_code(color: Bytes, depth: ColorDepth) -> str:
    """Return the parameters of an escape sequence for a color, or with 8 bits for the nearest one of 240."""
    if depth == 24:
        return "2;{};{};{}".format(*color)
    distances = ((_TABLE - color.astype(int)) ** 2).sum(axis=1)
    return f"5;{16 + int(distances.argmin())}"
