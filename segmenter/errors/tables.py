"""Errors of tables that cannot be clustered."""

from __future__ import annotations

from collections.abc import Sequence

from segmenter.errors.files import ReadError


class NotATableError(ReadError):
    """The file is not a table that can be clustered; ``reason`` says why, and what to do."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class RaggedRowError(ReadError):
    """A row has more or fewer fields than the header."""

    line: int
    n_fields: int
    n_columns: int

    def __str__(self) -> str:
        fields = "1 field" if self.n_fields == 1 else f"{self.n_fields} fields"
        return (
            f"{self.name}: line {self.line} has {fields}, the header has {self.n_columns}; "
            f"correct the line, or put double quotes around fields that contain the delimiter"
        )


class DuplicateColumnError(ReadError):
    """Two columns have the same name."""

    column: str

    def __str__(self) -> str:
        return f"{self.name}: has more than one column {self.column!r}; give each column its own name"


class MissingColumnError(ReadError):
    """A requested or required column is missing."""

    column: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: has no column {self.column!r}; its columns are {', '.join(map(repr, self.columns))}"


class TextColumnError(ReadError):
    """Columns hold text; ``value`` is the first text in the first of these columns, and ``line`` is where it is."""

    columns: tuple[str, ...]
    line: int
    value: str
    numeric: tuple[str, ...]

    def __str__(self) -> str:
        names = " and ".join(map(repr, self.columns))
        verb = "column {} holds" if len(self.columns) == 1 else "columns {} hold"
        where = f"{self.name}: {verb.format(names)} text ({self.value!r} in line {self.line})"
        if not self.numeric:
            return f"{where}, and no column holds numbers; give a table with at least one numeric column"
        return f"{where}; use only numeric columns: {format_columns_option(self.numeric)}"


class NotANumberError(ReadError):
    """A field of a numeric column is not a number."""

    column: str
    line: int
    value: str
    reason: str = "is not a number"

    def __str__(self) -> str:
        return (
            f"{self.name}: line {self.line}, column {self.column!r}: {self.value!r} {self.reason}; "
            f"correct it, or leave it empty where the value is missing"
        )


def format_columns_option(names: Sequence[str]) -> str:
    """Return the option that chooses columns, as a shell takes it: names are joined as the fields of a CSV line."""
    import csv
    import io
    import shlex

    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return f"--columns {shlex.quote(line.getvalue())}"
