"""Read pictures of any kind from files, streams, Pillow images and arrays, always into a `Photo`.

This is the only reader of whole pictures. Photos are decoded by Pillow and tifffile; what is no photo (several bands, a
no-data value, channels on several pages, Zarr) is decoded by `segmenter.io.rasters`, as when it is read by windows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from operator import index
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from segmenter.arrays import Bools, Pixels
from segmenter.errors import (
    InvalidArgumentError,
    NoPixelsError,
    SegmenterError,
    UnreadableFileError,
    UnsupportedPhotoError,
)
from segmenter.io.files.local import (
    SIGNATURE_BYTES,
    TIFF_SIGNATURES,
    compute_digest,
    ensure_file_unmodified,
    is_zarr,
    open_regular,
    read_stream,
)
from segmenter.io.files.remote import to_path
from segmenter.io.images.config import ScaleRange, ValueRange, check_scale_range
from segmenter.io.images.pillow import (
    MAX_BANDS,
    DecodedImage,
    add_frame_note,
    check_size,
    decode_image,
    describe_no_data,
    is_cut_to_8_bits,
    open_image,
    translate_decoder_errors,
)
from segmenter.io.images.signatures import RAW_PROBLEM, is_heic, require_photo
from segmenter.io.images.value_range import (
    choose_value_range,
    describe_value_range,
    is_scaled,
    sample_values,
    scale_values,
)

MAX_PIXELS = 500_000_000

_INVERSE_ORIENTATIONS = {6: 8, 8: 6}
"""EXIF orientations that are not undone by applying them again."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture in the form that all other layers use: upright, without alpha, in sRGB, gray or bands."""

    pixels: Pixels  # (H, W, C), C = 1 gray, 3 sRGB, else bands; uint8, uint16, or float32 in [0, 1]; C-contiguous
    mask: Bools | None  # (H, W), True = valid; None = all pixels are valid
    name: str  # for messages: the file name, or the path as given
    digest: str | None = None  # SHA-256 of the file, hexadecimal; None for images and arrays
    notes: tuple[str, ...] = ()  # aspects of the conversion that may surprise a user, one short sentence each
    value_range: ValueRange | None = None  # of the stored values; None = 8-bit values, taken as they are


@dataclass(frozen=True, eq=False)
class Reading:
    """What a caller chooses of an image. Checked on construction.

    Attributes
    ----------
    bands : sequence of int, from 1
        The bands to use, in this order, of a TIFF, a Zarr array or an array; empty = all but alpha.
    channel_axis : int, optional
        The axis of an array that holds its channels, each of which is a band and none alpha. None = the last axis, and
        2 or 4 channels end with alpha.
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; of the upright picture.
    scale_range : ScaleRange or ValueRange
        Which stored values become black and white, by a rule or themselves, see `segmenter.io.images.value_range`.

    Raises
    ------
    InvalidArgumentError
        The bands are not different whole numbers from 1, the mask is not an array of truth values, or there is no such
        rule.
    """

    bands: Sequence[int] = ()
    channel_axis: int | None = None
    mask: Bools | None = None
    scale_range: ScaleRange | ValueRange = "auto"

    def __post_init__(self) -> None:
        """Check the choices, and convert numbers to Python's."""
        try:
            bands = tuple(index(band) for band in self.bands)
        except TypeError:
            bands = (0,)
        if min(bands, default=1) < 1 or len(set(bands)) < len(bands):
            raise InvalidArgumentError("bands", f"are {self.bands!r}; give whole numbers from 1, each once")
        object.__setattr__(self, "bands", bands)
        if self.mask is not None and not (isinstance(self.mask, np.ndarray) and self.mask.dtype == np.bool_):
            kind = f"of {self.mask.dtype}" if isinstance(self.mask, np.ndarray) else f"a {type(self.mask).__name__}"
            raise InvalidArgumentError("mask", f"is {kind}; give an array of bool, True = takes part")
        if not isinstance(self.scale_range, ValueRange):
            object.__setattr__(self, "scale_range", check_scale_range(self.scale_range))

    def check_mask(self, height: int, width: int) -> None:
        """Raise InvalidArgumentError if the mask is not of this size."""
        if self.mask is not None and self.mask.shape != (height, width):
            problem = f"has the shape {self.mask.shape}, but the image has {height} rows and {width} columns"
            raise InvalidArgumentError("mask", f"{problem}; give one value for each pixel")


