"""Figures are fit for a paper: nothing is cut off, text stays text, pixels stay pixels, and the bytes never change."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from segmenter.arrays import Bytes, Labels
from segmenter.errors import InvalidArgumentError
from segmenter.render.encoding import FigureFormat, encode_figure
from segmenter.render.legend import SegmentedPhoto, SegmentSummary
from segmenter.render.palette import palette
from segmenter.render.panels import DOUBLE_COLUMN_MM, MAX_HEIGHT_MM, ONE_AND_A_HALF_COLUMN_MM, SINGLE_COLUMN_MM
from segmenter.render.segments_figure import draw_segments_figure

FORMATS: tuple[FigureFormat, ...] = ("png", "pdf", "svg")
QUARTERS: Labels = np.array([[1, 2], [3, 4]], dtype=np.int32)


def scene(height: int, width: int, n_segments: int, lowest: int = 1) -> tuple[Bytes, Labels, list[float]]:
    """Return a photo of noise, labels in random order, and the share of each label."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    labels = rng.integers(lowest, n_segments + 1, (height, width), dtype=np.int32)
    counts = np.bincount(labels.ravel(), minlength=n_segments + 1)[1:]
    return photo, labels, (counts / max(counts.sum(), 1)).tolist()


def draw(
    photo: Bytes, labels: Labels, shares: Sequence[float], names: Sequence[str] | None = None, **options: Any
) -> Figure:
    """Return the figure of a photo and its segments in the colors of the palette."""
    segments = SegmentSummary(palette(len(shares)), shares, names, bool((labels == 0).any()))
    return draw_segments_figure(SegmentedPhoto(photo, labels, segments), **options)


def draw_scene(
    height: int, width: int, n_segments: int, lowest: int = 1, width_mm: float | None = DOUBLE_COLUMN_MM
) -> Figure:
    """Return the figure of a photo of noise with random labels."""
    return draw(*scene(height, width, n_segments, lowest), width_mm=width_mm, dpi=60)


def draw_quarters(dpi: int = 100) -> Figure:
    """Return a figure of 2×2 pixels, each a segment; the photo is black except for its top left pixel."""
    photo = np.zeros((2, 2, 3), dtype=np.uint8)
    photo[0, 0] = 255
    return draw(photo, QUARTERS, [0.25] * 4, dpi=dpi)


def texts(figure: Figure) -> list[str]:
    return [artist.get_text() for artist in figure.artists if isinstance(artist, Text)]


def extents(figure: Figure, kind: type[Artist]) -> list[Bbox]:
    """Return the extents on the page of the artists of a type, in pixels from its bottom left corner."""
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    return [artist.get_window_extent(renderer) for artist in figure.artists if isinstance(artist, kind)]


def panels(figure: Figure) -> list[Bytes]:
    """Return the pixels (H, W, 3) of the two panels inside their frames, as encoded in a PNG."""
    png = Image.open(BytesIO(encode_figure(figure, "png", metadata={}))).convert("RGB")
    frames = sorted(extents(figure, Rectangle), key=lambda box: -box.width * box.height)[:2]
    boxes = [(box.x0, png.height - box.y1, box.x1, png.height - box.y0) for box in frames]
    return [
        np.asarray(png.crop((round(left) + 2, round(top) + 2, round(right) - 2, round(bottom) - 2)))
        for left, top, right, bottom in sorted(boxes)
    ]


def assert_nothing_is_cut_off(figure: Figure) -> None:
    page = figure.bbox
    for extent in extents(figure, Artist):
        assert page.x0 <= extent.x0 <= extent.x1 <= page.x1
        assert page.y0 <= extent.y0 <= extent.y1 <= page.y1


def assert_no_texts_touch(figure: Figure) -> None:
    for one, other in combinations(extents(figure, Text), 2):
        assert not one.overlaps(other)


def embedded_images(svg: bytes) -> list[Bytes]:
    """Return the pixels (H, W, 4) of the images in an SVG, in the order of drawing."""
    sources = re.findall(rb"data:image/png;base64,\s*([^\"]+)\"", svg)
    return [np.asarray(Image.open(BytesIO(base64.b64decode(source))).convert("RGBA")) for source in sources]


