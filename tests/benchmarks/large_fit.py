"""The fit of a large picture alone: its colors, counted by windows, and the processor time of EM; as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from segmenter.execution.api import Workers
from segmenter.io.rasters.reader import open_windowed
from segmenter.segmentation.colors import fit_colors
from segmenter.segmentation.recipe import Recipe
from segmenter.workflows.segment.job import FigureOptions, WindowOptions, plan_job, to_windowed
from segmenter.workflows.segment.progress import NullProgress
from segmenter.workflows.windowed.color_summary import summarize_colors


def main() -> None:
    """Count the colors of PICTURE, fit, and print."""
    path = Path(sys.argv[1])
    planned = plan_job(
        path,
        Path(),
        Recipe(5),
        figure_options=FigureOptions(),
        max_pixels=10**9,
        overwrite=False,
        windows=WindowOptions(workers=Workers(2)),
    )
    job = to_windowed(planned, "")
    with open_windowed(path) as picture:
        summary = summarize_colors(picture, job, Recipe(5), NullProgress())
    started = time.process_time()
    fit_colors(summary.colors, Recipe(5), 5)
    print(json.dumps({"seconds": time.process_time() - started, "colors": len(summary.colors.colors)}))


if __name__ == "__main__":
    main()
