"""Apply a fitted model to other photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Labels
from segmenter.errors import GrayModelError, InvalidArgumentError
from segmenter.features.color import compute_color_features
from segmenter.features.color_counts import ColorCounts
from segmenter.features.distinct_colors import DistinctColors, find_distinct_colors
from segmenter.io.images.photo import MAX_PIXELS, Photo, Reading
from segmenter.mixture.inference import predict
from segmenter.segmentation.bands import COLOR_BANDS
from segmenter.segmentation.colors import build_label_image, describe_segments, open_photo
from segmenter.segmentation.result import Segment, Segmentation

if TYPE_CHECKING:
    from PIL.Image import Image
from segmenter.segmentation.model import Model


def apply(  # noqa: PLR0913  # what it is given, and one keyword for each choice of what is read
    model: Model | str | Path,
    image: str | Path | Image | NDArray[Any],
    *,
    max_pixels: int = MAX_PIXELS,
    bands: Sequence[int] = (),
    mask: Bools | None = None,
    channel_axis: int | None = None,
) -> Segmentation:
    """Segment an image by a model that was fitted before.

    Nothing is fitted: every pixel gets the label that is most probable under the model. Stored values are scaled by the
    value range of the model, so the image that it was fitted to gets the same labels again.

    Parameters
    ----------
    model : Model, or path of a model file
    image : path, Pillow image, or ndarray of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        As for `segmenter.segment`. A model of colors also takes gray images, as colors of three equal channels.
    max_pixels, bands, mask, channel_axis
        As for `segmenter.segment`.

    Returns
    -------
    Segmentation
        As from `segmenter.segment`, but without a trace. The mean colors of the segments are those in this image.

    Raises
    ------
    GrayModelError
        The model was fitted to grays, and the image has colors.
    ModelError
        The file cannot be read as a model.
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
        from segmenter.segmentation.model_file import load_model

        model = load_model(model)
    reading = Reading(bands, channel_axis, mask, model.scale_range)
    return replace(apply_model(open_photo(image, max_pixels, reading), model), reading=reading)


def apply_model(photo: Photo, model: Model) -> Segmentation:
    """Segment a photo by a model: distinct colors → features → a label for each color → label image.

    Raises
    ------
    GrayModelError
        The model was fitted to grays, and the photo has colors.
    InvalidArgumentError
        The photo has another number of bands than the model was fitted to.
    """
    check_model_bands(photo.pixels.shape[2], model, photo.name)
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    color_labels, segments = apply_to_colors(distinct, model, photo.name)
    return Segmentation(
        labels=build_label_image(distinct, color_labels),
        segments=segments,
        fitted_mixture=model.mixture,
        channels=model.channels,
        options=asdict(model.recipe),
        notes=photo.notes,
        value_range=photo.value_range,
    )


def check_model_bands(n_bands: int, model: Model, label: str) -> None:
    """Raise InvalidArgumentError unless a model suits the bands of a picture, which messages call ``label``."""
    n_expected = len(model.channels)
    if (n_bands == n_expected) if model.is_of_bands else (n_bands in COLOR_BANDS):
        return
    fitted = f"{n_expected} bands" if model.is_of_bands else "colors"
    given = "1 band" if n_bands == 1 else f"{n_bands} bands"
    wanted = n_expected if model.is_of_bands else 3
    number = "three" if wanted == 3 else wanted
    advice = f"choose {number} of them with --bands" if n_bands > wanted else f"give a picture that has {number}"
    raise InvalidArgumentError(f"{label}: a model of {fitted}", f"cannot be applied to {given}; {advice}")


def apply_to_colors(
    distinct: ColorCounts | DistinctColors, model: Model, name: str
) -> tuple[Labels, tuple[Segment, ...]]:
    """Return the label of each color under a model, (M,), and the segments.

    Parameters
    ----------
    distinct : ColorCounts or DistinctColors
    model : Model
    name : str
        What errors call the photo.

    Raises
    ------
    GrayModelError
        The model was fitted to grays, and not all colors are gray.
    """
    features = compute_color_features(distinct.colors, model.recipe.color_space, keep_color=not model.is_gray)
    if features.channels != model.channels:
        raise GrayModelError(name, model.name)
    with threadpool_limits(1, user_api="blas"):  # as in the fit: the bytes must not depend on the number of cores
        color_labels = predict(model.mixture, features.values)
    colors = np.array(model.colors, dtype=np.float64)
    return color_labels, describe_segments(distinct, color_labels, model.n_labels, empty_colors=lambda: colors)
