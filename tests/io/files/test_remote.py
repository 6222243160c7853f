"""Remote photos and results, with real servers on loopback: one of S3 and one of HTTP."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tifffile
import zarr

from segmenter.errors import ChangedFileError, MissingFileError, OutputExistsError, WriteError
from segmenter.io.files.atomic import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, write_files
from segmenter.io.files.local import compute_digest, ensure_path_unmodified
from segmenter.io.files.remote import RemotePath, filter_existing, is_remote, to_path
from segmenter.io.images.photo import read_photo
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.segment.job import plan_job
from segmenter.workflows.segment.outputs import write_outputs
from tests.support.batches import LABELS_ONLY
from tests.support.command import run
from tests.support.files import read_tree, save_image
from tests.support.scenes import overlapping
from tests.support.stores import bucket, connect_to_store, environment, photos, read_folder, s3

__all__ = ["bucket", "environment", "photos", "s3"]  # fixtures

pytestmark = pytest.mark.slow

# ---- S3 ------------------------------------------------------------------------------------------------------------


def test_segment_reads_and_writes_the_same_in_a_bucket_as_locally(
    s3: str, bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    options = ("--save", "confidence", "--save-model", "--dpi", "60")
    run("segment", "photos/a.png", "-o", "local", *options, cwd=tmp_path)
    there = f"s3://{bucket}"
    result = run("segment", f"{there}/photos/a.png", "-o", f"{there}/out", *options, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert f"-> {there}/out/a.*" in result.stderr.decode()
    assert read_folder(s3, f"{bucket}/out") == read_tree(tmp_path / "local")
    result = run("segment", f"{there}/photos/a.png", "-o", f"{there}/out", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    assert result.stderr.startswith(f"segmenter: {there}/out/a.labels.png: already exists (and 3 more)".encode())
    model = f"{there}/out/a.model.json"
    result = run("apply", model, "photos/a.png", "-o", "applied", LABELS_ONLY, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert read_tree(tmp_path / "applied")["a.labels.png"] == read_tree(tmp_path / "local")["a.labels.png"]


@pytest.mark.parametrize("options", [(LABELS_ONLY,), (LABELS_ONLY, "--shared-model")], ids=["each", "shared"])
def test_a_batch_keeps_the_tree_and_resumes_in_a_bucket_as_locally(
    options: tuple[str, ...], s3: str, bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    run("batch", "photos", "-r", "-o", "local", *options, cwd=tmp_path)
    words = ("batch", f"s3://{bucket}/photos", "-r", "-o", f"s3://{bucket}/photos/out", *options)
    result = run(*words, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert read_folder(s3, f"{bucket}/photos/out") == read_tree(tmp_path / "local")
    assert run(*words, cwd=tmp_path, env=environment).returncode == 1  # what exists is not replaced
    connect_to_store(s3).pipe_file(f"{bucket}/photos/b.png", (photos / "a.png").read_bytes())
    result = run(*words, "--resume", "--json", cwd=tmp_path, env=environment)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    told = {row["source"].rsplit("/", 1)[1]: row["status"] for row in rows}
    same = "done" if "--shared-model" in options else "up to date"  # another model
    assert told == {"a.png": same, "b.png": "done", "c.png": same}


def test_patterns_and_files_of_a_bucket(bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path) -> None:
    words = (f"s3://{bucket}/photos/deep/*.png", f"s3://{bucket}/photos/a.png", f"s3://{bucket}/photos/x.png")
    result = run("batch", *words, "-q", LABELS_ONLY, "-o", "out", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        f"segmenter: s3://{bucket}/photos/x.png: no such file; check the spelling of the path"
    ]
    assert {name for name in read_tree(tmp_path / "out") if name.endswith(".json")} == {"a.json", "deep/c.json"}


def test_a_batch_removes_temporary_files_of_dead_workers(
    bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "temporary").mkdir()
    for name in (f"{TEMPORARY_PREFIX}0{TEMPORARY_SUFFIX}", "other.tmp"):
        (tmp_path / "temporary" / name).touch()
    words = ("batch", f"s3://{bucket}/photos/a.png", "-q", LABELS_ONLY, "-o", f"s3://{bucket}/removed")
    result = run(*words, cwd=tmp_path, env=environment | {"TMPDIR": str(tmp_path / "temporary")})
    assert result.returncode == 0, result.stderr
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == ["other.tmp"]


def test_a_missing_bucket_is_an_error_of_one_line(
    bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    for words, told in (
        (("segment", "s3://no-such-bucket/a.png"), "s3://no-such-bucket/a.png: no such file"),
        (("segment", "photos/a.png", "-o", "s3://no-such-bucket/out"), "there is no such bucket"),
        (("batch", "photos", "-q", "-o", "s3://no-such-bucket/out"), "there is no such bucket"),
    ):
        result = run(*words, LABELS_ONLY, cwd=tmp_path, env=environment)
        assert result.returncode == 1
        (line,) = result.stderr.decode().splitlines()
        assert told in line


def test_a_missing_network_or_key_is_an_error_of_one_line(
    photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    nowhere = {**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    keyless = {name: value for name, value in environment.items() if "KEY" not in name} | {"HOME": str(tmp_path)}
    for without in (nowhere, keyless):
        result = run("segment", "s3://bucket/a.png", LABELS_ONLY, cwd=tmp_path, env=without)
        assert result.returncode == 1
        (line,) = result.stderr.decode().splitlines()
        assert line.startswith("segmenter: s3://bucket/a.png: cannot be fetched (")
        assert line.endswith("; check the address, the network and your credentials")


def test_a_missing_extra_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys; sys.modules['fsspec'] = None")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "hidden")}
    result = run("segment", "s3://bucket/a.png", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.endswith("needs libraries that are not installed; install them with: pip install 'segmenter[remote]'")


# ---- HTTP ----------------------------------------------------------------------------------------------------------


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a server of the files of the test."""
    with serving(QuietHandler, tmp_path) as address:
        yield address


