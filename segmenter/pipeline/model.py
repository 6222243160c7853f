"""Models: what a fit found, kept so that other photos can be given the same labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Labels
from segmenter.errors import GrayModelError, InvalidArgumentError
from segmenter.features.color import CHANNELS, GRAY_CHANNEL, color_features
from segmenter.features.color_counts import ColorCounts
from segmenter.features.distinct_colors import DistinctColors, distinct_colors
from segmenter.io.images.photo import MAX_PIXELS, Photo
from segmenter.mixture.inference import predict
from segmenter.mixture.model import Mixture, log_joint_coefficients
from segmenter.mixture.validation import check_parts
from segmenter.pipeline.recipe import MAX_SEGMENTS, Recipe, recipe_from
from segmenter.pipeline.segment import describe_segments, label_image, photo_of
from segmenter.regions.labels import Segment, Segmentation

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_COEFFICIENT = 1e100
"""Of a log density, in nats; beyond, arithmetic on features could overflow."""


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted mixture of colors, and all that is needed to give a photo its labels. Its making checks it.

    Attributes
    ----------
    recipe : Recipe
        The options of the fit.
    mixture : Mixture
        Component k makes label k; noise, where there is any, makes label 0.
    channels : tuple of str
        Names of the D features: those that the color space of the recipe has, for colors or for grays.
    label_names : tuple of K str
        What people call the segments.
    colors : tuple of K tuples of 3 floats, 0 to 1
        Mean sRGB color of each segment in the photo of the fit; of a segment that wins no pixel of another photo.
    name : str
        What messages call the model: the path it was read from.
    digest : str or None
        SHA-256 of the file it was read from, hexadecimal.
    """

    recipe: Recipe
    mixture: Mixture
    channels: tuple[str, ...]
    label_names: tuple[str, ...]
    colors: tuple[tuple[float, float, float], ...]
    name: str = "the model"
    digest: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first part that is not legal or does not fit the others."""
        space = self.recipe.color_space
        known = (CHANNELS[space], (GRAY_CHANNEL[space][1],))
        if self.channels not in known:
            told = " or ".join(", ".join(names) for names in known)
            raise InvalidArgumentError("features", f"are not those of {space}, which are {told}")
        check_mixture(self.mixture, len(self.channels))
        n_components = self.mixture.n_components
        for part, values in (("label names", self.label_names), ("colors", self.colors)):
            if len(values) != n_components:
                raise InvalidArgumentError(part, f"are {len(values)}, for {n_components} segments")
        for name in self.label_names:
            if not name or not name.isprintable():
                raise InvalidArgumentError("label name", f"{name!r} is empty or cannot be printed")
        if not all(0 <= value <= 1 for color in self.colors for value in color):
            raise InvalidArgumentError("colors", "are not all from 0 to 1")

    @property
    def n_labels(self) -> int:
        """K."""
        return self.mixture.n_components

    @property
    def is_gray(self) -> bool:
        """Whether it knows grays alone."""
        return len(self.channels) == 1


def check_mixture(mixture: Mixture, n_features: int) -> None:
    """Raise InvalidArgumentError unless a mixture is legal, of at most 65,535 segments, and can be computed with."""
    check_parts(mixture, n_features)
    if mixture.n_components > MAX_SEGMENTS:
        raise InvalidArgumentError("weights", f"are {mixture.n_components}; a model has 1 to {MAX_SEGMENTS} segments")
    with np.errstate(all="ignore"):
        coefficients = np.abs(log_joint_coefficients(mixture, mixture.weights @ mixture.means))
    if not (coefficients < LARGEST_COEFFICIENT).all():
        raise InvalidArgumentError("means and covariances", "are too far from 1 to compute with")


def model_of(found: Segmentation, label_names: Sequence[str] | None = None) -> Model:
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
        recipe=recipe_from(found.options),
        mixture=mixture,
        channels=found.channels,
        label_names=tuple(names),
        colors=tuple((red, green, blue) for red, green, blue in colors),
    )


def apply(
    model: Model | str | Path, image: str | Path | Image | NDArray[Any], *, max_pixels: int = MAX_PIXELS
) -> Segmentation:
    """Find the segments of an image by a model that was fitted before, to another or to the same one.

    Nothing is fitted: every pixel gets the label that is most probable under the model. The image that the model was
    fitted to gets the labels that it had.

    Parameters
    ----------
    model : Model, or path of a model file
    image : path, Pillow image, or ndarray of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        As for `segmenter.segment`. A model of colors takes grays, too, as colors of three equal channels.
    max_pixels : int
        Refuse a larger file before it is decoded.

    Returns
    -------
    Segmentation
        As from `segmenter.segment`, but without a trace. The mean colors of the segments are those of this image.

    Raises
    ------
    GrayModelError
        The model was fitted to grays, and the image has colors.
    ModelError
        The file is no model that can be read.
    ReadError
        The file or array is no usable picture.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> image[:, 3:] = 200
    >>> segmenter.save_model(segmenter.segment(image, 2), "two.model.json", overwrite=True)
    >>> segmenter.apply("two.model.json", image[:, ::-1]).labels[0]
    array([2, 2, 2, 1, 1, 1], dtype=int32)
    """
    if isinstance(model, str | Path):
        from segmenter.pipeline.model_file import load_model

        model = load_model(model)
    return apply_model(photo_of(image, max_pixels), model)


def apply_model(photo: Photo, model: Model) -> Segmentation:
    """Return the segments of a photo by a model: distinct colors → features → a label for each color → label image.

    Raises
    ------
    GrayModelError
        The model was fitted to grays, and the photo has colors.
    """
    distinct = distinct_colors(photo.pixels, photo.mask)
    color_labels, segments = apply_to_colors(distinct, model, photo.name)
    return Segmentation(
        labels=label_image(distinct, color_labels),
        segments=segments,
        fitted_mixture=model.mixture,
        channels=model.channels,
        options=dataclasses.asdict(model.recipe),
    )


def apply_to_colors(
    distinct: ColorCounts | DistinctColors, model: Model, name: str
) -> tuple[Labels, tuple[Segment, ...]]:
    """Return the label of each color by a model, (M,), and what is told of the segments.

    Parameters
    ----------
    distinct : ColorCounts or DistinctColors
    model : Model
    name : str
        What errors call the photo.

    Raises
    ------
    GrayModelError
        The model was fitted to grays, and there are colors.
    """
    features = color_features(distinct.colors, model.recipe.color_space, keep_color=not model.is_gray)
    if features.channels != model.channels:
        raise GrayModelError(name, model.name)
    with threadpool_limits(1, user_api="blas"):  # as in the fit: the bytes must not depend on the number of cores
        color_labels = predict(model.mixture, features.values)
    colors = np.array(model.colors, dtype=np.float64)
    return color_labels, describe_segments(distinct, color_labels, model.n_labels, empty_colors=lambda: colors)
