"""Pictures of bands: Python, `compare` and `select` read what the command reads, and say what is left out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

import segmenter
from segmenter.errors import (
    InvalidArgumentError,
    MissingExtraError,
    NoPixelsError,
    SegmenterError,
    UnsupportedPhotoError,
)
from segmenter.io.images.photo import Reading, photo_from_array, read_photo
from segmenter.workflows.report.previews import PreviewJob, find_photo
from tests.support.command import run
from tests.support.geotiffs import LEFT_OUT, NO_DATA, picture, write_geotiff
from tests.support.windowed import read_written_labels, run_by_windows


class TestFiles:
    @pytest.mark.parametrize("dtype", NO_DATA)
    @pytest.mark.parametrize("n_bands", [4, 6])
    def test_have_the_same_labels_in_python_as_by_the_command(self, tmp_path: Path, n_bands: int, dtype: str) -> None:
        path = write_geotiff(tmp_path / "a.tif", picture(n_bands, dtype))
        found = segmenter.segment(path, 4, restarts=1)
        by_windows = run_by_windows(path)
        np.testing.assert_array_equal(found.labels, read_written_labels(path))
        np.testing.assert_array_equal(found.mixture.means, by_windows.segmentation.mixture.means)
        assert found.mixture.means.shape == (4, n_bands)
        assert (found.labels[LEFT_OUT] == 0).all()
        assert (found.labels == 0).sum() == 600
        assert "600 pixels hold no data and get label 0" in found.notes
        assert found.notes == by_windows.photo.notes[1:]  # the first says that it was read by windows

    def test_are_read_whole_from_a_stream(self, tmp_path: Path) -> None:
        path = write_geotiff(tmp_path / "a.tif", picture(5))
        whole = read_photo(path)
        assert whole.pixels.shape == (60, 80, 5)
        np.testing.assert_array_equal(read_photo(io.BytesIO(path.read_bytes())).pixels, whole.pixels)
        labels = run("segment", "-", "-o", "-", "-q", "--restarts", "1", cwd=tmp_path, input=path.read_bytes()).stdout
        with Image.open(io.BytesIO(labels)) as image:
            np.testing.assert_array_equal(np.asarray(image), segmenter.segment(path, restarts=1).labels)

    def test_may_be_zarr(self, tmp_path: Path) -> None:
        bands: Any = picture(5)
        zarr.save_array(str(tmp_path / "a.zarr"), bands)
        found = segmenter.segment(tmp_path / "a.zarr", restarts=1)
        np.testing.assert_array_equal(found.labels, segmenter.segment(bands, restarts=1, channel_axis=2).labels)
        assert read_photo(tmp_path / "a.zarr").digest is not None

    def test_with_more_bands_than_colors_say_what_is_left_out(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(6), photometric="rgb", planarconfig="contig", extrasamples=[0] * 3)
        photo = read_photo(tmp_path / "a.tif")
        assert photo.pixels.shape[2] == 3
        assert photo.notes == ("3 more bands are left out; choose with --bands 1,2,…",)

    def test_with_several_pages_say_so(self, tmp_path: Path) -> None:
        pages = np.stack([picture(1)[..., 0]] * 3)
        tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
        assert segmenter.segment(tmp_path / "a.tif").notes == ("first of 3 pages",)

    def test_give_chosen_bands_in_their_order(self, tmp_path: Path) -> None:
        bands = picture(6, "u2")
        path = write_geotiff(tmp_path / "a.tif", bands)
        photo = read_photo(path, reading=Reading((4, 2)))
        assert photo.mask is not None
        np.testing.assert_array_equal(photo.pixels[photo.mask], read_photo(path).pixels[photo.mask][:, [3, 1]])
        run_by_windows(path, bands=(5, 1, 2))
        found = segmenter.segment(path, restarts=1, bands=(5, 1, 2))
        np.testing.assert_array_equal(found.labels, read_written_labels(path))

    def test_that_do_not_have_the_bands_are_refused(self, tmp_path: Path) -> None:
        path = write_geotiff(tmp_path / "a.tif", picture(6))
        with pytest.raises(UnsupportedPhotoError, match="has no band 9; it has bands 1 to 6"):
            segmenter.segment(path, bands=[9])
        Image.fromarray(picture(3)).save(tmp_path / "a.png")
        with pytest.raises(UnsupportedPhotoError, match="neither a TIFF nor a Zarr array; only of these can bands be"):
            segmenter.segment(tmp_path / "a.png", bands=[1])

    def test_that_cannot_be_decoded_as_bands_are_not_read_as_colors(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bands, colors = write_geotiff(tmp_path / "a.tif", picture(4)), tmp_path / "b.tif"
        tifffile.imwrite(colors, picture(3), photometric="rgb")
        monkeypatch.setattr("segmenter.io.rasters.tiff.has_decoder", lambda page: False)
        with pytest.raises(MissingExtraError, match=r"a.tif: NONE compression needs libraries"):
            segmenter.segment(bands)
        assert read_photo(colors).pixels.shape == (60, 80, 3)

    def test_without_any_data_are_refused(self, tmp_path: Path) -> None:
        path = write_geotiff(tmp_path / "a.tif", np.zeros_like(picture(5)))
        with pytest.raises(NoPixelsError):
            segmenter.segment(path)

    def test_are_damaged_if_a_block_is(self, tmp_path: Path) -> None:
        path = write_geotiff(tmp_path / "a.tif", picture(5), compression="zlib")
        content = bytearray(path.read_bytes())
        content[-200:-100] = bytes(100)
        path.write_bytes(content)
        with pytest.raises(SegmenterError, match="is damaged"):
            segmenter.segment(path)


class TestArrays:
    @pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
    def test_have_their_channels_on_any_axis(self, axis: int) -> None:
        bands = picture(5, "f4")
        expected = segmenter.segment(bands, channel_axis=2)
        found = segmenter.segment(np.moveaxis(bands, 2, axis), channel_axis=axis)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.mixture.n_features == 5

    def test_of_four_channels_end_with_alpha_unless_an_axis_is_given(self) -> None:
        bands = picture(4)
        bands[30:, :, 3] = 0
        assert (segmenter.segment(bands).labels[30:] == 0).all()
        assert (segmenter.segment(bands, channel_axis=2).labels > 0).all()

    def test_give_chosen_bands(self) -> None:
        bands = picture(6)
        found = segmenter.segment(bands, bands=(3, 1), channel_axis=-1)
        expected = segmenter.segment(bands[..., [2, 0]], channel_axis=-1)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.mixture.n_features == 2

    @pytest.mark.parametrize("missing", ["NaN", "infinite", "masked", "mask", "alpha"])
    def test_leave_pixels_out_in_every_way_alike(self, missing: str) -> None:
        values = picture(3, "u2")[..., ::-1] / 10_000
        expected = segmenter.segment(values[20:], restarts=1)
        inside = np.ones(values.shape[:2], np.bool_)
        inside[:20] = False
        image: Any = values
        options: dict[str, Any] = {}
        if missing == "masked":
            image = np.ma.masked_array(values, np.broadcast_to(~inside[..., None], values.shape))
        elif missing == "mask":
            options["mask"] = inside
        elif missing == "alpha":
            image = np.dstack([values, inside])
        else:
            image = values.copy()
            image[:20, :, 1] = {"NaN": np.nan, "infinite": -np.inf}[missing]
        found = segmenter.segment(image, restarts=1, **options)
        np.testing.assert_array_equal(found.labels[20:], expected.labels)
        assert (found.labels[:20] == 0).all()
        noted = ("1,600 pixels hold no data and get label 0",) if missing not in ("mask", "alpha") else ()
        assert found.notes == (*noted, *expected.notes)  # the latter tells the value range of what takes part

    def test_values_that_are_masked_may_be_anything(self) -> None:
        bands = picture(3, "i2")
        found = segmenter.segment(np.ma.masked_equal(bands, -9999), restarts=1)
        assert (found.labels[LEFT_OUT] == 0).all()
        assert (found.labels == 0).sum() == 600

    def test_are_read_again_as_they_were(self) -> None:
        bands = np.moveaxis(picture(5), 2, 0)
        inside = np.arange(60 * 80).reshape(60, 80) % 7 > 0
        found = segmenter.segment(bands, 3, bands=(2, 4), channel_axis=0, mask=inside)
        posteriors = segmenter.posterior_map(bands, found)
        np.testing.assert_array_equal(np.where(posteriors.any(axis=2), posteriors.argmax(axis=2) + 1, 0), found.labels)
        assert (segmenter.confidence_map(bands, found) > 0).sum() == inside.sum()

    @pytest.mark.parametrize("plot", ["contours", "cutouts", "confidence", "palette", "likelihood", "colors"])
    def test_of_bands_are_drawn(self, plot: Any) -> None:
        bands = picture(5)
        found = segmenter.segment(bands, 3, channel_axis=2)
        content = io.BytesIO()
        segmenter.draw_plot(bands, found, plot).savefig(content, format="png")
        drawn = np.asarray(Image.open(content).convert("RGB"))
        assert min(drawn.shape[:2]) > 50
        assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > found.n_labels  # not blank, and not the segments alone


# ---- models --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NO_DATA)
def test_a_model_of_bands_gives_the_same_labels_again(tmp_path: Path, dtype: str) -> None:
    path = write_geotiff(tmp_path / "a.tif", picture(5, dtype))
    found = segmenter.segment(path, 3)
    segmenter.save_model(found, tmp_path / "a.model.json")
    model = segmenter.load_model(tmp_path / "a.model.json")
    again = segmenter.apply(model, path)
    np.testing.assert_array_equal(again.labels, found.labels)
    part = write_geotiff(tmp_path / "part.tif", picture(5, dtype)[10:])  # it uses another range of values
    np.testing.assert_array_equal(segmenter.apply(model, part).labels, found.labels[10:])
    assert run("apply", "a.model.json", "part.tif", "-o", "out", cwd=tmp_path).returncode == 0
    np.testing.assert_array_equal(read_written_labels(part), found.labels[10:])


def test_a_model_is_applied_to_its_own_number_of_bands(tmp_path: Path) -> None:
    segmenter.save_model(segmenter.segment(picture(5, "u2"), 3, channel_axis=2), tmp_path / "five.model.json")
    segmenter.save_model(segmenter.segment(picture(3, "u2"), 3), tmp_path / "colors.model.json")
    for name, n_bands, problem in (
        ("five", 6, "a model of 5 bands cannot be applied to 6 bands; choose 5 of them with --bands"),
        ("five", 3, "a model of 5 bands cannot be applied to 3 bands; give a picture that has 5"),
        ("five", 1, "a model of 5 bands cannot be applied to 1 band; give a picture that has 5"),
        ("colors", 5, "a model of colors cannot be applied to 5 bands; choose three of them with --bands"),
        ("colors", 2, "a model of colors cannot be applied to 2 bands; give a picture that has three"),
    ):
        model = segmenter.load_model(tmp_path / f"{name}.model.json")
        with pytest.raises(InvalidArgumentError) as caught:
            segmenter.apply(model, picture(n_bands, "u2"), channel_axis=2)
        assert str(caught.value) == f"array: {problem}"


FAULTS: dict[str, tuple[Callable[[], object], str]] = {
    "mask of another shape": (
        lambda: segmenter.segment(picture(3), mask=np.ones((80, 60), np.bool_)),
        r"mask has the shape \(80, 60\), but the image has 60 rows and 80 columns",
    ),
    "mask of numbers": (
        lambda: segmenter.segment(picture(3), mask=np.ones((60, 80), np.uint8)),
        "mask is of uint8; give an array of bool",
    ),
    "list as a mask": (lambda: segmenter.segment(picture(3), mask=[True]), "mask is a list; give"),  # type: ignore[arg-type]
    "axis out of range": (lambda: segmenter.segment(picture(5), channel_axis=3), "channel_axis is 3, which"),
    "axis of a gray array": (lambda: segmenter.segment(picture(3)[..., 0], channel_axis=2), "channel_axis is 2, which"),
    "axis of a file": (lambda: segmenter.segment("a.tif", channel_axis=0), "channel_axis is for arrays"),
    "five channels": (lambda: segmenter.segment(picture(5)), "give channel_axis=2 if its 5 channels are bands"),
    "too many channels": (
        lambda: segmenter.segment(np.zeros((2, 3, 65)), channel_axis=2),
        "image has 65 bands, more than the 64",
    ),
    "band 0": (lambda: segmenter.segment(picture(3), bands=[0]), r"bands are \[0\]; give whole numbers from 1"),
    "a band twice": (lambda: segmenter.segment(picture(3), bands=[2, 2]), r"bands are \[2, 2\]; give whole"),
    "half a band": (lambda: segmenter.segment(picture(3), bands=[1.5]), r"bands are \[1.5\]; give whole"),  # type: ignore[list-item]
    "no such band": (
        lambda: photo_from_array(picture(6), reading=Reading((9,), 2)),
        r"bands are \(9,\), but the array has 6",
    ),
    "bands of an image": (
        lambda: segmenter.segment(Image.fromarray(picture(3)), bands=[1]),
        "bands cannot be chosen of a Pillow image",
    ),
    "Lab of bands": (
        lambda: segmenter.segment(picture(5), channel_axis=2, color_space="lab"),
        "color space lab cannot be computed from 5 bands; choose three",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_choice_is_one_clear_line(fault: str) -> None:
    call, message = FAULTS[fault]
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_mask_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(NoPixelsError, match="every pixel is fully transparent, masked or without data"):
        segmenter.segment(picture(3), mask=np.zeros((60, 80), np.bool_))


# ---- compare and select --------------------------------------------------------------------------------------------


def test_compare_takes_all_bands_or_those_chosen(tmp_path: Path) -> None:
    write_geotiff(tmp_path / "a.tif", picture(6, "u2"))
    for options, n_parameters in (((), 2 * 27 + 1), (("--bands", "4,3,2"), 2 * 9 + 1)):
        result = run("compare", "a.tif", "-k", "2", "-o", "a.png", "--overwrite", "--json", *options, cwd=tmp_path)
        record = json.loads(result.stdout)
        assert record.get("bands") == ([4, 3, 2] if options else None)
        assert record["variants"][0]["parameters"] == n_parameters
        assert b"600 pixels hold no data and get label 0" in result.stderr


def test_select_takes_chosen_bands(tmp_path: Path) -> None:
    write_geotiff(tmp_path / "a.tif", picture(6))
    options = ("-o", "out", "--json", "--max-segments", "2", "--bands", "4,3,2")
    result = run("select", "a.tif", *options, cwd=tmp_path)
    record = json.loads(result.stdout)
    assert record["recipe"]["bands"] == [4, 3, 2]
    assert "600 pixels hold no data and get label 0" in record["notes"]
    assert record["table"][0]["n_parameters"] == 9


def test_the_report_shows_the_chosen_bands(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", picture(6))
    job = PreviewJob((tmp_path / "none"), (60, 80), (), (path,), read_photo(path).digest, 10**9, (6, 4, 2))
    shown, problem = find_photo(job)
    assert problem == ""
    assert shown is not None
    np.testing.assert_array_equal(shown[20:, :, :3], picture(6)[20:, :, [5, 3, 1]])


def test_bands_of_a_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    result = run("select", "a.csv", "--bands", "1", cwd=tmp_path)
    assert result.returncode == 1
    assert b"--bands is for photos, and a.csv is a table" in result.stderr
