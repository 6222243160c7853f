"""Segments do not depend on the unit of the stored values: in memory, from models, in figures and records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import segmenter
from segmenter.errors import DamagedModelError
from segmenter.io.images.config import ValueRange
from segmenter.io.images.photo import read_photo
from segmenter.segmentation.model import build_model
from segmenter.segmentation.model_file import decode_model, encode_model
from segmenter.segmentation.record import read_record
from segmenter.workflows.batch.resume import finished_record
from segmenter.workflows.report.previews import PreviewJob, find_photo
from segmenter.workflows.segment.job import FigureOptions
from segmenter.workflows.segment.run import run_job
from tests.support.command import run
from tests.support.scenes import TWELVE_BITS, overlapping
from tests.support.windowed import plan, run_by_windows

WAYS: dict[str, dict[str, Any]] = {
    "gmm": {"n_segments": 3},
    "k-means": {"n_segments": 3, "method": "k-means"},
    "lab": {"n_segments": 3, "color_space": "lab"},
    "hsv": {"n_segments": 3, "color_space": "hsv"},
    "auto": {"n_segments": "auto"},
    "regions": {"method": "regions"},
}


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb", **options)
    return path


class TestLabels:
    @pytest.mark.parametrize("way", WAYS)
    @settings(max_examples=4, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        factor=st.integers(1, 25),
        offset=st.integers(0, 5000),
        dtype=st.sampled_from(["u2", ">u2", "i4", "f4", "f8"]),
        is_gray=st.booleans(),
    )
    def test_are_the_same_in_any_unit(self, way: str, factor: int, offset: int, dtype: str, is_gray: bool) -> None:
        picture = TWELVE_BITS[..., 0] if is_gray else TWELVE_BITS
        stored = (factor * picture + offset).astype(dtype)
        expected = segmenter.segment(picture.astype("f8" if "f" in dtype else "u2"), **WAYS[way])
        found = segmenter.segment(stored, **WAYS[way])
        np.testing.assert_array_equal(found.labels, expected.labels)

    @pytest.mark.parametrize("way", ["auto", "regions"])
    def test_of_12_bits_are_those_at_full_range(self, way: str) -> None:
        full = np.rint((TWELVE_BITS - TWELVE_BITS.min()) * (65535 / np.ptp(TWELVE_BITS))).astype(np.uint16)
        expected = segmenter.segment(full, scale_range="full", **WAYS[way])
        assert expected.n_labels > 1
        np.testing.assert_array_equal(
            segmenter.segment(TWELVE_BITS.astype(np.uint16), **WAYS[way]).labels, expected.labels
        )

    def test_do_not_depend_on_hot_pixels(self) -> None:
        picture = TWELVE_BITS.astype(np.uint16)
        picture[[3, 30, 50], [70, 8, 44]] = 65535
        found, expected = (segmenter.segment(image, "auto") for image in (picture, TWELVE_BITS.astype(np.uint16)))
        assert found.n_labels == expected.n_labels
        assert (found.labels != expected.labels).mean() < 0.01

    def test_depend_on_the_range_that_is_asked_for(self) -> None:
        picture = TWELVE_BITS.astype(np.uint16)
        assert segmenter.segment(picture, "auto", scale_range="full").n_labels == 1
        found = segmenter.segment(picture, 2, scale_range=(0, 4095))
        assert found.value_range == ValueRange(rule="given", kind="integer", low=0, high=4095)


class TestModels:
    def test_carry_the_range_exactly(self, tmp_path: Path) -> None:
        first, second = TWELVE_BITS.astype(np.uint16), (TWELVE_BITS[::2] // 2 + 300).astype(np.uint16)
        found = segmenter.segment(first, 3)
        segmenter.save_model(found, tmp_path / "a.model.json")
        loaded = segmenter.load_model(tmp_path / "a.model.json")
        assert loaded.value_range == found.value_range
        np.testing.assert_array_equal(segmenter.apply(loaded, first).labels, found.labels)
        part = segmenter.apply(loaded, first[10:40, 20:50])  # whose own range is smaller
        np.testing.assert_array_equal(part.labels, found.labels[10:40, 20:50])
        applied = segmenter.apply(loaded, second).value_range
        assert applied is not None
        assert found.value_range is not None
        assert (applied.low, applied.high) == (found.value_range.low, found.value_range.high)
        np.testing.assert_array_equal(
            segmenter.posterior_map(second, segmenter.apply(loaded, second)).argmax(axis=2) + 1,
            segmenter.apply(loaded, second).labels,
        )

    def test_of_version_3_use_the_full_range(self) -> None:
        full = np.rint(TWELVE_BITS * 16.0).astype(np.uint16)
        found = segmenter.segment(full, 3, scale_range="full")
        model = json.loads(encode_model(replace(build_model(found), value_range=None)))
        assert "value_range" not in model
        old = decode_model(json.dumps({**model, "version": 3}).encode(), "old")
        np.testing.assert_array_equal(segmenter.apply(old, full).labels, found.labels)

    def test_of_8_bits_have_no_range(self) -> None:
        model = build_model(segmenter.segment(overlapping(), 3))
        assert model.value_range is None
        assert b"value_range" not in encode_model(model)

    @pytest.mark.parametrize(
        "flaw", [{"low": 9000.0}, {"low": [0.0], "high": [1.0]}, {"kind": "complex"}, {"low": "0"}]
    )
    def test_with_a_damaged_range_are_refused(self, flaw: dict[str, Any]) -> None:
        model = json.loads(encode_model(build_model(segmenter.segment(TWELVE_BITS.astype(np.uint16), 3))))
        model["value_range"] |= flaw
        with pytest.raises(DamagedModelError):
            decode_model(json.dumps(model).encode(), "damaged")


@pytest.mark.slow
class TestFiles:
    def test_tell_the_range_and_give_values_back_in_their_unit(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", TWELVE_BITS.astype(np.uint16))
        result = run("segment", path, "-k", "3", "--no-figure", cwd=tmp_path)
        note = f"values {TWELVE_BITS.min()}…{TWELVE_BITS.max():,} of 65,535 scaled to 0…1"
        assert note in result.stderr.decode()
        record = read_record(tmp_path / "outputs" / "a.json")
        assert record is not None
        used = record.input.value_range
        assert used is not None
        assert not isinstance(used.low, tuple)
        assert not isinstance(used.high, tuple)
        assert (used.rule, used.low, used.high) == ("auto", TWELVE_BITS.min(), TWELVE_BITS.max())
        assert note in record.input.notes
        labels = segmenter.read_labels(tmp_path / "outputs" / "a.labels.png")
        for segment in record.segments:
            stored = used.low + np.array(segment.mean_rgb) / 255 * (used.high - used.low)
            np.testing.assert_allclose(stored, TWELVE_BITS[labels == segment.label].mean(axis=0), atol=0.05)

    @pytest.mark.parametrize("is_windowed", [False, True])
    def test_are_not_black(self, is_windowed: bool, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", TWELVE_BITS.astype(np.uint16))
        drawn = FigureOptions(dpi=60, plots=("contours", "palette"))
        if is_windowed:
            run_by_windows(path, figure_options=drawn)
        else:
            run_job(plan(path, figure_options=drawn))
        names = ["a.figure.png", "a.plot-contours.png", *([] if is_windowed else ["a.segments.png"])]
        for name in names:
            with Image.open(tmp_path / "out" / name) as image:
                assert np.asarray(image.convert("L")).std() > 30, name
                assert np.quantile(np.asarray(image.convert("L")), 0.9) > 100, name
        record = read_record(tmp_path / "out" / "a.json")
        assert record is not None
        assert max(max(segment.mean_rgb) for segment in record.segments) > 150
        job = PreviewJob(path, (60, 80), (), (path,), record.input.sha256, 10**9, value_range=record.input.value_range)
        shown, problem = find_photo(job)
        assert not problem
        assert shown is not None
        assert shown.max() > 230

    def test_of_8_bits_say_nothing_of_a_range(self, tmp_path: Path) -> None:
        Image.fromarray(overlapping()).save(tmp_path / "a.png")
        run_job(plan(tmp_path / "a.png"))
        assert "value_range" not in (tmp_path / "out" / "a.json").read_text()

    def test_are_made_anew_for_another_range(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", TWELVE_BITS.astype(np.uint16))
        job = plan(path)
        run_job(job)
        assert finished_record(job) is not None
        for scale_range in ("full", "percentile", (0.0, 4095.0)):
            assert finished_record(replace(job, scale_range=scale_range)) is None
        record = json.loads(job.record.read_text())
        del record["input"]["value_range"]  # as before there were ranges
        job.record.write_text(json.dumps(record))
        assert finished_record(job) is None

    def test_can_be_cut_again_byte_for_byte(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", TWELVE_BITS.astype(np.uint16))
        options = ("--method", "regions", "-k", "4", "--no-figure")
        assert run("segment", path, *options, "-o", "one", cwd=tmp_path).returncode == 0
        assert run("segment", path, *options, "--save", "hierarchy", "-o", "two", cwd=tmp_path).returncode == 0
        assert run("cut", "two/a.hierarchy.npz", "-k", "4", "-o", "three", cwd=tmp_path).returncode == 0
        for name in ("a.labels.png", "a.segments.png", "a.json"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()

    def test_of_compare_and_select_tell_the_range(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", TWELVE_BITS.astype(np.uint16))
        command = ("compare", path, "-k", "2", "--scale-range", "0,4095", "--json")
        result = run(*command, cwd=tmp_path)
        assert json.loads(result.stdout)["inputs"][0]["value_range"]["high"] == 4095
        assert b"values 0\xe2\x80\xa64,095 of 65,535 scaled" in result.stderr
        chosen = {}
        for rule in ("auto", "full"):
            options = ("--scale-range", rule, "--json", "--overwrite", "--restarts", "1")
            result = run("select", path, "--max-segments", "5", *options, cwd=tmp_path)
            record = json.loads(result.stdout)
            assert record["input"]["value_range"]["rule"] == rule
            chosen[rule] = record["chosen"][record["rule"]]
        assert chosen["full"] == 1 < chosen["auto"]

    def test_of_a_table_take_no_range(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("x,y\n" + "\n".join(f"{i},{i % 3}" for i in range(30)))
        result = run("select", "a.csv", "--scale-range", "full", cwd=tmp_path)
        assert result.returncode == 1
        assert b"--scale-range is for photos, and a.csv is a table; leave it out" in result.stderr


def test_a_wrong_range_is_one_line(tmp_path: Path) -> None:
    for value in ("best", "5,2", "1", "0,1,2", "0,nan"):
        result = run("segment", "a.tif", "--scale-range", value, cwd=tmp_path)
        assert result.returncode == 2
        assert b"is neither auto, full, percentile nor LOW,HIGH such as 0,4095" in result.stderr


def test_a_photo_turned_upright_has_the_range_of_what_is_stored(tmp_path: Path) -> None:
    picture = np.arange(1500 * 1000, dtype=np.float32).reshape(1500, 1000)
    ranges = {
        read_photo(write(tmp_path / f"{turned}.tif", picture, extratags=[(274, 3, 1, turned)])).value_range
        for turned in range(1, 9)
    }
    assert len(ranges) == 1
