"""Models: fitted mixtures of colors that can be applied to other photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segmenter.errors import InvalidArgumentError
from segmenter.features.color import CHANNELS, GRAY_CHANNEL, name_bands
from segmenter.io.images.config import ScaleRange, ValueRange
from segmenter.mixture.model import Mixture, log_joint_coefficients
from segmenter.mixture.validation import check_mixture_parts
from segmenter.segmentation.bands import COLOR_BANDS
from segmenter.segmentation.recipe import MAX_SEGMENTS, Recipe, decode_recipe
from segmenter.segmentation.result import Segmentation

if TYPE_CHECKING:
    pass

LARGEST_COEFFICIENT = 1e100
"""Largest coefficient of a log density, in nats; with a larger one, arithmetic on features could overflow."""


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted mixture of colors with all that is needed to label a photo. Checked on construction.

    Attributes
    ----------
    recipe : Recipe
        The options of the fit.
    mixture : Mixture
        Component k gives label k; the noise component, if there is one, gives label 0.
    channels : tuple of str
        Names of the D features: those of the color space of the recipe, for colors or for grays, or those of bands.
    label_names : tuple of K str
        What people call the segments.
    colors : tuple of K tuples of 3 floats, 0 to 1
        Mean sRGB color of each segment in the photo of the fit; used where a segment gets no pixel of another photo.
    name : str
        What messages call the model: the path it was read from.
    digest : str or None
        SHA-256 of the file it was read from, hexadecimal.
    value_range : ValueRange or None
        To which stored values are scaled before the model is applied; None = the full range of their type.
    """

    recipe: Recipe
    mixture: Mixture
    channels: tuple[str, ...]
    label_names: tuple[str, ...]
    colors: tuple[tuple[float, float, float], ...]
    name: str = "the model"
    digest: str | None = None
    value_range: ValueRange | None = None

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first part that is invalid or does not fit the others."""
        space = self.recipe.color_space
        known = (CHANNELS[space], (GRAY_CHANNEL[space][1],))
        if self.channels not in known and not (space == "rgb" and self.is_of_bands):
            expected = " or ".join(", ".join(names) for names in known)
            raise InvalidArgumentError("features", f"are not those of {space}, which are {expected}")
        check_mixture(self.mixture, len(self.channels))
        self._check_value_range()
        n_components = self.mixture.n_components
        for part, values in (("label names", self.label_names), ("colors", self.colors)):
            if len(values) != n_components:
                raise InvalidArgumentError(part, f"are {len(values)}, for {n_components} segments")
        for name in self.label_names:
            if not name or not name.isprintable():
                raise InvalidArgumentError("label name", f"{name!r} is empty or cannot be printed")
        if not all(0 <= value <= 1 for color in self.colors for value in color):
            raise InvalidArgumentError("colors", "are not all from 0 to 1")

    def _check_value_range(self) -> None:
        """Raise InvalidArgumentError unless the value range has one for each band, or one for colors; none is empty."""
        low, high = (0.0, 1.0) if self.value_range is None else (self.value_range.low, self.value_range.high)
        shape = (len(self.channels),) if self.is_of_bands and self.value_range is not None else ()
        lows, highs = np.asarray(low), np.asarray(high)
        if not lows.shape == highs.shape == shape or not (np.isfinite([lows, highs]).all() and (lows < highs).all()):
            kind = "bands" if self.is_of_bands else "colors"
            raise InvalidArgumentError("value range", f"is {low} to {high}, which is no range of {kind}")

    @property
    def scale_range(self) -> ScaleRange | ValueRange:
        """How a photo is read to which the model is applied."""
        return "full" if self.value_range is None else self.value_range

    @property
    def n_labels(self) -> int:
        """K."""
        return self.mixture.n_components

    @property
    def is_of_bands(self) -> bool:
        """Whether the model was fitted to bands that are neither gray nor colors."""
        return len(self.channels) not in COLOR_BANDS and self.channels == name_bands(len(self.channels))

    @property
    def is_gray(self) -> bool:
        """Whether the model was fitted to grays."""
        return len(self.channels) == 1


def check_mixture(mixture: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError unless a mixture is valid, has at most 65,535 segments and cannot overflow."""
    check_mixture_parts(mixture, n_features)
    if mixture.n_components > MAX_SEGMENTS:
        raise InvalidArgumentError("weights", f"are {mixture.n_components}; a model has 1 to {MAX_SEGMENTS} segments")
    with np.errstate(all="ignore"):
        coefficients = np.abs(log_joint_coefficients(mixture, mixture.weights @ mixture.means))
    if not (coefficients < LARGEST_COEFFICIENT).all():
        raise InvalidArgumentError("means and covariances", "are too far from 1 to compute with")


def build_model(found: Segmentation, label_names: Sequence[str] | None = None) -> Model:
    """Return the model of a segmented photo.

    Parameters
    ----------
    found : Segmentation
    label_names : sequence of K str, optional
        By default "segment 1" and so on.

    Raises
    ------
    NoMixtureError
        The segments are regions.
    """
    mixture = found.mixture
    names = [f"segment {segment.label}" for segment in found.segments] if label_names is None else label_names
    colors = [tuple(min(max(value, 0.0), 1.0) for value in segment.mean_rgb) for segment in found.segments]
    return Model(
        recipe=decode_recipe(found.options, Recipe),
        mixture=mixture,
        channels=found.channels,
        label_names=tuple(names),
        colors=tuple((red, green, blue) for red, green, blue in colors),
        value_range=found.value_range,
    )
