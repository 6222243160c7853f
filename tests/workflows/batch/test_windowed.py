"""Pictures read by windows in a batch: what `segmenter segment` makes of them, byte for byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

import segmenter
from segmenter.execution.api import Workers
from segmenter.execution.map import map_jobs
from segmenter.io.files.discovery import list_photos
from segmenter.io.rasters import reader as io_windows
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.batch.output_names import Entry
from segmenter.workflows.batch.photo_colors import count_photo, count_windowed
from segmenter.workflows.batch.plan import BatchSettings
from segmenter.workflows.batch.resume import finished_record
from segmenter.workflows.segment.job import to_windowed
from segmenter.workflows.segment.run import run_job
from segmenter.workflows.segment.strategy import choose_processing_mode
from tests.support.batches import LABELS_ONLY, read_statuses
from tests.support.command import run
from tests.support.files import read_tree, save_image
from tests.support.scenes import overlapping

pytestmark = pytest.mark.slow

GEOTIFF: Any = [(33550, 12, 3, (10.0, 10.0, 0.0)), (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0))]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of a photo and of pictures of all kinds that go by windows, in a tree."""
    folder = tmp_path / "photos"
    save_image(overlapping(0), folder / "plain.png")
    five: Any = np.concatenate([overlapping(1), overlapping(2)[..., :2]], axis=2)
    tifffile.imwrite(folder / "bands.tif", five, photometric="minisblack", planarconfig="contig")
    (folder / "deep").mkdir()
    no_data: Any = [(42113, 2, 3, "128", True)]
    tifffile.imwrite(folder / "deep" / "gap.tif", overlapping(3)[..., 0], photometric="minisblack", extratags=no_data)
    tifffile.imwrite(folder / "deep" / "geo.tif", overlapping(4), photometric="rgb", extratags=GEOTIFF)
    zarr.save_array(str(folder / "deep" / "array.zarr"), five)
    return folder


