"""Messages for people: single lines on standard error, which may be closed."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import click

from segmenter.errors import SegmenterError, describe_problem, printable


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


def warn_stale_outputs(alternatives: Sequence[Path], written: Collection[Path]) -> None:
    """Print a note for each file in another format that an earlier run left behind."""
    from segmenter.workflows.segment.outputs import find_stale_outputs

    for path in find_stale_outputs(alternatives, written):
        print_note(f"{path} is from an earlier run; remove it, as it could be mistaken for this result")
