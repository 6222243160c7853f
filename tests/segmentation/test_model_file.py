"""Saved models: what is read is what was written, or an error that says what is wrong."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segmenter
from segmenter.errors import (
    DamagedModelError,
    GrayModelError,
    InvalidArgumentError,
    MissingFileError,
    ModelError,
    ModelVersionError,
    NotAModelError,
    NotFittedError,
    OutputExistsError,
)
from segmenter.features.color import CHANNELS, GRAY_CHANNEL
from segmenter.features.config import COLOR_SPACES, ColorSpace
from segmenter.io.images.photo import photo_from_array
from segmenter.mixture.config import COVARIANCE_TYPES, CovarianceType
from segmenter.mixture.model import Mixture
from segmenter.segmentation.documents import MAX_BYTES
from segmenter.segmentation.model import Model, build_model
from segmenter.segmentation.model_file import decode_model, encode_model
from segmenter.segmentation.posterior_maps import confidence_map, posterior_map, resolve_ties
from segmenter.segmentation.recipe import Recipe, decode_recipe
from segmenter.workflows.segment.job import plan_job
from tests.support.damaged_models import DAMAGE
from tests.support.scenes import BRIGHT, DARK, TWO_COLORS_LABELS, grainy, overlapping, some_mixture, two_colors

every_space = pytest.mark.parametrize("color_space", COLOR_SPACES)
every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Draw a model of any family, color space and scale, of colors or of grays, with or without noise."""
    n, is_gray = draw(st.integers(1, 6)), draw(st.booleans())
    space, family = draw(st.sampled_from(COLOR_SPACES)), draw(st.sampled_from(COVARIANCE_TYPES))
    mixture = some_mixture(n, 1 if is_gray else 3, family, seed=draw(st.integers(0, 2**32 - 1)))
    scale = 10.0 ** draw(st.integers(-6, 6))
    noise = draw(st.sampled_from([0.0, 0.125]))
    return Model(
        recipe=Recipe(n_segments=n, color_space=space, covariance_type=family, tolerance=draw(st.floats(1e-12, 1))),
        mixture=Mixture(
            mixture.weights * (1 - noise),
            mixture.means * scale,
            mixture.covariances * scale**2,
            family,
            noise,
            np.full(mixture.n_features, scale) if noise else None,
        ),
        channels=(GRAY_CHANNEL[space][1],) if is_gray else CHANNELS[space],
        label_names=tuple(draw(st.lists(st.sampled_from(["sky", "Käse", '"', "雪"]), min_size=n, max_size=n))),
        colors=tuple(draw(st.tuples(*[st.floats(0, 1)] * 3)) for _ in range(n)),
    )


def bits(model: Model) -> object:
    """Return all that a model is, with every float as its bits."""
    mixture = model.mixture
    numbers = [mixture.weights, mixture.means, mixture.covariances, np.array(model.colors)]
    numbers += [np.array(mixture.noise_weight), np.array(mixture.noise_sides, dtype=np.float64)]
    arrays = [(array.shape, str(array.dtype), array.tobytes()) for array in numbers]
    return model.recipe, mixture.covariance_type, model.channels, model.label_names, arrays


# ---- what is read is what was written ------------------------------------------------------------------------------


@given(models())
def test_a_model_comes_back_to_the_last_bit(model: Model) -> None:
    content = encode_model(model)
    again = decode_model(content, "a.model.json")
    assert bits(again) == bits(model)
    assert encode_model(again) == content
    assert again.mixture.means.flags.c_contiguous


@given(st.builds(Recipe, tolerance=st.floats(1e-300, 1), seed=st.integers(0, 2**70), acceleration=st.booleans()))
def test_a_recipe_comes_back(recipe: Recipe) -> None:
    assert decode_recipe(json.loads(json.dumps(asdict(recipe))), Recipe) == recipe


