"""Photos: one value, whatever file, image or array they come from."""

from __future__ import annotations

from dataclasses import dataclass

from segmenter.arrays import Bools, Pixels


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as the later layers see it: upright, sRGB or gray, without alpha."""

    pixels: Pixels  # (H, W, C), C = 1 gray or 3 sRGB; uint8, uint16, or float32 in [0, 1]; C-contiguous
    mask: Bools | None  # (H, W), True = takes part; None = all pixels do
    name: str  # the file name without folders, for messages and output names
    digest: str | None = None  # SHA-256 of the file, hexadecimal; None for images and arrays
    notes: tuple[str, ...] = ()  # what was done that a person may not expect, a short sentence each
