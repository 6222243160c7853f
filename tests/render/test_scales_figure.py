"""Outlines of regions in the standard figure, and the figure of several scales."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter
from skimage.measure import find_contours

from segmenter.arrays import Bytes
from segmenter.render.encoding import encode_figure
from segmenter.render.legend import SegmentedPhoto, SegmentSummary
from segmenter.render.outlines import SMOOTHING, trace_outlines
from segmenter.render.page import Box
from segmenter.render.scales_figure import draw_scales_figure
from segmenter.render.segments_figure import draw_segments_figure

HALVES = np.repeat(np.array([1, 2], np.int32), 30)[None].repeat(40, axis=0)
COLORS = np.array([[200, 80, 40], [40, 80, 200]], np.uint8)


def decode_pixels(content: bytes) -> Bytes:
    from io import BytesIO

    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("shape", [(90, 120), (1, 30), (3, 3)])
def test_outlines_are_those_of_each_label_in_the_whole_picture(shape: tuple[int, int]) -> None:
    labels = np.asarray(uniform_filter(np.random.default_rng(1).random(shape), 9) * 60, dtype=np.int32)
    outlines = trace_outlines(labels, Box(0, 0, shape[1] / 10, shape[0] / 10))
    expected = []
    for label in np.unique(labels)[:-1] if min(shape) > 1 else ():
        inside = gaussian_filter((labels == label).astype(np.float32), SMOOTHING, mode="nearest")
        expected += [(curve[:, ::-1] + 0.5) / 10 for curve in find_contours(inside, 0.5)]  # type: ignore[no-untyped-call]
    assert len(outlines) == len(expected)
    for ours, theirs in zip(outlines, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_standard_figure_has_contours_only_on_request() -> None:
    segmented = SegmentedPhoto(COLORS[HALVES - 1], HALVES, SegmentSummary(COLORS, [0.5, 0.5]))
    plain, lined = (
        decode_pixels(encode_figure(draw_segments_figure(segmented, contours=contours, dpi=100), "png", metadata={}))
        for contours in (False, True)
    )
    assert plain.shape == lined.shape
    changed = (plain != lined).any(axis=2)
    assert 0 < changed.mean() < 0.05
    assert np.flatnonzero(changed.any(axis=0)).min() > plain.shape[1] / 2, "the photo is unchanged"


@pytest.mark.parametrize("shape", [(40, 60), (60, 20), (10, 90)])
def test_all_scales_fit_one_page(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 256, (*shape, 3), dtype=np.uint8)
    labels = generator.integers(1, 3, shape, dtype=np.int32)
    figure = draw_scales_figure(photo, [(name, labels, COLORS) for name in ("Coarse", "Medium", "Fine")], dpi=60)
    width, height = figure.get_size_inches() * 25.4
    assert width == pytest.approx(183)
    assert height <= 230
    texts = [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
    assert {"a", "b", "c", "d", "Photo", "Coarse", "Medium", "Fine"} <= set(texts)
    assert encode_figure(figure, "png", metadata={}) == encode_figure(figure, "png", metadata={})
