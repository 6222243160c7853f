"""A pytest plugin: the tests of scikit-learn's mixtures, run on our estimator in place of theirs."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Put our class where the module of the tests has theirs."""
    from segmenter.estimators import GaussianMixture

    for item in items:
        item.module.GaussianMixture = GaussianMixture
