"""Gaussian mixtures as a scikit-learn estimator; needs scikit-learn (``pip install 'segmenter[sklearn]'``)."""

from segmenter.estimators.gaussian_mixture import GaussianMixture

__all__ = ["GaussianMixture"]
