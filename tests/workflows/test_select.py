"""What is told of a choice: curves, tables and records."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from PIL import Image

from segmenter.arrays import Bytes, Samples
from segmenter.mixture.selection import RULES, SelectionTable
from segmenter.render.curves_figure import Curve, Panel, choose_ticks, draw_curves_figure, format_ticks, spread_labels
from segmenter.render.encoding import encode_figure
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.select import SelectionJob, choose_by_each_rule, explain_interior, run_selection
from tests.support.command import run_text

pytestmark = pytest.mark.slow

CENTERS = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0], [16.0, 0.0]])


def clusters(k: int, seed: int, n_each: int = 80) -> Samples:
    """Return round clusters of unit variance, 8 or more apart."""
    generator = np.random.default_rng(seed)
    values = CENTERS[np.repeat(np.arange(k), n_each)] + generator.standard_normal((k * n_each, 2))
    return Samples(values, np.ones(len(values)))


def mosaic(colors: Any, size: int = 20) -> Bytes:
    """Return flat squares of colors beside each other."""
    return np.repeat(np.repeat(np.asarray(colors, np.uint8)[None], size, axis=0), size, axis=1)


COLORS = np.array(
    [[20, 20, 30], [220, 40, 40], [40, 190, 60], [60, 70, 220], [235, 225, 70], [240, 240, 240], [130, 130, 130]]
)


# ---- curves --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 4.1), (1e-6, 2e-6), (-5e6, 3), (2, 2), (0.95, 1.04)])
def test_ticks_are_few_round_and_told_apart(low: float, high: float) -> None:
    ticks = choose_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert len(set(format_ticks(ticks))) == len(ticks)
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_names_keep_their_distance() -> None:
    places = [10.0, 10.1, 10.2, 30.0, 49.9]
    result = np.array(spread_labels(places, 3, 0, 50))
    assert (np.diff(result) >= 3 - 1e-9).all()
    assert (result >= 0).all()
    assert (result <= 50).all()
    assert result[3] == 30


def test_curves_are_drawn_on_a_page_and_the_same_each_time() -> None:
    values = np.array([1.0, 2.0, np.nan, 2.5])
    names = ("log-likelihood", "held-out", "AIC", "BIC", "ICL")
    curves = [Curve(name, values - 0.001 * i, 4 if i else None) for i, name in enumerate(names)]
    panels = [Panel("Left", tuple(curves)), Panel("Right", tuple(curves[:1]))]
    figure = draw_curves_figure(panels)
    extent = figure.bbox
    for text in figure.findobj(Text):
        assert float(text.get_fontsize()) >= 6
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= extent.x1
        assert box.y0 >= 0
        assert box.y1 <= extent.y1
    assert encode_figure(figure, "png", metadata={}) == encode_figure(draw_curves_figure(panels), "png", metadata={})


def test_a_table_has_every_criterion_but_those_of_pictures(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    np.savetxt(source, clusters(3, 0).values, "%.17g", ",", header="x,y", comments="")
    job = SelectionJob(source, tmp_path / "curves.png", Recipe(), None, 5, 10**9, overwrite=False)
    result = run_selection(job)
    assert result.chosen["bic"] == result.n_components == 3
    assert set(result.chosen) == set(RULES)
    assert [row.k for row in result.table] == [1, 2, 3, 4, 5]
    assert {row.criterion for row in result.table} == {None}
    assert "criterion" not in result.describe()["table"][0]
    assert job.figure.read_bytes().startswith(b"\x89PNG")


# ---- the command ---------------------------------------------------------------------------------------------------


def run(*arguments: str | Path, cwd: Path, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
    if stdin is None:
        return run_text(*arguments, cwd=cwd)
    with stdin.open("rb") as file:
        return run_text(*arguments, cwd=cwd, stdin=file)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "tiles.png"
    Image.fromarray(mosaic(COLORS[:4])).save(path)
    return path


def test_segment_chooses_and_tells(photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, "-k", "auto", "--no-figure", cwd=tmp_path)
    assert result.returncode == 0
    assert "tiles.png: 4 segments" in result.stderr
    assert "chosen by dithered interior BIC" in result.stderr
    record = json.loads((tmp_path / "outputs" / "tiles.json").read_text())
    assert record["recipe"]["n_segments"] == "auto"
    assert record["selection"]["rule"] == "dithered interior BIC"
    assert record["selection"]["n_segments"] == len(record["segments"]) == 4
    assert len(record["selection"]["log_likelihoods"]) == 4


@pytest.mark.parametrize("k", ["0", "many", "1.5", "65536", "AUTO"])
def test_a_number_of_segments_that_is_none_is_wrong_usage(k: str, photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, "-k", k, cwd=tmp_path)
    assert result.returncode == 2
    assert "is neither a whole number from 1 to 65535 nor auto" in result.stderr.splitlines()[-1]


def test_select_prints_a_table_and_draws_it(photo: Path, tmp_path: Path) -> None:
    result = run("select", photo, "--max-segments", "6", "-o", "curves", cwd=tmp_path)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "4"]  # there are no more colors
    assert lines[4].endswith("*")
    told, why = result.stderr.splitlines()
    assert told == "tiles.png: 4 segments by dithered interior BIC -> curves/tiles.selection.png"
    assert why.startswith("  why: pixels are not independent")
    assert [path.name for path in (tmp_path / "curves").iterdir()] == ["tiles.selection.png"]
    first = (tmp_path / "curves" / "tiles.selection.png").read_bytes()
    assert run("select", photo, "--max-segments", "6", "-o", "curves", "--overwrite", cwd=tmp_path).returncode == 0
    assert (tmp_path / "curves" / "tiles.selection.png").read_bytes() == first


def test_select_tells_programs(photo: Path, tmp_path: Path) -> None:
    result = run("select", photo, "--json", "-q", cwd=tmp_path)
    record = json.loads(result.stdout)
    assert record["schema"] == 1
    assert record["outputs"] == ["outputs/tiles.selection.png"]
    assert record["chosen"]["dithered interior BIC"] == 4
    assert record["table"][3]["n_parameters"] == 39
    assert result.stderr == ""


def test_select_says_in_one_line_what_is_wrong(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.png").write_bytes(bytes(range(256)))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "tiles.selection.png").write_bytes(b"mine")
    for path in ("nowhere.png", "noise.png", photo):
        result = run("select", path, cwd=tmp_path)
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("segmenter: ")
        assert result.stdout == ""
    assert (tmp_path / "outputs" / "tiles.selection.png").read_bytes() == b"mine"
    assert run("select", photo, "--max-segments", "0", cwd=tmp_path).returncode == 2


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "points.csv"
    np.savetxt(path, clusters(3, 0).values, "%.4f", ",", header="x,y", comments="")
    return path


@pytest.mark.parametrize("name", ["points.csv", "points.data", "-"])
def test_the_rows_of_a_table_are_compared(name: str, table: Path, tmp_path: Path) -> None:
    if name == "points.data":
        table.rename(tmp_path / name)
    result = run("select", name, "--max-segments", "5", cwd=tmp_path, stdin=table if name == "-" else None)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "4", "5"]
    assert lines[3].count("*") >= 3
    stem = "stdin" if name == "-" else "points"
    told, why = result.stderr.splitlines()
    assert told.endswith(f": 3 clusters by BIC -> outputs/{stem}.selection.png")
    assert why == "  why: rows count as independent samples, for which BIC was right most often"
    assert (tmp_path / "outputs" / f"{stem}.selection.png").is_file()


def test_select_and_cluster_choose_alike(table: Path, tmp_path: Path) -> None:
    chosen = json.loads(run("select", table, "--json", cwd=tmp_path).stdout)
    model = json.loads(run("cluster", table, "--json", "--no-figure", cwd=tmp_path).stdout)
    assert chosen["chosen"][chosen["rule"]] == len(model["clusters"]) == 3
    assert chosen["why"] == model["choice"]["why"]
    by_k = {row["n_clusters"]: row["bic"] for row in chosen["table"]}
    for row in model["choice"]["table"]:
        assert row["bic"] == pytest.approx(by_k[row["n_clusters"]], rel=1e-3)


def test_a_photo_from_standard_input_is_compared(photo: Path, tmp_path: Path) -> None:
    result = run("select", "-", cwd=tmp_path, stdin=photo)
    assert result.stderr.startswith("stdin: 4 segments by dithered interior BIC -> outputs/stdin.selection.png")


def test_columns_are_chosen_and_missing_values_take_part(tmp_path: Path) -> None:
    values = clusters(2, 0).values
    rows = [f"{x:.4f},{'' if i % 9 == 0 else f'{y:.4f}'},word" for i, (x, y) in enumerate(values)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,s", *rows]))
    refused = run("select", "t.csv", cwd=tmp_path)
    assert refused.returncode == 1
    assert "--columns x,y" in refused.stderr
    result = run("select", "t.csv", "--columns", "x, y", "--max-segments", "4", "--json", cwd=tmp_path)
    record = json.loads(result.stdout)
    assert record["recipe"]["columns"] == ["x", "y"]
    assert record["input"]["rows_with_missing_values"] == 18
    assert record["chosen"]["bic"] == 2


def test_components_without_spread_have_no_say(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x = np.concatenate([np.full(40, 3.0), generator.normal(0, 1, 200)])
    np.savetxt(tmp_path / "t.csv", x, "%.4f", header="x", comments="")
    record = json.loads(run("select", "t.csv", "--max-segments", "3", "--json", cwd=tmp_path).stdout)
    assert record["chosen"]["bic"] == 1
    assert [row["bic"] is None for row in record["table"]] == [False, True, True]
    assert "not compared, since components collapsed or died: K = 2, 3" in record["notes"][0]


def test_the_search_for_clusters_says_which_numbers_it_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n" + "3\n" * 40 + "\n".join(f"{n / 10}" for n in range(30)))
    result = run("cluster", "t.csv", "--no-figure", "--json", cwd=tmp_path)
    choice = json.loads(result.stdout)["choice"]
    assert [row["n_clusters"] for row in choice["table"]] == [1]
    assert choice["left_out"] == [2, 3, 4]
    note = "not compared, since components collapsed or died: K = 2, 3, 4; the search ended at K = 4"
    assert f"  note: {note}\n" in result.stderr


@given(st.data(), st.integers(1, 12))
def test_every_clause_of_the_reason_is_true(data: st.DataObject, n: int) -> None:
    numbers = st.lists(st.integers(0, 5).map(float), min_size=n, max_size=n)
    columns = {name: np.array(data.draw(numbers)) for name in ("bic", "aic", "icl", "held_out")}
    if data.draw(st.booleans()):
        columns["held_out"] = np.full(n, np.nan)
    table = SelectionTable(
        np.ones(n), np.ones(n), **columns, is_sound=np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    )
    reason = explain_interior(choose_by_each_rule(table, sound_only=False), n)
    parts = re.fullmatch(r"(.*); of 1 to (\d+), (.*)", reason)
    assert parts is not None
    general, counted, clauses = parts.groups()
    assert general == "pixels are not independent, as other criteria assume"
    assert int(counted) == n
    said: dict[str, int] = {}
    for names, k in re.findall(r"(.*?) chooses? (\d+)(?:, |$)", clauses):
        said |= dict.fromkeys(re.split(", | and ", names), int(k))
    lowest = {
        name: int(np.argmin(columns[field])) + 1 for name, field in (("BIC", "bic"), ("AIC", "aic"), ("ICL", "icl"))
    }
    if np.isfinite(columns["held_out"]).all():
        lowest["held-out likelihood"] = int(np.argmax(columns["held_out"])) + 1
    assert said == lowest


def test_numbers_too_long_for_their_column_are_rounded(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,\n2,3\n,4\n5,6\n,\n")  # of so few rows, those held out are far away
    result = run("select", "t.csv", cwd=tmp_path)
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert all(len(line.split()) == 6 for line in lines[:-1])


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        ("t.csv", b"x\n1\n2\n", ["--color-space", "lab"], "--color-space is for photos, and t.csv is a table"),
        ("t.csv", b"x\n1\n2\n", ["--columns", "z"], "t.csv: has no column 'z'"),
        ("t.csv", b"s\na\nb\n", [], "no column holds numbers"),
        ("t.csv", b"x\n", [], "no rows"),
        ("t.csv", b"x\n1e-310\n0\n", [], "column 'x' has a range of only 1e-310"),
        ("t.csv", b"", [], "is empty (0 bytes)"),
        ("t.csv", b"\xff\xfex\0", [], "is UTF-16"),
        ("t.dat", bytes(range(256)), [], "not a picture in a known format; formats read: JPEG"),
        ("t.jpg", b"hello\n", [], "t.jpg: is not a picture in a known format"),
        (".", b"", [], "is a folder"),
    ],
)
def test_what_cannot_be_compared_costs_one_line(
    name: str, content: bytes, options: list[str], words: str, tmp_path: Path
) -> None:
    if name != ".":
        (tmp_path / name).write_bytes(content)
    result = run("select", name, *options, cwd=tmp_path)
    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "outputs").exists()


def test_columns_are_not_for_photos(photo: Path, tmp_path: Path) -> None:
    result = run("select", photo, "--columns", "x", cwd=tmp_path)
    assert result.returncode == 1
    assert "--columns is for tables" in result.stderr


@pytest.mark.parametrize("command", ["select", "cluster"])
def test_curves_and_tables_do_not_go_to_standard_output(command: str, table: Path, tmp_path: Path) -> None:
    result = run(command, table, "-o", "-", cwd=tmp_path)
    assert result.returncode == 2
    assert "give a folder" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]
