"""The docs are held to the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from crossbench.hookspecs import CrossbenchSpecs
from crossbench.plan.options import check_options
from crossbench.registry import Registry
from crossbench.suite.load import load
from crossbench.testing import BackendConformance
from tests.conftest import ROOT
from tools import plugin_reference, suite_errors, suite_reference


def test_the_listing_of_suite_errors_is_what_the_code_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)  # and back from where the listing is made
    assert (ROOT / "docs" / "suite-errors.md").read_text() == suite_errors.page()


@pytest.mark.parametrize("tool", [plugin_reference, suite_reference], ids=["plugins", "suite"])
def test_generated_references_are_what_the_code_says(tool: ModuleType) -> None:
    text = tool.PAGE.read_text()
    assert tool.page(text) == text, f"python -m {tool.__name__}"


def test_every_hook_and_type_of_the_contract_has_a_meaning() -> None:
    page = plugin_reference.PAGE.read_text()
    for hook in plugin_reference.hooks():
        assert hook.meaning, hook.name
        assert f"- `{hook.parts[0].signature}`: {hook.meaning}" in page
    for _, entries in plugin_reference.sections():
        for entry in entries:
            assert entry.meaning, entry.name
            assert f"**`{entry.name}`** ({entry.kind})" in page


def test_every_key_of_a_suite_has_a_meaning() -> None:
    for table in suite_reference.tables():
        for key in suite_reference.keys(table):
            assert key.meaning, f"{table.heading} {key.name}: describe it in suite/tables/"


def test_the_suite_of_the_page_is_right(tmp_path: Path) -> None:
    page = suite_reference.PAGE.read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    file = tmp_path / "small.toml"
    file.write_text(example)
    suite = load(file)
    check_options(file, suite, Registry())
    assert [target.name for target in suite.targets] == [
        "llamacpp-f16",
        "llamacpp-q8_0",
        "vllm",
    ]
    assert "crowd-c16" in [scenario.name for scenario in suite.scenarios]


def test_every_rule_of_the_kit_has_its_reason() -> None:
    page = plugin_reference.PAGE.read_text()
    rules = page.partition("## The rules and why they exist")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\|[^|]+\|", rules, re.MULTILINE))))
    kit = {name for name in dir(BackendConformance) if name.startswith("test_")}
    assert named == {name.removeprefix("test_").replace("_", "-") for name in kit}


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
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)#]+)\)", re.sub(r"`[^`\n]+`", "", prose)):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_test_the_fault_table_names_exists() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 25
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert named - defined == set()
