"""Read rectangles of a TIFF: only the tiles and strips that a rectangle overlaps are read and decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from segmenter.arrays import Bytes, Pixels
from segmenter.errors import DamagedPhotoError, SegmenterError, UnsupportedPhotoError
from segmenter.io.images.pillow import (
    ORIENTATION_TAG,
    describe_decoder_error,
    describe_frames,
    silence_decoders,
    translate_decoder_errors,
)
from segmenter.io.images.tiff_tags import (
    BLACK_IS_ZERO,
    COLOR_MAP,
    GDAL_NO_DATA,
    ICC_PROFILE,
    PALETTE,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    AlphaBand,
    PageTags,
    check_is_single_picture,
    describe_color_type,
    describe_constant,
    find_alpha,
    has_decoder,
    read_page_tags,
    read_tag,
)
from segmenter.io.rasters.base import MAX_BLOCK_BYTES, ColorInterpretation, RasterHeader, TiffTag, Window

_INTERPRETATIONS: dict[int, ColorInterpretation] = {
    WHITE_IS_ZERO: "inverted gray",
    BLACK_IS_ZERO: "gray",
    RGB: "rgb",
    PALETTE: "palette",
    YCBCR: "rgb",  # if compressed as JPEG, because JPEG decoders return RGB
}
_JPEG_COMPRESSIONS = (6, 7)
_UNCOMPRESSED, _NO_PREDICTOR, _HIGH_BIT_FIRST = 1, 1, 1  # values of Compression, Predictor and FillOrder
_SEPARATE_PLANES = 2
"""Value of PlanarConfiguration: each band is stored in separate blocks."""

_GEOTIFF_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
"""Pixel scale, tie points, transformation, and the keys with their values as numbers and text."""

_EQUAL_IN_CHANNELS = (
    *("imagewidth", "imagelength", "samplesperpixel", "dtype"),
    *("compression", "is_tiled", "tile", "rowsperstrip"),
)
"""Attributes of tifffile pages that must be the same for all channels of a picture."""

_CHANNEL_AXES = frozenset("CSYX")
"""The axes that a single picture in an OME-TIFF may have: channel, sample, row and column."""


@contextmanager
def open_tiff(file: BinaryIO, label: str) -> Iterator[TiffRaster]:
    """Open a TIFF; raise UnsupportedPhotoError or DamagedPhotoError if its blocks cannot be read one by one."""
    import tifffile

    file.seek(0)
    with silence_decoders(), translate_decoder_errors(label):
        tiff = tifffile.TiffFile(file, name=label)
    with tiff:
        with silence_decoders(), translate_decoder_errors(label):
            raster = TiffRaster(tiff, label)
        yield raster


class TiffRaster:
    """The first picture of a TIFF; in an OME-TIFF, each channel is a page, and the channels are the bands."""

    def __init__(self, tiff: Any, label: str) -> None:
        self._file, self._label = tiff.filehandle, label
        pages: list[Any] = [tiff.pages.first]
        notes: tuple[str, ...] = ()
        if tiff.is_ome:
            pages = _list_channels(tiff.series[0], label)
        else:
            n_pages = sum(not page.is_reduced for page in tiff.pages) if len(tiff.pages) > 1 else 1
            notes = describe_frames(n_pages, "page")
        self._pages = [page.aspage() if hasattr(page, "aspage") else page for page in pages]
        page = self._pages[0]
        self.header = _read_header(self._pages, notes, label)
        self._is_plain = (
            page.compression == _UNCOMPRESSED
            and page.predictor == _NO_PREDICTOR
            and page.fillorder == _HIGH_BIT_FIRST
            and not page.is_tiled
        )
        rows, columns = self.header.block
        n_bytes = rows * columns * self.header.n_bands * self.header.dtype.itemsize
        if n_bytes > MAX_BLOCK_BYTES and not self._is_plain:
            problem = f"is compressed in blocks of {n_bytes / 1e9:.1f} GB, too large to decode one; save it in tiles"
            raise UnsupportedPhotoError(label, problem)
        if self._is_plain:
            self._check_size()

    def _check_size(self) -> None:
        """Raise DamagedPhotoError if an uncompressed file is shorter than the pixels that its header states."""
        header = self.header
        n_bytes = header.height * header.width * header.n_bands * header.dtype.itemsize
        if n_bytes > self._file.size:
            claim = f"{header.width:,}×{header.height:,} pixels"
            raise DamagedPhotoError(self._label, f"its {self._file.size:,} bytes cannot hold the {claim} of its header")

    def read(self, window: Window) -> Pixels:
        """Return the stored values of all bands of a window, (h, w, number of bands)."""
        values = np.empty((window.height, window.width, self.header.n_bands), self.header.dtype)
        first_band = 0
        for page in self._pages:
            n_planes = page.samplesperpixel if page.planarconfig == _SEPARATE_PLANES else 1
            n_bands = page.samplesperpixel // n_planes  # of each plane
            for plane in range(n_planes):
                self._read_plane(page, plane, window, values[..., first_band : first_band + n_bands])
                first_band += n_bands
        return values

    def _read_plane(self, page: Any, plane: int, window: Window, values: Pixels) -> None:
        """Read a window of one plane into ``values``, (h, w, number of bands)."""
        rows, columns = self.header.block
        blocks_per_row = -(-page.imagewidth // columns)
        blocks_per_plane = blocks_per_row * -(-page.imagelength // rows)
        bottom, right = window.top + window.height, window.left + window.width
        for i in range(window.top // rows, -(-bottom // rows)):
            for j in range(window.left // columns, -(-right // columns)):
                top, left = max(i * rows, window.top), max(j * columns, window.left)
                height, width = min((i + 1) * rows, bottom) - top, min((j + 1) * columns, right) - left
                target = values[top - window.top :, left - window.left :][:height, :width]
                number = plane * blocks_per_plane + i * blocks_per_row + j
                y, x = top - i * rows, left - j * columns
                try:
                    if self._is_plain:
                        target[:] = self._read_plain_rows(page, number, y, height)[:, x : x + width]
                    else:
                        self._copy_block(page, number, (y, x), target)
                except (MemoryError, SegmenterError):
                    raise
                except Exception as error:  # damaged bytes make decoders raise exceptions of any type
                    problem = describe_decoder_error(error)
                    block = f"the block at row {i * rows:,}, column {j * columns:,}: {problem}"
                    raise DamagedPhotoError(self._label, block) from error

    def _copy_block(self, page: Any, number: int, corner: tuple[int, int], target: Pixels) -> None:
        """Decode a block, and fill ``target`` with the part of it that starts at a corner (row, column)."""
        offset, n_bytes = page.dataoffsets[number], page.databytecounts[number]
        if n_bytes == 0:  # a sparse file: this block was never written
            target[:] = self.header.no_data or 0
            return
        with silence_decoders():
            block, _, shape = page.decode(
                self._read_bytes(offset, n_bytes), number, jpegtables=page.jpegtables, jpegheader=page.jpegheader
            )
        y, x = corner
        part = block[0, y : y + target.shape[0], x : x + target.shape[1]]
        if part.shape != target.shape or shape[1] < y + target.shape[0]:
            raise EOFError("its pixels end too soon")
        target[:] = part

    def _read_plain_rows(self, page: Any, number: int, first: int, n_rows: int) -> Pixels:
        """Return some rows (n_rows, W, number of bands) of an uncompressed strip."""
        n_bands = 1 if page.planarconfig == _SEPARATE_PLANES else page.samplesperpixel
        dtype = self.header.dtype.newbyteorder(page.parent.byteorder)
        n_bytes = page.imagewidth * n_bands * dtype.itemsize
        if (first + n_rows) * n_bytes > page.databytecounts[number]:
            raise EOFError("its pixels end too soon")
        data = self._read_bytes(page.dataoffsets[number] + first * n_bytes, n_rows * n_bytes)
        return np.frombuffer(data, dtype).reshape(n_rows, page.imagewidth, n_bands)

    def _read_bytes(self, offset: int, n_bytes: int) -> bytes:
        """Return ``n_bytes`` bytes from an offset in the file; raise EOFError if it ends before them."""
        self._file.seek(offset)
        data: bytes = self._file.read(n_bytes)
        if len(data) < n_bytes:
            raise EOFError("the file ends before it does")
        return data


def _list_channels(series: Any, label: str) -> list[Any]:
    """Return the pages that are the channels of the first picture of an OME-TIFF."""
    for axis, length in zip(series.axes, series.shape, strict=True):
        if length > 1 and axis not in _CHANNEL_AXES:
            planes = {"T": "time points", "Z": "slices"}.get(axis, f"planes along axis {axis}")
            raise UnsupportedPhotoError(label, f"holds {length} {planes}; export one of them")
    pages = list(series.pages)
    if any(page is None for page in pages):
        raise DamagedPhotoError(label, "a channel is missing")
    return pages


# ---- the header ----------------------------------------------------------------------------------------------------


def _read_header(pages: Sequence[Any], notes: tuple[str, ...], label: str) -> RasterHeader:
    """Return the header of a picture, whose bands are the bands of all its pages, in order.

    Raises
    ------
    UnsupportedPhotoError, DamagedPhotoError
        The tags describe a picture that cannot be read block by block, or contradict each other.
    """
    import tifffile

    page = pages[0]
    tags = read_page_tags(page)
    check_is_single_picture(tags, label)
    _check_color_type(page, tags, label)
    if any(getattr(other, name) != getattr(page, name) for other in pages for name in _EQUAL_IN_CHANNELS):
        raise UnsupportedPhotoError(label, "has channels of different sizes or types; export one of them")
    block = _read_block_shape(page, tags, label)
    # With one page per channel, an alpha band would only apply to the channel of its own page.
    alpha = find_alpha(tags.photometric, tags.n_bands, tags.extra_samples) if len(pages) == 1 else None
    interpretation = _interpret_colors(tags, alpha, len(pages), label)
    no_data = _parse_no_data(read_tag(page, GDAL_NO_DATA))
    n_without_alpha = tags.n_bands * len(pages) - (alpha is not None)
    return RasterHeader(
        height=tags.height,
        width=tags.width,
        n_bands=tags.n_bands * len(pages),
        dtype=page.dtype.newbyteorder("="),
        interpretation=interpretation,
        block=block,
        is_striped=not page.is_tiled,
        alpha=alpha,
        no_data=no_data,
        palette=_read_palette(page, label) if interpretation == "palette" else None,
        profile=read_tag(page, ICC_PROFILE),
        missing_codec="" if has_decoder(page) else describe_constant(tifffile.COMPRESSION, page.compression),
        tags=_copy_tags(page),
        notes=notes + _describe_orientation(page),
        is_photo=interpretation != "bands" and no_data is None and len(pages) == 1 and n_without_alpha in (1, 3, 4),
    )


def _check_color_type(page: Any, tags: PageTags, label: str) -> None:
    """Raise UnsupportedPhotoError unless the color type, bits and number type can be read by windows."""
    is_known = tags.photometric in _INTERPRETATIONS
    if tags.photometric == YCBCR and tags.compression not in _JPEG_COMPRESSIONS:
        is_known = False
    if not is_known or tags.bits not in (8, 16, 32, 64) or page.dtype is None or page.dtype.kind not in "uif":
        problem = f"is a {describe_color_type(tags)}, which is not read by windows; export it as RGB or gray"
        raise UnsupportedPhotoError(label, problem)


def _read_block_shape(page: Any, tags: PageTags, label: str) -> tuple[int, int]:
    """Return rows and columns of a tile or strip; raise DamagedPhotoError unless the header lists all of them."""
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    else:
        rows, columns = min(page.rowsperstrip, tags.height), tags.width
    n_planes = tags.n_bands if page.planarconfig == _SEPARATE_PLANES else 1
    n_blocks = n_planes * -(-tags.height // rows) * -(-tags.width // columns)
    if min(len(page.dataoffsets), len(page.databytecounts)) < n_blocks:
        raise DamagedPhotoError(label, "its header contradicts itself")
    return rows, columns


def _interpret_colors(tags: PageTags, alpha: AlphaBand | None, n_pages: int, label: str) -> ColorInterpretation:
    """Return the meaning of the bands except alpha: that of the color type, unless there are too few for it.

    "Gray" with several bands is RGB if there are three in one page; otherwise the bands may be anything.
    """
    interpretation = _INTERPRETATIONS[tags.photometric]
    n_colors = tags.n_bands * n_pages - (alpha is not None)
    if interpretation in ("gray", "inverted gray") and n_colors > 1:
        return "rgb" if n_colors == 3 and n_pages == 1 else "bands"
    if interpretation == "rgb" and n_colors < 3:
        raise DamagedPhotoError(label, "its header contradicts itself")
    return interpretation


def _parse_no_data(text: object) -> float | None:
    """Return GDAL's no-data value, which is stored as text; None if it is missing or invalid."""
    try:
        return float(str(text).strip(" \0"))
    except ValueError:
        return None


def _read_palette(page: Any, label: str) -> Bytes:
    """Return the colors of a palette, (256, 3), uint8."""
    colors = np.asarray(read_tag(page, COLOR_MAP))
    if page.dtype != np.uint8 or colors.shape != (3, 256):
        raise UnsupportedPhotoError(label, "has a palette that is not of 256 colors; export it as RGB")
    return np.ascontiguousarray((colors >> 8).astype(np.uint8).T)


def _describe_orientation(page: Any) -> tuple[str, ...]:
    """Return a note if the orientation tag calls for a rotation or reflection; reading by windows applies neither."""
    orientation = read_tag(page, ORIENTATION_TAG)
    if isinstance(orientation, int) and 2 <= orientation <= 8:
        return (f"left as it is stored, with its EXIF orientation {orientation}",)
    return ()


def _copy_tags(page: Any) -> tuple[TiffTag, ...]:
    """Return the tags to copy from a picture to its label image: orientation and georeference."""
    tags = (page.tags.get(code) for code in (ORIENTATION_TAG, *_GEOTIFF_TAGS))
    return tuple((tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in tags if tag is not None)
