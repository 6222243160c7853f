"""Colors for labels: one fixed table, so that a label has the same color in every picture.

The table was made once, outside this package; the tests check the result. Colors 1 to 7 are those of
Okabe and Ito, "Color Universal Design" (2008), without black, ordered so that the first two, three, ... are as
far apart as possible. Each further color is the one on a fine RGB grid that is farthest from all colors before
it: the greedy maximum of the smallest CIEDE2000 difference, taken over normal vision and over protanopia,
deuteranopia and tritanopia as simulated by Machado, Oliveira and Fernandes (2009, severity 1). From color 17 on,
differences under simulated vision count double, because such vision distinguishes colors in two dimensions only.
Near-black and near-white colors (lightness L* below 30 or above 90) are excluded, and glaring ones are excluded
from the first 32.

The smallest CIEDE2000 difference between two of the first n colors:

=====  =============  ================
    n  normal vision  simulated vision
=====  =============  ================
    2           52.2              52.0
    4           22.3              19.9
    8           21.7              10.8
   12           21.4              10.8
   16           14.1              10.8
   32           13.8               6.8
   64            9.9               4.8
  128            6.8               3.4
  255            5.0               2.4
=====  =============  ================
"""

from __future__ import annotations

from typing import Final

import numpy as np

from segmenter.arrays import Bytes
from segmenter.errors import InvalidArgumentError

_HEX: Final = """
56B4E9 D55E00 F0E442 0072B2 CC79A7 009E73 E69F00 5A414B D7E6CD 910A00 55694B B4197D B4E6EB B9BE82 C3A5A5
2D2DD7 8C78EB 787373 9B7D4B AFB9D2 1E5F69 BE1441 69878C 915000 695F8C EB6E78 69412D 8CEB7D 5AD7C3 D7C3AA
8200A5 379105 E6C8FF 9B32FF FFB9CD AA96C3 E105C3 A05F5F 87A08C 9B9646 8C0F46 FF87FF 284B64 7DB95F 6E7891
969696 1E7D5F B4D24B 695A2D 555A55 7896DC CD4B82 A073AA 8CB4B9 EBE1AF 69B98C B47D69 2D500A 00C81E 9B50A5
785F69 5A69D7 46A5AA 008CC8 FF8C5F AF5A3C 465578 B4D2E6 BE82FF 6E4696 BEB9B9 874655 7D7850 9B6E82 286E0A
004BBE B47332 37F09B 5A915F 504B5A B4911E EBA096 FFD7DC 05877D D25FBE C80F23 7300FA 463C87 91879B FF1964
A0F0DC 737D6E BEB9E6 55553C 911423 96917D E62DFF 23E6FF FFC869 554BE1 A0A0B9 CD96D7 B9BEAF 7DE6B9 D29B7D
B45F9B F5A0D2 91AA46 F57DAF D7BE6E 879187 73506E AAD787 145A46 875F28 FACDBE 9BAFFF 5582A0 5569A0 FF41D7
82057D 4BB9A5 41C3C8 B9D2D2 646E73 FA91A5 915AC3 9B193C 554637 C38C9B 73E100 C38C5F 961464 3C7841 9B4687
00B478 826455 D2AA6E 64918C CD3C50 D2A0B9 782D55 37FAC8 A5780A 5F5A5F 416478 9623D7 8C7D69 DCEB64 698C32
C8B946 C36973 7D6E50 4B7869 AF5A78 5555AA 373CAA 1EAA19 64A59B 3787FF 96F0FA B96E8C 5573FF 9B8746 557391
9B78D2 7D6E87 647D41 0F504B B49B82 BE37E1 8C6EAF FAAAF0 FFBE00 9B4132 C37DDC C3F091 8C8CC8 1ECD91 C378B9
EBBEE1 5519BE 735A3C A5785A AAA096 AA8282 D79650 826E2D EBD29B 7823C3 E1BEBE E6B49B F0D2E6 5A96A0 786E5F
41FF3C B40F5A 784B4B C39BEB BE9B6E B9417D D25F9B 28736E AA8CEB 9132A5 64CDEB 876969 AF9187 873719 7DB4AF
6991B9 325FF5 A03764 146E91 F5AAAF D21491 A5E169 918C55 8CF5AF AA6978 C87D73 C8A58C 91B99B 414B28 3C466E
C8AAC8 69375F A51E00 F5D27D 9B82AF 4682B9 EBDCFA BE8737 3CAAC8 B4DCD2 A0CDB9 873250 C8AA41 4B00EB 6E46C8
733723 78286E AAB414 BEB487 7D5FAF CDD2AA A08C73 8C3287 C3415F D2BEC3 46695F D21405 96CDD7 737D82 5F505A
"""
PALETTE: Final = bytes.fromhex(_HEX)  # 255 colors, three bytes each: sRGB red, green, blue
N_COLORS: Final = len(PALETTE) // 3
LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722])
"""Weights of linear red, green and blue in the relative luminance of sRGB."""

