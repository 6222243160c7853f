"""Counts of colors add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.features.color_counts import ColorCounts, count_colors, sum_counts, to_common_scale


def to_dict(part: ColorCounts) -> dict[tuple[float, ...], float]:
    return {tuple(color): count for color, count in zip(part.colors.tolist(), part.counts.tolist(), strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "n_channels"), [("u1", 1), ("u1", 3), ("u2", 1), ("u2", 3), ("f4", 1), ("f4", 3)])
@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
def test_sums_do_not_depend_on_how_pictures_are_grouped(
    dtype: str, n_channels: int, n_pictures: int, cut: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    pictures = [generator.integers(0, 4, (5, 7, n_channels)).astype(dtype) for _ in range(n_pictures)]
    (expected,) = sum_counts([count_colors(np.concatenate(pictures))])
    parts = [count_colors(picture) for picture in pictures]
    grouped = [*sum_counts(parts[:cut]), *sum_counts(parts[cut:])]
    for (total,) in (sum_counts(parts), sum_counts(grouped)):
        assert (total.colors == expected.colors).all()
        assert (total.counts == expected.counts).all()
        assert total.colors.dtype == np.dtype(dtype)


def test_colors_of_several_kinds_are_counted_as_if_in_one_picture() -> None:
    gray, color = np.array([[[5], [9]]], np.uint8), np.array([[[5, 5, 5], [1, 2, 3]]], np.uint8)
    deep = np.array([[[5 * 257], [6]]], np.uint16)
    common = to_common_scale(sum_counts(count_colors(pixels) for pixels in (gray, color, deep)))
    assert to_dict(common) == {
        (6 / 65535,) * 3: 1,
        (1 / 255, 2 / 255, 3 / 255): 1,
        (5 / 255,) * 3: 3,
        (9 / 255,) * 3: 1,
    }


def test_a_single_kind_is_unchanged() -> None:
    (total,) = sum_counts([count_colors(np.array([[[7], [7], [3]]], np.uint8))])
    assert to_common_scale([total]) is total
    assert to_dict(total) == {(3,): 1, (7,): 2}


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_too_many_colors_lose_their_lowest_bits_in_any_grouping(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmenter.features.color_counts.MAX_COLORS", 300)
    pixels = np.random.default_rng(0).integers(0, 1 << 16, (12, 40, 40, 3))
    pixels[:, :, 20:] = 65535
    pictures = pixels.astype("u2") if dtype == "u2" else (pixels / 65535).astype("f4")
    parts = [count_colors(picture) for picture in pictures]
    (total,) = sum_counts(parts)
    assert total.bits == 2  # at most 64 colors; 3 bits make 512
    assert len(total.colors) == 64
    assert total.counts.sum() == 12 * 40 * 40
    average = total.counts @ total.colors / total.counts.sum()
    assert average == pytest.approx(pixels.reshape(-1, 3).mean(axis=0), abs=(1 << 16 - total.bits) / 2)
    (grouped,) = sum_counts([*sum_counts(parts[:5]), *sum_counts(parts[5:])])
    assert grouped.bits == total.bits
    np.testing.assert_array_equal(grouped.colors, total.colors)
    np.testing.assert_array_equal(grouped.counts, total.counts)
    assert to_common_scale([total, count_colors(np.zeros((1, 1, 3), np.uint8))]).bits == 2


def test_counts_are_exact_beyond_32_bits() -> None:
    many = ColorCounts(np.array([[7], [9]], np.uint8), np.array([3e9, 1.0]))
    (total,) = sum_counts([many, many, many])
    assert to_dict(total) == {(7,): 9_000_000_000, (9,): 3}


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("is_masked", [False, True])
def test_many_pixels_are_counted_like_few(n_channels: int, is_masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 5, (30, 40, n_channels), np.uint8)
    mask = generator.random((30, 40)) < 0.5 if is_masked else None
    expected = count_colors(pixels, mask)
    monkeypatch.setattr("segmenter.features.color_counts.FEW_PIXELS", 10)
    found = count_colors(pixels, mask)
    np.testing.assert_array_equal(found.colors, expected.colors)
    np.testing.assert_array_equal(found.counts, expected.counts)
    assert (found.colors.dtype, found.counts.dtype) == (expected.colors.dtype, expected.counts.dtype)
