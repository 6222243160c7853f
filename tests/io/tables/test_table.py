"""Reading tables of all kinds as numbers, and appending columns."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segmenter.arrays import Floats
from segmenter.cli.options.common import parse_columns
from segmenter.errors import (
    DuplicateColumnError,
    EmptyFileError,
    MissingColumnError,
    MissingFileError,
    NotANumberError,
    NotATableError,
    RaggedRowError,
    ReadError,
    TextColumnError,
)
from segmenter.errors.tables import format_columns_option
from segmenter.io.tables.layout import CHUNK_LINES, read_layout
from segmenter.io.tables.table import Table, append_columns, read_table, read_text_column
from tests.support.command import run_text


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, *columns: str) -> Table:
    return read_table(read_layout(written(folder, content)), columns or None)


def values_of(folder: Path, content: str | bytes, *columns: str) -> list[list[float | None]]:
    rows = read(folder, content, *columns).values.tolist()
    return [[None if math.isnan(value) else value for value in row] for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_delimiters_line_ends_and_byte_order_marks(tmp_path: Path, delimiter: str, end: str, bom: bytes) -> None:
    content = bom + end.join([delimiter.join(row) for row in (["a", "b"], ["1", "2.5"], ["-3", "4e2"])]).encode()
    table = read(tmp_path, content)
    assert table.columns == ("a", "b")
    assert table.values.tolist() == [[1, 2.5], [-3, 400]]


@pytest.mark.parametrize("field", ["", "NA", "nan", "NaN", " ", " NA ", '""'])
def test_missing_values(tmp_path: Path, field: str) -> None:
    assert values_of(tmp_path, f"a,b,c\n{field},2,3\n1,{field},3\n1,2,{field}\n") == [
        [None, 2, 3],
        [1, None, 3],
        [1, 2, None],
    ]


def test_quoted_fields_may_contain_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    content = 'name,x,"the ""y"""\n"a, b",1,2\n"two\nlines","3",4\nplain,5,6\n'
    assert read_layout(written(tmp_path, content)).columns == ("name", "x", 'the "y"')
    assert values_of(tmp_path, content, "x", 'the "y"') == [[1, 2], [3, 4], [5, 6]]
    assert read_text_column(read_layout(tmp_path / "t.csv"), "name") == (["a, b", "two\nlines", "plain"], [2, 4, 5])


def test_columns_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    assert values_of(tmp_path, "a,b,c\n1,2,3\n", "c", "a") == [[3, 1]]


def test_blank_lines_and_columns_without_a_name_are_skipped(tmp_path: Path) -> None:
    table = read(tmp_path, "\n,a\n\n0,5\n1,6\n\n")
    assert (table.columns, table.values.tolist()) == (("a",), [[5], [6]])


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert values_of(tmp_path, "length\n1\n2\n") == [[1], [2]]


def test_names_and_texts_in_any_language(tmp_path: Path) -> None:
    table = read(tmp_path, "länge,高さ\n1,2\n")
    assert table.columns == ("länge", "高さ")


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-1e100, 1e100) | st.just(float("nan")), min_size=3, max_size=3), min_size=1, max_size=20
    ),
    st.sampled_from([",", ";", "\t"]),
    st.booleans(),
)
def test_every_number_is_read_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]], delimiter: str, in_quotes: bool
) -> None:
    form = '"{!r}"' if in_quotes else "{!r}"
    lines = [delimiter.join("abc"), *(delimiter.join(form.format(value) for value in row) for row in rows)]
    rows[0] = [0.0 if math.isnan(value) else value for value in rows[0]]  # a column without any value is refused
    lines[1] = delimiter.join(form.format(value) for value in rows[0])
    table = read(tmp_path_factory.getbasetemp(), "\n".join(lines))
    np.testing.assert_array_equal(table.values, np.array(rows))


