"""Write label images as PNG, and read the label images of any run.

``segmenter segment`` and ``batch`` write NAME.labels.png and NAME.segments.png for photos that fit in memory.
`read_labels` is part of the public API, and also reads the TIFF and Zarr of the windowed mode.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmenter.arrays import Bytes, Labels
from segmenter.errors import UnsupportedPhotoError
from segmenter.io.files.atomic import is_zarr_folder
from segmenter.io.files.local import open_regular
from segmenter.io.images.pillow import load, open_image, translate_decoder_errors

MAX_INDEXED_LABEL = 255
"""The largest label of an indexed PNG; label images with larger labels are written as 16-bit gray."""


def encode_labels(labels: Labels, colors: Bytes) -> bytes:
    """Return a label image as PNG.

    Up to 255 labels are written as an indexed PNG: the value of a pixel is its label, the palette holds the colors,
    and 0 is transparent. More labels are written as 16-bit gray.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        0…K.
    colors : ndarray of shape (min(K, 255), 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``. Not used for more than 255 labels.

    Returns
    -------
    bytes
    """
    height, width = labels.shape
    if labels.max(initial=0) > MAX_INDEXED_LABEL:
        return _encode_png(Image.frombuffer("I;16", (width, height), labels.astype("<u2"), "raw", "I;16", 0, 1))
    image = Image.frombuffer("P", (width, height), labels.astype(np.uint8), "raw", "P", 0, 1)
    image.putpalette(bytes(3) + colors.tobytes())
    return _encode_png(image, transparency=0 if labels.min(initial=1) == 0 else None)


def encode_segments(labels: Labels, colors: Bytes, label_image: bytes) -> bytes:
    """Return a picture of the segments, each in its color, as PNG; label 0 is transparent.

    If the label image is an indexed PNG, only its palette is replaced; the pixels are not encoded again.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        0…K.
    colors : ndarray of shape (K, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``.
    label_image : bytes
        The same labels, from `encode_labels`.

    Returns
    -------
    bytes
    """
    if labels.max(initial=0) > MAX_INDEXED_LABEL:
        opaque = np.concatenate([np.zeros((1, 4), np.uint8), np.insert(colors, 3, 255, axis=1)])
        n_channels = 4 if labels.min(initial=1) == 0 else 3
        return _encode_png(Image.fromarray(opaque[labels, :n_channels]))
    start = label_image.index(b"PLTE")
    length = int.from_bytes(label_image[start - 4 : start])
    palette = (bytes(3) + colors.tobytes())[:length].ljust(length, bytes(1))
    checksum = zlib.crc32(b"PLTE" + palette).to_bytes(4)
    return label_image[: start + 4] + palette + checksum + label_image[start + length + 8 :]


def encode_gray(levels: Bytes | NDArray[np.uint16]) -> bytes:
    """Return a gray image (H, W), 0 = black, as PNG of 8 or 16 bits."""
    return _encode_png(Image.fromarray(levels))


def _encode_png(image: Image.Image, *, transparency: int | None = None) -> bytes:
    """Return an image as PNG with run-length encoding, which is the smallest for labels, and by far the fastest."""
    content = BytesIO()
    if transparency is not None:
        image.info["transparency"] = transparency
    image.save(content, "PNG", compress_type=zlib.Z_RLE)
    return content.getvalue()


def read_labels(path: str | Path) -> Labels:
    """Read a label image that `segmenter segment` wrote.

    Parameters
    ----------
    path : str or Path
        An indexed or gray PNG of up to 16 bits, or the TIFF or Zarr of a windowed run.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…K; 0 = no label.

    Raises
    ------
    ReadError
        The file is missing, damaged, or a color picture.
    """
    name = str(path)
    if is_zarr_folder(Path(path)):
        from segmenter.io.labels.ome_zarr import read_label_zarr

        return read_label_zarr(Path(path))
    with open_regular(Path(path)) as file, translate_decoder_errors(name):
        if file.read(2) in (b"II", b"MM"):
            from segmenter.io.labels.tiff import decode_labels

            return decode_labels(file, name)
        image = open_image(file)
        if image.format != "PNG" or image.mode not in ("1", "L", "P", "I", "I;16"):
            raise UnsupportedPhotoError(name, "is not a label image; give an indexed or gray PNG (NAME.labels.png)")
        load(image)
        return np.asarray(image).astype(np.int32)
