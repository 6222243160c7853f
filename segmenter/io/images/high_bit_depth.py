"""Read PNG, PPM and PGM with more than 8 bits per channel, which Pillow alone would silently reduce to 8."""

from __future__ import annotations

import io
import re
import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from segmenter.arrays import Pixels
from segmenter.io.images.icc import describe_unconverted_profile
from segmenter.io.images.pillow import (
    DecodedImage,
    compute_alpha_from_key,
    decode_image,
    get_first_tile,
    get_rawmode,
    load,
    open_image,
    read_orientation,
)


def read_high_bit_depth(image: Image.Image, file: BinaryIO) -> DecodedImage:
    """Read an opened PPM, PGM or 16-bit PNG, keeping all bits; ``file`` is the file it was opened from."""
    if image.format == "PNG":
        return read_16_bit_png(image, file)
    return read_pnm(image, file) if needs_own_pnm_decoder(image) else decode_image(image)


def read_16_bit_png(image: Image.Image, file: BinaryIO) -> DecodedImage:
    """Read a PNG of 16-bit RGB, RGBA or gray + alpha, keeping all bits.

    Pillow's decoder keeps one byte of each channel, selected by its raw mode, so decoding twice gives both bytes. There
    is no raw mode for the low bytes of gray + alpha. But a pixel of 16-bit gray + alpha has four bytes, like a pixel of
    8-bit RGBA, so the header is changed to 8-bit RGBA before decoding.

    Parameters
    ----------
    image : Image
        The opened, undecoded PNG.
    file : binary file
        The file that it was opened from.

    Returns
    -------
    DecodedImage
        ``color`` (H, W, 1 or 3) uint16.
    """
    if get_rawmode(image).startswith("LA"):
        load(image)  # also reads the metadata that follows the pixels
        values = np.asarray(_reopen_as_8_bit_rgba(file)).view(">u2").astype(np.uint16)
    else:
        bands = get_rawmode(image).removesuffix("16B")
        values = decode_twice(image, open_image(file), f"{bands}16B", f"{bands}16L")
    color, alpha = (values[..., :-1], values[..., -1]) if image.mode == "RGBA" else (values, None)
    if alpha is None and "transparency" in image.info:
        alpha = compute_alpha_from_key(color, image.info["transparency"])
    notes = describe_unconverted_profile(image.info.get("icc_profile"))
    return DecodedImage(color, alpha, orientation=read_orientation(image), notes=notes)


def decode_twice(high: Image.Image, low: Image.Image, high_rawmode: str, low_rawmode: str) -> Pixels:
    """Decode a picture opened twice, for the high and for the low byte of each channel; return (H, W, C), uint16."""
    for image, mode in ((high, high_rawmode), (low, low_rawmode)):
        set_rawmode(image, mode)
        load(image)
    values: Pixels = np.left_shift(np.asarray(high), 8, dtype=np.uint16)
    values |= np.asarray(low)
    return values


def set_rawmode(image: Image.Image, mode: str) -> None:
    """Set the raw mode with which an undecoded image will be unpacked."""
    tile = get_first_tile(image)
    arguments = (mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode
    vars(image)["tile"] = [tile._replace(args=arguments)]


def _reopen_as_8_bit_rgba(file: BinaryIO) -> Image.Image:
    """Open a 16-bit gray + alpha PNG as 8-bit RGBA, which has the same number of bytes per pixel."""
    file.seek(0)
    data = bytearray(file.read())
    data[24:26] = 8, 6  # bit depth and color type, in the chunk IHDR
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return open_image(io.BytesIO(data))


def needs_own_pnm_decoder(image: Image.Image) -> bool:
    """Return whether Pillow would reduce a PPM to 8 bits, or decode a PPM or PGM value by value in Python."""
    tile = get_first_tile(image)
    return bool(tile.codec_name == "ppm" or (tile.codec_name == "ppm_plain" and tile.args[-1] in range(256, 65536)))


def read_pnm(image: Image.Image, file: BinaryIO) -> DecodedImage:
    """Read a PPM or PGM, and scale its values so that the maximum in its header becomes 255 or 65535.

    Parameters
    ----------
    image : Image
        The opened, undecoded picture, for which `needs_own_pnm_decoder` is True.
    file : binary file
        The file that it was opened from.

    Returns
    -------
    DecodedImage
        ``color`` (H, W, 1 or 3), uint8 if the maximum in the header is below 256, else uint16.

    Raises
    ------
    EOFError
        Values are missing.
    """
    tile = get_first_tile(image)
    maximum = int(tile.args[1])
    shape = (image.height, image.width, 3 if image.mode == "RGB" else 1)
    n_values = shape[0] * shape[1] * shape[2]
    file.seek(tile.offset)
    stored: Any
    if tile.codec_name == "ppm":
        dtype = np.dtype(">u2" if maximum > 255 else "u1")
        data = file.read(n_values * dtype.itemsize)
        stored = np.frombuffer(data[: len(data) - len(data) % dtype.itemsize], dtype)
    else:  # decimal numbers, with comments from # to the end of a line
        numbers = re.sub(rb"#[^\r\n]*", b"", file.read()).split()[:n_values]
        stored = np.array([int(number) for number in numbers])
    if stored.size < n_values:
        raise EOFError(f"only {stored.size} of {n_values} values are there")
    full_scale = 65535 if maximum > 255 else 255
    values: Pixels = stored.clip(0, maximum)
    if maximum != full_scale:
        values = (values.astype(np.uint32) * full_scale + maximum // 2) // maximum  # full_scale² fits into 32 bits
    return DecodedImage(values.astype(np.uint16 if full_scale > 255 else np.uint8).reshape(shape))
