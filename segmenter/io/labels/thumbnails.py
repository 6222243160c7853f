"""Reduce photos and label images, and encode them for the HTML report.

In the page of ``segmenter report``, photos are WebP, a script draws the labels from a PNG, and thumbnails show both.
The terminal preview reduces pictures with the same functions.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segmenter.arrays import Bytes, Labels
from segmenter.errors import DamagedRecordError
from segmenter.io.files.atomic import is_zarr_folder
from segmenter.io.files.local import open_regular
from segmenter.io.images.pillow import silence_decoders, translate_decoder_errors
from segmenter.io.labels.ome_zarr import read_zarr_overview
from segmenter.io.labels.png import read_labels

PREVIEW_SIDE = 640
"""Maximum length of the longer side of a preview, in pixels."""

THUMBNAIL_SIDE = 288
"""Maximum length of the longer side of a thumbnail, in pixels."""

_QUALITY, _EFFORT = 75, 2
"""Quality and effort of WebP; higher values are not worth the time for a page."""


def compute_preview_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Return width and height, reduced if necessary so that the longer side is at most ``side``."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(scale * width)), max(1, round(scale * height))


def shrink(pixels: Bytes, side: int = PREVIEW_SIDE) -> Bytes:
    """Reduce a picture (H, W, 3) or (H, W, 4), uint8, to a maximum side; return the same array if it is smaller."""
    height, width = pixels.shape[:2]
    return resize(pixels, compute_preview_size(width, height, side))


def resize(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """Resize a picture (H, W, 3) or (H, W, 4), uint8, to (width, height)."""
    height, width = pixels.shape[:2]
    if size == (width, height):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))


def shrink_labels(labels: Labels, size: tuple[int, int] | None = None) -> Labels:
    """Reduce a label image (H, W); each pixel gets the label at the center of the area that it covers.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
    size : (int, int), optional
        Width and height; None = the size of a preview.
    """
    height, width = labels.shape
    columns, rows = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size or compute_preview_size(width, height, PREVIEW_SIDE), (width, height), strict=True)
    )
    return np.ascontiguousarray(labels[np.ix_(rows, columns)])


def read_label_preview(path: Path, shape: tuple[int, int]) -> Labels:
    """Read a label image at the size of a preview; for TIFF and Zarr, from the smallest overview that is large enough.

    Parameters
    ----------
    path : Path
        ``NAME.labels.png``, ``NAME.labels.tif`` or ``NAME.labels.zarr``.
    shape : (int, int)
        Height and width of the whole label image, according to its record.

    Raises
    ------
    ReadError
        The file is missing or damaged, or has another shape.
    """
    size = compute_preview_size(shape[1], shape[0], PREVIEW_SIDE)
    if path.suffix == ".png":
        labels = read_labels(path)
        found = labels.shape
    elif is_zarr_folder(path):
        found, labels = read_zarr_overview(path, max(size))
    else:
        with open_regular(path) as file, translate_decoder_errors(str(path)), silence_decoders():
            import tifffile

            with tifffile.TiffFile(file, name=str(path)) as tiff:
                pages: list[Any] = list(tiff.pages)
                found = pages[0].shape
                large_enough = [page for page in pages if max(page.shape) >= max(size)] or pages[:1]
                labels = large_enough[-1].asarray().astype(np.int32)
    if found != shape:
        raise DamagedRecordError(str(path), "its size is not the one in the record")
    return shrink_labels(labels, size)


def encode_preview(pixels: Bytes) -> bytes:
    """Return a picture (H, W, 3) or (H, W, 4), uint8 sRGB, as WebP."""
    content = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, "WEBP", quality=_QUALITY, method=_EFFORT)
    return content.getvalue()


def encode_labels_as_colors(labels: Labels) -> bytes:
    """Return a label image as an opaque PNG: red is the label modulo 256, green the label divided by 256, rounded down.

    Scripts in a page read pixels as colors; they cannot access the indices of an indexed PNG. A label image
    without labels above 255 is gray.
    """
    image = Image.fromarray(labels.astype(np.uint8))
    if labels.max(initial=0) > 255:
        image = Image.fromarray(np.stack([labels % 256, labels // 256, 0 * labels], axis=2).astype(np.uint8))
    content = BytesIO()
    image.save(content, "PNG", compress_type=zlib.Z_RLE)
    return content.getvalue()


def encode_thumbnail(photo: Bytes | None, labels: Labels, colors: Bytes) -> bytes:
    """Return a thumbnail as WebP: photo in the left half, segments in the right half; without a photo, only segments.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3) or (H, W, 4), uint8 sRGB and opacity, or None
    labels : ndarray of shape (H, W), int32
        0…K; 0 is transparent.
    colors : ndarray of shape (K, 3), uint8
        sRGB; row ``l - 1`` is the color of label ``l``.
    """
    color_table = np.concatenate([np.zeros((1, 4), np.uint8), np.insert(colors, 3, 255, axis=1)])
    painted = color_table[labels]
    if photo is not None:
        half = labels.shape[1] // 2
        n_channels = photo.shape[2]
        painted[:, :half, 3] = 255
        painted[:, :half, :n_channels] = photo[:, :half]
    if painted[..., 3].all():
        painted = painted[..., :3]
    return encode_preview(shrink(painted, THUMBNAIL_SIDE))