def test_rows_at_the_borders_of_chunks_are_read_like_all_others(tmp_path: Path) -> None:
    n = 2 * CHUNK_LINES + 10
    rows = [f"{i},{i / 2}\n" for i in range(n)]
    rows[CHUNK_LINES - 1] = f'{CHUNK_LINES - 1},"{(CHUNK_LINES - 1) / 2}"\n'
    rows[2 * CHUNK_LINES + 3] = "\n" + rows[2 * CHUNK_LINES + 3]
    table = read(tmp_path, "a,b\n" + "".join(rows))
    assert (table.values == np.stack([np.arange(n), np.arange(n) / 2], axis=1)).all()
    text = (
        append_columns(table.layout, ("c",), n, lambda rows: [[str(i)] for i in range(n)[rows]]).decode().splitlines()
    )
    assert text[-1] == f"{n - 1},{(n - 1) / 2},{n - 1}"
    assert len(text) == n + 1


def test_a_quote_across_the_border_of_a_chunk(tmp_path: Path) -> None:
    n = CHUNK_LINES + 5
    rows = [f"{i},x\n" for i in range(n)]
    rows[CHUNK_LINES - 1] = f'{CHUNK_LINES - 1},"one\ntwo\nthree"\n'
    path = written(tmp_path, "a,t\n" + "".join(rows))
    assert (read_table(read_layout(path), ("a",)).values[:, 0] == np.arange(n)).all()
    rows[-1] = "1,2,3\n"
    written(tmp_path, "a,t\n" + "".join(rows))
    with pytest.raises(RaggedRowError, match=f"line {n + 3} "):  # the header and two lines more within the quote
        read_table(read_layout(path), ("a",))


# ---- written back --------------------------------------------------------------------------------------------------


def test_appending_columns_keeps_the_table_to_the_byte(tmp_path: Path) -> None:
    content = '\ufeffid;"wert"\r\n007;"1.50"\r\n\r\n "x";2e0\r\nlast;NA'
    layout = read_layout(written(tmp_path, content.replace(' "x"', "x")))
    table = read_table(layout, ("wert",))
    result = append_columns(layout, ("label", "p;1"), 3, lambda rows: [["a", "1"], ["b;c", "0.5"], ['"', "0"]][rows])
    assert result.decode() == ('\ufeffid;"wert";label;"p;1"\r\n007;"1.50";a;1\r\nx;2e0;"b;c";0.5\r\nlast;NA;"""";0\r\n')
    assert len(table.values) == 3


def test_a_table_that_has_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    table = read(tmp_path, "a\n1\n2\n")
    written(tmp_path, "a\n1\n2\n3\n")
    with pytest.raises(NotATableError, match="changed"):
        append_columns(table.layout, ("c",), 2, lambda rows: [["x"], ["y"]][rows])


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", EmptyFileError, ["empty"]),
        ("\n\n", NotATableError, ["header"]),
        ("a,b\n", NotATableError, ["no rows"]),
        ("1,2\n3,4\n", NotATableError, ["line of numbers", "name the columns"]),
        ("a,a\n1,2\n", DuplicateColumnError, ["'a'"]),
        ("a,b\n1,2\n3\n", RaggedRowError, ["line 3", "1 field,", "2"]),
        ("a,b\n1,2\n3,4,5\n", RaggedRowError, ["line 3", "3 fields"]),
        ('a,b\n1,2\n3,"4\n', NotATableError, ["line 3", "quotes"]),
        ('a,b\n1,2\n"3"x,4\n', NotATableError, ["line 3", "quotes"]),
        ("a,b,c\n1,setosa,2\n3,virginica,4\n", TextColumnError, ["'b'", "'setosa' in line 2", "--columns a,c"]),
        ("s,a,t\nx,1,y\n", TextColumnError, ["'s' and 't'", "--columns a"]),
        ("s,t\nx,y\n", TextColumnError, ["no column holds numbers"]),
        ("a,b\n1,2\n3,x\n4,5\n", NotANumberError, ["line 3", "'b'", "'x'", "empty"]),
        ("a,b\n1,2\n3,1_0\n4,5\n", NotANumberError, ["line 3", "'1_0'"]),
        ("a;b\n1;2\n3;4,5\n", NotANumberError, ["line 3", "decimal comma"]),
        ("a;b\n1,5;2,5\n3,5;4,5\n", NotANumberError, ["line 2", "decimal comma"]),
        ("a,b\n1,2\n3,-inf\n", NotANumberError, ["line 3", "'b'", "infinite"]),
        ("a,b\n1,\n2,NA\n", NotATableError, ["'b'", "no value", "--columns a"]),
        ("a\nNA\n", NotATableError, ["no value"]),
        ("a,b\n1,2\n".encode("utf-16"), NotATableError, ["UTF-16"]),
        ("größe,b\n1,2\n".encode("latin-1"), NotATableError, ["UTF-8"]),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", NotATableError, ["UTF-8"]),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    tmp_path: Path, content: str | bytes, error: type[ReadError], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        read(tmp_path, content)
    text = str(caught.value)
    assert "\n" not in text
    for word in ["t.csv", *words]:
        assert word in text


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), min_size=1))
@example(["leaf width", 'the "best"', "a,b", "it's", "$HOME"])
def test_suggested_columns_are_those_that_a_shell_passes_on(names: list[str]) -> None:
    option, argument = shlex.split(format_columns_option(names))
    assert option == "--columns"
    assert parse_columns(argument) == tuple(names)


