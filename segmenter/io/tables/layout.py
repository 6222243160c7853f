"""Read tables as text: the delimiter, the header, and the records, both verbatim and split into fields."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from segmenter.errors import (
    DuplicateColumnError,
    EmptyFileError,
    MissingColumnError,
    NotAFileError,
    NotATableError,
    RaggedRowError,
    UnreadableFileError,
)
from segmenter.io.files.local import open_regular, read_stream

DELIMITERS: Final = ",;\t"
MISSING: Final = frozenset({"", "NA", "nan", "NaN", "NAN"})
"""Fields that count as missing values."""

UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16."""

CHUNK_LINES: Final = 16_384
"""Number of lines that are processed at a time."""

HEAD_LINES: Final = 100
"""Number of lines from which the delimiter is detected."""


@dataclass(frozen=True)
class Layout:
    """The layout of a table: its delimiter, columns and line ends."""

    path: Path
    delimiter: str
    columns: tuple[str, ...]  # names of all columns; "" = a column without a name
    line_end: str
    content: bytes | None = field(
        default=None, repr=False
    )  # of a stream, for which `path` is only a name; None = a file

    @property
    def name(self) -> str:
        """The path as the user gave it."""
        return str(self.path)

    def column_index(self, column: str) -> int:
        """Return the index of a column, from 0; raise MissingColumnError if no column has this name."""
        if column not in self._indices:
            raise MissingColumnError(self.name, column, tuple(self._indices))
        return self._indices[column]

    @cached_property
    def _indices(self) -> dict[str, int]:
        """The index of each column that has a name."""
        return {name: index for index, name in enumerate(self.columns) if name}


@dataclass(frozen=True)
class Chunk:
    """Some consecutive records of a table, without blank lines."""

    texts: list[str]  # each record verbatim, with its line end
    line_numbers: list[int]  # of the last line of each record, from 1
    fields: list[list[str]] | None  # of each record; None = no quotes, so `texts` can be split

    def split_fields(self, delimiter: str) -> list[list[str]]:
        """Return the fields of each record."""
        return self.fields or [text.rstrip("\r\n").split(delimiter) for text in self.texts]


# ---- the layout ----------------------------------------------------------------------------------------------------


def read_layout(path: Path, content: bytes | None = None) -> Layout:
    """Read the header of a table, and detect its delimiter.

    The delimiter is one of ``,`` ``;`` and tab: the one with which the largest share of the first hundred records have
    as many fields as the header; in a tie, the one that gives more fields.

    Parameters
    ----------
    path : Path
    content : bytes, optional
        The table, if it was read from a stream; ``path`` is then only its name.

    Raises
    ------
    ReadError
        The file is missing, or is not a table: it is not UTF-8, has no header, or has two columns with the same name.
    """
    name = str(path)
    with open_text(path, content) as file:
        head = list(islice(file, HEAD_LINES))
    if not head:
        raise EmptyFileError(name)
    rows, delimiter = max(((_split_head(head, delimiter), delimiter) for delimiter in DELIMITERS), key=_score_delimiter)
    columns = tuple(field.strip() for field in rows[0]) if rows else ()
    if not any(columns):
        raise NotATableError(name, "has no header; name the columns in the first line")
    if all(is_number(column) for column in columns):
        raise NotATableError(name, "begins with a line of numbers; name the columns in a line above it")
    if duplicate := find_duplicate(column for column in columns if column):
        raise DuplicateColumnError(name, duplicate)
    end = re.search(r"\r?\n|\r", head[0])
    return Layout(path, delimiter, columns, end[0] if end else "\n", content)


def find_duplicate(names: Iterable[str]) -> str | None:
    """Return the first name that occurs again; None if all names differ."""
    counts = Counter(names)
    return next((name for name, n in counts.items() if n > 1), None)


def _split_head(head: Sequence[str], delimiter: str) -> list[list[str]]:
    """Split the first records by a delimiter, up to the first invalid record."""
    rows = []
    try:
        for row in csv.reader(head, delimiter=delimiter):
            if row:
                rows.append(row)  # noqa: PERF401  # keeps the rows before an error
    except csv.Error:
        pass
    return rows


def _score_delimiter(candidate: tuple[list[list[str]], str]) -> tuple[bool, float, int]:
    """Return how well a delimiter fits, given the records split by it; greater is better."""
    n_fields = [len(row) for row in candidate[0]] or [0]
    return n_fields[0] > 1, n_fields.count(n_fields[0]) / len(n_fields), n_fields[0]


def read_table_stream(stream: BinaryIO, name: str) -> bytes:
    """Read a table from a stream; raise ReadError if it is too long, or as soon as it turns out not to be text."""

    def check_signature(signature: bytes) -> None:
        if b"\0" in signature and not signature.startswith(UTF_16):
            raise NotATableError(name, "is not text in UTF-8; give a table as CSV in UTF-8")

    return read_stream(stream, name, check_signature).read()


