"""Figures of one photo are complete, legible and deterministic, for pictures of any shape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.text import Text
from PIL import Image

import segmenter
from segmenter.arrays import Bytes, Labels
from segmenter.errors import InvalidArgumentError, NoMixtureError
from segmenter.render.color_space_figure import SIGMAS, build_projection
from segmenter.render.legend import SegmentedPhoto, SegmentSummary
from segmenter.render.outlines import remove_speckles, trace_outlines
from segmenter.render.page import MM_PER_INCH, Box
from segmenter.render.palette_figure import format_css_palette, format_gimp_palette
from segmenter.render.panels import MAX_HEIGHT_MM
from segmenter.render.photo_figures import draw_cutouts_figure
from segmenter.workflows.segment.outputs import PLOTS, Plot
from tests.support.command import run_text
from tests.support.scenes import grainy, overlapping

pytestmark = pytest.mark.slow

COLORS: Bytes = np.array([[10, 20, 30], [200, 100, 0], [255, 255, 255]], np.uint8)
SHARES = (0.25, 0.7, 0.05)


def picture(width: int, height: int, channels: int = 3) -> Bytes:
    """Return random pixels, the left half dark."""
    pixels = np.random.default_rng(width).integers(0, 100, (height, width, channels), dtype=np.uint8)
    pixels[:, width // 2 :] += 120
    return pixels


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


# ---- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    ("width", "height", "channels", "k"),
    [(1, 1, 3, 1), (60, 40, 3, 3), (40, 60, 1, 2), (900, 4, 3, 4), (4, 900, 3, 13), (30, 30, 3, 30)],
)
def test_nothing_is_cut_off(plot: Plot, width: int, height: int, channels: int, k: int) -> None:
    image = picture(width, height, channels)
    figure = segmenter.draw_plot(image, segmenter.segment(image, k), plot, name="a photo of some name")
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()  # inches
    slack = 0.01
    assert min(drawn.x0, drawn.y0) >= -slack
    assert drawn.x1 <= figure.get_figwidth() + slack
    assert drawn.y1 <= figure.get_figheight() + slack
    assert figure.get_figheight() * MM_PER_INCH <= MAX_HEIGHT_MM + 1e-6


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("space", ["lab", "hsv"])
def test_every_color_space_is_drawn(plot: Plot, space: Any) -> None:
    image = picture(40, 30)
    figure = segmenter.draw_plot(image, segmenter.segment(image, 3, color_space=space), plot)
    figure.draw_without_rendering()
    if plot == "colors":
        channel = {"lab": "L*", "hsv": "value"}[space]
        assert {channel, f"{channel} →"} <= set(texts(figure))


def test_figures_ignore_transparent_pixels() -> None:
    image = np.dstack([picture(40, 30), np.full((30, 40), 255, np.uint8)])
    image[:10, :, 3] = 0
    segmentation = segmenter.segment(image, 2)
    for plot in PLOTS:
        segmenter.draw_plot(image, segmentation, plot).draw_without_rendering()
    assert any("no label" in text for text in texts(segmenter.draw_plot(image, segmentation, "palette")))


# ---- what is drawn -------------------------------------------------------------------------------------------------


def test_ellipses_are_the_outlines_of_the_ellipsoids() -> None:
    image = overlapping()
    segmentation = segmenter.segment(image, 3)
    figure = segmenter.draw_plot(image, segmentation, "colors")
    shapes = figure.findobj(Ellipse)
    assert len(shapes) == 3
    projection, eye = build_projection()
    np.testing.assert_allclose(projection @ projection.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(projection @ eye, 0, atol=1e-12)
    directions = np.random.default_rng(0).standard_normal((4000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for k, shape in enumerate(shapes):
        assert isinstance(shape, Ellipse)
        surface = SIGMAS * directions @ np.linalg.cholesky(segmentation.mixture.covariances[k]).T
        flat = surface @ projection.T
        turn = np.radians(shape.angle)
        along, across = flat @ [np.cos(turn), np.sin(turn)], flat @ [-np.sin(turn), np.cos(turn)]
        radius = np.hypot(along / (shape.width / 2), across / (shape.height / 2))
        assert radius.max() <= 1 + 1e-9
        assert radius.max() > 0.99


def test_points_have_the_colors_that_they_represent() -> None:
    image, _ = grainy()
    figure = segmenter.draw_plot(image, segmenter.segment(image, 3), "colors")
    (cloud,) = figure.findobj(PathCollection)
    assert isinstance(cloud, PathCollection)
    drawn = {tuple(color) for color in np.rint(255 * np.asarray(cloud.get_facecolor())[:, :3]).astype(int).tolist()}
    assert drawn == {tuple(color) for color in image.reshape(-1, 3).tolist()}


def test_an_outline_runs_between_two_segments() -> None:
    labels: Labels = np.repeat(np.array([[1, 2]], np.int32), 40, axis=0).repeat(30, axis=1)
    (curve,) = trace_outlines(labels, Box(5, 10, 60, 40))
    np.testing.assert_allclose(curve[:, 0], 35, atol=0.05)
    assert (curve[:, 1].min(), curve[:, 1].max()) == pytest.approx((10.5, 49.5))
    assert trace_outlines(np.ones((9, 9), np.int32), Box(0, 0, 9, 9)) == []


def test_speckles_take_the_label_of_the_nearest_larger_piece() -> None:
    labels: Labels = np.ones((20, 20), np.int32)
    labels[:, 10:] = 2
    speckled = labels.copy()
    speckled[3, 3], speckled[15, 16] = 2, 3
    np.testing.assert_array_equal(remove_speckles(speckled, 4), labels)
    np.testing.assert_array_equal(remove_speckles(speckled, 1), speckled)


def test_outlines_are_curves_so_that_vector_formats_stay_sharp() -> None:
    image, _ = grainy()
    figure = segmenter.draw_plot(image, segmenter.segment(image, 3), "contours")
    assert len(figure.findobj(LineCollection)) == 2


def test_only_the_largest_of_many_segments_are_cut_out() -> None:
    labels: Labels = np.repeat(np.arange(1, 21, dtype=np.int32)[None], 20, axis=0)
    shares = [k / 210 for k in range(1, 21)]
    colors = np.zeros((20, 3), np.uint8)
    figure = draw_cutouts_figure(SegmentedPhoto(picture(20, 20), labels, SegmentSummary(colors, shares)))
    shown = texts(figure)
    assert [text for text in shown if text.startswith("Segment ")] == [f"Segment {k}" for k in range(6, 21)]
    assert "15 of 20 segments" in shown


def test_palettes_for_other_programs_contain_every_color() -> None:
    css = format_css_palette(SegmentSummary(COLORS, SHARES), "a */ b")
    assert re.findall(r"--segment-(\d): (#[0-9a-f]{6});", css) == [("1", "#0a141e"), ("2", "#c86400"), ("3", "#ffffff")]
    assert css.count("*/") == 4
    gpl = format_gimp_palette(SegmentSummary(COLORS, SHARES, ["sky", "x\ny", ""]), "a photo").splitlines()
    assert gpl[0] == "GIMP Palette"
    rows = [line.split(None, 3) for line in gpl[4:]]
    assert [list(map(int, row[:3])) for row in rows] == COLORS.tolist()
    assert [row[3] for row in rows] == ["Segment 1 sky: 25.0 %", "Segment 2 x?y: 70.0 %", "Segment 3: 5.0 %"]


# ---- options -------------------------------------------------------------------------------------------------------


def run(*arguments: Any, cwd: Path, status: int = 0) -> str:
    """Run the command, check its status, and return its standard error."""
    done = run_text(*map(str, arguments), cwd=cwd)
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(grainy()[0]).save(tmp_path / "bands.png")
    return tmp_path


def test_plots_are_written_next_to_the_results_and_are_reproducible(folder: Path) -> None:
    options = [option for plot in PLOTS for option in ("--plot", plot)]
    for output in ("one", "two"):
        run("segment", "bands.png", "-k", 3, "-o", output, "--dpi", 80, "--no-figure", *options, cwd=folder)
    written = sorted(path.name for path in (folder / "one").iterdir())
    assert {f"bands.plot-{plot}.png" for plot in PLOTS} | {"bands.palette.css", "bands.palette.gpl"} <= set(written)
    assert "bands.figure.png" not in written
    for name in written:
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


@pytest.mark.parametrize("figure_format", ["pdf", "svg"])
def test_vector_plots_keep_text(folder: Path, figure_format: str) -> None:
    options = [option for plot in PLOTS for option in ("--plot", plot)]
    run("segment", "bands.png", "-k", 3, "-o", ".", "--figure-format", figure_format, *options, cwd=folder)
    for plot in PLOTS:
        content = (folder / f"bands.plot-{plot}.{figure_format}").read_bytes()
        assert (b"</text>" if figure_format == "svg" else b"/FontFile2") in content


def test_plots_that_a_method_does_not_support_are_refused_before_any_work(folder: Path) -> None:
    line = run("segment", "bands.png", "--method", "regions", "--plot", "colors", "-o", "x", cwd=folder, status=2)
    assert "--plot colors" in line
    run("segment", "bands.png", "-k", 2, "--save-model", "-o", "models", cwd=folder)
    line = run("apply", "models/bands.model.json", "bands.png", "--plot", "likelihood", cwd=folder, status=2)
    assert "--plot likelihood" in line
    assert "give a folder" in run("segment", "bands.png", "-o", "-", "--plot", "palette", cwd=folder, status=2)
    assert not (folder / "x").exists()


def test_a_batch_draws_plots_and_resumes_where_they_are_missing(folder: Path) -> None:
    run("batch", ".", "-o", "out", "-k", 2, cwd=folder)
    assert "1 up to date" in run("batch", ".", "-o", "out", "-k", 2, "--resume", cwd=folder)
    assert "1 up to date" not in run("batch", ".", "-o", "out", "-k", 2, "--resume", "--plot", "palette", cwd=folder)
    assert (folder / "out" / "bands.plot-palette.png").exists()
    assert "1 up to date" in run("batch", ".", "-o", "out", "-k", 2, "--resume", "--plot", "palette", cwd=folder)


def test_invalid_plots_are_refused() -> None:
    image, _ = grainy()
    segmentation = segmenter.segment(image, 2)
    with pytest.raises(InvalidArgumentError):
        segmenter.draw_plot(image, segmentation, "pie")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        segmenter.draw_plot(image, segmentation, "palette", names=["one"])
    with pytest.raises(InvalidArgumentError):
        segmenter.draw_plot(image[:5], segmentation, "contours")
    with pytest.raises(NoMixtureError):
        segmenter.draw_plot(image, segmenter.segment(image, 2, method="regions"), "colors")
