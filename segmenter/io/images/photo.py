"""Read photos from files, streams, Pillow images and arrays, always into a `Photo`."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from segmenter.arrays import Bools, Pixels
from segmenter.errors import (
    EmptyFileError,
    InvalidArgumentError,
    NoPixelsError,
    NotAPhotoError,
    NotFiniteError,
    UnreadableFileError,
)
from segmenter.io.files.local import SIGNATURE_BYTES, ensure_file_unmodified, open_regular, read_stream
from segmenter.io.files.remote import to_path
from segmenter.io.images.pillow import (
    DecodedImage,
    add_frame_note,
    check_size,
    decode_image,
    is_cut_to_8_bits,
    open_image,
    translate_decoder_errors,
)

READABLE_FORMATS = "JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, PPM and PGM"
MAX_PIXELS = 500_000_000

# First bytes of the readable formats. A file that has one of these signatures but cannot be decoded is damaged; a file
# that has none of them is not a photo.
_SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|II[*+]\0|MM\0[*+]|RIFF.{4}WEBP|GIF8[79]a"
    rb"|.{4}ftyp(avi[fs]|m[is]f1.{4,40}avi[fs])|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[1-6]\s+[\d#]|Pf\s+\d",
    re.DOTALL,
)


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture in the form that all other layers use: upright, sRGB or gray, without alpha."""

    pixels: Pixels  # (H, W, C), C = 1 gray or 3 sRGB; uint8, uint16, or float32 in [0, 1]; C-contiguous
    mask: Bools | None  # (H, W), True = valid; None = all pixels are valid
    name: str  # for messages: the file name, or the path as given
    digest: str | None = None  # SHA-256 of the file, hexadecimal; None for images and arrays
    notes: tuple[str, ...] = ()  # aspects of the conversion that may surprise a user, one short sentence each


