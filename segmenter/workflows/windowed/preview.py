"""The preview of a windowed picture: every n-th row and column of it, for figures and the terminal."""

from __future__ import annotations

from segmenter.io.rasters.base import Window

PREVIEW_SIDE = 2048
"""Maximum height and width of a preview, in pixels."""


def choose_preview_stride(shape: tuple[int, int]) -> int:
    """Return the preview's subsampling stride, a power of two."""
    stride = 1
    while max(shape) > stride * PREVIEW_SIDE:
        stride *= 2
    return stride


def compute_preview_shape(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return the height and width of the preview of a picture."""
    height, width = shape
    return -(-height // stride), -(-width // stride)


def get_sampled_slices(window: Window, stride: int) -> tuple[slice, slice]:
    """Return which rows and columns of a window are in the preview."""
    return slice(-window.top % stride, None, stride), slice(-window.left % stride, None, stride)


def get_preview_slices(window: Window, stride: int) -> tuple[slice, slice]:
    """Return where in the preview the sampled rows and columns of a window are."""
    bottom, right = window.top + window.height, window.left + window.width
    return slice(-(-window.top // stride), -(-bottom // stride)), slice(-(-window.left // stride), -(-right // stride))
