"""Drive every page that the project writes in Chromium: ``make browser``.

Each page is opened without a network, on a phone and at a desk, dark and light; it is walked
through by keyboard, everything in it is clicked, and its filters are typed into. What ran, failed,
asked the network, did not fit, could not be reached or had no name is told, and is a failure.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from playwright.sync_api import Error, sync_playwright

from tools.browser import checks, control
from tools.browser.pages import pages, unlisted
from tools.browser.views import VIEWS
from tools.browser.watching import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Page

    from tools.browser.views import View

_WORDS = ("role", "nothing has this name", "")
_MOST_CLICKS = 60
_MOST_PIXELS = 6000  # of a picture's height: more cannot be taken at once


def main() -> int:
    """Return 1 if any page does or lacks what it must not."""
    parser = argparse.ArgumentParser(prog="make browser", description=__doc__)
    parser.add_argument("--only", default="", help="pages whose name holds this")
    parser.add_argument("--screenshots", type=Path, help="a folder for a picture of every view")
    options = parser.parse_args()
    faults = [f"{path}: it holds a page, and is not driven" for path in unlisted()]
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        print(f"Chromium {browser.version}")
        overlooked = control.overlooked(_drive(browser, folder, "control", control.PAGE, VIEWS[0]))
        faults += [f"the control page's fault is overlooked: {fault}" for fault in overlooked]
        for title, html in pages(folder).items():
            if options.only in title:
                faults += _drive_all(browser, folder, title, html, options.screenshots)
        browser.close()
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


def _drive_all(
    browser: Browser, folder: Path, title: str, html: str, screenshots: Path | None
) -> list[str]:
    faults: list[str] = []
    for view in VIEWS:
        screenshot = screenshots / f"{title}-{view.name}.png" if screenshots else None
        view_faults = _drive(browser, folder, title, html, view, screenshot=screenshot)
        faults += [f"{title}, {view.name}: {fault}" for fault in view_faults]
    print(f"{title}: {len(VIEWS)} views, {len(faults)} faults")
    return faults


def _drive(
    browser: Browser,
    folder: Path,
    title: str,
    html: str,
    view: View,
    *,
    screenshot: Path | None = None,
) -> list[str]:
    """Return what is wrong with the page *html* in *view*; a *screenshot* is taken if asked for."""
    path = folder / f"{title}.html"
    path.write_text(html, "utf-8")
    context = browser.new_context(**view.context)
    page = context.new_page()
    watch = Watch(page, path.as_uri())
    faults: list[str] = []
    try:
        page.goto(path.as_uri())
        if screenshot:
            _take(page, view, screenshot)
        faults += checks.structure(page, view.width)
        faults += checks.accessibility(page)
        faults += checks.keyboard(page)
        _use(page)
        faults += checks.accessibility(page)
    except Error as error:
        faults.append(f"it cannot be driven to the end: {error.message.splitlines()[0]}")
    context.close()
    return list(dict.fromkeys([*watch.faults, *faults]))


def _take(page: Page, view: View, screenshot: Path) -> None:
    height = min(_MOST_PIXELS, page.evaluate("document.documentElement.scrollHeight"))
    clip: FloatRect = {"x": 0, "y": 0, "width": view.width, "height": height}
    page.screenshot(path=screenshot, full_page=True, clip=clip)


def _use(page: Page) -> None:
    """Click what can be clicked, type into what takes words, and walk with the arrows."""
    for field in page.locator("input").all():
        for word in _WORDS:
            field.fill(word)
    for item in page.locator("[role=treeitem]").all()[:_MOST_CLICKS]:
        item.dispatch_event("click")
    tree = page.locator("[role=treeitem][tabindex='0']")
    if tree.count():
        tree.first.focus()
        for key in ("Home", "ArrowDown", "PageDown", "End", "ArrowUp"):
            page.keyboard.press(key)


if __name__ == "__main__":
    sys.exit(main())
