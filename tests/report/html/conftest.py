"""A real browser for `report.html`: Chromium, driven by playwright.

Where none is to be had the tests are skipped, saying so; `make test` installs it where it may.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from crossbench.publish.page import render as index
from crossbench.report.html.page import render
from crossbench.report.model import Report
from tests.publish.test_index import entry
from tests.report.material import HOSTILE, hostile, usual
from tests.report.test_several import two_machines

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Where the browser is; the test is skipped without one."""
    named = os.environ.get("CROSSBENCH_TEST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = (
            "no Chromium here: apt-get install chromium, or name one in CROSSBENCH_TEST_CHROMIUM"
        )
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file of tests: while it runs, no test beside it could start an event loop."""
    path = chromium()
    with sync_playwright() as playwright:
        # Pages are files of our own; inside a container Chromium's own sandbox cannot start.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages as a reader has them."""
    folder = tmp_path_factory.mktemp("pages")
    reports: dict[str, Report] = {"usual": usual(), "hostile": hostile(), "several": two_machines()}
    pages = {name: render(report) for name, report in reports.items()}
    pages["index"] = index(tuple(entry(f"{name} of suite {name}") for name in "abc"))
    pages["hostile-index"] = index((entry(HOSTILE), entry(HOSTILE * 20)))
    found = {}
    for name, page in pages.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(page, encoding="utf-8")
    return found


class Watched:
    """A page with all that it said and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))


Opener = Callable[..., Watched]


@pytest.fixture
def opened(browser: Browser, files: dict[str, Path]) -> Iterator[Opener]:
    """Opens a page from its file, with the network off."""
    contexts: list[BrowserContext] = []

    def opening(
        name: str = "usual", *, width: int = 1200, dark: bool = False, script: bool = True
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            offline=True,
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.goto(files[name].as_uri())
        return watched

    yield opening
    for context in contexts:
        context.close()
