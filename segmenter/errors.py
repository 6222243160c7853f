"""Everything that a user can cause: one tree of exceptions, each with its data and a remedy.

Every class is a dataclass and survives pickling; its text is one line: what happened, to what, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar


def printable(text: str) -> str:
    """Return the text without line breaks, control characters and bytes of a file name that are no text."""
    return "".join(character if character.isprintable() else "?" for character in text)


@dataclass(eq=False)
class SegmenterError(Exception):
    """Base of all errors that a user can cause and mend."""

    def __reduce__(self) -> tuple[type[SegmenterError], tuple[object, ...]]:
        """Pickle by the fields: the arguments that Exception keeps lack those given by keyword."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))


@dataclass(eq=False)
class InvalidArgumentError(SegmenterError, ValueError):
    """An argument has a value outside its legal range."""

    argument: str
    problem: str

    def __str__(self) -> str:
        return f"{self.argument} {self.problem}"


# ---- reading -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ReadError(SegmenterError):
    """A file cannot be used as input; ``name`` is its path as the user gave it."""

    name: str
    problem: ClassVar[str] = "cannot be read"

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


@dataclass(eq=False)
class MissingFileError(ReadError):
    """There is no such file."""

    problem = "no such file; check the spelling of the path"


@dataclass(eq=False)
class NotAFileError(ReadError):
    """The path is a folder, a pipe, a device or a socket."""

    kind: str

    def __str__(self) -> str:
        return f"{self.name}: is a {self.kind}, not a file; give the path of a photo"


@dataclass(eq=False)
class UnreadableFileError(ReadError):
    """The operating system refuses the file; ``reason`` is its own word."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: cannot be opened ({self.reason}); check its permissions"


@dataclass(eq=False)
class ChangedFileError(ReadError):
    """Somebody wrote to the file while it was read."""

    problem = "changed while it was read; segment it once it is whole"


@dataclass(eq=False)
class EmptyFileError(ReadError):
    """The file holds no bytes."""

    problem = "is empty (0 bytes); copy or download it again"


@dataclass(eq=False)
class StreamTooLongError(ReadError):
    """A stream did not end; a file would not have to fit into memory."""

    max_bytes: int

    def __str__(self) -> str:
        most = f"{self.max_bytes / 2**20:,.0f} MiB"
        return f"{self.name}: has not ended after {most}; save it as a file, which may be longer, and give its path"


@dataclass(eq=False)
class NotAPhotoError(ReadError):
    """The content is of no format that is read."""

    formats: str

    def __str__(self) -> str:
        return f"{self.name}: is not a picture of a known format; formats read: {self.formats}"


@dataclass(eq=False)
class DamagedPhotoError(ReadError):
    """The header is that of a picture, but the content cannot be decoded."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is damaged or cut off ({self.reason}); get a whole copy of it"


@dataclass(eq=False)
class UnsupportedPhotoError(ReadError):
    """The file is whole, but of a kind that cannot be segmented; ``reason`` names it and the remedy."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(eq=False)
class TooManyPixelsError(ReadError):
    """The header announces more pixels than the limit allows."""

    width: int
    height: int
    max_pixels: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.width}×{self.height} pixels are more than the limit of {self.max_pixels:,}; "
            f"raise it with --max-pixels {self.width * self.height}"
        )


@dataclass(eq=False)
class NoPixelsError(ReadError):
    """No pixel takes part, for instance because all are transparent."""

    problem = "every pixel is fully transparent; nothing is left to segment"


@dataclass(eq=False)
class NotFiniteError(ReadError):
    """Some values are NaN or infinite."""

    n_values: int

    def __str__(self) -> str:
        return f"{self.name}: holds {self.n_values:,} values that are NaN or infinite; replace or mask them first"


# ---- reading tables ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class NotATableError(ReadError):
    """The file is no table that can be clustered; ``reason`` says why, and what to do."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(eq=False)
class RaggedRowError(ReadError):
    """A row has more or fewer fields than the header."""

    line: int
    n_fields: int
    n_columns: int

    def __str__(self) -> str:
        return (
            f"{self.name}: line {self.line} has {self.n_fields} fields, the header has {self.n_columns}; "
            f"correct the line, or put fields that hold the delimiter in double quotes"
        )


@dataclass(eq=False)
class DuplicateColumnError(ReadError):
    """Two columns have the same name."""

    column: str

    def __str__(self) -> str:
        return f"{self.name}: has more than one column {self.column!r}; give each column a name of its own"


@dataclass(eq=False)
class MissingColumnError(ReadError):
    """A column that was asked for, or that is needed, is not there."""

    column: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: has no column {self.column!r}; its columns are {', '.join(map(repr, self.columns))}"


