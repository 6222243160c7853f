"""What earlier runs left, as one list: whole results, failures with their reasons, and what is damaged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias

from segmenter.errors import DamagedRecordError, NoResultsError
from segmenter.io.files.results import RECORD_SUFFIX, get_label_image_paths, list_results
from segmenter.workflows.batch.plan import SHARED_NAME
from segmenter.workflows.batch.resume import read_record
from segmenter.workflows.batch.summary import SUMMARIES
from segmenter.workflows.segment.outputs import format_path

ResultStatus: TypeAlias = Literal["done", "failed", "not done", "damaged"]

SUMMARY = SUMMARIES[1].removesuffix(RECORD_SUFFIX)
MODEL_ENDING = ".model"


@dataclass(frozen=True)
class Result:
    """What became of one photo."""

    name: str  # of the photo, with the folder that its results are in
    status: ResultStatus
    reason: str = ""  # why there is nothing to show, and what to do
    results: str = ""  # what the paths of its results begin with, relative to their folder
    record: Mapping[str, Any] | None = None  # the content of NAME.json, checked; None unless done
    stem: Path = Path()  # the same as a path that leads there
    source: str = ""  # path of the photo as the summary tells it; "" = unknown
    seconds: float | None = None


@dataclass(frozen=True)
class _Row:
    """What the summary of a batch tells of a photo."""

    source: str
    results: str  # as in Result; "" = the photo was to have none
    status: str
    reason: str
    seconds: float | None


def read_results(folder: Path) -> list[Result]:
    """Return all results in a folder and below it, in the order of their names.

    Where there is a ``summary.json``, it tells of failures too.

    Raises
    ------
    ReadError
        There is no such folder, or it holds no results.
    """
    rows = _summary_rows(folder)
    by_results = {row.results: row for row in rows if row.results}
    results = [_without_files(row) for row in rows if not row.results]
    for name in list_results(folder):
        result = _result(folder, name, by_results.pop(format_path(Path(name)), None))
        if result is not None:
            results.append(result)
    results += [_without_files(row) for row in by_results.values()]
    if not results:
        raise NoResultsError(str(folder))
    return sorted(results, key=lambda result: (result.name.split("/"), result.results))


def _result(folder: Path, name: str, row: _Row | None) -> Result | None:
    """Return the result of which there are files of a name; None where they are of something else."""
    if name in (SUMMARY, SHARED_NAME) or name.endswith(MODEL_ENDING):
        return None
    if row is not None and row.status == "failed":  # an earlier run may have left these files
        return _without_files(row)
    text, path = format_path(Path(name)), folder / f"{name}{RECORD_SUFFIX}"
    record = read_record(path)
    has_labels = any(labels.exists() for labels in get_label_image_paths(folder / name))
    if row is None and not has_labels and not _looks_like_one(record):
        return None
    try:
        checked = checked_record(record, str(path))
    except DamagedRecordError as error:
        return Result(text if row is None else _name(text, row.source), "damaged", str(error), results=text)
    return Result(
        _name(text, checked["input"]["name"]),
        "done",
        record=checked,
        results=text,
        stem=folder / name,
        source="" if row is None else row.source,
        seconds=None if row is None else row.seconds,
    )


def _without_files(row: _Row) -> Result:
    """Return the result of a photo that has nothing to show."""
    name = _name(row.results, row.source) if row.results else row.source
    if row.status in ("done", "up to date"):
        return Result(name, "damaged", f"{row.source}: its results are gone; segment it again", results=row.results)
    return Result(name, "failed" if row.status == "failed" else "not done", row.reason or "not done", row.results)


def _name(results: str, source: str) -> str:
    """Return what a photo is called: its file name, in the folder of its results."""
    return str(PurePosixPath(results).parent / PurePosixPath(source).name)


def _summary_rows(folder: Path) -> list[_Row]:
    """Return what the summary tells; nothing where there is none."""
    summary = read_record(folder / SUMMARIES[1]) or {}
    output, photos = summary.get("output"), summary.get("photos")
    if not isinstance(output, str) or not isinstance(photos, list):
        return []
    rows = []
    for photo in photos:
        if not isinstance(photo, dict):
            continue
        source, outputs, status, reason = (photo.get(key) for key in ("source", "outputs", "status", "reason"))
        seconds = photo.get("seconds")
        if isinstance(source, str) and isinstance(outputs, str) and isinstance(status, str) and isinstance(reason, str):
            place = PurePosixPath(outputs)
            results = str(place.relative_to(output)) if outputs and place.is_relative_to(output) else ""
            rows.append(_Row(source, results, status, reason, seconds if _is_number(seconds) else None))
    return rows


def _looks_like_one(record: Mapping[str, Any] | None) -> bool:
    """Tell a record of ours from other JSON."""
    return record is not None and {"schema", "input", "segments"} <= set(record)


# ---- records -------------------------------------------------------------------------------------------------------


def checked_record(record: Mapping[str, Any] | None, path: str) -> Mapping[str, Any]:
    """Return a record whose parts that are shown have the right types; other parts may be anything.

    Raises
    ------
    DamagedRecordError
        There is none, or a part is missing or of another type; ``path`` is what the error calls it.
    """
    if record is None:
        raise DamagedRecordError(path, "it is missing or no JSON object")
    try:
        _check(record)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise DamagedRecordError(path, what) from error
    return record


def _check(record: Mapping[str, Any]) -> None:
    """Raise KeyError or ValueError for the first part that makes no sense."""
    _require(isinstance(record["software"], str), "software")
    photo = record["input"]
    _require(isinstance(photo, dict), "input")
    for name in ("name", "dtype"):
        _require(isinstance(photo[name], str), name)
    _require(isinstance(photo["sha256"], str | None), "sha256")
    for name in ("width", "height", "channels"):
        _require(_is_count(photo[name]) and photo[name] > 0, name)
    _require(_is_list(photo["notes"], str), "notes")
    _require(isinstance(record["recipe"], dict) and _is_finite(record["recipe"]), "recipe")
    segments = record["segments"]
    _require(_is_list(segments, dict) and bool(segments), "segments")
    for place, segment in enumerate(segments, start=1):
        _require(segment["label"] == place, f"label of segment {place}")
        _require(_is_count(segment["pixels"]), f"pixels of segment {place}")
        _require(_is_number(segment["share"]) and 0 <= segment["share"] <= 1, f"share of segment {place}")
        color = segment["color"]
        _require(isinstance(color, str) and bool(_COLOR.fullmatch(color)), f"color of segment {place}")
        _require(isinstance(segment.get("name", ""), str), f"name of segment {place}")
    fit = record.get("fit")
    if fit is not None:
        _require(isinstance(fit, dict), "fit")
        likelihoods = fit["log_likelihoods"]
        _require(_is_list(likelihoods, int, float) and bool(likelihoods), "log_likelihoods")
        _require(all(map(_is_number, likelihoods)), "log_likelihoods")
        _require(_is_list(fit["restarts"], int, float) and all(map(_is_number, fit["restarts"])), "restarts")
        _require(isinstance(fit["stop"], str) and isinstance(fit["verdict"], str), "stop or verdict")
        _require(_is_count(fit["n_iterations"]) and _is_count(fit["n_died"]), "n_iterations or n_died")
        _require(_is_list(fit.get("collapsed", []), int), "collapsed")
    for part, name in (("selection", "rule"), ("model", "name")):
        _require(record.get(part) is None or isinstance(record[part][name], str), f"{name} of {part}")


_COLOR = re.compile("#[0-9a-f]{6}")


def _require(is_fine: bool, what: str) -> None:
    if not is_fine:
        raise ValueError(f"{what} makes no sense")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_finite(values: object) -> bool:
    """Tell whether plain values hold no number that JSON does not know."""
    try:
        json.dumps(values, allow_nan=False)
    except ValueError:
        return False
    return True


def _is_list(value: object, *types: type) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(x, types) for x in value)
