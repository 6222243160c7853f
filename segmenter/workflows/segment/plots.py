"""The figures of a photo that are drawn on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmenter.arrays import Bytes
from segmenter.errors import InvalidArgumentError
from segmenter.features.color import compute_color_features
from segmenter.features.distinct_colors import find_distinct_colors
from segmenter.io.images.photo import Photo
from segmenter.render.palette import build_lightness_palette
from segmenter.render.pixels import get_mean_colors, to_display_rgb
from segmenter.render.silencing import silence_matplotlib
from segmenter.segmentation.colors import compute_rgb
from segmenter.segmentation.posterior_maps import confidence_map, open_segmented_photo
from segmenter.segmentation.recipe import Recipe, decode_recipe
from segmenter.segmentation.record import RunRecord
from segmenter.segmentation.result import Segmentation
from segmenter.workflows.segment.job import SegmentJob
from segmenter.workflows.segment.outputs import PLOTS, Plot
from segmenter.workflows.segment.record import describe_origin

if TYPE_CHECKING:
    from PIL.Image import Image

    from segmenter.render.encoding import Figure
    from segmenter.render.legend import SegmentSummary


@dataclass(frozen=True)
class Caption:
    """What figures say in words and numbers."""

    photo: str  # its name
    names: Sequence[str] | None  # of the segments; None = their numbers
    has_unlabeled: bool  # whether some pixels of the picture have no label


def draw_plots(photo: Photo, found: Segmentation, job: SegmentJob, record: RunRecord) -> dict[Path, bytes]:
    """Return the figures that a job asks for, each under its path.

    Parameters
    ----------
    photo : Photo
    found : Segmentation
        Of it.
    job : SegmentJob
    record : RunRecord
        Of the whole picture, of which the photo and the labels may be a reduced one.
    """
    files: dict[Path, bytes] = {}
    names = None if job.model is None else job.model.label_names
    caption = Caption(job.source.stem, names, record.unlabeled_pixels > 0)
    metadata = describe_origin(record)
    with silence_matplotlib():
        from segmenter.render.encoding import encode_figure  # matplotlib takes half a second to import
        from segmenter.render.palette_figure import format_css_palette, format_gimp_palette

        for plot, (path, *others) in job.plots.items():
            figure = _draw(plot, photo, found, caption, dpi=job.figure_options.dpi)
            files[path] = encode_figure(figure, job.figure_options.figure_format, metadata=metadata)
            for other, encode in zip(others, (format_css_palette, format_gimp_palette), strict=False):
                text = encode(summarize_segments(found, get_mean_colors(found.segments), caption), job.source.name)
                files[other] = text.encode("utf-8", "replace")
    return files


def draw_plot(  # noqa: PLR0913  # public: one keyword for each choice of the caller
    image: str | Path | Image | NDArray[Any] | Photo,
    found: Segmentation,
    plot: Plot,
    *,
    names: Sequence[str] | None = None,
    name: str = "Photo",
    dpi: int = 300,
) -> Figure:
    """Draw a photo and its segments as a figure for a report.

    Parameters
    ----------
    image : path, Pillow image, ndarray or Photo
        As for `segmenter.segment`.
    found : Segmentation
        Of this image.
    plot : {"contours", "cutouts", "likelihood", "colors", "confidence", "palette"}
        Outlines over the photo; each segment cut out; the climb of the log-likelihood; the colors in their space with
        the mixture; how sure each label is; the mean colors with their shares.
    names : sequence of str of length K, optional
        Of the segments; None = their labels.
    name : str
        Of the photo, above it.
    dpi : int, pixels per inch

    Returns
    -------
    matplotlib.figure.Figure
        Its ``savefig`` writes it in any format.

    Raises
    ------
    InvalidArgumentError
        There is no such plot, or the image is of another size than the segmentation.
    NoMixtureError
        Segments that are regions have no likelihood, colors or confidence.
    NotFittedError
        A model was applied, so that there is no likelihood.

    Examples
    --------
    >>> import numpy as np
    >>> import segmenter
    >>> image = np.zeros((40, 60, 3), np.uint8)
    >>> image[:, 30:] = 200
    >>> figure = segmenter.draw_plot(image, segmenter.segment(image, 2), "palette")
    >>> figure.savefig("palette.pdf")  # doctest: +SKIP
    """
    if plot not in PLOTS:
        raise InvalidArgumentError("plot", f"is {plot!r}; give one of {', '.join(PLOTS)}")
    if names is not None and len(names) != found.n_labels:
        raise InvalidArgumentError("names", f"are {len(names)}, but there are {found.n_labels} segments")
    photo = open_segmented_photo(image, found)
    with silence_matplotlib():
        return _draw(plot, photo, found, Caption(name, names, bool((found.labels == 0).any())), dpi=dpi)


def _draw(plot: Plot, photo: Photo, found: Segmentation, caption: Caption, *, dpi: int) -> Figure:
    """Return a figure; called with matplotlib silenced."""
    from segmenter.render import photo_figures
    from segmenter.render.color_space_figure import ColorSamples, draw_color_figure
    from segmenter.render.legend import SegmentedPhoto
    from segmenter.render.palette_figure import draw_palette_figure
    from segmenter.render.table_figures import draw_likelihood_figure

    segments = summarize_segments(found, get_mean_colors(found.segments), caption)
    if plot == "palette":
        return draw_palette_figure(segments, dpi=dpi)
    if plot == "likelihood":
        trace = found.trace
        return draw_likelihood_figure(trace.log_likelihoods, converged=trace.converged, sample="pixel", dpi=dpi)
    picture = to_display_rgb(photo.pixels)
    segmented = SegmentedPhoto(picture, found.labels, segments)
    if plot == "contours":
        return photo_figures.draw_contours_figure(segmented, dpi=dpi)
    if plot == "cutouts":
        return photo_figures.draw_cutouts_figure(segmented, name=caption.photo, dpi=dpi)
    if plot == "confidence":
        return photo_figures.draw_confidence_figure(picture, confidence_map(photo, found), found.n_labels, dpi=dpi)
    mixture = found.mixture
    distinct = find_distinct_colors(photo.pixels, photo.mask)
    features = compute_color_features(
        distinct.colors, decode_recipe(found.options, Recipe).color_space, keep_color=len(found.channels) > 1
    )
    samples = ColorSamples(
        features.values,
        np.rint(255 * compute_rgb(distinct)).astype(np.uint8),
        distinct.counts.astype(np.float64),
        found.channels,
    )
    line_colors = build_lightness_palette(found.n_labels, brightest=78)  # legible on white
    return draw_color_figure(samples, mixture, summarize_segments(found, line_colors, caption), dpi=dpi)


def summarize_segments(found: Segmentation, colors: Bytes, caption: Caption) -> SegmentSummary:
    """Return what figures show of the segments in these colors, (K, 3); called with matplotlib silenced."""
    from segmenter.render.legend import SegmentSummary

    return SegmentSummary(colors, [segment.share for segment in found.segments], caption.names, caption.has_unlabeled)
