"""Pictures read by windows: what a header claims is checked against what is there, before memory is spent on it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from segmenter.errors import DamagedPhotoError, SegmenterError, UnsupportedPhotoError
from segmenter.io.rasters.base import Window, WindowGrid
from segmenter.io.rasters.reader import MAX_WINDOWED_PIXELS, open_windowed
from tests.support.command import run_text

sides = st.integers(1, 40)


@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_the_windows_of_a_grid_cover_each_pixel_once(shape: tuple[int, int], window_shape: tuple[int, int]) -> None:
    grid = WindowGrid(shape, window_shape)
    covered = [
        (row, column)
        for window in grid
        for row in range(window.top, window.top + window.height)
        for column in range(window.left, window.left + window.width)
    ]
    assert sorted(covered) == [(row, column) for row in range(shape[0]) for column in range(shape[1])]
    assert len(grid) == len(list(grid)) == len(grid[:])
    assert grid[-1] == grid[len(grid) - 1]
    with pytest.raises(IndexError):
        grid[len(grid)]


def test_a_grid_makes_windows_only_when_they_are_asked_for() -> None:
    assert WindowGrid((2**31, 2**31), (1, 1))[2**61 + 5] == Window(2**30, 5, 1, 1)


def write_big_tiff(path: Path, height: int, width: int) -> Path:
    """Write a BigTIFF whose header claims an uncompressed gray picture of this size, with 64 bytes of pixels."""
    tags = [
        (256, 16, width),
        (257, 16, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 16, 16 + 8 + 9 * 20 + 8),  # where the only strip begins
        (277, 3, 1),
        (278, 16, height),
        (279, 16, min(height * width, 2**64 - 1)),
    ]
    entries = b"".join(
        struct.pack("<HHQ", code, kind, 1) + struct.pack("<Q" if kind == 16 else "<H6x", value)
        for code, kind, value in tags
    )
    header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + struct.pack("<Q", len(tags))
    path.write_bytes(header + entries + struct.pack("<Q", 0) + bytes(64))
    return path


def test_a_tiff_as_small_as_it_claims_is_read(tmp_path: Path) -> None:
    with open_windowed(write_big_tiff(tmp_path / "a.tif", 8, 8)) as picture:
        assert picture.read(Window(0, 0, 8, 8))[0].shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("side", "error", "problem"),
    [
        (20, DamagedPhotoError, "bytes cannot hold the 20×20 pixels of its header"),
        (2**16, DamagedPhotoError, "bytes cannot hold the 65,536×65,536 pixels of its header"),
        (2**32, DamagedPhotoError, "bytes cannot hold"),
        (2**63, SegmenterError, "a.tif"),
    ],
)
def test_a_tiff_that_cannot_hold_what_it_claims_is_refused(
    side: int, error: type[SegmenterError], problem: str, tmp_path: Path
) -> None:
    path = write_big_tiff(tmp_path / "a.tif", side, side)
    with pytest.raises(error, match=problem), open_windowed(path):
        pass
    result = run_text("segment", path, "--max-pixels", 2**62, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "internal error" not in result.stderr


@pytest.mark.parametrize(
    ("shape", "chunks", "problem"),
    [
        ((10**12, 10**12), (512, 512), f"more than {MAX_WINDOWED_PIXELS:,}"),
        ((10**5, 10**5), (10**5, 10**5), "chunks of 10.0 GB"),
    ],
)
def test_a_zarr_too_large_to_finish_is_refused_by_its_metadata(
    shape: tuple[int, ...], chunks: tuple[int, ...], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=shape, chunks=chunks, dtype="u1")
    with pytest.raises(UnsupportedPhotoError, match=problem), open_windowed(path, bands=(1,)):
        pass


def write_ome_zarr(path: Path, shape: tuple[int, ...], axes: list[Any]) -> Path:
    """Write an OME-Zarr of one picture without any chunk."""
    group = zarr.open_group(path, mode="w")
    group.create_array("0", shape=shape, chunks=(1,) * (len(shape) - 2) + shape[-2:], dtype="u1")
    group.attrs["multiscales"] = [{"axes": [{"name": name} for name in axes], "datasets": [{"path": "0"}]}]
    return path


def test_axes_of_an_ome_zarr_that_are_no_names_are_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedPhotoError), open_windowed(write_ome_zarr(tmp_path / "a.zarr", (8, 8), [["y"], {}])):
        pass


def test_a_picture_of_very_many_bands_is_refused(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "a.zarr", (10**6, 8, 8), ["c", "y", "x"])
    with pytest.raises(UnsupportedPhotoError, match="1,000,000 bytes a pixel"), open_windowed(path, bands=(1,)):
        pass
