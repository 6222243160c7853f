"""Saved hierarchies: cut again like the photo, contour maps that hold every cut, and whatever is none refused."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import label as components

import segmenter
from segmenter.arrays import Labels
from segmenter.errors import (
    DamagedHierarchyError,
    HierarchyError,
    HierarchyVersionError,
    InvalidArgumentError,
    MissingFileError,
    NotAHierarchyError,
    SegmenterError,
    SegmenterWarning,
    TooFewSuperpixelsError,
    TooManyPixelsError,
)
from segmenter.io.files.npz import encode_arrays
from segmenter.regions.contour_map import WHITE, build_contour_map, find_merge_heights
from segmenter.regions.hierarchy import Hierarchy
from segmenter.segmentation.documents import to_plain
from segmenter.segmentation.hierarchy_file import build_saved_hierarchy, encode_hierarchy, get_hierarchy
from segmenter.segmentation.record import PhotoRecord
from tests.support.command import run_text as run
from tests.support.scenes import draw_disks

pytestmark = pytest.mark.slow

FOUND = segmenter.segment(draw_disks(), method="regions")
HIERARCHY = get_hierarchy(FOUND)
PHOTO = PhotoRecord(name="disks.png", sha256=None, width=80, height=60, channels=3, dtype="uint8", notes=())
CONTENT = encode_hierarchy(build_saved_hierarchy(FOUND, PHOTO))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a photo, and its hierarchy in outputs."""
    folder = tmp_path_factory.mktemp("saved")
    Image.fromarray(draw_disks()).save(folder / "disks.png")
    arguments = ("--method", "regions", "--save", "hierarchy", "--scale", "all")
    result = run("segment", "disks.png", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


# ---- files and cuts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [(), ("--scale", "fine"), ("--scale", "0.2"), ("-k", "5"), ("-k", "700"), ("--scale", "all")]
)
def test_a_cut_writes_the_bytes_of_the_photo(how: tuple[str, ...], saved: Path, tmp_path: Path) -> None:
    again = run("cut", saved / "outputs/disks.hierarchy.npz", *how, "-o", tmp_path / "cut", cwd=saved)
    assert again.returncode == 0, again.stderr
    direct = run("segment", "disks.png", "--method", "regions", *how, "--no-figure", "-o", tmp_path / "run", cwd=saved)
    assert direct.returncode == 0, direct.stderr
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "cut").iterdir())
    for name in names:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name


def test_scale_all_writes_the_three_scales_and_one_figure(saved: Path) -> None:
    names = {path.name for path in (saved / "outputs").iterdir()}
    kinds = [f"{kind}{scale}.png" for scale in ("", ".coarse", ".fine") for kind in ("labels", "segments")]
    others = ["json", "figure.png", "hierarchy.npz", "ucm.png"]
    assert names == {f"disks.{ending}" for ending in (*kinds, *others)}
    record = json.loads((saved / "outputs/disks.json").read_text())
    assert record["saved"] == ["hierarchy", "scales"]
    for scale in ("coarse", "fine"):
        found = segmenter.segment(draw_disks(), method="regions", scale=scale)
        np.testing.assert_array_equal(segmenter.read_labels(saved / f"outputs/disks.labels.{scale}.png"), found.labels)
        assert [row["pixels"] for row in record["scales"][scale]] == [segment.n_pixels for segment in found.segments]


def test_what_is_read_is_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "a.hierarchy.npz"
    path.write_bytes(CONTENT)
    loaded = segmenter.load_hierarchy(path)
    assert FOUND.hierarchy is not None
    for name in ("superpixels", "merges", "heights", "color_sums"):
        np.testing.assert_array_equal(getattr(loaded.hierarchy, name), getattr(FOUND.hierarchy, name))
    assert encode_hierarchy(loaded) == CONTENT
    for source in (path, loaded, FOUND):
        np.testing.assert_array_equal(segmenter.cut(source).labels, FOUND.labels)
        assert segmenter.cut(source, 4).n_labels == 4


def test_hierarchies_of_earlier_versions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.hierarchy.npz"
    path.write_bytes(CONTENT)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["recipe"] = np.array(str(arrays["recipe"]).replace("learned", "fitted"))
    path.write_bytes(encode_arrays(arrays))
    assert segmenter.load_hierarchy(path).recipe.merge_cost == "learned"
    np.testing.assert_array_equal(segmenter.cut(path).labels, FOUND.labels)


def test_a_cut_into_more_regions_than_superpixels_has_as_many_as_there_are() -> None:
    n_superpixels = get_hierarchy(FOUND).n_superpixels
    with pytest.warns(SegmenterWarning, match=f"so {n_superpixels} regions instead of {n_superpixels + 1}"):
        assert segmenter.cut(FOUND, n_superpixels + 1).n_labels == n_superpixels


def test_cuts_that_cannot_be_are_refused() -> None:
    with pytest.raises(TooFewSuperpixelsError, match="fewer than the 5000 regions"):
        segmenter.cut(FOUND, 5000)
    with pytest.raises(InvalidArgumentError, match="give one of them"):
        segmenter.cut(FOUND, 3, scale="fine")
    with pytest.raises(InvalidArgumentError, match="has no hierarchy"):
        segmenter.cut(segmenter.segment(draw_disks(), 2))


