"""Distinct colors represent a photo exactly, and colors become the features that are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from skimage.color import hsv2rgb, rgb2lab

from segmenter.arrays import Bools, Pixels
from segmenter.features import distinct_colors as distinct
from segmenter.features.color import CHANNELS, LUMINANCE, compute_color_features, luminance, to_unit_range
from segmenter.features.config import COLOR_SPACES, ColorSpace
from segmenter.features.distinct_colors import find_distinct_colors
from tests.support.scenes import masks

KINDS: list[tuple[Any, int]] = [(kind, c) for kind in (np.uint8, np.uint16, np.float32) for c in (1, 3)]
every_kind = pytest.mark.parametrize(("dtype", "n_channels"), KINDS)
every_space = pytest.mark.parametrize("color_space", COLOR_SPACES)


def levels(dtype: Any) -> NDArray[Any]:
    """Return a few values of a photo of this type, the extremes and neighbors among them."""
    if np.dtype(dtype).kind == "f":
        return np.array([0, 1e-40, 0.25, np.nextafter(np.float32(0.25), np.float32(1)), 1], dtype)
    top = np.iinfo(dtype).max
    return np.array([0, 1, top // 2, top - 1, top], dtype)


@st.composite
def photos(draw: st.DrawFn) -> tuple[Pixels, Bools | None]:
    """Draw a photo of few colors, of any kind, and a mask or none."""
    dtype, n_channels = draw(st.sampled_from(KINDS))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    picked = draw(arrays.arrays(np.intp, (height, width, n_channels), elements=st.integers(0, 4)))
    return levels(dtype)[picked], draw(masks((height, width)))


def check_distinct(pixels: Pixels, mask: Bools | None) -> None:
    """Check every property of the distinct colors of a photo, by counting pixel by pixel."""
    found = find_distinct_colors(pixels, mask)
    taking_part = pixels.reshape(-1, pixels.shape[2]) if mask is None else pixels[mask]
    colors = [tuple(color) for color in found.colors.tolist()]
    pixel_colors = [tuple(color) for color in taking_part.tolist()]
    assert found.colors.dtype == pixels.dtype
    assert colors == sorted(set(pixel_colors))
    assert found.counts.tolist() == [pixel_colors.count(color) for color in colors]
    for channel in range(pixels.shape[2]):
        expected = pixels[..., channel] if mask is None else np.where(mask, pixels[..., channel], 0)
        image = found.to_image(found.colors[:, channel])
        assert image.dtype == pixels.dtype
        np.testing.assert_array_equal(image, expected)


# ---- distinct colors -----------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(photos())
def test_distinct_colors_are_sorted_counted_and_turned_back_into_the_photo(photo: tuple[Pixels, Bools | None]) -> None:
    check_distinct(*photo)


@every_kind
@pytest.mark.parametrize("masked", [False, True])
def test_distinct_colors_do_not_depend_on_the_method_of_counting(
    dtype: Any, n_channels: int, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    pixels = levels(dtype)[generator.integers(0, 5, (7, 9, n_channels))]
    mask = generator.random((7, 9)) < 0.5 if masked else None
    monkeypatch.setattr(distinct, "FEW_PIXELS", 0)
    monkeypatch.setattr(distinct, "CHUNK", 10)
    check_distinct(pixels, mask)


def test_masked_pixels_are_not_counted_and_become_0() -> None:
    pixels = np.array([[[5], [9]], [[9], [5]]], np.uint8)
    found = find_distinct_colors(pixels, np.array([[True, False], [True, True]]))
    assert found.colors.tolist() == [[5], [9]]
    assert found.counts.tolist() == [2, 1]
    assert found.to_image(np.array([1, 2], np.int32)).tolist() == [[1, 0], [2, 1]]


def test_the_pixels_are_not_changed() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels.flags.writeable = False
    find_distinct_colors(pixels).to_image(np.ones(1))  # writing to the pixels would raise
    assert not pixels.any()


# ---- features ------------------------------------------------------------------------------------------------------


@every_kind
def test_colors_of_any_type_are_numbers_from_0_to_1(dtype: Any, n_channels: int) -> None:
    unit = to_unit_range(np.repeat(levels(dtype)[:, None], n_channels, axis=1))
    assert unit.dtype == np.float64
    assert unit.min() == 0
    assert unit.max() == 1
    assert (np.diff(unit, axis=0) > 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@every_space
def test_each_feature_has_a_name(dtype: Any, color_space: ColorSpace) -> None:
    features = compute_color_features(np.array([[0, 0, 0], [1, 0, 1]], dtype), color_space)
    assert features.channels == CHANNELS[color_space]
    assert features.values.shape == (2, 3)
    assert features.values.dtype == np.float64


def test_rgb_features_are_the_colors_themselves() -> None:
    features = compute_color_features(np.array([[0, 51, 255], [255, 0, 0]], np.uint8), "rgb")
    np.testing.assert_array_equal(features.values, [[0, 0.2, 1], [1, 0, 0]])


def test_lab_features_are_those_of_scikit_image() -> None:
    colors = np.random.default_rng(0).integers(0, 256, (50, 3), dtype=np.uint8)
    np.testing.assert_allclose(compute_color_features(colors, "lab").values, rgb2lab(colors[None] / 255)[0])


def test_lab_of_white_is_100_without_hue() -> None:
    features = compute_color_features(np.array([[255, 255, 255], [255, 0, 0]], np.uint8), "lab")
    np.testing.assert_allclose(features.values[0], [100, 0, 0], atol=0.01)


def test_hues_of_359_and_1_degrees_are_next_to_each_other() -> None:
    hues = np.array([359, 1, 181]) / 360
    rgb = hsv2rgb(np.stack([hues, np.ones(3), np.ones(3)], axis=1)[None])[0].astype(np.float32)
    before_red, after_red, cyan = compute_color_features(rgb, "hsv").values
    assert np.linalg.norm(before_red - after_red) < 0.04
    assert np.linalg.norm(before_red - cyan) > 1.9


def test_in_the_hsv_cone_black_has_no_hue_and_primary_colors_have_their_known_values() -> None:
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 255, 255], [128, 128, 128]], np.uint8)
    third = 2 * np.pi / 3
    expected = [[0, 0, 0], [1, 0, 1], [np.cos(third), np.sin(third), 1], [-1, 0, 1], [0, 0, 128 / 255]]
    np.testing.assert_allclose(compute_color_features(colors, "hsv").values, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@every_space
def test_grays_have_one_feature_in_one_channel_or_in_three(dtype: Any, color_space: ColorSpace) -> None:
    gray = levels(dtype)[:, None]
    one, three = (
        compute_color_features(gray, color_space),
        compute_color_features(np.repeat(gray, 3, axis=1), color_space),
    )
    assert one.channels == three.channels
    assert one.values.shape == (5, 1)
    assert one.values.tobytes() == three.values.tobytes()
    assert (np.diff(one.values[[0, 2, 4]], axis=0) > 0).all()


@every_space
def test_a_single_color_that_is_not_gray_gives_all_features(color_space: ColorSpace) -> None:
    colors = np.array([[10, 10, 10], [20, 20, 21]], np.uint8)
    assert compute_color_features(colors, color_space).values.shape == (2, 3)


def test_luminance_weights_green_most_and_equals_the_level_of_a_gray() -> None:
    assert LUMINANCE.sum() == pytest.approx(1)
    primaries = luminance(np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0], [255, 255, 255]], np.uint8))
    np.testing.assert_allclose(primaries, [0.0722, 0.2126, 0.7152, 1])
    np.testing.assert_array_equal(luminance(np.array([[0], [51], [255]], np.uint8)), [0, 0.2, 1])
    np.testing.assert_allclose(luminance(np.full((1, 3), 32768, np.uint16)), 32768 / 65535)
