"""The hierarchy of regions: on pictures whose regions are known, and whatever the picture."""

from __future__ import annotations

import numpy as np
import pytest

from segmenter.arrays import Bytes
from segmenter.features.gradient import posterior_gradient
from segmenter.features.texture import texture_features
from segmenter.pipeline.regions import build_hierarchy
from segmenter.regions.measure import covering
from segmenter.regions.merge import Cost, FittedCost, HandCost
from segmenter.regions.superpixels import superpixels

BANDS = np.repeat([1, 2, 3], 20)[None].repeat(48, axis=0)
COSTS = pytest.mark.parametrize("cost", [HandCost(), FittedCost()], ids=["hand", "fitted"])


def bands() -> Bytes:
    colors = np.array([[200, 40, 40], [40, 160, 60], [40, 60, 200]])
    noise = np.random.default_rng(0).integers(-4, 5, (*BANDS.shape, 3))
    return np.asarray(colors[BANDS - 1] + noise, dtype=np.uint8)


@COSTS
def test_three_bands_are_three_regions(cost: Cost) -> None:
    labels = build_hierarchy(bands(), cost=cost).cut_to(3)
    assert covering(labels, BANDS) > 0.9


@COSTS
def test_cuts_nest_and_heights_never_fall(cost: Cost) -> None:
    hierarchy = build_hierarchy(bands(), cost=cost)
    assert (np.diff(hierarchy.heights) >= 0).all()
    fine, coarse = hierarchy.cut_to(9), hierarchy.cut_to(4)
    assert (fine.max(), coarse.max()) == (9, 4)
    assert len(np.unique(np.stack([fine, coarse]).reshape(2, -1), axis=1).T) == 9


def test_a_cut_by_height_is_the_cut_to_as_many_regions() -> None:
    hierarchy = build_hierarchy(bands())
    for height in np.quantile(hierarchy.heights, [0.2, 0.9]):
        labels = hierarchy.cut(float(height))
        np.testing.assert_array_equal(labels, hierarchy.cut_to(int(labels.max())))


def test_the_same_seed_gives_the_same_hierarchy() -> None:
    first, second = (build_hierarchy(bands(), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.superpixels, second.superpixels)
    np.testing.assert_array_equal(first.heights, second.heights)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 3, 3), (1, 9, 1), (40, 30, 1)])
def test_any_picture_has_a_hierarchy(shape: tuple[int, int, int]) -> None:
    for pixels in (np.full(shape, 7, np.uint8), np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)):
        hierarchy = build_hierarchy(pixels)
        assert hierarchy.cut_to(1).tolist() == np.ones(shape[:2], int).tolist()


def test_superpixels_are_no_more_than_asked_for() -> None:
    strength = np.random.default_rng(0).random((40, 50))
    labels = superpixels(strength, 17)
    assert np.unique(labels).tolist() == list(range(1, 18))


def test_words_differ_only_across_their_border() -> None:
    words = np.stack([k == BANDS for k in (1, 2, 3)]).astype(np.float32)
    across = posterior_gradient(words, 1, 1.5).max(axis=0)
    assert across[:, [19, 20, 39, 40]].min() > 0.5
    assert across[:, [8, 30, 52]].max() < 1e-3


def test_a_ramp_has_one_constant_derivative() -> None:
    ramp = np.arange(40.0)[None].repeat(40, axis=0)
    inner = texture_features(ramp, (1.0, 2.0))[20, 20]
    np.testing.assert_allclose(inner, [1, 0, 0, 0, 0, 2, 0, 0, 0, 0], atol=1e-2)  # kernels end at 4 σ