def read_photo(source: Path | BinaryIO, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a picture file.

    The EXIF orientation is applied, 8-bit colors are converted to sRGB by the embedded profile, and fully transparent
    pixels become False in ``mask``. 16-bit values keep all their bits. Only the first frame or page is read.

    Parameters
    ----------
    source : Path or binary stream
        A regular file, or a buffered stream of at most 1 GiB. A stream is read into memory, but only if its first bytes
        have the signature of a picture.
    name : str, optional
        Name of the photo; by default the last part of the path, or "stream".
    max_pixels : int, pixels, ≥ 1
        Limit on width × height, checked before anything is decoded.

    Returns
    -------
    Photo

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError, EmptyFileError, ChangedFileError
        The path is not a readable regular file, or the file is empty or changes while it is read.
    StreamTooLongError, NotAPhotoError, UnsupportedPhotoError, DamagedPhotoError, TooManyPixelsError
        The content is not a picture, or cannot be decoded.
    NoPixelsError, NotFiniteError
        All pixels are transparent, or some values are NaN or infinite.
    InvalidArgumentError
        ``max_pixels`` is less than 1.
    """
    if max_pixels < 1:
        raise InvalidArgumentError("max_pixels", f"must be at least 1, not {max_pixels}")
    if isinstance(source, str | os.PathLike):
        path = to_path(source)
        with open_regular(path) as file, ensure_file_unmodified(file, str(path)):
            return _read(file, str(path), name or path.name, max_pixels)
    label = name or "stream"
    content = read_stream(source, label, lambda head: _require_signature(head, label))
    return _read(content, label, label, max_pixels)


def photo_from_image(image: Image.Image, *, name: str = "image", max_pixels: int = MAX_PIXELS) -> Photo:
    """Convert the current frame of a Pillow image of any mode to a photo, by the same rules as `read_photo`.

    Parameters
    ----------
    image : Image
        Opened from a file or created in memory. It is decoded if necessary, but not changed in any other way.
    name : str
        Name of the photo.
    max_pixels : int, pixels, ≥ 1
        Limit on width × height, checked before anything is decoded.

    Returns
    -------
    Photo
        Color has only 8 bits, because Pillow has no 16-bit color; a note says so if bits were lost. `read_photo` keeps
        all bits.

    Raises
    ------
    InvalidArgumentError
        The image has no pixels.
    TooManyPixelsError, DamagedPhotoError, UnsupportedPhotoError, NoPixelsError, NotFiniteError
        As in `read_photo`.
    """
    check_size(*image.size, max_pixels, name)
    if 0 in image.size:
        raise InvalidArgumentError("image", f"has no pixels: its size is {image.width}×{image.height}")
    notes = ("16-bit color cut to 8 bits by Pillow",) if is_cut_to_8_bits(image) else ()
    with translate_decoder_errors(name):
        picture = add_frame_note(decode_image(image), image)
    return _build_photo(picture, name, name, notes=notes)


def photo_from_array(array: Pixels, *, name: str = "array") -> Photo:
    """Convert an array to a photo.

    Parameters
    ----------
    array : ndarray
        (H, W) or (H, W, 1) gray, (H, W, 2) gray and alpha, (H, W, 3) sRGB, (H, W, 4) sRGB and alpha; alpha 0 is fully
        transparent. The dtype is bool (True is white), uint8, uint16, another integer type with values in 0…65535
        (treated as uint16), or float (kept if all values are in [0, 1], otherwise scaled linearly to [0, 1]).
    name : str
        Name of the photo.

    Returns
    -------
    Photo
        ``pixels`` shares memory with ``array`` if no conversion was needed; ``array`` is never changed.

    Raises
    ------
    InvalidArgumentError
        The shape, dtype or range is not one of these.
    NotFiniteError
        Pixels that are not fully transparent contain NaN or infinity.
    NoPixelsError
        All pixels are fully transparent.
    """
    if not isinstance(array, np.ndarray):
        raise InvalidArgumentError("image", f"must be a NumPy array, not {type(array).__name__}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise InvalidArgumentError("image", f"must have shape (H, W) or (H, W, 1 to 4), not {array.shape}")
    if array.size == 0:
        raise InvalidArgumentError("image", f"has no pixels: its shape is {array.shape}")
    if array.dtype.kind not in "buif":
        raise InvalidArgumentError("image", f"must hold bool, integers or floats, not {array.dtype}")
    bands = array[..., np.newaxis] if array.ndim == 2 else array
    color, alpha = (bands[..., :-1], bands[..., -1]) if bands.shape[2] in (2, 4) else (bands, None)
    if array.dtype.kind in "iu" and (color.min() < 0 or color.max() > 65535):
        raise InvalidArgumentError("image", f"of type {array.dtype} must have values in 0…65535; scale it first")
    return _build_photo(DecodedImage(color, alpha), name, name)


# ---- from bytes to decoded images -------------------------------------------------------------------------


def _read(file: BinaryIO, label: str, name: str, max_pixels: int) -> Photo:
    """Read a photo from a seekable file, which messages call ``label``."""
    try:
        head = file.read(SIGNATURE_BYTES)
        _require_signature(head, label)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # its protocol is narrower
    except OSError as error:
        raise UnreadableFileError(label, error.strerror or type(error).__name__) from error
    if head.startswith((b"II", b"MM")):
        from segmenter.io.images.tiff import read_tiff  # late, like `read_high_bit_depth`: few photos need them

        return _build_photo(read_tiff(file, label, max_pixels), name, label, digest)
    with translate_decoder_errors(label):
        image = open_image(file)
        check_size(*image.size, max_pixels, label)
        if image.format == "PPM" or (image.format == "PNG" and is_cut_to_8_bits(image)):
            from segmenter.io.images.high_bit_depth import read_high_bit_depth

            picture = read_high_bit_depth(image, file)
        else:
            picture = decode_image(image)
        picture = add_frame_note(picture, image)
        image.close()  # frees its pixels before `_build_photo` copies them
    return _build_photo(picture, name, label, digest)


def has_image_signature(head: bytes) -> bool:
    """Return whether the first bytes of a file have the signature of a readable format."""
    return _SIGNATURES.match(head) is not None


def _require_signature(head: bytes, label: str) -> None:
    """Raise EmptyFileError or NotAPhotoError unless a file or stream starts with the signature of a picture."""
    if not head:
        raise EmptyFileError(label)
    if not has_image_signature(head):
        raise NotAPhotoError(label, READABLE_FORMATS)


# ---- from decoded images to photos -------------------------------------------------------------------------


def _build_photo(
    picture: DecodedImage, name: str, label: str, digest: str | None = None, *, notes: tuple[str, ...] = ()
) -> Photo:
    """Apply the orientation of a decoded image, turn its alpha into a mask, and convert its values."""
    mask = None
    if picture.alpha is not None and not picture.alpha.all():
        mask = picture.alpha != 0
        if not mask.any():
            raise NoPixelsError(label)
    pixels, value_notes = _convert_values(picture.color, mask, label)
    return Photo(
        np.ascontiguousarray(_apply_orientation(pixels, picture.orientation)),
        None if mask is None else np.ascontiguousarray(_apply_orientation(mask, picture.orientation)),
        name,
        digest,
        notes + picture.notes + value_notes,
    )


def _convert_values(color: Pixels, mask: Bools | None, label: str) -> tuple[Pixels, tuple[str, ...]]:
    """Return values as native uint8, uint16 or float32 in [0, 1], and a note if they were scaled."""
    kind, size = color.dtype.kind, color.dtype.itemsize
    if kind == "b":
        return color.astype(np.uint8) * np.uint8(255), ()
    if kind == "u" and size <= 2:
        return color.astype(color.dtype.newbyteorder("="), copy=False), ()
    if kind in "iu" and color.min() >= 0 and color.max() <= 65535:
        return color.astype(np.uint16), ()
    visible: Any = color if mask is None else color[mask]
    n_not_finite = visible.size - int(np.count_nonzero(np.isfinite(visible)))
    if n_not_finite:
        raise NotFiniteError(label, n_not_finite)
    low, high = float(visible.min()), float(visible.max())
    if mask is not None:
        color = np.where(mask[..., np.newaxis], color, visible.min())  # transparent pixels may have any value
    return to_photo_range(color, low, high)


def to_photo_range(color: Pixels, low: float, high: float) -> tuple[Pixels, tuple[str, ...]]:
    """Convert values from ``low`` to ``high`` to the types and range of a `Photo`; return a note if they were scaled.

    uint8 and uint16 are unchanged. Other integers become uint16 if they are in 0…65535, and floats become float32 if
    they are in [0, 1]. Anything else is scaled linearly to float32 in [0, 1].
    """
    kind = color.dtype.kind
    if kind == "u" and color.dtype.itemsize <= 2:
        return color, ()
    if kind in "iu" and low >= 0 and high <= 65535:
        return color.astype(np.uint16), ()
    if low >= 0 and high <= 1 and kind == "f":
        return color.astype(np.float32, copy=False), ()
    scale = max(abs(low), abs(high))  # divide first, so that high − low cannot overflow
    scaled = color.astype(np.float64) / scale - low / scale
    if high > low:
        scaled /= high / scale - low / scale
    return scaled.clip(0, 1).astype(np.float32), (f"values {low:.6g}…{high:.6g} scaled to 0…1",)


def _apply_orientation(array: Any, orientation: int) -> Any:
    """Turn an array upright by applying an EXIF orientation 1…8 to its first two axes."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
