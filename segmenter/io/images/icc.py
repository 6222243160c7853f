"""Convert 8-bit pixels to sRGB by the ICC color profile embedded in a file."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_COLOR_SPACES = {"L": "GRAY", "LA": "GRAY", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}


def convert_to_srgb(image: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an image to sRGB (relative colorimetric with black point compensation).

    Parameters
    ----------
    image : Image
        Images of modes other than L, LA, RGB, RGBA and CMYK are not converted.
    profile : bytes or None
        The embedded ICC profile; None or empty means that the pixels are already sRGB.

    Returns
    -------
    image : Image
        Gray stays gray, CMYK becomes RGB; ``image`` itself if there is nothing to convert.
    notes : tuple of str
        Why the profile was ignored, if it was; nothing is noted for an sRGB profile.
    """
    if not isinstance(profile, bytes) or not profile:
        return image, ()
    if image.mode not in _COLOR_SPACES:
        return image, describe_unconverted_profile(profile)
    from PIL import ImageCms  # late: most photos have no profile

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _is_srgb(ImageCms.getProfileDescription(source)):
            return image, ()
        space = source.profile.xcolor_space.strip()
        if space != _COLOR_SPACES[image.mode]:
            return image, (f"color profile ignored: it is for {space} pixels, not {_COLOR_SPACES[image.mode]}",)
        if space == "GRAY":
            return _apply_gray_profile(image, source), ()
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except Exception:  # a damaged profile may raise any exception, but the pixels may be intact
        return image, ("color profile ignored: it is damaged",)
    return converted or image, ()


def describe_unconverted_profile(profile: object) -> tuple[str, ...]:
    """Return a note that pixels of more than 8 bits stay in the color space of ``profile``, unless it is sRGB."""
    if not isinstance(profile, bytes) or not profile:
        return ()
    from PIL import ImageCms

    try:
        if _is_srgb(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))):
            return ()
    except Exception:  # as in `convert_to_srgb`
        return ("color profile ignored: it is damaged",)
    return ("color profile ignored: only 8-bit pixels are converted to sRGB",)


def _is_srgb(description: str) -> bool:
    """Return whether the description of a profile means sRGB; linear variants contain the same name."""
    text = description.casefold()
    return "srgb" in text and "linear" not in text and "scrgb" not in text


def _apply_gray_profile(image: Image.Image, source: object) -> Image.Image:
    """Apply a gray profile to a gray image: convert the 256 levels once, then look them up."""
    from PIL import ImageCms

    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    transform = ImageCms.buildTransform(
        source,  # type: ignore[arg-type]  # ImageCms is imported late, its profile type too
        ImageCms.createProfile("sRGB"),
        "L",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,  # else shadows are off by 10 levels
    )
    mapped = ImageCms.applyTransform(ramp, transform)
    if mapped is None:
        return image
    curve = list(np.asarray(mapped)[0, :, 1].tolist())
    if image.mode == "L":
        return image.point(curve)
    gray, alpha = image.split()
    return Image.merge("LA", (gray.point(curve), alpha))