WHOLE = Reading()
"""The whole image, as it is."""


def read_photo(
    source: Path | BinaryIO, *, name: str | None = None, max_pixels: int = MAX_PIXELS, reading: Reading = WHOLE
) -> Photo:
    """Read a picture file.

    The EXIF orientation of a photo is applied, 8-bit colors are converted to sRGB by the embedded profile, and pixels
    that are fully transparent, hold no data or are not finite become False in ``mask``. Values of more than 8 bits are
    scaled to the range that they use. Only the first frame or page is read. Notes tell what was left out.

    Parameters
    ----------
    source : Path or binary stream
        A regular file, the folder of a Zarr array, or a buffered stream of at most 1 GiB. A stream is read into memory,
        but only if its first bytes have the signature of a picture.
    name : str, optional
        Name of the photo; by default the last part of the path, or "stream".
    max_pixels : int, pixels, ≥ 1
        Limit on width × height, checked before anything is decoded.
    reading : Reading
        Which bands and which pixels to use.

    Returns
    -------
    Photo

    Raises
    ------
    MissingFileError, NotAFileError, UnreadableFileError, EmptyFileError, ChangedFileError
        The path is not a readable regular file, or the file is empty or changes while it is read.
    StreamTooLongError, NotAPhotoError, UnsupportedPhotoError, DamagedPhotoError, TooManyPixelsError
        The content is not a picture, cannot be decoded, or does not have these bands.
    NoPixelsError
        No pixel takes part.
    InvalidArgumentError
        ``max_pixels`` is less than 1, or the mask is of another size.
    """
    if max_pixels < 1:
        raise InvalidArgumentError("max_pixels", f"must be at least 1, not {max_pixels}")
    if isinstance(source, str | os.PathLike):
        path = to_path(source)
        if is_zarr(path):
            return _read_zarr(path, name or path.name, max_pixels, reading)
        with open_regular(path) as file, ensure_file_unmodified(file, str(path)):
            return _read(file, str(path), name or path.name, max_pixels, reading)
    label = name or "stream"
    content = read_stream(source, label, lambda head: require_photo(head, label))
    return _read(content, label, label, max_pixels, reading)


def photo_from_image(
    image: Image.Image, *, name: str = "image", max_pixels: int = MAX_PIXELS, reading: Reading = WHOLE
) -> Photo:
    """Convert the current frame of a Pillow image of any mode to a photo, by the same rules as `read_photo`.

    Parameters
    ----------
    image : Image
        Opened from a file or created in memory. It is decoded if necessary, but not changed in any other way.
    name : str
        Name of the photo.
    max_pixels : int, pixels, ≥ 1
        Limit on width × height, checked before anything is decoded.
    reading : Reading
        Which pixels to use; bands cannot be chosen.

    Returns
    -------
    Photo
        Color has only 8 bits, because Pillow has no 16-bit color; a note says so if bits were lost. `read_photo` keeps
        all bits.

    Raises
    ------
    InvalidArgumentError
        The image has no pixels, bands are chosen, or the mask is of another size.
    TooManyPixelsError, DamagedPhotoError, UnsupportedPhotoError, NoPixelsError
        As in `read_photo`.
    """
    if reading.bands:
        raise InvalidArgumentError("bands", "cannot be chosen of a Pillow image; give its path or an array")
    check_size(*image.size, max_pixels, name)
    if 0 in image.size:
        raise InvalidArgumentError("image", f"has no pixels: its size is {image.width}×{image.height}")
    notes = ("16-bit color cut to 8 bits by Pillow",) if is_cut_to_8_bits(image) else ()
    with translate_decoder_errors(name):
        picture = add_frame_note(decode_image(image), image)
    return _build_photo(replace(picture, notes=notes + picture.notes), name, name, reading)