# ---- contour maps --------------------------------------------------------------------------------------------------


def partition(labels: Labels) -> Labels:
    """Return labels renumbered in reading order."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int32)


@st.composite
def hierarchies(draw: st.DrawFn) -> Hierarchy:
    """Draw a picture of blocks, and any order of merging neighbors."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    cells = generator.integers(0, 3, (height, width))
    labels = np.zeros((height, width), dtype=np.int32)
    n = 0
    for value in range(3):
        found, k = components(cells == value)
        labels[found > 0] = found[found > 0] + n
        n += k
    current = labels.copy()
    merges = []
    for _ in range(n - 1):
        sides = [(current[:, :-1], current[:, 1:]), (current[:-1], current[1:])]
        pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in sides])
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        kept, gone = sorted(pairs[generator.integers(len(pairs))].tolist())
        current[current == gone] = kept
        merges.append((kept - 1, gone - 1))
    heights = np.sort(generator.integers(0, 10, n - 1) / 10)
    return Hierarchy(labels, np.array(merges, dtype=np.intp).reshape(-1, 2), heights)


@given(hierarchies())
@settings(deadline=None)
def test_the_contour_map_holds_every_cut(hierarchy: Hierarchy) -> None:
    levels = build_contour_map(hierarchy)
    assert levels.shape == tuple(2 * n + 1 for n in hierarchy.superpixels.shape)
    for height in (0.0, 0.05, 0.3, 0.9):
        pieces, _ = components(levels <= WHITE * height, structure=np.ones((3, 3)))
        np.testing.assert_array_equal(partition(pieces[1::2, 1::2]), partition(hierarchy.cut(height)))


def test_neighbors_meet_at_the_height_of_their_merge() -> None:
    hierarchy = Hierarchy(
        np.array([[1, 2, 3, 4]], np.int32), np.array([[2, 3], [0, 1], [0, 2]]), np.array([0.1, 0.2, 2])
    )
    first, second = np.array([0, 0, 2]), np.array([1, 3, 3])
    assert find_merge_heights(hierarchy, first, second).tolist() == [0.2, 2.0, 0.1]
    assert build_contour_map(hierarchy)[1].tolist() == [0, 0, 13107, 0, WHITE, 0, 6553, 0, 0]


def test_the_map_is_a_gray_png_of_16_bits(saved: Path) -> None:
    with Image.open(saved / "outputs/disks.ucm.png") as image:
        assert (image.mode, image.size) == ("I;16", (161, 121))
        np.testing.assert_array_equal(np.asarray(image), build_contour_map(FOUND.hierarchy))  # type: ignore[arg-type]


# ---- what is no hierarchy ------------------------------------------------------------------------------------------


def changed(tmp_path: Path, **arrays: object) -> HierarchyError:
    """Return the error of a hierarchy with other arrays; None removes one."""
    path = tmp_path / "a.hierarchy.npz"
    path.write_bytes(CONTENT)
    with np.load(path) as file:
        content = {**file, **{key: None if array is None else np.asarray(array) for key, array in arrays.items()}}
    path.write_bytes(encode_arrays({key: array for key, array in content.items() if array is not None}))
    with pytest.raises(HierarchyError) as caught:
        segmenter.load_hierarchy(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"heights": None}, "heights is missing"),
        ({"heights": [0.5]}, "heights has the shape (1,)"),
        ({"merges": [[1, 2]]}, "merges has the shape (1, 2)"),
        ({"superpixels": np.ones((60, 80))}, "superpixels has the shape (60, 80) and type float64"),
        ({"superpixels": np.ones((60, 80), np.uint8)}, "color_sums are not those of the superpixels"),
        ({"superpixels": np.full((60, 80), 60000, np.uint16)}, "superpixels are more than"),
        ({"recipe": "{}"}, "recipe: scale is missing"),
        ({"recipe": '{"speed": 1}'}, "recipe: scale is missing"),
        ({"recipe": "[1"}, "recipe is not a valid JSON object"),
        ({"input": 3}, "input is not a valid JSON object"),
        ({"input": '{"name": "disks.png"}'}, "input: object missing required field `sha256`"),
        ({"input": json.dumps(to_plain(PHOTO) | {"name": "\ud800"})}, "input is not a valid JSON object"),
        ({"input": json.dumps(to_plain(PHOTO) | {"width": 81})}, "input is a photo of 81×60 pixels"),
        ({"recipe": f'{{"seed": {"9" * 400}}}'}, "recipe is not a valid JSON object"),
        ({"recipe": '{"scale": NaN}'}, "recipe is not a valid JSON object"),
        ({"heights": HIERARCHY.heights.astype(np.longdouble)}, "heights has the shape"),
        ({"color_sums": -HIERARCHY.color_sums}, "color_sums are not those of the superpixels"),
        ({"color_sums": 1.1 * HIERARCHY.color_sums}, "color_sums are not those of the superpixels"),
        ({"color_sums": np.zeros((0, 4))}, "merges has the shape"),
    ],
)
def test_a_damaged_hierarchy_is_refused(arrays: dict[str, object], problem: str, tmp_path: Path) -> None:
    error = changed(tmp_path, **arrays)
    assert isinstance(error, DamagedHierarchyError)
    assert problem in str(error)


