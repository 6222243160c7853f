"""``segmenter compare``: variants, layout, colors, tables, and what goes wrong."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from skimage.color import rgb2lab

from segmenter.arrays import Labels
from segmenter.errors import InvalidArgumentError, PageFullError
from segmenter.render.comparison_figure import Comparison, Variant, check_panel_size, draw_comparison_figure
from segmenter.render.comparison_style import ComparisonStyle, format_panel_letter
from segmenter.render.page import MM_PER_INCH
from segmenter.render.palette import build_lightness_palette
from segmenter.render.panels import MAX_HEIGHT_MM
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.compare.run import match_segments
from segmenter.workflows.compare.tables import VariantMetrics, encode_table, escape_latex
from segmenter.workflows.compare.variants import GridAxes, build_variants
from tests.support.command import run_text
from tests.support.files import save_image
from tests.support.scenes import grainy, two_colors

pytestmark = pytest.mark.slow


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "bands.png"
    Image.fromarray(grainy()[0]).save(path)
    return path


def run(*arguments: Any, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command, and check its status."""
    done = run_text("compare", *map(str, arguments), cwd=Path())
    assert done.returncode == status, done.stderr
    return done


def complaint(*arguments: Any, status: int) -> str:
    """Run the command, which must fail; return the one line that it prints."""
    done = run(*arguments, status=status)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def scene(width: int, height: int, n_variants: int, k: int = 3) -> Comparison:
    """Return a photo of random pixels with variants of stripes."""
    generator = np.random.default_rng(width + height)
    labels: Labels = np.broadcast_to(np.arange(width, dtype=np.int32) % k + 1, (height, width))
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    numbers = ("3 segments", f"log L {-1.2345:.3f}", "BIC 123.4k")
    variant = Variant("K = 3", numbers, labels, build_lightness_palette(k))
    return Comparison("a photo", pixels, (variant,) * n_variants)


# ---- variants ------------------------------------------------------------------------------------------------------


def test_without_axes_three_numbers_of_segments_are_compared() -> None:
    grid = build_variants(GridAxes(), {"seed": 3})
    assert [variant.title for variant in grid.variants] == ["K = 2", "K = 4", "K = 8"]
    assert [variant.recipe for variant in grid.variants] == [Recipe(n_segments=k, seed=3) for k in (2, 4, 8)]


def test_titles_name_what_varies_and_two_axes_make_a_table() -> None:
    grid = build_variants(GridAxes(methods=("gmm", "hard-em"), color_spaces=("rgb", "lab", "hsv")), {})
    assert grid.n_columns == 3
    assert [variant.title for variant in grid.variants][:4] == ["GMM, RGB", "GMM, Lab", "GMM, HSV", "Hard EM, RGB"]


def test_variants_that_are_the_same_are_drawn_once() -> None:
    grid = build_variants(GridAxes(methods=("gmm", "k-means", "regions"), covariances=("full", "diag")), {})
    assert [variant.title for variant in grid.variants] == ["GMM, full", "GMM, diag", "k-means", "Regions"]
    assert grid.n_columns is None


def test_what_varies_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="color_spaces make no difference to regions"):
        build_variants(GridAxes(methods=("regions",), color_spaces=("rgb", "lab")), {})
    with pytest.raises(InvalidArgumentError, match="covariances make no difference to regions and k-means"):
        build_variants(GridAxes(methods=("regions", "k-means"), covariances=("tied",)), {})


def test_of_regions_auto_is_their_medium_scale() -> None:
    (variant,) = build_variants(GridAxes(methods=("regions",), segments=("auto",)), {}).variants
    assert variant.recipe.n_segments is None
    assert variant.title == "Regions"


# ---- colors --------------------------------------------------------------------------------------------------------


