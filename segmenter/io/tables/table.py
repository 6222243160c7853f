"""Tables as numbers, and back with columns added.

NumPy parses the numbers, some thousand lines at a time: a million rows of five columns in a second, against four by the
csv module and ``float``. Only lines with quotes go through the csv module, and only missing values are looked at one by
one. What a person wrote is never touched, only lengthened.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NoReturn

import numpy as np

from segmenter.arrays import Floats
from segmenter.errors import DuplicateColumnError, NotANumberError, NotATableError, TextColumnError
from segmenter.io.files.local import open_regular
from segmenter.io.tables.layout import MISSING, Chunk, Layout, chunks, is_number, number, open_text

LARGEST: Final = 1e100
"""Larger numbers are refused: their squares, summed, would overflow."""

LEAST_SPREAD: Final = 1e-100
"""Columns that spread over less, but over something, are refused: their squares would be nothing."""

MAX_SHOWN: Final = 40
"""Characters of a field that an error shows."""


@dataclass(frozen=True, eq=False)
class Table:
    """The numbers of a table."""

    layout: Layout
    columns: tuple[str, ...]  # (D,), names of those that were read
    values: Floats  # (N, D); NaN = missing
    digest: str  # SHA-256 of the file


# ---- reading -------------------------------------------------------------------------------------------------------


def read_table(layout: Layout, columns: Sequence[str] | None = None, *, exclude: Collection[str] = ()) -> Table:
    """Read the numbers of a table.

    Parameters
    ----------
    layout : Layout
    columns : sequence of str, optional
        What to read, in this order; None = every column that has a name, but for those in `exclude`.
    exclude : collection of str
        Columns that are left out where all are read.

    Returns
    -------
    Table
        An empty field, NA and nan are NaN.

    Raises
    ------
    MissingColumnError, TextColumnError, NotANumberError, RaggedRowError, NotATableError
        Each tells where, and what to do.
    """
    if columns is None:
        columns = [name for name in layout.columns if name and name not in exclude]
    for column in columns:
        if list(columns).count(column) > 1:
            raise DuplicateColumnError("--columns", column)
    places = [layout.column_index(column) for column in columns]
    parts: list[Floats] = []
    with open_text(layout.path, layout.content) as file:
        for chunk in islice(chunks(file, layout), 1, None):
            values = numbers(chunk, layout, places)
            if values is None or (np.abs(values) > LARGEST).any():  # NaN is not
                refuse(chunk, layout, places, is_first=not parts)
            parts.append(values)
    if not parts:
        raise NotATableError(layout.name, "has a header, but no rows; nothing is there to cluster")
    table = np.concatenate(parts)
    del parts
    empty = np.asarray(np.isnan(table).all(axis=0))
    if empty.any():
        first = columns[int(empty.argmax())]
        full = ",".join(column for column, is_empty in zip(columns, empty, strict=True) if not is_empty)
        advice = f"leave it out: --columns {full}" if full else "give a table with at least one numeric column"
        raise NotATableError(layout.name, f"column {first!r} holds no value; {advice}")
    return Table(layout, tuple(columns), table, compute_digest(layout))


def check_variances(table: Table) -> None:
    """Raise NotATableError where the numbers of a column differ by so little that their squares would be nothing."""
    for column, values in zip(table.columns, table.values.T, strict=True):
        spread = float(np.nanmax(values) - np.nanmin(values))
        if 0 < spread < LEAST_SPREAD:
            problem = f"column {column!r} spreads over no more than {spread:.0e}; multiply it by a power of ten"
            raise NotATableError(table.layout.name, problem)


def compute_digest(layout: Layout) -> str:
    """Return the SHA-256 of a table, hexadecimal."""
    if layout.content is not None:
        return hashlib.sha256(layout.content).hexdigest()
    with open_regular(layout.path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # its protocol is narrower


def numbers(chunk: Chunk, layout: Layout, places: Sequence[int]) -> Floats | None:
    """Return some columns of a chunk, (n, D), or None where a field is no number."""
    if chunk.fields is None:
        d = layout.delimiter
        for prepare in (list[str], lambda texts: with_nan("".join(texts), d).splitlines()):
            try:
                values = np.loadtxt(prepare(chunk.texts), delimiter=d, usecols=places, comments=None, ndmin=2)
            except ValueError:
                continue
            if len(values) == len(chunk.texts):
                return values
    rows = chunk.rows(layout.delimiter)
    try:
        return np.array([[number(row[place]) for place in places] for row in rows], dtype=np.float64)
    except ValueError:
        return None


def is_wrong(field: str) -> bool:
    """Return whether a field is neither a number that can be squared nor missing."""
    return field.strip() not in MISSING and (not is_number(field) or abs(number(field)) > LARGEST)


def refuse(chunk: Chunk, layout: Layout, places: Sequence[int], *, is_first: bool) -> NoReturn:
    """Raise the error that tells what is wrong with the fields of a chunk.

    In the first chunk, a column of which half of the fields or more are no numbers counts as text.
    """
    rows = chunk.rows(layout.delimiter)
    wrong = {place: [i for i, row in enumerate(rows) if is_wrong(row[place])] for place in places}
    if is_first:
        others = [place for place, name in enumerate(layout.columns) if name and place not in wrong]
        text_columns = [place for place in places if is_text(rows, place)]
        numeric = [place for place in places if place not in text_columns]
        numeric = numeric or [place for place in others if not is_text(rows, place)]
        if text_columns:
            first = text_columns[0]
            raise TextColumnError(
                layout.name,
                tuple(layout.columns[place] for place in text_columns),
                chunk.ends[wrong[first][0]],
                shown(rows[wrong[first][0]][first]),
                tuple(layout.columns[place] for place in numeric),
            )
    row, place = min((found[0], place) for place, found in wrong.items() if found)
    field = rows[row][place]
    reason = "is not a number"
    if near_number(field) == "decimal comma":
        reason = "has a decimal comma; write a decimal point"
    elif near_number(field) == "infinite":
        reason = "is infinite"
    elif near_number(field) == "too large":
        reason = f"is beyond ±{LARGEST:.0e}; divide the column by a power of ten"
    raise NotANumberError(layout.name, layout.columns[place], chunk.ends[row], shown(field), reason)


def is_text(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Return whether half of the fields of a column or more, but for those missing, are no numbers."""
    n_wrong = sum(is_wrong(row[place]) and not near_number(row[place]) for row in rows)
    n_numbers = sum(is_number(row[place]) for row in rows)
    return n_wrong > 0 and n_wrong >= n_numbers


