"""Saved models and posteriors from the command line: files, exit status, and what the terminal shows."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import segmenter
from segmenter.arrays import Bytes
from tests.support.command import get_error_line, run
from tests.support.damaged_models import DAMAGE
from tests.support.files import read_files
from tests.support.paths import CHELSEA, COFFEE
from tests.support.scenes import grainy, two_colors

pytestmark = pytest.mark.slow


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return the path of two.png, a picture of two colors."""
    Image.fromarray(two_colors()).save(tmp_path / "two.png")
    return tmp_path / "two.png"


@pytest.fixture
def model(photo: Path, tmp_path: Path) -> Path:
    """Return the path of a model of two.png."""
    segmenter.save_model(segmenter.segment(photo, 2), tmp_path / "two.model.json", label_names=["night", "day"])
    return tmp_path / "two.model.json"


# ---- the same labels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--color-space", "lab"], ["--color-space", "hsv", "--covariance", "tied"]])
def test_the_photo_of_the_model_gets_the_same_files(options: list[str], tmp_path: Path) -> None:
    extras = ["--save", "posteriors", "--save", "confidence", "--no-figure"]
    fitted = run("segment", COFFEE, *options, "--save-model", *extras, "-o", "fitted", cwd=tmp_path)
    assert fitted.returncode == 0, fitted.stderr
    applied = run("apply", "fitted/coffee.model.json", COFFEE, *extras, "-o", "applied", cwd=tmp_path)
    assert applied.returncode == 0, applied.stderr
    one, two = read_files(tmp_path / "fitted"), read_files(tmp_path / "applied")
    kinds = ("labels.png", "segments.png", "posteriors.npz", "confidence.png")
    assert sorted(one) == sorted(f"coffee.{kind}" for kind in (*kinds, "json", "model.json"))
    assert sorted(two) == sorted(f"coffee.{kind}" for kind in (*kinds, "json"))
    for kind in kinds:
        assert one[f"coffee.{kind}"] == two[f"coffee.{kind}"], kind


