"""A store of photos and results: a real server on loopback that speaks S3, as fixtures to import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.support.files import save_image
from tests.support.scenes import overlapping

S3_SERVER = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
input()
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Yield the address of a server that speaks S3, which accepts any key."""
    command = [sys.executable, "-c", S3_SERVER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


@pytest.fixture
def environment(s3: str, tmp_path: Path) -> dict[str, str]:
    """Return the environment in which commands find the server."""
    keys = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}
    none = {"AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    return {**os.environ, **keys, **none, "AWS_ENDPOINT_URL": s3}


@pytest.fixture
def bucket(s3: str) -> str:
    """Make a bucket, and return its name."""
    name = f"bucket-{os.urandom(8).hex()}"
    connect_to_store(s3).mkdir(name)
    return name


@pytest.fixture
def photos(s3: str, bucket: str, tmp_path: Path) -> Path:
    """Return a folder of photos in a tree, of which the bucket holds copies."""
    for seed, name in enumerate(("a.png", "b.png", "deep/c.png", "deep/notes.txt", ".hidden.png")):
        path = save_image(overlapping(seed), tmp_path / "photos" / name.replace(".txt", ".png")).rename(
            tmp_path / "photos" / name
        )
        connect_to_store(s3).pipe_file(f"{bucket}/photos/{name}", path.read_bytes())
    return tmp_path / "photos"


def connect_to_store(s3: str) -> Any:
    """Return a client of the server that shares nothing with the package."""
    options = {"key": "nobody", "secret": "nothing", "endpoint_url": s3, "skip_instance_cache": True}
    return fsspec.filesystem("s3", use_listings_cache=False, **options)


def read_folder(s3: str, folder: str) -> dict[str, bytes]:
    """Return the content of every file below a folder of a bucket except the summaries."""
    client = connect_to_store(s3)
    names = {path: path.removeprefix(f"{folder}/") for path in client.find(folder)}
    return {name: client.cat_file(path) for path, name in names.items() if not name.startswith("summary.")}
