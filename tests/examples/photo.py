"""The same fit as scikit-learn's of a photo, from its distinct colors and their counts instead of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.mixture import GaussianMixture

from segmenter import Fit, FitConfig, Samples, fit, predict
from segmenter.arrays import Labels, Pixels
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.io.images.photo import read_photo

from . import FOLDER, save_figure

COFFEE = Path(__file__).parents[2] / "images" / "coffee.png"
STEP = 6  # every sixth row and column, so that scikit-learn takes only a second
K = 3
TOLERANCE = 1e-5  # nats per pixel


@dataclass(frozen=True, eq=False)
class Comparison:
    """The fits of two programs to one photo, from the same initialization."""

    pixels: Pixels  # (H, W, 3), uint8
    n_colors: int
    ours: Fit
    theirs: GaussianMixture
    labels: tuple[Labels, Labels]  # (H, W) each, ours and theirs, 1…K
    their_log_likelihood: float  # nats per pixel


def fit_both(photo: Path = COFFEE) -> Comparison:
    """Fit the distinct colors of a photo here, and all its pixels in scikit-learn."""
    pixels = np.ascontiguousarray(read_photo(photo).pixels[::STEP, ::STEP])
    distinct = find_distinct_colors(pixels)
    samples = Samples(distinct.colors / 255.0, distinct.counts)
    start = fit(samples, FitConfig(K, restarts=1, max_iterations=2)).mixture
    ours = fit(samples, FitConfig(K, tolerance=TOLERANCE, covariance_floor=1e-12), start)
    all_pixels = pixels.reshape(-1, 3) / 255.0
    theirs = GaussianMixture(
        K,
        tol=TOLERANCE,
        reg_covar=0,
        max_iter=500,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(all_pixels)
    labels = predict(ours.mixture, all_pixels), (theirs.predict(all_pixels) + 1).astype(np.int32)
    shape = pixels.shape[:2]
    return Comparison(
        pixels,
        len(distinct.colors),
        ours,
        theirs,
        (labels[0].reshape(shape), labels[1].reshape(shape)),
        float(theirs.score(all_pixels)),
    )


def main(folder: Path = FOLDER) -> None:
    """Print both fits, and draw the photo and both label images."""
    fits = fit_both()
    trace = fits.ours.trace
    n_pixels = fits.labels[0].size
    print(f"ours:         {fits.n_colors:,} colors, {trace.n_iterations} steps, {trace.log_likelihoods[-1]:.9f} nats")
    print(f"scikit-learn: {n_pixels:,} pixels, {fits.theirs.n_iter_} steps, {fits.their_log_likelihood:.9f} nats")
    print(f"{np.mean(fits.labels[0] == fits.labels[1]):.2%} of the labels are the same")
    figure = Figure(figsize=(7.2, 2.0), layout="constrained")
    images = (fits.pixels, *fits.labels)
    for axes, image, name in zip(figure.subplots(1, 3), images, ("photo", "segmenter", "scikit-learn"), strict=True):
        axes.imshow(image, interpolation="nearest")
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    save_figure(figure, "photo", folder)


if __name__ == "__main__":
    main()
