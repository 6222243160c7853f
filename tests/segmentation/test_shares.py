"""Shares in words: they sum to 100, and every output tells the same ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import segmenter
from segmenter.segmentation.shares import format_percentages, round_percentages
from tests.support.command import run_text as run


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=255), st.integers(0, 2))
def test_percentages_sum_to_100_and_are_close(masses: list[float], n_decimals: int) -> None:
    shares = np.array(masses) / sum(masses)
    percentages = np.array(round_percentages(shares.tolist(), n_decimals))
    assert percentages.sum() == pytest.approx(100, abs=1e-9)
    assert np.abs(percentages - 100 * shares).max() < 10.0**-n_decimals + 1e-9


def test_rounded_thirds_sum_to_100() -> None:
    assert format_percentages([1 / 3] * 3) == ["34", "33", "33"]
    assert format_percentages([1 / 3] * 3, 1) == ["33.4", "33.3", "33.3"]


def test_what_exists_is_never_zero_percent() -> None:
    assert format_percentages([0.998, 0.002, 0.0]) == ["100", "<1", "0"]
    assert format_percentages([0.9998, 0.0002, 0.0], 1) == ["100.0", "<0.1", "0.0"]
    assert format_percentages([0.0, 0.0]) == ["0", "0"]


@pytest.mark.slow
def test_every_output_of_a_transparent_picture_tells_the_same_shares(tmp_path: Path) -> None:
    image = np.zeros((50, 80, 4), np.uint8)  # of the left 20 columns, 1,000 pixels, the others are transparent
    image[:, :20, 3] = 255
    for label, rows in enumerate((slice(0, 31), slice(31, 36), slice(36, 40), slice(40, 50))):
        image[rows, :20, :3] = np.random.default_rng(label).integers(0, 5, (rows.stop - rows.start, 20, 3)) + 60 * label
    Image.fromarray(image).save(tmp_path / "a.png")
    options = ("-k", "4", "--plot", "palette", "--figure-format", "svg", "-v")
    told = run("segment", "a.png", *options, cwd=tmp_path).stderr
    run("batch", "a.png", "-k", "4", "-o", "batch", "--no-figure", "--report", cwd=tmp_path)
    record = json.loads((tmp_path / "outputs/a.json").read_text())
    expected = ["62.0 %", "10.0 %", "8.0 %", "20.0 %"]
    assert record["unlabeled_pixels"] == 3000
    assert [f"{100 * segment['share']:.1f} %" for segment in record["segments"]] == expected
    assert "4 segments (62, 10, 8, 20 %)" in told
    assert re.findall(r"(\S+ %)  #", told) == expected
    for ending in ("palette.css", "palette.gpl"):
        assert re.findall(r": (\S+ %)", (tmp_path / "outputs" / f"a.{ending}").read_text()) == expected
    for ending in ("figure.svg", "plot-palette.svg"):
        texts = re.findall(r">([^<>]+)</text>", (tmp_path / "outputs" / f"a.{ending}").read_text())
        assert [text for text in texts if text.endswith("%")] == expected
        assert {"no label", "Segments and their share of labeled pixels"} <= set(texts)
    assert re.findall(r'"percent":"([^"]+)"', (tmp_path / "batch/report.html").read_text()) == expected
    (row,) = json.loads((tmp_path / "batch/summary.json").read_text())["photos"]
    assert row["shares"] == [segment["share"] for segment in record["segments"]]
    found = segmenter.segment(tmp_path / "a.png", 4)
    assert row["shares"] == [segment.share for segment in found.segments]
