"""Every piece of a suite that a page shows is right, once what it leaves out is put around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli

from crossbench.plan.options import check_options
from crossbench.registry import Registry
from crossbench.suite.load import load
from tests.conftest import ROOT, TINY

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "plugins").glob("*/README.md"))
FENCE = re.compile(r"^```toml.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BESIDE = ("llamacpp-f16", "other")
"""Targets that pieces refer to."""


def pieces() -> Iterator[Any]:
    for page in PAGES:
        for number, text in enumerate(FENCE.findall(page.read_text()), 1):
            name = page.parent.name if page.name == "README.md" else page.stem
            yield pytest.param(page, text, id=f"{name}-{number}")


def whole(page: Path, text: str) -> str:
    """The piece with all that a suite needs besides."""
    given = tomli.loads(text)
    if "schema" in given:
        return text
    backend = page.parent.name.removeprefix("crossbench-")
    tables = ['schema = 1\nname = "piece"']
    tables += [f'[model]\nname = "tiny"\ntokenizer = "{TINY}"']
    tables += [_target(name, "llamacpp") for name in BESIDE]
    tables += [_target(name, backend) for name in _headless(given)]
    job = '[[scenarios]]\nname = "job"\nprompt_tokens = 16\noutput_tokens = 8'
    return "\n".join([*tables, text, job])


def _headless(given: Mapping[str, Any]) -> list[str]:
    """Targets of which the piece shows a part that is no head."""
    return [name for name, target in given.get("targets", {}).items() if "backend" not in target]


def _target(name: str, backend: str) -> str:
    return f'[targets.{name}]\nbackend = "{backend}"\nartifact = "{TINY}"'


@pytest.mark.parametrize(("page", "text"), list(pieces()))
def test_a_piece_of_a_suite_is_right(page: Path, text: str, tmp_path: Path) -> None:
    (tmp_path / "prompts").symlink_to(ROOT / "suites" / "prompts")
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "held-out.txt").write_text("Once upon a time. " * 2_000)
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    file = tmp_path / "piece.toml"
    file.write_text(whole(page, text))
    registry = Registry()
    suite = load(file)
    for target in suite.targets:
        if target.backend not in registry.backends:
            assert f"crossbench_{target.backend}.engine:" in page.read_text()  # the tutorial's own
            return
    check_options(file, suite, registry)
