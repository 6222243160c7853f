"""Label images of any origin: PNG, TIFF, NPY and the MAT files of Berkeley's benchmark, one or several to a file.

What a number stands for differs from program to program: any number is a region here, 0 as well. Pixels that a PNG
marks as transparent have no label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from segmenter.arrays import Floats, Labels
from segmenter.errors import EmptyFileError, NotLabelsError
from segmenter.io.files.atomic import is_zarr_folder
from segmenter.io.files.local import SIGNATURE_BYTES, open_regular
from segmenter.io.images.photo import MAX_PIXELS, has_image_signature
from segmenter.io.images.pillow import check_size, decoding, load, open_image, quiet

ANNOTATION_EXTENSIONS: Final = (".png", ".tif", ".tiff", ".npy", ".mat")
"""Of the files in folders that are taken for label images."""

_MODES: Final = ("1", "L", "P", "I", "I;16", "I;16B", "F")
_ADVICE: Final = "give a PNG or TIFF with one number a pixel, an NPY, or a MAT file"
_TABLE_SIZE: Final = 1 << 20
"""Labels below are renumbered by a table; others are sorted."""


@dataclass(frozen=True, eq=False)
class LabelFile:
    """The segmentations of one photo that a file holds."""

    name: str  # the path as the user gave it
    images: tuple[Labels, ...]  # T of one size (H, W), 1…R without gaps, 0 = no label; () for an ultrametric map
    contours: Floats | None = None  # (2 H + 1, 2 W + 1), ultrametric contour map; None = label images

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if self.contours is not None:
            return self.contours.shape[0] // 2, self.contours.shape[1] // 2
        height, width = self.images[0].shape
        return height, width


def read_label_file(path: Path, *, ignore: int | None = None, max_pixels: int = MAX_PIXELS) -> LabelFile:
    """Read all segmentations that a file holds.

    Parameters
    ----------
    path : Path
        What it is, its content tells: PNG of 1 to 16 bits, gray or indexed; TIFF of one or several pages; NPY of shape
        (H, W) or (T, H, W); MAT with ``groundTruth`` (several people), ``segs`` (several scales) or ``ucm2`` (an
        ultrametric contour map) as in BSDS500, or with one matrix of whole numbers; the folder NAME.zarr of a Zarr.
    ignore : int, optional
        The label of pixels without a label, as it stands in the file.
    max_pixels : int

    Raises
    ------
    ReadError
        There is no such file, it is damaged, or it holds no label images.
    """
    name = str(path)
    found = _read(path, name, ignore, max_pixels)
    if len({image.shape for image in found.images}) > 1:
        raise NotLabelsError(name, "holds segmentations of different sizes; keep one picture to a file")
    if found.contours is None and not found.images:
        raise NotLabelsError(name, f"holds no segmentation; {_ADVICE}")
    return found


def _read(path: Path, name: str, ignore: int | None, max_pixels: int) -> LabelFile:
    """Return what a file holds, by the first of its bytes."""
    if is_zarr_folder(path):
        from segmenter.io.labels.ome_zarr import read_label_zarr

        return LabelFile(name, (renumber(read_label_zarr(path, max_pixels), name, ignore),))
    with open_regular(path) as file, decoding(name):
        head = file.read(SIGNATURE_BYTES)
        file.seek(0)
        if not head:
            raise EmptyFileError(name)
        if head.startswith(b"MATLAB"):
            return _from_mat(file, name, ignore)
        if head.startswith(b"\x93NUMPY"):
            return LabelFile(name, _several(np.load(file, allow_pickle=False), name, ignore))
        if not has_image_signature(head):
            raise NotLabelsError(name, f"is of no format of label images; {_ADVICE}")
        return LabelFile(name, tuple(_from_picture(file, name, ignore, max_pixels)))


def _from_picture(file: BinaryIO, name: str, ignore: int | None, max_pixels: int) -> Iterator[Labels]:
    """Yield the pages of a TIFF, or the one image of a PNG."""
    image = open_image(file)
    check_size(image.width, image.height, max_pixels, name)
    if image.format not in ("PNG", "TIFF"):
        raise NotLabelsError(name, f"is a {image.format}, which does not keep labels as they are; {_ADVICE}")
    pages = ImageSequence.Iterator(image) if image.format == "TIFF" else iter([image])
    with quiet():
        for page in pages:
            if page.mode not in _MODES:
                raise NotLabelsError(name, f"is a picture of colors, not of labels; {_ADVICE}")
            load(page)
            values = np.asarray(page)
            if page.mode != "P":
                yield renumber(values, name, ignore)
            else:
                is_unlabeled = _transparent(page) | (values == (-1 if ignore is None else ignore))
                yield renumber(np.where(is_unlabeled, -1, values.astype(np.int16)), name, ignore=-1)


def _transparent(image: Image.Image) -> Any:
    """Return which pixels of an indexed image are transparent, (H, W) or a single False."""
    key = image.info.get("transparency")
    if isinstance(key, int):
        return np.asarray(image) == key
    if isinstance(key, bytes):
        return (np.frombuffer(key.ljust(256, b"\xff"), np.uint8) == 0)[np.asarray(image)]
    return False


def _several(array: NDArray[Any], name: str, ignore: int | None) -> tuple[Labels, ...]:
    """Return an array of shape (H, W) or (T, H, W) as label images."""
    if array.ndim not in (2, 3) or not array.size:
        raise NotLabelsError(name, f"has the shape {array.shape}; give (H, W), or (T, H, W) for several")
    return tuple(renumber(image, name, ignore) for image in array.reshape(-1, *array.shape[-2:]))


def _from_mat(file: BinaryIO, name: str, ignore: int | None) -> LabelFile:
    """Return what a MAT file of Berkeley's benchmark holds, or one with a single matrix of labels."""
    if file.read(len("MATLAB 7")).endswith(b"7"):
        raise NotLabelsError(name, "is a MAT file of version 7.3, which is not read; save it with the option -v7")
    from scipy.io import loadmat  # takes a fifth of a second

    file.seek(0)
    variables: Mapping[str, Any] = loadmat(file)
    if "groundTruth" in variables:
        cells = variables["groundTruth"].ravel()
        return LabelFile(name, tuple(renumber(cell["Segmentation"][0, 0], name, ignore) for cell in cells))
    if "segs" in variables:
        return LabelFile(name, tuple(renumber(cell, name, ignore) for cell in variables["segs"].ravel()))
    if "ucm2" in variables:
        contours = np.asarray(variables["ucm2"], dtype=np.float64)
        if contours.ndim != 2 or min(contours.shape) < 3 or contours.shape[0] % 2 * contours.shape[1] % 2 == 0:
            raise NotLabelsError(name, f"has an ucm2 of shape {contours.shape}, which is not (2 H + 1, 2 W + 1)")
        return LabelFile(name, (), contours)
    matrices = [
        value
        for key, value in variables.items()
        if not key.startswith("__") and value.ndim == 2 and value.dtype.kind in "biuf" and min(value.shape) > 1
    ]
    if len(matrices) != 1:
        raise NotLabelsError(name, f"holds {len(matrices)} matrices; name one groundTruth, segs or ucm2, or keep one")
    return LabelFile(name, (renumber(matrices[0], name, ignore),))


