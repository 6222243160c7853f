"""The page of results in a real browser: what a person does with it, and that nothing leaves it."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from segmenter.workflows.report.run import make_report
from tests.support.command import run
from tests.support.scenes import TWO_COLORS_LABELS, grainy, nearly_two_colors, overlapping

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "<script>alert(1)<!--\"'&.png"
NAMES = [HOSTILE, "bands.png", "broken.png", "deep/tiny.png", "flat.png"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of a batch of which one photo failed; one photo is gone since."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "photos" / "deep").mkdir(parents=True)
    Image.fromarray(grainy()[0]).save(folder / "photos" / "bands.png")
    Image.fromarray(nearly_two_colors()).save(folder / "photos" / "deep" / "tiny.png")
    Image.fromarray(overlapping()).save(folder / "photos" / HOSTILE)
    Image.fromarray(overlapping(1)).save(folder / "photos" / "flat.png")
    (folder / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    run("batch", "photos", "-r", "-k", "2", "--no-figure", "-o", "out", cwd=folder)
    (folder / "photos" / "flat.png").unlink()
    return folder


@pytest.fixture(scope="module", params=["one file", "pictures beside it"])
def address(results: Path, request: pytest.FixtureRequest) -> str:
    """Return where the page is: one that holds its pictures, and one that does not."""
    apart = request.param != "one file"
    output = results / f"{request.param}.html"
    make_report(results / "out", output, photos=results / "photos", max_page=100 if apart else 50_000_000)
    return output.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium refuses to be root in its sandbox
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return the page as it opens; whatever the browser complains of, and every request that leaves it, is an error."""
    yield from opened(browser, address)


def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """Yield a page in a window of its own, and afterwards look at what happened in it."""
    context = browser.new_context(**options)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    expect(page.locator("html[data-ready]")).to_be_attached()
    yield page
    context.close()
    assert troubles == []
    folder = address.partition("#")[0].removesuffix(".html") + ".pictures/"
    assert [url for url in requests if not url.startswith((address.partition("#")[0], folder, "data:"))] == []


def names(page: Page) -> list[str]:
    """Return the names of the photos that can be seen, in order."""
    return page.locator(".gallery .name:visible, tbody th:visible").all_text_contents()


def open_photo(page: Page, name: str) -> None:
    page.locator("a.open", has=page.locator(f'.name[title="{name}"]')).click()
    ready(page)


def ready(page: Page) -> None:
    """Wait until the pictures of a photo are drawn."""
    expect(page.locator("#layers[data-ready]")).to_be_visible()


def pixel(page: Page, canvas: str, x: int, y: int) -> list[int]:
    """Return red, green, blue and opacity of a pixel that the script drew."""
    script = """([id, x, y]) => {
        const copy = document.createElement("canvas").getContext("2d");
        copy.drawImage(document.getElementById(id), -x, -y);
        return [...copy.getImageData(0, 0, 1, 1).data];
    }"""
    color: list[int] = page.evaluate(script, [canvas, x, y])
    return color


# ---- all photos ----------------------------------------------------------------------------------------------------


def test_every_photo_is_there_with_its_status_and_a_picture(page: Page) -> None:
    assert names(page) == NAMES
    statuses = dict(
        zip(NAMES, page.locator(".gallery .card").evaluate_all("c => c.map((x) => x.className)"), strict=True)
    )
    assert statuses == dict.fromkeys(NAMES, "card done") | {
        "broken.png": "card failed",
        "deep/tiny.png": "card to-check",
    }
    expect(page.locator(".card.failed .why")).to_contain_text("broken.png: is damaged")
    for place in range(4):
        picture = page.locator(".thumb img").nth(place)
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0


