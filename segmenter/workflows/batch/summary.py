"""What became of the photos of a batch, as one table: kept out of memory until it is written."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from segmenter._version import __version__
from segmenter.io.files.atomic import write_files
from segmenter.segmentation.recipe import AnyRecipe
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.outputs import format_path

SCHEMA = 1
"""Version of the summary, and of the lines of ``--json``."""

SUMMARIES = ("summary.csv", "summary.json")
IN_MEMORY = 4_000_000
"""Bytes of rows that are kept in memory; more go to a temporary file without a name."""

Status: TypeAlias = Literal["done", "up to date", "failed", "not done"]


@dataclass(frozen=True)
class Row:
    """What became of one photo: plain and small values."""

    source: str
    outputs: str  # what the names of its outputs begin with; "" = there are none
    status: Status
    reason: str = ""  # why it failed, and what to do
    width: int | None = None  # pixels
    height: int | None = None
    n_segments: int | None = None  # K
    shares: tuple[float, ...] = ()  # of the segments, dark first; of the pixels that take part
    colors: tuple[str, ...] = ()  # mean color of each, as in CSS
    log_likelihood: float | None = None  # nats per pixel; None where a model was applied
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    traceback: str | None = None  # of a fault of ours
    ends_batch: bool = False  # no other photo would fare better

    def plain(self) -> dict[str, Any]:
        """Return what is written of it."""
        return {name: value for name, value in asdict(self).items() if name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(Row) if field.name not in ("traceback", "ends_batch"))


def summarize_record(record: Mapping[str, Any], job: SegmentJob) -> Row:
    """Return the row of a photo that was done, from its record."""
    fit = record.get("fit")
    return Row(
        source=format_path(job.source),
        outputs=outputs_text(job.record),
        status="done",
        width=record["input"]["width"],
        height=record["input"]["height"],
        n_segments=len(record["segments"]),
        shares=tuple(segment["share"] for segment in record["segments"]),
        colors=tuple(segment["color"] for segment in record["segments"]),
        log_likelihood=None if fit is None else fit["log_likelihoods"][-1],
        notes=tuple(record["input"]["notes"]),
    )


def summarize_failure(source: Path, record: Path, problem: str, traceback: str | None = None) -> Row:
    """Return the row of a photo that failed."""
    return Row(format_path(source), outputs_text(record), "failed", format_path(problem), traceback=traceback)


def outputs_text(record: Path) -> str:
    """Return what the names of the outputs begin with, from that of the record."""
    return format_path(record).removesuffix(".json") if record.name else ""


class Summary:
    """The rows of a batch, in the order of its photos, whatever order they are done in."""

    def __init__(self, n_photos: int) -> None:
        self.counts: Counter[Status] = Counter()
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # it lives as long as this
        self._starts = array("q", [-1]) * n_photos
        self._inputs: list[Row] = []

    def add_failed_input(self, row: Row) -> None:
        """Keep the row of a folder or pattern that gave no photos."""
        self.counts["failed"] += 1
        self._inputs.append(row)

    def add(self, place: int, row: Row) -> None:
        """Keep the row of a photo."""
        self.counts[row.status] += 1
        self._starts[place] = self._file.seek(0, io.SEEK_END)
        self._file.write(json.dumps(row.plain()).encode() + b"\n")

    def has(self, place: int) -> bool:
        """Tell whether a photo has a row."""
        return self._starts[place] >= 0

    def places(self) -> set[int]:
        """Return the places of the photos that have a row."""
        return {place for place, start in enumerate(self._starts) if start >= 0}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield all rows as plain values, in order."""
        for row in self._inputs:
            yield row.plain()
        for start in self._starts:
            if start >= 0:
                self._file.seek(start)
                yield json.loads(self._file.readline())

    def failures(self) -> Iterator[str]:
        """Yield why photos failed, in order."""
        if self.counts["failed"]:
            yield from (row["reason"] for row in self.rows() if row["status"] == "failed")

    def write(self, folder: Path, recipe: AnyRecipe, skipped: Sequence[tuple[str, str]]) -> None:
        """Write ``summary.csv`` and ``summary.json``; raise WriteError where the system refuses."""
        head = {
            "schema": SCHEMA,
            "software": f"segmenter {__version__}",
            "output": format_path(folder),
            "recipe": asdict(recipe),
            "counts": {status: self.counts[status] for status in ("done", "up to date", "failed", "not done")},
            "skipped": [{"path": format_path(path), "reason": reason} for path, reason in skipped],
        }
        text = io.StringIO()
        text.write(json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "photos": [')
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        between = "\n  "
        for row in self.rows():
            text.write(between + json.dumps(row, ensure_ascii=False))
            between = ",\n  "
            writer.writerow(
                " ".join(map(str, row[name]))
                if isinstance(row[name], list) and name != "notes"
                else "; ".join(row[name])
                if name == "notes"
                else row[name]
                for name in COLUMNS
            )
        text.write("\n ]\n}\n")
        contents = (table.getvalue().encode(), text.getvalue().encode())
        write_files({folder / name: content for name, content in zip(SUMMARIES, contents, strict=True)}, overwrite=True)