@dataclass(eq=False)
class TextColumnError(ReadError):
    """Columns hold text; ``value`` in ``line`` is the first of the first one."""

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
        return f"{where}; leave out what is no number: --columns {','.join(self.numeric)}"


@dataclass(eq=False)
class NotANumberError(ReadError):
    """One field of a numeric column is no number."""

    column: str
    line: int
    value: str
    reason: str = "is not a number"

    def __str__(self) -> str:
        return (
            f"{self.name}: line {self.line}, column {self.column!r}: {self.value!r} {self.reason}; "
            f"correct it, or leave it empty where the value is missing"
        )


# ---- fitting -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class FitError(SegmenterError):
    """A mixture cannot be fitted to these samples."""


@dataclass(eq=False)
class TooFewColorsError(FitError):
    """More segments were asked for than the photo has distinct colors."""

    name: str
    n_colors: int
    n_segments: int

    def __str__(self) -> str:
        colors = "1 distinct color" if self.n_colors == 1 else f"{self.n_colors} distinct colors"
        return f"{self.name}: has {colors}, fewer than the {self.n_segments} segments asked for; try -k {self.n_colors}"


@dataclass(eq=False)
class TooFewRowsError(FitError):
    """More clusters were asked for than the table has distinct rows."""

    name: str
    n_rows: int
    n_clusters: int

    def __str__(self) -> str:
        rows = "1 distinct row" if self.n_rows == 1 else f"{self.n_rows} distinct rows"
        return f"{self.name}: has {rows}, fewer than the {self.n_clusters} clusters asked for; try -k {self.n_rows}"


@dataclass(eq=False)
class NotFittedError(FitError):
    """The trace of a fit is asked for where a saved model was applied."""

    def __str__(self) -> str:
        return "no mixture was fitted here: a saved model was applied, so that there is no trace"


# ---- saved models --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ModelError(ReadError):
    """A file cannot be used as a model, or a model not on a photo."""


@dataclass(eq=False)
class NotAModelError(ModelError):
    """The file is whole, but no model of ours; ``reason`` says what it is."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; give a NAME.model.json, as 'segmenter segment --save-model' writes it"


@dataclass(eq=False)
class DamagedModelError(ModelError):
    """The file begins like a model, but its content is not legal; ``reason`` says where."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is a damaged model ({self.reason}); save it again with 'segmenter segment --save-model'"


@dataclass(eq=False)
class ModelVersionError(ModelError):
    """The model has a version of the format that is not read; ``version`` as it stands in the file."""

    version: str
    readable: int

    def __str__(self) -> str:
        return (
            f"{self.name}: is a model of version {self.version}, and version {self.readable} is read; "
            f"save it again with this segmenter, or update segmenter"
        )


@dataclass(eq=False)
class GrayModelError(ModelError):
    """A model of gray alone meets a photo with colors; ``name`` is the photo."""

    model: str

    def __str__(self) -> str:
        return (
            f"{self.name}: has colors, but {self.model} was fitted to grays and knows nothing of them; "
            f"turn the photo gray, or fit a model to a photo with colors"
        )


# ---- working in processes ------------------------------------------------------------------------------------------


@dataclass(eq=False)
class WorkerStartError(SegmenterError):
    """A worker process died before it took a job."""

    reason: str

    def __str__(self) -> str:
        return f"a worker process could not start ({self.reason}); lower --jobs or raise --max-memory"


# ---- writing -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class WriteError(SegmenterError):
    """An output cannot be written; ``path`` is where it should have gone."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: cannot be written ({self.reason}); choose another place with -o"


@dataclass(eq=False)
class OutputExistsError(WriteError):
    """An output is there already and may not be replaced."""

    reason: str = "it exists"
    n_more: int = 0  # other outputs that are there, too
    remedy: str = "--overwrite to replace it"

    def __str__(self) -> str:
        others = f" (and {self.n_more} more)" if self.n_more else ""
        return f"{self.path}: exists already{others}; use {self.remedy} or -o to write elsewhere"


@dataclass(eq=False)
class OutputCollisionError(WriteError):
    """Two inputs would write the same output, or an output would replace an input; ``reason`` holds the remedy."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def problem_of(error: Exception, source: object = "", memory_advice: str = "scale it down or free some memory") -> str:
    """Return why something failed, and what to do; `source` is what was worked on, "" = unknown."""
    problem = f"internal error ({type(error).__name__}: {error}); please report it"
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        problem = f"does not fit into memory; {memory_advice}"
    elif isinstance(error, SegmenterError):
        return str(error)
    return f"{source}: {problem}" if str(source) else problem
