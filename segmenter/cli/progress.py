"""How a batch is told of while it runs: a bar on a terminal, lines elsewhere, JSON on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from segmenter.cli import say
from segmenter.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from segmenter.cli.options.output import OutputOptions
    from segmenter.workflows.batch.summary import Row

REFRESHES = 4
"""A second, of the bar."""

MAX_SHARES = 6
"""Shares that fit the line of a photo; of more segments the largest and the smallest are told."""


@contextmanager
def watching(options: OutputOptions, n_photos: int, kind: str) -> Iterator[Watch]:
    """Yield who tells of a batch; the bar, if there is one, ends with the block."""
    if options.quiet or not has_terminal():
        yield Watch(options, n_photos, kind)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}", style="red"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[name]}", table_column=Column(width=20, no_wrap=True), markup=False),
    )
    with Progress(*columns, console=bar_console(), refresh_per_second=REFRESHES, transient=True, expand=True) as bar:
        yield Watch(options, n_photos, kind, bar)


def bar_console() -> Console:
    """Return the terminal, narrower by the ^C that it shows: on a line that is full, that would begin another one."""
    from rich.console import Console, ConsoleDimensions

    class Narrower(Console):
        @property  # type: ignore[misc]  # nobody sets it
        def size(self) -> ConsoleDimensions:
            full = super().size
            return ConsoleDimensions(max(1, full.width - len("^C") - 1), full.height)

    return Narrower(stderr=True, highlight=False)


def has_terminal() -> bool:
    """Return whether people watch standard error on a terminal that can redraw a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class Watch:
    """Tells of each photo as it is done."""

    def __init__(self, options: OutputOptions, n_photos: int, kind: str, bar: Progress | None = None) -> None:
        self.n_told = 0
        self._options = options
        self._n_photos = n_photos
        self._kind = kind
        self._bar = bar
        self._task: TaskID | None = None
        self._started = self._stage_started = time.perf_counter()
        self._n_failed = self._n_in_stage = 0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._started

    def begin(self, stage: str, n_photos: int) -> None:
        """Tell that a pass over the photos begins."""
        self._stage_started, self._n_in_stage = time.perf_counter(), 0
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=n_photos, failed=self.told_failed(), rate="", name="")
        elif not self._options.quiet and stage != "segmenting":
            say(f"{stage} ({n_photos:,} photos)")

    def tell(self, row: Row | None) -> None:
        """Tell of a photo; None = it was read, and comes once more."""
        self._n_in_stage += 1
        if row is not None:
            self.n_told += 1
            self._n_failed += row.status == "failed"
            self.print_row(row)
        if self._bar is not None and self._task is not None:
            rate = self._n_in_stage / max(time.perf_counter() - self._stage_started, 1e-9)
            name = "" if row is None else printable(row.source.rpartition("/")[2])
            self._bar.update(self._task, advance=1, failed=self.told_failed(), rate=f"{rate:.3g}/s", name=name)

    def told_failed(self) -> str:
        """Return how many failed, nothing while none did."""
        return f"{self._n_failed:,} failed" if self._n_failed else ""

    def print_row(self, row: Row) -> None:
        """Print a photo as JSON, and as a line for people where there is no bar."""
        options = self._options
        if options.json:
            from segmenter.workflows.batch.summary import SCHEMA

            click.echo(json.dumps({"schema": SCHEMA, **row.plain()}))
        if not options.quiet and self._bar is None and row.status != "up to date":
            say(f"[{self.n_told:,}/{self._n_photos:,}] {row.source}: {told(row, self._kind)}")
            for note in row.notes:
                say(f"  note: {note}")
        if options.verbose and row.traceback:
            for line in row.traceback.splitlines():
                say(line)


@contextmanager
def watching_steps(*, quiet: bool) -> Iterator[Steps]:
    """Yield who is told of the steps of one picture: a bar on a terminal, nothing elsewhere."""
    if quiet or not has_terminal():
        yield Steps()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=bar_console(), refresh_per_second=REFRESHES, transient=True, expand=True) as bar:
        yield Steps(bar)


class Steps:
    """Tells how far the work on one picture is."""

    def __init__(self, bar: Progress | None = None) -> None:
        self._bar = bar
        self._task: TaskID | None = None

    def begin(self, stage: str, n_steps: int) -> None:
        """Show that a stage of so many steps begins."""
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=n_steps)

    def step(self) -> None:
        """Show that a step is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1)


def told(row: Row, kind: str) -> str:
    """Return what became of a photo, for a line; its segments are called by their kind."""
    return f"{shares_text(row.shares, kind)} in {row.seconds:.2f} s" if row.status == "done" else row.status


def shares_text(shares: Sequence[float], kind: str) -> str:
    """Return how many segments, or what they are called, there are, and how large."""
    if len(shares) == 1:
        return f"1 {kind}"
    percent = [f"{100 * share:.0f}" for share in shares]
    if len(shares) > MAX_SHARES:
        percent = [f"{100 * max(shares):.0f} to {100 * min(shares):.0f}"]
    return f"{len(shares)} {kind}s ({', '.join(percent)} %)"