# ---- the page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width_mm", [SINGLE_COLUMN_MM, ONE_AND_A_HALF_COLUMN_MM, DOUBLE_COLUMN_MM])
@pytest.mark.parametrize("n_segments", [1, 2, 4, 10, 11, 40, 255])
def test_nothing_is_cut_off_and_no_texts_touch(width_mm: float, n_segments: int) -> None:
    figure = draw_scene(40, 60, n_segments, lowest=0, width_mm=width_mm)
    assert_nothing_is_cut_off(figure)
    assert_no_texts_touch(figure)


@pytest.mark.parametrize("shape", [(1, 1), (1, 10), (10, 1), (50, 500), (500, 50), (1, 3000), (3000, 1), (2, 3)])
def test_any_shape_of_photo_fits_the_page(shape: tuple[int, int]) -> None:
    figure = draw_scene(*shape, n_segments=4)
    assert_nothing_is_cut_off(figure)
    assert_no_texts_touch(figure)
    assert figure.get_figheight() * 25.4 <= MAX_HEIGHT_MM + 1e-9
    encode_figure(figure, "png", metadata={})


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 30), st.integers(0, 1), st.floats(60, 250))
def test_every_page_is_whole(height: int, width: int, n_segments: int, lowest: int, width_mm: float) -> None:
    figure = draw_scene(height, width, n_segments, lowest, width_mm)
    assert_nothing_is_cut_off(figure)
    assert_no_texts_touch(figure)


@pytest.mark.parametrize(("shape", "width_mm"), [((30, 40), 183), ((60, 40), 183), ((90, 20), 120), ((2000, 40), 89)])
def test_a_page_is_no_wider_than_tall_panels_need(shape: tuple[int, int], width_mm: float) -> None:
    figure, widest = draw_scene(*shape, 3, width_mm=None), draw_scene(*shape, 3)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(width_mm)
    assert figure.get_size_inches()[1] == pytest.approx(widest.get_size_inches()[1])
    assert_nothing_is_cut_off(figure)
    assert_no_texts_touch(figure)


@pytest.mark.parametrize("width_mm", [89.0, 183.0])
def test_names_of_segments_are_in_the_legend(width_mm: float) -> None:
    photo, labels, shares = scene(40, 60, 4)
    names = ["segment 1", "sky", "a name that is longer than the room there is", "4"]
    figure = draw(photo, labels, shares, names, width_mm=width_mm)
    shown = texts(figure)
    assert [text for text in shown if text in ("1", "2 sky", "3 a name that is longer t…", "4")] == [
        "1",
        "2 sky",
        "3 a name that is longer t…",
        "4",
    ]
    assert_nothing_is_cut_off(figure)
    assert_no_texts_touch(figure)


@pytest.mark.parametrize("width_mm", [89.0, 120.0, 183.0])
def test_the_page_has_the_requested_width(width_mm: float) -> None:
    figure = draw(*scene(20, 30, 3), width_mm=width_mm, dpi=300)
    assert figure.get_figwidth() * 25.4 == pytest.approx(width_mm)
    png = Image.open(BytesIO(encode_figure(figure, "png", metadata={})))
    assert png.width == pytest.approx(width_mm / 25.4 * 300, abs=1)
    assert png.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize(("width", "stacked"), [(29, False), (31, True)])
def test_panels_of_panoramas_are_stacked(width: int, stacked: bool) -> None:
    letters = [text for text in draw_scene(10, width, 2).findobj(Text) if text.get_text() in "ab"]
    (a_left, a_top), (b_left, b_top) = (letter.get_position() for letter in letters)
    assert (a_left == b_left) == stacked
    assert (a_top == b_top) != stacked


@pytest.mark.parametrize("n_segments", [4, 40])
def test_text_is_at_least_6_points_high(n_segments: int) -> None:
    sizes = [float(text.get_fontsize()) for text in draw_scene(8, 8, n_segments).findobj(Text)]
    assert min(sizes) >= 6


@pytest.mark.parametrize(
    ("keyword", "argument"),
    [("width_mm", {"width_mm": 20.0}), ("dpi", {"dpi": 10}), ("width_mm", {"width_mm": np.nan})],
)
def test_a_page_without_room_for_text_is_refused(keyword: str, argument: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=keyword):
        draw(np.zeros((2, 2, 3), np.uint8), QUARTERS, [0.25] * 4, **argument)


