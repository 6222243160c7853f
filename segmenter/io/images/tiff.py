"""Read TIFF photos: 8 bits with Pillow, more with tifffile, or with Pillow's libtiff if tifffile lacks the codec."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image, TiffImagePlugin

from segmenter.arrays import Pixels
from segmenter.errors import DamagedPhotoError, UnsupportedPhotoError
from segmenter.io.images.high_bit_depth import decode_twice, set_rawmode
from segmenter.io.images.icc import describe_unconverted_profile
from segmenter.io.images.pillow import (
    ORIENTATION_TAG,
    DecodedImage,
    add_frame_note,
    check_size,
    decode_image,
    describe_frames,
    get_rawmode,
    is_cut_to_8_bits,
    load,
    open_image,
    silence_decoders,
    to_bands,
    to_orientation,
    translate_decoder_errors,
)
from segmenter.io.images.tiff_tags import (
    BITS_PER_SAMPLE,
    BLACK_IS_ZERO,
    CMYK,
    DNG_VERSION,
    EXTRA_SAMPLES,
    GDAL_NO_DATA,
    ICC_PROFILE,
    IMAGE_DESCRIPTION,
    MAKE,
    PHOTOMETRIC,
    RAW_COLOR_TYPES,
    REDUCED_IMAGE,
    RGB,
    SAMPLES_PER_PIXEL,
    SUB_PAGES,
    SUBFILE_TYPE,
    WHITE_IS_ZERO,
    AlphaBand,
    PageTags,
    check_is_single_picture,
    check_no_preview,
    describe_color_type,
    describe_constant,
    find_alpha,
    has_decoder,
    invert,
    read_page_tags,
    read_tag,
    unpremultiply,
)

_COLOR_BANDS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
"""Number of color bands of each color type that is read with more than 8 bits."""

# libtiff always returns values in native byte order; for these modes, Pillow assumes the byte order of the file.
_NATIVE_RAWMODES = {
    "F;32F": "F;32NF",
    "F;32BF": "F;32NF",
    "I;16S": "I;16NS",
    "I;16BS": "I;16NS",
    "I;32S": "I;32NS",
    "I;32BS": "I;32NS",
}
_LOW_BYTE = "16B" if sys.byteorder == "little" else "16L"
"""Raw mode of the opposite byte order: with it, Pillow keeps the low byte instead of the high one."""


@dataclass(frozen=True)
class _BandLayout:
    """Which bands of a page are color, and which is alpha."""

    photometric: int
    alpha: AlphaBand | None
    notes: tuple[str, ...]


def read_tiff(file: BinaryIO, label: str, max_pixels: int) -> DecodedImage:
    """Read the first page of a TIFF or BigTIFF.

    Parameters
    ----------
    file : binary file
        Seekable.
    label : str
        Path of the file, for messages.
    max_pixels : int
        Limit on width × height, checked before decoding.

    Returns
    -------
    DecodedImage
        ``color`` has the number type of the file; palettes, YCbCr and CIELAB become uint8 RGB.

    Raises
    ------
    TooManyPixelsError, DamagedPhotoError
    UnsupportedPhotoError
        The page does not have 1, 3 or 4 bands besides alpha, has an unknown color type or codec, or is only a preview.
    """
    try:
        image = open_image(file)
    except Exception:  # tifffile reads more kinds of TIFF, and reports an error if this one is damaged
        return _read_page(file, None, label, max_pixels)
    with translate_decoder_errors(label):
        check_size(*image.size, max_pixels, label)
        tags: Any = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
        if max(tags.get(BITS_PER_SAMPLE, (1,))) > 8:
            return _read_page(file, image, label, max_pixels)
        check_no_preview(tags.get(SUBFILE_TYPE, 0), label)
        n_bands, extra = tags.get(SAMPLES_PER_PIXEL, 1), tags.get(EXTRA_SAMPLES, ())
        layout = _interpret_bands(tags.get(PHOTOMETRIC, BLACK_IS_ZERO), n_bands, tuple(extra), label)
        picture = add_frame_note(decode_image(image), image)
    return replace(picture, notes=layout.notes + picture.notes)


def detect_kind(file: BinaryIO) -> Literal["camera raw", "plain photo", "other"]:
    """Return what the tags of a TIFF say of it; "other" also if they are damaged, which reading the pixels reports."""
    try:
        with silence_decoders():
            tags = _read_tags(file)
            if is_camera_raw(file, tags):
                return "camera raw"
            return "plain photo" if is_plain_photo(tags) else "other"
    except Exception:  # damaged bytes may raise any exception
        return "other"


def _read_tags(file: BinaryIO, offset: int | None = None) -> Mapping[int, Any]:
    """Return the tags of the page of a TIFF at an offset in bytes, by default of the first."""
    file.seek(0)
    header = file.read(8)
    directory = TiffImagePlugin.ImageFileDirectory_v2(header + file.read(8) if 43 in header[2:4] else header)
    file.seek(directory.next if offset is None else offset)
    directory.load(file)
    return dict(directory)


def is_camera_raw(file: BinaryIO, tags: Mapping[int, Any]) -> bool:
    """Return whether a TIFF with these tags on its first page is a camera raw file.

    It says so (DNG), the page or one of its sub-pages holds the values of a color filter array, or the page is the
    preview of a camera that keeps its pixels in sub-pages.
    """
    if DNG_VERSION in tags or tags.get(PHOTOMETRIC) in RAW_COLOR_TYPES:
        return True
    if MAKE not in tags or SUB_PAGES not in tags:
        return False
    offsets = tags[SUB_PAGES]
    sub_pages = (_read_tags(file, offset) for offset in (offsets if isinstance(offsets, tuple) else (offsets,)))
    is_preview = int(tags.get(SUBFILE_TYPE, 0)) & REDUCED_IMAGE
    return bool(is_preview) or any(page.get(PHOTOMETRIC) in RAW_COLOR_TYPES for page in sub_pages)


def is_plain_photo(tags: Mapping[int, Any]) -> bool:
    """Return whether the tags of the first page leave no doubt that a TIFF is a photo of 8 bits."""
    n_bands, extra = tags.get(SAMPLES_PER_PIXEL, 1), tuple(tags.get(EXTRA_SAMPLES, ()))
    photometric = tags.get(PHOTOMETRIC, BLACK_IS_ZERO)
    n_without_alpha = n_bands - (find_alpha(photometric, n_bands, extra) is not None)
    is_ome = str(tags.get(IMAGE_DESCRIPTION, "")).rstrip().endswith("OME>")  # its pages may be channels
    return (
        BITS_PER_SAMPLE in tags
        and max(tags[BITS_PER_SAMPLE]) <= 8
        and n_without_alpha == (3 if photometric == RGB else 1)
        and GDAL_NO_DATA not in tags
        and not is_ome
    )


def _read_page(file: BinaryIO, image: Image.Image | None, label: str, max_pixels: int) -> DecodedImage:
    """Read the first page with tifffile; ``image`` is the same file opened by Pillow, None if Pillow cannot open it."""
    import tifffile  # late: few photos need it

    file.seek(0)
    with silence_decoders(), translate_decoder_errors(label), tifffile.TiffFile(file, name=label) as tiff:
        page: Any = tiff.pages.first
        tags = read_page_tags(page)
        check_size(tags.width, tags.height, max_pixels, label)
        check_is_single_picture(tags, label)
        if tags.photometric not in _COLOR_BANDS:
            raise UnsupportedPhotoError(label, f"is a {describe_color_type(tags)}; export it as RGB or gray")
        layout = _interpret_bands(tags.photometric, tags.n_bands, tags.extra_samples, label)
        ends = (offset + n for offset, n in zip(page.dataoffsets, page.databytecounts, strict=False))
        if any(end > tiff.filehandle.size for end in ends):
            raise DamagedPhotoError(label, "it ends before its pixels do")
        orientation = to_orientation(read_tag(page, ORIENTATION_TAG))
        notes = layout.notes + describe_unconverted_profile(read_tag(page, ICC_PROFILE))
        notes += describe_frames(len(tiff.pages), "page")
        if has_decoder(page) and tags.bits in (8, 16, 32, 64):
            samples = _decode_with_tifffile(page)
        elif image is not None:
            samples, orientation = _decode_with_libtiff(image, file), 1  # Pillow applies the orientation itself
        else:
            compression = describe_constant(tifffile.COMPRESSION, tags.compression)
            problem = f"is a {describe_color_type(tags)} with {compression} compression, which is not read"
            raise UnsupportedPhotoError(label, f"{problem}; save it uncompressed with 16 bits")
        _check_samples(samples, tags, label)
        color, alpha = _split_alpha(samples, layout)
    return DecodedImage(color, alpha, orientation=orientation, notes=notes)


def _interpret_bands(photometric: int, n_bands: int, extra_samples: tuple[int, ...], label: str) -> _BandLayout:
    """Return which bands are color and which is alpha; raise UnsupportedPhotoError if the bands are not a photo."""
    n_color = _COLOR_BANDS.get(photometric, 1)
    alpha = find_alpha(photometric, n_bands, extra_samples)
    n_without_alpha = n_bands - (alpha is not None)
    if n_without_alpha not in (1, 3, 4) or n_without_alpha < n_color:
        raise UnsupportedPhotoError(
            label,
            f"has {n_bands} band{'s' * (n_bands != 1)}; save it with 1 (gray), 3 (RGB) or 4 (RGB and alpha, or CMYK)",
        )
    notes = ("extra band ignored",) if n_without_alpha == 4 and n_color != 4 else ()
    return _BandLayout(photometric, alpha, notes)


def _decode_with_tifffile(page: Any) -> Pixels:
    """Return the values of a page, (H, W, number of bands)."""
    planes: Pixels = page.asarray(squeeze=False)[:, 0]  # (S, H, W, C): one plane per band, or all bands in one plane
    return np.moveaxis(planes[..., 0], 0, -1) if planes.shape[0] > 1 else planes[0]


def _decode_with_libtiff(image: Image.Image, file: BinaryIO) -> Pixels:
    """Decode a page with Pillow's libtiff, keeping all bits; return values (H, W, number of bands), upright."""
    stored = get_rawmode(image).replace("RGBa", "RGBA")  # Pillow would divide by alpha, byte by byte
    if is_cut_to_8_bits(image):
        return decode_twice(image, open_image(file), stored, stored[:-3] + _LOW_BYTE)
    set_rawmode(image, _NATIVE_RAWMODES.get(stored, stored))
    load(image)
    return to_bands(image)


