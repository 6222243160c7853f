"""``segmenter select``: compute criteria for the number of segments or clusters; give a table, a record and curves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter._version import __version__
from segmenter.arrays import Floats, Samples
from segmenter.errors import (
    EmptyFileError,
    InvalidArgumentError,
    NotAPhotoError,
    OutputCollisionError,
    OutputExistsError,
)
from segmenter.features.color import compute_color_features
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.io.files.atomic import write_files
from segmenter.io.files.discovery import PHOTO_EXTENSIONS
from segmenter.io.files.local import SIGNATURE_BYTES, is_zarr, read_first_bytes, read_stream
from segmenter.io.images.config import ScaleRange
from segmenter.io.images.photo import Reading, read_photo
from segmenter.io.images.signatures import READABLE_FORMATS, is_picture
from segmenter.io.tables.layout import UTF_16, Layout, read_layout
from segmenter.io.tables.table import check_variances, read_table
from segmenter.mixture.selection import RULES, Selection, SelectionTable, choose, selection_table
from segmenter.segmentation.bands import check_bands, describe_components, reduce_to_colors
from segmenter.segmentation.documents import to_plain
from segmenter.segmentation.n_segments import choose_n_segments
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.cluster.clustering import WHY_BIC, describe_left_out, subsample_rows
from segmenter.workflows.cluster.record import describe_table
from segmenter.workflows.segment.outputs import check_path, format_path
from segmenter.workflows.segment.progress import NullProgress, Progress

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""

Kind: TypeAlias = Literal["photo", "table"]

TABLE_ENDINGS = (".csv", ".tsv")

PHOTO_FOLDS, TABLE_FOLDS = 2, 5
"""Folds of the held-out log-likelihood. Photos have plenty of pixels, so two folds suffice; for photos, the fit of each
fold starts from the fit to all pixels."""

NAMES: Mapping[str, str] = {"bic": "BIC", "aic": "AIC", "icl": "ICL", "held-out": "held-out likelihood"}
"""What the rules are called in sentences."""


@dataclass(frozen=True)
class SelectionJob:
    """A photo or a table, and how to select the number of its segments or clusters."""

    source: Path
    figure: Path  # PNG to write
    recipe: Recipe  # its number of segments is ignored, and for tables its color space
    columns: tuple[str, ...] | None  # of a table; None = all columns with a name
    max_components: int  # the largest K, at least 1
    max_pixels: int  # larger photos are refused
    overwrite: bool  # whether the figure may be replaced
    bands: tuple[int, ...] = ()  # of a photo, from 1; () = all
    scale_range: ScaleRange = "auto"  # how the value range of a photo is chosen


@dataclass(frozen=True)
class Criteria:
    """The criteria at one K; None = not computed."""

    k: int
    n_parameters: float | None
    log_likelihood: float | None  # nats per sample; so are `held_out` and the last two
    bic: float | None  # nats; so are `aic` and `icl`
    aic: float | None
    icl: float | None
    held_out: float | None
    interior_log_likelihood: float | None = None  # photos only
    criterion: float | None = None  # that of -k auto, photos only


@dataclass(frozen=True, eq=False)
class SelectionResult:
    """Every criterion for K = 1…Kmax, and the K that each rule chooses."""

    kind: Kind
    rule: str  # the recommended rule, which -k auto uses as well; a key of `chosen`
    why: str  # why this rule is recommended
    chosen: Mapping[str, int]  # the K that each rule chooses
    table: tuple[Criteria, ...]
    notes: tuple[str, ...]
    source: Mapping[str, Any]  # the input and the options, with which the record begins

    @property
    def n_components(self) -> int:
        """The K that the recommended rule chooses."""
        return self.chosen[self.rule]

    def describe(self) -> dict[str, Any]:
        """Return the record as plain values."""
        k_name = "n_segments" if self.kind == "photo" else "n_clusters"
        left_out = () if self.kind == "photo" else ("interior_log_likelihood", "criterion")
        rows = [
            {k_name if name == "k" else name: value for name, value in asdict(row).items() if name not in left_out}
            for row in self.table
        ]
        return {
            "schema": SCHEMA,
            "software": f"segmenter {__version__}",
            **self.source,
            "rule": self.rule,
            "why": self.why,
            "notes": list(self.notes),
            "chosen": dict(self.chosen),
            "table": rows,
        }


# ---- photos and tables ---------------------------------------------------------------------------------------------


def run_selection(
    job: SelectionJob, stream: BinaryIO | None = None, *, progress: Progress | None = None
) -> SelectionResult:
    """Compute every criterion on a photo or a table, and write the curves.

    A file is a table if its name ends in .csv or .tsv, or if its content does not begin like a picture.

    Parameters
    ----------
    job : SelectionJob
    stream : binary file, optional
        Read this instead of the source.
    progress : Progress, optional

    Raises
    ------
    SegmenterError
        Nothing was written.
    """
    progress = progress or NullProgress()
    progress.start_stage("reading", None)
    name = str(job.source)
    if os.path.realpath(job.figure) == os.path.realpath(job.source):
        raise OutputCollisionError(str(job.figure), "would replace an input; choose another folder with -o")
    check_path(job.figure)
    if not job.overwrite and os.path.lexists(job.figure):
        raise OutputExistsError(str(job.figure))
    content = None if stream is None else read_stream(stream, name, lambda head: detect_kind(head, job.source))
    if content is None and is_zarr(job.source):
        kind: Kind = "photo"
    else:
        head = read_first_bytes(job.source, SIGNATURE_BYTES) if content is None else content.read(SIGNATURE_BYTES)
        kind = detect_kind(head, job.source)
    if content is not None:
        content.seek(0)
    if kind == "photo":
        if job.columns is not None:
            raise InvalidArgumentError("--columns", f"is for tables, and {name} is a photo; leave it out")
        result, figure = select_for_photo(job, content or job.source, progress)
    else:
        if job.bands:
            raise InvalidArgumentError("--bands", f"is for photos, and {name} is a table; leave it out")
        if job.scale_range != "auto":
            raise InvalidArgumentError("--scale-range", f"is for photos, and {name} is a table; leave it out")
        if job.recipe.color_space != Recipe.color_space:
            raise InvalidArgumentError("--color-space", f"is for photos, and {name} is a table; leave it out")
        layout = read_layout(job.source, None if content is None else content.read())
        result, figure = select_for_table(job, layout, progress)
    write_files({job.figure: figure}, overwrite=job.overwrite)
    return result


def detect_kind(head: bytes, source: Path) -> Kind:
    """Return whether a file is a photo or a table, judged by its first bytes and its name; raise if it is neither."""
    if not head:
        raise EmptyFileError(str(source))
    if source.suffix.lower() not in TABLE_ENDINGS and is_picture(head):
        return "photo"
    is_named_photo = source.suffix.lower() in PHOTO_EXTENSIONS
    if is_named_photo or (
        b"\0" in head and not head.startswith(UTF_16)
    ):  # the table reader has a better error for UTF-16
        raise NotAPhotoError(str(source), f"{READABLE_FORMATS}, and tables as CSV or TSV in UTF-8")
    return "table"


def select_for_photo(job: SelectionJob, source: Path | BinaryIO, progress: Progress) -> tuple[SelectionResult, bytes]:
    """Compute every criterion on the pixels of a photo; return the result and the curves as PNG."""
    recipe = job.recipe
    reading = Reading(job.bands, scale_range=job.scale_range)
    photo = read_photo(source, name=str(job.source), max_pixels=job.max_pixels, reading=reading)
    check_bands(photo.pixels.shape[2], recipe, photo.name)
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    samples = Samples(compute_color_features(distinct.colors, recipe.color_space).values, distinct.counts)
    pixels, reduction = reduce_to_colors(photo)
    progress.start_stage("choosing the number of segments", None)
    selection = choose_n_segments(
        pixels,
        photo.mask,
        max_segments=job.max_components,
        seed=recipe.seed,
        on_iteration=progress.finish_step,
    )
    options = {key: value for key, value in asdict(recipe).items() if key not in ("method", "n_segments")}
    origin: dict[str, Any] = {"input": {"name": format_path(Path(Path(photo.name).name)), "sha256": photo.digest}}
    if photo.value_range is not None:
        origin["input"]["value_range"] = to_plain(photo.value_range)
    origin["recipe"] = {**options, "bands": list(job.bands)} if job.bands else options
    table = compute_criteria(samples, job, progress, n_folds=PHOTO_FOLDS, shared_folds=True)
    chosen = choose_by_each_rule(table, sound_only=False)
    result = SelectionResult(
        kind="photo",
        rule=selection.rule,
        why=explain_interior(chosen, len(table.n_components)),
        chosen={**chosen, selection.rule: selection.n_components},
        table=list_criteria(table, selection),
        notes=photo.notes + describe_components(reduction, "number of segments"),
        source=origin,
    )
    return result, draw_curves(result, table, float(samples.weights.sum()), selection)


def select_for_table(job: SelectionJob, layout: Layout, progress: Progress) -> tuple[SelectionResult, bytes]:
    """Compute every criterion on the rows of a table; return the result and the curves as PNG.

    If there are more than 20,000 rows, a random sample of 20,000 is used. Fits in which components died or collapsed
    are left out: in tables such fits are accidents, while in photos flat areas make them normal.
    """
    table = read_table(layout, job.columns)
    check_variances(table)
    n_rows = len(table.values)
    samples = subsample_rows(Samples(table.values, np.ones(n_rows)), job.recipe.seed)
    left_out = ("method", "n_segments", "color_space")
    options = {key: value for key, value in asdict(job.recipe).items() if key not in left_out}
    n_used = len(samples.values)
    notes = [f"{n_used:,} of {n_rows:,} rows, drawn at random"] if n_used < n_rows else []
    criteria = compute_criteria(samples, job, progress, n_folds=TABLE_FOLDS, shared_folds=False)
    if not criteria.is_sound.all():
        notes.append(describe_left_out([k for k in criteria.n_components if not criteria.is_sound[k - 1]]))
        criteria = keep_sound(criteria)
    result = SelectionResult(
        kind="table",
        rule="bic",
        why=WHY_BIC,
        chosen=choose_by_each_rule(criteria, sound_only=True),
        table=list_criteria(criteria, None),
        notes=tuple(notes),
        source={"input": to_plain(describe_table(table)), "recipe": {**options, "columns": list(table.columns)}},
    )
    return result, draw_curves(result, criteria, float(samples.weights.sum()), None)


# ---- criteria ------------------------------------------------------------------------------------------------------


def compute_criteria(
    samples: Samples, job: SelectionJob, progress: Progress, *, n_folds: int, shared_folds: bool
) -> SelectionTable:
    """Return every criterion of the fits of 1 to Kmax components, computed with one BLAS thread."""
    progress.start_stage("computing the criteria", job.max_components)
    with threadpool_limits(1, user_api="blas"):
        return selection_table(
            samples,
            job.recipe.fit_config(),
            job.max_components,
            n_folds=n_folds,
            shared_folds=shared_folds,
            on_fit=progress.finish_step,
        )


def keep_sound(table: SelectionTable) -> SelectionTable:
    """Return the table with NaN for the criteria of unsound fits, in which components died or collapsed."""
    criteria = {
        name: np.where(table.is_sound, getattr(table, name), np.nan) for name in ("bic", "aic", "icl", "held_out")
    }
    return replace(table, **criteria)


def choose_by_each_rule(table: SelectionTable, *, sound_only: bool) -> dict[str, int]:
    """Return the K that each rule chooses, see `choose`, for rules whose criterion was computed."""
    has_held_out = not np.isnan(table.held_out).all()
    rules = [rule for rule in RULES if rule != "held-out" or has_held_out]
    return {rule: choose(table, rule, sound_only=sound_only) for rule in rules}


def explain_interior(chosen: Mapping[str, int], max_components: int) -> str:
    """Return why a photo is not judged by the criteria for independent samples, and which K they choose."""
    choices = []
    for k in dict.fromkeys(chosen.values()):
        *others, last = (NAMES[rule] for rule in chosen if chosen[rule] == k)
        choices.append(f"{', '.join(others)} and {last} choose {k}" if others else f"{last} chooses {k}")
    return f"pixels are not independent, as other criteria assume; of 1 to {max_components}, {', '.join(choices)}"


def list_criteria(table: SelectionTable, selection: Selection | None) -> tuple[Criteria, ...]:
    """Return a row of criteria for each K; ``selection`` adds those that only photos have."""
    columns = [table.n_parameters, table.log_likelihood, table.bic, table.aic, table.icl, table.held_out]
    if selection is not None:
        columns += [selection.log_likelihoods, selection.criterion]
    return tuple(Criteria(int(k), *(get_finite(column, k) for column in columns)) for k in table.n_components)


def get_finite(column: Floats, k: int) -> float | None:
    """Return the value of a column for K; None if it is missing or not finite."""
    return float(column[k - 1]) if k <= len(column) and np.isfinite(column[k - 1]) else None


def draw_curves(
    result: SelectionResult, table: SelectionTable, total_weight: float, selection: Selection | None
) -> bytes:
    """Return the curves as PNG.

    BIC, AIC and ICL are multiplied by −1/(2N), which makes each a log-likelihood per sample minus a penalty.
    """
    from segmenter.render.curves_figure import (  # matplotlib takes half a second to import
        Curve,
        Panel,
        draw_curves_figure,
    )
    from segmenter.render.encoding import encode_figure

    chosen = result.chosen
    per_sample = -1 / (2 * total_weight)
    curves = [
        Curve("log-likelihood", table.log_likelihood),
        Curve("AIC", per_sample * table.aic, chosen["aic"]),
        Curve("BIC", per_sample * table.bic, chosen["bic"]),
        Curve("ICL", per_sample * table.icl, chosen["icl"]),
    ]
    if "held-out" in chosen:
        curves.insert(1, Curve("held-out", table.held_out, chosen["held-out"]))
    if selection is None:
        figure = draw_curves_figure(
            [Panel("Rows of a table", tuple(curves))], x_name="number of clusters", unit="nats per row"
        )
    else:
        interior = (
            Curve("log-likelihood", selection.log_likelihoods),
            Curve("criterion", selection.criterion, selection.n_components),
        )
        title = selection.rule[0].upper() + selection.rule[1:]
        panels = [Panel(title, interior), Panel("As if pixels were independent", tuple(curves))]
        figure = draw_curves_figure(panels, x_name="number of segments", unit="nats per pixel")
    description = json.dumps(result.source, ensure_ascii=True)
    return encode_figure(figure, "png", metadata={"Software": f"segmenter {__version__}", "Description": description})
