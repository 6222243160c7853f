"""``segmenter evaluate``: label files of any origin, pairs by name, figures, and what goes wrong."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat
from sklearn.metrics import adjusted_rand_score

import segmenter
from segmenter.arrays import Labels
from segmenter.errors import DamagedPhotoError, NotLabelsError, SegmenterError, TooManyPixelsError
from segmenter.io.labels.annotations import read_label_file, renumber
from segmenter.io.labels.png import encode_labels
from segmenter.metrics.contours import cut_contours, space_heights_evenly
from segmenter.segmentation.hierarchy_file import build_saved_hierarchy, encode_hierarchy
from segmenter.segmentation.record import PhotoRecord
from segmenter.workflows.evaluate.pairing import pair_up
from segmenter.workflows.evaluate.run import Scales, evaluate_photo
from segmenter.workflows.evaluate.scores import compute_measures
from tests.support.command import run_text

HALVES: Labels = np.repeat(np.array([[1, 1, 1, 2, 2, 2]], np.int32), 4, axis=0)
ROWS: Labels = np.ascontiguousarray(np.broadcast_to(np.array([[1], [1], [2], [2]], np.int32), (4, 6)))
QUARTERS: Labels = (HALVES + 2 * (ROWS - 1)).astype(np.int32)


def run(*arguments: Any, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command, and check its status."""
    done = run_text("evaluate", *map(str, arguments), cwd=Path())
    assert done.returncode == status, done.stderr
    return done


def complaint(*arguments: Any, status: int = 1) -> str:
    """Run the command, which must fail; return the one line that it prints."""
    done = run(*arguments, status=status)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def berkeley(path: Path, people: list[NDArray[Any]]) -> Path:
    """Write a ground truth file as of BSDS500."""
    cells = np.empty((1, len(people)), dtype=object)
    for i, labels in enumerate(people):
        cells[0, i] = {"Segmentation": labels.astype(np.uint16), "Boundaries": np.zeros_like(labels, np.uint8)}
    savemat(path, {"groundTruth": cells})
    return path


def several(path: Path, images: list[NDArray[Any]]) -> Path:
    """Write segmentations of several scales as of BSDS500."""
    cells = np.empty((1, len(images)), dtype=object)
    for i, labels in enumerate(images):
        cells[0, i] = labels.astype(np.uint16)
    savemat(path, {"segs": cells})
    return path


# ---- reading -------------------------------------------------------------------------------------------------------


WRITERS: dict[str, Callable[[Path], Any]] = {
    "png 8": lambda path: Image.fromarray(QUARTERS.astype(np.uint8)).save(path),
    "png 16": lambda path: Image.fromarray((1000 * QUARTERS).astype(np.uint16)).save(path),
    "png indexed": lambda path: path.write_bytes(encode_labels(QUARTERS, np.arange(12, dtype=np.uint8).reshape(4, 3))),
    "tif 8": lambda path: Image.fromarray(QUARTERS.astype(np.uint8)).save(path, compression="tiff_lzw"),
    "tif 32": lambda path: Image.fromarray(QUARTERS * 100_000).save(path),
    "npy": lambda path: np.save(path, QUARTERS.astype(np.int64) - 1),
    "npy float": lambda path: np.save(path, QUARTERS.astype(np.float32)),
    "mat": lambda path: berkeley(path, [QUARTERS]),
    "mat segs": lambda path: several(path, [QUARTERS]),
    "mat matrix": lambda path: savemat(path, {"labels": QUARTERS, "name": "a text"}),
}


def written(folder: Path, kind: str) -> Path:
    """Write QUARTERS in some format."""
    path = folder / f"labels.{kind.partition(' ')[0]}"
    WRITERS[kind](path)
    return path


@pytest.mark.parametrize(
    "kind",
    ["png 8", "png 16", "png indexed", "tif 8", "tif 32", "npy", "npy float", "mat", "mat segs", "mat matrix"],
)
def test_every_format_holds_the_same_labels(tmp_path: Path, kind: str) -> None:
    found = read_label_file(written(tmp_path, kind))
    assert len(found.images) == 1
    np.testing.assert_array_equal(found.images[0], QUARTERS)
    assert found.images[0].dtype == np.int32


