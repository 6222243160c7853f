"""The floor of large pictures: read a TIFF and write it again, tile by tile with tifffile, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import tifffile


def main() -> None:
    """Copy IN to OUT."""
    with tifffile.TiffFile(sys.argv[1]) as tiff:
        page: Any = tiff.pages.first

        def tiles() -> Iterator[Any]:
            for number, (offset, n_bytes) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
                tiff.filehandle.seek(offset)
                yield page.decode(tiff.filehandle.read(n_bytes), number)[0][0]

        with tifffile.TiffWriter(sys.argv[2], bigtiff=True) as writer:
            writer.write(
                tiles(),
                shape=page.shape,
                dtype=page.dtype,
                tile=page.tile,
                photometric=page.photometric,
                compression=page.compression if page.compression != 1 else None,
                predictor=page.predictor if page.predictor != 1 else None,
                metadata=None,
            )


if __name__ == "__main__":
    main()
