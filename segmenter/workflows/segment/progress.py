"""How far the work on one picture or table is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of the work on one picture or table."""

    def start_stage(self, stage: str, n_steps: int | None) -> None:
        """Note that a stage of so many steps begins; None = of an unknown number of iterations, or of none."""

    def finish_step(self) -> None:
        """Note that a step of the stage is done."""


class NullProgress:
    """A progress that shows nothing."""

    def start_stage(self, stage: str, n_steps: int | None) -> None:
        """Do nothing."""

    def finish_step(self) -> None:
        """Do nothing."""
