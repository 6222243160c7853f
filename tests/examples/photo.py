"""The fit of a photo is that of scikit-learn: ours on distinct colors with counts, theirs on every pixel."""

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

from . import FOLDER, save

COFFEE = Path(__file__).parents[2] / "images" / "coffee.png"
STEP, K, TOLERANCE = 6, 3, 1e-5
"""Every sixth row and column, so that scikit-learn takes a second; clusters; nats per pixel."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One photo, fitted twice from the same start."""

    pixels: Pixels  # (H, W, 3), uint8
    n_colors: int
    ours: Fit
    theirs: GaussianMixture
    labels: tuple[Labels, Labels]  # (H, W) each, ours and theirs, 1…K
    their_log_likelihood: float  # nats per pixel


def compare(photo: Path = COFFEE) -> Comparison:
    """Fit the colors and the pixels of a photo."""
    pixels = np.ascontiguousarray(read_photo(photo).pixels[::STEP, ::STEP])
    distinct = find_distinct_colors(pixels)
    samples = Samples(distinct.colors / 255.0, distinct.counts)
    start = fit(samples, FitConfig(K, restarts=1, max_iterations=2)).mixture
    ours = fit(samples, FitConfig(K, tolerance=TOLERANCE, covariance_floor=1e-12), start)
    everything = pixels.reshape(-1, 3) / 255.0
    theirs = GaussianMixture(
        K,
        tol=TOLERANCE,
        reg_covar=0,
        max_iter=500,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(everything)
    labels = predict(ours.mixture, everything), (theirs.predict(everything) + 1).astype(np.int32)
    shape = pixels.shape[:2]
    return Comparison(
        pixels,
        len(distinct.colors),
        ours,
        theirs,
        (labels[0].reshape(shape), labels[1].reshape(shape)),
        float(theirs.score(everything)),
    )


def main(folder: Path = FOLDER) -> None:
    """Print both fits, and draw the photo and both label images."""
    found = compare()
    trace = found.ours.trace
    n_pixels = found.labels[0].size
    print(f"ours:         {found.n_colors:,} colors, {trace.n_iterations} steps, {trace.log_likelihoods[-1]:.9f} nats")
    print(f"scikit-learn: {n_pixels:,} pixels, {found.theirs.n_iter_} steps, {found.their_log_likelihood:.9f} nats")
    print(f"{np.mean(found.labels[0] == found.labels[1]):.2%} of the labels are the same")
    figure = Figure(figsize=(7.2, 2.0), layout="constrained")
    shown = (found.pixels, *found.labels)
    for axes, image, name in zip(figure.subplots(1, 3), shown, ("photo", "segmenter", "scikit-learn"), strict=True):
        axes.imshow(image, interpolation="nearest")
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    save(figure, "photo", folder)


if __name__ == "__main__":
    main()