@pytest.mark.slow
@every_space
@every_family
def test_the_photo_of_the_model_gets_the_labels_that_it_had(
    color_space: ColorSpace, covariance_type: CovarianceType, tmp_path: Path
) -> None:
    image = overlapping()
    found = segmenter.segment(image, 5, color_space=color_space, covariance_type=covariance_type)
    segmenter.save_model(found, tmp_path / "a.model.json")
    again = segmenter.apply(segmenter.load_model(tmp_path / "a.model.json"), image)
    assert again.labels.tobytes() == found.labels.tobytes()
    assert again.segments == found.segments
    assert again.channels == found.channels


def test_a_model_is_given_as_value_as_path_or_as_text(tmp_path: Path) -> None:
    path = tmp_path / "two.model.json"
    segmenter.save_model(segmenter.segment(two_colors(), 2), path)
    for model in (segmenter.load_model(path), path, str(path)):
        np.testing.assert_array_equal(segmenter.apply(model, two_colors()).labels, TWO_COLORS_LABELS)


def test_an_existing_file_is_replaced_only_if_asked(tmp_path: Path) -> None:
    found, path = segmenter.segment(two_colors(), 2), tmp_path / "two.model.json"
    segmenter.save_model(found, path)
    with pytest.raises(OutputExistsError):
        segmenter.save_model(found, path)
    segmenter.save_model(found, path, label_names=["night", "day"], overwrite=True)
    assert segmenter.load_model(path).label_names == ("night", "day")
    segmenter.save_model(segmenter.load_model(path), path, label_names=["Nacht", "Tag"], overwrite=True)
    assert segmenter.load_model(path).label_names == ("Nacht", "Tag")
    segmenter.save_model(segmenter.apply(path, two_colors()), path, overwrite=True)
    assert segmenter.load_model(path).label_names == ("segment 1", "segment 2")


def test_a_job_with_a_model_travels_to_a_worker() -> None:
    model = build_model(segmenter.segment(two_colors(), 2))
    job = plan_job(
        Path("a.png"),
        Path("there"),
        model.recipe,
        figure_options=None,
        max_pixels=1,
        overwrite=False,
        extras=["confidence"],
        model=model,
    )
    again = pickle.loads(pickle.dumps(job))
    assert again.outputs == job.outputs
    assert bits(again.model) == bits(model)


# ---- other photos --------------------------------------------------------------------------------------------------


def test_labels_mean_the_same_in_another_photo_and_colors_are_its_own() -> None:
    model = build_model(segmenter.segment(two_colors(), 2))
    other = two_colors()[:, ::-1].copy()
    other[other == DARK[0]] += 1
    found = segmenter.apply(model, other)
    np.testing.assert_array_equal(found.labels, TWO_COLORS_LABELS[:, ::-1])
    assert found.segments[0].rgb8 == (DARK[0] + 1, *DARK[1:])


def test_a_segment_without_pixels_keeps_the_color_of_the_model() -> None:
    model = build_model(segmenter.segment(two_colors(), 2))
    found = segmenter.apply(model, np.full((3, 3, 3), BRIGHT, np.uint8))
    assert (found.labels == 2).all()
    dark, bright = found.segments
    assert (dark.n_pixels, dark.share, dark.mean_rgb) == (0, 0.0, model.colors[0])
    assert (bright.n_pixels, bright.share) == (9, 1.0)


@every_space
def test_grays_are_colors_of_three_equal_channels(color_space: ColorSpace) -> None:
    image, _ = grainy()
    model = build_model(segmenter.segment(image, 3, color_space=color_space))
    gray = image[..., 0]
    flat = segmenter.apply(model, gray)
    three = segmenter.apply(model, np.repeat(gray[..., None], 3, axis=2))
    np.testing.assert_array_equal(flat.labels, three.labels)
    with_one_color = np.repeat(gray[..., None], 3, axis=2)
    with_one_color[0, 0] = (255, 0, 0)
    np.testing.assert_array_equal(segmenter.apply(model, with_one_color).labels[1:], flat.labels[1:])


