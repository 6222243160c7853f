"""Contours, and the figure of several scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from segmenter.arrays import Bytes, Labels
from segmenter.render.contours import DARK, LIGHT, draw_contours
from segmenter.render.figure import encode_figure, segments_figure
from segmenter.render.page import opaque
from segmenter.render.scales import scales_figure

HALVES = np.repeat(np.array([1, 2], np.int32), 30)[None].repeat(40, axis=0)
COLORS = np.array([[200, 80, 40], [40, 80, 200]], np.uint8)


def pixels_of(content: bytes) -> Bytes:
    from io import BytesIO

    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


@given(arrays.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)))
def test_every_change_of_label_is_drawn_and_nothing_far_from_one(labels: Labels) -> None:
    picture = opaque(np.full((*labels.shape, 3), 100, np.uint8))
    drawn = draw_contours(picture, labels, 100)
    is_drawn = (drawn != picture).any(axis=2)
    assert is_drawn[:, 1:][labels[:, 1:] != labels[:, :-1]].all()
    assert is_drawn[1:][labels[1:] != labels[:-1]].all()
    if (labels == labels[0, 0]).all():
        assert not is_drawn.any()
    assert (picture == opaque(np.full((*labels.shape, 3), 100, np.uint8))).all()


@pytest.mark.parametrize("dpi", [50, 300, 1200])
def test_a_contour_is_light_between_dark(dpi: int) -> None:
    labels = np.repeat(np.array([1, 2], np.int32), 60)[None]
    (row,) = draw_contours(opaque(COLORS[labels - 1]), labels, dpi)
    light, dark = (np.flatnonzero((row == color).all(axis=1)) for color in (LIGHT, DARK))
    assert {59, 60} <= set(light.tolist())
    assert dark.min() < light.min() <= light.max() < dark.max()
    assert 0 <= dark.min() - (119 - dark.max()) <= 1, "in the middle"
    assert len(light) + len(dark) <= max(4, dpi / 25.4), "at most a millimetre, or four pixels"


def test_the_usual_figure_has_contours_on_request_alone() -> None:
    photo = COLORS[HALVES - 1]
    plain, lined = (
        pixels_of(
            encode_figure(
                segments_figure(photo, HALVES, COLORS, [0.5, 0.5], contours=contours, dpi=100), "png", metadata={}
            )
        )
        for contours in (False, True)
    )
    assert plain.shape == lined.shape
    changed = (plain != lined).any(axis=2)
    assert 0 < changed.mean() < 0.05
    assert np.flatnonzero(changed.any(axis=0)).min() > plain.shape[1] / 2, "the photo is as it was"


@pytest.mark.parametrize("shape", [(40, 60), (60, 20), (10, 90)])
def test_all_scales_are_in_one_figure_of_one_page(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 256, (*shape, 3), dtype=np.uint8)
    labels = generator.integers(1, 3, shape, dtype=np.int32)
    figure = scales_figure(photo, [(name, labels, COLORS) for name in ("Coarse", "Medium", "Fine")], dpi=60)
    width, height = figure.get_size_inches() * 25.4
    assert width == pytest.approx(183)
    assert height <= 230
    texts = [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
    assert {"a", "b", "c", "d", "Photo", "Coarse", "Medium", "Fine"} <= set(texts)
    assert encode_figure(figure, "png", metadata={}) == encode_figure(figure, "png", metadata={})
