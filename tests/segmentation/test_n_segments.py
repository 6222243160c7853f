"""The rule for pictures: flat colors are counted exactly, whatever they are stored as."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

import segmenter
from segmenter.arrays import Bytes
from segmenter.errors import InvalidArgumentError
from segmenter.features.interior import compute_local_means, find_interior
from segmenter.segmentation.n_segments import choose_n_segments
from segmenter.segmentation.recipe import MAX_SEGMENTS, Recipe


def mosaic(colors: Any, size: int = 20) -> Bytes:
    """Return flat squares of colors beside each other."""
    return np.repeat(np.repeat(np.asarray(colors, np.uint8)[None], size, axis=0), size, axis=1)


COLORS = np.array(
    [[20, 20, 30], [220, 40, 40], [40, 190, 60], [60, 70, 220], [235, 225, 70], [240, 240, 240], [130, 130, 130]]
)


# ---- interior ------------------------------------------------------------------------------------------------------


def test_the_interior_of_flat_areas_is_all_but_their_edges() -> None:
    kept = find_interior(mosaic(COLORS[:2]))
    assert kept.sum() >= 0.7 * kept.size
    assert not kept[:, 18:22].any()
    assert kept[:, :18].all()
    assert kept[:, 22:].all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_interior_is_that_of_a_plain_computation(dtype: Any) -> None:
    from scipy.ndimage import uniform_filter

    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(dtype)
    padded = np.pad(pixels.astype(np.float64), ((2, 2), (2, 2), (0, 0)), mode="edge")
    smooth = uniform_filter(padded, (3, 3, 1))[1:-1, 1:-1]
    vertical, horizontal = smooth[2:, 1:-1] - smooth[:-2, 1:-1], smooth[1:-1, 2:] - smooth[1:-1, :-2]
    change = np.maximum(np.abs(vertical), np.abs(horizontal)).max(axis=2)
    limit = np.sort(change.ravel())[839]  # 70 % of 1200
    np.testing.assert_array_equal(find_interior(pixels), change <= limit + 1e-9)


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (23, 17, 3)).astype(np.uint8)
    whole = find_interior(pixels)
    monkeypatch.setattr("segmenter.features.interior.STRIP_PIXELS", 17)
    np.testing.assert_array_equal(find_interior(pixels), whole)


# ---- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(1, len(COLORS) + 1))
@pytest.mark.parametrize("kind", ["8 bits", "16 bits", "float", "mask"])
def test_flat_colors_are_counted(k: int, kind: str) -> None:
    pixels: Any = mosaic(COLORS[:k])
    mask = None
    if kind == "16 bits":
        pixels = pixels.astype(np.uint16) * 257
    elif kind == "float":
        pixels = (pixels / 255).astype(np.float32)
    elif kind == "mask":
        pixels = np.concatenate([pixels, np.random.default_rng(0).integers(0, 256, pixels.shape).astype(np.uint8)])
        mask = np.arange(len(pixels))[:, None] < np.full(pixels.shape[1], 20)
    assert choose_n_segments(pixels, mask).n_components == k


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_flat_grays_are_counted(k: int) -> None:
    levels = np.linspace(20, 230, k)[:, None]
    assert choose_n_segments(mosaic(levels)).n_components == k
    assert choose_n_segments(mosaic(np.repeat(levels, 3, axis=1))).n_components == k


@pytest.mark.parametrize("k", [2, 4, 7])
def test_grain_does_not_count(k: int) -> None:
    picture = mosaic(COLORS[:k], 40) + np.random.default_rng(0).normal(0, 6, (40, 40 * k, 3))
    assert choose_n_segments(np.clip(np.rint(picture), 0, 255).astype(np.uint8)).n_components == k


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_local_means_are_those_of_a_plain_computation(dtype: Any, mask: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmenter.features.interior.STRIP_PIXELS", 40)  # four rows
    generator = np.random.default_rng(0)
    levels = generator.integers(0, 256, (13, 10, 1)).astype(np.uint8)
    seen = generator.random((13, 10)) < 0.6 if mask else np.ones((13, 10), np.bool_)
    pixels: Any = {np.uint8: levels, np.uint16: levels * np.uint16(257), np.float32: levels / np.float32(255)}[dtype]
    found = compute_local_means(pixels, seen if mask else None)
    for i, j in np.ndindex(13, 10):
        window = [
            (float(levels[r, c, 0]), bool(seen[r, c]))
            for r in np.clip(np.arange(i - 2, i + 3), 0, 12)
            for c in np.clip(np.arange(j - 2, j + 3), 0, 9)
        ]
        inside = [level for level, is_seen in window if is_seen]
        assert abs(int(found[i, j, 0]) - (257 * float(np.mean(inside)) if inside else 0)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 4, 6])
def test_grain_of_gray_does_not_hide_levels(k: int) -> None:
    levels = np.linspace(60, 60 + 25 * (k - 1), k)[:, None]
    picture = mosaic(levels, 60) + np.random.default_rng(0).normal(0, 9, (60, 60 * k, 1))
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    assert choose_n_segments(pixels).n_components == k
    assert choose_n_segments(np.repeat(pixels, 3, axis=2)).n_components == k  # gray, too
    assert choose_n_segments(pixels.astype(np.uint16) * 257).n_components == k


def test_16_bits_choose_as_8_do() -> None:
    picture = mosaic(COLORS[:5], 40) + np.random.default_rng(0).normal(0, 12, (40, 200, 3))
    deep = np.clip(np.rint(257 * picture), 0, 65535).astype(np.uint16)
    chosen = {choose_n_segments(pixels).n_components for pixels in (deep, np.rint(deep / 257).astype(np.uint8))}
    assert chosen == {choose_n_segments((deep / 65535).astype(np.float32)).n_components} == {5}


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_small_pictures_have_a_number_of_segments(shape: tuple[int, int], n_channels: int) -> None:
    generator = np.random.default_rng(0)
    for pixels in (np.full((*shape, n_channels), 9), generator.integers(0, 256, (*shape, n_channels))):
        pixels = pixels.astype(np.uint8)
        n_colors = len(np.unique(pixels.reshape(-1, n_channels), axis=0))
        found = segmenter.segment(pixels, "auto")
        assert 1 <= found.n_labels <= n_colors


def test_one_color_is_one_segment() -> None:
    assert segmenter.segment(mosaic(COLORS[:1]), "auto").n_labels == 1


def test_what_transparent_pixels_hold_changes_nothing() -> None:
    pixels = mosaic(COLORS[:2], 30) // 2 + np.random.default_rng(0).integers(0, 60, (30, 60, 3)).astype(np.uint8)
    mask = np.ones((30, 60), np.bool_)
    mask[5:12, 8:30] = False
    other = pixels.copy()
    other[~mask] = 255
    np.testing.assert_array_equal(find_interior(pixels, mask), find_interior(other, mask))
    one, two = choose_n_segments(pixels, mask), choose_n_segments(other, mask)
    assert one.log_likelihoods.tobytes() == two.log_likelihoods.tobytes()
    assert not find_interior(pixels, mask)[~mask].any()


def test_auto_is_the_fit_at_the_number_that_is_chosen() -> None:
    pixels = mosaic(COLORS[:4])
    found, given = segmenter.segment(pixels, "auto"), segmenter.segment(pixels, 4)
    assert found.selection is not None
    assert found.selection.n_components == 4
    assert given.selection is None
    np.testing.assert_array_equal(found.labels, given.labels)
    assert found.mixture.means.tobytes() == given.mixture.means.tobytes()


def test_the_same_seed_chooses_by_the_same_bits() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    one, two = choose_n_segments(pixels, seed=3), choose_n_segments(pixels, seed=3)
    assert one.log_likelihoods.tobytes() == two.log_likelihoods.tobytes()
    assert (np.diff(one.log_likelihoods) >= 0).all()
    fewer = choose_n_segments(pixels, seed=3, max_segments=4)
    assert fewer.log_likelihoods.tobytes() == one.log_likelihoods[:4].tobytes()


def test_the_dither_tells_grain_from_color() -> None:
    """Without an error of the pixels, two levels that differ by 1 would be two segments."""
    pixels = mosaic([[100, 100, 100], [101, 100, 100]])
    assert choose_n_segments(pixels).n_components == 1


# ---- recipe --------------------------------------------------------------------------------------------------------


def test_a_recipe_with_auto_survives_json() -> None:
    recipe = Recipe("auto", seed=5)
    assert Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe
    assert recipe.n_segments == "auto"


@pytest.mark.parametrize("n_segments", [0, -1, 2.5, "many", None, MAX_SEGMENTS + 1])
def test_a_recipe_says_what_a_number_of_segments_can_be(n_segments: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^n_segments is .*; give .* or auto$"):
        Recipe(n_segments)
