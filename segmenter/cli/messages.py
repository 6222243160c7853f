"""Messages for people: single lines on standard error, which may be closed."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segmenter.errors import SegmenterError, describe_problem, printable

if TYPE_CHECKING:
    from segmenter.workflows.segment.outputs import PlannedJob


def print_message(line: str) -> None:
    """Print one line on standard error; ignore a stream that is closed or full."""
    with suppress(OSError):
        click.echo(printable(line), err=True)


def print_note(note: str) -> None:
    """Print an indented note that belongs to the line above it."""
    print_message(f"  note: {note}")


MAX_ERROR_CHARACTERS = 1000
"""Longer errors, which repeat an absurd value whole, are shown without their middle."""


def print_error(message: str) -> None:
    """Print an error as one line that begins with the name of the program."""
    line = " ".join(part.strip() for part in message.splitlines())
    if len(line) > MAX_ERROR_CHARACTERS:
        half = MAX_ERROR_CHARACTERS // 2
        line = f"{line[:half]} … {line[-half:]}"
    print_message(f"segmenter: {line}")


def report_failure(error: Exception, source: str, *, verbose: bool) -> str:
    """Print in one line why something failed, and return that line.

    Parameters
    ----------
    error : Exception
    source : str
        The input being processed; "" = unknown.
    verbose : bool
        Also print the traceback of an internal error.
    """
    problem = describe_problem(error, source)
    print_error(problem)
    if verbose and not isinstance(error, SegmenterError):
        print_traceback("".join(traceback.format_exception(error)))
    return problem


def print_traceback(text: str) -> None:
    """Print a traceback line by line."""
    for line in text.splitlines():
        print_message(line)


def report_earlier_outputs(removed: Sequence[Path], job: PlannedJob) -> None:
    """Print which files of an earlier run were removed, and which are left that could be mistaken for results."""
    from segmenter.workflows.segment.outputs import find_other_outputs

    if removed:
        print_note(f"removed files that this run does not write: {', '.join(map(str, removed))}")
    left = find_other_outputs(job)
    if left:
        print_note(f"left by an earlier run; remove them if not needed: {', '.join(map(str, left))}")