def test_the_filter_filters_by_name_and_status(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("EEP/t")
    assert names(page) == ["deep/tiny.png"]
    expect(page.locator("#shown")).to_have_text("1 of 5")
    page.get_by_label("Filter by name").fill("no such photo")
    assert names(page) == []
    page.get_by_role("button", name="Show all").click()
    assert names(page) == NAMES
    page.get_by_role("button", name="Failed 1").click()
    assert names(page) == ["broken.png"]
    page.get_by_role("button", name="All 5").click()
    assert names(page) == NAMES


def test_sorting_sorts_and_what_is_unknown_comes_last_either_way(page: Page) -> None:
    page.get_by_label("Sort").select_option("pixels")
    assert names(page) == ["deep/tiny.png", HOSTILE, "flat.png", "bands.png", "broken.png"]
    page.get_by_role("button", name="Descending").click()
    assert names(page) == ["bands.png", HOSTILE, "flat.png", "deep/tiny.png", "broken.png"]
    page.get_by_label("Sort").select_option("status")
    assert names(page)[-2:] == ["deep/tiny.png", "broken.png"]
    page.get_by_label("Sort").select_option("name")
    assert names(page) == NAMES[::-1]


def test_the_table_sorts_by_its_heads(page: Page) -> None:
    page.get_by_role("button", name="Table").click()
    assert names(page) == NAMES
    head = page.get_by_role("columnheader", name="size")
    head.get_by_role("button").click()
    assert names(page)[0] == "deep/tiny.png"
    expect(head).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button").click()
    assert names(page)[0] == "bands.png"
    expect(head).to_have_attribute("aria-sort", "descending")


def test_the_table_is_copied_as_csv_as_it_is_filtered(browser: Browser, address: str) -> None:
    for page in opened(browser, address, permissions=["clipboard-read", "clipboard-write"]):
        page.get_by_role("button", name="Table").click()
        page.get_by_role("button", name="Copy as CSV").click()
        expect(page.get_by_text("5 rows copied")).to_be_visible()
        rows = list(csv.DictReader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))
        assert [row["photo"] for row in rows] == NAMES
        assert [row["status"] for row in rows] == ["done", "done", "failed", "to check", "done"]
        assert rows[3] | {"seconds": "", "log_likelihood": ""} == {
            "photo": "deep/tiny.png",
            "status": "to check",
            "n_segments": "2",
            "width": "6",
            "height": "4",
            "log_likelihood": "",
            "n_iterations": rows[3]["n_iterations"],
            "stop": "converged",
            "shares": f"{16 / 24} {8 / 24}",
            "colors": "#0a141e #c8d2dc",
            "seconds": "",
            "notes": rows[3]["notes"],
            "reason": "",
        }
        assert "is damaged" in rows[2]["reason"]
        page.get_by_label("Filter by name").fill("tiny")
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as CSV").click()
        saved = Path(download.value.path()).read_text()
        assert [row["photo"] for row in csv.DictReader(io.StringIO(saved))] == ["deep/tiny.png"]


# ---- one photo -----------------------------------------------------------------------------------------------------


def test_the_slider_moves_between_photo_and_segments(page: Page) -> None:
    open_photo(page, "bands.png")
    slider, segments = page.locator("#slider"), page.locator("#segments")
    assert segments.evaluate("one => getComputedStyle(one).clipPath") == "inset(0px 0px 0px 50%)"
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.up()
    assert 20 < float(slider.input_value()) < 30
    slider.focus()
    page.keyboard.press("End")
    assert segments.evaluate("one => getComputedStyle(one).clipPath") == "inset(0px 0px 0px 100%)"
    page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "99.5"
    expect(page.locator("#title")).to_have_text("bands.png")


def test_the_pictures_are_those_of_the_results(page: Page) -> None:
    open_photo(page, "deep/tiny.png")
    dark, bright = [10, 20, 30, 255], [200, 210, 220, 255]
    for y, row in enumerate(TWO_COLORS_LABELS):
        for x, label in enumerate(row):
            assert pixel(page, "segments", x, y) == (dark if label == 1 else bright)
    assert page.locator("#photo").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [6, 4]
    page.get_by_label("distinct colors").check()
    assert pixel(page, "segments", 0, 0) == [0xD5, 0x5E, 0x00, 255]


