"""How long every format of a report of many cells takes: `python -m benchmarks.report_cells`.

Writes the folder of a scripted run (no engine runs), and times `crossbench report` on it as a
process, all formats at once. With Chromium here, also how soon a page answers its reader: from
being opened to the table having been sorted by a click, and to a target being gone by a key.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from crossbench.report.write import RENDERINGS, place
from tests.comparison.scripted import Script, write
from tests.report.material import suite

if TYPE_CHECKING:
    from playwright.sync_api import Page

DRAWN = """() => new Promise((done) => requestAnimationFrame(
    () => setTimeout(() => done(performance.now()))))"""
"""Milliseconds from the page's opening until what was changed is on the screen."""
PATIENCE_MS = 120_000
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def scripted(folder: Path, targets: int, scenarios: int, launches: int) -> Path:
    """A run of that many cells."""
    scripts = {
        f"target-{each}": Script(ttft_s=0.1 * (1 + each / 50), tpot_s=0.01 * (1 + each / 70))
        for each in range(targets)
    }
    lengths = {f"scenario-{each}": 300 + each for each in range(scenarios)}
    folder.mkdir()
    return write(folder / "run", suite(folder, list(scripts), lengths, launches), scripts)


def report(run: Path) -> tuple[float, float]:
    """Wall and process time of all formats, in seconds."""
    before, began = os.times(), time.perf_counter()
    formats = ",".join(RENDERINGS)
    command = [sys.executable, "-m", "crossbench", "report", str(run), "--format", formats]
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system
    return wall, spent - before.children_user - before.children_system


class Felt(NamedTuple):
    """What a reader of a page waits for, in seconds."""

    loaded: float
    """From opening it to its load event."""
    sorted: float
    """From opening it to the table in a new order, drawn, after a click on a column's head."""
    filtered: float
    """From pressing a key on a filter to the page without that target, drawn."""


def felt(page: Path, times: int) -> list[Felt] | None:
    """Of that many openings, each of a browser without any cache; None without a browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # a tool of development

    if (path := shutil.which("chromium")) is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        found = []
        for _ in range(times):
            context = browser.new_context()
            context.set_default_timeout(PATIENCE_MS)
            found.append(_felt(context.new_page(), page))
            context.close()
        browser.close()
    return found


def _felt(opened: Page, page: Path) -> Felt:
    """Seconds by the page's own clock, which starts when it is opened."""
    opened.goto(page.as_uri(), wait_until="commit")
    opened.locator("#headline thead th.num button").first.click()
    opened.locator("#headline th[aria-sort]").wait_for()
    answered = float(opened.evaluate(DRAWN))
    opened.wait_for_load_state("load")
    loaded = float(opened.evaluate(LOADED))
    opened.locator("#filters summary").press("Enter")
    box = opened.locator("#filters input[name=target]").first
    box.focus()
    before = float(opened.evaluate("performance.now()"))
    opened.keyboard.press("Space")
    opened.locator("#headline tbody tr[hidden]").wait_for(state="attached")
    after = float(opened.evaluate(DRAWN))
    return Felt(loaded / 1000, answered / 1000, (after - before) / 1000)


def told(page: Path, cells: int, seen: list[Felt] | None) -> str:
    """The size of a page, and the median and the longest of what a reader waited for."""
    size = f"page of {cells:,} cells: {page.stat().st_size / 1e3:,.0f} kB"
    if seen is None:
        return f"{size}; no browser here"
    columns = {name: [getattr(each, name) for each in seen] for name in Felt._fields}
    times = {
        name: f"{median(each):.2f} s (at most {max(each):.2f})" for name, each in columns.items()
    }
    return (
        f"{size}; opened {len(seen)} times: loaded after {times['loaded']}, "
        f"sorted by a click after {times['sorted']}, filtered by a key within {times['filtered']}"
    )


def main() -> None:
    """Make the runs, report them, print time, memory, sizes, and what a reader waits for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--launches", type=int, default=3)
    asked = parser.parse_args()
    side = round(math.sqrt(asked.cells))
    with tempfile.TemporaryDirectory() as temporary:
        run = scripted(Path(temporary) / "many", side, side, asked.launches)
        wall, spent = report(run)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        print("| cells | wall | process time | peak memory | sizes |")
        print("| ---: | ---: | ---: | ---: | --- |")
        sizes = ", ".join(
            f"{name} {place(run, name).stat().st_size / 1e6:.1f} MB" for name in RENDERINGS
        )
        print(f"| {side**2:,} | {wall:.1f} s | {spent:.1f} s | {peak / 1e6:.0f} MB | {sizes} |")
        usual = scripted(Path(temporary) / "usual", 3, 6, 4)
        report(usual)
        for each, cells, times in ((usual, 18, 5), (run, side**2, 1)):
            page = place(each, "html")
            print(told(page, cells, felt(page, times)))


if __name__ == "__main__":
    main()
