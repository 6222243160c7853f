"""Pictures read by windows: the labels are those of the picture in memory, and what goes wrong leaves nothing."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import kstest

import segmenter
from segmenter.errors import DamagedPhotoError, NoPixelsError, SegmenterError, UnsupportedPhotoError
from segmenter.execution.api import Workers
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.features.pixel_sample import (
    LARGEST,
    compute_priorities,
    count_sample_colors,
    merge_samples,
    sample_pixels,
)
from segmenter.io.rasters import reader as io_windows
from segmenter.io.rasters.base import Window
from segmenter.io.rasters.reader import open_windowed
from segmenter.segmentation import wide_colors
from segmenter.segmentation.recipe import Recipe, RegionsRecipe
from segmenter.segmentation.record import SegmentCountRecord
from segmenter.workflows.segment.job import FigureOptions, WindowOptions, to_windowed
from segmenter.workflows.segment.run import run_job
from segmenter.workflows.segment.strategy import choose_processing_mode
from segmenter.workflows.windowed import color_summary, color_tasks, colors, preview
from tests.support.command import run
from tests.support.scenes import two_colors
from tests.support.windowed import plan, read_written_labels, run_by_windows

pytestmark = pytest.mark.slow

GENERATOR = np.random.default_rng(0)


def picture(height: int, width: int, n_bands: int, dtype: str = "u1", seed: int = 0) -> NDArray[Any]:
    """Return four overlapping clusters of colors in blobs."""
    generator = np.random.default_rng(seed)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    centers = generator.uniform(0.15, 0.85, (4, n_bands))
    place = (np.arange(height)[:, None] // 9 + np.arange(width)[None] // 13) % 4
    values = centers[place] + 0.05 * generator.standard_normal((height, width, n_bands))
    return np.asarray(top * values.clip(0, 1)).astype(dtype)


FORMS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (48, 32)},
    "tiles, deflate": {"tile": (16, 64), "compression": "zlib", "predictor": True},
    "rows": {"rowsperstrip": 1},
    "strips, deflate": {"rowsperstrip": 7, "compression": "zlib"},
    "one strip": {},
    "BigTIFF": {"tile": (32, 32), "bigtiff": True},
    "big-endian": {"byteorder": ">", "rowsperstrip": 20},
    "planes": {"planarconfig": "separate", "tile": (32, 32)},
}


@pytest.mark.usefixtures("small_windows")
class TestBothModes:
    def test_a_picture_of_two_colors_has_two_segments(self, tmp_path: Path) -> None:
        pixels = np.repeat(np.repeat(two_colors(), 20, axis=0), 20, axis=1)
        tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(16, 16))
        record = run_by_windows(tmp_path / "a.tif", Recipe(4)).record
        assert record.n_segments == SegmentCountRecord(asked=4, found=2)
        assert "2 colors, so 2 segments instead of 4" in record.input.notes
        expected = segmenter.segment(pixels, 2).labels
        np.testing.assert_array_equal(read_written_labels(tmp_path / "a.tif"), expected)

    @pytest.mark.parametrize(
        ("n_bands", "dtype", "form"),
        [
            (n_bands, dtype, form)
            for n_bands, dtype in ((3, "u1"), (1, "u1"), (1, "u2"), (3, "u2"))
            for form in FORMS
            if n_bands > 1 or form != "planes"
        ],
    )
    def test_give_the_same_labels(self, tmp_path: Path, form: str, n_bands: int, dtype: str) -> None:
        pixels = picture(131, 87, n_bands, dtype)
        stored = pixels[..., 0] if n_bands == 1 else pixels
        if form == "planes":
            stored = np.moveaxis(stored, -1, 0)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, stored, photometric="rgb" if n_bands == 3 else "minisblack", **FORMS[form])
        result = run_by_windows(path)
        expected = segmenter.segment(path, restarts=1)
        assert (read_written_labels(path) == expected.labels).all()
        assert [segment.n_pixels for segment in result.segmentation.segments] == [
            segment.n_pixels for segment in expected.segments
        ]
        assert result.segmentation.trace.objectives.tolist() == expected.trace.objectives.tolist()

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_leave_out_transparent_pixels(self, tmp_path: Path, dtype: str) -> None:
        pixels = picture(70, 90, 4, dtype)
        pixels[..., 3] = np.iinfo(dtype).max
        pixels[20:50, 10:60, 3] = 0
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["unassalpha"], tile=(32, 32))
        run_by_windows(path)
        labels = read_written_labels(path)
        assert (labels == segmenter.segment(path, restarts=1).labels).all()
        assert (labels[20:50, 10:60] == 0).all()
        assert labels[0, 0] > 0

    def test_interpret_inverted_gray_and_palettes_alike(self, tmp_path: Path) -> None:
        gray = picture(60, 50, 1)[..., 0]
        colors = GENERATOR.integers(0, 256, (3, 256)).astype(np.uint16) * 257
        for name, options in (
            ("inverted", {"photometric": "miniswhite"}),
            ("palette", {"photometric": "palette", "colormap": colors}),
        ):
            path = tmp_path / f"{name}.tif"
            tifffile.imwrite(path, gray, tile=(16, 16), **options)
            run_by_windows(path)
            assert (read_written_labels(path) == segmenter.segment(path, restarts=1).labels).all()

    def test_scale_floats_alike(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, 700 * picture(60, 50, 3, "f4") - 300, photometric="rgb", tile=(16, 16))
        result = run_by_windows(path)
        assert (read_written_labels(path) == segmenter.segment(path, restarts=1).labels).all()
        assert any("scaled to 0…1" in note for note in result.photo.notes)

    def test_choose_the_same_k_if_there_is_one_window(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(io_windows, "WINDOW_BYTES", 1 << 20)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(90, 80, 3), photometric="rgb", tile=(16, 16))
        found, expected = run_by_windows(path, Recipe("auto")).segmentation.selection, segmenter.segment(path, "auto")
        assert found is not None
        assert expected.selection is not None
        assert found.criterion.tolist() == expected.selection.criterion.tolist()

    def test_write_the_same_record_of_the_fit(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(60, 50, 3), photometric="rgb", tile=(16, 16))
        record: Any = run_by_windows(path).record
        from segmenter.workflows.segment.in_memory import compute_in_memory
        from segmenter.workflows.segment.progress import NullProgress

        expected: Any = compute_in_memory(plan(path), NullProgress()).record
        for key in ("recipe", "selection", "fit", "mixture", "unlabeled_pixels"):
            assert getattr(record, key) == getattr(expected, key)
        for key in ("name", "sha256", "width", "height", "channels", "dtype"):
            assert getattr(record.input, key) == getattr(expected.input, key)


@pytest.mark.usefixtures("small_windows")
def test_figures_of_a_preview_say_so_and_show_the_shares_of_the_whole_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "PREVIEW_SIDE", 64)
    pixels = np.zeros((200, 120, 3), np.uint8)
    pixels[:, 119] = 250  # the reduced picture has no pixel of it
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(32, 32))
    drawing = FigureOptions(plots=("palette",), side_by_side=False)
    result = run_by_windows(tmp_path / "a.tif", Recipe(2, restarts=1), figure_options=drawing)
    assert result.photo.pixels.shape == (50, 30, 3)
    assert "figures show the picture reduced to 30×50 pixels" in result.photo.notes
    assert [segment.share for segment in result.segmentation.segments] == [119 / 120, 1 / 120]
    assert "0.8 %" in (tmp_path / "out" / "a.palette.css").read_text()


@pytest.mark.usefixtures("small_windows")
class TestTheLabelImage:
    def test_has_overviews_of_every_second_pixel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("segmenter.io.labels.tiff.OVERVIEW_SIDE", 30)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(131, 87, 3), photometric="rgb", tile=(32, 16))
        run_by_windows(path)
        with tifffile.TiffFile(tmp_path / "out" / "a.labels.tif") as tiff:
            pages: list[Any] = list(tiff.pages)
            assert [page.shape for page in pages] == [(131, 87), (66, 44), (33, 22), (17, 11)]
            assert [int(page.subfiletype) for page in pages] == [0, 1, 1, 1]
            assert all(page.is_tiled and page.compression == 8 for page in pages)
        labels = read_written_labels(path)
        for level in range(1, 4):
            assert (read_written_labels(path, level) == labels[:: 2**level, :: 2**level]).all()

    def test_keeps_the_georeference(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        scale, tie = (10.0, 10.0, 0.0), (0.0, 0.0, 0.0, 5e5, 4e6, 0.0)
        keys, text = (1, 1, 0, 1, 1024, 0, 1, 1), "WGS 84|"
        tags: list[Any] = [(33550, 12, 3, scale), (33922, 12, 6, tie), (34735, 3, 8, keys), (34737, 2, 8, text)]
        tifffile.imwrite(path, picture(40, 50, 3), photometric="rgb", tile=(16, 16), extratags=tags)
        job = choose_processing_mode(plan(path))
        assert job.mode == "windowed"
        run_job(job)
        with tifffile.TiffFile(tmp_path / "out" / "a.labels.tif") as tiff:
            found: Any = tiff.pages.first.tags
            assert [found[code].value for code in (33550, 33922, 34735, 34737)] == [scale, tie, keys, text]
            assert found[42113].value == "0"

    def test_does_not_depend_on_the_number_of_workers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()  # real workers
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(600, 700, 3, "u2"), photometric="rgb", tile=(256, 256))
        written = []
        for n_workers in (1, 3):
            windows = WindowOptions(workers=Workers(n_workers))
            job = plan(path, overwrite=True, figure_options=FigureOptions(), windows=windows)
            run_job(to_windowed(job, "as the test wants it"))
            written.append({output.name: output.read_bytes() for output in (tmp_path / "out").iterdir()})
        assert written[0] == written[1]
        assert set(written[0]) == {"a.labels.tif", "a.figure.png", "a.json"}


@pytest.mark.usefixtures("small_windows")
class TestBands:
    def test_become_the_features(self, tmp_path: Path) -> None:
        pixels = picture(60, 50, 7, "u2")
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.moveaxis(pixels, -1, 0), photometric="minisblack", planarconfig="separate")
        result = run_by_windows(path)
        assert result.segmentation.mixture.n_features == 7
        flat = pixels.reshape(-1, 7).astype(np.float64)
        values = segmenter.Samples((flat - flat.min(axis=0)) / np.ptp(flat, axis=0))  # each band in its own range
        same = segmenter.fit(values, segmenter.FitConfig(n_components=4, restarts=1, acceleration=True))
        assert np.allclose(same.objective, result.segmentation.trace.objectives[-1], atol=1e-3)

    def test_that_are_chosen_give_the_labels_of_a_picture_with_only_these_bands(self, tmp_path: Path) -> None:
        pixels = picture(60, 50, 5)
        tifffile.imwrite(tmp_path / "all.tif", pixels, photometric="minisblack", planarconfig="contig", tile=(16, 16))
        tifffile.imwrite(tmp_path / "some.tif", pixels[..., [3, 1, 0]], photometric="rgb")
        run_by_windows(tmp_path / "all.tif", bands=(4, 2, 1))
        expected = segmenter.segment(tmp_path / "some.tif", restarts=1)
        assert (read_written_labels(tmp_path / "all.tif") == expected.labels).all()

    def test_without_data_get_label_0(self, tmp_path: Path) -> None:
        pixels = picture(60, 50, 4, "f4")
        pixels[:10] = -9999
        pixels[10:15, :20, 2] = np.nan
        path = tmp_path / "a.tif"
        tags: list[Any] = [(42113, 2, 6, "-9999")]
        tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig", extratags=tags)
        result = run_by_windows(path)
        labels = read_written_labels(path)
        assert (labels[:10] == 0).all()
        assert (labels[10:15, :20] == 0).all()
        assert np.count_nonzero(labels) == 60 * 50 - 10 * 50 - 5 * 20
        assert result.record.unlabeled_pixels == 600
        assert any("600 pixels hold no data" in note for note in result.photo.notes)

    def test_that_do_not_exist_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(20, 20, 3), photometric="rgb")
        with pytest.raises(UnsupportedPhotoError, match=r"has no band 4; it has bands 1 to 3"):
            run_by_windows(path, bands=(4,))

    def test_of_an_ome_tiff_may_be_pages(self, tmp_path: Path) -> None:
        pixels = picture(60, 50, 4, "u2")
        path = tmp_path / "a.ome.tif"
        tifffile.imwrite(path, np.moveaxis(pixels, -1, 0), photometric="minisblack", metadata={"axes": "CYX"})
        with open_windowed(path) as opened:
            colors, mask = opened.read(Window(5, 7, 30, 20))
        assert mask is None
        assert (colors == pixels[5:35, 7:27]).all()

    def test_that_are_points_in_time_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.ome.tif"
        tifffile.imwrite(path, picture(20, 30, 1, seed=1)[None, ..., 0].repeat(2, 0), metadata={"axes": "TYX"})
        with pytest.raises(UnsupportedPhotoError, match="holds 2 time points"):
            run_by_windows(path)


class TestASample:
    @pytest.mark.parametrize("masked", [False, True])
    def test_does_not_depend_on_how_a_picture_is_divided(self, masked: bool) -> None:
        pixels = picture(40, 30, 3, "u2")
        mask = np.arange(1200).reshape(40, 30) % 3 > 0 if masked else None
        whole = merge_samples([sample_pixels(pixels, mask, 100, 7)], 100)
        assert len(whole.priorities) == 100
        corners = [(0, 0), (0, 20), (25, 0), (25, 20)]
        for limit in (LARGEST, whole.largest):
            parts = [
                sample_pixels(
                    pixels[top : top + 25, left : left + 20],
                    None if mask is None else mask[top : top + 25, left : left + 20],
                    100,
                    7,
                    corner=(top, left),
                    full_width=30,
                    limit=limit,
                )
                for top, left in corners
            ]
            pairs = [merge_samples(parts[2:], 100), merge_samples(parts[:2], 100)]
            again = merge_samples(pairs, 100)
            assert (whole.colors == again.colors).all()
            assert (whole.priorities == again.priorities).all()

    def test_is_uniform_and_another_for_each_seed(self) -> None:
        one, other = (compute_priorities((0, 0), (200, 300), 300, seed) for seed in (0, 1))
        assert len(np.unique(one)) == one.size
        for drawn in (one, other, one ^ other, one[:, 1:] - one[:, :-1], one[1:] - one[:-1]):
            assert kstest(drawn.ravel() / 2.0**64, "uniform").pvalue > 0.001

    def test_of_a_small_picture_is_all_its_pixels(self) -> None:
        pixels, mask = picture(20, 30, 3, "u2"), np.arange(600).reshape(20, 30) % 3 > 0
        counts, expected = (
            count_sample_colors(sample_pixels(pixels, mask, 1000, 0)),
            find_distinct_colors(pixels, mask),
        )
        assert (counts.colors == expected.colors).all()
        assert (counts.counts == expected.counts).all()

    @pytest.mark.usefixtures("small_windows")
    @pytest.mark.parametrize(("n_bands", "dtype"), [(3, "u2"), (6, "u2"), (1, "f4")])
    def test_is_noted_and_the_same_in_memory_and_nearly_as_good_as_all_pixels(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bands: int, dtype: str
    ) -> None:
        path, bands = tmp_path / "a.tif", picture(200, 150, n_bands, dtype)
        bands[:30, :20] = 0
        form: dict[str, Any] = {"photometric": "rgb" if n_bands == 3 else "minisblack", "tile": (64, 64)}
        if n_bands > 1:
            form["planarconfig"] = "contig"
        tifffile.imwrite(path, bands[..., 0] if n_bands == 1 else bands, **form)
        of_all = segmenter.segment(path, restarts=1)
        for module in (colors, color_summary, color_tasks, wide_colors):
            monkeypatch.setattr(module, "MAX_SAMPLE_PIXELS", 4000)
        result = run_by_windows(path)
        note = "fitted to a sample of 4,000 pixels"
        assert note in result.photo.notes
        assert result.record.windows is not None
        assert result.record.windows.fitted_pixels == 4000
        found = segmenter.segment(path, restarts=1)
        assert note in found.notes
        assert note not in of_all.notes
        assert (read_written_labels(path) == found.labels).all()
        assert [each.n_pixels for each in found.segments] == [each.n_pixels for each in result.segmentation.segments]
        assert np.mean(found.labels == of_all.labels) > 0.98


class TestTheMode:
    def test_is_windowed_if_memory_is_short(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(40, 50, 3), photometric="rgb")
        job = plan(path, windows=WindowOptions(40 * 50 * 15))
        assert choose_processing_mode(job) is job
        chosen = choose_processing_mode(plan(path, windows=WindowOptions(40 * 50 * 15 - 1)))
        assert chosen.mode == "windowed"
        assert chosen.labels.name == "a.labels.tif"

    def test_depends_on_the_memory_that_regions_take(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(40, 50, 3), photometric="rgb")
        job = plan(path, RegionsRecipe(), windows=WindowOptions(40 * 50 * 40))
        assert choose_processing_mode(job) is job
        job = plan(path, RegionsRecipe(), windows=WindowOptions(40 * 50 * 40 - 1))
        assert choose_processing_mode(job).mode == "windowed"

    def test_is_windowed_above_max_pixels_unless_that_is_enforced(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(40, 50, 3), photometric="rgb")
        job = plan(path, max_pixels=1999, windows=WindowOptions(10**9))
        assert choose_processing_mode(job).mode == "windowed"
        job = plan(path, max_pixels=1999, windows=WindowOptions(10**9, enforce_max_pixels=True))
        assert choose_processing_mode(job) is job

    def test_is_in_memory_for_a_file_that_is_not_a_tiff(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        path.write_text("no picture")
        job = plan(path, windows=WindowOptions(1))
        assert choose_processing_mode(job) is job

    def test_excludes_outputs_that_windows_cannot_write(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(40, 50, 3), photometric="rgb")
        with pytest.raises(UnsupportedPhotoError, match="not possible with -o -"):
            choose_processing_mode(plan(path, windows=WindowOptions(1, label_format="zarr")), to_stdout=True)


class TestTheCommand:
    def test_windows_a_picture_that_takes_more_memory_than_allowed(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(300, 200, 3), photometric="rgb", tile=(128, 128))
        result = run("segment", "a.tif", "--max-memory", "500K", "-j", "2", "-o", "out", "-v", cwd=tmp_path)
        told = result.stderr.decode()
        assert result.returncode == 0, told
        assert "note: read by windows: in memory it would take some 1 MB" in told
        assert "200×300 pixels of 3×uint8" in told
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {"a.labels.tif", "a.figure.png", "a.json"}
        assert (read_written_labels(tmp_path / "a.tif") == segmenter.segment(tmp_path / "a.tif").labels).all()

    def test_writes_the_label_image_to_standard_output(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(300, 200, 3), photometric="rgb", tile=(128, 128))
        words = ("segment", "a.tif", "--max-memory", "1K", "-q")
        result = run(*words, "-o", "-", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, b"")
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
        run(*words, "-o", "out", cwd=tmp_path)
        assert result.stdout == (tmp_path / "out" / "a.labels.tif").read_bytes()

    def test_is_silent_if_standard_output_is_closed_early(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(300, 200, 3), photometric="rgb", tile=(128, 128))
        command = str(Path(sys.executable).with_name("segmenter"))
        words = [command, "segment", "a.tif", "--max-memory", "1K", "-q", "-o", "-"]
        with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode == 141

    def test_draws_figures_from_the_preview(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(300, 200, 3), photometric="rgb", tile=(128, 128))
        plots = [word for plot in ("contours", "cutouts", "likelihood", "palette") for word in ("--plot", plot)]
        for options in (("--max-memory", "1K", "-o", "out"), ("-o", "whole")):
            result = run("segment", "a.tif", "--no-figure", "--dpi", "60", *plots, *options, cwd=tmp_path)
            assert result.returncode == 0, result.stderr.decode()
        names = {f"a.plot-{plot}.png" for plot in plots[1::2]} | {"a.palette.css", "a.palette.gpl"}
        for name in (f"a.plot-{plot}.png" for plot in plots[1::2]):  # so small a picture is not reduced
            drawn, expected = (np.asarray(Image.open(tmp_path / folder / name)) for folder in ("out", "whole"))
            assert (drawn == expected).all()
        assert {path.name for path in (tmp_path / "out").iterdir()} == names | {"a.labels.tif", "a.json"}

    def test_chooses_bands(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(60, 50, 5), photometric="minisblack", planarconfig="contig")
        result = run("segment", "a.tif", "--bands", "4,2", "--no-figure", "--json", cwd=tmp_path)
        record = json.loads(result.stdout)
        assert record["windows"]["bands"] == [4, 2]
        assert len(record["mixture"]["means"][0]) == 2
        assert record["outputs"] == ["outputs/a.labels.tif", "outputs/a.json"]

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (("--bands", "0"), "is not a list of band numbers from 1"),
            (("--bands", "1,1"), "names a band twice"),
            (("--max-memory", "0"), "'0' is too little; give at least 1"),
            (("--bands", "4"), "has no band 4; it has bands 1 to 3"),
            (("--max-memory", "1K", "--save", "confidence"), "not possible with --save"),
            (("--max-memory", "1K", "-o", "-", "--label-format", "zarr"), "not possible with -o -"),
            (("--max-memory", "1K", "--method", "regions", "--save", "hierarchy"), "not possible with --save"),
            (("--max-memory", "1K", "--method", "regions", "--scale", "all"), "not possible with --scale all"),
            (("--max-memory", "1K", "--max-pixels", "9"), "are more than the limit of 9"),
        ],
    )
    def test_reports_invalid_options_in_one_line(self, tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(60, 50, 3), photometric="rgb")
        result = run("segment", "a.tif", *options, cwd=tmp_path)
        assert result.returncode != 0
        assert problem in result.stderr.decode()
        assert result.stderr.count(b"\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]

    def test_leaves_no_files_if_the_disk_is_full(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", GENERATOR.integers(0, 256, (900, 700, 3), np.uint8), photometric="rgb")

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

        words = ("segment", "a.tif", "--max-memory", "1K", "--no-figure", "-o", "out")
        result = run(*words, cwd=tmp_path, preexec_fn=limit)
        assert result.returncode == 1
        assert result.stderr == b"segmenter: out/a.labels.tif: cannot be written (file too large); " + (
            b"choose another folder with -o\n"
        )
        assert list((tmp_path / "out").iterdir()) == []

    def test_leaves_no_files_if_interrupted(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", GENERATOR.integers(0, 256, (3000, 2000, 3), np.uint8), photometric="rgb")
        command = Path(sys.executable).with_name("segmenter")
        process = subprocess.Popen(
            [command, "segment", "a.tif", "--max-memory", "1K", "-o", "out"], cwd=tmp_path, stderr=subprocess.PIPE
        )
        while process.poll() is None and not list(tmp_path.glob("out/.segmenter-*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert told == b"segmenter: interrupted; nothing was written\n"
        assert list((tmp_path / "out").iterdir()) == []

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_applies_a_model(self, tmp_path: Path, dtype: str) -> None:
        for seed, name in enumerate(("a.tif", "b.tif")):
            tifffile.imwrite(tmp_path / name, picture(300, 200, 3, dtype, seed), photometric="rgb", tile=(128, 128))
        run("segment", "a.tif", "--max-memory", "1K", "--save-model", "--no-figure", "-o", "out", cwd=tmp_path)
        model = tmp_path / "out" / "a.model.json"
        result = run("apply", model, "b.tif", "--max-memory", "1K", "-o", "out", cwd=tmp_path)
        assert result.returncode == 0, result.stderr.decode()
        assert (read_written_labels(tmp_path / "b.tif") == segmenter.apply(model, tmp_path / "b.tif").labels).all()
        record = json.loads((tmp_path / "out" / "b.json").read_text())
        assert record["model"]["name"] == "a.model.json"
        assert sum(segment["pixels"] for segment in record["segments"]) == 300 * 200

    def test_refuses_a_model_of_colors_for_bands(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", picture(60, 50, 3), photometric="rgb")
        tifffile.imwrite(tmp_path / "b.tif", picture(60, 50, 5), photometric="minisblack", planarconfig="contig")
        run("segment", "a.tif", "--save-model", "--no-figure", cwd=tmp_path)
        result = run("apply", "outputs/a.model.json", "b.tif", cwd=tmp_path)
        assert result.returncode == 1
        assert (
            result.stderr
            == b"segmenter: b.tif: a model of colors cannot be applied to 5 bands; choose three of them with --bands\n"
        )


class TestZarr:
    @pytest.mark.parametrize("version", [2, 3])
    def test_gives_the_labels_of_a_tiff_with_the_same_pixels(self, tmp_path: Path, version: Any) -> None:
        pixels = picture(131, 87, 3)
        array = zarr.create_array(
            tmp_path / "a", shape=pixels.shape, chunks=(40, 30, 3), dtype="u1", zarr_format=version
        )
        array[:] = pixels
        tifffile.imwrite(tmp_path / "b.tif", pixels, photometric="rgb")
        job = choose_processing_mode(plan(tmp_path / "a"))
        assert job.mode == "windowed"
        run_job(job)
        assert (read_written_labels(tmp_path / "a") == segmenter.segment(tmp_path / "b.tif", restarts=1).labels).all()

    def test_of_ome_has_axes(self, tmp_path: Path) -> None:
        pixels = picture(30, 20, 4, "u2")
        group = zarr.open_group(tmp_path / "a", mode="w")
        array = group.create_array("0", shape=(1, 4, 30, 20), chunks=(1, 1, 16, 16), dtype="u2")
        array[:] = np.moveaxis(pixels, -1, 0)[None]
        axes = [{"name": name} for name in "tcyx"]
        group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
        with open_windowed(tmp_path / "a") as opened:
            assert opened.shape == (30, 20)
            assert (opened.read(Window(3, 2, 20, 10))[0] == pixels[3:23, 2:12]).all()

    def test_group_without_a_picture_is_refused_with_advice(self, tmp_path: Path) -> None:
        zarr.open_group(tmp_path / "a", mode="w").create_array("b", shape=(9, 9), dtype="u1")
        with (
            pytest.raises(UnsupportedPhotoError, match="not OME-Zarr; give the path of an array in it"),
            open_windowed(tmp_path / "a"),
        ):
            pass

    def test_with_invalid_metadata_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "zarr.json").write_text("{")
        with pytest.raises(DamagedPhotoError), open_windowed(tmp_path):
            pass


@pytest.mark.usefixtures("small_windows")
class TestErrors:
    def test_a_damaged_tile_is_reported_in_one_line_and_leaves_no_files(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(131, 87, 3), photometric="rgb", tile=(32, 32), compression="zlib")
        with tifffile.TiffFile(path) as tiff:
            page: Any = tiff.pages.first
            offset = page.dataoffsets[7]
        data = bytearray(path.read_bytes())
        data[offset : offset + 40] = bytes(40)
        path.write_bytes(data)
        with pytest.raises(DamagedPhotoError, match=r"the block at row 64, column 32"):
            run_by_windows(path)
        assert not [*(tmp_path / "out").glob("*")]

    @pytest.mark.parametrize("form", ["tiles", "tiles, deflate", "rows", "one strip"])
    def test_a_truncated_file_is_refused(self, tmp_path: Path, form: str) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(131, 87, 3), photometric="rgb", **FORMS[form])
        path.write_bytes(path.read_bytes()[:-3000])
        with pytest.raises(SegmenterError, match="is damaged or truncated"):
            run_by_windows(path)
        assert not (tmp_path / "out" / "a.json").exists()

    def test_a_picture_without_any_data_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.full((20, 30), np.nan, np.float32))
        with pytest.raises(NoPixelsError):
            run_by_windows(path)

    def test_existing_results_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(20, 30, 3), photometric="rgb")
        run_by_windows(path)
        before = (tmp_path / "out" / "a.labels.tif").read_bytes()
        with pytest.raises(SegmenterError, match="already exists"):
            run_by_windows(path, Recipe(2))
        assert (tmp_path / "out" / "a.labels.tif").read_bytes() == before
        assert json.loads((tmp_path / "out" / "a.json").read_text())["recipe"]["n_segments"] == 4