def test_a_file_may_hold_several(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.stack([HALVES, ROWS, QUARTERS]))
    pages = [Image.fromarray(labels.astype(np.uint8)) for labels in (HALVES, ROWS)]
    pages[0].save(tmp_path / "b.tif", save_all=True, append_images=pages[1:])
    assert len(read_label_file(tmp_path / "a.npy").images) == 3
    for page, labels in zip(read_label_file(tmp_path / "b.tif").images, (HALVES, ROWS), strict=True):
        np.testing.assert_array_equal(page, labels)
    assert len(read_label_file(berkeley(tmp_path / "c.mat", [HALVES, ROWS, ROWS])).images) == 3


def test_zero_is_a_region_but_transparent_and_ignored_pixels_have_no_label(tmp_path: Path) -> None:
    with_zero = QUARTERS.copy()
    with_zero[0, 0] = 0
    np.save(tmp_path / "a.npy", with_zero)
    (tmp_path / "b.png").write_bytes(encode_labels(with_zero, np.zeros((4, 3), np.uint8)))
    assert read_label_file(tmp_path / "a.npy").images[0].min() == 1
    np.testing.assert_array_equal(read_label_file(tmp_path / "b.png").images[0], with_zero)
    np.testing.assert_array_equal(read_label_file(tmp_path / "a.npy", ignore=0).images[0], with_zero)


@pytest.mark.parametrize("values", [[[-3, 7], [7, 2**40]], [[0, 255], [255, 300]], [[False, True], [True, True]]])
def test_labels_are_numbered_in_their_order(values: Any) -> None:
    assert set(renumber(np.array(values), "x").ravel().tolist()) == set(range(1, len(np.unique(values)) + 1))
    assert renumber(np.array(values), "x", ignore=int(values[0][1])).tolist()[0][1] == 0


def test_numbers_that_are_not_whole_are_no_labels() -> None:
    for value in (0.5, np.nan, np.inf):
        with pytest.raises(NotLabelsError):
            renumber(np.array([[1.0, value]]), "x")


def test_contours_part_what_they_surround(tmp_path: Path) -> None:
    contours = np.zeros((9, 13))
    contours[:, 6] = 0.8
    contours[4, :] = np.maximum(contours[4, :], 0.3)
    savemat(tmp_path / "a.mat", {"ucm2": contours})
    found = read_label_file(tmp_path / "a.mat")
    assert found.size == (4, 6)
    assert found.contours is not None
    cuts = [renumber(cut_contours(found.contours, height), "cut") for height in space_heights_evenly(4)]
    np.testing.assert_array_equal(np.sort(np.unique(cuts[0])), [1, 2, 3, 4])
    assert [int(cut.max()) for cut in cuts] == [4, 2, 2, 1]
    assert adjusted_rand_score(cuts[1].ravel(), HALVES.ravel()) == 1


@pytest.mark.parametrize("kind", list(WRITERS))
def test_the_limit_of_pixels_holds_for_every_format(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, kind)
    assert read_label_file(path, max_pixels=QUARTERS.size)
    with pytest.raises(TooManyPixelsError, match="--max-pixels 24"):
        read_label_file(path, max_pixels=QUARTERS.size - 1)


def test_an_npy_that_claims_more_than_it_holds_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    header = {"descr": "<i8", "fortran_order": False, "shape": (10_000, 40_000)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(64))
    with pytest.raises(DamagedPhotoError, match=r"cannot hold an array of shape \(10000, 40000\)"):
        read_label_file(path)


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_mat_is_limited_by_its_decompressed_size(
    is_compressed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"labels": np.zeros((400, 500)), "name": "a text"}, do_compression=is_compressed)
    monkeypatch.setattr("segmenter.io.labels.annotations.MAX_MAT_BYTES", 3 << 20)
    assert read_label_file(path).size == (400, 500)
    monkeypatch.setattr("segmenter.io.labels.annotations.MAX_MAT_BYTES", 1 << 20)
    if is_compressed:  # to 2 kB
        with pytest.raises(NotLabelsError, match="more than 1 MiB when decompressed"):
            read_label_file(path)
    else:
        assert read_label_file(path).size == (400, 500)


