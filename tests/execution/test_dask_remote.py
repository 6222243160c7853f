"""The batch on a Dask cluster of photos and results in a store: real workers, and a real server that speaks S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.batches import LABELS_ONLY
from tests.support.command import run
from tests.support.dask_cluster import start_cluster
from tests.support.files import read_tree
from tests.support.stores import bucket, environment, photos, read_folder, s3

__all__ = ["bucket", "environment", "photos", "s3"]  # fixtures

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("options", [(), ("--shared-model",)], ids=["each", "shared"])
def test_outputs_are_those_of_a_local_run_byte_for_byte(
    options: tuple[str, ...], s3: str, bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    options = (LABELS_ONLY, "-r", "-k", "3", *options)
    run("batch", "photos", "-o", "local", *options, cwd=tmp_path)
    there = f"s3://{bucket}"
    with start_cluster(tmp_path / "cluster", 2, environment) as (address, _):
        words = ("batch", f"{there}/photos", "-o", f"{there}/out", *options, "--scheduler", address)
        result = run(*words, cwd=tmp_path, env=environment)
        assert result.returncode == 0, result.stderr
        assert read_folder(s3, f"{bucket}/out") == read_tree(tmp_path / "local")
        result = run(*words, "--resume", cwd=tmp_path, env=environment)
        assert result.returncode == 0, result.stderr
        assert b"3 up to date" in result.stderr
        words = ("batch", f"{there}/photos", "-o", "here", *options, "--scheduler", address)
        assert run(*words, cwd=tmp_path, env=environment).returncode == 0
    assert read_tree(tmp_path / "here") == read_tree(tmp_path / "local")


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        (
            "fsspec",
            "a URL such as s3:// or https:// needs libraries that are not installed; install them with: pip install",
        ),
        ("keys", "cannot be fetched (Unable to locate credentials); check the address, the network and your"),
        ("endpoint", "cannot be fetched (Could not connect to the endpoint URL"),
    ],
)
def test_a_worker_that_cannot_reach_the_store_is_one_line(
    lacking: str, told: str, bucket: str, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    variables = dict(environment)
    if lacking == "fsspec":
        variables["WITHOUT"] = lacking
    elif lacking == "keys":
        variables = {name: value for name, value in variables.items() if "KEY" not in name} | {"HOME": str(tmp_path)}
    else:
        variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    with start_cluster(tmp_path / "cluster", 1, variables) as (address, _):
        words = ("batch", f"s3://{bucket}/photos", "-o", f"s3://{bucket}/out", "-q", "--scheduler", address)
        result = run(*words, cwd=tmp_path, env=environment)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith("segmenter: the worker tcp://127.0.0.1:")
    assert told in line
