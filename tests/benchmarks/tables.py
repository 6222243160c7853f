"""Which criterion finds the number of clusters of a table: on synthetic tables, a third of them with heavy tails."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats, Samples
from segmenter.mixture.config import FitConfig
from segmenter.mixture.selection import RULES, choose, selection_table
from segmenter.workflows.select import TABLE_FOLDS, keep_sound

from .report import verdict
from .selection import N_PROCESSES, shares

N_TABLES = 72
MAX_CLUSTERS = 10
LEAST_WITHIN_ONE = 0.9
"""Of BIC, which ``-k auto`` goes by; the project's own aim."""


@dataclass(frozen=True, eq=False)
class SyntheticTable:
    """Rows and their truth."""

    values: Floats  # (N, D)
    n_clusters: int
    is_heavy: bool  # tails of Student's t with 6 degrees of freedom instead of Gaussian ones


def synthetic_table(seed: int) -> SyntheticTable:
    """Return 300, 1,000 or 3,000 rows of 1 to 5 columns, of 1 + seed mod 8 clusters that overlap a little at most."""
    generator = np.random.default_rng([5, seed])
    k, d, n = 1 + seed % 8, int(generator.integers(1, 6)), int(generator.choice([300, 1000, 3000]))
    while True:
        means = generator.normal(size=(k, d)) * generator.uniform(3, 6)
        spreads = generator.uniform(0.6, 1.4, k)
        distances = np.linalg.norm(means[:, None] - means, axis=2)
        if (distances + 99 * np.eye(k) > 2.8 * np.maximum(spreads[:, None], spreads)).all():
            break
    cluster = generator.choice(k, n, p=generator.dirichlet(np.full(k, 5.0)))
    shapes = np.eye(d) + 0.4 * generator.normal(size=(k, d, d)) / np.sqrt(d)
    noise = generator.normal(size=(n, d))
    if is_heavy := seed % 3 == 2:
        noise /= np.sqrt(generator.chisquare(6, n) / 6)[:, None]
    noise = np.einsum("nij,nj->ni", shapes[cluster], noise) * spreads[cluster, None]
    return SyntheticTable(means[cluster] + noise, k, is_heavy)


def count_errors(seed: int) -> tuple[bool, list[int]]:
    """Return whether a table has heavy tails, and the K that each rule finds less the true one."""
    table = synthetic_table(seed)
    samples = Samples(table.values, np.ones(len(table.values)))
    with threadpool_limits(1):
        criteria = keep_sound(selection_table(samples, FitConfig(), MAX_CLUSTERS, n_folds=TABLE_FOLDS))
    return table.is_heavy, [choose(criteria, rule) - table.n_clusters for rule in RULES]


def main() -> bool:
    """Measure, print, and return whether the requirement is met."""
    with get_context("spawn").Pool(N_PROCESSES) as pool:
        found = pool.map(count_errors, range(N_TABLES), chunksize=1)
    print(f"{N_TABLES} synthetic tables of 1 to 8 clusters; K up to {MAX_CLUSTERS}; exact / within one")
    for what, kinds in (("Gaussian", (False,)), ("heavy-tailed", (True,)), ("all", (False, True))):
        errors = np.array([row for is_heavy, row in found if is_heavy in kinds])
        measured = (f"{rule} %.2f / %.2f" % shares(column) for rule, column in zip(RULES, errors.T, strict=True))
        print(f"  {what}: {', '.join(measured)}")
    _, within_one = shares(errors[:, RULES.index("bic")])
    return verdict("K of BIC within one", f"{within_one:.3f}", f"≥ {LEAST_WITHIN_ONE}", within_one >= LEAST_WITHIN_ONE)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
