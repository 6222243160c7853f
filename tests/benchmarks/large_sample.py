"""What a sample costs: mixtures of 16-bit pictures fitted to some pixels, against those fitted to all of them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from segmenter.arrays import Samples
from segmenter.mixture.config import FitConfig
from segmenter.mixture.em import fit
from segmenter.mixture.inference import predict, score_samples

from .photos import photo_paths
from .report import verdict

SIDE = 1536
SAMPLES = (1 << 17, 1 << 18, 1 << 19)
MOST_LOST = 1e-3
"""Nats per pixel."""


def deep(index: int, n_bands: int) -> NDArray[np.uint16]:
    """Return a photo as a sensor of 16 bits might see it, (n, bands): enlarged, with noise, its channels mixed."""
    with Image.open(photo_paths()[index]) as image:
        enlarged = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    colors = np.asarray(enlarged).reshape(-1, 3) / 255
    generator = np.random.default_rng(index)
    if n_bands > 3:
        colors = np.hstack([colors, colors @ generator.dirichlet(np.ones(3), n_bands - 3).T])
    noisy = colors + 0.004 * generator.standard_normal(colors.shape)
    return np.asarray(np.rint(65535 * noisy.clip(0, 1)).astype(np.uint16))


def main() -> bool:
    """Measure, print, and return whether the requirement is met."""
    lost: dict[int, list[float]] = {n: [] for n in SAMPLES}
    agreement: dict[int, list[float]] = {n: [] for n in SAMPLES}
    for n_bands in (3, 7):
        for index in range(3):
            values: NDArray[Any] = deep(index, n_bands) / 65535
            config = FitConfig(5, acceleration=True)
            with threadpool_limits(1, user_api="blas"):
                whole = fit(Samples(values), config).mixture
                best, labels = score_samples(whole, values).mean(), predict(whole, values)
                for n in SAMPLES:
                    chosen = np.random.default_rng(0).choice(len(values), n, replace=False)
                    found = fit(Samples(values[chosen]), config, start=whole).mixture
                    lost[n].append(float(best - score_samples(found, values).mean()))
                    agreement[n].append(float((predict(found, values) == labels).mean()))
            measured = ", ".join(f"{n:,}: {lost[n][-1]:+.1e} nats, {100 * agreement[n][-1]:.2f} %" for n in SAMPLES)
            print(f"{n_bands} bands, photo {index}, {len(values):,} pixels; sample of {measured}", flush=True)
    largest = SAMPLES[-1]
    worst, agreed = max(lost[largest]), min(agreement[largest])
    shown = f"{worst:.1e} nats per pixel at most, labels of {100 * agreed:.2f} % of the pixels equal at least"
    return verdict(f"a sample of {largest:,} pixels", shown, f"≤ {MOST_LOST:.0e} nats", worst <= MOST_LOST)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
