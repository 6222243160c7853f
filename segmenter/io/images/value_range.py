"""Scale stored values to a common range, so that results do not depend on the unit that a picture is stored in.

Instruments rarely fill the range of their files: a 12-bit camera writes 0…4,095 of 65,535, reflectances are 0…10,000,
temperatures any floats. All other layers work on the values of a `Photo`, and this module maps stored values to them:
8-bit values to uint8, other integers to uint16 (float32 if they span more than 65,535 levels), floats to float32. The
lowest value of the range becomes 0, the highest white. The rules:

``auto``
    8-bit pictures: 0…255. Others: the values that occur, without hot pixels. The bulk of a picture is what remains
    without its most extreme pixels at each end: 0.01 % of them, or five if that is more, but at most 0.1 %. Values
    farther from the bulk than half its width are hot (or dead) pixels, and the range ends before them.
``full``
    0…255 or 0…65,535; for floats 0…1 if all lie there; otherwise from the smallest to the largest value.
``percentile``
    From the 1st to the 99th percentile, for pictures of any depth.
LOW, HIGH
    As given, in the unit of the stored values.

Gray and RGB have one range for all channels, which preserves hues. Any other number of bands has a range for each band,
as these are different quantities. If the values that count are all equal, the range is the full one.

Quantiles are order statistics of the pixels in rows and columns divisible by a stride, at most about a million. So they
are the same whether a picture is read as a whole or window by window. No step rounds before the last one: an affine
change of the stored values, x → a·x + b with a > 0, changes the range in the same way and leaves the scaled values
identical, as long as the changed values themselves are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bools, Floats, Pixels
from segmenter.errors import InvalidArgumentError
from segmenter.io.images.config import ScaleRange, ValueKind, ValueRange

MAX_SAMPLE_PIXELS = 1 << 20
"""Quantiles are those of at most about this many pixels."""

MAX_HOT_SHARE, FEW_HOT_PIXELS, MAX_HOT_SHARE_OF_SMALL = 1e-4, 5, 1e-3
"""How many pixels at each end may be hot: this share, or this many if that is more, but at most the second share."""

GAP = 0.5
"""Hot pixels are farther from the bulk of the values than this, in widths of the bulk."""

TAIL = 0.01
"""Share of the values that the rule ``percentile`` clips at each end."""

NEARLY_ALL = 0.9
"""A range that covers this share of the full one needs no note."""

WHITE: dict[ValueKind, float] = {"8-bit": 255.0, "integer": 65535.0, "float": 1.0}
"""Value that is usually white."""

CHUNK_VALUES = 1 << 20
"""Number of values converted at once, to bound memory."""

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class ValueSample:
    """What the value range of a picture is chosen from; samples of its parts can be merged in any order."""

    values: Pixels  # (n, C), as stored, of the pixels on the lattice that take part
    low: Floats  # (C,), minimum of all pixels that take part; inf if none do
    high: Floats  # (C,), maximum; -inf if none take part


def is_scaled(dtype: np.dtype[Any], scale_range: ScaleRange | ValueRange) -> bool:
    """Return whether stored values of a type are scaled at all; 8-bit pictures that use 0…255 are taken as they are."""
    if _get_kind(dtype) != "8-bit":
        return True
    return scale_range.kind == "8-bit" if isinstance(scale_range, ValueRange) else scale_range not in ("auto", "full")


def sample_values(
    pixels: Pixels,
    mask: Bools | None,
    *,
    corner: tuple[int, int] = (0, 0),
    full_shape: tuple[int, ...] | None = None,
) -> ValueSample:
    """Return the sample of a picture, or of a rectangle of it.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C)
        As stored.
    mask : ndarray of shape (H, W), bool, optional
        True = takes part; values that take part are finite.
    corner : (top, left), pixels
        Position of the rectangle in the picture.
    full_shape : (height, width), optional
        Of the picture; None = the rectangle is the whole picture.
    """
    height, width = pixels.shape[:2] if full_shape is None else full_shape
    stride = max(1, math.ceil(math.sqrt(height * width / MAX_SAMPLE_PIXELS)))
    lattice = slice(-corner[0] % stride, None, stride), slice(-corner[1] % stride, None, stride)
    n_bands = pixels.shape[2]
    if mask is None:
        values, visible = pixels[lattice].reshape(-1, n_bands).copy(), pixels
    elif not mask.any():
        return ValueSample(pixels[:0, 0].copy(), np.full(n_bands, np.inf), np.full(n_bands, -np.inf))
    else:
        values = pixels[lattice][mask[lattice]]
        some = pixels[np.unravel_index(mask.argmax(), mask.shape)]
        visible = np.where(mask[..., np.newaxis], pixels, some)
    low, high = visible.min(axis=0).min(axis=0), visible.max(axis=0).max(axis=0)  # faster than over both axes at once
    return ValueSample(values, low.astype(np.float64), high.astype(np.float64))


def merge_value_samples(parts: Iterable[ValueSample]) -> ValueSample:
    """Return the sample of all parts of a picture."""
    parts = list(parts)
    return ValueSample(
        np.concatenate([part.values for part in parts]),
        np.min([part.low for part in parts], axis=0),
        np.max([part.high for part in parts], axis=0),
    )


# ---- choosing ------------------------------------------------------------------------------------------------------


def choose_value_range(sample: ValueSample, scale_range: ScaleRange | ValueRange) -> ValueRange:
    """Return the value range of a picture.

    Parameters
    ----------
    sample : ValueSample
        At least one pixel takes part.
    scale_range : ScaleRange or ValueRange
        How to choose it. A ValueRange, as of a model, is used as it is, except for values of another kind (8-bit
        integers, other integers, floats) or another number of bands: these use their full range.
    """
    dtype = sample.values.dtype
    if isinstance(scale_range, ValueRange):
        n_ranges = np.size(scale_range.low)
        if scale_range.kind == _get_kind(dtype) and (n_ranges == 1 or n_ranges == sample.values.shape[1]):
            return replace(scale_range, clipped=_compute_clipped_share(sample, scale_range))
        scale_range = "full"
    n_pixels, n_bands = sample.values.shape
    if n_bands in (1, 3):
        columns = [(sample.values.ravel(), (float(sample.low.min()), float(sample.high.max())))]
    else:
        ends = zip(sample.low.tolist(), sample.high.tolist(), strict=True)
        columns = list(zip(sample.values.T, ends, strict=True))
    ranges = [_choose_range(values, extremes, n_pixels, scale_range) for values, extremes in columns]
    lows, highs = zip(*ranges, strict=True)
    chosen = ValueRange(
        rule=scale_range if isinstance(scale_range, str) else "given",
        kind=_get_kind(dtype),
        low=lows[0] if len(lows) == 1 else lows,
        high=highs[0] if len(highs) == 1 else highs,
    )
    return replace(chosen, clipped=_compute_clipped_share(sample, chosen))


def merge_value_ranges(ranges: Sequence[ValueRange]) -> ValueRange:
    """Return the range from the lowest to the highest value of the ranges of several pictures of colors.

    Raises
    ------
    InvalidArgumentError
        The pictures hold values of different kinds.
    """
    kinds = sorted({each.kind for each in ranges})
    if len(kinds) > 1:
        problem = f"cannot be shared by pictures of {' and '.join(kinds)} values; process each kind on its own"
        raise InvalidArgumentError("the value range", problem)
    low, high = np.min([each.low for each in ranges]), np.max([each.high for each in ranges])
    return replace(ranges[0], low=float(low), high=float(high), clipped=0.0)


def widen_to_full(value_range: ValueRange) -> ValueRange:
    """Return the full range of the type of the values, unless the given range exceeds it."""
    white = WHITE[value_range.kind]
    if np.min(value_range.low) < 0 or np.max(value_range.high) > white:
        return value_range
    return replace(value_range, rule="full", low=0.0, high=white)


def _choose_range(values: NDArray[Any], extremes: Range, n_pixels: int, scale_range: ScaleRange) -> Range:
    """Return the range of values (n,) of so many pixels."""
    if scale_range == "full" or (scale_range == "auto" and _get_kind(values.dtype) == "8-bit"):
        low, high = _get_full_range(values.dtype, extremes)
    elif scale_range == "auto":
        low, high = _find_used_range(values, extremes, n_pixels)
    elif scale_range == "percentile":
        low, high = _trim(values, extremes, math.floor(TAIL * len(values)))
    else:
        low, high = scale_range
    return (low, high) if low < high else _get_full_range(values.dtype, extremes)


def _get_full_range(dtype: np.dtype[Any], extremes: Range) -> Range:
    """Return the range that values of a type are meant to fill; their minimum and maximum if they go beyond it."""
    white = WHITE[_get_kind(dtype)]
    return (0.0, white) if extremes[0] >= 0 and extremes[1] <= white else extremes


def _find_used_range(values: NDArray[Any], extremes: Range, n_pixels: int) -> Range:
    """Return the range of values (n,) that occur, without hot and dead pixels."""
    n_hot = max(int(MAX_HOT_SHARE * n_pixels), min(FEW_HOT_PIXELS, int(MAX_HOT_SHARE_OF_SMALL * n_pixels)))
    low, high = extremes
    bulk_low, bulk_high = _trim(values, extremes, n_hot * len(values) // max(n_pixels, 1))
    width = bulk_high - bulk_low
    if not width > 0:
        return extremes
    lowest, highest = bulk_low - GAP * width, bulk_high + GAP * width
    if low < lowest:
        low = float(values[values >= lowest].min())
    if high > highest:
        high = float(values[values <= highest].max())
    return low, high


def _trim(values: NDArray[Any], extremes: Range, n: int) -> Range:
    """Return the range of values without the n smallest and the n largest."""
    if n == 0 or 2 * n >= len(values):
        return extremes
    ordered = np.partition(values, (n, len(values) - 1 - n))
    return float(ordered[n]), float(ordered[-1 - n])


def _compute_clipped_share(sample: ValueSample, value_range: ValueRange) -> float:
    """Return the share of the sampled pixels that have a value beyond a range."""
    values = sample.values
    is_beyond = (values < np.asarray(value_range.low)) | (values > np.asarray(value_range.high))
    return float(is_beyond.any(axis=1).mean()) if len(values) else 0.0


def _get_kind(dtype: np.dtype[Any]) -> ValueKind:
    if dtype.kind == "f":
        return "float"
    return "8-bit" if dtype == np.uint8 else "integer"


# ---- scaling -------------------------------------------------------------------------------------------------------


def get_scaled_dtype(dtype: np.dtype[Any], value_range: ValueRange | None) -> np.dtype[Any]:
    """Return the type of the values of a `Photo`: uint8, uint16 or float32."""
    if value_range is None or value_range.kind == "8-bit":
        return np.dtype(np.uint8)
    is_narrow = all(high - low <= 65535 for low, high in _list_ranges(value_range))
    return np.dtype(np.uint16 if dtype.kind in "iu" and is_narrow else np.float32)


def scale_values(pixels: Pixels, value_range: ValueRange | None) -> Pixels:
    """Return stored pixels (H, W, C) as those of a `Photo`.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, C)
        As stored. NaN becomes 0; it should not take part.
    value_range : ValueRange or None
        None = the pixels are 8-bit values, and stay as they are.

    Returns
    -------
    ndarray of shape (H, W, C), uint8, uint16, or float32 from 0 to 1
        Shares memory with the argument if nothing changes.
    """
    dtype = get_scaled_dtype(pixels.dtype, value_range)
    white = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
    if value_range is None or (pixels.dtype.kind == "u" and (value_range.low, value_range.high) == (0.0, white)):
        return pixels.astype(dtype, copy=False)  # also turns foreign byte orders into the native one
    ranges = _list_ranges(value_range)
    scaled = np.empty(pixels.shape, dtype)
    for band, (low, high) in enumerate(ranges):
        bands = slice(None) if len(ranges) == 1 else slice(band, band + 1)
        _convert(pixels[..., bands], scaled[..., bands], _build_scaling(pixels.dtype, dtype, low, high))
    return scaled


def _list_ranges(value_range: ValueRange) -> list[Range]:
    """Return the range of each band, or the only one of all."""
    return list(zip(*(np.atleast_1d(end).tolist() for end in (value_range.low, value_range.high)), strict=True))


Scaling = Callable[[Pixels], Pixels]


def _convert(pixels: Pixels, scaled: Pixels, scaling: Scaling) -> None:
    """Write scaled pixels (H, W, …) into an array, a few rows at a time."""
    n_rows = max(1, CHUNK_VALUES // max(1, pixels[:1].size))
    for first in range(0, len(pixels), n_rows):
        scaled[first : first + n_rows] = scaling(pixels[first : first + n_rows])


def _build_scaling(stored: np.dtype[Any], scaled: np.dtype[Any], low: float, high: float) -> Scaling:
    """Return the function that scales stored values."""
    if scaled.kind == "f":
        return lambda values: _to_unit(values, low, high).astype(np.float32)
    limits, white = np.iinfo(stored), np.iinfo(scaled).max
    is_small = stored.kind == "u" and stored.itemsize <= 2
    first = limits.min if is_small else max(limits.min, min(limits.max, math.floor(low)))
    last = limits.max if is_small else max(limits.min, min(limits.max, math.ceil(high)))
    levels = white * (np.arange(first, last + 1, dtype=np.float64) - low)  # exact for integers
    table = np.floor((levels / (high - low)).clip(0, white) + 0.5).astype(scaled)
    if is_small:
        return lambda values: np.take(table, values)
    return lambda values: np.take(table, values.clip(first, last).astype(np.int64) - first)


def _to_unit(values: Pixels, low: float, high: float) -> Floats:
    """Return values as floats from 0, where they are NaN or at most `low`, to 1; all 0 if the range is empty."""
    factor = 1.0 if math.isfinite(high - low) else 0.5  # so that no difference overflows
    unit = values.astype(np.float64)
    with np.errstate(over="ignore"):
        unit *= factor
        unit -= factor * low
        unit /= (factor * high - factor * low) or 1.0
    unit[np.isnan(unit)] = 0
    return unit.clip(0, 1)


# ---- notes ---------------------------------------------------------------------------------------------------------


def describe_value_range(value_range: ValueRange | None) -> tuple[str, ...]:
    """Return a note on the range that was used, unless it is nearly the full one."""
    if value_range is None:
        return ()
    clipped = f"; {_format_share(value_range.clipped)} of the pixels lie beyond" if value_range.clipped else ""
    if isinstance(value_range.low, tuple) or isinstance(value_range.high, tuple):
        is_full = value_range.rule == "full" and not clipped
        return () if is_full else (f"values of each band scaled from its own range to 0…1{clipped}",)
    low, high, white = value_range.low, value_range.high, WHITE[value_range.kind]
    is_within = low >= 0 and high <= white
    if is_within and high - low >= NEARLY_ALL * white and value_range.clipped < TAIL:
        return ()
    of = f" of {_format(white)}" if is_within and white > 1 else ""
    return (f"values {_format(low)}…{_format(high)}{of} scaled to 0…1{clipped}",)


def _format(value: float) -> str:
    """Return a stored value: whole numbers with separators, others with six digits."""
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.6g}"


def _format_share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
