"""Numbers and names in words, as messages print them."""

from __future__ import annotations

from collections.abc import Sequence

from segmenter.segmentation.shares import format_percentages

MAX_SHARES = 6
"""Shares that fit on the line of a photo; for more segments only the largest and the smallest are printed."""

MAX_LISTED = 5
"""Numbers or names that a note lists before it says how many more there are."""


def format_count(n: int, noun: str) -> str:
    """Return a number with its noun, as in "1 photo" or "1,200 photos"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def format_shares(shares: Sequence[float], noun: str) -> str:
    """Return the number of segments and their sizes, as in "2 segments (67, 33 %)".

    Parameters
    ----------
    shares : sequence of float, from 0 to 1
    noun : str
        What to call a segment.
    """
    if len(shares) == 1:
        return f"1 {noun}"
    percentages = format_percentages(shares)
    if len(shares) > MAX_SHARES:
        largest, smallest = (percentages[shares.index(share)] for share in (max(shares), min(shares)))
        percentages = [f"{largest} to {smallest}"]
    return f"{len(shares)} {noun}s ({', '.join(percentages)} %)"


def format_list(items: Sequence[object]) -> str:
    """Return the first few items, and how many more there are."""
    listed = ", ".join(str(item) for item in items[:MAX_LISTED])
    n_more = len(items) - MAX_LISTED
    return f"{listed} and {n_more} more" if n_more > 0 else listed