@contextlib.contextmanager
def serving(kind: type[QuietHandler], folder: Path) -> Iterator[str]:
    """Serve the files of a folder, and yield the URL."""
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_photos_on_the_web_are_read(web: str, tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "a.png")
    run("segment", "a.png", "-o", "local", LABELS_ONLY, cwd=tmp_path)
    for command in ("segment", "batch"):
        result = run(command, f"{web}/a.png", "-o", command, LABELS_ONLY, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert read_tree(tmp_path / command) == read_tree(tmp_path / "local")


def test_missing_files_and_writing_to_the_web_are_errors_of_one_line(web: str, tmp_path: Path) -> None:
    save_image(overlapping(), tmp_path / "a.png")
    (tmp_path / "page.png").write_text("<html>not found</html>")
    for words, told in (
        (("segment", f"{web}/b.png"), f"{web}/b.png: no such file"),
        (("segment", f"{web}/page.png"), f"{web}/page.png: is not a picture in a known format"),
        (("segment", "a.png", "-o", f"{web}/out"), "cannot be written (files on the web can only be read)"),
        (("segment", "http://127.0.0.1:1/a.png"), "http://127.0.0.1:1/a.png: cannot be fetched ("),
    ):
        result = run(*words, LABELS_ONLY, cwd=tmp_path)
        assert result.returncode == 1
        (line,) = result.stderr.decode().splitlines()
        assert told in line


# ---- paths and stores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("evaluate", "https://a.b/c.png", "d.png"), ("cut", "s3://a/b.hierarchy.npz"), ("report", "s3://a/b")]
)
def test_evaluate_cut_and_report_refuse_urls(words: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert f"{words[1]} is on another machine; copy it to this one first" in result.stderr.decode()
    assert not list(tmp_path.iterdir())


def test_urls_are_distinguished_from_paths() -> None:
    assert [is_remote(text) for text in ("s3://b/a", "https://h/a", "memory://a")] == [True] * 3
    assert [is_remote(text) for text in ("a.png", "C:/a", "s3:/b/a", "a://", "x/s3://b", "-", "")] == [False] * 7
    path = to_path("s3://bucket/deep/a.jpg")
    assert isinstance(path, RemotePath)
    assert str(path.parent / "b.png") == os.fspath(path.with_name("b.png")) == "s3://bucket/deep/b.png"
    assert (path.name, path.stem) == ("a.jpg", "a")
    assert type(to_path("a.jpg")) is type(Path())


def test_a_set_of_files_is_written_completely_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    folder = to_path("memory://whole")
    files = {folder / name: name.encode() for name in ("a", "b", "record")}
    write_files(files, overwrite=False)
    assert list(filter_existing([*files, folder / "c"])) == list(files)
    with pytest.raises(OutputExistsError, match="memory://whole/a: already exists"):
        write_files(files, overwrite=False)
    put, removed = MemoryFileSystem.pipe_file, []

    def fail(self: MemoryFileSystem, path: str, value: bytes, **options: object) -> None:
        if path.endswith("d"):
            removed.append(sorted(path.name for path in filter_existing(files)))
            raise OSError("the store is full")
        put(self, path, value, **options)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail)
    new = {folder / name: b"new" for name in ("a", "c", "d", "record")}
    with pytest.raises(WriteError, match=r"memory://whole/d: cannot be written \(the store is full"):
        write_files(new, overwrite=True, stale=[folder / "b"])
    assert removed == [["a", "b"]]  # no record stands for files that are not its own
    assert [path.name for path in filter_existing([*new, *files])] == ["a", "a", "b"]


def test_stale_files_of_a_store_are_removed_once_the_new_ones_are_written() -> None:
    folder = to_path("memory://stale")
    write_files({folder / name: b"old" for name in ("a.ucm.png", "a.png", "b.ucm.png")}, overwrite=False)
    write_files({folder / "a.json": b'{"files": ["a.ucm.png", "a.png", "b.ucm.png", "a.json"]}'}, overwrite=False)
    job = plan_job(Path("a.png"), folder, Recipe(), figure_options=None, max_pixels=1, overwrite=True)
    assert write_outputs(job, dict.fromkeys(job.outputs, b"new")) == (folder / "a.ucm.png",)
    names = [*job.outputs, *(folder / name for name in ("a.ucm.png", "a.png", "b.ucm.png"))]
    assert list(filter_existing(names)) == [*job.outputs, folder / "a.png", folder / "b.ucm.png"]


