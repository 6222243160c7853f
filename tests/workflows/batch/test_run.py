"""The batch as a person runs it: every photo done as by itself, and nothing lost."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile

import segmenter
from tests.support.batches import LABELS_ONLY, read_statuses
from tests.support.command import COMMAND as COMMAND
from tests.support.command import run as run
from tests.support.files import read_tree, save_image
from tests.support.scenes import grainy, overlapping, two_colors

pytestmark = pytest.mark.slow


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of four photos in a tree."""
    folder = tmp_path / "photos"
    for seed, name in enumerate(("b.png", "a.png", "deep/er/c.png", "deep/d.tif")):
        save_image(overlapping(seed), folder / name)
    return folder


# ---- the same as single runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", ["1", "3"])
def test_outputs_are_those_of_single_runs_byte_for_byte_in_the_same_tree(
    n_jobs: str, photos: Path, tmp_path: Path
) -> None:
    options = ["-k", "3", "--color-space", "lab", "--save", "confidence", "--save-model", "--dpi", "60"]
    result = run("batch", "photos", "-r", "-o", "out", "--jobs", n_jobs, *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for path in photos.rglob("*.*"):
        place = Path("single") / path.parent.relative_to(photos)
        run("segment", path, "-o", place, *options, cwd=tmp_path)
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "single")


