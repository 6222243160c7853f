"""Tables of results: text that a spreadsheet program would run is neutralized, everything else is unchanged."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.io.tables.cells import FORMULA_STARTS, encode_csv, neutralize_formula


@pytest.mark.parametrize("text", ["=cmd()|x.png", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=", "-x.png"])
def test_formulas_are_neutralized(text: str) -> None:
    assert neutralize_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1.5", "+2e3", "", "a=b.png", "'=1", "cat.png", "-"[:0]])
def test_numbers_and_other_texts_are_unchanged(text: str) -> None:
    assert neutralize_formula(text) == text


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=2), min_size=1))
def test_no_cell_of_text_starts_like_a_formula(rows: list[list[str]]) -> None:
    table = io.StringIO(encode_csv(rows).decode(), newline="")
    read = list(csv.reader(table))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    for row in read:
        for cell in row:
            assert not cell.startswith(FORMULA_STARTS) or float(cell) == float(cell)
