"""The parameters of a fitted mixture under the names, in the shapes and of the precision of scikit-learn; settable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmenter.arrays import Floats, to_floats
from segmenter.errors import InvalidArgumentError
from segmenter.estimators.families import from_matrices, get_shape, invert, to_matrices
from segmenter.mixture.config import CovarianceType
from segmenter.mixture.model import Mixture


class FittedParameters:
    """Properties that read from and write to ``mixture_``, for an estimator with a `covariance_type`.

    Setting a parameter of a fitted estimator replaces that one. Of an estimator that is not fitted, weights, means and
    one of the covariances, the precisions or their Cholesky factors make a mixture, as soon as all are set.
    """

    covariance_type: CovarianceType
    mixture_: Mixture
    _dtype: type[np.float32] | type[np.float64] = np.float64

    @property
    def weights_(self) -> NDArray[Any]:
        """Weights, (K,)."""
        return self.mixture_.weights.astype(self._dtype, copy=False)

    @weights_.setter
    def weights_(self, values: ArrayLike) -> None:
        self._set("weights_", values)

    @property
    def means_(self) -> NDArray[Any]:
        """Means, (K, D)."""
        return self.mixture_.means.astype(self._dtype, copy=False)

    @means_.setter
    def means_(self, values: ArrayLike) -> None:
        self._set("means_", values)

    @property
    def covariances_(self) -> NDArray[Any]:
        """Covariances, in the shape of their family."""
        return self._shape(self.mixture_.covariances)

    @covariances_.setter
    def covariances_(self, values: ArrayLike) -> None:
        self._set("covariances_", values)

    @property
    def precisions_(self) -> NDArray[Any]:
        """Inverses of the covariances, in the shape of their family."""
        return self._shape(invert(self.mixture_.covariances))

    @precisions_.setter
    def precisions_(self, values: ArrayLike) -> None:
        self._set("precisions_", values)

    @property
    def precisions_cholesky_(self) -> NDArray[Any]:
        """Upper triangular U with U Uᵀ = Σ⁻¹, in the shape of their family."""
        return self._shape(self.mixture_.inverse_factors.transpose(0, 2, 1))

    @precisions_cholesky_.setter
    def precisions_cholesky_(self, values: ArrayLike) -> None:
        self._set("precisions_cholesky_", values)

    def _shape(self, matrices: Floats) -> NDArray[Any]:
        return from_matrices(matrices, self.mixture_.covariance_type).astype(self._dtype, copy=False)

    def _set(self, name: str, values: ArrayLike) -> None:
        """Set a parameter of the mixture, or keep it until a mixture can be made of those that are set."""
        given: dict[str, Floats] = {**self.__dict__.get("_given", {}), name: to_floats(name, values).astype(np.float64)}
        if hasattr(self, "mixture_"):
            given = {"weights_": self.mixture_.weights, "means_": self.mixture_.means, name: given[name]}
        scales = [each for each in given if each not in ("weights_", "means_")]
        if "weights_" not in given or "means_" not in given or not (scales or hasattr(self, "mixture_")):
            self._given = given
            return
        weights, means = given["weights_"], given["means_"]
        if scales:
            covariances = self._to_covariances(scales[-1], given[scales[-1]], means.shape)
            self.mixture_ = Mixture(weights, means, covariances, self.covariance_type)
        else:
            self.mixture_ = replace(self.mixture_, weights=weights, means=means)
        self.__dict__.pop("_given", None)

    def _to_covariances(self, name: str, values: Floats, shape_of_means: tuple[int, ...]) -> Floats:
        """Return covariances (K, D, D) from covariances, precisions or factors of these, in the shape of the family."""
        shape = get_shape(self.covariance_type, *shape_of_means)
        if values.shape != shape:
            raise InvalidArgumentError(name, f"has the shape {values.shape}; give {shape}")
        matrices = np.array(to_matrices(values, self.covariance_type, *shape_of_means))
        if name == "covariances_":
            return matrices
        precisions = matrices if name == "precisions_" else matrices @ matrices.transpose(0, 2, 1)
        return invert(precisions)
