"""The color table is as its docstring claims: its colors are distinct, also for color-blind people."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from segmenter.arrays import Bytes, Floats
from segmenter.errors import InvalidArgumentError
from segmenter.render.palette import N_COLORS, palette

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
MACHADO = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def simulate_vision(colors: Bytes, vision: str) -> Floats:
    """Return the CIE L*a*b* of sRGB colors as seen by a person with this vision."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ MACHADO[vision].T, 0, 1)
    srgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(srgb[None])[0])


def smallest_difference(colors: Bytes, vision: str) -> float:
    """Return the smallest CIEDE2000 between two of the colors."""
    lab = simulate_vision(colors, vision)
    first, second = np.triu_indices(len(lab), k=1)
    return float(deltaE_ciede2000(lab[first], lab[second]).min())  # type: ignore[no-untyped-call]


def test_all_colors_are_distinct() -> None:
    assert len(np.unique(palette(N_COLORS), axis=0)) == N_COLORS == 255


@pytest.mark.parametrize("n_colors", [0, 1, 5, 254])
def test_fewer_colors_are_the_first_of_more(n_colors: int) -> None:
    np.testing.assert_array_equal(palette(n_colors), palette(255)[:n_colors])
    assert palette(n_colors).shape == (n_colors, 3)
    assert palette(n_colors).dtype == np.uint8


@pytest.mark.parametrize("n_colors", [-1, 256])
def test_a_number_outside_the_table_is_refused(n_colors: int) -> None:
    with pytest.raises(InvalidArgumentError, match="from 0 to 255"):
        palette(n_colors)


def test_the_table_cannot_be_changed_through_a_result() -> None:
    palette(3)[:] = 0
    assert palette(3).any()


@pytest.mark.parametrize(
    ("n_colors", "normal", "simulated"),
    [
        (2, 52.2, 52.0),
        (4, 22.3, 19.9),
        (8, 21.7, 10.8),
        (12, 21.4, 10.8),
        (16, 14.1, 10.8),
        (32, 13.8, 6.8),
        (64, 9.9, 4.8),
        (128, 6.8, 3.4),
        (255, 5.0, 2.4),
    ],
)
def test_colors_are_as_far_apart_as_the_docstring_says(n_colors: int, normal: float, simulated: float) -> None:
    assert smallest_difference(palette(n_colors), "normal") >= normal
    for vision in ("protanopia", "deuteranopia", "tritanopia"):
        assert smallest_difference(palette(n_colors), vision) >= simulated


def test_no_color_is_nearly_black_or_white() -> None:
    lightness = simulate_vision(palette(255), "normal")[:, 0]
    assert lightness.min() > 29
    assert lightness.max() < 91


def test_importing_the_palette_needs_numpy_only() -> None:
    code = (
        "import sys, segmenter.render.palette;"
        "print([name for name in ('skimage', 'scipy', 'matplotlib', 'PIL') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
