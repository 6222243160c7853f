"""Models as files: one JSON object with a schema and a version, every float exact to its last bit, no pickle.

::

    {"schema": "segmenter-model", "version": 4, "software": "segmenter …",
     "recipe": {"method": "gmm", "n_segments": 4, …},
     "features": ["red", "green", "blue"],
     "value_range": {"rule": "auto", "kind": "integer", "low": 0.0, "high": 4095.0, "clipped": 0.0},
     "mixture": {"covariance_type": "full", "weights": […], "means": [[…], …], "covariances": [[[…], …], …],
                 "noise_weight": 0.0, "noise_sides": null},
     "segments": [{"label": 1, "name": "segment 1", "rgb": [0.1, 0.2, 0.3]}, …]}

The value range is missing where stored values are scaled by the full range of their type. A file is checked as a whole
when it is read: a missing or unknown key, a value of another type or outside its range is an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from segmenter.arrays import Floats
from segmenter.errors import (
    DamagedModelError,
    InvalidArgumentError,
    ModelVersionError,
    NotAFileError,
    NotAModelError,
)
from segmenter.io.files.atomic import write_files
from segmenter.io.files.local import read_first_bytes
from segmenter.io.files.remote import to_path
from segmenter.io.images.config import ValueRange
from segmenter.mixture.model import Mixture
from segmenter.segmentation.documents import (
    MAX_BYTES,
    OMIT_NONE,
    DocumentError,
    convert_document,
    encode_json,
    shorten,
    to_plain,
    to_tuples,
)
from segmenter.segmentation.model import Model, build_model
from segmenter.segmentation.recipe import Recipe, decode_recipe
from segmenter.segmentation.record import SOFTWARE, Matrix, Vector
from segmenter.segmentation.result import Segmentation

SCHEMA = "segmenter-model"
VERSION, READABLE_VERSIONS = 4, (3, 4)
"""The version is raised when a key is added or means something else. Version 3 has no `value_range`."""


@dataclass(frozen=True, kw_only=True)
class MixtureDocument:
    """The mixture in a model file."""

    covariance_type: str
    weights: Vector  # K
    means: Matrix  # (K, D)
    covariances: tuple[Matrix, ...]  # (K, D, D)
    noise_weight: float
    noise_sides: Vector | None  # D


@dataclass(frozen=True, kw_only=True)
class SegmentDocument:
    """A segment in a model file."""

    label: int  # 1…K
    name: str
    rgb: tuple[float, float, float]  # mean sRGB color, 0 to 1


@dataclass(frozen=True, kw_only=True)
class ModelDocument:
    """The content of a model file."""

    schema: str
    version: int
    software: str
    recipe: Mapping[str, Any]
    features: tuple[str, ...]
    value_range: ValueRange | None = field(default=None, metadata=OMIT_NONE)
    mixture: MixtureDocument
    segments: tuple[SegmentDocument, ...]


def save_model(
    model: Model | Segmentation,
    path: str | Path,
    *,
    label_names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model to a file that `segmenter.load_model` and ``segmenter apply`` read.

    Parameters
    ----------
    model : Model or Segmentation
        A segmentation gives the mixture that was fitted to its photo.
    path : str or Path
        Usually NAME.model.json.
    label_names : sequence of K str, optional
        Names of the segments, in the order of their labels.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    InvalidArgumentError
        There are not K names, or one cannot be printed.
    OutputExistsError
        The file exists and may not be replaced.
    WriteError
        The file cannot be written.
    """
    if isinstance(model, Segmentation):
        model = build_model(model, label_names)
    elif label_names is not None:
        model = replace(model, label_names=tuple(label_names))
    write_files({to_path(path): encode_model(model)}, overwrite=overwrite)


def load_model(path: str | Path) -> Model:
    """Read a model, and check all of it.

    Parameters
    ----------
    path : str or Path
        A file that `segmenter.save_model` or ``segmenter segment --save-model`` wrote.

    Returns
    -------
    Model
        Equal to the one that was written, to the last bit.

    Raises
    ------
    MissingFileError, UnreadableFileError
        There is no such file, or it cannot be opened.
    NotAModelError
        The file is something else, for instance a photo or the record of a run.
    ModelVersionError
        The version of its format cannot be read.
    DamagedModelError
        A part of it is missing, unknown, of a wrong type or outside its range, or does not fit the rest.
    """
    name = str(path)
    try:
        content = read_first_bytes(to_path(path), MAX_BYTES + 1)
    except NotAFileError as error:
        raise NotAModelError(name, f"is a {error.kind}, not a file") from error
    return decode_model(content, name)


# ---- writing -------------------------------------------------------------------------------------------------------


