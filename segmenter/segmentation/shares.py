"""Shares in words: the one place that turns a share into a percentage, for terminals, figures and notes.

Two outputs round in another way, for a reason: legends of figures (`segmenter.render.legend.round_percentages`) make
the parts sum to 100, and the script of the report shows small shares with one more digit than large ones.
"""

from __future__ import annotations


def format_percentage(share: float, n_decimals: int = 0) -> str:
    """Return a share from 0 to 1 in percent, without the sign."""
    return f"{100 * share:.{n_decimals}f}"


def format_share(share: float, n_decimals: int = 0) -> str:
    """Return a share from 0 to 1 as a percentage, as in "67 %"."""
    return f"{format_percentage(share, n_decimals)} %"
