"""Folders that may not be written and files that may not be read: every command tells, and writes nothing elsewhere.

Root may do both, so the commands are run without that privilege: permissions then count for whoever runs the tests.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.batches import read_statuses
from tests.support.command import COMMAND
from tests.support.files import save_image
from tests.support.scenes import overlapping

pytestmark = pytest.mark.slow

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
"""Of <linux/prctl.h> and <linux/capability.h>."""


def give_up_privileges() -> Callable[[], None]:
    """Return what to do in a new process, after which permissions hold for root; others need nothing of it."""
    system = ctypes.CDLL(None)

    def drop() -> None:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            system.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)

    return drop


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command as somebody for whom permissions hold."""
    words = [str(word) for word in (COMMAND, *arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=60, preexec_fn=give_up_privileges())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a photo, a table, a model and a sub-folder that may not be written."""
    save_image(overlapping(), tmp_path / "photos" / "a.png")
    np.savetxt(
        tmp_path / "t.csv", np.random.default_rng(0).normal(size=(50, 2)), "%.3f", ",", header="x,y", comments=""
    )
    result = run("segment", "photos/a.png", "--save-model", "--no-figure", "-o", "fitted", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (tmp_path / "sealed").mkdir()
    (tmp_path / "sealed").chmod(0o555)
    yield tmp_path
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)


LINES = {
    "segment": ["segment", "photos/a.png", "--no-figure"],
    "apply": ["apply", "fitted/a.model.json", "photos/a.png", "--no-figure"],
    "batch": ["batch", "photos", "--no-figure"],
    "shared": ["batch", "photos", "--no-figure", "--shared-model"],
    "cluster": ["cluster", "t.csv", "--no-figure"],
    "select": ["select", "t.csv"],
}


@pytest.mark.parametrize("place", ["sealed", "sealed/below"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_folder_that_may_not_be_written_costs_one_line(line: list[str], place: str, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    result = run(*line, "-q", "-o", place, cwd=folder)
    assert result.returncode == 1
    (told,) = result.stderr.splitlines()
    assert told.startswith("segmenter: sealed")
    assert "cannot be written (permission denied); choose another folder with -o" in told
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "closed"),
    [
        ("segment", "photos/a.png"),
        ("apply", "photos/a.png"),
        ("apply", "fitted/a.model.json"),
        ("cluster", "t.csv"),
        ("select", "t.csv"),
    ],
)
def test_an_input_that_may_not_be_read_costs_one_line(name: str, closed: str, folder: Path) -> None:
    line = LINES[name]
    (folder / closed).chmod(0)
    result = run(*line, "-q", cwd=folder)
    assert result.returncode == 1
    (told,) = result.stderr.splitlines()
    assert told == f"segmenter: {closed}: cannot be opened (Permission denied); check its permissions"
    assert not (folder / "outputs").exists()


def test_a_photo_that_may_not_be_read_does_not_stop_the_others(folder: Path) -> None:
    save_image(overlapping(), folder / "b.png")
    (folder / "photos" / "a.png").chmod(0)
    result = run("segment", "photos/a.png", "b.png", "--no-figure", cwd=folder)
    assert result.returncode == 1
    assert (folder / "outputs" / "b.json").exists()


@pytest.mark.parametrize("inputs", [["photos"], ["photos/a.png", "photos/b.png"]])
def test_a_photo_of_a_batch_that_may_not_be_read_fails_and_the_others_are_done(inputs: list[str], folder: Path) -> None:
    save_image(overlapping(), folder / "photos" / "b.png")
    (folder / "photos" / "a.png").chmod(0)
    result = run("batch", *inputs, "--no-figure", "-q", cwd=folder)
    assert result.returncode == 1
    assert "photos/a.png: cannot be opened (Permission denied)" in result.stderr
    assert read_statuses(folder / "outputs") == {"a.png": "failed", "b.png": "done"}


def test_a_folder_of_a_batch_that_may_not_be_read_fails_and_the_others_are_done(folder: Path) -> None:
    save_image(overlapping(), folder / "photos" / "closed" / "b.png")
    (folder / "photos" / "closed").chmod(0)
    result = run("batch", "photos", "-r", "--no-figure", "-q", cwd=folder)
    (folder / "photos" / "closed").chmod(0o755)
    assert result.returncode == 1
    assert "photos/closed" in result.stderr
    assert os.path.lexists(folder / "outputs" / "a.labels.png")
