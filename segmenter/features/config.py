"""The names of the color spaces: plain values, without NumPy, so that the command line can import them at no cost."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

ColorSpace: TypeAlias = Literal["rgb", "lab", "hsv"]

COLOR_SPACES: tuple[ColorSpace, ...] = get_args(ColorSpace)
