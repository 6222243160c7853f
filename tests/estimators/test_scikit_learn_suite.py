"""scikit-learn's own tests of Gaussian mixtures, as they are installed, on our estimator in place of theirs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import sklearn

from tests.support.paths import ROOT

SUITE = "sklearn.mixture.tests.test_gaussian_mixture"

TESTS_OF_PRIVATE_FUNCTIONS = {
    "test_suffstat_sk_full",
    "test_suffstat_sk_tied",
    "test_suffstat_sk_diag",
    "test_gaussian_suffstat_sk_spherical",
    "test_compute_log_det_cholesky",
    "test_gaussian_mixture_log_probabilities",
    "test_gaussian_mixture_precisions_init",  # calls _initialize
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters",  # counts calls of a function of the module
}

DIFFERENCES = {
    "test_check_weights": "expects the largest weight in the place of the smallest, which their message mixes up",
    "test_regularisation": "ten components of two distinct samples: refused here, by name, with any reg_covar",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec(SUITE) is None, reason="scikit-learn is installed without its tests"),
    pytest.mark.skipif(not sklearn.__version__.startswith("1.9"), reason="counted for scikit-learn 1.9"),
]


def run_suite(folder: Path, *, float32: bool) -> dict[str, set[str]]:
    """Return the tests that passed and that failed, by their names with parameters."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SKLEARN_RUN_FLOAT32_TESTS": str(int(float32))}
    (folder / "empty.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-c", str(folder / "empty.ini"), f"--rootdir={folder}", "-n", "0", "-rA"]
    command += ["-p", "tests.support.substitute_estimator", "-p", "no:cacheprovider", "--tb=no", "--pyargs", SUITE]
    output = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stdout
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\S+)", output, re.MULTILINE)
    return {kind: {name for each, name in outcomes if each == kind} for kind in ("PASSED", "FAILED", "ERROR")}


def drop_private(names: set[str]) -> set[str]:
    """Return the tests that do not concern private functions."""
    return {name for name in names if name.split("[")[0] not in TESTS_OF_PRIVATE_FUNCTIONS}


def test_their_tests_pass_but_for_two_that_differ_on_purpose(tmp_path: Path) -> None:
    outcomes = run_suite(tmp_path, float32=False)
    passed, failed = drop_private(outcomes["PASSED"]), drop_private(outcomes["FAILED"])
    assert failed == set(DIFFERENCES)
    assert not outcomes["ERROR"]
    assert (len(passed), len(failed)) == (43, 2)


def test_they_pass_with_32_bits_as_well(tmp_path: Path) -> None:
    outcomes = run_suite(tmp_path, float32=True)
    assert drop_private(outcomes["FAILED"]) == set(DIFFERENCES)
    assert any("float32" in name for name in drop_private(outcomes["PASSED"]))
