"""Decode pictures with Pillow: silently, within limits, and with its exceptions turned into errors of this package."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from segmenter.arrays import Bools, Pixels
from segmenter.errors import (
    DamagedPhotoError,
    SegmenterError,
    TooManyPixelsError,
    UnsupportedPhotoError,
    printable,
)
from segmenter.io.images.icc import convert_to_srgb

# Never open a file without this list, because Pillow runs Ghostscript on EPS files. JPEG includes MPO.
PILLOW_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")
ORIENTATION_TAG = 274

MAX_BANDS = 64
"""Maximum number of bands that are used as features if none are selected."""

_PLAIN_MODES = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"} | dict.fromkeys(
    ("RGBX", "YCbCr", "LAB", "HSV"), "RGB"
)
_GRAY_STEPS = {"L;2": 85, "L;4": 17}
"""Factors by which Pillow multiplies 2-bit and 4-bit gray; it does not multiply the transparent level."""

_settings = threading.RLock()  # guards Pillow's pixel limit, the warning filters and the log levels


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A picture as stored: of any number type, with its orientation not yet applied."""

    color: Pixels  # (H, W, C), C = 1 gray, 3 RGB, else bands; unsigned, signed or float
    alpha: Pixels | None = None  # (H, W), 0 = fully transparent; None = opaque
    missing: Bools | None = None  # (H, W), True = no data; None = nothing is known to be missing
    orientation: int = 1  # EXIF orientation still to be applied, 1…8
    notes: tuple[str, ...] = ()


# ---- decoders ----------------------------------------------------------------------------------------------


@contextmanager
def silence_decoders() -> Iterator[None]:
    """Silence the warnings and logs of decoders, and lift Pillow's own pixel limit, until the block ends.

    Pillow checks its limit when it opens a file, and for TIFF again when it decodes it. These settings are global to
    the process, so only one thread at a time may be inside such a block.
    """
    loggers = [logging.getLogger(library) for library in ("PIL", "tifffile")]
    with _settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, levels = Image.MAX_IMAGE_PIXELS, [logger.level for logger in loggers]
        try:
            Image.MAX_IMAGE_PIXELS = None
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def translate_decoder_errors(label: str) -> Iterator[None]:
    """Turn any exception of a decoder into a `SegmenterError` that names the file as ``label``."""
    try:
        yield
    except SegmenterError:
        raise
    except MemoryError as error:
        problem = "does not fit into memory when decoded; scale it down or free some memory"
        raise UnsupportedPhotoError(label, problem) from error
    except Exception as error:  # damaged bytes make decoders raise exceptions of any type
        raise DamagedPhotoError(label, describe_decoder_error(error)) from error


def describe_decoder_error(error: Exception) -> str:
    """Return why a decoder failed, on one short line without memory addresses."""
    if isinstance(error, UnidentifiedImageError):
        return "its header is not valid"
    if isinstance(error, AssertionError | AttributeError | IndexError | KeyError | TypeError):
        return f"the decoder failed with {type(error).__name__}"  # the text of these is about code, not about the file
    text = " ".join(re.sub(r"<[^<>]* at 0x[^<>]*>", "", str(error)).split())
    text = printable(text)
    return text if 0 < len(text) <= 100 else text[:99] + "…" if text else type(error).__name__


def check_size(width: int, height: int, max_pixels: int, label: str) -> None:
    """Raise `TooManyPixelsError` if the size in a header is more than ``max_pixels`` pixels."""
    if width * height > max_pixels:
        raise TooManyPixelsError(label, int(width), int(height), max_pixels)


# ---- images ------------------------------------------------------------------------------------------------


def open_image(file: BinaryIO) -> Image.Image:
    """Open the image at the start of a file, without decoding its pixels."""
    with silence_decoders():
        file.seek(0)
        return Image.open(file, formats=PILLOW_FORMATS)


