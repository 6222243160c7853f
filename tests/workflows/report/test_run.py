"""The page of a folder of results, as a file: what it shows, what it refuses, and that it is the same every time."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import json
import re
import subprocess
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segmenter.errors import DamagedRecordError, NoResultsError, OutputExistsError
from segmenter.io.labels.png import read_labels
from segmenter.io.labels.thumbnails import (
    compute_preview_size,
    encode_labels_as_colors,
    encode_thumbnail,
    shrink,
    shrink_labels,
)
from segmenter.render.report import format_script_json
from segmenter.segmentation.record import decode_record, describe_record
from segmenter.workflows.report.results import read_results
from segmenter.workflows.report.run import get_pictures_folder, make_report
from tests.support.command import run_text as run
from tests.support.files import save_image
from tests.support.scenes import grainy, nearly_two_colors, overlapping, two_colors

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)<!--\"'&.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photos and the results of a batch in it, of which one photo failed."""
    folder = tmp_path_factory.mktemp("made")
    save_image(grainy()[0], folder / "photos" / "bands.png")
    save_image(nearly_two_colors(), folder / "photos" / "deep" / "tiny.png")
    save_image(overlapping(), folder / "photos" / HOSTILE)
    (folder / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = run("batch", "photos", "-r", "-k", "2", "--no-figure", "-o", "out", cwd=folder)
    assert result.returncode == 1, result.stderr
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """Return a copy of these results, far from their photos, and free to be changed."""
    for path in made.joinpath("out").rglob("*.*"):
        target = tmp_path / "out" / path.relative_to(made / "out")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path / "out"


@pytest.fixture(scope="module")
def page(made: Path) -> Path:
    """Return the page of these results."""
    result = run("report", "out", "-o", "page.html", cwd=made)
    assert result.returncode == 0, result.stderr
    return made / "page.html"


class Reader(HTMLParser):
    """Collects what a page holds, as a browser would read it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.blocks: dict[str, str] = {}
        self.images: list[str] = []
        self.elements: set[str] = set()
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.add(tag)
        if tag == "script":
            self._inside = values.get("id") or "script"
            assert self._inside not in self.blocks
            self.blocks[self._inside] = ""
        if tag == "img" and values.get("src"):
            self.images.append(values["src"] or "")

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self.blocks[self._inside] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = None


def told(page: Path) -> dict[str, dict[str, Any]]:
    """Return what the script of a page is told of each photo, by its name."""
    photos = json.loads(Reader(page.read_text()).blocks["data"])
    return {photo["name"]: photo for photo in photos}


# ---- what is shown -------------------------------------------------------------------------------------------------


def test_the_page_tells_what_the_records_do(made: Path, page: Path) -> None:
    photos = told(page)
    assert {name: photo["status"] for name, photo in photos.items()} == {
        HOSTILE: "done",
        "bands.png": "done",
        "broken.png": "failed",
        "deep/tiny.png": "to check",
    }
    record = json.loads((made / "out" / "bands.json").read_text())
    shown = photos["bands.png"]
    assert shown["shares"] == [segment["share"] for segment in record["segments"]]
    assert shown["colors"] == [segment["color"] for segment in record["segments"]]
    assert shown["fit"]["log_likelihoods"] == record["fit"]["log_likelihoods"]
    assert shown["recipe"] == record["recipe"]
    (failure,) = [
        row
        for row in csv.DictReader((made / "out" / "summary.csv").read_text().splitlines())
        if row["status"] == "failed"
    ]
    assert photos["broken.png"]["reason"] == failure["reason"]
    assert html.escape(failure["reason"], quote=False).replace("'", "&#39;") in page.read_text()


def test_the_page_holds_everything_and_asks_for_nothing(page: Path) -> None:
    text = page.read_text()
    read = Reader(text)
    assert len(read.images) == 3
    assert all(address.startswith("data:image/webp;base64,") for address in read.images)
    assert sorted(name for name in read.blocks if name.startswith("pictures-")) == [
        "pictures-0",
        "pictures-1",
        "pictures-3",
    ]
    addresses = re.findall(
        r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]*)""", re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    )
    assert {address.partition(",")[0] for address in addresses} <= {
        "data:image/webp;base64", "data:", "#photo-1", "#photo-2", "#photo-4"
    }  # fmt: skip
    assert "default-src 'none'" in text


