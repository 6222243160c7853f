"""Pictures and colors as lines of text for a terminal: ANSI escape sequences and half blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import numpy as np

from segmenter.arrays import Bytes

ColorDepth: TypeAlias = Literal[8, 24]
"""Bits of a color: one of 256 that all terminals share, or any."""

RESET: Final = "\x1b[0m"
UPPER, LOWER = "▀", "▄"

_CUBE: Final = np.array([0, 95, 135, 175, 215, 255])  # levels of colors 16 to 231
_TABLE: Final = np.concatenate(
    [
        np.stack(np.meshgrid(_CUBE, _CUBE, _CUBE, indexing="ij"), axis=-1).reshape(-1, 3),
        np.arange(8, 239, 10)[:, None].repeat(3, 1),
    ]
)  # (240, 3), colors 16 to 255


def format_swatches(colors: Bytes, texts: Sequence[str], width: int, depth: ColorDepth = 24) -> list[str]:
    """Return texts side by side, each on its color, in as many lines as they need.

    Parameters
    ----------
    colors : ndarray of shape (K, 3), uint8 sRGB
    texts : sequence of K str
        Written in black or white, whichever can be read.
    width : int
        Characters that fit a line; one swatch fits any.
    depth : {8, 24}
    """
    longest = max(map(len, texts), default=0)
    n_columns = max(1, (width + 1) // (longest + 3))
    cells = [
        f"{_ground(color, depth)}{_ink(choose_text_color(color), depth)} {text:{longest}} {RESET}"
        for color, text in zip(colors, texts, strict=True)
    ]
    return [" ".join(cells[start : start + n_columns]) for start in range(0, len(cells), n_columns)]


def choose_text_color(color: Bytes) -> Bytes:
    """Return black or white, whichever has the higher contrast (WCAG 2.2) on a color."""
    luminance = (color / 255) ** 2.2 @ (0.2126, 0.7152, 0.0722)
    return np.full(3, 0 if luminance > 0.18 else 255, np.uint8)


def format_half_blocks(pixels: Bytes, depth: ColorDepth = 24) -> list[str]:
    """Return a picture as lines: a character is two pixels, one above the other.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, 4), uint8
        sRGB and opacity; what is less than half opaque shows the terminal. An odd last row has nothing below it.
    depth : {8, 24}

    Returns
    -------
    list of ceil(H / 2) str
        W characters each, escape sequences not counted.
    """
    padded = np.concatenate([pixels, np.zeros((pixels.shape[0] % 2, *pixels.shape[1:]), np.uint8)])
    return [
        "".join(_half_blocks(upper, lower, depth)) + RESET
        for upper, lower in zip(padded[::2], padded[1::2], strict=True)
    ]


def _half_blocks(upper: Bytes, lower: Bytes, depth: ColorDepth) -> list[str]:
    """Return the characters of a line, with a sequence only where colors change."""
    words, before = [], ""
    for above, below in zip(upper, lower, strict=True):
        shows_above, shows_below = above[3] > 127, below[3] > 127
        if shows_above and shows_below:
            style, character = _ink(above[:3], depth) + _ground(below[:3], depth), UPPER
        elif shows_above or shows_below:
            style, character = (
                RESET + _ink((above if shows_above else below)[:3], depth),
                UPPER if shows_above else LOWER,
            )
        else:
            style, character = RESET, " "
        words.append(character if style == before else style + character)
        before = style
    return words


def _ink(color: Bytes, depth: ColorDepth) -> str:
    return f"\x1b[38;{_code(color, depth)}m"


def _ground(color: Bytes, depth: ColorDepth) -> str:
    return f"\x1b[48;{_code(color, depth)}m"


def _code(color: Bytes, depth: ColorDepth) -> str:
    """Return the parameters of a color; of 256 the nearest."""
    if depth == 24:
        return "2;{};{};{}".format(*color)
    distances = ((_TABLE - color.astype(int)) ** 2).sum(axis=1)
    return f"5;{16 + int(distances.argmin())}"