def large_and_whole(folder: Path, seed: int, dtype: str = "u1") -> tuple[Path, Path]:
    """Return a GeoTIFF, which goes by windows, and a photo of the same pixels."""
    folder.mkdir(exist_ok=True)
    pixels = overlapping(seed).astype(dtype) * (np.iinfo(dtype).max // 255)
    geo, plain = folder / f"{seed}-geo.tif", folder / f"{seed}-plain.tif"
    tifffile.imwrite(geo, pixels, photometric="rgb", tile=(32, 32), extratags=GEOTIFF)
    tifffile.imwrite(plain, pixels, photometric="rgb")
    return geo, plain


@pytest.mark.parametrize("options", [("--jobs", "2"), ("--bands", "3,1", "--jobs", "1")], ids=["all", "bands"])
def test_outputs_are_those_of_single_runs_byte_for_byte(options: tuple[str, ...], photos: Path, tmp_path: Path) -> None:
    if "--bands" in options:
        (photos / "plain.png").unlink()
        (photos / "deep" / "gap.tif").unlink()
    options = (*options, "-k", "3", "--restarts", "1", "--dpi", "60")
    result = run("batch", "photos", "-r", "-o", "out", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for path in [*photos.glob("*.*"), *photos.glob("deep/*")]:
        place = Path("single") / path.parent.relative_to(photos)
        assert run("segment", path, "-o", place, *options, cwd=tmp_path).returncode == 0
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "single")
    assert (tmp_path / "out" / "deep" / "array.labels.tif").exists()


def test_a_tiff_larger_than_the_memory_of_a_job_is_read_by_windows(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.tile(overlapping()[..., 0], (196, 196))
    tifffile.imwrite(folder / "a.tif", pixels, photometric="minisblack", tile=(512, 512), compression="zlib")
    options = ("-k", "2", LABELS_ONLY, "--max-memory", "400M")
    result = run("batch", "photos", "-o", "out", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert b"note: read by windows: in memory it would take some 332 MB" in result.stderr
    run("segment", folder / "a.tif", "-o", "single", "-k", "2", LABELS_ONLY, "--max-memory", "1K", cwd=tmp_path)
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "single")


def test_a_worker_processes_windows_one_by_one_in_its_own_process() -> None:
    done: list[int] = []
    answers = map_jobs(done.append, enumerate([3, 4]), Workers(0))
    assert done == []
    assert next(answers).index == 0
    assert done == [3]


def test_the_mode_depends_on_the_limits_of_the_job(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, overlapping(), photometric="rgb")
    settings = BatchSettings(tmp_path / "out", Recipe(), None, max_pixels=10)
    entry = Entry(str(path), "", "a")
    assert choose_processing_mode(settings.build_job(entry)).mode == "windowed"
    strict = replace(settings, enforce_max_pixels=True).build_job(entry)
    assert choose_processing_mode(strict) is strict
    chosen = choose_processing_mode(replace(settings, enforce_max_pixels=True, bands=(2,)).build_job(entry))
    assert chosen.mode == "windowed"
    assert (chosen.windows.bands, chosen.windows.workers) == ((2,), Workers(0))


# ---- going on ------------------------------------------------------------------------------------------------------


def test_finished_photos_are_up_to_date_until_they_or_the_options_change(photos: Path, tmp_path: Path) -> None:
    words = ("batch", "photos", "-r", "-k", "2", LABELS_ONLY)
    assert run(*words, cwd=tmp_path).returncode == 0
    before = read_tree(tmp_path / "outputs")
    assert run(*words, "--resume", cwd=tmp_path).returncode == 0
    assert set(read_statuses(tmp_path / "outputs").values()) == {"up to date"}
    told = run(*words, "--resume", "--dry-run", "--json", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["decision"] for line in told] == ["up to date"] * 5
    array: Any = zarr.open(str(photos / "deep" / "array.zarr"))
    array[:6] = 0
    (tmp_path / "outputs" / "deep" / "geo.labels.tif").unlink()
    assert run(*words, "--resume", cwd=tmp_path).returncode == 0
    redone = {name for name, status in read_statuses(tmp_path / "outputs").items() if status == "done"}
    assert redone == {"array.zarr", "geo.tif"}
    changed = {name for name, content in read_tree(tmp_path / "outputs").items() if content != before[name]}
    assert changed == {"deep/array.json", "deep/array.labels.tif"}
    told = run(*words, "--bands", "1", "--resume", "--dry-run", "--json", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["decision"] for line in told] == ["redo"] * 5


@pytest.mark.parametrize("is_large", [False, True])
def test_results_of_either_mode_count_as_done(is_large: bool, tmp_path: Path) -> None:
    path = large_and_whole(tmp_path / "photos", 1)[1]
    job = BatchSettings(tmp_path / "out", Recipe(restarts=1), None, max_pixels=10**9).build_job(
        Entry(str(path), "", "a")
    )
    run_job(to_windowed(job, "for lack of memory") if is_large else job)
    assert finished_record(job) is not None
    assert finished_record(replace(job, windows=replace(job.windows, bands=(3, 2, 1)))) is None
    assert finished_record(replace(job, posteriors=tmp_path / "out" / "a.posteriors.npz")) is None


def test_existing_results_are_refused_before_any_work(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "bands.labels.tif").touch()
    result = run("batch", "photos", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[-1].startswith("segmenter: outputs/bands.labels.tif: already exists")
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["bands.labels.tif"]


# ---- folders of Zarr arrays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "recursive"),
    [("photos", True), ("photos/deep", False), ("photos/**/*.zarr", False), ("photos/deep/a*", False)],
)
def test_a_zarr_array_is_one_photo(
    given: str, recursive: bool, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(overlapping(), photos / "deep" / "array.zarr" / "c" / "thumbnail.png")
    monkeypatch.chdir(tmp_path)
    found = [path for path, _ in list_photos([given], recursive=recursive, output="out").photos]
    assert [path for path in found if ".zarr" in path] == ["photos/deep/array.zarr"]


def test_a_zarr_array_given_as_argument_is_one_photo_with_its_own_name(photos: Path, tmp_path: Path) -> None:
    tifffile.imwrite(photos / "deep" / "array.tif", overlapping(), photometric="rgb")
    words = ("photos/deep/array.zarr/", "photos/deep/array.tif")
    result = run("batch", *words, "-k", "2", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert {name for name in read_tree(tmp_path / "outputs") if name.endswith(".json")} == {
        "array.tif.json",
        "array.zarr.json",
    }


# ---- one model for all ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_counts_of_windows_add_up_to_those_of_the_whole(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io_windows, "WINDOW_BYTES", 12_000)
    monkeypatch.setattr(io_windows, "MIN_TILE", 16)
    settings = BatchSettings(tmp_path / "out", Recipe(3), None, max_pixels=10**9)
    large, whole = (settings.build_job(Entry(str(path), "", "a")) for path in large_and_whole(tmp_path, 5, dtype))
    by_windows, at_once = count_windowed(to_windowed(large, "")), count_photo(whole)
    assert by_windows.value_range == at_once.value_range
    if (shared := at_once.value_range) is not None:  # the range comes first, as photos share it
        assert not at_once.colors
        by_windows = count_windowed(to_windowed(replace(large, scale_range=shared), ""))
        at_once = count_photo(replace(whole, scale_range=shared))
    (colors,), (expected,) = by_windows.colors, at_once.colors
    assert (colors.colors == expected.colors).all()
    assert (colors.counts == expected.counts).all()


def test_a_shared_model_does_not_depend_on_the_mode(tmp_path: Path) -> None:
    for seed in range(2):
        for path, folder in zip(large_and_whole(tmp_path, seed), ("large", "whole"), strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            path.rename(tmp_path / folder / f"{seed}.tif")
    for folder in ("large", "whole"):
        result = run("batch", folder, "-k", "3", "--shared-model", LABELS_ONLY, "-o", f"{folder}-out", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    large, whole = tmp_path / "large-out", tmp_path / "whole-out"
    assert (large / "shared.model.json").read_bytes() == (whole / "shared.model.json").read_bytes()
    for seed in range(2):
        labels = segmenter.read_labels(large / f"{seed}.labels.tif")
        assert (labels == segmenter.read_labels(whole / f"{seed}.labels.png")).all()
    result = run("batch", "large", "-k", "3", "--shared-model", LABELS_ONLY, "-o", large, "--resume", cwd=tmp_path)
    assert set(read_statuses(large).values()) == {"up to date"}


def test_photos_of_more_than_8_bits_share_one_value_range(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, (factor, offset) in enumerate([(9, 100), (13, 50)]):
        values = overlapping(seed).astype(np.uint16) * factor + offset
        tifffile.imwrite(folder / f"{seed}.tif", values, photometric="rgb", extratags=GEOTIFF if seed else ())
    low = min(int(tifffile.imread(path).min()) for path in folder.glob("*.tif"))
    high = max(int(tifffile.imread(path).max()) for path in folder.glob("*.tif"))
    command = ("batch", "photos", "-k", "3", "--shared-model", LABELS_ONLY, "-o", "out")
    assert run(*command, cwd=tmp_path).returncode == 0

    def read_input(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((tmp_path / "out" / f"{name}.json").read_text())["input"]
        return found

    for name in "01":
        used = read_input(name)["value_range"]
        assert (used["kind"], used["low"], used["high"]) == ("integer", low, high)
    assert run(*command, "--resume", cwd=tmp_path).returncode == 0
    assert set(read_statuses(tmp_path / "out").values()) == {"up to date"}
    assert run(*command, "--resume", "--scale-range", "full", cwd=tmp_path).returncode == 0
    assert "up to date" not in read_statuses(tmp_path / "out").values()
    save_image(overlapping(2), folder / "plain.png")  # 8 bits, which are not scaled
    assert run(*command, "--overwrite", cwd=tmp_path).returncode == 0
    assert "value_range" not in read_input("plain")
    assert [read_input(name)["value_range"]["high"] for name in "01"] == [65535, 65535]


def test_floats_can_share_a_model_by_windows_but_not_with_integers(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        values = overlapping(seed).astype("f4") / 100
        tifffile.imwrite(folder / f"{seed}.tif", values, photometric="rgb", extratags=GEOTIFF)
    command = ("batch", "photos", "-k", "3", "--shared-model", LABELS_ONLY, "-o", "out")
    assert run(*command, cwd=tmp_path).returncode == 0
    assert set(read_statuses(tmp_path / "out").values()) == {"done"}
    tifffile.imwrite(folder / "2.tif", overlapping(2).astype("u2") * 9, photometric="rgb")
    result = run(*command, "--overwrite", cwd=tmp_path)
    assert result.returncode == 1
    assert b"cannot be shared by pictures of float and integer values" in result.stderr


# ---- what cannot be had --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--bands", "2"), "photos/plain.png: is neither a TIFF nor a Zarr array; only these are read by windows"),
        (("--bands", "4"), "photos/geo.tif: has no band 4; it has bands 1 to 3"),
        (("--shared-model",), "photos/bands.tif: has 5 bands, and a shared model is of colors; choose three with"),
        (("--color-space", "lab"), "photos/bands.tif: color space lab cannot be computed from 5 bands; choose three"),
        (
            ("--save", "posteriors"),
            "photos/bands.tif: read by windows for its 5 bands, which is not possible with --save",
        ),
        (
            ("--max-pixels", "9"),
            "photos/geo.tif: 24×24 pixels are more than the limit of 9; raise it with --max-pixels",
        ),
    ],
)
def test_unsupported_options_are_reported_in_one_line_per_photo(
    options: tuple[str, ...], told: str, photos: Path, tmp_path: Path
) -> None:
    (photos / "deep" / "geo.tif").rename(photos / "geo.tif")
    values = overlapping(2).astype("f4")
    tifffile.imwrite(photos / "float.tif", values, photometric="rgb", extratags=GEOTIFF)
    result = run("batch", "photos", "-k", "2", "-q", LABELS_ONLY, *options, cwd=tmp_path)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert len([line for line in lines if line.startswith(f"segmenter: {told}")]) == 1, lines
    assert len(lines) == list(read_statuses(tmp_path / "outputs").values()).count("failed")
