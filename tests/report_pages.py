"""Opens reports of `kerasapp inspect` in a real browser, on a phone's width, and holds what all must keep."""

import contextlib
import shutil

import pytest
from waiting import PATIENCE

from kerasapp import spec
from kerasapp.inspection import report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
UNLABELLED = """[...document.querySelectorAll("input, select, textarea, button")].filter(
  (field) => !field.labels?.length && !field.textContent.trim()).length"""
FITS = "document.documentElement.scrollWidth <= innerWidth"


@contextlib.contextmanager
def launched():
    """A Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium, such as that of `apt-get install chromium`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def opening(browser, folder):
    """A function that opens the report of some contents. At the end nothing may have gone wrong on any page:
    it fits, has labels, is dark where it should be, and has asked no host."""
    visits = []

    def open_report(contents):
        path = folder / "report.html"
        scripts = spec.spec(contents["task"]).load("inspection").SCRIPTS
        report.write(path, contents, "a run: what it does", scripts)
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.set_default_timeout(1000 * PATIENCE)
        visits.append((page, [], []))
        page.on("console", lambda message: visits[-1][1].append(message.text))
        page.on("pageerror", lambda error: visits[-1][1].append(str(error)))
        page.on("request", lambda request: visits[-1][2].append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#place dl")
        return page

    yield open_report
    for page, problems, asked in visits:
        assert page.evaluate(FITS) and page.evaluate(UNLABELLED) == 0
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.emulate_media(color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        assert problems == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
        page.close()


def facts(page):
    """Term -> what is told of the place."""
    terms, values = (page.locator(f"#place {name}").all_text_contents() for name in ("dt", "dd"))
    return dict(zip(terms, values, strict=True))
