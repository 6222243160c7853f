"""Digest every output of a fixed set of commands, to show that a change leaves the behavior as it was.

``python -m tests.support.digests -o FILE``, run in the root of a checkout, runs the commands of `commands` and the
calls from Python of `calls`, and writes the SHA-256 of each output, a line a file. ``--against FILE`` compares with an
earlier list, which has to be of the same machine and the same versions of all libraries.

Each command runs in a folder of its own, with relative paths and a copy of the inputs. What it prints and its exit
status become files of that folder, too: ``STDOUT``, ``STDERR`` and the empty ``EXIT 0``; of a command with several
steps ``STDOUT.1`` is that of the first. ``--keep FOLDER`` keeps all these files: a list is what ``sha256sum`` tells of
them.

Only what two runs of the same program do not have in common is replaced before hashing:

- elapsed times: ``1.23 s`` in standard error; ``"seconds": 1.23`` in JSON, in HTML and on standard output; the column
  ``seconds`` of a CSV file (`without_times`);
- the order in which a batch with several jobs tells of its photos, and their running number (`in_order`);
- files that show times as a picture or as bare numbers, because the command asks for that (`SHOW_TIMES`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

import segmenter

from .calls import CALLS
from .commands import COMMANDS, IN_ANY_ORDER, ON_TERMINAL, SHOW_TIMES
from .inputs import make_inputs

ROOT = Path(__file__).parents[2]

INHERITED = ("PATH", "HOME", "TMPDIR")
"""All that commands get of the environment, so that no setting of whoever runs this matters."""

ENVIRONMENT = {name: os.environ[name] for name in INHERITED if name in os.environ} | {
    "PYTHONPATH": str(ROOT),
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm",
}

# ---- running -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One run of the program."""

    arguments: list[str]
    environment: dict[str, str]  # set for it alone
    stdin: str  # path of what standard input reads


@dataclass(frozen=True)
class Ended:
    """What a program left when it ended, beside its files."""

    status: int
    stdout: bytes
    stderr: bytes


def parse_steps(text: str) -> list[Step]:
    """Return the steps of a command, from its text in `COMMANDS`."""
    return [parse_step(shlex.split(line)) for line in text.strip().split("\n")]


def parse_step(words: Sequence[str]) -> Step:
    """Return a step from its words: NAME=VALUE…, arguments, < FILE."""
    n_settings = 0
    while n_settings < len(words) and re.match(r"[A-Z_]+=", words[n_settings]):
        n_settings += 1
    arguments, stdin = list(words[n_settings:]), os.devnull
    if "<" in arguments:
        *arguments, _, stdin = arguments
    return Step(arguments, dict(word.split("=", 1) for word in words[:n_settings]), stdin)


def run_command(name: str, folder: Path, inputs: Path) -> None:
    """Run all steps of a command in a new folder, and leave there what they write and print, ready for hashing."""
    shutil.copytree(inputs, folder / "in")
    steps = parse_steps(COMMANDS[name])
    printed: dict[str, bytes] = {}
    for number, step in enumerate(steps, start=1):
        suffix = f".{number}" if len(steps) > 1 else ""
        ended = run_step(step, folder, on_terminal=name in ON_TERMINAL)
        printed |= {f"STDOUT{suffix}": ended.stdout, f"STDERR{suffix}": ended.stderr}
        printed[f"EXIT{suffix} {ended.status}"] = b""
    if digests_of(folder / "in") == digests_of(inputs):  # what a command does to its inputs is listed
        shutil.rmtree(folder / "in")
    for file, content in printed.items():
        (folder / file).write_bytes(content)
    for path in files_in(folder):
        content = without_times(path.name, path.read_bytes())
        path.write_bytes(in_order(content) if name in IN_ANY_ORDER and path.name in printed else content)
    for file in SHOW_TIMES.get(name, ()):
        (folder / file).write_text("shows times\n")


def run_step(step: Step, folder: Path, *, on_terminal: bool) -> Ended:
    """Run the program in a folder; standard error is a terminal or a pipe, standard output is a pipe."""
    command = [sys.executable, "-m", "segmenter", *step.arguments]
    with (folder / step.stdin).open("rb") as stdin:
        options: dict[str, Any] = {"cwd": folder, "env": ENVIRONMENT | step.environment, "stdin": stdin}
        if on_terminal:
            return run_on_terminal(command, options)
        done = subprocess.run(command, capture_output=True, check=False, **options)
    return Ended(done.returncode, done.stdout, done.stderr)


