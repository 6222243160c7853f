"""What Ctrl-C leaves: which results are complete when a command is interrupted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segmenter.cli.format import format_list
from segmenter.io.files.remote import RemotePath


@contextmanager
def explain_interrupt(results: Sequence[tuple[str, Path]]) -> Iterator[None]:
    """Let a KeyboardInterrupt of the block say what was written.

    Parameters
    ----------
    results : sequence of (str, Path)
        The name of each photo or table, and the last file that is written for it. If one is in a store, where some
        files may be written and others not, the interrupt is left as it is.
    """
    before = [read_version(path) for _, path in results]
    try:
        yield
    except KeyboardInterrupt:
        if any(isinstance(path, RemotePath) for _, path in results):
            raise
        complete = [
            name
            for (name, path), version in zip(results, before, strict=True)
            if read_version(path) not in (None, version)
        ]
        raise KeyboardInterrupt(describe_complete(complete, len(results))) from None


def describe_complete(complete: Sequence[str], n_results: int) -> str:
    """Return which of so many results are complete."""
    if not complete:
        return "nothing was written"
    if n_results == 1:
        return "all files were written before"
    return f"{len(complete):,} of {n_results:,} are complete: {format_list(complete)}"


def read_version(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is replaced; None if it does not exist."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_mtime_ns