def test_shares_and_colors_must_be_equal_in_number() -> None:
    with pytest.raises(InvalidArgumentError, match="3, but there are 4 colors"):
        SegmentSummary(palette(4), [0.25] * 3)


def test_titles_are_written_literally() -> None:
    photo, labels, shares = scene(4, 4, 2)
    figure = draw(photo, labels, shares, titles=("$5 photo_1", "K\n=\udcff 2"))
    assert {"$5 photo_1", "K?=? 2"} <= set(texts(figure))
    assert b"$5 photo_1" in encode_figure(figure, "svg", metadata={})


# ---- shares --------------------------------------------------------------------------------------------------


def test_the_legend_gives_shares_in_label_order() -> None:
    figure = draw(np.zeros((1, 4, 3), np.uint8), np.array([[2, 2, 2, 1]], np.int32), [0.25, 0.75])
    assert texts(figure)[1:5] == ["1", "25.0 %", "2", "75.0 %"]


def test_the_legend_has_an_entry_for_no_label_only_if_there_are_such_pixels() -> None:
    assert "no label" not in texts(draw_scene(9, 9, 3, lowest=1))
    assert "no label" in texts(draw_scene(9, 9, 3, lowest=0))


def test_the_share_of_a_tiny_segment_is_not_printed_as_zero() -> None:
    photo, labels, _ = scene(4, 4, 3)
    assert "<0.1 %" in texts(draw(photo, labels, [0.5, 0.4999, 0.0001]))
    assert "0.0 %" in texts(draw(photo, labels, [0.5, 0.5, 0.0]))


def test_more_than_ten_segments_are_drawn_as_a_bar() -> None:
    ten, eleven = (encode_figure(draw_scene(9, 9, k), "svg", metadata={}) for k in (10, 11))
    assert len(embedded_images(ten)) == 2
    bar = embedded_images(eleven)[0]
    assert len(bar) == 1
    assert [tuple(color) for color in bar[0, np.r_[True, np.any(np.diff(bar[0, :, :3], axis=0), axis=1)], :3]] == [
        tuple(color) for color in palette(11)
    ]


# ---- pixels --------------------------------------------------------------------------------------------------


def test_small_pictures_are_embedded_pixel_for_pixel() -> None:
    photo, segments = embedded_images(encode_figure(draw_quarters(), "svg", metadata={}))
    np.testing.assert_array_equal(segments[..., :3], palette(4)[QUARTERS - 1])
    np.testing.assert_array_equal(photo[..., 0], [[255, 0], [0, 0]])


def test_labels_are_drawn_upright_and_never_smoothed() -> None:
    photo, segments = panels(draw_quarters())
    for row, column in np.ndindex(2, 2):
        color = palette(4)[QUARTERS[row, column] - 1]
        np.testing.assert_array_equal(segments[-row, -column], color)
        np.testing.assert_array_equal(photo[-row, -column], [0 if row or column else 255] * 3)
    assert len(np.unique(segments.reshape(-1, 3), axis=0)) == 4
    assert len(np.unique(photo.reshape(-1, 3), axis=0)) == 2


def test_large_photos_are_reduced_to_mean_colors_and_labels_to_nearest() -> None:
    checker = np.indices((432, 432)).sum(axis=0) % 2
    photo = np.repeat((100 * checker)[..., None], 3, axis=2).astype(np.uint8)
    labels = np.ones((432, 432), dtype=np.int32)
    labels[200:] = 2
    figure = draw(photo, labels, [0.5, 0.5], width_mm=60, dpi=100)
    reduced, segments = embedded_images(encode_figure(figure, "svg", metadata={}))
    assert reduced.shape == segments.shape == (108, 108, 4)  # of a panel of 27.5 mm
    assert (reduced[..., :3] == 50).all()
    np.testing.assert_array_equal(np.unique(segments[..., :3].reshape(-1, 3), axis=0), np.unique(palette(2), axis=0))


def test_pixels_without_a_label_show_a_light_checker_in_both_panels() -> None:
    labels = np.array([[1, 0]], dtype=np.int32)
    figure = draw(np.zeros((1, 2, 3), np.uint8), labels, [0.5], dpi=100)
    for panel, color in zip(panels(figure), (np.zeros((1, 3)), palette(1)), strict=True):
        left, right = np.array_split(panel, 2, axis=1)
        np.testing.assert_array_equal(np.unique(left[:, :-2].reshape(-1, 3), axis=0), color)
        assert len(np.unique(right[:, 2:].reshape(-1, 3), axis=0)) == 2
        assert right[:, 2:].min() > 200


