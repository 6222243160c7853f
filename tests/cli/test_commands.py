"""The command as a person runs it: a process, files, exit status, and what the terminal shows."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

import segmenter
from segmenter.cli import COMMANDS, cli
from segmenter.cli.command import FileCommand
from segmenter.cli.format import format_list
from segmenter.errors import WriteError
from segmenter.io.files.atomic import write_files
from segmenter.workflows.segment.outputs import PLOTS
from tests.support.command import COMMAND, get_error_line
from tests.support.command import run as run
from tests.support.files import read_files
from tests.support.paths import COFFEE
from tests.support.scenes import two_colors

OUTPUTS = ("labels.png", "segments.png", "figure.png", "json")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a picture of four flat quarters of 3, 4, 6 and 8 columns × 5 rows."""
    image = np.zeros((10, 14, 3), np.uint8)
    image[:5, :6], image[:5, 6:] = (20, 20, 60), (200, 30, 30)
    image[5:, :10], image[5:, 10:] = (30, 160, 40), (240, 240, 200)
    path = tmp_path / "quarters.png"
    Image.fromarray(image).save(path)
    return path


def shell(line: str, *arguments: str | Path, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell, in which $0 is the installed command and $1, $2, … are the arguments."""
    words = ["sh", "-c", line, str(COMMAND), *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, timeout=60, **options)


def sabotage(folder: Path, module: str, code: str) -> dict[str, str]:
    """Return an environment in which Python finds this module before any other of the name."""
    (folder / "sabotage").mkdir()
    (folder / "sabotage" / f"{module}.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(folder / "sabotage")}


INTERRUPT = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
"""Code that sends the process what Ctrl-C does."""


# ---- what is written -----------------------------------------------------------------------------------------------


def test_a_photo_gives_four_files_and_one_line(photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout == b""
    (line,) = result.stderr.decode().splitlines()
    assert "quarters.png: 4 segments" in line
    assert sorted(read_files(tmp_path / "outputs")) == sorted(f"quarters.{kind}" for kind in OUTPUTS)


def test_the_label_image_holds_the_labels_from_dark_to_bright(photo: Path, tmp_path: Path) -> None:
    run("segment", photo, "--no-figure", cwd=tmp_path)
    labels = segmenter.read_labels(tmp_path / "outputs" / "quarters.labels.png")
    assert labels.dtype == np.int32
    assert labels[0, 0] == 1
    assert labels[0, -1] == 2
    assert labels[-1, 0] == 3
    assert labels[-1, -1] == 4
    assert (labels[:5, :6] == 1).all()
    assert (labels[5:, :10] == 3).all()
    with Image.open(tmp_path / "outputs" / "quarters.labels.png") as image:
        assert image.mode == "P"
        assert (np.asarray(image) == labels).all()
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) == 4


def test_the_segments_have_their_mean_colors(photo: Path, tmp_path: Path) -> None:
    run("segment", photo, "--no-figure", cwd=tmp_path)
    with Image.open(photo) as before, Image.open(tmp_path / "outputs" / "quarters.segments.png") as after:
        assert (np.asarray(before) == np.asarray(after.convert("RGB"))).all()


def test_the_record_is_enough_to_repeat_the_run(tmp_path: Path) -> None:
    run("segment", COFFEE, "-k", "3", "--seed", "5", "--color-space", "lab", "--no-figure", cwd=tmp_path)
    record = json.loads((tmp_path / "outputs" / "coffee.json").read_text())
    again = segmenter.segment(COFFEE, **record["recipe"])
    assert again.mixture.means.tolist() == record["mixture"]["means"]
    assert again.mixture.covariances.tolist() == record["mixture"]["covariances"]
    assert again.trace.log_likelihoods.tolist() == record["fit"]["log_likelihoods"]
    assert (again.labels == segmenter.read_labels(tmp_path / "outputs" / "coffee.labels.png")).all()
    assert sum(segment["share"] for segment in record["segments"]) == pytest.approx(1)
    assert sum(segment["pixels"] for segment in record["segments"]) == 600 * 400
    assert len(record["input"]["sha256"]) == 64


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes(photo: Path, tmp_path: Path) -> None:
    for figure_format in ("png", "pdf", "svg"):
        one, two = (tmp_path / f"{figure_format}{i}" for i in (1, 2))
        run("segment", photo, "-o", one, "--figure-format", figure_format, cwd=tmp_path)
        run("segment", photo, "-o", two, "--figure-format", figure_format, cwd=tmp_path)
        assert read_files(one) == read_files(two)
        assert f"quarters.figure.{figure_format}" in read_files(one)


def test_more_than_255_labels_make_a_16_bit_gray_image(tmp_path: Path) -> None:
    grays = np.arange(512, dtype=np.uint16).reshape(16, 32) * 128
    Image.fromarray(grays).save(tmp_path / "ramp.png")
    result = run("segment", "ramp.png", "-k", "300", "--restarts", "1", "--no-figure", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    labels = segmenter.read_labels(tmp_path / "outputs" / "ramp.labels.png")
    with Image.open(tmp_path / "outputs" / "ramp.labels.png") as image:
        assert image.mode == "I;16"
    assert labels.max() > 255
    assert (np.diff(labels.ravel()) >= 0).all()  # from dark to bright, as the ramp


def test_transparent_pixels_get_label_0_and_stay_transparent(tmp_path: Path) -> None:
    image = np.full((4, 6, 4), 255, np.uint8)
    image[:, 3:, :3] = 10
    image[0, 0, 3] = 0
    Image.fromarray(image).save(tmp_path / "hole.png")
    assert run("segment", "hole.png", "-k", "2", cwd=tmp_path).returncode == 0
    labels = segmenter.read_labels(tmp_path / "outputs" / "hole.labels.png")
    assert labels[0].tolist() == [0, 2, 2, 1, 1, 1]
    with Image.open(tmp_path / "outputs" / "hole.segments.png") as segments:
        assert np.asarray(segments.convert("RGBA"))[0, :2, 3].tolist() == [0, 255]


# ---- streams and talk ----------------------------------------------------------------------------------------------


def test_a_photo_from_stdin_to_stdout(photo: Path, tmp_path: Path) -> None:
    result = run("segment", "-", "-o", "-", cwd=tmp_path, input=photo.read_bytes())
    assert result.returncode == 0
    (tmp_path / "piped.png").write_bytes(result.stdout)
    run("segment", photo, "--no-figure", cwd=tmp_path)
    assert result.stdout == (tmp_path / "outputs" / "quarters.labels.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs", "piped.png", "quarters.png"]


def test_json_goes_to_stdout_one_line_a_photo(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    result = run("segment", photo, "text.jpg", "--no-figure", "--json", "-q", cwd=tmp_path)
    assert result.returncode == 1
    good, bad = (json.loads(line) for line in result.stdout.decode().splitlines())
    assert good["schema"] == 3
    assert all((tmp_path / path).is_file() for path in good["outputs"])
    assert bad["input"]["name"] == "text.jpg"
    assert bad["schema"] == 3
    assert (good["source"], bad["source"]) == (str(photo), "text.jpg")
    assert "source" not in json.loads((tmp_path / "outputs" / "quarters.json").read_text())
    assert bad["error"] in get_error_line(result.stderr)


def test_quiet_prints_nothing_and_verbose_tells_of_each_segment(photo: Path, tmp_path: Path) -> None:
    quiet = run("segment", photo, "--no-figure", "-q", cwd=tmp_path)
    assert (quiet.stdout, quiet.stderr) == (b"", b"")
    verbose = run("segment", photo, "--no-figure", "-v", "--overwrite", cwd=tmp_path).stderr.decode()
    assert "#141" in verbose
    assert "starts" in verbose
    assert all(len(line) <= 80 for line in verbose.splitlines())


def test_a_closed_pipe_ends_the_command_without_a_word(photo: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [str(COMMAND), "segment", str(photo), "--no-figure", "--json", "-q"]
    result = subprocess.run(words, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert result.returncode == 141
    assert result.stderr == b""


@pytest.mark.slow
@pytest.mark.parametrize("line", ["--json -q", "-o -", "--help"])
def test_a_full_disk_behind_stdout_is_one_line(line: str, photo: Path, tmp_path: Path) -> None:
    result = shell(f'"$0" segment --no-figure "$1" {line} >/dev/full', photo, cwd=tmp_path)
    assert result.returncode == 1
    assert "no space" in get_error_line(result.stderr)


@pytest.mark.parametrize("line", ["- <&-", "quarters.png -o - >&-", "quarters.png --json >&-"])
def test_a_closed_stream_that_is_needed_is_one_line(line: str, photo: Path, tmp_path: Path) -> None:
    result = shell(f'"$0" segment {line}', cwd=tmp_path)
    assert result.returncode == 2
    assert "closed" in get_error_line(result.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "2>&-", "2>/dev/full"])
def test_streams_that_are_not_needed_may_be_closed_or_full(closed: str, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    before = photo.read_bytes()
    assert shell(f'"$0" segment text.jpg nothing.jpg "$1" {closed}', photo, cwd=tmp_path).returncode == 1
    assert photo.read_bytes() == before
    assert (tmp_path / "text.jpg").read_text() == "no photo"
    assert sorted(read_files(tmp_path / "outputs")) == sorted(f"quarters.{kind}" for kind in OUTPUTS)


def test_a_stream_without_end_is_refused_at_its_first_bytes(tmp_path: Path) -> None:
    with Path("/dev/zero").open("rb") as zeros:
        result = run("segment", "-", cwd=tmp_path, stdin=zeros)
    assert result.returncode == 1
    assert "not a picture" in get_error_line(result.stderr)


def test_fewer_colors_than_segments_are_noted_and_recorded(tmp_path: Path) -> None:
    Image.fromarray(two_colors()).save(tmp_path / "two.png")
    result = run("segment", "two.png", "-k", "4", "--no-figure", "--json", "-v", cwd=tmp_path)
    note = "2 colors, so 2 segments instead of 4"
    assert result.returncode == 0
    assert result.stderr.decode().splitlines()[1] == f"  note: {note}"
    record = json.loads(result.stdout)
    assert record["n_segments"] == {"asked": 4, "found": 2}
    assert record["recipe"]["n_segments"] == 4
    assert record["input"]["notes"] == [note]
    assert len(record["segments"]) == 2


def test_collapsed_components_are_told_like_the_record(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    image[:, 20:] = 255
    Image.fromarray(image).save(tmp_path / "white.png")
    arguments = ["segment", "white.png", "-k", "2", "--no-figure", "--overwrite"]
    told = run(*arguments, "-v", cwd=tmp_path).stderr.decode()
    record = json.loads((tmp_path / "outputs/white.json").read_text())
    assert record["fit"]["verdict"] == "degenerate"
    assert "  degenerate after " in told
    note = "  note: no spread of colors in some direction: segment 2; try fewer segments\n"
    assert note in told
    assert note in run(*arguments, cwd=tmp_path).stderr.decode()
    assert all(len(line) <= 80 for line in told.splitlines())


def test_one_iteration_is_told_in_the_singular(photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, "--max-iterations", "1", "--no-figure", "-v", cwd=tmp_path)
    assert b"after 1 iteration," in result.stderr


def test_a_long_list_is_cut() -> None:
    assert format_list([1, 2, 3, 4, 5]) == "1, 2, 3, 4, 5"
    assert format_list(range(1, 9)) == "1, 2, 3, 4, 5 and 3 more"


def test_a_tiff_is_read_where_stderr_is_closed(photo: Path, tmp_path: Path) -> None:
    Image.open(photo).save(tmp_path / "photo.tif", compression="tiff_lzw")  # libtiff and our silencer use descriptor 2
    assert shell('"$0" segment photo.tif --no-figure 2>&-', cwd=tmp_path).returncode == 0


# ---- names of files ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
@pytest.mark.parametrize(("raw", "told"), [(b"bad\xff", "bad\\xff"), ("käse".encode(), "käse")])
def test_names_of_any_bytes_are_recorded(
    raw: bytes, told: str, locale: dict[str, str], photo: Path, tmp_path: Path
) -> None:
    os.rename(photo, os.fsencode(tmp_path) + b"/" + raw + b".png")
    environment = {**os.environ, **locale}
    result = run("segment", os.fsdecode(raw + b".png"), "--json", "-q", cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    (record,) = (tmp_path / "outputs").glob("*.json")
    printed = json.loads(result.stdout)
    assert json.loads(record.read_text("utf-8"))["input"]["name"] == f"{told}.png"
    assert printed["source"] == f"{told}.png"
    assert printed["outputs"][0] == f"outputs/{told}.labels.png"


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    result = run("segment", "a\x1b[31m\nb.png", cwd=tmp_path)
    assert get_error_line(result.stderr).startswith("segmenter: a?[31m")


def test_options_come_from_the_environment_too(photo: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "SEGMENTER_SEGMENT_SEGMENTS": "2"}
    result = run("segment", photo, "--no-figure", cwd=tmp_path, env=environment)
    assert b"2 segments" in result.stderr


# ---- what bad input gets -------------------------------------------------------------------------------------------


def empty(folder: Path) -> str:
    (folder / "empty.png").touch()
    return "empty.png"


def text(folder: Path) -> str:
    (folder / "text.jpg").write_text("this is no picture, whatever its name says")
    return "text.jpg"


def truncated(folder: Path) -> str:
    (folder / "half.png").write_bytes(COFFEE.read_bytes()[:200_000])
    return "half.png"


def subfolder(folder: Path) -> str:
    (folder / "album").mkdir()
    return "album"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.png")
    return "pipe.png"


def not_a_number(folder: Path) -> str:
    Image.fromarray(np.array([[np.nan, np.nan]], np.float32)).save(folder / "nan.tif")
    return "nan.tif"


def postscript(folder: Path) -> str:
    (folder / "drawing.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    return "drawing.png"


def damaged_tiff(folder: Path) -> str:
    Image.open(COFFEE).convert("RGB").save(folder / "damaged.tif", compression="tiff_lzw")
    content = bytearray((folder / "damaged.tif").read_bytes())
    content[1000:60_000] = bytes(59_000)
    (folder / "damaged.tif").write_bytes(content)
    return "damaged.tif"


BAD_INPUT = {
    "missing": (lambda folder: "nothing.jpg", "no such file"),
    "folder": (subfolder, "folder"),
    "pipe": (pipe, "pipe"),
    "empty": (empty, "empty"),
    "text": (text, "not a picture"),
    "truncated": (truncated, "damaged"),
    "damaged TIFF": (damaged_tiff, "damaged"),
    "PostScript": (postscript, "not a picture"),
    "NaN": (not_a_number, "without data"),
}


@pytest.mark.parametrize(("make", "told"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_gets_one_line_and_writes_nothing(make: Callable[[Path], str], told: str, tmp_path: Path) -> None:
    name = make(tmp_path)
    result = run("segment", name, cwd=tmp_path)
    assert result.returncode == 1
    line = get_error_line(result.stderr)
    assert name in line
    assert told in line
    assert not (tmp_path / "outputs").exists()


def test_a_bad_photo_does_not_stop_the_others(photo: Path, tmp_path: Path) -> None:
    result = run("segment", "nothing.jpg", photo, "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    assert "nothing.jpg" in result.stderr.decode().splitlines()[0]
    assert (tmp_path / "outputs" / "quarters.labels.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("RuntimeError('who?')", "internal error (RuntimeError: who?); please report it"),
        ("MemoryError()", "does not fit into memory"),
    ],
)
def test_a_fault_of_ours_is_one_line_and_the_others_go_on(problem: str, told: str, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "unlucky.png").write_bytes(photo.read_bytes())
    code = f"""
import segmenter.workflows.segment.in_memory as job
segment_photo = job.segment_photo
def break_down(photo, recipe, on_iteration):
    if photo.name == "unlucky.png":
        raise {problem}
    return segment_photo(photo, recipe, on_iteration)
job.segment_photo = break_down
"""
    environment = sabotage(tmp_path, "sitecustomize", code)
    result = run("segment", "unlucky.png", photo, "--no-figure", "--json", "-q", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    assert f"unlucky.png: {told}" in get_error_line(result.stderr)
    bad, good = (json.loads(line) for line in result.stdout.decode().splitlines())
    assert told in bad["error"]
    assert good["input"]["name"] == "quarters.png"
    assert b"break_down" in run("segment", "unlucky.png", "-v", cwd=tmp_path, env=environment).stderr


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"completion"}))
def test_every_command_that_reads_files_tells_what_goes_wrong_in_one_line(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, FileCommand)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ('"$0" cluster t.csv', "segmenter.workflows.cluster.run.read_layout"),
        ('"$0" select quarters.png', "segmenter.workflows.select.find_distinct_colors"),
        ('"$0" segment quarters.png -o - | cat', "segmenter.workflows.segment.in_memory.encode_label_image"),
        ('"$0" apply m.json quarters.png', "segmenter.segmentation.model_file.load_model"),
    ],
)
def test_a_fault_of_ours_is_one_line_in_every_command(line: str, broken: str, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n2\n")
    module, name = broken.rsplit(".", 1)
    code = f"import {module} as module\ndef broken(*_, **__):\n    raise RuntimeError('who?')\nmodule.{name} = broken\n"
    environment = sabotage(tmp_path, "sitecustomize", code)
    told = get_error_line(shell(line, cwd=tmp_path, env=environment).stderr)
    assert told.endswith(": internal error (RuntimeError: who?); please report it")
    assert line.split()[2].strip('"') in told
    verbose = shell(line.replace(" |", " -v |") if "|" in line else f"{line} -v", cwd=tmp_path, env=environment)
    assert b"in broken" in verbose.stderr
    assert not (tmp_path / "outputs").exists()


def test_no_command_shows_the_help(tmp_path: Path) -> None:
    result = run(cwd=tmp_path)
    assert result.returncode == 2
    assert b"Usage: segmenter" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["segment"],
        ["segment", "a.png", "-k", "0"],
        ["segment", "a.png", "-k", "four"],
        ["segment", "a.png", "--tolerance", "0"],
        ["segment", "a.png", "--tolerance", "nan"],
        ["batch", "a.png", "--timeout", "nan"],
        ["batch", "a.png", "--timeout", "inf"],
        ["batch", "a.png", "--timeout", "1e308"],
        ["segment", "a.png", "--working-size", "inf"],
        ["segment", "a.png", "--init", "best"],
        ["segment", "a.png", "b.png", "-o", "-"],
        ["segment", "a.png", "-o", "-", "--json"],
        ["segment", "a.png", "-o", "-", "--save-model"],
        ["segment", "a.png", "-o", "-", "--save", "confidence"],
        ["segment", "a.png", "--save", "everything"],
        ["segment", "-", "-"],
        ["apply", "a.model.json"],
        ["apply", "a.model.json", "a.png", "-k", "3"],
        ["apply", "a.model.json", "a.png", "-o", "-", "--save", "posteriors"],
        ["apply", "a.model.json", "a.png", "b.png", "-o", "-"],
        ["segments", "a.png"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_and_one_line(arguments: Sequence[str], tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    command = f" {arguments[0]}" if arguments[0] in COMMANDS else ""
    assert get_error_line(result.stderr).endswith(f"; see 'segmenter{command} --help'")
    assert list(tmp_path.iterdir()) == []


def test_existing_output_is_an_error_before_any_work(photo: Path, tmp_path: Path) -> None:
    run("segment", photo, "--no-figure", cwd=tmp_path)
    before = read_files(tmp_path / "outputs")
    result = run("segment", COFFEE, photo, "-k", "2", "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    line = get_error_line(result.stderr)
    assert "(and 2 more)" in line
    assert "--overwrite" in line
    assert read_files(tmp_path / "outputs") == before
    assert run("segment", photo, "-k", "2", "--no-figure", "--overwrite", cwd=tmp_path).returncode == 0
    assert read_files(tmp_path / "outputs") != before


def test_photos_of_one_name_are_refused_before_any_work(photo: Path, tmp_path: Path) -> None:
    twin = tmp_path / "quarters.bmp"
    Image.open(photo).save(twin)
    result = run("segment", photo, twin, cwd=tmp_path)
    assert result.returncode == 1
    line = get_error_line(result.stderr)
    assert "quarters.bmp" in line
    assert "rename one" in line
    assert not (tmp_path / "outputs").exists()


def test_a_photo_given_twice_is_refused(photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, "./quarters.png", cwd=tmp_path)
    assert result.returncode == 1
    assert "given twice" in get_error_line(result.stderr)


def test_a_folder_in_the_place_of_an_output_is_refused_before_any_work(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs" / "quarters.json").mkdir(parents=True)
    result = run("segment", COFFEE, photo, "--overwrite", "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    assert "quarters.json: cannot be written (is a folder)" in get_error_line(result.stderr)
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["quarters.json"]


def test_a_set_of_files_is_not_begun_where_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError, match="is a folder"):
        write_files({tmp_path / "first": b"1", tmp_path / "folder": b"2"}, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_interrupt_while_renaming_waits_for_the_last_file(photo: Path, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
replace = Path.replace
def interrupted(self, target):
    exec({INTERRUPT!r})
    return replace(self, target)
Path.replace = interrupted
"""
    environment = sabotage(tmp_path, "sitecustomize", code)
    result = run("segment", photo, photo.parent / "later.png", "--no-figure", cwd=tmp_path, env=environment)
    assert result.returncode == 130
    assert "interrupted" in get_error_line(result.stderr)
    assert sorted(read_files(tmp_path / "outputs")) == ["quarters.json", "quarters.labels.png", "quarters.segments.png"]


def test_an_output_never_replaces_an_input(photo: Path, tmp_path: Path) -> None:
    victim = tmp_path / "quarters.labels.png"
    victim.write_bytes(photo.read_bytes())
    result = run("segment", photo, victim, "-o", ".", "--overwrite", cwd=tmp_path)
    assert result.returncode == 1
    assert "input" in get_error_line(result.stderr)
    assert victim.read_bytes() == photo.read_bytes()


@pytest.mark.parametrize("folder", ["taken", "taken/deep/er"])
def test_a_file_in_the_place_of_the_folder_is_refused_before_any_work(folder: str, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    result = run("segment", "missing.png", photo, "-o", folder, "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    assert "taken: cannot be written (is a file, not a folder)" in get_error_line(result.stderr)
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_folder_that_cannot_be_written(photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, "-o", "/proc/no-place", "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    assert "/proc/no-place" in get_error_line(result.stderr)


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # the labels fit, the figure does not

    result = run("segment", COFFEE, cwd=tmp_path, preexec_fn=limit_file_size)
    assert result.returncode == 1
    assert "coffee.figure.png: cannot be written" in get_error_line(result.stderr)
    assert read_files(tmp_path / "outputs") == {}


def test_a_name_too_long_for_its_outputs(photo: Path, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 251 + ".png")
    photo.rename(long)
    result = run("segment", long.name, "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    assert "too long" in get_error_line(result.stderr)


def test_an_interrupt_is_status_130_and_leaves_no_half_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (2000, 1500), dtype=np.uint16)
    Image.fromarray(noise).save(tmp_path / "slow.png")
    Image.fromarray(noise[:8, :8]).save(tmp_path / "quick.png")
    arguments = [str(COMMAND), "segment", "quick.png", "slow.png", "-k", "60", "--tolerance", "1e-12", "--no-figure"]
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"quick.png: " in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        *notes, last = process.stderr.read().splitlines(keepends=True)
        assert process.wait(timeout=20) == 130
    assert all(note.startswith(b"  note: ") for note in notes)  # on quick.png, unless the signal came before them
    assert "interrupted" in get_error_line(last)
    assert sorted(read_files(tmp_path / "outputs")) == ["quick.json", "quick.labels.png", "quick.segments.png"]


@pytest.mark.parametrize("module", ["click", "numpy"])
def test_an_interrupt_during_an_import_is_one_line(module: str, photo: Path, tmp_path: Path) -> None:
    result = run("segment", photo, cwd=tmp_path, env=sabotage(tmp_path, module, INTERRUPT))
    assert result.returncode == 130
    assert "interrupted" in get_error_line(result.stderr)


# ---- pictures where EM has little to hold on to --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("color_space", ["rgb", "lab", "hsv"])
@pytest.mark.parametrize(
    ("pixels", "n_segments"),
    [
        (np.full((1, 1, 3), 128, np.uint8), 1),
        (np.full((6, 7, 3), (10, 200, 30), np.uint8), 1),
        (np.arange(256, dtype=np.uint8).reshape(16, 16), 5),
        (
            np.where(
                np.arange(64).reshape(8, 8, 1) % 2, np.array([255, 0, 0], np.uint8), np.array([0, 0, 255], np.uint8)
            ),
            2,
        ),
        (np.eye(9, dtype=np.uint8) * 255, 2),
    ],
    ids=["1×1", "one color", "gray ramp", "two colors", "black and white"],
)
def test_plain_pictures_work(pixels: np.ndarray[Any, Any], n_segments: int, color_space: str, tmp_path: Path) -> None:
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    options = ["-k", str(n_segments), "--color-space", color_space]
    result = run("segment", "plain.png", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    labels = segmenter.read_labels(tmp_path / "outputs" / "plain.labels.png")
    assert np.unique(labels).tolist() == list(range(1, n_segments + 1))


# ---- help ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([name, "--help"] for name in sorted(COMMANDS))], ids=" ".join
)
def test_help_fits_80_columns(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path, env={**os.environ, "COLUMNS": "80"})
    assert result.returncode == 0
    assert result.stderr == b""
    assert all(len(line) <= 80 for line in result.stdout.decode().splitlines())


def test_help_tells_of_every_command_in_whole_sentences(tmp_path: Path) -> None:
    lines = run("--help", cwd=tmp_path, env={**os.environ, "COLUMNS": "80"}).stdout.decode().splitlines()
    told = lines[lines.index("Commands:") + 1 :]
    assert [line.split()[0] for line in told] == sorted(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in told)


def test_help_groups_the_options_under_headings(tmp_path: Path) -> None:
    lines = run("segment", "--help", cwd=tmp_path, env={**os.environ, "COLUMNS": "80"}).stdout.decode().splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "What to find:",
        "Regions (--method regions only):",
        "Fit (all methods except regions):",
        "Large pictures:",
        "Output:",
        "Figures:",
        "General:",
    ]
    regions = lines[lines.index(headings[1]) : lines.index(headings[2])]
    options = [line.split()[0] for line in regions if line.startswith("  --")]
    assert options == ["--scale", "--merge-cost", "--superpixels", "--working-size"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_defaults_and_ranges_in_words(name: str, tmp_path: Path) -> None:
    text = run(name, "--help", cwd=tmp_path, env={**os.environ, "COLUMNS": "80"}).stdout.decode()
    assert "<=" not in text
    assert "x>" not in text
    assert "default: no-" not in text
    assert "Of regions" not in text


def test_help_lists_one_output_a_line(tmp_path: Path) -> None:
    lines = run("segment", "--help", cwd=tmp_path).stdout.decode().splitlines()
    assert [line.split()[0] for line in lines if line.startswith("    NAME.")] == [
        "NAME.labels.png",
        "NAME.segments.png",
        "NAME.figure.png",
        "NAME.json",
        "NAME.posteriors.npz",
        "NAME.confidence.png",
        "NAME.model.json",
        "NAME.hierarchy.npz",
        "NAME.ucm.png",
        *(f"NAME.plot-{plot}.png" for plot in PLOTS),
    ]
    assert any(line.startswith("  --dpi N ") for line in lines)
    assert any("File format of the figure" in line for line in lines)


@pytest.mark.slow
def test_matplotlib_does_not_talk(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("no.such.key: 1\nbackend: none of these\n")
    environment = {**os.environ, "MPLCONFIGDIR": "/proc/x", "MPLBACKEND": "bogus", "TMPDIR": str(tmp_path)}
    result = run("segment", photo, "-q", cwd=tmp_path, env=environment)
    assert (result.returncode, result.stderr) == (0, b"")
    assert list(tmp_path.glob("matplotlib-*")) == []  # its temporary folder


def test_a_plain_photo_needs_no_tiff_reader(photo: Path) -> None:
    code = f"""if True:
        import sys, segmenter
        segmenter.segment({str(photo)!r})
        late = {{"tiff", "deep"}} & {{name.split(".")[-1] for name in sys.modules}}
        sys.exit(f"imported: {{late}}" if late else 0)
    """
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout.decode().strip() == f"segmenter {segmenter._version.__version__}"


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion_prints_a_script(shell: str, tmp_path: Path) -> None:
    assert b"_SEGMENTER_COMPLETE" in run("completion", shell, cwd=tmp_path).stdout


def test_an_absurd_value_is_not_repeated_whole(tmp_path: Path) -> None:
    result = run("segment", "a.png", "--seed", "9" * 5000, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count(b"\n") == 1
    assert len(result.stderr) < 1200
