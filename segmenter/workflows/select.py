"""How many segments or components: every criterion as a table, as a record, and as curves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
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
from segmenter.io.files.local import SIGNATURE_BYTES, read_first_bytes, read_stream
from segmenter.io.images.photo import READABLE_FORMATS, has_image_signature, read_photo
from segmenter.io.tables.layout import UTF_16, Layout, read_layout
from segmenter.io.tables.table import check_variances, read_table
from segmenter.mixture.config import FitConfig
from segmenter.mixture.selection import RULES, Selection, SelectionTable, choose, selection_table
from segmenter.segmentation.n_segments import choose_n_segments
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.cluster.clustering import WHY_BIC, some_rows
from segmenter.workflows.cluster.run import describe_table
from segmenter.workflows.segment.outputs import check_path, format_path

SCHEMA = 1
"""Version of the JSON record; raised when the meaning of a field changes."""

Kind: TypeAlias = Literal["photo", "table"]

TABLE_ENDINGS = (".csv", ".tsv")

PHOTO_FOLDS, TABLE_FOLDS = 2, 5
"""Of the held-out log-likelihood. Those of photos start from the fit to all pixels, of which there are plenty."""

WHY_INTERIOR = "pixels are not independent, and the other criteria take nearly the largest K on photos"


@dataclass(frozen=True, eq=False)
class Choices:
    """Every criterion for K = 1…Kmax, and what the rules choose."""

    record: Mapping[str, Any]  # plain values, as JSON tells them
    kind: Kind
    rule: str  # a key of the record's ``chosen``: what the answer goes by, and -k auto too
    why: str  # the reason for the rule
    figure: bytes  # PNG
    notes: tuple[str, ...] = ()

    @property
    def n_components(self) -> int:
        """The answer."""
        return int(self.record["chosen"][self.rule])


# ---- photos and tables ---------------------------------------------------------------------------------------------


def select_source(
    source: Path,
    figure: Path,
    recipe: Recipe,
    *,
    columns: Sequence[str] | None,
    max_components: int,
    max_pixels: int,
    overwrite: bool,
    stream: BinaryIO | None = None,
) -> Choices:
    """Measure every criterion on a photo or a table, and write the curves.

    What is named .csv or .tsv is a table, and so is what does not begin like a picture.

    Parameters
    ----------
    source : Path
    figure : Path
        PNG to write.
    recipe : Recipe
        Its number of segments is not looked at, and its color space only for photos.
    columns : sequence of str, optional
        Of a table, what rows are compared by; None = all with a name.
    max_components : int, at least 1
    max_pixels : int
        Of a photo.
    overwrite : bool
        Whether the figure may be replaced.
    stream : binary file, optional
        What to read instead of `source`.

    Raises
    ------
    SegmenterError
        Nothing was written.
    """
    name = str(source)
    if os.path.realpath(figure) == os.path.realpath(source):
        raise OutputCollisionError(str(figure), "would replace an input; choose another folder with -o")
    check_path(figure)
    if not overwrite and os.path.lexists(figure):
        raise OutputExistsError(str(figure))
    content = None if stream is None else read_stream(stream, name, lambda head: kind_of(head, source))
    head = read_first_bytes(source, SIGNATURE_BYTES) if content is None else content.read(SIGNATURE_BYTES)
    kind = kind_of(head, source)
    if content is not None:
        content.seek(0)
    if kind == "photo":
        if columns is not None:
            raise InvalidArgumentError("--columns", f"is for tables, and {name} is a photo; leave it out")
        choices = select_photo(content or source, name, recipe, max_segments=max_components, max_pixels=max_pixels)
    else:
        if recipe.color_space != Recipe.color_space:
            raise InvalidArgumentError("--color-space", f"is for photos, and {name} is a table; leave it out")
        layout = read_layout(source, None if content is None else content.read())
        choices = select_table(layout, recipe, columns, max_clusters=max_components)
    write_files({figure: choices.figure}, overwrite=overwrite)
    return choices


def kind_of(head: bytes, source: Path) -> Kind:
    """Return what something is by its first bytes and its name; raise where it is neither, or empty."""
    if not head:
        raise EmptyFileError(str(source))
    if source.suffix.lower() not in TABLE_ENDINGS and has_image_signature(head):
        return "photo"
    is_named_photo = source.suffix.lower() in PHOTO_EXTENSIONS
    if is_named_photo or (b"\0" in head and not head.startswith(UTF_16)):  # of which the table reader knows more to say
        raise NotAPhotoError(str(source), f"{READABLE_FORMATS}, and tables as CSV or TSV in UTF-8")
    return "table"


def select_photo(source: Path | BinaryIO, name: str, recipe: Recipe, *, max_segments: int, max_pixels: int) -> Choices:
    """Measure every criterion on the pixels of a photo, which is called `name` in errors."""
    photo = read_photo(source, name=name, max_pixels=max_pixels)
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    samples = Samples(compute_color_features(distinct.colors, recipe.color_space).values, distinct.counts)
    selection = choose_n_segments(photo.pixels, photo.mask, max_segments=max_segments, seed=recipe.seed)
    options = {key: value for key, value in asdict(recipe).items() if key not in ("method", "n_segments")}
    head = {"input": {"name": format_path(Path(Path(photo.name).name)), "sha256": photo.digest}, "recipe": options}
    return compare(samples, recipe.fit_config(), max_segments, selection=selection, head=head, notes=photo.notes)


def select_table(layout: Layout, recipe: Recipe, columns: Sequence[str] | None, *, max_clusters: int) -> Choices:
    """Measure every criterion on the rows of a table, or on 20,000 of them drawn at random where there are more."""
    table = read_table(layout, columns)
    check_variances(table)
    n_rows = len(table.values)
    samples = some_rows(Samples(table.values, np.ones(n_rows)), recipe.seed)
    options = {
        key: value for key, value in asdict(recipe).items() if key not in ("method", "n_segments", "color_space")
    }
    head = {"input": describe_table(table), "recipe": {**options, "columns": list(table.columns)}}
    n_used = len(samples.values)
    notes = (f"{n_used:,} of {n_rows:,} rows, drawn at random",) if n_used < n_rows else ()
    return compare(samples, recipe.fit_config(), max_clusters, head=head, notes=notes)


# ---- what is told --------------------------------------------------------------------------------------------------


def compare(
    samples: Samples,
    config: FitConfig,
    max_components: int,
    *,
    selection: Selection | None = None,
    head: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> Choices:
    """Return every criterion of the fits of samples, for those of a picture beside the rule for pictures.

    Parameters
    ----------
    samples : Samples
    config : FitConfig
    max_components : int, at least 1
    selection : Selection, optional
        By the rule for pictures; None = the samples are rows. Fits of rows with components that died or collapsed are
        left out: on tables they are accidents, while flat areas of a photo are as they should be.
    head : mapping
        What the record tells first: where the samples come from, and the options.
    notes : sequence of str
        What a person should know before.
    """
    is_photo = selection is not None
    n_folds = PHOTO_FOLDS if is_photo else TABLE_FOLDS
    with threadpool_limits(1, user_api="blas"):
        table = selection_table(samples, config, max_components, n_folds=n_folds, shared_folds=is_photo)
    if not is_photo and not table.is_sound.all():
        unsound = ", ".join(str(k) for k in table.n_components if not table.is_sound[k - 1])
        notes = [*notes, f"components without a spread of their own are no clusters: {unsound} not compared"]
        table = sound_only(table)
    total_weight = float(samples.weights.sum())
    rule, why = ("bic", WHY_BIC) if selection is None else (selection.rule, WHY_INTERIOR)
    answer = {"rule": rule, "why": why, "notes": list(notes)}
    record = {
        "schema": SCHEMA,
        "software": f"segmenter {__version__}",
        **head,
        **answer,
        **describe(table, selection),
    }
    figure = draw_curves(table, total_weight, selection, record)
    return Choices(record, "photo" if is_photo else "table", rule, why, figure, tuple(notes))


def sound_only(table: SelectionTable) -> SelectionTable:
    """Return the table without the criteria of fits that are not sound."""
    criteria = {
        name: np.where(table.is_sound, getattr(table, name), np.nan) for name in ("bic", "aic", "icl", "held_out")
    }
    return replace(table, **criteria)


def chosen(table: SelectionTable, selection: Selection | None) -> dict[str, int]:
    """Return K by each rule that has something to go by."""
    is_held_out = not np.isnan(table.held_out).all()
    choices: dict[str, int] = {rule: choose(table, rule) for rule in RULES if rule != "held-out" or is_held_out}
    if selection is not None:
        choices[selection.rule] = selection.n_components
    return choices


def describe(table: SelectionTable, selection: Selection | None) -> dict[str, Any]:
    """Return the table as plain values, None where nothing was measured."""
    columns = {
        "n_parameters": table.n_parameters,
        "log_likelihood": table.log_likelihood,
        "bic": table.bic,
        "aic": table.aic,
        "icl": table.icl,
        "held_out": table.held_out,
    }
    if selection is not None:
        columns |= {"interior_log_likelihood": selection.log_likelihoods, "criterion": selection.criterion}
    rows = [
        {
            "n_clusters" if selection is None else "n_segments": k,
            **{name: float(column[k - 1]) if is_known(column, k) else None for name, column in columns.items()},
        }
        for k in table.n_components
    ]
    return {"chosen": chosen(table, selection), "table": rows}


def is_known(column: Floats, k: int) -> bool:
    """Return whether a column has a value for K."""
    return k <= len(column) and bool(np.isfinite(column[k - 1]))


def draw_curves(
    table: SelectionTable, total_weight: float, selection: Selection | None, record: Mapping[str, Any]
) -> bytes:
    """Return the curves as PNG. BIC, AIC and ICL are drawn as −1/(2N) of them: log-likelihoods less a penalty."""
    from segmenter.render.curves_figure import (  # matplotlib takes half a second to import
        Curve,
        Panel,
        draw_curves_figure,
    )
    from segmenter.render.encoding import encode_figure

    choices = chosen(table, selection)
    per_sample = -1 / (2 * total_weight)
    curves = [
        Curve("log-likelihood", table.log_likelihood),
        Curve("AIC", per_sample * table.aic, choices["aic"]),
        Curve("BIC", per_sample * table.bic, choices["bic"]),
        Curve("ICL", per_sample * table.icl, choices["icl"]),
    ]
    if "held-out" in choices:
        curves.insert(1, Curve("held-out", table.held_out, choices["held-out"]))
    if selection is None:
        figure = draw_curves_figure(
            [Panel("Rows of a table", tuple(curves))], x_name="number of clusters", unit="nats per row"
        )
    else:
        picture = (
            Curve("log-likelihood", selection.log_likelihoods),
            Curve("criterion", selection.criterion, selection.n_components),
        )
        title = selection.rule[0].upper() + selection.rule[1:]
        panels = [Panel(title, picture), Panel("As if pixels were independent", tuple(curves))]
        figure = draw_curves_figure(panels, x_name="number of segments", unit="nats per pixel")
    description = json.dumps({name: record[name] for name in ("input", "recipe") if name in record}, ensure_ascii=True)
    return encode_figure(figure, "png", metadata={"Software": f"segmenter {__version__}", "Description": description})
