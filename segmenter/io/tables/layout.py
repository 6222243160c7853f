"""Tables as text: the delimiter, the header and the records, as they were written and as the csv module reads them."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
"""What a table in UTF-16 begins with."""

CHUNK_LINES: Final = 16_384
HEAD_LINES: Final = 100
"""Lines that the delimiter is told from."""


@dataclass(frozen=True)
class Layout:
    """How a table is written."""

    path: Path
    delimiter: str
    columns: tuple[str, ...]  # names of all columns; "" where there is none
    line_end: str
    content: bytes | None = field(default=None, repr=False)  # of a stream, which `path` only names; None = a file

    @property
    def name(self) -> str:
        """The path as the user gave it."""
        return str(self.path)

    def column_index(self, column: str) -> int:
        """Return the index of a column, from 0; raise MissingColumnError where there is none of that name."""
        if not column or column not in self.columns:
            raise MissingColumnError(self.name, column, tuple(name for name in self.columns if name))
        return self.columns.index(column)


@dataclass(frozen=True)
class Chunk:
    """Some records below the header; blank lines are left out."""

    texts: list[str]  # as they were written, with their line ends
    ends: list[int]  # the line that each ends in, from 1
    fields: list[list[str]] | None  # None where no record holds a quote

    def rows(self, delimiter: str) -> list[list[str]]:
        """Return the fields of each record."""
        return self.fields or [text.rstrip("\r\n").split(delimiter) for text in self.texts]


# ---- the layout ----------------------------------------------------------------------------------------------------


def read_layout(path: Path, content: bytes | None = None) -> Layout:
    """Read the header of a table, and tell its delimiter.

    It is the one of ``,`` ``;`` and tab under which the most of the first hundred records have as many fields as the
    first one; of equals, that which gives more fields.

    Parameters
    ----------
    path : Path
    content : bytes, optional
        What to read instead of the file, for a table from a stream.

    Raises
    ------
    ReadError
        There is no such file, or it is no table: not UTF-8, no header, or two columns of one name.
    """
    name = str(path)
    with open_text(path, content) as file:
        head = list(islice(file, HEAD_LINES))
    if not head:
        raise EmptyFileError(name)
    rows, delimiter = max(((head_rows(head, delimiter), delimiter) for delimiter in DELIMITERS), key=fitness)
    columns = tuple(field.strip() for field in rows[0]) if rows else ()
    if not any(columns):
        raise NotATableError(name, "has no header; name the columns in the first line")
    if all(is_number(column) for column in columns):
        raise NotATableError(name, "begins with a line of numbers; name the columns in a line above it")
    for column in columns:
        if column and columns.count(column) > 1:
            raise DuplicateColumnError(name, column)
    end = re.search(r"\r?\n|\r", head[0])
    return Layout(path, delimiter, columns, end[0] if end else "\n", content)


def head_rows(head: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the first records under a delimiter, up to where it makes no sense."""
    rows = []
    with_errors = csv.reader(head, delimiter=delimiter)
    try:
        for row in with_errors:
            if row:
                rows.append(row)  # noqa: PERF401  # those before an error count
    except csv.Error:
        pass
    return rows


def fitness(candidate: tuple[list[list[str]], str]) -> tuple[bool, float, int]:
    """Return how well a delimiter fits: the more, the better."""
    n_fields = [len(row) for row in candidate[0]] or [0]
    return n_fields[0] > 1, n_fields.count(n_fields[0]) / len(n_fields), n_fields[0]


def read_table_stream(stream: BinaryIO, name: str) -> bytes:
    """Return the content of a table from a stream; raise ReadError where it is no text, at once, or has no end."""

    def check_head(head: bytes) -> None:
        if b"\0" in head and not head.startswith(UTF_16):
            raise NotATableError(name, "is no text in UTF-8; give a table as CSV in UTF-8")

    return read_stream(stream, name, check_head).read()


# ---- records -------------------------------------------------------------------------------------------------------


@contextmanager
def open_text(path: Path, content: bytes | None = None) -> Iterator[TextIO]:
    """Open a table as text; the file stands after a byte order mark, if there is one.

    Raises
    ------
    ReadError
        There is no such file, or what is read from it is not UTF-8.
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
        raise NotATableError(str(path), "is no text in UTF-8; save it as CSV in UTF-8") from error
    except OSError as error:
        raise UnreadableFileError(str(path), error.strerror or type(error).__name__) from error


def records(lines: Iterator[str], layout: Layout, n_before: int) -> Iterator[tuple[str, int, list[str]]]:
    """Yield each record as it was written, the line it ends in, and its fields; no line beyond it is taken yet.

    Parameters
    ----------
    lines : iterator of str
    layout : Layout
    n_before : int
        Lines of the file before these.
    """
    taken: list[str] = []

    def take() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(take(), delimiter=layout.delimiter, strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            line = n_before + reader.line_num
            raise NotATableError(
                layout.name, f"the quotes of line {line} do not pair ({error}); write a quote in quotes twice"
            ) from error
        if fields is None:
            return
        text = "".join(taken)
        taken.clear()
        if fields:
            yield text, n_before + reader.line_num, fields


def chunks(file: TextIO, layout: Layout) -> Iterator[Chunk]:
    """Yield the header of an open table as a chunk, then the records below it, some thousand at a time.

    Raises
    ------
    RaggedRowError
        A record has more or fewer fields than the header.
    NotATableError
        Quotes do not pair.
    """
    text, n_lines, header = next(records(file, layout, 0))
    yield Chunk([text], [n_lines], [header])
    while lines := list(islice(file, CHUNK_LINES)):
        if '"' in "".join(lines):
            texts, ends, fields = [], [], []
            for text, end, row in records(chain(lines, file), layout, n_lines):
                texts.append(text)
                ends.append(end)
                fields.append(row)
                if end - n_lines >= len(lines):
                    break
            n_fields = [len(row) for row in fields]
            chunk = Chunk(texts, ends, fields)
            n_lines = max(n_lines + len(lines), ends[-1] if ends else 0)
        else:
            chunk = Chunk(
                [line for line in lines if line.strip("\r\n")],
                [n_lines + i for i, line in enumerate(lines, start=1) if line.strip("\r\n")],
                None,
            )
            n_fields = [text.count(layout.delimiter) + 1 for text in chunk.texts]
            n_lines += len(lines)
        for end, n in zip(chunk.ends, n_fields, strict=True):
            if n != len(layout.columns):
                raise RaggedRowError(layout.name, end, n, len(layout.columns))
        if chunk.texts:
            yield chunk


# ---- fields --------------------------------------------------------------------------------------------------------


def number(field: str) -> float:
    """Return the number of a field, NaN where it is missing; raise ValueError where it is neither."""
    text = field.strip()
    if text in MISSING:
        return math.nan
    if "_" in text:  # which Python allows between digits
        raise ValueError(text)
    return float(text)


def is_number(field: str) -> bool:
    """Return whether a field is a finite number."""
    try:
        return math.isfinite(number(field))
    except ValueError:
        return False