def test_the_legend_has_the_colors_of_the_picture_and_bars_as_long_as_the_shares(page: Page) -> None:
    open_photo(page, "deep/tiny.png")

    def read_legend() -> list[tuple[str, str]]:
        """Return the color of each swatch, and what is written next to it."""
        swatches = page.locator("#legend .swatch").evaluate_all("all => all.map((one) => one.style.background)")
        return list(zip(swatches, page.locator("#legend code").all_inner_texts(), strict=True))

    assert read_legend() == [("rgb(10, 20, 30)", "#0a141e"), ("rgb(200, 210, 220)", "#c8d2dc")]
    page.get_by_label("distinct colors").check()
    labels = [(0, 0), (5, 0)]  # of segments 2 and 1
    painted = [pixel(page, "segments", *place)[:3] for place in reversed(labels)]
    assert [swatch for swatch, _ in read_legend()] == ["rgb({}, {}, {})".format(*color) for color in painted]
    assert [text for _, text in read_legend()] == ["#{:02x}{:02x}{:02x}".format(*color) for color in painted]
    page.get_by_label("mean colors").check()
    assert read_legend()[0] == ("rgb(10, 20, 30)", "#0a141e")
    filled = page.locator("#legend .bar").evaluate_all(
        "bars => bars.map((bar) => bar.firstChild.getBoundingClientRect().width / bar.getBoundingClientRect().width)"
    )
    assert filled == pytest.approx([2 / 3, 1 / 3], abs=0.02)


def test_contours_are_drawn_where_segments_meet_and_go_away(page: Page) -> None:
    open_photo(page, "deep/tiny.png")
    expect(page.locator("#contours")).to_be_hidden()
    page.keyboard.press("c")
    expect(page.get_by_label("Contours")).to_be_checked()
    columns = [pixel(page, "contours", x, 3) for x in range(6 * 16)]  # 16 of each pixel; segments meet after two
    assert columns == [[0] * 4] * 31 + [[0, 0, 0, 255], [255, 255, 255, 255]] + [[0] * 4] * 63
    page.keyboard.press("c")
    expect(page.locator("#contours")).to_be_hidden()


def test_the_legend_lights_its_segment_on_hover_and_on_focus_and_keeps_it_on_click(page: Page) -> None:
    open_photo(page, "deep/tiny.png")
    veil = page.locator("#veil")
    bright = page.get_by_role("button", name="Segment 2 #c8d2dc 33.3 %")
    expect(veil).to_be_hidden()
    bright.hover()
    expect(veil).to_be_visible()
    assert pixel(page, "veil", 0, 0)[3] == 0
    assert pixel(page, "veil", 5, 0)[3] > 150
    page.locator("#title").hover()
    expect(veil).to_be_hidden()
    bright.focus()
    expect(veil).to_be_visible()
    page.keyboard.press("Enter")
    page.locator("#slider").focus()
    expect(veil).to_be_visible()
    expect(bright).to_have_attribute("aria-pressed", "true")
    bright.click()
    page.locator("#slider").focus()
    page.locator("#title").hover()
    expect(veil).to_be_hidden()


def test_a_segment_that_is_pointed_at_before_the_pictures_are_there_stays_lit(page: Page) -> None:
    page.evaluate("""() => {
        const enter = () => document.querySelector("#legend button").dispatchEvent(new PointerEvent("pointerenter"));
        addEventListener("hashchange", enter, {once: true});
        location.hash = "#photo-4";
    }""")
    ready(page)
    expect(page.locator("#veil")).to_be_visible()
    assert pixel(page, "veil", 0, 0)[3] > 150


def test_the_picture_tells_the_segment_under_the_pointer(page: Page) -> None:
    open_photo(page, "deep/tiny.png")
    box = page.locator("#layers").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator("#under")).to_have_text("segment 2 · 33.3 %")
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator("#under")).to_have_text("segment 1 · 66.7 %")


