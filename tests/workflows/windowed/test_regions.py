"""Regions of pictures that are read by windows: those of the picture in memory, however it is stored and divided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import segmenter
from segmenter.errors import NoPixelsError, UnsupportedPhotoError
from segmenter.io.rasters.reader import open_windowed
from segmenter.metrics.partitions import covering
from segmenter.segmentation import regions as segment_regions
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.regions import compute_base_shape
from tests.support.command import run
from tests.support.scenes import DISK_LABELS
from tests.support.windowed import read_written_labels, run_by_windows

pytestmark = pytest.mark.slow

SIZES = {"not reduced": 0.25, "reduced once": 0.002, "reduced twice": 0.0006}
"""Working sizes in megapixels, and what they make of `PICTURE`."""

LARGE_TRUTH = np.kron(DISK_LABELS, np.ones((4, 4), int))
COLORS = np.array([[80, 60, 50], [40, 120, 60], [200, 190, 120], [60, 90, 170]])
PICTURE = (COLORS[LARGE_TRUTH - 1] + np.random.default_rng(0).integers(-20, 21, (240, 320, 3))).astype(np.uint8)
FORMS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (48, 32)},
    "rows": {"rowsperstrip": 5},
    "planes": {"planarconfig": "separate", "tile": (64, 64)},
}


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    is_gray = pixels.ndim == 2
    stored = np.moveaxis(pixels, -1, 0) if options.get("planarconfig") == "separate" else pixels
    tifffile.imwrite(path, stored, photometric="minisblack" if is_gray else "rgb", **options)
    return path


def test_the_sizes_have_the_names_they_should() -> None:
    shape = PICTURE.shape[:2]
    n_pixels = shape[0] * shape[1]
    assert SIZES["reduced once"] * 1e6 < n_pixels < SIZES["not reduced"] * 1e6
    assert [compute_base_shape(shape, RegionsRecipe(working_size=size)) == shape for size in SIZES.values()] == [
        True,
        True,
        False,
    ]


@pytest.mark.usefixtures("small_windows")
class TestBothModes:
    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    @pytest.mark.parametrize("form", FORMS)
    def test_give_the_same_regions(self, tmp_path: Path, form: str, size: float) -> None:
        path = write(tmp_path / "a.tif", PICTURE, **FORMS[form])
        result = run_by_windows(path, RegionsRecipe(n_segments=3, working_size=size))
        expected = segmenter.segment(path, 3, method="regions", working_size=size)
        np.testing.assert_array_equal(read_written_labels(path), expected.labels)
        assert result.segmentation.segments == expected.segments
        assert covering(expected.labels, LARGE_TRUTH) > 0.9
        with open_windowed(path) as picture:
            assert len(picture.plan_windows()[1]) > 10

    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    @pytest.mark.parametrize("kind", ["gray", "16 bits", "floats"])
    def test_give_the_same_regions_for_all_types(self, tmp_path: Path, kind: str, size: float) -> None:
        pixels = {
            "gray": PICTURE[..., 0],
            "16 bits": PICTURE.astype(np.uint16) * 200 + 7,
            "floats": PICTURE.astype(np.float32) * 3 - 90,
        }[kind]
        path = write(tmp_path / "a.tif", pixels, tile=(32, 32))
        run_by_windows(path, RegionsRecipe(working_size=size))
        expected = segmenter.segment(path, method="regions", working_size=size)
        assert expected.n_labels > 1
        np.testing.assert_array_equal(read_written_labels(path), expected.labels)

    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    def test_leave_out_transparent_pixels(self, tmp_path: Path, size: float) -> None:
        hidden = LARGE_TRUTH == 3
        pixels = np.dstack([PICTURE, np.where(hidden, 0, 255).astype(np.uint8)])
        path = write(tmp_path / "a.tif", pixels, extrasamples=["unassalpha"], tile=(32, 32))
        run_by_windows(path, RegionsRecipe(n_segments=3, working_size=size))
        expected = segmenter.segment(path, 3, method="regions", working_size=size)
        np.testing.assert_array_equal(read_written_labels(path), expected.labels)
        np.testing.assert_array_equal(expected.labels == 0, hidden)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_more_pieces_than_labels_are_refused_in_both_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: float
) -> None:
    monkeypatch.setattr(segment_regions, "MAX_SEGMENTS", 15)
    squares = np.kron((np.indices((8, 8)) % 2 == 0).all(axis=0), np.full((30, 40), 255, np.uint8))  # 16, apart
    pixels = np.dstack([PICTURE, squares])
    path = write(tmp_path / "a.tif", pixels, extrasamples=["unassalpha"], tile=(32, 32))
    for look in (run_by_windows, lambda path, recipe: segmenter.segment(path, method="regions", working_size=size)):
        with pytest.raises(UnsupportedPhotoError, match="leaves more than 15 pieces"):
            look(path, RegionsRecipe(working_size=size))


@pytest.mark.usefixtures("small_windows")
class TestBands:
    def test_pixels_without_data_are_in_no_region(self, tmp_path: Path) -> None:
        for size in SIZES.values():
            pixels = PICTURE.astype(np.float32)
            pixels[50:90, 100:200] = np.nan
            path = write(tmp_path / f"{size}.tif", pixels, tile=(32, 32))
            result = run_by_windows(path, RegionsRecipe(n_segments=3, working_size=size))
            labels = read_written_labels(path)
            np.testing.assert_array_equal(labels == 0, np.isnan(pixels).any(axis=2))
            assert covering(labels, np.where(labels > 0, LARGE_TRUTH, 0)) > 0.85
            assert result.record.unlabeled_pixels == 4000
            assert "4,000 pixels hold no data and get label 0" in result.photo.notes

    def test_of_any_number_are_reduced_to_colors_unless_three_are_chosen(self, tmp_path: Path) -> None:
        pixels = np.dstack([PICTURE, PICTURE[..., :2]])
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
        recipe = RegionsRecipe(n_segments=3)
        run_by_windows(path, recipe)
        np.testing.assert_array_equal(read_written_labels(path), segmenter.segment(path, 3, method="regions").labels)
        run_by_windows(path, recipe, (1, 2, 3), overwrite=True)
        expected = segmenter.segment(PICTURE, 3, method="regions")
        np.testing.assert_array_equal(read_written_labels(path), expected.labels)

    def test_a_picture_without_any_data_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", np.full((40, 50, 3), np.nan, np.float32))
        with pytest.raises(NoPixelsError):
            run_by_windows(path, RegionsRecipe())

    def test_there_are_no_more_regions_than_superpixels(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", PICTURE)
        result = run_by_windows(path, RegionsRecipe(n_segments=50, n_superpixels=50, working_size=0.00001))
        n_found = result.segmentation.n_labels
        assert n_found < 50
        assert f"{n_found} superpixels, so {n_found} regions instead of 50" in result.record.input.notes


def test_the_command_uses_real_workers_and_notes_that_it_reads_by_windows(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", PICTURE, tile=(64, 64))
    words = ("segment", "a.tif", "--method", "regions", "-k", "4", "--working-size", "0.0006", "--dpi", "60")
    whole = run(*words, "-o", "whole", cwd=tmp_path)
    windows = run(*words, "-o", "windows", "--max-memory", "1K", "--jobs", "2", cwd=tmp_path)
    assert (whole.returncode, windows.returncode) == (0, 0)
    told = windows.stderr.decode()
    assert "note: regions of the picture reduced to 28×21 pixels; boundaries refined by windows" in told
    assert {path.name for path in (tmp_path / "windows").iterdir()} == {"a.labels.tif", "a.figure.png", "a.json"}
    labels = segmenter.read_labels(tmp_path / "windows/a.labels.tif")
    np.testing.assert_array_equal(labels, segmenter.read_labels(tmp_path / "whole/a.labels.png"))
    one, other = (json.loads((tmp_path / folder / "a.json").read_text()) for folder in ("whole", "windows"))
    for key in ("hierarchy", "segments", "recipe", "unlabeled_pixels"):
        assert one[key] == other[key]
