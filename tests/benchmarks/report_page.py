"""The report page of 500 photos: its cost apart from the pictures, and how soon a browser is interactive."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest import mock

from playwright.sync_api import Browser, sync_playwright

from segmenter.workflows.report import run as pipeline
from segmenter.workflows.report.previews import map_previews, plan_previews
from segmenter.workflows.report.results import read_results

from .batch import COMMAND, make_photos
from .interleave import compiled, process
from .report import spread, verdict

N_PHOTOS = 500
N_ROUNDS = 5
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

WATCH = """
new MutationObserver((_, observer) => {
    if (!document.documentElement.dataset.ready) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.interactive = performance.now(); }));
}).observe(document, {attributes: true, subtree: true});
"""
"""Milliseconds from the beginning of the navigation until the script is ready and the first frame is drawn."""

FILTER = """async () => {
    const search = document.getElementById("search");
    const started = performance.now();
    search.value = "7";
    search.dispatchEvent(new Event("input"));
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    return performance.now() - started;
}"""


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_photos(folder / "photos", N_PHOTOS)
        output = folder / "out"
        environment = compiled(folder / "bytecode")
        process([str(COMMAND), "batch", str(folder / "photos"), "-o", str(output), "--no-figure"], environment)
        passed = [cost(folder, output, environment)]
        for title, max_page in (("one file", pipeline.MAX_PAGE), ("separate pictures", 1)):
            page = folder / f"{title}.html"
            pipeline.make_report(output, page, photos=folder / "photos", n_workers=2, max_page=max_page)
            print(f"{title}: {page.stat().st_size / 1e6:.1f} MB", flush=True)
            passed += [interactive(title, page)]
        return all(passed)


def cost(folder: Path, output: Path, environment: dict[str, str]) -> bool:
    """The process for one photo, and then all that is done for 500 whose pictures are ready."""
    one = folder / "one"
    one.mkdir()
    for path in output.glob("000.*"):
        shutil.copy(path, one)
    words = [str(COMMAND), "report", str(one), "--overwrite", "--photos", str(folder / "photos")]
    start = median(
        processor_seconds(lambda: process(words, environment), resource.RUSAGE_CHILDREN) for _ in range(N_ROUNDS)
    )
    jobs = plan_previews(output, read_results(output), folder / "photos", 500_000_000)
    previews: list[object] = []
    pictures = processor_seconds(lambda: previews.extend(map_previews(jobs, 1)))
    page = folder / "page.html"
    with mock.patch.object(pipeline, "map_previews", lambda jobs, n_workers: (made for made in previews)):
        rest = [
            processor_seconds(lambda: pipeline.make_report(output, page, photos=folder / "photos", overwrite=True))
            for _ in range(N_ROUNDS)
        ]
    measured = (
        f"{start + median(rest):.2f} s ({start:.2f} s for one photo and {spread(rest)}); pictures {pictures:.1f} s"
    )
    return verdict(
        f"{N_PHOTOS} photos without their pictures, processor time", measured, "< 2 s", start + median(rest) < 2
    )


def processor_seconds(function: Callable[[], object], whose: int = resource.RUSAGE_SELF) -> float:
    """Return the processor time that a call takes, here or in the processes that it waits for."""
    before = resource.getrusage(whose)
    function()
    after = resource.getrusage(whose)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def interactive(title: str, page: Path) -> bool:
    """From the beginning of the navigation to the first frame in which filters work."""
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        opened = [opening(browser, page) for _ in range(N_ROUNDS)]
        browser.close()
    ready, filtered = ([times[part] / 1000 for times in opened] for part in (0, 1))
    measured = f"{median(ready):.2f} s ({spread(ready)}); a filter takes {1000 * median(filtered):.0f} ms"
    return verdict(f"interactive, {title}", measured, "< 1 s", median(ready) < 1)


def opening(browser: Browser, page: Path) -> tuple[float, float]:
    """Return the milliseconds until the page can be used, and those of a filter."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    window = context.new_page()
    window.add_init_script(WATCH)
    window.goto(page.as_uri())
    window.wait_for_function("window.interactive")
    times = window.evaluate("window.interactive"), window.evaluate(FILTER)
    context.close()
    return times


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
