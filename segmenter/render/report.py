"""The page of a batch: one HTML document that needs nothing else, as text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from segmenter.render.palette import N_COLORS, palette

MAX_SEGMENTS: Final = 64
"""Segments of a photo that are told one by one, the largest; a page names no thousands."""

STATUSES: Final = ("done", "to check", "failed", "damaged", "not done")
"""In the order in which they are offered; a photo to check is done, but there is a note on it."""

SCRIPTS: Final = ("list.js", "photo.js")
"""They become one, and share a scope."""


@dataclass(frozen=True)
class Entry:
    """One photo on the page."""

    name: str
    status: str  # one of STATUSES
    results: str = ""  # what the names of its files begin with
    reason: str = ""  # why there is nothing to see
    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] | None = None  # of what is done, see `segmenter.workflows.report.results.checked_record`
    seconds: float | None = None
    photo_problem: str = ""  # why the photo itself is not shown
    thumbnail: str = ""  # address of the small picture; "" = there is none
    pictures: Mapping[str, str] | None = None  # "photo" and "labels", as addresses; None = in a file, or not at all
    script: str = ""  # address of the file that `pictures_script` made


@dataclass(frozen=True)
class Page:
    """All that a page tells."""

    title: str
    software: str  # that makes it
    entries: Sequence[Entry]


def render_page(page: Page) -> str:
    """Return a page as HTML; whatever file names and records hold is shown as text.

    The photos are read without the script, too; it adds sorting, filters and the view of one photo.
    """
    data = [_data(entry) for entry in page.entries]
    script = '"use strict";\n{' + "".join(map(_template_text, SCRIPTS)) + "}\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    recipes = [entry.record["recipe"] for entry in page.entries if entry.record is not None]
    versions = sorted({entry.record["software"] for entry in page.entries if entry.record is not None})
    text: str = (
        _environment()
        .get_template("report.html")
        .render(
            page=page,
            photos=list(zip(page.entries, data, strict=True)),
            counts=Counter(entry.status for entry in page.entries),
            statuses=STATUSES,
            recipe=recipes[0] if recipes and all(recipe == recipes[0] for recipe in recipes) else None,
            n_recipes=len({json.dumps(recipe, sort_keys=True) for recipe in recipes}),
            versions=versions,
            data=Markup(script_text(data)),
            style=Markup(_template_text("report.css")),
            script=Markup(script),
            script_digest=digest,
            pictures=[
                (place, Markup(script_text(entry.pictures)))
                for place, entry in enumerate(page.entries)
                if entry.pictures
            ],
        )
    )
    return text


def script_text(value: Any) -> str:
    """Return plain values as JSON that no HTML parser takes for the end of a script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def pictures_script(place: int, pictures: Mapping[str, str]) -> str:
    """Return the pictures of one photo as a script for a file beside the page, which loads it when they are wanted."""
    return f"segmenterPictures({place},{script_text(dict(pictures))});\n"


def data_address(content: bytes, kind: str) -> str:
    """Return a picture as an address that holds it; ``kind`` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if content else ""


# ---- what the script is told ---------------------------------------------------------------------------------------


def _data(entry: Entry) -> dict[str, Any]:
    """Return what the script needs to know of a photo, as plain values."""
    told: dict[str, Any] = {
        "name": entry.name,
        "results": entry.results,
        "status": entry.status,
        "reason": entry.reason,
        "notes": list(entry.notes),
        "seconds": entry.seconds,
        "script": entry.script,
        "photo_problem": entry.photo_problem,
    }
    record = entry.record
    if record is None:
        return told
    photo, fit, segments = record["input"], record.get("fit"), record["segments"]
    largest = sorted(segments, key=lambda segment: -segment["share"])[:MAX_SEGMENTS]
    told |= {
        "input": {key: photo[key] for key in ("name", "sha256", "width", "height", "channels", "dtype")},
        "software": record["software"],
        "recipe": record["recipe"],
        "n_segments": len(segments),
        "segments": [
            {
                "label": segment["label"],
                "name": segment.get("name", str(segment["label"])),
                "share": segment["share"],
                "pixels": segment["pixels"],
                "color": segment["color"],
            }
            for segment in sorted(largest, key=lambda segment: segment["label"])
        ],
        "colors": [segment["color"] for segment in segments],
        "label_colors": [_hex(color) for color in palette(min(len(segments), N_COLORS)).tolist()],
        "shares": [segment["share"] for segment in segments],
    }
    if (model := record.get("model")) is not None:
        told["model"] = model["name"]
    if (selection := record.get("selection")) is not None:
        told["selection"] = selection["rule"]
    if fit is not None:
        told["fit"] = {
            key: fit[key] for key in ("log_likelihoods", "n_iterations", "stop", "verdict", "restarts", "n_died")
        }
    return told


def _hex(color: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


# ---- the template --------------------------------------------------------------------------------------------------


def _template_text(name: str) -> str:
    return files("segmenter.render").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Return the environment of the template: everything is escaped, and whatever is missing is an error."""
    environment = Environment(
        loader=FunctionLoader(_template_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["decimals"] = lambda value, digits: f"{value:,.{digits}f}"
    return environment
