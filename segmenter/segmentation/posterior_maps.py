"""How certain labels are: the posterior probabilities of all segments, and that of the label, as images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bytes
from segmenter.errors import InvalidArgumentError
from segmenter.features.color import compute_color_features
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.io.images.photo import MAX_PIXELS, Photo
from segmenter.mixture.inference import confidence, predict, responsibilities
from segmenter.segmentation.colors import open_photo
from segmenter.segmentation.recipe import Recipe, decode_recipe
from segmenter.segmentation.result import Segmentation

if TYPE_CHECKING:
    from PIL.Image import Image


def posterior_map(image: str | Path | Image | NDArray[Any] | Photo, found: Segmentation) -> NDArray[np.float32]:
    """Return the posterior probability of each segment at each pixel (Bishop 2006, eq. 9.23).

    Parameters
    ----------
    image : path, Pillow image, ndarray or Photo
        As for `segmenter.segment`.
    found : Segmentation
        Of this image, by `segmenter.segment` or `segmenter.apply`.

    Returns
    -------
    ndarray of shape (H, W, K), float32
        Sums to 1 over the segments, and is largest for the label; 0 for pixels that are left out.

    Raises
    ------
    InvalidArgumentError
        The image is of another size than the segmentation.
    NoMixtureError
        The segments are regions.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> image[:, 3:] = 200
    >>> segmenter.posterior_map(image, segmenter.segment(image, 2))[0, :, 1]
    array([0., 0., 0., 1., 1., 1.], dtype=float32)
    """
    mixture, photo = found.mixture, open_segmented_photo(image, found)
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    features = compute_color_features(
        distinct.colors, decode_recipe(found.options, Recipe).color_space, keep_color=len(found.channels) > 1
    )
    posteriors = np.zeros((len(distinct.colors) + 1, found.n_labels), dtype=np.float32)
    with threadpool_limits(1, user_api="blas"):
        posteriors[1:] = responsibilities(mixture, features.values)
        labels = predict(mixture, features.values)
    resolve_ties(posteriors[1:], labels)
    colors = np.arange(1, len(posteriors), dtype=np.uint32)
    return np.asarray(posteriors[distinct.to_image(colors)])


def open_segmented_photo(image: str | Path | Image | NDArray[Any] | Photo, found: Segmentation) -> Photo:
    """Return an image as it was read for its segmentation; raise InvalidArgumentError if the sizes differ."""
    photo = open_photo(image, MAX_PIXELS, found.reading)
    if photo.pixels.shape[:2] != found.labels.shape:
        (height, width), (rows, columns) = photo.pixels.shape[:2], found.labels.shape
        problem = f"has {width}×{height} pixels, but the segmentation {columns}×{rows}; give the image that it is of"
        raise InvalidArgumentError("image", problem)
    return photo


def resolve_ties(posteriors: NDArray[np.float32], labels: NDArray[np.int32]) -> None:
    """Raise, in place, the posterior of the label where rounding to float32 made another one as large.

    Parameters
    ----------
    posteriors : ndarray of shape (M, K), float32
    labels : ndarray of shape (M,), int32
        1…K; 0 = noise.
    """
    rows = np.flatnonzero((labels > 0) & (posteriors.argmax(axis=1) != labels - 1))
    winners = labels[rows] - 1
    posteriors[rows, winners] = np.nextafter(posteriors[rows].max(axis=1), np.float32(2))


def confidence_map(image: str | Path | Image | NDArray[Any] | Photo, found: Segmentation) -> Bytes:
    """Return the posterior probability of the label of each pixel, on a scale from 0 to 255.

    Parameters
    ----------
    image : path, Pillow image, ndarray or Photo
        As for `segmenter.segment`.
    found : Segmentation
        Of this image, by `segmenter.segment` or `segmenter.apply`.

    Returns
    -------
    ndarray of shape (H, W), uint8
        1 to 255; 0 where a pixel has no label.

    Raises
    ------
    InvalidArgumentError
        The image is of another size than the segmentation.
    NoMixtureError
        The segments are regions.
    """
    mixture, photo = found.mixture, open_segmented_photo(image, found)
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    features = compute_color_features(
        distinct.colors, decode_recipe(found.options, Recipe).color_space, keep_color=len(found.channels) > 1
    )
    with threadpool_limits(1, user_api="blas"):
        levels = np.maximum(np.rint(255 * confidence(mixture, features.values)), 1).astype(np.uint8)
    return np.where(found.labels > 0, distinct.to_image(levels), np.uint8(0))
