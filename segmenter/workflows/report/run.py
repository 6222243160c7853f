"""A page to look through the results in a folder, as one HTML file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from segmenter.errors import OutputExistsError
from segmenter.io.files.atomic import check_writable, write_files
from segmenter.render.report import Entry, Page, build_data_url, build_pictures_script, render_page
from segmenter.segmentation.doubts import find_doubts
from segmenter.segmentation.record import SOFTWARE
from segmenter.workflows.report.previews import Preview, map_previews, plan_previews
from segmenter.workflows.report.results import PhotoResult, read_results, read_shared_notes
from segmenter.workflows.segment.outputs import check_path

MAX_PAGE: Final = 50_000_000
"""Bytes. The pictures of a larger page go to a folder next to it, and are loaded when they are to be seen."""

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


def make_report(  # noqa: PLR0913  # one keyword for each option of the command
    folder: Path,
    output: Path,
    *,
    photos: Path | None = None,
    overwrite: bool = False,
    n_workers: int = 1,
    max_pixels: int = 500_000_000,
    max_page: int = MAX_PAGE,
    on_progress: Callable[[int, int], object] = lambda n_done, n_all: None,
) -> Report:
    """Make a page of the results in a folder.

    Parameters
    ----------
    folder : Path
        The output folder of `segmenter segment` or `segmenter batch`.
    output : Path
        The page. Pictures that do not fit in go to the folder ``NAME.pictures`` next to it.
    photos : Path, optional
        Where to look for the photos, at any depth, see `segmenter.workflows.report.previews.plan_previews`.
    overwrite : bool
        Replace an existing page.
    n_workers : int, at least 1
        Number of processes that make the pictures; the page does not depend on it.
    max_pixels : int
        Photos of more pixels are not shown.
    max_page : int, bytes
        Size of the largest page that holds its pictures itself.
    on_progress : callable
        Called after each picture, with the number of those made and of all.

    Returns
    -------
    Report

    Raises
    ------
    ReadError
        ``folder`` holds no results, or ``photos`` cannot be read; nothing was written.
    WriteError
        The page exists and must not be replaced, or cannot be written.
    """
    results = read_results(folder)
    check_page(output, overwrite=overwrite)
    check_writable(output.parent)
    jobs = plan_previews(folder, results, photos, max_pixels)
    previews: dict[int, Preview] = {}
    with closing(map_previews(jobs, n_workers)) as made:
        for index, preview in made:
            previews[index] = preview
            on_progress(len(previews), len(jobs))
    title = folder.resolve().name or "results"
    page = Page(title, SOFTWARE, (), read_shared_notes(folder))
    files = dict(encode_page(results, previews, output, page, max_page))
    write_files(files, overwrite=overwrite)
    return Report(
        output,
        len(results),
        len(files[output]),
        get_pictures_folder(output) if len(files) > 1 else None,
        tuple(results[index].name for index, preview in sorted(previews.items()) if preview.photo_problem),
        tuple(_find_damages(results, previews)),
    )


def check_page(output: Path, *, overwrite: bool) -> None:
    """Raise WriteError where a page cannot be written, or exists and must not be replaced."""
    check_path(output)
    if not overwrite and os.path.lexists(output):
        raise OutputExistsError(str(output))


def get_pictures_folder(output: Path) -> Path:
    """Return the folder for the pictures that do not fit in a page."""
    return output.with_name(f"{output.stem}{PICTURES_ENDING}")


def encode_page(
    results: Sequence[PhotoResult], previews: dict[int, Preview], output: Path, page: Page, max_page: int
) -> Iterator[tuple[Path, bytes]]:
    """Yield the path and the content of each file of a page, the page last; `page` still lacks its entries."""
    n_bytes = sum(len(preview.thumbnail + preview.photo + preview.labels) for preview in previews.values())
    in_folder = 4 * n_bytes / 3 > max_page
    folder = get_pictures_folder(output)
    entries = []
    for index, result in enumerate(results):
        preview = previews.get(index, Preview())
        entry = _build_entry(result, preview)
        pictures = {
            "photo": build_data_url(preview.photo, "image/webp"),
            "labels": build_data_url(preview.labels, "image/png"),
        }
        if in_folder and preview.labels:
            thumbnail, script = (folder / f"{index + 1:05d}.{ending}" for ending in ("webp", "js"))
            yield thumbnail, preview.thumbnail
            yield script, build_pictures_script(index, pictures).encode()
            entry = replace(entry, thumbnail=_to_address(thumbnail), script=_to_address(script))
        elif preview.labels:
            entry = replace(entry, thumbnail=build_data_url(preview.thumbnail, "image/webp"), pictures=pictures)
        entries.append(entry)
    yield output, render_page(replace(page, entries=entries)).encode()


def _to_address(path: Path) -> str:
    """Return the address of a file in a folder next to the page."""
    return f"{quote(os.fsencode(path.parent.name))}/{quote(path.name)}"


def _build_entry(result: PhotoResult, preview: Preview) -> Entry:
    """Return what a page shows of a result, without its pictures."""
    if result.record is None or preview.problem:
        status = result.status if result.record is None else "damaged"
        return Entry(result.name, status, result.results, preview.problem or result.reason, seconds=result.seconds)
    doubts = find_doubts(result.record)
    return Entry(
        result.name,
        "to check" if doubts else "done",
        result.results,
        notes=(*result.record.input.notes, *doubts),
        record=result.record,
        seconds=result.seconds,
        photo_problem=preview.photo_problem,
    )


def _find_damages(results: Sequence[PhotoResult], previews: dict[int, Preview]) -> Iterator[str]:
    """Yield what is wrong with each result that cannot be shown."""
    for index, result in enumerate(results):
        if result.status == "damaged":
            yield result.reason
        elif index in previews and previews[index].problem:
            yield previews[index].problem
