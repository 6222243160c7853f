"""Small GeoTIFFs of several bands, with a corner without data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

NO_DATA = {"u1": 0, "u2": 0, "i2": -9999, "f4": -9999.0}
LEFT_OUT = np.s_[:20, :30]


def picture(n_bands: int, dtype: str = "u1", height: int = 60, width: int = 80) -> NDArray[Any]:
    """Return four clusters of bands in blobs, with a corner without data."""
    generator = np.random.default_rng(n_bands)
    top = {"u1": 255, "u2": 10_000, "i2": 10_000, "f4": 1}[dtype]
    centers = generator.uniform(0.15, 0.85, (4, n_bands))
    cluster = (np.arange(height)[:, None] // 20 + np.arange(width)[None] // 25) % 4
    values = centers[cluster] + 0.04 * generator.standard_normal((height, width, n_bands))
    bands = np.asarray(top * values.clip(0.01, 1)).astype(dtype)
    bands[LEFT_OUT] = NO_DATA[dtype]
    return bands


def write_geotiff(path: Path, bands: NDArray[Any], **options: Any) -> Path:
    """Write bands with their no-data value and a georeference."""
    tags: list[Any] = [
        (42113, "s", 0, str(NO_DATA[bands.dtype.str[1:]]), True),
        (33550, "d", 3, (30.0, 30.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 4000000.0, 0.0), True),
    ]
    form: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig", "extratags": tags}
    tifffile.imwrite(path, bands, **(form | options))
    return path
