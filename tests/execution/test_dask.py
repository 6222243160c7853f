"""The batch on a Dask cluster: what a local run would do, whatever dies meanwhile. Scheduler and workers are real."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from distributed.versions import get_versions

from segmenter.errors import ClusterVersionError, UnreachableSchedulerError
from segmenter.execution import dask_client
from segmenter.execution.api import Workers
from segmenter.execution.dask_client import FAN_IN, check_visibility, compare_versions, connect
from segmenter.execution.dask_worker import WorkerPoolPlugin
from segmenter.execution.interrupts import deliver_interrupts_to
from segmenter.execution.map import map_jobs
from segmenter.execution.processes import WorkerSetup
from tests.support.batches import LABELS_ONLY, read_statuses
from tests.support.command import COMMAND, run
from tests.support.dask_cluster import start_cluster
from tests.support.files import read_tree, save_image
from tests.support.scenes import overlapping

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_cluster(tmp_path_factory.mktemp("dask") / "cluster", 2) as (found, _):
        yield found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of photos in a tree, more than are added up at once."""
    for seed in range(FAN_IN + 2):
        place = ("", "deep/", "deep/er/")[seed % 3]
        save_image(overlapping(seed), tmp_path / "photos" / f"{place}{seed:02d}.png")
    save_image(overlapping(99)[..., 0], tmp_path / "photos" / "gray.png")
    return tmp_path / "photos"


