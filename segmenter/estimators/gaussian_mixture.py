"""Gaussian mixtures as a scikit-learn estimator: `segmenter.mixture` under the names of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats, Samples
from segmenter.errors import InvalidArgumentError
from segmenter.estimators.checks import (
    check_precisions_init,
    check_weights_init,
    choose_labels,
    drop_weightless,
    is_zero,
    merge_duplicates,
    validate_start_array,
    validate_weights,
)
from segmenter.estimators.families import get_shape, invert, to_matrices
from segmenter.estimators.parameters import FittedParameters
from segmenter.estimators.progress import Progress
from segmenter.mixture.config import CovarianceType, FitConfig, Init
from segmenter.mixture.diagnostics import FitProblem, find_fit_problems
from segmenter.mixture.em import Fit, evaluate_starts, fit
from segmenter.mixture.inference import predict, responsibilities, sample, score_samples
from segmenter.mixture.initialization import KnownParameters, build_starts
from segmenter.mixture.log_prior import LogPrior, clamp
from segmenter.mixture.model import Mixture, n_parameters
from segmenter.mixture.selection import compute_aic, compute_bic
from segmenter.mixture.validation import SUM_TOLERANCE

SKLEARN_NAMES = {
    "tolerance": "tol",
    "max_iterations": "max_iter",
    "restarts": "n_init",
    "error_variance": "reg_covar",
    "seed": "random_state",
}
"""Options of `FitConfig` that have another name in scikit-learn."""

InitParams: TypeAlias = Literal["kmeans", "k-means++", "random", "random_from_data"]

INITS: dict[InitParams, Init] = {
    "kmeans": "k-means",
    "k-means++": "k-means++",
    "random": "random",
    "random_from_data": "random-from-data",
}

SMALLEST_TOLERANCE = float(np.finfo(np.float64).tiny)
"""Stands for a tolerance of 0."""


class GaussianMixture(FittedParameters, DensityMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A Gaussian mixture fitted by EM to samples that may be weighted, partly labeled and incomplete.

    Parameters, methods and fitted attributes are those of ``sklearn.mixture.GaussianMixture``, with these differences:

    - `fit` takes ``sample_weight``: a row of weight w counts as w rows, and one of weight 0 is ignored.
    - `fit` takes labels. Partial ones may be given as ``y``, −1 = unlabeled; a ``y`` without −1, or with only one class
      besides, is ignored, as pipelines and searches pass it to every estimator.
    - NaN marks missing values, which are integrated out.
    - Besides `reg_covar`, a constant added to the variances, there is `covariance_floor`, which is relative to the
      variances of the data. Both keep the objective monotone, see `segmenter.mixture.data`.
    - Components that lose all their mass are removed, with a warning; there are then fewer than `n_components`.

    Parameters
    ----------
    n_components : int, at least 1
        K, the number of Gaussians.
    covariance_type : {"full", "tied", "diag", "spherical"}
    tol : float, nats per sample, at least 0
        The fit has converged when a step raises the lower bound by less; with 0, when no step raises it.
    reg_covar : float, units of X squared, at least 0
        Added to all variances. By default 0: the covariance floor is enough.
    max_iter : int, at least 0
        With 0, the start is returned.
    n_init : int, at least 1
        Number of starts; the best run is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}
        How starts are drawn: clusters of k-means, in the units of the features or with unit variances, whichever is
        more likely; clusters around seeds of k-means++; means from the data and random covariances; means from the
        data and one covariance for all.
    weights_init : array-like of shape (K,), optional
        Positive, with sum 1.
    means_init : array-like of shape (K, D), optional
        If they are given, weights that are not start equal, and covariances that are not as the scatter about the
        nearest means.
    precisions_init : array-like, optional
        In the shape of `precisions_`.
    component_classes : array-like of shape (K,), optional
        The class in ``y`` of each component; a class may have several. None: each class gets the same number of
        components, or the first ones get one more than the others.
    random_state : int, RandomState or None
        None draws different starts in every fit.
    warm_start : bool
        Start from the mixture of the previous `fit`.
    verbose : int
        1 prints every few iterations, 2 the lower bound at the end as well.
    verbose_interval : int, at least 1
        Number of iterations between two lines.
    covariance_floor : float, from 1e-12 to 1
        The minimum variance, relative to that of each feature.

    Attributes
    ----------
    weights_, means_ : ndarray of shape (K,), (K, D)
        All arrays are float32 if X was, otherwise float64. They can be set, see `FittedParameters`.
    covariances_, precisions_, precisions_cholesky_ : ndarray
        Of shape (K, D, D), (D, D), (K, D) or (K,), by the covariance type.
    converged_ : bool
    n_iter_ : int
        Number of M-steps of the best run.
    lower_bound_ : float, nats per sample
        Of the log-likelihood; it is the objective: the average log-likelihood of samples blurred by the covariance
        floor.
    lower_bounds_ : ndarray of shape (n_iter_,)
        After each M-step; never falls.
    classes_, component_classes_ : ndarray of shape (n_classes,), (K,)
        Only if labels were given: the classes, and the class of each component. With K classes, component k belongs to
        class k in ascending order, so that `predict` returns the classes if these are 0…K−1.
    mixture_ : segmenter.Mixture
        The fitted mixture, from which weights, means, covariances and precisions are read.
    trace_ : segmenter.FitTrace
        How the fit went.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the features of the samples had names.

    Examples
    --------
    >>> from segmenter.estimators import GaussianMixture
    >>> samples = [[0.0], [0.2], [0.4], [9.0], [9.2], [9.4]]
    >>> model = GaussianMixture(2, random_state=0).fit(samples, [0, -1, -1, -1, -1, 1])
    >>> model.predict([[0.1], [9.1]])
    array([0, 1])
    """

    def __init__(  # noqa: PLR0913  # scikit-learn's parameters
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float = 0.0,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: InitParams = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        component_classes: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        covariance_floor: float = FitConfig.covariance_floor,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.covariance_floor = covariance_floor
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.component_classes = component_classes
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ---- fitting ---------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        labels: ArrayLike | None = None,
    ) -> GaussianMixture:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like of shape (N, D)
            NaN where missing.
        y : array-like of shape (N,), optional
            Used as labels if it contains −1, which is unlabeled, and at least two classes; otherwise ignored.
        sample_weight : array-like of shape (N,), optional
            At least 0, and not all 0.
        labels : array-like of shape (N,), optional
            The class of each sample, −1 = unlabeled. A labeled sample belongs only to the components of its class. If
            there are more classes than components, all labels are ignored, with a warning.

        Returns
        -------
        GaussianMixture
            The estimator itself.

        Raises
        ------
        ValueError
            X, y, sample_weight, labels or a parameter is invalid.
        """
        given = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
        values = np.asarray(given, dtype=np.float64)
        weights = validate_weights(sample_weight, values)
        config = self._build_config(n_samples=int(np.count_nonzero(weights)))
        classes, numbers = choose_labels(y, labels, values, config.n_components)
        component_classes = None if classes is None else self._number_component_classes(classes)
        known = self._read_known_parameters(values.shape[1])
        is_warm = self.warm_start and hasattr(self, "mixture_")
        select = drop_weightless if is_warm or known.is_complete else merge_duplicates
        samples, numbers = select(values, weights, numbers)
        with threadpool_limits(1, user_api="blas"):  # small products; and the bits must not depend on the cores
            if is_warm:
                self._check_warm_start(config, values.shape[1])
                starts: list[Mixture] | None = [self.mixture_]
            else:
                starts = build_starts(samples, config, known, numbers, component_classes)
            log_prior = None
            if numbers is not None and component_classes is not None:
                log_prior = clamp(numbers, component_classes)
            found = self._run(samples, config, starts, log_prior)
        self._dtype = given.dtype.type
        self._set_fitted_attributes(found, classes, component_classes)
        if is_warm and len(found.trace.objectives) > 1:  # one iteration is enough to see that nothing rises any more
            self.converged_ |= bool(np.diff(found.trace.objectives[-2:])[0] < config.tolerance)
        self._warn_of_problems(found)
        return self

    def _run(
        self, samples: Samples, config: FitConfig, starts: list[Mixture] | None, log_prior: LogPrior | None
    ) -> Fit:
        """Return the best of the fits from some starts, or from drawn ones; print the progress if that is wanted."""
        if self.max_iter == 0:
            return evaluate_starts(samples, config, starts)
        progress = Progress(self.verbose_interval) if self.verbose else None
        if starts is None:
            found = fit(samples, config, on_iteration=progress)
        else:
            runs = [fit(samples, config, start, log_prior=log_prior, on_iteration=progress) for start in starts]
            found = max(runs, key=lambda run: run.objective)
        if progress is not None:
            progress.finish(found, with_bound=self.verbose > 1)
        return found

    def _build_config(self, n_samples: int) -> FitConfig:
        """Return the parameters as a `FitConfig`; errors give the names that the parameters have here."""
        if self.init_params not in INITS:
            raise InvalidArgumentError("init_params", f"is {self.init_params!r}; give one of {', '.join(INITS)}")
        try:
            config = FitConfig(
                n_components=self.n_components,
                covariance_type=self.covariance_type,
                tolerance=SMALLEST_TOLERANCE if self.tol == 0 else self.tol,
                covariance_floor=self.covariance_floor,
                max_iterations=1 if is_zero(self.max_iter) else self.max_iter,
                error_variance=self.reg_covar,
                restarts=self.n_init,
                init=INITS[self.init_params],
                seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            )
        except InvalidArgumentError as error:
            name = SKLEARN_NAMES.get(error.argument, error.argument)
            raise InvalidArgumentError(name, error.problem) from None
        if n_samples < config.n_components:
            raise InvalidArgumentError("n_components", f"is {config.n_components}, but n_samples = {n_samples}")
        return config

    def _read_known_parameters(self, n_features: int) -> KnownParameters:
        """Return the given parameters of the start, checked, with covariances of shape (K, D, D)."""
        n_components, family = self.n_components, self.covariance_type
        weights, means, covariances = None, None, None
        if self.weights_init is not None:
            weights = validate_start_array("weights_init", "weights", self.weights_init, (n_components,))
            check_weights_init(weights)
            if abs(weights.sum() - 1) > SUM_TOLERANCE:  # given as float32, for example
                weights = weights / weights.sum()
        if self.means_init is not None:
            means = validate_start_array("means_init", "means", self.means_init, (n_components, n_features))
        if self.precisions_init is not None:
            shape = get_shape(family, n_components, n_features)
            precisions = validate_start_array("precisions_init", f"{family} precision", self.precisions_init, shape)
            matrices = to_matrices(precisions, family, n_components, n_features)
            check_precisions_init(matrices, family)
            covariances = invert(matrices)
        return KnownParameters(weights, means, covariances)

    def _number_component_classes(self, classes: NDArray[Any]) -> NDArray[np.intp]:
        """Return the number of the class of each component, (K,), 1…C."""
        if self.component_classes is None:
            return np.arange(self.n_components) * len(classes) // self.n_components + 1
        wanted = column_or_1d(self.component_classes)
        if len(wanted) != self.n_components or set(wanted.tolist()) != set(classes.tolist()):
            problem = f"is {wanted.tolist()}; give the class of each of {self.n_components} components"
            raise InvalidArgumentError("component_classes", f"{problem}, with all classes of y: {classes.tolist()}")
        return np.asarray(np.searchsorted(classes, wanted) + 1, dtype=np.intp)

    def _check_warm_start(self, config: FitConfig, n_features: int) -> None:
        """Raise InvalidArgumentError unless a fit can start from the previous mixture."""
        mixture = self.mixture_
        previous = (mixture.n_components, mixture.covariance_type, mixture.n_features)
        if previous != (config.n_components, config.covariance_type, n_features):
            problem = "needs the n_components, covariance_type and features of the previous fit; set it to False"
            raise InvalidArgumentError("warm_start", problem)

    def _set_fitted_attributes(
        self, found: Fit, classes: NDArray[Any] | None, component_classes: NDArray[np.intp] | None
    ) -> None:
        """Set the fitted attributes from a fit, the classes (C,), and the number of the class of each component."""
        self.mixture_, self.trace_ = found.mixture, found.trace
        self.converged_, self.n_iter_ = found.trace.converged, found.trace.n_iterations
        self.lower_bounds_, self.lower_bound_ = found.trace.objectives[1:], found.objective
        for name in ("classes_", "component_classes_"):
            self.__dict__.pop(name, None)
        if classes is not None and component_classes is not None:
            self.classes_ = classes
            self.component_classes_ = classes[component_classes[np.array(found.trace.survivors) - 1] - 1]

    def _warn_of_problems(self, found: Fit) -> None:
        """Warn of every reason not to trust a fit: of every verdict but "converged".

        Components of labeled classes need not explain the samples better than a single one. A start that is returned as
        it is, with ``max_iter=0``, is no fit.
        """
        if self.max_iter == 0:
            return
        ignored = {"suspicious": hasattr(self, "classes_"), "not converged": self.converged_}
        for problem in find_fit_problems(found.trace):
            if not ignored.get(problem.kind):
                warnings.warn(self._describe_problem(problem), ConvergenceWarning, stacklevel=3)

    def _describe_problem(self, problem: FitProblem) -> str:
        """Return what is wrong with a fit, and which parameter may help."""
        match problem.kind:
            case "not converged":
                return (
                    "Best performing initialization did not converge. Try different init parameters, or increase "
                    f"max_iter, tol, or check for degenerate data. (max_iter={self.max_iter}, tol={self.tol})"
                )
            case "rounding":
                return "rounding errors ended the fit before it converged; leave out samples with far outliers"
            case "died":
                text = f"{problem.count} of {self.n_components} components lost all samples and were removed"
                return f"{text}; try fewer n_components"
            case "collapsed":
                listed = ", ".join(str(k - 1) for k in problem.components)
                text = f"components without spread in some direction (from 0): {listed}"
                return f"{text}; try fewer n_components or covariance_type='tied'"
            case _:  # "suspicious": there is neither noise nor an empty component
                return "the components explain the samples no better than a single one would; try n_components=1"

    def fit_predict(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        labels: ArrayLike | None = None,
    ) -> NDArray[np.intp]:
        """Fit the mixture, and return the most probable component of each sample, like `predict`."""
        return self.fit(X, y, sample_weight, labels=labels).predict(X)

    # ---- inference -------------------------------------------------------------------------------------------------

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Return the most probable component of each sample, shape (N,), 0…K−1."""
        return predict(self._fitted(), self._checked(X).astype(np.float64)).astype(np.intp) - 1

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the posterior probability of each component, shape (N, K); float32 if X is."""
        mixture, given = self._fitted(), self._checked(X)
        return responsibilities(mixture, given.astype(np.float64)).astype(given.dtype, copy=False)

    def score_samples(self, X: ArrayLike) -> NDArray[Any]:
        """Return the log density of each sample, shape (N,), in nats; float32 if X is."""
        mixture, given = self._fitted(), self._checked(X)
        return score_samples(mixture, given.astype(np.float64)).astype(given.dtype, copy=False)

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Return the average log density of the samples, in nats; ``y`` is ignored."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.intp]]:
        """Return samples drawn from the mixture, (n, D), and the component of each, (n,), 0…K−1, in random order."""
        mixture = self._fitted()
        if n_samples < 1:
            problem = f"is {n_samples}; give a whole number from 1. Invalid value for 'n_samples'"
            raise InvalidArgumentError("n_samples", problem)
        generator = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        values, labels = sample(mixture, n_samples, generator)
        return values, labels.astype(np.intp) - 1

    def bic(self, X: ArrayLike) -> float:
        """Return the Bayesian information criterion of samples, −2 log L + p log N, in nats; lower is better."""
        log_densities = self.score_samples(X)
        return float(compute_bic(self._fitted(), float(log_densities.sum()), len(log_densities)))

    def aic(self, X: ArrayLike) -> float:
        """Return Akaike's information criterion of samples, −2 log L + 2 p, in nats; lower is better."""
        return float(compute_aic(self._fitted(), float(self.score_samples(X).sum())))

    def _n_parameters(self) -> int:
        """Return the number of free parameters; callers of scikit-learn use this, in spite of its name."""
        return n_parameters(self._fitted())

    def _fitted(self) -> Mixture:
        check_is_fitted(self)
        mixture: Mixture = self.mixture_
        return mixture

    def _checked(self, X: ArrayLike) -> NDArray[Any]:
        dtypes = [np.float64, np.float32]
        return np.asarray(validate_data(self, X, dtype=dtypes, ensure_all_finite="allow-nan", reset=False))