@pytest.mark.parametrize("kind", ["gray", "gray as RGB", "16 bits", "transparent"])
def test_photos_of_every_kind_get_the_labels_that_they_had(kind: str, tmp_path: Path) -> None:
    image, _ = grainy()
    pixels: dict[str, Bytes | NDArray[np.uint16]] = {
        "gray": image[..., 0],
        "gray as RGB": np.repeat(image[..., :1], 3, axis=2),
        "16 bits": image[..., 0].astype(np.uint16) * 200 + 7,
        "transparent": np.dstack([image, image[..., 0] // 70 * 100]),
    }
    Image.fromarray(pixels[kind]).save(tmp_path / "photo.png")
    run("segment", "photo.png", "-k", "3", "--save-model", "--no-figure", "-o", "fitted", cwd=tmp_path)
    result = run("apply", "fitted/photo.model.json", "photo.png", "--no-figure", "-o", "applied", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for name in ("photo.labels.png", "photo.segments.png"):
        assert (tmp_path / "fitted" / name).read_bytes() == (tmp_path / "applied" / name).read_bytes()


def test_one_model_is_applied_to_many_photos(tmp_path: Path) -> None:
    run("segment", COFFEE, "--save-model", "--no-figure", "-o", "fitted", cwd=tmp_path)
    result = run("apply", "fitted/coffee.model.json", COFFEE, CHELSEA, "-v", cwd=tmp_path)
    assert result.returncode == 0
    kinds = ("labels.png", "segments.png", "figure.png", "json")
    assert sorted(read_files(tmp_path / "outputs")) == sorted(f"{n}.{k}" for n in ("coffee", "chelsea") for k in kinds)
    told = result.stderr.decode()
    assert "chelsea.png: 4 segments" in told
    assert "nats per pixel" not in told
    assert all(len(line) <= 80 for line in told.splitlines())


def test_the_record_says_which_model_it_was(model: Path, photo: Path, tmp_path: Path) -> None:
    result = run("apply", model, photo, "--no-figure", "--json", "-q", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    printed = json.loads(result.stdout)
    record = json.loads((tmp_path / "outputs" / "two.json").read_text())
    assert record == {key: value for key, value in printed.items() if key not in ("source", "outputs")}
    assert record["model"] == {"name": "two.model.json", "sha256": segmenter.load_model(model).digest}
    assert "fit" not in record
    assert [segment["name"] for segment in record["segments"]] == ["night", "day"]
    assert [segment["pixels"] for segment in record["segments"]] == [16, 8]
    assert record["mixture"]["means"] == json.loads(model.read_text())["mixture"]["means"]


def test_the_names_of_segments_stand_in_the_figure(model: Path, photo: Path, tmp_path: Path) -> None:
    assert run("apply", model, photo, "--figure-format", "svg", cwd=tmp_path).returncode == 0
    drawn = (tmp_path / "outputs" / "two.figure.svg").read_text()
    assert "1 night" in drawn
    assert "2 day" in drawn
    again = run("apply", model, photo, "--overwrite", cwd=tmp_path)
    assert b"note: removed files that this run does not write: outputs/two.figure.svg\n" in again.stderr
    assert not (tmp_path / "outputs" / "two.figure.svg").exists()


def test_a_photo_from_stdin_to_stdout(model: Path, photo: Path, tmp_path: Path) -> None:
    result = run("apply", model, "-", "-o", "-", cwd=tmp_path, input=photo.read_bytes())
    assert result.returncode == 0
    run("apply", model, photo, "--no-figure", cwd=tmp_path)
    assert result.stdout == (tmp_path / "outputs" / "two.labels.png").read_bytes()


# ---- posteriors and confidence -------------------------------------------------------------------------------------


def test_posteriors_and_confidence_hold_what_they_say(tmp_path: Path) -> None:
    image = np.dstack([np.asarray(Image.open(CHELSEA).convert("RGB")), np.full((300, 451), 255, np.uint8)])
    image[:10, :20, 3] = 0
    Image.fromarray(image).save(tmp_path / "cat.png")
    run("segment", "cat.png", "--save", "confidence", "--save", "posteriors", "--no-figure", cwd=tmp_path)
    with np.load(tmp_path / "outputs" / "cat.posteriors.npz") as arrays:
        assert sorted(arrays) == ["labels", "posteriors"]
        posteriors, labels = arrays["posteriors"], arrays["labels"]
    np.testing.assert_array_equal(labels, segmenter.read_labels(tmp_path / "outputs" / "cat.labels.png"))
    assert (posteriors.dtype, posteriors.shape) == (np.float32, (300, 451, 4))
    seen = labels > 0
    assert seen.sum() == 300 * 451 - 200
    np.testing.assert_allclose(posteriors[seen].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(posteriors[seen].argmax(axis=1) + 1, labels[seen])
    assert (posteriors[~seen] == 0).all()
    with Image.open(tmp_path / "outputs" / "cat.confidence.png") as confidence:
        assert confidence.mode == "L"
        np.testing.assert_array_equal(np.asarray(confidence), np.rint(255 * posteriors.max(axis=2)))


def test_an_archive_bears_no_time(photo: Path, tmp_path: Path) -> None:
    run("segment", photo, "-k", "2", "--save", "posteriors", "--no-figure", cwd=tmp_path)
    with zipfile.ZipFile(tmp_path / "outputs" / "two.posteriors.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_more_is_written_unless_asked(photo: Path, tmp_path: Path) -> None:
    run("segment", photo, "-k", "2", "--no-figure", "--save", "confidence", "--json", cwd=tmp_path)
    kinds = ("labels.png", "segments.png", "confidence.png", "json")
    assert sorted(read_files(tmp_path / "outputs")) == sorted(f"two.{kind}" for kind in kinds)


def test_outputs_that_exist_are_found_whatever_they_are(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "two.posteriors.npz").write_text("mine")
    result = run("segment", photo, "-k", "2", "--no-figure", "--save", "posteriors", cwd=tmp_path)
    assert result.returncode == 1
    assert "two.posteriors.npz: already exists" in get_error_line(result.stderr)
    assert read_files(tmp_path / "outputs") == {"two.posteriors.npz": b"mine"}


# ---- what bad input gets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["weights that sum to less", "NaN", "not positive definite", "no version"])
def test_a_damaged_model_is_one_line_and_nothing_is_written(
    name: str, model: Path, photo: Path, tmp_path: Path
) -> None:
    damage: Callable[[object], None]
    damage, told = DAMAGE[name]
    content = json.loads(model.read_text())
    damage(content)
    model.write_text(json.dumps(content))
    result = run("apply", "two.model.json", photo, cwd=tmp_path)
    assert result.returncode == 1
    line = get_error_line(result.stderr)
    assert line.startswith("segmenter: two.model.json: is a damaged model (")
    assert told in line
    assert result.stdout == b""
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("nothing.json", None, "no such file"),
        (".", None, "is a folder"),
        ("two.png", None, "is no model"),
        ("text.json", '{"schema": 1}', "is JSON, but no model"),
        (
            "new.json",
            '{"schema": "segmenter-model", "version": 1}',
            "of version 1, but only versions 3 and 4 can be read",
        ),
        ("half.json", '{"schema": "segmenter-model", "version', "damaged"),
    ],
)
def test_what_is_no_model_is_one_line(name: str, content: str | None, told: str, photo: Path, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    result = run("apply", name, photo, cwd=tmp_path)
    assert result.returncode == 1
    line = get_error_line(result.stderr)
    assert line.startswith(f"segmenter: {name}: ")
    assert told in line
    assert not (tmp_path / "outputs").exists()


def test_a_model_of_grays_refuses_a_photo_with_colors_and_goes_on(photo: Path, tmp_path: Path) -> None:
    gray, _ = grainy(n_channels=1)
    Image.fromarray(gray[..., 0]).save(tmp_path / "gray.png")
    run("segment", "gray.png", "-k", "3", "--save-model", "--no-figure", "-o", "fitted", cwd=tmp_path)
    result = run("apply", "fitted/gray.model.json", photo, "gray.png", "--no-figure", "--json", "-q", cwd=tmp_path)
    assert result.returncode == 1
    line = get_error_line(result.stderr)
    assert "two.png: has colors, but fitted/gray.model.json was fitted to a gray photo" in line
    bad, good = (json.loads(printed) for printed in result.stdout.decode().splitlines())
    assert bad["error"] in line
    assert good["input"]["name"] == "gray.png"
    assert sorted(read_files(tmp_path / "outputs")) == ["gray.json", "gray.labels.png", "gray.segments.png"]


def test_an_output_never_replaces_the_model(model: Path, photo: Path, tmp_path: Path) -> None:
    model.rename(tmp_path / "two.json")
    before = (tmp_path / "two.json").read_bytes()
    result = run("apply", "two.json", photo, "-o", ".", "--overwrite", "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    assert "would replace an input" in get_error_line(result.stderr)
    assert (tmp_path / "two.json").read_bytes() == before


def test_an_empty_segment_is_told_and_keeps_its_color(model: Path, tmp_path: Path) -> None:
    Image.new("RGB", (5, 5), (0, 0, 0)).save(tmp_path / "night.png")
    result = run("apply", model, "night.png", cwd=tmp_path)
    assert result.returncode == 0
    assert "note: no pixel most probably belongs to segment 2" in result.stderr.decode()
    record = json.loads((tmp_path / "outputs" / "night.json").read_text())
    assert [(segment["pixels"], segment["color"]) for segment in record["segments"]] == [
        (25, "#000000"),
        (0, "#c8d2dc"),
    ]


def test_options_come_from_the_environment(model: Path, photo: Path, tmp_path: Path) -> None:
    environment = {"SEGMENTER_APPLY_OUTPUT": "elsewhere", "SEGMENTER_APPLY_SAVE": "confidence"}
    environment |= {"SEGMENTER_APPLY_JSON": "1", "SEGMENTER_APPLY_FIGURE": "0"}
    result = run("apply", model, photo, cwd=tmp_path, env=environment)
    assert "elsewhere/two.confidence.png" in json.loads(result.stdout)["outputs"]
    assert len(read_files(tmp_path / "elsewhere")) == 4
