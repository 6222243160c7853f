"""Metrics of the variants of a comparison, and tables of them as CSV, LaTeX and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from segmenter.errors import printable
from segmenter.features.color import compute_color_features
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.io.images.photo import Photo
from segmenter.io.tables.cells import encode_csv
from segmenter.mixture.inference import score_samples
from segmenter.mixture.model import n_parameters
from segmenter.mixture.selection import compute_bic
from segmenter.segmentation.recipe import Recipe
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.compare.variants import METHOD_NAMES, SPACE_NAMES, NamedRecipe
from segmenter.workflows.segment.outputs import format_path

MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class VariantMetrics:
    """The metrics of one variant of one photo."""

    letter: str
    photo: str
    variant: str
    method: str
    segments: int  # number of segments found
    color_space: str  # "" for regions; so is the covariance
    covariance: str
    parameters: int | None
    log_likelihood: float | None  # nats per pixel
    bic: float | None  # nats; None unless the fit maximizes the likelihood
    iterations: int | None
    converged: bool | None
    seconds: float = field(compare=False)  # from pixels to labels, without reading the file

    def describe(self, *, times: bool) -> tuple[str, ...]:
        """Return the parts of the caption of a panel, the most important first."""
        is_in_title = self.variant.endswith(f"K = {self.segments}")
        noun = "region" if self.method == METHOD_NAMES["regions"] else "segment"
        found = f"{self.segments} {noun}{'s' if self.segments > 1 else ''}"
        parts = [] if is_in_title else [found]
        if self.log_likelihood is not None:
            parts.append(f"log L {self.log_likelihood:.3f}".replace("-", MINUS))
        if times:
            parts.append(f"{self.seconds:.2f} s")
        if self.bic is not None:
            parts.append(f"BIC {abbreviate(self.bic)}")
        return tuple(parts) or (found,)


def abbreviate(value: float) -> str:
    """Return a number with four digits; large ones in thousands (k) or millions (M)."""
    for unit, symbol in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{symbol}".replace("-", MINUS)
    return f"{value:.4g}".replace("-", MINUS)


def measure_variant(
    photo: Photo, variant: NamedRecipe, found: Segmentation, letter: str, seconds: float
) -> VariantMetrics:
    """Return the metrics of a variant.

    The log-likelihood is that of the mixture even for hard EM and k-means, so that methods can be compared. Color
    spaces cannot be compared, because their densities have different units.
    """
    recipe = variant.recipe
    name = format_path(Path(Path(photo.name).name))
    method = METHOD_NAMES[recipe.method]
    if not isinstance(recipe, Recipe):
        none = dict.fromkeys(("parameters", "log_likelihood", "bic", "iterations", "converged"))
        return VariantMetrics(letter, name, variant.title, method, found.n_labels, "", "", **none, seconds=seconds)
    trace = found.trace
    n_pixels = sum(segment.n_pixels for segment in found.segments)
    parameters = int(n_parameters(found.mixture))
    if recipe.method == "gmm":
        log_likelihood = float(trace.log_likelihoods[-1])
        bic = compute_bic(found.mixture, n_pixels * log_likelihood, n_pixels)
    else:
        log_likelihood, bic = compute_log_likelihood(photo, recipe, found), None
    return VariantMetrics(
        letter,
        name,
        variant.title,
        method,
        found.n_labels,
        SPACE_NAMES[recipe.color_space],
        found.mixture.covariance_type,
        parameters,
        log_likelihood,
        bic,
        int(trace.n_iterations),
        bool(trace.converged),
        seconds,
    )


def compute_log_likelihood(photo: Photo, recipe: Recipe, found: Segmentation) -> float:
    """Return the log-likelihood of the mixture of a segmentation, nats per pixel."""
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    features = compute_color_features(distinct.colors, recipe.color_space)
    return float(np.average(score_samples(found.mixture, features.values), weights=distinct.counts))


# ---- tables --------------------------------------------------------------------------------------------------------

HEADINGS: Final = {
    "letter": "",
    "photo": "Photo",
    "variant": "Variant",
    "method": "Method",
    "segments": "Segments",
    "color_space": "Colors",
    "covariance": "Covariance",
    "parameters": "Parameters",
    "log_likelihood": "Log-likelihood",
    "bic": "BIC",
    "iterations": "Iterations",
    "seconds": "Seconds",
}
"""The columns of LaTeX and Markdown tables, and their headings."""

TABLE_ENDINGS: Final = (".csv", ".tex", ".md")


def encode_table(metrics: Sequence[VariantMetrics], ending: str, *, times: bool) -> bytes:
    """Return a table of metrics as CSV, LaTeX (package booktabs) or Markdown; ``ending`` is one of `TABLE_ENDINGS`.

    CSV has every column; LaTeX and Markdown leave out columns that are empty or repeat another.
    """
    if ending == ".csv":
        names = [name for name in asdict(metrics[0]) if times or name != "seconds"]
        rows = [["" if getattr(each, name) is None else getattr(each, name) for name in names] for each in metrics]
        return encode_csv([names, *rows])
    is_shown = {
        name: (times or name != "seconds") and any(getattr(each, name) not in ("", None) for each in metrics)
        for name in HEADINGS
    }
    if len({each.photo for each in metrics}) == 1:
        is_shown["photo"] = False
    if {each.variant for each in metrics} <= {each.method for each in metrics}:
        is_shown["variant"] = False
    names = [name for name, shown in is_shown.items() if shown]
    cells = [[printable(format_cell(each, name)) for name in names] for each in metrics]
    headings = [HEADINGS[name] for name in names]
    is_number = [not isinstance(getattr(metrics[0], name), str) for name in names]
    return (format_latex if ending == ".tex" else format_markdown)(headings, cells, is_number).encode()


def format_cell(each: VariantMetrics, name: str) -> str:
    """Return a value as it appears in a LaTeX or Markdown table."""
    value = getattr(each, name)
    if name == "letter":
        return f"({value})"
    if value is None or value == "":
        return "–"
    text = {"log_likelihood": "{:.4f}", "bic": "{:,.0f}", "seconds": "{:.2f}"}.get(name, "{}").format(value)
    return text if isinstance(value, str) else text.replace("-", MINUS)


def format_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], is_number: Sequence[bool]) -> str:
    """Return a Markdown table; columns of numbers are aligned to the right."""
    lines = [headings, ["---:" if number else ":---" for number in is_number], *rows]
    return "".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |\n" for line in lines)


def format_latex(headings: Sequence[str], rows: Sequence[Sequence[str]], is_number: Sequence[bool]) -> str:
    """Return a LaTeX tabular for the package booktabs; columns of numbers are aligned to the right."""
    columns = "".join("r" if number else "l" for number in is_number)
    lines = [" & ".join(map(escape_latex, line)) + r" \\" for line in (headings, *rows)]
    body = "\n".join(lines[1:])
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{lines[0]}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
    )


_LATEX: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        MINUS: "$-$",
        "–": "--",
    }
)


def escape_latex(text: str) -> str:
    """Return text with the special characters of LaTeX escaped."""
    return text.translate(_LATEX)
