"""PNG, PPM and PGM of more than 8 bits a channel, which Pillow alone would cut to 8 without a word."""

from __future__ import annotations

import io
import re
import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from segmenter.arrays import Pixels
from segmenter.io.images.icc import unconverted_notes
from segmenter.io.images.pillow import (
    Picture,
    alpha_from_key,
    first_tile,
    load,
    open_image,
    orientation_of,
    picture_from_image,
    rawmode,
)


def read_deep(image: Image.Image, file: BinaryIO) -> Picture:
    """Read an opened PNG of 16-bit channels, PPM or PGM from ``file`` with all the bits that it holds."""
    if image.format == "PNG":
        return read_deep_png(image, file)
    return read_deep_pnm(image, file) if is_deep_pnm(image) else picture_from_image(image)


def read_deep_png(image: Image.Image, file: BinaryIO) -> Picture:
    """Read a PNG of 16-bit RGB, RGBA or gray + alpha exactly.

    Pillow's decoder keeps one byte of each channel, but lets us say which: decoding twice gives both. For
    gray + alpha it cannot give the low bytes; there the bytes of a pixel lie as in 8-bit RGBA, and are read
    with the header of that.

    Parameters
    ----------
    image : Image
        The opened, not yet decoded PNG.
    file : binary file
        What it was opened from.

    Returns
    -------
    Picture
        ``color`` (H, W, 1 or 3) uint16.
    """
    if rawmode(image).startswith("LA"):
        load(image)  # for the metadata behind the pixels
        values = np.asarray(_with_rgba_header(file)).view(">u2").astype(np.uint16)
    else:
        bands = rawmode(image).removesuffix("16B")
        values = decode_twice(image, open_image(file), f"{bands}16B", f"{bands}16L")
    color, alpha = (values[..., :-1], values[..., -1]) if image.mode == "RGBA" else (values, None)
    if alpha is None and "transparency" in image.info:
        alpha = alpha_from_key(color, image.info["transparency"])
    return Picture(color, alpha, orientation_of(image), unconverted_notes(image.info.get("icc_profile")))


def decode_twice(high: Image.Image, low: Image.Image, high_rawmode: str, low_rawmode: str) -> Pixels:
    """Decode a picture, opened twice, for the high and the low byte of each channel; (H, W, C) uint16."""
    for image, mode in ((high, high_rawmode), (low, low_rawmode)):
        set_rawmode(image, mode)
        load(image)
    values: Pixels = np.left_shift(np.asarray(high), 8, dtype=np.uint16)
    values |= np.asarray(low)
    return values


def set_rawmode(image: Image.Image, mode: str) -> None:
    """Make ``image``, which is not decoded yet, unpack its stored values as ``mode``."""
    tile = first_tile(image)
    arguments = (mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode
    vars(image)["tile"] = [tile._replace(args=arguments)]


def _with_rgba_header(file: BinaryIO) -> Image.Image:
    """Open a PNG of 16-bit gray + alpha under the header of one of 8-bit RGBA."""
    file.seek(0)
    data = bytearray(file.read())
    data[24:26] = 8, 6  # bit depth and color type, in the chunk IHDR
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return open_image(io.BytesIO(data))


def is_deep_pnm(image: Image.Image) -> bool:
    """Tell whether Pillow would cut a PPM to 8 bits, or decode a PPM or PGM value by value in Python."""
    tile = first_tile(image)
    return bool(tile.codec_name == "ppm" or (tile.codec_name == "ppm_plain" and tile.args[-1] in range(256, 65536)))


def read_deep_pnm(image: Image.Image, file: BinaryIO) -> Picture:
    """Read a PPM or PGM, its values stretched so that the maximum its header states becomes 255 or 65535.

    Parameters
    ----------
    image : Image
        The opened, not yet decoded picture, which `is_deep_pnm`.
    file : binary file
        What it was opened from.

    Returns
    -------
    Picture
        ``color`` (H, W, 1 or 3), uint8 if the stated maximum is below 256, else uint16.

    Raises
    ------
    EOFError
        If values are missing.
    """
    tile = first_tile(image)
    maximum = int(tile.args[1])
    shape = (image.height, image.width, 3 if image.mode == "RGB" else 1)
    n_values = shape[0] * shape[1] * shape[2]
    file.seek(tile.offset)
    stored: Any
    if tile.codec_name == "ppm":
        dtype = np.dtype(">u2" if maximum > 255 else "u1")
        data = file.read(n_values * dtype.itemsize)
        stored = np.frombuffer(data[: len(data) - len(data) % dtype.itemsize], dtype)
    else:  # decimal numbers, and comments from # to the end of a line
        words = re.sub(rb"#[^\r\n]*", b"", file.read()).split()[:n_values]
        stored = np.array([int(word) for word in words])
    if stored.size < n_values:
        raise EOFError(f"only {stored.size} of {n_values} values are there")
    top = 65535 if maximum > 255 else 255
    values: Pixels = stored.clip(0, maximum)
    if maximum != top:
        values = (values.astype(np.uint32) * top + maximum // 2) // maximum  # top² fits into 32 bits
    return Picture(values.astype(np.uint16 if top > 255 else np.uint8).reshape(shape))