def photo_from_array(array: Pixels, *, name: str = "array", reading: Reading = WHOLE) -> Photo:
    """Convert an array to a photo.

    Parameters
    ----------
    array : ndarray
        (H, W) or (H, W, 1) gray, (H, W, 2) gray and alpha, (H, W, 3) sRGB, (H, W, 4) sRGB and alpha; alpha 0 is fully
        transparent. Where `reading` has a `channel_axis`, that axis holds 1 (gray), 3 (sRGB) or any number of bands up
        to 64, and no alpha. The dtype is bool (True is white), or integers or floats of any size. Masked values of a
        masked array, NaN and infinity are no data: their pixels take no part.
    name : str
        Name of the photo.
    reading : Reading
        Which axis holds the channels, and which of them and which pixels to use.

    Returns
    -------
    Photo
        ``pixels`` shares memory with ``array`` if no conversion was needed; ``array`` is never changed.

    Raises
    ------
    InvalidArgumentError
        The shape or dtype is not one of these, or the bands or the mask do not fit the array.
    NoPixelsError
        No pixel takes part.
    """
    if not isinstance(array, np.ndarray):
        raise InvalidArgumentError("image", f"must be a NumPy array, not {type(array).__name__}")
    if array.dtype.kind not in "buif":
        raise InvalidArgumentError("image", f"must hold bool, integers or floats, not {array.dtype}")
    color, alpha = _split_channels(array, reading)
    missing = None
    if isinstance(array, np.ma.MaskedArray):
        missing = np.asarray(np.ma.getmaskarray(color).any(axis=2))
        color, alpha = np.ma.getdata(color), None if alpha is None else np.ma.getdata(alpha)
    return _build_photo(DecodedImage(color, alpha, missing), name, name, reading)


def _split_channels(array: Pixels, reading: Reading) -> tuple[Pixels, Pixels | None]:
    """Return the bands (H, W, C) of an array that a reading chooses, and its alpha (H, W) or None.

    Raises
    ------
    InvalidArgumentError
        The array has another shape, no pixels, or does not have these bands.
    """
    axis = reading.channel_axis
    if axis is not None and (array.ndim != 3 or not -3 <= axis < 3):
        raise InvalidArgumentError("channel_axis", f"is {axis}, which an array of shape {array.shape} does not have")
    if array.ndim not in (2, 3):
        raise InvalidArgumentError("image", f"must have shape (H, W) or (H, W, channels), not {array.shape}")
    if array.size == 0:
        raise InvalidArgumentError("image", f"has no pixels: its shape is {array.shape}")
    channels = array[..., np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1 if axis is None else axis, -1)
    n_channels = channels.shape[2]
    if axis is None and n_channels > 4:
        problem = f"has the shape {array.shape}; give channel_axis=2 if its {n_channels} channels are bands"
        raise InvalidArgumentError("image", f"{problem}, or the axis that holds them")
    has_alpha = axis is None and n_channels in (2, 4)
    color, alpha = (channels[..., :-1], channels[..., -1]) if has_alpha else (channels, None)
    if not reading.bands:
        if n_channels > MAX_BANDS:
            problem = f"has {n_channels} bands, more than the {MAX_BANDS} that can be used at once"
            raise InvalidArgumentError("image", f"{problem}; choose some with bands")
        return color, alpha
    if max(reading.bands) > n_channels:
        raise InvalidArgumentError("bands", f"are {reading.bands}, but the array has {n_channels}")
    return channels[..., [band - 1 for band in reading.bands]], alpha


# ---- from bytes to decoded images -------------------------------------------------------------------------


def _read_zarr(path: Path, name: str, max_pixels: int, reading: Reading) -> Photo:
    """Read the folder of a Zarr array."""
    from segmenter.io.rasters.reader import open_windowed

    with open_windowed(path, tuple(reading.bands)) as picture:
        return _build_photo(picture.decode_whole(max_pixels), name, str(path), reading, compute_digest(path))