# ---- pairs ---------------------------------------------------------------------------------------------------------


def test_folders_are_matched_by_name_and_other_files_of_ours_are_left_out(tmp_path: Path) -> None:
    ours, one, two = (tmp_path / name for name in ("ours", "one", "two"))
    for folder in (ours, one, two):
        folder.mkdir()
    for name in ("a.labels.png", "a.segments.png", "a.figure.png", "b.labels.png", "c.labels.png"):
        (ours / name).touch()
    for path in (one / "a.mat", one / "b.png", two / "b.npy", two / "d.tif", one / "notes.txt"):
        path.touch()
    pairing = pair_up(ours, [one, two])
    assert [(pair.name, len(pair.truths)) for pair in pairing.pairs] == [("a", 1), ("b", 2)]
    assert (pairing.without_truth, pairing.without_labels) == (("c",), ("d",))


def test_label_images_of_pictures_read_by_windows_are_of_the_same_folder(tmp_path: Path) -> None:
    labels = np.array([[1, 1, 2], [1, 2, 2]], np.uint8)
    for folder, names in (("ours", ("a.labels.png", "b.labels.tif")), ("truth", ("a.png", "b.png", "c.png"))):
        for name in names:
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(labels).save(tmp_path / folder / name)
    array = zarr.open_group(tmp_path / "ours" / "c.labels.zarr", mode="w").create_array("0", data=labels)
    assert array.shape == labels.shape
    pairing = pair_up(tmp_path / "ours", [tmp_path / "truth"])
    assert [(pair.name, pair.labels.name) for pair in pairing.pairs] == [
        ("a", "a.labels.png"),
        ("b", "b.labels.tif"),
        ("c", "c.labels.zarr"),
    ]
    assert not pairing.without_labels


def test_sub_folders_are_matched_on_request(tmp_path: Path) -> None:
    for path in (tmp_path / "ours" / "x" / "a.labels.png", tmp_path / "truth" / "x" / "a.mat"):
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(SegmenterError):
        pair_up(tmp_path / "ours", [tmp_path / "truth"])
    pairing = pair_up(tmp_path / "ours", [tmp_path / "truth"], recursive=True)
    assert [pair.name for pair in pairing.pairs] == ["x/a"]


# ---- figures -------------------------------------------------------------------------------------------------------


