"""`segmenter.segment` as a caller uses it: from an array to labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import segmenter
from segmenter.arrays import Bytes, Labels, Samples
from segmenter.errors import InvalidArgumentError, SegmenterWarning
from segmenter.features.color import compute_color_features
from segmenter.features.config import COLOR_SPACES, ColorSpace
from segmenter.mixture.config import COVARIANCE_TYPES, INITS, CovarianceType, Init
from segmenter.mixture.inference import predict
from segmenter.segmentation.recipe import COLOR_METHODS, ColorMethod
from segmenter.segmentation.result import Segmentation, Shortage
from tests.support.scenes import (
    BRIGHT,
    DARK,
    TWO_COLORS_LABELS,
    average_log_likelihood,
    grainy,
    overlapping,
    two_colors,
)

every_space = pytest.mark.parametrize("color_space", COLOR_SPACES)
every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
every_init = pytest.mark.parametrize("init", INITS)


def fingerprint(found: Segmentation) -> bytes:
    """Return the bytes of all that a caller sees."""
    mixture, trace = found.mixture, found.trace
    arrays = (found.labels, mixture.weights, mixture.means, mixture.covariances, trace.objectives, trace.restarts)
    return b"".join(array.tobytes() for array in arrays) + repr((found.segments, found.channels)).encode()


# ---- answers known by hand -----------------------------------------------------------------------------------------


@every_space
@every_family
@every_init
def test_two_colors_are_told_apart_exactly(
    color_space: ColorSpace, covariance_type: CovarianceType, init: Init
) -> None:
    found = segmenter.segment(two_colors(), 2, color_space=color_space, covariance_type=covariance_type, init=init)
    np.testing.assert_array_equal(found.labels, TWO_COLORS_LABELS)
    assert found.labels.dtype == np.int32
    dark, bright = found.segments
    assert (dark.label, dark.n_pixels, dark.rgb8) == (1, 16, DARK)
    assert (bright.label, bright.n_pixels, bright.rgb8) == (2, 8, BRIGHT)
    assert dark.share == pytest.approx(2 / 3)
    assert bright.share == pytest.approx(1 / 3)
    assert bright.hex_color == "#c8d2dc"
    assert (found.trace.collapsed, found.trace.verdict) == ((), "converged")  # all colors are told apart: no flaw
    assert found.trace.n_died == 0


@every_space
@every_family
def test_one_segment_is_the_whole_picture(color_space: ColorSpace, covariance_type: CovarianceType) -> None:
    image, _ = grainy()
    found = segmenter.segment(image, 1, color_space=color_space, covariance_type=covariance_type)
    assert (found.labels == 1).all()
    assert found.n_labels == 1
    assert found.segments[0].n_pixels == found.labels.size
    assert found.segments[0].share == 1
    np.testing.assert_allclose(found.segments[0].mean_rgb, image.reshape(-1, 3).mean(axis=0) / 255)


@every_space
@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (1, 1, 3)])
def test_a_picture_of_one_pixel_is_one_segment(color_space: ColorSpace, shape: tuple[int, ...]) -> None:
    found = segmenter.segment(np.full(shape, 77, np.uint8), 1, color_space=color_space)
    np.testing.assert_array_equal(found.labels, [[1]])
    assert found.segments[0].rgb8 == (77, 77, 77)


@every_family
def test_bands_under_grain_are_found_from_dark_to_bright(covariance_type: CovarianceType) -> None:
    image, labels = grainy()
    found = segmenter.segment(image, 3, covariance_type=covariance_type)
    np.testing.assert_array_equal(found.labels, labels)


@every_space
def test_bands_under_gray_grain_are_found_in_every_color_space(color_space: ColorSpace) -> None:
    image, labels = grainy(n_channels=1)
    np.testing.assert_array_equal(segmenter.segment(image, 3, color_space=color_space).labels, labels)


def test_labels_are_sorted_by_luminance_not_by_the_sum_of_the_channels() -> None:
    blue, green = (90, 0, 255), (0, 160, 0)
    found = segmenter.segment(two_colors(green, blue), 2)
    assert [segment.rgb8 for segment in found.segments] == [blue, green]


def test_component_k_of_the_mixture_is_segment_k() -> None:
    image, _ = grainy()
    found = segmenter.segment(image, 3)
    for segment, mean, weight in zip(found.segments, found.mixture.means, found.mixture.weights, strict=True):
        np.testing.assert_allclose(segment.mean_rgb, mean, atol=1e-6)
        assert segment.share == pytest.approx(weight, abs=1e-6)
    assert found.channels == ("red", "green", "blue")


def test_the_likelihood_that_is_told_is_the_average_over_pixels() -> None:
    image = overlapping()
    found = segmenter.segment(image, 3)
    pixels = Samples(
        compute_color_features(image.reshape(-1, 3), "rgb").values, np.ones(image.shape[0] * image.shape[1])
    )
    assert found.trace.log_likelihoods[-1] == pytest.approx(average_log_likelihood(found.mixture, pixels))


@pytest.mark.parametrize("n_segments", [2, 5, 40])
def test_what_is_told_of_the_segments_adds_up(n_segments: int) -> None:
    image = overlapping()
    found = segmenter.segment(image, n_segments)
    assert [segment.label for segment in found.segments] == list(range(1, found.n_labels + 1))
    assert found.n_labels == found.mixture.n_components == n_segments - found.trace.n_died
    assert sum(segment.n_pixels for segment in found.segments) == found.labels.size
    assert sum(segment.share for segment in found.segments) == pytest.approx(1)
    for segment in found.segments:
        inside = image[found.labels == segment.label] / 255
        assert segment.n_pixels == len(inside)
        assert segment.share == pytest.approx(len(inside) / found.labels.size)
        assert all(0 <= value <= 1 for value in segment.mean_rgb)
        if len(inside):
            np.testing.assert_allclose(segment.mean_rgb, inside.mean(axis=0))


# ---- kinds of pictures ---------------------------------------------------------------------------------------------


def test_transparent_pixels_get_label_0_and_have_no_say() -> None:
    image = np.dstack([two_colors(), np.full((4, 6), 255, np.uint8)])
    image[1, :3] = (255, 0, 255, 0)
    found = segmenter.segment(image, 2)
    expected = TWO_COLORS_LABELS.copy()
    expected[1, :3] = 0
    np.testing.assert_array_equal(found.labels, expected)
    assert [segment.n_pixels for segment in found.segments] == [15, 6]
    assert [segment.rgb8 for segment in found.segments] == [DARK, BRIGHT]
    assert sum(segment.share for segment in found.segments) == pytest.approx(1)


@every_space
def test_a_gray_picture_has_the_same_labels_in_one_channel_and_in_three(color_space: ColorSpace) -> None:
    gray = overlapping()[..., 0]
    found = [
        segmenter.segment(image, 3, color_space=color_space)
        for image in (gray, gray[..., None], np.repeat(gray[..., None], 3, axis=2))
    ]
    assert fingerprint(found[0]) == fingerprint(found[1]) == fingerprint(found[2])
    assert len(found[0].channels) == 1


IN_ONE_CHANNEL: dict[str, Callable[[Any], list[Any]]] = {
    "(0, c, 0)": lambda c: [0 * c, c, 0 * c],
    "(c, c, 0)": lambda c: [c, c, 0 * c],
    "(c, 255 - c, 0)": lambda c: [c, 255 - c, 0 * c],
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("colors", IN_ONE_CHANNEL)
def test_channels_that_tell_nothing_new_leave_the_segments_of_the_gray_picture(colors: str, seed: int) -> None:
    """Such colors lie on a line: a floor that told components apart across it would kill or move some of them."""
    generator = np.random.default_rng(seed)
    levels = generator.choice([50, 100, 150, 210], (48, 48), p=[0.1, 0.2, 0.3, 0.4])
    gray = np.rint(levels + 12 * generator.standard_normal((48, 48))).clip(0, 255).astype(np.uint8)
    plain = segmenter.segment(gray, 4)
    found = segmenter.segment(np.stack(IN_ONE_CHANNEL[colors](gray), axis=2), 4)
    assert found.trace.n_died == plain.trace.n_died == 0
    assert found.trace.collapsed == plain.trace.collapsed == ()
    is_mirrored = colors == "(c, 255 - c, 0)"  # green, the brighter channel, falls where gray rises
    labels = 5 - found.labels if is_mirrored else found.labels
    shares, plain_shares = (np.bincount(image.ravel(), minlength=5) / image.size for image in (labels, plain.labels))
    np.testing.assert_allclose(shares, plain_shares, atol=0.01)
    assert (labels == plain.labels).mean() > 0.99


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "uint16": lambda image: image.astype(np.uint16) * 257,
    "float32": lambda image: (image / 255).astype(np.float32),
    "float64": lambda image: image / 255,
    "rows in reverse": lambda image: np.ascontiguousarray(image[::-1])[::-1],
    "big-endian": lambda image: image.astype(">u2") * np.array(257, ">u2"),
    "Pillow": Image.fromarray,
}


@pytest.mark.slow
@every_space
@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_the_same_picture_in_another_type_has_the_same_labels(color_space: ColorSpace, conversion: str) -> None:
    image, _ = grainy()
    found = segmenter.segment(CONVERSIONS[conversion](image), 3, color_space=color_space, scale_range="full")
    np.testing.assert_array_equal(found.labels, segmenter.segment(image, 3, color_space=color_space).labels)


def test_sixteen_bits_tell_apart_what_eight_cannot() -> None:
    image = np.full((4, 6, 3), 1000, np.uint16)
    image[:, :2] = 1001
    np.testing.assert_array_equal(segmenter.segment(image, 2).labels, TWO_COLORS_LABELS)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_path_gives_what_its_array_gives(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(overlapping()).save(path)
    found = segmenter.segment(str(path) if as_text else path, 3)
    assert fingerprint(found) == fingerprint(segmenter.segment(overlapping(), 3))


def test_a_picture_is_left_as_it_was() -> None:
    image = overlapping()
    image.flags.writeable = False
    segmenter.segment(image, 3)  # writing to the picture would raise
    np.testing.assert_array_equal(image, overlapping())


# ---- determinism and invariance ------------------------------------------------------------------------------------


@pytest.mark.slow
@every_family
@every_init
def test_the_same_input_gives_the_same_bytes(covariance_type: CovarianceType, init: Init) -> None:
    one, other = (segmenter.segment(overlapping(), 4, covariance_type=covariance_type, init=init) for _ in range(2))
    assert fingerprint(one) == fingerprint(other)


def test_where_the_pixels_are_does_not_matter() -> None:
    image = overlapping()
    order = np.random.default_rng(0).permutation(image.shape[0])
    np.testing.assert_array_equal(segmenter.segment(image[order], 4).labels, segmenter.segment(image, 4).labels[order])
    np.testing.assert_array_equal(
        segmenter.segment(image.swapaxes(0, 1), 4).labels, segmenter.segment(image, 4).labels.T
    )


def test_pixels_of_one_color_have_one_label() -> None:
    image = overlapping() // 32 * 32
    found = segmenter.segment(image, 4)
    colors, inverse = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)
    labels = found.labels.ravel()
    assert all(len(set(labels[inverse.ravel() == color])) == 1 for color in range(len(colors)))


# ---- options -------------------------------------------------------------------------------------------------------

CHANGES: list[tuple[str, Any, Any]] = [
    ("color_space", "rgb", "lab"),
    ("color_space", "rgb", "hsv"),
    ("color_space", "lab", "hsv"),
    ("covariance_type", "full", "tied"),
    ("covariance_type", "full", "diag"),
    ("covariance_type", "diag", "spherical"),
    ("init", "k-means++", "random"),
    ("restarts", 1, 10),
    ("tolerance", 1e-4, 1e-2),
    ("max_iterations", 200, 2),
    ("covariance_floor", 1e-9, 1e-1),
    ("seed", 0, 1),
]


def label_by_plain_fit(image: Bytes, color_space: ColorSpace = "rgb", **options: Any) -> Labels:
    """Return the component of each pixel (H, W) by a fit to the weighted colors of a picture, in no certain order."""
    colors, inverse, counts = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    values = compute_color_features(colors, color_space).values
    config = segmenter.FitConfig(4, acceleration=True, **options)
    mixture = segmenter.fit(Samples(values, counts.astype(np.float64)), config).mixture
    return predict(mixture, values)[inverse].reshape(image.shape[:2])


@pytest.mark.slow
@pytest.mark.parametrize(("option", "one", "other"), CHANGES)
def test_each_value_of_an_option_gives_the_labels_of_a_fit_with_it(option: str, one: object, other: object) -> None:
    base: dict[str, Any] = {"restarts": 1}
    options: list[dict[str, Any]] = [base | {option: value} for value in (one, other)]
    pictures = [overlapping(seed) for seed in range(5)]
    found = [[segmenter.segment(picture, 4, **chosen).labels for picture in pictures] for chosen in options]
    for chosen, labels in zip(options, found, strict=True):
        for picture, ours in zip(pictures, labels, strict=True):
            plain = label_by_plain_fit(picture, **chosen)
            pairs = np.unique(np.stack([ours.ravel(), plain.ravel()]), axis=1).shape[1]
            assert pairs == len(np.unique(ours)) == len(np.unique(plain))
    assert any((a != b).any() for a, b in zip(*found, strict=True))


@pytest.mark.slow
def test_more_restarts_never_end_lower() -> None:
    for seed in range(5):
        ends = [segmenter.segment(overlapping(seed), 4, restarts=n).trace.objectives[-1] for n in (1, 4, 10)]
        assert ends == sorted(ends)


# ---- errors --------------------------------------------------------------------------------------------------------


@every_space
@pytest.mark.parametrize("masked", [False, True])
def test_a_picture_of_two_colors_gets_two_segments_and_a_warning(color_space: ColorSpace, masked: bool) -> None:
    image = two_colors()
    if masked:
        image = np.dstack([image, np.full((4, 6), 255, np.uint8)])
        image[:, 0] = (1, 2, 3, 0)  # a third color, that takes no part
    with pytest.warns(SegmenterWarning, match="^2 colors, so 2 segments instead of 5$"):
        found = segmenter.segment(image, 5, color_space=color_space)
    assert found.shortage == Shortage(5, 2, "color")
    assert str(found.shortage) in found.notes
    exact = segmenter.segment(image, 2, color_space=color_space)
    assert exact.shortage is None
    np.testing.assert_array_equal(found.labels, exact.labels)
    assert found.segments == exact.segments


def test_a_constant_picture_is_one_segment() -> None:
    with pytest.warns(SegmenterWarning, match="^1 color, so 1 segment instead of 2$"):
        found = segmenter.segment(np.full((3, 3), 7, np.uint8), 2)
    assert (found.n_labels, found.segments[0].share) == (1, 1.0)


@given(
    image=arrays(np.uint8, (4, 5, 3), elements=st.sampled_from([0, 90, 255])),
    n_more=st.integers(0, 3),
    method=st.sampled_from(COLOR_METHODS),
)
@settings(deadline=None, max_examples=30)
def test_with_no_more_colors_than_segments_every_color_is_a_segment(
    image: Bytes, n_more: int, method: ColorMethod
) -> None:
    colors, color_of = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegmenterWarning)
        found = segmenter.segment(image, len(colors) + n_more, method=method)
    assert found.n_labels == len(colors)
    pairs = set(zip(color_of.ravel().tolist(), found.labels.ravel().tolist(), strict=True))
    assert len(pairs) == len(colors)
    assert (found.shortage is None) == (n_more == 0)


@every_init
@every_space
def test_as_many_segments_as_distinct_colors_however_near(init: Init, color_space: ColorSpace) -> None:
    image = np.zeros((1, 4, 3), np.float32)
    image[0, :, 1] = [0, 1e-40, 0.5, 1]
    found = segmenter.segment(image, 4, init=init, color_space=color_space)
    assert np.isfinite(found.mixture.means).all()
    assert sum(segment.n_pixels for segment in found.segments) == 4


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n_segments", 0),
        ("n_segments", 65_536),
        ("color_space", "RGB"),
        ("covariance_type", "round"),
        ("init", "best"),
        ("restarts", 0),
        ("tolerance", 0.0),
        ("max_iterations", 0),
        ("covariance_floor", 2.0),
        ("seed", -1),
    ],
)
def test_an_option_outside_its_range_is_refused_by_name_before_the_picture_is_read(option: str, value: object) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(InvalidArgumentError) as caught:
        segmenter.segment("no such picture.png", **options)
    assert caught.value.argument == option


# ---- the package ---------------------------------------------------------------------------------------------------


def test_every_public_name_is_there() -> None:
    for name in segmenter.__all__:
        assert getattr(segmenter, name) is not None
    assert dir(segmenter) == sorted(segmenter.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segments'"):
        segmenter.segments  # noqa: B018


@pytest.mark.parametrize("n_channels", [1, 3])
def test_features_that_are_computed_in_every_pass_give_the_same_fit(
    n_channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 250, (150, 200, n_channels), np.uint16)
    pixels[:, 80:] += np.arange(2000, 2000 + n_channels, dtype=np.uint16)
    kept = segmenter.segment(pixels, 3)
    monkeypatch.setattr("segmenter.segmentation.colors.KEPT_COLORS", 100)
    computed = segmenter.segment(pixels, 3)
    assert (computed.labels == kept.labels).all()
    assert computed.channels == kept.channels
    np.testing.assert_allclose(computed.mixture.means, kept.mixture.means, rtol=1e-9)
    np.testing.assert_allclose(computed.mixture.covariances, kept.mixture.covariances, rtol=1e-6)
    np.testing.assert_allclose(computed.trace.objectives, kept.trace.objectives, rtol=1e-9)


def test_a_channel_that_never_changes_is_one_where_features_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 250, (50, 60, 3), np.uint8)
    pixels[:, 30:] //= 4
    pixels[..., 1] = 7
    kept = segmenter.segment(pixels, 2)
    monkeypatch.setattr("segmenter.segmentation.colors.KEPT_COLORS", 100)
    found = segmenter.segment(pixels, 2)
    assert (found.labels == kept.labels).all()
    assert found.mixture.means[:, 1] == pytest.approx(7 / 255)
