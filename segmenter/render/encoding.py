"""Encode figures as PNG, PDF or SVG files; the same figure always gives the same bytes.

Matplotlib's settings are changed only for the duration of a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any, Final, Literal, TypeAlias

import matplotlib
from matplotlib.figure import Figure as Figure  # re-exported: layers above this one may not import matplotlib

from segmenter.errors import printable
from segmenter.render.svg_fonts import embed_fonts

FigureFormat: TypeAlias = Literal["png", "pdf", "svg"]

PNG_COMPRESS_LEVEL: Final = 4
_SETTINGS: Final = {
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],  # the first one comes with matplotlib
    "pdf.fonttype": 42,  # TrueType: text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "segmenter",  # so that element ids are the same in every run
}
_NATIVE_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "pdf": {"Title": "Title", "Author": "Author", "Description": "Subject", "Software": "Creator"},
    "svg": {"Title": "Title", "Author": "Creator", "Description": "Description", "Software": "Publisher"},
}


def encode_figure(figure: Figure, figure_format: FigureFormat, *, metadata: Mapping[str, str]) -> bytes:
    """Return the figure as the content of a file.

    In PDF and SVG, text stays text, with the glyphs it needs embedded; pictures are pixels. No date is written.

    Parameters
    ----------
    figure : Figure
        From one of the ``draw_…_figure`` functions. A PNG has the resolution the figure was made for.
    figure_format : {"png", "pdf", "svg"}
    metadata : mapping of str to str
        The keys of PNG: Title, Author, Description, Software, and any other key. PDF and SVG have their own names for
        these four; there, other entries are written as keywords of the form ``name: value``.

    Returns
    -------
    bytes
    """
    options: dict[str, Any] = {"metadata": _rename_metadata(metadata, figure_format)}
    if figure_format == "png":
        options["pil_kwargs"] = {"compress_level": PNG_COMPRESS_LEVEL}
    content = BytesIO()
    with fixed_matplotlib_settings():
        figure.savefig(content, format=figure_format, dpi=figure.dpi, **options)
    return embed_fonts(content.getvalue()) if figure_format == "svg" else content.getvalue()


def fixed_matplotlib_settings() -> AbstractContextManager[None]:
    """Return a context with matplotlib's built-in defaults and our few settings; any matplotlibrc is ignored."""
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_SETTINGS}
    del settings["backend"]
    return matplotlib.rc_context(settings)


def _rename_metadata(metadata: Mapping[str, str], figure_format: FigureFormat) -> dict[str, str | None]:
    """Return the metadata under the names that the format uses, with the date switched off."""
    texts = {name: printable(text) for name, text in metadata.items()}
    if figure_format == "png":
        return {"Software": None, **texts}
    names = _NATIVE_NAMES[figure_format]
    native: dict[str, str | None] = {"CreationDate" if figure_format == "pdf" else "Date": None}
    native |= {names[name]: text for name, text in texts.items() if name in names}
    others = [f"{name}: {text}" for name, text in texts.items() if name not in names]
    if others:
        native["Keywords"] = "; ".join(others)
    return native
