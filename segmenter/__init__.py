"""Find the segments of a picture without training: Gaussian mixtures fitted by expectation maximization."""

__version__ = "0.1.0"
