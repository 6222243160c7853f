"""Label images as OME-Zarr: the same labels as in the TIFF, written completely or not at all."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

import segmenter
from segmenter.errors import WriteError
from segmenter.io.files.atomic import (
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    remove_stale_temporaries,
    temporary_output,
    write_files,
)
from segmenter.io.labels.ome_zarr import GZIP_WINDOW_BITS, read_zarr_overview, write_label_zarr
from segmenter.io.labels.tiff import TileLayout, encode_tiles
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import open_windowed
from segmenter.render.palette import palette
from tests.support.command import run

pytestmark = pytest.mark.slow

ZARR = ("--max-memory", "1K", "--label-format", "zarr", "-o", "out")


def blobs(height: int, width: int) -> NDArray[np.uint8]:
    """Return a photo of three colors with noise."""
    place = (np.arange(height)[:, None] // 60 + np.arange(width)[None] // 45) % 3
    noise = np.random.default_rng(0).integers(0, 20, (height, width, 3))
    colors = np.array([[20, 40, 90], [120, 200, 60], [230, 100, 150]])
    return np.asarray(colors[place] + noise, np.uint8)


@pytest.mark.parametrize("method", ["gmm", "regions"])
def test_labels_and_overviews_are_those_of_the_tiff(tmp_path: Path, method: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs(1203, 701), photometric="rgb", tile=(128, 256))
    words = ("segment", "a.tif", "--method", method, "-k", "3", "--no-figure")
    for options in (ZARR, ("--max-memory", "1K", "-o", "tif")):
        result = run(*words, *options, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    group: Any = zarr.open(tmp_path / "out" / "a.labels.zarr", mode="r")
    with tifffile.TiffFile(tmp_path / "tif" / "a.labels.tif") as tiff:
        pages: list[Any] = list(tiff.pages)
        assert len(pages) == 3
        assert sorted(group) == ["0", "1", "2"]
        for level, page in enumerate(pages):
            np.testing.assert_array_equal(group[str(level)][:], page.asarray())
    whole = segmenter.read_labels(tmp_path / "out" / "a.labels.zarr")
    np.testing.assert_array_equal(whole, segmenter.read_labels(tmp_path / "tif" / "a.labels.tif"))
    assert group["0"].chunks == (128, 256)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.labels.zarr", "a.json"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_metadata_are_those_of_ome_zarr(tmp_path: Path, dtype: Any) -> None:
    labels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (600, 530)).astype(dtype)
    colors = palette(3)
    tiles = encode_tiles(labels, (128, 144), GZIP_WINDOW_BITS)
    write_label_zarr(tmp_path, tiles, TileLayout((600, 530), (128, 144), dtype), colors)
    group: Any = zarr.open(tmp_path, mode="r")
    np.testing.assert_array_equal(group["0"][:], labels)
    np.testing.assert_array_equal(group["1"][:], labels[::2, ::2])
    ome = group.attrs["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    assert [axis["name"] for axis in multiscale["axes"]] == list(group["0"].metadata.dimension_names) == ["y", "x"]
    assert [level["path"] for level in multiscale["datasets"]] == ["0", "1"]
    assert multiscale["datasets"][1]["coordinateTransformations"] == [{"type": "scale", "scale": [2, 2]}]
    assert [color["label-value"] for color in ome["image-label"]["colors"]] == [0, 1, 2, 3]
    assert ome["image-label"]["colors"][2]["rgba"] == [*colors[1].tolist(), 255]
    with open_windowed(tmp_path) as opened:
        np.testing.assert_array_equal(opened.read(Window(100, 50, 300, 400))[0][..., 0], labels[100:400, 50:450])


def test_the_smallest_overview_that_is_large_enough_is_read(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 5, (2100, 900), np.uint8)
    tiles = encode_tiles(labels, (512, 512), GZIP_WINDOW_BITS)
    write_label_zarr(tmp_path, tiles, TileLayout((2100, 900), (512, 512), np.uint8), palette(4))
    for side, step in ((500, 4), (600, 2), (1051, 1), (5000, 1)):
        shape, small = read_zarr_overview(tmp_path, side)
        assert shape == labels.shape
        np.testing.assert_array_equal(small, labels[::step, ::step])


def test_a_zarr_is_evaluated_and_reported_like_a_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs(300, 200), photometric="rgb")
    assert run("segment", "a.tif", "-k", "3", *ZARR, cwd=tmp_path).returncode == 0
    assert run("segment", "a.tif", "-k", "3", "-o", "png", cwd=tmp_path).returncode == 0
    judged = run("evaluate", "out/a.labels.zarr", "png/a.labels.png", "--json", cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    assert '"covering": 1.0' in judged.stdout.decode()
    reported = run("report", "out", "--photos", ".", "-o", "page.html", cwd=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert reported.stderr.startswith(b"1 photo -> page.html")


def test_only_overwrite_replaces_a_zarr_and_never_another_folder(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs(300, 200), photometric="rgb")
    words = ("segment", "a.tif", "--no-figure", *ZARR)
    assert run(*words, "-k", "3", cwd=tmp_path).returncode == 0
    labels = tmp_path / "out" / "a.labels.zarr"
    before = segmenter.read_labels(labels)
    refused = run(*words, "-k", "2", cwd=tmp_path)
    assert refused.returncode != 0
    assert b"out/a.labels.zarr: already exists (and 1 more)" in refused.stderr
    np.testing.assert_array_equal(segmenter.read_labels(labels), before)
    assert run(*words, "-k", "2", "--overwrite", cwd=tmp_path).returncode == 0
    assert segmenter.read_labels(labels).max() == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.labels.zarr", "a.json"}
    (labels / "zarr.json").unlink()
    refused = run(*words, "--overwrite", cwd=tmp_path)
    assert b"out/a.labels.zarr: cannot be written (is a folder)" in refused.stderr
    assert (labels / "0" / "zarr.json").exists()


def test_a_zarr_that_cannot_be_replaced_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "a.zarr"
    old.mkdir()
    (old / "zarr.json").write_text("old")
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if Path(target) == old:
            raise OSError(errno.EIO, "Input/output error")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with temporary_output(old, is_folder=True) as new, pytest.raises(WriteError):
        (new / "zarr.json").write_text("new")
        write_files({old: new, tmp_path / "a.json": b"{}"}, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    assert (old / "zarr.json").read_text() == "old"


def test_a_label_image_of_an_earlier_run_in_another_format_is_removed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs(60, 40), photometric="rgb")
    words = ("segment", "a.tif", "--no-figure", "--overwrite")
    first = run(*words, "--max-memory", "1K", "-o", "out", cwd=tmp_path)
    assert b"does not write" not in first.stderr
    second = run(*words, *ZARR, cwd=tmp_path)
    assert b"note: removed files that this run does not write: out/a.labels.tif" in second.stderr
    assert not (tmp_path / "out" / "a.labels.tif").exists()


def test_a_picture_in_memory_gets_no_zarr(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs(60, 40), photometric="rgb")
    result = run("segment", "a.tif", "--label-format", "zarr", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        b"segmenter: a.tif: is processed in memory, and its label image is a PNG then; leave out --label-format zarr\n"
    )
    missing = run("segment", "b.tif", "--label-format", "zarr", cwd=tmp_path)
    assert missing.stderr == run("segment", "b.tif", cwd=tmp_path).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_warning_says_that_the_georeference_is_lost(tmp_path: Path) -> None:
    scale = [(33550, "d", 3, (10.0, 10.0, 0.0), True)]
    tifffile.imwrite(tmp_path / "a.tif", blobs(60, 40), photometric="rgb", extratags=scale)
    result = run("segment", "a.tif", "--no-figure", *ZARR, cwd=tmp_path)
    assert b"note: the Zarr label image is not georeferenced; --label-format tif is" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_output_that_looks_complete(tmp_path: Path, number: signal.Signals) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 2000, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    command = Path(sys.executable).with_name("segmenter")
    process = subprocess.Popen([command, "segment", "a.tif", *ZARR], cwd=tmp_path, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob(f"out/{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}/0/c")):
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(60)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    remove_stale_temporaries(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_locked_temporary_folder_is_not_stale(tmp_path: Path) -> None:
    with temporary_output(tmp_path / "a.zarr", is_folder=True) as folder:
        (folder / "b").touch()
        remove_stale_temporaries(tmp_path)
        assert (folder / "b").exists()
        write_files({tmp_path / "a.zarr": folder, tmp_path / "a.json": b"{}"}, overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.zarr"]


def test_a_damaged_chunk_is_reported(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs(300, 200), photometric="rgb")
    run("segment", "a.tif", "--no-figure", *ZARR, cwd=tmp_path)
    labels = tmp_path / "out" / "a.labels.zarr"
    (labels / "0" / "c" / "0" / "0").write_bytes(b"no gzip")
    result = run("evaluate", "out/a.labels.zarr", "out/a.labels.zarr", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(b"segmenter: out/a.labels.zarr: is damaged or truncated")
    assert result.stderr.count(b"\n") == 1
    description = json.loads((labels / "zarr.json").read_text())
    assert description["zarr_format"] == 3
