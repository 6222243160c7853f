"""Texture as a feature vector: slopes and curvatures of the lightness around a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmenter.arrays import Floats

DERIVATIVES = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1))
"""Orders of the derivatives along axis 0 (down, y) and axis 1 (across, x)."""


def compute_texture_features(lightness: Floats, scales: Sequence[float] = (1.0, 2.0)) -> Floats:
    """Return Gaussian derivatives of a picture, scale-normalized (Lindeberg 1998).

    Parameters
    ----------
    lightness : ndarray of shape (H, W), float64
        L* of CIELAB, 0 to 100.
    scales : sequence of float, pixels
        Standard deviations σ; a derivative of order n is multiplied by σⁿ, so that it keeps the unit of L*.

    Returns
    -------
    ndarray of shape (H, W, 5 × scales), float64
        ∂x, ∂y, ∂xx, ∂yy, ∂xy for each scale; the picture is extended beyond its border by reflection.
    """
    from scipy.ndimage import gaussian_filter

    responses = [
        gaussian_filter(lightness, scale, order=order) * scale ** sum(order)
        for scale in scales
        for order in DERIVATIVES
    ]
    return np.stack(responses, axis=-1)


def compute_joint_features(lab: Floats, scale: float = 2.0) -> Floats:
    """Return one vector for each pixel: the mean color and the texture energy around it.

    Parameters
    ----------
    lab : ndarray of shape (H, W, 3), float64
        CIELAB.
    scale : float, pixels
        Standard deviation of the Gaussian window, and of the derivatives.

    Returns
    -------
    ndarray of shape (H, W, 8), float64
        Weighted means of L*, a*, b* in the window, then root mean squares of the five `compute_texture_features`.
    """
    from scipy.ndimage import gaussian_filter

    window = (scale, scale, 0)
    energies = gaussian_filter(compute_texture_features(lab[:, :, 0], (scale,)) ** 2, window)
    return np.concatenate([gaussian_filter(lab, window), np.sqrt(np.maximum(energies, 0))], axis=-1)
