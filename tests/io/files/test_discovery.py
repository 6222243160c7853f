"""Finding the photos of a batch, and naming their outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.io.files.discovery import list_photos
from segmenter.workflows.batch.output_names import name_outputs

ENDINGS = (".labels.png", ".segments.png", ".model.json", ".json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, the current one, with photos in three sub-folders."""
    for path in (
        "x/1.png",
        "x/deep/2.JPG",
        "x/deep/er/3.tiff",
        "y/1.png",
        "y/[1].png",
        "x/.hidden.png",
        "x/.git/4.png",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*inputs: str, recursive: bool = False, output: str = "out") -> list[tuple[str, str]]:
    return list(list_photos(inputs, recursive=recursive, output=output).photos)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("inputs", "recursive", "expected"),
    [
        (["x"], False, [("x/1.png", "")]),
        (["x"], True, [("x/1.png", ""), ("x/deep/2.JPG", "deep"), ("x/deep/er/3.tiff", "deep/er")]),
        (["x", "y"], False, [("x/1.png", "x"), ("y/1.png", "y"), ("y/[1].png", "y")]),
        (["x/1.png", "x/deep"], False, [("x/1.png", ""), ("x/deep/2.JPG", "deep")]),
        (["x", "x", "./x/1.png"], False, [("x/1.png", "")]),
        (["x/deep/2.JPG"], False, [("x/deep/2.JPG", "")]),
        (["*/1.png"], False, [("x/1.png", "x"), ("y/1.png", "y")]),
        (["x/**/*.tiff"], False, [("x/deep/er/3.tiff", "deep/er")]),
        (["**/*"], False, sorted([("x/1.png", "x"), ("x/deep/2.JPG", "x/deep"), ("x/deep/er/3.tiff", "x/deep/er"),
                                  ("y/1.png", "y"), ("y/[1].png", "y")], key=lambda p: p[1].split("/"))),
        (["**/deep/**/*"], False, [("x/deep/2.JPG", "x/deep"), ("x/deep/er/3.tiff", "x/deep/er")]),
        (["y/[1].png"], False, [("y/[1].png", "")]),
        (["y/missing.png"], False, []),
        (["."], True, [("x/1.png", "x"), ("x/deep/2.JPG", "x/deep"), ("x/deep/er/3.tiff", "x/deep/er"),
                       ("y/1.png", "y"), ("y/[1].png", "y")]),
    ],
)  # fmt: skip
def test_the_tree_below_the_deepest_common_folder_is_kept(
    inputs: list[str], recursive: bool, expected: list[tuple[str, str]]
) -> None:
    assert found(*inputs, recursive=recursive) == expected


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("pattern", ["x", "x/**/*", "x/*/*"])
def test_the_output_folder_is_not_searched(pattern: str) -> None:
    assert "x/deep/2.JPG" in dict(found(pattern, recursive=True))
    assert not {"x/deep/2.JPG", "x/deep/er/3.tiff"} & set(dict(found(pattern, recursive=True, output="x/deep")))


def test_the_order_of_photos_does_not_depend_on_the_order_of_inputs(folder: Path) -> None:
    assert found("y", "x", recursive=True) == found("x", "y", recursive=True)


def test_a_folder_with_a_link_to_it_is_read_under_its_own_name(folder: Path) -> None:
    (folder / "x" / "a-link").symlink_to("deep")
    assert found("x", recursive=True) == [
        ("x/1.png", ""),
        ("x/deep/2.JPG", "deep"),
        ("x/deep/er/3.tiff", "deep/er"),
    ]


# ---- names ---------------------------------------------------------------------------------------------------------


def names(*paths: str, taken: tuple[str, ...] = ()) -> list[str]:
    photos = [(path, os.path.dirname(path)) for path in paths]
    return [entry.name for entry in name_outputs(photos, ENDINGS, taken)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png", "b.png"], ["a.jpg", "a.png", "b"]),
        (["x/a.jpg", "y/a.png"], ["a", "a"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg", "a.png", "a.jpg.png"]),
        (["A.jpg", "a.png"], ["A.jpg", "a.png"]),
        (["é.jpg", "é.png"], ["é.jpg", "é.png"]),
        (["a.jpg", "a.model.jpg"], ["a.jpg", "a.model.jpg"]),  # a + .model.json = a.model + .json
    ],
)
def test_the_extension_stays_where_names_collide(paths: list[str], expected: list[str]) -> None:
    assert names(*paths) == expected


def test_what_is_taken_is_left_alone() -> None:
    assert names("summary.jpg", "b.jpg", taken=("summary.json", "b.labels.png")) == ["summary.jpg", "b.jpg"]


def test_names_that_differ_by_case_alone_get_a_digest() -> None:
    upper, lower = names("A.jpg", "a.jpg")
    assert upper.startswith("A.jpg-")
    assert lower.startswith("a.jpg-")
    assert upper[6:] != lower[6:]


letters = st.text(st.sampled_from("aAbé.-\udcff"), min_size=1, max_size=4).filter(lambda name: not name.startswith("."))
long_names = st.builds(lambda name, n: name * n, letters, st.sampled_from([1, 1, 1, 60, 100]))
paths = st.builds(
    lambda folder, name, end: folder + os.fsdecode(os.fsencode(name)[:250]) + end,
    st.sampled_from(["", "x/", "X/"]),
    long_names,
    st.sampled_from([".png", ".jpg", ".model.png", ""]),
)


@given(st.lists(paths, unique=True, max_size=12))
def test_no_two_outputs_have_names_that_a_file_system_could_take_for_one(photos: list[str]) -> None:
    entries = name_outputs([(path, os.path.dirname(path)) for path in photos], ENDINGS)
    outputs = [f"{entry.folder}/{entry.name}{ending}".casefold() for entry in entries for ending in ENDINGS]
    assert len(set(outputs)) == len(outputs)
    assert all(len(os.fsencode(entry.name + ending)) <= 255 for entry in entries for ending in ENDINGS)
    again = {
        entry.source: entry.name for entry in name_outputs([(p, os.path.dirname(p)) for p in photos[::-1]], ENDINGS)
    }
    assert again == {entry.source: entry.name for entry in entries}