def encode_model(model: Model) -> bytes:
    """Return a model as the content of a file."""
    mixture = model.mixture
    document = ModelDocument(
        schema=SCHEMA,
        version=VERSION,
        software=SOFTWARE,
        recipe=asdict(model.recipe),
        features=model.channels,
        value_range=model.value_range,
        mixture=MixtureDocument(
            covariance_type=mixture.covariance_type,
            weights=to_tuples(mixture.weights.tolist()),
            means=to_tuples(mixture.means.tolist()),
            covariances=to_tuples(mixture.covariances.tolist()),
            noise_weight=float(mixture.noise_weight),
            noise_sides=None if mixture.noise_sides is None else to_tuples(mixture.noise_sides.tolist()),
        ),
        segments=tuple(
            SegmentDocument(label=label, name=name, rgb=color)
            for label, (name, color) in enumerate(zip(model.label_names, model.colors, strict=True), start=1)
        ),
    )
    return encode_json(to_plain(document), allow_nan=False)


# ---- reading -------------------------------------------------------------------------------------------------------


class _FlawError(Exception):
    """What is wrong with a document; becomes a DamagedModelError, which names the file."""


def decode_model(content: bytes, name: str) -> Model:
    """Return the model that a file holds; errors as of `load_model`.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call the file.
    """
    if len(content) > MAX_BYTES:
        raise NotAModelError(name, f"is larger than any model ({MAX_BYTES // 1_000_000} MB)")
    if not content.lstrip(b" \t\r\n").startswith(b"{"):
        raise NotAModelError(name, "is no model" if content else "is empty")
    try:
        plain = json.loads(content.decode(), object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant)
        _check_format(plain, name)
        document = convert_document(plain, ModelDocument, allow_unknown=False)
        return _build_model(document, name, hashlib.sha256(content).hexdigest())
    except json.JSONDecodeError as error:
        raise DamagedModelError(name, f"no JSON from line {error.lineno} on") from error
    except UnicodeDecodeError as error:
        raise DamagedModelError(name, f"no UTF-8 from byte {error.start} on") from error
    except RecursionError as error:
        raise DamagedModelError(name, "lists are nested too deeply") from error
    except (InvalidArgumentError, DocumentError, _FlawError) as error:
        raise DamagedModelError(name, shorten(str(error), 200)) from error
    except (OverflowError, ValueError) as error:
        raise DamagedModelError(name, "a number of hundreds of digits") from error


def _check_format(plain: Mapping[str, Any], name: str) -> None:
    """Raise NotAModelError or ModelVersionError unless a JSON object is a model of the version that is read."""
    if plain.get("schema") != SCHEMA:
        raise NotAModelError(name, "is JSON, but no model")
    version = plain.get("version", VERSION)
    if type(version) is int and version not in READABLE_VERSIONS:
        raise ModelVersionError(name, shorten(json.dumps(version), 40), READABLE_VERSIONS)


def _build_model(document: ModelDocument, name: str, digest: str) -> Model:
    """Return the model of a document; raise _FlawError or InvalidArgumentError where its parts do not fit."""
    for label, segment in enumerate(document.segments, start=1):
        if segment.label != label:
            raise _FlawError(f"segments[{label - 1}].label is {segment.label}, not {label}")
    return Model(
        recipe=decode_recipe(document.recipe, Recipe),
        mixture=_build_mixture(document.mixture, len(document.features)),
        channels=document.features,
        label_names=tuple(segment.name for segment in document.segments),
        colors=tuple(segment.rgb for segment in document.segments),
        name=name,
        digest=digest,
        value_range=document.value_range,
    )


def _build_mixture(document: MixtureDocument, n_features: int) -> Mixture:
    n, sides = len(document.weights), document.noise_sides
    return Mixture(
        weights=_to_array(document.weights, (n,), "weights"),
        means=_to_array(document.means, (n, n_features), "means"),
        covariances=_to_array(document.covariances, (n, n_features, n_features), "covariances"),
        covariance_type=document.covariance_type,  # type: ignore[arg-type]  # the model checks it
        noise_weight=document.noise_weight,
        noise_sides=None if sides is None else _to_array(sides, (n_features,), "noise_sides"),
    )


def _to_array(values: tuple[Any, ...], shape: tuple[int, ...], name: str) -> Floats:
    """Return nested tuples of numbers as an array of this shape."""

    def check(part: tuple[Any, ...], lengths: tuple[int, ...]) -> None:
        if len(part) != lengths[0]:
            raise _FlawError(f"{name} has {len(part)} entries where {lengths[0]} belong")
        if lengths[1:]:
            for entry in part:
                check(entry, lengths[1:])

    check(values, shape)
    return np.array(values, dtype=np.float64).reshape(shape)


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of a JSON object as a dict; raise _FlawError where a key is repeated."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _FlawError("a key occurs twice")
    return values


def _refuse_constant(text: str) -> NoReturn:
    """Raise _FlawError: NaN and Infinity are no JSON."""
    raise _FlawError(f"{text} is no number")
