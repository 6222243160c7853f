"""Results of an earlier run in the same folder: what is listed, what is removed, and what is left alone."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segmenter.errors import WriteError
from segmenter.io.files.atomic import write_files
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.segment.job import SegmentJob, plan_job
from segmenter.workflows.segment.outputs import find_stale_outputs, write_outputs
from tests.support.command import run_text as run
from tests.support.files import read_tree
from tests.support.scenes import grainy

pytestmark = pytest.mark.slow

OPTIONS: dict[str, tuple[str, ...]] = {
    "plain": ("--no-figure",),
    "model and maps": ("--no-figure", "--save-model", "--save", "posteriors", "--save", "confidence"),
    "plots": ("--dpi", "50", "--figure-format", "svg", "--plot", "palette"),
    "regions": ("--no-figure", "--method", "regions", "--scale", "all", "--save", "hierarchy"),
    "windows": ("--no-figure", "--max-memory", "1K", "--jobs", "1"),
    "zarr": ("--no-figure", "--max-memory", "1K", "--jobs", "1", "--label-format", "zarr"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a.tif, and what each set of options writes for it in a folder of that name."""
    folder = tmp_path_factory.mktemp("fresh")
    tifffile.imwrite(folder / "a.tif", np.tile(grainy()[0], (2, 3, 1)), photometric="rgb")
    for name, options in OPTIONS.items():
        assert run("segment", "a.tif", *options, "-o", name, cwd=folder).returncode == 0
    return folder


def names_of(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_record_lists_all_files_of_its_run(name: str, folder: Path) -> None:
    files = json.loads((folder / name / "a.json").read_text())["files"]
    assert files[-1] == "a.json"
    assert len(files) == len(set(files))
    assert set(files) == names_of(folder / name)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("plain", "plots"),
        ("model and maps", "plain"),
        ("model and maps", "zarr"),
        ("plots", "plain"),
        ("plots", "regions"),
        ("regions", "plain"),
        ("windows", "zarr"),
        ("windows", "plain"),
        ("zarr", "plain"),
        ("zarr", "windows"),
    ],
)
def test_after_a_second_run_the_folder_is_as_if_there_had_been_no_first(first: str, second: str, folder: Path) -> None:
    output = folder / f"{first}, then {second}"
    copytree(folder / first, output)
    result = run("segment", "a.tif", *OPTIONS[second], "-o", output.name, "--overwrite", cwd=folder)
    assert result.returncode == 0
    assert read_tree(output) == read_tree(folder / second)
    gone = names_of(folder / first) - names_of(folder / second)
    notes = [line for line in result.stderr.splitlines() if "this run does not write" in line]
    assert bool(notes) == bool(gone)
    assert all(name in notes[0] for name in gone)
    assert "earlier one" not in result.stderr


