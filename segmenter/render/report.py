"""The page of a batch: one self-contained HTML document, as text."""

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
from segmenter.segmentation.record import PhotoRecord, RunRecord, SegmentRecord
from segmenter.segmentation.shares import format_percentages

MAX_SEGMENTS: Final = 64
"""Maximum number of segments listed for a photo; if there are more, the largest are listed."""

STATUSES: Final = ("done", "to check", "failed", "damaged", "not done")
"""The statuses, in the order of the filter buttons; "to check" is done, but the result is doubtful."""

SCRIPTS: Final = ("list.js", "photo.js")
"""Files that are joined into one script and share its scope."""


@dataclass(frozen=True)
class Entry:
    """One photo on the page."""

    name: str
    status: str  # one of STATUSES
    results: str = ""  # prefix of the paths of its files
    reason: str = ""  # why there is no result to show
    notes: tuple[str, ...] = ()
    record: RunRecord | None = None  # None unless done
    seconds: float | None = None
    photo_problem: str = ""  # why the photo itself is not shown
    thumbnail: str = ""  # URL of the small picture; "" = none
    pictures: Mapping[str, str] | None = (
        None  # URLs of "photo" and "labels"; None = in the file `script`, or none at all
    )
    script: str = ""  # URL of the file with the content of `build_pictures_script`; "" = none


@dataclass(frozen=True)
class Page:
    """The content of a page."""

    title: str
    software: str  # name and version of the program that made the page
    entries: Sequence[Entry]
    notes: tuple[str, ...] = ()  # on all of them


def render_page(page: Page) -> str:
    """Return a page as HTML; the content of file names and records is always escaped.

    The photos can be seen without scripts; the script adds sorting, filters and the view of one photo.
    """
    data = [_to_script_data(entry) for entry in page.entries]
    script = '"use strict";\n{' + "".join(map(_template_text, SCRIPTS)) + "}\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    records = [entry.record for entry in page.entries if entry.record is not None]
    recipes = [record.recipe for record in records]
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
            versions=sorted({record.software for record in records}),
            data=Markup(format_script_json(data)),
            style=Markup(_template_text("report.css")),
            script=Markup(script),
            script_digest=digest,
            pictures=[
                (index, Markup(format_script_json(entry.pictures)))
                for index, entry in enumerate(page.entries)
                if entry.pictures
            ],
        )
    )
    return text


def format_script_json(value: Any) -> str:
    """Return plain values as JSON without characters that could end a script in HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def build_pictures_script(index: int, pictures: Mapping[str, str]) -> str:
    """Return a script that holds the pictures of one photo; as a file of its own, it is loaded when they are shown."""
    return f"segmenterPictures({index},{format_script_json(dict(pictures))});\n"


def build_data_url(content: bytes, kind: str) -> str:
    """Return a picture as a data URL, or "" if it has no content; ``kind`` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if content else ""


# ---- the data of the script ----------------------------------------------------------------------------------------


def _to_script_data(entry: Entry) -> dict[str, Any]:
    """Return what the script needs to know of a photo, as plain values."""
    data: dict[str, Any] = {
        "name": entry.name,
        "results": entry.results,
        "status": entry.status,
        "reason": entry.reason,
        "notes": list(entry.notes),
        "seconds": entry.seconds,
        "script": entry.script,
        "photo_problem": entry.photo_problem,
    }
    return data if entry.record is None else data | _record_to_script_data(entry.record)


def _record_to_script_data(record: RunRecord) -> dict[str, Any]:
    segments = record.segments
    shares = [segment.share for segment in segments]
    percentages = format_percentages(shares, 1)
    largest = sorted(segments, key=lambda segment: -segment.share)[:MAX_SEGMENTS]
    data: dict[str, Any] = {
        "input": _photo_to_script_data(record.input),
        "software": record.software,
        "recipe": record.recipe,
        "n_segments": len(segments),
        "segments": [
            _segment_to_script_data(segment, percentages[segment.label - 1])
            for segment in sorted(largest, key=lambda segment: segment.label)
        ],
        "colors": [segment.color for segment in segments],
        "label_colors": [_hex(color) for color in palette(min(len(segments), N_COLORS)).tolist()],
        "shares": shares,
    }
    if record.model is not None:
        data["model"] = record.model.name
    if record.selection is not None:
        data["selection"] = record.selection.rule
    if (fit := record.fit) is not None:
        data["fit"] = {
            "log_likelihoods": fit.log_likelihoods,
            "n_iterations": fit.n_iterations,
            "stop": fit.stop,
            "verdict": fit.verdict,
            "restarts": fit.restarts,
            "n_died": fit.n_died,
        }
    return data


def _photo_to_script_data(photo: PhotoRecord) -> dict[str, Any]:
    return {
        "name": photo.name,
        "sha256": photo.sha256,
        "width": photo.width,
        "height": photo.height,
        "channels": photo.channels,
        "dtype": photo.dtype,
    }


def _segment_to_script_data(segment: SegmentRecord, percentage: str) -> dict[str, Any]:
    return {
        "label": segment.label,
        "name": str(segment.label) if segment.name is None else segment.name,
        "share": segment.share,
        "percent": f"{percentage} %",
        "pixels": segment.pixels,
        "color": segment.color,
    }


def _hex(color: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


# ---- the template --------------------------------------------------------------------------------------------------


def _template_text(name: str) -> str:
    return files("segmenter.render").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Return the environment of the template: all text is escaped, and an unknown name is an error."""
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