def run_on_terminal(command: list[str], options: Mapping[str, Any]) -> Ended:
    """Run a program that prints little on standard output, with a terminal of unknown size as standard error."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, **options) as process:
        os.close(theirs)
        stderr = b""
        while part := read_terminal(ours):
            stderr += part
        os.close(ours)
        stdout, _ = process.communicate()
    return Ended(process.returncode, stdout, stderr)


def read_terminal(descriptor: int) -> bytes:
    """Return what was written to a terminal since; nothing when all who may write to it have ended."""
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux tells of the end
        return b""


def run_calls(name: str, folder: Path, inputs: Path) -> None:
    """Do calls from Python in a new folder, and leave there what they return."""
    shutil.copytree(inputs, folder / "in")
    with chdir(folder):
        results = CALLS[name]()
    shutil.rmtree(folder / "in")
    for file, value in results.items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{file}.npy", value)
        elif isinstance(value, bytes):
            (folder / file).write_bytes(value)
        else:
            (folder / file).write_text(f"{value!r}\n")


# ---- what two runs do not have in common ---------------------------------------------------------------------------


def without_times(name: str, content: bytes) -> bytes:
    """Return the content of a file of this name, with the word SECONDS in place of elapsed times."""
    if name.startswith("STDERR"):
        return re.sub(rb"\b\d+\.\d+ s\b", b"SECONDS s", content)
    if name.startswith("STDOUT") or name.endswith((".json", ".html")):
        return re.sub(rb'("seconds": ?)\d[\d.e+-]*', rb"\1SECONDS", content)
    if name.endswith(".csv"):
        return without_column_of_times(content.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    return content


def without_column_of_times(table: str) -> str:
    """Return a table in CSV, with the word SECONDS in place of the values of the column ``seconds``, if it has one."""
    lines = table.splitlines(keepends=True)
    rows = list(csv.reader(lines))
    if not rows or "seconds" not in rows[0]:
        return table
    place = rows[0].index("seconds")
    for number, row in enumerate(rows[1:], start=1):
        if row[place]:
            lines[number] = re.sub(rf"(?<=,){re.escape(row[place])}(?=[,\n])", "SECONDS", lines[number])
    return "".join(lines)


PHOTO = re.compile(rb"^\[\d+/.*\n(?:  note: .*\n)*|^\{.*\n", re.MULTILINE)
"""What a batch tells of one photo: a line that begins with a running number, and notes; or a line of JSON."""


def in_order(content: bytes) -> bytes:
    """Return what a batch prints, with its photos sorted and N in place of their running numbers."""
    photos = iter(sorted(re.sub(rb"^\[\d+", b"[N", found) for found in PHOTO.findall(content)))
    return PHOTO.sub(lambda _: next(photos), content)


# ---- lists of digests ----------------------------------------------------------------------------------------------


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder, hidden ones too, sorted by their paths."""
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=Path.as_posix)


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files below a folder, by their paths from there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_in(folder)
    }


def run_all(names: Sequence[str], folder: Path, n_jobs: int) -> dict[str, str]:
    """Run commands and calls of these names in a folder, and return the digests of all inputs and outputs."""
    inputs = folder / "inputs"
    make_inputs(inputs)
    for name in names:
        (folder / name).mkdir()
    with ThreadPoolExecutor(n_jobs) as pool:
        commands = [name for name in names if name in COMMANDS]
        list(pool.map(lambda name: run_command(name, folder / name, inputs), commands))
    for name in names:  # one by one, as all threads share the current folder
        if name in CALLS:
            run_calls(name, folder / name, inputs)
    return digests_of(folder)


def read_list(path: Path) -> dict[str, str]:
    """Return the digests of an earlier list, by their paths."""
    lines = (line.split("  ", 1) for line in path.read_text().splitlines())
    return {file: digest for digest, file in lines}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return a line for each file that is missing now, was added or has changed, sorted by their paths."""
    told = dict.fromkeys(before.keys() - after.keys(), "missing")
    told |= dict.fromkeys(after.keys() - before.keys(), "added")
    told |= {file: "changed" for file in before.keys() & after.keys() if before[file] != after[file]}
    return [f"{told[file]:7}  {file}" for file in sorted(told)]


# ---- command line --------------------------------------------------------------------------------------------------


def imported_package() -> Path:
    """Return the folder of the package that commands run; that of another checkout must not be digested by mistake."""
    command = [sys.executable, "-c", "import segmenter; print(segmenter.__file__)"]
    done = subprocess.run(command, cwd=os.sep, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).parent


def main() -> int:
    """Run what the command line asks for; return 1 where something differs from an earlier list, 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.digests", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the list here; default: print it")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="run what has such a name, as 'batch-*'")
    parser.add_argument("--against", type=Path, metavar="FILE", help="print only what differs from this earlier list")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep all outputs in this new folder")
    parser.add_argument("-j", "--jobs", type=int, default=2, metavar="N", help="commands that run at once; default: 2")
    options = parser.parse_args()
    names = [name for name in (*COMMANDS, *CALLS) if fnmatchcase(name, options.only)]
    if not names:
        parser.error(f"no command has a name like {options.only}")
    if {imported_package(), Path(segmenter.__file__).parent} != {ROOT / "segmenter"}:
        parser.error(f"the segmenter that is installed is not that of {ROOT}; use the environment of this checkout")
    if options.keep is not None and options.keep.exists():
        parser.error(f"--keep {options.keep} exists already; give a new folder")
    before = None if options.against is None else read_list(options.against)
    if options.keep is not None:
        options.keep.mkdir()
        after = run_all(names, options.keep.resolve(), options.jobs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            after = run_all(names, Path(folder).resolve(), options.jobs)
    lines = [f"{digest}  {file}" for file, digest in after.items()]
    if options.output is not None:
        options.output.write_text("".join(f"{line}\n" for line in lines))
    if before is not None:
        of_these = {"inputs", *names}
        lines = differences({file: before[file] for file in before if file.split("/")[0] in of_these}, after)
    if before is not None or options.output is None:
        print("".join(f"{line}\n" for line in lines), end="")
    return 1 if before is not None and lines else 0


if __name__ == "__main__":
    sys.exit(main())
