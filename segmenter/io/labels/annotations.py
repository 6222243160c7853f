"""Read segmentations of any origin, for ``segmenter evaluate``: label images from other programs, and from people.

The files are PNG, TIFF, NPY, Zarr, or MAT files of the Berkeley benchmark (BSDS500), with one or several segmentations
each. Programs disagree about the meaning of 0, so every number is a region here, including 0. Transparent pixels of a
PNG have no label.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
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
from segmenter.io.files.npz import read_array_header
from segmenter.io.images.photo import MAX_PIXELS
from segmenter.io.images.pillow import check_size, load, open_image, silence_decoders, translate_decoder_errors
from segmenter.io.images.signatures import has_image_signature

ANNOTATION_EXTENSIONS: Final = (".png", ".tif", ".tiff", ".npy", ".mat")
"""Files with these extensions in a folder are treated as label images."""

_MODES: Final = ("1", "L", "P", "I", "I;16", "I;16B", "F")
_ADVICE: Final = "give a PNG or TIFF with one number a pixel, an NPY, or a MAT file"
MAX_MAT_BYTES: Final = 1 << 30
"""Refuse a MAT file with more than this when decompressed; the largest file of BSDS500 has 6 MB."""

_MAT_HEADER_BYTES: Final = 128
_MAT_COMPRESSED: Final = 15  # the type of an element that holds another one, compressed by zlib
_MAT_CHUNK_BYTES: Final = 1 << 20

_TABLE_SIZE: Final = 1 << 20
"""Labels below this number are renumbered by a lookup table; if any is larger, by sorting."""


@dataclass(frozen=True, eq=False)
class LabelFile:
    """The segmentations of one photo that a file contains."""

    name: str  # the path as the user gave it
    images: tuple[Labels, ...]  # T of shape (H, W): 1…R without gaps, 0 = no label; () with `contours`
    contours: Floats | None = None  # ultrametric contour map, (2 H + 1, 2 W + 1); None = label images

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if self.contours is not None:
            return self.contours.shape[0] // 2, self.contours.shape[1] // 2
        height, width = self.images[0].shape
        return height, width


def read_label_file(path: Path, *, ignore: int | None = None, max_pixels: int = MAX_PIXELS) -> LabelFile:
    """Read all segmentations in a file.

    Parameters
    ----------
    path : Path
        The format is detected from the content: PNG of 1 to 16 bits, gray or indexed; TIFF of one or several pages; NPY
        of shape (H, W) or (T, H, W); MAT with ``groundTruth`` (several people), ``segs`` (several scales) or ``ucm2``
        (an ultrametric contour map) as in BSDS500, or with one matrix of integers; a Zarr folder NAME.zarr.
    ignore : int, optional
        The number that marks pixels without a label in the file.
    max_pixels : int

    Raises
    ------
    ReadError
        The file is missing or damaged, or contains no label images.
    """
    name = str(path)
    found = _read(path, name, ignore, max_pixels)
    if len({image.shape for image in found.images}) > 1:
        raise NotLabelsError(name, "holds segmentations of different sizes; keep one picture to a file")
    if found.contours is None and not found.images:
        raise NotLabelsError(name, f"holds no segmentation; {_ADVICE}")
    return found


def _read(path: Path, name: str, ignore: int | None, max_pixels: int) -> LabelFile:
    """Read a file in the format that its first bytes identify."""
    if is_zarr_folder(path):
        from segmenter.io.labels.ome_zarr import read_label_zarr

        return LabelFile(name, (renumber(read_label_zarr(path, max_pixels), name, ignore),))
    with open_regular(path) as file, translate_decoder_errors(name):
        head = file.read(SIGNATURE_BYTES)
        file.seek(0)
        if not head:
            raise EmptyFileError(name)
        if head.startswith(b"MATLAB"):
            return _read_mat(file, name, ignore, max_pixels)
        if head.startswith(b"\x93NUMPY"):
            return LabelFile(name, _split_stack(_read_npy(file, name, max_pixels), name, ignore))
        if not has_image_signature(head):
            raise NotLabelsError(name, f"is not in a format of label images; {_ADVICE}")
        return LabelFile(name, tuple(_read_picture(file, name, ignore, max_pixels)))


def _read_picture(file: BinaryIO, name: str, ignore: int | None, max_pixels: int) -> Iterator[Labels]:
    """Yield the label image of each page of a TIFF, or of a PNG."""
    image = open_image(file)
    if image.format not in ("PNG", "TIFF"):
        raise NotLabelsError(name, f"is a {image.format}, which does not preserve labels; {_ADVICE}")
    pages = ImageSequence.Iterator(image) if image.format == "TIFF" else iter([image])
    with silence_decoders():
        for page in pages:
            check_size(page.width, page.height, max_pixels, name)
            if page.mode not in _MODES:
                raise NotLabelsError(name, f"is a color picture, not a label image; {_ADVICE}")
            load(page)
            values = np.asarray(page)
            if page.mode != "P":
                yield renumber(values, name, ignore)
            else:
                is_unlabeled = _find_transparent(page) | (values == (-1 if ignore is None else ignore))
                yield renumber(np.where(is_unlabeled, -1, values.astype(np.int16)), name, ignore=-1)


def _find_transparent(image: Image.Image) -> Any:
    """Return the mask (H, W) of transparent pixels in an indexed image, or False if it has no transparency."""
    key = image.info.get("transparency")
    if isinstance(key, int):
        return np.asarray(image) == key
    if isinstance(key, bytes):
        return (np.frombuffer(key.ljust(256, b"\xff"), np.uint8) == 0)[np.asarray(image)]
    return False


def _read_npy(file: BinaryIO, name: str, max_pixels: int) -> NDArray[Any]:
    """Read an NPY file of label images, once its header is known to fit its size and the limit."""
    shape, _, dtype = read_array_header(file)
    if len(shape) >= 2:
        check_size(shape[-1], shape[-2], max_pixels, name)
    n_bytes = file.seek(0, os.SEEK_END) - file.seek(0)
    if math.prod(shape) * dtype.itemsize > n_bytes:
        raise EOFError(f"{n_bytes:,} bytes cannot hold an array of shape {shape}")
    values: NDArray[Any] = np.load(file, allow_pickle=False)
    return values


def _split_stack(array: NDArray[Any], name: str, ignore: int | None) -> tuple[Labels, ...]:
    """Split an array of shape (H, W) or (T, H, W) into label images."""
    if array.ndim not in (2, 3) or not array.size:
        raise NotLabelsError(name, f"has the shape {array.shape}; give (H, W), or (T, H, W) for several")
    return tuple(renumber(image, name, ignore) for image in array.reshape(-1, *array.shape[-2:]))


def _read_mat(file: BinaryIO, name: str, ignore: int | None, max_pixels: int) -> LabelFile:
    """Read a MAT file of the Berkeley benchmark, or one with a single matrix of labels."""
    if file.read(len("MATLAB 7")).endswith(b"7"):
        raise NotLabelsError(name, "is a MAT file of version 7.3, which is not supported; save it with the option -v7")
    file.seek(0)
    _check_decompressed_size(file, name)
    from scipy.io import loadmat  # late: importing it takes a fifth of a second

    file.seek(0)
    variables: Mapping[str, Any] = loadmat(file)
    if "ucm2" in variables and not variables.keys() & {"groundTruth", "segs"}:
        contours = np.asarray(variables["ucm2"], dtype=np.float64)
        if contours.ndim != 2 or min(contours.shape) < 3 or contours.shape[0] % 2 * contours.shape[1] % 2 == 0:
            raise NotLabelsError(name, f"has a ucm2 of shape {contours.shape}, which is not (2 H + 1, 2 W + 1)")
        check_size(contours.shape[1] // 2, contours.shape[0] // 2, max_pixels, name)
        return LabelFile(name, (), contours)
    images = _get_label_matrices(variables, name)
    for image in images:
        if image.ndim == 2:  # `renumber` refuses others
            check_size(image.shape[1], image.shape[0], max_pixels, name)
    return LabelFile(name, tuple(renumber(image, name, ignore) for image in images))


def _get_label_matrices(variables: Mapping[str, Any], name: str) -> list[NDArray[Any]]:
    """Return the label images among the variables of a MAT file, of any shape."""
    if "groundTruth" in variables:
        return [cell["Segmentation"][0, 0] for cell in variables["groundTruth"].ravel()]
    if "segs" in variables:
        return list(variables["segs"].ravel())
    matrices = [
        value
        for key, value in variables.items()
        if not key.startswith("__") and value.ndim == 2 and value.dtype.kind in "biuf" and min(value.shape) > 1
    ]
    if len(matrices) != 1:
        raise NotLabelsError(name, f"holds {len(matrices)} matrices; name one groundTruth, segs or ucm2, or keep one")
    return matrices


def _check_decompressed_size(file: BinaryIO, name: str) -> None:
    """Raise NotLabelsError if the variables of a MAT file are larger than `MAX_MAT_BYTES` once decompressed.

    A file is a header of 128 bytes, and elements that start with their type and their size. Damaged elements end the
    count; reading the file reports them.
    """
    header = file.read(_MAT_HEADER_BYTES)
    tag = struct.Struct("<II" if header.endswith(b"IM") else ">II")
    n_bytes = 0
    while len(start := file.read(tag.size)) == tag.size:
        kind, size = tag.unpack(start)
        if kind != _MAT_COMPRESSED:
            file.seek(size, os.SEEK_CUR)
            continue
        decompressor = zlib.decompressobj()
        rest = size
        while rest > 0 and (part := file.read(min(rest, _MAT_CHUNK_BYTES))):
            rest -= len(part)
            while part and not decompressor.eof:
                try:
                    n_bytes += len(decompressor.decompress(part, _MAT_CHUNK_BYTES))
                except zlib.error:
                    return
                if n_bytes > MAX_MAT_BYTES:
                    limit = f"{MAX_MAT_BYTES // 2**20:,} MiB"
                    raise NotLabelsError(name, f"holds more than {limit} when decompressed; give its parts as NPY")
                part = decompressor.unconsumed_tail


def renumber(values: NDArray[Any], name: str, ignore: int | None = None) -> Labels:
    """Renumber labels to 1…R without gaps, in ascending order of the original numbers.

    Parameters
    ----------
    values : ndarray of shape (H, W)
        Integers, of any number type.
    name : str
        Name of the image in errors.
    ignore : int, optional
        The number that becomes 0, that is, no label.

    Raises
    ------
    NotLabelsError
        Some values are not integers.
    """
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise NotLabelsError(
            name, f"holds an array of shape {values.shape} and type {values.dtype}, which is not a label image"
        )
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all() and np.abs(values).max() < 2**53):
            raise NotLabelsError(
                name, "holds values that are not integers; a label image has one integer for each region"
            )
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
