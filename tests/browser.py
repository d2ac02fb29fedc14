"""A browser for the tests of pages; they skip where there is none (CONTRIBUTING.md says how to have one)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser_page(width: int = 1200, height: int = 900) -> Iterator:
    """A page of a headless Chromium, and what it complained of: (page, complaints)."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium here")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": height})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None)
        yield page, complaints
        browser.close()


def colours(page, selector: str) -> float:
    """The share of the coloured pixels of an element: atoms are coloured, the rest of a page is grey."""
    import io

    from matplotlib.image import imread

    picture = imread(io.BytesIO(page.locator(selector).first.screenshot()))[..., :3]
    return float(((picture.max(-1) - picture.min(-1)) > 0.3).mean())
