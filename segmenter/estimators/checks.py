"""Convert what callers of scikit-learn give to what the mixture layer takes: weights, partial labels, samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_array,
    check_consistent_length,
    column_or_1d,
)

from segmenter.arrays import Floats, Labels, Samples
from segmenter.errors import InvalidArgumentError


def validate_weights(sample_weight: ArrayLike | None, values: Floats) -> Floats:
    """Return the weight of each sample, (N,), at least 0 and not all 0; 1 each if none are given."""
    weights = np.asarray(_check_sample_weight(sample_weight, values, dtype=np.float64, ensure_non_negative=True))
    if not weights.any():
        raise InvalidArgumentError("sample_weight", "contains only zeros; give at least one positive weight")
    return weights


def number_classes(y: ArrayLike, values: Floats, n_components: int) -> tuple[NDArray[Any] | None, Labels | None]:
    """Return the classes, ascending, and the number of the class of each sample, (N,), 1…C; 0 = unlabeled.

    Both are None if nothing is labeled, or if there are more classes than components, with a warning.
    """
    given = column_or_1d(y)
    check_consistent_length(values, given)
    if given.dtype.kind == "f":
        assert_all_finite(given, input_name="y")
    is_labeled = np.array([label != -1 for label in given.tolist()], dtype=np.bool_)
    classes, number = np.unique(given[is_labeled], return_inverse=True)
    if len(classes) > n_components:
        text = f"y contains {len(classes)} classes, more than n_components={n_components}, and is ignored"
        warnings.warn(f"{text}; give y=None or raise n_components", UserWarning, stacklevel=3)
    if not 1 <= len(classes) <= n_components:
        return None, None
    labels = np.zeros(len(given), dtype=np.int32)
    labels[is_labeled] = number + 1
    return classes, labels


def drop_weightless(values: Floats, weights: Floats, labels: Labels | None) -> tuple[Samples, Labels | None]:
    """Return the samples of positive weight, and their labels."""
    is_present = weights > 0
    if is_present.all():
        return Samples(values, weights), labels
    return Samples(values[is_present], weights[is_present]), None if labels is None else labels[is_present]


def merge_duplicates(values: Floats, weights: Floats, labels: Labels | None) -> tuple[Samples, Labels | None]:
    """Return the distinct samples of positive weight, ascending, with their summed weights, and their labels.

    A drawn start then depends neither on the order of the rows, nor on whether they are repeated or weighted.
    """
    samples, labels = drop_weightless(values, weights, labels)
    columns = [samples.values[:, d] for d in range(samples.values.shape[1])] + ([] if labels is None else [labels])
    order = np.argsort(columns[0], kind="stable")
    if has_ties(columns[0][order]):
        order = np.lexsort(columns[::-1])
    is_first = np.zeros(len(order), dtype=np.bool_)
    is_first[0] = True
    for column in columns:
        before, after = column[order[:-1]], column[order[1:]]
        is_first[1:] |= (before != after) & ~(np.isnan(before) & np.isnan(after))
    summed = np.add.reduceat(samples.weights[order], np.flatnonzero(is_first))
    chosen = order[is_first]
    return Samples(samples.values[chosen], summed), None if labels is None else labels[chosen]


def has_ties(ascending: NDArray[Any]) -> bool:
    """Return whether two of some ascending numbers, with NaN at the end, are equal."""
    return bool((ascending[1:] == ascending[:-1]).any() or np.isnan(ascending[-2:]).all())


def validate_start_array(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return a given parameter of the start as an array of finite numbers; InvalidArgumentError for another shape."""
    array = check_array(value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if array.shape != shape:
        raise InvalidArgumentError(name, f"has the shape {array.shape}; give {shape}")
    return np.asarray(array)
