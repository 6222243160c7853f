"""The hierarchy of regions: on pictures whose regions are known, and its properties on any picture."""

from __future__ import annotations

import numpy as np
import pytest

from segmenter.arrays import Bytes, Labels
from segmenter.features.gradients import compute_posterior_gradient, halve, sample_upsampled, upsample
from segmenter.features.texture import compute_joint_features, compute_texture_features
from segmenter.metrics.partitions import covering
from segmenter.regions.build import build_hierarchy
from segmenter.regions.config import HEIGHTS, MERGE_COSTS, MergeCost
from segmenter.regions.merging import Cost, HeuristicCost, LearnedCost
from segmenter.regions.superpixels import find_superpixels

BANDS = np.repeat([1, 2, 3], 20)[None].repeat(48, axis=0)
COST_OF: dict[MergeCost, Cost] = {"heuristic": HeuristicCost(), "learned": LearnedCost()}
COSTS = pytest.mark.parametrize("merge_cost", MERGE_COSTS)


def bands() -> Bytes:
    colors = np.array([[200, 40, 40], [40, 160, 60], [40, 60, 200]])
    noise = np.random.default_rng(0).integers(-4, 5, (*BANDS.shape, 3))
    return np.asarray(colors[BANDS - 1] + noise, dtype=np.uint8)


def shapes() -> tuple[Labels, Bytes]:
    """Return a rectangle, a disk and a triangle on a background, as labels and in flat colors."""
    y, x = np.indices((120, 160))
    truth = np.ones((120, 160), dtype=np.int32)
    truth[20:60, 20:70] = 2
    truth[np.hypot(y - 75, x - 110) < 28] = 3
    truth[(x > 15) & (y < 110) & (y - 70 > x - 15)] = 4
    colors = np.array([[240, 240, 235], [200, 40, 40], [30, 80, 180], [250, 200, 40]], dtype=np.uint8)
    return truth, colors[truth - 1]


def cut_at_medium_scale(pixels: Bytes, merge_cost: MergeCost) -> Labels:
    """Return the regions at the default scale."""
    return build_hierarchy(pixels, cost=COST_OF[merge_cost]).cut(HEIGHTS[merge_cost]["medium"])


@COSTS
def test_three_bands_are_three_regions(merge_cost: MergeCost) -> None:
    labels = build_hierarchy(bands(), cost=COST_OF[merge_cost]).cut_to_n_regions(3)
    assert covering(labels, BANDS) > 0.9


@COSTS
def test_cuts_are_nested_and_heights_do_not_decrease(merge_cost: MergeCost) -> None:
    hierarchy = build_hierarchy(bands(), cost=COST_OF[merge_cost])
    assert (np.diff(hierarchy.heights) >= 0).all()
    fine, coarse = hierarchy.cut_to_n_regions(9), hierarchy.cut_to_n_regions(4)
    assert (fine.max(), coarse.max()) == (9, 4)
    assert len(np.unique(np.stack([fine, coarse]).reshape(2, -1), axis=1).T) == 9


def test_a_cut_at_a_height_is_the_cut_to_its_number_of_regions() -> None:
    hierarchy = build_hierarchy(bands())
    for height in np.quantile(hierarchy.heights, [0.2, 0.9]):
        labels = hierarchy.cut(float(height))
        np.testing.assert_array_equal(labels, hierarchy.cut_to_n_regions(int(labels.max())))


def test_the_same_seed_gives_the_same_hierarchy() -> None:
    first, second = (build_hierarchy(bands(), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.superpixels, second.superpixels)
    np.testing.assert_array_equal(first.heights, second.heights)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 3, 3), (1, 9, 1), (40, 30, 1)])
def test_any_picture_has_a_hierarchy(shape: tuple[int, int, int]) -> None:
    for pixels in (np.full(shape, 7, np.uint8), np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)):
        hierarchy = build_hierarchy(pixels)
        assert hierarchy.cut_to_n_regions(1).tolist() == np.ones(shape[:2], int).tolist()


