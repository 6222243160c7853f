"""The mixture as scikit-learn's users know it; needs scikit-learn (``pip install 'segmenter[sklearn]'``)."""

from segmenter.estimators.gaussian_mixture import GaussianMixture

__all__ = ["GaussianMixture"]