def test_heights_and_merges_are_checked(tmp_path: Path) -> None:
    assert FOUND.hierarchy is not None
    heights, merges = FOUND.hierarchy.heights, FOUND.hierarchy.merges + 1
    for wrong in (heights[::-1] + np.arange(len(heights))[::-1], np.full_like(heights, np.nan), heights - 9):
        assert "heights fall, or are not all numbers" in str(changed(tmp_path, heights=wrong))
    for strange in (merges * 0, merges * 0 + 1, merges[np.zeros(len(merges), int)], merges + 500):
        assert "merges are of regions that do not exist" in str(changed(tmp_path, merges=strange.astype(np.int32)))


def test_other_versions_and_other_files_are_refused(tmp_path: Path) -> None:
    assert isinstance(changed(tmp_path, version=2), HierarchyVersionError)
    assert isinstance(changed(tmp_path, version=[1, 2]), HierarchyVersionError)
    assert isinstance(changed(tmp_path, format="something"), NotAHierarchyError)
    assert isinstance(changed(tmp_path, format=None), NotAHierarchyError)
    with pytest.raises(MissingFileError):
        segmenter.load_hierarchy(tmp_path / "none.npz")


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255), st.booleans())
@settings(deadline=None, max_examples=300)
def test_whatever_byte_is_changed_the_file_is_refused_in_one_line_or_read(
    place: int, change: int, is_cut: bool
) -> None:
    content = bytearray(CONTENT[:place] if is_cut else CONTENT)
    if not is_cut:
        content[place] ^= change
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            segmenter.load_hierarchy(file.name)
        except segmenter.SegmenterError as error:
            assert "\n" not in str(error)  # no error is as good


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.npz", None, "no such file"),
        ("text.npz", b"hello", "is not an NPZ file"),
        ("empty.npz", b"", "is not an NPZ file"),
        ("half.npz", CONTENT[: len(CONTENT) // 2], "is damaged or truncated"),
        (".", None, "is a folder, not a file; give the path of a file"),
    ],
)
def test_what_is_no_hierarchy_is_one_line(name: str, content: bytes | None, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run("cut", name, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"segmenter: {name}: ")
    assert told in line
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [("-k 3 --scale fine", "give one of them"), ("-k 0", "not in the range"), ("--scale huge", "is not one of coarse")],
)
def test_wrong_usage_of_cut_is_one_line(arguments: str, problem: str, saved: Path) -> None:
    result = run("cut", "outputs/disks.hierarchy.npz", *arguments.split(), "-o", "other", cwd=saved)
    assert result.returncode == 2
    assert problem in result.stderr
    assert not (saved / "other").exists()


def test_cut_tells_and_never_overwrites_unasked(saved: Path, tmp_path: Path) -> None:
    arguments = ("cut", saved / "outputs/disks.hierarchy.npz", "-k", 3, "-o", "again", "--json")
    first = run(*arguments, cwd=tmp_path)
    assert first.stderr.startswith("disks.hierarchy.npz: 3 regions (")
    assert len(json.loads(first.stdout)["segments"]) == 3
    assert "already exists" in run(*arguments, cwd=tmp_path).stderr
    assert run(*arguments, "--overwrite", "-q", cwd=tmp_path).stderr == ""


def test_hierarchies_are_of_regions_alone(saved: Path) -> None:
    result = run("segment", "disks.png", "--save", "hierarchy", "-o", "x", cwd=saved)
    assert result.returncode == 2
    assert "--save hierarchy needs regions; add --method regions" in result.stderr


@pytest.mark.parametrize(
    ("name", "error"), [("superpixels", TooManyPixelsError), ("recipe", DamagedHierarchyError), ("else", None)]
)
def test_a_bomb_is_refused_before_it_is_decompressed(
    name: str, error: type[SegmenterError] | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.hierarchy.npz"
    bomb = BytesIO()
    np.save(bomb, np.zeros((8000, 8000), np.uint16))  # 128 MB, which deflate turns into 128 kB
    with zipfile.ZipFile(BytesIO(CONTENT)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if entry != f"{name}.npy":
                new.writestr(entry, old.read(entry))
        new.writestr(f"{name}.npy", bomb.getbuffer())
    with trace_peak() as peak:
        if error is None:
            segmenter.load_hierarchy(path, max_pixels=10**6)
        else:
            with pytest.raises(error):
                segmenter.load_hierarchy(path, max_pixels=10**6)
        assert peak() < 10e6


@contextmanager
def trace_peak() -> Iterator[Callable[[], int]]:
    """Trace allocations in a block; yield a function that returns their peak in bytes."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
