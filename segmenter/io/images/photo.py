"""Photos: one value, whatever file, image or array they come from."""

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
    Picture,
    check_size,
    decoding,
    is_cut_to_8_bits,
    open_image,
    picture_from_image,
    with_frame_note,
)

READABLE_FORMATS = "JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, PPM and PGM"
MAX_PIXELS = 500_000_000

# What the readable formats begin with: a file that does and cannot be decoded is damaged, any other no photo.
_SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|II[*+]\0|MM\0[*+]|RIFF.{4}WEBP|GIF8[79]a"
    rb"|.{4}ftyp(avi[fs]|m[is]f1.{4,40}avi[fs])|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[1-6]\s+[\d#]|Pf\s+\d",
    re.DOTALL,
)


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as the later layers see it: upright, sRGB or gray, without alpha."""

    pixels: Pixels  # (H, W, C), C = 1 gray or 3 sRGB; uint8, uint16, or float32 in [0, 1]; C-contiguous
    mask: Bools | None  # (H, W), True = takes part; None = all pixels do
    name: str  # what messages call it: the file name, or the path as it was given
    digest: str | None = None  # SHA-256 of the file, hexadecimal; None for images and arrays
    notes: tuple[str, ...] = ()  # what was done that a person may not expect, a short sentence each


def read_photo(source: Path | BinaryIO, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a picture file.

    EXIF orientation is applied, an embedded color profile converted to sRGB (8-bit pictures), fully
    transparent pixels become ``mask`` False; 16 bits stay 16 bits. Of several frames or pages the first counts.

    Parameters
    ----------
    source : Path or binary stream
        A regular file, or a buffered stream, of which a picture is read to its end into memory, anything else not;
        no stream of more than 1 GiB is read.
    name : str, optional
        Name of the photo; by default the path's last part, "stream" for a stream.
    max_pixels : int, pixels, ≥ 1
        Limit on width × height, checked before anything is decoded.

    Returns
    -------
    Photo

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError, EmptyFileError, ChangedFileError
        The path is none of a regular file that can be read, holds something and stays as it is meanwhile.
    StreamTooLongError, NotAPhotoError, UnsupportedPhotoError, DamagedPhotoError, TooManyPixelsError
        The content is no picture, or none that can be decoded.
    NoPixelsError, NotFiniteError
        All pixels are transparent, or some values are NaN or infinite.
    InvalidArgumentError
        If ``max_pixels`` is less than 1.
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
    """Return the current frame of a Pillow image of any mode as a photo, by the rules of `read_photo`.

    Parameters
    ----------
    image : Image
        Opened or made in memory. It is loaded if it is not yet, and otherwise left as it is.
    name : str
        Name of the photo.
    max_pixels : int, pixels, ≥ 1
        Limit on width × height, checked before anything is decoded.

    Returns
    -------
    Photo
        Pillow has no 16-bit color: such a file gives uint16 only through `read_photo`; here a note says so.

    Raises
    ------
    InvalidArgumentError
        If the image has no pixels.
    TooManyPixelsError, DamagedPhotoError, UnsupportedPhotoError, NoPixelsError, NotFiniteError
        As in `read_photo`.
    """
    check_size(*image.size, max_pixels, name)
    if 0 in image.size:
        raise InvalidArgumentError("image", f"has no pixels: its size is {image.width}×{image.height}")
    notes = ("16-bit color cut to 8 bits by Pillow",) if is_cut_to_8_bits(image) else ()
    with decoding(name):
        picture = with_frame_note(picture_from_image(image), image)
    return _photo(picture, name, name, notes=notes)


def photo_from_array(array: Pixels, *, name: str = "array") -> Photo:
    """Return an array as a photo.

    Parameters
    ----------
    array : ndarray
        (H, W) or (H, W, 1) gray, (H, W, 2) gray and alpha, (H, W, 3) sRGB, (H, W, 4) sRGB and alpha, where
        alpha 0 is fully transparent. Of type bool (True is white), uint8, uint16, another integer type with
        values in 0…65535 (taken as uint16), or float (kept if all within [0, 1], else scaled linearly to it).
    name : str
        Name of the photo.

    Returns
    -------
    Photo
        ``pixels`` shares memory with ``array`` where nothing had to be converted; ``array`` is never changed.

    Raises
    ------
    InvalidArgumentError
        For any other shape, type or range.
    NotFiniteError
        If pixels that are not fully transparent hold NaN or infinity.
    NoPixelsError
        If all pixels are fully transparent.
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
    return _photo(Picture(color, alpha), name, name)


