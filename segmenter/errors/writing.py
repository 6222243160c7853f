"""Outputs that cannot be written, and processes that cannot work."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError


class WriteError(SegmenterError):
    """An output cannot be written; ``path`` is where it should have gone."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: cannot be written ({self.reason}); choose another place with -o"


class NoSpaceError(WriteError):
    """The disk is full, or a quota is used up: what is next will not fit either."""

    def __str__(self) -> str:
        return f"{self.path}: cannot be written ({self.reason}); make room there, or choose another place with -o"


class OutputExistsError(WriteError):
    """An output is there already and may not be replaced."""

    reason: str = "it exists"
    n_more: int = 0  # other outputs that are there, too
    remedy: str = "--overwrite to replace it"

    def __str__(self) -> str:
        others = f" (and {self.n_more} more)" if self.n_more else ""
        return f"{self.path}: exists already{others}; use {self.remedy} or -o to write elsewhere"


class OutputCollisionError(WriteError):
    """Two inputs would write the same output, or an output would replace an input; ``reason`` holds the remedy."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class WorkerStartError(SegmenterError):
    """A worker process died before it took a job."""

    reason: str

    def __str__(self) -> str:
        return f"a worker process could not start ({self.reason}); lower --jobs or raise --max-memory"


class LostWorkerError(SegmenterError):
    """A worker process died over a file; ``reason`` says of what."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"
