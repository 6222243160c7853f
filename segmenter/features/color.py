"""Colors as feature vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Floats, Pixels
from segmenter.features.config import ColorSpace

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue (ITU-R BT.709), applied to sRGB values without linearizing them."""

CHANNELS: dict[ColorSpace, tuple[str, ...]] = {
    "rgb": ("red", "green", "blue"),
    "lab": ("L*", "a*", "b*"),
    "hsv": ("chroma × cos hue", "chroma × sin hue", "value"),
}
GRAY_CHANNEL: dict[ColorSpace, tuple[int, str]] = {"rgb": (0, "gray"), "lab": (0, "L*"), "hsv": (2, "value")}
"""The only feature that differs between grays: its column and its name."""


@dataclass(frozen=True, eq=False)
class ColorFeatures:
    """One feature vector for each color."""

    values: Floats  # (M, D)
    channels: tuple[str, ...]  # names of the D features


@dataclass(frozen=True, eq=False)
class UnitColors:
    """Colors used directly as features, scaled to 0…1, shape (M, C); rows are computed only when they are indexed."""

    colors: Pixels  # (M, C)

    @property
    def shape(self) -> tuple[int, int]:
        """M and C."""
        return len(self.colors), int(self.colors.shape[1])

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Floats:
        """Return the features of some colors, (m, C)."""
        return to_unit_range(self.colors[rows])


def to_unit_range(colors: Pixels) -> Floats:
    """Return colors as float64 from 0 to 1: unsigned integers divided by their largest value, floats unchanged."""
    if colors.dtype.kind == "u":
        return colors / np.float64(np.iinfo(colors.dtype).max)
    return colors.astype(np.float64)


def to_visible_bands(values: NDArray[Any]) -> NDArray[Any]:
    """Return values (..., C) as RGB (..., 3): one or two bands as gray, of more than three the first three."""
    shown = values[..., :3] if values.shape[-1] >= 3 else values[..., :1]
    return np.broadcast_to(shown, (*values.shape[:-1], 3))


def compute_color_features(colors: Pixels, color_space: ColorSpace, *, keep_color: bool = False) -> ColorFeatures:
    """Return the features of colors.

    ``rgb``: sRGB from 0 to 1. ``lab``: CIELAB (D65), L* up to 100. ``hsv``: the cone of hue, saturation and value; hue
    is an angle and is encoded as a direction, so that red at 359° is close to red at 1°.

    If all colors are gray, with one channel or three equal ones, they have a single feature: three equal features
    would add no information but triple its weight. Colors with any other number of bands have one feature per band,
    and the color space is ignored.

    Parameters
    ----------
    colors : ndarray of shape (M, C), uint8, uint16 or float32 from 0 to 1
        C = 1: gray; C = 3: sRGB; otherwise bands.
    color_space : {"rgb", "lab", "hsv"}
    keep_color : bool
        Give grays three features as well, as a mixture fitted to colors expects.

    Returns
    -------
    ColorFeatures
    """
    if colors.shape[1] not in (1, 3):
        return ColorFeatures(to_unit_range(colors), name_bands(colors.shape[1]))
    rgb = np.broadcast_to(to_unit_range(colors), (len(colors), 3))
    if color_space == "rgb":
        values = rgb
    elif color_space == "lab":
        values = rgb_to_lab(rgb)
    else:
        values = rgb_to_hsv_cone(rgb)
    if not keep_color and are_gray(colors):
        column, name = GRAY_CHANNEL[color_space]
        return ColorFeatures(np.ascontiguousarray(values[:, column : column + 1]), (name,))
    return ColorFeatures(values, CHANNELS[color_space])


def name_bands(n_bands: int) -> tuple[str, ...]:
    """Return the names of the features of bands that are neither gray nor colors."""
    return tuple(f"band {band}" for band in range(1, n_bands + 1))


def are_gray(colors: Pixels) -> bool:
    """Return whether the channels of every color (M, C) are equal."""
    return all(bool((colors[:, c] == colors[:, 0]).all()) for c in range(1, colors.shape[1]))


def rgb_to_lab(rgb: Floats) -> Floats:
    """Return sRGB colors from 0 to 1, shape (M, 3), as CIELAB, shape (M, 3)."""
    from skimage.color import rgb2lab  # imported late, because it imports SciPy

    return np.asarray(rgb2lab(rgb[None])[0], dtype=np.float64)


def rgb_to_hsv_cone(rgb: Floats) -> Floats:
    """Return (S V cos H, S V sin H, V), shape (M, 3), of sRGB colors from 0 to 1, shape (M, 3)."""
    from skimage.color import rgb2hsv

    hue, saturation, value = rgb2hsv(rgb[None])[0].T
    chroma, angle = saturation * value, 2 * np.pi * hue
    return np.stack([chroma * np.cos(angle), chroma * np.sin(angle), value], axis=1)


def luminance(colors: Pixels) -> Floats:
    """Return the luminance of colors (M, C), shape (M,), from 0 to 1; the mean of the channels unless C is 3."""
    unit = to_unit_range(colors)
    return np.asarray(unit @ LUMINANCE if unit.shape[1] == 3 else unit.mean(axis=1))