def test_the_script_of_the_page_is_the_one_that_its_policy_lets_run(page: Path) -> None:
    text = page.read_text()
    digest = base64.b64encode(hashlib.sha256(Reader(text).blocks["script"].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def test_a_hostile_name_is_text(page: Path) -> None:
    text = page.read_text()
    assert "<script>alert" not in text
    assert html.escape(HOSTILE, quote=False).replace('"', "&#34;").replace("'", "&#39;") in text


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_values_in_a_script_come_out_as_they_went_in_and_cannot_end_it(value: Any) -> None:
    text = format_script_json(value)
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


def test_a_recipe_that_all_share_is_told_once_and_others_with_their_photos(made: Path, tmp_path: Path) -> None:
    bands = made / "photos" / "bands.png"
    run("segment", bands, "-k", "3", "--no-figure", "-o", "two", cwd=tmp_path)
    run("report", "two", "-o", "one.html", cwd=tmp_path)
    assert "<dt>n segments</dt><dd>3</dd>" in (tmp_path / "one.html").read_text()
    run("segment", made / "photos" / "deep" / "tiny.png", "-k", "2", "--no-figure", "-o", "two", cwd=tmp_path)
    run("report", "two", "-o", "both.html", cwd=tmp_path)
    text = (tmp_path / "both.html").read_text()
    assert "2 different ones" in text
    assert "<dt>n segments</dt>" not in text


def test_models_that_were_applied_are_told_and_have_no_curve(made: Path, tmp_path: Path) -> None:
    bands = made / "photos" / "bands.png"
    run("segment", bands, "-k", "3", "--no-figure", "--save-model", "-o", "fitted", cwd=tmp_path)
    run("apply", "fitted/bands.model.json", bands, "--no-figure", "-o", "applied", cwd=tmp_path)
    assert run("report", "applied", cwd=tmp_path).returncode == 0
    photo = told(tmp_path / "applied" / "report.html")["bands.png"]
    assert photo["model"] == "bands.model.json"
    assert "fit" not in photo
    assert len(told_by(run("report", "fitted", "--json", cwd=tmp_path))) == 1  # the model is no result


def told_by(result: subprocess.CompletedProcess[str]) -> list[Any]:
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines() if json.loads(line)["photos"] == 1]


# ---- the photos ----------------------------------------------------------------------------------------------------


def without_photo(*arguments: str | Path, cwd: Path) -> list[str]:
    """Return the names of the results that the page shows without their photo."""
    result = run("report", *arguments, "--json", cwd=cwd)
    assert result.returncode == 0, result.stderr
    names: list[str] = json.loads(result.stdout)["without_photo"]
    return names


def test_photos_are_found_by_their_name_and_known_by_their_content(made: Path, results: Path, tmp_path: Path) -> None:
    everywhere = [HOSTILE, "bands.png", "deep/tiny.png"]
    assert without_photo("out", "-o", "1.html", cwd=made) == []  # where the batch found them
    assert without_photo("out", "-o", "2.html", cwd=tmp_path) == everywhere
    assert without_photo("out", "-o", "3.html", "--photos", made / "photos", cwd=tmp_path) == []
    save_image(overlapping(7), tmp_path / "bands.png")  # beside the results, but another photo of the same name
    assert without_photo("out", "-o", "4.html", cwd=tmp_path) == everywhere
    assert "another photo" in told(tmp_path / "4.html")["bands.png"]["photo_problem"]
    (results / "bands.png").write_bytes((made / "photos" / "bands.png").read_bytes())
    assert without_photo("out", "-o", "5.html", cwd=tmp_path) == [HOSTILE, "deep/tiny.png"]


def test_missing_photos_are_told_in_one_line(results: Path, tmp_path: Path) -> None:
    result = run("report", "out", cwd=tmp_path)
    assert result.returncode == 0
    assert "note: 3 photos were not found or changed" in result.stderr
    assert "--photos" in result.stderr
    assert run("report", "out", "-q", "--overwrite", cwd=tmp_path).stderr == ""


# ---- what is damaged -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "told_as"),
    [
        (lambda out: (out / "bands.json").write_text('{"schema": 2, "input"'), "no JSON object"),
        (lambda out: (out / "bands.json").unlink(), "no JSON object"),
        (
            lambda out: (out / "bands.json").write_text('{"schema": 2, "input": {}, "segments": []}'),
            "input: object missing required field `name`",
        ),
        (lambda out: (out / "bands.labels.png").unlink(), "bands.labels.png: no such file"),
        (lambda out: (out / "bands.labels.png").write_bytes(b"\x89PNG\r\n\x1a\n\0"), "bands.labels.png: is damaged"),
        (
            lambda out: (out / "bands.labels.png").write_bytes((out / "deep" / "tiny.labels.png").read_bytes()),
            "the record",
        ),
    ],
)
def test_a_damaged_result_is_named_and_the_others_are_shown(
    damage: Any, told_as: str, results: Path, tmp_path: Path
) -> None:
    damage(results)
    result = run("report", "out", "-q", cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("segmenter: out/bands.")
    assert told_as in line
    photos = told(results / "report.html")
    assert photos["bands.png"]["status"] == "damaged"
    assert told_as in photos["bands.png"]["reason"]
    assert photos[HOSTILE]["status"] == "done"


def test_results_that_are_gone_are_told(results: Path, tmp_path: Path) -> None:
    for path in results.glob("bands.*"):
        path.unlink()
    result = run("report", "out", "-q", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "segmenter: photos/bands.png: its results are gone; segment it again\n"


RECORD = {
    "schema": 3,
    "software": "segmenter 1",
    "input": {"name": "a.png", "sha256": None, "width": 2, "height": 1, "channels": 3, "dtype": "uint8", "notes": []},
    "recipe": {},
    "unlabeled_pixels": 0,
    "segments": [{"label": 1, "pixels": 2, "share": 1.0, "color": "#000000", "mean_rgb": [0, 0, 0]}],
}


def test_a_record_need_not_tell_of_a_fit() -> None:
    record = decode_record(RECORD, "a.json")
    assert record.fit is None
    assert describe_record(record) == RECORD | {"selection": None, "figure": None, "saved": [], "files": []}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("software", 3),
        ("input", []),
        ("input.width", 0),
        ("input.width", True),
        ("input.notes", "none"),
        ("input.sha256", 7),
        ("recipe", None),
        ("segments", []),
        ("segments", {}),
        ("segments.0.label", 2),
        ("segments.0.share", float("nan")),
        ("segments.0.share", 1.5),
        ("segments.0.color", "red;background:url(//example.org)"),
        ("segments.0.pixels", -1),
        ("fit", {"log_likelihoods": [], "restarts": [], "stop": "", "verdict": "", "n_iterations": 0, "n_died": 0}),
        ("fit", {"log_likelihoods": [float("inf")], "restarts": []}),
        ("fit", {}),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(place: str, value: Any) -> None:
    record = json.loads(json.dumps(RECORD))
    *above, name = place.split(".")
    part = record
    for step in above:
        part = part[int(step) if step.isdigit() else step]
    part[name] = value
    with pytest.raises(DamagedRecordError, match=r"a\.json: cannot be shown"):
        decode_record(record, "a.json")


FULL = RECORD | {
    "selection": {"rule": "some rule", "n_segments": 1, "log_likelihoods": [1.0], "criterion": [1.0]},
    "model": {"name": "a.model.json", "sha256": None},
    "fit": {
        "log_likelihoods": [1.0, 2.0],
        "objectives": [1.0, 2.0],
        "restarts_on_cells": False,
        "restarts": [1.5],
        "stop": "converged",
        "verdict": "converged",
        "n_iterations": 1,
        "n_died": 0,
        "collapsed": [1],
    },
}


def places(value: Any) -> list[tuple[Any, ...]]:
    """Return the way to every part of plain values."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, part in inner for way in ((key,), *((key, *rest) for rest in places(part)))]


@pytest.mark.parametrize("way", places(FULL), ids=lambda way: ".".join(map(str, way)))
def test_whatever_stands_in_a_record_it_is_shown_or_refused(way: tuple[Any, ...], tmp_path: Path) -> None:
    Image.fromarray(np.ones((1, 2), np.uint8)).save(tmp_path / "a.labels.png")
    for value in (None, True, -1, 3, 1e400, float("nan"), "</script>", [], [None], {}, {"x": float("nan")}, "#0000"):
        record = json.loads(json.dumps(FULL))
        part = record
        for step in way[:-1]:
            part = part[step]
        part[way[-1]] = value
        (tmp_path / "a.json").write_text(json.dumps(record))
        report = make_report(tmp_path, tmp_path / "page.html", overwrite=True)
        (photo,) = told(report.path).values()
        assert (photo["status"] == "damaged") == (len(report.damaged) == 1)
        assert (tmp_path / "page.html").read_text().count("</script>") == (2 if report.damaged else 3)


def test_json_of_others_is_left_alone(results: Path) -> None:
    (results / "package.json").write_text('{"name": "x"}')
    (results / "list.json").write_text("[]")
    assert len(read_results(results)) == 4


@pytest.mark.parametrize(
    "content", ["", "[]", '{"output": 3, "photos": []}', '{"output": "out", "photos": [1, {"source": 2}]}']
)
def test_without_a_summary_the_records_are_shown(content: str, results: Path) -> None:
    (results / "summary.json").write_text(content)
    assert [result.name for result in read_results(results)] == [HOSTILE, "bands.png", "deep/tiny.png"]


# ---- what is refused -----------------------------------------------------------------------------------------------


def test_wrong_input_is_told_in_one_line_and_nothing_is_written(made: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.html").mkdir()
    (tmp_path / "file").write_text("")
    for folder, line in (
        (
            "empty.html",
            "empty.html: holds no results; give a folder that 'segmenter segment' or 'segmenter batch' wrote to",
        ),
        ("none", "none: no such file; check the spelling of the path"),
        ("file", "file: is a file, not a folder; give the path of a folder"),
    ):
        result = run("report", folder, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (1, f"segmenter: {line}\n")
    result = run("report", made / "out", "--photos", "none", "-o", "x.html", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, "segmenter: none: no such file; check the spelling of the path\n")
    assert run("report", made / "out", "-o", "-", cwd=tmp_path).returncode == 2
    named = run("report", made / "out", "-o", "page.pdf", cwd=tmp_path)
    assert named.returncode == 2
    assert "-o page.pdf: the name must end in .html or .htm" in named.stderr
    assert run("report", made / "out", "-o", "empty.html", cwd=tmp_path).returncode == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty.html", "file"]


def test_an_existing_page_is_kept_unless_it_may_be_replaced(results: Path, tmp_path: Path) -> None:
    page = results / "report.html"
    page.write_text("mine")
    result = run("report", "out", cwd=tmp_path)
    assert result.returncode == 1
    assert "out/report.html: already exists; use --overwrite" in result.stderr
    assert page.read_text() == "mine"
    assert run("report", "out", "--overwrite", cwd=tmp_path).returncode == 0
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_nothing_to_show_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NoResultsError):
        make_report(tmp_path, tmp_path / "page.html")


# ---- the same every time -------------------------------------------------------------------------------------------


def test_the_same_results_make_the_same_bytes_whatever_the_number_of_workers(made: Path, tmp_path: Path) -> None:
    for seed in range(8):
        save_image(overlapping(seed), tmp_path / "photos" / f"{seed}.png")
    run("batch", "photos", "--no-figure", "-o", "out", cwd=tmp_path)
    for n_workers in (1, 2):
        make_report(tmp_path / "out", tmp_path / f"{n_workers}.html", photos=tmp_path / "photos", n_workers=n_workers)
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()
    assert len(told(tmp_path / "1.html")) == 8


def test_pictures_that_do_not_fit_go_to_a_folder_beside_the_page(made: Path, tmp_path: Path) -> None:
    whole, apart = tmp_path / "whole.html", tmp_path / "a page.html"
    make_report(made / "out", whole, photos=made / "photos")
    report = make_report(made / "out", apart, photos=made / "photos", max_page=100)
    assert report.pictures == get_pictures_folder(apart) == tmp_path / "a page.pictures"
    inside, beside = Reader(whole.read_text()), Reader(apart.read_text())
    assert not any(name.startswith("pictures-") for name in beside.blocks)
    assert beside.images == [f"a%20page.pictures/{place:05d}.webp" for place in (1, 2, 4)]
    for place, name in enumerate((HOSTILE, "bands.png")):
        call = (report.pictures / f"{place + 1:05d}.js").read_text()
        assert call == f"segmenterPictures({place},{inside.blocks[f'pictures-{place}']});\n"
        assert told(apart)[name]["script"] == f"a%20page.pictures/{place + 1:05d}.js"
    with pytest.raises(OutputExistsError):
        make_report(made / "out", apart, max_page=100)


def test_a_batch_makes_the_page_too(made: Path, tmp_path: Path) -> None:
    photos = made / "photos" / "deep"
    result = run("batch", photos, "-k", "2", "--no-figure", "--report", "-o", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    page = tmp_path / "out" / "report.html"
    assert f"-> {page.relative_to(tmp_path)}" in result.stderr
    assert list(told(page)) == ["tiny.png"]
    assert "pictures-0" in Reader(page.read_text()).blocks
    again = run("batch", photos, "-k", "2", "--no-figure", "--report", "-o", "out", cwd=tmp_path)
    assert again.returncode == 1
    assert (
        run("batch", photos, "-k", "2", "--no-figure", "--report", "-o", "out", "--resume", cwd=tmp_path).returncode
        == 0
    )
    assert list(told(page)) == ["tiny.png"]
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "report.html").write_text("mine")
    result = run("batch", photos, "-k", "2", "--no-figure", "--report", "-o", "new", cwd=tmp_path)
    assert "new/report.html: already exists" in result.stderr
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]


# ---- the pictures --------------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 700))
def test_previews_keep_the_shape_and_the_limit(width: int, height: int, side: int) -> None:
    new_width, new_height = compute_preview_size(width, height, side)
    assert 1 <= max(new_width, new_height) <= max(1, min(side, max(width, height)))
    if max(width, height) <= side:
        assert (new_width, new_height) == (width, height)
    scale = max(new_width, new_height) / max(width, height)
    assert abs(new_width - scale * width) <= 1
    assert abs(new_height - scale * height) <= 1


def test_labels_and_photo_shrink_to_the_same_size_and_no_label_is_made_up() -> None:
    labels = np.repeat(np.array([[1, 5, 9]], np.int32), 400, axis=1).repeat(901, axis=0)
    small = shrink_labels(labels)
    assert small.shape == (481, 640)
    assert shrink(np.zeros((901, 1200, 3), np.uint8)).shape == (481, 640, 3)
    assert set(np.unique(small)) == {1, 5, 9}
    assert abs((small == 5).mean() - 1 / 3) < 0.01


@pytest.mark.parametrize("most", [3, 255, 70_000 // 2])
def test_label_numbers_are_exact(most: int) -> None:
    labels = np.random.default_rng(0).integers(0, most + 1, (20, 30)).astype(np.int32)
    pixels = np.asarray(Image.open(BytesIO(encode_labels_as_colors(labels))).convert("RGB")).astype(int)
    green = pixels[..., 1] if most > 255 else 0
    np.testing.assert_array_equal(pixels[..., 0] + 256 * green, labels)


def test_of_a_picture_larger_than_memory_an_overview_is_shown(tmp_path: Path) -> None:
    pixels = np.kron(two_colors()[..., :1].repeat(3, 2), np.ones((350, 300, 1), np.uint8))
    tifffile.imwrite(tmp_path / "large.tif", pixels, photometric="rgb", tile=(128, 128))
    result = run("segment", "large.tif", "-k", "2", "--max-memory", "1M", "--no-figure", "-o", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "large.labels.tif").exists()
    assert run("report", "out", "-o", "page.html", "-q", cwd=tmp_path).returncode == 0
    pictures = json.loads(Reader((tmp_path / "page.html").read_text()).blocks["pictures-0"])
    labels = np.asarray(Image.open(BytesIO(base64.b64decode(pictures["labels"].partition(",")[2]))))
    assert labels.shape == (498, 640)
    expected = np.where(np.arange(640) < 640 / 3, 2, 1)
    assert (labels == expected).mean() > 0.99
    (tmp_path / "out" / "large.labels.tif").write_bytes(b"II*\0")
    result = run("report", "out", "-q", cwd=tmp_path)
    assert result.returncode == 1
    assert "large.labels.tif: is damaged" in result.stderr


def test_a_windowed_picture_of_12_bits_is_as_bright_as_one_of_8(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    tifffile.imwrite(tmp_path / "12.tif", ramp.astype(np.uint16) * 16, photometric="rgb", tile=(32, 32))
    save_image(ramp, tmp_path / "8.png")
    run("segment", "12.tif", "8.png", "-k", "2", "--max-memory", "1K", "--no-figure", "-o", "out", cwd=tmp_path)
    assert (tmp_path / "out/12.labels.tif").exists()
    assert run("report", "out", "-o", "page.html", "-q", cwd=tmp_path).returncode == 0
    blocks = Reader((tmp_path / "page.html").read_text()).blocks
    deep, usual = (
        np.asarray(Image.open(BytesIO(base64.b64decode(json.loads(blocks[name])["photo"].partition(",")[2]))), float)
        for name in ("pictures-0", "pictures-1")
    )
    assert np.abs(deep - usual).max() < 12  # of lossy pictures


def test_a_thumbnail_shows_the_photo_and_to_its_right_the_segments() -> None:
    labels = np.ones((10, 20), np.int32)
    labels[:5, 15:] = 0
    photo = np.full((10, 20, 3), 250, np.uint8)
    image = np.asarray(Image.open(BytesIO(encode_thumbnail(photo, labels, np.array([[0, 0, 200]], np.uint8)))))
    assert image.shape == (10, 20, 4)
    assert (image[:, :8, :3] > 235).all()
    assert (image[6:, 12:, 2] > 150).all()
    assert (image[6:, 12:, :2] < 60).all()
    assert (image[:4, 16:, 3] == 0).all()
    alone = np.asarray(Image.open(BytesIO(encode_thumbnail(None, labels, np.array([[0, 0, 200]], np.uint8)))))
    assert (alone[:, :8, :2] < 60).all()


def test_pixels_that_take_no_part_are_transparent(tmp_path: Path) -> None:
    pixels = np.dstack([two_colors(), np.full((4, 6), 255, np.uint8)])
    pixels[0] = 0
    save_image(pixels, tmp_path / "clear.png")
    run("segment", "clear.png", "-k", "2", "--no-figure", "-o", "out", cwd=tmp_path)
    assert run("report", "out", cwd=tmp_path).returncode == 0
    read = Reader((tmp_path / "out" / "report.html").read_text())
    photo = json.loads(read.blocks["pictures-0"])["photo"]
    for address in (photo, read.images[0]):
        image = Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))
        np.testing.assert_array_equal(np.asarray(image)[..., 3] > 0, np.arange(4)[:, None] > np.zeros(6))


def test_the_labels_of_a_page_are_those_of_the_label_image(made: Path, page: Path) -> None:
    blocks = Reader(page.read_text()).blocks
    address = json.loads(blocks["pictures-1"])["labels"]
    content = base64.b64decode(address.partition(",")[2])
    np.testing.assert_array_equal(
        np.asarray(Image.open(BytesIO(content))), read_labels(made / "out" / "bands.labels.png")
    )
