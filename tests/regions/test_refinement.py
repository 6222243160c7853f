"""Regions of masked, tiny and large pictures: no label outside the mask, and boundaries found at the full size."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy.ndimage import label as components

import segmenter
from segmenter.arrays import Bools, Labels
from segmenter.features.downsample import compute_area_overlaps, compute_reduced_shape, downsample, map_to_reduced
from segmenter.metrics.partitions import covering
from segmenter.regions.build import build_hierarchy
from segmenter.regions.config import MERGE_COSTS
from segmenter.regions.contour_map import WHITE, build_contour_map
from segmenter.regions.refinement import (
    Rectangle,
    prepare_refinement,
    refine_rectangle,
    refine_superpixels,
    refine_superpixels_in_strips,
)
from segmenter.regions.superpixels import find_superpixels
from tests.support.command import run_text as run
from tests.support.scenes import DISK_LABELS, draw_disks

# ---- masks ---------------------------------------------------------------------------------------------------------


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 20), st.integers(0, 99))
@settings(deadline=None)
def test_superpixels_are_connected_and_fill_the_mask(mask: Bools, n_superpixels: int, seed: int) -> None:
    mask[0, 0] = True
    labels = find_superpixels(np.random.default_rng(seed).random(mask.shape), n_superpixels, mask)
    np.testing.assert_array_equal(labels > 0, mask)
    assert np.unique(labels[mask]).tolist() == list(range(1, labels.max() + 1))
    assert labels.max() <= max(n_superpixels, components(mask)[1])
    assert all(components(labels == n)[1] == 1 for n in range(1, labels.max() + 1))


def test_masked_pixels_belong_to_no_region_and_their_colors_do_not_matter() -> None:
    mask = DISK_LABELS != 3
    found = []
    for hidden in (0, 255):
        picture = np.where(mask[:, :, None], draw_disks(), np.uint8(hidden))
        hierarchy = build_hierarchy(picture, mask)
        np.testing.assert_array_equal(hierarchy.superpixels == 0, ~mask)
        np.testing.assert_array_equal(hierarchy.cut_to_n_regions(2) == 0, ~mask)
        found.append(hierarchy)
    np.testing.assert_array_equal(found[0].superpixels, found[1].superpixels)
    np.testing.assert_array_equal(found[0].heights, found[1].heights)
    assert covering(found[0].cut_to_n_regions(2), np.where(mask, DISK_LABELS, 0)) > 0.9


def test_regions_that_do_not_touch_merge_last() -> None:
    mask = np.ones(DISK_LABELS.shape, dtype=np.bool_)
    mask[:, 39:41] = False
    hierarchy = build_hierarchy(draw_disks(), mask)
    assert np.isinf(hierarchy.heights).tolist() == [False] * (len(hierarchy.heights) - 1) + [True]
    assert hierarchy.count_regions(1e9) == 2
    assert set(np.unique(hierarchy.cut_to_n_regions(2)[:, :39])) == {1}
    assert set(np.unique(hierarchy.cut_to_n_regions(1))) == {0, 1}
    assert (build_contour_map(hierarchy)[1::2, 78] == WHITE).all()


@pytest.mark.slow
def test_transparent_pixels_get_no_label_at_any_working_size(tmp_path: Path) -> None:
    picture = np.dstack([draw_disks(), np.where(DISK_LABELS == 3, 0, 255).astype(np.uint8)])
    Image.fromarray(picture).save(tmp_path / "a.png")
    for size in (0.25, 0.002):
        arguments = ("--method", "regions", "-k", 4, "--working-size", size, "-o", str(size), "--save", "hierarchy")
        assert run("segment", "a.png", *arguments, cwd=tmp_path).returncode == 0
        labels = segmenter.read_labels(tmp_path / f"{size}/a.labels.png")
        np.testing.assert_array_equal(labels == 0, DISK_LABELS == 3)
        again = segmenter.cut(tmp_path / f"{size}/a.hierarchy.npz", 4)
        np.testing.assert_array_equal(again.labels, labels)
        assert sum(segment.n_pixels for segment in again.segments) == (DISK_LABELS != 3).sum()


@pytest.mark.slow
@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=25)
def test_every_region_has_pixels_for_any_mask_and_working_size(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(20, 90, 2))
    mask = generator.random(shape) < generator.choice([0.02, 0.3, 0.9])
    mask[0, 0] = True
    pixels = np.dstack([generator.integers(0, 256, (*shape, 3), dtype=np.uint8), np.where(mask, 255, 0)])
    size = float(generator.choice([0.0003, 0.0008, 0.0015]))
    found = segmenter.segment(pixels.astype(np.uint8), method="regions", scale=0, working_size=size)
    np.testing.assert_array_equal(found.labels > 0, mask)
    assert np.unique(found.labels[mask]).tolist() == list(range(1, found.n_labels + 1))
    assert [segment.n_pixels for segment in found.segments] == np.bincount(found.labels[mask])[1:].tolist()


# ---- any picture ---------------------------------------------------------------------------------------------------

PICTURES = {
    "one pixel": np.full((1, 1, 3), 7, np.uint8),
    "5×3": np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8),
    "one row": np.random.default_rng(1).integers(0, 256, (1, 40), dtype=np.uint8),
    "one color": np.full((30, 40, 3), 200, np.uint8),
    "noise": np.random.default_rng(2).integers(0, 256, (30, 40, 3), dtype=np.uint8),
    "gray of 16 bits": np.random.default_rng(3).integers(0, 65536, (30, 40), dtype=np.uint16),
    "floats": np.random.default_rng(4).random((20, 30, 3)).astype(np.float32),
    "ramp": np.arange(60, dtype=np.uint8)[None].repeat(40, axis=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.25, 0.0003])
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_the_regions_of_any_picture_are_connected_and_fill_it(picture: np.ndarray, size: float) -> None:
    for cost in MERGE_COSTS:
        found = segmenter.segment(picture, method="regions", merge_cost=cost, working_size=size)
        assert found.labels.shape == picture.shape[:2]
        assert np.unique(found.labels).tolist() == list(range(1, found.n_labels + 1))
        assert all(components(found.labels == n)[1] == 1 for n in range(1, found.n_labels + 1))


def test_sixteen_bits_give_the_same_regions_as_eight() -> None:
    deep = draw_disks().astype(np.uint16) * 257
    for size in (0.25, 0.001):
        one, other = (
            segmenter.segment(picture, 4, method="regions", working_size=size, scale_range="full")
            for picture in (draw_disks(), deep)
        )
        np.testing.assert_array_equal(one.labels, other.labels)


# ---- downsampling and refinement -----------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 40), st.data())
@settings(deadline=None)
def test_area_overlaps_are_exact(n_pixels: int, n_reduced: int, data: st.DataObject) -> None:
    if n_reduced > n_pixels:
        n_reduced, n_pixels = n_pixels, n_reduced
    first = data.draw(st.integers(0, n_pixels - 1))
    n = data.draw(st.integers(1, n_pixels - first))
    first_reduced, overlaps = compute_area_overlaps(first, n, n_pixels, n_reduced)
    width = Fraction(n_pixels, n_reduced)
    found = overlaps.toarray()
    for part in range(n_reduced):
        for pixel in range(n):
            exact = min((part + 1) * width, Fraction(first + pixel + 1)) - max(part * width, Fraction(first + pixel))
            row = part - first_reduced
            overlap = found[row, pixel] if 0 <= row < len(found) else 0
            assert overlap == max(exact, Fraction(0)) * n_reduced


def test_a_reduced_picture_holds_means_over_the_pixels_that_take_part() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    blocks = np.asarray(pixels, dtype=np.float64).reshape(4, 3, 5, 4, 3) / 255
    means, nothing = downsample(pixels, None, (4, 5))
    assert nothing is None
    np.testing.assert_allclose(means, blocks.mean(axis=(1, 3)), rtol=1e-6)
    mask = np.random.default_rng(1).random((12, 20)) < 0.3
    mask[:3, :4] = False
    masked, left = downsample(pixels, mask, (4, 5))
    weights = mask.reshape(4, 3, 5, 4, 1)
    assert left is not None
    np.testing.assert_array_equal(left, mask.reshape(4, 3, 5, 4).any(axis=(1, 3)))
    expected = (blocks * weights).sum(axis=(1, 3)) / np.maximum(weights.sum(axis=(1, 3)), 1)
    np.testing.assert_allclose(masked, expected, rtol=1e-6)


def test_reduced_pictures_keep_their_proportions() -> None:
    assert compute_reduced_shape(3000, 4000, 250_000) == (433, 577)
    assert compute_reduced_shape(1, 10**6, 250_000) == (1, 500_000)


def edge(height: int = 96, width: int = 120) -> Labels:
    """Return two halves separated by a slanting line."""
    y, x = np.indices((height, width))
    return 1 + (x > 50 + y / 5).astype(np.int32)


@pytest.mark.parametrize("factor", [3, 6])
def test_a_refined_boundary_is_accurate_and_an_enlarged_one_is_not(factor: int) -> None:
    truth = edge()
    grain = np.random.default_rng(0).integers(-15, 16, (*truth.shape, 3))
    pixels = (np.array([[80, 90, 60], [150, 120, 110]])[truth - 1] + grain).astype(np.uint8)
    small = truth[factor // 2 :: factor, factor // 2 :: factor]
    enlarged = small[map_to_reduced(0, 96, 96, len(small))[:, None], map_to_reduced(0, 120, 120, small.shape[1])]
    found = refine_superpixels(small, pixels)
    assert (found != truth).mean() < 0.003
    assert (enlarged != truth).mean() > 2 * (found != truth).mean()


@given(st.integers(0, 10**6), st.sampled_from([None, 0.3, 0.8, 0.95]))
@settings(deadline=None)
def test_refined_superpixels_are_all_present_and_connected(seed: int, unmasked_share: float | None) -> None:
    """Check that superpixels are connected within each component of the mask.

    The exception are components that hold the largest component of no superpixel: there the labels of the reduced
    picture stay, and the mask may divide them.
    """
    generator = np.random.default_rng(seed)
    reduced_shape = tuple(int(n) for n in generator.integers(1, 9, 2))
    shape = tuple(int(n * generator.integers(1, 6) + generator.integers(0, 3)) for n in reduced_shape)
    pixels = generator.integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = np.ones(shape, np.bool_) if unmasked_share is None else generator.random(shape) < unmasked_share
    mask.flat[generator.integers(mask.size)] = True
    at = np.ix_(*(map_to_reduced(0, n, n, reduced) for n, reduced in zip(shape, reduced_shape, strict=True)))
    reduced_mask = np.zeros(reduced_shape, np.bool_)
    np.logical_or.at(reduced_mask, at, mask)
    small = find_superpixels(generator.random(reduced_shape), int(generator.integers(1, 12)), reduced_mask)
    found = refine_superpixels(small, pixels, None if unmasked_share is None else mask)
    np.testing.assert_array_equal(found > 0, mask)
    assert np.unique(found[mask]).tolist() == np.unique(small[reduced_mask]).tolist()
    mask_components, n_components = components(mask)
    for component in range(1, n_components + 1):
        inside = mask_components == component
        is_unchanged = unmasked_share is not None and (found[inside] == small[at][inside]).all()
        assert is_unchanged or all(components(inside & (found == n))[1] == 1 for n in np.unique(found[inside]))


@pytest.mark.slow
@given(st.integers(0, 10**6), st.booleans())
@settings(deadline=None, max_examples=40)
def test_rectangles_do_not_depend_on_how_a_picture_is_divided(seed: int, is_masked: bool) -> None:
    generator = np.random.default_rng(seed)
    small = find_superpixels(generator.random(tuple(generator.integers(3, 24, 2))), int(generator.integers(1, 30)))
    shape = tuple(int(n * generator.integers(1, 4) + generator.integers(0, 3)) for n in small.shape)
    pixels = generator.integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = generator.random(shape) < 0.8 if is_masked else None
    reduced, statistics = prepare_refinement(small, pixels, mask)
    divided = np.zeros(shape, np.int32)
    edges = [sorted({0, n, *generator.integers(0, n, 3).tolist()}) for n in shape]
    for top, bottom in pairwise(edges[0]):
        for left, right in pairwise(edges[1]):
            inner = Rectangle(top, left, bottom, right)
            cropped = reduced.crop_for(inner)
            outer = cropped.add_margin(inner)
            index = slice(outer.top, outer.bottom), slice(outer.left, outer.right)
            known = None if mask is None else mask[index]
            divided[top:bottom, left:right] = refine_rectangle(cropped, pixels[index], known, inner, statistics)
    np.testing.assert_array_equal(divided, refine_superpixels_in_strips(small, pixels, mask))
    np.testing.assert_array_equal(divided > 0, np.ones(shape) if mask is None else mask)


def test_rectangles_contain_no_fragments() -> None:
    truth = edge(240, 300)
    grain = np.random.default_rng(0).integers(-60, 61, (*truth.shape, 3))
    pixels = (np.array([[80, 90, 60], [150, 120, 110]])[truth - 1] + grain).astype(np.uint8)
    small = truth[3::6, 3::6]
    reduced, statistics = prepare_refinement(small, pixels, None)
    raw, _, _ = reduced.assign_pixels(pixels, None, (0, 0), statistics)
    found = refine_superpixels_in_strips(small, pixels)
    assert sum(components(raw == n)[1] for n in (1, 2)) > 10
    assert [components(found == n)[1] for n in (1, 2)] == [1, 1]
    assert (found != truth).mean() < 0.01


@pytest.mark.slow
def test_a_smaller_working_size_finds_the_same_shapes() -> None:
    picture = np.kron(draw_disks(), np.ones((3, 3, 1), np.uint8))
    truth = np.kron(DISK_LABELS, np.ones((3, 3), int))
    found = segmenter.segment(picture, 3, method="regions", working_size=0.006)
    assert found.labels.shape == (180, 240)
    assert covering(found.labels, truth) > 0.95
    whole = segmenter.segment(picture, 3, method="regions")
    assert (whole.labels != found.labels).any()
