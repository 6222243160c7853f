"""How many segments or components: every criterion as a table, as a record, and as curves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from threadpoolctl import threadpool_limits

from segmenter import __version__
from segmenter.arrays import Floats, Samples
from segmenter.errors import OutputExistsError
from segmenter.features.color import color_features
from segmenter.features.distinct import distinct_colors
from segmenter.io.photo import read_photo
from segmenter.io.writing import write_files
from segmenter.mixture.config import FitConfig
from segmenter.mixture.selection import RULES, Selection, SelectionTable, choose, selection_table
from segmenter.pipeline.auto_k import choose_n_segments
from segmenter.pipeline.recipe import Recipe

N_FOLDS = 2
"""Of the held-out log-likelihood, for each K a fit each."""

HELD_OUT_SAMPLES = 100_000
"""With more distinct samples it is not measured: it would take minutes."""


@dataclass(frozen=True, eq=False)
class Choices:
    """Every criterion for K = 1…Kmax, and what the rules choose."""

    record: Mapping[str, Any]  # plain values, as JSON tells them
    table: SelectionTable
    total_weight: float
    selection: Selection | None  # by the rule for pictures; None = no picture
    figure: bytes  # PNG


def select_photo(
    source: Path,
    figure: Path,
    recipe: Recipe,
    *,
    max_segments: int,
    max_pixels: int,
    overwrite: bool,
    stream: BinaryIO | None = None,
) -> Choices:
    """Measure every criterion on a photo, and write the curves.

    Parameters
    ----------
    source : Path
    figure : Path
        PNG to write.
    recipe : Recipe
        Its number of segments is not looked at.
    max_segments : int, at least 1
    max_pixels : int
    overwrite : bool
        Whether the figure may be replaced.
    stream : binary file, optional
        Where to read the photo from, instead of `source`.

    Raises
    ------
    SegmenterError
        Nothing was written.
    """
    if not overwrite and os.path.lexists(figure):
        raise OutputExistsError(str(figure))
    photo = read_photo(stream or source, name=str(source), max_pixels=max_pixels)
    distinct = distinct_colors(photo.pixels, photo.mask)
    samples = Samples(color_features(distinct.colors, recipe.color_space).values, distinct.counts)
    selection = choose_n_segments(photo.pixels, photo.mask, max_segments=max_segments, seed=recipe.seed)
    head = {"name": Path(photo.name).name, "sha256": photo.digest}
    options = {name: value for name, value in asdict(recipe).items() if name != "n_segments"}
    choices = compare(
        samples, recipe.fit_config(), max_segments, selection=selection, head={"input": head, "recipe": options}
    )
    write_files({figure: choices.figure}, overwrite=overwrite)
    return choices


def compare(
    samples: Samples,
    config: FitConfig,
    max_components: int,
    *,
    selection: Selection | None = None,
    head: Mapping[str, Any],
) -> Choices:
    """Return every criterion of the fits of samples, for those of a picture beside the rule for pictures.

    Parameters
    ----------
    samples : Samples
    config : FitConfig
    max_components : int, at least 1
    selection : Selection, optional
        By the rule for pictures.
    head : mapping
        What the record tells first: where the samples come from, and the options.
    """
    n_folds = N_FOLDS if len(samples.values) <= HELD_OUT_SAMPLES else None
    with threadpool_limits(1, user_api="blas"):
        table = selection_table(samples, config, max_components, n_folds=n_folds)
    total_weight = float(samples.weights.sum())
    record = {"software": f"segmenter {__version__}", **head, **describe(table, selection)}
    return Choices(record, table, total_weight, selection, draw_curves(table, total_weight, selection, record))


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
            "n_segments": k,
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
    from segmenter.render.curves import Curve, Panel, curves_figure  # matplotlib takes half a second to import
    from segmenter.render.figure import encode_figure

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
        figure = curves_figure([Panel("Independent samples", tuple(curves))])
    else:
        picture = (
            Curve("log-likelihood", selection.log_likelihoods),
            Curve("criterion", selection.criterion, selection.n_components),
        )
        title = selection.rule[0].upper() + selection.rule[1:]
        panels = [Panel(title, picture), Panel("As if pixels were independent", tuple(curves))]
        figure = curves_figure(panels, x_name="number of segments", unit="nats per pixel")
    description = json.dumps({name: record[name] for name in ("input", "recipe") if name in record}, ensure_ascii=True)
    return encode_figure(figure, "png", metadata={"Software": f"segmenter {__version__}", "Description": description})