EQUAL_CONTRAST: Final = 0.18
"""Relative luminance of the color on which black and white text have the same contrast (WCAG 2.2)."""

DARKEST: Final = 30.0
"""L* of the darkest color of a lightness palette of many colors."""

LARGEST_STEP: Final = 14.0
"""Largest difference of L* between neighboring colors of a lightness palette; reached only if it has few colors."""


def palette(n_colors: int) -> Bytes:
    """Return the first colors of the table; ``palette(5)`` is the start of ``palette(9)``.

    Parameters
    ----------
    n_colors : int
        From 0 to 255. Label ``l`` has the color of row ``l - 1``; label 0 ("no label") has none.

    Returns
    -------
    ndarray of shape (n_colors, 3), uint8
        sRGB; a fresh array.

    Raises
    ------
    InvalidArgumentError
        If ``n_colors`` is negative or above 255.
    """
    if not 0 <= n_colors <= N_COLORS:
        raise InvalidArgumentError("n_colors", f"is {n_colors}; it must be from 0 to {N_COLORS}")
    return np.frombuffer(PALETTE, dtype=np.uint8).reshape(-1, 3)[:n_colors].copy()


def build_lightness_palette(n_colors: int, *, brightest: float = 90.0) -> Bytes:
    """Return the first n colors of the table from dark to bright, in even steps of lightness.

    Printed in gray, they are as distinct as n colors can be, and in the order of the labels; hues that look alike to a
    color-blind person still differ in lightness. The hues are those of the table, darkened or mixed with white.

    Parameters
    ----------
    n_colors : int, at least 0
        After 255 colors the sequence repeats.
    brightest : float, L*
        Lightness of the last color, if there are many; choose a lower value for lines on white.

    Returns
    -------
    ndarray of shape (n_colors, 3), uint8
        sRGB.
    """
    n = min(n_colors, N_COLORS)
    linear = (palette(n) / 255.0) ** 2.2
    linear = linear[np.argsort(linear @ LUMINANCE, kind="stable")]
    span = min(brightest - DARKEST, LARGEST_STEP * max(n - 1, 0))
    middle = (DARKEST + brightest) / 2
    target = ((np.linspace(middle - span / 2, middle + span / 2, n) + 16) / 116)[:, None] ** 3  # CIE 1976
    luminance = (linear @ LUMINANCE)[:, None]
    darkened = linear * np.minimum(target / luminance, 1)
    lightened = linear + (1 - linear) * np.maximum((target - luminance) / (1 - luminance), 0)
    even = np.where(target < luminance, darkened, lightened) ** (1 / 2.2)
    return np.asarray(np.rint(255 * even).astype(np.uint8)[np.arange(n_colors) % max(n, 1)])


def needs_dark_text(color: Bytes) -> bool:
    """Return whether black text has a higher contrast (WCAG 2.2) than white text on an 8-bit sRGB color, shape (3,)."""
    return bool((color / 255) ** 2.2 @ LUMINANCE > EQUAL_CONTRAST)
