"""Gaussian mixtures as a scikit-learn estimator: a thin façade over `segmenter.mixture`, with the names people know."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from threadpoolctl import threadpool_limits

from segmenter.arrays import Floats
from segmenter.errors import InvalidArgumentError
from segmenter.estimators.checks import checked_start, checked_weights, distinct, numbered_classes, present
from segmenter.estimators.families import from_matrices, inverses, shape_of, to_matrices
from segmenter.mixture.config import CovarianceType, FitConfig, Init
from segmenter.mixture.em import Fit, fit
from segmenter.mixture.inference import predict, responsibilities, sample, score_samples
from segmenter.mixture.initialization import GivenStart, starts_for
from segmenter.mixture.log_prior import clamp
from segmenter.mixture.model import Mixture
from segmenter.mixture.selection import compute_aic, compute_bic

OUR_NAMES = {
    "tolerance": "tol",
    "max_iterations": "max_iter",
    "restarts": "n_init",
    "init": "init_params",
    "seed": "random_state",
}
"""Options of `FitConfig` that scikit-learn calls otherwise."""

TINY = float(np.finfo(np.float64).tiny)
"""What a tolerance of 0 is taken for."""


class GaussianMixture(DensityMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A Gaussian mixture fitted by EM, with weighted, partly labeled and incomplete samples.

    Parameters, methods and fitted attributes are those of ``sklearn.mixture.GaussianMixture``, but for these:

    - `fit` takes ``sample_weight``: a row of weight w counts as w rows, one of weight 0 as none.
    - `fit` takes partial labels as ``y``, −1 = unlabeled.
    - NaN marks missing values, which are integrated out.
    - There is no ``reg_covar``, a constant added to the covariances, but `covariance_floor`, which is relative to the
      variances of the data and leaves the objective monotone, see `segmenter.mixture.data`.
    - Components that lose all their mass are removed; there are then fewer than `n_components`, and a warning.

    Parameters
    ----------
    n_components : int, at least 1
        K, the number of Gaussians.
    covariance_type : {"full", "tied", "diag", "spherical"}
    tol : float, nats per sample, at least 0
        The fit has converged when a step raises the lower bound by less; with 0, when no step raises it.
    covariance_floor : float, from 1e-12 to 1
        The least variance, relative to that of each feature.
    max_iter : int, at least 1
    n_init : int, at least 1
        Starts that are tried; the best is kept.
    init_params : {"k-means++", "random"}
        How starts are drawn.
    weights_init : array-like of shape (K,), optional
        Positive, of sum 1.
    means_init : array-like of shape (K, D), optional
        With them, weights that are not given start equal, and covariances as the scatter about the nearest means.
    precisions_init : array-like, optional
        In the shape of `precisions_`.
    component_classes : array-like of shape (K,), optional
        The class in ``y`` that each component stands for; a class may have several. None: each class gets the same
        number of components, the first ones more by one where that does not work out.
    random_state : int, RandomState or None
        None draws other starts at every fit.
    warm_start : bool
        Start from the mixture of the previous `fit`.

    Attributes
    ----------
    weights_, means_ : ndarray of shape (K,), (K, D)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        Of shape (K, D, D), (D, D), (K, D) or (K,), by the covariance type.
    converged_ : bool
    n_iter_ : int
        M-steps of the best run.
    lower_bound_ : float, nats per sample
        Of the log-likelihood, the objective: the average log-likelihood for samples blurred by the covariance floor.
    lower_bounds_ : ndarray of shape (n_iter_ + 1,)
        Before each step and at the end; never falls.
    classes_, component_classes_ : ndarray of shape (n_classes,), (K,)
        Only if labels were given: the classes, and the class of each component. With K classes component k stands for
        class k in ascending order, so that `predict` gives the classes where these are 0…K−1.
    mixture_ : segmenter.Mixture
        The fitted value that all of the above, but the trace, are read from.
    trace_ : segmenter.FitTrace
        How the fit went.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the samples had names of features.

    Examples
    --------
    >>> from segmenter.estimators import GaussianMixture
    >>> samples = [[0.0], [0.2], [0.4], [9.0], [9.2], [9.4]]
    >>> model = GaussianMixture(2, random_state=0).fit(samples, [0, -1, -1, -1, -1, 1])
    >>> model.predict([[0.1], [9.1]])
    array([0, 1])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        covariance_floor: float = FitConfig.covariance_floor,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Init = "k-means++",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        component_classes: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ---- fitting ---------------------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> GaussianMixture:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like of shape (N, D)
            NaN where missing.
        y : array-like of shape (N,), optional
            The class of each sample, −1 = unlabeled. A labeled sample belongs to the components of its class only.
            Labels of more classes than there are components are ignored, with a warning.
        sample_weight : array-like of shape (N,), optional
            At least 0, and not all 0.

        Returns
        -------
        GaussianMixture
            The estimator itself.

        Raises
        ------
        ValueError
            Samples, labels, weights or a parameter are none.
        """
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        weights = checked_weights(sample_weight, values)
        config = self._config(n_samples=int(np.count_nonzero(weights)))
        classes, labels = (None, None) if y is None else numbered_classes(y, values, config.n_components)
        stands_for = None if classes is None else self._numbered_component_classes(classes)
        given = self._given(values.shape[1])
        is_warm = self.warm_start and hasattr(self, "mixture_")
        samples, labels = (present if is_warm or given.is_complete else distinct)(values, weights, labels)
        with threadpool_limits(1, user_api="blas"):  # small products; and the bits must not depend on the cores
            if is_warm:
                self._check_fits_to_previous(config, values.shape[1])
                starts: list[Mixture] | None = [self.mixture_]
            else:
                starts = starts_for(samples, config, given, labels, stands_for)
            log_prior = None if labels is None or stands_for is None else clamp(labels, stands_for)
            if starts is None:
                found = fit(samples, config)
            else:
                runs = [fit(samples, config, start, log_prior=log_prior) for start in starts]
                found = max(runs, key=lambda run: run.objective)
        self._keep(found, classes, stands_for)
        return self

    def _config(self, n_samples: int) -> FitConfig:
        """Return the parameters as options of ours, found fault with by the names they have here."""
        try:
            config = FitConfig(
                n_components=self.n_components,
                covariance_type=self.covariance_type,
                tolerance=TINY if self.tol == 0 else self.tol,
                covariance_floor=self.covariance_floor,
                max_iterations=self.max_iter,
                restarts=self.n_init,
                init=self.init_params,
                seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            )
        except InvalidArgumentError as error:
            name = OUR_NAMES.get(error.argument, error.argument)
            raise InvalidArgumentError(name, error.problem) from None
        if n_samples < config.n_components:
            raise InvalidArgumentError("n_components", f"is {config.n_components}, but n_samples = {n_samples}")
        return config

    def _given(self, n_features: int) -> GivenStart:
        """Return what the parameters tell of the start."""
        n_components, name = self.n_components, "precisions_init"
        weights, means, covariances = None, None, None
        if self.weights_init is not None:
            weights = checked_start("weights_init", self.weights_init, (n_components,))
            if not (weights > 0).all() or not np.isclose(weights.sum(), 1):
                problem = f"must be positive and sum to 1; they sum to {weights.sum():.6g}"
                raise InvalidArgumentError("weights_init", problem)
        if self.means_init is not None:
            means = checked_start("means_init", self.means_init, (n_components, n_features))
        if self.precisions_init is not None:
            shape = shape_of(self.covariance_type, n_components, n_features)
            precisions = checked_start(name, self.precisions_init, shape)
            matrices = to_matrices(precisions, self.covariance_type, n_components, n_features)
            try:
                covariances = inverses(matrices)
            except np.linalg.LinAlgError:
                raise InvalidArgumentError(name, "must be positive definite") from None
            if not np.allclose(matrices, matrices.transpose(0, 2, 1)):
                raise InvalidArgumentError(name, "must be symmetric")
        return GivenStart(weights, means, covariances)

    def _numbered_component_classes(self, classes: NDArray[Any]) -> NDArray[np.intp]:
        """Return the number of the class of each component, (K,), 1…n_classes."""
        if self.component_classes is None:
            return np.arange(self.n_components) * len(classes) // self.n_components + 1
        wanted = column_or_1d(self.component_classes)
        if len(wanted) != self.n_components or set(wanted.tolist()) != set(classes.tolist()):
            problem = f"is {wanted.tolist()}; give the class of each of {self.n_components} components, of all classes"
            raise InvalidArgumentError("component_classes", f"{problem} in y: {classes.tolist()}")
        return np.asarray(np.searchsorted(classes, wanted) + 1, dtype=np.intp)

    def _check_fits_to_previous(self, config: FitConfig, n_features: int) -> None:
        previous = self.mixture_
        then = (previous.n_components, previous.covariance_type, previous.n_features)
        if then != (config.n_components, config.covariance_type, n_features):
            problem = "needs components, covariance_type and features to be those of the previous fit; set it to False"
            raise InvalidArgumentError("warm_start", problem)

    def _keep(self, found: Fit, classes: NDArray[Any] | None, stands_for: NDArray[np.intp] | None) -> None:
        """Keep what was found as fitted attributes, and warn of what is wrong with it."""
        self.mixture_, self.trace_ = found.mixture, found.trace
        self.converged_, self.n_iter_ = found.trace.converged, found.trace.n_iterations
        self.lower_bounds_, self.lower_bound_ = found.trace.objectives, found.objective
        for name in ("classes_", "component_classes_"):
            self.__dict__.pop(name, None)
        if classes is not None and stands_for is not None:
            self.classes_ = classes
            self.component_classes_ = classes[stands_for[np.array(found.trace.survivors) - 1] - 1]
        if not self.converged_:
            text = f"the fit did not converge within max_iter={self.max_iter} steps; raise max_iter or tol"
            warnings.warn(text, ConvergenceWarning, stacklevel=3)
        if found.trace.n_died:
            text = f"{found.trace.n_died} of {self.n_components} components lost all samples and were removed"
            warnings.warn(f"{text}; try fewer n_components", ConvergenceWarning, stacklevel=3)

    def fit_predict(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> NDArray[np.intp]:
        """Fit the mixture, and return the most probable component of each sample, as `predict` does."""
        return self.fit(X, y, sample_weight).predict(X)

    # ---- what the mixture says of samples --------------------------------------------------------------------------

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Return the most probable component of each sample, shape (N,), 0…K−1."""
        return predict(self._fitted(), self._checked(X)).astype(np.intp) - 1

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the posterior probability of each component, shape (N, K)."""
        return responsibilities(self._fitted(), self._checked(X))

    def score_samples(self, X: ArrayLike) -> Floats:
        """Return the log density of each sample, shape (N,), in nats."""
        return score_samples(self._fitted(), self._checked(X))

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Return the average log density of the samples, in nats; ``y`` is ignored."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.intp]]:
        """Return samples drawn from the mixture, (n, D), and the component of each, (n,), 0…K−1, in random order."""
        mixture = self._fitted()
        if n_samples < 1:
            raise InvalidArgumentError("n_samples", f"is {n_samples}; give a whole number from 1")
        generator = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        values, labels = sample(mixture, n_samples, generator)
        return values, labels.astype(np.intp) - 1

    def bic(self, X: ArrayLike) -> float:
        """Return the Bayesian information criterion, −2 log L + P log N; the lower the better."""
        log_densities = self.score_samples(X)
        return compute_bic(self._fitted(), float(log_densities.sum()), len(log_densities))

    def aic(self, X: ArrayLike) -> float:
        """Return the Akaike information criterion, −2 log L + 2 P; the lower the better."""
        return compute_aic(self._fitted(), float(self.score_samples(X).sum()))

    def _fitted(self) -> Mixture:
        check_is_fitted(self)
        mixture: Mixture = self.mixture_
        return mixture

    def _checked(self, X: ArrayLike) -> Floats:
        return np.asarray(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))

    # ---- fitted attributes, read from the mixture ------------------------------------------------------------------

    @property
    def weights_(self) -> Floats:
        """Weights, (K,)."""
        return self.mixture_.weights

    @property
    def means_(self) -> Floats:
        """Means, (K, D)."""
        return self.mixture_.means

    @property
    def covariances_(self) -> Floats:
        """Covariances, in the shape of their family."""
        return from_matrices(self.mixture_.covariances, self.mixture_.covariance_type)

    @property
    def precisions_(self) -> Floats:
        """Inverses of the covariances, in the shape of their family."""
        return from_matrices(inverses(self.mixture_.covariances), self.mixture_.covariance_type)

    @property
    def precisions_cholesky_(self) -> Floats:
        """Upper triangular U with U Uᵀ = Σ⁻¹, in the shape of their family."""
        factors = self.mixture_.inverse_factors.transpose(0, 2, 1)
        return from_matrices(factors, self.mixture_.covariance_type)