# ---- from bytes to what is stored --------------------------------------------------------------------------


def _read(file: BinaryIO, label: str, name: str, max_pixels: int) -> Photo:
    """Read a photo from a seekable file that is called ``label`` in messages."""
    try:
        head = file.read(SIGNATURE_BYTES)
        _require_signature(head, label)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # its protocol is narrower
    except OSError as error:
        raise UnreadableFileError(label, error.strerror or type(error).__name__) from error
    if head.startswith((b"II", b"MM")):
        from segmenter.io.images.tiff import read_tiff  # late, as below: most photos need neither

        return _photo(read_tiff(file, label, max_pixels), name, label, digest)
    with decoding(label):
        image = open_image(file)
        check_size(*image.size, max_pixels, label)
        if image.format == "PPM" or (image.format == "PNG" and is_cut_to_8_bits(image)):
            from segmenter.io.images.high_bit_depth import read_deep

            picture = read_deep(image, file)
        else:
            picture = picture_from_image(image)
        picture = with_frame_note(picture, image)
        image.close()  # frees its copy of the pixels before the next one is made
    return _photo(picture, name, label, digest)


def has_image_signature(head: bytes) -> bool:
    """Return whether something begins like a picture of a readable format."""
    return _SIGNATURES.match(head) is not None


def _require_signature(head: bytes, label: str) -> None:
    """Raise unless the first bytes of a file or stream are those of a picture."""
    if not head:
        raise EmptyFileError(label)
    if not has_image_signature(head):
        raise NotAPhotoError(label, READABLE_FORMATS)


# ---- from what is stored to what is promised ---------------------------------------------------------------


def _photo(picture: Picture, name: str, label: str, digest: str | None = None, *, notes: tuple[str, ...] = ()) -> Photo:
    """Turn a picture upright, its alpha into a mask and its values into those of a `Photo`."""
    mask = None
    if picture.alpha is not None and not picture.alpha.all():
        mask = picture.alpha != 0
        if not mask.any():
            raise NoPixelsError(label)
    pixels, value_notes = _in_range(picture.color, mask, label)
    return Photo(
        np.ascontiguousarray(_upright(pixels, picture.orientation)),
        None if mask is None else np.ascontiguousarray(_upright(mask, picture.orientation)),
        name,
        digest,
        notes + picture.notes + value_notes,
    )


def _in_range(color: Pixels, mask: Bools | None, label: str) -> tuple[Pixels, tuple[str, ...]]:
    """Return the values as native uint8, uint16 or float32 in [0, 1], and a note where they were scaled."""
    kind, size = color.dtype.kind, color.dtype.itemsize
    if kind == "b":
        return color.astype(np.uint8) * np.uint8(255), ()
    if kind == "u" and size <= 2:
        return color.astype(color.dtype.newbyteorder("="), copy=False), ()
    if kind in "iu" and color.min() >= 0 and color.max() <= 65535:
        return color.astype(np.uint16), ()
    visible: Any = color if mask is None else color[mask]
    n_bad = visible.size - int(np.count_nonzero(np.isfinite(visible)))
    if n_bad:
        raise NotFiniteError(label, n_bad)
    low, high = float(visible.min()), float(visible.max())
    if mask is not None:
        color = np.where(mask[..., np.newaxis], color, visible.min())  # what is hidden may be anything
    return to_photo_range(color, low, high)


def to_photo_range(color: Pixels, low: float, high: float) -> tuple[Pixels, tuple[str, ...]]:
    """Return numbers of any type that lie between two limits as a photo has them, and a note where they were scaled.

    Integers from 0 to 65,535 become uint16, floats from 0 to 1 float32, and all others are scaled linearly to that.
    """
    kind = color.dtype.kind
    if kind == "u" and color.dtype.itemsize <= 2:
        return color, ()
    if kind in "iu" and low >= 0 and high <= 65535:
        return color.astype(np.uint16), ()
    if low >= 0 and high <= 1 and kind == "f":
        return color.astype(np.float32, copy=False), ()
    scale = max(abs(low), abs(high))  # divided first, so that high − low cannot overflow
    scaled = color.astype(np.float64) / scale - low / scale
    if high > low:
        scaled /= high / scale - low / scale
    return scaled.clip(0, 1).astype(np.float32), (f"values {low:.6g}…{high:.6g} scaled to 0…1",)


def _upright(array: Any, orientation: int) -> Any:
    """Apply an EXIF orientation 1…8 to the first two axes."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
