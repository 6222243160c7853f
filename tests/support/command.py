"""The command as its users run it: a process of its own, with a folder, streams and an exit status.

Most of the time of a small command goes into imports, so its process is forked from one that has imported everything
once for all tests. With any further option of `subprocess.run`, the installed script is started instead; tests of
imports, signals, limits and permissions start that script themselves.
"""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import segmenter

COMMAND = Path(sys.executable).with_name("segmenter")
SECONDS = 120
"""Time limit of a command."""

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.support.command",
        "pytest",  # which is __main__
        *(module.name for module in pkgutil.walk_packages(segmenter.__path__, "segmenter.")),
        *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Ppm")),
        *(f"skimage.{name}" for name in ("color", "measure", "segmentation")),
    ]
)


def run(*arguments: str | Path | bytes, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a forked process; given options of `subprocess.run`, as the installed script instead."""
    words = [os.fsdecode(argument) for argument in arguments]
    if options:
        if not {"stdout", "stderr"} & set(options):
            options["capture_output"] = True
        return subprocess.run([COMMAND, *words], cwd=cwd, text=False, timeout=SECONDS, **options)
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdout", "stderr")]
        process = FORKS.Process(target=become, args=(words, cwd, dict(os.environ), streams))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, SECONDS)
        stdout, stderr = (stream.read_bytes() for stream in streams)
        return subprocess.CompletedProcess(words, process.exitcode, stdout, stderr)


def run_text(*arguments: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command with words, paths and numbers, and decode what it prints."""
    result = run(*map(str, arguments), cwd=cwd, **options)
    return subprocess.CompletedProcess(result.args, result.returncode, result.stdout.decode(), result.stderr.decode())


def become(words: list[str], cwd: Path, environment: dict[str, str], streams: list[Path]) -> None:
    """Become the command, in a process that was forked for it."""
    from segmenter.__main__ import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for descriptor, stream in enumerate(streams, 1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace", buffering=1, closefd=False)
    sys.argv = [str(COMMAND), *words]
    main()


def get_error_line(stderr: bytes) -> str:
    """Return the single line of an error; fail if there are more lines or it does not begin with the program's name."""
    lines = stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("segmenter: ")
    return lines[0]
