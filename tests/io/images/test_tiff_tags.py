"""Which band of a TIFF is alpha, and how colors are divided by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from segmenter.io.images.tiff_tags import (
    ASSOCIATED_ALPHA,
    BLACK_IS_ZERO,
    RGB,
    UNASSOCIATED_ALPHA,
    AlphaBand,
    find_alpha,
    unpremultiply,
)


@pytest.mark.parametrize(
    ("photometric", "n_bands", "extra_samples", "expected"),
    [
        (RGB, 3, (), None),
        (RGB, 4, (), AlphaBand(3, is_premultiplied=False)),  # the tag is missing
        (RGB, 4, (0,), None),  # an extra band of unknown meaning
        (RGB, 4, (ASSOCIATED_ALPHA,), AlphaBand(3, is_premultiplied=True)),
        (RGB, 5, (0, UNASSOCIATED_ALPHA), AlphaBand(4, is_premultiplied=False)),
        (RGB, 5, (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA), AlphaBand(3, is_premultiplied=True)),  # the first counts
        (BLACK_IS_ZERO, 4, (), None),
        (BLACK_IS_ZERO, 2, (ASSOCIATED_ALPHA,), AlphaBand(1, is_premultiplied=True)),
    ],
)
def test_alpha_is_the_first_band_that_extra_samples_calls_so(
    photometric: int, n_bands: int, extra_samples: tuple[int, ...], expected: AlphaBand | None
) -> None:
    assert find_alpha(photometric, n_bands, extra_samples) == expected


def test_eight_bit_colors_are_divided_by_alpha_as_pillow_does() -> None:
    color, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(1, 256, dtype=np.uint8))
    colors = np.stack([color, color, color], axis=2)
    premultiplied = Image.frombytes("RGBa", color.shape[::-1], np.dstack([colors, alpha]).tobytes())
    expected = np.asarray(premultiplied.convert("RGBA"))[..., :3]
    np.testing.assert_array_equal(unpremultiply(colors, alpha), expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_dividing_by_alpha_undoes_the_multiplication(dtype: Any) -> None:
    top = 1.0 if dtype == "f4" else float(np.iinfo(dtype).max)
    half = np.array([[[top / 4, top / 2, 0]]]).astype(dtype)
    alpha = np.array([[top / 2]]).astype(dtype)
    divided = unpremultiply(half, alpha)
    assert divided.dtype == half.dtype
    np.testing.assert_allclose(divided[0, 0], [top / 2, top, 0], atol=top / 100)
