"""A page to look through results: what earlier runs left in a folder, as one HTML file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from segmenter._version import __version__
from segmenter.errors import OutputExistsError
from segmenter.io.files.atomic import check_writable, write_files
from segmenter.render.report import Entry, Page, data_address, pictures_script, render_page
from segmenter.workflows.report.previews import Preview, map_previews, plan_previews
from segmenter.workflows.report.results import Result, read_results
from segmenter.workflows.segment.outputs import check_path

MAX_PAGE: Final = 50_000_000
"""Bytes. Where a page would be larger, its pictures go to a folder beside it, and are loaded when they are wanted."""

PICTURES_ENDING = ".pictures"


@dataclass(frozen=True)
class Report:
    """A page that was made."""

    path: Path
    n_photos: int
    n_bytes: int  # of the page
    pictures: Path | None = None  # folder of its pictures; None = they are in the page
    without_photo: tuple[str, ...] = ()  # names of results whose photo is not shown
    damaged: tuple[str, ...] = field(default=())  # what is wrong with results that cannot be shown, a line each


def make_report(
    folder: Path,
    output: Path,
    *,
    photos: Path | None = None,
    overwrite: bool = False,
    n_workers: int = 1,
    max_pixels: int = 500_000_000,
    max_page: int = MAX_PAGE,
    tell: Callable[[int, int], object] = lambda done, of: None,
) -> Report:
    """Make a page of the results in a folder.

    Parameters
    ----------
    folder : Path
        What `segmenter segment` and `segmenter batch` wrote to.
    output : Path
        The page. Its pictures go to ``NAME.pictures`` beside it where they do not fit in.
    photos : Path, optional
        Where the photos lie, at any depth, see `segmenter.workflows.report.previews.plan_previews`.
    overwrite : bool
        Replace a page that exists.
    n_workers : int, at least 1
        Processes that make the pictures; the page does not depend on it.
    max_pixels : int
        Photos of more pixels are not shown.
    max_page : int, bytes
        The largest page that holds its pictures.
    tell : callable
        Given how many pictures are made, and of how many, as they are made.

    Returns
    -------
    Report

    Raises
    ------
    ReadError
        ``folder`` holds no results, or ``photos`` cannot be read; nothing was written.
    WriteError
        The page exists and may not be replaced, or cannot be written.
    """
    results = read_results(folder)
    check_page(output, overwrite=overwrite)
    check_writable(output.parent)
    jobs = plan_previews(folder, results, photos, max_pixels)
    previews: dict[int, Preview] = {}
    with closing(map_previews(jobs, n_workers)) as made:
        for place, preview in made:
            previews[place] = preview
            tell(len(previews), len(jobs))
    title = folder.resolve().name or "results"
    files = dict(page_files(results, previews, output, title, max_page))
    write_files(files, overwrite=overwrite)
    return Report(
        output,
        len(results),
        len(files[output]),
        pictures_folder(output) if len(files) > 1 else None,
        tuple(results[place].name for place, preview in sorted(previews.items()) if preview.photo_problem),
        tuple(_damages(results, previews)),
    )


def check_page(output: Path, *, overwrite: bool) -> None:
    """Raise WriteError where a page cannot be written, or exists and may not be replaced."""
    check_path(output)
    if not overwrite and os.path.lexists(output):
        raise OutputExistsError(str(output))


def pictures_folder(output: Path) -> Path:
    """Return where the pictures of a page go that do not fit in."""
    return output.with_name(f"{output.stem}{PICTURES_ENDING}")


def page_files(
    results: Sequence[Result], previews: dict[int, Preview], output: Path, title: str, max_page: int
) -> Iterator[tuple[Path, bytes]]:
    """Yield the path and the content of each file of a page, the page last."""
    n_bytes = sum(len(preview.thumbnail + preview.photo + preview.labels) for preview in previews.values())
    in_folder = 4 * n_bytes / 3 > max_page
    folder = pictures_folder(output)
    entries = []
    for place, result in enumerate(results):
        preview = previews.get(place, Preview())
        pictures = {
            "photo": data_address(preview.photo, "image/webp"),
            "labels": data_address(preview.labels, "image/png"),
        }
        shown: dict[str, Any] = {}
        if in_folder and preview.labels:
            thumbnail, script = (folder / f"{place + 1:05d}.{ending}" for ending in ("webp", "js"))
            yield thumbnail, preview.thumbnail
            yield script, pictures_script(place, pictures).encode()
            shown = {"thumbnail": _address(thumbnail), "script": _address(script)}
        elif preview.labels:
            shown = {"thumbnail": data_address(preview.thumbnail, "image/webp"), "pictures": pictures}
        entries.append(_entry(result, preview, shown))
    yield output, render_page(Page(title, f"segmenter {__version__}", entries)).encode()


def _address(path: Path) -> str:
    """Return the address of a file in a folder beside the page."""
    return f"{quote(os.fsencode(path.parent.name))}/{quote(path.name)}"


def _entry(result: Result, preview: Preview, shown: dict[str, Any]) -> Entry:
    """Return what a page tells of a result; ``shown`` are the addresses of its pictures."""
    if result.record is None or preview.problem:
        status = result.status if result.record is None else "damaged"
        return Entry(result.name, status, result.results, preview.problem or result.reason, seconds=result.seconds)
    doubts = _doubts(result)
    return Entry(
        result.name,
        "to check" if doubts else "done",
        result.results,
        notes=(*result.record["input"]["notes"], *doubts),
        record=result.record,
        seconds=result.seconds,
        photo_problem=preview.photo_problem,
        **shown,
    )


def _doubts(result: Result) -> list[str]:
    """Return why a person should look at a result before trusting it."""
    record = result.record or {}
    doubts = []
    if fit := record.get("fit"):
        if fit["n_died"]:
            doubts.append(f"{fit['n_died']} components died and were removed")
        if collapsed := fit.get("collapsed"):
            doubts.append(f"no spread of color of their own in some direction: segments {_listed(collapsed)}")
        if fit["verdict"] == "suspicious":
            doubts.append("one Gaussian alone explains the colors as well")
        if fit["stop"] != "converged":
            doubts.append(f"stopped after {fit['n_iterations']} steps: {fit['stop']}")
    if empty := [segment["label"] for segment in record["segments"] if not segment["pixels"]]:
        doubts.append(f"no pixel is most probably of segment {_listed(empty)}")
    return doubts


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:5])) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")


def _damages(results: Sequence[Result], previews: dict[int, Preview]) -> Iterator[str]:
    """Yield what is wrong with each result that cannot be shown."""
    for place, result in enumerate(results):
        if result.status == "damaged":
            yield result.reason
        elif place in previews and previews[place].problem:
            yield previews[place].problem