# ---- the same as here ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [("-k", "3", "--color-space", "lab", "--save", "confidence", LABELS_ONLY), ("--shared-model", LABELS_ONLY)],
)
def test_outputs_are_those_of_a_local_run_byte_for_byte(
    options: tuple[str, ...], address: str, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    local = run("batch", "photos", "-r", "-q", "-o", "local", *options, cwd=tmp_path)
    there = run("batch", "photos", "-r", "-q", "-o", "there", *options, "--scheduler", address, cwd=tmp_path)
    assert (there.returncode, there.stderr) == (local.returncode, local.stderr) == (1, local.stderr)
    assert read_tree(tmp_path / "there") == read_tree(tmp_path / "local")
    assert read_statuses(tmp_path / "there") == read_statuses(tmp_path / "local")
    assert {path.name for path in (tmp_path / "there").rglob(".*")} == set()
    again = run("batch", "photos", "-r", "-o", "there", *options, "--resume", "--scheduler", address, cwd=tmp_path)
    assert again.returncode == 1
    assert set(read_statuses(tmp_path / "there").values()) == {"up to date", "failed"}


def test_a_photo_that_crashes_its_process_is_lost_as_it_is_here(address: str, tmp_path: Path) -> None:
    for name in ("a", "crash", "z"):
        save_image(overlapping(), tmp_path / "photos" / f"{name}.png")
    result = run("batch", "photos", "-q", LABELS_ONLY, "--scheduler", address, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert "photos/crash.png: the decoder crashed (SIGSEGV)" in line
    assert read_statuses(tmp_path / "outputs") == {"a.png": "done", "crash.png": "failed", "z.png": "done"}


def test_a_photo_that_takes_too_long_is_given_up(address: str, tmp_path: Path) -> None:
    for name in ("a", "endless", "z"):
        save_image(overlapping(), tmp_path / "photos" / f"{name}.png")
    result = run("batch", "photos", "-q", LABELS_ONLY, "--timeout", "4", "--scheduler", address, cwd=tmp_path)
    assert result.stderr.decode().splitlines() == [
        "segmenter: photos/endless.png: took longer than 4 s; raise --timeout or leave the photo out"
    ]
    assert list(read_statuses(tmp_path / "outputs").values()) == ["done", "failed", "done"]


# ---- what dies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("--shared-model",)])
def test_the_photos_of_a_worker_that_is_killed_are_done_again(
    more: tuple[str, ...], address: str, photos: Path, tmp_path: Path
) -> None:
    save_image(overlapping(), photos / "07-once.png")
    run("batch", "photos", "-r", LABELS_ONLY, *more, "-o", "local", cwd=tmp_path)
    result = run("batch", "photos", "-r", LABELS_ONLY, *more, "-o", "there", "--scheduler", address, cwd=tmp_path)
    assert (photos / "07-once.png.began").exists()
    assert result.returncode == 0, result.stderr
    assert read_tree(tmp_path / "there") == read_tree(tmp_path / "local")
    assert set(read_statuses(tmp_path / "there").values()) == {"done"}


def test_a_photo_that_kills_every_worker_is_given_up_and_the_others_are_done(address: str, tmp_path: Path) -> None:
    for name in ("a", "deadly"):
        save_image(overlapping(), tmp_path / "photos" / f"{name}.png")
    result = run("batch", "photos", "-q", LABELS_ONLY, "--scheduler", address, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert "photos/deadly.png: 2 workers of the cluster died one after the other" in line
    assert read_statuses(tmp_path / "outputs") == {"a.png": "done", "deadly.png": "failed"}


def test_a_task_ends_when_its_time_is_up_and_the_rest_goes_out_again(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = WorkerPoolPlugin(WorkerSetup(abs), None, None)
    pool.processes, pool.idle, pool.is_closed = set(), [], False
    try:
        assert pool.run_jobs([(0, -1), (1, -2), (2, -3)], 600) == [(1, ""), (2, ""), (3, "")]
        assert pool.run_jobs([(0, -1), (1, -2), (2, -3)], 0) == [(1, "")]
    finally:
        pool.teardown(None)
    assert pool.run_jobs([(0, -1), (1, -2)], 600) == []  # as the map has ended
    monkeypatch.setattr(dask_client, "TASK_SECONDS", 0.0)
    answers = list(map_jobs(abs, enumerate(range(-40, 0)), Workers(scheduler=address)))
    assert sorted((answer.index, answer.result) for answer in answers) == [(n, 40 - n) for n in range(40)]


def test_an_interrupt_stops_the_work_on_the_cluster_soon(address: str, tmp_path: Path) -> None:
    for name in ("a", "b", "endless"):
        save_image(overlapping(), tmp_path / "photos" / f"{name}.png")
    words = [str(COMMAND), "batch", "photos", LABELS_ONLY, "--json", "--scheduler", address]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, cwd=tmp_path, stdout=pipe, stderr=pipe, start_new_session=True)
    assert process.stdout is not None
    done = [json.loads(process.stdout.readline())["status"] for _ in range(2)]
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].endswith(b"continue with --resume")
    assert list(read_statuses(tmp_path / "outputs").values()) == [*done, "not done"]
    (tmp_path / "photos" / "endless.png").unlink()
    result = run("batch", "photos", "--resume", LABELS_ONLY, "--scheduler", address, cwd=tmp_path)
    assert result.returncode == 0  # all its workers are free again
    assert list(read_statuses(tmp_path / "outputs").values()) == ["up to date", "up to date"]


def test_an_interrupt_is_not_lost_in_a_finalizer() -> None:
    class Dropped:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    news: queue.SimpleQueue[None] = queue.SimpleQueue()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with deliver_interrupts_to(news):
            Dropped()
        assert news.get_nowait() is None
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)


def test_a_lost_scheduler_is_one_line_and_resume_does_the_rest(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "endless", "z"):
        save_image(np.tile(overlapping(), (2, 2, 1)), tmp_path / "photos" / f"{name}.png")
    run("batch", "photos", LABELS_ONLY, "-o", "local", cwd=tmp_path)
    with start_cluster(tmp_path / "cluster", 1) as (address, scheduler):
        words = [str(COMMAND), "batch", "photos", LABELS_ONLY, "-q", "--json", "--scheduler", address]
        process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["status"] == "done"
        os.killpg(scheduler.pid, signal.SIGKILL)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = stderr.decode().splitlines()
    assert line.startswith(f"segmenter: {address}: the connection to the scheduler was lost")
    assert "not done" in read_statuses(tmp_path / "outputs").values()
    assert run("batch", "photos", LABELS_ONLY, "--resume", cwd=tmp_path).returncode == 0
    assert read_tree(tmp_path / "outputs") == read_tree(tmp_path / "local")


# ---- clusters that cannot work -------------------------------------------------------------------------------------


def test_workers_that_do_not_see_the_photos_are_told_before_any_work(address: str, tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "unseen" / "a.png")
    result = run("batch", "unseen", "-q", LABELS_ONLY, "--scheduler", address, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith(f"segmenter: {tmp_path}/unseen/a.png: cannot be seen by the worker tcp://127.0.0.1")
    assert "mount at the same path" in line
    assert read_tree(tmp_path / "outputs") == {}


def test_a_path_that_is_missing_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    assert check_visibility([str(tmp_path / "here"), str(tmp_path / "there")], str(tmp_path)) == str(tmp_path / "there")
    assert check_visibility([str(tmp_path / "here")], str(tmp_path)) is None


@pytest.mark.parametrize(
    ("place", "library", "value", "told"),
    [
        ("scheduler", "distributed", "2020.1.0", "the scheduler has distributed 2020.1.0, but this machine"),
        ("worker", "dask", "2020.1.0", "the worker tcp://x has dask 2020.1.0, but this machine runs dask"),
        ("worker", "segmenter", None, "the worker tcp://x has no segmenter, but this machine runs segmenter"),
        ("worker", "python", "2.7.18.final.0", "the worker tcp://x has Python 2.7, but this machine runs Python 3"),
    ],
)
def test_other_versions_are_told(place: str, library: str, value: str | None, told: str) -> None:
    def versions() -> Any:
        return get_versions(["segmenter"])

    found = {"client": versions(), "scheduler": versions(), "workers": {"tcp://x": versions()}}
    compare_versions("tcp://y", found)
    found["scheduler"]["packages"]["segmenter"] = None  # it needs none
    compare_versions("tcp://y", found)
    process = found["scheduler"] if place == "scheduler" else found["workers"]["tcp://x"]
    process["host" if library == "python" else "packages"][library] = value
    with pytest.raises(ClusterVersionError, match=told):
        compare_versions("tcp://y", found)


def test_a_cluster_without_workers_is_one_line(tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "photos" / "a.png")
    with start_cluster(tmp_path / "cluster", 0) as (address, _):
        result = run("batch", "photos", "-q", "--scheduler", address, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith(
        f"segmenter: {address}: the cluster has had no workers for 8 s; start some with 'dask worker"
    )


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "ftp://127.0.0.1:1"])
def test_where_no_scheduler_answers_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_client, "CONNECT_SECONDS", 0.5)
    with pytest.raises(UnreachableSchedulerError, match=f"^{address}: no Dask scheduler answers there") as caught:
        connect(address)
    assert "\n" not in str(caught.value)


