"""Texture as a feature vector: how the lightness around a pixel rises and bends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmenter.arrays import Floats

DERIVATIVES = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1))
"""Orders of the derivatives along rows and columns."""


def compute_texture_features(lightness: Floats, scales: Sequence[float] = (1.0, 2.0)) -> Floats:
    """Return Gaussian derivatives of a picture, scale-normalised (Lindeberg 1998).

    Parameters
    ----------
    lightness : ndarray of shape (H, W), float64
        L* of CIELAB, 0 to 100.
    scales : sequence of float, pixels
        Standard deviations σ; a derivative of order n is multiplied by σⁿ, so that it keeps the unit of L*.

    Returns
    -------
    ndarray of shape (H, W, 5 × scales), float64
        For each scale ∂x, ∂y, ∂xx, ∂yy, ∂xy; the picture goes on as its mirror image.
    """
    from scipy.ndimage import gaussian_filter

    responses = [
        gaussian_filter(lightness, scale, order=order) * scale ** sum(order)
        for scale in scales
        for order in DERIVATIVES
    ]
    return np.stack(responses, axis=-1)


def compute_joint_features(lab: Floats, scale: float = 2.0) -> Floats:
    """Return color and texture of the surroundings of each pixel, in one vector.

    Parameters
    ----------
    lab : ndarray of shape (H, W, 3), float64
        CIELAB.
    scale : float, pixels
        Standard deviation of the Gaussian that tells how far the surroundings reach, and of the derivatives.

    Returns
    -------
    ndarray of shape (H, W, 8), float64
        Means of L*, a*, b*, then root mean squares of `compute_texture_features` at that scale.
    """
    from scipy.ndimage import gaussian_filter

    around = (scale, scale, 0)
    energies = gaussian_filter(compute_texture_features(lab[:, :, 0], (scale,)) ** 2, around)
    return np.concatenate([gaussian_filter(lab, around), np.sqrt(np.maximum(energies, 0))], axis=-1)
