"""The figures of a photo that are drawn on request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segmenter.features.color import color_features
from segmenter.features.distinct import distinct_colors
from segmenter.io.photo import Photo
from segmenter.pipeline.plan import Job, Plot
from segmenter.pipeline.segment import rgb_of
from segmenter.regions.labels import Segmentation
from segmenter.render.paint import display_rgb, mean_colors
from segmenter.render.palette import rising_palette
from segmenter.render.quiet import quiet_matplotlib

if TYPE_CHECKING:
    from segmenter.render.figure import Figure


def draw_plots(photo: Photo, found: Segmentation, job: Job, metadata: Mapping[str, str]) -> dict[Path, bytes]:
    """Return the figures that a job asks for, each under its path.

    Parameters
    ----------
    photo : Photo
    found : Segmentation
        Of it.
    job : Job
    metadata : mapping of str to str
        What each figure says of itself.
    """
    files: dict[Path, bytes] = {}
    names = None if job.model is None else job.model.label_names
    with quiet_matplotlib():
        from segmenter.render.figure import encode_figure  # matplotlib takes half a second to import
        from segmenter.render.palette_figure import palette_css, palette_gpl

        for plot, (path, *others) in job.plots.items():
            figure = plot_figure(plot, photo, found, names=names, name=job.source.stem, dpi=job.figure_options.dpi)
            files[path] = encode_figure(figure, job.figure_options.figure_format, metadata=metadata)
            for other, encode in zip(others, (palette_css, palette_gpl), strict=False):
                text = encode(mean_colors(found.segments), shares_of(found), job.source.name, names)
                files[other] = text.encode("utf-8", "replace")
    return files


def plot_figure(
    plot: Plot,
    photo: Photo,
    found: Segmentation,
    *,
    names: tuple[str, ...] | None = None,
    name: str = "Photo",
    dpi: int = 300,
) -> Figure:
    """Return a figure of a photo and its segments.

    Parameters
    ----------
    plot : {"contours", "cutouts", "likelihood", "colors", "confidence", "palette"}
    photo : Photo
    found : Segmentation
        Of it.
    names : tuple of str of length K, optional
        Of the segments; None = their labels.
    name : str
        Of the photo.
    dpi : int, pixels per inch

    Raises
    ------
    NoMixtureError
        Segments that are regions have no likelihood, colors or confidence.
    NotFittedError
        A model was applied, so that there is no likelihood.
    """
    from segmenter.render import photo_figures
    from segmenter.render.color_cloud import color_figure
    from segmenter.render.palette_figure import palette_figure
    from segmenter.render.plots import likelihood_figure

    colors, shares = mean_colors(found.segments), shares_of(found)
    if plot == "palette":
        return palette_figure(colors, shares, names=names, dpi=dpi)
    if plot == "likelihood":
        trace = found.trace
        return likelihood_figure(trace.log_likelihoods, converged=trace.converged, sample="pixel", dpi=dpi)
    picture = display_rgb(photo.pixels)
    if plot == "contours":
        return photo_figures.contours_figure(picture, found.labels, colors, shares, names=names, dpi=dpi)
    if plot == "cutouts":
        return photo_figures.cutouts_figure(picture, found.labels, colors, shares, names=names, name=name, dpi=dpi)
    if plot == "confidence":
        from segmenter.pipeline.posterior_maps import confidence_map

        return photo_figures.confidence_figure(picture, confidence_map(photo, found), found.n_labels, dpi=dpi)
    mixture = found.mixture
    distinct = distinct_colors(photo.pixels, photo.mask)
    features = color_features(distinct.colors, found.options["color_space"], keep_color=len(found.channels) > 1)
    return color_figure(
        features.values,
        np.rint(255 * rgb_of(distinct)).astype(np.uint8),
        distinct.counts.astype(np.float64),
        mixture,
        rising_palette(found.n_labels),
        shares,
        channels=found.channels,
        names=names,
        dpi=dpi,
    )


def shares_of(found: Segmentation) -> list[float]:
    """Return the share of each segment in the picture, of which some may have no label."""
    return [segment.n_pixels / found.labels.size for segment in found.segments]
