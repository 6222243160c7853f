"""Hierarchies of regions as files: NPZ without pickle, from which regions are cut again without the photo.

====================  =================  ===============================================================================
``format``            text               "segmenter-hierarchy"
``version``           integer            1
``superpixels``       (H, W), unsigned   the superpixel of each pixel, 1…R; 0 = takes no part
``merges``            (R − 1, 2), int32  in their order: the superpixels that stand for two regions; the second joins
                                         the first, which stands for both from then on
``heights``           (R − 1,), float64  of the merges, never falling; infinite where two regions do not touch
``color_sums``        (R, 4), float64    pixels of each superpixel, and the sums of their sRGB from 0 to 1
``recipe``            text               JSON: all options, as in NAME.json
``input``             text               JSON: the photo, as in NAME.json
====================  =================  ===============================================================================

The regions at a height are what all merges of at most that height make. Whoever reads a file can trust it: whatever is
missing, of another type or does not fit is an error.
"""

from __future__ import annotations

import json
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
    TooFewSuperpixelsError,
)
from segmenter.io.files.npz import decode_arrays, encode_arrays
from segmenter.regions.config import Scale
from segmenter.regions.hierarchy import ColoredHierarchy
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.regions import cut_regions
from segmenter.segmentation.result import Segmentation

FORMAT, VERSION = "segmenter-hierarchy", 1
ENDING = ".hierarchy.npz"


@dataclass(frozen=True, eq=False)
class SavedHierarchy:
    """A hierarchy, what it was made by and what of."""

    hierarchy: ColoredHierarchy
    recipe: RegionsRecipe
    photo: Mapping[str, Any]  # name, digest, size and so on, as in the record
    name: str = "the hierarchy"  # what messages call it: the path it was read from