def test_without_overwrite_an_error_before_any_work_names_what_would_go(folder: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(grainy()[0]).save(photo)
    assert run("segment", photo, *OPTIONS["model and maps"], cwd=tmp_path).returncode == 0
    photo.write_bytes(b"no photo any more")
    before = read_tree(tmp_path)
    result = run("segment", photo, "--no-figure", cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "outputs/a.labels.png: already exists (and 2 more); use --overwrite" in line
    assert "--overwrite also removes a.posteriors.npz, a.confidence.png, a.model.json of the earlier run" in line
    assert read_tree(tmp_path) == before


def test_a_run_that_fails_removes_nothing(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(grainy()[0]).save(photo)
    assert run("segment", photo, *OPTIONS["model and maps"], cwd=tmp_path).returncode == 0
    photo.write_bytes(b"no photo any more")
    before = read_tree(tmp_path)
    assert run("segment", photo, "--no-figure", "--overwrite", cwd=tmp_path).returncode == 1
    assert read_tree(tmp_path) == before


def test_files_without_a_record_are_left_and_named(tmp_path: Path) -> None:
    Image.fromarray(grainy()[0]).save(tmp_path / "a.png")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "a.ucm.png").write_bytes(b"old")
    result = run("segment", "a.png", "--no-figure", cwd=tmp_path)
    assert "  note: left by an earlier run; remove them if not needed: outputs/a.ucm.png\n" in result.stderr
    assert (tmp_path / "outputs" / "a.ucm.png").read_bytes() == b"old"


# ---- inputs --------------------------------------------------------------------------------------------------------


def test_the_model_that_is_applied_stays(tmp_path: Path) -> None:
    Image.fromarray(grainy()[0]).save(tmp_path / "a.png")
    assert run("segment", "a.png", *OPTIONS["model and maps"], cwd=tmp_path).returncode == 0
    result = run("apply", "outputs/a.model.json", "a.png", "--no-figure", "--overwrite", cwd=tmp_path)
    assert result.returncode == 0
    assert names_of(tmp_path / "outputs") == {"a.labels.png", "a.segments.png", "a.json", "a.model.json"}
    assert "a.model.json" not in result.stderr


def test_the_hierarchy_that_is_cut_stays(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "regions").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    result = run("cut", "a.hierarchy.npz", "-k", "3", "-o", ".", "--overwrite", cwd=tmp_path)
    assert result.returncode == 0
    assert names_of(tmp_path) == {"a.labels.png", "a.segments.png", "a.json", "a.hierarchy.npz"}
    assert "a.ucm.png" in result.stderr


@pytest.mark.parametrize("command", ["segment", "batch"])
def test_no_photo_of_the_run_is_removed(command: str, tmp_path: Path) -> None:
    """Though its name and a record say that it is the confidence of another photo."""
    for name in ("a.png", "a.confidence.png"):
        Image.fromarray(grainy()[0]).save(tmp_path / name)
    photo = (tmp_path / "a.confidence.png").read_bytes()
    (tmp_path / "a.json").write_text(json.dumps({"files": ["a.confidence.png", "a.ucm.png", "a.json"]}))
    (tmp_path / "a.ucm.png").write_bytes(b"old")
    words = ("a.png", "a.confidence.png", "--no-figure", "--overwrite", "-o", ".")
    assert run(command, *words, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.confidence.png").read_bytes() == photo
    assert not (tmp_path / "a.ucm.png").exists()


# ---- records that cannot be trusted --------------------------------------------------------------------------------


def planned(folder: Path, *, overwrite: bool = True) -> SegmentJob:
    """Return the job of in/a.png, which writes to out."""
    recipe = Recipe()
    return plan_job(
        folder / "in" / "a.png", folder / "out", recipe, figure_options=None, max_pixels=100, overwrite=overwrite
    )


FOREIGN = ["../in/a.png", "../in/a.confidence.png", "b.confidence.png", "a.txt", "a.png", "sub/a.ucm.png", "A.ucm.png"]


@settings(max_examples=30)
@given(data=st.data())
def test_only_files_with_the_names_of_outputs_in_the_same_folder_can_be_removed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("untrusted")
    (folder / "in").mkdir()
    (folder / "out" / "sub").mkdir(parents=True)
    for name in (*FOREIGN, "a.ucm.png"):
        (folder / "out" / name).write_bytes(b"content")
    entries = [*FOREIGN, *(str(folder / "out" / name) for name in FOREIGN), "a.ucm.png", "", ".", "..", "\0", "a.json"]
    listed = data.draw(st.lists(st.one_of(st.sampled_from(entries), st.text(max_size=5)), max_size=9))
    (folder / "out" / "a.json").write_text(json.dumps({"files": listed}))
    before = read_tree(folder)
    job = planned(folder)
    write_outputs(job, dict.fromkeys(job.outputs, b"new"))
    expected = before | {f"out/{path.name}": b"new" for path in job.outputs}
    if "a.ucm.png" in listed:
        del expected["out/a.ucm.png"]
    assert read_tree(folder) == expected


@pytest.mark.parametrize("files", [None, "a.ucm.png", {"a.ucm.png": 1}, [["a.ucm.png"]], [1], 7])
def test_a_list_of_files_that_is_none_removes_nothing(files: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.ucm.png").write_bytes(b"old")
    for content in (json.dumps({"files": files}), "[]", "{", ""):
        (tmp_path / "out" / "a.json").write_text(content)
        assert find_stale_outputs(planned(tmp_path)) == []


def test_of_links_only_the_link_is_removed_and_other_folders_stay(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "data.zarr").mkdir()
    (tmp_path / "data.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "precious.png").write_bytes(b"precious")
    (tmp_path / "out" / "a.labels.zarr").symlink_to(tmp_path / "data.zarr")
    (tmp_path / "out" / "a.confidence.png").symlink_to(tmp_path / "precious.png")
    (tmp_path / "out" / "a.ucm.png").mkdir()
    (tmp_path / "out" / "a.ucm.png" / "inside").write_bytes(b"precious")
    job = planned(tmp_path)
    files = ["a.labels.zarr", "a.confidence.png", "a.ucm.png", "a.json"]
    (tmp_path / "out" / "a.json").write_text(json.dumps({"files": files}))
    write_outputs(job, dict.fromkeys(job.outputs, b"new"))
    assert names_of(tmp_path / "out") == {"a.labels.png", "a.segments.png", "a.json", "a.ucm.png"}
    assert names_of(tmp_path / "data.zarr") == {"zarr.json"}
    assert (tmp_path / "precious.png").read_bytes() == (tmp_path / "out/a.ucm.png/inside").read_bytes() == b"precious"


def test_names_that_are_no_unicode_are_listed_and_found(tmp_path: Path) -> None:
    job = plan_job(
        Path("photo"), tmp_path, Recipe(), figure_options=None, max_pixels=1, overwrite=True, name="gr\udcf6n"
    )
    (tmp_path / "gr\udcf6n.ucm.png").write_bytes(b"old")
    (tmp_path / "gr\udcf6n.json").write_text(json.dumps({"files": [r"gr\xf6n.ucm.png"]}))
    assert [path.name for path in find_stale_outputs(job)] == ["gr\udcf6n.ucm.png"]


# ---- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_renamed", range(3))
def test_nothing_is_removed_if_a_file_cannot_be_put_in_place(
    n_renamed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").write_bytes(b"old")
    renamed: list[Path] = []
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if len(renamed) == n_renamed:
            raise OSError(errno.EIO, "Input/output error")
        renamed.append(self)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(WriteError):
        write_files({tmp_path / name: b"new" for name in "abc"}, overwrite=True, stale=[tmp_path / "old"])
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_file_that_cannot_be_removed_is_named_and_the_new_ones_are_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").write_bytes(b"old")
    unlink = Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if self.name == "old":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(WriteError, match="old"):
        write_files({tmp_path / name: b"new" for name in "ab"}, overwrite=True, stale=[tmp_path / "old"])
    assert read_tree(tmp_path) == {"a": b"new", "b": b"new", "old": b"old"}


# ---- other commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--overwrite", "--resume"])
def test_a_batch_removes_what_its_photos_no_longer_have(option: str, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(grainy()[0]).save(tmp_path / name)
    words = ("batch", "a.png", "b.png", "-j", "1")
    assert run(*words, "--save-model", "--no-figure", cwd=tmp_path).returncode == 0
    assert run(*words, "-k", "2", "--no-figure", option, cwd=tmp_path).returncode == 0
    kinds = ("labels.png", "segments.png", "json")
    expected = {f"{name}.{kind}" for name in "ab" for kind in kinds} | {"summary.csv", "summary.json"}
    assert names_of(tmp_path / "outputs") == expected


def test_a_batch_that_resumes_keeps_what_is_up_to_date(tmp_path: Path) -> None:
    Image.fromarray(grainy()[0]).save(tmp_path / "a.png")
    words = ("batch", "a.png", "-j", "1", "--no-figure")
    assert run(*words, "--save-model", cwd=tmp_path).returncode == 0
    assert run(*words, "--resume", cwd=tmp_path).returncode == 0
    assert "a.model.json" in names_of(tmp_path / "outputs")
