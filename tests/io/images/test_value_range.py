"""The value range: the same picture for any unit of its values, whatever a few pixels do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from segmenter.errors import InvalidArgumentError
from segmenter.io.images.config import ScaleRange, ValueRange, check_scale_range, is_made_by
from segmenter.io.images.photo import Photo, Reading, photo_from_array
from segmenter.io.images.value_range import (
    MAX_SAMPLE_PIXELS,
    choose_value_range,
    merge_value_ranges,
    merge_value_samples,
    sample_values,
    scale_values,
)


def read(array: NDArray[Any], scale_range: ScaleRange | ValueRange = "auto", **options: Any) -> Photo:
    return photo_from_array(array, reading=Reading(scale_range=scale_range, **options))


def get_range(array: NDArray[Any], scale_range: ScaleRange = "auto") -> tuple[Any, Any]:
    found = read(array, scale_range).value_range
    assert found is not None
    return found.low, found.high


def noise(shape: tuple[int, ...] = (200, 200), seed: int = 0) -> NDArray[np.uint16]:
    """Return a 12-bit picture: Gaussian noise of 100 around 2,000."""
    return np.random.default_rng(seed).normal(2000, 100, shape).astype(np.uint16)


# ---- any unit --------------------------------------------------------------------------------------------------------

pictures = arrays.arrays(np.int64, st.sampled_from([(7, 9), (6, 5, 3)]), elements=st.integers(0, 4095))


@given(pictures, st.integers(1, 15), st.integers(0, 4000), st.sampled_from(["auto", "percentile"]))
def test_integers_give_identical_pixels_in_any_unit(picture: Any, a: int, b: int, rule: Any) -> None:
    if picture.min() == picture.max():  # of a constant picture nothing is known but its value
        return
    expected = read(picture.astype(np.uint16), rule).pixels
    assert expected.dtype == np.uint16
    for dtype in ("u2", ">u2", "u4", "i4", "i8"):
        np.testing.assert_array_equal(read((a * picture + b).astype(dtype), rule).pixels, expected)
    np.testing.assert_array_equal(read((a * picture - 30_000).astype("i4"), rule).pixels, expected)


@given(pictures, st.integers(1, 1000), st.integers(-(10**6), 10**6), st.integers(-40, 40))
def test_floats_give_identical_pixels_in_any_unit_that_holds_them_exactly(picture: Any, a: int, b: int, e: int) -> None:
    if picture.min() == picture.max():
        return
    expected = read(picture.astype(np.float64)).pixels
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(read((a * picture + b) * 2.0**e).pixels, expected)


def test_floats_in_any_unit_differ_by_rounding_at_most() -> None:
    picture = np.random.default_rng(0).normal(size=(50, 60, 3))
    expected = read(picture).pixels
    np.testing.assert_allclose(read(0.1 * picture - 273.15).pixels, expected, atol=1e-6)


@given(pictures, st.integers(1, 15), st.integers(0, 4000))
def test_colors_that_differ_still_do(picture: Any, a: int, b: int) -> None:
    stored = (a * picture + b).astype(np.uint16)
    assert len(np.unique(read(stored).pixels)) == len(np.unique(stored))


def test_integers_of_more_than_16_bits_become_floats() -> None:
    pixels = read(np.array([[-(2**40), 0, 2**40]])).pixels
    assert pixels.dtype == np.float32
    assert pixels.ravel().tolist() == [0, 0.5, 1]


def test_halves_are_rounded_up() -> None:
    assert read(np.array([[0, 1, 2]], np.uint16), (0, 2)).pixels.ravel().tolist() == [0, 32768, 65535]


# ---- 8 bits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["auto", "full"])
def test_8_bit_pictures_are_taken_as_they_are(rule: ScaleRange) -> None:
    picture = (noise() // 100).astype(np.uint8)
    photo = read(picture, rule)
    assert photo.value_range is None
    assert photo.notes == ()
    assert np.shares_memory(photo.pixels, picture)


def test_8_bit_pictures_can_be_stretched_and_stay_8_bit_pictures() -> None:
    picture = np.repeat(np.arange(100, 150, dtype=np.uint8), 40).reshape(40, 50)
    photo = read(picture, "percentile")
    assert photo.pixels.dtype == np.uint8
    assert (photo.pixels.min(), photo.pixels.max()) == (0, 255)
    assert photo.value_range is not None
    assert (photo.value_range.low, photo.value_range.high) == (100, 149)  # a level has 2 % of the pixels
    assert read(picture, (100, 120)).pixels.max() == 255


# ---- the rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [np.s_[5, 7], np.s_[0, :3], np.s_[::90, ::90]], ids=["one", "three in a row", "nine"])
@pytest.mark.parametrize("side", [64, 200, 700])
def test_hot_and_dead_pixels_change_nothing(side: int, where: Any) -> None:
    clean = noise((side, side))
    hot = clean.copy()
    hot[where] = 65535
    dead = clean.copy()
    dead[where] = 0
    if hot[where].size > max(5 if side == 200 else 4, side**2 // 10_000):  # more than a few
        return
    others = np.ones(clean.shape, np.bool_)
    others[where] = False
    expected = get_range(np.where(others, clean, 2000))
    assert get_range(hot) == get_range(dead) == expected
    found = read(hot)
    assert found.value_range is not None
    assert found.value_range.clipped == hot[where].size / hot.size
    assert found.notes[0].endswith("of the pixels lie beyond")


def test_hot_pixels_of_one_channel_change_nothing() -> None:
    clean = noise((100, 100, 3))
    hot = clean.copy()
    hot[3, 4, 0] = hot[80, 20, 2] = 65535
    clean[3, 4, 0] = clean[80, 20, 2] = 2000
    assert get_range(hot) == get_range(clean)


def test_noise_is_not_clipped() -> None:
    picture = noise((1000, 1000))
    assert get_range(picture) == (picture.min(), picture.max())


def test_a_small_bright_object_is_no_hot_pixel() -> None:
    picture = noise()
    picture[50:53, 60:63] = 10_000  # nine pixels of 40,000
    assert get_range(picture)[1] == 10_000
    flat = np.full((200, 200), 500, np.uint16)
    flat[7, 7] = 9000  # the only thing that there is to see
    assert get_range(flat) == (500, 9000)


def test_full_is_the_range_of_the_type() -> None:
    assert get_range(noise(), "full") == (0, 65535)
    assert get_range(noise().astype(np.int32), "full") == (0, 65535)
    assert get_range(noise().astype(np.int32) - 10_000, "full")[0] < 0
    assert get_range(noise() / 65535, "full") == (0, 1)
    values = noise().astype(np.float32)
    assert get_range(values, "full") == (values.min(), values.max())
    picture = noise()
    assert np.shares_memory(read(picture, "full").pixels, picture)


def test_percentiles_are_the_1st_and_the_99th() -> None:
    picture = np.random.default_rng(0).permutation(10_000).reshape(100, 100).astype(np.uint16)
    assert get_range(picture, "percentile") == (100, 9899)
    photo = read(picture, "percentile")
    assert photo.value_range is not None
    assert photo.value_range.clipped == 0.02


def test_a_given_range_clips_what_lies_beyond() -> None:
    photo = read(np.array([[-5, 0, 1, 2, 9]], np.float32), (0, 2))
    assert photo.pixels.ravel().tolist() == [0, 0, 0.5, 1, 1]
    assert photo.value_range == ValueRange(rule="given", kind="float", low=0, high=2, clipped=0.4)
    assert photo.notes == ("values 0…2 scaled to 0…1; 40 % of the pixels lie beyond",)
    assert read(np.array([[3, 4]], np.uint16), (1000, 2000)).pixels.max() == 0
    assert read(np.array([[-3, 4]], np.int16), (-2000, -1000)).pixels.min() == 65535


def test_a_constant_picture_keeps_its_place_in_the_full_range() -> None:
    assert (read(np.full((4, 5), 300, np.uint16)).pixels == 300).all()
    assert (read(np.full((4, 5), 0.25)).pixels == 0.25).all()


def test_bands_have_a_range_each_and_colors_have_one() -> None:
    picture = noise((60, 50, 5)) * np.arange(1, 6, dtype=np.uint16)
    photo = read(picture, channel_axis=2)
    assert photo.value_range is not None
    assert photo.value_range.low == tuple(picture.min(axis=(0, 1)).tolist())
    assert (photo.pixels.max(axis=(0, 1)) == 65535).all()
    assert photo.notes == ("values of each band scaled from its own range to 0…1",)
    colors = read(picture[..., :3])
    assert colors.value_range is not None
    assert (colors.value_range.low, colors.value_range.high) == (picture[..., :3].min(), picture[..., :3].max())


def test_pixels_that_take_no_part_have_no_say() -> None:
    picture = noise()
    mask = np.ones(picture.shape, np.bool_)
    mask[:20] = False
    expected = picture[20:].min(), picture[20:].max()
    picture[:20] = 65535
    found = read(picture, mask=mask).value_range
    assert found is not None
    assert (found.low, found.high, found.clipped) == (*expected, 0)


# ---- parts of a picture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale_range", ["auto", "percentile", "full", (1900, 2050)])
def test_the_range_does_not_depend_on_how_a_picture_is_divided(scale_range: ScaleRange) -> None:
    picture = noise((1500, 1300, 1))  # more than the sample holds
    assert picture.size > MAX_SAMPLE_PIXELS
    picture[::100, ::100] = 65535
    mask = np.random.default_rng(1).random(picture.shape[:2]) < 0.9
    whole = choose_value_range(sample_values(picture, mask), scale_range)
    for height, width in ((320, 1300), (704, 256)):
        parts = [
            sample_values(
                picture[top : top + height, left : left + width],
                mask[top : top + height, left : left + width],
                corner=(top, left),
                full_shape=picture.shape[:2],
            )
            for top in range(0, 1500, height)
            for left in range(0, 1300, width)
        ]
        assert choose_value_range(merge_value_samples(parts[::-1]), scale_range) == whole


def test_parts_without_a_pixel_that_takes_part_have_no_say() -> None:
    picture = noise((8, 9, 3))
    nothing = sample_values(picture, np.zeros((8, 9), np.bool_), corner=(8, 0), full_shape=(16, 9))
    something = sample_values(picture, None, full_shape=(16, 9))
    merged = merge_value_samples([nothing, something])
    assert choose_value_range(merged, "auto") == choose_value_range(something, "auto")


def test_rows_and_chunks_do_not_show() -> None:
    picture = noise((1100, 1000, 1))  # more than one chunk
    low, high = float(picture.min()), float(picture.max())
    scaled = scale_values(picture, ValueRange(rule="given", kind="integer", low=low, high=high))
    exact = (2 * (picture.astype(object) - int(low)) * 65535 + int(high - low)) // (2 * int(high - low))
    np.testing.assert_array_equal(scaled, exact.astype(np.uint16))


# ---- ranges of other pictures ----------------------------------------------------------------------------------------


def test_a_range_of_another_picture_is_used_as_it_is() -> None:
    first = read(noise())
    assert first.value_range is not None
    second = read(noise(seed=1), first.value_range)
    assert second.value_range is not None
    assert (second.value_range.low, second.value_range.high) == (first.value_range.low, first.value_range.high)
    np.testing.assert_array_equal(read(noise(), first.value_range).pixels, first.pixels)


def test_a_range_of_another_kind_of_values_is_not_used() -> None:
    fixed = read(noise()).value_range
    assert fixed is not None
    assert read((noise() // 16).astype(np.uint8), fixed).value_range is None
    floats = read(noise() / 65535, fixed).value_range
    assert floats is not None
    assert (floats.low, floats.high) == (0, 1)


def test_the_range_of_several_pictures_holds_all_of_them() -> None:
    ranges = [ValueRange(rule="auto", kind="integer", low=low, high=low + 100, clipped=0.1) for low in (30, 7, 500)]
    assert merge_value_ranges(ranges) == ValueRange(rule="auto", kind="integer", low=7, high=600)
    with pytest.raises(InvalidArgumentError, match="cannot be shared by pictures of float and integer values"):
        merge_value_ranges([*ranges, ValueRange(rule="auto", kind="float", low=0, high=1)])


# ---- choices and notes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["best", (1,), (2, 1), (1, 1), (0, np.nan), (0, np.inf), 7, (1, 2, 3), ("0", "1"), None]
)
def test_other_choices_are_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^scale_range .*give auto, full, percentile or a pair of numbers"):
        check_scale_range(value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert check_scale_range(np.array([1, 20])) == (1.0, 20.0)


@pytest.mark.parametrize("scale_range", ["auto", "full", "percentile", (5.0, 4000.0)])
def test_a_range_knows_how_it_was_chosen(scale_range: ScaleRange) -> None:
    found = read(noise(), scale_range).value_range
    others: list[ScaleRange] = ["auto", "full", "percentile", (5.0, 4000.0), (5.0, 4001.0)]
    assert [other for other in others if is_made_by(found, other)] == [scale_range]


def test_a_range_that_is_nearly_full_needs_no_note() -> None:
    ramp = np.linspace(0, 1, 2000).reshape(40, 50)
    assert read((4095 * ramp).astype(np.uint16)).notes == ("values 0…4,095 of 65,535 scaled to 0…1",)
    assert read((64_000 * ramp).astype(np.uint16)).notes == ()
    assert read(0.95 * ramp).notes == ()
    assert read(9.5 * ramp - 1).notes == ("values -1…8.5 scaled to 0…1",)