@pytest.mark.slow
@COSTS
def test_the_regions_of_a_flat_drawing_are_its_shapes(merge_cost: MergeCost) -> None:
    truth, drawing = shapes()
    labels = cut_at_medium_scale(drawing, merge_cost)
    assert labels.max() == 4
    assert covering(labels, truth) > 0.97


@pytest.mark.slow
@COSTS
@pytest.mark.parametrize("picture", ["ramp", "noise", "faint noise"])
def test_a_picture_without_shapes_has_few_regions(picture: str, merge_cost: MergeCost) -> None:
    values = {
        "ramp": np.broadcast_to(np.linspace(0, 255, 120), (90, 120)),
        "noise": np.random.default_rng(0).integers(0, 256, (90, 120)),
        "faint noise": np.random.default_rng(0).normal(128, 5, (90, 120)),
    }[picture]
    assert cut_at_medium_scale(values[:, :, None].astype(np.uint8), merge_cost).max() <= 3


def test_basins_are_merged_across_the_faintest_borders_first() -> None:
    strength = np.zeros((20, 31))
    strength[:, 10], strength[:, 20] = 1, 2
    assert len(np.unique(find_superpixels(strength, 2)[:, [5, 15, 25]][0])) == 2
    assert find_superpixels(strength, 2)[0, 5] == find_superpixels(strength, 2)[0, 15]


def test_among_equal_borders_small_basins_are_merged_first() -> None:
    strength = np.zeros((20, 31))
    strength[:, 14], strength[:, 25] = 1, 1
    labels = find_superpixels(strength, 2)
    assert labels[0, 20] == labels[0, 30] != labels[0, 5]


def test_noise_has_exactly_the_requested_number_of_superpixels() -> None:
    strength = np.random.default_rng(0).random((40, 50))
    labels = find_superpixels(strength, 17)
    assert np.unique(labels).tolist() == list(range(1, 18))


def test_the_posterior_gradient_is_large_only_at_borders_of_words() -> None:
    words = np.stack([k == BANDS for k in (1, 2, 3)]).astype(np.float32)
    gradient = compute_posterior_gradient(words, 1, 1.5).max(axis=0)
    assert gradient[:, [19, 20, 39, 40]].min() > 0.5
    assert gradient[:, [8, 30, 52]].max() < 1e-3


@pytest.mark.parametrize("shape", [(7, 9), (1, 1), (1, 5), (12, 8)])
def test_sampling_an_upsampled_map_equals_upsampling_it(shape: tuple[int, int]) -> None:
    full = np.random.default_rng(0).random((8, *shape), dtype=np.float32)
    small = halve(halve(full))
    pixels = np.arange(shape[0] * shape[1])
    planes = pixels % 8
    expected = upsample(small, 4, shape).reshape(8, -1)[planes, pixels]
    np.testing.assert_allclose(sample_upsampled(small, 4, shape, planes, pixels), expected, rtol=1e-5)


def test_texture_distinguishes_noise_from_a_flat_area_of_equal_mean() -> None:
    lab = np.full((40, 60, 3), 50.0)
    lab[:, 30:, 0] += np.random.default_rng(0).normal(0, 10, (40, 30))
    features = compute_joint_features(lab)
    np.testing.assert_allclose(features[20, 8], [50, 50, 50, 0, 0, 0, 0, 0], atol=0.05)  # kernels end at 4 σ
    assert features[20, 50, 3:].min() > 0.5


def test_a_ramp_has_one_nonzero_derivative_which_is_constant() -> None:
    ramp = np.arange(40.0)[None].repeat(40, axis=0)
    inner = compute_texture_features(ramp, (1.0, 2.0))[20, 20]
    np.testing.assert_allclose(inner, [1, 0, 0, 0, 0, 2, 0, 0, 0, 0], atol=1e-2)  # kernels end at 4 σ
