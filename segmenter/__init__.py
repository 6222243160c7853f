"""Find the segments of a picture without training: Gaussian mixtures fitted by expectation maximization."""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for that of typing, which need not be imported for it

if TYPE_CHECKING:
    from typing import Any

    from segmenter.errors import SegmenterError
    from segmenter.io.files import read_labels
    from segmenter.mixture.em import Fit, FitTrace
    from segmenter.mixture.gaussian import Mixture
    from segmenter.pipeline.model import Model, apply
    from segmenter.pipeline.model_file import load_model, save_model
    from segmenter.pipeline.recipe import Recipe
    from segmenter.pipeline.segment import segment
    from segmenter.regions.labels import Segment, Segmentation

__version__ = "0.1.0"

_HOMES = {
    "Fit": "segmenter.mixture.em",
    "FitTrace": "segmenter.mixture.em",
    "Mixture": "segmenter.mixture.gaussian",
    "Model": "segmenter.pipeline.model",
    "Recipe": "segmenter.pipeline.recipe",
    "Segment": "segmenter.regions.labels",
    "Segmentation": "segmenter.regions.labels",
    "SegmenterError": "segmenter.errors",
    "apply": "segmenter.pipeline.model",
    "load_model": "segmenter.pipeline.model_file",
    "read_labels": "segmenter.io.files",
    "save_model": "segmenter.pipeline.model_file",
    "segment": "segmenter.pipeline.segment",
}

__all__ = [
    "Fit",
    "FitTrace",
    "Mixture",
    "Model",
    "Recipe",
    "Segment",
    "Segmentation",
    "SegmenterError",
    "__version__",
    "apply",
    "load_model",
    "read_labels",
    "save_model",
    "segment",
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
