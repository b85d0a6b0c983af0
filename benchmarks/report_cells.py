"""How long every format of a report of many cells takes: `python -m benchmarks.report_cells`.

Writes the folder of a scripted run (no engine runs), and times `crossbench report` on it as a
process, all formats at once. With Chromium here, also how soon a usual run's page is interactive.
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

from crossbench.report.write import RENDERINGS, place
from tests.comparison.scripted import Script, write
from tests.report.material import suite


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


def interactive(page: Path) -> float | None:
    """Seconds from opening the page to its load event; None without a browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # a tool of development

    if (path := shutil.which("chromium")) is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(page.as_uri())
        timing = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        found = float(opened.evaluate(timing)) / 1000
        browser.close()
    return found


def main() -> None:
    """Make the runs, report them, print time, memory and sizes."""
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
        page = place(usual, "html")
        print(f"page of 18 cells: {page.stat().st_size / 1e3:.0f} kB", end="")
        loaded = interactive(page)
        print(f", interactive after {loaded:.2f} s" if loaded else "; no browser here")


if __name__ == "__main__":
    main()
