"""The base class of all errors, and one-line descriptions of any error."""

from __future__ import annotations

from typing import ClassVar, dataclass_transform


def printable(text: str) -> str:
    """Return text with "?" for every unprintable character: line breaks, control characters, undecodable bytes."""
    return "".join(character if character.isprintable() else "?" for character in text)


@dataclass_transform(eq_default=False)
class SegmenterError(Exception):
    """Base class of all errors that a user can cause and fix.

    Subclasses declare fields as dataclasses do, but defining one takes a tenth of the time. This matters because every
    command defines them all.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        new = (
            name
            for name, kind in cls.__annotations__.items()
            if not kind.startswith("ClassVar") and name not in cls.fields
        )
        cls.fields = (*cls.fields, *new)

    def __init__(self, *values: object, **named: object) -> None:
        given = dict(zip(self.fields, values, strict=False)) | named
        is_valid = len(values) <= len(self.fields) and not set(self.fields[: len(values)]) & named.keys()
        if (
            not is_valid
            or given.keys() - set(self.fields)
            or any(not hasattr(type(self), n) for n in self.fields if n not in given)
        ):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.fields) or 'nothing'}")
        super().__init__(*values)
        for name, value in given.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[type[SegmenterError], tuple[object, ...]]:
        """Pickle by field, because Exception keeps only positional arguments."""
        return type(self), tuple(getattr(self, name) for name in self.fields)


class SegmenterWarning(UserWarning):
    """The result is not quite what was asked for."""


class InvalidArgumentError(SegmenterError, ValueError):
    """An argument has a value outside its legal range."""

    argument: str
    problem: str

    def __str__(self) -> str:
        return f"{self.argument} {self.problem}"


def describe_problem(
    error: Exception, source: object = "", memory_advice: str = "scale it down or free some memory"
) -> str:
    """Return one line that says what failed and what to do; `source` names the input, "" = unknown."""
    problem = f"internal error ({type(error).__name__}: {error}); please report it"
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        problem = f"does not fit into memory; {memory_advice}"
    elif isinstance(error, SegmenterError):
        return str(error)
    return f"{source}: {problem}" if str(source) else problem
