"""The estimator behaves as users of scikit-learn expect, and does what they have asked for beyond that."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture as Peer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from segmenter.arrays import Floats
from segmenter.errors import InvalidArgumentError
from segmenter.estimators import GaussianMixture
from segmenter.mixture.config import COVARIANCE_TYPES, CovarianceType

every_family = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def blobs(n_blobs: int = 3, n_features: int = 2, n_each: int = 60, distance: float = 6.0, seed: int = 0) -> Any:
    """Return round clusters of unit variance on a line, shuffled, and the cluster of each sample, 0…"""
    generator = np.random.default_rng(seed)
    cluster = generator.permutation(np.repeat(np.arange(n_blobs), n_each))
    return distance * cluster[:, None] + generator.standard_normal((len(cluster), n_features)), cluster


def start_parameters(values: Floats, n_components: int, covariance_type: CovarianceType) -> dict[str, Any]:
    """Return a start some way off, complete, as parameters of both estimators."""
    n_features = values.shape[1]
    precisions = np.stack([(0.1 + 0.05 * k) * (np.eye(n_features) + 0.1) for k in range(n_components)])
    diagonals = precisions.diagonal(axis1=1, axis2=2).copy()
    shaped = {"full": precisions, "tied": precisions[0], "diag": diagonals, "spherical": diagonals[:, 0]}
    weights = np.arange(1.0, n_components + 1)
    ascending = values[np.argsort(values[:, 0])]
    return {
        "covariance_type": covariance_type,
        "weights_init": weights / weights.sum(),
        "means_init": ascending[(np.linspace(0.1, 0.8, n_components) * len(values)).astype(int)],
        "precisions_init": shaped[covariance_type],
    }


def full_covariances(model: GaussianMixture) -> list[NDArray[Any]]:
    """Return the covariance matrix of each component, from what the family keeps."""
    n_components, n_features = model.means_.shape
    kept = model.covariances_
    if model.covariance_type == "full":
        return list(kept)
    if model.covariance_type == "tied":
        return [kept] * n_components
    if model.covariance_type == "diag":
        return [np.diag(row) for row in kept]
    return [variance * np.eye(n_features) for variance in kept]


# ---- scikit-learn's own contract -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        GaussianMixture(),
        GaussianMixture(2, n_init=2),
        GaussianMixture(3, covariance_type="diag"),
        GaussianMixture(3, covariance_type="tied", init_params="random"),
        GaussianMixture(2, covariance_type="spherical", warm_start=True),
    ]
)
def test_every_check_of_scikit_learn_passes(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
def test_no_check_of_scikit_learn_is_skipped() -> None:
    code = """
