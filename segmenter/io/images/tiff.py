"""TIFF: 8 bits with Pillow, more with tifffile, or with Pillow's libtiff where tifffile lacks the codec."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from enum import IntEnum
from operator import index
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from segmenter.arrays import Pixels
from segmenter.errors import DamagedPhotoError, UnsupportedPhotoError
from segmenter.io.images.high_bit_depth import decode_twice, set_rawmode
from segmenter.io.images.icc import unconverted_notes
from segmenter.io.images.pillow import (
    ORIENTATION_TAG,
    Picture,
    as_bands,
    check_size,
    decoding,
    frame_notes,
    is_cut_to_8_bits,
    known_orientation,
    load,
    open_image,
    picture_from_image,
    quiet,
    rawmode,
    with_frame_note,
)

_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA_SAMPLES, _PROFILE = 254, 258, 262, 277, 338, 34675
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _CMYK = 0, 1, 2, 5  # values of PhotometricInterpretation
_ASSOCIATED, _UNASSOCIATED = 1, 2  # values of ExtraSamples: color multiplied with alpha, or not
_COLOR_BANDS = {_MIN_IS_WHITE: 1, _MIN_IS_BLACK: 1, _RGB: 3, _CMYK: 4}

# libtiff hands over native byte order whatever the file has; in these Pillow expects the file's.
_NATIVE_RAWMODES = {
    "F;32F": "F;32NF",
    "F;32BF": "F;32NF",
    "I;16S": "I;16NS",
    "I;16BS": "I;16NS",
    "I;32S": "I;32NS",
    "I;32BS": "I;32NS",
}
_LOW_BYTE = "16B" if sys.byteorder == "little" else "16L"  # read backwards, the "high" byte is the low one


@dataclass(frozen=True)
class _Layout:
    """Which of the bands of a page are color and which is alpha."""

    photometric: int
    alpha: int | None  # band number
    is_associated: bool  # the color is multiplied with alpha
    notes: tuple[str, ...]


def read_tiff(file: BinaryIO, label: str, max_pixels: int) -> Picture:
    """Read the first page of a TIFF or BigTIFF.

    Parameters
    ----------
    file : binary file
        Seekable.
    label : str
        The file's path for messages.
    max_pixels : int
        Limit that is checked before decoding.

    Returns
    -------
    Picture
        ``color`` of the number type that is stored; palettes, YCbCr and CIELAB as uint8 RGB.

    Raises
    ------
    TooManyPixelsError, DamagedPhotoError, UnsupportedPhotoError
        The last for a number of bands other than 1, 3 or 4 (+ alpha), for color types and codecs that are not
        known, and for a first page that is only a preview.
    """
    try:
        image = open_image(file)
    except Exception:  # tifffile knows more kinds of TIFF and says whether this one is damaged
        return _read_page(file, None, label, max_pixels)
    with decoding(label):
        check_size(*image.size, max_pixels, label)
        tags: Any = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
        if max(tags.get(_BITS, (1,))) > 8:
            return _read_page(file, image, label, max_pixels)
        _refuse_preview(tags.get(_SUBFILE_TYPE, 0), label)
        n_bands, extra = tags.get(_SAMPLES, 1), tags.get(_EXTRA_SAMPLES, ())
        layout = _layout(tags.get(_PHOTOMETRIC, _MIN_IS_BLACK), n_bands, tuple(extra), label)
        picture = with_frame_note(picture_from_image(image), image)
    return replace(picture, notes=layout.notes + picture.notes)


def _read_page(file: BinaryIO, image: Image.Image | None, label: str, max_pixels: int) -> Picture:
    """Read the first page with tifffile; ``image`` is Pillow's view of the file, if it has one."""
    import tifffile  # late: few photos need it

    file.seek(0)
    with quiet(), decoding(label), tifffile.TiffFile(file, name=label) as tiff:
        page: Any = tiff.pages.first
        # A damaged tag may hold a thousand numbers, or a text, instead of one number.
        width, height, n_bands, bits = map(
            index, (page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample)
        )
        photometric, compression = index(page.photometric), index(page.compression)
        check_size(width, height, max_pixels, label)
        _refuse_preview(page.subfiletype, label)
        kind = f"{bits}-bit TIFF of color type {_name(tifffile.PHOTOMETRIC, photometric)}"
        if page.imagedepth > 1:
            raise UnsupportedPhotoError(label, f"is a volume of {page.imagedepth} slices; export one of them")
        if photometric not in _COLOR_BANDS:
            raise UnsupportedPhotoError(label, f"is a {kind}; export it as RGB or gray")
        layout = _layout(photometric, n_bands, page.extrasamples, label)
        if any(
            offset + n > tiff.filehandle.size for offset, n in zip(page.dataoffsets, page.databytecounts, strict=False)
        ):
            raise DamagedPhotoError(label, "it ends before its pixels do")
        orientation = known_orientation(getattr(page.tags.get(ORIENTATION_TAG), "value", 1))
        notes = layout.notes + unconverted_notes(getattr(page.tags.get(_PROFILE), "value", None))
        notes += frame_notes(len(tiff.pages), "page")
        if (
            compression in tifffile.TIFF.DECOMPRESSORS
            and page.predictor in tifffile.TIFF.UNPREDICTORS
            and bits in (8, 16, 32, 64)
        ):
            samples = _samples(page)
        elif image is not None:
            samples, orientation = _libtiff_samples(image, file), 1  # Pillow turns a TIFF upright itself
        else:
            raise UnsupportedPhotoError(
                label,
                f"is a {kind} with {_name(tifffile.COMPRESSION, compression)} compression, which is not read; "
                "save it uncompressed with 16 bits",
            )
        if 0 in samples.shape or samples[..., 0].size != width * height:
            raise DamagedPhotoError(label, "its header contradicts itself")
        if samples.dtype.kind not in "buif":
            raise UnsupportedPhotoError(label, f"has values of type {samples.dtype}; save it with real numbers")
        color, alpha = _color_and_alpha(samples, layout)
    return Picture(color, alpha, orientation, notes)


