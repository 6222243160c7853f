"""Pictures as Pillow decodes them: quiet, bounded, and with every failure turned into one of our errors."""

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

from segmenter.arrays import Pixels
from segmenter.errors import (
    DamagedPhotoError,
    SegmenterError,
    TooManyPixelsError,
    UnsupportedPhotoError,
    printable,
)
from segmenter.io.images.icc import to_srgb

# Never open a file without this list: Pillow runs Ghostscript on an EPS. MPO is opened as JPEG.
PILLOW_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")
ORIENTATION_TAG = 274

_PLAIN_MODES = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"} | dict.fromkeys(
    ("RGBX", "YCbCr", "LAB", "HSV"), "RGB"
)
_GRAY_STEPS = {"L;2": 85, "L;4": 17}  # Pillow stretches gray of 2 and 4 bits, but not the transparent level
_settings = threading.RLock()  # guards Pillow's limit, the warning filters and the loggers


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as stored: not yet turned upright, of any number type."""

    color: Pixels  # (H, W, C), C = 1 or 3; unsigned, signed or float
    alpha: Pixels | None = None  # (H, W), 0 = fully transparent; None = opaque
    orientation: int = 1  # EXIF orientation that is still to be applied, 1…8
    notes: tuple[str, ...] = ()


# ---- the decoders kept in check ----------------------------------------------------------------------------


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the decoders' warnings and logs, lift Pillow's own pixel limit; restore all three afterwards.

    Pillow compares with its limit when a file is opened, and for TIFF again when it is loaded. These settings
    belong to the whole process, so that only one thread at a time may be in here.
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
def decoding(label: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a `SegmenterError` that names the file as ``label``."""
    try:
        yield
    except SegmenterError:
        raise
    except MemoryError as error:
        problem = "does not fit into memory when decoded; scale it down or free some memory"
        raise UnsupportedPhotoError(label, problem) from error
    except Exception as error:  # what decoders raise on damaged bytes has no common base, nor an end
        raise DamagedPhotoError(label, reason(error)) from error


def reason(error: Exception) -> str:
    """Return why a decoder gave up: one short line without memory addresses."""
    if isinstance(error, UnidentifiedImageError):
        return "its header makes no sense"
    if isinstance(error, AssertionError | AttributeError | IndexError | KeyError | TypeError):
        return f"the decoder failed with {type(error).__name__}"  # its text is about code, not about the file
    text = " ".join(re.sub(r"<[^<>]* at 0x[^<>]*>", "", str(error)).split())
    text = printable(text)
    return text if 0 < len(text) <= 100 else text[:99] + "…" if text else type(error).__name__


def check_size(width: int, height: int, max_pixels: int, label: str) -> None:
    """Raise `TooManyPixelsError` when a header announces more than ``max_pixels`` pixels."""
    if width * height > max_pixels:
        raise TooManyPixelsError(label, int(width), int(height), max_pixels)


# ---- Pillow's images ---------------------------------------------------------------------------------------


def open_image(file: BinaryIO) -> Image.Image:
    """Read the header of ``file`` from its beginning; the pixels are not decoded."""
    with quiet():
        file.seek(0)
        return Image.open(file, formats=PILLOW_FORMATS)


def load(image: Image.Image) -> None:
    """Decode the pixels of ``image``; without the lock where that is silent, so that threads run at once."""
    if image.format == "TIFF":
        with quiet(), _silent_libtiff():
            image.load()
    else:
        image.load()


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Send what is written to standard error nowhere: libtiff (in C) reports damage there, besides failing.

    The descriptor belongs to the whole process; what other threads write in these milliseconds is lost, too.
    """
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def first_tile(image: Image.Image) -> Any:
    """Return Pillow's plan to decode ``image`` (codec_name, extents, offset, args); None once decoded."""
    tiles = getattr(image, "tile", None)
    return tiles[0] if tiles else None


def rawmode(image: Image.Image) -> str:
    """Return how the undecoded pixels are stored ("RGB;16B": 16 bits a channel); "" for a decoded image."""
    tile = first_tile(image)
    arguments = tile.args if tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def is_cut_to_8_bits(image: Image.Image) -> bool:
    """Tell whether Pillow is about to drop the low bytes of 16-bit channels."""
    return ";16" in rawmode(image) and image.mode in ("RGB", "RGBA", "CMYK")


def picture_from_image(image: Image.Image) -> Picture:
    """Return the pixels of an image of any mode as gray or sRGB, with alpha and orientation apart."""
    gray_step = _GRAY_STEPS.get(rawmode(image), 1)
    load(image)
    orientation = orientation_of(image)  # after loading: Pillow turns TIFFs upright by itself
    key = image.info.get("transparency") if image.mode in ("1", "L", "RGB", "I", "I;16", "I;16B") else None
    if image.mode == "1" and key is not None:
        key = 255 if key else 0
    profile = image.info.get("icc_profile")
    mode = _PLAIN_MODES.get(image.mode, image.mode)
    if mode == "P":
        mode = "RGBA" if image.has_transparency_data else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    alpha = None if key is None else alpha_from_key(as_bands(plain), np.multiply(key, gray_step))
    plain, notes = to_srgb(plain, profile)
    color = as_bands(plain)
    if plain.mode in ("LA", "RGBA"):
        color, alpha = color[..., :-1], color[..., -1]
    return Picture(color, alpha, orientation, notes)


def alpha_from_key(color: Pixels, key: Any) -> Pixels:
    """Return an (H, W) bool alpha that is False where all channels of ``color`` equal those of ``key``."""
    opaque: Pixels = (color != np.asarray(key)).any(axis=2)
    return opaque


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation 1…8; 1 (upright) where there is none, or none that makes sense."""
    with quiet():
        try:
            value = image.getexif().get(ORIENTATION_TAG)
        except Exception:  # damaged metadata raises anything, and is no reason to refuse sound pixels
            return 1
    return known_orientation(value)


def known_orientation(value: object) -> int:
    """Return ``value`` if it is an EXIF orientation, else 1."""
    return value if isinstance(value, int) and value in range(1, 9) else 1


def with_frame_note(picture: Picture, image: Image.Image) -> Picture:
    """Add a note when ``image`` has more frames or pages than the one that was read."""
    unit = "page" if image.format == "TIFF" else "frame"
    with quiet():
        try:
            n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            place = image.tell() + 1
        except Exception:  # the frames behind this one may be damaged in any way; they are not used
            return replace(picture, notes=(*picture.notes, f"first of several {unit}s"))
    return replace(picture, notes=(*picture.notes, *frame_notes(n_frames, unit, place)))


def frame_notes(n_frames: int, unit: str, place: int = 1) -> tuple[str, ...]:
    """Return a note that only one of several frames is used, nothing when there is one only."""
    which = "first" if place == 1 else f"number {place}"
    return (f"{which} of {n_frames} {unit}s",) if n_frames > 1 else ()


def as_bands(image: Image.Image) -> Pixels:
    """Return the (H, W, C) array of a decoded image; of CMYK as RGB, by Pillow's plain formula."""
    array = np.asarray(image.convert("RGB") if image.mode == "CMYK" else image)
    return array if array.ndim == 3 else array[..., np.newaxis]
