"""``segmenter cluster`` as a person runs it: tables, files, exit status."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from segmenter.arrays import Floats, Samples
from segmenter.mixture.config import FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.inference import predict, responsibilities
from segmenter.mixture.model import Mixture
from segmenter.render.axes import ClusterModel
from segmenter.render.table_figures import LabeledRows, draw_clusters_figure, draw_likelihood_figure
from tests.support.command import run_text

pytestmark = pytest.mark.slow

OUTPUTS = ("clusters.png", "labels.csv", "likelihood.png", "model.json")
MEANS = np.array([[0.0, 0.0], [6.0, 1.0], [2.0, 7.0]])
COVARIANCES = np.array([[[1.0, 0.6], [0.6, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -0.4], [-0.4, 0.5]]])
WEIGHTS = np.array([0.5, 0.2, 0.3])


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_text("cluster", *arguments, cwd=cwd)


def write(path: Path, header: str, rows: Any) -> Path:
    lines = [header, *(",".join(value if isinstance(value, str) else f"{value:.6f}" for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def drawn(n: int, seed: int = 0) -> tuple[Floats, Any]:
    """Return n samples of the three clusters, and the cluster of each from 0."""
    generator = np.random.default_rng(seed)
    part = generator.choice(3, n, p=WEIGHTS)
    factors = np.linalg.cholesky(COVARIANCES)
    return MEANS[part] + np.einsum("nij,nj->ni", factors[part], generator.standard_normal((n, 2))), part


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of three clusters in two dimensions."""
    return write(tmp_path / "t.csv", "x,y", drawn(1500)[0])


def model(folder: Path, name: str = "t") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "outputs" / f"{name}.model.json").read_text())
    return found


