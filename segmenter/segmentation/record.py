"""The record of a run: what NAME.json says of a photo, its segments and how they were found.

`RunRecord` is the whole file. Its fields are the keys, in their order; `encode_record` writes it, `decode_record` reads
and checks it. What is recorded of a run is decided in `segmenter.workflows.segment.record`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from segmenter._version import __version__
from segmenter.errors import DamagedRecordError
from segmenter.io.images.config import ValueRange
from segmenter.segmentation.documents import (
    OMIT_NONE,
    DocumentError,
    convert_document,
    encode_json,
    read_object,
    shorten,
    to_plain,
)
from segmenter.segmentation.recipe import update_options

SCHEMA = 3
"""Version of the record; raised when the meaning of a field changes."""

SOFTWARE = f"segmenter {__version__}"

Vector: TypeAlias = tuple[float, ...]
Matrix: TypeAlias = tuple[Vector, ...]


@dataclass(frozen=True, kw_only=True)
class PhotoRecord:
    """Which photo was segmented."""

    name: str  # of the file, without its folder
    sha256: str | None  # of the file; None where there is no file, as of an array
    width: int  # pixels
    height: int
    channels: int
    dtype: str
    value_range: ValueRange | None = field(default=None, metadata=OMIT_NONE)  # None = 8-bit values, taken as they are
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SegmentRecord:
    """One segment."""

    label: int  # 1…K
    name: str | None = field(default=None, metadata=OMIT_NONE)  # what people call it, where a model was applied
    pixels: int
    share: float  # of the pixels that take part, 0 to 1
    color: str  # the mean color, #rrggbb
    mean_rgb: Vector  # mean sRGB color, 0 to 255; stored values are low + mean_rgb / 255 · (high − low) of value_range


@dataclass(frozen=True, kw_only=True)
class HierarchyRecord:
    """Where a hierarchy of regions was cut."""

    n_superpixels: int
    height: float | None  # of the cut; None where the number of regions was given
    last_merge: float | None  # height of the last merge made; None where there is none
    next_merge: float | None  # height of the first merge not made; None where there is none


@dataclass(frozen=True, kw_only=True)
class SelectionRecord:
    """How the number of segments was chosen."""

    rule: str
    n_segments: int  # K
    log_likelihoods: Vector  # nats per pixel, of 1, 2, … segments
    criterion: Vector  # nats per pixel; K has the largest


@dataclass(frozen=True, kw_only=True)
class SegmentCountRecord:
    """Why there are fewer segments than were asked for: the picture has no more colors or superpixels."""

    asked: int
    found: int


@dataclass(frozen=True, kw_only=True)
class FitRecord:
    """How the fit of a mixture went, see `segmenter.mixture.em.FitTrace`."""

    n_iterations: int
    stop: str  # why it ended
    verdict: str
    log_likelihoods: Vector  # nats per pixel, of each iteration
    objectives: Vector
    restarts: Vector  # nats per pixel, of each start
    restarts_on_cells: bool  # whether the starts were compared on a histogram
    n_died: int  # components that were removed
    collapsed: tuple[int, ...]  # labels of components without a spread of their own


@dataclass(frozen=True, kw_only=True)
class ModelReference:
    """The model file that was applied."""

    name: str  # of the file, without its folder
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class MixtureRecord:
    """The mixture of the segments."""

    covariance_type: str
    features: tuple[str, ...]  # names of the D features
    weights: Vector  # K
    means: Matrix  # (K, D)
    covariances: tuple[Matrix, ...]  # (K, D, D)


@dataclass(frozen=True, kw_only=True)
class WindowsRecord:
    """How a picture was read by windows."""

    bands: tuple[int, ...] | None  # from 1; None = all
    fitted_pixels: int | None  # pixels that the mixture was fitted to; None where nothing was fitted


@dataclass(frozen=True, kw_only=True)
class FigureRecord:
    """What was drawn."""

    figure_format: str
    dpi: int
    side_by_side: bool = True
    plots: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of NAME.json: enough to repeat the run, and all that was found.

    It holds no time and no folder, so that the same photo and recipe give the same bytes anywhere. Fields with a
    default may be missing from records of earlier versions. Some keys are written only where they apply: `hierarchy`
    of regions; `mixture` and `selection` of sets of colors, with `fit` or, where a model was applied, `model`;
    `windows` of a picture that was read by windows; `scales` where the regions of all scales were saved; `n_segments`
    where fewer were found than asked for.
    """

    schema: int
    software: str
    input: PhotoRecord
    recipe: Mapping[str, Any]  # all options by name, as plain values
    n_segments: SegmentCountRecord | None = field(default=None, metadata=OMIT_NONE)
    hierarchy: HierarchyRecord | None = field(default=None, metadata=OMIT_NONE)
    selection: SelectionRecord | None = None  # None where the number of segments was given
    fit: FitRecord | None = field(default=None, metadata=OMIT_NONE)
    model: ModelReference | None = field(default=None, metadata=OMIT_NONE)
    mixture: MixtureRecord | None = field(default=None, metadata=OMIT_NONE)
    unlabeled_pixels: int
    segments: tuple[SegmentRecord, ...]  # K, in the order of their labels
    windows: WindowsRecord | None = field(default=None, metadata=OMIT_NONE)
    figure: FigureRecord | None = None  # None where nothing was drawn
    saved: tuple[str, ...] = ()  # what else was written on request
    files: tuple[str, ...] = ()  # names of all files of the run, this one last; all are in one folder
    scales: Mapping[str, tuple[SegmentRecord, ...]] | None = field(default=None, metadata=OMIT_NONE)


