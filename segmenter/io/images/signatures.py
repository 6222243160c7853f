"""What a file is by its first bytes: a picture that can be read, a HEIC photo, a camera raw file, or something else.

A file that has the signature of a picture but cannot be decoded is damaged; a file without one is not a photo.
"""

from __future__ import annotations

import re

from segmenter.errors import EmptyFileError, NotAPhotoError, UnsupportedPhotoError

READABLE_FORMATS = "JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, PPM and PGM"

_PHOTOS = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|II[*+]\0|MM\0[*+]|RIFF.{4}WEBP|GIF8[79]a"
    rb"|.{4}ftyp(avi[fs]|m[is]f1.{4,40}avi[fs])|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[1-6]\s+[\d#]|Pf\s+\d",
    re.DOTALL,
)

_HEIC = re.compile(rb".{4}ftyp(he[ivc][cmsx]|m[is]f1(?!.{4,40}avi[fs]).{4,40}he[ivc][cmsx])", re.DOTALL)

_RAW = re.compile(
    rb"II[*]\0.{4}CR\x02|.{4}ftypcrx |II\x1a\0\0\0HEAPCCDR"  # Canon: CR2, CR3, CRW
    rb"|FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|FOVb|\0MRM",  # RAF, ORF, RW2, X3F, MRW
    re.DOTALL,
)
"""Camera raw files that are no TIFFs, or say in their first bytes what they are."""

RAW_PROBLEM = "is a camera raw file; develop it to TIFF or JPEG first"


def has_image_signature(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a picture in a format that is always read."""
    return _PHOTOS.match(head) is not None


def is_picture(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of any picture, also of one that may not be read."""
    return any(pattern.match(head) for pattern in (_PHOTOS, _HEIC, _RAW))


def is_heic(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a HEIC photo."""
    return _HEIC.match(head) is not None


def require_photo(head: bytes, label: str) -> None:
    """Raise an error unless a file or stream, which messages call ``label``, starts like a picture that can be read.

    Raises
    ------
    EmptyFileError, NotAPhotoError
    UnsupportedPhotoError
        It is a camera raw file.
    """
    if not head:
        raise EmptyFileError(label)
    if _RAW.match(head):
        raise UnsupportedPhotoError(label, RAW_PROBLEM)
    if not is_picture(head):
        raise NotAPhotoError(label, READABLE_FORMATS)