def _check_samples(samples: Pixels, tags: PageTags, label: str) -> None:
    """Raise an error unless decoded values are real numbers and match the size in the header."""
    if 0 in samples.shape or samples[..., 0].size != tags.width * tags.height:
        raise DamagedPhotoError(label, "its header contradicts itself")
    if samples.dtype.kind not in "buif":
        raise UnsupportedPhotoError(label, f"has values of type {samples.dtype}; save it with real numbers")


def _split_alpha(samples: Pixels, layout: _BandLayout) -> tuple[Pixels, Pixels | None]:
    """Split bands (H, W, S) into gray or RGB (H, W, 1 or 3), not premultiplied, and alpha (H, W)."""
    alpha = None if layout.alpha is None else samples[..., layout.alpha.index]
    if layout.photometric == CMYK:
        top = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
        light = invert(samples[..., :4]).astype(np.float64)
        color: Pixels = (light[..., :3] * (light[..., 3:] / top)).astype(samples.dtype)
    else:
        color = samples[..., : 3 if samples.shape[2] > 2 else 1]
        if layout.photometric == WHITE_IS_ZERO:
            color = invert(color)
    if alpha is not None and layout.alpha is not None and layout.alpha.is_premultiplied:
        color = unpremultiply(color, alpha)
    return color, alpha