def _read(file: BinaryIO, label: str, name: str, max_pixels: int, reading: Reading) -> Photo:
    """Read a photo from a seekable file, which messages call ``label``."""
    try:
        head = file.read(SIGNATURE_BYTES)
        require_photo(head, label)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # its protocol is narrower
    except OSError as error:
        raise UnreadableFileError(label, error.strerror or type(error).__name__) from error
    if head.startswith(TIFF_SIGNATURES):
        return _build_photo(_decode_tiff(file, label, max_pixels, reading), name, label, reading, digest)
    if reading.bands:
        raise UnsupportedPhotoError(label, "is neither a TIFF nor a Zarr array; only of these can bands be chosen")
    if is_heic(head):
        from segmenter.io.images.heic import read_heic

        return _build_photo(read_heic(file, label, max_pixels), name, label, reading, digest)
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
    return _build_photo(picture, name, label, reading, digest)


def _decode_tiff(file: BinaryIO, label: str, max_pixels: int, reading: Reading) -> DecodedImage:
    """Decode a TIFF: as a photo, or as a raster where it is none or bands are chosen."""
    from segmenter.io.images.tiff import detect_kind, read_tiff  # late, like `read_high_bit_depth`: few need them

    kind = detect_kind(file)
    if kind == "camera raw":
        raise UnsupportedPhotoError(label, RAW_PROBLEM)
    if kind == "plain photo" and not reading.bands:
        return read_tiff(file, label, max_pixels)
    from segmenter.io.rasters.reader import WindowedPicture
    from segmenter.io.rasters.tiff import open_tiff

    with ExitStack() as stack:
        try:
            raster = stack.enter_context(open_tiff(file, label))
        except SegmenterError:
            if reading.bands:
                raise
        else:
            if reading.bands or not raster.header.is_photo:
                return WindowedPicture(raster, label, tuple(reading.bands)).decode_whole(max_pixels)
    return read_tiff(file, label, max_pixels)


# ---- from decoded images to photos -------------------------------------------------------------------------


def _build_photo(picture: DecodedImage, name: str, label: str, reading: Reading, digest: str | None = None) -> Photo:
    """Apply the orientation of a decoded image, find which of its pixels take part, and scale its values."""
    color = _apply_orientation(picture.color, picture.orientation)
    mask = None
    if picture.alpha is not None and not picture.alpha.all():
        mask = _apply_orientation(picture.alpha, picture.orientation) != 0
    reading.check_mask(*color.shape[:2])
    if reading.mask is not None and not reading.mask.all():
        mask = reading.mask if mask is None else mask & reading.mask
    notes = picture.notes
    missing = _find_missing(picture, color)
    if missing is not None:
        notes += describe_no_data(int(np.count_nonzero(missing if mask is None else missing & mask)))
        mask = ~missing if mask is None else mask & ~missing
    if mask is not None and not mask.any():
        raise NoPixelsError(label)
    if color.dtype.kind == "b":
        color = color.astype(np.uint8) * np.uint8(255)
    value_range = None
    if is_scaled(color.dtype, reading.scale_range):  # chosen from the picture as stored, as it is read by windows
        inverse = _INVERSE_ORIENTATIONS.get(picture.orientation, picture.orientation)
        stored_mask = None if mask is None else _apply_orientation(mask, inverse)
        sample = sample_values(_apply_orientation(color, inverse), stored_mask)
        value_range = choose_value_range(sample, reading.scale_range)
    return Photo(
        np.ascontiguousarray(scale_values(color, value_range)),
        None if mask is None else np.ascontiguousarray(mask),
        name,
        digest,
        notes + describe_value_range(value_range),
        value_range,
    )


def _find_missing(picture: DecodedImage, color: Pixels) -> Bools | None:
    """Return which pixels (H, W) of upright colors hold no data, by their decoder or not being finite; None = none."""
    missing = picture.missing
    if missing is not None:
        missing = _apply_orientation(missing, picture.orientation)
    if color.dtype.kind == "f" and not (is_finite := np.isfinite(color)).all():
        is_bad = np.asarray(~is_finite.all(axis=2))
        missing = is_bad if missing is None else missing | is_bad
    return missing if missing is not None and missing.any() else None


def _apply_orientation(array: Any, orientation: int) -> Any:
    """Turn an array upright by applying an EXIF orientation 1…8 to its first two axes."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
