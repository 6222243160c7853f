"""The floor of ``compare``: the same six fits, and a plain matplotlib figure of them."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Segment a photo six times, and draw the segments in their mean colors in six panels."""
    from segmenter.io.images.photo import read_photo
    from segmenter.render.pixels import get_mean_colors
    from segmenter.segmentation.colors import segment_photo
    from segmenter.segmentation.recipe import Recipe

    photo_path, output, *numbers = sys.argv[1:]
    photo = read_photo(Path(photo_path), name=photo_path)
    found = [segment_photo(photo, Recipe(n_segments=int(k))) for k in numbers]
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(183 / 25.4, 100 / 25.4), dpi=300)
    for segmentation, panel in zip(found, axes.flat, strict=True):
        panel.imshow(get_mean_colors(segmentation.segments)[segmentation.labels - 1], interpolation="nearest")
        panel.set_title(f"K = {segmentation.n_labels}", fontsize=8)
        panel.set_axis_off()
    figure.tight_layout()
    figure.savefig(output)
