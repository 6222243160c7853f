"""The names of the feature choices: plain values, without NumPy, so that a command line can know them at no cost."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

ColorSpace: TypeAlias = Literal["rgb", "lab", "hsv"]

COLOR_SPACES: tuple[ColorSpace, ...] = get_args(ColorSpace)