def cut(
    source: str | Path | SavedHierarchy | Segmentation,
    n_segments: int | None = None,
    *,
    scale: Scale | float | None = None,
) -> Segmentation:
    """Cut a hierarchy of regions at another scale or into another number of them, at once.

    Parameters
    ----------
    source : path, SavedHierarchy or Segmentation
        What ``segmenter segment --save hierarchy`` wrote, what `load_hierarchy` returns, or regions.
    n_segments : int, from 1 to the number of superpixels, optional
    scale : {"coarse", "medium", "fine"} or float, optional
        Of neither given, medium.

    Returns
    -------
    Segmentation
        What `segmenter.segment` returns for the same photo, number and scale.

    Raises
    ------
    TooFewSuperpixelsError, InvalidArgumentError, ReadError

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
        source = saved_hierarchy(source, {})
    elif not isinstance(source, SavedHierarchy):
        source = load_hierarchy(source)
    return cut_regions(source.hierarchy, cut_recipe(source, n_segments, scale), source.name)


def cut_recipe(saved: SavedHierarchy, n_segments: int | None, scale: Scale | float | None) -> RegionsRecipe:
    """Return the recipe that gives a cut of a saved hierarchy, of the photo as of the hierarchy; errors as of `cut`."""
    n_superpixels = saved.hierarchy.n_superpixels
    if n_segments is not None and n_segments > n_superpixels:
        raise TooFewSuperpixelsError(saved.name, n_superpixels, n_segments)
    return replace(saved.recipe, n_segments=n_segments, scale=scale)


def saved_hierarchy(found: Segmentation, photo: Mapping[str, Any]) -> SavedHierarchy:
    """Return the hierarchy of regions with all that is saved of it.

    Parameters
    ----------
    found : Segmentation
        By the method regions.
    photo : mapping
        What the record tells of it.

    Raises
    ------
    InvalidArgumentError
        There is no hierarchy.
    """
    if found.hierarchy is None:
        raise InvalidArgumentError("source", "has no hierarchy; give a segmentation by method regions")
    return SavedHierarchy(found.hierarchy, RegionsRecipe(**found.options), photo)


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
            "input": np.array(json.dumps(saved.photo, ensure_ascii=False)),
        }
    )


# ---- reading -------------------------------------------------------------------------------------------------------


class _FlawError(Exception):
    """What is wrong with a file; told as DamagedHierarchyError, which knows its name."""


def load_hierarchy(path: str | Path) -> SavedHierarchy:
    """Read a hierarchy of regions, and check all of it.

    Parameters
    ----------
    path : str or Path
        What ``segmenter segment --method regions --save hierarchy`` wrote.

    Raises
    ------
    MissingFileError, UnreadableFileError, NotAFileError
        There is no such file, or it cannot be opened.
    NotAHierarchyError
        It is something else.
    HierarchyVersionError
        It is of a version of the format that is not read.
    DamagedHierarchyError
        Something in it is missing or does not fit the rest.
    """
    name = str(path)
    arrays = decode_arrays(Path(path), lambda reason: NotAHierarchyError(name, reason))
    if text_in(arrays, "format") != FORMAT:
        raise NotAHierarchyError(name, "holds arrays, but no hierarchy")
    version = arrays.get("version", np.array(-1))
    if version.shape != () or version.dtype.kind not in "iu" or version != VERSION:
        raise HierarchyVersionError(name, str(version)[:40], VERSION)
    try:
        return SavedHierarchy(_hierarchy(arrays), _recipe(arrays), _object(arrays, "input"), name)
    except (_FlawError, InvalidArgumentError) as error:
        raise DamagedHierarchyError(name, str(error)) from error


def text_in(arrays: Mapping[str, NDArray[Any]], key: str) -> str | None:
    """Return the text of an array without axes; None where there is none."""
    array = arrays.get(key)
    return str(array) if array is not None and array.shape == () and array.dtype.kind == "U" else None


def _object(arrays: Mapping[str, NDArray[Any]], key: str) -> dict[str, Any]:
    try:
        value = json.loads(text_in(arrays, key) or "")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _FlawError(f"{key} is no JSON object")
    return value


def _recipe(arrays: Mapping[str, NDArray[Any]]) -> RegionsRecipe:
    options = _object(arrays, "recipe")
    known = asdict(RegionsRecipe())
    if options.keys() != known.keys():
        raise _FlawError("recipe has other options than recipes of regions")
    return RegionsRecipe(**options)


def _hierarchy(arrays: Mapping[str, NDArray[Any]]) -> ColoredHierarchy:
    """Return the hierarchy of the arrays; raise _FlawError unless they make one."""
    sums = _array(arrays, "color_sums", "f", (None, 4))
    n = len(sums)
    superpixels = _array(arrays, "superpixels", "u", (None, None))
    merges = _array(arrays, "merges", "i", (n - 1, 2))
    heights = _array(arrays, "heights", "f", (n - 1,))
    if int(superpixels.max(initial=0)) > n:
        raise _FlawError(f"superpixels are more than the {n} of color_sums")
    counts = np.bincount(superpixels.ravel(), minlength=n + 1)[1:]
    if not n or not (counts > 0).all() or (counts != sums[:, 0]).any() or not np.isfinite(sums).all():
        raise _FlawError("color_sums are not those of the superpixels")
    if np.isnan(heights).any() or (heights[1:] < heights[:-1]).any() or heights.min(initial=0) < 0:
        raise _FlawError("heights fall, or are no numbers from 0")
    alive = np.ones(n + 1, dtype=bool)
    alive[0] = False
    for kept, gone in merges.tolist():
        if not (0 < kept <= n and 0 < gone <= n and kept != gone and alive[kept] and alive[gone]):
            raise _FlawError("merges are not of regions that are there")
        alive[gone] = False
    return ColoredHierarchy(superpixels.astype(np.int32), merges.astype(np.intp) - 1, heights, sums)


def _array(arrays: Mapping[str, NDArray[Any]], key: str, kind: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return an array of a kind and shape; None = any length."""
    if key not in arrays:
        raise _FlawError(f"{key} is missing")
    array = arrays[key]
    fits = len(array.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind != kind or not fits:
        told = " × ".join("any" if length is None else str(length) for length in shape)
        raise _FlawError(f"{key} has the shape {array.shape} and type {array.dtype}, not {told} of {kind}")
    return array
