"""Hierarchies of regions as files: NPZ without pickle, to be cut again without the photo.

====================  =================  ===============================================================================
``format``            text               "segmenter-hierarchy"
``version``           integer            1
``superpixels``       (H, W), unsigned   superpixel of each pixel, 1…R; 0 = takes no part
``merges``            (R − 1, 2), int32  in order; each a pair of superpixels that represent two regions, of which the
                                         first represents both from then on
``heights``           (R − 1,), float64  height of each merge, never falling; infinite where two regions do not touch
``color_sums``        (R, 4), float64    number of pixels of each superpixel, and the sums of their sRGB from 0 to 1
``recipe``            text               JSON: all options, as in NAME.json
``input``             text               JSON: the photo, as in NAME.json
====================  =================  ===============================================================================

Cutting at a height makes all merges of at most that height. A file is checked as a whole when it is read: an array that
is missing, has another type or does not fit the others is an error.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.errors import (
    DamagedHierarchyError,
    HierarchyVersionError,
    InvalidArgumentError,
    NotAHierarchyError,
    SegmenterWarning,
    TooFewSuperpixelsError,
)
from segmenter.io.files.npz import decode_arrays, encode_arrays
from segmenter.io.images.photo import MAX_PIXELS
from segmenter.io.images.pillow import check_size
from segmenter.regions.config import Scale
from segmenter.regions.hierarchy import ColoredHierarchy
from segmenter.segmentation.documents import DocumentError, convert_document, parse_object, shorten, to_plain
from segmenter.segmentation.recipe import RegionsRecipe, decode_recipe
from segmenter.segmentation.record import PhotoRecord
from segmenter.segmentation.regions import cut_regions
from segmenter.segmentation.result import Segmentation

FORMAT, VERSION = "segmenter-hierarchy", 1
ENDING = ".hierarchy.npz"

ARRAYS = ("format", "version", "superpixels", "merges", "heights", "color_sums", "recipe", "input")

MAX_BYTES = 1 << 22
"""Largest size of an array other than ``superpixels``: `MAX_SEGMENTS` rows of ``color_sums`` take half of it."""

UNSAVED = "the hierarchy"
"""What messages call a hierarchy that was not read from a file."""


@dataclass(frozen=True, eq=False)
class SavedHierarchy:
    """A hierarchy, the options it was found by, and its photo."""

    hierarchy: ColoredHierarchy
    recipe: RegionsRecipe
    photo: PhotoRecord
    name: str = UNSAVED  # what messages call it: the path it was read from


def cut(
    source: str | Path | SavedHierarchy | Segmentation,
    n_segments: int | None = None,
    *,
    scale: Scale | float | None = None,
) -> Segmentation:
    """Cut a hierarchy of regions at another scale, or into another number of regions, without finding it anew.

    Parameters
    ----------
    source : path, SavedHierarchy or Segmentation
        A file that ``segmenter segment --save hierarchy`` wrote, the result of `load_hierarchy`, or a segmentation by
        the method "regions".
    n_segments : int, from 1 to the maximum number of superpixels, optional
        Where there are fewer superpixels, each is a region.
    scale : {"coarse", "medium", "fine"} or float, optional
        Where neither is given: medium.

    Returns
    -------
    Segmentation
        What `segmenter.segment` returns for the same photo, number and scale.

    Raises
    ------
    TooFewSuperpixelsError, InvalidArgumentError, ReadError

    Warns
    -----
    SegmenterWarning
        There are fewer than `n_segments` superpixels.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> image = np.repeat(np.uint8([20, 30, 200]), 20)[None].repeat(40, axis=0)
    >>> found = segmenter.segment(image, 3, method="regions")
    >>> segmenter.cut(found, 2).labels[0, [0, 25, 59]]
    array([1, 1, 2], dtype=int32)
    """
    if isinstance(source, Segmentation):
        hierarchy, recipe, name = get_hierarchy(source), decode_recipe(source.options, RegionsRecipe), UNSAVED
    else:
        saved = source if isinstance(source, SavedHierarchy) else load_hierarchy(source)
        hierarchy, recipe, name = saved.hierarchy, saved.recipe, saved.name
    found = cut_regions(hierarchy, _build_cut_recipe(recipe, hierarchy, name, n_segments, scale))
    if found.shortage is not None:
        warnings.warn(str(found.shortage), SegmenterWarning, stacklevel=2)
    return found


def build_cut_recipe(saved: SavedHierarchy, n_segments: int | None, scale: Scale | float | None) -> RegionsRecipe:
    """Return the recipe by which `segmenter.segment` finds the same regions in the photo; errors as of `cut`."""
    return _build_cut_recipe(saved.recipe, saved.hierarchy, saved.name, n_segments, scale)


def _build_cut_recipe(
    recipe: RegionsRecipe, hierarchy: ColoredHierarchy, name: str, n_segments: int | None, scale: Scale | float | None
) -> RegionsRecipe:
    if n_segments is not None and n_segments > recipe.n_superpixels:
        raise TooFewSuperpixelsError(name, hierarchy.n_superpixels, n_segments)
    return replace(recipe, n_segments=n_segments, scale=scale)


def get_hierarchy(found: Segmentation) -> ColoredHierarchy:
    """Return the hierarchy of a segmentation; raise InvalidArgumentError where there is none."""
    if found.hierarchy is None:
        raise InvalidArgumentError("source", "has no hierarchy; give a segmentation by method regions")
    return found.hierarchy


def build_saved_hierarchy(found: Segmentation, photo: PhotoRecord) -> SavedHierarchy:
    """Return the hierarchy of a segmentation with all that is saved along with it.

    Parameters
    ----------
    found : Segmentation
        By the method "regions".
    photo : PhotoRecord

    Raises
    ------
    InvalidArgumentError
        There is no hierarchy.
    """
    return SavedHierarchy(get_hierarchy(found), decode_recipe(found.options, RegionsRecipe), photo)


# ---- writing -------------------------------------------------------------------------------------------------------


def encode_hierarchy(saved: SavedHierarchy) -> bytes:
    """Return a hierarchy as the content of a file."""
    hierarchy = saved.hierarchy
    return encode_arrays(
        {
            "format": np.array(FORMAT),
            "version": np.array(VERSION),
            "superpixels": hierarchy.superpixels.astype(np.min_scalar_type(hierarchy.n_superpixels)),
            "merges": hierarchy.merges.astype(np.int32) + 1,
            "heights": hierarchy.heights,
            "color_sums": hierarchy.color_sums,
            "recipe": np.array(json.dumps(asdict(saved.recipe))),
            "input": np.array(json.dumps(to_plain(saved.photo), ensure_ascii=False)),
        }
    )


# ---- reading -------------------------------------------------------------------------------------------------------


class _FlawError(Exception):
    """What is wrong with a file; becomes a DamagedHierarchyError, which names the file."""


def load_hierarchy(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> SavedHierarchy:
    """Read a hierarchy of regions, and check all of it.

    Parameters
    ----------
    path : str or Path
        A file that ``segmenter segment --method regions --save hierarchy`` wrote.
    max_pixels : int, pixels
        Refuse a hierarchy of a larger photo before it is decompressed.

    Raises
    ------
    MissingFileError, UnreadableFileError, NotAFileError
        There is no such file, or it cannot be opened.
    NotAHierarchyError
        The file is something else.
    TooManyPixelsError
        Its photo has more pixels than ``max_pixels``.
    HierarchyVersionError
        The version of its format cannot be read.
    DamagedHierarchyError
        Something in it is missing or does not fit the rest.
    """
    name = str(path)

    def check_header(key: str, shape: tuple[int, ...], n_bytes: int) -> None:
        if key == "superpixels" and len(shape) == 2:
            check_size(shape[1], shape[0], max_pixels, name)
        elif n_bytes > MAX_BYTES:
            raise DamagedHierarchyError(name, f"{key} has {n_bytes:.1e} bytes, more than it can need")

    arrays = decode_arrays(Path(path), ARRAYS, check_header, lambda reason: NotAHierarchyError(name, reason))
    if _get_text(arrays, "format") != FORMAT:
        raise NotAHierarchyError(name, "holds arrays, but no hierarchy")
    version = arrays.get("version", np.array(-1))
    if version.shape != () or version.dtype.kind not in "iu" or version != VERSION:
        raise HierarchyVersionError(name, str(version)[:40], VERSION)
    try:
        hierarchy, photo = _decode_hierarchy(arrays), _decode_photo(arrays)
        if (photo.height, photo.width) != hierarchy.superpixels.shape:
            raise _FlawError(f"input is a photo of {photo.width}×{photo.height} pixels, superpixels of another size")
        return SavedHierarchy(hierarchy, _decode_recipe(arrays), photo, name)
    except (_FlawError, InvalidArgumentError) as error:
        raise DamagedHierarchyError(name, shorten(str(error), 200)) from error


def _get_text(arrays: Mapping[str, NDArray[Any]], key: str) -> str | None:
    """Return the text in an array without axes; None where there is no such array, or no text in it."""
    array = arrays.get(key)
    return str(array) if array is not None and array.shape == () and array.dtype.kind == "U" else None


def _parse_object(arrays: Mapping[str, NDArray[Any]], key: str) -> dict[str, Any]:
    """Return the JSON object in an array of text; raise _FlawError where there is none."""
    value = parse_object(_get_text(arrays, key) or "")
    if value is None:
        raise _FlawError(f"{key} is not a valid JSON object")
    return value


def _decode_recipe(arrays: Mapping[str, NDArray[Any]]) -> RegionsRecipe:
    try:
        return decode_recipe(_parse_object(arrays, "recipe"), RegionsRecipe)
    except InvalidArgumentError as error:
        raise _FlawError(f"recipe: {error}") from error


def _decode_photo(arrays: Mapping[str, NDArray[Any]]) -> PhotoRecord:
    try:
        return convert_document(_parse_object(arrays, "input"), PhotoRecord)
    except DocumentError as error:
        raise _FlawError(f"input: {error}") from error


def _decode_hierarchy(arrays: Mapping[str, NDArray[Any]]) -> ColoredHierarchy:
    """Return the hierarchy that the arrays make; raise _FlawError where they make none."""
    sums = _get_array(arrays, "color_sums", "f", (None, 4))
    n = len(sums)
    superpixels = _get_array(arrays, "superpixels", "u", (None, None))
    merges = _get_array(arrays, "merges", "i", (n - 1, 2))
    heights = _get_array(arrays, "heights", "f", (n - 1,))
    _check_superpixels(superpixels, sums)
    if np.isnan(heights).any() or (heights[1:] < heights[:-1]).any() or heights.min(initial=0) < 0:
        raise _FlawError("heights fall, or are not all numbers from 0")
    _check_merges(merges, n)
    return ColoredHierarchy(superpixels.astype(np.int32), merges.astype(np.intp) - 1, heights, sums)


def _check_superpixels(superpixels: NDArray[Any], sums: NDArray[Any]) -> None:
    """Raise _FlawError unless the superpixels are 1…R, and have as many pixels as the sums say."""
    n = len(sums)
    if int(superpixels.max(initial=0)) > n:
        raise _FlawError(f"superpixels are more than the {n} of color_sums")
    counts = np.bincount(superpixels.ravel(), minlength=n + 1)[1:]
    colors = sums[:, 1:] / np.maximum(counts, 1)[:, None]
    if not n or not (counts > 0).all() or (counts != sums[:, 0]).any() or not ((colors >= 0) & (colors < 1.001)).all():
        raise _FlawError("color_sums are not those of the superpixels")


def _check_merges(merges: NDArray[Any], n_superpixels: int) -> None:
    """Raise _FlawError unless each merge joins two regions that no merge before has given to another."""
    is_left = np.ones(n_superpixels + 1, dtype=bool)
    is_left[0] = False
    for kept, gone in merges.tolist():
        are_numbers = 0 < kept <= n_superpixels and 0 < gone <= n_superpixels and kept != gone
        if not (are_numbers and is_left[kept] and is_left[gone]):
            raise _FlawError("merges are of regions that do not exist")
        is_left[gone] = False


def _get_array(arrays: Mapping[str, NDArray[Any]], key: str, kind: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return an array of a kind and shape; None = any length."""
    if key not in arrays:
        raise _FlawError(f"{key} is missing")
    array = arrays[key]
    fits = len(array.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind != kind or array.dtype.itemsize > 8 or not fits:
        expected = " × ".join("any" if length is None else str(length) for length in shape)
        raise _FlawError(f"{key} has the shape {array.shape} and type {array.dtype}, not {expected} of {kind}")
    return array
