"""Small pictures for pages: photos as WebP, labels as numbers that a page can read, thumbnails of both."""

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
from segmenter.io.images.pillow import decoding, quiet
from segmenter.io.labels.ome_zarr import read_zarr_overview
from segmenter.io.labels.png import read_labels

PREVIEW_SIDE = 640
"""Pixels of the longer side, at most."""

THUMBNAIL_SIDE = 288

_QUALITY, _EFFORT = 75, 2
"""Of WebP: more of either takes longer than it is worth on a page."""


def compute_preview_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Return width and height of a picture whose longer side is at most so long; small ones stay as they are."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(scale * width)), max(1, round(scale * height))


def shrink(pixels: Bytes, side: int = PREVIEW_SIDE) -> Bytes:
    """Return a picture (H, W, 3) or (H, W, 4), uint8, made smaller by averaging; it may be the same array."""
    height, width = pixels.shape[:2]
    return resize(pixels, compute_preview_size(width, height, side))


def resize(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """Return a picture (H, W, 3) or (H, W, 4), uint8, of another size, which is (width, height)."""
    height, width = pixels.shape[:2]
    if size == (width, height):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))


def shrink_labels(labels: Labels, size: tuple[int, int] | None = None) -> Labels:
    """Return a label image (H, W) made smaller: the label in the middle of what each pixel covers.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
    size : (int, int), optional
        Width and height; None = that of a preview.
    """
    height, width = labels.shape
    columns, rows = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size or compute_preview_size(width, height, PREVIEW_SIDE), (width, height), strict=True)
    )
    return np.ascontiguousarray(labels[np.ix_(rows, columns)])


def read_label_preview(path: Path, shape: tuple[int, int]) -> Labels:
    """Return a label image in the size of a preview, as PNG, or as TIFF or Zarr with overviews, of which one is read.

    Parameters
    ----------
    path : Path
        ``NAME.labels.png``, ``NAME.labels.tif`` or ``NAME.labels.zarr``.
    shape : (int, int)
        Height and width that the whole label image must have.

    Raises
    ------
    ReadError
        There is no such file, it is damaged, or it has another shape.
    """
    size = compute_preview_size(shape[1], shape[0], PREVIEW_SIDE)
    if path.suffix == ".png":
        whole = read_labels(path)
        found, labels = whole.shape, whole
    elif is_zarr_folder(path):
        found, labels = read_zarr_overview(path, max(size))
    else:
        with open_regular(path) as file, decoding(str(path)), quiet():
            import tifffile

            with tifffile.TiffFile(file, name=str(path)) as tiff:
                pages: list[Any] = list(tiff.pages)
                found = pages[0].shape
                fitting = [page for page in pages if max(page.shape) >= max(size)] or pages[:1]
                labels = fitting[-1].asarray().astype(np.int32)
    if found != shape:
        raise DamagedRecordError(str(path), "it has not the size that its record tells")
    return shrink_labels(labels, size)


def encode_preview(pixels: Bytes) -> bytes:
    """Return a picture (H, W, 3) or (H, W, 4), uint8 sRGB, as WebP."""
    content = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, "WEBP", quality=_QUALITY, method=_EFFORT)
    return content.getvalue()


def encode_labels_as_colors(labels: Labels) -> bytes:
    """Return a label image as an opaque PNG: red is the label modulo 256, green what 256 goes into it.

    A page reads pixels as colors, and never sees the index of an indexed PNG.
    """
    image = Image.fromarray(labels.astype(np.uint8))
    if labels.max(initial=0) > 255:
        image = Image.fromarray(np.stack([labels % 256, labels // 256, 0 * labels], axis=2).astype(np.uint8))
    content = BytesIO()
    image.save(content, "PNG", compress_type=zlib.Z_RLE)
    return content.getvalue()


def encode_thumbnail(photo: Bytes | None, labels: Labels, colors: Bytes) -> bytes:
    """Return a photo and, to the right of its middle, its segments, as WebP; without the photo, the segments alone.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3) or (H, W, 4), uint8 sRGB and opacity, or None
    labels : ndarray of shape (H, W), int32
        0…K; 0 is transparent.
    colors : ndarray of shape (K, 3), uint8
        sRGB; row ``l - 1`` paints label ``l``.
    """
    table = np.concatenate([np.zeros((1, 4), np.uint8), np.insert(colors, 3, 255, axis=1)])
    painted = table[labels]
    if photo is not None:
        half = labels.shape[1] // 2
        n_channels = photo.shape[2]
        painted[:, :half, 3] = 255
        painted[:, :half, :n_channels] = photo[:, :half]
    if painted[..., 3].all():
        painted = painted[..., :3]
    return encode_preview(shrink(painted, THUMBNAIL_SIDE))
