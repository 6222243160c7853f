"""Embedded ICC color profiles: 8-bit pixels to sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_COLOR_SPACES = {"L": "GRAY", "LA": "GRAY", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an image to sRGB (relative colorimetric with black point compensation).

    Parameters
    ----------
    image : Image
        Of mode L, LA, RGB, RGBA or CMYK; other modes are not converted.
    profile : bytes or None
        The embedded ICC profile; None or empty means that the pixels are sRGB already.

    Returns
    -------
    image : Image
        Gray stays gray, CMYK becomes RGB; ``image`` itself when there is nothing to do.
    notes : tuple of str
        Why a profile was not used, if so. A profile that calls itself sRGB is passed over without a note.
    """
    if not isinstance(profile, bytes) or not profile:
        return image, ()
    if image.mode not in _COLOR_SPACES:
        return image, unconverted_notes(profile)
    from PIL import ImageCms  # late: most photos have no profile

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _is_srgb(ImageCms.getProfileDescription(source)):
            return image, ()
        space = source.profile.xcolor_space.strip()
        if space != _COLOR_SPACES[image.mode]:
            return image, (f"color profile ignored: it is for {space} pixels, not {_COLOR_SPACES[image.mode]}",)
        if space == "GRAY":
            return _with_gray_curve(image, source), ()
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except Exception:  # a damaged profile raises anything, and is no reason to refuse sound pixels
        return image, ("color profile ignored: it is damaged",)
    return converted or image, ()


def unconverted_notes(profile: object) -> tuple[str, ...]:
    """Return a note that deep pixels were left in the color space of ``profile``, unless that is sRGB."""
    if not isinstance(profile, bytes) or not profile:
        return ()
    from PIL import ImageCms

    try:
        if _is_srgb(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))):
            return ()
    except Exception:  # as above
        return ("color profile ignored: it is damaged",)
    return ("color profile ignored: only 8-bit pixels are converted to sRGB",)


def _is_srgb(description: str) -> bool:
    """Tell from a profile's description whether its pixels are sRGB; linear variants share only the name."""
    words = description.casefold()
    return "srgb" in words and "linear" not in words and "scrgb" not in words


def _with_gray_curve(image: Image.Image, source: object) -> Image.Image:
    """Apply a gray profile: the curve of its 256 levels is measured once, then looked up."""
    from PIL import ImageCms

    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    transform = ImageCms.buildTransform(
        source,  # type: ignore[arg-type]  # ImageCms is imported late, its profile type too
        ImageCms.createProfile("sRGB"),
        "L",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,  # else the shadows are off by 10 levels
    )
    mapped = ImageCms.applyTransform(ramp, transform)
    if mapped is None:
        return image
    curve = list(np.asarray(mapped)[0, :, 1].tolist())
    if image.mode == "L":
        return image.point(curve)
    gray, alpha = image.split()
    return Image.merge("LA", (gray.point(curve), alpha))
