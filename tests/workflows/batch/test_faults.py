"""What a batch must survive, each done for real: kills, interrupts, full disks, hostile files and names."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segmenter
from segmenter.io.files.atomic import TEMPORARY_PREFIX
from tests.support.batches import LABELS_ONLY, read_statuses
from tests.support.command import COMMAND, run
from tests.support.files import read_tree, save_image
from tests.support.scenes import overlapping

pytestmark = pytest.mark.slow

N_PHOTOS = 12


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[bytes]:
    """Start the installed command in a process group of its own."""
    words = [str(word) for word in (COMMAND, *arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=cwd, start_new_session=True, stdout=pipe, stderr=pipe)


def wait_until_gone(group: int) -> None:
    """Wait until no process of a group is left; fail where one stays."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError("a worker outlives its batch")


def temporary_files(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{TEMPORARY_PREFIX}*"))


def sabotage(folder: Path, code: str) -> dict[str, str]:
    """Return an environment in which every Python process of ours runs this code before anything else."""
    (folder / "sabotage").mkdir()
    (folder / "sabotage" / "sitecustomize.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(folder / "sabotage")}


AT_READING = """
import os, signal
import segmenter.workflows.segment.in_memory as job
read_photo = job.read_photo
def read(source, **options):
    photo = read_photo(source, **options)
    {code}
    return photo
job.read_photo = read
"""
"""Something happens to a photo named ``unlucky.png`` while it is worked on."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of some photos of which each takes a while."""
    for seed in range(N_PHOTOS):
        save_image(np.tile(overlapping(seed), (4, 4, 1)), tmp_path / "photos" / f"{seed:02d}.png")
    return tmp_path / "photos"


@pytest.fixture
def reference(photos: Path, tmp_path: Path) -> dict[str, bytes]:
    """Return what a batch writes that nothing happens to."""
    assert run("batch", photos, LABELS_ONLY, "-o", "reference", cwd=tmp_path).returncode == 0
    return read_tree(tmp_path / "reference")


# ---- killed and interrupted ----------------------------------------------------------------------------------------


def test_killed_at_any_moment_resume_finishes_and_does_nothing_twice(
    photos: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    output = tmp_path / "outputs"
    for delay in (0.1, 0.3, 0.35, 0.4, 0.5):
        process = start("batch", photos, LABELS_ONLY, "--resume", cwd=tmp_path)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=delay)
        process.kill()
        process.communicate()
        wait_until_gone(process.pid)
        for name, data in read_tree(output).items():
            assert TEMPORARY_PREFIX in name or data == reference[name]
    done = {f"{path.stem}.png" for path in output.glob("??.json")}
    assert run("batch", photos, LABELS_ONLY, "--resume", cwd=tmp_path).returncode == 0
    assert {name for name, status in read_statuses(output).items() if status == "up to date"} == done
    assert read_tree(output) == reference


def test_killed_while_results_are_replaced_no_record_stands_for_files_that_are_not_its_own(tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "photos" / "a.png")
    assert run("batch", "photos", LABELS_ONLY, "-k", "3", cwd=tmp_path).returncode == 0
    code = """
import os, signal
import pathlib
replace = pathlib.Path.replace
def die(self, target):
    replace(self, target)
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = die
"""
    environment = sabotage(tmp_path, code)
    run("batch", "photos", LABELS_ONLY, "-k", "4", "--resume", cwd=tmp_path, env=environment)
    assert not (tmp_path / "outputs" / "a.json").exists()
    assert run("batch", "photos", LABELS_ONLY, "-k", "3", "--resume", cwd=tmp_path).returncode == 0
    labels = segmenter.read_labels(tmp_path / "outputs" / "a.labels.png")
    assert (labels == segmenter.segment(tmp_path / "photos" / "a.png", 3).labels).all()


def test_an_interrupt_ends_within_two_seconds_and_what_was_done_stays(
    photos: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    (photos / "99.png").symlink_to(save_image(np.tile(overlapping(), (40, 40, 1)), tmp_path / "large.png"))
    process = start("batch", photos, "-k", "9", "--restarts", "100", "--json", "--jobs", "2", cwd=tmp_path)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does
    sent = time.monotonic()
    _, stderr = process.communicate(timeout=20)
    assert time.monotonic() - sent < 2
    assert process.returncode == 130
    assert b"; continue with --resume" in stderr.splitlines()[-1]
    wait_until_gone(process.pid)
    assert temporary_files(tmp_path / "outputs") == []
    found = read_statuses(tmp_path / "outputs")
    assert found[Path(first["source"]).name] == "done"
    assert "not done" in found.values()
    for name, status in found.items():
        assert (tmp_path / "outputs" / name.replace(".png", ".json")).exists() is (status == "done")
    assert run("batch", photos, LABELS_ONLY, "--resume", cwd=tmp_path).returncode == 0
    ours = read_tree(tmp_path / "outputs")
    assert {name: ours[name] for name in reference} == reference


def test_two_batches_into_one_folder_at_once_spoil_nothing(
    photos: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    several = [start("batch", photos, LABELS_ONLY, "--resume", cwd=tmp_path) for _ in range(2)]
    for process in several:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert read_tree(tmp_path / "outputs") == reference


# ---- disks and folders ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[dict[str, Any]]:
    """Mount a file system of a size; where that is not allowed, limit the size of files instead.

    Yields how processes are to be started, so that writing much fails.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode == 0:
        try:
            yield {}
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    else:
        yield {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))}


def test_a_full_disk_leaves_no_half_file_and_resume_works_once_there_is_room(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in "abcdefghijkl":
        noise = generator.integers(0, 256, (150, 150, 3), np.uint8)  # 8 kB of labels, and as much of segments
        save_image(noise, tmp_path / "photos" / f"{name}.png")
    with small_disk(tmp_path / "disk", "48k") as limits:
        result = run("batch", "photos", LABELS_ONLY, "--json", "-o", "disk/out", cwd=tmp_path, **limits)
        assert result.returncode == 1
        stderr = result.stderr.decode()
        assert "cannot be written (no space left on device)" in stderr or "(file too large)" in stderr
        assert "Traceback" not in stderr
        assert temporary_files(tmp_path / "disk") == []
        for path in (tmp_path / "disk" / "out").glob("*.labels.png"):
            assert segmenter.read_labels(path).max() == 4
        n_done = len(list((tmp_path / "disk" / "out").glob("?.json")))
        assert n_done < 3
        if not limits:  # a full disk ends the batch: no other photo would fare better
            told = [json.loads(line)["status"] for line in result.stdout.splitlines()]
            assert told == ["done"] * n_done + ["failed"]
        subprocess.run(["mount", "-o", "remount,size=10m", str(tmp_path / "disk")], capture_output=True)
        result = run("batch", "photos", LABELS_ONLY, "-o", "disk/out", "--resume", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        found = list(read_statuses(tmp_path / "disk" / "out").values())
        assert sorted(found) == ["done"] * (12 - n_done) + ["up to date"] * n_done


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/segmenter"])
def test_a_folder_that_cannot_be_written_is_one_line_before_any_work(place: str, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    result = run("batch", photos, LABELS_ONLY, "-q", "-o", place, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith(f"segmenter: {place.removesuffix('/below')}")
    assert "cannot be written" in line


# ---- photos that make trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("if 'unlucky' in str(source): os.kill(os.getpid(), signal.SIGKILL)", "killed the worker"),
        ("if 'unlucky' in str(source): os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)"),
        ("if 'unlucky' in str(source): os._exit(7)", "exit status 7"),
        ("if 'unlucky' in str(source): raise MemoryError", "does not fit into memory"),
        ("if 'unlucky' in str(source): raise RuntimeError('who?')", "internal error (RuntimeError: who?)"),
    ],
)
def test_a_photo_that_takes_its_worker_along_fails_and_the_others_go_on(
    code: str, told: str, photos: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    for name in ("05-unlucky.png", "98-unlucky.png", "99-unlucky.png"):
        save_image(overlapping(), photos / name)
    environment = sabotage(tmp_path, AT_READING.format(code=code))
    result = run("batch", photos, LABELS_ONLY, "-q", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 3
    assert all("unlucky.png: " in line and told in line for line in lines)
    assert read_tree(tmp_path / "outputs") == reference
    assert list(read_statuses(tmp_path / "outputs").values()).count("done") == N_PHOTOS


def test_a_photo_that_needs_more_memory_than_a_worker_may_take_fails(tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "photos" / "small.png")
    save_image(np.zeros((9000, 9000), np.uint8), tmp_path / "photos" / "large.png")
    result = run("batch", "photos", LABELS_ONLY, "-q", "-k", "1", "--max-memory", "250M", cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert "large.png: does not fit into memory; raise --max-memory" in line
    assert read_statuses(tmp_path / "outputs") == {"large.png": "failed", "small.png": "done"}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("if 'unlucky' in str(path): path.unlink()", "no such file"),
        ("if 'unlucky' in str(path): path.write_bytes(b'')", "is empty"),
    ],
)
def test_a_photo_that_vanishes_or_is_cut_before_it_is_read_fails(code: str, told: str, tmp_path: Path) -> None:
    before = f"""
import segmenter.io.images.photo as photo
open_regular = photo.open_regular
def opened(path):
    {code}
    return open_regular(path)
photo.open_regular = opened
"""
    for name in ("lucky.png", "unlucky.png"):
        copy = name.replace("lucky", "fine" if name == "lucky.png" else "lucky")
        save_image(overlapping(), tmp_path / "photos" / copy)
    environment = sabotage(tmp_path, before)
    result = run("batch", "photos", LABELS_ONLY, "-q", cwd=tmp_path, env=environment)
    assert told in result.stderr.decode()
    assert read_statuses(tmp_path / "outputs") == {"fine.png": "done", "unlucky.png": "failed"}


def test_a_photo_that_changes_while_it_is_read_fails(tmp_path: Path) -> None:
    during = """
import segmenter.io.images.photo as photo
read = photo._read
def reading(file, label, *rest):
    result = read(file, label, *rest)
    if "unlucky" in label:
        with open(label, "ab") as other:
            other.write(b"more")
    return result
photo._read = reading
"""
    for name in ("fine.png", "unlucky.png"):
        save_image(overlapping(), tmp_path / "photos" / name)
    result = run("batch", "photos", LABELS_ONLY, "-q", cwd=tmp_path, env=sabotage(tmp_path, during))
    (line,) = result.stderr.decode().splitlines()
    assert line == "segmenter: photos/unlucky.png: changed while it was read; try again when it is complete"
    assert read_statuses(tmp_path / "outputs") == {"fine.png": "done", "unlucky.png": "failed"}


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def hostile_files() -> dict[str, bytes]:
    """Return files that lie about what they are."""
    size = (60_000).to_bytes(4)
    header = chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000_000))) + chunk(b"IEND", b"")
    whole = Image.fromarray(np.zeros((20, 20, 3), np.uint8))
    files = {"bomb.png": bomb, "empty.jpg": b"", "text.png": b"hello", "zip.tif": b"PK\3\4" + bytes(99)}
    for name in ("cut.jpg", "cut.png", "cut.tif", "cut.webp", "cut.gif"):
        from io import BytesIO

        content = BytesIO()
        whole.save(content, {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name.split(".")[1].upper()))
        files[name] = content.getvalue()[: len(content.getvalue()) // 2]
    files["tags.tif"] = b"II*\0\x08\0\0\0" + (65535).to_bytes(2, "little") + bytes(range(256)) * 20
    return files


def test_hostile_files_are_refused_each_with_one_line(tmp_path: Path) -> None:
    files = hostile_files()
    (tmp_path / "photos").mkdir()
    for name, content in files.items():
        (tmp_path / "photos" / name).write_bytes(content)
    result = run("batch", "photos", LABELS_ONLY, "-q", "--max-memory", "500M", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout == b""
    lines = result.stderr.decode().splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == sorted(f"photos/{name}" for name in files)
    assert all(line.startswith("segmenter: photos/") and "internal error" not in line for line in lines)
    assert read_tree(tmp_path / "outputs") == {}


# ---- names and what is no file -------------------------------------------------------------------------------------

NAMES = [
    b"with space.png",
    b"new\nline.png",
    b"quote'\".png",
    b"-k.png",
    b"not\xffutf8.png",
    "é".encode() * 125 + b".png",
    b"n" * 251 + b".png",
    b"%s{0}[red].png",
]


def test_file_names_of_any_kind(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    content = save_image(overlapping(), tmp_path / "one.png").read_bytes()
    for name in NAMES:
        with open(os.path.join(os.fsencode(tmp_path / "photos"), name), "wb") as file:
            file.write(content)
    result = run("batch", "photos", LABELS_ONLY, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == len(NAMES)
    result.stderr.decode()
    labels = [path for path in os.listdir(os.fsencode(tmp_path / "outputs")) if path.endswith(b".labels.png")]
    assert len(labels) == len(NAMES)
    assert {b"not\xffutf8.labels.png", b"new\nline.labels.png", b"-k.labels.png"} < set(labels)
    again = run("batch", "photos", LABELS_ONLY, "--resume", cwd=tmp_path)
    assert f"{len(NAMES)} up to date" in again.stderr.decode()
    dash = run("batch", LABELS_ONLY, "-o", "other", "--", "-k.png", cwd=tmp_path / "photos")
    assert dash.returncode == 0, dash.stderr


def test_loops_pipes_sockets_and_links_to_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    save_image(overlapping(0), folder / "a.png")
    save_image(overlapping(1), folder / "sub" / "b.png")
    save_image(overlapping(2), tmp_path / "elsewhere" / "c.png")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "sub" / "self").symlink_to("self")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "also.png").symlink_to("a.png")
    (folder / "nowhere.png").symlink_to("missing.png")
    os.mkfifo(folder / "pipe.png")
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.closing(listener):
        listener.bind(os.path.relpath(folder / "socket.png"))
        result = run("batch", "photos", "-r", LABELS_ONLY, cwd=tmp_path)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert "skipped photos/pipe.png: a pipe" in lines
    assert "skipped photos/socket.png: a socket" in lines
    assert "skipped photos/sub/loop: a link to a folder that is read already" in lines
    assert lines[-1].startswith("segmenter: photos/nowhere.png: no such file")
    assert {name for name, status in read_statuses(tmp_path / "outputs").items() if status == "done"} == {
        "a.png",
        "also.png",
        "b.png",
        "c.png",
    }
