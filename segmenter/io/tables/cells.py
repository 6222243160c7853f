"""Write tables of results as CSV that spreadsheet programs open without running anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from segmenter.io.tables.layout import is_number
from segmenter.io.tables.table import quote_fields

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheet programs take text that begins with one of these for a formula."""


def encode_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return rows of cells as CSV in UTF-8, with text that looks like a formula neutralized by `neutralize_formula`."""
    texts = [[_to_text(cell) for cell in row] for row in rows]
    return "".join(",".join(row) + "\n" for row in quote_fields(texts, ",")).encode()


def _to_text(cell: Any) -> str:
    """Return a cell as text: None is empty, and text is neutralized."""
    if isinstance(cell, str):
        return neutralize_formula(cell)
    return "" if cell is None else str(cell)


def neutralize_formula(text: str) -> str:
    """Return text with an apostrophe before it if a spreadsheet program would run it; numbers are unchanged.

    A file named ``=cmd()|x.png`` would otherwise become code in whoever opens the table. Source: OWASP, CSV Injection.
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not is_number(text) else text