def renumber(values: NDArray[Any], name: str, ignore: int | None = None) -> Labels:
    """Return labels as 1…R without gaps, in the order of their numbers.

    Parameters
    ----------
    values : ndarray of shape (H, W)
        Whole numbers of any type.
    name : str
        What errors call it.
    ignore : int, optional
        The number that becomes 0, no label.

    Raises
    ------
    NotLabelsError
        Some values are no whole numbers.
    """
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise NotLabelsError(name, f"holds an array of shape {values.shape} and type {values.dtype}, not of labels")
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all() and np.abs(values).max() < 2**53):
            raise NotLabelsError(name, "holds values that are no whole numbers; a label image names regions by numbers")
        values = values.astype(np.int64)
    if values.min() >= 0 and int(values.max()) < _TABLE_SIZE:
        table = np.bincount(values.ravel()) > 0
        if ignore is not None and 0 <= ignore < len(table):
            table[ignore] = False
        numbers = np.where(table, np.cumsum(table), 0).astype(np.int32)
        return np.asarray(numbers[values.astype(np.intp)])
    found, index = np.unique(values, return_inverse=True)
    is_region = found != ignore if ignore is not None else np.ones(len(found), dtype=np.bool_)
    numbers = np.where(is_region, np.cumsum(is_region), 0).astype(np.int32)
    return np.asarray(numbers[index.reshape(values.shape)])
