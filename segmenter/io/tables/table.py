"""Read tables as numbers, and write them back with columns appended.

NumPy parses the numbers, several thousand lines at a time: a million rows of five columns take one second, compared to
four with the csv module and ``float``. The csv module parses only lines with quotes, and only chunks with unusual
fields are examined field by field. When columns are appended, the rest of the table is preserved byte for byte.
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
from segmenter.errors.tables import format_columns_option
from segmenter.io.files.local import open_regular
from segmenter.io.tables.layout import (
    MISSING,
    Chunk,
    Layout,
    find_duplicate,
    is_number,
    open_text,
    parse_number,
    read_chunks,
)

MAX_MAGNITUDE: Final = 1e100
"""Larger numbers are rejected: the sum of their squares could overflow."""

MIN_RANGE: Final = 1e-100
"""Columns with a smaller range, unless 0, are rejected: their squared deviations would underflow."""

MAX_SHOWN_CHARACTERS: Final = 40
"""Maximum number of characters of a field shown in an error message."""


@dataclass(frozen=True, eq=False)
class Table:
    """The numbers of a table."""

    layout: Layout
    columns: tuple[str, ...]  # names of the D columns that were read
    values: Floats  # (N, D); NaN = missing
    digest: str  # SHA-256 of the file


# ---- reading -------------------------------------------------------------------------------------------------------


def read_table(layout: Layout, columns: Sequence[str] | None = None, *, exclude: Collection[str] = ()) -> Table:
    """Read the numbers of a table.

    Parameters
    ----------
    layout : Layout
    columns : sequence of str, optional
        Names of the columns to read, in this order; None = all named columns except `exclude`.
    exclude : collection of str
        Columns to leave out if ``columns`` is None.

    Returns
    -------
    Table
        Missing values (empty fields, NA and nan) are NaN.

    Raises
    ------
    MissingColumnError, TextColumnError, NotANumberError, RaggedRowError, NotATableError
        The message says where the problem is, and what to do about it.
    """
    if columns is None:
        columns = [name for name in layout.columns if name and name not in exclude]
    if duplicate := find_duplicate(columns):
        raise DuplicateColumnError("--columns", duplicate)
    indices = [layout.column_index(column) for column in columns]
    parts: list[Floats] = []
    with open_text(layout.path, layout.content) as file:
        for chunk in islice(read_chunks(file, layout), 1, None):
            values = parse_columns(chunk, layout, indices)
            if values is None or (np.abs(values) > MAX_MAGNITUDE).any():  # False for NaN
                raise_invalid_field(chunk, layout, indices, is_first=not parts)
            parts.append(values)
    if not parts:
        raise NotATableError(layout.name, "has a header, but no rows; there is nothing to cluster")
    table = np.concatenate(parts)
    del parts
    _check_no_empty_column(table, columns, layout)
    return Table(layout, tuple(columns), table, compute_digest(layout))


def _check_no_empty_column(values: Floats, columns: Sequence[str], layout: Layout) -> None:
    """Raise NotATableError if all values (N, D) of a column are missing."""
    is_empty = np.asarray(np.isnan(values).all(axis=0))
    if is_empty.any():
        first = columns[int(is_empty.argmax())]
        others = [column for column, empty in zip(columns, is_empty, strict=True) if not empty]
        advice = "give a table with at least one numeric column"
        if others:
            advice = f"leave it out: {format_columns_option(others)}"
        raise NotATableError(layout.name, f"column {first!r} holds no value; {advice}")


def check_variances(table: Table) -> None:
    """Raise NotATableError if the values of a column are so close together that their variance would underflow."""
    for column, values in zip(table.columns, table.values.T, strict=True):
        value_range = float(np.nanmax(values) - np.nanmin(values))
        if 0 < value_range < MIN_RANGE:
            problem = f"column {column!r} has a range of only {value_range:.0e}; multiply it by a power of ten"
            raise NotATableError(table.layout.name, problem)


def compute_digest(layout: Layout) -> str:
    """Return the SHA-256 of a table, in hexadecimal."""
    if layout.content is not None:
        return hashlib.sha256(layout.content).hexdigest()
    with open_regular(layout.path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # the protocol in typeshed is narrower


def parse_columns(chunk: Chunk, layout: Layout, indices: Sequence[int]) -> Floats | None:
    """Return some columns of a chunk as numbers, (n, D), or None if a field is not a number."""
    if chunk.fields is None:
        d = layout.delimiter
        for prepare in (list[str], lambda texts: fill_missing("".join(texts), d).splitlines()):
            try:
                values = np.loadtxt(prepare(chunk.texts), delimiter=d, usecols=indices, comments=None, ndmin=2)
            except ValueError:
                continue
            if len(values) == len(chunk.texts):
                return values
    rows = chunk.split_fields(layout.delimiter)
    try:
        return np.array([[parse_number(row[index]) for index in indices] for row in rows], dtype=np.float64)
    except ValueError:
        return None


def is_invalid(field: str) -> bool:
    """Return whether a field is neither a missing value nor a number within ±`MAX_MAGNITUDE`."""
    return field.strip() not in MISSING and (not is_number(field) or abs(parse_number(field)) > MAX_MAGNITUDE)


def raise_invalid_field(chunk: Chunk, layout: Layout, indices: Sequence[int], *, is_first: bool) -> NoReturn:
    """Raise an error that describes the first invalid field in some columns of a chunk.

    In the first chunk, a column counts as text if at least half of its fields are not numbers.
    """
    rows = chunk.split_fields(layout.delimiter)
    invalid_rows = {index: [i for i, row in enumerate(rows) if is_invalid(row[index])] for index in indices}
    if is_first:
        text_columns = [index for index in indices if is_text_column(rows, index)]
        if text_columns:
            numeric = [index for index in indices if index not in text_columns]
            if not numeric:
                others = [index for index, name in enumerate(layout.columns) if name and index not in indices]
                numeric = [index for index in others if not is_text_column(rows, index)]
            first_row = invalid_rows[text_columns[0]][0]
            raise TextColumnError(
                layout.name,
                tuple(layout.columns[index] for index in text_columns),
                chunk.line_numbers[first_row],
                abbreviate(rows[first_row][text_columns[0]]),
                tuple(layout.columns[index] for index in numeric),
            )
    row, index = min((found[0], index) for index, found in invalid_rows.items() if found)
    field = rows[row][index]
    reason = {
        "decimal comma": "has a decimal comma; write a decimal point",
        "infinite": "is infinite",
        "too large": f"is beyond ±{MAX_MAGNITUDE:.0e}; divide the column by a power of ten",
    }.get(classify_invalid(field), "is not a number")
    raise NotANumberError(layout.name, layout.columns[index], chunk.line_numbers[row], abbreviate(field), reason)


def is_text_column(rows: Sequence[Sequence[str]], index: int) -> bool:
    """Return whether at least half of the fields of a column are text; missing values do not count."""
    n_texts = sum(is_invalid(row[index]) and not classify_invalid(row[index]) for row in rows)
    n_numbers = sum(is_number(row[index]) for row in rows)
    return n_texts > 0 and n_texts >= n_numbers


def fill_missing(text: str, delimiter: str) -> str:
    """Replace each empty or NA field by nan in lines without quotes."""
    for start in (delimiter, "^"):  # two patterns are twice as fast as one with two alternatives
        pattern = rf"{start} *(?:NA|NAN)? *(?={delimiter}|\r?$)"
        text = re.sub(pattern, f"{start.strip('^')}nan", text, flags=re.MULTILINE)
    return text


def classify_invalid(field: str) -> str:
    """Return why a number-like field is invalid, or "" if it is text."""
    if "," in field and is_number(field.replace(",", ".")):
        return "decimal comma"
    if field.strip().lower().lstrip("+-") in ("inf", "infinity"):
        return "infinite"
    try:
        return "too large" if abs(parse_number(field)) > MAX_MAGNITUDE else ""
    except ValueError:
        return ""


def abbreviate(field: str) -> str:
    """Return a field for use in an error message, shortened if it is long."""
    return field if len(field) <= MAX_SHOWN_CHARACTERS else field[:MAX_SHOWN_CHARACTERS] + "…"


def read_text_column(layout: Layout, column: str) -> tuple[list[str], list[int]]:
    """Return the fields of a column, stripped of surrounding blanks, and their line numbers."""
    index = layout.column_index(column)
    texts: list[str] = []
    line_numbers: list[int] = []
    with open_text(layout.path, layout.content) as file:
        for chunk in islice(read_chunks(file, layout), 1, None):
            texts += [row[index].strip() for row in chunk.split_fields(layout.delimiter)]
            line_numbers += chunk.line_numbers
    return texts, line_numbers


# ---- writing -------------------------------------------------------------------------------------------------------


def append_columns(
    layout: Layout, columns: Sequence[str], n_rows: int, cells: Callable[[slice], Sequence[Sequence[str]]]
) -> bytes:
    """Return a table with columns appended on the right; everything else is preserved byte for byte.

    Parameters
    ----------
    layout : Layout
    columns : sequence of str
        Names of the new columns.
    n_rows : int
        Number of rows when the table was read.
    cells : callable
        Given a slice of rows, returns the new fields of each row.

    Raises
    ------
    NotATableError
        The file has changed since it was read.
    """
    parts = []
    n_done = -1  # rows done so far; -1 = the header is not done yet
    with open_text(layout.path, layout.content) as file:
        bom = b"\xef\xbb\xbf" if file.buffer.tell() == 3 else b""
        for chunk in read_chunks(file, layout):
            added: Sequence[Sequence[str]] = (
                [columns] if n_done < 0 else cells(slice(n_done, n_done + len(chunk.texts)))
            )
            n_done = 0 if n_done < 0 else n_done + len(chunk.texts)
            if len(added) != len(chunk.texts):
                break
            kept = [text.rstrip("\r\n") for text in chunk.texts]
            line_ends = [text[len(start) :] or layout.line_end for text, start in zip(chunk.texts, kept, strict=True)]
            appended = [layout.delimiter.join(["", *fields]) for fields in quote_fields(added, layout.delimiter)]
            pieces = (piece for row in zip(kept, appended, line_ends, strict=True) for piece in row)
            parts.append("".join(pieces).encode())
    if n_done != n_rows:
        raise NotATableError(layout.name, "has changed while it was read; run the command again")
    return bom + b"".join(parts)


def quote_fields(rows: Sequence[Sequence[str]], delimiter: str) -> Sequence[Sequence[str]]:
    """Quote the fields that contain a quote, a delimiter or a line end."""
    special = re.compile(f'[{delimiter}"\r\n]')
    if not any(special.search(field) for row in rows for field in row):
        return rows
    return [['"' + field.replace('"', '""') + '"' if special.search(field) else field for field in row] for row in rows]