def test_figures_against_people_are_their_means(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", HALVES)
    truth = berkeley(tmp_path / "a.mat", [HALVES, QUARTERS])
    record = json.loads(run(tmp_path / "a.npy", truth, "--json").stdout)
    (photo,) = record["photos"]
    (figures,) = photo["scales"]
    assert figures["n_regions"] == 2
    assert figures["covering"] == pytest.approx((1 + 0.5) / 2)
    assert figures["variation_of_information"] == pytest.approx((0 + 1) / 2)
    index = adjusted_rand_score(HALVES.ravel(), QUARTERS.ravel())
    assert figures["adjusted_rand_index"] == pytest.approx((1 + index) / 2)
    assert [person[0]["covering"] for person in photo["people"]] == [1, 0.5]
    assert record["summary"]["ods"] == record["summary"]["ois"]


def test_truth_may_be_several_files(tmp_path: Path) -> None:
    for name, labels in (("a", HALVES), ("b", ROWS), ("c", QUARTERS)):
        np.save(tmp_path / f"{name}.npy", labels)
    together = berkeley(tmp_path / "all.mat", [ROWS, QUARTERS])
    apart = json.loads(run(tmp_path / "a.npy", tmp_path / "b.npy", tmp_path / "c.npy", "--json").stdout)
    assert apart["summary"] == json.loads(run(tmp_path / "a.npy", together, "--json").stdout)["summary"]


@pytest.mark.slow
def test_a_folder_of_hierarchies_has_one_scale_for_all_and_the_best_of_each(tmp_path: Path) -> None:
    ours, truth = tmp_path / "ours", tmp_path / "truth"
    ours.mkdir()
    truth.mkdir()
    for name, best in (("a", HALVES), ("b", QUARTERS)):
        several(ours / f"{name}.mat", [QUARTERS, HALVES])
        berkeley(truth / f"{name}.mat", [best])
    table = tmp_path / "figures.csv"
    for jobs in (1, 2):
        done = run(ours, truth, "--json", "--csv", table, "--overwrite", "--jobs", jobs)
        summary = json.loads(done.stdout)["summary"]
        assert summary["ois"]["covering"] == summary["best_covering"] == 1
        assert summary["ods"]["covering"] == pytest.approx(0.75)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [(row["photo"], row["scale"], row["covering"]) for row in rows] == [
        ("a", "1", "0.500000"),
        ("a", "2", "1.000000"),
        ("b", "1", "1.000000"),
        ("b", "2", "0.500000"),
    ]


def test_hierarchies_of_ours_are_cut_at_even_heights(tmp_path: Path) -> None:
    image = np.repeat(np.array([20, 30, 200], np.uint8), 20)[None].repeat(40, axis=0)
    found = segmenter.segment(image, 3, method="regions")
    truth = tmp_path / "a.npy"
    np.save(truth, found.labels)
    hierarchy = tmp_path / "a.hierarchy.npz"
    photo = PhotoRecord(name="a.png", sha256=None, width=60, height=40, channels=1, dtype="uint8", notes=())
    hierarchy.write_bytes(encode_hierarchy(build_saved_hierarchy(found, photo)))
    record = json.loads(run(hierarchy, truth, "--scales", 40, "--json").stdout)
    assert record["heights"] == pytest.approx(space_heights_evenly(40).tolist())
    numbers = [scale["n_regions"] for scale in record["photos"][0]["scales"]]
    assert numbers == sorted(numbers, reverse=True)
    assert record["summary"]["ois"]["covering"] == 1
    folder = tmp_path / "all"
    folder.mkdir()
    for name in ("a.hierarchy.npz", "a.labels.png"):
        (folder / name).write_bytes(hierarchy.read_bytes())
    assert pair_up(folder, [tmp_path], hierarchies=True).pairs[0].labels.name == "a.hierarchy.npz"
    assert pair_up(folder, [tmp_path]).pairs[0].labels.name == "a.labels.png"
    assert "leave it out" in complaint(hierarchy, truth, "--hierarchies", status=2)


def test_the_function_says_what_the_command_says(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", HALVES)
    truth = berkeley(tmp_path / "b.mat", [ROWS, QUARTERS])
    record = json.loads(run(tmp_path / "a.npy", truth, "--json").stdout)
    figures = {name: value for name, value in record["photos"][0]["scales"][0].items() if name != "n_regions"}
    assert segmenter.evaluate(HALVES, [ROWS, QUARTERS]) == figures
    assert segmenter.evaluate(tmp_path / "a.npy", truth) == figures
    for labels, people in ((HALVES, HALVES.T), (HALVES, []), (HALVES / 3, HALVES), (np.stack([HALVES, ROWS]), ROWS)):
        with pytest.raises(SegmenterError):
            segmenter.evaluate(labels, people)


@pytest.mark.slow
def test_the_table_fits_80_columns_and_ends_with_all(tmp_path: Path) -> None:
    for folder in ("ours", "truth"):
        (tmp_path / folder).mkdir()
        for name in ("a" * 100, "b[red]"):
            np.save(tmp_path / folder / f"{name}.npy", HALVES)
    lines = run(tmp_path / "ours", tmp_path / "truth").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["cover", "PRI", "VOI", "ARI", "UE", "P", "R", "F"]
    assert lines[-1].split() == ["all", "2", *(["1.000"] * 2), "0.000", "1.000", "0.000", *(["1.000"] * 3)]
    assert "b[red]" in lines[3]


def test_one_pixel_is_measured() -> None:
    one = np.ones((1, 1), np.int32)
    figures = compute_measures(evaluate_photo("x", Scales((one,)), [one]), 0)
    assert (figures["covering"], figures["rand_index"], figures["adjusted_rand_index"]) == (1, 1, 1)


def test_without_boundaries_none_are_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", HALVES)
    record = json.loads(run(tmp_path / "a.npy", tmp_path / "a.npy", "--no-boundaries", "--json").stdout)
    assert not any("boundary" in name for name in record["summary"]["ods"])


# ---- what goes wrong -----------------------------------------------------------------------------------------------


def test_what_cannot_be_compared_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    labels, table = tmp_path / "a.npy", tmp_path / "figures.csv"
    np.save(labels, HALVES)
    np.save(tmp_path / "turned.npy", np.ascontiguousarray(HALVES.T))
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.mat").touch()
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(600))
    (tmp_path / "cut.npy").write_bytes(labels.read_bytes()[:-20])
    Image.new("RGB", (6, 4)).save(tmp_path / "colors.png")
    Image.new("L", (6, 4)).save(tmp_path / "lossy.jpg")
    whole = berkeley(tmp_path / "whole.mat", [HALVES]).read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: len(whole) // 2])
    for name, words in {
        "turned.npy": "rotate one of them",
        "text.png": "not in a format of label images",
        "empty.mat": "is empty",
        "new.mat": "-v7",
        "cut.npy": "damaged",
        "cut.mat": "damaged",
        "colors.png": "color picture",
        "lossy.jpg": "JPEG",
        "missing.png": "no such file",
    }.items():
        assert words in complaint(labels, tmp_path / name, "--csv", table)
        assert name in complaint(labels, tmp_path / name, "--csv", table)
    assert not table.exists()


def test_folders_that_share_no_name_are_told_with_examples(tmp_path: Path) -> None:
    for folder, name in (("ours", "a"), ("truth", "b"), ("empty", "")):
        (tmp_path / folder).mkdir()
        if name:
            np.save(tmp_path / folder / f"{name}.npy", HALVES)
    line = complaint(tmp_path / "ours", tmp_path / "truth")
    assert "'a'" in line
    assert "'b'" in line
    assert "holds no label images" in complaint(tmp_path / "ours", tmp_path / "empty")
    assert "only folders, or only files" in complaint(tmp_path / "ours", tmp_path / "truth" / "b.npy")


def test_scales_that_differ_are_refused(tmp_path: Path) -> None:
    for folder in ("ours", "truth"):
        (tmp_path / folder).mkdir()
    for name, scales in (("a", [HALVES, ROWS]), ("b", [HALVES])):
        several(tmp_path / "ours" / f"{name}.mat", list(scales))
        berkeley(tmp_path / "truth" / f"{name}.mat", [HALVES])
    assert "b.mat: holds 1 segmentations" in complaint(tmp_path / "ours", tmp_path / "truth", "--jobs", 1)


def test_an_output_in_the_way_is_left_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", HALVES)
    before = (tmp_path / "a.npy").read_bytes()
    assert "would replace an input" in complaint(tmp_path / "a.npy", tmp_path / "a.npy", "--csv", tmp_path / "a.npy")
    (tmp_path / "t.csv").write_text("kept")
    assert "already exists" in complaint(tmp_path / "a.npy", tmp_path / "a.npy", "--csv", tmp_path / "t.csv")
    assert (tmp_path / "a.npy").read_bytes() == before
    assert (tmp_path / "t.csv").read_text() == "kept"


def test_a_table_is_no_stream(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", HALVES)
    assert "--json" in complaint(tmp_path / "a.npy", tmp_path / "a.npy", "--csv", "-", status=2)


def test_a_truth_is_required() -> None:
    assert "TRUTH" in complaint("a.npy", status=2)