def _name(constants: type[IntEnum], value: int) -> str:
    """Return the name of a constant of TIFF, or its number where tifffile knows none."""
    return constants(value).name.replace("_", " ") if value in set(constants) else str(value)


def _refuse_preview(subfile_type: int, label: str) -> None:
    if int(subfile_type) & 1:
        raise UnsupportedPhotoError(
            label,
            "has only a reduced preview as its first page, as camera raw files do; export it as TIFF or JPEG",
        )


def _layout(photometric: int, n_bands: int, extra_samples: tuple[int, ...], label: str) -> _Layout:
    """Return the meaning of the bands, from TIFF's ExtraSamples where it is given."""
    n_color = _COLOR_BANDS.get(photometric, 1)
    if photometric == _RGB and n_bands == 4 and not extra_samples:
        extra_samples = (_UNASSOCIATED,)  # the tag is often forgotten; Pillow reads it so, too
    alphas = [
        n_bands - len(extra_samples) + place
        for place, meaning in enumerate(extra_samples)
        if meaning in (_ASSOCIATED, _UNASSOCIATED)
    ]
    alpha = alphas[0] if alphas else None
    n_others = n_bands - (alpha is not None)
    if n_others not in (1, 3, 4) or n_others < n_color:
        raise UnsupportedPhotoError(
            label,
            f"has {n_bands} band{'s' * (n_bands != 1)}; save it with 1 (gray), 3 (RGB) or 4 (RGB and alpha, or CMYK)",
        )
    notes = ("extra band ignored",) if n_others == 4 and n_color != 4 else ()
    is_associated = alpha is not None and extra_samples[alpha - n_bands] == _ASSOCIATED
    return _Layout(photometric, alpha, is_associated, notes)


def _samples(page: Any) -> Pixels:
    """Decode a page with tifffile into (H, W, number of bands)."""
    separate: Pixels = page.asarray(squeeze=False)[:, 0]  # (S, H, W, C): bands lie together or apart, never both
    return np.moveaxis(separate[..., 0], 0, -1) if separate.shape[0] > 1 else separate[0]


def _libtiff_samples(image: Image.Image, file: BinaryIO) -> Pixels:
    """Decode a page with Pillow's libtiff into (H, W, number of bands) of all its bits, upright."""
    stored = rawmode(image).replace("RGBa", "RGBA")  # Pillow would divide by alpha, byte by byte
    if is_cut_to_8_bits(image):
        return decode_twice(image, open_image(file), stored, stored[:-3] + _LOW_BYTE)
    set_rawmode(image, _NATIVE_RAWMODES.get(stored, stored))
    load(image)
    return as_bands(image)


def _color_and_alpha(samples: Pixels, layout: _Layout) -> tuple[Pixels, Pixels | None]:
    """Split the bands (H, W, S) into gray or RGB (H, W, 1 or 3) and alpha (H, W)."""
    alpha = None if layout.alpha is None else samples[..., layout.alpha]
    top = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    if layout.photometric == _CMYK:
        light = _inverted(samples[..., :4]).astype(np.float64)
        color: Pixels = (light[..., :3] * (light[..., 3:] / top)).astype(samples.dtype)
    else:
        color = samples[..., : 3 if samples.shape[2] > 2 else 1]
        if layout.photometric == _MIN_IS_WHITE:
            color = _inverted(color)
    if alpha is not None and layout.is_associated:
        opacity = np.where(alpha > 0, alpha / top, 1)[..., np.newaxis]
        color = (color / opacity).clip(0, top).astype(samples.dtype)
    return color, alpha


def _inverted(values: Pixels) -> Pixels:
    inverted: Pixels = 1 - values if values.dtype.kind == "f" else ~values  # ~ is maximum − value
    return inverted
