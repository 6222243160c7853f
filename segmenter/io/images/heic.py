"""Read HEIC photos, which phones take, with pillow-heif where that is installed."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from segmenter.arrays import Pixels
from segmenter.errors import UnsupportedPhotoError
from segmenter.io.images.icc import describe_unconverted_profile
from segmenter.io.images.pillow import (
    DecodedImage,
    check_size,
    decode_image,
    describe_frames,
    translate_decoder_errors,
)


def read_heic(file: BinaryIO, label: str, max_pixels: int) -> DecodedImage:
    """Read the main picture of a HEIC file.

    Its own properties say how to turn it upright, which libheif does. The orientation in its EXIF data does not count
    (ISO/IEC 23008-12).

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
        ``color`` is uint8, or uint16 of pictures with more bits.

    Raises
    ------
    UnsupportedPhotoError
        pillow-heif is not installed.
    TooManyPixelsError, DamagedPhotoError
    """
    try:
        import pillow_heif
    except ImportError as error:
        advice = "export it as JPEG, or run pip install pillow-heif to have it read"
        raise UnsupportedPhotoError(label, f"is a HEIC photo; {advice}") from error
    with translate_decoder_errors(label):
        opened = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
        width, height = opened.size
        check_size(width, height, max_pixels, label)
        notes = describe_frames(len(opened), "picture", opened.primary_index + 1)
        mode, has_deep_bits, _ = opened.mode.partition(";16")
        if not has_deep_bits:
            picture = decode_image(opened.to_pillow())
            return DecodedImage(picture.color, picture.alpha, notes=notes + picture.notes)
        values: Pixels = np.asarray(opened).reshape(height, width, -1)
        notes += describe_unconverted_profile(opened.info.get("icc_profile"))
        if mode.upper().endswith("A"):
            return DecodedImage(values[..., :-1], values[..., -1], notes=notes)
        return DecodedImage(values, notes=notes)