def test_a_suggestion_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('leaf  width,"a,b",kind\n1,2,x\n3,5,y\n4,4,x\n')
    refused = run_text("cluster", "t.csv", cwd=tmp_path)
    suggestion = refused.stderr.rpartition("use only numeric columns: ")[2]
    assert suggestion == """--columns 'leaf  width,"a,b"'\n"""
    result = run_text("cluster", "t.csv", *shlex.split(suggestion), "-k", "1", "--no-figure", "--json", cwd=tmp_path)
    assert json.loads(result.stdout)["recipe"]["columns"] == ["leaf  width", "a,b"]


def test_a_bad_number_far_down_is_found(tmp_path: Path) -> None:
    rows = ["1,2\n"] * (CHUNK_LINES + 100)
    rows[CHUNK_LINES + 50] = "1,two\n"
    with pytest.raises(NotANumberError, match=rf"line {CHUNK_LINES + 52}, column 'b': 'two'"):
        read(tmp_path, "a,b\n" + "".join(rows))


def test_the_error_names_the_missing_column(tmp_path: Path) -> None:
    with pytest.raises(MissingColumnError, match=r"'c'; its columns are 'a', 'b'"):
        read(tmp_path, "a,b\n1,2\n", "a", "c")
    with pytest.raises(DuplicateColumnError, match="'a'"):
        read(tmp_path, "a,b\n1,2\n", "a", "a")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        read_layout(tmp_path / "none.csv")
    with pytest.raises(NotATableError, match=r"folder.*path of a table"):
        read_layout(tmp_path)


def test_a_long_field_is_shown_in_part(tmp_path: Path) -> None:
    with pytest.raises(TextColumnError) as caught:
        read(tmp_path, "a,b\n1," + 1000 * "x" + "\n")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def random_table(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, 5))


def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    values = np.round(random_table(100_000), 6)
    path = tmp_path / "t.csv"
    np.savetxt(path, values, delimiter=",", header="a,b,c,d,e", comments="", fmt="%.6f")
    assert (read_table(read_layout(path)).values == values).all()


def test_a_hundred_thousand_columns(tmp_path: Path) -> None:
    """With a look-up of each column by scanning all others, this took minutes."""
    n = 100_000
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(n)) + "\n" + ",".join(map(str, range(n))) + "\n")
    layout = read_layout(path)
    table = read_table(layout, layout.columns[::-1])
    np.testing.assert_array_equal(table.values, [np.arange(n)[::-1]])
