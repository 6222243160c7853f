"""``--method regions`` and the other methods: what the options do, which do not go together, and what is written."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label as components

import segmenter
from segmenter.errors import InvalidArgumentError, NoMixtureError, SegmenterWarning
from segmenter.metrics.partitions import covering
from segmenter.regions.config import HEIGHTS, MERGE_COSTS, SCALES
from segmenter.segmentation.recipe import RegionsRecipe, choose_recipe
from tests.support.command import run_text as run
from tests.support.scenes import DISK_LABELS, draw_disks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(draw_disks()).save(tmp_path / "disks.png")
    return tmp_path


# ---- from Python ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", MERGE_COSTS)
def test_two_disks_of_one_color_are_two_regions(cost: str) -> None:
    found = segmenter.segment(draw_disks(), 3, method="regions", merge_cost=cost)  # type: ignore[arg-type]
    assert covering(found.labels, DISK_LABELS) > 0.9
    assert segmenter.segment(draw_disks(), 2, method="k-means").labels[30, 20] == 2, "and of one set of colors"


def test_regions_are_in_one_piece_dark_first_and_told_of_as_they_are() -> None:
    found = segmenter.segment(draw_disks(), 12, method="regions")
    for segment in found.segments:
        inside = found.labels == segment.label
        assert components(inside)[1] == 1
        assert inside.sum() == segment.n_pixels
        np.testing.assert_allclose(segment.mean_rgb, draw_disks()[inside].mean(axis=0) / 255)
    brightness = [np.dot(segment.mean_rgb, [0.2126, 0.7152, 0.0722]) for segment in found.segments]
    assert brightness == sorted(brightness)
    assert sum(segment.share for segment in found.segments) == pytest.approx(1)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_k_regions_are_exactly_k(n: int) -> None:
    found = segmenter.segment(draw_disks(), n, method="regions")
    assert np.unique(found.labels).tolist() == list(range(1, n + 1))


@pytest.mark.slow
@pytest.mark.parametrize("cost", MERGE_COSTS)
def test_a_name_is_a_height_and_finer_cuts_nest_in_coarser_ones(cost: str) -> None:
    cuts = [segmenter.segment(draw_disks(), method="regions", scale=name, merge_cost=cost) for name in SCALES]  # type: ignore[arg-type]
    for name, cut in zip(SCALES, cuts, strict=True):
        height = HEIGHTS[cost][name]  # type: ignore[index]
        by_number = segmenter.segment(draw_disks(), method="regions", scale=height, merge_cost=cost)  # type: ignore[arg-type]
        np.testing.assert_array_equal(cut.labels, by_number.labels)
    for coarse, fine in pairwise(cuts):
        pairs = np.unique(np.stack([coarse.labels.ravel(), fine.labels.ravel()]), axis=1)
        assert pairs.shape[1] == fine.n_labels >= coarse.n_labels


def test_medium_is_what_one_gets() -> None:
    assert RegionsRecipe() == RegionsRecipe(scale="medium")
    assert RegionsRecipe(n_segments=3).height is None


def test_scale_0_is_the_superpixels_themselves() -> None:
    found = segmenter.segment(draw_disks(), method="regions", scale=0, n_superpixels=40)
    assert found.hierarchy is not None
    assert found.n_labels == found.hierarchy.n_superpixels == 40


def test_every_option_of_regions_changes_something() -> None:
    usual = segmenter.segment(draw_disks(), 9, method="regions").labels
    for options in ({"seed": 5}, {"n_superpixels": 20}, {"merge_cost": "hand"}):
        other = segmenter.segment(draw_disks(), 9, method="regions", **options).labels
        assert (usual != other).any(), options


def test_hard_em_and_k_means_are_those_of_the_mixture() -> None:
    picture = draw_disks()
    colors, weights = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    samples = segmenter.Samples(colors / 255, weights.astype(np.float64))
    for method in ("hard-em", "k-means"):
        found = segmenter.segment(picture, 3, method=method)
        assert found.options["method"] == method
        config = segmenter.FitConfig(3, method=method, acceleration=True)
        expected = segmenter.fit(samples, config)
        assert found.trace.log_likelihoods[-1] == pytest.approx(expected.trace.log_likelihoods[-1])


@pytest.mark.parametrize("method", ["hard-em", "k-means"])
def test_a_model_of_any_method_gives_its_photo_the_labels_that_it_had(method: str, tmp_path: Path) -> None:
    found = segmenter.segment(draw_disks(), 3, method=method)  # type: ignore[arg-type]
    segmenter.save_model(found, tmp_path / "a.model.json")
    np.testing.assert_array_equal(segmenter.apply(tmp_path / "a.model.json", draw_disks()).labels, found.labels)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"method": "regions", "color_space": "lab"}, "color_space is no option of the method regions"),
        ({"scale": "fine"}, "scale is no option of the method gmm"),
        ({"method": "regions", "n_segments": 3, "scale": "fine"}, "give one of them"),
        ({"method": "regions", "n_segments": "auto"}, "n_segments is 'auto'; give a whole number"),
        ({"method": "regions", "n_segments": 800}, "more than n_superpixels"),
        ({"method": "regions", "scale": "huge"}, "scale is 'huge'; give coarse, medium, fine or a number from 0"),
        ({"method": "regions", "scale": -1}, "scale is -1"),
        ({"method": "regions", "merge_cost": "best"}, "merge_cost is 'best'"),
        ({"method": "k-means", "covariance_type": "diag"}, "k-means has one spherical covariance"),
        ({"method": "magic"}, "method is 'magic'; give one of gmm, hard-em, k-means, regions"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem):
        segmenter.segment(draw_disks(), **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=problem):
        choose_recipe(options)


@pytest.mark.slow
@pytest.mark.parametrize(("former", "present"), [("hand", "heuristic"), ("fitted", "learned")])
def test_merge_costs_are_still_known_by_their_former_names(former: Any, present: Any, folder: Path) -> None:
    found = segmenter.segment(draw_disks(), method="regions", merge_cost=former)
    expected = segmenter.segment(draw_disks(), method="regions", merge_cost=present)
    assert found.options == expected.options
    assert found.options["merge_cost"] == present
    np.testing.assert_array_equal(found.labels, expected.labels)
    options = ("--method", "regions", "--no-figure", "-o", former)
    assert run("segment", "disks.png", *options, "--merge-cost", former, cwd=folder).returncode == 0
    assert json.loads((folder / former / "disks.json").read_text())["recipe"]["merge_cost"] == present


def test_former_names_of_merge_costs_are_not_shown(folder: Path) -> None:
    assert "[heuristic|learned]" in run("segment", "--help", cwd=folder).stdout
    refused = run("segment", "disks.png", "--method", "regions", "--merge-cost", "best", cwd=folder)
    assert refused.returncode == 2
    assert "'heuristic', 'learned'" in refused.stderr


def test_the_former_name_of_the_default_is_the_default() -> None:
    assert segmenter.segment(draw_disks(), 2, merge_cost="fitted").n_labels == 2  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="merge_cost is no option of the method gmm"):
        segmenter.segment(draw_disks(), 2, merge_cost="hand")  # type: ignore[arg-type]


def test_regions_have_no_mixture() -> None:
    found = segmenter.segment(draw_disks(), method="regions")
    for ask in (lambda: found.mixture, lambda: found.trace, lambda: segmenter.posterior_map(draw_disks(), found)):
        with pytest.raises(NoMixtureError, match="regions are not a mixture"):
            ask()
    with pytest.raises(NoMixtureError):
        segmenter.save_model(found, "x.model.json")


def test_there_are_no_more_regions_than_superpixels() -> None:
    with pytest.warns(SegmenterWarning, match="^1 superpixel, so 1 region instead of 2$"):
        found = segmenter.segment(np.full((9, 9), 7, np.uint8), 2, method="regions")
    assert found.n_labels == 1


# ---- from the command line -----------------------------------------------------------------------------------------


def test_a_photo_becomes_the_usual_files(folder: Path) -> None:
    assert run("segment", "disks.png", "--method", "regions", "-k", 3, cwd=folder).returncode == 0
    record = json.loads((folder / "outputs/disks.json").read_text())
    assert record["recipe"]["method"] == "regions"
    assert record["hierarchy"]["last_merge"] <= record["hierarchy"]["next_merge"]
    assert "mixture" not in record
    labels = segmenter.read_labels(folder / "outputs/disks.labels.png")
    found = segmenter.segment(draw_disks(), **record["recipe"])
    np.testing.assert_array_equal(labels, found.labels)
    with Image.open(folder / "outputs/disks.segments.png") as image:
        colors = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(colors[30, 20], found.segments[labels[30, 20] - 1].rgb8)
    assert (folder / "outputs/disks.figure.png").exists()


@pytest.mark.slow
def test_more_than_255_regions_are_16_bit_labels(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (150, 150), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    result = run("segment", "noise.png", "--method", "regions", "-k", 300, cwd=folder)
    assert result.returncode == 0, result.stderr
    with Image.open(folder / "outputs/noise.labels.png") as image:
        assert image.mode == "I;16"
    assert segmenter.read_labels(folder / "outputs/noise.labels.png").max() == 300


@pytest.mark.slow
def test_a_batch_writes_the_same_bytes_whatever_the_jobs_and_can_be_resumed(folder: Path) -> None:
    Image.fromarray(draw_disks()[::-1, :50]).save(folder / "half.png")
    arguments = ("--method", "regions", "--scale", "fine", "--no-figure")
    photos = ("disks.png", "half.png")
    assert run("segment", *photos, *arguments, "-o", "single", cwd=folder).returncode == 0
    for jobs in (1, 2):
        assert run("batch", *photos, *arguments, "-j", jobs, "-o", jobs, cwd=folder).returncode == 0
        for path in (folder / "single").iterdir():
            assert (folder / str(jobs) / path.name).read_bytes() == path.read_bytes()
    again = run("batch", *photos, *arguments, "-o", 1, "--resume", cwd=folder)
    assert "2 up to date" in again.stderr
    for path in (folder / "1").glob("*.json"):  # as an earlier version wrote it
        path.write_text(path.read_text().replace('"merge_cost": "learned"', '"merge_cost": "fitted"'))
    again = run("batch", *photos, *arguments, "-o", 1, "--resume", cwd=folder)
    assert "2 up to date" in again.stderr
    other = run("batch", *photos, *arguments[:2], "--no-figure", "-o", 1, "--resume", cwd=folder)
    assert "2 done" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--method regions --color-space lab", "--color-space does not apply to --method regions; leave it out"),
        ("--scale fine", "--scale does not apply to --method gmm; leave it out"),
        ("--superpixels 9", "--superpixels does not apply to --method gmm"),
        ("--method regions -k 3 --scale fine", "-k and --scale both set the number of regions; give one of them"),
        ("--method regions -k 800", "-k 800 needs as many superpixels; add --superpixels 800"),
        ("--method regions -k auto", "-k auto does not apply to --method regions; give a number, or --scale"),
        ("--method regions --scale big", "'big' is not one of coarse, medium, fine, all, or a number from 0"),
        ("--method regions --scale nan", "'nan' is not one of"),
        ("--method regions --save posteriors", "--save posteriors needs a mixture, which --method regions does"),
        ("--method regions --save-model", "--save-model needs a mixture"),
        ("--method k-means --covariance tied", "k-means has one spherical covariance"),
    ],
)
def test_wrong_usage_is_one_line_and_touches_nothing(arguments: str, problem: str, folder: Path) -> None:
    result = run("segment", "disks.png", *arguments.split(), cwd=folder)
    assert result.returncode == 2
    assert problem in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (folder / "outputs").exists()


def test_regions_share_no_model(folder: Path) -> None:
    result = run("batch", "disks.png", "--method", "regions", "--shared-model", cwd=folder)
    assert result.returncode == 2
    assert "--shared-model needs a mixture" in result.stderr
