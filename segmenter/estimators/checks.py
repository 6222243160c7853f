"""Convert what callers of scikit-learn give to what the mixture layer takes: weights, partial labels, samples."""

from __future__ import annotations

import warnings
from operator import index
from typing import Any, SupportsIndex

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
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.validation import are_positive_definite


def validate_weights(sample_weight: ArrayLike | None, values: Floats) -> Floats:
    """Return the weight of each sample, (N,), at least 0 and not all 0; 1 each if none are given."""
    weights = np.asarray(_check_sample_weight(sample_weight, values, dtype=np.float64, ensure_non_negative=True))
    if not weights.any():
        raise InvalidArgumentError("sample_weight", "contains only zeros; give at least one positive weight")
    return weights


def choose_labels(
    y: ArrayLike | None, labels: ArrayLike | None, values: Floats, n_components: int
) -> tuple[NDArray[Any] | None, Labels | None]:
    """Return the classes and the numbers of the labels to use, as `number_classes` does; both None if there are none.

    Labels given by that name are used. Those given as ``y`` are if some are −1, unlabeled, and the others are of at
    least two classes: what pipelines and searches pass on to every estimator must not change a fit.
    """
    if labels is not None:
        return number_classes(labels, values, n_components)
    if y is None:
        return None, None
    array = np.asarray(y)
    if array.ndim > 1 and array.shape[1] > 1:  # targets of several outputs are no labels
        return None, None
    given = column_or_1d(array)
    check_consistent_length(values, given)
    if given.dtype.kind == "f":
        assert_all_finite(given, input_name="y")
    distinct = set(given.tolist())
    return number_classes(given, values, n_components) if -1 in distinct and len(distinct) > 2 else (None, None)


def number_classes(y: ArrayLike, values: Floats, n_components: int) -> tuple[NDArray[Any] | None, Labels | None]:
    """Return the classes, ascending, and the number of the class of each sample, (N,), 1…C; 0 = unlabeled.

    Both are None if nothing is labeled, or if there are more classes than components, with a warning.
    """
    given = column_or_1d(y)
    check_consistent_length(values, given)
    if given.dtype.kind == "f":
        assert_all_finite(given, input_name="labels")
    is_labeled = np.array([label != -1 for label in given.tolist()], dtype=np.bool_)
    classes, number = np.unique(given[is_labeled], return_inverse=True)
    if len(classes) > n_components:
        text = f"the labels are of {len(classes)} classes, more than n_components={n_components}, and are ignored"
        warnings.warn(f"{text}; leave them out or raise n_components", UserWarning, stacklevel=4)
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
    is_first = np.ones(len(order), dtype=np.bool_)
    if has_ties(columns[0][order]):
        order = np.lexsort(columns[::-1])
        is_first[1:] = False
        for column in columns:
            before, after = column[order[:-1]], column[order[1:]]
            is_first[1:] |= (before != after) & ~(np.isnan(before) & np.isnan(after))
    summed = np.add.reduceat(samples.weights[order], np.flatnonzero(is_first))
    chosen = order[is_first]
    return Samples(samples.values[chosen], summed), None if labels is None else labels[chosen]


def has_ties(ascending: NDArray[Any]) -> bool:
    """Return whether two of some ascending numbers, with NaN at the end, are equal."""
    return bool((ascending[1:] == ascending[:-1]).any() or np.isnan(ascending[-2:]).all())


def validate_start_array(name: str, word: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return a given parameter of the start as an array of finite numbers; InvalidArgumentError for another shape.

    The errors of start parameters are in the words of scikit-learn, after the name of the parameter.
    """
    array = check_array(value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if array.shape != shape:
        problem = f"is wrong: The parameter '{word}' should have the shape of {shape}, but got {array.shape}"
        raise InvalidArgumentError(name, problem)
    return np.asarray(array)


def check_weights_init(weights: Floats) -> None:
    """Raise InvalidArgumentError unless starting weights (K,) are positive and sum to 1."""
    low, high, total = weights.min(), weights.max(), weights.sum()
    if low < 0 or high > 1:
        problem = f"should be in the range [0, 1], but got max value {high:.5f}, min value {low:.5f}"
    elif not np.isclose(total, 1):
        problem = f"should be normalized, but got sum(weights) = {total:.5f}"
    elif low == 0:
        problem = "should be positive; leave out components of weight 0"
    else:
        return
    raise InvalidArgumentError("weights_init", f"is wrong: The parameter 'weights' {problem}")


def check_precisions_init(precisions: Floats, covariance_type: CovarianceType) -> None:
    """Raise InvalidArgumentError unless starting precisions, (K, D, D), are symmetric and positive definite."""
    if not are_positive_definite(precisions):
        needed = "positive" if covariance_type in ("diag", "spherical") else "symmetric, positive-definite"
        raise InvalidArgumentError("precisions_init", f"is wrong: '{covariance_type} precision' should be {needed}")


def is_zero(value: object) -> bool:
    """Return whether a parameter is the whole number 0."""
    return isinstance(value, SupportsIndex) and not isinstance(value, bool) and index(value) == 0
