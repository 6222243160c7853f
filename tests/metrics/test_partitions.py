"""The measures of agreement, on partitions whose scores are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from segmenter.metrics.boundaries import count_boundary_matches, find_boundaries, match_boundaries, summarize_boundaries
from segmenter.metrics.matching import maximum_matching
from segmenter.metrics.partitions import (
    adjusted_rand_index,
    contingency_table,
    covering,
    rand_index,
    score_photo,
    summarize_partitions,
    under_segmentation_error,
    variation_of_information,
)

HALVES = np.repeat([[1, 2]], 4, axis=0).repeat(2, axis=1)  # 4×4, left and right
QUARTERS = HALVES + np.repeat([[0], [2]], 2, axis=0)
WHOLE = np.ones((4, 4), dtype=np.intp)
partitions = arrays(np.intp, (3, 4), elements=st.integers(1, 4))


def test_halves_cover_half_of_the_whole() -> None:
    assert covering(HALVES, WHOLE) == 0.5
    assert covering(WHOLE, HALVES) == 0.5
    assert covering(QUARTERS, WHOLE) == 0.25


def test_unlabeled_pixels_of_the_truth_are_not_covered_but_count_in_the_union() -> None:
    truth = np.array([[0, 1, 1, 0]])
    assert covering(np.array([[1, 1, 1, 1]]), truth) == 0.5
    assert covering(np.array([[2, 1, 1, 2]]), truth) == 1


def test_halves_and_whole_agree_on_the_pairs_within_a_half() -> None:
    assert rand_index(contingency_table(HALVES, WHOLE)) == pytest.approx((2 * 28) / 120)


def test_halves_are_one_bit_from_the_whole_and_quarters_two() -> None:
    assert variation_of_information(contingency_table(HALVES, WHOLE)) == pytest.approx(1)
    assert variation_of_information(contingency_table(WHOLE, QUARTERS)) == pytest.approx(2)
    assert variation_of_information(contingency_table(HALVES, HALVES.T)) == pytest.approx(2)


@given(partitions, partitions)
def test_renaming_labels_changes_no_score(first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
    renamed = 5 - first
    assert covering(renamed, second) == pytest.approx(covering(first, second))
    assert rand_index(contingency_table(renamed, second)) == pytest.approx(rand_index(contingency_table(first, second)))


@given(partitions, partitions, partitions)
def test_the_variation_of_information_is_a_metric(
    a: NDArray[np.intp], b: NDArray[np.intp], c: NDArray[np.intp]
) -> None:
    ab, bc, ac = (variation_of_information(contingency_table(x, y)) for x, y in ((a, b), (b, c), (a, c)))
    assert ab == pytest.approx(variation_of_information(contingency_table(b, a)))
    assert ac <= ab + bc + 1e-9


def test_the_best_scale_of_each_photo_scores_higher_than_one_scale_for_all() -> None:
    scales = [QUARTERS, WHOLE]
    scores = summarize_partitions([score_photo(scales, [QUARTERS]), score_photo(scales, [WHOLE])])
    assert scores.covering_ois == scores.covering_best == 1
    assert scores.covering_ods == pytest.approx((1 + 0.25) / 2)
    assert scores.variation_ods == pytest.approx(1)
    assert scores.variation_ois == pytest.approx(0)


def test_the_best_covering_takes_regions_from_several_scales() -> None:
    truth = np.where(HALVES == 1, 1, QUARTERS)  # one half whole, the other in quarters
    scores = summarize_partitions([score_photo([QUARTERS, HALVES], [truth])])
    assert scores.covering_best == 1
    assert scores.covering_ois == 0.75


def test_a_line_is_matched_up_to_the_tolerance_but_not_beyond() -> None:
    first, second = np.zeros((2, 60, 80), dtype=np.bool_)  # diagonal 100
    first[:, 10], second[:, 12] = True, True
    assert match_boundaries(first, second, 0.02)[0].sum() == 60
    assert match_boundaries(first, second, 0.019)[0].sum() == 0


def test_one_pixel_is_matched_with_only_one_other() -> None:
    first, second = np.zeros((2, 60, 80), dtype=np.bool_)
    first[30, 40], second[29:32, 39:42] = True, True
    ours, theirs = match_boundaries(first, second, 0.05)
    assert (ours.sum(), theirs.sum()) == (1, 1)


def test_the_annotated_boundary_has_f_1_and_an_empty_map_has_f_0() -> None:
    drawn = find_boundaries(HALVES)
    assert count_boundary_matches(drawn, [drawn, drawn]).f == 1
    assert count_boundary_matches(find_boundaries(WHOLE), [drawn]).f == 0
    assert count_boundary_matches(drawn, [drawn, np.zeros_like(drawn)]) == count_boundary_matches(drawn, [drawn])


@given(partitions, partitions)
def test_indices_are_those_of_scikit_learn_and_scikit_image(first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
    from skimage.metrics import variation_of_information as skimage_variation
    from sklearn.metrics import adjusted_rand_score, rand_score

    both = contingency_table(first, second)
    assert adjusted_rand_index(both) == pytest.approx(adjusted_rand_score(first.ravel(), second.ravel()))
    assert rand_index(both) == pytest.approx(rand_score(first.ravel(), second.ravel()))
    conditional_entropies = skimage_variation(first, second)  # type: ignore[no-untyped-call]
    assert variation_of_information(both) == pytest.approx(float(conditional_entropies.sum()), abs=1e-12)


def test_for_a_single_pixel_every_index_shows_full_agreement() -> None:
    both = contingency_table(np.array([[1]]), np.array([[1]]))
    assert (rand_index(both), adjusted_rand_index(both), variation_of_information(both)) == (1, 1, 0)


def test_regions_inside_true_ones_do_not_leak_and_one_region_over_four_leaks_entirely() -> None:
    assert under_segmentation_error(contingency_table(WHOLE, QUARTERS)) == 0
    assert under_segmentation_error(contingency_table(HALVES, HALVES)) == 0
    assert under_segmentation_error(contingency_table(QUARTERS, WHOLE)) == 1


def test_the_smaller_part_of_a_region_across_a_border_leaks_into_both_true_regions() -> None:
    truth = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
    regions = np.array([[1, 1, 1, 1, 1, 2, 2, 2]])
    assert under_segmentation_error(contingency_table(truth, regions)) == pytest.approx(2 / 8)


@given(arrays(np.bool_, (6, 9)), arrays(np.bool_, (6, 9)), st.sampled_from([1.0, 1.5, 2.3]))
def test_the_matching_has_as_many_pairs_as_scipys(
    first: NDArray[np.bool_], second: NDArray[np.bool_], max_distance: float
) -> None:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    a, b = np.argwhere(first), np.argwhere(second)
    distances = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) if len(a) and len(b) else np.ones((len(a), len(b)))
    rows, columns = np.nonzero(distances <= max_distance)
    partners = maximum_matching(rows, columns, distances[rows, columns], len(a), len(b))
    paired = partners[partners >= 0]
    assert len(set(paired.tolist())) == len(paired)
    assert (distances[np.flatnonzero(partners >= 0), paired] <= max_distance).all()
    expected = 0
    if len(rows):
        graph = csr_array((np.ones(len(rows), np.int8), (rows, columns)), shape=distances.shape)
        expected = int((maximum_bipartite_matching(graph) >= 0).sum())
    assert len(paired) == expected


def test_a_near_pair_is_given_up_if_that_allows_two_pairs() -> None:
    partners = maximum_matching(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]), 2, 2)
    assert partners.tolist() == [1, 0]


def test_the_average_precision_at_constant_precision_1_is_the_range_of_recalls() -> None:
    drawn = np.zeros((20, 101), dtype=np.bool_)
    drawn[10, :100] = True
    found = [np.zeros_like(drawn) for _ in range(3)]
    for n, each in zip((100, 60, 20), found, strict=True):
        each[10, :n] = True
    scores = summarize_boundaries([[count_boundary_matches(each, [drawn]) for each in found]])
    assert scores.scale == 0
    assert scores.ods.f == scores.ois.f == 1
    assert scores.average_precision == pytest.approx(0.8, abs=0.011)