def rows_of(folder: Path, name: str = "t") -> list[dict[str, str]]:
    with (folder / "outputs" / f"{name}.labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of an error."""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("segmenter: ")
    assert "Traceback" not in line
    return line


# ---- what is found -------------------------------------------------------------------------------------------------


def test_a_table_gives_four_files_and_says_why(table: Path, tmp_path: Path) -> None:
    result = run(table, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "")
    line, why = result.stderr.splitlines()
    assert why == "  why: rows count as independent samples, for which BIC was right most often"
    assert "t.csv: 3 clusters" in line
    assert "by BIC from 1,500 rows" in line
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == [f"t.{kind}" for kind in OUTPUTS]


def test_three_clusters_in_two_dimensions_are_recovered(table: Path, tmp_path: Path) -> None:
    assert run(table, "-k", "3", "--no-figure", cwd=tmp_path).returncode == 0
    mixture = model(tmp_path)["mixture"]
    order = np.argsort(MEANS[:, 0])
    assert np.array(mixture["means"]) == pytest.approx(MEANS[order], abs=0.2)
    assert np.array(mixture["weights"]) == pytest.approx(WEIGHTS[order], abs=0.04)
    assert np.array(mixture["covariances"]) == pytest.approx(COVARIANCES[order], abs=0.4)
    labels = np.array([int(row["label"]) for row in rows_of(tmp_path)])
    assert np.mean(labels == np.argsort(order)[drawn(1500)[1]] + 1) > 0.97


@pytest.mark.parametrize("means", [(-2.0, 3.0), (-6.0, 0.0, 5.0)])
def test_clusters_in_one_dimension_are_recovered(means: tuple[float, ...], tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    values = np.concatenate([generator.normal(mean, 0.9, 500) for mean in means])[:, None]
    path = write(tmp_path / "t.csv", "length", values)
    assert run(path, cwd=tmp_path).returncode == 0
    found = model(tmp_path)["mixture"]
    assert np.array(found["means"])[:, 0] == pytest.approx(means, abs=0.15)
    assert np.sqrt(np.array(found["covariances"])[:, 0, 0]) == pytest.approx(0.9, abs=0.15)


def test_probabilities_are_those_of_the_model(table: Path, tmp_path: Path) -> None:
    run(table, "-k", "3", "--no-figure", cwd=tmp_path)
    found = model(tmp_path)["mixture"]
    weights, means, covariances = (np.array(found[name]) for name in ("weights", "means", "covariances"))
    mixture = Mixture(weights, means, covariances)
    rows = rows_of(tmp_path)
    values = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    written = np.array([[float(row[f"p{k}"]) for k in (1, 2, 3)] for row in rows])
    assert written == pytest.approx(responsibilities(mixture, values), rel=1e-5, abs=1e-300)
    assert [int(row["label"]) for row in rows] == (written.argmax(axis=1) + 1).tolist()


def test_the_table_is_as_it_was_but_longer(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    numbers = [f"{x:.3f}" for x in np.concatenate([generator.normal(0, 1, 30), generator.normal(20, 1, 30)])]
    lines = ["name\tx", *(f'"a\t{i}"\t{number}' for i, number in enumerate(numbers))]
    (tmp_path / "t.tsv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert run("t.tsv", "--columns", "x", "-k", "2", "--no-figure", cwd=tmp_path).returncode == 0
    written = (tmp_path / "outputs" / "t.labels.csv").read_bytes().decode("utf-8-sig").split("\r\n")
    assert written[0] == "name\tx\tlabel\tp1\tp2"
    assert [line.rsplit("\t", 3)[0] for line in written] == [*lines, ""]
    assert [line.split("\t")[-3] for line in written[1:-1]] == ["1"] * 30 + ["2"] * 30


def test_names_that_are_taken_get_a_prefix(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "x,label", [(float(i), float(i % 7)) for i in range(40)])
    result = run(path, "--columns", "x", "-k", "2", "--no-figure", cwd=tmp_path)
    assert "note: the table already has a column with the name of a new one" in result.stderr
    assert list(rows_of(tmp_path)[0]) == ["x", "label", "segmenter_label", "segmenter_p1", "segmenter_p2"]


def test_missing_values_take_part(tmp_path: Path) -> None:
    values, part = drawn(900)
    rows = [[f"{x:.4f}", f"{y:.4f}"] for x, y in values]
    for i in range(0, 900, 10):
        rows[i][i // 10 % 2] = ("", "NA", "nan")[i // 10 % 3]
    rows[5] = ["", ""]  # nothing is known of this one
    path = write(tmp_path / "t.csv", "x,y", rows)
    result = run(path, "-k", "3", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "900 rows, 91 with missing values" in result.stderr
    found = rows_of(tmp_path)
    labels = np.array([int(row["label"]) for row in found])
    rank = np.argsort(np.argsort(MEANS[:, 0])) + 1
    assert np.mean(labels[::10] == rank[part][::10]) > 0.8
    weights = model(tmp_path)["mixture"]["weights"]
    assert [float(found[5][f"p{k}"]) for k in (1, 2, 3)] == pytest.approx(weights, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "hard-em"],
        ["--method", "k-means"],
        ["--covariance", "diag"],
        ["--covariance", "tied"],
        ["--init", "random"],
        ["--tolerance", "1e-9"],
        ["--max-iterations", "1"],
        ["--restarts", "1"],
        ["--seed", "3"],
    ],
)
def test_every_option_changes_the_fit(options: list[str], table: Path, tmp_path: Path) -> None:
    run(table, "-k", "4", "--no-figure", cwd=tmp_path)
    before = model(tmp_path)
    result = run(table, "-k", "4", "--no-figure", "--overwrite", *options, cwd=tmp_path)
    assert result.returncode == 0
    after = model(tmp_path)
    assert after["fit"] != before["fit"]
    assert after["recipe"] != before["recipe"]


def test_the_same_run_gives_the_same_bytes_and_names_no_place(table: Path, tmp_path: Path) -> None:
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_bytes(table.read_bytes())
        assert run("t.csv", "-k", "3", "-q", cwd=tmp_path / folder).stderr == ""
        files = sorted((tmp_path / folder / "outputs").iterdir())
        contents.append({path.name: path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in b"".join(contents[0].values())


def test_json_goes_to_stdout(table: Path, tmp_path: Path) -> None:
    result = run(table, "-k", "2", "--no-figure", "--json", "-q", cwd=tmp_path)
    printed = json.loads(result.stdout)
    assert printed.pop("source") == str(table)
    assert printed.pop("outputs") == ["outputs/t.labels.csv", "outputs/t.model.json"]
    assert printed == model(tmp_path)
    assert result.stderr == ""


def test_verbose_tells_of_each_cluster(table: Path, tmp_path: Path) -> None:
    told = run(table, "--no-figure", "-v", cwd=tmp_path).stderr
    for words in ("columns: x, y", "converged after", "BIC: 1:", "weight 0.4"):
        assert words in told


# ---- figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_columns", "size_mm"), [(1, (120, 74)), (2, (120, 100)), (4, (183, 183)), (7, (183, 183))])
def test_figures_of_any_number_of_columns(n_columns: int, size_mm: tuple[int, int], tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.standard_normal((60, n_columns)) + shift for shift in (0, 8)])
    path = write(tmp_path / "t.csv", ",".join("abcdefg"[:n_columns]), values)
    assert run(path, "-k", "2", "--dpi", "100", cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / "outputs" / "t.clusters.png") as image:
        assert image.size == pytest.approx([mm / 25.4 * 100 for mm in size_mm], abs=9)
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 24) or []}
        assert len(colors) > 20
    assert (tmp_path / "outputs" / "t.likelihood.png").exists()


@pytest.mark.parametrize("figure_format", ["pdf", "svg"])
def test_figures_in_other_formats(figure_format: str, table: Path, tmp_path: Path) -> None:
    assert run(table, "-k", "2", "--figure-format", figure_format, cwd=tmp_path).returncode == 0
    for kind in ("likelihood", "clusters"):
        content = (tmp_path / "outputs" / f"t.{kind}.{figure_format}").read_bytes()
        assert content.startswith(b"%PDF" if figure_format == "pdf" else b"<?xml")


@pytest.mark.parametrize("n_columns", [1, 2, 3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
def test_powers_of_ten_and_names_of_clusters_stand_in_the_figure(n_columns: int, scale: float) -> None:
    generator = np.random.default_rng(0)
    values = scale * np.concatenate([generator.standard_normal((60, n_columns)) + shift for shift in (0, 8)])
    found = fit(Samples(values, np.ones(120)), FitConfig(2))
    columns = ["$a", "b", "c"][:n_columns]
    labels = predict(found.mixture, values)
    rows, model = LabeledRows(values, labels, columns), ClusterModel(found.mixture, np.arange(1, 3), ("one", "two"))
    figure = draw_clusters_figure(rows, model)
    figure.draw_without_rendering()
    shown = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    (axis,) = (axes.xaxis for axes in figure.axes if axes.get_xlabel().startswith("$a"))
    _, has_power, exponent = axis.get_label_text().rstrip(")").partition(" (×10")
    assert bool(has_power) == (scale != 1)
    power = 10.0 ** int(exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or "0")
    for place, text in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True):
        assert power * float(text.get_text().replace("−", "-")) == pytest.approx(place, abs=1e-9 * scale)
    assert shown.count("one") == 1 + (1 if n_columns < 3 else 3)  # in the key, and in each panel with ellipses
    assert_nothing_is_cut_off(figure)


def assert_nothing_is_cut_off(figure: Figure) -> None:
    """Check that all that is drawn lies on the page; both are in inches."""
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


def test_likelihoods_that_hardly_differ_are_written_out() -> None:
    figure = draw_likelihood_figure(np.array([-16.0801, -16.0752, -16.0746]), converged=True)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    assert all(text.startswith("−16.0") for text in ticks)
    assert axes.yaxis.get_offset_text().get_text() == ""
    assert_nothing_is_cut_off(figure)


def test_likelihoods_that_differ_by_rounding_are_drawn_level() -> None:
    figure = draw_likelihood_figure(np.array([4.344307869, 4.344307834, 4.344307899]), converged=True)
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    assert high - low == pytest.approx(1e-4)
    assert low < 4.3443 < high
    assert_nothing_is_cut_off(figure)


def test_figures_of_an_earlier_run_are_removed(table: Path, tmp_path: Path) -> None:
    assert run(table, "-k", "2", cwd=tmp_path).returncode == 0
    refused = run(table, "-k", "3", "--figure-format", "svg", cwd=tmp_path)
    assert "--overwrite also removes t.likelihood.png, t.clusters.png of the earlier run" in refused.stderr
    result = run(table, "-k", "3", "--figure-format", "svg", "--overwrite", cwd=tmp_path)
    notes = [line for line in result.stderr.splitlines() if "does not write" in line]
    removed = "outputs/t.likelihood.png, outputs/t.clusters.png"
    assert notes == [f"  note: removed files that this run does not write: {removed}"]
    names = {path.name for path in (tmp_path / "outputs").iterdir()}
    assert names == set(json.loads((tmp_path / "outputs" / "t.model.json").read_text())["files"])


# ---- with labels ---------------------------------------------------------------------------------------------------


@pytest.fixture
def labeled(tmp_path: Path) -> Path:
    """Return ten labeled rows of each of the three clusters of `table`, in another order of columns."""
    values, part = drawn(300, seed=7)
    chosen = np.concatenate([np.flatnonzero(part == k)[:10] for k in range(3)])
    names = ["low", "right", "top"]
    rows = [(names[part[i]], float(values[i, 1]), float(values[i, 0])) for i in chosen]
    return write(tmp_path / "known.csv", "class,y,x", rows)


@pytest.mark.parametrize("way", ["learned-start", "clamped"])
def test_labels_give_clusters_their_names(way: str, table: Path, labeled: Path, tmp_path: Path) -> None:
    result = run(table, "--labeled", labeled, "--semi-supervised", way, "--no-figure", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "3 classes (low: 48 %, right: 20 %, top: 32 %)" in result.stderr
    rows = rows_of(tmp_path)
    assert list(rows[0]) == ["x", "y", "label", "p_low", "p_right", "p_top"]
    truth = np.array(["low", "right", "top"])[drawn(1500)[1]]
    assert np.mean([row["label"] == name for row, name in zip(rows, truth, strict=True)]) > 0.97
    assert model(tmp_path)["mixture"]["labels"] == ["low", "top", "right"]  # in the order of the means of x


def test_the_weight_of_labeled_rows_counts(table: Path, labeled: Path, tmp_path: Path) -> None:
    means = []
    for weight in ("1", "1000"):
        options = ("--semi-supervised", "clamped", "--labeled-weight", weight, "--overwrite", "--no-figure")
        run(table, "--labeled", labeled, "--label-column", "class", *options, cwd=tmp_path)
        means.append(np.array(model(tmp_path)["mixture"]["means"]))
    assert np.abs(means[0] - means[1]).max() > 0.02


def test_several_components_a_class(table: Path, labeled: Path, tmp_path: Path) -> None:
    assert run(table, "--labeled", labeled, "-k", "6", "--no-figure", cwd=tmp_path).returncode == 0
    assert sorted(model(tmp_path)["mixture"]["labels"]) == ["low", "low", "right", "right", "top", "top"]
    probabilities = [[float(row[f"p_{name}"]) for name in ("low", "right", "top")] for row in rows_of(tmp_path)]
    assert np.sum(probabilities, axis=1) == pytest.approx(1, abs=1e-5)


def test_classes_that_are_numbers_stay_as_written(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "x", [(float(i % 10 + 100 * (i % 2)),) for i in range(100)])
    known = write(tmp_path / "known.csv", "x,y", [(1.0, "10"), (4.0, "10"), (101.0, "9"), (105.0, "9")])
    assert run(path, "--labeled", known, "--no-figure", cwd=tmp_path).returncode == 0
    assert list(rows_of(tmp_path)[0]) == ["x", "label", "p_9", "p_10"]
    assert [row["label"] for row in rows_of(tmp_path)] == ["10", "9"] * 50


# ---- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("x,y\n1,2\n3,4\n", ["-k", "3"], "2 distinct rows, fewer than the 3 clusters asked for; try -k 2"),
        ("x,y\n1,2\n1,2\n", ["-k", "2"], "1 distinct row,"),
        ("x,s\n1,a\n2,b\n", [], "--columns x"),
        ("s\na\n", [], "no column holds numbers"),
        ("x\n", [], "no rows"),
        ("x\n1\n2\ninf\n", [], "line 4, column 'x': 'inf' is infinite"),
        ("x\n1\n1e400\n2\n", [], "line 3, column 'x': '1e400' is beyond ±1e+100; divide the column by a power of ten"),
        ("x\n1e-310\n3e-310\n", [], "column 'x' has a range of only 2e-310; multiply it by a power of ten"),
        ("x\n1e308\n-1e308\n3\n", [], "line 2, column 'x': '1e308' is beyond ±1e+100"),
        ("x;y\n1,5;2\n2,5;3\n", [], "'1,5' has a decimal comma"),
        ("x\n1\n2\n", ["--columns", "z"], "no column 'z'"),
        ("x,y\n1,2\n1\n", [], "line 3 has 1 field, the header has 2;"),
        ("x\n1\n2\n", ["--labeled", "none.csv"], "none.csv: no such file"),
    ],
)
def test_bad_tables_cost_one_line_and_write_nothing(
    content: str, options: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(content)
    result = run("t.csv", *options, cwd=tmp_path)
    assert result.returncode == 1
    assert words in one_line(result)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("x,y\n1,a\n2,\n", [], "known.csv: line 3, column 'y': has no label"),
        ("x\n1\n2\n", [], "no column that t.csv lacks; name the labels with --label-column"),
        ("x,y,z\n1,a,b\n2,a,b\n", [], "2 columns ('y', 'z')"),
        ("x,y\n1,a\n2,b\n", ["--label-column", "z"], "no column 'z'"),
        ("v,y\n1,a\n2,b\n", ["--label-column", "y"], "known.csv: has no column 'x'"),
        ("x,y\n1,a\n2,b\n", ["-k", "3"], "-k is 3; give a multiple of the 2 classes"),
    ],
)
def test_bad_labels_cost_one_line_and_write_nothing(
    content: str, options: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n2\n5\n6\n")
    (tmp_path / "known.csv").write_text(content)
    result = run("t.csv", "--labeled", "known.csv", *options, cwd=tmp_path)
    assert result.returncode == 1
    assert words in one_line(result)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    "options", [["-k", "0"], ["-k", "some"], ["--label-column", "y"], ["--semi-supervised", "clamped"], []]
)
def test_wrong_usage_is_2(options: list[str], table: Path, tmp_path: Path) -> None:
    tables = [table] if options else []
    assert run(*tables, *options, cwd=tmp_path).returncode == 2
    assert not (tmp_path / "outputs").exists()


def test_results_are_replaced_only_when_asked_to(table: Path, tmp_path: Path) -> None:
    assert run(table, "-k", "2", "--no-figure", cwd=tmp_path).returncode == 0
    before = (tmp_path / "outputs" / "t.model.json").read_bytes()
    assert "--overwrite" in one_line(run(table, "-k", "3", "--no-figure", cwd=tmp_path))
    assert (tmp_path / "outputs" / "t.model.json").read_bytes() == before
    assert run(table, "-k", "3", "--no-figure", "--overwrite", cwd=tmp_path).returncode == 0
    assert (tmp_path / "outputs" / "t.model.json").read_bytes() != before


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "t.labels.csv", "x", [(1.0,), (2.0,)])
    known = write(tmp_path / "t.csv", "x,y", [(1.0, "a"), (2.0, "b")])
    result = run(known, "--columns", "x", "--labeled", path, "-o", ".", "--overwrite", cwd=tmp_path)
    assert result.returncode == 1
    assert "would replace an input" in one_line(result)


def test_constant_and_repeated_rows_do_not_crash(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "x,y", [(float(i % 3), 7.0) for i in range(30)])
    result = run(path, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "no spread" in run(path, "-k", "3", "--overwrite", cwd=tmp_path).stderr


def test_a_hundred_thousand_rows_of_five_columns(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    part = generator.integers(0, 3, 100_000)
    values = 8.0 * part[:, None] + generator.standard_normal((100_000, 5))
    np.savetxt(tmp_path / "t.csv", values, delimiter=",", header="a,b,c,d,e", comments="", fmt="%.5f")
    assert run("t.csv", "-k", "3", "--dpi", "80", cwd=tmp_path).returncode == 0
    labels = np.array([int(row["label"]) for row in rows_of(tmp_path)])
    assert (labels == part + 1).all()


def test_a_picture_is_no_table(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.png")
    assert "is a picture, not a table; try segmenter segment" in one_line(run("photo.png", cwd=tmp_path))


def test_a_weight_of_labels_without_its_use_is_wrong_usage(table: Path, labeled: Path, tmp_path: Path) -> None:
    result = run(table, "--labeled", labeled, "--labeled-weight", "3", cwd=tmp_path)
    assert result.returncode == 2
    assert "--labeled-weight needs --semi-supervised clamped" in one_line(result)
    assert not (tmp_path / "outputs").exists()


# ---- standard input ------------------------------------------------------------------------------------------------


def piped(content: bytes, *options: str, cwd: Path, table: str = "-") -> subprocess.CompletedProcess[str]:
    """Run the command on what comes from a pipe."""
    return run_text("cluster", table, *options, cwd=cwd, input=content)


def test_a_table_from_standard_input_is_as_from_a_file(table: Path, tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "stdin.csv").write_bytes(content)
    assert piped(content, "-k", "3", "-o", "piped", cwd=tmp_path).returncode == 0
    assert run("stdin.csv", "-k", "3", "-o", "read", cwd=tmp_path).returncode == 0
    names = sorted(path.name for path in (tmp_path / "piped").iterdir())
    assert names == ["stdin.clusters.png", "stdin.labels.csv", "stdin.likelihood.png", "stdin.model.json"]
    labels = "stdin.labels.csv"
    assert (tmp_path / "piped" / labels).read_bytes() == (tmp_path / "read" / labels).read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "stdin: is empty"),
        (b"\0" * 200, "stdin: is not text in UTF-8"),
        (b"x\n1\n\xff\n", "stdin: is not text in UTF-8"),
        (b"x\n1\nno\n2\n3\n", "stdin: line 3, column 'x'"),
    ],
)
def test_bad_standard_input_costs_one_line(content: bytes, words: str, tmp_path: Path) -> None:
    result = piped(content, cwd=tmp_path)
    assert result.returncode == 1
    assert words in one_line(result)
    assert not (tmp_path / "outputs").exists()


def test_labels_from_standard_input_are_as_from_a_file(table: Path, labeled: Path, tmp_path: Path) -> None:
    result = piped(labeled.read_bytes(), "--labeled", "-", "-o", "piped", "--no-figure", cwd=tmp_path, table="t.csv")
    assert result.returncode == 0, result.stderr
    assert run(table, "--labeled", labeled, "-o", "read", "--no-figure", cwd=tmp_path).returncode == 0
    assert (tmp_path / "piped" / "t.labels.csv").read_bytes() == (tmp_path / "read" / "t.labels.csv").read_bytes()


def test_standard_input_is_one_table_only(tmp_path: Path) -> None:
    result = piped(b"x\n1\n", "--labeled", "-", cwd=tmp_path)
    assert result.returncode == 2
    assert "standard input (-) can be read only once" in one_line(result)


def test_a_folder_in_the_place_of_an_output_is_told_before_any_work(table: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs" / "t.model.json").mkdir(parents=True)
    assert "t.model.json: cannot be written (is a folder)" in one_line(run(table, "--overwrite", cwd=tmp_path))
