"""The summary of a batch: one row for each photo, kept out of memory until all are written."""

from __future__ import annotations

import io
import json
import pickle
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias

from segmenter.io.files.atomic import write_files
from segmenter.io.tables.cells import encode_csv
from segmenter.segmentation.documents import OMIT_NONE, DocumentError, convert_document, read_object, to_plain
from segmenter.segmentation.recipe import PhotoRecipe
from segmenter.segmentation.record import SOFTWARE, RunRecord
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.outputs import format_path

SCHEMA = 1
"""Version of the summary, and of the lines of ``--json``."""

SUMMARIES = ("summary.csv", "summary.json")
IN_MEMORY = 4_000_000
"""Bytes of rows that are kept in memory; further ones go to a temporary file without a name."""

Status: TypeAlias = Literal["done", "up to date", "failed", "not done"]


@dataclass(frozen=True)
class SummaryRow:
    """What became of one photo, as it is written."""

    source: str
    outputs: str  # what the names of its outputs begin with; "" = there are none
    status: Status
    reason: str = ""  # why it failed, and what to do
    width: int | None = None  # pixels
    height: int | None = None
    n_segments: int | None = None  # K
    shares: tuple[float, ...] = ()  # of the segments, dark first; of the pixels that take part
    colors: tuple[str, ...] = ()  # mean color of each segment, #rrggbb
    log_likelihood: float | None = None  # nats per pixel; None where a model was applied
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row(SummaryRow):
    """What became of one photo, with what the batch needs to know but does not write."""

    traceback: str | None = None  # of an error of this program
    ends_batch: bool = False  # whether every further photo would fail as well


@dataclass(frozen=True, kw_only=True)
class SkippedPath:
    """A file or folder that was not read."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SummaryHead:
    """The content of summary.json, without the rows, which follow as ``photos``."""

    schema: int
    software: str
    output: str  # the output folder
    recipe: Mapping[str, Any]
    counts: Mapping[Status, int]
    skipped: tuple[SkippedPath, ...]
    notes: tuple[str, ...] | None = field(default=None, metadata=OMIT_NONE)  # on the model of all photos


@dataclass(frozen=True, kw_only=True)
class SavedSummary:
    """What is read of summary.json."""

    output: str
    photos: tuple[Any, ...]  # a row each, as plain values

    def rows(self) -> Iterator[SummaryRow]:
        """Yield the rows, without those that are damaged."""
        for plain in self.photos:
            try:
                yield convert_document(plain, SummaryRow)
            except DocumentError:
                continue


COLUMNS = tuple(field.name for field in fields(SummaryRow))


def summarize_record(record: RunRecord, job: SegmentJob) -> Row:
    """Return the row of a photo that was done, from its record."""
    from segmenter.segmentation.doubts import collect_notes  # late: the process that hands out jobs needs no NumPy

    return Row(
        source=format_path(job.source),
        outputs=outputs_text(job.record),
        status="done",
        width=record.input.width,
        height=record.input.height,
        n_segments=len(record.segments),
        shares=tuple(segment.share for segment in record.segments),
        colors=tuple(segment.color for segment in record.segments),
        log_likelihood=None if record.fit is None else record.fit.log_likelihoods[-1],
        notes=collect_notes(record),
    )


def summarize_failure(source: Path, record: Path, problem: str, traceback: str | None = None) -> Row:
    """Return the row of a photo that failed."""
    return Row(format_path(source), outputs_text(record), "failed", format_path(problem), traceback=traceback)


def outputs_text(record: Path) -> str:
    """Return what the names of the outputs begin with, from the path of the record."""
    return format_path(record).removesuffix(".json") if record.name else ""


def encode_row(row: Row) -> str:
    """Return a row as a line of ``--json``."""
    return json.dumps({"schema": SCHEMA, **_to_plain_row(row)})


def read_summary(folder: Path) -> SavedSummary | None:
    """Return the summary in an output folder; None where there is none, or it is damaged."""
    try:
        return convert_document(read_object(folder / SUMMARIES[1]), SavedSummary)
    except DocumentError:
        return None


class Summary:
    """The rows of a batch in the order of its photos, in whatever order they are added."""

    def __init__(self, n_photos: int) -> None:
        self.counts: Counter[Status] = Counter()
        self.notes: tuple[str, ...] = ()  # on the model of all photos
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed along with the summary
        self._starts = array("q", [-1]) * n_photos
        self._inputs: list[Row] = []

    def add_failed_input(self, row: Row) -> None:
        """Keep the row of a folder or pattern that gave no photos."""
        self.counts["failed"] += 1
        self._inputs.append(row)

    def add(self, index: int, row: Row) -> None:
        """Keep the row of a photo."""
        self.counts[row.status] += 1
        self._starts[index] = self._file.seek(0, io.SEEK_END)
        pickle.dump(tuple(getattr(row, name) for name in COLUMNS), self._file)

    def has(self, index: int) -> bool:
        """Return whether a photo has a row."""
        return self._starts[index] >= 0

    def indices(self) -> set[int]:
        """Return the indices of the photos that have a row."""
        return {index for index, start in enumerate(self._starts) if start >= 0}

    def rows(self) -> Iterator[SummaryRow]:
        """Yield all rows in order, those of inputs without photos first."""
        yield from self._inputs
        for start in self._starts:
            if start >= 0:
                self._file.seek(start)
                yield SummaryRow(*pickle.load(self._file))

    def failures(self) -> Iterator[str]:
        """Yield why photos failed, in order."""
        if self.counts["failed"]:
            yield from (row.reason for row in self.rows() if row.status == "failed")

    def write(self, folder: Path, recipe: PhotoRecipe, skipped: Sequence[tuple[str, str]]) -> None:
        """Write ``summary.csv`` and ``summary.json``; raise WriteError where that fails."""
        head = SummaryHead(
            schema=SCHEMA,
            software=SOFTWARE,
            output=format_path(folder),
            recipe=asdict(recipe),
            counts={status: self.counts[status] for status in ("done", "up to date", "failed", "not done")},
            skipped=tuple(SkippedPath(path=format_path(path), reason=reason) for path, reason in skipped),
            notes=self.notes or None,
        )
        text = io.StringIO()
        text.write(json.dumps(to_plain(head), indent=1, ensure_ascii=False)[:-2] + ',\n "photos": [')
        separator = "\n  "
        for row in self.rows():
            text.write(separator + json.dumps(_to_plain_row(row), ensure_ascii=False))
            separator = ",\n  "
        text.write("\n ]\n}\n")
        table = encode_csv(chain([COLUMNS], (_to_cells(row) for row in self.rows())))
        contents = (table, text.getvalue().encode())
        write_files({folder / name: content for name, content in zip(SUMMARIES, contents, strict=True)}, overwrite=True)


def _to_cells(row: SummaryRow) -> Iterable[Any]:
    """Return what is written of a row to the table: one value a cell."""
    lists = {
        "shares": " ".join(map(str, row.shares)),
        "colors": " ".join(row.colors),
        "notes": "; ".join(row.notes),
    }
    return (_to_plain_row(row) | lists).values()


def _to_plain_row(row: SummaryRow) -> dict[str, Any]:
    """Return what is written of a row."""
    return {name: to_plain(getattr(row, name)) for name in COLUMNS}