def test_curve_recipe_and_versions_are_told(page: Page) -> None:
    open_photo(page, "bands.png")
    n_points = page.locator("#curve circle").count()
    assert n_points >= 2
    expect(page.locator("#fit")).to_contain_text(f"after {n_points - 1} step")
    page.locator("dialog summary").click()
    recipe = page.locator("#recipe").inner_text()
    assert "n segments\n2" in recipe
    assert "segmenter 0." in recipe


def test_a_photo_that_is_gone_leaves_its_segments(page: Page) -> None:
    open_photo(page, "flat.png")
    expect(page.locator("#message")).to_contain_text("the photo is not shown (not found)")
    expect(page.locator("#slider")).to_be_hidden()
    expect(page.locator("#segments")).to_be_visible()
    assert page.locator("#segments").evaluate("one => getComputedStyle(one).clipPath") == "none"
    assert pixel(page, "segments", 5, 5)[3] == 255


def test_the_keyboard_is_enough(page: Page) -> None:
    page.locator("a.open").first.focus()
    page.keyboard.press("Enter")
    ready(page)
    expect(page.locator("#title")).to_have_text(HOSTILE)
    page.locator("#close").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#title")).to_have_text("bands.png")
    page.keyboard.press("ArrowRight")  # the failed one has nothing to show
    expect(page.locator("#title")).to_have_text("deep/tiny.png")
    expect(page.locator("#position")).to_have_text("3 of 4")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#title")).to_have_text("bands.png")
    assert page.url.endswith("#photo-2")
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    assert page.evaluate("document.activeElement.textContent").strip().startswith("bands.png")
    assert "#photo" not in page.url


def test_an_address_leads_to_a_photo_and_back_closes_it(browser: Browser, address: str) -> None:
    for page in opened(browser, f"{address}#photo-4"):
        ready(page)
        expect(page.locator("#title")).to_have_text("deep/tiny.png")
    for page in opened(browser, f"{address}#photo-3"):  # which failed
        expect(page.locator("#detail")).to_be_hidden()
    for page in opened(browser, address):
        open_photo(page, "bands.png")
        page.go_back()
        expect(page.locator("#detail")).to_be_hidden()


def test_one_photo_alone_opens_at_once(browser: Browser, results: Path, tmp_path: Path) -> None:
    make_report(results / "out" / "deep", tmp_path / "one.html")
    for page in opened(browser, (tmp_path / "one.html").as_uri()):
        ready(page)
        expect(page.locator("#title")).to_have_text("tiny.png")


# ---- other windows, other readers ----------------------------------------------------------------------------------


def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, address: str) -> None:
    for page in opened(browser, address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True):
        width = "document.documentElement.scrollWidth"
        assert page.evaluate(width) == 360
        page.get_by_role("button", name="Table").tap()
        assert page.evaluate(width) == 360
        page.get_by_role("button", name="Gallery").tap()
        page.locator("a.open").nth(1).tap()
        ready(page)
        assert page.evaluate("document.getElementById('detail').scrollWidth") == 360
        page.locator("#legend button").first.tap()
        expect(page.locator("#veil")).to_be_visible()
        page.locator("#slider").tap(position={"x": 20, "y": 20})
        assert float(page.locator("#slider").input_value()) < 20


def test_light_and_dark_follow_the_system(browser: Browser, address: str) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        for page in opened(browser, address, color_scheme=scheme):
            color = page.evaluate("getComputedStyle(document.body).backgroundColor")
            grounds[scheme] = sum(int(value) for value in color[4:-1].split(","))
    assert grounds["light"] > 600
    assert grounds["dark"] < 120


def test_without_scripts_all_figures_can_be_read(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("tbody tr:visible").count() == 5
    assert page.locator(".card:visible").count() == 5
    expect(page.locator("#toolbar")).to_be_hidden()
    expect(page.get_by_text("Scripts are off")).to_be_visible()
    context.close()