def test_alike_segments_have_one_color_whatever_their_numbers() -> None:
    reference: Labels = np.repeat(np.array([[1, 2, 3, 4]], np.int32), 5, axis=0)
    merged = np.where(reference <= 2, 2, np.where(reference == 3, 1, 3)).astype(np.int32)
    found = match_segments(merged, reference, 3, 4)
    assert found[0] == 2
    assert found[1] in (0, 1)
    assert found[2] == 3


def test_a_label_without_pixels_has_a_color_of_its_own() -> None:
    labels: Labels = np.array([[1, 3, 3]], np.int32)
    assert sorted(match_segments(labels, np.array([[2, 1, 1]], np.int32), 3, 3).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("n", [0, 1, 2, 8, 40, 300])
def test_colors_rise_from_dark_to_bright_in_even_steps(n: int) -> None:
    colors = build_lightness_palette(n)
    assert colors.shape == (n, 3)
    lightness = rgb2lab(colors[None, :255] / 255.0)[0, :, 0]
    steps = np.diff(lightness)
    np.testing.assert_allclose(steps, steps.mean() if n > 1 else 0, atol=2.5)
    assert (steps > 7).all() or n > 8


# ---- the page ------------------------------------------------------------------------------------------------------

SHAPES = [(1, 1), (40, 30), (30, 40), (400, 3), (3, 400), (64, 64)]


@pytest.mark.parametrize(("width", "height"), SHAPES)
@pytest.mark.parametrize(
    "style", [ComparisonStyle(), ComparisonStyle(width_mm=89), ComparisonStyle(font_size=10, layout="grid")]
)
def test_nothing_is_cut_off_and_no_texts_overlap(width: int, height: int, style: ComparisonStyle) -> None:
    figure = draw_comparison_figure([scene(width, height, 3)], style, legend_colors=build_lightness_palette(3))
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [artist for artist in figure.findobj(Text) if artist.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for box in boxes:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    for i, box in enumerate(boxes):
        assert not any(box.shrunk(0.98, 0.7).overlaps(other.shrunk(0.98, 0.7)) for other in boxes[:i])
    assert figure.get_figwidth() * MM_PER_INCH == pytest.approx(style.width_mm)
    assert figure.get_figheight() * MM_PER_INCH <= MAX_HEIGHT_MM + 1e-6


def test_photos_go_down_and_variants_across() -> None:
    figure = draw_comparison_figure([scene(40, 30, 2), scene(30, 40, 2)], legend_colors=None)
    marks = [text for text in figure.findobj(Text) if re.fullmatch(r"\([a-f]\)", text.get_text())]
    assert [mark.get_text() for mark in marks] == [f"({name})" for name in "abcdef"]
    tops = [mark.get_position()[1] for mark in marks]
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[4] == tops[5]


def test_two_things_varied_make_rows_and_columns_beside_the_photo() -> None:
    figure = draw_comparison_figure([scene(40, 30, 6)], legend_colors=None, n_across=3)
    marks = [text for text in figure.findobj(Text) if re.fullmatch(r"\([a-g]\)", text.get_text())]
    lefts = [round(mark.get_position()[0], 3) for mark in marks]
    tops = [round(mark.get_position()[1], 3) for mark in marks]
    assert lefts[0] < lefts[1] == lefts[4] < lefts[2] == lefts[5]
    assert tops[1] < tops[0] < tops[4]


def test_panels_too_small_to_see_are_refused() -> None:
    with pytest.raises(PageFullError):
        draw_comparison_figure([scene(40, 30, 30)], ComparisonStyle(layout="row"), legend_colors=None)
    with pytest.raises(PageFullError):
        draw_comparison_figure([scene(40, 30, 2)] * 30, legend_colors=None)


@pytest.mark.parametrize(
    "style", [ComparisonStyle(), ComparisonStyle(layout="row"), ComparisonStyle(width_mm=60, font_size=12)]
)
@pytest.mark.parametrize("n_photos", [1, 2, 9, 30])
def test_what_is_refused_before_any_work_would_not_have_been_drawn(n_photos: int, style: ComparisonStyle) -> None:
    for n_variants in (1, 4, 13, 30):
        try:
            check_panel_size(n_photos, n_variants, style)
        except PageFullError:
            for shape in ((40, 30), (10, 200), (200, 10)):
                with pytest.raises(PageFullError):
                    draw_comparison_figure([scene(*shape, n_variants)] * n_photos, style, legend_colors=None)
        else:
            assert n_variants < 30 or (n_photos == 1 and style.layout is None)


def test_letters_go_on_after_z() -> None:
    assert [format_panel_letter(i) for i in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "a",
        "z",
        "aa",
        "ab",
        "az",
        "ba",
        "zz",
        "aaa",
    ]


def test_an_overlay_of_opacity_0_is_the_photo_in_gray_and_of_1_the_areas() -> None:
    def pixels(overlay: float | None) -> Any:
        figure = draw_comparison_figure([scene(40, 30, 1)], ComparisonStyle(overlay=overlay), legend_colors=None)
        return [artist.pixels for artist in figure.artists if hasattr(artist, "pixels")]

    photo, gray = pixels(0)
    np.testing.assert_allclose(gray[..., 0], photo[..., :3] @ (0.299, 0.587, 0.114), atol=0.51)
    np.testing.assert_array_equal(pixels(1)[1], pixels(None)[1])


@pytest.mark.parametrize(
    ("style", "cut_out"),
    [
        (ComparisonStyle(), None),
        (ComparisonStyle(overlay=0.5), None),
        (ComparisonStyle(boundaries=True), None),
        (ComparisonStyle(), 1),
    ],
)
def test_transparent_pixels_show_in_no_panel(style: ComparisonStyle, cut_out: int | None) -> None:
    drawn = scene(40, 30, 1)
    labels = drawn.variants[0].labels.copy()
    labels[:10] = 0
    drawn = replace(drawn, variants=(replace(drawn.variants[0], labels=labels, cut_out=cut_out),))
    figure = draw_comparison_figure([drawn], style, legend_colors=None)
    pictures = [artist.pixels for artist in figure.artists if hasattr(artist, "pixels")]
    panels = [pixels for pixels in pictures if pixels.shape == (30, 40, 4)]
    assert len(panels) == 2
    for pixels in panels:
        np.testing.assert_array_equal(pixels[..., 3] > 0, labels > 0)


# ---- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_two_runs_give_the_same_bytes(photo: Path, tmp_path: Path, ending: str) -> None:
    contents = []
    for name in ("one", "two"):
        output = tmp_path / name / f"figure.{ending}"
        run(photo, "-k", "2,3", "--methods", "gmm,k-means", "-o", output, "--dpi", 80)
        contents.append(output.read_bytes())
    assert contents[0] == contents[1]


def test_a_vector_figure_keeps_its_text_and_brings_the_letters_along(photo: Path, tmp_path: Path) -> None:
    svg, pdf = tmp_path / "a.svg", tmp_path / "a.pdf"
    for output in (svg, pdf):
        run(photo, "-k", "2", "-o", output, "--dpi", 80)
    text = svg.read_text()
    assert ">bands</text>" in text
    assert len(re.findall(r"@font-face\{font-family:'DejaVu Sans';font-weight:(400|700)", text)) == 2
    assert b"/FontFile2" in pdf.read_bytes()


def test_numbers_are_those_of_the_record_in_every_table(photo: Path, tmp_path: Path) -> None:
    tables = [tmp_path / f"numbers.{ending}" for ending in ("csv", "tex", "md")]
    options = [option for table in tables for option in ("--table", table)]
    done = run(photo, "--methods", "gmm,hard-em,regions", "-k", 3, "-o", tmp_path / "a.png", *options, "--json")
    variants = json.loads(done.stdout)["variants"]
    rows = list(csv.DictReader(io.StringIO(tables[0].read_text())))
    assert [row["letter"] for row in rows] == ["b", "c", "d"]
    assert [row["segments"] for row in rows] == ["3", "3", "3"]
    assert float(rows[0]["bic"]) == variants[0]["bic"]
    assert [row["bic"] == "" for row in rows] == [False, True, True]
    assert rows[2]["log_likelihood"] == ""
    assert "seconds" not in rows[0]
    assert tables[1].read_text().count(r"\\") == 4
    assert len({line.count("|") for line in tables[2].read_text().splitlines()}) == 1


def test_the_log_likelihood_of_soft_em_is_the_highest_of_its_model(photo: Path, tmp_path: Path) -> None:
    done = run(photo, "--methods", "gmm,hard-em,k-means", "-k", 2, "-o", tmp_path / "a.png", "--json")
    soft, hard, means = (variant["log_likelihood"] for variant in json.loads(done.stdout)["variants"])
    assert soft >= hard - 1e-9
    assert soft > means


def test_texts_are_escaped() -> None:
    assert escape_latex("a_b & 50 %\\{x}") == r"a\_b \& 50 \%\textbackslash{}\{x\}"
    numbers = VariantMetrics("b", "a|b.png", "GMM", "GMM", 2, "RGB", "full", 3, -1.0, 2.0, 3, True, 0.1)
    table = encode_table([numbers, VariantMetrics(**{**numbers.__dict__, "photo": "c"})], ".md", times=False).decode()
    assert r"a\|b.png" in table


def test_a_variant_with_fewer_colors_than_segments_is_told(tmp_path: Path) -> None:
    save_image(two_colors(), tmp_path / "two.png")
    result = run(tmp_path / "two.png", "-k", "2,4", "-o", tmp_path / "a.png")
    assert "  note: (c) 2 colors, so 2 segments instead of 4" in result.stderr.splitlines()


# ---- what goes wrong -----------------------------------------------------------------------------------------------


def test_what_cannot_be_drawn_is_one_line_and_nothing_is_written(photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "a.png"
    cases: list[tuple[str, int, list[Any]]] = [
        ("no such file", 1, [tmp_path / "missing.png"]),
        ("do not fit on a page", 1, [photo, "-k", ",".join(map(str, range(2, 40))), "--layout", "row"]),
        ("is not inside", 1, [photo, "--crop", "0,0,500,5"]),
        ("'magic'", 2, [photo, "--methods", "gmm,magic"]),
        ("'rgb'", 2, [photo, "--color-spaces", "cmyk"]),
        ("neither a length", 2, [photo, "--width", "wide"]),
        ("40 to 1200", 2, [photo, "--width", "3mm"]),
        ("--boundaries", 2, [photo, "--boundaries", "--overlay", "0.5"]),
        (".csv, .tex or .md", 2, [photo, "--table", tmp_path / "a.txt"]),
        ("not a rectangle", 2, [photo, "--crop", "1,2,3"]),
        ("the same name", 2, [photo, "--table", tmp_path / "a.md", "--table", tmp_path / "a.md"]),
    ]
    for words, status, arguments in cases:
        assert words in complaint(*arguments, "-o", output, status=status)
    assert "must end in .png, .pdf or .svg" in complaint(photo, "-o", tmp_path / "a.jpg", status=2)
    assert "would replace an input" in complaint(photo, "-o", photo, status=1)
    assert not output.parent.exists()


def test_widths_are_lengths_or_names(photo: Path, tmp_path: Path) -> None:
    for width, mm in (("nature-single", 89), ("3.5in", 88.9), ("12cm", 120), ("100", 100)):
        output = tmp_path / "a.png"
        run(photo, "-k", 2, "-o", output, "--width", width, "--dpi", 254, "--overwrite")
        with Image.open(output) as image:
            assert image.width == pytest.approx(10 * mm, abs=1)
