"""Progress on standard error: a bar on a terminal, otherwise one line per photo or nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from segmenter.cli.format import format_count, format_shares
from segmenter.cli.messages import print_message, print_note, print_traceback
from segmenter.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, TaskID

    from segmenter.cli.options.output import OutputOptions
    from segmenter.workflows.batch.summary import Row

REFRESHES_PER_SECOND = 4
BAR_DELAY = 1.0
"""Seconds after which the bar of one picture or table appears."""
MIN_BAR_WIDTH, NAME_WIDTH = 8, 20
"""Characters of the bar, and of the name of the photo behind it."""


def has_terminal() -> bool:
    """Return whether standard error is a terminal that can redraw a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


# ---- a batch -------------------------------------------------------------------------------------------------------


@contextmanager
def report_batch(options: OutputOptions, n_photos: int, noun: str) -> Iterator[BatchReporter]:
    """Yield the reporter of a batch; its bar, if there is one, ends with the block.

    Parameters
    ----------
    options : OutputOptions
    n_photos : int
    noun : str
        What to call a segment.
    """
    if options.quiet or not has_terminal():
        yield BatchReporter(options, n_photos, noun)
        return
    from rich.progress import TextColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.fields[failed]}", style="red"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[name]}", table_column=Column(width=NAME_WIDTH, no_wrap=True), markup=False),
    )
    with create_bar(before_time=columns[:2], after_time=columns[2:]) as bar:
        yield BatchReporter(options, n_photos, noun, bar)


class BatchReporter:
    """Reports each photo of a batch as it is done."""

    def __init__(self, options: OutputOptions, n_photos: int, noun: str, bar: Progress | None = None) -> None:
        self.n_reported = 0
        self._options = options
        self._n_photos = n_photos
        self._noun = noun
        self._bar = bar
        self._task: TaskID | None = None
        self._started = self._stage_started = time.perf_counter()
        self._n_failed = self._n_in_stage = 0

    @property
    def seconds(self) -> float:
        """Seconds since the batch began."""
        return time.perf_counter() - self._started

    def start_stage(self, stage: str, n_photos: int) -> None:
        """Report that a pass over the photos begins."""
        self._stage_started, self._n_in_stage = time.perf_counter(), 0
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=n_photos, failed=self._format_failed(), rate="", name="")
        elif not self._options.quiet and stage != "segmenting":
            print_message(f"{stage} ({format_count(n_photos, 'photo')})")

    def finish_photo(self, row: Row | None) -> None:
        """Report a photo of this pass; None = it was read, and a later pass will segment it."""
        self._n_in_stage += 1
        if row is not None:
            self.n_reported += 1
            self._n_failed += row.status == "failed"
            self._print_row(row)
        if self._bar is not None and self._task is not None:
            rate = self._n_in_stage / max(time.perf_counter() - self._stage_started, 1e-9)
            name = "" if row is None else printable(row.source.rpartition("/")[2])
            self._bar.update(self._task, advance=1, failed=self._format_failed(), rate=f"{rate:.3g}/s", name=name)

    def _format_failed(self) -> str:
        """Return how many photos have failed; "" if none."""
        return f"{self._n_failed:,} failed" if self._n_failed else ""

    def _print_row(self, row: Row) -> None:
        """Print a photo as JSON, and where there is no bar also as a line for people."""
        options = self._options
        if options.json:
            from segmenter.workflows.batch.summary import encode_row

            click.echo(encode_row(row))
        if not options.quiet and self._bar is None and row.status != "up to date":
            print_message(f"[{self.n_reported:,}/{self._n_photos:,}] {row.source}: {self._format_outcome(row)}")
            for note in row.notes:
                print_note(note)
        if options.verbose and row.traceback:
            print_traceback(row.traceback)

    def _format_outcome(self, row: Row) -> str:
        """Return the segments of a photo and how long it took, or its status."""
        if row.status != "done":
            return row.status
        return f"{format_shares(row.shares, self._noun)} in {row.seconds:.2f} s"


# ---- one picture, table or page ------------------------------------------------------------------------------------


@contextmanager
def show_steps(*, quiet: bool) -> Iterator[StepProgress]:
    """Yield the progress of one picture or table: a bar on a terminal if it takes longer than a moment."""
    progress = StepProgress()
    if quiet or not has_terminal():
        yield progress
        return
    timer = threading.Timer(BAR_DELAY, progress.show)
    timer.daemon = True
    timer.start()
    try:
        yield progress
    finally:
        timer.cancel()
        progress.close()


class StepProgress:
    """Knows how far the work on one picture or table is, and shows it once `show` is called, by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stage, self._n_done = "", 0
        self._n_steps: int | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._is_closed = False

    def show(self) -> None:
        """Show the bar, unless the work is done."""
        with self._lock:
            if not self._is_closed:
                self._bar = create_step_bar()
                self._add_task()
                self._bar.start()

    def close(self) -> None:
        """Remove the bar."""
        with self._lock:
            self._is_closed = True
            if self._bar is not None:
                self._bar.stop()

    def start_stage(self, stage: str, n_steps: int | None) -> None:
        """Note that a stage of so many steps begins; None = of an unknown number of iterations, or of none."""
        with self._lock:
            self._stage, self._n_steps, self._n_done = stage, n_steps, 0
            self._add_task()

    def finish_step(self) -> None:
        """Note that a step is done."""
        self._n_done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._n_done, count=self._format_count())

    def _add_task(self) -> None:
        """Show the stage in place of the one before."""
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(
                self._stage, total=self._n_steps, completed=self._n_done, count=self._format_count()
            )

    def _format_count(self) -> str:
        """Return how many of the steps are done; "" if that is not known."""
        if self._n_steps is not None:
            return f"{self._n_done:,}/{self._n_steps:,}"
        return format_count(self._n_done, "iteration") if self._n_done else ""


@contextmanager
def show_count(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of how many items of how many are done: a bar on a terminal, nothing elsewhere."""
    if quiet or not has_terminal():
        yield lambda done, total: None
        return
    with create_bar() as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# ---- the bar -------------------------------------------------------------------------------------------------------


def create_bar(before_time: tuple[ProgressColumn, ...] = (), after_time: tuple[ProgressColumn, ...] = ()) -> Progress:
    """Return a bar of items, with further columns around the remaining time."""
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    return join_columns(MofNCompleteColumn(), *before_time, TimeRemainingColumn(compact=True), *after_time)


def create_step_bar() -> Progress:
    """Return a bar of steps, whose tasks have a field `count`, with the time that has passed."""
    from rich.progress import TextColumn, TimeElapsedColumn

    return join_columns(TextColumn("{task.fields[count]}"), TimeElapsedColumn())


def join_columns(*columns: ProgressColumn) -> Progress:
    """Return a bar on standard error that disappears when it ends, with columns on its right."""
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=MIN_BAR_WIDTH)),
        *columns,
        console=create_bar_console(),
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
        expand=True,
    )


def create_bar_console() -> Console:
    """Return the terminal, narrowed by the "^C" that it echoes: on a full line that would wrap and break the bar."""
    from rich.console import Console, ConsoleDimensions

    class NarrowedConsole(Console):
        @property  # type: ignore[misc]  # rich also has a setter, which is not used
        def size(self) -> ConsoleDimensions:
            full = super().size
            return ConsoleDimensions(max(1, full.width - len("^C") - 1), full.height)

    return NarrowedConsole(stderr=True, highlight=False)
