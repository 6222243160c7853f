"""Segment pictures without training data: Gaussian mixtures fitted by expectation maximization."""

from __future__ import annotations

from segmenter._version import __version__

TYPE_CHECKING = False  # type checkers treat it as typing.TYPE_CHECKING, without an import of typing

if TYPE_CHECKING:
    from typing import Any

    from segmenter.arrays import Samples
    from segmenter.errors import SegmenterError, SegmenterWarning
    from segmenter.io.labels.png import read_labels
    from segmenter.mixture.config import FitConfig
    from segmenter.mixture.em import Fit, FitTrace, fit
    from segmenter.mixture.inference import confidence, impute, predict, responsibilities, sample, score_samples
    from segmenter.mixture.log_prior import clamp, combine, soft
    from segmenter.mixture.m_step import NormalInverseWishart
    from segmenter.mixture.model import Mixture
    from segmenter.mixture.selection import SelectionTable, aic, bic, choose, icl, selection_table
    from segmenter.mixture.semi_supervised import ClassFit, fit_clamped, fit_learned, learned_start
    from segmenter.mixture.steps import m_step
    from segmenter.segmentation.apply import apply
    from segmenter.segmentation.colors import segment
    from segmenter.segmentation.hierarchy_file import cut, load_hierarchy
    from segmenter.segmentation.model import Model
    from segmenter.segmentation.model_file import load_model, save_model
    from segmenter.segmentation.posterior_maps import confidence_map, posterior_map
    from segmenter.segmentation.recipe import Recipe
    from segmenter.segmentation.result import Segment, Segmentation
    from segmenter.workflows.evaluate.run import evaluate
    from segmenter.workflows.segment.plots import draw_plot


_MODULE_BY_NAME = {
    "ClassFit": "segmenter.mixture.semi_supervised",
    "Fit": "segmenter.mixture.em",
    "FitConfig": "segmenter.mixture.config",
    "FitTrace": "segmenter.mixture.em",
    "Mixture": "segmenter.mixture.model",
    "Model": "segmenter.segmentation.model",
    "NormalInverseWishart": "segmenter.mixture.m_step",
    "Recipe": "segmenter.segmentation.recipe",
    "Samples": "segmenter.arrays",
    "Segment": "segmenter.segmentation.result",
    "Segmentation": "segmenter.segmentation.result",
    "SegmenterError": "segmenter.errors",
    "SegmenterWarning": "segmenter.errors",
    "SelectionTable": "segmenter.mixture.selection",
    "aic": "segmenter.mixture.selection",
    "apply": "segmenter.segmentation.apply",
    "bic": "segmenter.mixture.selection",
    "choose": "segmenter.mixture.selection",
    "clamp": "segmenter.mixture.log_prior",
    "combine": "segmenter.mixture.log_prior",
    "confidence": "segmenter.mixture.inference",
    "confidence_map": "segmenter.segmentation.posterior_maps",
    "cut": "segmenter.segmentation.hierarchy_file",
    "draw_plot": "segmenter.workflows.segment.plots",
    "evaluate": "segmenter.workflows.evaluate.run",
    "fit": "segmenter.mixture.em",
    "fit_clamped": "segmenter.mixture.semi_supervised",
    "fit_learned": "segmenter.mixture.semi_supervised",
    "icl": "segmenter.mixture.selection",
    "impute": "segmenter.mixture.inference",
    "learned_start": "segmenter.mixture.semi_supervised",
    "m_step": "segmenter.mixture.steps",
    "load_hierarchy": "segmenter.segmentation.hierarchy_file",
    "load_model": "segmenter.segmentation.model_file",
    "posterior_map": "segmenter.segmentation.posterior_maps",
    "predict": "segmenter.mixture.inference",
    "read_labels": "segmenter.io.labels.png",
    "responsibilities": "segmenter.mixture.inference",
    "sample": "segmenter.mixture.inference",
    "save_model": "segmenter.segmentation.model_file",
    "score_samples": "segmenter.mixture.inference",
    "segment": "segmenter.segmentation.colors",
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
    "SegmenterWarning",
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
    "m_step",
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
    """Import a public name on first use (PEP 562), so that --help need not import NumPy."""
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULE_BY_NAME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
