"""The value range of pictures that are read by windows: that of the picture in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from segmenter.io.images.config import ScaleRange
from segmenter.io.images.photo import Reading, read_photo
from segmenter.segmentation.colors import segment_photo
from segmenter.segmentation.recipe import PhotoRecipe, Recipe, RegionsRecipe
from tests.support.scenes import TWELVE_BITS
from tests.support.windowed import read_written_labels, run_by_windows

pytestmark = pytest.mark.slow

RECIPES: dict[str, PhotoRecipe] = {
    "gmm": Recipe(3, restarts=1),
    "auto": Recipe("auto", restarts=1),
    "regions": RegionsRecipe(),
}


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("scale_range", ["auto", "percentile"])
@pytest.mark.parametrize("dtype", ["u2", "i2", "f4"])
@pytest.mark.parametrize("way", ["gmm", "regions"])
def test_labels_and_range_are_those_in_memory(way: str, dtype: str, scale_range: ScaleRange, tmp_path: Path) -> None:
    picture = (7 * TWELVE_BITS[..., 0] + 20).astype(dtype)  # gray: colors are counted, so that labels are exact
    picture[5, 5] = 32_000
    recipe = RECIPES[way]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture, photometric="minisblack", tile=(16, 16))
    result = run_by_windows(path, recipe, scale_range=scale_range)
    photo = read_photo(path, reading=Reading(scale_range=scale_range))
    assert result.photo.value_range == photo.value_range
    assert photo.value_range is not None
    assert photo.value_range.clipped > 0
    np.testing.assert_array_equal(read_written_labels(path), segment_photo(photo, recipe).labels)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("way", ["gmm", "regions", "auto"])
def test_labels_are_the_same_in_any_unit(way: str, tmp_path: Path) -> None:
    labels = []
    for name, factor, offset in (("a", 1, 0), ("b", 15, 77)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, (factor * TWELVE_BITS + offset).astype("u2"), photometric="rgb", tile=(32, 16))
        run_by_windows(path, RECIPES[way])
        labels.append(read_written_labels(path))
    np.testing.assert_array_equal(labels[0], labels[1])
    assert labels[0].max() > 1