# ---- records -------------------------------------------------------------------------------------------------------


@contextmanager
def open_text(path: Path, content: bytes | None = None) -> Iterator[TextIO]:
    """Open a table as text, positioned after its byte order mark, if it has one.

    Raises
    ------
    ReadError
        The file is missing, or not UTF-8.
    """
    try:
        with open_regular(path) if content is None else io.BytesIO(content) as binary:
            start = binary.read(3)
            if start.startswith(UTF_16):
                raise NotATableError(str(path), "is UTF-16; save it as CSV in UTF-8")
            binary.seek(3 if start == b"\xef\xbb\xbf" else 0)
            with io.TextIOWrapper(binary, encoding="utf-8", newline="") as file:
                yield file
    except NotAFileError as error:
        raise NotATableError(str(path), f"is a {error.kind}, not a file; give the path of a table") from error
    except UnicodeDecodeError as error:
        raise NotATableError(str(path), "is not text in UTF-8; save it as CSV in UTF-8") from error
    except OSError as error:
        raise UnreadableFileError(str(path), error.strerror or type(error).__name__) from error


def read_records(lines: Iterator[str], layout: Layout, n_before: int) -> Iterator[tuple[str, int, list[str]]]:
    """Yield the verbatim text of each record, the number of its last line, and its fields.

    Lines after a record are only consumed when the next record is requested.

    Parameters
    ----------
    lines : iterator of str
    layout : Layout
    n_before : int
        Number of lines in the file before ``lines``.
    """
    consumed: list[str] = []

    def consume() -> Iterator[str]:
        for line in lines:
            consumed.append(line)
            yield line

    reader = csv.reader(consume(), delimiter=layout.delimiter, strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            line = n_before + reader.line_num
            raise NotATableError(
                layout.name, f"the quotes in line {line} do not match ({error}); double a quote inside of quotes"
            ) from error
        if fields is None:
            return
        text = "".join(consumed)
        consumed.clear()
        if fields:
            yield text, n_before + reader.line_num, fields


def read_chunks(file: TextIO, layout: Layout) -> Iterator[Chunk]:
    """Yield the header of an open table as a chunk, then chunks of several thousand records.

    Lines without quotes are not parsed, but their fields are counted.

    Raises
    ------
    RaggedRowError
        A record has more or fewer fields than the header.
    NotATableError
        Quotes are unbalanced.
    """
    text, n_lines, header = next(read_records(file, layout, 0))
    yield Chunk([text], [n_lines], [header])
    while lines := list(islice(file, CHUNK_LINES)):
        if '"' in "".join(lines):
            chunk, n_fields, n_lines = _parse_quoted(lines, file, layout, n_lines)
        else:
            filled = [(line, n) for n, line in enumerate(lines, start=n_lines + 1) if line.strip("\r\n")]
            chunk = Chunk([line for line, _ in filled], [n for _, n in filled], None)
            n_fields = [text.count(layout.delimiter) + 1 for text in chunk.texts]
            n_lines += len(lines)
        for line_number, n in zip(chunk.line_numbers, n_fields, strict=True):
            if n != len(layout.columns):
                raise RaggedRowError(layout.name, line_number, n, len(layout.columns))
        if chunk.texts:
            yield chunk


def _parse_quoted(lines: list[str], file: TextIO, layout: Layout, n_before: int) -> tuple[Chunk, list[int], int]:
    """Parse lines with quotes; if the last record continues after them, read the rest of it from the file.

    Returns
    -------
    chunk : Chunk
    n_fields : list of int
        Of each record.
    n_lines : int
        Number of lines of the table up to the end of the chunk.
    """
    texts, line_numbers, fields = [], [], []
    for text, line_number, row in read_records(chain(lines, file), layout, n_before):
        texts.append(text)
        line_numbers.append(line_number)
        fields.append(row)
        if line_number - n_before >= len(lines):
            break
    n_lines = max([n_before + len(lines), *line_numbers[-1:]])
    return Chunk(texts, line_numbers, fields), [len(row) for row in fields], n_lines


# ---- fields --------------------------------------------------------------------------------------------------------


def parse_number(field: str) -> float:
    """Return the number in a field, or NaN for a missing value; raise ValueError if it is neither."""
    text = field.strip()
    if text in MISSING:
        return math.nan
    if "_" in text:  # Python allows underscores between digits
        raise ValueError(text)
    return float(text)


def is_number(field: str) -> bool:
    """Return whether a field is a finite number."""
    try:
        return math.isfinite(parse_number(field))
    except ValueError:
        return False