def test_a_photo_is_read_from_any_store(tmp_path: Path) -> None:
    content = save_image(overlapping(), tmp_path / "a.png").read_bytes()
    write_files({to_path("memory://photos/a.png"): content}, overwrite=True)
    there, here = read_photo(to_path("memory://photos/a.png")), read_photo(tmp_path / "a.png")
    assert (there.name, there.digest) == (here.name, here.digest)
    assert (there.pixels == here.pixels).all()
    with pytest.raises(MissingFileError, match=r"memory://photos/b\.png: no such file"):
        read_photo(to_path("memory://photos/b.png"))


# ---- pictures by windows -------------------------------------------------------------------------------------------


class RangesHandler(QuietHandler):
    """Supports ranges; counts the files that are sent as a whole."""

    whole: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            self.whole.append(self.path)
            super().do_GET()
            return
        content = path.read_bytes()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


@pytest.fixture
def large(tmp_path: Path) -> dict[str, bytes]:
    """Make a picture of 2 MB, larger than one request; return the outputs of its windowed run."""
    pixels = np.random.default_rng(0).integers(0, 256, (900, 800, 3), np.uint8) // 2 + np.uint8(60)
    pixels[:400] //= 3
    tifffile.imwrite(tmp_path / "large.tif", pixels, photometric="rgb", tile=(128, 128))
    result = run("segment", "large.tif", *BY_WINDOWS, "-o", "local", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return read_tree(tmp_path / "local")


BY_WINDOWS = ("--max-memory", "1M", "-k", "2", "--restarts", "1", "--dpi", "60", "--save-model", "--jobs", "2")


def test_a_large_picture_in_a_bucket_is_read_by_windows_as_locally(
    s3: str, bucket: str, large: dict[str, bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    there = f"s3://{bucket}"
    connect_to_store(s3).pipe_file(f"{bucket}/large.tif", (tmp_path / "large.tif").read_bytes())
    result = run("segment", f"{there}/large.tif", *BY_WINDOWS, "-o", f"{there}/out", cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert read_folder(s3, f"{bucket}/out") == large
    result = run("segment", f"{there}/large.tif", *BY_WINDOWS, "-o", f"{there}/out", cwd=tmp_path, env=environment)
    assert result.returncode == 1
    assert f"{there}/out/large.labels.tif: already exists" in result.stderr.decode()
    options = ("--bands", "3,1", "-k", "2", LABELS_ONLY, "--jobs", "1")
    result = run("segment", f"{there}/large.tif", *options, "-o", "there", cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    run("segment", "large.tif", *options, "-o", "here", cwd=tmp_path)
    assert read_tree(tmp_path / "there") == read_tree(tmp_path / "here")


def test_a_large_picture_on_the_web_is_read_by_ranges(large: dict[str, bytes], tmp_path: Path) -> None:
    RangesHandler.whole.clear()
    with serving(RangesHandler, tmp_path) as web:
        result = run("segment", f"{web}/large.tif", *BY_WINDOWS, "-o", "there", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert read_tree(tmp_path / "there") == large
    assert RangesHandler.whole == []


def test_a_server_without_ranges_is_an_error_of_one_line(large: dict[str, bytes], web: str, tmp_path: Path) -> None:
    result = run("segment", f"{web}/large.tif", *BY_WINDOWS, "-o", "there", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        f"segmenter: {web}/large.tif: its server cannot send parts of files, which windowed reading needs; "
        "download it and give its path"
    ]
    assert not (tmp_path / "there").exists()
    result = run("segment", f"{web}/large.tif", "-k", "2", LABELS_ONLY, "-o", "whole", cwd=tmp_path)
    assert result.returncode == 0, result.stderr  # it fits into memory


def test_a_zarr_array_in_a_bucket_is_read_as_locally(
    s3: str, bucket: str, environment: dict[str, str], tmp_path: Path
) -> None:
    array: Any = overlapping(3)
    zarr.save_array(str(tmp_path / "a.zarr"), array)
    connect_to_store(s3).put(f"{tmp_path}/a.zarr/", f"{bucket}/a.zarr/", recursive=True)
    written = []
    for number, source in enumerate(("a.zarr", f"s3://{bucket}/a.zarr")):
        result = run("segment", source, "-k", "2", "-o", str(number), LABELS_ONLY, cwd=tmp_path, env=environment)
        assert result.returncode == 0, result.stderr
        written.append(read_tree(tmp_path / str(number)))
    assert written[0] == written[1]


def test_a_picture_that_changes_between_the_passes_is_refused(tmp_path: Path) -> None:
    path = to_path("memory://changing/a.tif")
    write_files({path: b"one"}, overwrite=True)
    with ensure_path_unmodified(path):
        assert compute_digest(path) == hashlib.sha256(b"one").hexdigest()
    with (
        pytest.raises(ChangedFileError, match=r"changing/a\.tif: changed while it was read"),
        ensure_path_unmodified(path),
    ):
        write_files({path: b"another"}, overwrite=True)
