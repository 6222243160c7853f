"""While one waits: a bar on a terminal, nothing elsewhere; and Ctrl-C says what was written."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmenter.cli import progress as progress_module
from segmenter.cli.interrupts import explain_interrupt
from segmenter.cli.progress import StepProgress, show_steps
from tests.support.command import COMMAND
from tests.support.files import read_tree

pytestmark = pytest.mark.slow

ENDLESS = ("--tolerance", "1e-15", "--max-iterations", "1000000", "--restarts", "1")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two photos and a table whose fits take minutes if they are not to converge."""
    folder = tmp_path_factory.mktemp("inputs")
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 65536, (1000, 800), dtype=np.uint16)
    Image.fromarray(noise).save(folder / "slow.png")
    Image.fromarray(noise[:8, :8]).save(folder / "quick.png")
    np.savetxt(folder / "t.csv", generator.normal(size=(200_000, 3)), "%.5f", ",", header="a,b,c", comments="")
    return folder


def interrupt_when_shown(*words: str, cwd: Path, sign: str) -> tuple[int, str]:
    """Run the command on a terminal of 80 columns, interrupt it once that shows a sign; return the status and text."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    pipe = subprocess.PIPE
    with subprocess.Popen([COMMAND, *words], cwd=cwd, stderr=theirs, stdout=pipe, env=environment) as process:
        os.close(theirs)
        shown, is_sent = b"", False
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # what Linux says once nobody holds the other end
                break
            shown += chunk
            if not is_sent and re.search(sign.encode(), shown):
                process.send_signal(signal.SIGINT)
                is_sent = True
        status = process.wait(60)
    os.close(ours)
    assert is_sent, shown
    return status, re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown.decode())


@pytest.mark.parametrize(
    ("words", "sign"),
    [
        (("segment", "slow.png", "-k", "60", "--no-figure", *ENDLESS), r"fitting 60 segments.* iteration"),
        (("select", "t.csv", *ENDLESS), r"computing the criteria.*1/10"),
        (("cluster", "t.csv", "-k", "9", "--no-figure", *ENDLESS), r"fitting 9 clusters.* iteration"),
        (("cluster", "t.csv", "--no-figure", *ENDLESS), r"choosing the number of clusters.*1/10"),
        (("compare", "slow.png", "-k", "200,300"), r"segmenting.*0/2"),
    ],
)
def test_a_bar_shows_that_it_goes_on_and_an_interrupt_that_nothing_was_written(
    words: tuple[str, ...], sign: str, inputs: Path, tmp_path: Path
) -> None:
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    status, shown = interrupt_when_shown(*words, cwd=tmp_path, sign=sign)
    assert status == 130
    *frames, last = [frame for frame in re.split(r"[\r\n]+", shown) if frame.strip()]
    assert last == "segmenter: interrupted; nothing was written"
    assert max(map(len, frames)) <= 77  # room for a ^C
    assert set(read_tree(tmp_path)) == {path.name for path in inputs.iterdir()}


def test_an_interrupt_names_the_photos_that_are_complete(inputs: Path, tmp_path: Path) -> None:
    words = ("segment", inputs / "quick.png", inputs / "slow.png", "-k", "60", "--no-figure", *ENDLESS)
    with subprocess.Popen([COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"quick.png: ")
        process.send_signal(signal.SIGINT)
        lines = process.stderr.read().splitlines()
        assert process.wait(60) == 130
    assert lines[-1] == b"segmenter: interrupted; 1 of 2 are complete: quick.png"
    assert b"fitting" not in b"".join(lines)  # there is no bar in a pipe
    assert set(read_tree(tmp_path / "outputs")) == {"quick.json", "quick.labels.png", "quick.segments.png"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], "nothing was written"),
        ([1], "1 of 3 are complete: b.png"),
        ([0, 1, 2], "3 of 3 are complete: a.png, b.png, c.png"),
    ],
)
def test_only_results_of_this_run_count_as_written(written: list[int], said: str, tmp_path: Path) -> None:
    results = [(f"{name}.png", tmp_path / f"{name}.json") for name in "abc"]
    results[0][1].write_text("of an earlier run")
    with pytest.raises(KeyboardInterrupt) as interrupt, explain_interrupt(results):
        for i in written:
            new = tmp_path / "new"
            new.write_text("of this run")
            new.replace(results[i][1])
        raise KeyboardInterrupt
    assert str(interrupt.value) == said


@pytest.mark.parametrize("quiet", [False, True])
def test_no_bar_waits_where_nobody_would_see_it(quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "has_terminal", lambda: quiet)
    n_threads = threading.active_count()
    with show_steps(quiet=quiet) as progress:
        progress.start_stage("fitting", None)
        progress.finish_step()
        assert threading.active_count() == n_threads


def test_a_bar_that_comes_late_shows_the_stage_that_it_finds_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    progress = StepProgress()
    progress.start_stage("first", 3)
    progress.finish_step()
    thread = threading.Thread(target=progress.show)
    thread.start()
    thread.join()
    assert progress._bar is not None
    assert [(task.description, task.completed, task.total) for task in progress._bar.tasks] == [("first", 1, 3)]
    progress.start_stage("second", None)
    progress.finish_step()
    assert [(task.description, task.fields["count"]) for task in progress._bar.tasks] == [("second", "1 iteration")]
    progress.close()
    late = StepProgress()
    late.close()
    late.show()
    assert late._bar is None
