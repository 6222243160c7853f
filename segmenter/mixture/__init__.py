"""Gaussian mixtures fitted by expectation maximization: mathematics only, without a notion of images."""