def test_icons_of_few_colors_are_done_and_up_to_date_afterwards(tmp_path: Path) -> None:
    save_image(two_colors(), tmp_path / "icons/two.png")
    save_image(np.full((9, 9, 3), 7, np.uint8), tmp_path / "icons/flat.png")
    for options, status in (((), "done"), (("--resume",), "up to date")):
        result = run("batch", "icons", "-k", "4", "--no-figure", *options, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        rows = json.loads((tmp_path / "outputs/summary.json").read_text())["photos"]
        assert [(row["status"], row["n_segments"]) for row in rows] == [(status, 1), (status, 2)]
        assert [row["notes"] for row in rows] == [
            ["1 color, so 1 segment instead of 4"],
            ["2 colors, so 2 segments instead of 4"],
        ]


def test_the_input_is_not_touched_and_outputs_within_it_are_not_read(photos: Path, tmp_path: Path) -> None:
    before = read_tree(photos)
    for _ in range(2):
        result = run("batch", "photos", "-r", "-o", "photos/out", "--overwrite", LABELS_ONLY, cwd=tmp_path)
        assert result.returncode == 0
        assert len(read_statuses(photos / "out")) == 4
    assert {name: data for name, data in read_tree(photos).items() if not name.startswith("out/")} == before


def test_the_output_may_not_be_an_input(photos: Path, tmp_path: Path) -> None:
    result = run("batch", "photos", "-o", "photos", cwd=tmp_path)
    assert result.returncode == 1
    assert b"both the input and the output" in result.stderr
    assert len(read_tree(photos)) == 4


def test_without_recursion_sub_folders_are_left_out_and_told(photos: Path, tmp_path: Path) -> None:
    result = run("batch", "photos", LABELS_ONLY, cwd=tmp_path)
    assert list(read_statuses(tmp_path / "outputs")) == ["a.png", "b.png"]
    assert b"skipped 1 subfolder; add -r to include subfolders" in result.stderr


def test_a_pattern_that_the_shell_left_alone(photos: Path, tmp_path: Path) -> None:
    run("batch", "photos/**/*.png", LABELS_ONLY, cwd=tmp_path)
    assert list(read_statuses(tmp_path / "outputs")) == ["a.png", "b.png", "c.png"]
    assert (tmp_path / "outputs" / "deep" / "er" / "c.labels.png").exists()
    result = run("batch", "photos/*.gif", "-o", "none", cwd=tmp_path)
    assert result.returncode == 1
    assert b"photos/*.gif: matches no file" in result.stderr


def test_paths_that_do_not_exist_are_told_and_where_there_are_no_others_nothing_is_written(
    photos: Path, tmp_path: Path
) -> None:
    result = run("batch", "fotos", "photos/x.png", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        f"segmenter: {path}: no such file; check the spelling of the path" for path in ("fotos", "photos/x.png")
    ]
    assert not (tmp_path / "outputs").exists()
    result = run("batch", "fotos", "photos", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[-1].startswith("segmenter: fotos: no such file")
    assert list(read_statuses(tmp_path / "outputs").values()).count("done") == 2


def test_names_that_collide_are_told_apart(tmp_path: Path) -> None:
    names = ("a.png", "a.bmp", "B.png", "b.png", "summary.png", "c.png")
    for seed, name in enumerate(names):
        save_image(overlapping(seed), tmp_path / "photos" / name)
    result = run("batch", "photos", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    records = {path for path in read_tree(tmp_path / "outputs") if path.endswith(".json")}
    assert {"a.png.json", "a.bmp.json", "c.json", "summary.png.json"} < records
    assert len({name.casefold() for name in read_tree(tmp_path / "outputs")}) == 3 * len(names)
    for path in records:
        record = json.loads((tmp_path / "outputs" / path).read_text())
        labels = segmenter.read_labels(tmp_path / "outputs" / path.replace(".json", ".labels.png"))
        assert (labels == segmenter.segment(tmp_path / "photos" / record["input"]["name"]).labels).all()


# ---- what is told --------------------------------------------------------------------------------------------------


def test_the_summary_tells_every_photo(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (photos / "notes.txt").write_text("no photo")
    result = run("batch", "photos", LABELS_ONLY, "-k", "2", cwd=tmp_path)
    assert result.returncode == 1
    *_, last, failure = result.stderr.decode().splitlines()
    assert last.startswith("3 photos: 2 done, 1 failed")
    assert failure.startswith("segmenter: photos/broken.png: is damaged")
    summary = json.loads((tmp_path / "outputs" / "summary.json").read_text())
    assert summary["counts"] == {"done": 2, "up to date": 0, "failed": 1, "not done": 0}
    assert summary["skipped"] == [
        {"path": "photos/deep", "reason": "a sub-folder"},
        {"path": "photos/notes.txt", "reason": "no photo by its extension"},
    ]
    with open(tmp_path / "outputs" / "summary.csv", newline="") as file:
        rows = {Path(row["source"]).name: row for row in csv.DictReader(file)}
    assert list(rows) == ["a.png", "b.png", "broken.png"]
    record = json.loads((tmp_path / "outputs" / "a.json").read_text())
    assert float(rows["a.png"]["log_likelihood"]) == record["fit"]["log_likelihoods"][-1]
    assert [float(share) for share in rows["a.png"]["shares"].split()] == [s["share"] for s in record["segments"]]
    assert rows["a.png"]["colors"].split() == [segment["color"] for segment in record["segments"]]
    assert (rows["a.png"]["width"], rows["a.png"]["n_segments"]) == ("24", "2")
    assert "is damaged" in rows["broken.png"]["reason"]


def test_json_is_one_line_a_photo_and_quiet_is_quiet(photos: Path, tmp_path: Path) -> None:
    result = run("batch", "photos", LABELS_ONLY, "--json", "-q", cwd=tmp_path)
    assert result.stderr == b""
    rows = [json.loads(line) for line in result.stdout.decode().splitlines()]
    assert sorted(row["source"] for row in rows) == ["photos/a.png", "photos/b.png"]
    assert {row["status"] for row in rows} == {"done"}


def test_a_dry_run_prints_the_plan_and_does_nothing(photos: Path, tmp_path: Path) -> None:
    result = run("batch", "photos", "-n", "-q", cwd=tmp_path)
    assert result.stdout.decode().splitlines() == [
        "photos/a.png -> outputs/a.*: do",
        "photos/b.png -> outputs/b.*: do",
    ]
    assert not (tmp_path / "outputs").exists()


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("batch", "empty", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == b"segmenter: empty: contains no photos; give another folder\n"
    assert not (tmp_path / "outputs").exists()


def test_fail_fast_stops_at_the_first_failure(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "0.png").write_bytes(b"no photo")
    for place in range(1, 6):
        save_image(overlapping(place), tmp_path / "photos" / f"{place}.png")
    result = run("batch", "photos", "--fail-fast", "--jobs", "1", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 1
    assert read_statuses(tmp_path / "outputs") == {"0.png": "failed"} | {f"{n}.png": "not done" for n in range(1, 6)}


@pytest.mark.parametrize(
    "arguments", [["-o", "-"], ["-"], ["--jobs", "0"], ["--max-memory", "3"], ["--shared-model", "--save-model"]]
)
def test_wrong_usage_touches_nothing(arguments: list[str], photos: Path, tmp_path: Path) -> None:
    result = run("batch", "photos", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert not (tmp_path / "outputs").exists()


# ---- once more -----------------------------------------------------------------------------------------------------


def test_results_are_not_replaced_unasked(photos: Path, tmp_path: Path) -> None:
    run("batch", "photos", LABELS_ONLY, cwd=tmp_path)
    before = read_tree(tmp_path / "outputs")
    result = run("batch", "photos", LABELS_ONLY, "-k", "2", cwd=tmp_path)
    assert result.returncode == 1
    assert b"already exists" in result.stderr
    assert b"--resume" in result.stderr
    assert read_tree(tmp_path / "outputs") == before


def test_resume_does_what_is_missing_changed_or_asked_for_otherwise_and_nothing_else(
    photos: Path, tmp_path: Path
) -> None:
    def resume(*options: str) -> dict[str, str]:
        result = run("batch", "photos", "-r", "--resume", *options, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        return read_statuses(tmp_path / "outputs")

    all_done = dict.fromkeys(("a.png", "b.png", "d.tif", "c.png"), "done")
    up_to_date = dict.fromkeys(all_done, "up to date")
    assert resume(LABELS_ONLY) == all_done
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs").rglob("*.labels.png")}
    assert resume(LABELS_ONLY) == up_to_date
    assert times == {path: path.stat().st_mtime_ns for path in times}
    (tmp_path / "outputs" / "a.segments.png").unlink()
    assert resume(LABELS_ONLY) == up_to_date | {"a.png": "done"}
    (tmp_path / "outputs" / "b.json").write_text("{")
    assert resume(LABELS_ONLY) == up_to_date | {"b.png": "done"}
    save_image(overlapping(9), photos / "deep" / "er" / "c.png")
    assert resume(LABELS_ONLY) == up_to_date | {"c.png": "done"}
    assert resume(LABELS_ONLY, "-k", "3") == all_done
    assert resume("-k", "3", "--dpi", "60") == all_done
    assert resume("-k", "3", "--dpi", "60") == up_to_date
    assert resume("-k", "3", "--dpi", "61") == all_done
    assert resume("-k", "3", LABELS_ONLY) == up_to_date
    assert resume("-k", "3", LABELS_ONLY, "--save", "posteriors") == all_done
    assert resume("-k", "3", LABELS_ONLY, "--save", "posteriors") == up_to_date


def test_a_dry_run_of_resume_tells_the_decision_for_each_photo(photos: Path, tmp_path: Path) -> None:
    run("batch", "photos", LABELS_ONLY, cwd=tmp_path)
    save_image(overlapping(7), photos / "a.png")
    save_image(overlapping(8), photos / "new.png")
    result = run("batch", "photos", LABELS_ONLY, "--resume", "-n", "-q", "--json", cwd=tmp_path)
    plan = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["decision"] for line in plan] == ["redo", "up to date", "do"]


# ---- one model for all ---------------------------------------------------------------------------------------------


def test_a_shared_model_is_the_fit_of_all_pixels_and_labels_are_those_of_apply(tmp_path: Path) -> None:
    images = [grainy(seed=seed)[0] for seed in range(3)]
    for seed, image in enumerate(images):
        save_image(image, tmp_path / "photos" / f"{seed}.png")
    save_image(np.concatenate(images), tmp_path / "stacked.png")
    options = ["-k", "3", LABELS_ONLY]
    result = run("batch", "photos", "--shared-model", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    stacked = segmenter.segment(tmp_path / "stacked.png", 3)
    record = json.loads((tmp_path / "outputs" / "shared.json").read_text())
    assert record["fit"]["log_likelihoods"] == pytest.approx(stacked.trace.log_likelihoods.tolist(), rel=0, abs=1e-9)
    model = segmenter.load_model(tmp_path / "outputs" / "shared.model.json")
    assert model.mixture.means == pytest.approx(stacked.mixture.means, rel=0, abs=1e-9)
    sources = sorted((tmp_path / "photos").iterdir())
    run("apply", "outputs/shared.model.json", *sources, "-o", "applied", LABELS_ONLY, cwd=tmp_path)
    ours = {name: data for name, data in read_tree(tmp_path / "outputs").items() if not name.startswith("shared")}
    assert ours == read_tree(tmp_path / "applied")
    assert len(ours) == 9


def test_a_dark_photo_and_its_copy_of_16_bits_share_their_labels(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    dark = np.random.default_rng(0).choice(np.array([8, 9, 20, 21, 48, 49], np.uint8), (30, 40, 3))
    save_image(dark, photos / "a.png")
    tifffile.imwrite(photos / "b.tif", dark.astype(np.uint16) * 257, photometric="rgb")
    result = run("batch", "photos", "--shared-model", "-k", "3", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    one, other = (segmenter.read_labels(tmp_path / "outputs" / f"{name}.labels.png") for name in "ab")
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one)) > 1


def test_a_shared_model_of_gray_and_color_of_8_and_16_bits_counts_pixels_as_one_picture_would(tmp_path: Path) -> None:
    color, gray, deep = grainy(3, 1)[0], grainy(1, 2)[0][..., 0], grainy(1, 3)[0][..., 0]
    save_image(color, tmp_path / "photos" / "color.png")
    save_image(gray, tmp_path / "photos" / "gray.png")
    save_image(deep.astype(np.uint16) * 257, tmp_path / "photos" / "deep.png")
    save_image(
        np.concatenate([color, *(np.repeat(g[..., None], 3, axis=2) for g in (gray, deep))]), tmp_path / "all.png"
    )
    result = run("batch", "photos", "--shared-model", "-k", "3", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "outputs" / "shared.json").read_text())
    stacked = segmenter.segment(tmp_path / "all.png", 3)
    assert record["fit"]["log_likelihoods"][-1] == pytest.approx(stacked.trace.log_likelihoods[-1], rel=0, abs=1e-9)
    assert record["pixels"] == 3 * 36 * 20


def test_a_gray_photo_among_colored_ones_keeps_its_parts_however_it_is_stored(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    halves = np.repeat([60, 190], 20)
    gray = (halves + generator.normal(0, 12, (40, 40))).clip(0, 255).astype(np.uint8)
    colored = np.array([[200, 60, 50], [60, 90, 200]])[halves // 150] + generator.normal(0, 12, (40, 40, 3))
    models = {}
    for form, stored in (("L", gray), ("RGB", np.repeat(gray[..., None], 3, axis=2))):
        save_image(colored.clip(0, 255).astype(np.uint8), tmp_path / form / "colored.png")
        save_image(stored, tmp_path / form / "gray.png")
        result = run("batch", form, "--shared-model", "-k", "2", LABELS_ONLY, "-o", f"{form} out", cwd=tmp_path)
        assert b"note:" not in result.stderr
        labels = segmenter.read_labels(tmp_path / f"{form} out/gray.labels.png")
        assert abs(np.mean(labels[:, :20] == 1) - 1) + np.mean(labels[:, 20:] == 1) < 0.1
        assert json.loads((tmp_path / f"{form} out/shared.json").read_text())["fit"]["verdict"] == "converged"
        models[form] = segmenter.load_model(tmp_path / f"{form} out/shared.model.json").mixture
    assert models["L"].means == pytest.approx(models["RGB"].means, rel=0, abs=1e-9)


def test_doubts_about_a_shared_model_are_told_everywhere(tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "photos/a.png")
    doubt = "shared model: not converged after 1 iteration; raise --max-iterations"
    for resume in ((), ("--resume",)):
        options = ("--shared-model", "--max-iterations", "1", LABELS_ONLY, "--report", *resume)
        result = run("batch", "photos", *options, cwd=tmp_path)
        assert f"  note: {doubt}\n" in result.stderr.decode()
        assert json.loads((tmp_path / "outputs/summary.json").read_text())["notes"] == [doubt]
        assert doubt in (tmp_path / "outputs/report.html").read_text()


def test_photos_of_few_colors_share_a_model_of_so_many_segments(tmp_path: Path) -> None:
    save_image(two_colors(), tmp_path / "photos/two.png")
    result = run("batch", "photos", "--shared-model", "-k", "4", LABELS_ONLY, cwd=tmp_path)
    assert b"  note: shared model: 2 colors, so 2 segments instead of 4\n" in result.stderr
    record = json.loads((tmp_path / "outputs/shared.json").read_text())
    assert record["n_segments"] == {"asked": 4, "found": 2}


def test_a_shared_model_is_kept_until_a_photo_or_an_option_changes(tmp_path: Path) -> None:
    for seed in range(3):
        save_image(grainy(seed=seed)[0], tmp_path / "photos" / f"{seed}.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    def resume(*options: str) -> list[str]:
        run("batch", "photos", "--shared-model", "--resume", LABELS_ONLY, *options, cwd=tmp_path)
        return list(read_statuses(tmp_path / "outputs").values())

    assert resume() == ["done"] * 3 + ["failed"]
    model = tmp_path / "outputs" / "shared.model.json"
    before = model.stat().st_mtime_ns
    assert resume() == ["up to date"] * 3 + ["failed"]
    assert model.stat().st_mtime_ns == before
    assert resume("-k", "auto") == ["done"] * 3 + ["failed"]
    assert segmenter.load_model(model).n_labels == 3
    save_image(grainy(seed=9)[0] // 2, tmp_path / "photos" / "1.png")
    assert resume("-k", "auto") == ["done"] * 3 + ["failed"]
    model.write_text("{")
    assert resume("-k", "auto") == ["up to date"] * 3 + ["failed"]


def test_every_option_of_segment_is_one_of_batch() -> None:
    from segmenter.cli.batch import command as batch
    from segmenter.cli.segment import command as segment

    assert {parameter.name for parameter in segment.params} - {"photos", "preview", "bands", "label_format"} < {
        parameter.name for parameter in batch.params
    }


@pytest.mark.parametrize("no_color", [False, True])
def test_a_bar_on_a_terminal_fits_it_and_honors_no_color(no_color: bool, photos: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **({"NO_COLOR": "1"} if no_color else {})}
    environment.pop("NO_COLOR" if not no_color else "", None)
    process = subprocess.Popen(
        [COMMAND, "batch", photos, "-r", LABELS_ONLY], cwd=tmp_path, stderr=theirs, stdin=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # the terminal is closed
            break
        if not more:
            break
        shown += more
    os.close(ours)
    assert process.wait(60) == 0
    assert b"segmenting" in shown
    assert b"4/4" in shown
    assert b"4 photos: 4 done" in shown
    assert (b"\x1b[3" in shown) is not no_color
    frames = re.split(r"[\r\n]+", re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown.decode()))
    assert max(len(frame) for frame in frames if "segmenting" in frame) == 77  # room for a ^C
