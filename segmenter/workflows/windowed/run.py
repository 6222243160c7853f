"""One picture larger than memory, from file to files: processed window by window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from segmenter.execution.processes import persistent_pool
from segmenter.io.files.local import compute_digest, ensure_path_unmodified
from segmenter.io.images.photo import Photo
from segmenter.io.rasters.reader import WindowedPicture, open_windowed
from segmenter.segmentation.apply import check_model_bands
from segmenter.segmentation.bands import check_bands
from segmenter.segmentation.model import build_model
from segmenter.segmentation.model_file import encode_model
from segmenter.segmentation.recipe import RegionsRecipe
from segmenter.segmentation.record import encode_record
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.outputs import write_outputs
from segmenter.workflows.segment.progress import Progress
from segmenter.workflows.segment.result import SegmentResult
from segmenter.workflows.windowed.colors import find_segments
from segmenter.workflows.windowed.record import build_notes, build_windowed_record, draw_figure, prepare_for_display
from segmenter.workflows.windowed.regions import find_regions
from segmenter.workflows.windowed.value_range import find_value_range


def run_windowed(job: SegmentJob, progress: Progress) -> SegmentResult:
    """Read, segment, draw and write one picture window by window; return what was found.

    Returns
    -------
    SegmentResult
        Its photo and label image are a preview; its record and segments describe the whole picture.

    Raises
    ------
    SegmenterError
        No output was written.
    """
    with ExitStack() as stack:
        stack.enter_context(ensure_path_unmodified(job.source))
        digest = stack.enter_context(ThreadPoolExecutor(1)).submit(compute_digest, job.source)
        picture = stack.enter_context(open_windowed(job.source, job.windows.bands))
        check_recipe(picture, job)
        workers = stack.enter_context(persistent_pool(job.windows.workers))
        job = replace(job, windows=replace(job.windows, workers=workers))
        picture = picture.scaled(find_value_range(picture, job, progress))
        if isinstance(job.recipe, RegionsRecipe):
            found = find_regions(picture, job, job.recipe, progress, stack)
        else:
            found = find_segments(picture, job, job.recipe, progress, stack)
        photo = Photo(
            found.pixels,
            found.mask,
            job.source.name,
            digest.result(),
            build_notes(picture, found, job),
            picture.value_range,
        )
        record = build_windowed_record(photo, found, picture, job)
        result = SegmentResult(record, found.segmentation, photo)
        files: dict[Path, bytes | Path] = {job.labels: found.label_image}
        if job.figure is not None:
            files[job.figure] = draw_figure(result, job)
        if job.plots:
            from segmenter.workflows.segment.plots import draw_plots

            shown = replace(photo, pixels=prepare_for_display(photo, found.segmentation.segments)[0])
            files |= draw_plots(shown, found.segmentation, job, record)
        if job.saved_model is not None:
            files[job.saved_model] = encode_model(build_model(found.segmentation))
        files[job.record] = encode_record(record)
        return replace(result, removed=write_outputs(job, files))


def check_recipe(picture: WindowedPicture, job: SegmentJob) -> None:
    """Raise InvalidArgumentError if the recipe or the model cannot be used with the bands of a picture."""
    if job.model is None:
        check_bands(picture.n_features, job.recipe, picture.label)
    else:
        check_model_bands(picture.n_features, job.model, picture.label)
