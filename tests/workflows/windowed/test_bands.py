"""Bands that are reduced to colors, by windows: what is found is what is found in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segmenter
from segmenter.errors import NoPixelsError
from segmenter.segmentation.recipe import Recipe, RegionsRecipe
from tests.support.command import run
from tests.support.geotiffs import LEFT_OUT, NO_DATA, picture, write_geotiff
from tests.support.windowed import read_written_labels, run_by_windows


@pytest.mark.usefixtures("small_windows")
class TestReducedToColors:
    """`-k auto` and regions take colors, to which more bands are reduced by their principal components."""

    @pytest.mark.parametrize("dtype", NO_DATA)
    @pytest.mark.parametrize("working_size", [0.25, 0.002, 0.00005])
    def test_regions_are_the_same_in_python_as_by_the_command(
        self, tmp_path: Path, dtype: str, working_size: float
    ) -> None:
        path = write_geotiff(tmp_path / "a.tif", picture(6, dtype), tile=(32, 32))
        found = segmenter.segment(path, method="regions", working_size=working_size)
        by_windows = run_by_windows(path, RegionsRecipe(working_size=working_size))
        np.testing.assert_array_equal(found.labels, read_written_labels(path))
        colors = [[segment.mean_rgb for segment in each.segments] for each in (found, by_windows.segmentation)]
        np.testing.assert_allclose(colors[0], colors[1], atol=1e-12)
        assert (found.labels[LEFT_OUT] == 0).all()
        note = next(note for note in found.notes if note.startswith("regions found in 3 principal components of 6 b"))
        assert note in by_windows.photo.notes

    @pytest.mark.parametrize("dtype", NO_DATA)
    def test_the_number_of_segments_is_the_same(
        self, tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("segmenter.io.rasters.reader.WINDOW_BYTES", 1 << 24)  # one window, which is looked at whole
        path = write_geotiff(tmp_path / "a.tif", picture(5, dtype))
        found = segmenter.segment(path, "auto", restarts=1)
        by_windows = run_by_windows(path, Recipe("auto", restarts=1))
        assert found.selection is not None
        assert by_windows.segmentation.selection is not None
        np.testing.assert_array_equal(found.selection.criterion, by_windows.segmentation.selection.criterion)
        np.testing.assert_array_equal(found.labels, read_written_labels(path))
        note = next(note for note in found.notes if note.startswith("number of segments found in 3 principal comp"))
        assert note in by_windows.photo.notes

    def test_bands_that_are_all_equal_find_what_their_gray_finds(self) -> None:
        gray = picture(1)[..., 0]
        bands = np.repeat(gray[..., np.newaxis], 5, axis=2)
        for options in ({"method": "regions"}, {"n_segments": "auto"}):
            choice: Any = options
            found = segmenter.segment(bands, channel_axis=2, **choice)
            assert found.n_labels == segmenter.segment(gray, **choice).n_labels

    def test_a_picture_without_data_is_refused(self, tmp_path: Path) -> None:
        path = write_geotiff(tmp_path / "a.tif", np.zeros_like(picture(5)))
        for recipe in (RegionsRecipe(), Recipe("auto")):
            with pytest.raises(NoPixelsError):
                run_by_windows(path, recipe)

    def test_select_and_compare_take_them(self, tmp_path: Path) -> None:
        write_geotiff(tmp_path / "a.tif", picture(6, "u2"))
        for words in (("select", "a.tif", "-o", "."), ("compare", "a.tif", "-k", "2,auto", "-o", "a.png")):
            result = run(*words, cwd=tmp_path)
            assert result.returncode == 0
            assert b"number of segments found in 3 principal components of 6 bands" in result.stderr
