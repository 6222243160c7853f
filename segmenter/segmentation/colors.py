"""Segment a photo by clustering its colors; `segment` also leads to regions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.arrays import Bools, Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError, SegmenterWarning
from segmenter.features.color import (
    LUMINANCE,
    UnitColors,
    are_gray,
    compute_color_features,
    luminance,
    to_unit_range,
    to_visible_bands,
)
from segmenter.features.config import ColorSpace
from segmenter.features.distinct_colors import DistinctColors, find_distinct_colors, has_small_keys
from segmenter.io.files.remote import to_path
from segmenter.io.images.config import ScaleRange
from segmenter.io.images.photo import MAX_PIXELS, WHOLE, Photo, Reading, photo_from_array, photo_from_image, read_photo
from segmenter.mixture.config import CovarianceType, Init
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import average_over_components, predict
from segmenter.mixture.lazy_samples import LazySamples, iterate_slices
from segmenter.mixture.model import Mixture
from segmenter.mixture.monomials import block_size
from segmenter.regions.config import MergeCost, Scale
from segmenter.segmentation.bands import check_bands, describe_components, reduce_to_colors
from segmenter.segmentation.recipe import Method, PhotoRecipe, Recipe, RegionsRecipe, choose_recipe, update_merge_cost
from segmenter.segmentation.result import Segment, Segmentation, Shortage

if TYPE_CHECKING:
    from PIL.Image import Image

    from segmenter.features.color_counts import ColorCounts

KEPT_COLORS = 1 << 20
"""With more colors than this, cheap features are computed anew in every pass of a fit, to save memory."""

COLORS_AT_ONCE = 1 << 20
"""Number of colors that are summed at once, to bound memory."""


def segment(  # noqa: PLR0913  # one keyword for each option of the command
    image: str | Path | Image | NDArray[Any],
    n_segments: int | Literal["auto"] | None = None,
    *,
    method: Method = Recipe.method,
    scale: Scale | float | None = None,
    merge_cost: MergeCost = RegionsRecipe.merge_cost,
    n_superpixels: int = RegionsRecipe.n_superpixels,
    working_size: float = RegionsRecipe.working_size,
    color_space: ColorSpace = Recipe.color_space,
    covariance_type: CovarianceType = Recipe.covariance_type,
    init: Init = Recipe.init,
    restarts: int = Recipe.restarts,
    tolerance: float = Recipe.tolerance,
    max_iterations: int = Recipe.max_iterations,
    acceleration: bool = Recipe.acceleration,
    covariance_floor: float = Recipe.covariance_floor,
    seed: int = Recipe.seed,
    max_pixels: int = MAX_PIXELS,
    bands: Sequence[int] = (),
    mask: Bools | None = None,
    channel_axis: int | None = None,
    scale_range: ScaleRange = "auto",
) -> Segmentation:
    """Find the segments of an image: sets of similar colors by a Gaussian mixture fitted by EM, or regions.

    Parameters
    ----------
    image : path, Pillow image, or ndarray of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Also (H, W, 2), gray with alpha. Arrays are integers or floats.
        With a `channel_axis`, arrays have any number of bands. Left out are pixels that are fully transparent, hold the
        no-data value of their file, are masked in a masked array, or NaN or infinite in any band.
    n_segments : int, "auto", or None
        K; "auto" chooses it by the picture, see `segmenter.segmentation.n_segments`. None = 4; with the method
        "regions", the number at the given scale. A picture of fewer colors, or superpixels, gets as many as it has.
    method : {"gmm", "hard-em", "k-means", "regions"}
        Clusters of colors by EM, by EM with hard assignments, or by k-means; or connected regions, which also take
        texture and boundaries into account, see `segmenter.regions.build`. All methods have `n_segments` and `seed`.
    scale : {"coarse", "medium", "fine"} or float, optional
        Regions only: their scale, in place of their number; None = medium. See `segmenter.regions.config.HEIGHTS`.
    merge_cost : {"heuristic", "learned"}
        Regions only: how dissimilar two neighboring regions are, see `segmenter.regions.merging`.
    n_superpixels : int
        Regions only: maximum number of superpixels.
    working_size : float, megapixels
        Regions only: larger pictures are reduced to this size, and the boundaries refined at full size.
    color_space : {"rgb", "lab", "hsv"}
    covariance_type : {"full", "tied", "diag", "spherical"}
    init : {"k-means++", "random"}
    restarts : int
        Number of starts; the best fit is kept.
    tolerance : float, nats per pixel
        The fit ends when an iteration raises the average log-likelihood by less.
    max_iterations : int
    acceleration : bool
        Extrapolate after every two EM iterations (SQUAREM) where that raises the objective.
    covariance_floor : float
        Strength of the prior that keeps covariances from collapsing, relative to the variance of the colors.
    seed : int
        The same seed gives the same segments.
    max_pixels : int
        Refuse a larger file before it is decoded.
    bands : sequence of int, from 1
        The bands of a TIFF, a Zarr array or an array to use, in this order; empty = all but alpha.
    mask : ndarray of shape (H, W), bool, optional
        True = takes part.
    channel_axis : int, optional
        The axis of an array that holds its channels, each of which is a band; None = the last, and 2 or 4 channels end
        with alpha.
    scale_range : {"auto", "full", "percentile"} or pair of float
        Which stored values become black and white, see `segmenter.io.images.value_range`. "auto" = 0 and 255 for 8-bit
        images, and the smallest and largest value for others, without hot pixels; "full" = what the type can hold, for
        floats 0 and 1; "percentile" = the 1st and the 99th; or the two values.

    Returns
    -------
    Segmentation
        ``labels`` (H, W) int32 with 1…K, dark segments first, 0 = left out; ``segments``; ``mixture``; ``trace``;
        ``selection``, how K was chosen, or None; ``notes``, what may surprise in how the image was read;
        ``shortage``, why there are fewer than K segments, or None. Regions have a ``hierarchy``, but no mixture and no
        trace.

    Raises
    ------
    ReadError
        The file or array is no usable picture.
    InvalidArgumentError
        An option is outside its range, or the method does not have it.

    Warns
    -----
    SegmenterWarning
        The image has fewer than K distinct colors or superpixels.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> image[:, 3:] = 200
    >>> segmenter.segment(image, 2).labels[0]
    array([1, 1, 1, 2, 2, 2], dtype=int32)
    """
    options = {
        "color_space": (color_space, Recipe.color_space),
        "covariance_type": (covariance_type, Recipe.covariance_type),
        "init": (init, Recipe.init),
        "restarts": (restarts, Recipe.restarts),
        "tolerance": (tolerance, Recipe.tolerance),
        "max_iterations": (max_iterations, Recipe.max_iterations),
        "acceleration": (acceleration, Recipe.acceleration),
        "covariance_floor": (covariance_floor, Recipe.covariance_floor),
        "n_segments": (n_segments, None),
        "scale": (scale, None),
        "merge_cost": (update_merge_cost(merge_cost), RegionsRecipe.merge_cost),
        "n_superpixels": (n_superpixels, RegionsRecipe.n_superpixels),
        "working_size": (working_size, RegionsRecipe.working_size),
    }
    given = {name: value for name, (value, default) in options.items() if value is not default and value != default}
    recipe = choose_recipe({"method": method, "seed": seed, **given})
    reading = Reading(bands, channel_axis, mask, scale_range)
    found = segment_photo(open_photo(image, max_pixels, reading), recipe)
    if found.shortage is not None:
        warnings.warn(str(found.shortage), SegmenterWarning, stacklevel=2)
        found = replace(found, notes=(*found.notes, str(found.shortage)))
    return replace(found, reading=reading)


def open_photo(image: str | Path | Image | NDArray[Any] | Photo, max_pixels: int, reading: Reading = WHOLE) -> Photo:
    """Return a path, Pillow image, array or photo as a photo; of a photo, which has been read, nothing is chosen."""
    if isinstance(image, Photo):
        return image
    if reading.channel_axis is not None and not isinstance(image, np.ndarray):
        raise InvalidArgumentError("channel_axis", "is for arrays; leave it out")
    if isinstance(image, str | Path):
        return read_photo(to_path(image), max_pixels=max_pixels, reading=reading)
    if isinstance(image, np.ndarray):
        return photo_from_array(image, reading=reading)
    if hasattr(image, "getexif"):  # a Pillow image; Pillow itself is imported in `io` only
        return photo_from_image(image, reading=reading)
    raise InvalidArgumentError("image", f"is a {type(image).__name__}; give a path, a Pillow image or an array")


def segment_photo(photo: Photo, recipe: PhotoRecipe, on_iteration: Callable[[], None] | None = None) -> Segmentation:
    """Segment a photo by the method of the recipe; InvalidArgumentError where that does not suit its bands.

    ``on_iteration`` is called after each iteration of EM, see `segmenter.mixture.em.fit`; regions do not call it.
    """
    check_bands(photo.pixels.shape[2], recipe, photo.name)
    if isinstance(recipe, RegionsRecipe):
        from segmenter.segmentation.regions import segment_regions  # late: SciPy, and what else it needs

        return replace(segment_regions(photo, recipe), value_range=photo.value_range)
    return replace(segment_colors(photo, recipe, on_iteration), value_range=photo.value_range)


def segment_colors(photo: Photo, recipe: Recipe, on_iteration: Callable[[], None] | None = None) -> Segmentation:
    """Segment a photo by colors: distinct colors → features → mixture → a label for each color → label image.

    Of many pixels with colors of more than 24 bits, the mixture is fitted to a sample.
    """
    sample = None
    if not has_small_keys(photo.pixels[0]):
        from segmenter.segmentation.wide_colors import describe_sample, sample_colors  # late: most photos have 24 bits

        sample = sample_colors(photo, recipe.seed)
    distinct = find_distinct_colors(photo.pixels, photo.mask) if sample is None else sample
    selection, notes = None, photo.notes
    if recipe.n_segments == "auto":
        from segmenter.segmentation.n_segments import choose_n_segments

        pixels, reduction = reduce_to_colors(photo)
        notes += describe_components(reduction, "number of segments")
        selection = choose_n_segments(pixels, photo.mask, seed=recipe.seed, on_iteration=on_iteration)
        n_segments = selection.n_components
    else:
        n_segments = recipe.n_segments
    found, channels, color_labels, segments = fit_colors(distinct, recipe, n_segments, on_iteration=on_iteration)
    if isinstance(distinct, DistinctColors):
        labels = build_label_image(distinct, color_labels)
    else:
        labels, segments = label_pixels(photo, found.mixture, channels, recipe.color_space, segments)
        notes += (describe_sample(),)
    return Segmentation(
        labels=labels,
        segments=segments,
        fitted_mixture=found.mixture,
        channels=channels,
        selection=selection,
        fit_trace=found.trace,
        options=asdict(recipe),
        notes=notes,
        shortage=find_shortage(distinct, n_segments),
    )


def label_pixels(
    photo: Photo,
    mixture: Mixture,
    channels: tuple[str, ...],
    color_space: ColorSpace,
    segments: Sequence[Segment],
) -> tuple[Labels, tuple[Segment, ...]]:
    """Return the label image (H, W) of a mixture that was fitted to a sample, and the segments of all pixels."""
    from segmenter.features.color_counts import ColorCounts
    from segmenter.segmentation.wide_colors import predict_pixels

    height, width, n_bands = photo.pixels.shape
    inside = np.ones((height, width), np.bool_) if photo.mask is None else photo.mask
    pixels = photo.pixels.reshape(-1, n_bands) if photo.mask is None else photo.pixels[photo.mask]
    labels = np.zeros((height, width), np.int32)
    with threadpool_limits(1, user_api="blas"):
        labels[inside] = predict_pixels(mixture, channels, color_space, pixels)
    means = np.array([segment.mean_rgb for segment in segments])
    every_pixel = ColorCounts(pixels, np.ones(len(pixels)))
    return labels, describe_segments(every_pixel, labels[inside], len(segments), empty_colors=lambda: means)


def find_shortage(distinct: ColorCounts | DistinctColors, n_segments: int) -> Shortage | None:
    """Return the shortage of colors where there are fewer than segments were asked for, else None."""
    n_colors = len(distinct.colors)
    return Shortage(n_segments, n_colors, "color") if n_colors < n_segments else None


def fit_colors(
    distinct: ColorCounts | DistinctColors,
    recipe: Recipe,
    n_segments: int,
    *,
    error: float = 0.0,
    on_iteration: Callable[[], None] | None = None,
) -> tuple[Fit, tuple[str, ...], Labels, tuple[Segment, ...]]:
    """Fit a mixture to colors; return the fit, from dark to bright, feature names, labels (M,) and segments.

    Parameters
    ----------
    distinct : ColorCounts or DistinctColors
        The colors of one photo, or of many together.
    recipe : Recipe
    n_segments : int
        K; of fewer colors, each is a segment.
    error : float, at least 0
        That colors are taken to have, see `segmenter.mixture.em.fit`; so is the next.
    on_iteration : callable, optional
    """
    n_segments = min(n_segments, len(distinct.colors))
    samples, channels = build_samples(distinct, recipe.color_space)
    config = replace(recipe.fit_config(), n_components=n_segments)
    with threadpool_limits(1, user_api="blas"):  # small products; and the bytes must not depend on the number of cores
        found = fit(samples, config, error=error, on_iteration=on_iteration)
        found = sort_by_luminance(found, samples, distinct, recipe.color_space)
        if n_segments == len(distinct.colors):  # each color is a segment: that it has no spread is no flaw
            found = replace(found, trace=replace(found.trace, collapsed=()))
        color_labels = predict_colors(found.mixture, samples)
    segments = describe_segments(
        distinct,
        color_labels,
        found.mixture.n_components,
        empty_colors=lambda: average_over_components(found.mixture, samples, compute_rgb(distinct)),
    )
    return found, channels, color_labels, segments


def build_samples(
    distinct: ColorCounts | DistinctColors, color_space: ColorSpace
) -> tuple[Samples | LazySamples, tuple[str, ...]]:
    """Return colors as samples, computed in each pass where there are very many, and the names of their features."""
    colors = distinct.colors
    if len(colors) > KEPT_COLORS and color_space == "rgb" and not are_gray(colors):
        channels = compute_color_features(colors[:1], color_space, keep_color=True).channels
        return LazySamples(UnitColors(colors), distinct.counts), channels
    features = compute_color_features(colors, color_space)
    return Samples(features.values, distinct.counts), features.channels


def predict_colors(mixture: Mixture, samples: Samples | LazySamples) -> Labels:
    """Return the most probable component of each sample, (M,), 1…K."""
    if isinstance(samples, Samples):
        return predict(mixture, samples.values)
    size = 16 * block_size(mixture.n_features)
    return np.concatenate([predict(mixture, samples.rows[part]) for part in iterate_slices(len(samples.weights), size)])


def build_label_image(distinct: DistinctColors, color_labels: Labels) -> Labels:
    """Return the label image, (H, W), of labels of the distinct colors, (M,)."""
    small = color_labels.astype(np.min_scalar_type(int(color_labels.max())))  # a table of bytes stays in cache
    return distinct.to_image(small).astype(np.int32)


def sort_by_luminance(
    found: Fit, samples: Samples | LazySamples, distinct: ColorCounts | DistinctColors, color_space: ColorSpace
) -> Fit:
    """Return the fit with its components from dark to bright."""
    means = found.mixture.means
    if color_space == "rgb":  # luminance is linear in these features
        brightness = means @ LUMINANCE if means.shape[1] == len(LUMINANCE) else means.mean(axis=1)
    else:
        brightness = average_over_components(found.mixture, samples, luminance(distinct.colors)[:, None])[:, 0]
    return found.reordered(np.argsort(brightness, kind="stable"))


def compute_rgb(distinct: ColorCounts | DistinctColors) -> Floats:
    """Return the distinct colors as sRGB from 0 to 1, shape (M, 3)."""
    return to_visible_bands(to_unit_range(distinct.colors))


def describe_segments(
    distinct: ColorCounts | DistinctColors,
    color_labels: Labels,
    n_segments: int,
    empty_colors: Callable[[], Floats],
) -> tuple[Segment, ...]:
    """Return the number of pixels, the share and the mean color of each segment.

    Parameters
    ----------
    distinct : ColorCounts or DistinctColors
    color_labels : ndarray of shape (M,), int32
        0…K.
    n_segments : int
        K.
    empty_colors : function without arguments
        Returns the sRGB colors (K, 3), from 0 to 1, of segments without pixels; called only if there are any.
    """
    n_bins = n_segments + 1
    n_pixels, sums = np.zeros(n_segments), np.zeros((n_segments, 3))
    for part in iterate_slices(len(color_labels), COLORS_AT_ONCE):
        labels, counts = color_labels[part], distinct.counts[part]
        n_pixels += np.bincount(labels, counts, n_bins)[1:]
        for c, channel in enumerate(to_visible_bands(distinct.colors[part]).T):
            sums[:, c] += np.bincount(labels, counts * to_unit_range(channel), n_bins)[1:]
    if n_pixels.all():
        means = sums / n_pixels[:, None]
    else:
        means = np.where(n_pixels[:, None] > 0, sums / np.maximum(n_pixels, 1)[:, None], empty_colors())
    return tuple(
        Segment(k, int(n), float(n / max(n_pixels.sum(), 1)), (float(mean[0]), float(mean[1]), float(mean[2])))
        for k, (n, mean) in enumerate(zip(n_pixels, means, strict=True), start=1)
    )
