"""Reading photos: any file gives an exact, upright picture, or an error that says what to do."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms, ImageOps

from segmenter.arrays import Pixels
from segmenter.errors import (
    DamagedPhotoError,
    EmptyFileError,
    InvalidArgumentError,
    MissingFileError,
    NoPixelsError,
    NotAFileError,
    NotAPhotoError,
    SegmenterError,
    StreamTooLongError,
    TooManyPixelsError,
    UnreadableFileError,
    UnsupportedPhotoError,
)
from segmenter.io.images.config import ScaleRange
from segmenter.io.images.photo import Photo, Reading, photo_from_array, photo_from_image, read_photo
from segmenter.io.images.signatures import READABLE_FORMATS

LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}, "BMP": {}, "PPM": {}}
ORIENTATION = 274


def noise(*shape: int, dtype: str = "u1", seed: int = 0) -> Pixels:
    """Return random integers over the whole range of ``dtype``, but no 0."""
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(1, limits.max, shape, endpoint=True).astype(dtype)


def read(data: bytes, *, scale_range: ScaleRange = "full", **options: Any) -> Photo:
    """Return a photo whose values are as stored, as most of these tests are about reading and not about scaling."""
    return read_photo(io.BytesIO(data), reading=Reading(scale_range=scale_range), **options)


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png(values: Pixels, color_type: int, *, interlaced: bool = False, chunks: dict[str, bytes] | None = None) -> bytes:
    """Write a PNG by the specification: 8 or 16 bits, unfiltered rows."""

    def chunk(kind: str, data: bytes) -> bytes:
        body = kind.encode() + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = values.shape[:2]
    stored = values.astype(values.dtype.newbyteorder(">"))
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [stored[y::dy, x::dx] for y, x, dy, dx in adam7] if interlaced else [stored]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, values.itemsize * 8, color_type, 0, 0, interlaced)
    middle = b"".join(chunk(kind, data) for kind, data in (chunks or {}).items())
    return (
        b"\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + middle + chunk("IDAT", zlib.compress(rows)) + chunk("IEND", b"")
    )


def lzw(data: bytes) -> bytes:
    """Encode as LZW without compressing: literals of nine bits, with the table cleared before it grows."""
    codes = [code for start in range(0, len(data), 250) for code in (256, *data[start : start + 250])] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def tiff(
    values: Pixels, photometric: int, order: Literal["<", ">"] = "<", extra: tuple[int, ...] = (), **more: int
) -> bytes:
    """Write a TIFF of one LZW strip, which tifffile alone can neither write nor read."""
    data = lzw(values.astype(values.dtype.newbyteorder(order)).tobytes())
    bands = 1 if values.ndim == 2 else values.shape[2]
    bits = [values.itemsize * 8] * bands
    sample_format = [{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * bands
    tags: dict[int, list[int]] = {256: [values.shape[1]], 257: [values.shape[0]], 258: bits, 259: [5]}
    tags |= {262: [photometric], 273: [8], 274: [more.get("orientation", 1)], 277: [bands], 278: [values.shape[0]]}
    tags |= {279: [len(data)]} | ({338: list(extra)} if extra else {}) | {339: sample_format}
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 0) + data)
    entries = b""
    for tag, numbers in tags.items():
        raw = struct.pack(f"{order}{len(numbers)}I" if tag in (273, 279) else f"{order}{len(numbers)}H", *numbers)
        if len(raw) > 4:
            place = len(out) + len(out) % 2
            out = out.ljust(place, b"\0") + raw
            raw = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 4 if tag in (273, 279) else 3, len(numbers)) + raw.ljust(4, b"\0")
    out = out.ljust(len(out) + len(out) % 2, b"\0")
    out[4:8] = struct.pack(f"{order}I", len(out))
    return bytes(out + struct.pack(f"{order}H", len(tags)) + entries + b"\0" * 4)


def plain_tiff(values: Pixels, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def profile_bytes(name: str = "sRGB") -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def renamed(profile: bytes, old: str = "sRGB", new: str = "odd1") -> bytes:
    """Return the same profile under another description."""
    return profile.replace(old.encode("utf-16-be"), new.encode("utf-16-be")).replace(old.encode(), new.encode())


def with_swapped_red_and_green() -> bytes:
    """Return an RGB profile whose red is sRGB's green and the other way round."""
    profile = bytearray(renamed(profile_bytes()))
    n_tags = struct.unpack(">I", profile[128:132])[0]
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * n_tags, 12)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def gray_profile(gamma: float) -> bytes:
    """Write a minimal gray ICC profile (version 2) with a pure power curve."""
    description = b"desc\0\0\0\0" + struct.pack(">I", 8) + b"my gray\0" + b"\0" * 79
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    parts = {b"desc": description + b"\0" * (-len(description) % 4), b"wtpt": white, b"kTRC": curve}
    place, table, body = 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for tag, data in parts.items():
        table += tag + struct.pack(">II", place + len(body), len(data))
        body += data
    header = struct.pack(">I4sI4s4s4s", place + len(body), b"\0" * 4, 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


# ---- what is opened --------------------------------------------------------------------------------------------------


def test_a_photo_has_its_file_name_and_the_digest_of_its_bytes(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(noise(4, 5, 3)), "PNG")
    (tmp_path / "cat.png").write_bytes(data)
    photo = read_photo(tmp_path / "cat.png")
    assert (photo.name, photo.digest, photo.notes) == ("cat.png", hashlib.sha256(data).hexdigest(), ())
    assert read_photo(tmp_path / "cat.png", name="dog").name == "dog"


def test_a_stream_is_read_like_the_file(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(noise(4, 5, 3)), "PNG")
    (tmp_path / "cat.png").write_bytes(data)
    from_stream, from_file = read(data, name="-"), read_photo(tmp_path / "cat.png")
    np.testing.assert_array_equal(from_stream.pixels, from_file.pixels)
    assert (from_stream.name, from_stream.digest) == ("-", from_file.digest)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: None, MissingFileError),
        (lambda path: path.mkdir(), NotAFileError),
        (os.mkfifo, NotAFileError),
        (lambda path: path.symlink_to("/dev/zero"), NotAFileError),
        (lambda path: path.symlink_to(path), UnreadableFileError),
        (lambda path: path.write_bytes(b""), EmptyFileError),
        (lambda path: path.write_text("hello\n" * 99), NotAPhotoError),
        (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), NotAPhotoError),
        (lambda path: Image.new("L", (9, 9)).save(path, "TGA"), NotAPhotoError),
        (lambda path: Image.new("L", (9, 9)).save(path, "PDF"), NotAPhotoError),
        (lambda path: path.write_bytes(b"\xff\xd8\xff\xe0 and no more"), DamagedPhotoError),
    ],
)
def test_a_file_that_is_no_photo_is_refused_by_the_path_as_given(
    make: Any, error: type[SegmenterError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("folder/../cat.jpg")
    Path("folder").mkdir()
    make(path if error is not UnreadableFileError else tmp_path / "cat.jpg")
    with pytest.raises(error, match=re.escape("folder/../cat.jpg")) as caught:
        read_photo(path)
    assert "\n" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("path", ["a/b/c.jpg", "nul\0.jpg", "file/c.jpg"])
def test_a_path_that_leads_nowhere_is_missing(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MissingFileError):
        read_photo(tmp_path / path)


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(NotAFileError, match="socket"):
            read_photo(Path("socket"))


def test_the_refusal_lists_the_readable_formats() -> None:
    with pytest.raises(NotAPhotoError, match=READABLE_FORMATS):
        read(b"<svg/>")


# ---- size ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF"])
def test_the_limit_on_pixels_is_inclusive_in_every_format(file_format: str) -> None:
    data = encoded(Image.new("RGB", (30, 20)), file_format)
    assert read(data, max_pixels=600).pixels.shape == (20, 30, 3)
    with pytest.raises(TooManyPixelsError, match="30×20"):
        read(data, max_pixels=599)


def test_the_limit_on_pixels_holds_for_16_bit_tiffs_and_images() -> None:
    with pytest.raises(TooManyPixelsError):
        read(plain_tiff(noise(20, 30, dtype="u2")), max_pixels=599)
    with pytest.raises(TooManyPixelsError):
        photo_from_image(Image.new("L", (30, 20)), max_pixels=599)
    with pytest.raises(InvalidArgumentError, match="max_pixels"):
        read(b"", max_pixels=0)


def test_a_header_with_too_many_pixels_is_refused_before_decoding() -> None:
    data = b"P6 60000 60000 255\n"  # no pixels follow
    with pytest.raises(TooManyPixelsError, match="60000×60000"):
        read(data)


def test_our_limit_replaces_that_of_pillow_and_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    filters = list(warnings.filters)
    for data in (encoded(Image.new("RGB", (30, 20)), "PNG"), encoded(Image.new("RGB", (30, 20)), "TIFF")):
        assert read(data).pixels.shape == (20, 30, 3)
    with pytest.raises(DamagedPhotoError):
        read(data[:-200])
    assert Image.MAX_IMAGE_PIXELS == 100
    assert list(warnings.filters) == filters
    assert logging.getLogger("PIL").level == logging.getLogger("tifffile").level == logging.NOTSET


# ---- orientation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_as_pillow_does(orientation: int, file_format: str) -> None:
    image = Image.fromarray(noise(4, 7, 4))
    image.putpixel((0, 1), (1, 2, 3, 0))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(image, file_format, exif=exif, **LOSSLESS[file_format])
    oracle = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    for photo in (read(data), photo_from_image(Image.open(io.BytesIO(data)))):
        np.testing.assert_array_equal(photo.pixels, oracle[..., :3])
        np.testing.assert_array_equal(photo.mask, oracle[..., 3] != 0)
        assert photo.pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_upright(orientation: int) -> None:
    image = Image.fromarray(noise(8, 16))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(image, "JPEG", exif=exif)
    oracle = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(read(data).pixels[..., 0], oracle)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_pictures_are_turned_upright_by_each_of_their_decoders(orientation: int) -> None:
    values = noise(4, 7, 3, dtype="u2")
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    upright = read(png(values, 2, chunks={"eXIf": exif.tobytes()[6:]})).pixels
    numbers = Image.fromarray(np.arange(28, dtype=np.uint8).reshape(4, 7))
    numbers.getexif()[ORIENTATION] = orientation
    order = np.asarray(ImageOps.exif_transpose(numbers)).astype(int)
    np.testing.assert_array_equal(upright, values.reshape(28, 3)[order])
    extratag = (ORIENTATION, "H", 1, orientation, True)
    for data in (
        plain_tiff(values, photometric="rgb", extratags=[extratag]),
        tiff(values, 2, orientation=orientation),
    ):
        np.testing.assert_array_equal(read(data).pixels, upright)


def test_an_invalid_orientation_counts_as_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    values = noise(3, 4)
    np.testing.assert_array_equal(read(encoded(Image.fromarray(values), "PNG", exif=exif)).pixels[..., 0], values)


def test_sound_pixels_are_read_despite_damaged_metadata() -> None:
    values = noise(3, 4, 3)
    for rubbish in (b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x09\x01\x12", b"\xff" * 40, b""):
        np.testing.assert_array_equal(read(png(values, 2, chunks={"eXIf": rubbish})).pixels, values)


# ---- modes and alpha -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_rgb_is_kept_exactly_by_every_lossless_format(file_format: str) -> None:
    values = noise(5, 7, 3)
    photo = read(encoded(Image.fromarray(values), file_format, **LOSSLESS[file_format]))
    np.testing.assert_array_equal(photo.pixels, values)
    assert photo.pixels.dtype == np.uint8
    assert (photo.mask, photo.notes) == (None, ())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "I;16", "I;16B", "I", "F"])
def test_gray_stays_one_channel(mode: str) -> None:
    image = Image.new(mode, (4, 3), (1, 255) if mode in ("LA", "La") else 1)
    assert photo_from_image(image).pixels.shape == (3, 4, 1)


@pytest.mark.parametrize("mode", ["P", "PA", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB"])
def test_all_other_modes_become_rgb(mode: str) -> None:
    red = Image.new("RGB", (4, 3), (250, 10, 20))
    if mode == "RGBa":
        image = red.convert("RGBA").convert(mode)
    elif mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(red, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
        assert converted is not None
        image = converted
    else:
        image = red.convert("P").convert("PA") if mode == "PA" else red.convert(mode)
    pixels = photo_from_image(image).pixels
    assert pixels.shape == (3, 4, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - (250, 10, 20)).max() < 60  # the palette of P is coarse


def test_one_bit_is_black_and_white() -> None:
    image = Image.fromarray(np.array([[True, False, True]]))
    for file_format in ("PNG", "TIFF", "PPM"):
        assert read(encoded(image, file_format)).pixels.tolist() == [[[255], [0], [255]]]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_only_fully_transparent_pixels_are_masked_and_colors_are_kept(file_format: str) -> None:
    values = noise(3, 4, 4)
    values[0, 0, 3], values[1, 1, 3] = 0, 1
    photo = read(encoded(Image.fromarray(values), file_format, **LOSSLESS[file_format]))
    assert photo.mask is not None
    assert np.argwhere(~photo.mask).tolist() == [[0, 0]]
    np.testing.assert_array_equal(photo.pixels, values[..., :3])


def test_an_opaque_photo_has_no_mask_and_a_fully_transparent_one_is_refused() -> None:
    assert photo_from_image(Image.new("RGBA", (4, 3), (9, 9, 9, 1))).mask is None
    with pytest.raises(NoPixelsError):
        read(encoded(Image.new("RGBA", (4, 3), (9, 9, 9, 0)), "PNG"))


def test_a_gray_picture_with_alpha_is_gray_with_a_mask() -> None:
    values = noise(3, 4, 2)
    values[2, 3, 1] = 0
    photo = read(png(values, 4))
    np.testing.assert_array_equal(photo.pixels, values[..., :1])
    np.testing.assert_array_equal(photo.mask, values[..., 1] != 0)


@pytest.mark.parametrize("transparent", [1, b"\xff\0\xff\x80"])
def test_transparent_palette_entries_are_masked(transparent: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    photo = read(encoded(image, "PNG", transparency=transparent))
    assert photo.mask is not None
    assert photo.mask.tolist() == [[True, False, True, True]]
    assert photo.pixels[0, 2].tolist() == [70, 80, 90]
    gif = read(encoded(image, "GIF", transparency=1))
    assert gif.mask is not None
    assert gif.mask.tolist() == [[True, False, True, True]]


def test_the_transparent_color_of_a_png_is_masked_in_every_color_type() -> None:
    rgb = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8)
    gray = rgb[..., 0] + rgb[..., 2]  # 4, 5
    deep = rgb * np.uint16(0x101)
    deep[0, 1, 2] = deep[0, 0, 2] + 0x100  # equal low bytes
    cases = {
        "rgb": png(rgb, 2, chunks={"tRNS": struct.pack(">HHH", 1, 2, 3)}),
        "gray": png(gray, 0, chunks={"tRNS": struct.pack(">H", 4)}),
        "deep rgb": png(deep, 2, chunks={"tRNS": struct.pack(">HHH", *deep[0, 0])}),
        "deep gray": png(deep[..., 2], 0, chunks={"tRNS": struct.pack(">H", deep[0, 0, 2])}),
        "one bit": encoded(Image.fromarray(np.array([[True, False]])), "PNG", transparency=1),
    }
    for case, data in cases.items():
        photo = read(data)
        assert photo.mask is not None, case
        assert photo.mask.tolist() == [[False, True]], case


def test_the_transparent_level_of_a_two_bit_png_is_one_of_its_four_levels() -> None:
    data = bytearray(png(np.array([[0b00_01_10_11]], np.uint8), 0, chunks={"tRNS": b"\0\x02"}))
    data[16:25] = struct.pack(">IIB", 4, 1, 2)
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    photo = read(bytes(data))
    assert photo.pixels.ravel().tolist() == [0, 85, 170, 255]
    assert photo.mask is not None
    assert photo.mask.tolist() == [[True, True, False, True]]


# ---- color profiles --------------------------------------------------------------------------------------------------


def test_a_profile_that_is_srgb_changes_nothing_and_needs_no_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda *_, **__: pytest.fail("transformed"))
    values = noise(4, 5, 3)
    photo = read(encoded(Image.fromarray(values), "PNG", icc_profile=profile_bytes()))
    np.testing.assert_array_equal(photo.pixels, values)
    assert photo.notes == ()


@pytest.mark.parametrize("channels", [3, 4])
def test_a_profile_is_converted_to_srgb(channels: int) -> None:
    values = noise(4, 5, channels)
    values[0, 0, -1] = 0
    profile = with_swapped_red_and_green()
    for file_format in ("PNG", "TIFF", "WEBP"):
        data = encoded(Image.fromarray(values), file_format, icc_profile=profile, **LOSSLESS[file_format])
        photo = read(data)
        off = np.abs(photo.pixels.astype(int) - values[..., [1, 0, 2]])
        assert off.max() <= 2
        assert photo.notes == ()
        assert (photo.mask is None) == (channels == 3)


def test_a_transparent_color_is_found_before_the_profile_changes_it() -> None:
    values = np.array([[[1, 200, 3], [1, 200, 4]]], np.uint8)
    compressed = b"p\0\0" + zlib.compress(with_swapped_red_and_green())
    photo = read(png(values, 2, chunks={"iCCP": compressed, "tRNS": struct.pack(">HHH", 1, 200, 3)}))
    assert photo.mask is not None
    assert photo.mask.tolist() == [[False, True]]
    assert photo.pixels[0, 1, 0] > 190


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_gray_profile_is_applied_and_gray_stays_gray(mode: str) -> None:
    levels = np.arange(256, dtype=np.uint8)[np.newaxis]
    image = Image.fromarray(levels).convert(mode)
    photo = read(encoded(image, "PNG", icc_profile=gray_profile(1.0)))
    linear = levels[0] / 255
    srgb = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert photo.pixels.shape == (1, 256, 1)
    assert np.abs(photo.pixels[0, :, 0] - srgb).max() <= 2
    assert photo.notes == ()


def test_a_profile_that_does_not_fit_is_ignored_with_a_note() -> None:
    values = noise(4, 5, 3)
    for profile in (gray_profile(1.0), b"rubbish" * 40, renamed(profile_bytes())[:300]):
        photo = read(encoded(Image.fromarray(values), "PNG", icc_profile=profile))
        np.testing.assert_array_equal(photo.pixels, values)
        assert [note.startswith("color profile ignored: ") for note in photo.notes] == [True]


def test_16_bit_pixels_are_not_converted_to_srgb_and_a_note_says_so() -> None:
    values = noise(4, 5, 3, dtype="u2")
    for profile, n_notes in ((with_swapped_red_and_green(), 1), (profile_bytes(), 0)):
        for data in (
            png(values, 2, chunks={"iCCP": b"p\0\0" + zlib.compress(profile)}),
            plain_tiff(values, photometric="rgb", iccprofile=profile),
        ):
            photo = read(data)
            np.testing.assert_array_equal(photo.pixels, values)
            assert len(photo.notes) == n_notes


def test_cmyk_without_a_profile_is_converted_by_the_simple_formula() -> None:
    image = Image.new("CMYK", (4, 3), (0, 255, 255, 0))
    assert read(encoded(image, "TIFF")).pixels[0, 0].tolist() == [255, 0, 0]
    assert read(encoded(image, "JPEG")).pixels[0, 0, 0] > 250
    ignored = read(encoded(image, "TIFF", icc_profile=renamed(profile_bytes())))
    assert ignored.notes == ("color profile ignored: it is for RGB pixels, not CMYK",)


# ---- more than 8 bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_a_16_bit_png_is_read_exactly(color_type: int, channels: int, interlaced: bool) -> None:
    values = noise(9, 11, channels, dtype="u2")
    if channels in (2, 4):
        values[3, 4, -1] = 0
        values[3, 5, -1] = 1  # a high byte of 0 is not yet transparent
    photo = read(png(values, color_type, interlaced=interlaced))
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photo.pixels, values[..., : 3 if channels > 2 else 1])
    if channels in (2, 4):
        np.testing.assert_array_equal(photo.mask, values[..., -1] != 0)


def test_an_image_that_pillow_reduces_to_8_bits_has_a_note() -> None:
    data = png(noise(3, 4, 3, dtype="u2"), 2)
    assert photo_from_image(Image.open(io.BytesIO(data))).notes == ("16-bit color cut to 8 bits by Pillow",)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_a_tiff_of_more_than_8_bits_is_read_exactly(byteorder: Any, compression: str | None, planarconfig: str) -> None:
    values = noise(9, 11, 3, dtype="u2")
    stored = values if planarconfig == "contig" else np.moveaxis(values, 2, 0)
    options: dict[str, Any] = {"byteorder": byteorder, "compression": compression, "planarconfig": planarconfig}
    photo = read(plain_tiff(stored, photometric="rgb", bigtiff=byteorder == ">", **options))
    np.testing.assert_array_equal(photo.pixels, values)
    assert photo.pixels.dtype == np.dtype("=u2")


@pytest.fixture
def no_lzw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a decoder from tifffile that it only has if imagecodecs is installed."""
    codecs = type(tifffile.TIFF.DECOMPRESSORS)
    monkeypatch.setattr(codecs, "__contains__", lambda self, key: key in (1, 8, 32946))


@pytest.mark.usefixtures("no_lzw")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("values", "photometric", "extra"),
    [
        (noise(5, 7, dtype="u2"), 1, ()),
        (noise(5, 7, 3, dtype="u2"), 2, ()),
        (noise(5, 7, 4, dtype="u2"), 2, (0,)),
        (noise(5, 7, 4, dtype="u2"), 2, (1,)),
        (noise(5, 7, 4, dtype="u2"), 2, (2,)),
        (noise(5, 7, 4, dtype="u2"), 5, ()),
        (noise(5, 7, dtype="i2"), 1, ()),
        (noise(5, 7, dtype="i4"), 1, ()),
        (noise(5, 7, dtype="u2").astype("f4"), 1, ()),
    ],
)
def test_libtiff_decodes_what_tifffile_cannot(
    values: Pixels, photometric: int, extra: tuple[int, ...], order: Any
) -> None:
    names = {1: "minisblack", 2: "rgb", 5: "separated"}
    kinds = {0: "unspecified", 1: "assocalpha", 2: "unassalpha"}
    options: dict[str, Any] = {"photometric": names[photometric], "extrasamples": [kinds[e] for e in extra] or None}
    expected, photo = read(plain_tiff(values, **options)), read(tiff(values, photometric, order, extra))
    np.testing.assert_array_equal(photo.pixels, expected.pixels)
    assert photo.pixels.dtype == expected.pixels.dtype != np.uint8
    assert photo.notes == expected.notes


@pytest.mark.usefixtures("no_lzw")
def test_an_unknown_codec_is_unsupported_not_damaged() -> None:
    with pytest.raises(UnsupportedPhotoError, match="LZW"):
        read(tiff(noise(5, 7, 3, dtype="u2").astype("f4"), 2))


def test_min_is_white_is_inverted_at_any_depth() -> None:
    for values in (noise(5, 7), noise(5, 7, dtype="u2")):
        for data in (plain_tiff(values, photometric="miniswhite"), tiff(values, 0)):
            np.testing.assert_array_equal(read(data).pixels[..., 0], ~values)


def test_premultiplied_colors_are_divided_by_alpha() -> None:
    values = np.array([[[100, 200, 300, 32768], [7, 7, 7, 0]]], np.uint16)
    photo = read(plain_tiff(values, photometric="rgb", extrasamples=["assocalpha"], planarconfig="contig"))
    assert np.abs(photo.pixels[0, 0] - np.array([200, 400, 600])).max() <= 1
    assert photo.mask is not None
    assert photo.mask.tolist() == [[True, False]]


def test_a_number_of_bands_that_no_photo_has_is_read_as_bands() -> None:
    for dtype in ("u1", "u2"):
        for n_bands in (2, 4, 5, 7):
            values = noise(5, 9, n_bands, dtype=dtype)
            photo = read(plain_tiff(values, photometric="minisblack", planarconfig="contig"))
            np.testing.assert_array_equal(photo.pixels, values)
            assert photo.mask is None
        extra = plain_tiff(noise(5, 9, 4, dtype=dtype), photometric="rgb", extrasamples=["unspecified"])
        assert read(extra).notes == ("extra band ignored",)
        gray = plain_tiff(noise(5, 9, 2, dtype=dtype), extrasamples=["unassalpha"], planarconfig="contig")
        assert read(gray).pixels.shape == (5, 9, 1)


def test_other_tiffs_that_cannot_be_used_say_why() -> None:
    cases = {
        "CIELAB": plain_tiff(noise(5, 7, 3, dtype="u2"), photometric="cielab"),
        "preview": plain_tiff(noise(5, 7, 3, dtype="u2"), photometric="rgb", subfiletype=1),
        "preview ": plain_tiff(noise(5, 7, 3), photometric="rgb", subfiletype=1),
        "complex64": plain_tiff(np.ones((5, 7), np.complex64)),
        "2 slices": plain_tiff(np.ones((2, 16, 16), np.uint16), volumetric=True, tile=(2, 16, 16)),
    }
    for reason, data in cases.items():
        with pytest.raises(UnsupportedPhotoError, match=reason.strip()):
            read(data)


def test_a_16_bit_ppm_is_scaled_by_its_own_maximum() -> None:
    values = noise(3, 4, 3, dtype="u2")
    np.testing.assert_array_equal(read(b"P6 4 3 65535\n" + values.astype(">u2").tobytes()).pixels, values)
    np.testing.assert_array_equal(
        read(b"P5 4 3 65535\n" + values[..., 0].astype(">u2").tobytes()).pixels[..., 0], values[..., 0]
    )
    assert read(b"P6 1 1 1023\n" + struct.pack(">HHH", 0, 512, 1023)).pixels.tolist() == [[[0, 32800, 65535]]]
    assert read(b"P3 1 1 1023\n0 512 # half\n1023").pixels.tolist() == [[[0, 32800, 65535]]]
    assert read(b"P5 3 1 15\n\0\x08\x0f").pixels.tolist() == [[[0], [136], [255]]]
    assert read(b"P3 1 1 255\n1 2 3").pixels.tolist() == [[[1, 2, 3]]]
    with pytest.raises(DamagedPhotoError, match="2 of 3"):
        read(b"P6 1 1 1023\n\0\0\0\0\0")


# ---- floats and integers ---------------------------------------------------------------------------------------------


def test_floats_from_0_to_1_are_kept_in_their_full_range() -> None:
    values = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    full = Reading(scale_range="full")
    for photo in (read(plain_tiff(values, photometric="rgb")), photo_from_array(values, reading=full)):
        np.testing.assert_array_equal(photo.pixels, values)
        assert photo.pixels.dtype == np.float32
        assert photo.notes == ()


def test_other_floats_are_scaled_and_a_note_gives_the_range() -> None:
    values = np.array([[-1.0, 0.0, 3.0]])
    for photo in (photo_from_array(values), read(plain_tiff(values)), photo_from_image(Image.fromarray(values))):
        assert photo.pixels.ravel().tolist() == [0, 0.25, 1]
        assert photo.notes == ("values -1…3 scaled to 0…1",)


@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        (2, 3),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
def test_finite_floats_are_scaled_into_range_in_the_same_order(values: Pixels) -> None:
    pixels = photo_from_array(values).pixels
    assert pixels.dtype == np.float32
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(pixels.ravel()[order]) >= 0).all()


def test_a_constant_picture_is_scaled_without_dividing_by_zero() -> None:
    photo = photo_from_array(np.full((2, 2), 7.0))
    assert photo.pixels.ravel().tolist() == [0] * 4
    assert photo.notes == ("values 7…7 scaled to 0…1",)


def test_values_that_are_not_finite_are_no_data_and_counted_unless_transparent() -> None:
    values = np.array([[[0.5, 1.0], [np.nan, 1.0], [np.inf, 0.0], [-np.inf, 1.0]]])
    photo = photo_from_array(values)
    assert photo.mask is not None
    assert photo.mask.tolist() == [[True, False, False, False]]
    assert photo.pixels[photo.mask].tolist() == [[0.5]]
    assert ((photo.pixels >= 0) & (photo.pixels <= 1)).all()  # also of those that take no part
    assert photo.notes == ("2 pixels hold no data and get label 0",)
    values[0, 1:, 1] = 0
    assert photo_from_array(values).notes == ()
    from_file = read(plain_tiff(np.array([[np.nan, 1]], np.float32)))
    assert from_file.mask is not None
    assert from_file.mask.tolist() == [[False, True]]
    assert from_file.notes == ("1 pixel holds no data and gets label 0",)
    with pytest.raises(NoPixelsError, match="scan: every pixel is fully transparent, masked or without data"):
        photo_from_array(np.full((2, 3), np.nan), name="scan")


def test_integers_are_uint16_if_their_range_fits_and_floats_otherwise() -> None:
    assert photo_from_image(Image.fromarray(np.array([[0, 65535]], np.int32))).pixels.dtype == np.uint16
    photo = photo_from_image(Image.fromarray(np.array([[-65536, 0, 65536]], np.int32)))
    assert photo.pixels.ravel().tolist() == [0, 0.5, 1]
    assert photo.notes == ("values -65,536…65,536 scaled to 0…1",)
    assert read(plain_tiff(np.array([[0, 4095]], np.uint32))).pixels.ravel().tolist() == [0, 4095]


# ---- several frames --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_format", "note"),
    [
        ("GIF", "first of 3 frames"),
        ("WEBP", "first of 3 frames"),
        ("PNG", "first of 3 frames"),
        ("AVIF", "first of 3 frames"),
        ("TIFF", "first of 3 pages"),
        ("MPO", None),
    ],
)
def test_the_first_frame_is_read_and_a_note_counts_the_others(file_format: str, note: str | None) -> None:
    frames = [Image.new("RGB", (16, 8), (level, level, level)) for level in (40, 120, 200)]
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:])
    photo = read(data)
    assert np.abs(photo.pixels.astype(int) - 40).max() <= 3
    assert photo.notes == ((note,) if note else ())


def test_pages_of_a_16_bit_tiff_are_counted() -> None:
    values = noise(3, 5, 7, dtype="u2")
    photo = read(plain_tiff(values, photometric="minisblack"))
    np.testing.assert_array_equal(photo.pixels[..., 0], values[0])
    assert photo.notes == ("first of 3 pages",)


def test_an_image_gives_its_current_frame() -> None:
    frames = [Image.new("RGB", (4, 2), (level, level, level)) for level in (40, 120, 200)]
    image = Image.open(io.BytesIO(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])))
    image.seek(1)
    photo = photo_from_image(image)
    assert photo.pixels[0, 0].tolist() == [120] * 3
    assert photo.notes == ("number 2 of 3 frames",)


# ---- arrays and images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "u1", "u2", ">u2", "i4", "u8", "f2", ">f4", "f8"])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 2), (3, 4, 3), (3, 4, 4)])
def test_arrays_of_every_shape_and_type_become_photos_and_stay_as_they_are(dtype: str, shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape)).reshape(shape) % 2 + (dtype == "u2")).astype(dtype)[:, ::-1]
    before = array.copy()
    photo = photo_from_array(array, name="n", reading=Reading(scale_range="full"))
    channels = 3 if len(shape) == 3 and shape[2] > 2 else 1
    assert photo.pixels.shape == (3, 4, channels)
    assert photo.pixels.dtype == (
        "u1" if dtype == "u1" else {"b": "u1", "u": "u2", "i": "u2", "f": "f4"}[array.dtype.kind]
    )
    assert photo.pixels.dtype.isnative
    assert photo.pixels.flags.c_contiguous
    np.testing.assert_array_equal(array, before)
    assert (photo.name, photo.digest, photo.notes) == ("n", None, ())
    if array.ndim == 3 and shape[2] in (2, 4) and not array[..., -1].all():
        np.testing.assert_array_equal(photo.mask, array[..., -1] != 0)
    else:
        assert photo.mask is None


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((2, 2, 5), np.uint8), r"\(2, 2, 5\)"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (np.zeros((0, 4), np.uint8), r"no pixels.*\(0, 4\)"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.zeros((2, 2), object), "object"),
        ([[1, 2]], "list"),
    ],
)
def test_other_arrays_are_refused_by_shape_or_type(array: Any, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^image .*{problem}"):
        photo_from_array(array)


def test_an_image_in_memory_is_a_photo_and_stays_as_it_is() -> None:
    image = Image.fromarray(noise(3, 4, 4))
    image.getexif()[ORIENTATION] = 6
    before = image.tobytes()
    photo = photo_from_image(image)
    assert (photo.pixels.shape, photo.name, photo.digest) == ((4, 3, 3), "image", None)
    assert (image.tobytes(), image.size) == (before, (4, 3))
    with pytest.raises(InvalidArgumentError, match="0×3"):
        photo_from_image(Image.new("L", (0, 3)))


# ---- damage ----------------------------------------------------------------------------------------------------------


def samples() -> dict[str, bytes]:
    """Return one small file of each format and kind of decoder."""
    image = Image.fromarray(noise(12, 16, 3))
    frames: dict[str, Any] = {"save_all": True, "append_images": [image.rotate(180)]}
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    files = {name: encoded(image, name, exif=exif, icc_profile=profile_bytes()) for name in ("JPEG", "PNG", "WEBP")}
    files |= {name: encoded(image, name) for name in ("BMP", "GIF", "PPM", "AVIF", "TIFF")}
    files |= {f"{name} frames": encoded(image, name, **frames) for name in ("GIF", "PNG", "WEBP", "TIFF", "MPO")}
    files |= {f"TIFF {name}": encoded(image, "TIFF", compression=name) for name in ("tiff_lzw", "jpeg", "packbits")}
    deep = noise(12, 16, 4, dtype="u2")
    files |= {"PNG deep": png(deep[..., :3], 2), "PNG deep alpha": png(deep[..., :2], 4)}
    files |= {"TIFF LZW deep": tiff(deep, 2, ">", (2,)), "P6 deep": b"P6 16 12 999\n" + deep[..., :3].tobytes()}
    files |= {"P3 deep": b"P3 2 1 999\n1 2 3 #\n4 5 6", "P2": b"P2 2 1 255 1 2", "Pf": b"Pf 2 1 -1\n" + b"\0" * 8}
    files |= {"TIFF deep": plain_tiff(deep[..., :3], photometric="rgb", compression="zlib", predictor=True)}
    files |= {"TIFF tiles": plain_tiff(deep[..., 0], tile=(16, 16)), "TIFF float": plain_tiff(deep[..., 0] / 65535)}
    return files


SAMPLES = samples()


def photo_or_error(data: bytes) -> Photo | SegmenterError:
    """Read a file that may be damaged; anything but a photo or a SegmenterError fails the test."""
    try:
        photo = read(data, max_pixels=100_000)
    except SegmenterError as error:
        text = str(error)
        assert "\n" not in text
        assert not re.search("0x[0-9a-f]{6}", text)
        assert len(text) < 300
        return error
    height, width, channels = photo.pixels.shape
    assert height * width <= 100_000
    assert channels in (1, 3)
    assert photo.pixels.size
    assert photo.pixels.dtype in (np.uint8, np.uint16, np.float32)
    return photo


@pytest.mark.parametrize("name", SAMPLES)
def test_a_whole_sample_is_a_photo(name: str) -> None:
    assert isinstance(photo_or_error(SAMPLES[name]), Photo)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_that_is_cut_off_anywhere_is_a_photo_or_an_error(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = SAMPLES[name]
    for length in {*range(0, len(data), max(1, len(data) // 60)), *range(min(len(data), 40)), len(data) - 1}:
        photo_or_error(data[:length])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [name for name in SAMPLES if "frames" not in name and name != "P3 deep"])
def test_a_file_cut_in_half_is_damaged(name: str) -> None:
    assert isinstance(photo_or_error(SAMPLES[name][: len(SAMPLES[name]) // 2]), DamagedPhotoError)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_give_a_photo_or_an_error(
    name: str, data: st.DataObject, capfd: pytest.CaptureFixture[str]
) -> None:
    damaged = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        limit = data.draw(st.sampled_from([min(60, len(damaged)), len(damaged)]))  # headers are the better half
        damaged[data.draw(st.integers(0, limit - 1))] = data.draw(st.integers(0, 255))
    photo_or_error(bytes(damaged))
    assert capfd.readouterr() == ("", "")


def test_a_tiff_size_of_many_numbers_instead_of_one_is_refused() -> None:
    data = tiff(noise(5, 7, 3, dtype="u2"), 2)
    for tag in (256, 257):
        entry, many = struct.pack("<HHI", tag, 3, 1), struct.pack("<HHI", tag, 3, 9)
        assert data.count(entry) == 1
        assert isinstance(photo_or_error(data.replace(entry, many)), SegmenterError)


def test_a_tiff_of_fewer_bands_than_its_color_type_has_is_refused() -> None:
    with pytest.raises(UnsupportedPhotoError, match="1 band;"):
        read(tiff(noise(5, 7, dtype="u2"), 5))


def test_damage_is_described_in_one_line_without_addresses() -> None:
    for name, data in SAMPLES.items():
        error = photo_or_error(data[: len(data) * 2 // 3])
        if isinstance(error, DamagedPhotoError):
            assert re.fullmatch(r"[^<>\n]{3,100}", error.reason), name


def test_threads_read_in_parallel_and_restore_all_settings() -> None:
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    jobs = list(SAMPLES.values()) * 4 + [data[: len(data) // 2] for data in SAMPLES.values()]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(photo_or_error, jobs))
    for data, result in zip(jobs, results, strict=True):
        alone = photo_or_error(data)
        if isinstance(result, Photo) and isinstance(alone, Photo):
            np.testing.assert_array_equal(result.pixels, alone.pixels)
        else:
            assert (str(result), type(result)) == (str(alone), type(alone))
    assert list(warnings.filters) == filters
    assert limit == Image.MAX_IMAGE_PIXELS


# ---- cost ------------------------------------------------------------------------------------------------------------


def test_a_plain_photo_imports_neither_tifffile_nor_the_color_management(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    code = (
        "import sys; from pathlib import Path; from segmenter.io.images.photo import read_photo;"
        f"read_photo(Path({str(tmp_path / 'a.jpg')!r}));"
        "heavy = {'tifffile', 'PIL.ImageCms', 'matplotlib', 'skimage', 'scipy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_eight_bit_tiffs_are_read_without_tifffile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)  # an import of it fails
    assert read(SAMPLES["TIFF"]).pixels.shape == (12, 16, 3)


class Endless(io.RawIOBase):
    """A picture that never ends."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.n_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.head[: len(buffer)].ljust(len(buffer), b"\0")
        self.head = self.head[len(buffer) :]
        buffer[:] = content
        self.n_read += len(buffer)
        return len(buffer)


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"])
def test_a_stream_without_end_is_read_up_to_a_limit(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmenter.io.files.local.MAX_STREAM_BYTES", 3 << 20)
    stream = Endless(head)
    error = StreamTooLongError if head != b"BM" else NotAPhotoError
    with pytest.raises(error) as raised:
        read_photo(io.BufferedReader(stream), name="stdin")
    assert stream.n_read <= 4 << 20
    if error is StreamTooLongError:
        assert str(raised.value).startswith("stdin: is longer than 3 MiB; save it as a file")
