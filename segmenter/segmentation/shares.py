"""Shares in words: the one place that turns shares into percentages, for terminals, figures, palettes and reports.

A share is that of a segment in the pixels that have a label; pixels that take no part do not count. Percentages are
rounded together, so that they sum to 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor


def round_percentages(shares: Sequence[float], n_decimals: int = 0) -> list[float]:
    """Return shares in percent, rounded so that they still sum to 100 (largest remainders).

    Parameters
    ----------
    shares : sequence of K float, at least 0
        They sum to 1; if they are all 0, so are the percentages.
    n_decimals : int, at least 0

    Returns
    -------
    list of K float, percent
        Each differs from its share by less than a unit of the last decimal.
    """
    total, units = sum(shares), 10**n_decimals  # units per percent
    if total == 0:
        return [0.0] * len(shares)
    exact = [share / total * (100 * units) for share in shares]
    rounded = [floor(value + 1e-9) for value in exact]
    n_missing = max(0, 100 * units - sum(rounded))
    for k in sorted(range(len(exact)), key=lambda k: rounded[k] - exact[k])[:n_missing]:
        rounded[k] += 1
    return [value / units for value in rounded]


def format_percentages(shares: Sequence[float], n_decimals: int = 0) -> list[str]:
    """Return shares in percent, rounded together, without the sign; "<1" for what exists but rounds to 0."""
    least = f"<{10**-n_decimals:.{n_decimals}f}"
    return [
        least if share > 0 and percentage == 0 else f"{percentage:.{n_decimals}f}"
        for share, percentage in zip(shares, round_percentages(shares, n_decimals), strict=True)
    ]