@every_space
def test_a_model_of_grays_takes_no_colors(color_space: ColorSpace) -> None:
    image, labels = grainy(n_channels=1)
    model = build_model(segmenter.segment(image, 3, color_space=color_space))
    np.testing.assert_array_equal(segmenter.apply(model, image[..., 0]).labels, labels)
    np.testing.assert_array_equal(segmenter.apply(model, np.repeat(image, 3, axis=2)).labels, labels)
    with pytest.raises(GrayModelError, match="has colors, but the model was fitted to a gray photo"):
        segmenter.apply(model, two_colors())


def test_transparent_pixels_keep_out() -> None:
    model = build_model(segmenter.segment(two_colors(), 2))
    image = np.dstack([two_colors(), np.full((4, 6), 255, np.uint8)])
    image[1, :3] = (255, 0, 255, 0)
    found = segmenter.apply(model, image)
    assert (found.labels[1, :3] == 0).all()
    assert sum(segment.n_pixels for segment in found.segments) == 21


def test_outliers_of_a_model_with_noise_have_no_label() -> None:
    model = build_model(segmenter.segment(two_colors(), 2))
    mixture = replace(model.mixture, weights=0.9 * model.mixture.weights, noise_weight=0.1, noise_sides=np.ones(3))
    image = np.full((2, 2, 3), 128, np.uint8)
    found = segmenter.apply(replace(model, mixture=mixture), image)
    assert (found.labels == 0).all()
    assert [segment.share for segment in found.segments] == [0, 0]
    assert (confidence_map(photo_from_array(image), found) == 0).all()


def test_an_applied_model_has_no_trace() -> None:
    found = segmenter.apply(build_model(segmenter.segment(two_colors(), 2)), two_colors())
    assert found.fit_trace is None
    with pytest.raises(NotFittedError, match="a saved model was applied"):
        _ = found.trace


# ---- posteriors ----------------------------------------------------------------------------------------------------


@every_space
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_posteriors_sum_to_1_and_the_largest_makes_the_label(color_space: ColorSpace, dtype: Any) -> None:
    image = overlapping().astype(dtype)
    found = segmenter.segment(image, 4, color_space=color_space)
    for result in (found, segmenter.apply(build_model(found), image)):
        posteriors = posterior_map(photo_from_array(image), result)
        assert posteriors.dtype == np.float32
        assert posteriors.shape == (24, 24, 4)
        np.testing.assert_allclose(posteriors.sum(axis=2), 1, atol=1e-6)
        np.testing.assert_array_equal(posteriors.argmax(axis=2) + 1, result.labels)
        levels = confidence_map(photo_from_array(image), result)
        np.testing.assert_array_equal(levels, np.rint(255 * posteriors.max(axis=2)))
        assert 0 < levels.min() < levels.max() <= 255


def test_pixels_that_take_no_part_have_no_posterior_and_no_confidence() -> None:
    image = np.dstack([two_colors(), np.full((4, 6), 255, np.uint8)])
    image[0, 0, 3] = 0
    found, photo = segmenter.segment(image, 2), photo_from_array(image)
    posteriors, levels = posterior_map(photo, found), confidence_map(photo, found)
    assert posteriors[0, 0].tolist() == [0, 0]
    assert posteriors[0, 1].tolist() == [0, 1]
    assert levels[0].tolist() == [0, 255, 255, 255, 255, 255]


def test_a_tie_by_rounding_goes_to_the_label() -> None:
    posteriors = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.2, 0.2]], np.float32)
    resolve_ties(posteriors, np.array([1, 2, 1, 0], np.int32))
    assert posteriors.argmax(axis=1).tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(posteriors, [[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.2, 0.2]], rtol=1e-6)


# ---- what is no model ----------------------------------------------------------------------------------------------


def document() -> Any:
    """Return the content of a model of two colors."""
    return json.loads(encode_model(build_model(segmenter.segment(two_colors(), 2))))


