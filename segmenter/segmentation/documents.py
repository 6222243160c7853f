"""JSON documents: frozen dataclasses to JSON and back, with types checked on the way in.

Every JSON file of the program (records, summaries, models, shared fits) is a dataclass written by `encode_document` and
read by `convert_document`. Checking is done by msgspec, which is imported for reading only: writing must not slow the
start of a command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from segmenter.errors import ReadError
from segmenter.io.files.local import read_first_bytes

MAX_BYTES = 64_000_000
"""Larger files are not read as JSON: a record of 65,535 segments has a third of this."""

T = TypeVar("T")


OMIT_NONE = {"is_omitted_if_none": True}
"""Metadata of a field whose key is left out of the JSON where the field is None."""


# ---- writing -------------------------------------------------------------------------------------------------------


def to_plain(value: Any) -> Any:
    """Return a dataclass, and what it holds, as dicts and lists in the order of the fields."""
    if is_dataclass(value) and not isinstance(value, type):
        values = ((name, getattr(value, name), is_omitted) for name, is_omitted in _keys(type(value)))
        return {name: to_plain(part) for name, part, is_omitted in values if not (part is None and is_omitted)}
    if isinstance(value, Mapping):
        return {key: to_plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(part) for part in value]
    return value


@cache
def _keys(kind: Any) -> tuple[tuple[str, bool], ...]:
    """Return the names of the fields of a dataclass, and whether each is left out where it is None."""
    return tuple((each.name, each.metadata == OMIT_NONE) for each in fields(kind))


def encode_json(plain: object, *, ensure_ascii: bool = False, allow_nan: bool = True) -> bytes:
    """Return plain values as the content of a JSON file."""
    text = json.dumps(plain, indent=1, ensure_ascii=ensure_ascii, allow_nan=allow_nan)
    return f"{text}\n".encode()


def to_tuples(values: Any) -> Any:
    """Return nested lists, as `numpy.ndarray.tolist` gives them, as nested tuples."""
    return tuple(map(to_tuples, values)) if isinstance(values, list) else values


# ---- reading -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class DocumentError(Exception):
    """A document is not as its type says; the caller turns this into an error that knows the file.

    Attributes
    ----------
    problem : str
        The part and what is wrong with it, in one line: ``segments[0].share: expected `float`, got `str```.
    """

    problem: str

    def __str__(self) -> str:
        return self.problem


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, parsed by `parse_object`; None where there is no such file or no object."""
    try:
        return parse_object(read_first_bytes(path, MAX_BYTES))
    except ReadError:
        return None


def parse_object(text: str | bytes) -> dict[str, Any] | None:
    """Return the JSON object in a text; None where there is none that could be written again.

    NaN, infinity, integers of more than 128 bits and texts that are not valid Unicode are refused: no file of this
    program holds them, and calculations and outputs would fail on them later.
    """
    try:
        plain = json.loads(text, parse_int=_parse_int)
        json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _parse_int(digits: str) -> int:
    """Return an integer; raise ValueError if it has more digits than any of 128 bits."""
    if len(digits) > len(str(-(2**128))):
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def convert_document(plain: object, kind: type[T], *, allow_unknown: bool = True) -> T:
    """Return plain values as a dataclass; lists become tuples, whole numbers floats where these are asked for.

    Parameters
    ----------
    plain : object
        What `json.loads` returned.
    kind : type
        A dataclass.
    allow_unknown : bool
        Ignore keys that the dataclass does not have, as those of later versions.

    Raises
    ------
    DocumentError
        A key is missing or unknown, or a value has another type.
    """
    import msgspec  # late: 15 ms that writing need not pay

    try:
        value = msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`").lstrip(".")
        what = what[0].lower() + what[1:]
        raise DocumentError(f"{path}: {what}" if path else what) from error
    if not allow_unknown and (unknown := _find_unknown_key(plain, value)):
        raise DocumentError(f"unknown key {unknown}")
    return value


def _find_unknown_key(plain: Any, value: Any) -> str:
    """Return the first key of an object that its dataclass does not have, as JSON; "" = there is none."""
    if is_dataclass(value) and not isinstance(value, type):
        known = {name for name, _ in _keys(type(value))}
        for key, part in plain.items():
            unknown = _find_unknown_key(part, getattr(value, key)) if key in known else shorten(json.dumps(key), 40)
            if unknown:
                return unknown
    if isinstance(value, tuple):
        return next(filter(None, map(_find_unknown_key, plain, value)), "")
    return ""


def shorten(text: str, n_characters: int) -> str:
    """Return a text, cut to a length that fits a message."""
    return text if len(text) <= n_characters else f"{text[:n_characters]}…"
