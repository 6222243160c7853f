"""Bands become colors by their principal components: nothing is moved apart or together, however they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from segmenter.features.principal_colors import AXES, BandMoments, find_principal_colors, sum_moments, to_levels


def picture(n_bands: int, seed: int = 0, dtype: str = "u2", shape: tuple[int, int] = (23, 31)) -> NDArray[Any]:
    """Return correlated bands in the middle of their range."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(n_bands, n_bands)) / n_bands
    values = 0.5 + 0.05 * generator.normal(size=(*shape, n_bands)) @ mixing
    white = {"u1": 255, "u2": 65535, "f4": 1}[dtype]
    return np.asarray(white * values.clip(0, 1)).astype(dtype)


def assert_equal(one: BandMoments, other: BandMoments) -> None:
    assert one.n_pixels == other.n_pixels
    assert one.sums.tolist() == other.sums.tolist()
    assert one.products.tolist() == other.products.tolist()


def test_the_axes_are_orthonormal_and_begin_with_gray() -> None:
    np.testing.assert_allclose(AXES @ AXES.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(AXES[0], np.full(3, 3**-0.5))


@pytest.mark.parametrize("n_bands", [4, 6, 12])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_the_components_are_those_of_scikit_learn(n_bands: int, dtype: str) -> None:
    pixels = picture(n_bands, dtype=dtype)
    unit = to_levels(pixels).reshape(-1, n_bands) / 65535
    reference = PCA(3).fit(unit)
    reduction = find_principal_colors(sum_moments(pixels))
    colors = reduction.to_rgb(pixels).reshape(-1, 3) / 65535
    found = (colors - colors.mean(axis=0)) @ AXES.T * np.sqrt(n_bands / 3)
    expected = reference.transform(unit)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, signs * expected, atol=3e-5)
    assert reduction.share == pytest.approx(reference.explained_variance_ratio_.sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.sampled_from(["u1", "u2", "f4"]), st.integers(0, 22), st.integers(0, 10))
def test_moments_do_not_depend_on_how_a_picture_is_divided(n_bands: int, dtype: str, row: int, seed: int) -> None:
    pixels = picture(n_bands, seed, dtype)
    mask = np.random.default_rng(seed).random(pixels.shape[:2]) < 0.7
    parts = [sum_moments(pixels[rows], mask[rows]) for rows in (slice(row, None), slice(row))]
    assert_equal(parts[0] + parts[1], sum_moments(pixels, mask))
    reduction = find_principal_colors(sum_moments(pixels, mask))
    whole = reduction.to_rgb(pixels)
    np.testing.assert_array_equal(reduction.to_rgb(pixels[row]), whole[row])


@pytest.mark.parametrize("n_bands", [2, 4, 5, 64])
def test_bands_that_are_all_equal_give_their_own_gray(n_bands: int) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (20, 30, 1)).astype(np.uint8)
    bands = np.repeat(gray, n_bands, axis=2)
    reduction = find_principal_colors(sum_moments(bands))
    np.testing.assert_array_equal(reduction.to_rgb(bands), np.repeat(gray, 3, axis=2) * np.uint16(257))
    assert reduction.share == pytest.approx(1)


def test_colors_that_are_given_twice_keep_their_distances() -> None:
    colors = picture(3)
    reduced = find_principal_colors(sum_moments(np.dstack([colors, colors]))).to_rgb(np.dstack([colors, colors]))
    one, other = colors.reshape(-1, 3).astype(float), reduced.reshape(-1, 3).astype(float)
    distances = [np.linalg.norm(points - points[0], axis=1) for points in (one, other)]
    np.testing.assert_allclose(distances[0], distances[1], atol=3)


def test_two_bands_have_two_components_and_a_flat_picture_none() -> None:
    two = picture(2)
    colors = find_principal_colors(sum_moments(two)).to_rgb(two).reshape(-1, 3).astype(float)
    assert np.ptp((colors - colors.mean(axis=0)) @ AXES[2]) < 3
    flat = np.full((4, 5, 6), 0.25, np.float32)
    assert len(np.unique(find_principal_colors(sum_moments(flat)).to_rgb(flat))) == 1


def test_few_colors_are_clipped_even_of_extreme_bands() -> None:
    generator = np.random.default_rng(0)
    extreme = np.where(generator.random((40, 50, 6)) < 0.5, 0, 65535).astype(np.uint16)
    colors = find_principal_colors(sum_moments(extreme)).to_rgb(extreme)
    assert (np.mean((colors == 0) | (colors == 65535)) < 0.02).all()
