"""Rectangles of a TIFF: only the tiles and strips that they touch are read and decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import index
from typing import Any, BinaryIO

import numpy as np

from segmenter.arrays import Pixels
from segmenter.errors import DamagedPhotoError, MissingExtraError, SegmenterError, UnsupportedPhotoError
from segmenter.io.images.pillow import ORIENTATION_TAG, decoding, frame_notes, quiet, reason
from segmenter.io.rasters.base import ColorInterpretation, RasterHeader, TiffTag, Window

_COLOR_MAP, _PROFILE, _GDAL_NO_DATA = 320, 34675, 42113
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MEANINGS: dict[int, ColorInterpretation] = {0: "inverted gray", 1: "gray", 2: "rgb", 3: "palette", 6: "rgb"}
_JPEG_PHOTOMETRIC = 6  # YCbCr, which decoders of JPEG turn into RGB
_CARRIED = (ORIENTATION_TAG, 33550, 33922, 34264, 34735, 34736, 34737)
"""Orientation, and the tags of GeoTIFF: pixel scale, tie points, transformation, keys and their values."""

_SERIES_AXES = frozenset("CSYX")
MAX_BLOCK_BYTES = 1 << 29
"""A compressed block is decoded as a whole."""


@contextmanager
def open_tiff(file: BinaryIO, label: str) -> Iterator[TiffStore]:
    """Open a TIFF; UnsupportedPhotoError or DamagedPhotoError where its blocks cannot be read one by one."""
    import tifffile

    file.seek(0)
    with quiet(), decoding(label):
        tiff = tifffile.TiffFile(file, name=label)
    with tiff:
        with quiet(), decoding(label):
            store = TiffStore(tiff, label)
        yield store


class TiffStore:
    """The blocks of the first picture of a TIFF; of OME-TIFF its channels, which are pages, are bands."""

    def __init__(self, tiff: Any, label: str) -> None:
        import tifffile

        self._file, self._label = tiff.filehandle, label
        pages: list[Any] = [tiff.pages.first]
        notes: tuple[str, ...] = ()
        if tiff.is_ome:
            pages = _channels(tiff.series[0], label)
        else:
            n_others = sum(not page.is_reduced for page in tiff.pages) if len(tiff.pages) > 1 else 1
            notes = frame_notes(n_others, "page")
        self._pages = [page.aspage() if hasattr(page, "aspage") else page for page in pages]
        page = self._page = self._pages[0]
        if page.compression not in tifffile.TIFF.DECOMPRESSORS or page.predictor not in tifffile.TIFF.UNPREDICTORS:
            name = str(getattr(page.compression, "name", page.compression)).replace("_", " ")
            raise MissingExtraError(f"{label}: {name} compression", "large")
        self.header = _header(self._pages, notes, label)
        self._is_plain = page.compression == 1 and page.predictor == 1 and not page.is_tiled and page.fillorder == 1
        rows, columns = self.header.block
        n_bytes = rows * columns * self.header.n_bands * self.header.dtype.itemsize
        if n_bytes > MAX_BLOCK_BYTES and not self._is_plain:
            reason = f"is compressed in blocks of {n_bytes / 1e9:.1f} GB, too large to decode one; save it in tiles"
            raise UnsupportedPhotoError(label, reason)

    def read(self, window: Window) -> Pixels:
        """Return the numbers of all bands, (h, w, number of bands)."""
        result = np.empty((window.height, window.width, self.header.n_bands), self.header.dtype)
        first = 0
        for page in self._pages:
            n_planes = page.samplesperpixel if page.planarconfig == 2 else 1
            n_each = page.samplesperpixel // n_planes
            for plane in range(n_planes):
                self._read_plane(page, plane, window, result[..., first : first + n_each])
                first += n_each
        return result

    def _read_plane(self, page: Any, plane: int, window: Window, result: Pixels) -> None:
        """Fill in the numbers of the bands that lie together."""
        rows, columns = self.header.block
        per_row = -(-page.imagewidth // columns)
        per_plane = per_row * -(-page.imagelength // rows)
        bottom, right = window.top + window.height, window.left + window.width
        for i in range(window.top // rows, -(-bottom // rows)):
            for j in range(window.left // columns, -(-right // columns)):
                top, left = max(i * rows, window.top), max(j * columns, window.left)
                height, width = min((i + 1) * rows, bottom) - top, min((j + 1) * columns, right) - left
                target = result[top - window.top :, left - window.left :][:height, :width]
                number = plane * per_plane + i * per_row + j
                y, x = top - i * rows, left - j * columns
                try:
                    if self._is_plain:
                        target[:] = self._plain_rows(page, number, y, height)[:, x : x + width]
                    else:
                        self._copy_block(page, number, (y, x), target)
                except MemoryError:
                    raise
                except SegmenterError:
                    raise
                except Exception as error:  # what decoders raise on damaged bytes has no common base
                    place = f"the block at row {i * rows:,}, column {j * columns:,}: {reason(error)}"
                    raise DamagedPhotoError(self._label, place) from error

    def _copy_block(self, page: Any, number: int, corner: tuple[int, int], target: Pixels) -> None:
        offset, n_bytes = page.dataoffsets[number], page.databytecounts[number]
        if n_bytes == 0:  # a sparse file: nothing was ever written there
            target[:] = self.header.no_data or 0
            return
        with quiet():
            block, _, shape = page.decode(
                self._bytes(offset, n_bytes), number, jpegtables=page.jpegtables, jpegheader=page.jpegheader
            )
        y, x = corner
        found = block[0, y : y + target.shape[0], x : x + target.shape[1]]
        if found.shape != target.shape or shape[1] < y + target.shape[0]:
            raise EOFError("its pixels end too soon")
        target[:] = found

    def _plain_rows(self, page: Any, number: int, first: int, n_rows: int) -> Pixels:
        """Return some rows of a strip that is neither compressed nor otherwise encoded."""
        n_each = page.samplesperpixel if page.planarconfig == 1 else 1
        dtype = self.header.dtype.newbyteorder(page.parent.byteorder)
        n_bytes = page.imagewidth * n_each * dtype.itemsize
        if (first + n_rows) * n_bytes > page.databytecounts[number]:
            raise EOFError("its pixels end too soon")
        data = self._bytes(page.dataoffsets[number] + first * n_bytes, n_rows * n_bytes)
        return np.frombuffer(data, dtype).reshape(n_rows, page.imagewidth, n_each)

    def _bytes(self, offset: int, n_bytes: int) -> bytes:
        self._file.seek(offset)
        data: bytes = self._file.read(n_bytes)
        if len(data) < n_bytes:
            raise EOFError("the file ends before it does")
        return data


def _channels(series: Any, label: str) -> list[Any]:
    """Return the pages that are the channels of one picture of OME-TIFF."""
    for axis, length in zip(series.axes, series.shape, strict=True):
        if length > 1 and axis not in _SERIES_AXES:
            words = {"T": "points of time", "Z": "slices"}.get(axis, f"planes along axis {axis}")
            raise UnsupportedPhotoError(label, f"holds {length} {words}; export one of them")
    pages = list(series.pages)
    if any(page is None for page in pages):
        raise DamagedPhotoError(label, "a channel is missing")
    return pages


def _header(pages: list[Any], notes: tuple[str, ...], label: str) -> RasterHeader:
    """Return what the tags say, once it makes sense."""
    page = pages[0]
    # A damaged tag may hold a thousand numbers, or a text, instead of one number.
    width, height, n_samples, bits = map(
        index, (page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample)
    )
    photometric, dtype = index(page.photometric), page.dtype
    if page.is_reduced:
        raise UnsupportedPhotoError(label, "has only a reduced preview as its first page; export it as TIFF or JPEG")
    if page.imagedepth > 1:
        raise UnsupportedPhotoError(label, f"is a volume of {page.imagedepth} slices; export one of them")
    is_known = photometric in _MEANINGS and (photometric != _JPEG_PHOTOMETRIC or page.compression in (6, 7))
    if not is_known or bits not in (8, 16, 32, 64) or dtype is None or dtype.kind not in "uif":
        name = str(getattr(page.photometric, "name", photometric))
        reason = f"is a {bits}-bit TIFF of color type {name}, which is not read by windows; export it as RGB or gray"
        raise UnsupportedPhotoError(label, reason)
    same = ("imagewidth", "imagelength", "samplesperpixel", "dtype", "compression", "is_tiled", "tile", "rowsperstrip")
    if any(getattr(other, name) != getattr(page, name) for other in pages for name in same):
        raise UnsupportedPhotoError(label, "has channels of unlike pages; export one of them")
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
    n_blocks = -(-height // rows) * -(-width // columns) * (n_samples if page.planarconfig == 2 else 1)
    if min(len(page.dataoffsets), len(page.databytecounts)) < n_blocks:
        raise DamagedPhotoError(label, "its header contradicts itself")
    n_bands = n_samples * len(pages)
    extra = tuple(page.extrasamples)
    if photometric == 2 and n_samples == 4 and not extra:
        extra = (_UNASSOCIATED,)  # the tag is often forgotten
    alphas = [n_samples - len(extra) + place for place, kind in enumerate(extra) if kind in (1, 2)]
    alpha = alphas[0] if alphas and len(pages) == 1 else None
    meaning = _MEANINGS[photometric]
    n_colors = n_bands - (alpha is not None)
    if meaning in ("gray", "inverted gray") and n_colors > 1:
        meaning = "rgb" if n_colors == 3 and len(pages) == 1 else "bands"
    if meaning == "rgb" and n_colors < 3:
        raise DamagedPhotoError(label, "its header contradicts itself")
    no_data = _number(_value(page, _GDAL_NO_DATA))
    return RasterHeader(
        height=height,
        width=width,
        n_bands=n_bands,
        dtype=dtype.newbyteorder("="),
        meaning=meaning,
        block=(rows, columns),
        is_striped=not page.is_tiled,
        alpha=alpha,
        is_associated=alpha is not None and extra[alpha - n_samples] == _ASSOCIATED,
        no_data=no_data,
        palette=_palette(page, label) if meaning == "palette" else None,
        profile=_value(page, _PROFILE),
        tags=_tags(page),
        notes=notes + _orientation_notes(page),
        is_photo=meaning != "bands" and no_data is None and len(pages) == 1,
    )


def _value(page: Any, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _number(text: object) -> float | None:
    """Return GDAL's no-data value, a number as text; None where there is none, or none that makes sense."""
    try:
        return float(str(text).strip(" \0"))
    except ValueError:
        return None


def _palette(page: Any, label: str) -> Pixels:
    """Return the colors of a palette, (256, 3), uint8."""
    colors = np.asarray(_value(page, _COLOR_MAP))
    if page.dtype != np.uint8 or colors.shape != (3, 256):
        raise UnsupportedPhotoError(label, "has a palette that is not of 256 colors; export it as RGB")
    return np.ascontiguousarray((colors >> 8).astype(np.uint8).T)


def _orientation_notes(page: Any) -> tuple[str, ...]:
    value = _value(page, ORIENTATION_TAG)
    if isinstance(value, int) and 2 <= value <= 8:
        return (f"left as it is stored, with its EXIF orientation {value}",)
    return ()


def _tags(page: Any) -> tuple[TiffTag, ...]:
    """Return the tags that a label image has in common with its picture."""
    found = (page.tags.get(code) for code in _CARRIED)
    return tuple((tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in found if tag is not None)
