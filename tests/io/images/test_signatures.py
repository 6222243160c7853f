"""What a file is: HEIC photos and camera raw files are called by their names, and HEIC is read where possible."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from segmenter.errors import DamagedPhotoError, NotAPhotoError, TooManyPixelsError, UnsupportedPhotoError
from segmenter.io.files.discovery import CAMERA_RAW, list_photos
from segmenter.io.images.photo import Reading, read_photo
from segmenter.io.images.signatures import has_image_signature, is_heic, is_picture
from tests.support.command import get_error_line, run
from tests.support.inputs import PHOTOS

HEIC_HEAD = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"
RAW_HEADS = {
    "CR2": b"II*\0\x10\0\0\0CR\x02\0",
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
    "CRW": b"II\x1a\0\0\0HEAPCCDR",
    "RAF": b"FUJIFILMCCD-RAW 0201FF383701",
    "ORF": b"IIRO\x08\0\0\0",
    "RW2": b"IIU\0\x18\0\0\0",
    "X3F": b"FOVb\0\0\x03\0",
    "MRW": b"\0MRM\0\x05",
}


def write_tiff_raw(path: Path, kind: str) -> Path:
    """Write a TIFF in the structure of a camera raw file."""
    preview = np.asarray(Image.open(PHOTOS / "coffee.png").convert("RGB").resize((60, 40)))
    sensor = np.arange(80 * 120, dtype=np.uint16).reshape(80, 120)
    make: list[Any] = [(271, "s", 0, "NIKON CORPORATION", True)]
    version: list[Any] = [(50706, "B", 4, (1, 4, 0, 0), True)]
    with tifffile.TiffWriter(path) as tiff:
        if kind == "DNG":
            tiff.write(preview, photometric="rgb", extratags=version)
        elif kind == "sensor first":
            tiff.write(sensor, photometric="cfa", extratags=make)
        else:
            is_preview = {"NEF": 0, "ARW": 1}[kind]
            tiff.write(preview, photometric="rgb", extratags=make, subfiletype=is_preview, subifds=1)
            tiff.write(sensor, photometric="cfa" if kind == "NEF" else "minisblack")
    return path


@pytest.mark.parametrize("kind", RAW_HEADS)
def test_a_camera_raw_file_is_called_one_by_its_first_bytes(tmp_path: Path, kind: str) -> None:
    content = RAW_HEADS[kind] + bytes(2000)
    (tmp_path / "a.jpg").write_bytes(content)
    for source in (tmp_path / "a.jpg", io.BytesIO(content)):
        with pytest.raises(UnsupportedPhotoError, match="is a camera raw file; develop it to TIFF or JPEG first"):
            read_photo(source)


@pytest.mark.parametrize("kind", ["DNG", "NEF", "ARW", "sensor first"])
def test_a_camera_raw_file_is_called_one_by_the_tags_of_its_tiff(tmp_path: Path, kind: str) -> None:
    path = write_tiff_raw(tmp_path / "a.tif", kind)
    line = get_error_line(run("segment", path, cwd=tmp_path).stderr)
    assert line.endswith("is a camera raw file; develop it to TIFF or JPEG first")


def test_tiffs_of_cameras_and_reduced_pages_are_no_raw_files(tmp_path: Path) -> None:
    picture = np.arange(3 * 40 * 60, dtype=np.uint8).reshape(40, 60, 3)
    make: list[Any] = [(271, "s", 0, "NIKON CORPORATION", True)]
    with tifffile.TiffWriter(tmp_path / "a.nef") as tiff:  # the name alone says nothing
        tiff.write(picture, photometric="rgb", extratags=make, subifds=1)
        tiff.write(picture[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.nef").pixels, picture)


def test_raw_files_in_a_folder_are_skipped_and_told(tmp_path: Path) -> None:
    for name in ("a.NEF", "b.cr3", "c.heic", "d.txt"):
        (tmp_path / name).write_bytes(b"")
    found = list_photos([str(tmp_path)], recursive=False, output=str(tmp_path / "out"))
    assert [Path(path).name for path, _ in found.photos] == ["c.heic"]
    assert found.n_skipped(CAMERA_RAW) == 2
    Image.new("RGB", (9, 9)).save(tmp_path / "e.png")
    shown = run("batch", ".", "-n", cwd=tmp_path).stderr
    assert b"skipped 2 camera raw files; develop them to TIFF or JPEG" in shown


# ---- HEIC ----------------------------------------------------------------------------------------------------------


def test_heic_has_a_signature_of_its_own() -> None:
    for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"):
        assert is_heic(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1")
    mixed = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf"
    avif = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"
    assert is_heic(mixed)
    assert not is_heic(avif)
    assert has_image_signature(avif)
    assert not has_image_signature(mixed)
    assert is_picture(mixed)
    with pytest.raises(NotAPhotoError):
        read_photo(io.BytesIO(b"\0\0\0\x18ftypmp42\0\0\0\0isom"))


def test_without_its_library_heic_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # an import of it fails
    (tmp_path / "IMG.heic").write_bytes(HEIC_HEAD + bytes(500))
    with pytest.raises(UnsupportedPhotoError) as caught:
        read_photo(tmp_path / "IMG.heic")
    assert str(caught.value).endswith(
        "IMG.heic: is a HEIC photo; export it as JPEG, or run pip install pillow-heif to have it read"
    )


def write_heic(path: Path, mode: str, shape: tuple[int, int, int]) -> Any:
    """Write a smooth HEIC, and return its values."""
    pillow_heif = pytest.importorskip("pillow_heif")
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    bands = [rows * 3, columns * 2, 200 - rows, 255 * (columns >= 20)]
    values: Any = np.stack(bands[: shape[2]], axis=2)
    values = (257 * values).astype(np.uint16) if ";16" in mode else values.astype(np.uint8)
    pillow_heif.from_bytes(mode, (shape[1], shape[0]), values.tobytes()).save(path, quality=100, chroma=444)
    return values


@pytest.mark.parametrize(("mode", "n_bands", "tolerance"), [("RGB", 3, 4), ("RGBA", 4, 4), ("RGB;16", 3, 900)])
def test_with_its_library_heic_is_read(tmp_path: Path, mode: str, n_bands: int, tolerance: int) -> None:
    values = write_heic(tmp_path / "a.heic", mode, (48, 64, n_bands))
    photo = read_photo(tmp_path / "a.heic", reading=Reading(scale_range="full"))
    assert photo.pixels.dtype == values.dtype
    inside = np.ones((48, 64), np.bool_) if n_bands == 3 else values[..., 3] > 0
    assert (photo.mask is None) == (n_bands == 3)
    if photo.mask is not None:
        np.testing.assert_array_equal(photo.mask, inside)
    errors = np.abs(photo.pixels.astype(np.int64) - values[..., :3])[inside]
    assert np.quantile(errors, 0.95) <= tolerance
    with pytest.raises(TooManyPixelsError):
        read_photo(tmp_path / "a.heic", max_pixels=48 * 64 - 1)


def test_a_damaged_heic_is_called_damaged(tmp_path: Path) -> None:
    write_heic(tmp_path / "a.heic", "RGB", (48, 64, 3))
    content = (tmp_path / "a.heic").read_bytes()
    with pytest.raises(DamagedPhotoError):
        read_photo(io.BytesIO(content[: len(content) // 2]))
