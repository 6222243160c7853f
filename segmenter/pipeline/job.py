"""A job: one photo from file to files. It carries paths and plain values only, so that it can travel to a worker."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, get_args

from segmenter import __version__
from segmenter.errors import OutputCollisionError, OutputExistsError, WriteError
from segmenter.io.files import MAX_INDEX, encode_gray, encode_labels, encode_segments, write_files
from segmenter.io.photo import Photo, read_photo
from segmenter.mixture.em import FitTrace
from segmenter.mixture.selection import Selection
from segmenter.pipeline.model import Model, apply_model, model_of
from segmenter.pipeline.model_file import encode_model
from segmenter.pipeline.recipe import Recipe
from segmenter.pipeline.segment import segment_photo
from segmenter.regions.labels import Segmentation
from segmenter.render.paint import display_rgb, mean_colors
from segmenter.render.palette import palette
from segmenter.render.quiet import quiet_matplotlib

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]
Extra: TypeAlias = Literal["posteriors", "confidence", "model"]
"""What is written on request only."""


EXTRA_ENDINGS: dict[Extra, str] = {
    "posteriors": "posteriors.npz",
    "confidence": "confidence.png",
    "model": "model.json",
}


@dataclass(frozen=True)
class FigureOptions:
    """How the side-by-side figure is drawn; the segments do not depend on it."""

    figure_format: FigureFormat = "png"
    dpi: int = 300


@dataclass(frozen=True)
class Job:
    """What to do with one photo."""

    source: Path
    labels: Path
    segments: Path
    record: Path
    figure: Path | None  # None = no figure
    recipe: Recipe
    figure_options: FigureOptions
    max_pixels: int
    overwrite: bool
    posteriors: Path | None = None  # None, as for the next two = is not computed
    confidence: Path | None = None
    saved_model: Path | None = None
    model: Model | None = None  # to be applied; None = a mixture is fitted

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Everything that is written, the record last."""
        optional = (self.figure, self.posteriors, self.confidence, self.saved_model)
        return (self.labels, self.segments, *(path for path in optional if path is not None), self.record)


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job found; small but for the label image."""

    record: Mapping[str, Any]  # the content of NAME.json
    segmentation: Segmentation
    photo: Photo


def plan_job(
    source: Path,
    folder: Path,
    recipe: Recipe,
    *,
    figure_options: FigureOptions | None,
    max_pixels: int,
    overwrite: bool,
    extras: Collection[Extra] = (),
    model: Model | None = None,
) -> Job:
    """Name the outputs of one photo: NAME.labels.png and so on, NAME being the file name without its extension.

    Parameters
    ----------
    source : Path
    folder : Path
        Where the outputs go; made when the first is written.
    recipe : Recipe
    figure_options : FigureOptions or None
        None draws no figure.
    max_pixels : int
    overwrite : bool
        Whether files that exist may be replaced.
    extras : collection of {"posteriors", "confidence", "model"}
        What else to write.
    model : Model, optional
        Apply it, and fit nothing.
    """
    name = source.stem
    chosen = {extra: folder / f"{name}.{ending}" for extra, ending in EXTRA_ENDINGS.items() if extra in extras}
    return Job(
        source=source,
        labels=folder / f"{name}.labels.png",
        segments=folder / f"{name}.segments.png",
        record=folder / f"{name}.json",
        figure=None if figure_options is None else folder / f"{name}.figure.{figure_options.figure_format}",
        recipe=recipe,
        figure_options=figure_options or FigureOptions(),
        max_pixels=max_pixels,
        overwrite=overwrite,
        posteriors=chosen.get("posteriors"),
        confidence=chosen.get("confidence"),
        saved_model=chosen.get("model"),
        model=model,
    )


def check_outputs(jobs: Sequence[Job], *, kept: Sequence[Path] = ()) -> None:
    """Refuse jobs whose outputs cannot all be written, before any work is done.

    Parameters
    ----------
    jobs : sequence of Job
    kept : sequence of Path
        Other files that no output may replace.

    Raises
    ------
    OutputCollisionError
        A photo is given twice, two would write the same file, or an output would replace a photo.
    WriteError
        A folder is in the place of an output, or a file in that of its folder.
    OutputExistsError
        An output exists and may not be replaced.
    """
    inputs: set[str] = set()
    for job in jobs:
        place = os.path.realpath(job.source)
        if place in inputs:
            raise OutputCollisionError(str(job.source), "is given twice; give it once")
        inputs.add(place)
    inputs.update(os.path.realpath(path) for path in kept)
    written: dict[str, Path] = {}
    for job in jobs:
        for path in job.outputs:
            place = os.path.realpath(path)
            if place in inputs:
                raise OutputCollisionError(str(path), "would replace an input; choose another folder with -o")
            if place in written:
                raise OutputCollisionError(
                    str(path),
                    f"would be written for both {written[place]} and {job.source}; "
                    "rename one, or segment them in two runs with different -o folders",
                )
            written[place] = job.source
            check_place(path)
    existing = [path for job in jobs if not job.overwrite for path in job.outputs if os.path.lexists(path)]
    if existing:
        raise OutputExistsError(str(existing[0]), n_more=len(existing) - 1)


def earlier_figures(stems: Sequence[Path], written: Collection[Path]) -> list[Path]:
    """Return figures in other formats, which show what an earlier run found.

    They are not removed, as nobody asked for that; but beside the new results they would be taken for theirs.

    Parameters
    ----------
    stems : sequence of Path
        Of figures, without the ending of the format.
    written : collection of Path
        What was written now.
    """
    places = [stem.with_name(f"{stem.name}.{ending}") for stem in stems for ending in get_args(FigureFormat)]
    return [path for path in places if path not in written and os.path.lexists(path)]


def check_place(path: Path) -> None:
    """Raise WriteError if a folder is in the place of a file, or a file in that of its folder."""
    if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where the name is too long
        raise WriteError(str(path), "is a folder")
    nearest = next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    if not os.path.isdir(nearest):  # noqa: PTH112
        raise WriteError(str(nearest), "is a file, not a folder")


def run_job(job: Job, stream: BinaryIO | None = None) -> JobResult:
    """Read, segment, draw and write one photo.

    Parameters
    ----------
    job : Job
    stream : binary file, optional
        Where to read the photo from, instead of the path of the job.

    Raises
    ------
    SegmenterError
        Nothing of this photo was written.
    """
    result = compute_job(job, stream)
    labels, colors = result.segmentation.labels, mean_colors(result.segmentation.segments)
    label_image = encode_label_image(result.segmentation)
    files = {
        job.labels: label_image,
        job.segments: encode_segments(labels, colors, label_image),
    }
    if job.figure is not None:
        files[job.figure] = draw_figure(result, job)
    files |= encode_extras(result, job)
    files[job.record] = (json.dumps(result.record, indent=1, ensure_ascii=False) + "\n").encode()
    write_files(files, overwrite=job.overwrite)
    return result


def compute_job(job: Job, stream: BinaryIO | None = None) -> JobResult:
    """Read and segment one photo, and write nothing."""
    photo = read_photo(stream or job.source, name=str(job.source), max_pixels=job.max_pixels)
    segmentation = segment_photo(photo, job.recipe) if job.model is None else apply_model(photo, job.model)
    return JobResult(describe(photo, segmentation, job.recipe, job.model), segmentation, photo)


def encode_label_image(segmentation: Segmentation) -> bytes:
    """Return the label image as PNG, in the colors of the palette."""
    return encode_labels(segmentation.labels, palette(min(segmentation.n_labels, MAX_INDEX)))


def encode_extras(result: JobResult, job: Job) -> dict[Path, bytes]:
    """Return what is written on request only."""
    photo, segmentation = result.photo, result.segmentation
    files = {}
    if job.posteriors is not None:
        from segmenter.io.npz import encode_arrays
        from segmenter.pipeline.posterior_maps import posterior_map

        arrays = {"posteriors": posterior_map(photo, segmentation), "labels": segmentation.labels}
        files[job.posteriors] = encode_arrays(arrays)
    if job.confidence is not None:
        from segmenter.pipeline.posterior_maps import confidence_map

        files[job.confidence] = encode_gray(confidence_map(photo, segmentation))
    if job.saved_model is not None:
        files[job.saved_model] = encode_model(model_of(segmentation))
    return files


def draw_figure(result: JobResult, job: Job) -> bytes:
    """Return the photo and its segments side by side, as the content of a file."""
    segmentation, record = result.segmentation, result.record
    origin = {key: record[key] for key in ("recipe", "input", "model") if key in record}
    description = json.dumps(origin, ensure_ascii=True)
    with quiet_matplotlib():
        from segmenter.render.figure import encode_figure, segments_figure  # matplotlib takes half a second to import

        figure = segments_figure(
            display_rgb(result.photo.pixels),
            segmentation.labels,
            mean_colors(segmentation.segments),
            [segment.n_pixels / segmentation.labels.size for segment in segmentation.segments],
            names=None if job.model is None else job.model.label_names,
            dpi=job.figure_options.dpi,
        )
        return encode_figure(
            figure,
            job.figure_options.figure_format,
            metadata={"Software": f"segmenter {__version__}", "Title": job.source.name, "Description": description},
        )


def text_of(path: Path) -> str:
    r"""Return a path as text that any encoding of Unicode holds; a byte that is no UTF-8 becomes ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def describe(photo: Photo, segmentation: Segmentation, recipe: Recipe, model: Model | None = None) -> dict[str, Any]:
    """Return the record of a run as plain values: enough to repeat it, and all that was found.

    Where a model was applied, it says which one instead of how the fit went, and the names of the segments.

    It holds no time and no folder, so that the same photo and recipe give the same bytes anywhere.
    """
    mixture = segmentation.mixture
    height, width = segmentation.labels.shape
    return {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        "input": {
            "name": text_of(Path(Path(photo.name).name)),
            "sha256": photo.digest,
            "width": width,
            "height": height,
            "channels": photo.pixels.shape[2],
            "dtype": str(photo.pixels.dtype),
            "notes": list(photo.notes),
        },
        "recipe": asdict(recipe),
        "selection": describe_selection(segmentation.selection),
        **({"fit": describe_fit(segmentation.trace)} if model is None else {"model": describe_model(model)}),
        "mixture": {
            "covariance_type": mixture.covariance_type,
            "features": list(segmentation.channels),
            "weights": mixture.weights.tolist(),
            "means": mixture.means.tolist(),
            "covariances": mixture.covariances.tolist(),
        },
        "unlabeled_pixels": segmentation.labels.size - sum(segment.n_pixels for segment in segmentation.segments),
        "segments": [
            {
                "label": segment.label,
                **({} if model is None else {"name": model.label_names[segment.label - 1]}),
                "pixels": segment.n_pixels,
                "share": segment.share,
                "color": segment.hex_color,
                "mean_rgb": [255 * value for value in segment.mean_rgb],
            }
            for segment in segmentation.segments
        ],
    }


def describe_selection(selection: Selection | None) -> dict[str, Any] | None:
    """Return how the number of segments was chosen, as plain values; None where it was given."""
    if selection is None:
        return None
    return {
        "rule": selection.rule,
        "n_segments": selection.n_components,
        "log_likelihoods": selection.log_likelihoods.tolist(),
        "criterion": selection.criterion.tolist(),
    }


def describe_fit(trace: FitTrace) -> dict[str, Any]:
    """Return how a fit went, as plain values."""
    return {
        "n_iterations": trace.n_iterations,
        "stop": trace.stop,
        "verdict": trace.verdict,
        "log_likelihoods": trace.log_likelihoods.tolist(),
        "objectives": trace.objectives.tolist(),
        "restarts": trace.restarts.tolist(),
        "restarts_on_cells": trace.screened,
        "n_died": trace.n_died,
        "collapsed": list(trace.collapsed),
    }


def describe_model(model: Model) -> dict[str, Any]:
    """Return which file a model is from, as plain values."""
    return {"name": text_of(Path(Path(model.name).name)), "sha256": model.digest}