def with_nan(text: str, delimiter: str) -> str:
    """Return lines without quotes with nan in each field that is empty or NA."""
    for start in (delimiter, "^"):  # a pattern that begins with a letter is found twice as fast as one of both
        pattern = rf"{start} *(?:NA|NAN)? *(?={delimiter}|\r?$)"
        text = re.sub(pattern, f"{start.strip('^')}nan", text, flags=re.MULTILINE)
    return text


def near_number(field: str) -> str:
    """Return what keeps a field from being a number that serves, or "" where it is text."""
    if "," in field and is_number(field.replace(",", ".")):
        return "decimal comma"
    if field.strip().lower().lstrip("+-") in ("inf", "infinity"):
        return "infinite"
    try:
        return "too large" if abs(number(field)) > LARGEST else ""
    except ValueError:
        return ""


def shown(field: str) -> str:
    """Return a field as an error shows it."""
    return field if len(field) <= MAX_SHOWN else field[:MAX_SHOWN] + "…"


def read_text_column(layout: Layout, column: str) -> tuple[list[str], list[int]]:
    """Return the fields of a column, without blanks around them, and the line of each."""
    place = layout.column_index(column)
    texts: list[str] = []
    ends: list[int] = []
    with open_text(layout.path, layout.content) as file:
        for chunk in islice(chunks(file, layout), 1, None):
            texts += [row[place].strip() for row in chunk.rows(layout.delimiter)]
            ends += chunk.ends
    return texts, ends


# ---- writing -------------------------------------------------------------------------------------------------------


def append_columns(
    layout: Layout, columns: Sequence[str], n_rows: int, cells: Callable[[slice], Sequence[Sequence[str]]]
) -> bytes:
    """Return the table with columns added at its right end; everything else is as it was written, to the byte.

    Parameters
    ----------
    layout : Layout
    columns : sequence of str
        Names of the new columns.
    n_rows : int
        N, as it was read.
    cells : callable
        Given a slice of the rows, returns the new fields of each.

    Raises
    ------
    NotATableError
        The file has changed since it was read.
    """
    parts = []
    n_done = -1  # the header comes first
    with open_text(layout.path, layout.content) as file:
        bom = b"\xef\xbb\xbf" if file.buffer.tell() == 3 else b""
        for chunk in chunks(file, layout):
            added: Sequence[Sequence[str]] = (
                [columns] if n_done < 0 else cells(slice(n_done, n_done + len(chunk.texts)))
            )
            n_done = 0 if n_done < 0 else n_done + len(chunk.texts)
            if len(added) != len(chunk.texts):
                break
            bare = [text.rstrip("\r\n") for text in chunk.texts]
            line_ends = [text[len(start) :] or layout.line_end for text, start in zip(chunk.texts, bare, strict=True)]
            middles = [layout.delimiter.join(["", *fields]) for fields in quoted(added, layout.delimiter)]
            pieces = (piece for row in zip(bare, middles, line_ends, strict=True) for piece in row)
            parts.append("".join(pieces).encode())
    if n_done != n_rows:
        raise NotATableError(layout.name, "has changed while it was read; run the command again")
    return bom + b"".join(parts)


def quoted(rows: Sequence[Sequence[str]], delimiter: str) -> Sequence[Sequence[str]]:
    """Return fields as they are written: in quotes where they hold a quote, a delimiter or a line end."""
    special = re.compile(f'[{delimiter}"\r\n]')
    if not any(special.search(field) for row in rows for field in row):
        return rows
    return [['"' + field.replace('"', '""') + '"' if special.search(field) else field for field in row] for row in rows]
