"""The names of the color spaces. This module does not import NumPy, so the command line can load it quickly."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

ColorSpace: TypeAlias = Literal["rgb", "lab", "hsv"]

COLOR_SPACES: tuple[ColorSpace, ...] = get_args(ColorSpace)
