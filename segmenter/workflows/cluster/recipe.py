"""The recipe for clustering a table: every option that affects the clusters, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import CovarianceType, FitConfig, Init, Method

SemiSupervised: TypeAlias = Literal["learned-start", "clamped"]

SEMI_SUPERVISED: tuple[SemiSupervised, ...] = get_args(SemiSupervised)
MAX_AUTO_CLUSTERS = 10
MAX_CLUSTERS = 1000
"""There is a limit because every cluster adds a column to the table."""


@dataclass(frozen=True)
class TableRecipe:
    """All options that affect the clusters: the same tables and the same recipe give the same clusters.

    Attributes
    ----------
    n_clusters : int from 1 to 1,000, or None
        K. None = the number of classes or, without labels, the number from 1 to 10 that BIC chooses.
    columns : tuple of str, or None
        The columns to cluster by; None = all columns with a name.
    method, covariance_type, init, restarts, tolerance, max_iterations, seed
        See `segmenter.mixture.config.FitConfig`.
    semi_supervised : {"learned-start", "clamped"}
        How labeled rows are used, see `segmenter.mixture.semi_supervised`.
    labeled_weight : float, positive
        Weight of each labeled row, in unlabeled rows (clamped only).
    label_column : str or None
        The column of labels in the labeled table; None = the only column that the table to cluster lacks.
    """

    n_clusters: int | None = None
    columns: tuple[str, ...] | None = None
    method: Method = FitConfig.method
    covariance_type: CovarianceType = FitConfig.covariance_type
    init: Init = FitConfig.init
    restarts: int = FitConfig.restarts
    tolerance: float = FitConfig.tolerance
    max_iterations: int = FitConfig.max_iterations
    seed: int = FitConfig.seed
    semi_supervised: SemiSupervised = "learned-start"
    labeled_weight: float = 1.0
    label_column: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first option outside its range."""
        self.fit_config(1)
        if self.n_clusters is not None and not 1 <= self.n_clusters <= MAX_CLUSTERS:
            raise InvalidArgumentError("n_clusters", f"is {self.n_clusters}; give 1 to {MAX_CLUSTERS}")
        if self.semi_supervised not in SEMI_SUPERVISED:
            choices = ", ".join(SEMI_SUPERVISED)
            raise InvalidArgumentError("semi_supervised", f"is {self.semi_supervised!r}; give one of {choices}")
        if not 0 < self.labeled_weight < math.inf:
            raise InvalidArgumentError("labeled_weight", f"is {self.labeled_weight}; give a positive number")

    def fit_config(self, n_clusters: int) -> FitConfig:
        """Return the options for fitting a mixture of ``n_clusters`` components."""
        return FitConfig(
            n_components=n_clusters,
            method=self.method,
            covariance_type=self.covariance_type,
            init=self.init,
            restarts=self.restarts,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
            seed=self.seed,
        )