def load(image: Image.Image) -> None:
    """Decode the pixels of an image; only TIFF takes the lock of `silence_decoders`, so threads run in parallel."""
    if image.format == "TIFF":
        with silence_decoders(), _silent_libtiff():
            image.load()
    else:
        image.load()


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Discard all output to standard error, where libtiff (written in C) reports damage in addition to failing.

    The descriptor is shared by the whole process, so messages of other threads in these milliseconds are lost, too.
    """
    try:
        saved = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def get_first_tile(image: Image.Image) -> Any:
    """Return Pillow's first step to decode an image (codec_name, extents, offset, args); None once it is decoded."""
    tiles = getattr(image, "tile", None)
    return tiles[0] if tiles else None


def get_rawmode(image: Image.Image) -> str:
    """Return Pillow's raw mode of an undecoded image ("RGB;16B": 16 bits a channel); "" once it is decoded."""
    tile = get_first_tile(image)
    arguments = tile.args if tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def is_cut_to_8_bits(image: Image.Image) -> bool:
    """Return whether decoding with Pillow would drop the low bytes of 16-bit channels."""
    return ";16" in get_rawmode(image) and image.mode in ("RGB", "RGBA", "CMYK")


def decode_image(image: Image.Image) -> DecodedImage:
    """Decode an image of any mode to gray or sRGB; return alpha and orientation separately from the color."""
    gray_step = _GRAY_STEPS.get(get_rawmode(image), 1)
    load(image)
    orientation = read_orientation(image)  # after decoding, when Pillow has already applied that of a TIFF
    key = image.info.get("transparency") if image.mode in ("1", "L", "RGB", "I", "I;16", "I;16B") else None
    if image.mode == "1" and key is not None:
        key = 255 if key else 0
    profile = image.info.get("icc_profile")
    mode = _PLAIN_MODES.get(image.mode, image.mode)
    if mode == "P":
        mode = "RGBA" if image.has_transparency_data else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    alpha = None if key is None else compute_alpha_from_key(to_bands(plain), np.multiply(key, gray_step))
    plain, notes = convert_to_srgb(plain, profile)
    color = to_bands(plain)
    if plain.mode in ("LA", "RGBA"):
        color, alpha = color[..., :-1], color[..., -1]
    return DecodedImage(color, alpha, orientation=orientation, notes=notes)


def compute_alpha_from_key(color: Pixels, key: Any) -> Pixels:
    """Return alpha (H, W), bool, which is False where ``color`` (H, W, C) is the transparent color ``key``."""
    opaque: Pixels = (color != np.asarray(key)).any(axis=2)
    return opaque


def read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation 1…8 of an image; 1 (upright) if it is missing or invalid."""
    with silence_decoders():
        try:
            value = image.getexif().get(ORIENTATION_TAG)
        except Exception:  # damaged metadata may raise any exception, but the pixels may be intact
            return 1
    return to_orientation(value)


def to_orientation(value: object) -> int:
    """Return ``value`` if it is an EXIF orientation 1…8, else 1."""
    return value if isinstance(value, int) and value in range(1, 9) else 1


def add_frame_note(picture: DecodedImage, image: Image.Image) -> DecodedImage:
    """Add a note if ``image`` has other frames or pages than the one that was read."""
    unit = "page" if image.format == "TIFF" else "frame"
    with silence_decoders():
        try:
            n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            number = image.tell() + 1
        except Exception:  # the other frames may be damaged in any way, but are not used
            return replace(picture, notes=(*picture.notes, f"first of several {unit}s"))
    return replace(picture, notes=(*picture.notes, *describe_frames(n_frames, unit, number)))


def describe_frames(n_frames: int, unit: str, number: int = 1) -> tuple[str, ...]:
    """Return a note that only one of several frames was read; no note if there is only one."""
    which = "first" if number == 1 else f"number {number}"
    return (f"{which} of {n_frames} {unit}s",) if n_frames > 1 else ()


def describe_no_data(n_pixels: int) -> tuple[str, ...]:
    """Return a note on pixels that hold no data; no note if there are none."""
    if n_pixels == 1:
        return ("1 pixel holds no data and gets label 0",)
    return (f"{n_pixels:,} pixels hold no data and get label 0",) if n_pixels else ()


def to_bands(image: Image.Image) -> Pixels:
    """Return a decoded image as an array (H, W, C); CMYK becomes RGB by Pillow's simple formula."""
    array = np.asarray(image.convert("RGB") if image.mode == "CMYK" else image)
    return array if array.ndim == 3 else array[..., np.newaxis]