def test_jobs_are_for_this_machine_alone(tmp_path: Path) -> None:
    result = run("batch", "photos", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1", cwd=tmp_path)
    assert result.returncode == 2
    assert b"--jobs applies to this machine" in result.stderr


def test_without_dask_the_extra_is_told(tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "photos" / "a.png")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys; sys.modules['distributed'] = None")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "hidden")}
    result = run("batch", "photos", "-q", "--scheduler", "tcp://127.0.0.1:1", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    needed = "--scheduler needs libraries that are not installed; install them with: pip install 'segmenter[cluster]'"
    assert line == f"segmenter: {needed}"


def test_windows_of_a_large_picture_are_done_on_the_cluster_as_here(address: str, tmp_path: Path) -> None:
    picture = np.tile(overlapping(3), (20, 30, 1))
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", tile=(128, 128))
    written = []
    for options in (("--jobs", "1"), ("--scheduler", address)):
        result = run("segment", "a.tif", "--max-memory", "1K", "-o", "out", "--overwrite", *options, cwd=tmp_path)
        assert result.returncode == 0, result.stderr.decode()
        written.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert written[0] == written[1]
    assert "a.labels.tif" in written[0]


@pytest.mark.parametrize("options", [(), ("--shared-model",)], ids=["each", "shared"])
def test_a_batch_reads_by_windows_on_the_cluster_as_here(
    options: tuple[str, ...], address: str, tmp_path: Path
) -> None:
    no_data: Any = [(42113, 2, 3, "128", True)]
    save_image(overlapping(1), tmp_path / "photos" / "plain.png")
    tifffile.imwrite(tmp_path / "photos" / "gap.tif", overlapping(3), photometric="rgb", extratags=no_data)
    array: Any = overlapping(4)
    zarr.save_array(str(tmp_path / "photos" / "array.zarr"), array)
    words = ("batch", "photos", "-k", "3", LABELS_ONLY, *options)
    for options in (("-o", "local"), ("-o", "there", "--scheduler", address)):
        result = run(*words, *options, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    assert read_tree(tmp_path / "there") == read_tree(tmp_path / "local")
    assert {"gap.labels.tif", "array.labels.tif", "plain.labels.png"} <= set(read_tree(tmp_path / "there"))


def test_a_scheduler_that_is_not_there_is_told_of_a_large_picture(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", overlapping(3), photometric="rgb")
    words = ("segment", "a.tif", "--max-memory", "1K", "--scheduler", "tcp://127.0.0.1:1")
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    assert b"tcp://127.0.0.1:1" in result.stderr
    assert not list(tmp_path.glob("outputs/*"))
