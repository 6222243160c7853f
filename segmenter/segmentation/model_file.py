"""Models as files: one JSON object with a schema and a version, every float exact to its last bit, no pickle.

::

    {"schema": "segmenter-model", "version": 3, "software": "segmenter …",
     "recipe": {"method": "gmm", "n_segments": 4, …},
     "features": ["red", "green", "blue"],
     "mixture": {"covariance_type": "full", "weights": […], "means": [[…], …], "covariances": [[[…], …], …],
                 "noise_weight": 0.0, "noise_sides": null},
     "segments": [{"label": 1, "name": "segment 1", "rgb": [0.1, 0.2, 0.3]}, …]}

Whoever reads one can trust it: a key too few or too many, a value of another type or outside its range is an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from segmenter._version import __version__
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
from segmenter.mixture.model import Mixture
from segmenter.segmentation.model import Model, build_model
from segmenter.segmentation.recipe import recipe_from
from segmenter.segmentation.result import Segmentation

SCHEMA = "segmenter-model"
VERSION = 3
"""Raised when a key is added or means something else."""

MAX_BYTES = 64_000_000
"""Three times the size of a model of 65,535 segments."""


def save_model(
    model: Model | Segmentation,
    path: str | Path,
    *,
    label_names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model, for `segmenter.load_model` and ``segmenter apply``.

    Parameters
    ----------
    model : Model or Segmentation
        Of a segmented photo, what was fitted to it.
    path : str or Path
        Usually NAME.model.json.
    label_names : sequence of K str, optional
        What people call the segments, in the order of their labels.
    overwrite : bool
        Replace a file that exists.

    Raises
    ------
    InvalidArgumentError
        There are not K names, or one cannot be printed.
    OutputExistsError
        The file exists and may not be replaced.
    WriteError
        The system refuses to write it.
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
        What `segmenter.save_model` or ``segmenter segment --save-model`` wrote.

    Returns
    -------
    Model
        Equal to the one that was written, to the last bit.

    Raises
    ------
    MissingFileError, UnreadableFileError
        There is no such file, or it cannot be opened.
    NotAModelError
        It is something else, for instance a photo or the record of a run.
    ModelVersionError
        It is of a version of the format that is not read.
    DamagedModelError
        Something in it is missing, too much, of a wrong type, outside its range, or does not fit the rest.
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
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "software": f"segmenter {__version__}",
        "recipe": asdict(model.recipe),
        "features": list(model.channels),
        "mixture": {
            "covariance_type": mixture.covariance_type,
            "weights": mixture.weights.tolist(),
            "means": mixture.means.tolist(),
            "covariances": mixture.covariances.tolist(),
            "noise_weight": float(mixture.noise_weight),
            "noise_sides": None if mixture.noise_sides is None else mixture.noise_sides.tolist(),
        },
        "segments": [
            {"label": label, "name": name, "rgb": list(color)}
            for label, (name, color) in enumerate(zip(model.label_names, model.colors, strict=True), start=1)
        ],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


# ---- reading -------------------------------------------------------------------------------------------------------


class _FlawError(Exception):
    """What is wrong with a document; told as DamagedModelError, which knows the file."""


def decode_model(content: bytes, name: str) -> Model:
    """Return the model that a file holds; the errors are those of `load_model`.

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
        document = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
        schema = document.get("schema")
        if schema != SCHEMA:
            raise NotAModelError(name, "is JSON, but no model")
        version = document.get("version")
        if type(version) is int and version != VERSION:
            raise ModelVersionError(name, _shown(version), VERSION)
        return _model(document, name, hashlib.sha256(content).hexdigest())
    except json.JSONDecodeError as error:
        raise DamagedModelError(name, f"no JSON from line {error.lineno} on") from error
    except UnicodeDecodeError as error:
        raise DamagedModelError(name, f"no UTF-8 from byte {error.start} on") from error
    except RecursionError as error:
        raise DamagedModelError(name, "lists in lists without end") from error
    except (InvalidArgumentError, _FlawError) as error:
        raise DamagedModelError(name, _cut(str(error), 200)) from error
    except (OverflowError, ValueError) as error:
        raise DamagedModelError(name, "a number of hundreds of digits") from error


