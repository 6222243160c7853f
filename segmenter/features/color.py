"""Colors as feature vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Pixels
from segmenter.features.config import ColorSpace

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue, ITU-R BT.709; taken on sRGB values as they are."""

CHANNELS: dict[ColorSpace, tuple[str, ...]] = {
    "rgb": ("red", "green", "blue"),
    "lab": ("L*", "a*", "b*"),
    "hsv": ("chroma × cos hue", "chroma × sin hue", "value"),
}
GRAY_CHANNEL: dict[ColorSpace, tuple[int, str]] = {"rgb": (0, "gray"), "lab": (0, "L*"), "hsv": (2, "value")}
"""The one feature that tells grays apart: its column and its name."""


@dataclass(frozen=True, eq=False)
class ColorFeatures:
    """One feature vector for each color."""

    values: Floats  # (M, D)
    channels: tuple[str, ...]  # names of the D features


@dataclass(frozen=True, eq=False)
class UnitColors:
    """The features of colors that are these themselves, from 0 to 1, (M, C), computed some colors at a time."""

    colors: Pixels  # (M, C)

    @property
    def shape(self) -> tuple[int, int]:
        """M and C."""
        return len(self.colors), int(self.colors.shape[1])

    def __getitem__(self, place: slice | NDArray[np.intp]) -> Floats:
        """Return the features of some colors, (m, C)."""
        return to_unit_range(self.colors[place])


def to_unit_range(colors: Pixels) -> Floats:
    """Return colors as numbers from 0 to 1: unsigned integers divided by their largest value, floats as they are."""
    if colors.dtype.kind == "u":
        return colors / np.float64(np.iinfo(colors.dtype).max)
    return colors.astype(np.float64)


def compute_color_features(colors: Pixels, color_space: ColorSpace, *, keep_color: bool = False) -> ColorFeatures:
    """Return the features of colors.

    ``rgb``: sRGB from 0 to 1. ``lab``: CIELAB (D65), L* to 100. ``hsv``: the cone of hue, saturation and value;
    hue is an angle, so it enters as a direction, and red at 359° is next to red at 1°. Colors that are all gray,
    whether the file says so or not, have one feature: three equal ones would tell a mixture no more, but weigh on it.
    Of any other number of bands each is a feature as it is, whatever the color space.

    Parameters
    ----------
    colors : ndarray of shape (M, C), uint8, uint16 or float32 from 0 to 1
        C = 1 gray, 3 sRGB, else bands.
    color_space : {"rgb", "lab", "hsv"}
    keep_color : bool
        Give grays the three features of colors, too: a mixture fitted to colors expects them.

    Returns
    -------
    ColorFeatures
    """
    if colors.shape[1] not in (1, 3):
        return ColorFeatures(to_unit_range(colors), tuple(f"band {band}" for band in range(1, colors.shape[1] + 1)))
    rgb = np.broadcast_to(to_unit_range(colors), (len(colors), 3))
    if color_space == "rgb":
        values = rgb
    elif color_space == "lab":
        values = rgb_to_lab(rgb)
    else:
        values = rgb_to_hsv_cone(rgb)
    if not keep_color and are_gray(colors):
        gray, name = GRAY_CHANNEL[color_space]
        return ColorFeatures(np.ascontiguousarray(values[:, gray : gray + 1]), (name,))
    return ColorFeatures(values, CHANNELS[color_space])


def are_gray(colors: Pixels) -> bool:
    """Return whether all channels of each color (M, C) are equal."""
    return all(bool((colors[:, c] == colors[:, 0]).all()) for c in range(1, colors.shape[1]))


def rgb_to_lab(rgb: Floats) -> Floats:
    """Return CIELAB, shape (M, 3), of sRGB from 0 to 1, shape (M, 3)."""
    from skimage.color import rgb2lab  # SciPy comes with it

    return np.asarray(rgb2lab(rgb[None])[0], dtype=np.float64)


def rgb_to_hsv_cone(rgb: Floats) -> Floats:
    """Return (S V cos H, S V sin H, V), shape (M, 3), of sRGB from 0 to 1, shape (M, 3)."""
    from skimage.color import rgb2hsv

    hue, saturation, value = rgb2hsv(rgb[None])[0].T
    chroma, angle = saturation * value, 2 * np.pi * hue
    return np.stack([chroma * np.cos(angle), chroma * np.sin(angle), value], axis=1)


def luminance(colors: Pixels) -> Floats:
    """Return the luminance of colors (M, C), from 0 to 1, shape (M,); of bands that are no color, their mean."""
    unit = to_unit_range(colors)
    return np.asarray(unit @ LUMINANCE if unit.shape[1] == 3 else unit.mean(axis=1))
