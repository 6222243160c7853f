"""Interpret the tags of a TIFF page (size, color type and alpha), for photos in memory and pictures read by windows.

Source: TIFF 6.0 (Adobe, 1992), sections 8 (baseline tags) and 18 (associated alpha).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import index
from typing import Any

import numpy as np

from segmenter.arrays import Pixels
from segmenter.errors import UnsupportedPhotoError

SUBFILE_TYPE, BITS_PER_SAMPLE, PHOTOMETRIC, IMAGE_DESCRIPTION, SAMPLES_PER_PIXEL = 254, 258, 262, 270, 277
MAKE, SUB_PAGES, COLOR_MAP, EXTRA_SAMPLES = 271, 330, 320, 338
ICC_PROFILE, GDAL_NO_DATA, DNG_VERSION = 34675, 42113, 50706
"""Codes of tags."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
"""Values of PhotometricInterpretation: the color type."""

RAW_COLOR_TYPES = (32803, 34892)
"""Color types of camera raw files: a color filter array, and linear raw (DNG 1.7)."""

ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
"""Values of ExtraSamples: premultiplied and straight alpha."""

REDUCED_IMAGE = 1
"""Bit of NewSubfileType: the page is a smaller version of another one."""


@dataclass(frozen=True)
class PageTags:
    """The tags that say how a page is stored."""

    width: int
    height: int
    n_slices: int  # ImageDepth; 1 = a picture, more = a volume
    n_bands: int
    bits: int  # per band
    photometric: int
    compression: int
    subfile_type: int
    extra_samples: tuple[int, ...]  # one value for each of the last bands, which are not color


@dataclass(frozen=True)
class AlphaBand:
    """The band that holds the opacity."""

    index: int  # from 0
    is_premultiplied: bool  # the colors are multiplied by alpha


def read_page_tags(page: Any) -> PageTags:
    """Return the tags of a tifffile page; raise TypeError if a damaged tag is not a single integer."""
    return PageTags(
        width=index(page.imagewidth),
        height=index(page.imagelength),
        n_slices=index(page.imagedepth),
        n_bands=index(page.samplesperpixel),
        bits=index(page.bitspersample),
        photometric=index(page.photometric),
        compression=index(page.compression),
        subfile_type=index(page.subfiletype),
        extra_samples=tuple(page.extrasamples),
    )


def read_tag(page: Any, code: int) -> Any:
    """Return the value of a tag of a tifffile page, or None if the page does not have this tag."""
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def check_no_preview(subfile_type: int, label: str) -> None:
    """Raise UnsupportedPhotoError if a page is only a smaller version of the photo."""
    if int(subfile_type) & REDUCED_IMAGE:
        raise UnsupportedPhotoError(
            label, "has only a reduced preview as its first page; export the picture itself as TIFF or JPEG"
        )


def check_is_single_picture(tags: PageTags, label: str) -> None:
    """Raise UnsupportedPhotoError if a page is only a preview, or a volume."""
    check_no_preview(tags.subfile_type, label)
    if tags.n_slices > 1:
        raise UnsupportedPhotoError(label, f"is a volume of {tags.n_slices} slices; export one of them")


def has_decoder(page: Any) -> bool:
    """Return whether tifffile, with the installed codecs, can decode a page."""
    import tifffile

    return page.compression in tifffile.TIFF.DECOMPRESSORS and page.predictor in tifffile.TIFF.UNPREDICTORS


def describe_color_type(tags: PageTags) -> str:
    """Return the number of bits and the color type of a page, for messages."""
    import tifffile

    return f"{tags.bits}-bit TIFF of color type {describe_constant(tifffile.PHOTOMETRIC, tags.photometric)}"


def describe_constant(constants: type[IntEnum], value: int) -> str:
    """Return the name of a TIFF constant, or its number if tifffile does not know it."""
    return constants(value).name.replace("_", " ") if value in set(constants) else str(value)


# ---- alpha ---------------------------------------------------------------------------------------------------------


def find_alpha(photometric: int, n_bands: int, extra_samples: Sequence[int]) -> AlphaBand | None:
    """Return which band of a page is alpha, the first if there are several, or None.

    ExtraSamples describes the last bands. If it is missing, as it often is, the fourth band of RGB is taken as straight
    (not premultiplied) alpha, as Pillow does.
    """
    if photometric == RGB and n_bands == 4 and not extra_samples:
        extra_samples = (UNASSOCIATED_ALPHA,)
    for band, kind in enumerate(extra_samples, start=n_bands - len(extra_samples)):
        if kind in (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA):
            return AlphaBand(band, kind == ASSOCIATED_ALPHA)
    return None


def unpremultiply(colors: Pixels, alpha: Pixels) -> Pixels:
    """Divide premultiplied colors (H, W, C) by their alpha (H, W); floats are clipped to 0…1.

    Colors and alpha have the same dtype, which is kept. 8-bit colors are divided exactly as in Pillow.
    """
    if colors.dtype == np.uint8:
        divided = colors.astype(np.uint16) * np.uint16(255) // np.maximum(alpha, 1)[..., np.newaxis]
        return divided.clip(0, 255).astype(np.uint8)
    top = 1 if colors.dtype.kind == "f" else np.iinfo(colors.dtype).max
    opacity = np.where(alpha > 0, alpha / top, 1)[..., np.newaxis]
    return np.asarray((colors / opacity).clip(0, top).astype(colors.dtype))


def invert(values: Pixels) -> Pixels:
    """Subtract values from the maximum of their dtype, or from 1 for floats."""
    inverted: Pixels = 1 - values if values.dtype.kind == "f" else ~values
    return inverted
