"""What the README shows works as pasted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the contents of the code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]
SET_UP = [line for line in COMMANDS if "venv" in line]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the photos, as after a fresh clone."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "images").symlink_to(ROOT / "images")
    return folder


def find_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the inode and the time of the last change of every file below a folder that is not empty."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_two_lines_set_up_everything() -> None:
    assert [line.split("&&")[-1].split()[0] for line in SET_UP] == [".venv/bin/segmenter", ".venv/bin/pytest"]


@pytest.mark.parametrize("command", [line for line in COMMANDS if line not in SET_UP])
def test_every_command_works_as_pasted(command: str, clone: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shell = ["bash", "-o", "pipefail", "-c", command]
    before = find_files(clone)
    result = subprocess.run(shell, cwd=clone, env=environment, capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    written = {path for path, state in find_files(clone).items() if before.get(path) != state}
    assert written or result.stdout.strip()
    for target in re.findall(r" (?:-o|--csv|--table|>) (?!-)(\S+)", command):
        assert any(path == target or path.startswith(f"{target}/") for path in written), target


def test_the_python_example_works_as_pasted(clone: Path) -> None:
    (example,) = blocks("python")
    result = subprocess.run([sys.executable, "-c", example], cwd=clone, capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout.startswith(b"(400, 600) [")


def test_links_and_pictures_exist() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