def _model(document: Mapping[str, Any], name: str, digest: str) -> Model:
    """Return the model of a document of the right schema; raise _FlawError or InvalidArgumentError."""
    keys = ("schema", "version", "software", "recipe", "features", "mixture", "segments")
    _, version, software, recipe, features, mixture, segments = _values(document, "the model", keys)
    if version != VERSION or type(version) is not int:
        raise _FlawError(f"version is {_shown(version)}, no whole number")
    _text(software, "software")
    if not isinstance(recipe, dict):
        raise _FlawError("recipe is no object")
    channels = tuple(_text(feature, "a feature") for feature in _list(features, "features"))
    colors = []
    names = []
    for place, segment in enumerate(_list(segments, "segments"), start=1):
        label, label_name, rgb = _values(segment, f"segment {place}", ("label", "name", "rgb"))
        if type(label) is not int or label != place:
            raise _FlawError(f"the label of segment {place} is {_shown(label)}")
        red, green, blue = _numbers(rgb, (3,), f"rgb of segment {place}").tolist()
        names.append(_text(label_name, f"the name of segment {place}"))
        colors.append((red, green, blue))
    return Model(
        recipe=recipe_from(recipe),
        mixture=_mixture(mixture, len(channels)),
        channels=channels,
        label_names=tuple(names),
        colors=tuple(colors),
        name=name,
        digest=digest,
    )


def _mixture(value: Any, n_features: int) -> Mixture:
    keys = ("covariance_type", "weights", "means", "covariances", "noise_weight", "noise_sides")
    covariance_type, weights, means, covariances, noise_weight, noise_sides = _values(value, "mixture", keys)
    n = len(_list(weights, "weights"))
    return Mixture(
        weights=_numbers(weights, (n,), "weights"),
        means=_numbers(means, (n, n_features), "means"),
        covariances=_numbers(covariances, (n, n_features, n_features), "covariances"),
        covariance_type=_text(covariance_type, "covariance_type"),  # type: ignore[arg-type]  # the model checks it
        noise_weight=_number(noise_weight, "noise_weight"),
        noise_sides=None if noise_sides is None else _numbers(noise_sides, (n_features,), "noise_sides"),
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _FlawError("a key is there twice")
    return values


def _refuse_constant(text: str) -> NoReturn:
    raise _FlawError(f"{text} is no number")


def _values(value: Any, what: str, keys: tuple[str, ...]) -> list[Any]:
    """Return the values of an object in the order of these keys; it has these and no others."""
    if not isinstance(value, dict):
        raise _FlawError(f"{what} is no object")
    for key in keys:
        if key not in value:
            raise _FlawError(f"{key} of {what} is missing")
    for key in value:
        if key not in keys:
            raise _FlawError(f"{_shown(key)} of {what} is unknown")
    return [value[key] for key in keys]


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _FlawError(f"{what} is no list")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _FlawError(f"{what} is no text")
    return value


def _number(value: Any, what: str) -> float:
    if type(value) is not float and type(value) is not int:
        raise _FlawError(f"{what} holds {_shown(value)}, which is no number")
    try:
        return float(value)
    except OverflowError:
        raise _FlawError(f"{what} holds a number that is too large") from None


def _numbers(value: Any, shape: tuple[int, ...], what: str) -> Floats:
    """Return nested lists of this shape as an array."""

    def check(part: Any, lengths: tuple[int, ...]) -> Any:
        if not lengths:
            return _number(part, what)
        if len(_list(part, what)) != lengths[0]:
            raise _FlawError(f"{what} has {len(part)} entries where {lengths[0]} belong")
        return [check(entry, lengths[1:]) for entry in part]

    return np.array(check(value, shape), dtype=np.float64).reshape(shape)


def _shown(value: Any) -> str:
    """Return a value as JSON, cut to a length that fits a message."""
    return _cut(json.dumps(value), 40)


def _cut(text: str, n_characters: int) -> str:
    return text if len(text) <= n_characters else f"{text[:n_characters]}…"