from sklearn.utils.estimator_checks import check_estimator
from segmenter.estimators import GaussianMixture
results = check_estimator(GaussianMixture(), on_skip=None)
print(*{result["status"] for result in results}, len(results) > 40)
"""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["passed", "True"]


def test_the_package_does_not_need_scikit_learn() -> None:
    code = "import sys, segmenter; segmenter.segment; print('sklearn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]


def test_it_is_cloned_and_pickled() -> None:
    values, _ = blobs()
    model = GaussianMixture(3, random_state=0).fit(values)
    assert not hasattr(clone(model), "means_")
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(values), model.predict_proba(values))


def test_nothing_can_be_predicted_before_a_fit() -> None:
    model = GaussianMixture()
    assert not hasattr(model, "weights_")
    for method in (model.predict, model.predict_proba, model.score, model.score_samples, model.bic, model.aic):
        with pytest.raises(NotFittedError):
            method([[0.0]])
    with pytest.raises(NotFittedError):
        model.sample()


# ---- against the peer ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@every_family
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 2), (2, 1), (3, 2), (3, 4)])
def test_from_the_same_start_the_fit_is_that_of_scikit_learn(
    covariance_type: CovarianceType, n_components: int, n_features: int
) -> None:
    values, _ = blobs(n_components, n_features, distance=4.0, seed=n_features)
    start = start_parameters(values, n_components, covariance_type)
    ours = GaussianMixture(n_components, tol=1e-6, max_iter=500, covariance_floor=1e-12, **start).fit(values)
    theirs = Peer(n_components, tol=1e-6, max_iter=500, reg_covar=0, **start).fit(values)
    assert ours.converged_
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.score(values) == pytest.approx(theirs.score(values), abs=1e-8)
    assert ours.bic(values) == pytest.approx(theirs.bic(values), rel=1e-8)
    assert ours.aic(values) == pytest.approx(theirs.aic(values), rel=1e-8)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine.shape == other.shape, name
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6 * np.abs(other).max(), err_msg=name)
    np.testing.assert_allclose(ours.score_samples(values), theirs.score_samples(values), atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(values), theirs.predict_proba(values), atol=1e-6)
    np.testing.assert_array_equal(ours.predict(values), theirs.predict(values))


@every_family
def test_the_density_is_that_of_the_attributes(covariance_type: CovarianceType) -> None:
    values, _ = blobs(distance=3.0)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, max_iter=500).fit(values)
    joint = np.stack(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(values)
            for weight, mean, covariance in zip(model.weights_, model.means_, full_covariances(model), strict=True)
        ],
        axis=1,
    )
    density = logsumexp(joint, axis=1)
    np.testing.assert_allclose(model.score_samples(values), density, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(values), np.exp(joint - density[:, None]), atol=1e-9)
    np.testing.assert_array_equal(model.predict(values), joint.argmax(axis=1))
    assert model.score(values) == pytest.approx(density.mean())
    n_free = {"full": 3 * 3, "tied": 3, "diag": 3 * 2, "spherical": 3}[covariance_type] + 3 * 2 + 2
    assert model.aic(values) == pytest.approx(2 * n_free - 2 * density.sum())
    assert model.bic(values) == pytest.approx(n_free * np.log(len(values)) - 2 * density.sum())


@every_family
def test_precisions_invert_the_covariances(covariance_type: CovarianceType) -> None:
    values, _ = blobs(2, 3)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(values)
    covariances, factors = model.covariances_, model.precisions_cholesky_
    if covariance_type in ("full", "tied"):
        np.testing.assert_allclose(model.precisions_ @ covariances, np.eye(3) + 0 * covariances, atol=1e-10)
        np.testing.assert_allclose(factors @ np.swapaxes(factors, -1, -2), model.precisions_, rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(np.tril(factors, -1), 0)
    else:
        np.testing.assert_allclose(model.precisions_ * covariances, 1)
        np.testing.assert_allclose(factors**2, model.precisions_)


# ---- the iteration -------------------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("init_params", ["k-means++", "random"])
def test_the_lower_bound_never_falls(covariance_type: CovarianceType, init_params: Any) -> None:
    values, _ = blobs(distance=2.5)
    model = GaussianMixture(
        3, covariance_type=covariance_type, init_params=init_params, tol=1e-7, max_iter=2000, random_state=0
    ).fit(values)
    assert (np.diff(model.lower_bounds_) > -1e-12).all()
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert len(model.lower_bounds_) == model.n_iter_
    assert model.lower_bound_ <= model.score(values) == pytest.approx(model.lower_bound_, abs=1e-5)


@every_family
def test_a_mixture_is_recovered(covariance_type: CovarianceType) -> None:
    values, cluster = blobs(n_each=200, distance=8.0)
    model = GaussianMixture(3, covariance_type=covariance_type, n_init=5, random_state=0)
    assert adjusted_rand_score(cluster, model.fit_predict(values)) > 0.99
    np.testing.assert_array_equal(model.predict(values), model.fit_predict(values))
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(model.means_[order], 8.0 * np.arange(3)[:, None] + np.zeros(2), atol=0.3)
    np.testing.assert_allclose(model.weights_, 1 / 3, atol=0.02)
    np.testing.assert_allclose(full_covariances(model), np.broadcast_to(np.eye(2), (3, 2, 2)), atol=0.35)


def test_too_few_steps_give_a_warning() -> None:
    values, _ = blobs(distance=2.0)
    model = GaussianMixture(3, max_iter=1, tol=1e-9, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        model.fit(values)
    assert not model.converged_
    assert model.n_iter_ == 1


def test_with_tolerance_0_it_runs_until_the_objective_stops_rising() -> None:
    values, _ = blobs()
    model = GaussianMixture(2, tol=0, max_iter=1000, random_state=0).fit(values)
    assert model.converged_
    assert model.lower_bounds_[-1] - model.lower_bounds_[-2] < 1e-12
    assert model.lower_bound_ >= GaussianMixture(2, tol=1e-3, random_state=0).fit(values).lower_bound_


@pytest.mark.parametrize("n_init", [1, 5])
@pytest.mark.parametrize("tol", [1e-1, 1e-7])
def test_fit_predict_is_fit_and_predict(n_init: int, tol: float) -> None:
    values, _ = blobs()
    model = GaussianMixture(3, n_init=n_init, tol=tol, random_state=0)
    labels = model.fit_predict(values)
    np.testing.assert_array_equal(labels, model.predict(values))
    np.testing.assert_array_equal(labels, clone(model).fit(values).predict(values))


def test_numbers_of_32_bits_are_the_same_samples() -> None:
    values = blobs()[0].astype(np.float32)
    narrow, wide = (GaussianMixture(2, random_state=0).fit(given) for given in (values, values.astype(np.float64)))
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(wide, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(narrow, name), getattr(wide, name).astype(np.float32), strict=True)
    for method in ("predict_proba", "score_samples"):
        assert getattr(wide, method)(values).dtype == np.float32
        assert getattr(narrow, method)(values.astype(np.float64)).dtype == np.float64


def test_the_best_of_several_starts_is_kept() -> None:
    values, _ = blobs(5, distance=5.0)
    models = [
        GaussianMixture(5, n_init=n, init_params="random", random_state=3, max_iter=500).fit(values) for n in (1, 2, 10)
    ]
    bounds = [model.lower_bound_ for model in models]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]
    assert models[-1].trace_.restarts.max() == pytest.approx(bounds[-1])


def test_a_warm_start_goes_on_where_the_fit_stopped() -> None:
    values, _ = blobs(distance=2.5)
    whole = GaussianMixture(3, tol=1e-9, max_iter=40, random_state=0)
    parts = GaussianMixture(3, tol=1e-9, max_iter=20, random_state=0, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        whole.fit(values)
    with pytest.warns(ConvergenceWarning):
        parts.fit(values).fit(values)
    np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-9)
    with pytest.raises(InvalidArgumentError, match="warm_start"):
        parts.fit(values[:, :1])


def test_the_random_state_decides() -> None:
    values, _ = blobs(6, distance=2.0)
    model = GaussianMixture(6, init_params="random", max_iter=3, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first, again, other = (clone(model).set_params(random_state=seed).fit(values) for seed in (0, 0, 1))
        state = np.random.RandomState(0)
        model.set_params(random_state=state)
        one, two = model.fit(values).means_, model.fit(values).means_
    np.testing.assert_array_equal(first.means_, again.means_)
    assert not np.allclose(first.means_, other.means_)
    assert not np.allclose(one, two)


# ---- known starts --------------------------------------------------------------------------------------------------


def test_given_means_decide_the_order_of_the_components() -> None:
    values, cluster = blobs(distance=8.0)
    means = np.array([[16.0, 16.0], [0.0, 0.0], [8.0, 8.0]])
    model = GaussianMixture(3, means_init=means).fit(values)
    np.testing.assert_allclose(model.means_, means, atol=0.5)
    np.testing.assert_array_equal(model.predict(values), np.array([1, 2, 0])[cluster])


@pytest.mark.parametrize("given", [("weights",), ("precisions",), ("weights", "precisions"), ("means", "precisions")])
def test_each_given_part_of_a_start_counts(given: tuple[str, ...]) -> None:
    values, _ = blobs(distance=2.0)
    parts = {
        "weights": {"weights_init": [0.98, 0.01, 0.01]},
        "means": {"means_init": values[:3]},
        "precisions": {"precisions_init": np.stack([25 * np.eye(2)] * 3)},
    }
    base = GaussianMixture(3, max_iter=1, tol=1e-12, random_state=0)
    started = clone(base).set_params(**{name: value for part in given for name, value in parts[part].items()})
    with pytest.warns(ConvergenceWarning):
        base.fit(values)
    with pytest.warns(ConvergenceWarning):
        started.fit(values)
    assert np.abs(started.weights_ - base.weights_).max() > 1e-3


def test_a_fit_started_at_its_own_end_stays_there() -> None:
    values, _ = blobs(distance=3.0)
    model = GaussianMixture(3, tol=1e-10, max_iter=5000, random_state=0).fit(values)
    again = GaussianMixture(
        3, weights_init=model.weights_, means_init=model.means_, precisions_init=model.precisions_
    ).fit(values)
    assert again.n_iter_ <= 2
    np.testing.assert_allclose(again.means_, model.means_, atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 1.5}, "n_components"),
        ({"n_components": 1000}, "n_components"),
        ({"tol": -1.0}, "tol"),
        ({"max_iter": -1}, "max_iter"),
        ({"max_iter": 0.0}, "max_iter"),
        ({"reg_covar": -1.0}, "reg_covar"),
        ({"n_init": 0}, "n_init"),
        ({"init_params": "k-means"}, "init_params"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"covariance_floor": 2.0}, "covariance_floor"),
        ({"weights_init": [0.5, 0.6]}, "weights_init"),
        ({"weights_init": [1.0, 0.0]}, "weights_init"),
        ({"weights_init": [1.0]}, "weights_init"),
        ({"means_init": [[0.0, 0.0]]}, "means_init"),
        ({"means_init": [[0.0, 0.0], [np.nan, 0.0]]}, "means_init"),
        ({"precisions_init": np.ones((2, 2))}, "precisions_init"),
        ({"precisions_init": -np.stack([np.eye(2)] * 2)}, "precisions_init"),
        ({"precisions_init": np.array([[[2.0, 1.0], [0.0, 2.0]]] * 2)}, "precisions_init"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, Any], name: str) -> None:
    values, _ = blobs()
    model = GaussianMixture(2).set_params(**parameters)
    with pytest.raises(ValueError, match=name):
        model.fit(values)


def test_more_components_than_distinct_samples_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="X has 2 distinct samples"):
        GaussianMixture(3).fit([[0.0], [0.0], [1.0], [1.0]])


def test_as_many_components_as_samples_are_fitted() -> None:
    with pytest.warns(ConvergenceWarning, match="without spread .* 0, 1, 2; try fewer n_components"):
        model = GaussianMixture(3, random_state=0).fit([[0.0], [1.0], [5.0]])
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), [0, 1, 5], atol=1e-6)
    assert model.trace_.verdict == "degenerate"


@pytest.mark.parametrize("distance", [1e7, 1e12])
def test_one_outlier_does_not_spoil_a_fit(distance: float) -> None:
    values, cluster = blobs(3, n_each=300)
    both = np.vstack([values, np.full((1, values.shape[1]), distance)])
    labels = GaussianMixture(4, random_state=0, n_init=3).fit_predict(both)
    assert len(set(zip(labels[:-1], cluster, strict=True))) == 3
    assert labels[-1] not in labels[:-1]


@pytest.mark.parametrize("size", [1e106, 1e151, 1e308])
def test_values_whose_squares_are_out_of_range_are_refused_as_a_value_error(size: float) -> None:
    with pytest.raises(ValueError, match="power of ten"):
        GaussianMixture(2).fit(np.append(np.linspace(-1, 1, 50), [size, -size])[:, None])


def test_the_floor_keeps_covariances_apart_from_zero() -> None:
    values, _ = blobs(2)
    flat = np.column_stack([values, np.ones(len(values))])
    for floor in (1e-9, 1e-3):
        model = GaussianMixture(2, covariance_floor=floor, random_state=0).fit(flat)
        scale = values.var(axis=0).mean()  # what a constant feature counts as
        np.testing.assert_allclose(model.covariances_[:, 2, 2], floor * scale, rtol=1e-4)


# ---- samples drawn -------------------------------------------------------------------------------------------------


@every_family
def test_samples_follow_the_mixture(covariance_type: CovarianceType) -> None:
    values, _ = blobs(n_each=100)
    model = GaussianMixture(3, covariance_type=covariance_type, n_init=3, random_state=0).fit(values)
    drawn, component = model.sample(20_000)
    assert drawn.shape == (20_000, 2)
    np.testing.assert_allclose(np.bincount(component) / 20_000, model.weights_, atol=0.02)
    for k, covariance in enumerate(full_covariances(model)):
        np.testing.assert_allclose(drawn[component == k].mean(axis=0), model.means_[k], atol=0.1)
        np.testing.assert_allclose(np.cov(drawn[component == k].T), covariance, atol=0.15)
    assert model.sample()[0].shape == (1, 2)
    with pytest.raises(ValueError, match="n_samples"):
        model.sample(0)


# ---- weights -------------------------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("init_params", ["k-means++", "random"])
@pytest.mark.parametrize("is_labeled", [False, True])
def test_a_weight_counts_as_that_many_rows(covariance_type: CovarianceType, init_params: Any, is_labeled: bool) -> None:
    values, cluster = blobs(distance=3.0)
    generator = np.random.default_rng(1)
    times = generator.integers(0, 4, len(values))
    y = np.where(generator.random(len(values)) < 0.2, cluster, -1) if is_labeled else None
    model = GaussianMixture(
        3, covariance_type=covariance_type, init_params=init_params, n_init=2, random_state=0, max_iter=500
    )
    weighted = clone(model).fit(values, y, sample_weight=times)
    order = generator.permutation(int(times.sum()))
    rows = np.repeat(np.arange(len(values)), times)[order]
    repeated = clone(model).fit(values[rows], None if y is None else y[rows])
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12, atol=1e-12)
    assert not np.allclose(np.sort(weighted.weights_), np.sort(clone(model).fit(values, y).weights_))


def test_rows_that_share_a_feature_are_merged_where_they_share_all() -> None:
    values, _ = blobs()
    coarse = np.column_stack([np.round(values[:, 0] / 6), np.round(values[:, 1])])
    coarse[::7, 1] = 99
    merge_duplicates, counts = np.unique(coarse, axis=0, return_counts=True)
    for array in (coarse, merge_duplicates):
        array[array == 99] = np.nan
    with pytest.warns(ConvergenceWarning, match="without spread"):
        rows = GaussianMixture(3, random_state=0).fit(coarse)
    with pytest.warns(ConvergenceWarning, match="without spread"):
        merged = GaussianMixture(3, random_state=0).fit(merge_duplicates[::-1], sample_weight=counts[::-1])
    np.testing.assert_array_equal(rows.means_, merged.means_)
    np.testing.assert_array_equal(rows.lower_bounds_, merged.lower_bounds_)


def test_with_a_given_start_a_weight_counts_as_that_many_rows() -> None:
    values, _ = blobs(distance=3.0)
    times = np.random.default_rng(1).integers(0, 4, len(values))
    model = GaussianMixture(3, max_iter=500, **start_parameters(values, 3, "full"))
    weighted, repeated = clone(model).fit(values, None, times), clone(model).fit(np.repeat(values, times, axis=0))
    assert weighted.n_iter_ == repeated.n_iter_
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-9)


@pytest.mark.parametrize("weights", [[0.0, 0.0, 0.0], [1.0, -1.0, 1.0], [1.0, 1.0], [np.nan, 1.0, 1.0]])
def test_invalid_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match=r"(?i)weight"):
        GaussianMixture().fit([[0.0], [1.0], [2.0]], sample_weight=weights)


# ---- partial labels ------------------------------------------------------------------------------------------------


def test_labels_give_components_their_classes() -> None:
    values, cluster = blobs(distance=8.0)
    for classes in (
        np.array([0, 1, 2]),
        np.array([2, 0, 1]),
        np.array([30, 10, 20]),
        np.array(["c", "a", "b"], object),
    ):
        truth = classes[cluster]
        y = np.full(len(values), -1, dtype=truth.dtype)
        y[:30] = truth[:30]
        model = GaussianMixture(3, random_state=0).fit(values, y)
        np.testing.assert_array_equal(model.classes_, np.sort(classes))
        np.testing.assert_array_equal(model.component_classes_[model.predict(values)], truth)


def test_labels_pull_components_to_their_class() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(0, 1, (200, 1)), generator.normal(2.0, 1, (200, 1))])
    truth = np.repeat([0, 1], 200)
    y = np.where(np.arange(400) % 4 == 0, truth, -1)
    with pytest.warns(ConvergenceWarning, match="no better than a single one"):
        plain = GaussianMixture(2, random_state=0, max_iter=2000).fit(values)
    pulled = GaussianMixture(2, random_state=0, max_iter=2000).fit(values, y)
    errors = [np.abs(np.sort(model.means_[:, 0]) - [0, 2]).max() for model in (plain, pulled)]
    assert errors[1] < errors[0]
    assert (pulled.predict(values) == truth).mean() > 0.8


def test_fully_labeled_samples_give_the_moments_of_their_classes() -> None:
    values, cluster = blobs(distance=1.0)
    model = GaussianMixture(3).fit(values, labels=cluster)
    np.testing.assert_allclose(model.means_, [values[cluster == k].mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(
        model.covariances_, [np.cov(values[cluster == k].T, bias=True) for k in range(3)], rtol=1e-6, atol=1e-7
    )


def test_a_class_may_have_several_components() -> None:
    values, cluster = blobs(4, distance=8.0, n_each=40)
    y = np.where(np.arange(len(values)) % 4 == 0, (cluster == 1).astype(int), -1)  # class 0 is three clusters
    model = GaussianMixture(4, component_classes=[0, 1, 0, 0], n_init=5, random_state=0).fit(values, y)
    np.testing.assert_array_equal(model.component_classes_, [0, 1, 0, 0])
    np.testing.assert_array_equal(model.component_classes_[model.predict(values)], cluster == 1)
    by_default = GaussianMixture(4, n_init=5, random_state=0).fit(values, y)
    np.testing.assert_array_equal(by_default.component_classes_, [0, 0, 1, 1])
    assert model.score(values) > by_default.score(values)
    for wrong in ([0, 1, 0], [0, 0, 0, 0], [0, 1, 2, 0]):
        with pytest.raises(InvalidArgumentError, match="component_classes"):
            GaussianMixture(4, component_classes=wrong).fit(values, y)


def test_a_class_with_fewer_labels_than_components_borrows_unlabeled_samples() -> None:
    values, cluster = blobs(4, distance=8.0)
    y = np.full(len(values), -1)
    y[np.flatnonzero(cluster == 0)[0]] = 0
    y[np.flatnonzero(cluster == 3)[0]] = 1
    model = GaussianMixture(4, n_init=10, random_state=0).fit(values, y)
    assert adjusted_rand_score(cluster, model.predict(values)) > 0.99


def test_without_labels_y_says_nothing() -> None:
    values, _ = blobs()
    plain = GaussianMixture(3, random_state=0).fit(values)
    unlabeled = GaussianMixture(3, random_state=0).fit(values, np.full(len(values), -1))
    np.testing.assert_array_equal(plain.means_, unlabeled.means_)
    assert not hasattr(unlabeled, "classes_")


def test_more_classes_than_components_are_ignored_with_a_warning() -> None:
    values, cluster = blobs()
    model = GaussianMixture(2, random_state=0).fit(values, labels=np.minimum(cluster, 1))
    assert hasattr(model, "classes_")
    with pytest.warns(UserWarning, match="3 classes, more than n_components=2"):
        model.fit(values, labels=cluster)
    assert not hasattr(model, "classes_")
    np.testing.assert_array_equal(model.means_, GaussianMixture(2, random_state=0).fit(values).means_)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="inconsistent"):
        GaussianMixture().fit([[0.0], [1.0]], [0])
    with pytest.raises(ValueError, match="y contains NaN"):
        GaussianMixture().fit([[0.0], [1.0]], [0, np.nan])
    with pytest.raises(ValueError, match="inconsistent"):
        GaussianMixture().fit([[0.0], [1.0]], labels=[0])


@pytest.mark.parametrize("coded", [[0, 1, 2], [-1, 1, 1], ["a", "b", "c"]])
def test_a_y_that_is_no_partial_labeling_is_ignored(coded: list[Any]) -> None:
    values, cluster = blobs(distance=2.0)
    plain = GaussianMixture(3, random_state=0, tol=0.1).fit(values)
    for y in (np.array(coded)[cluster], np.column_stack([cluster, cluster])):
        ignored = GaussianMixture(3, random_state=0, tol=0.1).fit(values, y)
        np.testing.assert_array_equal(ignored.means_, plain.means_)
        assert not hasattr(ignored, "classes_")


def test_a_search_is_the_same_with_classes_and_without() -> None:
    values, cluster = blobs(distance=2.0)
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(GaussianMixture(random_state=0, tol=0.1), {"n_components": [1, 2, 3, 4]}, cv=folds)
    scores = [clone(search).fit(values, y).cv_results_["mean_test_score"] for y in (None, cluster)]
    np.testing.assert_array_equal(*scores)


# ---- parameters that are set ---------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("scale", ["covariances_", "precisions_", "precisions_cholesky_"])
def test_an_estimator_made_of_parameters_predicts_like_the_one_they_are_of(
    covariance_type: CovarianceType, scale: str
) -> None:
    values, _ = blobs(distance=2.0)
    peer = Peer(3, covariance_type=covariance_type, random_state=0).fit(values)
    made = GaussianMixture(3, covariance_type=covariance_type)
    for name in (scale, "means_", "weights_"):
        assert not hasattr(made, "means_")
        setattr(made, name, getattr(peer, name))
    np.testing.assert_allclose(made.predict_proba(values), peer.predict_proba(values), atol=1e-10)
    np.testing.assert_allclose(made.score_samples(values), peer.score_samples(values), atol=1e-9)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        np.testing.assert_allclose(getattr(made, name), getattr(peer, name), atol=1e-10)


def test_setting_one_parameter_of_a_fit_keeps_the_others() -> None:
    values, _ = blobs()
    model = GaussianMixture(3, random_state=0).fit(values)
    covariances, labels = model.covariances_, model.predict(values)
    model.means_ = model.means_ + 100
    np.testing.assert_array_equal(model.predict(values + 100), labels)
    np.testing.assert_array_equal(model.covariances_, covariances)
    with pytest.raises(InvalidArgumentError, match="covariances_ has the shape"):
        model.covariances_ = np.ones(3)


# ---- options of scikit-learn ---------------------------------------------------------------------------------------


@every_family
def test_reg_covar_is_added_to_the_variances(covariance_type: CovarianceType) -> None:
    values, _ = blobs()
    model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=2.5).fit(values)
    peer = Peer(1, covariance_type=covariance_type, reg_covar=2.5).fit(values)
    np.testing.assert_allclose(model.covariances_, peer.covariances_, rtol=1e-7)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_without_iterations_the_start_is_returned(init_params: Any) -> None:
    values, cluster = blobs(distance=20.0)
    model = GaussianMixture(3, init_params=init_params, max_iter=0, n_init=3, random_state=0).fit(values)
    assert (model.n_iter_, len(model.lower_bounds_), model.converged_) == (0, 0, False)
    assert np.unique(model.means_[:, 0]).size == 3
    if init_params == "kmeans":
        assert adjusted_rand_score(cluster, model.predict(values)) == 1
    given = GaussianMixture(3, max_iter=0, **start_parameters(values, 3, "full")).fit(values)
    np.testing.assert_array_equal(given.means_, start_parameters(values, 3, "full")["means_init"])


def test_a_verbose_fit_prints_every_few_iterations(capsys: pytest.CaptureFixture[str]) -> None:
    values, _ = blobs(distance=2.0)
    parameters: dict[str, Any] = {"tol": 1e-9, "max_iter": 2000, "random_state": 0}
    model = GaussianMixture(2, verbose=2, verbose_interval=3, **parameters).fit(values)
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [f"iteration {i}" for i in range(3, model.n_iter_ + 1, 3)]
    assert last.startswith(f"converged after {model.n_iter_} iterations, lower bound {model.lower_bound_:.6g}")
    GaussianMixture(2, **parameters).fit(values)
    assert capsys.readouterr().out == ""


def test_a_default_start_is_at_least_as_good_as_that_of_scikit_learn() -> None:
    values = load_wine().data
    ours, theirs = (
        np.mean([kind(3, random_state=seed).fit(values).score(values) for seed in range(4)])
        for kind in (GaussianMixture, Peer)
    )
    assert ours > theirs + 0.2


def test_a_component_that_dies_leaves_the_others_their_classes() -> None:
    values, cluster = blobs(2, distance=8.0)
    means = np.array([[0.0, 0.0], [1e6, 1e6], [8.0, 8.0]])
    model = GaussianMixture(
        3, means_init=means, precisions_init=np.stack([np.eye(2)] * 3), component_classes=[0, 0, 1], random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="1 of 3 components"):
        model.fit(values, np.where(np.arange(len(values)) < 20, cluster, -1))
    assert len(model.means_) == 2
    np.testing.assert_array_equal(model.component_classes_, [0, 1])


# ---- missing values ------------------------------------------------------------------------------------------------


def test_missing_values_are_integrated_out() -> None:
    values, cluster = blobs(distance=8.0)
    holes = values.copy()
    holes[np.random.default_rng(0).random(values.shape) < 0.2] = np.nan
    model = GaussianMixture(3, n_init=3, random_state=0).fit(holes)
    complete = GaussianMixture(3, n_init=3, random_state=0).fit(values)
    np.testing.assert_allclose(np.sort(model.means_, axis=0), np.sort(complete.means_, axis=0), atol=0.3)
    seen = ~np.isnan(holes).all(axis=1)
    assert adjusted_rand_score(cluster[seen], model.predict(holes[seen])) > 0.99
    np.testing.assert_allclose(model.predict_proba([[np.nan, np.nan]])[0], model.weights_)
    with pytest.raises(ValueError, match="infinity"):
        model.predict([[np.inf, 0.0]])