def refused(content: bytes, path: Path) -> ModelError:
    """Return the error that a file of this content gives; its text is one line that begins with the path."""
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        segmenter.load_model(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    assert len(text) < 400 + len(str(path))
    assert str(pickle.loads(pickle.dumps(caught.value))) == text
    return caught.value


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE.keys())
def test_every_damage_is_refused_by_name(damage: Callable[[Any], None], told: str, tmp_path: Path) -> None:
    content = document()
    damage(content)
    error = refused(json.dumps(content).encode(), tmp_path / "a.model.json")
    assert isinstance(error, DamagedModelError)
    assert told in str(error)


@pytest.mark.parametrize("version", [0, 1, 2, -1, 10**30])
def test_another_version_is_refused_whatever_else_is_in_it(version: int, tmp_path: Path) -> None:
    content = json.dumps({"schema": "segmenter-model", "version": version}).encode()
    error = refused(content, tmp_path / "a.model.json")
    assert isinstance(error, ModelVersionError)
    assert f"version {version}, but only versions 3 and 4 can be read" in str(error)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"   ", "is no model"),
        (b"\x89PNG\r\n\x1a\n", "is no model"),
        (b"[1, 2]", "is no model"),
        (b"{}", "is JSON, but no model"),
        (b'{"schema": 1, "software": "segmenter 0.1.0"}', "is JSON, but no model"),
        (b'{"schema": ["segmenter-model"]}', "is JSON, but no model"),
        (b" " * (MAX_BYTES + 1), "is larger than any model"),
    ],
)
def test_what_is_no_model_is_told_apart_from_what_is_damaged(content: bytes, told: str, tmp_path: Path) -> None:
    error = refused(content, tmp_path / "a.model.json")
    assert isinstance(error, NotAModelError)
    assert told in str(error)
    assert "--save-model" in str(error)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"schema": "segmenter-model", ', "no JSON from line 1 on"),
        (b'{"schema": "segmenter-model"} {}', "no JSON"),
        (b'{"schema": "\xff"}', "no UTF-8 from byte 12 on"),
        (b'{"schema": "segmenter-model", "schema": "segmenter-model"}', "a key occurs twice"),
        (b'{"schema": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"schema": ' + b"1" * 5000 + b"}", "digits"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
    ],
)
def test_broken_json_is_told_with_its_place(content: bytes, told: str, tmp_path: Path) -> None:
    error = refused(content, tmp_path / "a.model.json")
    assert isinstance(error, DamagedModelError)
    assert told in str(error)


def test_a_number_beyond_floats_is_infinite(tmp_path: Path) -> None:
    content = document()
    content["mixture"]["means"][0][0] = 123.25
    text = json.dumps(content).replace("123.25", "1e999")
    assert "means must not contain NaN or infinity" in str(refused(text.encode(), tmp_path / "a.model.json"))


@pytest.mark.slow
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_model_cut_off_anywhere_is_refused(cut: float) -> None:
    content = encode_model(build_model(segmenter.segment(two_colors(), 2))).rstrip()
    with pytest.raises(ModelError):
        decode_model(content[: int(cut * len(content))], "a.model.json")


def test_a_model_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        segmenter.load_model(tmp_path / "nothing.json")
    with pytest.raises(NotAModelError, match="is a folder, not a file"):
        segmenter.load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"label_names": ("one",)}, "label names"),
        ({"label_names": ("one", "")}, "label name"),
        ({"channels": ("gray",)}, "means"),
        ({"channels": ("hue",)}, "features"),
        ({"colors": ((0.0, 0.0, 2.0), (0.0, 0.0, 0.0))}, "colors"),
        ({"mixture": some_mixture(2, 2)}, "means"),
        ({"mixture": some_mixture(3, 3)}, "label names"),
    ],
)
def test_a_model_cannot_be_made_of_parts_that_do_not_fit(change: dict[str, Any], argument: str) -> None:
    model = build_model(segmenter.segment(two_colors(), 2))
    with pytest.raises(InvalidArgumentError) as caught:
        replace(model, **change)
    assert caught.value.argument == argument
