"""Find the segments of a picture without training: Gaussian mixtures fitted by expectation maximization."""

from __future__ import annotations

from segmenter._version import __version__

TYPE_CHECKING = False  # type checkers take it for that of typing, which need not be imported for it

if TYPE_CHECKING:
    from typing import Any

    from segmenter.arrays import Samples
    from segmenter.errors import SegmenterError
    from segmenter.io.labels.png import read_labels
    from segmenter.mixture.config import FitConfig
    from segmenter.mixture.em import Fit, FitTrace, fit
    from segmenter.mixture.inference import confidence, impute, predict, responsibilities, sample, score_samples
    from segmenter.mixture.log_prior import clamp, combine, soft
    from segmenter.mixture.m_step import NormalInverseWishart
    from segmenter.mixture.model import Mixture
    from segmenter.mixture.selection import SelectionTable, aic, bic, choose, icl, selection_table
    from segmenter.mixture.semi_supervised import ClassFit, fit_clamped, fit_learned, learned_start
    from segmenter.pipeline.evaluate import evaluate
    from segmenter.pipeline.hierarchy_file import cut, load_hierarchy
    from segmenter.pipeline.model import Model, apply
    from segmenter.pipeline.model_file import load_model, save_model
    from segmenter.pipeline.plots import draw_plot
    from segmenter.pipeline.posterior_maps import confidence_map, posterior_map
    from segmenter.pipeline.recipe import Recipe
    from segmenter.pipeline.segment import segment
    from segmenter.regions.labels import Segment, Segmentation


_HOMES = {
    "ClassFit": "segmenter.mixture.semi_supervised",
    "Fit": "segmenter.mixture.em",
    "FitConfig": "segmenter.mixture.config",
    "FitTrace": "segmenter.mixture.em",
    "Mixture": "segmenter.mixture.model",
    "Model": "segmenter.pipeline.model",
    "NormalInverseWishart": "segmenter.mixture.m_step",
    "Recipe": "segmenter.pipeline.recipe",
    "Samples": "segmenter.arrays",
    "Segment": "segmenter.regions.labels",
    "Segmentation": "segmenter.regions.labels",
    "SegmenterError": "segmenter.errors",
    "SelectionTable": "segmenter.mixture.selection",
    "aic": "segmenter.mixture.selection",
    "apply": "segmenter.pipeline.model",
    "bic": "segmenter.mixture.selection",
    "choose": "segmenter.mixture.selection",
    "clamp": "segmenter.mixture.log_prior",
    "combine": "segmenter.mixture.log_prior",
    "confidence": "segmenter.mixture.inference",
    "confidence_map": "segmenter.pipeline.posterior_maps",
    "cut": "segmenter.pipeline.hierarchy_file",
    "draw_plot": "segmenter.pipeline.plots",
    "evaluate": "segmenter.pipeline.evaluate",
    "fit": "segmenter.mixture.em",
    "fit_clamped": "segmenter.mixture.semi_supervised",
    "fit_learned": "segmenter.mixture.semi_supervised",
    "icl": "segmenter.mixture.selection",
    "impute": "segmenter.mixture.inference",
    "learned_start": "segmenter.mixture.semi_supervised",
    "load_hierarchy": "segmenter.pipeline.hierarchy_file",
    "load_model": "segmenter.pipeline.model_file",
    "posterior_map": "segmenter.pipeline.posterior_maps",
    "predict": "segmenter.mixture.inference",
    "read_labels": "segmenter.io.labels.png",
    "responsibilities": "segmenter.mixture.inference",
    "sample": "segmenter.mixture.inference",
    "save_model": "segmenter.pipeline.model_file",
    "score_samples": "segmenter.mixture.inference",
    "segment": "segmenter.pipeline.segment",
    "selection_table": "segmenter.mixture.selection",
    "soft": "segmenter.mixture.log_prior",
}

__all__ = [
    "ClassFit",
    "Fit",
    "FitConfig",
    "FitTrace",
    "Mixture",
    "Model",
    "NormalInverseWishart",
    "Recipe",
    "Samples",
    "Segment",
    "Segmentation",
    "SegmenterError",
    "SelectionTable",
    "__version__",
    "aic",
    "apply",
    "bic",
    "choose",
    "clamp",
    "combine",
    "confidence",
    "confidence_map",
    "cut",
    "draw_plot",
    "evaluate",
    "fit",
    "fit_clamped",
    "fit_learned",
    "icl",
    "impute",
    "learned_start",
    "load_hierarchy",
    "load_model",
    "posterior_map",
    "predict",
    "read_labels",
    "responsibilities",
    "sample",
    "save_model",
    "score_samples",
    "segment",
    "selection_table",
    "soft",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562): the command line answers --help without NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
