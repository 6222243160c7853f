"""Mixtures that cannot be fitted."""

from __future__ import annotations

from segmenter.errors.base import SegmenterError


class FitError(SegmenterError):
    """A mixture cannot be fitted to these samples."""


class TooFewColorsError(FitError):
    """More segments were asked for than the photo has distinct colors."""

    name: str
    n_colors: int
    n_segments: int

    def __str__(self) -> str:
        colors = "1 distinct color" if self.n_colors == 1 else f"{self.n_colors} distinct colors"
        return f"{self.name}: has {colors}, fewer than the {self.n_segments} segments asked for; try -k {self.n_colors}"


class TooFewRowsError(FitError):
    """More clusters were asked for than the table has distinct rows."""

    name: str
    n_rows: int
    n_clusters: int

    def __str__(self) -> str:
        rows = "1 distinct row" if self.n_rows == 1 else f"{self.n_rows} distinct rows"
        return f"{self.name}: has {rows}, fewer than the {self.n_clusters} clusters asked for; try -k {self.n_rows}"


class NotFittedError(FitError):
    """The trace of a fit is asked for where a saved model was applied."""

    def __str__(self) -> str:
        return "no mixture was fitted here: a saved model was applied, so that there is no trace"
