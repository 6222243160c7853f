"""The number of components: criteria by hand and against scikit-learn, rules against the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.arrays import Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.mixture.config import COVARIANCE_TYPES, FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.initialization import split_each_component
from segmenter.mixture.model import Mixture, n_parameters
from segmenter.mixture.selection import (
    RULES,
    Rule,
    SelectionTable,
    aic,
    assignment_entropy,
    bic,
    choose,
    fit_incrementally,
    held_out_log_likelihood,
    icl,
    selection_table,
)

CENTERS = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0], [16.0, 0.0]])


def clusters(k: int, seed: int, n_each: int = 80) -> Samples:
    """Return round clusters of unit variance, 8 or more apart."""
    generator = np.random.default_rng(seed)
    values = CENTERS[np.repeat(np.arange(k), n_each)] + generator.standard_normal((k * n_each, 2))
    return Samples(values, np.ones(len(values)))


# ---- criteria of one fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covariance_type", "count"),
    [("full", 1 + 4 + 2 * 3), ("tied", 1 + 4 + 3), ("diag", 1 + 4 + 4), ("spherical", 1 + 4 + 2)],
)
def test_parameters_are_counted_by_hand(covariance_type: Any, count: int) -> None:
    mixture = Mixture(np.full(2, 0.5), np.zeros((2, 2)), np.stack([np.eye(2)] * 2), covariance_type)
    assert n_parameters(mixture) == count
    noisy = replace(mixture, weights=np.full(2, 0.45), noise_weight=0.1, noise_sides=np.ones(2))
    assert n_parameters(noisy) == count + 1


def test_criteria_are_the_textbook_formulas() -> None:
    samples = clusters(2, 0)
    found = fit(samples, FitConfig(2))
    deviance = -2 * 160 * found.trace.log_likelihoods[-1]
    assert bic(found, 160) == pytest.approx(deviance + 11 * np.log(160))
    assert aic(found, 160) == pytest.approx(deviance + 22)
    assert icl(found, samples) == pytest.approx(bic(found, 160) + 2 * assignment_entropy(found.mixture, samples))


def test_criteria_equal_those_of_scikit_learn() -> None:
    from sklearn.mixture import GaussianMixture

    samples = clusters(3, 1)
    found = fit(samples, FitConfig(3, tolerance=1e-9))
    peer = GaussianMixture(3, tol=1e-9, random_state=0, reg_covar=0, n_init=3).fit(samples.values)
    assert bic(found, 240) == pytest.approx(peer.bic(samples.values), abs=1e-3)
    assert aic(found, 240) == pytest.approx(peer.aic(samples.values), abs=1e-3)


def test_entropy_is_log_2_where_two_components_are_one_and_0_far_apart() -> None:
    twice = Mixture(np.full(2, 0.5), np.zeros((2, 1)), np.ones((2, 1, 1)))
    values = Samples(np.array([[0.0], [1.0]]), np.array([1.0, 3.0]))
    assert assignment_entropy(twice, values) == pytest.approx(4 * np.log(2))
    apart = replace(twice, means=np.array([[0.0], [1e6]]))
    assert assignment_entropy(apart, values) == 0


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_weight_counts_as_so_many_rows(covariance_type: Any) -> None:
    samples = clusters(2, 3, n_each=30)
    weights = np.random.default_rng(0).integers(1, 4, len(samples.weights))
    weighted = Samples(samples.values, weights.astype(np.float64))
    rows = Samples(np.repeat(samples.values, weights, axis=0), np.ones(weights.sum()))
    config = FitConfig(2, covariance_type=covariance_type, tolerance=1e-9)
    found, found_rows = fit(weighted, config), fit(rows, config)
    total = float(weights.sum())
    assert bic(found, total) == pytest.approx(bic(found_rows, total), rel=1e-6)
    assert icl(found, weighted) == pytest.approx(icl(found_rows, rows), rel=1e-6)


def test_held_out_likelihood_is_that_of_the_density_it_came_from() -> None:
    values = np.random.default_rng(0).standard_normal((4000, 1))
    samples = Samples(values, np.ones(4000))
    assert held_out_log_likelihood(samples, FitConfig(1)) == pytest.approx(-0.5 * np.log(2 * np.pi * np.e), abs=0.03)
    assert held_out_log_likelihood(samples, FitConfig(1)) == held_out_log_likelihood(samples, FitConfig(1))


@pytest.mark.parametrize("weights", [np.array([5.0, 5, 5, 5]), np.array([0.5, 1.5, 2.5, 3.5])])
def test_held_out_takes_whole_and_fractional_weights(weights: Floats) -> None:
    samples = Samples(np.array([[0.0], [1.0], [2.0], [4.0]]), weights)
    assert np.isfinite(held_out_log_likelihood(samples, FitConfig(1), n_folds=2))


def test_held_out_is_nan_where_a_fold_leaves_too_few() -> None:
    assert np.isnan(held_out_log_likelihood(Samples(np.array([[0.0], [1.0]]), np.ones(2)), FitConfig(2)))
    assert np.isnan(held_out_log_likelihood(Samples(np.array([[0.0]])), FitConfig(1)))  # of one sample none is held out


# ---- tables and rules ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_separated_clusters_are_counted() -> None:
    """A spurious maximum, a component on three points in a row, may cost one of twelve: likelihoods are unbounded."""
    truth = [2, 3, 4, 5] * 3
    tables = [selection_table(clusters(k, seed), FitConfig(restarts=2), 6, n_folds=3) for seed, k in enumerate(truth)]
    rules: tuple[Rule, ...] = ("bic", "icl", "held-out")
    for rule in rules:
        assert sum(choose(table, rule) == k for table, k in zip(tables, truth, strict=True)) >= 11


def test_the_likelihood_of_a_table_never_falls() -> None:
    table = selection_table(clusters(5, 0), FitConfig(restarts=1), 8, n_folds=None)
    assert (np.diff(table.log_likelihood) > 0).all()
    assert table.n_components == tuple(range(1, 9))
    assert np.isnan(table.held_out).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_rises_with_k_though_starts_are_screened(seed: int) -> None:
    """Up to the tolerance of EM; repeated rows make spikes, which cells of a grid do not show."""
    generator = np.random.default_rng(seed)
    values = np.round(generator.standard_t(2, (6000, 2)), 1).clip(-3, 3)
    found = list(fit_incrementally(Samples(values), FitConfig(restarts=1), 7))
    assert any(one.trace.screened for one in found)
    assert (np.diff([one.objective for one in found]) > -1e-3).all()


def test_no_more_components_than_distinct_samples_are_tried() -> None:
    samples = Samples(np.array([[0.0], [0.0], [1.0], [1.0], [3.0]]), np.ones(5))
    assert selection_table(samples, FitConfig(), 10).n_components == (1, 2, 3)


def table_of(**columns: list[float]) -> SelectionTable:
    names = ("n_parameters", "log_likelihood", "bic", "aic", "icl", "held_out")
    values = {name: np.array(columns.get(name, [0.0, 0.0, 0.0])) for name in names}
    return SelectionTable(**values, is_sound=np.ones(3, np.bool_))


def test_the_smallest_of_equally_good_numbers_is_chosen() -> None:
    for rule in RULES:
        assert choose(table_of(), rule) == 1
    assert choose(table_of(bic=[3.0, 1.0, 1.0]), "bic") == 2
    assert choose(table_of(held_out=[-3.0, -1.0, -1.0]), "held-out") == 2
    assert choose(table_of(held_out=[-3.0, np.nan, -4.0]), "held-out") == 1


@given(
    st.integers(1, 8).flatmap(lambda n: st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=n, max_size=n))
)
def test_the_choice_is_the_best_of_the_sound_fits(fits: list[tuple[int, bool]]) -> None:
    costs = np.array([float(cost) for cost, _ in fits])
    is_sound = np.array([sound for _, sound in fits])
    table = SelectionTable(costs, costs, costs, costs, costs, -costs, is_sound)
    for rule in RULES:
        assert choose(table, rule, sound_only=False) == np.argmin(costs) + 1
        if is_sound.any():
            k = choose(table, rule)
            assert is_sound[k - 1]
            assert costs[k - 1] == costs[is_sound].min()
        else:
            with pytest.raises(InvalidArgumentError, match="no sound fit"):
                choose(table, rule)


def test_components_on_repeated_rows_do_not_win() -> None:
    """As with the command; by their likelihood alone a collapsed fit would be chosen."""
    values = np.concatenate([np.full(40, 3.0), np.random.default_rng(0).normal(0, 1, 200)])[:, None]
    table = selection_table(Samples(values), FitConfig(restarts=2), 5, n_folds=None)
    assert not table.is_sound[choose(table, "bic", sound_only=False) - 1]
    assert choose(table, "bic") == 1


def test_a_rule_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="give one of bic, aic, icl, held-out"):
        choose(table_of(), "gap")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="give n_folds"):
        choose(table_of(held_out=[np.nan] * 3), "held-out")
    with pytest.raises(InvalidArgumentError, match="max_components is 0"):
        selection_table(clusters(2, 0), FitConfig(), 0)
    with pytest.raises(InvalidArgumentError, match="method is 'k-means'"):
        selection_table(clusters(2, 0), FitConfig(method="k-means"), 2)
    with pytest.raises(InvalidArgumentError, match="n_folds is 1"):
        held_out_log_likelihood(clusters(2, 0), FitConfig(), n_folds=1)
    assert get_args(Rule) == RULES


def test_a_split_keeps_weight_mean_and_covariance() -> None:
    mixture = fit(clusters(3, 0), FitConfig(2)).mixture
    for k, halves in enumerate(split_each_component(mixture)):
        pair = [k, 2]
        weights, means = halves.weights[pair], halves.means[pair]
        mean = weights @ means / weights.sum()
        between = np.einsum("k,ki,kj->ij", weights, means - mean, means - mean)
        within = np.einsum("k,kij->ij", weights, halves.covariances[pair])
        assert weights.sum() == pytest.approx(mixture.weights[k])
        np.testing.assert_allclose(mean, mixture.means[k])
        np.testing.assert_allclose((between + within) / weights.sum(), mixture.covariances[k], atol=1e-12)