# ---- files ---------------------------------------------------------------------------------------------------


def test_text_stays_text_and_pictures_stay_pixels() -> None:
    figure = draw_scene(9, 9, 3)
    svg, pdf = (encode_figure(figure, figure_format, metadata={}) for figure_format in ("svg", "pdf"))
    for word in (b">Photo</text>", b">Segments</text>", b">a</text>", b"<image "):
        assert word in svg
    assert b"/FontFile2" in pdf  # TrueType
    assert b"/Type3" not in pdf
    assert pdf.count(b"/Subtype /Image") == 2


def test_no_file_contains_a_date() -> None:
    figure = draw_scene(9, 9, 3)
    assert b"Date" not in encode_figure(figure, "pdf", metadata={})
    assert b"dc:date" not in encode_figure(figure, "svg", metadata={})
    assert set(Image.open(BytesIO(encode_figure(figure, "png", metadata={}))).info) == {"dpi"}


def test_metadata_is_kept_in_every_format() -> None:
    figure = draw_scene(9, 9, 3)
    metadata = {"Title": "Café \udcff", "Software": "segmenter 1.0", "Description": "two", "Author": "Ann", "Seed": "7"}
    png, pdf, svg = (encode_figure(figure, figure_format, metadata=metadata) for figure_format in FORMATS)
    info = Image.open(BytesIO(png)).info
    assert {**metadata, "Title": "Café ?"}.items() <= info.items()
    for entry in (b"/Creator (segmenter 1.0)", b"/Subject (two)", b"/Author (Ann)", b"/Keywords (Seed: 7)"):
        assert entry in pdf
    for element in ("<title>Café ?</title>", ">segmenter 1.0<", ">two<", ">Ann<", ">Seed: 7<"):
        assert element in svg.decode()


@pytest.mark.slow
@pytest.mark.parametrize("figure_format", FORMATS)
def test_the_same_figure_gives_the_same_bytes(figure_format: FigureFormat) -> None:
    first = encode_figure(draw_scene(9, 9, 3, lowest=0), figure_format, metadata={"Seed": "1"})
    encode_figure(draw_scene(5, 30, 12), figure_format, metadata={})
    figure = draw_scene(9, 9, 3, lowest=0)
    assert encode_figure(figure, figure_format, metadata={"Seed": "1"}) == first
    assert encode_figure(figure, figure_format, metadata={"Seed": "1"}) == first


@pytest.mark.slow
@pytest.mark.parametrize("figure_format", FORMATS)
def test_a_matplotlibrc_changes_nothing(figure_format: FigureFormat) -> None:
    expected = encode_figure(draw_scene(9, 9, 3), figure_format, metadata={})
    with matplotlib.rc_context(
        {"font.family": "serif", "savefig.bbox": "tight", "figure.facecolor": "red", "path.sketch": (1, 100, 2)}
    ):
        assert encode_figure(draw_scene(9, 9, 3), figure_format, metadata={}) == expected


def test_drawing_changes_no_setting_and_no_argument() -> None:
    settings_before = dict(matplotlib.rcParams)
    photo, labels, shares = scene(9, 9, 3)
    copies = photo.copy(), labels.copy()
    for figure_format in FORMATS:
        encode_figure(draw(photo, labels, shares, dpi=60), figure_format, metadata={})
    assert dict(matplotlib.rcParams) == settings_before
    np.testing.assert_array_equal(photo, copies[0])
    np.testing.assert_array_equal(labels, copies[1])


@pytest.mark.slow
def test_other_processes_give_the_same_bytes_without_pyplot() -> None:
    code = """
import hashlib, sys
from tests.render.test_segments_figure import FORMATS, encode_figure, draw_scene
figure = draw_scene(9, 9, 3)
content = b"".join(encode_figure(figure, figure_format, metadata={}) for figure_format in FORMATS)
print(hashlib.sha256(content).hexdigest(), "matplotlib.pyplot" in sys.modules)
"""
    figure = draw_scene(9, 9, 3)
    content = b"".join(encode_figure(figure, figure_format, metadata={}) for figure_format in FORMATS)
    for seed in "12":
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.split() == [hashlib.sha256(content).hexdigest(), "False"]
