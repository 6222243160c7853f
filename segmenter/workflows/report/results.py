"""The results in a folder as one list: photos that are done, failures with their reasons, and damaged results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from segmenter.errors import DamagedRecordError, NoResultsError
from segmenter.io.files.results import RECORD_SUFFIX, get_label_image_paths, list_results
from segmenter.segmentation.documents import read_object
from segmenter.segmentation.record import RunRecord, decode_record, is_record
from segmenter.workflows.batch.plan import SHARED_NAME, SHARED_RECORD
from segmenter.workflows.batch.shared_model import describe_shared_doubts, read_shared_record
from segmenter.workflows.batch.summary import SUMMARIES, SummaryRow, read_summary
from segmenter.workflows.segment.outputs import format_path

ResultStatus: TypeAlias = Literal["done", "failed", "not done", "damaged"]

SUMMARY_NAME = SUMMARIES[1].removesuffix(RECORD_SUFFIX)
MODEL_ENDING = ".model"


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photo."""

    name: str  # of the photo, in the folder of its results
    status: ResultStatus
    reason: str = ""  # why there is nothing to show, and what to do
    results: str = ""  # what the paths of its results begin with, relative to their folder
    record: RunRecord | None = None  # None unless done
    stem: Path = Path()  # what the paths of its results begin with, from the working folder
    source: str = ""  # path of the photo according to the summary; "" = unknown
    seconds: float | None = None


def read_results(folder: Path) -> list[PhotoResult]:
    """Return all results in a folder and its sub-folders, in the order of their names.

    Failures are known only from a ``summary.json``.

    Raises
    ------
    ReadError
        There is no such folder, or it holds no results.
    """
    results = []
    rows_by_results: dict[str, SummaryRow] = {}
    for path, row in _read_summary_rows(folder):
        if path:
            rows_by_results[path] = row
        else:
            results.append(_build_result_without_files(row, ""))
    for name in list_results(folder):
        result = _read_result(folder, name, rows_by_results.pop(format_path(Path(name)), None))
        if result is not None:
            results.append(result)
    results += [_build_result_without_files(row, path) for path, row in rows_by_results.items()]
    if not results:
        raise NoResultsError(str(folder))
    return sorted(results, key=lambda result: (result.name.split("/"), result.results))


def read_shared_notes(folder: Path) -> tuple[str, ...]:
    """Return what a person should know of the model that the results in a folder share; () where there is none."""
    record = read_shared_record(folder / SHARED_RECORD)
    return () if record is None else describe_shared_doubts(record)


def _read_summary_rows(folder: Path) -> Iterator[tuple[str, SummaryRow]]:
    """Yield the rows of the summary, each with what the paths of its results begin with; "" = there are none."""
    summary = read_summary(folder)
    if summary is None:
        return
    for row in summary.rows():
        outputs = PurePosixPath(row.outputs)
        has_outputs = row.outputs and outputs.is_relative_to(summary.output)
        yield str(outputs.relative_to(summary.output)) if has_outputs else "", row


def _read_result(folder: Path, name: str, row: SummaryRow | None) -> PhotoResult | None:
    """Return the result whose files begin with a name; None where they are no result."""
    path = format_path(Path(name))
    if name in (SUMMARY_NAME, SHARED_NAME) or name.endswith(MODEL_ENDING):
        return None
    if row is not None and row.status == "failed":  # an earlier run may have left these files
        return _build_result_without_files(row, path)
    record_path = folder / f"{name}{RECORD_SUFFIX}"
    plain = read_object(record_path)
    has_labels = any(labels.exists() for labels in get_label_image_paths(folder / name))
    if row is None and not has_labels and not is_record(plain):
        return None
    try:
        record = decode_record(plain, str(record_path))
    except DamagedRecordError as error:
        return PhotoResult(path if row is None else _join_name(path, row.source), "damaged", str(error), results=path)
    return PhotoResult(
        _join_name(path, record.input.name),
        "done",
        record=record,
        results=path,
        stem=folder / name,
        source="" if row is None else row.source,
        seconds=None if row is None else row.seconds,
    )


def _build_result_without_files(row: SummaryRow, results: str) -> PhotoResult:
    """Return the result of a photo that has nothing to show."""
    name = _join_name(results, row.source) if results else row.source
    if row.status in ("done", "up to date"):
        return PhotoResult(name, "damaged", f"{row.source}: its results are gone; segment it again", results=results)
    status: ResultStatus = "failed" if row.status == "failed" else "not done"
    return PhotoResult(name, status, row.reason or "not done", results)


def _join_name(results: str, source: str) -> str:
    """Return the file name of a photo in the folder of its results."""
    return str(PurePosixPath(results).parent / PurePosixPath(source).name)
