"""The root of all errors, and the one line that is told of any."""

from __future__ import annotations

from dataclasses import dataclass, fields


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


def problem_of(error: Exception, source: object = "", memory_advice: str = "scale it down or free some memory") -> str:
    """Return why something failed, and what to do; `source` is what was worked on, "" = unknown."""
    problem = f"internal error ({type(error).__name__}: {error}); please report it"
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        problem = f"does not fit into memory; {memory_advice}"
    elif isinstance(error, SegmenterError):
        return str(error)
    return f"{source}: {problem}" if str(source) else problem
