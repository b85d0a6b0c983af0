"""The docs are held to the code."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

from crossbench.hookspecs import CrossbenchSpecs
from tests.conftest import ROOT


def test_the_listing_of_suite_errors_is_what_the_code_says() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tools.suite_errors"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / "docs" / "suite-errors.md").read_text() == said


def test_every_hook_is_documented_with_its_signature() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for name, hook in vars(CrossbenchSpecs).items():
        if name.startswith("crossbench_"):
            signature = str(inspect.signature(hook)).replace("'", "")
            signature = signature.replace("(self)", "()").replace("(self, ", "(")
            assert f"{name}{signature}" in page


def test_every_file_and_room_the_architecture_names_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"^\| `([\w./]+)`", page, re.MULTILINE)
    assert len(named) > 10
    for place in named:
        assert (ROOT / "crossbench" / place).exists(), place


def test_every_room_of_the_host_is_named() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for place in (ROOT / "crossbench").iterdir():
        if place.name.startswith(("_", ".")) or place.name == "py.typed":
            continue
        name = place.name + ("/" if place.is_dir() else "")
        assert f"`{name}`" in page, name


def test_the_readme_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_test_the_fault_table_names_exists() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 25
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert named - defined == set()