# ---- writing -------------------------------------------------------------------------------------------------------


def describe_record(record: RunRecord) -> dict[str, Any]:
    """Return a record as plain values."""
    plain: dict[str, Any] = to_plain(record)
    if record.hierarchy is not None:
        del plain["selection"]
    return plain


def encode_record(record: RunRecord) -> bytes:
    """Return a record as the content of NAME.json."""
    return encode_json(describe_record(record))


# ---- reading -------------------------------------------------------------------------------------------------------


def decode_record(plain: Mapping[str, Any] | None, name: str) -> RunRecord:
    """Return the record that a JSON object holds.

    Parameters
    ----------
    plain : mapping or None
        None where there is no such file, or no object in it.
    name : str
        What errors call the file.

    Raises
    ------
    DamagedRecordError
        The record is missing, or a part of it is missing, of another type or outside its range.
    """
    if plain is None:
        raise DamagedRecordError(name, "it is missing or no JSON object")
    try:
        record = convert_document(plain, RunRecord)
    except DocumentError as error:
        raise DamagedRecordError(name, shorten(error.problem, 200)) from error
    record = replace(record, recipe=update_options(record.recipe))
    problem = next(_find_problems(record), "")
    if problem:
        raise DamagedRecordError(name, problem)
    return record


def read_record(path: Path) -> RunRecord | None:
    """Return the record in a file; None where there is none, or it is damaged."""
    try:
        return decode_record(read_object(path), str(path))
    except DamagedRecordError:
        return None


def is_record(plain: Mapping[str, Any] | None) -> bool:
    """Return whether a JSON object is a record, be it a damaged one, and not the file of another program."""
    return plain is not None and {"schema", "input", "segments"} <= plain.keys()


_COLOR = re.compile("#[0-9a-f]{6}")


def _find_problems(record: RunRecord) -> Iterator[str]:
    """Yield the parts of a record that have the right type, but a value that cannot be."""
    yield from _find_problems_of_photo(record.input)
    if not _is_finite(record.recipe):
        yield "recipe holds a number that is not finite"
    if not record.segments:
        yield "segments is empty"
    for label, segment in enumerate(record.segments, start=1):
        yield from _find_problems_of_segment(segment, label)
    if record.fit is not None:
        yield from _find_problems_of_fit(record.fit)


def _find_problems_of_photo(photo: PhotoRecord) -> Iterator[str]:
    for name, value in (("width", photo.width), ("height", photo.height), ("channels", photo.channels)):
        if value < 1:
            yield f"input.{name} is {value}, not positive"


def _find_problems_of_segment(segment: SegmentRecord, label: int) -> Iterator[str]:
    part = f"segments[{label - 1}]"
    if segment.label != label:
        yield f"{part}.label is {segment.label}, not {label}"
    if segment.pixels < 0:
        yield f"{part}.pixels is {segment.pixels}, less than 0"
    if not 0 <= segment.share <= 1:
        yield f"{part}.share is {segment.share}, not from 0 to 1"
    if not _COLOR.fullmatch(segment.color):
        yield f"{part}.color is no color like #0a64ff"


def _find_problems_of_fit(fit: FitRecord) -> Iterator[str]:
    if not fit.log_likelihoods:
        yield "fit.log_likelihoods is empty"
    for name, values in (("log_likelihoods", fit.log_likelihoods), ("restarts", fit.restarts)):
        if not _are_finite(values):
            yield f"fit.{name} holds a number that is not finite"
    for name, count in (("n_iterations", fit.n_iterations), ("n_died", fit.n_died)):
        if count < 0:
            yield f"fit.{name} is {count}, less than 0"


def _are_finite(values: Iterable[float]) -> bool:
    return all(map(math.isfinite, values))


def _is_finite(plain: object) -> bool:
    """Return whether plain values hold no NaN and no infinity, which JSON does not know."""
    try:
        json.dumps(plain, allow_nan=False)
    except ValueError:
        return False
    return True
